"""The list of a class: who may need help first, why, and how many of them help can reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from appFrontend.api import Json
from appFrontend.fields import label_of, not_known
from appFrontend.kinds import Kind
from appFrontend.language import gettext as _
from appFrontend.language import mark, ngettext, number, percent
from appFrontend.trouble import plain

AT_RISK, BORDERLINE, UNCERTAIN = "at_risk", "borderline", "uncertain"
TAGS = {AT_RISK: mark("At risk"), BORDERLINE: mark("Borderline"), UNCERTAIN: mark("Uncertain")}
PAGE_ROWS = 100
MOST_WHO = 2  # columns that say who somebody is
LEFT_OUT = 0.05  # on either side of "9 in 10"


@dataclass(frozen=True)
class Student:
    """A student of the list.

    Attributes
    ----------
    place : int
        In the order of the back end, from 0.
    found : dict
        What the back end says: tag, chance, reasons, doubts.
    who : list of str
        What the file says of who it is.
    searched : str
        All that the file says of who it is.
    row : dict
        The file's row, with what was added to it.
    """

    place: int
    found: Json
    who: list[str]
    searched: str
    row: dict[str, Any]

    @property
    def needs_help(self) -> bool:
        return self.found["tag"] in (AT_RISK, BORDERLINE)


@dataclass(frozen=True)
class ClassList:
    """A class with its order, and the words of the schema on its answers.

    Attributes
    ----------
    who : list of str
        Columns of the file that say who somebody is.
    fields : dict of str to dict
        Of the schema, by name.
    summary : dict
        What the back end says of the file.
    """

    students: list[Student]
    who: list[str]
    fields: dict[str, Json]
    summary: Json

    @property
    def knows_risk(self) -> bool:
        return self.summary["n_at_risk"] is not None


def class_list(
    table: pd.DataFrame, who: Sequence[str], fields: dict[str, Json], summary: Json
) -> ClassList:
    """Return the list that the back end's answer makes up.

    Parameters
    ----------
    table : DataFrame
        The rows of the file with what was added.
    who : sequence of str
        Columns that say who somebody is.
    """
    named = [*who][:MOST_WHO]
    rows = table.iloc[[found["row"] - 1 for found in summary["students"]]].to_dict("records")
    students = [
        Student(
            place,
            found,
            [str(row[column]) for column in named],
            " ".join(str(row[column]) for column in who).casefold(),
            {str(name): value for name, value in row.items()},
        )
        for place, (found, row) in enumerate(zip(summary["students"], rows, strict=True))
    ]
    return ClassList(students, named, fields, summary)


def show_list(listed: ClassList, kind: Kind, n_helped: int | None) -> list[Student]:
    """Draw the list with what sorts, filters and searches it; return whom it shows."""
    if listed.knows_risk:
        _say_risk(listed, kind, n_helped)
    else:
        st.info(kind.nobody_says)
    students = _chosen(listed, kind)
    first = 0
    if len(students) > PAGE_ROWS:
        pages = range(-(-len(students) // PAGE_ROWS))
        first = PAGE_ROWS * st.selectbox(
            _("Page"), pages, format_func=lambda page: _page_words(page, len(students)), key="page"
        )
    if students:
        shown = students[first : first + PAGE_ROWS]
        st.html(_table(listed, shown, kind, n_helped or 0))
    else:
        st.info(_("No student fits."))
    st.caption(_counts(listed, len(students)))
    if listed.summary["reasons_unavailable"]:
        st.caption(_("Reasons are not available for this model."))
    elif listed.knows_risk:
        st.caption(kind.why)
    if quality := listed.summary["at_risk"]:
        st.caption(plain(quality))
    return students


def _say_risk(listed: ClassList, kind: Kind, n_helped: int | None) -> None:
    summary = listed.summary
    counts = {
        "at_risk": number(summary["n_at_risk"]),
        "n": number(summary["n_predicted"]),
        "borderline": number(summary["n_borderline"]),
        "uncertain": number(summary["n_uncertain"]),
    }
    said = [
        _(
            "%(at_risk)s of %(n)s at risk, %(borderline)s borderline, %(uncertain)s uncertain.",
            **counts,
        )
    ]
    if summary["likely"]:
        said.append(kind.likely(_between(*summary["likely"])))
    st.markdown(plain(" ".join(said)))
    if n_helped:
        st.info(plain(_help_reaches(listed, n_helped)))


def _help_reaches(listed: ClassList, n_helped: int) -> str:
    """Return how many of those who will be at risk the first students of the list hold."""
    first = listed.students[:n_helped]
    chances = [student.found["chance"] for student in first]
    known = [chance for chance in chances if chance is not None]
    low, high = count_range(known)
    said = ngettext(
        "The first student is marked. Of the %(all)s who will probably turn out at risk, that "
        "place is likely to hold %(reached)s.",
        "The first %(n)s students are marked. Of the %(all)s who will probably turn out at risk, "
        "they are likely to hold %(reached)s.",
        len(first),
        all=_between(*listed.summary["likely"]),
        reached=_between(low, high + len(chances) - len(known)),
    )
    parts = [said]
    if n_helped < len(listed.students):
        following = listed.students[n_helped]
        parts.append(_("Next comes %(name)s.", name=_name(following)))
    parts.append(
        _("That holds where each chance does, and where students do not rise and fall together.")
    )
    return " ".join(parts)


def _name(student: Student) -> str:
    name = " ".join(filter(None, student.who))
    line = student.found["line"]
    if name:
        return _("%(name)s (row %(line)s)", name=name, line=line)
    return _("row %(line)s", line=line)


def count_range(chances: Sequence[float]) -> tuple[int, int]:
    """Return between which counts the number of events lies, in 9 of 10 cases.

    The events are independent; the count then follows a Poisson binomial distribution.

    Examples
    --------
    >>> count_range([0.5] * 20), count_range([])
    ((6, 14), (0, 0))
    """
    probabilities = np.ones(1)
    for chance in chances:
        probabilities = np.convolve(probabilities, [1 - chance, chance])
    low, below = (
        int(np.argmax(np.cumsum(p) > LEFT_OUT)) for p in (probabilities, probabilities[::-1])
    )
    return low, len(chances) - below


def _between(low: int, high: int) -> str:
    if low == high:
        return number(low)
    return _("%(low)s to %(high)s", low=number(low), high=number(high))


def _chosen(listed: ClassList, kind: Kind) -> list[Student]:
    """Draw what filters, sorts and searches, and return the students who fit, in the order."""
    whom, by, search = st.columns([2, 2, 2], gap="medium", vertical_alignment="bottom")
    students = listed.students
    if listed.knows_risk:
        choices = {"all": _("All"), "risk": _("At risk or borderline")}
        wanted = whom.segmented_control(
            _("Show"), [*choices], default="all", required=True, format_func=choices.__getitem__,
            key="whom",
        )  # fmt: skip
        if wanted == "risk":
            students = [student for student in students if student.needs_help]
    orders = _orders(listed, kind)
    order = by.selectbox(
        _("Sort by"), [*orders], format_func=lambda name: orders[name][0], key="sort"
    )
    text = search.text_input(_("Search"), key="search", autocomplete="off").strip().casefold()
    if text:
        students = [student for student in students if text in student.searched]
    return sorted(students, key=orders[order][1])


Order = tuple[str, Callable[[Student], Any]]


def _orders(listed: ClassList, kind: Kind) -> dict[str, Order]:
    lowest = _("The lowest first") if kind.starts_with_need else _("By outcome")
    first = kind.need_first if listed.knows_risk else lowest
    found: dict[str, Order] = {"risk": (first, lambda student: student.place)}
    if listed.who:
        found["name"] = (listed.who[0], lambda student: student.who[0].casefold())
    if listed.knows_risk:
        found["prediction"] = (
            _("Prediction, the lowest first"),
            lambda student: kind.order_of(student.row),
        )
    found["down"] = (
        _("Prediction, the highest first"),
        lambda student: -kind.order_of(student.row),
    )
    found["row"] = (_("Row of the file"), lambda student: student.found["row"])
    return found


def _page_words(page: int, n_students: int) -> str:
    first, last = page * PAGE_ROWS + 1, min((page + 1) * PAGE_ROWS, n_students)
    return _("%(low)s to %(high)s", low=number(first), high=number(last))


def _counts(listed: ClassList, n_shown: int) -> str:
    summary, n_listed = listed.summary, len(listed.students)
    n_all = summary["n_rows"] - summary["n_skipped"]
    said = ngettext(
        "%(shown)s of %(n)s student", "%(shown)s of %(n)s students", n_all, shown=number(n_shown)
    )
    if n_listed < summary["n_predicted"]:
        more = _(
            "The list holds the first %(n)s; the file with all predictions holds the rest.",
            n=number(n_listed),
        )
        return f"{said}. {more}"
    return said


def headings(listed: ClassList, kind: Kind) -> list[str]:
    """Return the headings of the list."""
    risk = [kind.chance_heading, _("Why")] if listed.knows_risk else []
    return [_("Row"), *listed.who, _("Predicted"), kind.range_heading, *risk]


def _table(listed: ClassList, students: list[Student], kind: Kind, n_helped: int) -> str:
    """Return the list as a table, which a phone shows as cards."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in headings(listed, kind))
    rows = "".join(_row(listed, student, kind, n_helped) for student in students)
    return f'<table class="students"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _row(listed: ClassList, student: Student, kind: Kind, n_helped: int) -> str:
    row, *who_and_rest = cells(listed, student, kind)
    n_who = len(listed.who)
    who, (prediction, *rest) = who_and_rest[:n_who], who_and_rest[n_who:]
    names = headings(listed, kind)
    html = [_cell(names[0], row, "line")]
    for i, text in enumerate(who):
        html.append(f'<th scope="row">{escape(text)}</th>' if i == 0 else _cell(names[1 + i], text))
    tags = "".join(
        f' <span class="tag {style}">{escape(text)}</span>'
        for style, text in tags_of(student, n_helped)
    )
    called = escape(names[1 + n_who])
    html.append(f'<td data-label="{called}"><strong>{escape(prediction)}</strong>{tags}</td>')
    for name, text in zip(names[2 + n_who :], rest, strict=True):
        html.append(_cell(name, text, "why" if name == _("Why") else ""))
    helped = ' class="helped"' if student.place < n_helped else ""
    return f"<tr{helped}>{''.join(html)}</tr>"


def _cell(label: str, text: str, style: str = "") -> str:
    classes = f' class="{style}"' if style else ""
    return f'<td{classes} data-label="{escape(label)}">{escape(text)}</td>'


def tags_of(student: Student, n_helped: int = 0) -> list[tuple[str, str]]:
    """Return the kinds and words of a student's tags."""
    tag = student.found["tag"]
    found = [(tag, _(TAGS[tag]))] if tag else []
    if student.found["doubts"] and tag != UNCERTAIN:
        found.append((UNCERTAIN, _(TAGS[UNCERTAIN])))
    if student.place < n_helped:
        found.append(("help", _("Help")))
    return found


def cells(listed: ClassList, student: Student, kind: Kind) -> list[str]:
    """Return what the list says of a student, in the order of :func:`headings`."""
    found = student.found
    said = [str(found["line"]), *student.who, *kind.cells(student.row)]
    if not listed.knows_risk:
        return said
    chance = found["chance"]
    why = [*reasons(found, listed.fields, kind), *doubts(found, listed.fields)]
    return [*said, _("not known") if chance is None else percent(chance), "; ".join(why)]


def reasons(found: Json, fields: dict[str, Json], kind: Kind) -> list[str]:
    """Return the answers that pull a student most towards risk; none where nobody looked."""
    decimals = int(kind.reason_format.partition(".")[2].rstrip("f"))
    return [
        _(
            "%(label)s %(value)s:\N{NO-BREAK SPACE}%(adds)s",
            label=label_of(fields[one["feature"]]),
            value=_value(one["value"]),
            adds=number(one["adds"], kind.reason_format),
        )
        for one in found["reasons"] or []
        if round(one["adds"], decimals)
    ]


def doubts(found: Json, fields: dict[str, Json]) -> list[str]:
    """Return what the model knows little of."""
    return [_doubt(label_of(fields[one["feature"]]), one["value"]) for one in found["doubts"]]


def _doubt(label: str, value: Any) -> str:
    if value is None:
        return _("%(label)s is blank", label=label)
    if isinstance(value, str):
        return _("%(label)s was not seen in training", label=label)
    return _("%(label)s %(value)s is beyond what training saw", label=label, value=_value(value))


def _value(value: Any) -> str:
    if value is None:
        return not_known()
    return value if isinstance(value, str) else number(value, ",g")
