"""How a column's values are spread, told such that no figure is of fewer than ten rows.

All that is told are counts of the rows below some cuts. Two cuts have the same rows below them, or
ten more, so that no difference of two such counts is of fewer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from src.stats.disclosure import LEAST_ROWS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PARTS = 20  # of the rows: a value that is as frequent, or a part that is as large, gets cuts
FEW = 5  # stands for 1 to 9 rows


class Spread(NamedTuple):
    """A histogram, and the corners of the line of how many rows lie below a value.

    Attributes
    ----------
    edges : list of float
        Rising, one more than ``counts``, of unequal widths; none where there are too few rows.
    counts : list of int
        Rows from an edge to the next: none, or ten and more.
    values : list of float
        Corners, in rising order. One that is there twice is a value that many rows have.
    below : list of int
        Rows below each: at one that is there twice first without, then with those that have it.
        1 to 9 rows beside a frequent value are counted as five.
    """

    edges: list[float]
    counts: list[int]
    values: list[float]
    below: list[int]


def spread_of(values: NDArray[np.float64], edges: NDArray[np.float64], step: float = 0.0) -> Spread:
    """Return how values are spread.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
    edges : ndarray of shape (n_bins + 1,)
        Rising, around all values; those that would tell of fewer than ten rows are left out.
    step : float
        From a value to the next that can be: 1 of whole numbers.
    """
    import numpy as np

    if len(values) < LEAST_ROWS:
        return Spread([], [], [], [])
    ordered = np.sort(values)
    ends = _ends_of_frequent(ordered)
    bins, counts = merge_bins(edges.tolist(), np.histogram(ordered, edges)[0].tolist(), ends)
    changes = np.flatnonzero(np.diff(ordered)) + 1
    of_edges = np.cumsum([0, *counts]).tolist()
    cuts = sorted(ends.union(of_edges))
    for low, high in pairwise(tuple(cuts)):
        cuts += _between(low, high, changes, len(ordered))
    inner = list(zip(of_edges[1:-1], bins[1:-1], strict=True))
    last_edge, first_edge = dict(inner), dict(reversed(inner))  # empty bins have several
    parts = list(pairwise(sorted(cuts)))
    places = {cut: _halfway(ordered, cut, step) for cut in cuts}
    of_parts = [_frequent(ordered, low, high) for low, high in parts]
    for (low, high), frequent in zip(parts, of_parts, strict=True):
        # Beside a value that is told, and not halfway, which would tell the next one's.
        if frequent and frequent[0][1] == low:
            places[low] = frequent[0][0] - step / 2
        if frequent and frequent[1][1] == high:
            places[high] = frequent[1][0] + step / 2
    corners: list[tuple[float, int]] = []
    for (low, high), frequent in zip(parts, of_parts, strict=True):
        if ordered[low] != ordered[high - 1]:
            start = float(last_edge.get(low, places[low]))
            end = float(first_edge.get(high, places[high]))
            frequent = [(start, low), *frequent, (end, high)]
        corners += frequent
    at, below = zip(*dict.fromkeys(corners), strict=True)
    return Spread(bins, counts, list(at), list(below))


def merge_bins(
    edges: Sequence[float], counts: Sequence[int], ends: Iterable[int] = ()
) -> tuple[list[float], list[int]]:
    """Return a histogram whose bins are empty or hold ten rows and more.

    Parameters
    ----------
    ends : iterable of int
        How many rows lie below other values that are told of.

    Examples
    --------
    >>> merge_bins([0, 1, 2, 3, 4, 5], [4, 7, 0, 30, 2])
    ([0, 2, 3, 5], [11, 0, 32])
    """
    below, told = 0, {0, sum(counts), *ends}
    kept, n_below = [edges[0]], [0]
    for edge, n in zip(edges[1:-1], counts, strict=False):
        below += n
        if _is_safe(below, told):
            told.add(below)
            kept.append(edge)
            n_below.append(below)
    merged = [high - low for low, high in pairwise([*n_below, sum(counts)])]
    return [*kept, edges[-1]], merged


def _is_safe(rank: int, told: Iterable[int]) -> bool:
    return all(rank == other or abs(rank - other) >= LEAST_ROWS for other in told)


def _ends_of_frequent(ordered: NDArray[np.float64]) -> set[int]:
    """Return how many rows lie below frequent values, and how many with them; the commonest first.

    Where fewer than ten rows lie between two, the rarer one has one end only.
    """
    import numpy as np

    n = len(ordered)
    _, starts, counts = np.unique(ordered, return_index=True, return_counts=True)
    told = {0, n}
    for i in np.argsort(-counts, kind="stable"):
        if counts[i] < max(LEAST_ROWS, n / PARTS):
            break
        told.update(
            end for end in (int(starts[i]), int(starts[i] + counts[i])) if _is_safe(end, told)
        )
    return told


def _between(low: int, high: int, changes: NDArray[np.intp], n: int) -> list[int]:
    """Return cuts that leave no more than a twentieth of all rows between two, where they can."""
    import numpy as np

    inside = changes[(changes >= low + LEAST_ROWS) & (changes <= high - LEAST_ROWS)]
    if high - low <= n / PARTS or not len(inside):
        return []
    middle = int(inside[np.argmin(np.abs(inside - (low + high) / 2))])
    return [*_between(low, middle, changes, n), middle, *_between(middle, high, changes, n)]


def _frequent(ordered: NDArray[np.float64], low: int, high: int) -> list[tuple[float, int]]:
    """Return the corners of a value that all but a few rows between two cuts have.

    Where 1 to 9 rows lie beside it, they are counted as five.
    """
    import numpy as np

    found, starts, counts = np.unique(ordered[low:high], return_index=True, return_counts=True)
    commonest = int(np.argmax(counts))
    n_before, n = int(starts[commonest]), int(counts[commonest])
    n_after = high - low - n_before - n
    if n < LEAST_ROWS or max(n_before, n_after) >= LEAST_ROWS:
        return []
    at = float(found[commonest])
    return [(at, low + (FEW if n_before else 0)), (at, high - (FEW if n_after else 0))]


def _halfway(ordered: NDArray[np.float64], rank: int, step: float) -> float:
    """Return a place above so many of the values: nobody's own value, but for the ends."""
    if rank == 0:
        return float(ordered[0]) - step / 2
    if rank == len(ordered):
        return float(ordered[-1]) + step / 2
    return float(ordered[rank - 1] + ordered[rank]) / 2
