"""Whether the last of some cohorts is like those before it. Numbers in, numbers out.

A cohort's figure differs from the next by chance (its rows), and by what is of the cohort itself
(an exam, a teacher, a year). What is of the cohort is estimated from the earlier ones, as between
the studies of a random-effects meta-analysis.

References
----------
Paule and Mandel (1982), "Consensus Values and Weighting Factors", Journal of Research of the
National Bureau of Standards 87(5). Higgins, Thompson and Spiegelhalter (2009), "A re-evaluation of
random-effects meta-analysis", JRSS A 172(1), for the interval of a new study. Satterthwaite (1946),
"An Approximate Distribution of Estimates of Variance Components", Biometrics Bulletin 2(6).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.stats.intervals import Interval, standard_error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_EARLIER = 3  # cohorts that were predicted, to say what the next is like
LEVEL = 0.95
DRIFT_LEVEL = 0.98  # at 0.95, drift was said of 5 to 6 of 100 series of six cohorts without it
PERMUTATIONS = 199


@dataclass(frozen=True)
class Figure:
    """A cohort's figure and its standard error."""

    value: float
    error: float


def mean_figure(
    values: NDArray[np.float64], n_learnt: int, clusters: NDArray[np.intp] | None = None
) -> Figure:
    """Return the mean of a cohort's errors, less what was predicted.

    Its error is that of the cohort's rows, and of as many as the model learnt from: a model's own
    mean is as uncertain.
    """
    mean, n = float(values.mean()), len(values)
    error, _ = standard_error((values - mean) / n, clusters)
    return Figure(mean, error * math.sqrt(1 + n / n_learnt))


def log_figure(losses: NDArray[np.float64], clusters: NDArray[np.intp] | None = None) -> Figure:
    """Return the logarithm of a cohort's mean loss."""
    mean, n = float(losses.mean()), len(losses)
    if mean <= 0:
        return Figure(-math.inf, math.inf)
    error, _ = standard_error((losses / mean - 1) / n, clusters)
    return Figure(math.log(mean), error)


def next_cohort(earlier: list[Figure], error: float, level: float = LEVEL) -> Interval | None:
    """Return what the next cohort's figure is expected to be, with its interval.

    The errors of both sides, and what cohorts differ by beside them, are counted.

    Parameters
    ----------
    earlier : list of Figure
    error : float
        The next one's standard error.
    level : float
        How often the interval should hold it.

    Returns
    -------
    Interval or None
        None of fewer than three earlier cohorts: how much they differ is then not known.
    """
    import numpy as np
    from scipy.stats import t

    n = len(earlier)
    if n < LEAST_EARLIER:
        return None
    values = np.array([one.value for one in earlier])
    variances = np.array([one.error**2 for one in earlier])
    between = _between(values, variances)
    weights = 1 / (between + variances)
    middle = float(weights @ values / weights.sum())
    whole = between + error**2 + 1 / float(weights.sum())
    # Of the whole variance, the part that n cohorts were asked for has n - 1 degrees of freedom.
    unsure = between * (1 + 1 / n)
    freedom = (n - 1) * (whole / unsure) ** 2 if unsure else math.inf
    reach = float(t.ppf((1 + level) / 2, freedom)) * math.sqrt(whole)
    return Interval(middle, middle - reach, middle + reach)


def _between(values: NDArray[np.float64], variances: NDArray[np.float64]) -> float:
    """Return the variance between cohorts that makes their spread what it is, 0 or more."""
    from scipy.optimize import brentq

    n = len(values)

    def surplus(between: float) -> float:
        weights = 1 / (between + variances)
        middle = weights @ values / weights.sum()
        return float(weights @ (values - middle) ** 2) - (n - 1)

    if surplus(0.0) <= 0:
        return 0.0
    most = float(((values - values.mean()) ** 2).sum()) + 1e-12
    return float(brentq(surplus, 0.0, most))


def dealt(
    is_last: NDArray[np.bool_], random_state: int, people: NDArray[np.intp] | None = None
) -> NDArray[np.bool_]:
    """Return which rows are of the last cohort, and which might be if chance dealt them.

    Rows that belong together stay on one side.

    Returns
    -------
    ndarray of bool of shape (1 + n_deals, n_rows)
        The first line is the truth.
    """
    import numpy as np

    random, n_rows = np.random.default_rng(random_state), len(is_last)
    owners = np.arange(n_rows) if people is None else np.unique(people, return_inverse=True)[1]
    n_owners = int(owners.max()) + 1
    n_dealt = min(max(round(float(is_last.mean()) * n_owners), 1), n_owners - 1)
    deals = [(random.permutation(n_owners) < n_dealt)[owners] for _ in range(PERMUTATIONS)]
    return np.array([is_last, *deals])


def shifts(
    values: NDArray[np.float64], sides: NDArray[np.bool_], *, is_number: bool
) -> NDArray[np.float64]:
    """Return how far a feature of the last cohort lies from where it lay, for each division.

    Of a number, the difference of the means in standard deviations (the root mean square of those
    of both sides); of categories, the share of students who would have to be of another one (total
    variation).

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Numbers, of which some may be missing, or codes.
    sides : ndarray of bool of shape (n_divisions, n_rows)
        Which rows are of the last cohort.

    Examples
    --------
    >>> import numpy as np
    >>> sides = np.array([[False, False, True, True]])
    >>> shifts(np.array([0, 1, 1, 1]), sides, is_number=False).tolist()
    [0.5]
    """
    import numpy as np

    if is_number:
        there = ~np.isnan(values)
        numbers, sides = values[there], sides[:, there]
        numbers = numbers - numbers.mean() if len(numbers) else numbers
        columns = np.column_stack([np.ones(len(numbers)), numbers, numbers**2])
    else:
        columns = np.eye(int(values.max()) + 1)[values.astype(int)]
    last = sides.astype(np.float64) @ columns
    earlier = columns.sum(axis=0) - last
    if not is_number:
        of_last, of_earlier = (one / one.sum(axis=1, keepdims=True) for one in (last, earlier))
        total: NDArray[np.float64] = 0.5 * np.abs(of_last - of_earlier).sum(axis=1)
        return total
    of_last, of_earlier = (one / np.maximum(one[:, :1], 1) for one in (last, earlier))
    variances = [one[:, 2] - one[:, 1] ** 2 for one in (of_last, of_earlier)]
    spread = np.sqrt(np.maximum(sum(variances) / 2, 0))
    found: NDArray[np.float64] = (of_last - of_earlier)[:, 1] / np.where(spread > 0, spread, np.inf)
    return found
