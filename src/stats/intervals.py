"""Figures from a sample, each with the interval in which the truth is expected to lie.

Rows may come in clusters, such as the pupils of a school: what is independent is then a cluster,
not a row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_CLUSTERS = 10  # below, and below as many rows, there is no interval
LEVEL = 0.95
Z_95 = 1.959964


@dataclass(frozen=True)
class Interval:
    """A figure, and an interval that holds the truth in about 95 of 100 samples.

    How often it does was measured: see docs/statistics.md. Where the sample is too small for an
    interval, both ends are the figure itself.
    """

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low < self.high and (self.low > 0 or self.high < 0)


def clusters_or_rows(clusters: NDArray[np.intp] | None, n_rows: int) -> NDArray[np.intp]:
    """Return the number of each row's cluster: its own number where there are none."""
    import numpy as np

    if clusters is None:
        return np.arange(n_rows)
    return np.unique(clusters, return_inverse=True)[1]


def t_value(n_clusters: int) -> float:
    """Return what a mean of so many clusters differs by at most, in standard errors."""
    from scipy.stats import t

    return float(t.ppf((1 + LEVEL) / 2, n_clusters - 1))


def standard_error(
    influence: NDArray[np.float64], clusters: NDArray[np.intp] | None = None
) -> tuple[float, int]:
    """Return the standard error of a figure, and the number of clusters.

    Parameters
    ----------
    influence : ndarray of shape (n_rows,)
        What each row adds to the figure, less what it adds on average: they sum to 0.
    clusters : ndarray of shape (n_rows,), optional

    References
    ----------
    Liang and Zeger (1986), "Longitudinal data analysis using generalized linear models",
    Biometrika 73(1).
    """
    import numpy as np

    sums = np.bincount(clusters_or_rows(clusters, len(influence)), influence)
    n = len(sums)
    return float(np.sqrt(n / max(n - 1, 1) * (sums**2).sum())), n


def interval_of(
    value: float,
    influence: NDArray[np.float64],
    clusters: NDArray[np.intp] | None = None,
    *,
    positive: bool = False,
) -> Interval:
    """Return a figure with Student's interval.

    Parameters
    ----------
    influence, clusters
        As for :func:`standard_error`.
    positive : bool
        Whether the figure cannot be negative; the interval is then one of its logarithm.
    """
    value = float(value)
    error, n_clusters = standard_error(influence, clusters)
    if n_clusters < LEAST_CLUSTERS or (positive and value <= 0):
        return Interval(value, value, value)
    reach = t_value(n_clusters) * error
    if not positive:
        return Interval(value, value - reach, value + reach)
    factor = math.exp(min(reach / value, 100.0))
    return Interval(value, value / factor, value * factor)


def mean_interval(
    values: NDArray[np.float64],
    clusters: NDArray[np.intp] | None = None,
    *,
    positive: bool = False,
) -> Interval:
    """Return the mean of some values with its interval.

    Examples
    --------
    >>> import numpy as np
    >>> found = mean_interval(np.arange(11.0))
    >>> found.value, round(found.low, 2), round(found.high, 2)
    (5.0, 2.77, 7.23)
    """
    mean = float(values.mean())
    return interval_of(mean, (values - mean) / len(values), clusters, positive=positive)


def rmse_interval(
    errors: NDArray[np.float64], clusters: NDArray[np.intp] | None = None
) -> Interval:
    """Return the root of the mean squared error with its interval.

    Few rows seldom hold the large errors that a mean of squares depends on. Of independent rows,
    the kurtosis is therefore taken about a trimmed mean, and the interval is stretched and moved up
    by a factor that goes to 1 with more rows.

    References
    ----------
    Bonett (2006), "Approximate confidence interval for standard deviation of nonnormal
    distributions", Computational Statistics & Data Analysis 50(3).
    """
    from scipy.stats import trim_mean

    square = mean_interval(errors**2, clusters, positive=True)
    if clusters is None and square.low < square.high:
        n, spread = len(errors), float(((errors - errors.mean()) ** 2).sum())
        about = trim_mean(errors, 0.5 / math.sqrt(n - 4))
        kurtosis = n * float(((errors - about) ** 4).sum()) / (spread**2 or 1.0)
        factor = n / (n - t_value(n))
        reach = t_value(n) * math.sqrt(max(kurtosis - (n - 3) / n, 0.0) / (n - 1))
        stretch = math.exp(factor * max(reach, math.log(square.high / square.value)))
        middle = factor * square.value
        square = Interval(square.value, middle / stretch, middle * stretch)
    return Interval(*(math.sqrt(one) for one in (square.value, square.low, square.high)))


def r2_interval(
    y_true: NDArray[np.float64],
    errors: NDArray[np.float64],
    clusters: NDArray[np.intp] | None = None,
) -> Interval:
    """Return R² with its interval: that of the errors' share of the target's variance."""
    spread, squares = (y_true - y_true.mean()) ** 2, errors**2
    if not spread.any():
        return Interval(0.0, 0.0, 0.0)
    ratio = float(squares.mean() / spread.mean())
    influence = (squares - ratio * spread) / spread.mean() / len(errors)
    found = interval_of(ratio, influence, clusters, positive=True)
    return Interval(1 - ratio, 1 - found.high, 1 - found.low)


def r2_drop_interval(
    losses: NDArray[np.float64],
    losses_without: NDArray[np.float64],
    spread: NDArray[np.float64],
    clusters: NDArray[np.intp] | None = None,
) -> Interval:
    """Return what R² loses from one model to another on the same rows, with its interval.

    Parameters
    ----------
    losses, losses_without, spread : ndarray of shape (n_samples,)
        Squared errors of both models and of the mean; or log losses, for McFadden's R².
    """
    total = float(spread.mean()) or math.inf
    added = losses_without - losses
    lost = float(added.mean() / total)
    return interval_of(lost, (added - lost * spread) / total / len(losses), clusters)


def share_interval(hits: NDArray[np.bool_], clusters: NDArray[np.intp] | None = None) -> Interval:
    """Return the share of hits with Wilson's interval, for as many rows as clusters are worth.

    Of fewer than ten clusters there is none: both ends are the share.

    References
    ----------
    Korn and Graubard (1998), "Confidence intervals for proportions with small expected number of
    positive counts estimated from survey data", Survey Methodology 24(2).
    """
    n, share = len(hits), float(hits.mean())
    if clusters is None:
        return wilson_interval(int(hits.sum()), n)
    if too_few_clusters(clusters):
        return Interval(share, share, share)
    low, high = wilson_ends(share, effective_rows(hits, clusters))
    return Interval(share, low, high)


def too_few_clusters(clusters: NDArray[np.intp] | None) -> bool:
    """Return whether rows are of so few clusters that nothing is told from chance."""
    import numpy as np

    return clusters is not None and len(np.unique(clusters)) < LEAST_CLUSTERS


def effective_rows(hits: NDArray[np.bool_], clusters: NDArray[np.intp] | None) -> float:
    """Return how many independent rows would tell as much of a share as these do."""
    n, share = len(hits), float(hits.mean())
    if clusters is None:
        return float(n)
    error, n_clusters = standard_error((hits - share) / n, clusters)
    if n_clusters < 2:
        return 1.0
    independent = share * (1 - share) / error**2 if error else n_clusters
    return min(float(n), independent) * (Z_95 / t_value(n_clusters)) ** 2


def promise_p_value(
    inside: NDArray[np.bool_],
    level: float,
    n_residuals: int,
    clusters: NDArray[np.intp] | None = None,
) -> float:
    """Return how often a range that keeps its promise holds as few rows, or as many, as this one.

    The share that a conformal range holds has a beta distribution over the residuals that it was
    made of; the rows that it then holds are beta-binomial. Of fewer than ten clusters it is 1:
    nothing is told of them.

    Parameters
    ----------
    inside : ndarray of shape (n_rows,)
        Whether a row lies in its range.
    level : float
        The share that was promised.
    n_residuals : int
        Those that the range was made of.

    References
    ----------
    Vovk (2012), "Conditional validity of inductive conformal predictors", ACML, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> held = np.arange(50) < 40
    >>> round(promise_p_value(held, 0.9, 200), 3), round(promise_p_value(held, 0.9, 40), 3)
    (0.08, 0.178)
    """
    from scipy.stats import betabinom

    if too_few_clusters(clusters):
        return 1.0
    n, worth = len(inside), effective_rows(inside, clusters)
    n_rows = max(round(worth), 1)
    ranks = n_residuals * worth / n + 1
    n_held, held = round(n_rows * float(inside.mean())), (level * ranks, (1 - level) * ranks)
    fewer = betabinom.cdf(n_held, n_rows, *held)
    more = betabinom.sf(n_held - 1, n_rows, *held)
    return min(1.0, 2 * float(min(fewer, more)))


def wilson_interval(n_hits: int, n_samples: int) -> Interval:
    """Return a share with its score interval, which claims certainty for no number of rows.

    References
    ----------
    Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference",
    JASA 22(158).

    Examples
    --------
    >>> share = wilson_interval(10, 10)
    >>> share.value, round(share.low, 2), share.high
    (1.0, 0.72, 1.0)
    """
    share = n_hits / n_samples
    return Interval(share, *wilson_ends(share, n_samples))


def wilson_ends(share: float, n: float) -> tuple[float, float]:
    """Return the ends of Wilson's interval, for a number of rows that need not be whole."""
    z2 = Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low = 0.0 if share == 0 else max(0.0, middle - reach)
    return low, 1.0 if share == 1 else min(1.0, middle + reach)
