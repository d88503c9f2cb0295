"""What is said of a file's rows and cells, in the language of whoever looks.

Rows are scored in English: files for programs, and the API, read alike whoever asks. From what is
kept of a file, or stands in it, the same is said here again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

from src.components.data_validation import NO_VALUE
from src.language import ENGLISH, current
from src.language import gettext as _
from src.schema.features import (
    CategoricalFeature,
    Checked,
    Feature,
    NumericFeature,
    shown_number,
)
from src.schema.form_words import check_answer
from src.schema.record import Schema
from src.serving.summary import NamedCell
from src.tables.cells import MISSING_MARKS, clean, shorten
from src.tables.layout import MALFORMED
from src.tables.row_kinds import BLANK, NO_PUPIL

MOST_OFFERED = 40  # categories in a list to choose from; of more, the text is asked for
OF_ROWS = (BLANK, *NO_PUPIL.values(), NO_VALUE, *MALFORMED)
_FIELD = re.compile(r"%\\\((\w+)\\\)s")
_ROW = re.compile(r"Row (\d+): (.*)", re.DOTALL)


def of_row(english: str) -> str:
    """Return what is said of a whole row, from the English that was kept of it; empty if another.

    Examples
    --------
    >>> of_row("The row is empty: it is left out."), of_row("age is missing.")
    ('The row is empty: it is left out.', '')
    """
    for message in OF_ROWS:
        found = _pattern(message).fullmatch(english)
        if found:
            return _(message) % found.groupdict()
    return ""


@cache
def _pattern(message: str) -> re.Pattern[str]:
    return re.compile(_FIELD.sub(r"(?P<\1>.+)", re.escape(message)))


def of_named(cell: NamedCell, schema: Schema) -> str:
    """Return what is wrong with a cell, or a whole row, that a page names."""
    if current() == ENGLISH:
        return cell.message
    feature = next((one for one in schema.asked if one.name == cell.field), None)
    if feature is None or cell.position < 0:
        return of_row(cell.message) or cell.message
    return of_wrong_cell(feature, schema.headings[cell.field], cell.got)


def of_line(line: int, text: str) -> str:
    """Return what is said of a row with its line in the file."""
    return _("Row %(line)s: %(message)s", line=line, message=text)


def of_wrong_cell(feature: Feature, heading: str, cell: str, *, suggest: bool = False) -> str:
    """Return what to do about a cell that is refused."""
    marked = isinstance(feature, NumericFeature) and clean(cell).lower() in MISSING_MARKS
    called = replace(feature, label=heading)
    said = check_answer(called, "" if marked else cell, suggest=suggest).problem
    return said or _("%(label)s must be %(rule)s", label=heading, rule=feature.rule)


def offered(feature: Feature) -> tuple[str, ...]:
    """Return what a person can choose from; nothing where it is too much."""
    if isinstance(feature, CategoricalFeature) and len(feature.categories) <= MOST_OFFERED:
        return feature.categories
    return ()


def of_mended_cell(heading: str, cell: str, checked: Checked) -> str:
    """Return how a cell is read that was not written as training's cells are."""
    value = checked.value
    shown = shown_number(value) if isinstance(value, float) else repr(value)
    return _(
        "%(column)s: %(cell)s is read as %(value)s.",
        column=heading,
        cell=repr(shorten(cell)),
        value=shown,
    )


class RowWords:
    """Say of the rows of a file again what is wrong with them.

    Parameters
    ----------
    positions : mapping of str to int
        Where each column of the schema stands in a row.
    decimal_comma, typed : bool
        See :class:`src.tables.layout.TableReader`.
    """

    def __init__(
        self,
        schema: Schema,
        positions: Mapping[str, int],
        *,
        decimal_comma: bool = False,
        typed: bool = False,
    ) -> None:
        self._schema, self._positions = schema, positions
        self._decimal_comma, self._typed = decimal_comma, typed

    def check(self, feature: Feature, cell: str) -> Checked:
        """Check a cell as it was checked when the file was scored."""
        marked = isinstance(feature, NumericFeature) and clean(cell).lower() in MISSING_MARKS
        return feature.check_cell(
            "" if marked else cell,
            decimal_comma=self._decimal_comma,
            typed=self._typed,
            suggest=False,
        )

    def problem(self, cells: Sequence[str], english: str, *, refused: bool) -> str:
        """Return what a file says in ``problem`` of a row, as it is said to people."""
        found = _ROW.fullmatch(english)
        if found is None or current() == ENGLISH:
            return english
        line, text = int(found[1]), found[2]
        return of_line(line, of_row(text) or self._of_cells(cells, refused=refused) or text)

    def _of_cells(self, cells: Sequence[str], *, refused: bool) -> str:
        wrong, mended, not_mended = [], [], []
        for feature in self._schema.asked:
            at = self._positions.get(feature.name, -1)
            if not 0 <= at < len(cells):
                continue
            heading, checked = self._schema.headings[feature.name], self.check(feature, cells[at])
            if checked.problem:
                wrong.append(of_wrong_cell(feature, heading, cells[at], suggest=True))
            elif checked.mended:
                mended.append(of_mended_cell(heading, cells[at], checked))
                not_mended.append(of_wrong_cell(feature, heading, cells[at]))
        # A row in which nothing is wrong was refused since somebody took back what was mended.
        return "; ".join(wrong or (not_mended if refused else mended))
