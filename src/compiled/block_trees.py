"""Trees for many rows at once: tests are answered for a block of rows, trees look the answers up.

What was tried, in processor seconds of 65,536 rows of seven features: 300 trees of XGBoost with 27
leaves on average took .41 by tables of eight tests and both branches of the others; :class:`Masks`
take .09, the library itself .20, treelite .74 compiled and 2.8 not. 300 oblivious trees of depth 6
take .05 by :class:`Table`, CatBoost itself .03, and .13 with what makes its matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from src.compiled.model import Ensemble, FeatureTable, Node, NumericTable, ObliviousTrees

BLOCK_ROWS = 1 << 15  # worked on at once; fewer where there are so many tests ...
BLOCK_BYTES = 1 << 25  # ... that their answers would take more memory than this
KEY_TESTS = 8  # whose answers make one table of 256 values
GROUP_VALUES = 1 << 10  # of features that are looked up together
MASK_BYTES = 1 << 17  # of a tree; one with more, or more leaves than bits, is walked through
# Multiplied by one of these, a number with a single bit has that bit's place in its highest bits
# (Leiserson, Prokop and Randall 1998, "Using de Bruijn Sequences to Index a 1 in a Computer Word").
DE_BRUIJN = (np.uint32(0x077CB531), np.uint64(0x03F79D71B4CB0A89))


def places_of_missing(features: Sequence[FeatureTable]) -> dict[str, int]:
    """Return where :func:`src.compiled.batch.encode` puts which values of a number are missing."""
    known = [f.name for f in features if isinstance(f, NumericTable) and f.knows_missing]
    return {name: len(features) + i for i, name in enumerate(known)}


class Tests:
    """Where the answer to each test is read off.

    A *line* holds a small integer for each row: how many of a number's cuts it is above, or, of one
    test of a category, 0 or 1. A test's answer is whether its line is above its rank.
    """

    def __init__(self, features: Sequence[FeatureTable]) -> None:
        lines: list[int] = []
        ranks: list[int] = []
        self._sources: list[tuple[int, NDArray[Any], bool]] = []
        places = places_of_missing(features)
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
        self.sizes = {at: len(table) + is_number for at, table, is_number in self._sources}
        self._counted = {at: i for i, (at, _, is_number) in enumerate(self._sources) if is_number}
        self.groups = _grouped(self.sizes)

    def by_value(self, test: int) -> tuple[int, NDArray[np.bool_]]:
        """Return which encoded column a test is about, and its answer for each value of that.

        Numbers have as many values as their cuts leave: how many of them they are above.
        """
        position, table, is_number = self._sources[self.lines[test]]
        values = np.arange(len(table) + 1) if is_number else table
        return position, values > self.ranks[test]

    def matrix(self, encoded: list[NDArray[Any]]) -> NDArray[np.int32]:
        """Return the lines of some rows, shape (n_lines, n_rows)."""
        found = np.empty((len(self._sources), len(encoded[0])), dtype=np.int32)
        for line, (position, table, is_number) in enumerate(self._sources):
            column = encoded[position]
            found[line] = np.searchsorted(table, column) if is_number else table[column]
        return found

    def codes(
        self, group: int, matrix: NDArray[np.int32], encoded: list[NDArray[Any]]
    ) -> NDArray[np.intp]:
        """Return which of a group's combined values some rows have."""
        found = np.zeros(matrix.shape[1], dtype=np.intp)
        for position in self.groups[group]:
            found *= self.sizes[position]
            line = self._counted.get(position)
            found += encoded[position] if line is None else matrix[line]
        return found


def _grouped(sizes: Mapping[int, int]) -> list[list[int]]:
    """Return columns in groups whose values have few enough combinations, the largest first."""
    found: list[list[int]] = []
    n_values: list[int] = []
    for position in sorted(sizes, key=lambda position: -sizes[position]):
        size = sizes[position]
        room = (i for i, n in enumerate(n_values) if n * size <= GROUP_VALUES)
        place = next(room, len(found))
        if place == len(found):
            found.append([])
            n_values.append(1)
        found[place].append(position)
        n_values[place] *= size
    return found


class Answers:
    """What some rows answer to all tests."""

    def __init__(self, tests: Tests, encoded: list[NDArray[Any]]) -> None:
        self._tests = tests
        self._encoded = encoded
        self.matrix = tests.matrix(encoded)
        self.n_rows = self.matrix.shape[1]
        self._bits: dict[int, NDArray[np.uint8]] = {}
        self._codes: dict[int, NDArray[np.intp]] = {}

    def bits(self, test: int) -> NDArray[np.uint8]:
        """Return 0 or 1 for each row."""
        found = self._bits.get(test)
        if found is None:
            line = self.matrix[self._tests.lines[test]]
            found = self._bits[test] = (line > self._tests.ranks[test]).view(np.uint8)
        return found

    def codes(self, group: int) -> NDArray[np.intp]:
        """Return which of a group's combined values each row has."""
        found = self._codes.get(group)
        if found is None:
            found = self._codes[group] = self._tests.codes(group, self.matrix, self._encoded)
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
class Masks:
    """A tree of more tests: each group of features leaves some leaves, and all together one.

    After Lucchese et al. (2015), "QuickScorer: A Fast Algorithm to Rank Documents with Additive
    Ensembles of Regression Trees", SIGIR: the masks of tests are joined beforehand to those of
    values, so that a row costs a look-up for each group.

    Attributes
    ----------
    groups : tuple of int
    masks : tuple of ndarray
        Of each group, by its combined value: a bit for each leaf.
    leaf_values : ndarray
        Where the leaf's bit leads to, times a de Bruijn number.
    """

    groups: tuple[int, ...]
    masks: tuple[NDArray[Any], ...]
    leaf_values: NDArray[np.float64]

    def values(self, answers: Answers) -> NDArray[np.float64]:
        first, *others = zip(self.groups, self.masks, strict=True)
        left = first[1].take(answers.codes(first[0]), mode="clip")
        for group, masks in others:
            left &= masks.take(answers.codes(group), mode="clip")
        return self.leaf_values.take(_places(left), axis=0, mode="clip")


def _places(bits: NDArray[Any]) -> NDArray[Any]:
    """Return another number for each place of a single bit; works in place."""
    n_bits = 8 * bits.itemsize
    bits *= DE_BRUIJN[n_bits == 64]
    bits >>= bits.dtype.type(n_bits - n_bits.bit_length() + 1)
    return bits.view(f"i{bits.itemsize}")


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


Plan = Table | Masks | Walk
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
    asked = tuple(sorted({node[2] for node in nodes if isinstance(node, tuple)}))
    if len(asked) <= KEY_TESTS and len(nodes) < 1 << (KEY_TESTS + 1):
        return _table(root, asked, shape)
    if len(nodes) < 2 * 64:
        masks = _masks(root, len(nodes) // 2 + 1, tests, shape)
        if sum(each.nbytes for each in masks.masks) <= MASK_BYTES:
            return masks
    return _walk(nodes, tests, shape)


def _table(root: Node, tests: tuple[int, ...], shape: Shape) -> Table:
    keys = np.arange(1 << len(tests)).reshape(-1, *(1 for _ in shape))
    answers = {t: (keys >> i & 1).astype(bool) for i, t in enumerate(reversed(tests))}

    def values(node: Node) -> NDArray[np.float64] | float:
        if not isinstance(node, tuple):
            return node
        return np.where(answers[node[2]], values(node[1]), values(node[0]))

    return Table(tests, np.broadcast_to(values(root), (len(keys), *shape)))


def _masks(root: Node, n_leaves: int, tests: Tests, shape: Shape) -> Masks:
    kind = np.uint32 if n_leaves <= 32 else np.uint64
    every = int(np.iinfo(kind).max)
    of_column: dict[int, NDArray[Any]] = {}
    leaves: list[Any] = []

    def visit(node: Node) -> int:
        """Return the bits of the leaves below a node."""
        if not isinstance(node, tuple):
            leaves.append(node)
            return 1 << (len(leaves) - 1)
        left, right = visit(node[0]), visit(node[1])
        column, answers = tests.by_value(node[2])
        masks = of_column.setdefault(column, np.full(len(answers), every, kind))
        masks &= np.where(answers, kind(every - left), kind(every - right))
        return left | right

    existing = visit(root)
    of_group = {}
    for group, columns in enumerate(tests.groups):
        if not of_column.keys().isdisjoint(columns):
            joined = np.full(1, existing, kind)
            for column in columns:
                masks = of_column.get(column, np.full(tests.sizes[column], every, kind))
                joined = (joined[:, None] & masks).ravel()
            of_group[group] = joined
    leaf_values = np.zeros((8 * np.dtype(kind).itemsize, *shape))
    leaf_values[_places(np.array([1 << leaf for leaf in range(n_leaves)], kind))] = leaves
    return Masks(tuple(of_group), tuple(of_group.values()), leaf_values)


def _walk(nodes: list[Node], tests: Tests, shape: Shape) -> Walk:
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


def block_rows(tests: Tests, of_ensembles: Sequence[Sequence[Plan]]) -> int:
    """Return how many rows are worked on at once."""
    kinds = {type(plan) for of_trees in of_ensembles for plan in of_trees}
    kept = len(tests.lines) * (Table in kinds) + 8 * len(tests.groups) * (Masks in kinds)
    return min(BLOCK_ROWS, max(1_024, BLOCK_BYTES // max(1, kept)))


def summed(
    of_trees: Sequence[Plan], answers: Answers, n_outputs: Shape = ()
) -> NDArray[np.float64]:
    """Return the sum of some trees, added in their order."""
    found = np.zeros((answers.n_rows, *n_outputs))
    for plan in of_trees:
        found += plan.values(answers)
    return found
