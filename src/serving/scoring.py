"""Score the rows of a table: for the command, the page and the API.

All three write the same columns, intervals and problems. The web worker predicts a class list row
by row, with the standard library alone. The command, and a child process that works on a larger
file, predict the rows of a chunk together where numpy is installed. The values are the same to the
last bit.
"""

from __future__ import annotations

import importlib.util
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain, islice, repeat
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self

from src.components.data_validation import DataValidation, ValidatedTable
from src.exception import DataValidationError, Problem
from src.report.table_findings import message
from src.schema.features import Value
from src.schema.findings import WARNING, Finding
from src.schema.record import Schema
from src.serving.predictor import NumberPredictor
from src.tables.cells import match_key, shorten
from src.tables.layout import Chunk, FileNotes, TableReader
from src.tables.writer import write_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVEL = "0.9"  # of the interval: "9 in 10 students"
PROBLEM = "problem"
CHUNK_ROWS = 1 << 13
HOPELESS_ROWS = 2 * CHUNK_ROWS  # if all of these are refused, the rest is not read
SHOWN_ROWS = 200
SHOWN_PROBLEMS = 200
PROBLEM_CHARACTERS = 1_000  # of a row; a row of many columns can have very many
BINS = 20


class Score(NamedTuple):
    """A row's prediction and what belongs to it, by the names of the columns in the file.

    Attributes
    ----------
    prediction, low_90, high_90 : float
        In the target's unit; the ends are None where the run knows no interval, or an answer lies
        far outside what training saw.
    below_pass_mark : bool or None
        Whether the prediction is below the pass mark; None without one.
    chance_below_pass_mark : float or None
        Chance that the truth is below it; None where there is no interval.
    """

    prediction: float
    low_90: float | None = None
    high_90: float | None = None
    below_pass_mark: bool | None = None
    chance_below_pass_mark: float | None = None


PREDICTION, LOW, HIGH, BELOW, CHANCE = Score._fields
Scores = dict[str, list[Any]]  # the fields of Score that apply, a value for each row


class Scorer:
    """A model and a pass mark, ready for rows of checked values.

    Parameters
    ----------
    pass_mark : float or None
        In the target's unit.
    vectorised : bool
        Whether rows are predicted together, by numpy; those of pickles always are.
    """

    def __init__(
        self, predictor: NumberPredictor, pass_mark: float | None, *, vectorised: bool
    ) -> None:
        self.predictor = predictor
        self.pass_mark = pass_mark
        self._vectorised = vectorised or predictor.compiled is None
        self._level = float(LEVEL) if float(LEVEL) in predictor.intervals.levels else None

    @property
    def columns(self) -> list[str]:
        """Names of the columns that a score adds."""
        interval = [] if self._level is None else [LOW, HIGH]
        return [PREDICTION, *interval, *([] if self.pass_mark is None else [BELOW, CHANCE])]

    def score(self, columns: Mapping[str, list[Value]]) -> Scores:
        """Return the scores of rows of checked values, given by column."""
        return self._together(columns) if self._vectorised else self._one_by_one(columns)

    def _together(self, columns: Mapping[str, list[Value]]) -> Scores:
        schema, intervals, mark = self.predictor.schema, self.predictor.intervals, self.pass_mark
        target = schema.number
        unclipped = self.predictor.unclipped_columns(columns)
        predictions = schema.clip_all(unclipped)
        scores: dict[str, NDArray[Any]] = {PREDICTION: predictions}
        if self._level is not None:
            scores[LOW], scores[HIGH] = intervals.interval_of_each(
                unclipped, self._level, target.minimum, target.maximum, columns
            )
        if mark is not None:
            scores[BELOW] = predictions < mark
            scores[CHANCE] = intervals.probability_below_of_each(
                mark, unclipped, integer=target.integer, columns=columns
            )
        found = {name: column.tolist() for name, column in scores.items()}
        for row in self._far_rows(columns):
            for name in {LOW, HIGH, CHANCE} & found.keys():
                found[name][row] = None
        return found

    def _far_rows(self, columns: Mapping[str, list[Value]]) -> list[int]:
        """Return which rows lie so far outside what training saw that they get no interval."""
        import numpy as np

        far = np.zeros(len(next(iter(columns.values()))), dtype=bool)
        for name, low, high in self.predictor.familiar_ranges:
            numbers = np.asarray(columns[name], dtype=np.float64)
            far |= (numbers < low) | (numbers > high)
        return np.flatnonzero(far).tolist()

    def _one_by_one(self, columns: Mapping[str, list[Value]]) -> Scores:
        rows = zip(*columns.values(), strict=True)
        records = (dict(zip(columns, row, strict=True)) for row in rows)
        found = [self.predictor.predict_values(r, pass_mark=self.pass_mark) for r in records]
        scores: Scores = {PREDICTION: [one.prediction for one in found]}
        if self._level is not None:
            ends = [one.intervals.get(LEVEL, (None, None)) for one in found]
            scores[LOW], scores[HIGH] = ([pair[side] for pair in ends] for side in (0, 1))
        if self.pass_mark is not None:
            scores[BELOW] = [one.prediction < self.pass_mark for one in found]
            scores[CHANCE] = [one.probability_below for one in found]
        return scores


def _texts(scores: Scores) -> Iterator[tuple[str, ...]]:
    """Return the cells that are added to each row, each number in full."""
    columns = dict(scores)
    if BELOW in scores:
        columns[BELOW] = ["yes" if below else "no" for below in scores[BELOW]]
    texts = (
        ["" if value is None else str(value) for value in column] for column in columns.values()
    )
    return zip(*texts, strict=True)


@dataclass
class Tally:
    """How a file was read, and how many of its rows were predicted and refused.

    Attributes
    ----------
    n_skipped : int
        Rows that are no pupils: totals, units, the header again, blank ones.
    warnings, mended : dict of str to int
        Cells of a column that lie outside what training saw, and that were read as what they
        clearly stand for.
    examples : dict of str to str
        How the first mended cell of a column is read.
    sheets, sheets_read, encoding
        See :class:`FileNotes`.
    """

    n_rows: int = 0
    n_refused: int = 0
    n_skipped: int = 0
    warnings: dict[str, int] = field(default_factory=dict)
    mended: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    sheets: list[str] = field(default_factory=list)
    sheets_read: list[str] = field(default_factory=list)
    encoding: str = ""

    @property
    def n_predicted(self) -> int:
        return self.n_rows - self.n_refused - self.n_skipped

    def note(self, notes: FileNotes) -> None:
        """Remember how the file was read."""
        self.sheets, self.sheets_read = list(notes.sheets), list(notes.sheets_read)
        self.encoding = notes.encoding

    def add(self, checked: ValidatedTable) -> None:
        """Count the rows of a chunk."""
        self.n_rows += checked.n_rows
        self.n_refused += len(checked.refused)
        self.n_skipped += len(checked.skipped)
        self.warnings = dict(Counter(self.warnings) + checked.warnings)
        self.mended = dict(Counter(self.mended) + checked.mended)
        if self.examples.keys() != self.mended.keys():
            for problem in chain.from_iterable(checked.notes.values()):
                name = str(problem.field)
                self.examples.setdefault(name, problem.message.removeprefix(f"{name} "))


class ShownRow(NamedTuple):
    """A row of the preview: its line, what says who it is, and its score.

    Attributes
    ----------
    score : Score or None
        None where the row was refused, or left out.
    left_out : str
        Why it was left out: it is no pupil.
    mended : str
        What was mended in it.
    """

    line: int
    cells: list[str]
    score: Score | None
    left_out: str = ""
    mended: str = ""


@dataclass(kw_only=True)
class Summary(Tally):
    """How a file went, and the part of it that a page shows.

    Attributes
    ----------
    rows : list of ShownRow
        The first rows, with their cells in :attr:`shown_columns`.
    problems : list of Problem
        The first ones.
    bins : list of int
        Predictions by equal parts of the range from ``low`` to ``high``.
    """

    run_id: str
    pass_mark: float | None
    shown_columns: list[str]
    low: float
    high: float
    n_below: int = 0
    mean: float = 0.0
    median: float = 0.0
    bins: list[int] = field(default_factory=lambda: [0] * BINS)
    rows: list[ShownRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; the inverse of :meth:`from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the summary that :meth:`to_dict` described."""
        rows = [
            ShownRow(line, cells, None if score is None else Score(*score), *rest)
            for line, cells, score, *rest in values["rows"]
        ]
        problems = [Problem(**problem) for problem in values["problems"]]
        return cls(**{**values, "rows": rows, "problems": problems})


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
    write_rows(output, [[*header, *(_free_name(n, header) for n in (*scorer.columns, PROBLEM))]])
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
        texts = _texts(scores)
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
    low, high = schema.number.range
    summary = Summary(
        run_id=scorer.predictor.run.run_id,
        pass_mark=scorer.pass_mark,
        shown_columns=[reader.header[i] for i in shown],
        low=low,
        high=high,
    )
    summary.note(reader.notes)
    predictions = array("d")
    for chunk, checked, scores in score_chunks(reader, scorer, output, to_fix):
        summary.add(checked)
        summary.n_below += sum(scores.get(BELOW, ()))
        preview = _preview(chunk, checked, scores, shown)
        summary.rows += islice(preview, SHOWN_ROWS - len(summary.rows))
        summary.problems += checked.problems[: SHOWN_PROBLEMS - len(summary.problems)]
        predictions.extend(scores[PREDICTION])
        progress(summary.n_rows)
        if summary.n_refused == summary.n_rows >= HOPELESS_ROWS:
            raise DataValidationError(
                f"None of the first {summary.n_rows:,} rows can be used, so the rest was not read. "
                f"{summary.problems[0]}"
            )
    if predictions:
        in_order = sorted(predictions)
        middle = len(in_order) // 2
        summary.mean = sum(predictions) / len(predictions)
        summary.median = (in_order[middle] + in_order[~middle]) / 2
    for value in predictions:
        at = int(BINS * (value - low) / (high - low or 1.0))
        summary.bins[min(BINS - 1, max(0, at))] += 1
    return summary


def can_vectorise() -> bool:
    """Whether numpy is there; a server of compiled models needs none."""
    return importlib.util.find_spec("numpy") is not None


def _preview(
    chunk: Chunk, checked: ValidatedTable, scores: Scores, shown: list[int]
) -> Iterator[ShownRow]:
    columns = [scores.get(name, repeat(None)) for name in Score._fields]
    following = map(Score, *columns)
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


def _free_name(name: str, header: list[str]) -> str:
    found, n = name, 1
    while found in header:
        n += 1
        found = f"{name}_{n}"
    return found


def _problem_text(line: int, problems: list[Problem]) -> str:
    text = f"Row {line}: " + " ".join(problem.message for problem in problems)
    return text if len(text) <= PROBLEM_CHARACTERS else text[: PROBLEM_CHARACTERS - 1] + "…"
