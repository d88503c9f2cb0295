"""How many of some events come about, each with a chance of its own. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

LEVEL = 0.9  # of the ranges of counts: "9 in 10"
MOST_EXACT = 200  # events; beyond it the normal distribution is as good, and quick


def count_probabilities(chances: Sequence[float]) -> list[float]:
    """Return the probability of each count, from none to all.

    The events are independent; the count then follows a Poisson binomial distribution.

    Examples
    --------
    >>> count_probabilities([0.5, 0.5])
    [0.25, 0.5, 0.25]
    """
    found = [1.0]
    for chance in chances:
        none, some = 1 - chance, chance
        found = [
            *(
                none * now + some * before
                for now, before in zip(found, [0.0, *found], strict=False)
            ),
            some * found[-1],
        ]
    return found


def count_range(chances: Sequence[float], level: float = LEVEL) -> tuple[int, int]:
    """Return between which counts the true one lies with at least a probability of ``level``.

    At most half of what is left out lies on either side. Of more than 200 events, the normal
    distribution of the same mean and variance is taken.

    Parameters
    ----------
    chances : sequence of float
        Of the events, which are independent.

    Examples
    --------
    >>> count_range([0.5] * 20), count_range([0.0, 1.0]), count_range([])
    ((6, 14), (1, 1), (0, 0))
    """
    left_out = (1 - level) / 2
    n = len(chances)
    if n > MOST_EXACT:
        return _normal_range(chances, left_out)
    probabilities = count_probabilities(chances)
    return _end(probabilities, left_out), n - _end(probabilities[::-1], left_out)


def _end(probabilities: Sequence[float], left_out: float) -> int:
    """Return how many counts have, together, no more than may be left out."""
    total = 0.0
    for count, probability in enumerate(probabilities):
        total += probability
        if total > left_out:
            return count
    return len(probabilities) - 1


def _normal_range(chances: Sequence[float], left_out: float) -> tuple[int, int]:
    mean = math.fsum(chances)
    spread = math.sqrt(math.fsum(p * (1 - p) for p in chances))
    reach = -NormalDist().inv_cdf(left_out) * spread
    # A count's probability is that of the half below and above it.
    low, high = math.ceil(mean - reach - 0.5), math.floor(mean + reach + 0.5)
    return max(0, low), min(len(chances), high)
