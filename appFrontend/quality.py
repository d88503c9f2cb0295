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
from appFrontend.leaderboard import show_leaderboard
from appFrontend.outcome_quality import show_outcome_quality

MOST_FEATURES = 15
METRICS = {
    "r2": (
        "R²",
        "The share of the differences between students that the model explains: 1 is all.",
    ),
    "rmse": ("RMSE", "The typical error; large errors count more."),
    "mae": ("MAE", "The mean error, whichever its direction."),
}
CHANCE = {"name": "chance", "label": "Chance", "unit": "", "minimum": 0.0, "maximum": 1.0}


@st.fragment
def show_quality(schema: Json, model: Json) -> None:
    """Draw the tab; a choice runs only this part of the page again."""
    target, report = schema["target"], model["report"]
    rows, day = model["trained_on"]["rows"], datetime.fromisoformat(model["trained_at"])
    st.markdown(
        f"**{model['model']}**, trained on {rows['used']:,} students on "
        f"{day.day} {day:%B %Y} to predict *{label_of(target)}*. Version "
        f"`{model['model_version']}`."
    )
    _show_findings(model.get("findings", []))
    show_cases(schema, model)
    if target["kind"] == "class":
        show_outcome_quality(model["metrics"])
    else:
        _show_metrics(model["metrics"], target)
        _show_leaderboard(model["metrics"]["leaderboard"], target)
    if report is None:
        st.info(
            "What the model relies on and for whom it errs was not measured for this model. "
            "Training does so unless it is told to be quick: `make train`."
        )
        return
    features = {feature["name"]: feature for feature in schema["features"]}
    left, right = st.columns(2, gap="large")
    with left:
        _show_importance(report["importance"], features, target)
    with right:
        _show_dependence(report, features, CHANCE if target["kind"] == "class" else target)
    st.subheader("For whom it errs", anchor=False)
    if report["fairness"] and target["kind"] == "class":
        st.markdown(_bullets(report["fairness"]["sentences"]))
    elif report["fairness"]:
        _show_fairness(report["fairness"], features, target)
    else:
        st.info("Groups were not compared for this model.")


def _show_findings(findings: list[Json]) -> None:
    """Say what the check of the training table found."""
    warnings = [f"{one['message']} {one['advice']}" for one in findings if _is(one, "warning")]
    notes = [one["message"] for one in findings if _is(one, "note")]
    if warnings:
        st.warning("**What was found in the table**\n\n" + _bullets(warnings))
    if notes:
        with st.expander(f"What was found in the table: {len(notes)} notes"):
            st.markdown(_bullets(notes))


def _is(finding: Json, severity: str) -> bool:
    return bool(finding["severity"] == severity)


def _bullets(texts: list[str]) -> str:
    """Return texts as a list in which Markdown sees no formula, emphasis or link; code is code."""
    return "\n".join("- " + re.sub(r"([*\[\]$<>~])", r"\\\1", text) for text in texts)


def _show_metrics(metrics: Json, target: Json) -> None:
    held_out = metrics["held_out"]
    st.subheader(
        f"How good it is on {held_out['n_samples']:,} students it had not seen", anchor=False
    )
    with st.container(key="figures"):
        columns = st.columns(len(METRICS) + 1)
    for column, (name, (called, told)) in zip(columns, METRICS.items(), strict=False):
        one, number = held_out[name], _format_of(name, target)
        value = f"{one['value']:{number}}" if name == "r2" else amount(one["value"], target, 1)
        with column, st.container(gap="xxsmall"):
            st.metric(called, value, help=told)
            st.caption(f"95 % interval: {one['low']:{number}} to {one['high']:{number}}")
    with columns[-1], st.container(gap="xxsmall"):
        baseline = amount(held_out["baseline_rmse"], target, 1)
        st.metric("RMSE of the mean", baseline, help="That of the same prediction for everyone.")
        st.caption("What a model has to beat")
    for one in metrics["coverage"]:
        if one["level"] == 0.9:
            st.caption(
                f"The 90 % intervals hold {one['coverage']:.0%} of these students' results; they "
                f"are {amount(one['mean_width'], target)} wide on average."
            )


def _show_leaderboard(leaderboard: list[Json], target: Json) -> None:
    number = f"%.{n_decimals(target) + 1}f"
    figures = {
        "value": st.column_config.NumberColumn("R²", format="%.3f"),
        "rmse": st.column_config.NumberColumn(with_unit(target, "RMSE"), format=number),
        "mae": st.column_config.NumberColumn(with_unit(target, "MAE"), format=number),
    }
    show_leaderboard(
        leaderboard,
        figures,
        title="R² in cross-validation",
        axis="R² with its 95 % interval",
        alt="R² of each model with its 95 % interval.",
        number=_format_of("r2", target),
    )


def _show_importance(importance: list[Json], features: dict[str, Json], target: Json) -> None:
    st.subheader("What it relies on", anchor=False)
    measured = [one for one in importance if one["r2_drop"]]
    if not measured:
        st.info("What is lost without each feature was not measured for this model.")
        return
    drops = [one["r2_drop"] for one in measured]
    figure = "the saved share of the log loss" if target["kind"] == "class" else "R²"
    table = pd.DataFrame(
        {
            "name": [label_of(features[one["feature"]]) for one in measured],
            **{end: [drop[end] for drop in drops] for end in ("value", "low", "high")},
        }
    )
    show(
        ranges_chart(
            table.head(MOST_FEATURES),
            title="What the model relies on",
            axis=f"Fall of {figure} without the feature",
            number=_format_of("r2", target),
            bars=True,
        ),
        f"How far {figure} falls when the model is fitted without a feature, with 95 % intervals.",
    )
    if len(table) > MOST_FEATURES:
        st.caption(f"{len(table) - MOST_FEATURES} more features count less than these.")


def _show_dependence(report: Json, features: dict[str, Json], target: Json) -> None:
    st.subheader("How the prediction follows a feature", anchor=False)
    curves = {one["feature"]: one for one in report["partial_dependence"]}
    ranked = sorted(report["importance"], key=lambda one: -one["mean_absolute_contribution"])
    names = [one["feature"] for one in ranked if one["feature"] in curves]
    if not names:
        return
    name = st.selectbox(
        "Feature", names, format_func=lambda name: label_of(features[name]), key="dependence"
    )
    feature, curve = features[name], curves[name]
    show(
        dependence_chart(curve, feature, target),
        f"The mean prediction for each value of {label_of(feature)}.",
    )
    spread = max(map(operator.sub, curve["high"], curve["low"]))
    wide = feature["kind"] == "numeric" and spread > 1e-6  # a linear model's differ by rounding
    st.caption(
        "If all students had one value and kept their other answers. "
        + ("The shade holds most students' own curves. " if wide else "")
        + "It says what the model does, not what causes a result."
    )


def _show_fairness(fairness: Json, features: dict[str, Json], target: Json) -> None:
    for sentence in fairness["sentences"]:
        st.markdown(sentence)
    groupings = {one["features"][0]: one for one in fairness["groupings"]}
    if not groupings:
        return
    axes = {"mean_error": "Mean error, above zero: too low", "mae": "Mean absolute error"}
    called = {"mean_error": "Too high or too low", "mae": "Size of errors"}
    left, right = st.columns(2, gap="large")
    name = left.selectbox(
        "Sensitive feature",
        list(groupings),
        key="fairness",
        format_func=lambda name: label_of(features[name]) if name in features else name,
    )
    measure = right.segmented_control(
        "Measure",
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
            title="Errors by group, with 95 % intervals",
            axis=with_unit(target, axes[measure]),
            number=f"+{_format_of(measure, target)}",
            zero=True,
        )
        show(chart, "The error of each group with its interval.")
    if hidden := groupings[name].get("suppressed"):
        st.caption(f"Too few held-out students to say: {', '.join(hidden)}.")


def _format_of(metric: str, target: Json) -> str:
    return ".3f" if metric.startswith("r2") else number_format(target, 1)
