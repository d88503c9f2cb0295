"""Score the rows of a table: for the command, the page and the API.

All three write the same columns and problems; :mod:`src.serving.scorers` says what stands in them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Protocol

from src.components.data_validation import DataValidation, ValidatedTable
from src.exception import DataValidationError, HeaderError, Problem
from src.language import ENGLISH, localize, speaking
from src.language import gettext as _
from src.report.table_findings import message
from src.schema.features import Value
from src.schema.findings import WARNING, Finding
from src.schema.header_words import CLASS_WORDS, header_words
from src.schema.record import Schema
from src.serving.doubts import doubts_of_each
from src.serving.mending import NOTHING_CHANGED, Mending
from src.serving.row_words import of_named
from src.serving.scorers import Scorer, free_names
from src.serving.summary import MOST_LISTED, MOST_VALUES, NamedCell, Scores, Summary
from src.tables.cells import match_key, shorten
from src.tables.layout import Chunk, TableReader
from src.tables.writer import csv_line, write_rows

PROBLEM, PREDICTION_ID = "problem", "prediction_id"
CHUNK_ROWS = 1 << 13
HOPELESS_ROWS = 2 * CHUNK_ROWS  # if all of these are refused, the rest is not read
SHOWN_PROBLEMS = 200
CELL_CHARACTERS = 200  # of a cell that is asked about
PROBLEM_CHARACTERS = 1_000  # of a row; a row of many columns can have very many


class Keeper(Protocol):
    """Keeps what was predicted, where predictions are recorded."""

    def keep(self, chunk: Chunk, checked: ValidatedTable, scores: Scores) -> list[str]:
        """Keep the scored rows of a chunk, and return an id for each."""

    def finish(self) -> None:
        """Note the end of the file."""


def score_chunks(
    reader: TableReader,
    scorer: Scorer,
    output: IO[str],
    to_fix: IO[str],
    mending: Mending = NOTHING_CHANGED,
    keeper: Keeper | None = None,
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
    mending : Mending
        What a person changed in the table.
    keeper : Keeper, optional
        Its ids become the column ``prediction_id``.

    Raises
    ------
    DataValidationError
        If the header lacks a column, or there is no row.
    """
    positions = locate(reader, scorer.predictor.schema, mending)
    validation = DataValidation(
        scorer.predictor.schema,
        decimal_comma=reader.decimal_comma,
        typed=reader.typed,
        header=reader.header,
    )
    added = [*scorer.columns, PREDICTION_ID] if keeper else scorer.columns
    files = ScoredFiles(reader.header, positions, added, output, to_fix)
    chunk, number = None, 1
    for read in reader.chunks(CHUNK_ROWS):
        as_written = mending.left_as_written(read, number)
        chunk = mending.applied(read, number)
        number += len(chunk.rows)
        with speaking(ENGLISH):  # what a file says of its rows is for programs too
            checked = validation.run(chunk, positions, as_written=as_written)
        scores = scorer.score(checked.columns)
        texts = scorer.texts(scores)
        if keeper:
            ids = keeper.keep(chunk, checked, scores)
            texts = ((*cells, kept) for cells, kept in zip(texts, ids, strict=True))
        output.writelines(files.lines(chunk, checked, texts))
        yield chunk, checked, scores
    if chunk is None:
        raise DataValidationError(_("%(name)s holds a header and no row.", name=reader.name))
    if keeper:
        keeper.finish()


class ScoredFiles:
    """The two files that scoring writes: all rows, and those to mend.

    Parameters
    ----------
    header : list of str
        Of the table that is scored.
    positions : dict of str to int
        Of the schema's columns in it.
    added : list of str
        Names of the columns of scores; a number is put behind one that is taken.
    output : text file, optional
        None where it is no CSV file.
    to_fix : text file
    """

    def __init__(
        self,
        header: list[str],
        positions: dict[str, int],
        added: list[str],
        output: IO[str] | None,
        to_fix: IO[str],
    ) -> None:
        self.own = slice(_n_own_columns(header, positions))
        self._to_fix = to_fix
        self._blank = [""] * len(added)
        kept = header[self.own]
        self.names = [*kept, *free_names([*added, PROBLEM], kept)]
        if output is not None:
            write_rows(output, [self.names])
        write_rows(to_fix, [[*kept, PROBLEM]])

    def remarks(self, chunk: Chunk, checked: ValidatedTable) -> dict[int, str]:
        """Return what stands in the column of problems, and write what is refused to be mended.

        Returns
        -------
        dict of int to str
            By position in the chunk: why a row is refused or left out, or what was mended in it.
        """
        found = {i: _problem_text(chunk.lines[i], these) for i, these in checked.refused.items()}
        write_rows(self._to_fix, ([*chunk.rows[i][self.own], text] for i, text in found.items()))
        found |= {i: str(problem) for i, problem in checked.skipped.items()}
        return found | {
            i: _problem_text(chunk.lines[i], these) for i, these in checked.notes.items()
        }

    def lines(
        self, chunk: Chunk, checked: ValidatedTable, texts: Iterator[tuple[str, ...]]
    ) -> list[str]:
        """Return the lines of scored rows.

        Parameters
        ----------
        texts : iterator of tuple of str
            The cells that are added to each good row.
        """
        remarks, out = self.remarks(chunk, checked), checked.refused.keys() | checked.skipped.keys()
        return [
            csv_line(
                [*row[self.own], *(self._blank if i in out else next(texts)), remarks.get(i, "")]
            )
            for i, row in enumerate(chunk.rows)
        ]


def score_table(
    reader: TableReader,
    scorer: Scorer,
    output: IO[str],
    to_fix: IO[str],
    progress: Callable[[int], None] = lambda n_rows: None,
    mending: Mending = NOTHING_CHANGED,
    keeper: Keeper | None = None,
) -> Summary:
    """Score a table as :func:`score_chunks` does, and return what a page shows of it.

    Parameters
    ----------
    progress : callable
        Called with the number of rows done so far.
    keeper : Keeper, optional
        As for :func:`score_chunks`.

    Raises
    ------
    DataValidationError
        As :func:`score_chunks`, and if a long table begins with refused rows alone.
    """
    schema = scorer.predictor.schema
    positions = locate(reader, schema, mending)
    shown = _shown_positions(reader.header, schema, positions)
    classes = _class_position(reader.header)
    summary = scorer.summary([reader.header[i] for i in shown])
    summary.group_column = "" if classes is None else reader.header[classes]
    summary.school_choices = _school_choices(reader.header, schema, positions, mending)
    summary.most_listed = max(1, min(MOST_LISTED, MOST_VALUES // len(schema.asked)))
    summary.delimiter, summary.decimal_comma = reader.delimiter, reader.decimal_comma
    summary.note(reader.notes)
    scored = score_chunks(reader, scorer, output, to_fix, mending, keeper)
    for chunk, checked, scores in scored:
        first = summary.n_rows + 1
        summary.add(checked, scorer.predictor.groups)
        summary.count(scores)
        rows = _Rows(chunk, checked, first, shown)
        doubts = doubts_of_each(schema, checked.columns, scorer.predictor.groups)
        summary.list_rows(
            scores,
            doubts,
            rows.row_at,
            None if classes is None else [chunk.rows[i][classes].strip() for i in rows.good],
            {
                row
                for row in doubts
                if scorer.predictor.is_far_from_training(
                    {name: checked.columns[name][row] for name in schema.names}
                )
            },
        )
        for problems, cells in (
            (checked.refused, summary.wrong),
            (checked.notes, summary.mended_cells),
        ):
            if len(cells) < SHOWN_PROBLEMS:
                cells += rows.cells(problems, positions)
                del cells[SHOWN_PROBLEMS:]
        summary.left_out += [*checked.skipped.values()][: SHOWN_PROBLEMS - len(summary.left_out)]
        progress(summary.n_rows)
        if summary.n_refused == summary.n_rows >= HOPELESS_ROWS:
            raise DataValidationError(
                _(
                    "None of the first %(n)s rows can be used, so the rest was not read. "
                    "Row %(line)s: %(message)s",
                    n=localize(f"{summary.n_rows:,}"),
                    line=summary.wrong[0].line,
                    message=of_named(summary.wrong[0], schema),
                )
            )
    summary.finish()
    return summary


class _Rows:
    """The rows of a chunk, as the list of students and those of cells name them."""

    def __init__(self, chunk: Chunk, checked: ValidatedTable, first: int, shown: list[int]) -> None:
        self._chunk, self._first, self._shown = chunk, first, shown
        self._columns = [*checked.columns.values()]
        out = checked.refused.keys() | checked.skipped.keys()
        n_rows = len(chunk.rows)
        self.good = [i for i in range(n_rows) if i not in out] if out else range(n_rows)

    def row_at(self, position: int) -> tuple[int, int, list[str], list[Value]]:
        """Return number, line, cells and values of one of the scored rows."""
        values = [column[position] for column in self._columns]
        return (*self._named(self.good[position]), values)

    def cells(
        self, found: dict[int, list[Problem]], positions: dict[str, int]
    ) -> Iterable[NamedCell]:
        """Return the cells, or whole rows, that problems are about."""
        for index in sorted(found)[:SHOWN_PROBLEMS]:
            for problem in found[index]:
                name = problem.field or ""
                at = positions.get(name, -1)
                got = self._chunk.rows[index][at][:CELL_CHARACTERS] if at >= 0 else ""
                yield NamedCell(*self._named(index), name, at, got, problem.message)

    def _named(self, index: int) -> tuple[int, int, list[str]]:
        row = self._chunk.rows[index]
        cells = [shorten(row[position]) for position in self._shown]
        return self._first + index, self._chunk.lines[index], cells


def can_vectorise() -> bool:
    """Whether numpy is there; a server of compiled models needs none."""
    return importlib.util.find_spec("numpy") is not None


def _n_own_columns(header: list[str], positions: dict[str, int]) -> int:
    """Return how many columns are the sender's: the last may be our ``problem`` of mended rows."""
    last = len(header) - 1
    return last if header[last] == PROBLEM and last not in positions.values() else last + 1


def locate(reader: TableReader, schema: Schema, mending: Mending) -> dict[str, int]:
    """Return where each feature's column stands; what is missing in a workbook names its sheets."""
    try:
        return schema.locate(reader.header, mending.columns)
    except HeaderError as error:
        notes = reader.notes
        if not notes.sheets:
            raise
        counts = {"sheets": notes.sheets, "read": notes.sheets_read}
        sheets = message(Finding("other_sheets", WARNING, counts=counts))
        said = f"{error.summary} {sheets}"
        raise HeaderError(said, error.problems, error.header, error.found) from error


def _shown_positions(header: list[str], schema: Schema, positions: dict[str, int]) -> list[int]:
    """Return which columns a page shows beside a score: what says who it is, else the first ones.

    A file may hold names or numbers of students, which the model does not look at.
    """
    used, people = set(positions.values()), set(map(match_key, schema.people))
    n_own = _n_own_columns(header, positions)
    others = [i for i, name in enumerate(header[:n_own]) if i not in used and name]
    who = [i for i in others if match_key(header[i]) in people]
    return (who or others or sorted(used))[:2]


def _school_choices(
    header: list[str], schema: Schema, positions: dict[str, int], mending: Mending
) -> list[tuple[int, str]]:
    """Return the columns of which one may be the groups', where none is called so."""
    group = schema.group
    if group is None or (group.name in positions and group.name not in mending.columns):
        return []
    taken = {at for name, at in positions.items() if name != group.name}
    free = [(at, name) for at, name in enumerate(header) if name and at not in taken]
    return free[:SHOWN_PROBLEMS]


def _class_position(header: list[str]) -> int | None:
    """Return which column tells classes apart; None where none does."""
    named = [i for i, name in enumerate(header) if header_words(name) & CLASS_WORDS]
    return next(iter(named), None)


def _problem_text(line: int, problems: list[Problem]) -> str:
    text = f"Row {line}: " + " ".join(problem.message for problem in problems)
    return text if len(text) <= PROBLEM_CHARACTERS else text[: PROBLEM_CHARACTERS - 1] + "…"
