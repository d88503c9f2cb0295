"""How good the model is where it knows a student's group, such as a school, and where not."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from appFrontend.api import Json
from appFrontend.fields import amount, label_of
from appFrontend.language import gettext as _
from appFrontend.language import mark, number

CASES = {"known": mark("known: new students there"), "new": mark("not known")}
SCORES = {
    "r2": mark("R²"), "rmse": mark("RMSE"), "mae": mark("MAE"), "log_loss": mark("Log loss"),
    "brier": mark("Brier score"), "auc": mark("AUC"),
}  # fmt: skip
IN_UNIT = ("rmse", "mae")


def show_cases(schema: Json, model: Json) -> None:
    """Draw both scores side by side; nothing where groups have no effects."""
    facts, group = model["metrics"].get("groups"), schema.get("group")
    if not facts or not group:
        return
    called = label_of(group)
    rows = []
    for one in facts["scores"]:
        case = CASES[one["case"]]
        counts = {
            _("Students"): number(one["n_samples"]),
            _("Groups"): number(one["n_groups"]),
        }
        rows.append({called: _(case), **counts, **scores_of(one["scores"], schema["target"])})
    st.subheader(_("By whether it knows the %(group)s", group=called), anchor=False)
    st.table(pd.DataFrame(rows).set_index(called))
    st.caption(
        _(
            "Measured on students whom the model had not seen, with 95 % intervals where there are "
            "groups enough. The first line is what the model was chosen for."
        )
    )


def scores_of(scores: Json, target: Json) -> dict[str, str]:
    """Return scores with their intervals, by what they are called."""
    return {
        _(label): _shown(name, scores[name], target)
        for name, label in SCORES.items()
        if name in scores
    }


def _shown(name: str, score: Json, target: Json) -> str:
    value, low, high = (
        amount(score[end], target, 1) if name in IN_UNIT else number(score[end], ".3f")
        for end in ("value", "low", "high")
    )
    if low == high:
        return value
    return _("%(value)s (%(low)s to %(high)s)", value=value, low=low, high=high)
