"""Whether what was said to have a chance came true as often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from src.stats.disclosure import result_of_few
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
    beside: Sequence[NDArray[np.bool_]] = (),
) -> tuple[ReliabilityBin, ...]:
    """Return how often what was said to have a chance did happen, by tenths of the chance.

    Neighbouring tenths are joined until each bin holds ten rows: fewer say little, and would say
    it of single students. With fewer rows in all there is no bin.

    Parameters
    ----------
    beside : sequence of ndarray of bool of shape (n_samples,)
        Sets of rows whose figures are shown too: bins are joined until no sum of both kinds of
        figures rests on fewer than ten rows.
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
    if beside:
        starts = _starts_beside(tenths, starts, beside)
    found = []
    for first, end in pairwise([*starts, BINS]):
        chosen = (tenths >= first) & (tenths < end)
        n, predicted = int(chosen.sum()), float(chance[chosen].mean())
        observed = share_interval(happened[chosen], None if clusters is None else clusters[chosen])
        found.append(ReliabilityBin(first / BINS, end / BINS, n, predicted, observed))
    return tuple(found)


def rows_of_bins(
    chance: NDArray[np.float64], bins: Sequence[ReliabilityBin]
) -> list[NDArray[np.bool_]]:
    """Return which rows are in each bin."""
    import numpy as np

    tenths = np.minimum((chance * BINS).astype(int), BINS - 1) / BINS
    return [(tenths >= one.low - 1e-9) & (tenths < one.high - 1e-9) for one in bins]


def _starts_beside(
    tenths: NDArray[np.intp], starts: Sequence[int], beside: Sequence[NDArray[np.bool_]]
) -> list[int]:
    """Return where bins start so that they tell of no few rows: most bins, then the most even."""
    import numpy as np

    def sizes(chosen: Sequence[int]) -> NDArray[np.intp]:
        return np.histogram(tenths, [*chosen, BINS])[0]

    for n_kept in reversed(range(1, len(starts))):
        choices = [[0, *kept] for kept in combinations(starts[1:], n_kept)]
        for chosen in sorted(choices, key=lambda one: int((sizes(one) ** 2).sum())):
            bins = np.digitize(tenths, chosen) == 1 + np.arange(len(chosen))[:, None]
            if result_of_few(np.vstack([*beside, bins])) is None:
                return chosen
    return [0]
