"""Tables out: CSV that no spreadsheet takes for formulas, and that is read back as it was."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import IO

_SPREADSHEET_NUMBER = re.compile(r"[+-]?[\d.,]+(?:[eE][+-]?\d+)?%?|-+", re.ASCII)
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")
_MARKED_FORMULA = re.compile(rf"'+[{re.escape(''.join(_FORMULA_STARTS))}]")
_NEEDS_QUOTES = re.compile(r'["\r\n]')
# A cell that may be a formula, the line having a comma before its first; -3.5 is none.
_FORMULA_INSIDE = re.compile(
    rf",(?:[{re.escape(''.join(_FORMULA_STARTS).replace('-', ''))}]|-(?!\d+(?:\.\d+)?(?:,|\Z)))",
    re.ASCII,
)


def neutralise(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; numbers and dashes stay as they are.

    Examples
    --------
    >>> neutralise("=1+1"), neutralise("-3.5"), neutralise("@x"), neutralise("'@x")
    ("'=1+1", '-3.5', "'@x", "''@x")

    References
    ----------
    OWASP, "CSV Injection".
    """
    return "'" + cell if _may_run(cell) else cell


def restore(cell: str) -> str:
    """Return the cell that :func:`neutralise` was given.

    Examples
    --------
    >>> restore("'=1+1"), restore("'-3.5"), restore("''@x"), restore("'tis")
    ('=1+1', "'-3.5", "'@x", "'tis")
    """
    return cell[1:] if cell.startswith("'") and _may_run(cell) else cell


def _may_run(cell: str) -> bool:
    """Whether a cell is a formula to a spreadsheet, or is one that was marked as none."""
    marked = cell[:1] == "'" and _MARKED_FORMULA.match(cell)
    if not (marked or cell.startswith(_FORMULA_STARTS)):
        return False
    return not _SPREADSHEET_NUMBER.fullmatch(cell.lstrip("'"))


def write_rows(file: IO[str], rows: Iterable[Iterable[str]], delimiter: str = ",") -> None:
    """Write rows of text cells as CSV."""
    file.writelines(csv_line(row, delimiter) for row in rows)


def csv_line(row: Iterable[str], delimiter: str = ",") -> str:
    """Return a row of text cells as CSV (RFC 4180, line feeds), each cell neutralised."""
    cells = list(row)
    line = ",".join(cells)
    if delimiter != "," or not _is_plain(line, len(cells)):
        line = delimiter.join(csv_cell(cell, delimiter) for cell in cells)
    return (line or '""') + "\n"  # an empty line is no row


def csv_cell(cell: str, delimiter: str = ",") -> str:
    """Return a cell as CSV, neutralised."""
    return _quote(neutralise(cell), delimiter) if cell else ""


def _is_plain(line: str, n_cells: int) -> bool:
    """Whether no cell of a line needs quotes or looks like a formula."""
    return not (
        '"' in line
        or "\n" in line
        or "\r" in line
        or line.count(",") >= n_cells
        or _FORMULA_INSIDE.search(f",{line}")
        or line.startswith("'")
        or ",'" in line
    )


def _quote(cell: str, delimiter: str) -> str:
    # Python 3.11's csv.writer leaves a carriage return bare, which readers take for a line's end.
    needed = delimiter in cell or _NEEDS_QUOTES.search(cell)
    return '"' + cell.replace('"', '""') + '"' if needed else cell
