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
from appFrontend.class_list import (
    ClassList,
    Student,
    cells,
    class_list,
    headings,
    show_list,
    tags_of,
)
from appFrontend.fields import asked
from appFrontend.kind_of import kind_of
from appFrontend.kinds import PREDICTION, PROBLEM, Kind
from appFrontend.language import gettext as _
from appFrontend.language import listed, ngettext, number
from appFrontend.trouble import plain, show_trouble

LEFT_OUT = "it is left out."  # the end of what it says of a row that is no student


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
    listed : ClassList
    content : bytes
        The rows as the back end wrote them.
    """

    table: pd.DataFrame
    own: list[str]
    answers: dict[str, Json]
    listed: ClassList
    content: bytes

    @property
    def who(self) -> list[str]:
        return [name for name in self.own if name not in self.answers]


def read_scored(answer: Json, schema: Json) -> Scored:
    """Return the table in the back end's answer.

    What the back end adds stands last. It calls it `prediction_2` where a file has a `prediction`.
    """
    content = answer["file"].encode()
    table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, header=None)
    names = [str(name) for name in table.iloc[0]]
    start = max(i for i, name in enumerate(names) if re.fullmatch(rf"{PREDICTION}(_\d+)?", name))
    kind = kind_of(schema["target"])
    added = kind.added(names[start:])
    own: list[str] = []
    for name in names[:start]:
        free = name.strip() or _("(no name)")
        while free in own or free in added:
            free += " "
        own.append(free)
    table = table.iloc[1:].set_axis([*own, *added], axis=1).reset_index(drop=True)
    for column in set(kind.numeric) & set(added):
        table[column] = pd.to_numeric(table[column])
    features = {_match_key(feature["name"]): feature for feature in schema["features"]}
    answers = {name: features[key] for name in own if (key := _match_key(name)) in features}
    who = [name for name in own if name not in answers] or own
    fields = {field["name"]: field for field in asked(schema)}
    return Scored(table, own, answers, class_list(table, who, fields, answer), content)


def _match_key(header: str) -> str:
    """Return what a file's header and a feature's name have in common."""
    return re.sub(r"[\W_]+", "_", header).strip("_").casefold()


@st.fragment
def show_group(api: Api, schema: Json, model: Json) -> None:
    """Draw the tab; a filter runs only this part of the page again."""
    kind = kind_of(schema["target"])
    file_column, wishes = st.columns([3, 1], gap="large")
    with file_column:
        file = st.file_uploader(
            _("Class list: CSV or Excel, a student a row, the names of the columns in the first "
              "row"),
            type=["csv", "xlsx"],
            key="file",
        )  # fmt: skip
        names = [feature["name"] for feature in asked(schema)]
        empty = pd.DataFrame(columns=[*schema.get("people", ()), *names])
        _download(_("Download an empty list with these columns"), empty, "class.csv", "tertiary")
    kind.ask_mark(wishes, model)
    n_helped = None
    if kind.starts_with_need:
        n_helped = wishes.number_input(
            _("I can help so many students"), 1, None, None, 1, placeholder=_("not set"),
            key="n-helped",
        )  # fmt: skip
    if file is None:
        st.session_state.pop("class", None)
        st.info(
            _(
                "The file goes to the back end, which deletes it as soon as it has answered. The "
                "answer stays in this page's memory until you take the file away or close the page."
            )
        )
        return
    sheet = st.session_state.get(f"sheet:{file.file_id}")
    try:
        with st.spinner(_("Predicting %(file)s …", file=file.name)):
            scored = _score(api, file, kind.pass_mark, sheet, schema)
    except BackEndError as error:
        show_trouble(error, "class")
    else:
        _show_reading(scored.listed.summary, file.file_id)
        _show_scored(scored, kind, n_helped)


def _score(api: Api, file: Any, pass_mark: float | None, sheet: str | None, schema: Json) -> Scored:
    """Return the scored file, asking once for each file, pass mark, sheet and model."""
    key = (file.file_id, pass_mark, sheet, schema["model_version"])
    kept = st.session_state.get("class")
    if kept is None or kept[0] != key:
        answer = api.predict_file(file.name, file.getvalue(), pass_mark, sheet)
        kept = st.session_state["class"] = (key, read_scored(answer, schema))
    return kept[1]


def _show_reading(summary: Json, file_id: str) -> None:
    """Say how the file was read, and let a sheet be chosen where it has several."""
    if sheets := summary["sheets"]:
        read = summary["sheets_read"]
        options = [*sheets, ""]
        st.selectbox(
            ngettext(
                "The workbook has %(n)s sheet. Read:",
                "The workbook has %(n)s sheets. Read:",
                len(sheets),
            ),
            options,
            options.index(read[0] if len(read) == 1 else ""),
            format_func=lambda sheet: sheet or _("all, one below the other"),
            key=f"sheet:{file_id}",
        )
    said = []
    if encoding := summary["encoding"]:
        said.append(
            _(
                "The file is not UTF-8: it was read as %(encoding)s, by its letters.",
                encoding=encoding,
            )
        )
    if n := summary["n_mended"]:
        said.append(
            ngettext(
                "%(n)s cell was read as what it clearly means: see the column Problem.",
                "%(n)s cells were read as what they clearly mean: see the column Problem.",
                n,
            )
        )
    if n := summary["n_skipped"]:
        said.append(
            ngettext(
                "%(n)s row is no student: left out.", "%(n)s rows are no students: left out.", n
            )
        )
    if group := summary["group"]:
        said += _about_groups(group)
    if said:
        st.info(" ".join(said))


def _about_groups(group: Json) -> list[str]:
    """Say how many students count as of an average group, such as a school, and why."""
    why = []
    if n := group["n_unknown"]:
        why.append(
            ngettext(
                "%(students)s of %(n)s group that the model does not know",
                "%(students)s of %(n)s groups that the model does not know",
                group["n_unknown_groups"],
                students=number(n),
            )
        )
    if n := group["n_without"]:
        why.append(ngettext("%(n)s without one", "%(n)s without one", n))
    if not why:
        return []
    said = _(
        "%(column)s: %(students)s count as of an average one.",
        column=group["column"],
        students=listed(why),
    )
    return [plain(said)]


def _show_scored(scored: Scored, kind: Kind, n_helped: int | None) -> None:
    summary = scored.listed.summary
    students = scored.table[~scored.table[PROBLEM].str.endswith(LEFT_OUT)]
    has_none = students[PREDICTION].isna() | (students[PREDICTION] == "")
    predicted, refused = students[~has_none], students[has_none]
    at_risk = _("not set") if summary["n_at_risk"] is None else number(summary["n_at_risk"])
    with st.container(key="figures-class"):
        figures = st.columns(4)
    figures[0].metric(_("Students"), number(len(students)))
    figures[1].metric(*kind.figure(predicted))
    figures[2].metric(_("At risk"), at_risk)
    figures[3].metric(_("Refused rows"), number(len(refused)))
    called = _("Who may need help") if scored.listed.knows_risk else _("Students")
    views = st.tabs(
        [called, _("All columns"), _("Problems (%(n)s)", n=number(len(refused)))], key="views"
    )
    with views[0]:
        shown = show_list(scored.listed, kind, n_helped)
        rows = _as_shown(scored, shown, kind, n_helped or 0)
        _download(_("Download this list"), rows, "list.csv")
    with views[1]:
        if not predicted.empty:
            show(*kind.class_chart(predicted))
        _show_table(students, scored, kind)
        _download(_("Download all rows with predictions"), scored.content, "predictions.csv")
    with views[2]:
        _show_problems(refused, scored)


def _as_shown(scored: Scored, shown: list[Student], kind: Kind, n_helped: int) -> pd.DataFrame:
    """Return the list as it is shown, with a column for the tags."""
    tags = [", ".join(text for _style, text in tags_of(one, n_helped)) for one in shown]
    rows = [cells(scored.listed, one, kind) for one in shown]
    table = pd.DataFrame(rows, columns=headings(scored.listed, kind))
    table.insert(1 + len(scored.listed.who), _("Tags"), tags)
    return table


def _show_table(table: pd.DataFrame, scored: Scored, kind: Kind) -> None:
    config = kind.column_config() | {PROBLEM: _problem_column()}
    added = [c for c in kind.shown if c in table]
    problem = [PROBLEM] if (table[PROBLEM] != "").any() else []
    shown = table[[*scored.who, *added, *problem, *scored.answers]].copy()
    for name in {*kind.percentages} & {*added}:
        shown[name] *= 100
    for name, feature in scored.answers.items():
        if feature["kind"] == "numeric":  # so that it sorts as numbers do
            numbers = pd.to_numeric(shown[name], errors="coerce")
            if (numbers.notna() | (shown[name] == "")).all():
                shown[name] = numbers
    st.dataframe(shown, hide_index=True, column_config=config)


def _show_problems(refused: pd.DataFrame, scored: Scored) -> None:
    if refused.empty:
        st.success(_("Every row has a prediction."))
        return
    st.caption(_("These rows have no prediction. Download them, mend them, upload them again."))
    columns = {PROBLEM: _problem_column()}
    st.dataframe(refused[[PROBLEM, *scored.own]], hide_index=True, column_config=columns)
    _download(_("Download the rows to mend"), refused[scored.own], "to_mend.csv")


def _problem_column() -> Any:
    return st.column_config.TextColumn(_("Problem"), width="large")


def _download(label: str, rows: pd.DataFrame | bytes, name: str, kind: Any = "secondary") -> None:
    content = rows if isinstance(rows, bytes) else rows.to_csv(index=False).encode()
    marked = codecs.BOM_UTF8 + content  # without it Excel takes UTF-8 for something else
    st.download_button(
        label, marked, name, "text/csv", type=kind, on_click="ignore", icon=":material/download:"
    )
