"""The list of students as it is asked for: sorted, filtered, searched, a page of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from src.language import gettext as _
from src.language import mark, ngettext, pgettext
from src.report.wording import number, sensible_decimals, signed
from src.schema.features import NumericFeature, Value
from src.schema.record import Schema
from src.serving.listed_reasons import Reasons
from src.serving.summary import AT_RISK, BORDERLINE, UNCERTAIN, ListedRow, OutcomeSummary, Summary
from src.tables.look_alike import fold
from src.web.batch.view import named, score_headings, score_texts
from src.web.pages.reasons import answer_text

PAGE_ROWS = 100
RISK, ROW, PREDICTION, CHANCE = "risk", "row", "prediction", "chance"
WHO = "column"  # of the file's own columns: this and its place
OTHER_REASONS = mark("See their own page")
FEW = 12  # students among whom nobody needs to search


@dataclass(frozen=True)
class Wish:
    """How somebody wants to see the list.

    Attributes
    ----------
    sort : str
        :data:`RISK`, :data:`ROW`, :data:`PREDICTION`, :data:`CHANCE`, or ``column0`` and so on.
    down : bool
        Whether the largest come first.
    only_risk : bool
    page : int
        From 1.
    search : str
        Part of a name.
    """

    sort: str = RISK
    down: bool = False
    only_risk: bool = False
    page: int = 1
    search: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, str], search: str = "") -> Wish:
        """Return what the query of an address asks for; what it says wrongly counts as not said."""
        page = asked.get("page", "")
        return cls(
            asked.get("sort", RISK),
            asked.get("order") == "down",
            asked.get("show") == RISK,
            int(page) if page.isdecimal() and 0 < len(page) < 6 else 1,
            search,
        )

    def query(self, **changed: Any) -> dict[str, str]:
        """Return the query of an address that asks for it, with some changes."""
        wish = {**vars(self), "page": 1, **changed}
        said = {
            "sort": wish["sort"] if wish["sort"] != RISK else "",
            "order": "down" if wish["down"] else "",
            "show": RISK if wish["only_risk"] else "",
            "page": str(wish["page"]) if wish["page"] > 1 else "",
        }
        return {name: text for name, text in said.items() if text}


class Row(NamedTuple):
    """A student in the list; texts are empty where nothing is known.

    Attributes
    ----------
    tags : list of (str, str)
        A kind, for the style, and what is said.
    unexplained : str
        What stands in place of reasons that lie in no answer of the list.
    doubts : str
        What the model knows little of.
    """

    number: int
    line: int
    cells: list[str]
    prediction: str
    range: str
    chance: str
    tags: list[tuple[str, str]]
    reasons: str
    unexplained: str
    doubts: str
    helped: bool


class Heading(NamedTuple):
    """Of a column: the query that sorts by it, and how it is sorted now."""

    label: str
    query: dict[str, str] | None = None
    sorted: str = ""


@dataclass(frozen=True)
class Listing:
    """A page of the list.

    Attributes
    ----------
    n_found : int
        Students that fit the filter and the search.
    pages : list of (int, dict)
        Number and query of each; empty where there is one.
    """

    wish: Wish
    headings: list[Heading]
    listed: list[ListedRow]
    n_found: int
    first: int
    pages: list[tuple[int, dict[str, str]]]


def selected(summary: Summary, wish: Wish) -> list[ListedRow]:
    """Return the students that a wish is for, in its order."""
    rows = summary.rows
    if wish.only_risk:
        rows = [row for row in rows if row.tier in (AT_RISK, BORDERLINE)]
    if wish.search:
        part = fold(wish.search)
        rows = [row for row in rows if any(part in fold(cell) for cell in row.cells)]
    key = _key(summary, wish.sort)
    return sorted(rows, key=key, reverse=wish.down) if key else rows[:: -1 if wish.down else 1]


def _key(summary: Summary, sort: str) -> Callable[[ListedRow], Any] | None:
    if sort == ROW:
        return lambda row: row.number
    if sort == PREDICTION:
        if isinstance(summary, OutcomeSummary):
            return lambda row: summary.target.categories.index(row.score.prediction)
        return lambda row: row.score.prediction
    if sort == CHANCE:
        return lambda row: -1.0 if row.score.chance is None else row.score.chance
    place = sort.removeprefix(WHO)
    if place.isdecimal() and int(place) < len(summary.shown_columns):
        return lambda row: fold(row.cells[int(place)])
    return None


def list_students(summary: Summary, rows: Sequence[ListedRow], wish: Wish) -> Listing:
    """Return a page of the students that were selected, without reasons."""
    n_pages = max(1, -(-len(rows) // PAGE_ROWS))
    page = min(wish.page, n_pages)
    first = (page - 1) * PAGE_ROWS
    listed = [*rows[first : first + PAGE_ROWS]]
    return Listing(
        wish,
        _headings(summary, wish),
        listed,
        len(rows),
        first,
        [(n + 1, wish.query(page=n + 1)) for n in range(n_pages)] if n_pages > 1 else [],
    )


def rows_of(
    summary: Summary,
    listed: Sequence[ListedRow],
    schema: Schema,
    reasons: Reasons,
    n_helped: int | None,
) -> list[Row]:
    """Return students in words."""
    helped = {row.number for row in summary.rows[: n_helped or 0]}
    return [_row(summary, row, schema, reasons, helped=row.number in helped) for row in listed]


def _row(
    summary: Summary, row: ListedRow, schema: Schema, reasons: Reasons, *, helped: bool
) -> Row:
    prediction, range_, chance = score_texts(summary, row.score)
    tags = [("risk", _("At risk"))] if row.tier == AT_RISK else []
    if row.tier == BORDERLINE:
        tags.append(("edge", _("Borderline")))
    if row.tier == UNCERTAIN or row.doubts:
        tags.append(("doubt", _("Uncertain")))
    if helped:
        tags.append(("help", pgettext("tag of a student", "Help")))
    said = reasons_text(summary, row, schema, reasons)
    looked_at = str(row.number) in reasons.of_rows
    return Row(
        row.number,
        row.line,
        row.cells,
        prediction,
        range_,
        chance,
        tags,
        said,
        _(OTHER_REASONS) if looked_at and not said else "",
        doubts_text(row, schema),
        helped,
    )


def reasons_text(summary: Summary, row: ListedRow, schema: Schema, reasons: Reasons) -> str:
    """Return the answers that pull a student most towards risk; empty where nobody looked."""
    decimals = 0
    if not isinstance(summary, OutcomeSummary):
        decimals = max(0, sensible_decimals(summary.target) - 1)
    values = schema.named(row.values)
    kinds = {feature.name: feature for feature in schema.asked}
    return "; ".join(
        f"{schema.headings[name]} {answer_text(values[name], kinds[name])}: "
        f"{signed(adds, decimals)}"
        for name, adds in reasons.of_rows.get(str(row.number), ())
        if round(adds, decimals)
    )


def doubts_text(row: ListedRow, schema: Schema) -> str:
    """Return what the model knows little of: blank answers, and values not seen in training."""
    if not row.doubts:
        return ""
    kinds = {feature.name: feature for feature in schema.asked}
    values = schema.named(row.values)
    return "; ".join(
        _doubt(schema.headings[name], values[name], kinds[name]) for name in row.doubts
    )


def _doubt(heading: str, value: Value, feature: Any) -> str:
    if value is None:
        return _("%(column)s is blank", column=heading)
    if isinstance(feature, NumericFeature):
        return _(
            "%(column)s %(value)s is beyond what training saw",
            column=heading,
            value=answer_text(value),
        )
    return _("%(column)s was not seen in training", column=heading)


def caption(listing: Listing, summary: Summary) -> str:
    """Return which students of how many the list shows, and in which order."""
    n_shown = len(listing.listed)
    if listing.pages:
        said = ngettext(
            "%(first)s to %(last)s of %(n)s student",
            "%(first)s to %(last)s of %(n)s students",
            listing.n_found,
            first=number(listing.first + 1),
            last=number(listing.first + n_shown),
        )
    else:
        n = summary.n_rows - summary.n_skipped
        said = ngettext(
            "%(shown)s of %(n)s student", "%(shown)s of %(n)s students", n, shown=number(n_shown)
        )
    phrases = [said]
    if listing.wish.sort == RISK and not listing.wish.down:
        phrases.append(_order(summary))
    if len(summary.rows) < summary.n_predicted:
        phrases.append(
            _(
                "the list holds the first %(n)s, the download all %(all)s",
                n=number(len(summary.rows)),
                all=number(summary.n_predicted),
            )
        )
    return ", ".join(phrases)


def _order(summary: Summary) -> str:
    if summary.knows_risk:
        by_chance = isinstance(summary, OutcomeSummary)
        return _("the largest chance first") if by_chance else _("those at risk first")
    return _("the lowest first") if summary.starts_with_need else _("by outcome")


def _headings(summary: Summary, wish: Wish) -> list[Heading]:
    prediction, range_, chance = score_headings(summary)
    found = [_heading(_("Row"), ROW, wish)]
    found += [_heading(name, f"{WHO}{i}", wish) for i, name in enumerate(summary.shown_columns)]
    found += [_heading(prediction, PREDICTION, wish), Heading(range_)]
    if chance:
        found.append(_heading(chance, CHANCE, wish, first_down=True))
    return found


def _heading(label: str, sort: str, wish: Wish, *, first_down: bool = False) -> Heading:
    here = wish.sort == sort
    down = not wish.down if here else first_down
    state = ("descending" if wish.down else "ascending") if here else ""
    return Heading(label, wish.query(sort=sort, down=down), state)


def next_one(summary: Summary, n_helped: int | None) -> str:
    """Return who comes next after those whom there is help for; empty where nobody does."""
    if not n_helped or n_helped >= len(summary.rows):
        return ""
    row = summary.rows[n_helped]
    return named(row.cells, row.line)
