"""The tab for one student: inputs, the prediction that follows them, and what-if beside it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from appFrontend.api import Api, BackEndError, Json
from appFrontend.charts import contributions_chart, distribution_chart, show
from appFrontend.fields import NOT_KNOWN, amount, draw_form, label_of, number_format
from appFrontend.trouble import plain, show_trouble

FIRST, NOW = "First answer", "Now"
LEVEL = "0.9"


@st.fragment
def show_student(api: Api, schema: Json, model: Json) -> None:
    """Draw the tab; moving an input runs only this part of the page again."""
    headline = st.container(key="headline")
    form, details = st.columns([3, 2], gap="large")
    with form:
        record = draw_form(schema, model)
    try:
        answer = api.predict(record)
    except BackEndError as error:
        with headline:
            show_trouble(error, "student")
        return
    if _another_model(answer, schema):
        st.rerun(scope="app")
    first = st.session_state.get("first")
    if first and first["answer"]["model_version"] != answer["model_version"]:
        first = None  # two models' answers are not to be compared
    with headline:
        _show_headline(record, answer, first, schema["target"])
    with details:
        _show_details(record, answer, first, schema, model)


def _another_model(answer: Json, schema: Json) -> bool:
    """Whether the schema was drawn for another model; asked once for each, so that it ends."""
    version = answer["model_version"]
    if version in (schema["model_version"], st.session_state.get("drawn-for")):
        return False
    st.session_state["drawn-for"] = version
    return True


def _show_headline(record: Json, answer: Json, first: Json | None, target: Json) -> None:
    """Show what stays in sight: the answer, beside the first one where that was kept."""
    before, now, act = st.columns([2, 2, 1], gap="medium")
    if first is None:
        before.metric(f"Predicted {label_of(target)}", amount(answer["prediction"], target))
        now.markdown(_in_words(answer, target))
        act.button(
            "Keep to compare",
            help="Keep this answer, then change something: both answers stand side by side.",
            on_click=st.session_state.update,
            kwargs={"first": {"record": record, "answer": answer}},
            width="stretch",
        )
        return
    change = answer["prediction"] - first["answer"]["prediction"]
    with before, st.container(gap="xxsmall"):
        st.metric(FIRST, amount(first["answer"]["prediction"], target))
        st.caption(_interval(first["answer"], target))
    with now, st.container(gap="xxsmall"):
        st.metric(NOW, amount(answer["prediction"], target), f"{change:+{number_format(target)}}")
        st.caption(_interval(answer, target))
    act.button("Stop comparing", on_click=st.session_state.pop, args=("first",), width="stretch")


def _show_details(
    record: Json, answer: Json, first: Json | None, schema: Json, model: Json
) -> None:
    target = schema["target"]
    for warning in answer["warnings"]:
        st.warning(plain(warning["message"]))
    if first:
        _show_changes(first["record"], record, schema)
    answers = {FIRST: first["answer"], NOW: answer} if first else {NOW: answer}
    show(
        distribution_chart(model["metrics"]["target_distribution"], target, answers, LEVEL),
        _in_words(answer, target),
    )
    contributions = answer["contributions"]
    if not contributions:  # a warning says why
        return
    show(
        contributions_chart(contributions["values"], schema),
        "Bars: how far each feature moves this prediction.",
    )
    base = amount(contributions["base"], target)
    st.caption(
        f"The bars start from {base}, the mean prediction for the training table. They say what "
        "the model makes of the answers, not what would help the student."
    )


def _in_words(answer: Json, target: Json) -> str:
    parts = []
    if ends := _interval(answer, target):
        parts.append(f"{ends}.")
    if mark := answer.get("pass_mark"):
        chance = mark["probability_below"]
        parts.append(f"The chance of less than {mark['mark']:g} is {chance:.0%}.")
    return " ".join(parts)


def _interval(answer: Json, target: Json) -> str:
    if LEVEL not in answer["intervals"]:
        return ""
    low, high = answer["intervals"][LEVEL]
    if low == high:
        return f"Most likely exactly {amount(low, target, -1)} (about 9 in 10)"
    between = f"between {low:{number_format(target, -1)}} and {amount(high, target, -1)}"
    return f"9 in 10 students score within such a range: here {between}"


def _show_changes(before: Json, now: Json, schema: Json) -> None:
    rows = [
        (label_of(feature), _shown(before[name]), _shown(now[name]))
        for feature in schema["features"]
        if before[name := feature["name"]] != now[name]
    ]
    if rows:
        st.table(pd.DataFrame(rows, columns=["Changed", FIRST, NOW]).set_index("Changed"))
    else:
        st.info("Change something: the new answer stands beside the first one.")


def _shown(value: Any) -> str:
    return NOT_KNOWN if value is None else f"{value:g}" if isinstance(value, float) else str(value)
