"""How a model does from period to period, and whether the last one is like those before it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from src.report.period_facts import Expectation, FeatureShift, OtherLearning, PeriodScore
from src.schema.features import NumericFeature
from src.schema.record import Schema
from src.search.task import R2, Task
from src.stats.cohorts import (
    DRIFT_LEVEL,
    LEVEL,
    dealt,
    log_figure,
    mean_figure,
    next_cohort,
    shifts,
)
from src.stats.disclosure import LEAST_ROWS
from src.stats.intervals import Interval, r2_drop_interval

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

MOST_ROWS = 5_000  # that shifts are counted on


@dataclass(frozen=True)
class Predicted:
    """Rows of a period, and what was predicted for them by what was learnt before it.

    Attributes
    ----------
    name : str
        The period's.
    truth : ndarray of shape (n_rows,)
    predicted : ndarray of shape (n_rows,) or (n_rows, n_classes)
    clusters : ndarray of shape (n_rows,) or None
    n_learnt : int
        Rows that the model learnt from.
    """

    name: str
    truth: NDArray[Any]
    predicted: NDArray[np.float64]
    clusters: NDArray[np.intp] | None
    n_learnt: int


class ModelPeriods:
    """Compare periods.

    Parameters
    ----------
    task : Task
    event : frozenset of int
        Outcomes at risk; empty of a number.
    score : callable
        Takes predicted rows, returns their scores by metric.
    """

    def __init__(
        self, task: Task, event: frozenset[int], score: Callable[[Predicted], dict[str, Interval]]
    ) -> None:
        self.task, self.event, self.score = task, event, score

    def scores(self, earlier: Sequence[Predicted], last: Predicted) -> tuple[PeriodScore, ...]:
        """Return the scores period by period; none of fewer than ten rows."""
        return tuple(
            PeriodScore(one.name, one is last, len(one.truth), one.n_learnt, self.score(one))
            for one in (*earlier, last)
            if len(one.truth) >= LEAST_ROWS
        )

    def mean_error(self, earlier: Sequence[Predicted], last: Predicted) -> Expectation | None:
        """Return the last period's mean error, and what is usual; None where that is unknown."""
        if self.task.stratified and not self.event:
            return None

        def errors(one: Predicted) -> NDArray[np.float64]:
            import numpy as np

            if not self.task.stratified:
                return np.asarray(one.truth - one.predicted)
            chance = one.predicted[:, [*self.event]].sum(axis=1)
            return np.isin(one.truth, [*self.event]) - chance

        found = [mean_figure(errors(one), one.n_learnt, one.clusters) for one in earlier]
        of_last = mean_figure(errors(last), last.n_learnt, last.clusters)
        expected = next_cohort(found, of_last.error, DRIFT_LEVEL)
        return None if expected is None else Expectation(of_last.value, expected)

    def loss(self, earlier: Sequence[Predicted], last: Predicted) -> Expectation | None:
        """Return the last period's RMSE or log loss, and what is usual."""
        found = [log_figure(self._losses(one), one.clusters) for one in earlier]
        of_last = log_figure(self._losses(last), last.clusters)
        if not all(math.isfinite(one.value) for one in (*found, of_last)):
            return None
        expected = next_cohort(found, of_last.error)
        if expected is None:
            return None
        power = 1.0 if self.task.stratified else 0.5
        ends = (math.exp(power * one) for one in (expected.value, expected.low, expected.high))
        return Expectation(math.exp(power * of_last.value), Interval(*ends))

    def other(
        self, full: Predicted, other: Predicted, constant: NDArray[np.float64]
    ) -> OtherLearning:
        """Return how well the same rows are predicted by what was learnt from other rows.

        Parameters
        ----------
        constant : ndarray
            What the baseline predicts for them.
        """
        spread = self.task.losses(full.truth, constant, R2)
        lost = r2_drop_interval(self._losses(full), self._losses(other), spread, full.clusters)
        return OtherLearning(other.n_learnt, self.score(other), lost)

    def _losses(self, one: Predicted) -> NDArray[np.float64]:
        return self.task.losses(one.truth, one.predicted, R2)


def feature_shifts(
    schema: Schema,
    X: pd.DataFrame,
    is_last: NDArray[np.bool_],
    random_state: int,
    clusters: NDArray[np.intp] | None = None,
) -> tuple[FeatureShift, ...]:
    """Return how far each feature of the last period lies from where it lay.

    Parameters
    ----------
    clusters : ndarray of shape (n_rows,), optional
        Rows of one cluster stay on one side where chance divides them.
    """
    import numpy as np
    import pandas as pd

    if len(X) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(random_state).choice(len(X), MOST_ROWS, replace=False))
        X, is_last = X.iloc[rows], is_last[rows]
        clusters = None if clusters is None else clusters[rows]
    if clusters is not None and len(np.unique(clusters)) < 2:
        clusters = None
    sides, found = dealt(is_last, random_state, clusters), []
    for feature in schema.features:
        is_number = isinstance(feature, NumericFeature)
        column = X[feature.name]
        values: NDArray[Any] = (
            column.to_numpy(dtype=np.float64, na_value=np.nan)
            if is_number
            else pd.factorize(column)[0] + 1
        )
        sizes = shifts(values, sides, is_number=is_number)
        by_chance = float(np.quantile(np.abs(sizes[1:]), LEVEL))
        found.append(FeatureShift(feature.name, is_number, float(sizes[0]), by_chance))
    return tuple(sorted(found, key=lambda one: -abs(one.size) / (one.by_chance or 1.0)))
