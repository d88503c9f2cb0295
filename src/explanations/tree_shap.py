"""Exact Shapley values of regression trees, for all the leaves of an ensemble at once.

The players are the columns that the trees ask about. A coalition is worth what the trees predict
where only its columns are known: at a question about another one, a record goes both ways, in the
shares of the training rows (path-dependent, as in XGBoost and CatBoost).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from src.compiler.estimators import LEAF, Comparison, FittedTree

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHUNK = 2**15  # leaves times rows worked on at once: few enough for a processor's cache
CHUNK_ROWS = 2**9


class _Paths(NamedTuple):
    """Paths from a root, each to its node: what a value must be to go that way, by column.

    ``node`` and ``n_columns`` have shape (n_paths,), the others (n_paths, n_slots), a path's
    columns in its first slots. ``low`` and ``high`` are thresholds above which a value must be and
    must not; ``share`` is the part of the training rows that goes that way at the questions about
    the column.
    """

    node: NDArray[np.intp]
    n_columns: NDArray[np.intp]
    column: NDArray[np.intp]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    share: NDArray[np.float64]

    def take(self, paths: Any, n_slots: int | None = None) -> _Paths:
        """Return some of the paths, the first slots alone if so many are enough."""
        slots = paths, slice(n_slots)
        return _Paths(
            self.node[paths], self.n_columns[paths], self.column[slots], self.low[slots],
            self.high[slots], self.share[slots])  # fmt: skip

    @staticmethod
    def join(parts: Sequence[_Paths]) -> _Paths:
        import numpy as np

        return _Paths(*(np.concatenate(each) for each in zip(*parts, strict=True)))


class TreeShap:
    """Shapley values of a sum of trees.

    At a leaf of value v, let o be 1 for a column whose conditions a record meets and 0 otherwise,
    and w the share of the training rows that go on there. A coalition S gets v · ∏_S o · ∏_rest w
    from it; with the multilinear extension of that game, the Shapley value of column f is

        v · (o_f - w_f) · ∫ ∏_{g ≠ f} ((1 - t) · w_g + t · o_g) dt,   t from 0 to 1,

    a polynomial, which Gauss-Legendre quadrature integrates exactly.

    Parameters
    ----------
    trees : sequence of FittedTree
    comparison : Comparison
        How they compare a value with a threshold.

    Attributes
    ----------
    base : float
        What the trees predict where nothing is known: the mean over their training rows.

    References
    ----------
    Lundberg et al. (2020), "From local explanations to global understanding with explainable AI
    for trees", Nature Machine Intelligence 2. Owen (1972), "Multilinear Extensions of Games",
    Management Science 18(5).
    """

    def __init__(self, trees: Sequence[FittedTree], comparison: Comparison) -> None:
        import numpy as np

        self._comparison = comparison
        self._value = np.concatenate([tree.value for tree in trees])
        self._leaves = _paths_to_leaves(trees)
        self.base = sum(
            float(self._value[leaves.node] @ leaves.share.prod(axis=1)) for leaves in self._leaves
        )

    def values(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each column adds to each prediction.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)
            Without missing values.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            With :attr:`base`, each row sums to its prediction.
        """
        import numpy as np

        dtype = np.float32 if self._comparison.single else np.float64
        columns = np.ascontiguousarray(X.T, dtype=dtype)
        found = np.zeros(columns.shape)
        for row in range(0, len(X), CHUNK_ROWS):
            rows = slice(row, row + CHUNK_ROWS)
            step = CHUNK // min(len(X), CHUNK_ROWS)
            for leaves in self._leaves:
                for at in range(0, len(leaves.node), step):
                    some = leaves.take(slice(at, at + step))
                    found[:, rows] += self._added(some, columns[:, rows])
        return found.T

    def _added(self, leaves: _Paths, columns: NDArray[Any]) -> NDArray[np.float64] | float:
        """Return what leaves of equally many columns add, of shape (n_columns, n_samples)."""
        import numpy as np
        from scipy.sparse import csr_array

        slots = range(leaves.column.shape[1])
        if not slots:
            return 0.0
        is_above = np.greater_equal if self._comparison.strict else np.greater
        share = [leaves.share[:, slot, None] for slot in slots]
        meets = []
        for slot in slots:
            x = columns[leaves.column[:, slot]]
            above = is_above(x, leaves.low[:, slot, None])
            meets.append((above & ~is_above(x, leaves.high[:, slot, None])).astype(float))
        integral = [np.zeros(meets[0].shape) for _ in slots]
        at, weights = np.polynomial.legendre.leggauss((len(slots) + 1) // 2)
        for t, weight in zip((at + 1) / 2, weights / 2, strict=True):
            factors = [(1 - t) * share[slot] + t * meets[slot] for slot in slots]
            product = np.full(meets[0].shape, weight) * self._value[leaves.node, None]
            for factor in factors:
                product *= factor
            for slot in slots:
                integral[slot] += product / factors[slot]
        added = np.concatenate([(meets[slot] - share[slot]) * integral[slot] for slot in slots])
        to_column = csr_array(
            (np.ones(len(added)), (leaves.column.T.ravel(), np.arange(len(added)))),
            shape=(len(columns), len(added)),
        )
        return to_column @ added


def _paths_to_leaves(trees: Sequence[FittedTree]) -> list[_Paths]:
    """Return the paths to the leaves of all trees, those of equally many columns together.

    Their nodes are numbered through, one tree following on the other.
    """
    import numpy as np

    sizes = [len(tree.column) for tree in trees]
    roots = np.cumsum([0, *sizes[:-1]])
    shift = np.repeat(roots, sizes)
    nodes = FittedTree(
        column=np.concatenate([tree.column for tree in trees]),
        threshold=np.concatenate([tree.threshold for tree in trees]),
        left=np.concatenate([tree.left for tree in trees]) + shift,
        right=np.concatenate([tree.right for tree in trees]) + shift,
        value=np.concatenate([tree.value for tree in trees]),
        cover=np.concatenate([tree.cover for tree in trees]),
    )
    empty = np.empty((len(roots), 0))
    paths = _Paths(roots, np.zeros(len(roots), int), empty.astype(int), empty, empty, empty)
    found: defaultdict[int, list[_Paths]] = defaultdict(list)
    while len(paths.node):
        at_leaf = nodes.column[paths.node] == LEAF
        for n_columns in np.unique(paths.n_columns[at_leaf]).tolist():
            these = at_leaf & (paths.n_columns == n_columns)
            found[n_columns].append(paths.take(these, n_columns))
        paths = _grow(nodes, paths.take(~at_leaf))
    return [_Paths.join(found[n_columns]) for n_columns in sorted(found)]


def _grow(nodes: FittedTree, paths: _Paths) -> _Paths:
    """Return the paths with one more question, each going both ways."""
    import numpy as np

    def widen(values: NDArray[Any], empty: float) -> NDArray[Any]:
        return np.pad(values, ((0, 0), (0, 1)), constant_values=empty)

    asked, threshold = nodes.column[paths.node], nodes.threshold[paths.node]
    columns = widen(paths.column, LEAF)
    same = columns == asked[:, None]
    is_new = ~same.any(axis=1)
    at = np.arange(len(asked)), np.where(is_new, paths.n_columns, same.argmax(axis=1))
    columns[at] = asked
    low, high = widen(paths.low, -np.inf), widen(paths.high, np.inf)
    left_high, right_low = high.copy(), low.copy()
    left_high[at] = np.minimum(high[at], threshold)
    right_low[at] = np.maximum(low[at], threshold)
    grown = []
    for children, lows, highs in ((nodes.left, low, left_high), (nodes.right, right_low, high)):
        child, share = children[paths.node], widen(paths.share, 1.0)
        share[at] *= nodes.cover[child] / nodes.cover[paths.node]
        grown.append(_Paths(child, paths.n_columns + is_new, columns, lows, highs, share))
    return _Paths.join(grown)
