"""Whether what was said to have a chance came true as often."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from src.stats.intervals import Interval, share_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_ROWS = 10  # of a line in the reliability table; smaller ones join their neighbours
BINS = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """Students with about the same predicted probability: its mean, and the share that came true.

    A bin holds so many students that its figures say nothing of one.
    """

    low: float
    high: float
    n_samples: int
    predicted: float
    observed: Interval


def reliability(
    chance: NDArray[np.float64],
    happened: NDArray[np.bool_],
    clusters: NDArray[np.intp] | None = None,
) -> tuple[ReliabilityBin, ...]:
    """Return how often what was said to have a chance did happen, by tenths of the chance.

    Neighbouring tenths are joined until each bin holds ten rows: fewer say little, and would say
    it of single students. With fewer rows in all there is no bin.
    """
    import numpy as np

    if len(chance) < LEAST_ROWS:
        return ()
    tenths = np.minimum((chance * BINS).astype(int), BINS - 1)
    counts = np.bincount(tenths, minlength=BINS)
    starts, n_rows = [0], 0
    for tenth in range(BINS):
        n_rows += counts[tenth]
        if n_rows >= LEAST_ROWS and counts[tenth + 1 :].sum() >= LEAST_ROWS:
            starts.append(tenth + 1)
            n_rows = 0
    found = []
    for first, end in pairwise([*starts, BINS]):
        chosen = (tenths >= first) & (tenths < end)
        n, predicted = int(chosen.sum()), float(chance[chosen].mean())
        observed = share_interval(happened[chosen], None if clusters is None else clusters[chosen])
        found.append(ReliabilityBin(first / BINS, end / BINS, n, predicted, observed))
    return tuple(found)
