"""The tab for one student: inputs, the prediction that follows them, and what-if beside it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from appFrontend.api import Api, BackEndError, Json
from appFrontend.charts import contributions_chart, show
from appFrontend.fields import NOT_KNOWN, asked, draw_form, label_of, with_unit
from appFrontend.kind_of import kind_of
from appFrontend.kinds import Kind
from appFrontend.trouble import plain, show_trouble

FIRST, NOW = "First answer", "Now"


@st.fragment
def show_student(api: Api, schema: Json, model: Json) -> None:
    """Draw the tab; moving an input runs only this part of the page again."""
    kind, headline = kind_of(schema["target"]), st.container(key="headline")
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
        _show_headline(record, answer, first, kind)
    with details:
        _show_details(record, answer, first, schema, model, kind)


def _another_model(answer: Json, schema: Json) -> bool:
    """Whether the schema was drawn for another model; asked once for each, so that it ends."""
    version = answer["model_version"]
    if version in (schema["model_version"], st.session_state.get("drawn-for")):
        return False
    st.session_state["drawn-for"] = version
    return True


def _show_headline(record: Json, answer: Json, first: Json | None, kind: Kind) -> None:
    """Show what stays in sight: the answer, beside the first one where that was kept."""
    before, now, act = st.columns([2, 2, 1], gap="medium")
    if first is None:
        before.metric(f"Predicted {label_of(kind.target)}", kind.value(answer))
        now.markdown(plain(kind.in_words(answer)))
        act.button(
            "Keep to compare",
            help="Keep this answer, then change something: both answers stand side by side.",
            on_click=st.session_state.update,
            kwargs={"first": {"record": record, "answer": answer}},
            width="stretch",
        )
        return
    for place, called, shown in ((before, FIRST, first["answer"]), (now, NOW, answer)):
        change = kind.change(answer, first["answer"]) if called == NOW else None
        with place, st.container(gap="xxsmall"):
            st.metric(called, kind.value(shown), change, delta_color=kind.colour_of_rises)
            st.caption(plain(kind.sureness(shown)))
    act.button("Stop comparing", on_click=st.session_state.pop, args=("first",), width="stretch")


def _show_details(
    record: Json, answer: Json, first: Json | None, schema: Json, model: Json, kind: Kind
) -> None:
    for warning in answer["warnings"]:
        st.warning(plain(warning["message"]))
    if said := _about_group(record, answer, schema):
        st.caption(plain(said))
    if first:
        _show_changes(first["record"], record, schema)
    answers = {FIRST: first["answer"], NOW: answer} if first else {NOW: answer}
    show(kind.chart(answers, model), kind.in_words(answer))
    contributions = answer["contributions"]
    if not contributions:  # a warning says why
        return
    show(
        contributions_chart(
            kind.scaled(contributions),
            schema,
            axis=with_unit(kind.target, kind.contributions_axis),
            number=kind.contributions_format,
        ),
        "Bars: how far each feature moves this prediction.",
    )
    st.caption(
        plain(f"The bars start from {kind.start(contributions)}. ")
        + "They say what the model makes of the answers, not what would help the student."
    )
    if (group := schema.get("group")) and group["name"] in contributions["values"]:
        st.caption(
            plain(
                f"What {label_of(group)} adds is how its students did in the training table, "
                "beyond what their other answers tell. It does not measure quality and is no "
                "cause: it can stand for who goes there."
            )
        )


def _about_group(record: Json, answer: Json, schema: Json) -> str:
    """Say whether the student's group is known; nothing where groups have no effects."""
    if not (about := answer.get("group")):
        return ""
    name, label = record[about["column"]], label_of(schema["group"])
    if about["known"]:
        return f"{label}: as in {name}, which the model knows."
    if about["known"] is None:
        return f"{label} was left blank: it counts as an average one."
    return f"{label}: the model does not know {name}. It counts as an average one."


def _show_changes(before: Json, now: Json, schema: Json) -> None:
    rows = [
        (label_of(feature), _shown(before[name]), _shown(now[name]))
        for feature in asked(schema)
        if before[name := feature["name"]] != now[name]
    ]
    if rows:
        st.table(pd.DataFrame(rows, columns=["Changed", FIRST, NOW]).set_index("Changed"))
    else:
        st.info("Change something: the new answer stands beside the first one.")


def _shown(value: Any) -> str:
    return NOT_KNOWN if value is None else f"{value:g}" if isinstance(value, float) else str(value)
