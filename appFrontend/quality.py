"""The tab on the model: how good it is, what it relies on, for whom it errs."""

from __future__ import annotations

import operator
import re
from datetime import datetime

import pandas as pd
import streamlit as st

from appFrontend.api import Json
from appFrontend.cases import show_cases
from appFrontend.charts import dependence_chart, ranges_chart, show
from appFrontend.fields import amount, label_of, n_decimals, number_format, with_unit
from appFrontend.language import date, mark, ngettext, number, percent
from appFrontend.language import gettext as _
from appFrontend.leaderboard import show_leaderboard
from appFrontend.outcome_quality import show_ends, show_heading, show_outcome_quality
from appFrontend.periods import show_periods
from appFrontend.trouble import plain

MOST_FEATURES = 15
METRICS = {
    "r2": (
        mark("R²"),
        mark("The share of the differences between students that the model explains: 1 is all."),
    ),
    "rmse": (mark("RMSE"), mark("The typical error; large errors count more.")),
    "mae": (mark("MAE"), mark("The mean error, whichever its direction.")),
}
CHANCE = {"name": "chance", "unit": "", "minimum": 0.0, "maximum": 1.0}


@st.fragment
def show_quality(schema: Json, model: Json) -> None:
    """Draw the tab; a choice runs only this part of the page again."""
    target, report = schema["target"], model["report"]
    st.markdown(
        _(
            "**%(model)s**, trained on %(n)s students on %(day)s to predict *%(target)s*. Version "
            "`%(version)s`.",
            model=plain(model["model"]),
            n=number(model["trained_on"]["rows"]["used"]),
            day=date(datetime.fromisoformat(model["trained_at"])),
            target=plain(label_of(target)),
            version=model["model_version"],
        )
    )
    _show_findings(model.get("findings", []))
    show_cases(schema, model)
    if target["kind"] == "class":
        show_outcome_quality(model["metrics"])
    else:
        _show_metrics(model["metrics"], target)
        _show_leaderboard(model["metrics"], target)
    show_periods(schema, model)
    if report is None:
        st.info(
            _(
                "What the model relies on and for whom it errs was not measured for this model. "
                "Training does so unless it is told to be quick: `make train`."
            )
        )
        return
    features = {feature["name"]: feature for feature in schema["features"]}
    left, right = st.columns(2, gap="large")
    with left:
        _show_importance(report["importance"], features, target)
    with right:
        chance = {**CHANCE, "label": _("Chance")}
        _show_dependence(report, features, chance if target["kind"] == "class" else target)
    st.subheader(_("For whom it errs"), anchor=False)
    if report["fairness"] and target["kind"] == "class":
        st.markdown(_bullets(report["fairness"]["sentences"]))
    elif report["fairness"]:
        _show_fairness(report["fairness"], features, target)
    else:
        st.info(_("Groups were not compared for this model."))


def _show_findings(findings: list[Json]) -> None:
    """Say what the check of the training table found."""
    warnings = [f"{one['message']} {one['advice']}" for one in findings if _is(one, "warning")]
    notes = [one["message"] for one in findings if _is(one, "note")]
    if warnings:
        heading = _("What was found in the table")
        st.warning(f"**{heading}**\n\n{_bullets(warnings)}")
    if notes:
        said = ngettext(
            "What was found in the table: %(n)s note",
            "What was found in the table: %(n)s notes",
            len(notes),
        )
        with st.expander(said):
            st.markdown(_bullets(notes))


def _is(finding: Json, severity: str) -> bool:
    return bool(finding["severity"] == severity)


def _bullets(texts: list[str]) -> str:
    """Return texts as a list in which Markdown sees no formula, emphasis or link; code is code."""
    return "\n".join("- " + re.sub(r"([*\[\]$<>~])", r"\\\1", text) for text in texts)


def _show_metrics(metrics: Json, target: Json) -> None:
    held_out = metrics["held_out"]
    show_heading(held_out["n_samples"])
    with st.container(key="figures"):
        columns = st.columns(len(METRICS) + 1)
    for column, (name, (called, told)) in zip(columns, METRICS.items(), strict=False):
        one, form = held_out[name], _format_of(name, target)
        value = number(one["value"], form) if name == "r2" else amount(one["value"], target, 1)
        low, high = number(one["low"], form), number(one["high"], form)
        with column, st.container(gap="xxsmall"):
            st.metric(_(called), value, help=_(told))
            show_ends(low, high)
    with columns[-1], st.container(gap="xxsmall"):
        baseline = amount(held_out["baseline_rmse"], target, 1)
        st.metric(
            _("RMSE of the mean"), baseline, help=_("That of the same prediction for everyone.")
        )
        st.caption(_("What a model has to beat"))
    for one in metrics["coverage"]:
        if one["level"] == 0.9:
            st.caption(
                _(
                    "The 90 %% intervals hold %(share)s of these students' results; they are "
                    "%(width)s wide on average.",
                    share=percent(one["coverage"]),
                    width=amount(one["mean_width"], target),
                )
            )


def _show_leaderboard(metrics: Json, target: Json) -> None:
    form = f",.{n_decimals(target) + 1}f"
    show_leaderboard(
        metrics,
        {
            "r2": (_("R²"), ".3f"),
            "rmse": (with_unit(target, _("RMSE")), form),
            "mae": (with_unit(target, _("MAE")), form),
        },
        title=_("R² in cross-validation"),
        axis=_("R² with its 95 % interval"),
        alt=_("R² of each model with its 95 % interval."),
        form=_format_of("r2", target),
    )


def _show_importance(importance: list[Json], features: dict[str, Json], target: Json) -> None:
    st.subheader(_("What it relies on"), anchor=False)
    measured = [one for one in importance if one["r2_drop"]]
    if not measured:
        st.info(_("What is lost without each feature was not measured for this model."))
        return
    drops = [one["r2_drop"] for one in measured]
    figure = _("the saved share of the log loss") if target["kind"] == "class" else _("R²")
    table = pd.DataFrame(
        {
            "name": [label_of(features[one["feature"]]) for one in measured],
            **{end: [drop[end] for drop in drops] for end in ("value", "low", "high")},
        }
    )
    show(
        ranges_chart(
            table.head(MOST_FEATURES),
            title=_("What the model relies on"),
            axis=_("Fall of %(figure)s without the feature", figure=figure),
            number=_format_of("r2", target),
            bars=True,
        ),
        _(
            "How far %(figure)s falls when the model is fitted without a feature, with 95 %% "
            "intervals.",
            figure=figure,
        ),
    )
    if len(table) > MOST_FEATURES:
        st.caption(
            ngettext(
                "%(n)s more feature counts less than these.",
                "%(n)s more features count less than these.",
                len(table) - MOST_FEATURES,
            )
        )


def _show_dependence(report: Json, features: dict[str, Json], target: Json) -> None:
    st.subheader(_("How the prediction follows a feature"), anchor=False)
    curves = {one["feature"]: one for one in report["partial_dependence"]}
    ranked = sorted(report["importance"], key=lambda one: -one["mean_absolute_contribution"])
    names = [one["feature"] for one in ranked if one["feature"] in curves]
    if not names:
        return
    name = st.selectbox(
        _("Feature"), names, format_func=lambda name: label_of(features[name]), key="dependence"
    )
    feature, curve = features[name], curves[name]
    show(
        dependence_chart(curve, feature, target),
        _("The mean prediction for each value of %(feature)s.", feature=label_of(feature)),
    )
    spread = max(map(operator.sub, curve["high"], curve["low"]))
    wide = feature["kind"] == "numeric" and spread > 1e-6  # a linear model's differ by rounding
    said = [_("If all students had one value and kept their other answers.")]
    if wide:
        said.append(_("The shade holds most students' own curves."))
    said.append(_("It says what the model does, not what causes a result."))
    st.caption(" ".join(said))


def _show_fairness(fairness: Json, features: dict[str, Json], target: Json) -> None:
    for sentence in fairness["sentences"]:
        st.markdown(sentence)
    groupings = {one["features"][0]: one for one in fairness["groupings"]}
    if not groupings:
        return
    axes = {"mean_error": _("Mean error, above zero: too low"), "mae": _("Mean absolute error")}
    called = {"mean_error": _("Too high or too low"), "mae": _("Size of errors")}
    left, right = st.columns(2, gap="large")
    name = left.selectbox(
        _("Sensitive feature"),
        list(groupings),
        key="fairness",
        format_func=lambda name: label_of(features[name]) if name in features else name,
    )
    measure = right.segmented_control(
        _("Measure"),
        list(called),
        default="mean_error",
        required=True,
        format_func=called.__getitem__,
        key="fairness-measure",
    )
    rows = [
        {
            "name": group["label"].partition(" = ")[2] or group["label"],
            "n_samples": group["n_samples"],
            **group[measure],
        }
        for group in groupings[name]["groups"]
    ]
    if rows:
        chart = ranges_chart(
            pd.DataFrame(rows),
            title=_("Errors by group, with 95 % intervals"),
            axis=with_unit(target, axes[measure]),
            number=f"+{_format_of(measure, target)}",
            zero=True,
        )
        show(chart, _("The error of each group with its interval."))
    if hidden := groupings[name].get("suppressed"):
        st.caption(_("Too few held-out students to say: %(groups)s.", groups=", ".join(hidden)))


def _format_of(metric: str, target: Json) -> str:
    return ".3f" if metric.startswith("r2") else number_format(target, 1)
