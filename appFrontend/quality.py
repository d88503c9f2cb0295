"""The tab on the model: how good it is, what it relies on, for whom it errs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from appFrontend.api import Json
from appFrontend.charts import dependence_chart, importance_chart, ranges_chart, show
from appFrontend.fields import label_of, n_decimals

MOST_FEATURES = 15
METRICS = {
    "r2": (
        "R²",
        "The share of the differences between students that the model explains: 1 is all.",
    ),
    "rmse": ("RMSE", "The typical error; large errors count more."),
    "mae": ("MAE", "The mean error, whichever its direction."),
}


@st.fragment
def show_quality(schema: Json, model: Json) -> None:
    """Draw the tab; a choice runs only this part of the page again."""
    target, report = schema["target"], model["report"]
    _show_origin(model, target)
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
        _show_dependence(report, features, target)
    _show_fairness(report["fairness"], features, target)


def _show_origin(model: Json, target: Json) -> None:
    rows, day = model["trained_on"]["rows"], datetime.fromisoformat(model["trained_at"])
    st.markdown(
        f"**{model['model']}**, trained on {rows['used']:,} students on "
        f"{day.day} {day:%B %Y} to predict *{label_of(target)}*. Version "
        f"`{model['model_version']}`."
    )


def _show_metrics(metrics: Json, target: Json) -> None:
    held_out = metrics["held_out"]
    st.subheader(
        f"How good it is on {held_out['n_samples']:,} students it had not seen", anchor=False
    )
    with st.container(key="figures"):
        columns = st.columns(len(METRICS) + 1)
    for column, (name, (called, told)) in zip(columns, METRICS.items(), strict=False):
        number = ".3f" if name == "r2" else f",.{n_decimals(target) + 1}f"
        unit = "" if name == "r2" else target["unit"]
        one = held_out[name]
        with column, st.container(gap="xxsmall"):
            st.metric(called, f"{one['value']:{number}} {unit}".strip(), help=told)
            st.caption(f"95 % interval: {one['low']:{number}} to {one['high']:{number}}")
    with columns[-1], st.container(gap="xxsmall"):
        number = f",.{n_decimals(target) + 1}f"
        baseline = f"{held_out['baseline_rmse']:{number}} {target['unit']}".strip()
        st.metric("RMSE of the mean", baseline, help="That of the same prediction for everyone.")
        st.caption("What a model has to beat")
    for one in metrics["coverage"]:
        if one["level"] == 0.9:
            width = f"{one['mean_width']:,.{n_decimals(target)}f} {target['unit']}".strip()
            st.caption(
                f"The 90 % intervals hold {one['coverage']:.0%} of these students' results; they "
                f"are {width} wide on average."
            )


def _show_leaderboard(leaderboard: list[Json], target: Json) -> None:
    st.subheader("The models that were compared", anchor=False)
    unit = f" ({target['unit']})" if target["unit"] else ""
    table = pd.DataFrame(
        {
            "name": one["label"],
            "value": one["r2"],
            "low": one["r2"] - one["r2_standard_error"],
            "high": one["r2"] + one["r2_standard_error"],
            "rmse": one["rmse"],
            "mae": one["mae"],
        }
        for one in leaderboard
    )
    left, right = st.columns(2, gap="large")
    with left:
        show(
            ranges_chart(
                table, title="R² in cross-validation", axis="R² ± standard error", number=".3f"
            ),
            "R² of each model with its standard error.",
        )
    with right:
        number = f"%.{n_decimals(target) + 1}f"
        st.dataframe(
            table[["name", "value", "rmse", "mae"]],
            hide_index=True,
            column_config={
                "name": "Model",
                "value": st.column_config.NumberColumn("R²", format="%.3f"),
                "rmse": st.column_config.NumberColumn(f"RMSE{unit}", format=number),
                "mae": st.column_config.NumberColumn(f"MAE{unit}", format=number),
            },
        )
        st.caption("Cross-validated on the training rows; the best stands first.")


def _show_importance(importance: list[Json], features: dict[str, Json], target: Json) -> None:
    st.subheader("What it relies on", anchor=False)
    unit = f" ({target['unit']})" if target["unit"] else ""
    measures = {"mae_rise": f"Rise of the mean error{unit}", "r2_drop": "Fall of R²"}
    measure = st.segmented_control(
        "Measured by shuffling a feature", list(measures), default="mae_rise", required=True,
        format_func=measures.__getitem__, key="measure",
    )  # fmt: skip
    table = pd.DataFrame(
        {
            "feature": label_of(features[one["feature"]]),
            "value": one[measure],
            "spread": one.get(f"{measure}_std", 0.0),
        }
        for one in sorted(importance, key=lambda one: -one[measure])
        if one["feature"] in features
    )
    number = ".3f" if measure == "r2_drop" else f",.{n_decimals(target) + 1}f"
    show(
        importance_chart(table.head(MOST_FEATURES), axis=measures[measure], number=number),
        "How much worse the predictions get when each feature is shuffled.",
    )
    if len(table) > MOST_FEATURES:
        st.caption(f"{len(table) - MOST_FEATURES} more features count less than these.")


def _show_dependence(report: Json, features: dict[str, Json], target: Json) -> None:
    st.subheader("How the prediction follows a feature", anchor=False)
    curves = {one["feature"]: one for one in report["partial_dependence"]}
    ranked = sorted(report["importance"], key=lambda one: -one["r2_drop"])
    names = [one["feature"] for one in ranked if one["feature"] in curves]
    if not names:
        return
    name = st.selectbox(
        "Feature", names, format_func=lambda name: label_of(features[name]), key="dependence"
    )
    feature = features[name]
    show(
        dependence_chart(curves[name], feature, target),
        f"The mean prediction for each value of {label_of(feature)}.",
    )
    curve = curves[name]
    wide = feature["kind"] == "numeric" and any(map(float.__gt__, curve["high"], curve["low"]))
    st.caption(
        "If all students had one value and kept their other answers. "
        + ("The shade holds most students' own curves. " if wide else "")
        + "It says what the model does, not what causes a result."
    )


def _show_fairness(fairness: Json | None, features: dict[str, Json], target: Json) -> None:
    st.subheader("For whom it errs", anchor=False)
    if not fairness:
        st.info("Groups were not compared for this model.")
        return
    for sentence in fairness["sentences"]:
        st.markdown(sentence)
    groupings = {one["features"][0]: one for one in fairness["groupings"]}
    if not groupings:
        return
    unit = f" ({target['unit']})" if target["unit"] else ""
    measures = {
        "mean_error": ("Too high or too low", f"Mean error, above zero: too high{unit}"),
        "mae": ("Size of errors", f"Mean absolute error{unit}"),
    }
    left, right = st.columns(2, gap="large")
    with left:
        name = st.selectbox(
            "Sensitive feature", list(groupings),
            format_func=lambda name: label_of(features.get(name, {"label": "", "name": name})),
            key="fairness",
        )  # fmt: skip
    with right:
        measure = st.segmented_control(
            "Measure", list(measures), default="mean_error", required=True,
            format_func=lambda one: measures[one][0], key="fairness-measure",
        )  # fmt: skip
    rows: list[dict[str, Any]] = [
        {
            "name": group["label"].partition(" = ")[2] or group["label"],
            "n_samples": group["n_samples"],
            **group[measure],
        }
        for group in groupings[name]["groups"]
    ]
    if rows:
        show(
            ranges_chart(
                pd.DataFrame(rows), title="Errors by group, with 95 % intervals",
                axis=measures[measure][1], number=f"+,.{n_decimals(target) + 1}f", zero=True,
            ),
            "The error of each group with its interval.",
        )  # fmt: skip
    if hidden := groupings[name].get("suppressed"):
        st.caption(f"Too few held-out students to say: {', '.join(hidden)}.")
