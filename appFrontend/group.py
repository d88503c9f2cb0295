"""The tab for a class: a file goes to the back end, its rows come back with predictions."""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from appFrontend.api import Api, BackEndError, Json
from appFrontend.charts import show
from appFrontend.fields import asked, listed
from appFrontend.kind_of import kind_of
from appFrontend.kinds import PREDICTION, PROBLEM, Kind
from appFrontend.trouble import plain, show_trouble

LEFT_OUT = "it is left out."  # the end of what it says of a row that is no student
MOST_VALUES = 20  # of a column that one can filter by
PROBLEM_COLUMN = st.column_config.TextColumn("Problem", width="large")


@dataclass(frozen=True)
class Scored:
    """A class with its predictions.

    Attributes
    ----------
    table : DataFrame
        All rows: the file's own columns as text, then what the back end added, as numbers.
    own : list of str
        The file's own columns.
    answers : dict of str to dict
        Those of them that are features, with the schema's words on each.
    content : bytes
        The answer as it came.
    summary : dict
        How the back end read the file.
    """

    table: pd.DataFrame
    own: list[str]
    answers: dict[str, Json]
    content: bytes
    summary: Json


def read_scored(content: bytes, summary: Json, schema: Json) -> Scored:
    """Return the table in the back end's answer.

    What the back end adds stands last. It calls it `prediction_2` where a file has a `prediction`.
    """
    table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, header=None)
    names = [str(name) for name in table.iloc[0]]
    start = max(i for i, name in enumerate(names) if re.fullmatch(rf"{PREDICTION}(_\d+)?", name))
    kind = kind_of(schema["target"])
    added = kind.added(names[start:])
    own: list[str] = []
    for name in names[:start]:
        free = name.strip() or "(no name)"
        while free in own or free in added:
            free += " "
        own.append(free)
    table = table.iloc[1:].set_axis([*own, *added], axis=1).reset_index(drop=True)
    for column in set(kind.numeric) & set(added):
        table[column] = pd.to_numeric(table[column])
    features = {_match_key(feature["name"]): feature for feature in schema["features"]}
    answers = {name: features[key] for name in own if (key := _match_key(name)) in features}
    return Scored(table, own, answers, content, summary)


def _match_key(header: str) -> str:
    """Return what a file's header and a feature's name have in common."""
    return re.sub(r"[\W_]+", "_", header).strip("_").casefold()


@st.fragment
def show_group(api: Api, schema: Json, model: Json) -> None:
    """Draw the tab; a filter runs only this part of the page again."""
    kind = kind_of(schema["target"])
    file_column, mark_column = st.columns([3, 1], gap="large")
    with file_column:
        file = st.file_uploader(
            "Class list: CSV or Excel, a student a row, the names of the columns in the first row",
            type=["csv", "xlsx"],
        )
        names = [feature["name"] for feature in asked(schema)]
        empty = pd.DataFrame(columns=[*schema.get("people", ()), *names])
        _download("Download an empty list with these columns", empty, "class.csv", "tertiary")
    kind.ask_mark(mark_column, model)
    if file is None:
        st.session_state.pop("class", None)
        st.info(
            "The file goes to the back end, which deletes it as soon as it has answered. The "
            "answer stays in this page's memory until you take the file away or close the page."
        )
        return
    sheet = st.session_state.get(f"sheet:{file.file_id}")
    try:
        with st.spinner(f"Predicting {file.name} …"):
            scored = _score(api, file, kind.pass_mark, sheet, schema)
    except BackEndError as error:
        show_trouble(error, "class")
    else:
        _show_reading(scored.summary, file.file_id)
        _show_scored(scored, kind)


def _score(api: Api, file: Any, pass_mark: float | None, sheet: str | None, schema: Json) -> Scored:
    """Return the scored file, asking once for each file, pass mark, sheet and model."""
    key = (file.file_id, pass_mark, sheet, schema["model_version"])
    kept = st.session_state.get("class")
    if kept is None or kept[0] != key:
        content, summary = api.predict_file(file.name, file.getvalue(), pass_mark, sheet)
        kept = st.session_state["class"] = (key, read_scored(content, summary, schema))
    return kept[1]


def _show_reading(summary: Json, file_id: str) -> None:
    """Say how the file was read, and let a sheet be chosen where it has several."""
    if sheets := summary.get("sheets"):
        read = summary["sheets_read"]
        options = [*sheets, ""]
        st.selectbox(
            f"The workbook has {len(sheets)} sheets. Read:",
            options,
            options.index(read[0] if len(read) == 1 else ""),
            format_func=lambda sheet: sheet or "all, one below the other",
            key=f"sheet:{file_id}",
        )
    said = []
    if encoding := summary.get("encoding"):
        said.append(f"The file is not UTF-8: it was read as {encoding}, by its letters.")
    if n := summary.get("n_mended"):
        said.append(
            f"{n:,} cell{' was' if n == 1 else 's were'} read as what "
            f"{'it' if n == 1 else 'they'} clearly mean{'s' if n == 1 else ''}: see the column "
            "Problem."
        )
    if n := summary.get("n_skipped"):
        said.append(f"{n:,} row{' is no student' if n == 1 else 's are no students'}: left out.")
    if group := summary.get("group"):
        said += _about_groups(group)
    if said:
        st.info(" ".join(said))


def _about_groups(group: Json) -> list[str]:
    """Say how many students count as of an average group, such as a school, and why."""
    unknown, without = group["n_unknown"], group["n_without"]
    why = []
    if unknown:
        groups = group["n_unknown_groups"]
        why.append(
            f"{unknown:,} of {groups:,} group{'' if groups == 1 else 's'} that the model does not "
            "know"
        )
    if without:
        why.append(f"{without:,} without one")
    if not why:
        return []
    return [plain(f"{group['column']}: {listed(why)} count as of an average one.")]


def _show_scored(scored: Scored, kind: Kind) -> None:
    table = scored.table[~scored.table[PROBLEM].str.endswith(LEFT_OUT)]
    has_none = table[PREDICTION].isna() | (table[PREDICTION] == "")
    predicted, refused = table[~has_none], table[has_none]
    at_risk = kind.at_risk(predicted)
    with st.container(key="figures-class"):
        figures = st.columns(4)
    figures[0].metric("Students", f"{len(table):,}")
    figures[1].metric(*kind.figure(predicted))
    figures[2].metric("At risk", "–" if at_risk is None else f"{len(at_risk):,}")
    figures[3].metric("Refused rows", f"{len(refused):,}")
    n_at_risk = 0 if at_risk is None else len(at_risk)
    views = st.tabs(
        ["All students", f"At risk ({n_at_risk})", f"Problems ({len(refused)})"], key="views"
    )
    with views[0]:
        if not predicted.empty:
            show(*kind.class_chart(predicted))
        _show_table(_filtered(scored, table, kind), scored, kind)
        _download("Download all rows with predictions", scored.content, "predictions.csv")
    with views[1]:
        _show_at_risk(at_risk, scored, kind)
    with views[2]:
        _show_problems(refused, scored)


def _filtered(scored: Scored, students: pd.DataFrame, kind: Kind) -> pd.DataFrame:
    table = students
    by = [c for c in scored.own if 1 < table[c].nunique() <= MOST_VALUES]
    with st.expander("Filters", icon=":material/filter_alt:"):
        text = st.text_input("Text in any column", key="filter-text")
        chosen = st.multiselect("Columns", by, key="filter-columns", placeholder="choose some")
        for column in chosen:
            values = sorted(table[column].unique())
            wanted = st.multiselect(column, values, key=f"filter:{column}")
            if wanted:
                table = table[table[column].isin(wanted)]
        table = kind.filtered(table, students)
    if text:
        own = table[scored.own]
        hit = own.apply(lambda column: column.str.contains(text, case=False, regex=False))
        table = table[hit.any(axis=1)]
    if len(table) < len(students):
        st.caption(f"{len(table):,} of {len(students):,} students")
    return table


def _show_table(table: pd.DataFrame, scored: Scored, kind: Kind) -> None:
    config = kind.column_config() | {PROBLEM: PROBLEM_COLUMN}
    who = [c for c in scored.own if c not in scored.answers]  # names and the like come first
    added = [c for c in kind.shown if c in table]
    problem = [PROBLEM] if (table[PROBLEM] != "").any() else []
    shown = table[[*who, *added, *problem, *scored.answers]].copy()
    for name in {*kind.percentages} & {*added}:
        shown[name] *= 100
    for name, feature in scored.answers.items():
        if feature["kind"] == "numeric":  # so that it sorts as numbers do
            numbers = pd.to_numeric(shown[name], errors="coerce")
            if (numbers.notna() | (shown[name] == "")).all():
                shown[name] = numbers
    st.dataframe(shown, hide_index=True, column_config=config)


def _show_at_risk(at_risk: pd.DataFrame | None, scored: Scored, kind: Kind) -> None:
    if at_risk is None:
        st.info(kind.nobody_says)
    elif at_risk.empty:
        st.success(plain(kind.nobody_is))
    else:
        st.caption(f"{kind.order} {plain(scored.summary.get('at_risk', ''))}")
        _show_table(at_risk, scored, kind)
        wanted = [*scored.own, *(c for c in kind.shown if c in at_risk)]
        _download("Download the list of those at risk", at_risk[wanted], "at_risk.csv")


def _show_problems(refused: pd.DataFrame, scored: Scored) -> None:
    if refused.empty:
        st.success("Every row has a prediction.")
        return
    st.caption("These rows have no prediction. Download them, mend them, upload them again.")
    columns = {PROBLEM: PROBLEM_COLUMN}
    st.dataframe(refused[[PROBLEM, *scored.own]], hide_index=True, column_config=columns)
    _download("Download the rows to mend", refused[scored.own], "to_mend.csv")


def _download(label: str, rows: pd.DataFrame | bytes, name: str, kind: Any = "secondary") -> None:
    content = rows if isinstance(rows, bytes) else rows.to_csv(index=False).encode()
    marked = codecs.BOM_UTF8 + content  # without it Excel takes UTF-8 for something else
    st.download_button(
        label, marked, name, "text/csv", type=kind, on_click="ignore", icon=":material/download:"
    )
