"""From what a person sends on the page of a file to the order by which it is scored again."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from src.exception import DataValidationError, Problem
from src.language import gettext as _
from src.language import ngettext
from src.report.wording import listed
from src.schema.features import CategoricalFeature, Feature
from src.schema.record import Schema
from src.serving.row_words import of_row, of_wrong_cell, offered
from src.serving.scoring import CELL_CHARACTERS
from src.serving.summary import NamedCell, Summary
from src.tables.cells import match_key, shorten
from src.web.batch.service import read_pass_mark
from src.web.batch.workspace import Edit, Order

MOST_HELPED = 100_000
LEAST_LIKE = 0.6  # of two headers, for one to be offered for the other
ALL = "all"


class AskedCell(NamedTuple):
    """A cell that is asked about: what to say, and what can be chosen or is suggested."""

    cell: NamedCell
    key: str
    label: str
    message: str
    suggestion: str
    options: list[tuple[str, str]]


class AskedColumn(NamedTuple):
    """A column that the model needs, or may use, and that the file calls otherwise or lacks.

    Attributes
    ----------
    suggested : int
        Where the file's column stands that looks most like it; -1 where none does.
    suggestion : str
        What that is called.
    """

    name: str
    label: str
    suggested: int
    suggestion: str
    optional: bool = False


class Message(NamedTuple):
    """What is said of all columns together, and where on the page they stand."""

    text: str
    anchor: str


def ask(cells: Sequence[NamedCell], schema: Schema) -> list[AskedCell]:
    """Return the wrong cells of a file as questions."""
    features = {feature.name: feature for feature in schema.asked}
    found = []
    for cell in cells:
        feature = features.get(cell.field)
        if feature is None or cell.position < 0:
            found.append(AskedCell(cell, "", "", of_row(cell.message) or cell.message, "", []))
            continue
        label = schema.headings[cell.field]
        said = of_wrong_cell(feature, label, cell.got)
        suggestion = suggested(cell, feature)
        options: list[tuple[str, str]] = []
        if isinstance(feature, CategoricalFeature):
            options = [(one, feature.word(one)) for one in offered(feature)]
            suggestion = suggestion and feature.word(suggestion)
        found.append(AskedCell(cell, _key(cell), label, said, suggestion, options))
    return found


def suggested(cell: NamedCell, feature: Feature) -> str:
    """Return what a wrong cell may mean; empty where nothing is near."""
    return feature.suggestion(cell.got) if isinstance(feature, CategoricalFeature) else ""


def ask_columns(
    schema: Schema, header: Sequence[str], found: Mapping[str, int]
) -> list[AskedColumn]:
    """Return the columns that are missing, each with the file's column that looks most like it.

    The groups' column is among them too, as one that a file may lack.
    """
    missing = [one.name for one in schema.asked if one.name not in found]
    free = free_columns(header, found)
    called = {
        one.name: (schema.headings[one.name], one.name, *one.synonyms) for one in schema.asked
    }
    likeness = sorted(
        ((_likeness(header[at], called[name]), -at, name) for name in missing for at in free),
        reverse=True,
    )
    chosen: dict[str, int] = {}
    for score, minus_at, name in likeness:
        if score >= LEAST_LIKE and name not in chosen and -minus_at not in chosen.values():
            chosen[name] = -minus_at
    return [
        AskedColumn(
            name,
            schema.headings[name],
            chosen.get(name, -1),
            header[chosen[name]] if name in chosen else "",
            optional=name not in schema.names,
        )
        for name in missing
    ]


def message_of(asked: Sequence[AskedColumn], header: Sequence[str]) -> Message:
    """Return what to do about all missing columns, in one sentence."""
    keys = Counter(map(match_key, header))
    for one in asked:
        n_times = keys[match_key(one.suggestion)]
        if one.suggestion and n_times > 1:
            text = _("Your file has ‘%(column)s’ %(n)s times: which one is it?")
            return Message(text % {"column": one.suggestion, "n": n_times}, _anchor(one))
    alike = [one for one in asked if one.suggestion]
    if not alike:
        labels = [f"‘{one.label}’" for one in asked if not one.optional]
        text = ngettext(
            "Select your column for %(columns)s.",
            "Select your columns for %(columns)s.",
            len(labels),
            columns=listed(labels),
        )
        return Message(text, _anchor(asked[0]))
    if len(alike) == 1:
        text = looks_like(alike[0])
    else:
        text = _(
            "Your %(yours)s look like our %(ours)s: use them?",
            yours=listed(f"‘{one.suggestion}’" for one in alike),
            ours=listed(f"‘{one.label}’" for one in alike),
        )
    return Message(text, _anchor(alike[0]))


def ask_school(schema: Schema, summary: Summary, order: Order) -> AskedColumn | None:
    """Return the question which column tells the groups, such as schools; None if it is known."""
    if schema.group is None or not summary.school_choices:
        return None
    label = schema.headings[schema.group.name]
    names = (label, schema.group.name, *schema.group.synonyms)
    at = order.columns.get(schema.group.name, -1)
    score, minus_at, near = max(
        (_likeness(name, names), -at, name) for at, name in summary.school_choices
    )
    if at >= 0 or score < LEAST_LIKE:
        return AskedColumn(schema.group.name, label, at, "", optional=True)
    return AskedColumn(schema.group.name, label, -minus_at, near, optional=True)


def looks_like(one: AskedColumn) -> str:
    """Return the question whether a column of the file is one of the model's."""
    return _(
        "Your ‘%(yours)s’ looks like our ‘%(ours)s’: use it?",
        yours=one.suggestion,
        ours=one.label,
    )


def _anchor(column: AskedColumn) -> str:
    return f"column-{column.name}"


def choices(header: Sequence[str], free: Sequence[int]) -> list[tuple[int, str]]:
    """Return columns to choose from, with their numbers where several are called alike."""
    n_called = Counter(match_key(header[at]) for at in free)
    return [
        (
            at,
            _("%(name)s (column %(n)s)", name=header[at], n=at + 1)
            if n_called[match_key(header[at])] > 1
            else header[at],
        )
        for at in free
    ]


def free_columns(header: Sequence[str], found: Mapping[str, int]) -> list[int]:
    """Return the columns of a file that are of no feature yet."""
    taken = set(found.values())
    return [at for at, name in enumerate(header) if name and at not in taken]


def _likeness(header: str, names: Sequence[str]) -> float:
    own = match_key(header)
    words = set(own.split("_"))
    best = 0.0
    for name in names:
        key = match_key(name)
        others = set(key.split("_"))
        share = 0.9 if words <= others or others <= words else 0.0
        best = max(best, share, difflib.SequenceMatcher(None, own, key).ratio())
    return best


def changed_order(
    order: Order, form: Mapping[str, str], summary: Summary | None, schema: Schema
) -> Order:
    """Return an order with what a form changes: mark, help, sheet, columns and cells.

    Parameters
    ----------
    summary : Summary or None
        What came of the order so far; None where the file was refused.

    Raises
    ------
    DataValidationError
        If the pass mark or the number of students is none.
    """
    if "pass_mark" in form:
        order = replace(order, pass_mark=read_pass_mark(form["pass_mark"], schema.target))
    if "n_helped" in form:
        order = replace(order, n_helped=read_n_helped(form["n_helped"]))
    if "sheet" in form:  # an empty name stands for all; cells of another sheet are others
        order = replace(
            order,
            sheet=form["sheet"] or None,
            all_sheets=not form["sheet"],
            edits=(),
            as_written=(),
            columns={},
        )
    columns = {
        name: int(form[f"column-{name}"])
        for name in (one.name for one in schema.asked)
        if form.get(f"column-{name}", "").isdecimal()
    }
    order = replace(order, columns=order.columns | columns)
    if schema.group and form.get(f"column-{schema.group.name}") == "":  # none of the file's
        order.columns.pop(schema.group.name, None)
    return order if summary is None else _with_cells(order, form, summary, schema)


def read_n_helped(text: str) -> int | None:
    """Return how many students there is help for; None where nobody says.

    Raises
    ------
    DataValidationError
        If it is no whole number above 0.
    """
    plain = text.strip()
    if not plain:
        return None
    if not plain.isdecimal() or not 0 < int(plain[:9]) <= MOST_HELPED:
        message = _("How many you can help must be a whole number, 1 or more.")
        raise DataValidationError(problems=[Problem(message, "n_helped", got=shorten(plain))])
    return int(plain)


def _with_cells(order: Order, form: Mapping[str, str], summary: Summary, schema: Schema) -> Order:
    """Return the order with the cells that were entered, accepted or given back."""
    edits = {(edit.number, edit.position): edit for edit in order.edits}
    as_written = set(order.as_written)
    features = {feature.name: feature for feature in schema.asked}
    accepted = form.get("accept", "")
    for cell in summary.wrong:
        if cell.position < 0:
            continue
        text = form.get(f"cell-{_key(cell)}", cell.got)[:CELL_CHARACTERS]
        if accepted in (_key(cell), ALL) and text == cell.got:
            text = suggested(cell, features[cell.field]) or text
        if text != cell.got:
            edits[_place(cell)] = Edit(*_place(cell), text, cell.line, cell.field)
            as_written.discard(_place(cell))
    undone = form.get("undo", "")
    for cell in summary.mended_cells:
        if undone in (_key(cell), ALL):
            as_written.add(_place(cell))
    edits = {
        place: edit
        for place, edit in edits.items()
        if undone not in (f"{place[0]}-{place[1]}", ALL)
    }
    return replace(order, edits=tuple(edits.values()), as_written=tuple(sorted(as_written)))


def _place(cell: NamedCell) -> tuple[int, int]:
    return cell.number, cell.position


def _key(cell: NamedCell) -> str:
    return f"{cell.number}-{cell.position}"
