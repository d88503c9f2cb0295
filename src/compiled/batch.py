"""Predict many rows from the compiled tables, column by column, with numpy.

Every leaf and term is added in the order in which :mod:`src.compiled.model` adds them for a record,
so a row of a file and the same record of a form have the same prediction to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from src.compiled.model import (
    CategoryTable,
    CompiledModel,
    Curve,
    Ensemble,
    MedianTrees,
    Node,
    NumericTable,
    ObliviousTrees,
)

BLOCK_ROWS = 1 << 15  # worked on at once; fewer where there are so many tests ...
BLOCK_BYTES = 1 << 25  # ... that their answers would take more memory than this
KEY_TESTS = 8  # whose answers make one table of 256 values
TABLE_NODES = 48  # of a tree that becomes tables; a larger one is walked through, level by level

Columns = Mapping[str, "Sequence[object] | NDArray[Any]"]


def encode(model: CompiledModel, columns: Columns) -> list[NDArray[Any]]:
    """Return each feature's column: numbers with missing ones filled in, positions of categories.

    Parameters
    ----------
    columns : mapping of str to sequence
        Numbers with NaN for missing values; texts with None or NaN.

    Raises
    ------
    KeyError
        If the model does not know a category.
    """
    encoded: list[NDArray[Any]] = []
    for feature in model.features:
        column = columns[feature.name]
        if isinstance(feature, NumericTable):
            numbers = np.asarray(column, dtype=np.float64)
            encoded.append(np.where(np.isnan(numbers), feature.fill, numbers))
        else:
            encoded.append(_codes(feature, column))
    return encoded


def _codes(feature: CategoryTable, column: Sequence[object] | NDArray[Any]) -> NDArray[np.intp]:
    codes: dict[object, int] = {category: i for i, category in enumerate(feature.categories)}
    if None in codes:
        codes[np.nan] = codes[None]
    try:  # most missing values are that one object
        return np.fromiter(map(codes.__getitem__, column), np.intp, len(column))
    except KeyError:
        texts = (value if isinstance(value, str) else None for value in column)
        return np.fromiter(map(codes.__getitem__, texts), np.intp, len(column))


class BatchEvaluator:
    """A compiled model laid out for many rows; made once, used chunk after chunk."""

    def __init__(self, model: CompiledModel) -> None:
        self.model = model
        self._tests = _Tests(model)
        self._plans = [_plans(ensemble, self._tests) for ensemble in model.ensembles]
        tables = any(isinstance(plan, _Table | _Fork) for plans in self._plans for plan in plans)
        kept = model.n_tests if tables else 1  # walks keep no answers
        self._block = min(BLOCK_ROWS, max(1_024, BLOCK_BYTES // max(1, kept)))

    def predict(self, columns: Columns) -> NDArray[np.float64]:
        """Return predictions, not clipped, of shape (n_samples,).

        Parameters
        ----------
        columns : mapping of str to sequence of length n_samples
            See :func:`encode`.
        """
        model = self.model
        encoded = encode(model, columns)
        total = np.full(len(encoded[0]), model.base)
        if model.linear:
            pairs = list(zip(model.features, encoded, strict=True))
            numeric = [(f, column) for f, column in pairs if isinstance(f, NumericTable)]
            for number, column in numeric:
                total += number.weight * (column - number.center)
            for feature, column in pairs:
                if isinstance(feature, CategoryTable):
                    total += np.array(feature.terms)[column]
            for number, column in numeric:
                for curve in number.curves:
                    total += _on_curve(curve, column)
            for i, j, weight, mean in model.products:
                total += weight * (_above(model, encoded, i) * _above(model, encoded, j) - mean)
        for start in range(0, len(total) if model.ensembles else 0, self._block):
            rows = slice(start, start + self._block)
            answers = _Answers(self._tests, [column[rows] for column in encoded])
            for ensemble, plans in zip(model.ensembles, self._plans, strict=True):
                values = (plan.values(answers) for plan in plans)
                if isinstance(ensemble, MedianTrees):
                    found = _median(np.array(list(values)), ensemble.tree_weights)
                else:
                    found = np.zeros(answers.n_rows)
                    for each in values:
                        found += each
                total[rows] += ensemble.weight * found
        return total


def _on_curve(curve: Curve, column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what :meth:`Curve.value` returns for each number."""
    pieces = np.array(curve.pieces)[np.searchsorted(np.array(curve.breaks), column)]
    origin, a, b, c, d = pieces.T
    t = column - origin
    return ((d * t + c) * t + b) * t + a


def _above(model: CompiledModel, encoded: list[NDArray[Any]], position: int) -> NDArray[np.float64]:
    return encoded[position] - cast(NumericTable, model.features[position]).center


def _median(values: NDArray[np.float64], weights: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the weighted median of each column, as :class:`MedianTrees` finds it."""
    order = np.argsort(values, axis=0, kind="stable")
    reached = np.cumsum(np.array(weights)[order], axis=0)
    first = (reached >= 0.5 * reached[-1]).argmax(axis=0)
    rows = np.arange(values.shape[1])
    return values[order[first, rows], rows]


# --- answers --------------------------------------------------------------------------------------


class _Tests:
    """Where the answer to each test is read off.

    A *line* holds a small integer for each row: how many of a number's cuts it is above, or, of one
    test of a category, 0 or 1. A test's answer is whether its line is above its rank.
    """

    def __init__(self, model: CompiledModel) -> None:
        lines: list[int] = []
        ranks: list[int] = []
        self._sources: list[tuple[int, NDArray[Any], bool]] = []
        for position, feature in enumerate(model.features):
            if isinstance(feature, NumericTable):
                lines += [len(self._sources)] * feature.n_tests
                ranks += range(feature.n_tests)
                self._sources.append((position, np.array(feature.cuts), True))
            else:
                for answers in np.array(feature.answers).T if feature.n_tests else ():
                    lines.append(len(self._sources))
                    ranks.append(0)
                    self._sources.append((position, answers, False))
        self.lines = np.array(lines, dtype=np.intp)
        self.ranks = np.array(ranks, dtype=np.int32)

    def matrix(self, encoded: list[NDArray[Any]]) -> NDArray[np.int32]:
        """Return the lines of some rows, shape (n_lines, n_rows)."""
        found = np.empty((len(self._sources), len(encoded[0])), dtype=np.int32)
        for line, (position, table, is_number) in enumerate(self._sources):
            column = encoded[position]
            found[line] = np.searchsorted(table, column) if is_number else table[column]
        return found


class _Answers:
    """What some rows answer to all tests."""

    def __init__(self, tests: _Tests, encoded: list[NDArray[Any]]) -> None:
        self._tests = tests
        self.matrix = tests.matrix(encoded)
        self.n_rows = self.matrix.shape[1]
        self._bits: dict[int, NDArray[np.uint8]] = {}

    def bits(self, test: int) -> NDArray[np.uint8]:
        """Return 0 or 1 for each row."""
        found = self._bits.get(test)
        if found is None:
            line = self.matrix[self._tests.lines[test]]
            found = self._bits[test] = (line > self._tests.ranks[test]).view(np.uint8)
        return found


# --- trees ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Table:
    """A tree of few tests, whose answers are the bits of a position in the table."""

    tests: tuple[int, ...]
    table: NDArray[np.float64]

    def values(self, answers: _Answers) -> NDArray[np.float64]:
        kind = np.uint8 if len(self.tests) <= 8 else np.uint16
        key: Any = np.zeros(answers.n_rows, dtype=kind)
        for test in self.tests:
            np.add(key, key, out=key)
            np.bitwise_or(key, answers.bits(test), out=key)
        return self.table.take(key, mode="clip")  # skips a check


@dataclass(frozen=True)
class _Fork:
    """A tree of more tests: the answer to one says which of two trees counts."""

    test: int
    left: _Table | _Fork
    right: _Table | _Fork

    def values(self, answers: _Answers) -> NDArray[np.float64]:
        found = self.left.values(answers)
        np.copyto(found, self.right.values(answers), where=answers.bits(self.test).view(bool))
        return found


@dataclass(frozen=True)
class _Walk:
    """A tree as arrays of its nodes; a leaf leads to itself. Two children a node: for 0 and 1."""

    lines: NDArray[np.intp]
    ranks: NDArray[np.int32]
    children: NDArray[np.intp]
    leaf_values: NDArray[np.float64]

    def values(self, answers: _Answers) -> NDArray[np.float64]:
        n_rows, matrix = answers.n_rows, answers.matrix.ravel()
        found = np.zeros(n_rows, dtype=np.intp)
        rows, nodes = np.arange(n_rows), np.zeros(n_rows, dtype=np.intp)
        while len(rows):
            at = self.lines.take(nodes)
            at *= n_rows
            at += rows
            right = matrix.take(at, mode="clip") > self.ranks.take(nodes, mode="clip")
            after = self.children.take(2 * nodes + right, mode="clip")
            going = np.flatnonzero(after != nodes)
            found[rows] = after
            rows, nodes = rows[going], after[going]
        return self.leaf_values[found]


def _plans(ensemble: Ensemble, tests: _Tests) -> list[_Table | _Fork | _Walk]:
    """Return how each tree of an ensemble is worked out for many rows."""
    if isinstance(ensemble, ObliviousTrees):
        return [_Table(tree.tests, np.array(tree.values)) for tree in ensemble.trees]
    return [_plan(root, tests) for root in ensemble.roots]


def _plan(root: Node, tests: _Tests) -> _Table | _Fork | _Walk:
    nodes = [root]  # every parent before its children
    for node in nodes:
        if isinstance(node, tuple):
            nodes += node[:2]
    return _walk(nodes, tests) if len(nodes) > 2 * TABLE_NODES else _tables(root)


def _tables(root: Node) -> _Table | _Fork:
    tests = _asked(root)
    if isinstance(root, tuple) and len(tests) > KEY_TESTS:
        return _Fork(root[2], _tables(root[0]), _tables(root[1]))
    keys = np.arange(1 << len(tests))
    answers = {t: (keys >> i & 1).astype(bool) for i, t in enumerate(reversed(tests))}

    def values(node: Node) -> NDArray[np.float64] | float:
        if not isinstance(node, tuple):
            return node
        return np.where(answers[node[2]], values(node[1]), values(node[0]))

    return _Table(tests, np.broadcast_to(values(root), keys.shape))


def _asked(node: Node) -> tuple[int, ...]:
    if not isinstance(node, tuple):
        return ()
    return tuple(sorted({node[2], *_asked(node[0]), *_asked(node[1])}))


def _walk(nodes: list[Node], tests: _Tests) -> _Walk:
    """Return the arrays of a tree whose nodes are listed breadth first."""
    n_nodes = len(nodes)
    asked = np.array([node[2] if isinstance(node, tuple) else 0 for node in nodes])
    inner = np.array([isinstance(node, tuple) for node in nodes])
    children = np.repeat(np.arange(n_nodes), 2)
    children[np.repeat(inner, 2)] = np.arange(1, n_nodes)
    return _Walk(
        lines=tests.lines[asked],
        ranks=tests.ranks[asked],
        children=children,
        leaf_values=np.array([0.0 if isinstance(node, tuple) else node for node in nodes]),
    )
