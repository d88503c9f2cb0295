"""The tab for one student: inputs, the prediction that follows them, and what-if beside it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from appFrontend.api import Api, BackEndError, Json
from appFrontend.charts import contributions_chart, show
from appFrontend.fields import (
    asked,
    draw_form,
    example,
    key_of,
    label_of,
    missing_words,
    not_known,
    unanswered,
    with_unit,
)
from appFrontend.kind_of import kind_of
from appFrontend.kinds import Kind
from appFrontend.language import gettext as _
from appFrontend.language import number
from appFrontend.trouble import plain, show_trouble


@st.fragment
def show_student(api: Api, schema: Json, model: Json) -> None:
    """Draw the tab; an answer runs only this part of the page again."""
    kind, headline = kind_of(schema["target"]), st.container(key="headline")
    form, details = st.columns([3, 2], gap="large")
    with form:
        record = draw_form(schema, model)
    if missing := unanswered(schema, record):
        with headline:
            _ask_for_answers(missing, record, schema, model)
        return
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


def _ask_for_answers(missing: list[Json], record: Json, schema: Json, model: Json) -> None:
    """Say that a prediction follows the answers, and offer some to try it with."""
    words, act = st.columns([4, 1], gap="medium", vertical_alignment="center")
    begun = any(value is not None for value in record.values())
    said = missing_words(missing) if begun else _("Answer the questions: a prediction follows.")
    words.info(plain(said))
    filled = {
        key_of(schema, feature): value
        for feature, value in zip(schema["features"], example(schema, model).values(), strict=True)
        if record[feature["name"]] is None
    }
    act.button(
        _("Fill in an example"),
        help=_("A made-up student, to try it out. What you answered stays."),
        on_click=st.session_state.update,
        args=(filled,),
        width="stretch",
    )


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
        called = _("Predicted: %(target)s", target=label_of(kind.target))
        before.metric(called, kind.value(answer))
        now.markdown(plain(kind.in_words(answer)))
        act.button(
            _("Keep to compare"),
            help=_("Keep this answer, then change something: both answers stand side by side."),
            on_click=st.session_state.update,
            kwargs={"first": {"record": record, "answer": answer}},
            width="stretch",
        )
        return
    change = kind.change(answer, first["answer"])
    for place, called, shown, moved in (
        (before, _("First answer"), first["answer"], None),
        (now, _("Now"), answer, change),
    ):
        with place, st.container(gap="xxsmall"):
            st.metric(called, kind.value(shown), moved, delta_color=kind.colour_of_rises)
            st.caption(plain(kind.sureness(shown)))
    act.button(_("Stop comparing"), on_click=st.session_state.pop, args=("first",), width="stretch")


def _show_details(
    record: Json, answer: Json, first: Json | None, schema: Json, model: Json, kind: Kind
) -> None:
    for warning in answer["warnings"]:
        st.warning(plain(warning["message"]))
    if said := _about_group(record, answer, schema):
        st.caption(plain(said))
    if first:
        _show_changes(first["record"], record, schema)
    answers = {_("Now"): answer}
    if first:
        answers = {_("First answer"): first["answer"], **answers}
    show(kind.chart(answers, model), kind.in_words(answer))
    contributions = answer["contributions"]
    if not contributions:  # a warning says why
        return
    show(
        contributions_chart(
            kind.scaled(contributions),
            schema,
            axis=with_unit(kind.target, kind.contributions_axis),
            form=kind.contributions_format,
        ),
        _("Bars: how far each feature moves this prediction."),
    )
    st.caption(
        plain(kind.start(contributions))
        + " "
        + _("The bars say what the model makes of the answers, not what would help the student.")
    )
    if (group := schema.get("group")) and group["name"] in contributions["values"]:
        st.caption(
            plain(
                _(
                    "What %(group)s adds is how its students did in the training table, beyond "
                    "what their other answers tell. It does not measure quality and is no cause: "
                    "it can stand for who goes there.",
                    group=label_of(group),
                )
            )
        )


def _about_group(record: Json, answer: Json, schema: Json) -> str:
    """Say whether the student's group is known; nothing where groups have no effects."""
    if not (about := answer.get("group")):
        return ""
    name, label = record[about["column"]], label_of(schema["group"])
    if about["known"]:
        return _("%(label)s: as in %(name)s, which the model knows.", label=label, name=name)
    if about["known"] is None:
        return _("%(label)s was left blank: it counts as an average one.", label=label)
    return _(
        "%(label)s: the model does not know %(name)s. It counts as an average one.",
        label=label,
        name=name,
    )


def _show_changes(before: Json, now: Json, schema: Json) -> None:
    rows = [
        (label_of(feature), _shown(before[name]), _shown(now[name]))
        for feature in asked(schema)
        if before[name := feature["name"]] != now[name]
    ]
    if rows:
        columns = [_("Changed"), _("First answer"), _("Now")]
        st.table(pd.DataFrame(rows, columns=columns).set_index(columns[0]))
    else:
        st.info(_("Change something: the new answer stands beside the first one."))


def _shown(value: Any) -> str:
    if value is None:
        return not_known()
    return number(value, ",g") if isinstance(value, float | int) else str(value)
