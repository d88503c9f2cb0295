"""The compiled model: a fitted preprocessor and model as plain tables. Standard library only.

A *test* is a question with two answers about one feature: whether a number is above a cut, or
whether a category is in a set. All tests of a record are answered once; trees look the answers up.
Cuts are in the units that people enter: the compiler moved them to exactly where the fitted
pipeline's own arithmetic turns from one answer to the other.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from operator import add
from typing import Any, ClassVar, Self

from src.exception import ArtifactError
from src.schema.features import Value

# Node of a tree: the child for each answer, and the test. A leaf is a float.
Node = tuple["Node", "Node", int] | float
Bits = list[int] | bytes | tuple[()]
LARGEST_EXPONENT = 700.0
FEW_TESTS = 2_000  # up to so many, making a list of the answers costs less than it saves


@dataclass(frozen=True)
class Curve:
    """A function of a number, in pieces.

    Attributes
    ----------
    breaks : tuple of float
        Ascending; a number on one belongs to the piece before it.
    pieces : tuple of tuple of float
        One more than breaks: an origin, and the coefficients of the distance from it to the power
        of 0, 1, 2 and 3.
    """

    breaks: tuple[float, ...]
    pieces: tuple[tuple[float, ...], ...]

    def value(self, number: float) -> float:
        origin, a, b, c, d = self.pieces[bisect_left(self.breaks, number)]
        t = number - origin
        return ((d * t + c) * t + b) * t + a


@dataclass(frozen=True)
class NumericTable:
    """What is asked about a number.

    Attributes
    ----------
    fill : float
        Stands for a missing value.
    cuts : tuple of float
        Ascending; each test is whether the value is above one of them.
    center, weight : float
        The linear term is ``weight * (value - center)``.
    curves : tuple of Curve
        Added to it.
    knows_missing : bool
        Whether a missing value may be more than what stands for it.
    missing_terms : tuple of (float, float)
        Added to it, too: where there is a number, and where there is none.
    asks_missing : bool
        Whether the last test is whether there is none.
    """

    name: str
    fill: float
    cuts: tuple[float, ...]
    center: float
    weight: float
    curves: tuple[Curve, ...] = ()
    knows_missing: bool = False
    missing_terms: tuple[float, float] = (0.0, 0.0)
    asks_missing: bool = False

    @property
    def n_tests(self) -> int:
        return len(self.cuts) + self.asks_missing


@dataclass(frozen=True)
class CategoryTable:
    """What is asked about a category.

    Attributes
    ----------
    categories : tuple of str or None
        None is a missing value, where training had some.
    answers : tuple of tuple of int
        To each of the feature's tests, by category.
    columns : tuple of int
        Which of the feature's columns each test is about.
    terms : tuple of float
        The linear term of each category; empty where there is none.
    """

    name: str
    categories: tuple[str | None, ...]
    answers: tuple[tuple[int, ...], ...]
    columns: tuple[int, ...]
    terms: tuple[float, ...]

    @property
    def n_tests(self) -> int:
        return len(self.columns)


FeatureTable = NumericTable | CategoryTable


@dataclass(frozen=True)
class Trees:
    """Binary trees, their leaves summed.

    Attributes
    ----------
    weight : float
        Of the sum in the prediction.
    """

    weight: float
    roots: tuple[Node, ...]

    def total(self, bits: Bits) -> float:
        total = 0.0
        for node in self.roots:
            while node.__class__ is tuple:
                node = node[bits[node[2]]]
            total += node  # type: ignore[operator]
        return total


@dataclass(frozen=True)
class MedianTrees:
    """Binary trees, of which the weighted median counts (AdaBoost.R2).

    References
    ----------
    Drucker (1997), "Improving Regressors using Boosting Techniques", ICML.
    """

    weight: float
    roots: tuple[Node, ...]
    tree_weights: tuple[float, ...]

    def total(self, bits: Bits) -> float:
        predictions = []
        for node in self.roots:
            while node.__class__ is tuple:
                node = node[bits[node[2]]]
            predictions.append(node)
        order = sorted(range(len(predictions)), key=predictions.__getitem__)
        weights = list(accumulate(self.tree_weights[i] for i in order))
        median = order[bisect_left(weights, 0.5 * weights[-1])]
        return predictions[median]  # type: ignore[return-value]


@dataclass(frozen=True)
class ObliviousTree:
    """A tree that asks the same on each level.

    Attributes
    ----------
    tests : tuple of int
        The answers to these, in this order, are the leaf's number in binary.
    values : tuple of float
        By leaf.
    base : float
        Mean over the background's points.
    features : tuple of int
        Positions of the features that it asks about.
    contributions : tuple of float
        Shapley values over the background, leaf by leaf, of those features but the last, which gets
        what is left.
    """

    tests: tuple[int, ...]
    values: tuple[float, ...]
    base: float
    features: tuple[int, ...]
    contributions: tuple[float, ...]

    def leaf(self, bits: Bits) -> int:
        """Return the number of the leaf that the answers lead to."""
        leaf = 0
        for test in self.tests:
            leaf += leaf + bits[test]
        return leaf


class ObliviousTrees:
    """Oblivious trees, their leaves summed.

    Attributes
    ----------
    weight : float
        Of the sum in the prediction.
    trees : tuple of ObliviousTree
    """

    def __init__(self, weight: float, trees: tuple[ObliviousTree, ...], n_tests: int) -> None:
        self.weight = weight
        self.trees = trees
        self.n_tests = n_tests
        depth = max((len(tree.tests) for tree in trees), default=0)
        # Trees of one depth can be written out level by level, which is twice as fast as a loop.
        # The answer after the last test's is always 0: it fills a tree up without moving leaves.
        self._depth = next((written for written in (3, 4, 6) if depth <= written), 0)
        self._filled: list[Any] = [
            (*[n_tests] * (self._depth - len(tree.tests)), *tree.tests, tree.values)
            for tree in trees
        ]

    def total(self, bits: Bits) -> float:
        return reduce(add, self.reached(bits), 0.0)

    def reached(self, bits: Bits) -> list[Any]:
        """Return the value of the leaf of each tree."""
        if self._depth == 3:
            _, two, four, *_ = _shifted(bits, 3)
            return [values[four[a] + two[b] + bits[c]] for a, b, c, values in self._filled]
        if self._depth == 4:
            _, two, four, eight = _shifted(bits, 4)
            return [
                values[eight[a] + four[b] + two[c] + bits[d]] for a, b, c, d, values in self._filled
            ]
        if self._depth == 6:
            _, b1, b2, b3, b4, b5 = _shifted(bits, 6)
            return [
                values[b5[a] + b4[b] + b3[c] + b2[d] + b1[e] + bits[f]]
                for a, b, c, d, e, f, values in self._filled
            ]
        return [tree.values[tree.leaf(bits)] for tree in self.trees]


def _shifted(bits: Bits, n: int) -> list[list[int]]:
    """Return the answers as bits of a number: times 1, 2, 4 and so on."""
    answers = bytes(bits)
    return [list(answers.translate(table)) for table in _SHIFTS[:n]]


_SHIFTS = [bytes([0, 1 << place]).ljust(256, b"\0") for place in range(6)]


class _AsksMissing:
    """The answers to whether a value is missing, by the value."""

    def __getitem__(self, value: Value) -> bytes:
        return b"\1" if value is None else b"\0"


Ensemble = Trees | MedianTrees | ObliviousTrees


class CompiledModel:
    """Predict a record from the tables of ``compiled.json``.

    Attributes
    ----------
    features : tuple of NumericTable or CategoryTable
        In the schema's order, and their tests one after another in it.
    base : float
        What the linear terms and the ensembles add to.
    linear : bool
        Whether there are linear terms.
    ensembles : tuple of Trees, MedianTrees or ObliviousTrees
    products : tuple of (int, int, float, float)
        Positions of two numbers, the weight of the product of what they are above their centers,
        and the product that it is counted from; there are none without linear terms.
    exponentials : tuple of (float, CompiledModel)
        Weights, and models of the same features whose exponential function is added.
    nodes : tuple of (float, float)
        Of the quadrature by which contributions to exponentials are worked out, and their weights.
    """

    VERSION: ClassVar[int] = 5
    # The first knew neither curves nor products, the second counted products from 0, the third held
    # how many training rows came to each leaf, the fourth knew no exponentials.
    READ_VERSIONS: ClassVar[tuple[int, ...]] = (1, 2, 3, 4, 5)

    def __init__(
        self,
        features: tuple[FeatureTable, ...],
        base: float,
        linear: bool,
        ensembles: tuple[Ensemble, ...],
        products: tuple[tuple[int, int, float, float], ...] = (),
        exponentials: tuple[tuple[float, CompiledModel], ...] = (),
        nodes: tuple[tuple[float, float], ...] = (),
    ) -> None:
        self.features = features
        self.base = base
        self.linear = linear
        self.ensembles = ensembles
        self.products = products
        self.exponentials = exponentials
        self.nodes = nodes
        self.n_tests = sum(feature.n_tests for feature in features)
        numeric = [f for f in features if isinstance(f, NumericTable)]
        categorical = [f for f in features if isinstance(f, CategoryTable)]
        self._weights = [(f.name, f.fill, f.center, f.weight) for f in numeric if linear]
        self._missing = [
            (f.name, *f.missing_terms) for f in numeric if linear and any(f.missing_terms)
        ]
        self._curves = [(f.name, f.fill, curve) for f in numeric if linear for curve in f.curves]
        self._products = [
            (self._centered(i), self._centered(j), weight, mean) for i, j, weight, mean in products
        ]
        self._terms = [
            (f.name, dict(zip(f.categories, f.terms, strict=True))) for f in categorical if linear
        ]
        self._tests: list[tuple[str, float, tuple[float, ...], Any]] = []
        for f in features:
            if isinstance(f, CategoryTable):
                if f.n_tests:
                    answers = dict(zip(f.categories, map(bytes, f.answers), strict=True))
                    self._tests.append((f.name, 0.0, (), answers))
                continue
            if f.cuts:
                self._tests.append((f.name, f.fill, f.cuts, None))
            if f.asks_missing:
                self._tests.append((f.name, 0.0, (), _AsksMissing()))

    def _centered(self, position: int) -> tuple[str, float, float]:
        feature = self.features[position]
        if not isinstance(feature, NumericTable):
            raise ValueError(f"{feature.name} in a product")
        return feature.name, feature.fill, feature.center

    @classmethod
    def from_dict(cls, tables: Mapping[str, Any]) -> Self:
        """Return the model that ``compiled.json`` describes.

        Raises
        ------
        ArtifactError
            If the tables are of another version or do not fit together.
        """
        cls.check_version(tables)
        try:
            features = tuple(map(read_feature, tables["features"]))
            n_tests = sum(feature.n_tests for feature in features)
            ensembles = tuple(read_ensemble(values, n_tests) for values in tables["ensembles"])
            products = tuple(
                (int(i), int(j), float(weight), float(sum(mean)))
                for i, j, weight, *mean in tables.get("products", ())
            )
            exponentials = tuple(
                (float(one["weight"]), cls.from_dict(one["tables"]))
                for one in tables.get("exponentials", ())
            )
            nodes = tuple((float(at), float(weight)) for at, weight in tables.get("nodes", ()))
            base, linear = float(tables["base"]), bool(tables["linear"])
            return cls(features, base, linear, ensembles, products, exponentials, nodes)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ArtifactError(f"compiled.json is damaged ({error!r}). Train again.") from error

    @classmethod
    def check_version(cls, tables: Mapping[str, Any]) -> None:
        """Refuse tables of a version that this program does not read."""
        if tables.get("version") not in cls.READ_VERSIONS:
            raise ArtifactError(
                f"compiled.json has version {tables.get('version')!r}, this program reads "
                f"{cls.VERSION}. Train again to rebuild it."
            )

    @property
    def needs_points(self) -> bool:
        """Whether contributions are counted from the points of a background."""
        return bool(self.ensembles or self.exponentials)

    def predict(self, values: Mapping[str, Value]) -> float:
        """Return the prediction, not clipped, in the target's unit.

        Parameters
        ----------
        values : mapping
            A number, a category or None for each feature, as :meth:`Schema.check_record` returns
            them.
        """
        return self.score(values, self.bits(values) if self.ensembles else ())

    def score(self, values: Mapping[str, Value], bits: Bits) -> float:
        """Return what :meth:`predict` does, from answers that several models share.

        Parameters
        ----------
        bits : list of int or bytes
            What :meth:`bits` returned; anything where there are no ensembles.
        """
        total = self.base
        for name, fill, center, weight in self._weights:
            value = values[name]
            total += weight * ((fill if value is None else value) - center)  # type: ignore[operator]
        for name, present, missing in self._missing:
            total += missing if values[name] is None else present
        for name, terms in self._terms:
            total += terms[values[name]]  # type: ignore[index]
        for name, fill, curve in self._curves:
            value = values[name]
            total += curve.value(fill if value is None else value)  # type: ignore[arg-type]
        for first, second, weight, mean in self._products:
            total += weight * (_above(first, values) * _above(second, values) - mean)
        for ensemble in self.ensembles:
            total += ensemble.weight * ensemble.total(bits)
        for weight, inner in self.exponentials:
            total += weight * exponential(inner.predict(values))
        return total

    def bits(self, values: Mapping[str, Value]) -> Bits:
        """Return the answers to all tests, 0 or 1, and a 0 after them."""
        parts = []
        for name, fill, cuts, answers in self._tests:
            value = values[name]
            if answers is None:
                n_above = bisect_left(cuts, fill if value is None else value)
                parts.append((b"\1" * n_above).ljust(len(cuts), b"\0"))
            else:
                parts.append(answers[value])
        parts.append(b"\0")
        bits = b"".join(parts)
        return list(bits) if self.n_tests <= FEW_TESTS else bits

    def linear_terms(self, values: Mapping[str, Value]) -> list[float]:
        """Return the linear term of each feature, in the order of :attr:`features`.

        Curves stand in it, and half of each product: these are exact Shapley values, counted from
        what the model predicts on average over the training rows.
        """
        found = {feature.name: 0.0 for feature in self.features}
        for name, fill, center, weight in self._weights:
            found[name] = weight * _above((name, fill, center), values)
        for name, present, missing in self._missing:
            found[name] += missing if values[name] is None else present
        for name, terms in self._terms:
            found[name] = terms[values[name]]  # type: ignore[index]
        for name, fill, curve in self._curves:
            value = values[name]
            found[name] += curve.value(fill if value is None else value)  # type: ignore[arg-type]
        for first, second, weight, mean in self._products:
            half = weight * (_above(first, values) * _above(second, values) - mean) / 2
            found[first[0]] += half
            found[second[0]] += half
        return list(found.values())


def exponential(number: float) -> float:
    """Return e to the power of a number, a finite one however large it is."""
    return math.exp(min(number, LARGEST_EXPONENT))


def _above(centered: tuple[str, float, float], values: Mapping[str, Value]) -> float:
    """Return how far a number lies above its center."""
    name, fill, center = centered
    value = values[name]
    return (fill if value is None else value) - center  # type: ignore[operator]


# --- reading the tables ---------------------------------------------------------------------------


def read_feature(values: Mapping[str, Any]) -> FeatureTable:
    """Return what is asked about a feature, and its linear terms."""
    name = str(values["name"])
    if "cuts" in values:
        return NumericTable(
            name,
            fill=float(values["fill"]),
            cuts=tuple(map(float, values["cuts"])),
            center=float(values["center"]),
            weight=float(values["weight"]),
            curves=tuple(map(read_curve, values.get("curves", ()))),
            knows_missing=bool(values.get("knows_missing", False)),
            missing_terms=_pair(values.get("missing_terms", (0.0, 0.0))),
            asks_missing=bool(values.get("asks_missing", False)),
        )
    categories = tuple(values["categories"])
    answers = tuple(tuple(map(int, text)) for text in values["answers"])
    columns = tuple(map(int, values["columns"]))
    terms = tuple(map(float, values["terms"]))
    if {len(each) for each in answers} != {len(columns)} or len(answers) != len(categories):
        raise ValueError(f"the tests of {name}")
    if terms and len(terms) != len(categories):
        raise ValueError(f"the terms of {name}")
    return CategoryTable(name, categories, answers, columns, terms)


def _pair(values: Any) -> tuple[float, float]:
    first, second = map(float, values)
    return first, second


def read_curve(values: Mapping[str, Any]) -> Curve:
    """Return a curve, whose pieces are one more than its breaks."""
    breaks = tuple(map(float, values["breaks"]))
    pieces = tuple(tuple(map(float, piece)) for piece in values["pieces"])
    if len(pieces) != len(breaks) + 1 or any(len(piece) != 5 for piece in pieces):
        raise ValueError("a curve")
    return Curve(breaks, pieces)


def read_ensemble(values: Mapping[str, Any], n_tests: int) -> Ensemble:
    """Return trees, none of which asks a test that no feature has."""
    weight = float(values["weight"])
    if values["kind"] == "oblivious":
        trees = tuple(read_oblivious(tree, n_tests) for tree in values["trees"])
        return ObliviousTrees(weight, trees, n_tests)
    numbers: dict[float, float] = {}  # one object for all equal leaves
    leaves = [numbers.setdefault(value, value) for value in map(float, values["values"])]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a leaf that is not finite")
    roots = grow(values["tests"], leaves, n_tests)
    if values["kind"] == "median":
        tree_weights = tuple(map(float, values["tree_weights"]))
        if len(tree_weights) != len(roots):
            raise ValueError("the weights of the trees")
        return MedianTrees(weight, roots, tree_weights)
    if values["kind"] == "sum":
        return Trees(weight, roots)
    raise ValueError(f"unknown kind {values['kind']!r}")


def read_oblivious(values: Mapping[str, Any], n_tests: int) -> ObliviousTree:
    """Return an oblivious tree, with a leaf for all answers to its tests."""
    tree = ObliviousTree(
        tests=tuple(map(int, values["tests"])),
        values=tuple(map(float, values["values"])),
        base=float(values["base"]),
        features=tuple(map(int, values["features"])),
        contributions=tuple(map(float, values["contributions"])),
    )
    n_leaves = 2 ** len(tree.tests)
    if not all(0 <= test < n_tests for test in tree.tests) or len(tree.values) != n_leaves:
        raise ValueError("an oblivious tree")
    if len(tree.contributions) != n_leaves * max(0, len(tree.features) - 1):
        raise ValueError("an oblivious tree's contributions")
    return tree


def grow(tests: list[int], leaves: Sequence[Any], n_tests: int) -> tuple[Any, ...]:
    """Return the roots of trees that are listed in preorder, -1 for a leaf.

    Parameters
    ----------
    leaves : sequence
        In the same order.
    """
    grown: list[Any] = []
    leaf = len(leaves)
    for test in reversed(tests):
        if test < 0:
            leaf -= 1
            grown.append(leaves[leaf])
            continue
        if test >= n_tests:
            raise ValueError("a test that no feature has")
        left, right = grown.pop(), grown.pop()
        grown.append((left, right, test))
    if leaf:
        raise ValueError("a tree's leaves")
    return tuple(reversed(grown))
