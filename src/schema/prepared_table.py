"""A training table with each column's cells written in one way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from src.tables.cells import MISSING_MARKS, clean, format_number, parse_number
from src.tables.layout import Table

if TYPE_CHECKING:
    from src.tables.profile import ColumnProfile


def plain_numbers(column: ColumnProfile) -> dict[str, str]:
    """Return how a numeric column's cells are written plainly, by cell; words become missing."""
    if column.numbers.as_written:
        return dict.fromkeys(column.said.missing, "")
    changed: dict[str, str] = {}
    decimal_comma = column.evidence.decimal_comma
    for cell, value in zip(column.cells, column.numbers.values.tolist(), strict=True):
        if value != value:
            if cell.lower() not in MISSING_MARKS and not any(map(str.isdigit, cell)):
                changed[cell] = ""
        elif parse_number(cell, decimal_comma=decimal_comma) != value:
            text = format_number(value)
            changed[cell] = text.replace(".", ",") if decimal_comma else text
    return changed | dict.fromkeys(column.said.missing, "")


def rewritten(cell: str, rewriting: Mapping[str, str]) -> str | None:
    """Return how a cell is written otherwise; None where it stays as it is."""
    return rewriting[cell] if cell in rewriting else rewriting.get(clean(cell))


def rewrite(table: Table, rewritings: Mapping[int, Mapping[str, str]]) -> Table:
    """Return a table whose columns, by position, have some cleaned cells written otherwise."""
    columns: dict[int, list[str]] = {}
    for position, rewriting in rewritings.items():
        cells = table.column(position)
        written = ((cell, rewritten(cell, rewriting)) for cell in set(cells))
        changed = {cell: cell if text is None else text for cell, text in written}
        if any(cell != text for cell, text in changed.items()):
            columns[position] = [changed[cell] for cell in cells]
    rows = [row[:] for row in table.rows] if columns else table.rows
    for position, cells in columns.items():
        for row, cell in zip(rows, cells, strict=True):
            row[position] = cell
    return replace(table, rows=rows)
