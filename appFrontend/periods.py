"""How good the model is from one period, such as a year, to the next."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from appFrontend.api import Json
from appFrontend.cases import scores_of
from appFrontend.charts import ranges_chart, show
from appFrontend.fields import amount, label_of
from appFrontend.language import gettext as _
from appFrontend.language import number
from appFrontend.trouble import plain

MAIN = {"r2": "R²", "auc": "AUC"}
MOST_SHIFTS = 8


def show_periods(schema: Json, model: Json) -> None:
    """Draw the scores period by period; nothing where the table has no periods."""
    facts = model["metrics"].get("periods")
    if not facts:
        return
    main = next(name for name in MAIN if name in facts["by_chance"])
    st.subheader(_("From period to period"), anchor=False)
    st.markdown(plain(" ".join(_sentences(facts, main, schema["target"]))))
    left, right = st.columns(2, gap="large")
    with left:
        show(
            ranges_chart(
                pd.DataFrame(
                    {"name": one["name"], **one["scores"][main]} for one in facts["scores"]
                ),
                title=_("%(score)s by period", score=MAIN[main]),
                axis=_("%(score)s with its 95 %% interval", score=MAIN[main]),
                number=".3f",
                marked=facts["names"][-1],
            ),
            _("%(score)s of each period with its interval.", score=MAIN[main]),
        )
        st.caption(
            _(
                "Each period is predicted from those before it; the last one took no part in the "
                "choice of the model."
            )
        )
    with right:
        st.table(_table(facts, schema["target"]))
        _show_shifts(facts["shifts"], schema)


def _table(facts: Json, target: Json) -> pd.DataFrame:
    period = _("Period")
    rows = [
        {
            period: _("%(period)s (held out)", period=one["name"])
            if one["held_out"]
            else one["name"],
            _("Students"): number(one["n_samples"]),
            _("Learnt from"): number(one["n_learnt"]),
            **scores_of(one["scores"], target),
        }
        for one in facts["scores"]
    ]
    return pd.DataFrame(rows).set_index(period)


def _sentences(facts: Json, main: str, target: Json) -> list[str]:
    last, score = facts["names"][-1], facts["scores"][-1]["scores"][main]
    by_chance = facts["by_chance"][main]
    shown = {
        "last": last,
        "score": MAIN[main],
        "random": number(by_chance["value"], ".3f"),
        "value": number(score["value"], ".3f"),
    }
    said = [
        _(
            "Held out is the last period, %(last)s: it was predicted from those before it, as the "
            "model will be used.",
            last=last,
        )
    ]
    if by_chance["value"] > score["high"]:
        said.append(
            _(
                "Of rows drawn at random from the earlier periods, %(score)s would be %(random)s, "
                "not %(value)s: that figure flatters.",
                **shown,
            )
        )
    else:
        said.append(
            _(
                "Of rows drawn at random from the earlier periods, %(score)s is %(random)s; of the "
                "last period, %(value)s.",
                **shown,
            )
        )
    return [*said, *_drift(facts, target)]


def _drift(facts: Json, target: Json) -> list[str]:
    """Say whether the last period is off by more than periods usually are."""
    found = facts["mean_error"]
    if found is None:
        return [
            _(
                "Whether the last period drifts cannot be told: that takes three earlier periods, "
                "each predicted from those before it."
            )
        ]
    low, high = found["expected"]["low"], found["expected"]["high"]
    shown = [_signed(value, target) for value in (found["value"], low, high)]
    values = dict(zip(("off", "low", "high"), shown, strict=True))
    if low <= found["value"] <= high and (low > 0 or high < 0):
        return [
            _(
                "It drifts as before: what came true is %(off)s from what was predicted, on "
                "average; %(low)s to %(high)s is usual by the periods before.",
                **values,
            )
        ]
    if low <= found["value"] <= high:
        return [
            _(
                "No drift is seen: what came true is %(off)s from what was predicted, on average; "
                "%(low)s to %(high)s is usual by the periods before.",
                **values,
            )
        ]
    return [
        _(
            "Drift: what came true is %(off)s from what was predicted, on average; %(low)s to "
            "%(high)s is usual by the periods before.",
            **values,
        )
    ]


def _signed(value: float, target: Json) -> str:
    if target["kind"] == "class":
        return _("%(n)s percentage points", n=number(100 * value, "+.1f"))
    sign = "+" if value > 0 else ""
    return f"{sign}{amount(value, target, 1)}"


def _show_shifts(shifts: list[Json], schema: Json) -> None:
    """Name the features that lie elsewhere in the last period."""
    features = {feature["name"]: feature for feature in schema["features"]}
    shifted = [one for one in shifts if one["size"] > one["by_chance"]][:MOST_SHIFTS]
    if not shifted:
        st.caption(_("No feature lies elsewhere in the last period than before."))
        return
    names = ", ".join(
        label_of(features[one["feature"]]) if one["feature"] in features else one["feature"]
        for one in shifted
    )
    st.caption(
        plain(
            _(
                "What lies elsewhere in the last period than before, the farthest first: "
                "%(names)s. A feature that shifts need not harm the model.",
                names=names,
            )
        )
    )
