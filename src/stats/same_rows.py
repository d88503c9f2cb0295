"""Rows that belong together: copies of one another, and rows of the same pupil."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from src.stats.leaks import step_of
from src.stats.one_way import OneWay

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST_GROUPS = 5
CONSTANT = 0.98  # of the rows that share a value, in which the target is the same


def equal_rows(columns: Sequence[NDArray[np.integer]]) -> tuple[NDArray[np.integer], int]:
    """Return the group of each row that equals others, its own number where it does not.

    Parameters
    ----------
    columns : sequence of ndarray of shape (n_rows,)
        The number of each row's value.

    Returns
    -------
    groups : ndarray of shape (n_rows,)
    n_copies : int
        Rows beyond the first of each kind.
    """
    import numpy as np

    hashed = np.zeros(len(columns[0]), dtype=np.uint64)
    for codes in columns:  # splitmix64, so that no two rows meet by chance
        hashed += codes.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            hashed = (hashed ^ (hashed >> np.uint64(shift))) * np.uint64(factor)
    _, groups = np.unique(hashed, return_inverse=True)
    return groups, len(groups) - int(groups.max(initial=-1) + 1)


def expected_copies(columns: Sequence[NDArray[np.integer]]) -> float:
    """Return how many rows would have a copy by chance, were the columns independent."""
    import numpy as np

    n = len(columns[0])
    alike = 1.0
    for codes in columns:
        alike *= float(((np.bincount(codes) / n) ** 2).sum())
    return n * (n - 1) / 2 * alike


def near_copies(columns: Sequence[NDArray[np.integer]], y: NDArray[np.float64]) -> int:
    """Return how many rows equal another but for one step of the target.

    Where equal rows come about by chance, there are about half as many of them as of these.
    """
    import numpy as np

    groups, _ = equal_rows(columns)
    order = np.lexsort((y, groups))
    apart = np.diff(y[order])[np.diff(groups[order]) == 0]
    step = step_of(y)
    return int((np.abs(apart - step) <= 1e-9 * max(1.0, step)).sum()) if step else 0


def constant_within(groups: NDArray[np.integer], codes: NDArray[np.integer]) -> bool:
    """Whether a column has one value in nearly all groups of two rows or more."""
    import numpy as np

    sizes = np.bincount(groups)
    several = sizes[groups] >= 2
    if not several.any():
        return False
    pairs = np.unique(np.column_stack([groups[several], codes[several]]), axis=0)
    n_values = np.bincount(pairs[:, 0], minlength=len(sizes))
    single = (n_values == 1)[groups[several]]
    return float(single.mean()) >= CONSTANT


def within_group_likeness(groups: NDArray[np.integer], y: NDArray[np.float64]) -> float:
    """Return the share of the target's variance that lies between groups (ICC 1).

    References
    ----------
    Shrout and Fleiss (1979), "Intraclass Correlations", Psychological Bulletin 86(2).
    """
    import numpy as np

    known = np.isfinite(y)
    _, groups = np.unique(groups[known], return_inverse=True)
    y = y[known]
    k = int(groups.max(initial=-1)) + 1
    if k < 2 or len(y) <= k:
        return 0.0
    found = OneWay.of(y, groups)
    total = found.between + (found.usual_size - 1) * found.within
    return (found.between - found.within) / total if total else 0.0


def joined(*groupings: NDArray[np.integer]) -> NDArray[np.integer]:
    """Return the smallest groups that keep every grouping's groups whole."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(groupings[0])
    rows, nodes, offset = [], [], n
    for groups in groupings:
        rows.append(np.arange(n))
        nodes.append(offset + groups)
        offset += int(groups.max(initial=-1)) + 1
    edges = (np.ones(n * len(groupings), np.int8), (np.concatenate(rows), np.concatenate(nodes)))
    _, labels = connected_components(coo_array(edges, shape=(offset, offset)), directed=False)
    return np.unique(labels[:n], return_inverse=True)[1]
