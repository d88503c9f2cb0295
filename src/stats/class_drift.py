"""Whether some classes are like those of a reference: classes are compared, not pupils.

Pupils of a class are alike, so that classes differ by more than their pupils' chance. A class's
mean is therefore one observation. It is measured in units of what classes of its size differ by,
and compared by its rank among the classes of both sides.

References
----------
van der Waerden (1952), "Order tests for the two-sample problem and their power", Indagationes
Mathematicae 14. Pagano and Tritchler (1983), "On obtaining permutation distributions in polynomial
time", JASA 78(382), for the exact distribution by Fourier transform.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.stats.one_way import OneWay

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_PUPILS = 10  # of a class that is compared
LEAST_CLASSES = 8  # of a reference
POWER = 0.8  # that the smallest difference is seen with
GRID = 512  # steps of the distribution of a sum of scores
REACH = 16.0  # standard deviations that the grid spans
CLEAR = 0.06  # above it, the normal distribution's p-value is near enough


@dataclass(frozen=True)
class ClassSpread:
    """How the classes of a reference differ in the mean of a number, or in a share.

    Attributes
    ----------
    middle : float
        Mean of the classes' means.
    between, within : float
        Variance of the true means of classes, and of pupils of one class.
    scores : tuple of float
        How far each class lies from the middle, in standard deviations of classes of its size;
        sorted, so that none can be told from another.
    """

    middle: float
    between: float
    within: float
    scores: tuple[float, ...]

    @classmethod
    def of(cls, values: NDArray[np.float64], codes: NDArray[np.integer]) -> ClassSpread | None:
        """Return the spread of the classes of ten pupils or more; None of fewer than eight classes.

        Parameters
        ----------
        values : ndarray of shape (n_pupils,)
            Numbers, or 1 and 0 for a share. NaN where there is none.
        codes : ndarray of int of shape (n_pupils,)
            The class of each; a negative one is of no class.
        """
        import numpy as np

        there = ~np.isnan(values) & (codes >= 0)
        sizes = np.bincount(codes[there]) if there.any() else np.empty(0, dtype=int)
        large = np.flatnonzero(sizes >= LEAST_PUPILS)
        if len(large) < LEAST_CLASSES:
            return None
        there &= np.isin(codes, large)
        members = np.searchsorted(large, codes[there])
        of_class = sizes[large]
        means = np.bincount(members, values[there]) / of_class
        found = OneWay.of(values[there], members)
        spread = cls(float(means.mean()), found.variance, found.within, ())
        scores = np.sort(spread.standard(means, of_class)).round(2)
        return cls(spread.middle, spread.between, spread.within, tuple(scores.tolist()))

    @property
    def n_classes(self) -> int:
        return len(self.scores)

    def deviation(self, n_pupils: float) -> float:
        """Return the standard deviation of the means of classes of a size."""
        return math.sqrt(self.between + self.within / n_pupils)

    def standard(
        self, means: NDArray[np.float64], sizes: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        """Return how far classes lie from the middle, in standard deviations of their size."""
        import numpy as np

        scale = np.sqrt(self.between + self.within / sizes)
        found: NDArray[np.float64] = (means - self.middle) / np.where(scale > 0, scale, 1.0)
        return found


@dataclass(frozen=True)
class ClassDifference:
    """How far some classes lie from those of a reference.

    Attributes
    ----------
    n_classes : int
    mean : float
        Mean of the classes' means.
    difference : float
        That, less the reference's.
    deviation : float
        Standard deviation of the means of classes of the usual size.
    p_value : float
        How often classes dealt at random from both sides differ as much, either way.
    """

    n_classes: int
    mean: float
    difference: float
    deviation: float
    p_value: float


def compare(
    reference: ClassSpread, means: NDArray[np.float64], sizes: NDArray[np.integer]
) -> ClassDifference:
    """Compare the means of classes with those of a reference."""
    import numpy as np

    current = reference.standard(means, sizes).round(2)
    pooled = np.concatenate([np.array(reference.scores), current])
    chosen = np.arange(len(pooled)) >= reference.n_classes
    mean = float(means.mean())
    return ClassDifference(
        n_classes=len(means),
        mean=mean,
        difference=mean - reference.middle,
        deviation=reference.deviation(float(np.median(sizes))),
        p_value=permutation_p_value(normal_scores(pooled), chosen),
    )


def smallest_seen(
    reference: ClassSpread, n_classes: int, deviation: float, level: float
) -> float | None:
    """Return the smallest difference that is found in 80 % of cases at a level.

    None where so few classes can never be unlikely enough.
    """
    from scipy.special import comb
    from scipy.stats import norm

    n_reference = reference.n_classes
    if level <= 0 or 2 / comb(n_reference + n_classes, n_classes) > level:
        return None
    reach = float(norm.isf(level / 2) + norm.ppf(POWER))
    return reach * deviation * math.sqrt(1 / n_classes + 1 / n_reference)


def normal_scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what a normal distribution has at the ranks of some values; equal ones share theirs.

    Examples
    --------
    >>> import numpy as np
    >>> normal_scores(np.array([5.0, 1.0, 9.0])).round(2).tolist()
    [0.0, -0.67, 0.67]
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    scores: NDArray[np.float64] = ndtri(rankdata(values) / (len(values) + 1))
    return scores


def permutation_p_value(scores: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float:
    """Return how often a random choice of as many scores has a sum as far out as the chosen ones.

    It is exact for the scores as they are rounded here, to a thirtieth of their sum's standard
    deviation, and two-sided: twice the smaller tail. Each score is taken by a coin of its own; of
    these choices, those of the right number are sorted out by a second Fourier transform. Where
    the normal distribution says above 0.06, that is returned.

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.arange(1.0, 7)
    >>> round(permutation_p_value(scores, scores > 3), 3)  # 4 + 5 + 6: one of twenty, either way
    0.1
    """
    import numpy as np
    from scipy.stats import binom, norm

    n, k = len(scores), int(chosen.sum())
    spread = float(scores.std()) * math.sqrt(k * (n - k) / max(n - 1, 1))
    if spread == 0:
        return 1.0
    nearly = 2 * float(norm.sf(abs(scores[chosen].sum() - k * scores.mean()) / spread))
    if nearly > CLEAR:
        return nearly
    steps = np.rint((scores - scores.mean()) * GRID / (REACH * spread)).astype(int)
    observed = int(steps[chosen].sum())
    values, counts = np.unique(steps, return_counts=True)
    share = k / n
    n_coins = min(math.ceil(14 * math.sqrt(n * share * (1 - share)) + 8), n + 1)
    coins = np.exp(2j * np.pi * np.arange(n_coins) / n_coins)
    turns = np.exp(2j * np.pi * np.outer(np.arange(GRID // 2 + 1), values) / GRID)
    product = np.ones((len(turns), n_coins), dtype=complex)
    for turn, count in zip(turns.T, counts.tolist(), strict=True):
        product *= (1 - share + share * np.outer(turn, coins)) ** count
    of_number = (product @ coins**-k) / n_coins / binom.pmf(k, n, share)
    chances = np.fft.irfft(of_number.conj(), GRID).clip(0)
    sums = np.arange(GRID)
    sums = np.where(sums < GRID // 2, sums, sums - GRID)
    low, high = chances[sums <= observed].sum(), chances[sums >= observed].sum()
    return float(min(1.0, 2 * min(low, high)))
