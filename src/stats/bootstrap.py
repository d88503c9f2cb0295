"""Figures from a sample, each with the interval in which it would lie for other samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 1_000
CELLS = 500_000  # of resampled rows that are in memory at once
Z_95 = 1.959964


@dataclass(frozen=True)
class Interval:
    """A figure and where it would lie in 95 of 100 test sets like this one."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def resampled_rows(
    n_samples: int, n_resamples: int, random: np.random.Generator
) -> Iterator[NDArray[np.intp]]:
    """Draw rows with replacement, as many as there are, again and again.

    Yields
    ------
    ndarray of shape (some, n_samples)
        A resample a row; together ``n_resamples`` rows, in blocks that fit into little memory.
    """
    block = max(1, CELLS // n_samples)
    for start in range(0, n_resamples, block):
        yield random.integers(n_samples, size=(min(block, n_resamples - start), n_samples))


def percentile_interval(value: float, resampled: NDArray[np.float64]) -> Interval:
    """Return a figure with the 2.5th and 97.5th percentile of its resampled values but NaN.

    References
    ----------
    Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13.
    """
    import numpy as np

    value, resampled = float(value), resampled[~np.isnan(resampled)]
    if not len(resampled):
        return Interval(value, value, value)
    low, high = np.quantile(resampled, (0.025, 0.975))
    return Interval(value, float(low), float(high))


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
    from scipy.stats import binomtest

    found = binomtest(n_hits, n_samples, n_hits / n_samples)  # no p-value is worked out for this
    low, high = found.proportion_ci(method="wilson")
    return Interval(found.statistic, float(low), float(high))
