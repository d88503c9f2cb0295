"""Tables of the same columns, one below the other: a school's terms, a file each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from src.tables.cells import clean, format_number, match_key, parse_number
from src.tables.layout import Table

OWN_ROWS = 0.95  # of a table's rows: from here on, its cells say which row is whose


def join_tables(tables: Sequence[Table]) -> tuple[Table, list[int]]:
    """Return some tables as one, and from which line on each stands in it.

    Columns go by their names, in the first table's order; those that not every table has are left
    out. Lines count on from table to table.

    Parameters
    ----------
    tables : sequence of Table
        One or more.

    Examples
    --------
    >>> old = Table(lines=[2], rows=[["7", "x"]], header=["score", "note"])
    >>> new = Table(lines=[2], rows=[["8,5"]], header=["Score"], decimal_comma=True)
    >>> found, starts = join_tables([old, new])
    >>> found.header, found.rows, found.lines, starts
    (['score'], [['7'], ['8.5']], [2, 4], [0, 2])
    """
    if len(tables) == 1:
        return tables[0], [0]
    keys = [[match_key(name) for name in table.header] for table in tables]
    shared = [key for key in keys[0] if key and all(key in others for others in keys[1:])]
    found = Table(
        header=[tables[0].header[keys[0].index(key)] for key in shared],
        delimiter=tables[0].delimiter,
        typed=all(table.typed for table in tables),
        notes=replace(tables[0].notes, merged={}, formulas={}),
    )
    starts, last = [], 0
    for table, names in zip(tables, keys, strict=True):
        places, before = [names.index(key) for key in shared], len(found.rows)
        rows = map(_with_points, table.rows) if table.decimal_comma else table.rows
        found.rows += [[row[place] for place in places] for row in rows]
        found.lines += [last + line for line in table.lines]
        for position, problem in table.malformed.items():
            line = last + (problem.row or 0)
            found.malformed[before + position] = replace(problem, row=line)
        starts.append(last)
        last = max([last, *found.lines])
    return found, starts


def columns_left_out(tables: Sequence[Table]) -> list[str]:
    """Return the columns that some of the tables lack.

    Examples
    --------
    >>> columns_left_out([Table(header=["a", "b"]), Table(header=["B", "c"])])
    ['a', 'c']
    """
    keys = [{match_key(name) for name in table.header} for table in tables]
    found: dict[str, str] = {}
    for table in tables:
        for name in table.header:
            if not all(match_key(name) in others for others in keys):
                found.setdefault(match_key(name), name)
    return [name for name in found.values() if name]


def rows_seen(earlier: Table, later: Table) -> list[int]:
    """Return which rows of the later table the earlier one has, cell by cell.

    None where the earlier table's own rows are alike, so that the same cells do not mean the same
    pupil.
    """
    keys = [match_key(name) for name in earlier.header]
    places = [i for i, name in enumerate(later.header) if match_key(name) in keys]
    of_earlier = [keys.index(match_key(later.header[i])) for i in places]
    known = [tuple(clean(row[i]) for i in of_earlier) for row in earlier.rows]
    distinct = set(known)
    if len(distinct) < OWN_ROWS * len(known):
        return []
    return [
        i
        for i, row in enumerate(later.rows)
        if tuple(clean(row[place]) for place in places) in distinct
    ]


def _with_points(row: Sequence[str]) -> list[str]:
    """Return cells whose numbers have a decimal point in place of a comma."""
    cells = []
    for cell in row:
        number = parse_number(cell, decimal_comma=True) if "," in cell else None
        cells.append(cell if number is None else format_number(number))
    return cells
