"""Which groups of a table of figures must go without them, so that nobody is singled out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_ROWS = 10


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
    what is shown. Where that takes more than hiding cells (:func:`single_rows_follow`), all are.

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


def single_rows_follow(
    counts: NDArray[np.intp],
    hidden_rows: NDArray[np.bool_],
    hidden_columns: NDArray[np.bool_],
    least: int = LEAST_ROWS,
) -> bool:
    """Whether two partitions differ by so few rows that their groups' figures single those out.

    The parameters are those of :func:`hidden_cells`, no cell of which is shown.
    """
    return bool(_weak_cells(counts, counts > 0, hidden_rows, hidden_columns, least).any())


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
