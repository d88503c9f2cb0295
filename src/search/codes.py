"""Numbers that may be codes: what the target is at each of their values follows no curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from src.search.folds import StackedFolds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_LEVELS, MOST_LEVELS = 6, 200  # fewer follow a cubic curve, but for one or two
ROWS_A_LEVEL = 5  # on average
LEAST_SKEWNESS = 0.5
CHANCE = 0.01  # of any number whose target follows a cubic curve


def code_columns(folds: StackedFolds, n_numbers: int) -> list[int]:
    """Return which of the first columns are numbers of few values that may be codes.

    The target, less a linear model of all columns and a cubic curve of the number, is compared
    between the number's values by an F-test for lack of fit, at 1 % after Bonferroni's correction.
    It looks at all rows, those of the folds' tests among them: it only saves the time of a family
    that is then judged in the folds.

    References
    ----------
    Draper and Smith (1998), "Applied Regression Analysis", 3rd edition, chapter 2.
    """
    import numpy as np
    from scipy import stats
    from sklearn.linear_model import Ridge

    rows = np.sort(np.concatenate(folds.splits[-1]))
    X, y = folds.X[rows], folds.y[rows]
    levels = {j: np.unique(X[:, j], return_inverse=True)[1] for j in range(n_numbers)}
    most = min(MOST_LEVELS, len(y) // ROWS_A_LEVEL)
    few = {j: of for j, of in levels.items() if LEAST_LEVELS <= of.max() + 1 <= most}
    if not few:
        return []
    rest = y - Ridge().fit(X, y).predict(X)
    found = []
    for j, of_row in few.items():
        left = rest - np.polyval(np.polyfit(X[:, j], rest, 3), X[:, j])
        counts = np.bincount(of_row)
        means = np.bincount(of_row, left) / counts
        between = float((counts * means**2).sum())
        within = float((left**2).sum()) - between
        freedom = len(counts) - 4, len(y) - X.shape[1] - len(counts)
        if freedom[1] > 0 and within > 0:
            statistic = (between / freedom[0]) / (within / freedom[1])
            if stats.f.sf(statistic, *freedom) * len(few) < CHANCE:
                found.append(j)
    return found


def has_long_tail(y: NDArray[np.float64]) -> bool:
    """Whether a target is never below 0, and skewed to the right.

    Examples
    --------
    >>> import numpy as np
    >>> has_long_tail(np.array([0, 1, 1, 2, 9])), has_long_tail(np.array([0, 8, 9, 9, 10]))
    (True, False)
    """
    above = y - y.mean()
    spread = float(y.std())
    return bool(y.min() >= 0 and spread and (above**3).mean() > LEAST_SKEWNESS * spread**3)
