"""Which groups of a table of figures must go without them, so that nobody is singled out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_ROWS = 10
PARTS = 5
DRAWS = 100  # of rows that settle all others
TOLERANCE = 1e-7


def hidden_groups(counts: NDArray[np.intp], least: int = LEAST_ROWS) -> NDArray[np.bool_]:
    """Return which groups of a partition get no figures.

    Groups of fewer rows than ``least`` get none. Since the figures of all rows together are known,
    what the shown groups leave over is known too: the smallest shown groups are hidden as well
    until the hidden ones hold ``least`` rows together.

    Parameters
    ----------
    counts : ndarray of shape (n_groups,)
        Rows of each group. An empty one has nothing to hide.

    References
    ----------
    Hundepool et al. (2012), "Statistical Disclosure Control", chapter 4 (secondary suppression).

    Examples
    --------
    >>> import numpy as np
    >>> hidden_groups(np.array([4, 15, 30, 0])).tolist()
    [True, True, False, False]
    """
    import numpy as np

    hidden = (counts > 0) & (counts < least)
    while 0 < counts[hidden].sum() < least and (shown := (counts > 0) & ~hidden).any():
        hidden[np.argmin(np.where(shown, counts, counts.max() + 1))] = True
    return hidden


def hidden_cells(
    counts: NDArray[np.intp],
    hidden_rows: NDArray[np.bool_],
    hidden_columns: NDArray[np.bool_],
    least: int = LEAST_ROWS,
) -> NDArray[np.bool_]:
    """Return which cells of two crossed partitions get no figures.

    As :func:`hidden_groups`, knowing that the figures of each row and each column that is not
    hidden can be read elsewhere: neither a small cell nor a small remainder of a line follows from
    what is shown. Where that takes more than hiding cells, all are.

    Parameters
    ----------
    counts : ndarray of shape (n_rows, n_columns)
    hidden_rows, hidden_columns : ndarray of bool
        Groups without figures of either partition; their cells are hidden too.
    """
    import numpy as np

    filled = counts > 0
    if counts.sum() < least:
        return filled
    hidden = filled & ((counts < least) | hidden_rows[:, None] | hidden_columns)
    while (hidden != filled).any():
        weak = _weak_cells(counts, hidden, hidden_rows, hidden_columns, least)
        if not weak.any():
            break
        row, column = np.argwhere(weak)[0].tolist()
        hidden |= _cheapest_rectangle(counts, hidden, row, column)
    return hidden


def hidden_lines(
    counts: NDArray[np.intp], least: int = LEAST_ROWS
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which groups of either of two crossed partitions get no figures.

    Each group's figures are sums over a line of the table, and the sum of all is known. Add and
    subtract lines with any weights: the cells that are left are those between nodes of different
    sign, where lines are the nodes of a graph and cells its edges. So no result rests on fewer
    rows than ``least`` just where no cut of the graph weighs less, but more than nothing. Hidden
    lines of a partition are one node: what they hold together is known.

    Parameters
    ----------
    counts : ndarray of shape (n_rows, n_columns)

    Returns
    -------
    hidden_rows, hidden_columns : ndarray of bool

    Examples
    --------
    >>> import numpy as np
    >>> rows, columns = hidden_lines(np.array([[12, 0, 30], [0, 14, 3]]))
    >>> rows.tolist(), columns.tolist()
    ([False, True], [False, True, True])
    """
    import numpy as np

    sizes = np.concatenate([counts.sum(axis=1), counts.sum(axis=0)])
    hidden, n_rows = sizes < least, len(counts)
    while True:
        # The node of each line; hidden ones are the first of the rows, and of the columns.
        node = np.arange(2, len(sizes) + 2)
        node[hidden] = np.where(np.flatnonzero(hidden) < n_rows, 0, 1)
        edges = np.zeros((len(sizes) + 2,) * 2)
        np.add.at(edges, (node[:n_rows, None], node[None, n_rows:]), counts)
        side = _small_cut(edges + edges.T, least)
        if side is None:
            return hidden[:n_rows], hidden[n_rows:]
        crossing = (side[node[:n_rows, None]] != side[node[None, n_rows:]]) & (counts > 0)
        touched = np.concatenate([crossing.any(axis=1), crossing.any(axis=0)])
        halves = sorted((side[node], ~side[node]), key=lambda half: sizes[half & ~hidden].sum())
        for some in (touched, *halves):
            if (some & ~hidden).any():
                hidden[np.argmin(np.where(some & ~hidden, sizes, np.inf))] = True
                break
        else:  # fewer than `least` rows in all
            return hidden[:n_rows], hidden[n_rows:]


def hidden_together(
    codes: Sequence[NDArray[np.intp]],
    hidden: Sequence[NDArray[np.bool_]],
    published: Sequence[NDArray[np.bool_]] = (),
    least: int = LEAST_ROWS,
) -> list[NDArray[np.bool_]]:
    """Return which groups of several partitions get no figures, where all are shown together.

    The figures of groups can be added and subtracted. Whatever the weights: no result may rest on
    fewer rows than ``least``. Of the first partition for which one does, the smallest group in it
    is hidden, until none does.

    Parameters
    ----------
    codes : sequence of ndarray of int of shape (n_rows,)
        Each row's group in each partition. The earlier ones are kept rather than the later.
    hidden : sequence of ndarray of bool of shape (n_groups,)
        Groups that are hidden anyway.
    published : sequence of ndarray of bool of shape (n_rows,)
        Other sets of rows whose figures are shown; those of all rows always are.
    """
    import numpy as np

    if not codes:
        return []

    def shown_of(
        of_row: NDArray[np.intp], withheld: NDArray[np.bool_]
    ) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        sizes = np.bincount(of_row, minlength=len(withheld))
        shown = np.flatnonzero((sizes > 0) & ~withheld)
        return shown, of_row == shown[:, None]

    known = np.vstack([np.ones(len(codes[0]), dtype=bool), *published])
    everything = [shown_of(*one)[1] for one in zip(codes, hidden, strict=True)]
    if result_of_few(np.vstack([known, *everything]), least) is None:
        return [*hidden]
    found = []
    for of_row, hidden_anyway in zip(codes, hidden, strict=True):
        sizes, withheld = np.bincount(of_row), hidden_anyway.copy()
        while True:
            shown, members = shown_of(of_row, withheld)
            if not len(shown):
                break
            groups = np.vstack([known, members])
            weights = result_of_few(groups, least)
            if weights is None:
                known = groups
                break
            parts = np.abs(np.linalg.lstsq(groups.T.astype(float), weights)[0])[len(known) :]
            taking_part = shown[parts > TOLERANCE] if (parts > TOLERANCE).any() else shown
            withheld[taking_part[np.argmin(sizes[taking_part])]] = True
        found.append(withheld)
    return found


def result_of_few(
    groups: NDArray[np.bool_], least: int = LEAST_ROWS, random_state: int = 0
) -> NDArray[np.float64] | None:
    """Return what sums of groups tell of fewer rows than ``least``; None where nothing is found.

    That is a weight for each row, few of them not 0. Such a vector in the space of all sums is a
    codeword of low weight, which is looked for as in coding theory: rows are drawn at random until
    their values settle all others, and the sums that vanish on all drawn rows but one are looked
    at. The rows that are drawn are rarely among the few.

    Parameters
    ----------
    groups : ndarray of bool of shape (n_groups, n_rows)

    References
    ----------
    Prange (1962), "The use of information sets in decoding cyclic codes", IRE Transactions on
    Information Theory 8(5).
    """
    import numpy as np
    from scipy.linalg import null_space, qr

    cells, cell_of_row, sizes = _cells(groups)
    small = sizes < least
    # Sums that vanish on all cells that are large enough.
    sums = null_space(cells[:, ~small].T.astype(float)) if not small.all() else np.eye(len(cells))
    values = sums.T @ cells[:, small]
    _, scale, basis = np.linalg.svd(values, full_matrices=False)
    basis = basis[scale > TOLERANCE]
    if not len(basis):
        return None
    random = np.random.default_rng(random_state)
    for _ in range(DRAWS):
        chance = sizes[small] * random.lognormal(0, 2, small.sum())
        drawn = qr(basis * chance, mode="r", pivoting=True)[1][: len(basis)]
        vanishing = np.linalg.solve(basis[:, drawn], basis)
        n_rows = (np.abs(vanishing) > TOLERANCE) @ sizes[small]
        if n_rows.min() < least:
            weights = np.zeros(len(sizes))
            found = vanishing[np.argmin(n_rows)]
            weights[small] = np.where(np.abs(found) > TOLERANCE, found, 0.0)
            return weights[cell_of_row]
    return None


def _cells(
    groups: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], NDArray[np.intp], NDArray[np.intp]]:
    """Return the different columns in order, which of them each column is, and how many are equal.

    As ``np.unique`` does along an axis; packed to bits it takes a tenth of the time.
    """
    import numpy as np

    bits = np.ascontiguousarray(np.packbits(groups, axis=0).T)
    keys = bits.view(np.dtype((np.void, bits.shape[1]))).ravel()
    _, first, of_column, sizes = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True
    )
    return groups[:, first], of_column, sizes


def parts_by_size(values: NDArray[np.float64], most: int = PARTS) -> list[NDArray[np.intp]]:
    """Return the rows in parts of equal size, from low to high values, each of ten rows at least.

    Nothing where there are not two.
    """
    import numpy as np

    n_parts = min(most, len(values) // LEAST_ROWS)
    return np.array_split(np.argsort(values, kind="stable"), n_parts) if n_parts > 1 else []


def _cheapest_rectangle(
    counts: NDArray[np.intp], hidden: NDArray[np.bool_], row: int, column: int
) -> NDArray[np.bool_]:
    """Return the rectangle with a corner at a cell that hides the fewest rows more, but some.

    Where there is no rectangle, all filled cells are returned.
    """
    import numpy as np

    filled = counts > 0
    more = np.where(hidden, 0, counts)
    cost = (more + more[row] + more[:, [column]]).astype(float)
    possible = filled & filled[row] & filled[:, [column]] & (cost > 0)
    possible[row] = possible[:, column] = False
    if not possible.any():
        return filled
    corner = int(np.argmin(np.where(possible, cost, np.inf)))
    other_row, other_column = divmod(corner, counts.shape[1])
    corners = np.zeros_like(filled)
    corners[np.ix_(np.array([row, other_row]), np.array([column, other_column]))] = True
    return corners


def _weak_cells(
    counts: NDArray[np.intp],
    hidden: NDArray[np.bool_],
    hidden_rows: NDArray[np.bool_],
    hidden_columns: NDArray[np.bool_],
    least: int,
) -> NDArray[np.bool_]:
    """Return the hidden cells that can be worked out from the lines' sums and are too small.

    The lines are the nodes of a graph, the hidden cells its edges; a cell follows from the sums
    just where no cycle runs through its edge, where the resistance between its ends is 1. Hidden
    lines are one node: their figures are known together, as what the shown lines leave over.

    References
    ----------
    Klein and Randić (1993), "Resistance distance", Journal of Mathematical Chemistry 12.
    """
    import numpy as np

    n_rows, n_columns = counts.shape
    node_of_row = np.where(hidden_rows, 0, 1 + np.arange(n_rows))
    node_of_column = 1 + n_rows + np.where(hidden_columns, 0, 1 + np.arange(n_columns))
    rows, columns = np.nonzero(hidden)
    ends = node_of_row[rows], node_of_column[columns]
    laplacian = np.zeros((n_rows + n_columns + 2,) * 2)
    for one, other in (ends, ends[::-1]):
        np.add.at(laplacian, (one, one), 1.0)
        np.add.at(laplacian, (one, other), -1.0)
    inverse = np.linalg.pinv(laplacian, rcond=1e-10, hermitian=True)
    resistance = inverse[ends[0], ends[0]] + inverse[ends[1], ends[1]] - 2 * inverse[ends]
    follows = resistance > 1 - 1e-6

    sizes = counts[rows, columns]
    weak = follows & (sizes < least)
    for nodes in ends:
        left = np.bincount(nodes, np.where(follows, 0, sizes), minlength=len(laplacian))[nodes]
        weak |= ~follows & (left < least)
    cells = np.zeros_like(hidden)
    cells[rows, columns] = weak
    return cells


def _small_cut(edges: NDArray[np.float64], least: int) -> NDArray[np.bool_] | None:
    """Return one side of a cut through a graph that weighs less than ``least``, but something.

    None where there is none.

    Parameters
    ----------
    edges : ndarray of shape (n_nodes, n_nodes)
        Symmetric; 0 where there is no edge.

    References
    ----------
    Stoer and Wagner (1997), "A simple min-cut algorithm", Journal of the ACM 44(4).
    """
    import numpy as np
    from scipy.sparse.csgraph import connected_components

    n_components, component = connected_components(edges, directed=False)
    for number in range(n_components):
        nodes = np.flatnonzero(component == number)
        weights, merged = edges[np.ix_(nodes, nodes)], [[node] for node in nodes.tolist()]
        gone = np.zeros(len(nodes), dtype=bool)
        for n_left in range(len(nodes), 1, -1):
            tied, order = np.where(gone, -np.inf, 0.0), []
            for _ in range(n_left):
                order.append(int(np.argmax(tied)))
                weight = tied[order[-1]]
                tied += weights[order[-1]]
                tied[order[-1]] = -np.inf
            before, last = order[-2:]
            if weight < least:
                side = np.zeros(len(edges), dtype=bool)
                side[merged[last]] = True
                return side
            merged[before] += merged[last]
            weights[before] += weights[last]
            weights[:, before] += weights[:, last]
            weights[before, before], gone[last] = 0, True
    return None
