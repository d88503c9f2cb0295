"""Score the rows of a table: for the command, the page and the API.

All three write the same columns and problems; :mod:`src.serving.scorers` says what stands in them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from itertools import islice
from typing import IO, Any

from src.components.data_validation import DataValidation, ValidatedTable
from src.exception import DataValidationError, Problem
from src.report.table_findings import message
from src.schema.findings import WARNING, Finding
from src.schema.record import Schema
from src.serving.scorers import Scorer, free_names
from src.serving.summary import Scores, ShownRow, Summary
from src.tables.cells import match_key, shorten
from src.tables.layout import Chunk, TableReader
from src.tables.writer import write_rows

PROBLEM = "problem"
CHUNK_ROWS = 1 << 13
HOPELESS_ROWS = 2 * CHUNK_ROWS  # if all of these are refused, the rest is not read
SHOWN_ROWS = 200
SHOWN_PROBLEMS = 200
PROBLEM_CHARACTERS = 1_000  # of a row; a row of many columns can have very many


def score_chunks(
    reader: TableReader, scorer: Scorer, output: IO[str], to_fix: IO[str]
) -> Iterator[tuple[Chunk, ValidatedTable, Scores]]:
    """Score every row of a table into CSV, in its place, and yield each chunk that was written.

    Parameters
    ----------
    scorer : Scorer
    output : text file
        Gets all rows: the cells as they were, the score's columns, and ``problem``: why there is
        no score, or what was mended; else empty.
    to_fix : text file
        Gets the refused rows alone with their problems, ready to be mended and sent again.

    Raises
    ------
    DataValidationError
        If the header lacks a column, or there is no row.
    """
    schema, header = scorer.predictor.schema, reader.header
    positions = _locate(reader, schema)
    validation = DataValidation(
        schema, decimal_comma=reader.decimal_comma, typed=reader.typed, header=header
    )
    kept = slice(_n_own_columns(header, positions))
    header = header[kept]
    write_rows(output, [[*header, *free_names([*scorer.columns, PROBLEM], header)]])
    write_rows(to_fix, [[*header, PROBLEM]])
    blank = [""] * len(scorer.columns)
    chunk = None
    for chunk in reader.chunks(CHUNK_ROWS):
        checked = validation.run(chunk, positions)
        scores = scorer.score(checked.columns)
        refused = {
            i: _problem_text(chunk.lines[i], problems) for i, problems in checked.refused.items()
        }
        wrong = refused | {i: str(problem) for i, problem in checked.skipped.items()}
        notes = {i: _problem_text(chunk.lines[i], found) for i, found in checked.notes.items()}
        texts = scorer.texts(scores)
        write_rows(
            output,
            (
                [*row[kept], *blank, wrong[i]]
                if i in wrong
                else [*row[kept], *next(texts), notes.get(i, "")]
                for i, row in enumerate(chunk.rows)
            ),
        )
        write_rows(to_fix, ([*chunk.rows[i][kept], text] for i, text in refused.items()))
        yield chunk, checked, scores
    if chunk is None:
        raise DataValidationError(f"{reader.name} holds a header and no row.")


def score_table(
    reader: TableReader,
    scorer: Scorer,
    output: IO[str],
    to_fix: IO[str],
    progress: Callable[[int], None] = lambda n_rows: None,
) -> Summary:
    """Score a table as :func:`score_chunks` does, and return what a page shows of it.

    Parameters
    ----------
    progress : callable
        Called with the number of rows done so far.

    Raises
    ------
    DataValidationError
        As :func:`score_chunks`, and if a long table begins with refused rows alone.
    """
    schema = scorer.predictor.schema
    shown = _shown_positions(reader.header, schema, _locate(reader, schema))
    summary = scorer.summary([reader.header[i] for i in shown])
    summary.note(reader.notes)
    for chunk, checked, scores in score_chunks(reader, scorer, output, to_fix):
        summary.add(checked)
        summary.count(scores)
        preview = _preview(chunk, checked, summary.shown(scores), shown)
        summary.rows += islice(preview, SHOWN_ROWS - len(summary.rows))
        summary.problems += checked.problems[: SHOWN_PROBLEMS - len(summary.problems)]
        progress(summary.n_rows)
        if summary.n_refused == summary.n_rows >= HOPELESS_ROWS:
            raise DataValidationError(
                f"None of the first {summary.n_rows:,} rows can be used, so the rest was not read. "
                f"{summary.problems[0]}"
            )
    summary.finish()
    return summary


def can_vectorise() -> bool:
    """Whether numpy is there; a server of compiled models needs none."""
    return importlib.util.find_spec("numpy") is not None


def _preview(
    chunk: Chunk, checked: ValidatedTable, following: Iterator[Any], shown: list[int]
) -> Iterator[ShownRow]:
    for i, (line, row) in enumerate(zip(chunk.lines, chunk.rows, strict=True)):
        cells = [shorten(row[position]) for position in shown]
        if i in checked.skipped:
            yield ShownRow(line, cells, None, checked.skipped[i].message)
        elif i in checked.refused:
            yield ShownRow(line, cells, None)
        else:
            mended = " ".join(problem.message for problem in checked.notes.get(i, ()))
            yield ShownRow(line, cells, next(following), mended=mended)


def _n_own_columns(header: list[str], positions: dict[str, int]) -> int:
    """Return how many columns are the sender's: the last may be our ``problem`` of mended rows."""
    last = len(header) - 1
    return last if header[last] == PROBLEM and last not in positions.values() else last + 1


def _locate(reader: TableReader, schema: Schema) -> dict[str, int]:
    """Return where each feature's column stands; what is missing in a workbook names its sheets."""
    try:
        return schema.locate(reader.header)
    except DataValidationError as error:
        notes = reader.notes
        if not notes.sheets:
            raise
        counts = {"sheets": notes.sheets, "read": notes.sheets_read}
        sheets = message(Finding("other_sheets", WARNING, counts=counts))
        raise DataValidationError(f"{error.summary} {sheets}", error.problems) from error


def _shown_positions(header: list[str], schema: Schema, positions: dict[str, int]) -> list[int]:
    """Return which columns a page shows beside a score: what says who it is, else the first ones.

    A file may hold names or numbers of students, which the model does not look at.
    """
    used, people = set(positions.values()), set(map(match_key, schema.people))
    n_own = _n_own_columns(header, positions)
    others = [i for i, name in enumerate(header[:n_own]) if i not in used and name]
    who = [i for i in others if match_key(header[i]) in people]
    return (who or others or sorted(used))[:2]


def _problem_text(line: int, problems: list[Problem]) -> str:
    text = f"Row {line}: " + " ".join(problem.message for problem in problems)
    return text if len(text) <= PROBLEM_CHARACTERS else text[: PROBLEM_CHARACTERS - 1] + "…"
