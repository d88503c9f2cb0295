"""The file that a teacher gets back: theirs, with our columns behind, as it came.

``python -m src.web.batch.class_file`` reads a title and rows as JSON and writes a workbook.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from src.language import gettext as _
from src.report.wording import sensible_decimals
from src.schema.record import Schema
from src.serving.listed_reasons import Reasons
from src.serving.row_words import RowWords
from src.serving.scorers import OutcomeScorer, Scorer, free_names
from src.serving.scoring import PROBLEM
from src.serving.summary import (
    AT_RISK,
    BORDERLINE,
    CHANCE,
    HALF,
    HIGH,
    LOW,
    PREDICTION,
    SET,
    ListedRow,
    OutcomeSummary,
    Summary,
)
from src.tables.cells import format_number, parse_number
from src.tables.writer import restore, write_rows
from src.web.batch.listing import doubts_text, reasons_text
from src.web.batch.template import NOT_XML, made_by_process, sheet_name
from src.web.batch.workspace import Job

RISK, SHOWN_CHANCE, REASONS = "at_risk", "chance", "reasons"
UNCERTAIN = "uncertain"


def class_rows(job: Job, summary: Summary, scorer: Scorer, reasons: Reasons) -> Iterator[list[str]]:
    """Yield the header and the rows of a file that was scored, ours rounded for people.

    The columns are called alike in every language; what is said in them is in the reader's.
    """
    listed = {row.number: row for row in summary.rows}
    ours = [*scorer.columns, PROBLEM]
    with job.predictions.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        n_own = len(header) - len(ours)
        shown = _Shown(summary, scorer)
        words = row_words(job, summary, scorer.predictor.schema, header[:n_own])
        yield [*header[:n_own], *free_names(shown.columns, header[:n_own])]
        for number, row in enumerate(rows, start=1):
            own = [restore(cell) for cell in row[:n_own]]
            scored = dict(zip(ours, row[n_own:], strict=True))
            scored[PROBLEM] = words.problem(
                own, restore(scored[PROBLEM]), refused=not scored[PREDICTION]
            )
            yield [*own, *shown.cells(scored, listed.get(number), reasons)]


def rows_to_fix(job: Job, summary: Summary, schema: Schema) -> Iterator[list[str]]:
    """Yield the header and the rows that were refused, with what is wrong in the reader's words."""
    with job.to_fix.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        words = row_words(job, summary, schema, header[:-1])
        yield header
        for row in rows:
            *own, problem = map(restore, row)
            yield [*own, words.problem(own, problem, refused=True)]


def row_words(job: Job, summary: Summary, schema: Schema, header: Sequence[str]) -> RowWords:
    """Return what says again what is wrong with the rows of a file that was scored."""
    positions = schema.locate(header, job.read_order().columns)
    return RowWords(
        schema, positions, decimal_comma=summary.decimal_comma, typed=not summary.delimiter
    )


class _Shown:
    """Our columns of the class file."""

    def __init__(self, summary: Summary, scorer: Scorer) -> None:
        self._summary, self._schema = summary, scorer.predictor.schema
        self._risk = summary.knows_risk
        self._events = []
        if isinstance(scorer, OutcomeScorer):
            codes = scorer.predictor.schema.outcomes.event
            self._events = [scorer.chance_columns[code] for code in codes]
        self._numbers = [name for name in (LOW, HIGH) if name in scorer.columns]
        self._sets = [SET] if SET in scorer.columns else []
        outcomes = isinstance(summary, OutcomeSummary)
        self._decimals = 0 if outcomes else sensible_decimals(summary.target)

    @property
    def columns(self) -> list[str]:
        risk = [RISK, SHOWN_CHANCE] if self._risk else []
        reasons = [REASONS] if self._risk else []
        return [PREDICTION, *self._numbers, *self._sets, *risk, *reasons, UNCERTAIN, PROBLEM]

    def cells(self, scored: dict[str, str], row: ListedRow | None, reasons: Reasons) -> list[str]:
        found = [self._rounded(scored[PREDICTION])]
        found += [self._rounded(scored[name]) for name in self._numbers]
        found += [scored[name] for name in self._sets]
        if self._risk:
            found += [*self._of_risk(scored, row), self._reasons(row, reasons)]
        doubts = doubts_text(row, self._schema) if row else ""
        return [*found, doubts, scored[PROBLEM]]

    def _reasons(self, row: ListedRow | None, reasons: Reasons) -> str:
        return reasons_text(self._summary, row, self._schema, reasons) if row else ""

    def _of_risk(self, scored: dict[str, str], row: ListedRow | None) -> tuple[str, str]:
        if not scored[PREDICTION]:
            return "", ""
        texts = [scored[name] for name in self._events or [CHANCE]]
        known = all(texts) and (row is None or row.score.chance is not None)
        chance = sum(map(float, texts)) if known else None
        shown = "" if chance is None else format_number(round(chance, 2))
        if row is None:  # of a very long file, those least at risk
            return ("yes" if chance is not None and chance >= HALF else "no"), shown
        return {AT_RISK: "yes", BORDERLINE: "borderline"}.get(row.tier, "no"), shown

    def _rounded(self, text: str) -> str:
        value = parse_number(text)
        if value is None or isinstance(self._summary, OutcomeSummary):
            return text
        return format_number(round(value, self._decimals))


def as_csv(rows: Iterator[list[str]], n_ours: int, delimiter: str, *, decimal_comma: bool) -> bytes:
    """Return rows as a text file with a separator and a decimal mark.

    Parameters
    ----------
    n_ours : int
        Columns at the end whose numbers get the decimal mark; the others are as they came.
    """
    file = io.StringIO()
    if decimal_comma:
        rows = (_with_commas(row, n_ours) for row in rows)
    write_rows(file, rows, delimiter)
    return ("\ufeff" + file.getvalue()).encode()


def _with_commas(row: list[str], n_ours: int) -> list[str]:
    own, ours = row[:-n_ours], row[-n_ours:]
    return [*own, *(t.replace(".", ",") if parse_number(t) is not None else t for t in ours)]


def as_workbook(rows: Iterator[list[str]]) -> bytes:
    """Return rows as a workbook, made by a process of its own: openpyxl takes memory."""
    asked = {"title": sheet_name(_("Results")), "rows": list(rows)}
    return made_by_process("src.web.batch.class_file", json.dumps(asked).encode())


def write_class_workbook(title: str, rows: Sequence[Sequence[str]], file: Any) -> None:
    """Write rows of texts; what spells a number exactly becomes one."""
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook()
    sheet = book.active
    sheet.title = title
    for n, row in enumerate(rows, start=1):
        for i, text in enumerate(row, start=1):
            if not text:
                continue
            value = parse_number(text)
            exact = value is not None and format_number(value) == text
            cell = sheet.cell(n, i, value if exact else NOT_XML.sub("", text))
            if not exact:
                cell.data_type = "s"  # "=1" is a text here, not a formula
            cell.font = Font(bold=n == 1)
    for column in sheet.iter_cols():
        longest = max(len(str(cell.value or "")) for cell in column)
        sheet.column_dimensions[column[0].column_letter].width = min(60, longest + 2)
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    book.save(file)


def n_ours(summary: Summary, scorer: Scorer) -> int:
    """Return how many columns are ours."""
    return len(_Shown(summary, scorer).columns)


if __name__ == "__main__":
    content = io.BytesIO()
    write_class_workbook(**json.load(sys.stdin.buffer), file=content)
    sys.stdout.buffer.write(content.getvalue())
