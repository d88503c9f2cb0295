"""Predict many rows from the compiled tables, column by column, with numpy.

Every leaf and term is added in the order in which :mod:`src.compiled.model` adds them for a record,
so a row of a file and the same record of a form have the same prediction to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from src.compiled.model import (
    CategoryTable,
    CompiledModel,
    Curve,
    Ensemble,
    FeatureTable,
    MedianTrees,
    Node,
    NumericTable,
    ObliviousTrees,
    exponential,
)
from src.tables.plain_rows import Coded

BLOCK_ROWS = 1 << 15  # worked on at once; fewer where there are so many tests ...
BLOCK_BYTES = 1 << 25  # ... that their answers would take more memory than this
KEY_TESTS = 8  # whose answers make one table of 256 values
TABLE_NODES = 48  # of a tree that becomes tables; a larger one is walked through, level by level

Columns = Mapping[str, "Sequence[object] | NDArray[Any]"]


class Tabled(Protocol):
    """What has tables of features: a compiled model, or a classifier."""

    features: tuple[FeatureTable, ...]


def encode(model: Tabled, columns: Columns) -> list[NDArray[Any]]:
    """Return each feature's column: numbers with missing ones filled in, positions of categories.

    Behind them stands, of each number whose missing values are more than what is filled in, where
    they are: 0 or 1.

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
    missing: list[NDArray[Any]] = []
    for feature in model.features:
        column = columns[feature.name]
        if isinstance(feature, NumericTable):
            numbers = np.asarray(column, dtype=np.float64)
            unknown = np.isnan(numbers)
            encoded.append(np.where(unknown, feature.fill, numbers))
            if feature.knows_missing:
                missing.append(unknown.astype(np.intp))
        else:
            encoded.append(_codes(feature, column))
    return encoded + missing


def _places_of_missing(features: Sequence[FeatureTable]) -> dict[str, int]:
    """Return where :func:`encode` puts which values of a number are missing."""
    known = [f.name for f in features if isinstance(f, NumericTable) and f.knows_missing]
    return {name: len(features) + i for i, name in enumerate(known)}


def _codes(feature: CategoryTable, column: Sequence[object] | NDArray[Any]) -> NDArray[np.intp]:
    codes: dict[object, int] = {category: i for i, category in enumerate(feature.categories)}
    if None in codes:
        codes[np.nan] = codes[None]
    if isinstance(column, Coded):
        found = np.array([codes.get(value, -1) for value in column.values], np.intp)[column.codes]
        if found.min(initial=0) < 0:
            raise KeyError(column[int(found.argmin())])
        return found
    try:  # most missing values are that one object
        return np.fromiter(map(codes.__getitem__, column), np.intp, len(column))
    except KeyError:
        texts = (value if isinstance(value, str) else None for value in column)
        return np.fromiter(map(codes.__getitem__, texts), np.intp, len(column))


class BatchEvaluator:
    """A compiled model laid out for many rows; made once, used chunk after chunk.

    Parameters
    ----------
    model : CompiledModel
    tests : Tests, optional
        The model's, where several models share them.
    """

    def __init__(self, model: CompiledModel, tests: Tests | None = None) -> None:
        self.model = model
        self.tests = Tests(model.features) if tests is None else tests
        self.plans = [plans(ensemble, self.tests) for ensemble in model.ensembles]
        self._exponentials = [(w, BatchEvaluator(inner)) for w, inner in model.exponentials]
        self._block = block_rows(self.tests, self.plans)

    def predict(self, columns: Columns) -> NDArray[np.float64]:
        """Return predictions, not clipped, of shape (n_samples,).

        Parameters
        ----------
        columns : mapping of str to sequence of length n_samples
            See :func:`encode`.
        """
        encoded = encode(self.model, columns)
        total = self.terms(encoded)
        for start in range(0, len(total) if self.model.ensembles else 0, self._block):
            rows = slice(start, start + self._block)
            self.add_trees(total[rows], Answers(self.tests, [column[rows] for column in encoded]))
        for weight, inner in self._exponentials:
            # Not numpy's function, whose last bit may be another one.
            total += weight * np.array([*map(exponential, inner.predict(columns).tolist())])
        return total

    def terms(self, encoded: list[NDArray[Any]]) -> NDArray[np.float64]:
        """Return what the base and the linear terms say of each row."""
        model = self.model
        total = np.full(len(encoded[0]), model.base)
        if model.linear:
            pairs = list(zip(model.features, encoded, strict=False))
            numeric = [(f, column) for f, column in pairs if isinstance(f, NumericTable)]
            for number, column in numeric:
                total += number.weight * (column - number.center)
            places = _places_of_missing(model.features)
            for number, _ in numeric:
                if any(number.missing_terms):
                    total += np.array(number.missing_terms)[encoded[places[number.name]]]
            for feature, column in pairs:
                if isinstance(feature, CategoryTable):
                    total += np.array(feature.terms)[column]
            for number, column in numeric:
                for curve in number.curves:
                    total += _on_curve(curve, column)
            for i, j, weight, mean in model.products:
                total += weight * (_above(model, encoded, i) * _above(model, encoded, j) - mean)
        return total

    def add_trees(self, total: NDArray[np.float64], answers: Answers) -> None:
        """Add what the ensembles say of some rows."""
        for ensemble, of_trees in zip(self.model.ensembles, self.plans, strict=True):
            if isinstance(ensemble, MedianTrees):
                values = np.array([plan.values(answers) for plan in of_trees])
                total += ensemble.weight * _median(values, ensemble.tree_weights)
            else:
                total += ensemble.weight * summed(of_trees, answers)


def block_rows(tests: Tests, of_ensembles: Sequence[Sequence[Plan]]) -> int:
    """Return how many rows are worked on at once."""
    tables = any(isinstance(plan, Table | Fork) for of_trees in of_ensembles for plan in of_trees)
    kept = len(tests.lines) if tables else 1  # walks keep no answers
    return min(BLOCK_ROWS, max(1_024, BLOCK_BYTES // max(1, kept)))


def summed(
    of_trees: Sequence[Plan], answers: Answers, n_outputs: Shape = ()
) -> NDArray[np.float64]:
    """Return the sum of some trees, added in their order."""
    found = np.zeros((answers.n_rows, *n_outputs))
    for plan in of_trees:
        found += plan.values(answers)
    return found


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


class Tests:
    """Where the answer to each test is read off.

    A *line* holds a small integer for each row: how many of a number's cuts it is above, or, of one
    test of a category, 0 or 1. A test's answer is whether its line is above its rank.
    """

    def __init__(self, features: Sequence[FeatureTable]) -> None:
        lines: list[int] = []
        ranks: list[int] = []
        self._sources: list[tuple[int, NDArray[Any], bool]] = []
        places = _places_of_missing(features)
        for position, feature in enumerate(features):
            if isinstance(feature, NumericTable):
                n_cuts = len(feature.cuts)
                lines += [len(self._sources)] * n_cuts
                ranks += range(n_cuts)
                self._sources.append((position, np.array(feature.cuts), True))
                if feature.asks_missing:
                    lines.append(len(self._sources))
                    ranks.append(0)
                    self._sources.append((places[feature.name], np.arange(2), False))
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


class Answers:
    """What some rows answer to all tests."""

    def __init__(self, tests: Tests, encoded: list[NDArray[Any]]) -> None:
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
class Table:
    """A tree of few tests, whose answers are the bits of a position in the table."""

    tests: tuple[int, ...]
    table: NDArray[np.float64]

    def values(self, answers: Answers) -> NDArray[np.float64]:
        kind = np.uint8 if len(self.tests) <= 8 else np.uint16
        key: Any = np.zeros(answers.n_rows, dtype=kind)
        for test in self.tests:
            np.add(key, key, out=key)
            np.bitwise_or(key, answers.bits(test), out=key)
        return self.table.take(key, axis=0, mode="clip")  # skips a check


@dataclass(frozen=True)
class Fork:
    """A tree of more tests: the answer to one says which of two trees counts."""

    test: int
    left: Table | Fork
    right: Table | Fork

    def values(self, answers: Answers) -> NDArray[np.float64]:
        found = self.left.values(answers)
        right = answers.bits(self.test).view(bool).reshape(-1, *(1 for _ in found.shape[1:]))
        np.copyto(found, self.right.values(answers), where=right)
        return found


@dataclass(frozen=True)
class Walk:
    """A tree as arrays of its nodes; a leaf leads to itself. Two children a node: for 0 and 1."""

    lines: NDArray[np.intp]
    ranks: NDArray[np.int32]
    children: NDArray[np.intp]
    leaf_values: NDArray[np.float64]

    def values(self, answers: Answers) -> NDArray[np.float64]:
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


Plan = Table | Fork | Walk
Shape = tuple[()] | tuple[int]  # of a leaf: a value, or one for each output


def plans(ensemble: Ensemble, tests: Tests) -> list[Plan]:
    """Return how each tree of an ensemble is worked out for many rows."""
    if isinstance(ensemble, ObliviousTrees):
        return [Table(tree.tests, np.array(tree.values)) for tree in ensemble.trees]
    return [planned(root, tests) for root in ensemble.roots]


def planned(root: Node, tests: Tests, shape: Shape = ()) -> Plan:
    """Return how a tree is worked out for many rows.

    Parameters
    ----------
    shape : tuple
        Of what each leaf holds.
    """
    nodes = [root]  # every parent before its children
    for node in nodes:
        if isinstance(node, tuple):
            nodes += node[:2]
    many = len(nodes) > 2 * TABLE_NODES
    return _walk(nodes, tests, shape) if many else _tables(root, shape)


def _tables(root: Node, shape: Shape) -> Table | Fork:
    tests = _asked(root)
    if isinstance(root, tuple) and len(tests) > KEY_TESTS:
        return Fork(root[2], _tables(root[0], shape), _tables(root[1], shape))
    keys = np.arange(1 << len(tests)).reshape(-1, *(1 for _ in shape))
    answers = {t: (keys >> i & 1).astype(bool) for i, t in enumerate(reversed(tests))}

    def values(node: Node) -> NDArray[np.float64] | float:
        if not isinstance(node, tuple):
            return node
        return np.where(answers[node[2]], values(node[1]), values(node[0]))

    return Table(tests, np.broadcast_to(values(root), (len(keys), *shape)))


def _asked(node: Node) -> tuple[int, ...]:
    if not isinstance(node, tuple):
        return ()
    return tuple(sorted({node[2], *_asked(node[0]), *_asked(node[1])}))


def _walk(nodes: list[Node], tests: Tests, shape: Shape) -> Walk:
    """Return the arrays of a tree whose nodes are listed breadth first."""
    n_nodes = len(nodes)
    asked = np.array([node[2] if isinstance(node, tuple) else 0 for node in nodes])
    inner = np.array([isinstance(node, tuple) for node in nodes])
    children = np.repeat(np.arange(n_nodes), 2)
    children[np.repeat(inner, 2)] = np.arange(1, n_nodes)
    nothing = np.zeros(shape)
    return Walk(
        lines=tests.lines[asked],
        ranks=tests.ranks[asked],
        children=children,
        leaf_values=np.array([nothing if isinstance(node, tuple) else node for node in nodes]),
    )
