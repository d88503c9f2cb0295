"""Columns that give the target away: functions of it, cuts of it, ranks of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ALL_BUT_FEW = 0.99  # of the rows, in which a function of the columns must give the target
RANK_AGREEMENT = 0.999
KNOWN = 0.5  # of the rows, in which a column must hold a value to be called a leak
COARSE = 0.05  # of the target's spread: rounding beyond it could hide anything
LEAST_R2 = 0.95  # below it, a fit within one rounding step only says that the steps are coarse
COUNTS = 0.98  # of the steps from row to row that go one way, for a column to be a key
MIXED = 0.25  # of the rows outside the largest level, that may share a target value with another
MOST_COLUMNS = 40
FEWEST_ROWS = 20
FEWEST_MINOR = 5  # rows beside the commonest outcome
SEPARATED = 0.02  # of them, that may stand in the wrong order
MOST_LEVELS = 20  # of a column that cuts the target into grades


class Combination(NamedTuple):
    """Columns of which the target is a linear function up to rounding.

    Attributes
    ----------
    blamed : tuple of int
        The column that contains the target, or all its parts.
    others : tuple of int
        What must be subtracted from it.
    """

    blamed: tuple[int, ...]
    others: tuple[int, ...]


def step_of(values: NDArray[np.float64]) -> float:
    """Return the step to which values are rounded, 0 where they are not."""
    import numpy as np

    known = values[np.isfinite(values)]
    for decimals in range(5):
        scaled = known * 10**decimals
        if (
            len(known)
            and (np.abs(scaled - np.round(scaled)) < 1e-6 * 10**decimals).mean() >= ALL_BUT_FEW
        ):
            return 10.0**-decimals
    return 0.0


def linear_combination(X: NDArray[np.float64], y: NDArray[np.float64]) -> Combination | None:
    """Return columns that give the target up to rounding, None where there are none.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        NaN where a value is missing.
    y : ndarray of shape (n_samples,)
    """
    import numpy as np

    if not X.shape[1]:
        return None
    usable = np.flatnonzero(np.isfinite(X).mean(axis=0) >= 0.5)
    related = np.array([abs(correlation(X[:, j], y)) for j in usable])
    by_size = usable[np.argsort(-related, kind="stable")]
    most = min(MOST_COLUMNS, max(1, (len(y) - FEWEST_ROWS) // 5))
    chosen = by_size[:most]
    while True:
        complete = np.isfinite(X[:, chosen]).all(axis=1)
        if complete.sum() >= max(FEWEST_ROWS, 2 * len(chosen) + FEWEST_ROWS) or len(chosen) == 1:
            break
        chosen = chosen[: len(chosen) // 2]
    X, y = X[np.ix_(complete, chosen)], y[complete]
    if len(y) < FEWEST_ROWS or y.std() == 0:
        return None
    fit = _Fit(X, y)
    kept = list(range(len(chosen)))
    if not fit.gives_away(kept):
        return None
    for j in np.argsort(np.abs(fit.weights(kept)) * X.std(axis=0)).tolist():
        fewer = [k for k in kept if k != j]
        if fewer and fit.gives_away(fewer):
            kept = fewer
    weights = fit.weights(kept)
    positive = tuple(int(chosen[k]) for k, w in zip(kept, weights, strict=True) if w > 0)
    negative = tuple(int(chosen[k]) for k, w in zip(kept, weights, strict=True) if w < 0)
    if positive and negative:
        contains, rest = sorted((positive, negative), key=len)
        return (
            Combination(contains, rest)
            if len(contains) < len(rest)
            else (Combination(positive, negative))
        )
    return Combination(positive or negative, ())


class _Fit:
    """Least squares of a target on any of some columns, all but the first from one decomposition.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
    y : ndarray of shape (n_samples,)
    """

    def __init__(self, X: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        import numpy as np

        self._spread = X.std(axis=0)
        self._spread[self._spread == 0] = 1
        self._X = (X - X.mean(axis=0)) / self._spread
        self._y, self._centred = y, y - y.mean()
        q, self._r = np.linalg.qr(self._X)
        self._projected = q.T @ self._centred
        self._steps = np.array([step_of(column) for column in X.T])
        self._step = step_of(y)

    def weights(self, columns: list[int]) -> NDArray[np.float64]:
        """Return what each column is multiplied by."""
        return self._scaled(columns) / self._spread[columns]

    def _scaled(self, columns: list[int]) -> NDArray[np.float64]:
        import numpy as np

        return np.linalg.lstsq(self._r[:, columns], self._projected, rcond=1e-9)[0]

    def gives_away(self, columns: list[int]) -> bool:
        """Whether a linear function of columns is the target in nearly all rows, up to rounding."""
        import numpy as np

        scaled, spread = self._scaled(columns), self._y.std()
        residual = self._centred - self._X[:, columns] @ scaled
        if 1 - residual.var() / spread**2 < LEAST_R2:
            return False
        # Rounding the target moves it by half a step; rounding a column, by its weight times that.
        weights = scaled / self._spread[columns]
        coarsest = float((np.abs(weights) * self._steps[columns]).max())
        tolerance = 0.5 * self._step + 0.5 * coarsest
        if tolerance > COARSE * spread and not _are_simple(weights):
            return False
        tolerance = max(min(tolerance, 0.25 * spread), 1e-6 * spread)
        return bool((np.abs(residual) <= tolerance * (1 + 1e-9)).mean() >= ALL_BUT_FEW)


def _are_simple(weights: NDArray[np.float64]) -> bool:
    """Whether weights are such as sums and averages have: whole numbers, halves, thirds, 5 %."""
    import numpy as np

    size = np.abs(weights[:, None])
    parts = np.array([1, 2, 3, 4, 6, 7, 20])
    apart = np.abs(size - np.round(size * parts) / parts)
    return bool((apart <= 0.01 * size + 0.003).any(axis=1).all())


def agrees_in_rank(x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    """Whether two columns order the rows alike, or the other way round, but for 1 % of them."""
    import numpy as np

    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < max(FEWEST_ROWS, KNOWN * len(y)):
        return False
    x, y = x[known], y[known]
    if len(np.unique(x)) < 0.5 * len(np.unique(y)) or len(np.unique(y)) < 5:
        return False
    a, b = _ranks(x), _ranks(y)
    if correlation(a, b) < 0:
        a = len(a) + 1 - a
    apart = np.abs(a - b)
    kept = apart <= np.quantile(apart, ALL_BUT_FEW)
    return correlation(a[kept], b[kept]) >= RANK_AGREEMENT


def separates(x: NDArray[np.float64], codes: NDArray[np.float64]) -> bool:
    """Whether a column orders the rows by their outcome, but for 2 % of all but the commonest.

    Rows with the same value are counted as if they stood in the wrong order.

    Parameters
    ----------
    x, codes : ndarray of shape (n_samples,)
        NaN where a value is missing.
    """
    import numpy as np

    known = np.isfinite(x) & np.isfinite(codes)
    if known.sum() < max(FEWEST_ROWS, KNOWN * len(codes)):
        return False
    x, codes = x[known], codes[known]
    n_minor = len(codes) - int(np.unique(codes, return_counts=True)[1].max())
    wanted = np.sort(codes)
    wrong = min(
        int((codes[np.lexsort((-codes, side * x))] != wanted).sum()) for side in (1.0, -1.0)
    )
    return n_minor >= FEWEST_MINOR and wrong <= SEPARATED * n_minor


def correlates(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return how strongly a column of whole numbers goes with the target, 0 where it only counts.

    The absolute rank correlation; 0 where the column rises or falls from nearly every row to the
    next, as keys do.
    """
    import numpy as np

    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    steps = np.diff(x)
    if len(x) < 3 or max((steps > 0).mean(), (steps < 0).mean()) >= COUNTS:
        return 0.0
    return abs(correlation(_ranks(x), _ranks(y)))


def cuts(codes: NDArray[np.integer], y: NDArray[np.float64]) -> bool:
    """Whether a column's values are parts of the target's range, such as grades or a pass.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Number of each row's value, below 0 where it is missing.
    y : ndarray of shape (n_samples,)
    """
    import numpy as np

    known = (codes >= 0) & np.isfinite(y)
    if known.sum() < max(FEWEST_ROWS, KNOWN * len(y)):
        return False
    codes, y = codes[known], y[known]
    levels, codes, counts = np.unique(codes, return_inverse=True, return_counts=True)
    if not 2 <= len(levels) <= MOST_LEVELS:
        return False
    n_minor = len(y) - int(counts.max())
    if n_minor < FEWEST_MINOR:
        return False
    if len(np.unique(y)) <= len(levels):
        # The target has no more values than the column: one gives the other.
        most = [
            np.unique(y[codes == level], return_counts=True)[1].max()
            for level in range(len(levels))
        ]
        n_wrong = len(y) - int(sum(most))
        return len(np.unique(y)) == len(levels) and n_wrong <= min(
            (1 - ALL_BUT_FEW) * len(y), 0.05 * n_minor
        )
    middle = np.array([np.median(y[codes == level]) for level in range(len(levels))])
    if len(np.unique(middle)) < len(levels):
        return False
    order = np.argsort(np.argsort(middle))
    rank = order[codes]
    if _mixed(rank, y) > MIXED * n_minor:
        return False
    by_value = np.argsort(y, kind="stable")
    n_wrong = _out_of_order(rank[by_value], y[by_value])
    return n_wrong <= min((1 - ALL_BUT_FEW) * len(y), 0.05 * n_minor)


def _mixed(rank: NDArray[np.intp], y: NDArray[np.float64]) -> int:
    """Return how many rows are of another level than most rows with the same target."""
    import numpy as np

    values, which = np.unique(y, return_inverse=True)
    n = np.bincount(which * (int(rank.max()) + 1) + rank)
    most = np.zeros(len(values), dtype=np.intp)
    np.maximum.at(most, np.arange(len(n)) // (int(rank.max()) + 1), n)
    return int(len(y) - most.sum())


def _out_of_order(rank: NDArray[np.intp], y: NDArray[np.float64]) -> int:
    """Return how many rows must go so that higher levels have higher values, ties apart."""
    import bisect

    import numpy as np

    # Equal values may lie on either side of a cut: within a tie, the order is the best one.
    order = np.lexsort((rank, y))
    tails: list[int] = []
    for level in rank[order].tolist():
        at = bisect.bisect_right(tails, level)
        tails[at : at + 1] = [level]
    return len(rank) - len(tails)


def equally_alike(columns: Sequence[NDArray[np.float64]]) -> bool:
    """Whether any two of three columns or more agree as well as any other two.

    Draws of one measure do. Of a test that is repeated, those close in time agree better.
    """
    import itertools
    import math

    apart = [
        math.log(max(1e-9, 1 - correlation(a, b))) for a, b in itertools.combinations(columns, 2)
    ]
    by_chance = 4 / math.sqrt(max(len(columns[0]), 1))  # two standard errors of one of them
    return max(apart) - min(apart) <= math.log(1.4) + by_chance


def exchangeable(x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    """Whether two columns are as alike as two draws of one measure.

    Equal means and spreads, and a correlation of at least .8: plausible values of one test are so.
    """
    import numpy as np

    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < FEWEST_ROWS or not y.std() or not x.std():
        return False
    alike = abs(x.mean() - y.mean()) <= 0.05 * y.std() and 0.93 <= x.std() / y.std() <= 1.07
    return bool(alike) and correlation(x, y) >= 0.8


class QuickRidge:
    """A ridge regression's R² on rows that it was not fitted on, for many choices of columns.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        No missing values.
    y : ndarray of shape (n_samples,)
    """

    def __init__(self, X: NDArray[np.float64], y: NDArray[np.float64], n_folds: int = 5) -> None:
        import numpy as np

        spread = X.std(axis=0)
        spread[spread < 1e-12] = np.inf  # a constant column weighs nothing
        self._X = (X - X.mean(axis=0)) / spread
        self._y = y
        fold = np.random.default_rng(0).permutation(len(y)) % n_folds
        self._folds = []
        gram, product = self._X.T @ self._X, self._X.T @ y
        sums = self._X.sum(axis=0)
        for k in range(n_folds):
            out = np.flatnonzero(fold == k)
            held, centre = self._X[out], (y.sum() - y[out].sum()) / max(1, len(y) - len(out))
            left = product - held.T @ y[out] - (sums - held.sum(axis=0)) * centre
            self._folds.append((out, gram - held.T @ held, left, centre))

    def r2(self, columns: NDArray[np.intp]) -> float:
        """Return the R² that some columns reach, 0 where they say nothing."""
        import numpy as np

        if not len(columns) or not self._y.var():
            return 0.0
        error = 0.0
        for out, gram, product, centre in self._folds:
            penalised = gram[np.ix_(columns, columns)] + np.eye(len(columns))
            weights = np.linalg.solve(penalised, product[columns])
            residual = self._y[out] - centre - self._X[np.ix_(out, columns)] @ weights
            error += float((residual**2).sum())
        return max(0.0, 1 - error / float(((self._y - self._y.mean()) ** 2).sum()))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np
    import pandas as pd

    return np.asarray(pd.Series(values).rank(), dtype=np.float64)


def correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return Pearson's correlation in the rows that hold both, 0 where it is undefined."""
    import numpy as np

    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known], b[known]
    if len(a) < 3 or not a.std() or not b.std():
        return 0.0
    return float(((a - a.mean()) * (b - b.mean())).mean() / (a.std() * b.std()))
