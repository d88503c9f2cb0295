"""Predict many rows from the compiled tables, column by column, with numpy.

Every operation is the one that :mod:`src.compiled` does for a record, in the same order, so that a
row of a file and the same record of a form have the same prediction to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from src.compiled import (
    CategoryTable,
    CompiledModel,
    Ensemble,
    MedianTrees,
    Node,
    NumericTable,
    ObliviousTrees,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.intp] | None  # None: all of them

TABLE_TESTS = 8  # answers that fit into a byte: a subtree of so many tests becomes one table
WHOLE_NODES = 64  # nodes of a subtree up to which both branches are worked out for all rows


def encode(
    model: CompiledModel, columns: Mapping[str, Sequence[object] | NDArray[Any]]
) -> list[NDArray[Any]]:
    """Return a column a feature: numbers with the missing filled, positions of categories.

    Parameters
    ----------
    columns : mapping of str to sequence
        Numbers with NaN for missing values; texts with None or NaN.

    Raises
    ------
    KeyError
        If a category is none of the model's.
    """
    import numpy as np

    encoded: list[NDArray[Any]] = []
    for feature in model.features:
        column = columns[feature.name]
        if isinstance(feature, NumericTable):
            numbers = np.asarray(column, dtype=np.float64)
            encoded.append(np.where(np.isnan(numbers), feature.fill, numbers))
        else:
            codes = {category: i for i, category in enumerate(feature.categories)}
            texts = (value if isinstance(value, str) else None for value in column)
            encoded.append(np.fromiter((codes[text] for text in texts), np.intp, len(column)))
    return encoded


class BatchEvaluator:
    """A compiled model laid out for many rows; made once, used chunk after chunk."""

    def __init__(self, model: CompiledModel) -> None:
        self.model = model
        self._positions = [
            (i, test) for i, feature in enumerate(model.features) for test in range(feature.n_tests)
        ]
        self._plans = [_plans(ensemble) for ensemble in model.ensembles]

    def predict(
        self, columns: Mapping[str, Sequence[object] | NDArray[Any]]
    ) -> NDArray[np.float64]:
        """Return predictions, not clipped, of shape (n_samples,).

        Parameters
        ----------
        columns : mapping of str to sequence of length n_samples
            See :func:`encode`.
        """
        import numpy as np

        model = self.model
        encoded = encode(model, columns)
        total = np.full(len(encoded[0]), model.base)
        if model.linear:
            pairs = list(zip(model.features, encoded, strict=True))
            for feature, column in pairs:
                if isinstance(feature, NumericTable):
                    total += feature.weight * (column - feature.center)
            for feature, column in pairs:
                if isinstance(feature, CategoryTable):
                    total += np.array(feature.terms)[column]
        answers = _Answers(self._positions, model, encoded)
        for ensemble, plans in zip(model.ensembles, self._plans, strict=True):
            if isinstance(ensemble, MedianTrees):
                found = _median(ensemble, plans, answers)
            else:
                found = np.zeros(answers.n_rows)
                for plan in plans:
                    found += _values(plan, answers)
            total += ensemble.weight * found
        return total


# --- answers to tests -----------------------------------------------------------------------------


class _Answers:
    """Which rows answer a test with 1. What is asked of all rows is kept."""

    def __init__(
        self, positions: list[tuple[int, int]], model: CompiledModel, encoded: list[NDArray[Any]]
    ) -> None:
        self._positions = positions
        self._features = model.features
        self._encoded = encoded
        self._kept: dict[int, NDArray[np.bool_]] = {}
        self.n_rows = len(encoded[0])

    def __call__(self, test: int, rows: Rows = None) -> NDArray[np.bool_]:
        import numpy as np

        kept = self._kept.get(test)
        if kept is not None:
            return kept if rows is None else kept[rows]
        position, number = self._positions[test]
        feature, column = self._features[position], self._encoded[position]
        if rows is not None:
            column = column[rows]
        if isinstance(feature, NumericTable):
            found = column > feature.cuts[number]
        else:
            found = np.array([bool(each[number]) for each in feature.answers])[column]
        if rows is None:
            self._kept[test] = found
        return found

    def key(self, tests: Sequence[int], rows: Rows = None) -> NDArray[Any]:
        """Return the answers to some tests as the bits of a number, the first the highest."""
        import numpy as np

        kind = np.uint8 if len(tests) <= 8 else np.uint16 if len(tests) <= 16 else np.uint32
        n_rows = self.n_rows if rows is None else len(rows)
        key: Any = np.zeros(n_rows, dtype=kind)
        for test in tests:
            key <<= 1
            key |= self(test, rows)
        return key


# --- trees ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Table:
    """A subtree of few tests: a value for every combination of their answers."""

    tests: tuple[int, ...]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class _Fork:
    """A subtree of more tests.

    Attributes
    ----------
    whole : bool
        Whether to work out both branches for all rows: for few nodes that is faster than to part
        the rows.
    """

    test: int
    left: _Plan
    right: _Plan
    whole: bool


_Plan = _Table | _Fork


def _plans(ensemble: Ensemble) -> list[_Plan]:
    """Return how each tree of an ensemble is worked out for many rows."""
    import numpy as np

    if isinstance(ensemble, ObliviousTrees):
        return [_Table(tree.tests, np.array(tree.values)) for tree in ensemble.trees]
    return [_plan(root) for root in ensemble.roots]


def _plan(root: Node) -> _Plan:
    """Return how a tree is worked out for many rows."""
    tests: dict[int, frozenset[int]] = {}  # of each subtree that has few, by its identity
    n_nodes: dict[int, int] = {}
    plans: dict[int, _Plan] = {}
    for node in _postorder(root):
        if not isinstance(node, tuple):
            continue
        children = [child for child in node[:2] if isinstance(child, tuple)]
        n_nodes[id(node)] = 1 + sum(n_nodes[id(child)] for child in children)
        if all(id(child) in tests for child in children):
            asked = frozenset({node[2]}.union(*(tests[id(child)] for child in children)))
            if len(asked) <= TABLE_TESTS:
                tests[id(node)] = asked
                continue
        left, right = (
            plans[id(c)] if id(c) in plans else _table(c, tests.get(id(c), frozenset()))
            for c in node[:2]
        )
        plans[id(node)] = _Fork(node[2], left, right, n_nodes[id(node)] <= WHOLE_NODES)
    if id(root) in plans:
        return plans[id(root)]
    return _table(root, tests.get(id(root), frozenset()))


def _postorder(root: Node) -> list[Node]:
    order, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        order.append(node)
        if isinstance(node, tuple):
            waiting += node[:2]
    return order[::-1]


def _table(root: Node, asked: frozenset[int]) -> _Table:
    import numpy as np

    tests = tuple(sorted(asked))
    keys = np.arange(1 << len(tests))
    answers = {t: (keys >> (len(tests) - 1 - i) & 1).astype(bool) for i, t in enumerate(tests)}

    def values(node: Node) -> NDArray[np.float64] | float:
        if not isinstance(node, tuple):
            return node
        return np.where(answers[node[2]], values(node[1]), values(node[0]))

    return _Table(tests, np.broadcast_to(values(root), keys.shape))


def _values(plan: _Plan, answers: _Answers, rows: Rows = None) -> NDArray[np.float64]:
    """Return what a tree says of each row, or of some where it has few nodes."""
    import numpy as np

    if isinstance(plan, _Table):
        return plan.values[answers.key(plan.tests, rows)]
    if plan.whole:
        right = answers(plan.test, rows)
        return np.where(
            right, _values(plan.right, answers, rows), _values(plan.left, answers, rows)
        )
    found = np.empty(answers.n_rows)
    waiting: list[tuple[_Plan, NDArray[np.intp]]] = [(plan, np.arange(answers.n_rows))]
    while waiting:
        part, at = waiting.pop()
        if not len(at):
            continue
        if isinstance(part, _Table) or part.whole:
            found[at] = _values(part, answers, at)
        else:
            right = answers(part.test, None if len(at) == answers.n_rows else at)
            waiting += [(part.right, at[right]), (part.left, at[~right])]
    return found


def _median(ensemble: MedianTrees, plans: list[_Plan], answers: _Answers) -> NDArray[np.float64]:
    import numpy as np

    predictions = np.array([_values(plan, answers) for plan in plans])
    order = np.argsort(predictions, axis=0, kind="stable")
    weights = np.cumsum(np.array(ensemble.tree_weights)[order], axis=0)
    first = (weights >= 0.5 * weights[-1]).argmax(axis=0)
    at = np.arange(answers.n_rows)
    return predictions[order[first, at], at]
