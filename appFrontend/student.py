"""The tab for one student: inputs, the prediction that follows them, and what-if beside it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from appFrontend.api import Api, BackEndError, Json, RefusedError
from appFrontend.charts import contributions_chart, distribution_chart, show
from appFrontend.fields import NOT_KNOWN, draw_form, label_of, n_decimals
from appFrontend.trouble import show_refusal, show_trouble

FIRST, NOW = "First answer", "Now"
LEVEL = "0.9"


@st.fragment
def show_student(api: Api, schema: Json, model: Json) -> None:
    """Draw the tab; moving an input runs only this part of the page again."""
    with st.container(key="student"):
        form, answered = st.columns([3, 2], gap="large")
    with form:
        record = draw_form(schema, model)
    with answered, st.container(key="answer"):
        try:
            answer = api.predict(record)
        except BackEndError as error:
            show_trouble(error, "student")
            return
        except RefusedError as error:
            show_refusal(error)
            return
        if _another_model(answer, schema):
            st.rerun(scope="app")
        _show_answer(record, answer, schema, model)


def _another_model(answer: Json, schema: Json) -> bool:
    """Whether the schema was drawn for another model; asked once for each, so that it ends."""
    version = answer["model_version"]
    if version in (schema["model_version"], st.session_state.get("drawn-for")):
        return False
    st.session_state["drawn-for"] = version
    return True


def _show_answer(record: Json, answer: Json, schema: Json, model: Json) -> None:
    target = schema["target"]
    first = st.session_state.get("first")
    if first and first["answer"]["model_version"] != answer["model_version"]:
        first = None  # two models' answers are not to be compared
    with st.container(key="headline"):
        if first:
            before, now = st.columns(2)
            with before:
                _show_number(FIRST, first["answer"], target)
            with now:
                change = answer["prediction"] - first["answer"]["prediction"]
                _show_number(NOW, answer, target, change)
        else:
            _show_number(f"Predicted {label_of(target)}", answer, target)
    for warning in answer["warnings"]:
        st.warning(warning["message"])
    if first:
        _show_changes(first["record"], record, schema)
        st.button("Forget the first answer", on_click=_forget, width="stretch")
    else:
        st.button(
            "Keep this answer to compare",
            help="Then change something: both answers stand side by side.",
            on_click=_keep, args=(record, answer), width="stretch",
        )  # fmt: skip
    answers = {NOW: answer, FIRST: first["answer"]} if first else {NOW: answer}
    show(
        distribution_chart(model["metrics"]["target_distribution"], target, answers, LEVEL),
        _in_words(answer, target),
    )
    contributions = answer["contributions"]
    show(
        contributions_chart(contributions["values"], schema),
        "Bars: how far each feature moves this prediction.",
    )
    base = f"{contributions['base']:,.{n_decimals(target)}f} {target['unit']}".strip()
    st.caption(
        f"The bars start from {base}, the mean of the training table. They say what the model "
        "makes of the answers, not what would help the student."
    )


def _show_number(called: str, answer: Json, target: Json, change: float | None = None) -> None:
    decimals, unit = n_decimals(target), target["unit"]
    st.metric(
        called,
        f"{answer['prediction']:,.{decimals}f} {unit}".strip(),
        None if change is None else f"{change:+,.{decimals}f}",
    )
    st.caption(_in_words(answer, target))


def _in_words(answer: Json, target: Json) -> str:
    parts = []
    if ends := answer["intervals"].get(LEVEL):
        decimals = max(0, n_decimals(target) - 1)
        low, high = (f"{end:,.{decimals}f}" for end in ends)
        parts.append(
            f"9 in 10 similar students score between {low} and {high} {target['unit']}".strip()
            + "."
        )
    if mark := answer.get("pass_mark"):
        parts.append(
            f"The chance of less than {mark['mark']:g} is {mark['probability_below']:.0%}."
        )
    return " ".join(parts)


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


def _keep(record: Json, answer: Json) -> None:
    st.session_state["first"] = {"record": record, "answer": answer}


def _forget() -> None:
    del st.session_state["first"]
