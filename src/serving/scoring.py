"""Score a table of text cells with intervals, flags and problems, on the standard library.

The web worker scores a class list with it, row by row. A child process scores larger files with it,
their checked rows predicted together by numpy where that is installed.
"""

from __future__ import annotations

import importlib.util
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import IO, Any, NamedTuple

from src.exception import DataValidationError, Problem
from src.schema.features import Checked, NumericFeature, Value
from src.schema.record import Schema
from src.serving.predictor import PREDICTION, Predictor
from src.tables.cells import MISSING_MARKS, clean, shorten
from src.tables.layout import Chunk, TableReader
from src.tables.writer import write_rows

LEVEL = "0.9"  # of the interval in the file: "9 in 10 similar students"
LOW, HIGH = "low_90", "high_90"
BELOW, CHANCE = "below_pass_mark", "chance_below_pass_mark"
PROBLEM = "problem"
CHUNK_ROWS = 1 << 13
HOPELESS_ROWS = 3 * CHUNK_ROWS  # without a good one, no more are looked at
REMEMBERED = 50_000  # distinct cells of a column whose check is kept
SUGGESTIONS = 200  # refused cells that are compared with what is allowed: it takes time
SHOWN_ROWS = 200
SHOWN_PROBLEMS = 200
PROBLEM_CHARACTERS = 1_000  # of a row; a row of many columns can have very many
BINS = 20


class Score(NamedTuple):
    """What a row is answered with.

    Attributes
    ----------
    prediction, low, high : float
        In the target's unit; the ends are None where the run knows no interval.
    below : bool or None
        Whether the prediction is below the pass mark; None without one.
    chance : float or None
        Chance that the truth is below it.
    """

    prediction: float
    low: float | None
    high: float | None
    below: bool | None
    chance: float | None

    def cells(self) -> list[str]:
        """Return the cells that are added to the row, each number in full."""
        found = [repr(self.prediction)]
        if self.low is not None and self.high is not None:
            found += [repr(self.low), repr(self.high)]
        if self.below is not None:
            found += ["yes" if self.below else "no", repr(self.chance)]
        return found


@dataclass
class Summary:
    """How a file went, and the part of it that a page shows.

    Attributes
    ----------
    rows : list of dict
        The first rows: their line, their cells in :attr:`shown_columns` and, unless they were
        refused, their :class:`Score`.
    problems : list of dict
        The first problems, each with row, field, message and got.
    bins : list of int
        Predictions by equal parts of the range from ``low`` to ``high``.
    warnings : dict of str to int
        Cells of a column that lie outside what training saw.
    """

    run_id: str
    pass_mark: float | None
    shown_columns: list[str]
    low: float
    high: float
    n_rows: int = 0
    n_refused: int = 0
    n_below: int = 0
    mean: float = 0.0
    median: float = 0.0
    bins: list[int] = field(default_factory=lambda: [0] * BINS)
    rows: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    warnings: dict[str, int] = field(default_factory=dict)

    @property
    def n_predicted(self) -> int:
        return self.n_rows - self.n_refused


class Scorer:
    """A model and a pass mark, ready for rows of values that were checked.

    Parameters
    ----------
    predictor : Predictor
    pass_mark : float or None
        In the target's unit.
    vectorised : bool
        Whether rows are predicted together, by numpy. The values are the same to the last bit.
    """

    def __init__(self, predictor: Predictor, pass_mark: float | None, *, vectorised: bool) -> None:
        self.predictor = predictor
        self.pass_mark = pass_mark
        self._vectorised = vectorised or predictor.compiled is None
        self._level = float(LEVEL) if LEVEL in predictor.intervals.half_widths else None

    @property
    def columns(self) -> list[str]:
        """Names of the columns that a score adds."""
        interval = [] if self._level is None else [LOW, HIGH]
        return [PREDICTION, *interval, *([] if self.pass_mark is None else [BELOW, CHANCE])]

    def score(self, rows: list[dict[str, Value]]) -> list[Score]:
        """Return the score of each row of checked values."""
        return [self._dress(value) for value in self._predict(rows)] if rows else []

    def _predict(self, rows: list[dict[str, Value]]) -> Iterable[float]:
        compiled = self.predictor.compiled
        if compiled is not None and not self._vectorised:
            return map(compiled.predict, rows)
        columns: dict[str, list[object]] = {}
        for feature in self.predictor.schema.features:
            missing = float("nan") if isinstance(feature, NumericFeature) else None
            values = (row[feature.name] for row in rows)
            columns[feature.name] = [missing if value is None else value for value in values]
        # Not clipped yet: that is where an interval starts from.
        return self.predictor._predict_columns(columns).tolist()

    def _dress(self, predicted: float) -> Score:
        schema, intervals = self.predictor.schema, self.predictor.intervals
        target, mark = schema.target, self.pass_mark
        low = high = below = chance = None
        if self._level is not None:
            low, high = intervals.interval(predicted, self._level, target.minimum, target.maximum)
        prediction = schema.clip(predicted)
        if mark is not None:
            below = prediction < mark
            chance = intervals.probability_below(mark, predicted, integer=target.integer)
        return Score(prediction, low, high, below, chance)


class Checks:
    """Check rows of cells against a schema, each different cell of a column once.

    What it accepts and says is what :class:`src.components.data_validation.DataValidation` does;
    it needs no numpy.
    """

    def __init__(self, schema: Schema, positions: dict[str, int], *, decimal_comma: bool) -> None:
        self._columns = [(f, positions[f.name], dict[str, Checked]()) for f in schema.features]
        self._all_optional = all(feature.optional for feature in schema.features)
        self._decimal_comma = decimal_comma
        self._n_refused = 0
        self.warnings: Counter[str] = Counter()

    def check(self, line: int, cells: list[str]) -> tuple[dict[str, Value], list[Problem]]:
        """Return a row's values by feature, and everything that is wrong with it."""
        values: dict[str, Value] = {}
        problems: list[Problem] = []
        warned: list[str] = []
        for feature, position, memory in self._columns:
            cell = cells[position]
            checked = memory.get(cell)
            if checked is None:
                if len(memory) > REMEMBERED:
                    memory.clear()
                checked = memory[cell] = self._check(feature, cell)
            values[feature.name] = checked.value
            if checked.problem:
                message = f"{feature.name} {checked.problem}"
                problems.append(Problem(message, feature.name, line, shorten(cell)))
            elif checked.warning:
                warned.append(feature.name)
        if self._all_optional and not problems and not any(v is not None for v in values.values()):
            problems.append(Problem("The row holds no value of any feature.", row=line))
        if not problems:
            self.warnings.update(warned)
        return values, problems

    def _check(self, feature: Any, cell: str) -> Checked:
        marked = isinstance(feature, NumericFeature) and clean(cell).lower() in MISSING_MARKS
        checked: Checked = feature.check_cell(
            "" if marked else cell,
            decimal_comma=self._decimal_comma,
            suggest=self._n_refused < SUGGESTIONS,
        )
        self._n_refused += bool(checked.problem)
        return checked


def score_table(
    reader: TableReader,
    scorer: Scorer,
    output: IO[str],
    to_fix: IO[str],
    progress: Callable[[int], None] = lambda n_rows: None,
) -> Summary:
    """Score every row of a table into CSV, in its place.

    Parameters
    ----------
    reader : TableReader
    scorer : Scorer
    output : text file
        Gets all rows: the cells as they were, the score's columns, and ``problem``, empty where
        there is none.
    to_fix : text file
        Gets the refused rows alone with their problems, ready to be mended and sent again.
    progress : callable
        Called with the number of rows done so far.

    Raises
    ------
    DataValidationError
        If the header lacks a column, there is no row, or a long table begins with refused rows
        alone.
    """
    schema = scorer.predictor.schema
    positions = schema.locate(reader.header)
    header = reader.header
    # Our own column, of rows that were mended.
    if header[-1] == PROBLEM and len(header) - 1 not in positions.values():
        header = header[:-1]
    n_columns = len(header)
    checks = Checks(schema, positions, decimal_comma=reader.decimal_comma)
    shown = _shown_positions(header, positions)
    columns = [_free_name(name, header) for name in (*scorer.columns, PROBLEM)]
    low, high = schema.target.range
    run_id = scorer.predictor.run.run_id
    summary = Summary(run_id, scorer.pass_mark, [header[i] for i in shown], low, high)
    predictions = array("d")
    blank = [""] * len(scorer.columns)
    write_rows(output, [[*header, *columns]])
    write_rows(to_fix, [[*header, PROBLEM]])
    for chunk in reader.chunks(CHUNK_ROWS):
        checked = list(_check_chunk(chunk, checks))
        scores = scorer.score([values for values, problems in checked if not problems])
        following = iter(scores)
        for (_, problems), line, row in zip(checked, chunk.lines, chunk.rows, strict=True):
            cells = row[:n_columns]
            score = None if problems else next(following)
            told = _told(line, problems)
            write_rows(output, [[*cells, *(score.cells() if score else blank), told]])
            if problems:
                write_rows(to_fix, [[*cells, told]])
                summary.n_refused += 1
                room = SHOWN_PROBLEMS - len(summary.problems)
                summary.problems += [asdict(problem) for problem in problems[:room]]
            if len(summary.rows) < SHOWN_ROWS:
                summary.rows.append(
                    {
                        "line": line,
                        "cells": [shorten(cells[i]) for i in shown],
                        "score": score and score._asdict(),
                    }
                )
        _count(summary, scores)
        predictions.extend(score.prediction for score in scores)
        summary.n_rows += len(chunk.rows)
        progress(summary.n_rows)
        if summary.n_refused == summary.n_rows >= HOPELESS_ROWS:
            raise DataValidationError(
                f"None of the first {summary.n_rows:,} rows can be used, so the rest was not read. "
                f"{Problem(**summary.problems[0])}"
            )
    if not summary.n_rows:
        raise DataValidationError(f"{reader.name} holds a header and no row.")
    if predictions:
        in_order = sorted(predictions)
        summary.mean = sum(predictions) / len(predictions)
        middle = len(in_order) // 2
        summary.median = (in_order[middle] + in_order[~middle]) / 2
    summary.warnings = dict(checks.warnings)
    return summary


def can_vectorise() -> bool:
    """Whether numpy is there; a server of compiled models needs none."""
    return importlib.util.find_spec("numpy") is not None


def _check_chunk(chunk: Chunk, checks: Checks) -> Iterator[tuple[dict[str, Value], list[Problem]]]:
    for index, (line, cells) in enumerate(zip(chunk.lines, chunk.rows, strict=True)):
        if problem := chunk.malformed.get(index):
            yield {}, [problem]
        else:
            yield checks.check(line, cells)


def _shown_positions(header: list[str], positions: dict[str, int]) -> list[int]:
    """Return which columns a page shows beside a score: what says who it is, else the first ones.

    A file may hold names or numbers of students, which the model does not look at.
    """
    used = set(positions.values())
    others = [i for i, name in enumerate(header) if i not in used and name]
    return (others or sorted(used))[:2]


def _free_name(name: str, header: list[str]) -> str:
    found, n = name, 1
    while found in header:
        n += 1
        found = f"{name}_{n}"
    return found


def _told(line: int, problems: list[Problem]) -> str:
    if not problems:
        return ""
    text = f"Row {line}: " + " ".join(problem.message for problem in problems)
    return text if len(text) <= PROBLEM_CHARACTERS else text[: PROBLEM_CHARACTERS - 1] + "…"


def _count(summary: Summary, scores: list[Score]) -> None:
    width = summary.high - summary.low or 1.0
    for score in scores:
        at = int(BINS * (score.prediction - summary.low) / width)
        summary.bins[min(BINS - 1, max(0, at))] += 1
        summary.n_below += bool(score.below)
