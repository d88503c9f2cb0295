"""From what a person sends on the page of a file to the order by which it is scored again."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from src.exception import DataValidationError, Problem
from src.schema.features import CategoricalFeature, Feature
from src.schema.record import Schema
from src.serving.scoring import CELL_CHARACTERS
from src.serving.summary import NamedCell, Summary
from src.tables.cells import clean, match_key, shorten
from src.web.batch.service import read_pass_mark
from src.web.batch.workspace import Edit, Order

MOST_HELPED = 100_000
MOST_OFFERED = 40  # categories in a list to choose from; of more, the text is asked for
LEAST_LIKE = 0.6  # of two headers, for one to be offered for the other
ALL = "all"


class AskedCell(NamedTuple):
    """A cell that is asked about: what to say, and what can be chosen or is suggested."""

    cell: NamedCell
    key: str
    label: str
    message: str
    suggestion: str
    options: tuple[str, ...]


class AskedColumn(NamedTuple):
    """A column that the model needs and the file calls otherwise, or lacks."""

    name: str
    label: str
    suggested: int
    suggestion: str


def ask(cells: Sequence[NamedCell], schema: Schema) -> list[AskedCell]:
    """Return the wrong cells of a file as questions."""
    features = {feature.name: feature for feature in schema.asked}
    found = []
    for cell in cells:
        feature = features.get(cell.field)
        if feature is None or cell.position < 0:
            found.append(AskedCell(cell, "", "", cell.message, "", ()))
            continue
        label = schema.headings[cell.field]
        options: tuple[str, ...] = ()
        if isinstance(feature, CategoricalFeature) and len(feature.categories) <= MOST_OFFERED:
            options = feature.categories
        if options or not clean(cell.got):
            said = f"{'Select' if options else 'Enter'} the {_in_a_sentence(label)}."
        else:
            said = f"{label} must be {feature.rule}."
        suggestion = suggested(cell, feature)
        found.append(AskedCell(cell, _key(cell), label, said, suggestion, options))
    return found


def _in_a_sentence(label: str) -> str:
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def suggested(cell: NamedCell, feature: Feature) -> str:
    """Return what a wrong cell may mean; empty where nothing is near."""
    return feature.suggestion(cell.got) if isinstance(feature, CategoricalFeature) else ""


def ask_columns(
    schema: Schema, header: Sequence[str], found: Mapping[str, int]
) -> list[AskedColumn]:
    """Return the columns that are missing, each with the file's column that looks most like it."""
    missing = [name for name in schema.names if name not in found]
    free = free_columns(header, found)
    likeness = sorted(
        (
            (_likeness(header[at], (schema.headings[name], name)), -at, name)
            for name in missing
            for at in free
        ),
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
        )
        for name in missing
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
        for name in schema.names
        if form.get(f"column-{name}", "").isdecimal()
    }
    order = replace(order, columns=order.columns | columns)
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
        message = "How many you can help must be a whole number, 1 or more."
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
