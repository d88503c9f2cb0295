"""What a model says of rows of checked values, as the columns that it adds to a file.

The web worker predicts a class list row by row, with the standard library alone. The command, and a
child process that works on a larger file, predict the rows of a chunk together where numpy is
installed. The values are the same to the last bit.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from src.schema.features import Value
from src.serving.outcomes import OutcomePredictor
from src.serving.predictor import NumberPredictor, Predictor
from src.serving.summary import (
    BELOW,
    CHANCE,
    HIGH,
    LOW,
    LOW_80,
    PREDICTION,
    SET,
    NumberSummary,
    OutcomeSummary,
    Scores,
    Summary,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

NARROW = "0.8"  # of the interval by which a row is borderline
LEVEL = "0.9"  # of intervals and sets: "9 in 10 students"
BETWEEN = " | "  # the outcomes of a set
_UNSAFE = re.compile(r"[\s,;|\"'`\\]+")

Columns = Mapping[str, list[Value]]


class Scorer(ABC):
    """A model, ready for rows of checked values; :func:`scorer_for` returns one for a model.

    Parameters
    ----------
    vectorised : bool
        Whether rows are predicted together, by numpy; those of pickles always are.
    """

    def __init__(self, predictor: Predictor, *, vectorised: bool) -> None:
        self.predictor = predictor
        self._vectorised = vectorised or predictor.compiled is None

    @property
    @abstractmethod
    def columns(self) -> list[str]:
        """Names of the columns that a score adds."""

    @abstractmethod
    def summary(self, shown_columns: list[str]) -> Summary:
        """Return an empty summary of what is scored."""

    def score(self, columns: Columns) -> Scores:
        """Return the scores of rows of checked values, given by column."""
        return self._together(columns) if self._vectorised else self._one_by_one(_records(columns))

    def texts(self, scores: Scores) -> Iterator[tuple[str, ...]]:
        """Return the cells that are added to each row, each number in full."""
        return zip(*(self.cells(name, scores[name]) for name in self.columns), strict=True)

    def cells(self, name: str, column: list[Any]) -> list[str]:
        """Return the cells of a column of scores."""
        return ["" if value is None else str(value) for value in column]

    @abstractmethod
    def _together(self, columns: Columns) -> Scores:
        """Score rows with numpy."""

    @abstractmethod
    def _one_by_one(self, records: Iterable[dict[str, Value]]) -> Scores:
        """Score rows with the standard library."""

    def _far_rows(self, columns: Columns) -> list[int]:
        """Return which rows lie so far outside what training saw that little is known of them."""
        import numpy as np

        far = np.zeros(len(next(iter(columns.values()))), dtype=bool)
        for name, low, high in self.predictor.familiar_ranges:
            numbers = np.asarray(columns[name], dtype=np.float64)
            far |= (numbers < low) | (numbers > high)
        return np.flatnonzero(far).tolist()


class NumberScorer(Scorer):
    """Scores of a number: the prediction, its interval, and where it lies by the pass mark.

    ``low_90`` and ``high_90``, and the chance of a truth below the pass mark, are None where the
    run knows no interval, or an answer lies far outside what training saw.

    Parameters
    ----------
    pass_mark : float or None
        In the target's unit.
    """

    predictor: NumberPredictor

    def __init__(
        self, predictor: NumberPredictor, pass_mark: float | None = None, *, vectorised: bool
    ) -> None:
        super().__init__(predictor, vectorised=vectorised)
        self.pass_mark = pass_mark
        levels = predictor.intervals.levels
        self._level = float(LEVEL) if float(LEVEL) in levels else None
        self._narrow = float(NARROW) if pass_mark is not None and float(NARROW) in levels else None

    @property
    def columns(self) -> list[str]:
        interval = [] if self._level is None else [LOW, HIGH]
        return [PREDICTION, *interval, *([] if self.pass_mark is None else [BELOW, CHANCE])]

    def summary(self, shown_columns: list[str]) -> NumberSummary:
        return NumberSummary(
            run_id=self.predictor.run.run_id,
            target=self.predictor.schema.number,
            shown_columns=shown_columns,
            pass_mark=self.pass_mark,
        )

    def cells(self, name: str, column: list[Any]) -> list[str]:
        if name == BELOW:
            return ["yes" if below else "no" for below in column]
        return super().cells(name, column)

    def _together(self, columns: Columns) -> Scores:
        schema, intervals, mark = self.predictor.schema, self.predictor.intervals, self.pass_mark
        target = schema.number
        unclipped, known = (
            self.predictor.unclipped_columns(columns),
            self.predictor.with_keys(columns),
        )
        predictions = schema.clip_all(unclipped)
        scores: dict[str, NDArray[Any]] = {PREDICTION: predictions}
        if self._level is not None:
            scores[LOW], scores[HIGH] = intervals.interval_of_each(
                unclipped, self._level, target.minimum, target.maximum, known
            )
        if self._narrow is not None:
            scores[LOW_80], _ = intervals.interval_of_each(
                unclipped, self._narrow, target.minimum, target.maximum, known
            )
        if mark is not None:
            scores[BELOW] = predictions < mark
            scores[CHANCE] = intervals.probability_below_of_each(
                mark, unclipped, integer=target.integer, columns=known
            )
        found = {name: column.tolist() for name, column in scores.items()}
        for row in self._far_rows(columns):
            for name in {LOW, HIGH, LOW_80, CHANCE} & found.keys():
                found[name][row] = None
        return found

    def _one_by_one(self, records: Iterable[dict[str, Value]]) -> Scores:
        found = [self.predictor.predict_values(r, pass_mark=self.pass_mark) for r in records]
        scores: Scores = {PREDICTION: [one.prediction for one in found]}
        if self._level is not None:
            ends = [one.intervals.get(LEVEL, (None, None)) for one in found]
            scores[LOW], scores[HIGH] = ([pair[side] for pair in ends] for side in (0, 1))
        if self._narrow is not None:
            scores[LOW_80] = [one.intervals.get(NARROW, (None, None))[0] for one in found]
        if self.pass_mark is not None:
            scores[BELOW] = [one.prediction < self.pass_mark for one in found]
            scores[CHANCE] = [one.probability_below for one in found]
        return scores


class OutcomeScorer(Scorer):
    """Scores of an outcome: the likeliest, the chance of each, and those not ruled out."""

    predictor: OutcomePredictor

    @cached_property
    def chance_columns(self) -> list[str]:
        """Names of the columns of chances, in the schema's order of the outcomes."""
        labels = self.predictor.labels
        return free_names([f"p_{_UNSAFE.sub('_', label).strip('_')}" for label in labels], [])

    @property
    def columns(self) -> list[str]:
        return [PREDICTION, *self.chance_columns, *self._set]

    @property
    def _set(self) -> list[str]:
        return [SET] if LEVEL in self.predictor.chances.thresholds else []

    def summary(self, shown_columns: list[str]) -> OutcomeSummary:
        return OutcomeSummary(
            run_id=self.predictor.run.run_id,
            target=self.predictor.schema.outcomes,
            shown_columns=shown_columns,
        )

    def cells(self, name: str, column: list[Any]) -> list[str]:
        return [BETWEEN.join(one) for one in column] if name == SET else super().cells(name, column)

    def _together(self, columns: Columns) -> Scores:
        import numpy as np

        labels = self.predictor.labels
        chances, sets = self.predictor.calibrated_columns(columns, LEVEL)
        scores: Scores = {PREDICTION: [labels[k] for k in np.argmax(chances, axis=1)]}
        scores |= zip(self.chance_columns, chances.T.tolist(), strict=True)
        if self._set:
            for row in self._far_rows(columns):
                sets[row] = tuple(np.argsort(-chances[row], kind="stable").tolist())
            scores[SET] = [tuple(labels[code] for code in codes) for codes in sets]
        return scores

    def _one_by_one(self, records: Iterable[dict[str, Value]]) -> Scores:
        found = [self.predictor.predict_values(record) for record in records]
        scores: Scores = {PREDICTION: [one.prediction for one in found]}
        for name, label in zip(self.chance_columns, self.predictor.labels, strict=True):
            scores[name] = [one.probabilities[label] for one in found]
        if self._set:
            scores[SET] = [one.sets[LEVEL] for one in found]
        return scores


def scorer_for(predictor: Predictor, pass_mark: float | None = None, *, vectorised: bool) -> Scorer:
    """Return what scores the rows of a table with a model.

    Parameters
    ----------
    pass_mark : float or None
        In the unit of a number; outcomes have none.
    vectorised : bool
        See :class:`Scorer`.
    """
    if isinstance(predictor, OutcomePredictor):
        return OutcomeScorer(predictor, vectorised=vectorised)
    return NumberScorer(cast(NumberPredictor, predictor), pass_mark, vectorised=vectorised)


def free_names(names: Iterable[str], taken: Iterable[str]) -> list[str]:
    """Return names, with a number where one is taken.

    Examples
    --------
    >>> free_names(["p_A", "p_A", "problem"], ["name", "problem"])
    ['p_A', 'p_A_2', 'problem_2']
    """
    used, found = set(taken), []
    for name in names:
        free, n = name, 1
        while free in used:
            n += 1
            free = f"{name}_{n}"
        used.add(free)
        found.append(free)
    return found


def _records(columns: Columns) -> Iterator[dict[str, Value]]:
    rows = zip(*columns.values(), strict=True)
    return (dict(zip(columns, row, strict=True)) for row in rows)
