"""What each feature adds to a compiled model's prediction. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import itemgetter, mul
from typing import Any, Literal, Protocol

from src.compiled.model import (
    Bits,
    CompiledModel,
    FeatureTable,
    MedianTrees,
    Node,
    NumericTable,
    ObliviousTrees,
    Trees,
    exponential,
)
from src.exception import ReasonsUnavailableError
from src.language import mark
from src.schema.features import Value

Method = Literal[
    "linear", "log_linear", "tree_shap", "permutation_shapley", "linear_path", "tree_path"
]
Record = Mapping[str, Value]

MOST_LEAVES = 20_000  # that a record and the points may come to: about 25 ms
MOST_LOGARITHM = 600.0  # of a product of factors, so that it is finite
MOST_MASSES = 20_000  # of sets of points that are kept
SMALL_TREE = 8  # tests, up to which a tree's contributions are kept by the answers to them ...
MOST_KEPT = 10_000  # ... so many of all trees: 7 MB where trees ask about four features
TOO_LARGE = "Its trees are so many and so deep that true reasons would take too long."
OF_A_LINK = mark("It multiplies what trees say, true reasons of which would take too long.")
OF_A_MEDIAN = mark("It predicts the median of trees, true reasons of which would take too long.")


@dataclass(frozen=True)
class Contributions:
    """Interventional Shapley values of one prediction, in the target's unit.

    A coalition of features is worth what the model predicts on average where these are the
    record's, and all others those of a point of the background.

    Attributes
    ----------
    base : float
        The mean prediction over the background, which is that over the training rows.
    values : dict of str to float
        By the name of the feature that the person entered; one-hot columns are summed.
    method : str
        ``linear`` (exact, the background being all training rows), ``log_linear`` (exact),
        ``tree_shap`` (exact) or ``permutation_shapley`` (exact for few features, else sampled). Of
        a class's probability, ``linear_path`` and ``tree_path``: the former two of scores, carried
        over to it, see :class:`src.compiled.class_contributions.ClassAttributor`.
    """

    base: float
    values: dict[str, float]
    method: Method

    @property
    def total(self) -> float:
        """The prediction before it is clipped to the target's range."""
        return math.fsum((self.base, *self.values.values()))


class Attributor:
    """Explain a compiled model's predictions; made once, cheap to ask.

    Linear terms, curves and products alone are counted from their means over the training rows.
    Where there are trees or exponentials, all is counted from the points of a background.
    Contributions of oblivious trees were worked out at training, with the same points.

    Parameters
    ----------
    model : CompiledModel
    points : sequence of mapping
        Of the background, as :meth:`CompiledModel.predict` takes a record. Not needed where there
        are neither trees nor exponentials.
    weights : sequence of float
        Of the points; their sum is 1.
    crowd : Crowd, optional
        Of the same points, where several models that ask the same tests share it.

    Attributes
    ----------
    base : float
        What contributions are counted from.

    Raises
    ------
    ReasonsUnavailableError
        If a part of the model is a median of trees, or an exponential of more than a sum of terms.

    References
    ----------
    Lundberg et al. (2020), "From local explanations to global understanding with explainable AI for
    trees", Nature Machine Intelligence 2. Janzing, Minorics and Bloebaum (2020), "Feature relevance
    quantification in explainable AI: A causal problem", AISTATS, for the interventional kind.
    """

    def __init__(
        self,
        model: CompiledModel,
        points: Sequence[Record] = (),
        weights: Sequence[float] = (),
        crowd: Crowd | None = None,
    ) -> None:
        if any(isinstance(ensemble, MedianTrees) for ensemble in model.ensembles):
            raise ReasonsUnavailableError(OF_A_MEDIAN)
        self.model = model
        self.method: Method = "tree_shap" if model.ensembles else "linear"
        if model.exponentials and not model.ensembles:
            self.method = "log_linear"
        self.base, self._centers = model.base, [0.0] * len(model.features)
        self._above = [0.0] * len(model.features)  # of the points' numbers their centers
        self._powers = [
            _Powers(weight, inner, points, weights, model.nodes)
            for weight, inner in model.exponentials
        ]
        if not (points or model.needs_points):
            return
        self._crowd = crowd or Crowd(model, points, weights)
        self._forests = {
            place: Forest(self._crowd, ensemble.roots)
            for place, ensemble in enumerate(model.ensembles)
            if isinstance(ensemble, Trees)
        }
        if model.linear:
            terms = [model.linear_terms(point) for point in points]
            self._centers = _weighted(terms, weights)
            self._above = _weighted([_above_centers(model, point) for point in points], weights)
            self.base += math.fsum(self._centers)
        for ensemble in model.ensembles:
            totals = [ensemble.total(bits) for bits in self._crowd.answers]
            self.base += ensemble.weight * math.fsum(map(mul, totals, weights))
        self.base += math.fsum(power.base for power in self._powers)

    def contributions(self, values: Record) -> Contributions:
        """Return the base and what each feature adds to it; they sum to the prediction.

        Parameters
        ----------
        values : mapping
            As :meth:`CompiledModel.predict` takes them.
        """
        model = self.model
        found = [
            term - center
            for term, center in zip(model.linear_terms(values), self._centers, strict=True)
        ]
        if any(self._above):
            self._share_products(values, found)
        bits = model.bits(values) if model.ensembles else []
        for place, ensemble in enumerate(model.ensembles):
            added = [0.0] * len(found)
            if isinstance(ensemble, ObliviousTrees):
                _add_oblivious(ensemble, bits, added)
            else:
                self._forests[place].add(bits, added)
            found = [one + ensemble.weight * more for one, more in zip(found, added, strict=True)]
        for power in self._powers:
            found = [one + more for one, more in zip(found, power.added(values), strict=True)]
        names = [feature.name for feature in model.features]
        return Contributions(self.base, dict(zip(names, found, strict=True)), self.method)

    def n_leaves(self, values: Record, most: int) -> int:
        """Return to how many leaves mixtures of a record and the points come, roughly.

        Parameters
        ----------
        most : int
            Beyond so many, no more are counted.
        """
        trees = [ensemble for ensemble in self.model.ensembles if isinstance(ensemble, Trees)]
        if not trees:
            return 0
        roots = (root for ensemble in trees for root in ensemble.roots)
        return self._crowd.n_leaves(roots, self.model.bits(values), most)

    def _share_products(self, values: Record, found: list[float]) -> None:
        """Move from one factor to the other what is its own where the points' means are not 0."""
        above = _above_centers(self.model, values)
        for i, j, weight, _ in self.model.products:
            moved = weight * (above[i] * self._above[j] - above[j] * self._above[i]) / 2
            found[i] += moved
            found[j] -= moved


def _weighted(rows: Iterable[Sequence[float]], weights: Sequence[float]) -> list[float]:
    """Return the weighted mean of each place."""
    return [math.fsum(map(mul, column, weights)) for column in zip(*rows, strict=True)]


def _above_centers(model: CompiledModel, values: Record) -> list[float]:
    """Return how far each number lies above its center; 0 for a category."""
    found = []
    for feature in model.features:
        value: Any = values[feature.name]
        if isinstance(feature, NumericTable):
            found.append((feature.fill if value is None else value) - feature.center)
        else:
            found.append(0.0)
    return found


def _add_oblivious(ensemble: ObliviousTrees, bits: Bits, added: list[float]) -> None:
    """Add what features contribute."""
    for tree in ensemble.trees:
        if not tree.features:
            continue
        leaf = tree.leaf(bits)
        left = tree.values[leaf] - tree.base
        *firsts, last = tree.features
        at = leaf * len(firsts)
        for feature, value in zip(firsts, tree.contributions[at : at + len(firsts)], strict=True):
            added[feature] += value
            left -= value
        added[last] += left


# --- exponentials ---------------------------------------------------------------------------------


class _Powers:
    """The exponential function of a sum of terms, one a feature: a product of factors.

    Where a coalition has the record's factors and the rest a point's, a feature's Shapley value is
    the integral over q from 0 to 1 of what the feature changes where each of the others is the
    record's with the chance q. It is a polynomial in q, which Gauss's quadrature integrates
    exactly, where its nodes are half as many as features.

    References
    ----------
    Owen (1972), "Multilinear Extensions of Games", Management Science 18(5).
    """

    def __init__(
        self,
        weight: float,
        model: CompiledModel,
        points: Sequence[Record],
        weights: Sequence[float],
        nodes: Sequence[tuple[float, float]],
    ) -> None:
        if model.ensembles or model.products or model.exponentials:
            raise ReasonsUnavailableError(OF_A_LINK)
        self._model = model
        self._nodes = nodes
        self._most = MOST_LOGARITHM / max(1, len(model.features))
        start = weight * exponential(model.base)
        self._points = [
            (start * share, self._factors(point))
            for point, share in zip(points, weights, strict=True)
        ]
        self.base = math.fsum(scale * math.prod(factors) for scale, factors in self._points)

    def _factors(self, values: Record) -> list[float]:
        return [exponential(min(term, self._most)) for term in self._model.linear_terms(values)]

    def added(self, values: Record) -> list[float]:
        """Return what each feature contributes."""
        own = self._factors(values)
        added = [0.0] * len(own)
        for scale, others in self._points:
            for q, weight in self._nodes:
                mixed = [q * a + (1 - q) * b for a, b in zip(own, others, strict=True)]
                product = scale * weight * math.prod(mixed)
                for i, (a, b, both) in enumerate(zip(own, others, mixed, strict=True)):
                    added[i] += product * (a - b) / both
        return added


# --- trees ----------------------------------------------------------------------------------------

# Of a leaf: the features that must be the record's to come there, those that must be a point's,
# for which points that holds, and the leaf's value. Features and points are bits of a number.
Reached = tuple[int, int, int, Any]
Answers = Any  # by test: a list, bytes or a dictionary


class Tested(Protocol):
    """What asks tests about features: a compiled model, or a classifier."""

    features: tuple[FeatureTable, ...]
    n_tests: int

    def bits(self, values: Record, /) -> Bits: ...


class Crowd:
    """The points of a background, which walk through a tree with a record side by side.

    Mixtures of the record and a point take its turns where the two answer a test alike. Where they
    do not, it depends on whose answer the mixture has: both ways are followed, and what was decided
    about a feature holds from there on. A leaf that is reached where the features *a* are the
    record's and the features *b* the point's counts in the coalitions that hold all of *a* and none
    of *b*, of which Shapley's sums are known. All points that answer alike are followed as one.
    """

    def __init__(self, model: Tested, points: Sequence[Record], weights: Sequence[float]) -> None:
        self.answers = [model.bits(point) for point in points]
        self._features = [
            1 << position
            for position, feature in enumerate(model.features)
            for _ in range(feature.n_tests)
        ]
        self._all = (1 << len(points)) - 1
        self._ones = [
            sum(1 << i for i, bits in enumerate(self.answers) if bits[test])
            for test in range(model.n_tests)
        ]
        self._byte_masses = [
            [math.fsum(map(mul, weights[at : at + 8], _bits(byte))) for byte in range(256)]
            for at in range(0, len(points), 8)
        ]
        self._masses: dict[int, float] = {}
        self.contributed = lru_cache(MOST_KEPT)(self._contributed)

    def alike(self, bits: Bits) -> list[int]:
        """Return which points answer each test as a record does."""
        everybody = self._all
        return [
            ones if bit else everybody ^ ones for ones, bit in zip(self._ones, bits, strict=False)
        ]

    def leaves(self, root: Any, bits: Answers, alike: Answers) -> list[Reached]:
        """Return the leaves of a tree that mixtures of a record and the points come to."""
        features = self._features
        found: list[Reached] = []
        waiting: list[tuple[Node, int, int, int]] = [(root, 0, 0, self._all)]
        while waiting:
            node, own, others, points = waiting.pop()
            while isinstance(node, tuple):
                test = node[2]
                answer, feature = bits[test], features[test]
                same = points & alike[test]
                if same == points or own & feature:
                    node = node[answer]
                    continue
                away: Node = node[1 - answer]
                node = node[answer]
                if others & feature:
                    if same:
                        waiting.append((node, own, others, same))
                    node, points = away, points ^ same
                    continue
                waiting.append((away, own, others | feature, points ^ same))
                if same:
                    waiting.append((node, own, others, same))
                own, points = own | feature, points ^ same
            found.append((own, others, points, node))
        return found

    def n_leaves(self, roots: Iterable[Node], bits: Bits, most: int) -> int:
        """Return to how many leaves of some trees mixtures come; beyond some, about as many."""
        found, alike = 0, self.alike(bits)
        for root in roots:
            found += len(self.leaves(root, bits, alike))
            if found > most:
                break
        return found

    def add(
        self,
        roots: Iterable[Any],
        bits: Bits,
        added: list[float],
        factors: Sequence[float] | None = None,
    ) -> None:
        """Add what features contribute to the sum of some trees.

        Parameters
        ----------
        factors : sequence of float, optional
            Where leaves hold a value for each output, what each of these counts.
        """
        self._add(roots, bits, self.alike(bits), added, factors)

    def _contributed(self, tree: SmallTree, answers: Any) -> list[tuple[int, float]]:
        """Return what features contribute to a tree, by a record's answers to its tests."""
        bits = dict(zip(tree.tests, answers, strict=True))
        alike = {
            test: self._ones[test] if bit else self._all ^ self._ones[test]
            for test, bit in bits.items()
        }
        added = dict.fromkeys((self._features[test].bit_length() - 1 for test in bits), 0.0)
        self._add([tree.root], bits, alike, added)
        return [*added.items()]

    def _add(
        self,
        roots: Iterable[Any],
        bits: Answers,
        alike: Answers,
        added: list[float] | dict[int, float],
        factors: Sequence[float] | None = None,
    ) -> None:
        sums: dict[tuple[int, int], float] = {}
        masses = self._masses
        for root in roots:
            for own, others, points, value in self.leaves(root, bits, alike):
                mass = masses.get(points)
                if mass is None:
                    mass = masses[points] = self._mass(points)
                if factors is not None:
                    value = sum(map(mul, factors, value))
                sums[own, others] = sums.get((own, others), 0.0) + mass * value
        if len(masses) > MOST_MASSES:
            masses.clear()
        gained: dict[int, float] = {}  # by features that share it evenly
        lost: dict[int, float] = {}
        for (own, others), total in sums.items():
            n_own, n_others = own.bit_count(), others.bit_count()
            if own:
                gained[own] = gained.get(own, 0.0) + total * _share(n_own - 1, n_others)
            if others:
                lost[others] = lost.get(others, 0.0) + total * _share(n_own, n_others - 1)
        for sign, shares in ((1, gained), (-1, lost)):
            for features, each in shares.items():
                for feature in _positions(features):
                    added[feature] += sign * each

    def _mass(self, points: int) -> float:
        parts = zip(
            self._byte_masses, points.to_bytes(len(self._byte_masses), "little"), strict=True
        )
        return sum(masses[byte] for masses, byte in parts)


@dataclass(frozen=True, eq=False)
class SmallTree:
    """A tree that asks few tests."""

    root: Node
    tests: tuple[int, ...]


class Forest:
    """Trees that a crowd walks through.

    A tree contributes the same for all records that answer its tests alike. Students answer few
    tests in few ways, so that of small trees nearly all was worked out for somebody before.
    """

    def __init__(self, crowd: Crowd, roots: Sequence[Node]) -> None:
        self._crowd = crowd
        self._large: list[Node] = []
        self._small: list[tuple[SmallTree, Any]] = []
        for root in roots:
            tests = _tests(root)
            if 1 < len(tests) <= SMALL_TREE:
                self._small.append((SmallTree(root, tests), itemgetter(*tests)))
            else:
                self._large.append(root)

    def add(self, bits: Bits, added: list[float]) -> None:
        """Add what features contribute to the sum of the trees."""
        if self._large:
            self._crowd.add(self._large, bits, added)
        contributed = self._crowd.contributed
        for tree, answers in self._small:
            for feature, value in contributed(tree, answers(bits)):
                added[feature] += value


def _tests(root: Node) -> tuple[int, ...]:
    """Return which tests a tree asks."""
    found, waiting = set(), [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            found.add(node[2])
            waiting += node[:2]
    return tuple(sorted(found))


def _bits(byte: int) -> list[int]:
    """Return the bits of a byte, the lowest first."""
    return [byte >> place & 1 for place in range(8)]


@lru_cache(MOST_KEPT)
def _positions(number: int) -> tuple[int, ...]:
    """Return which bits of a number are 1.

    Examples
    --------
    >>> _positions(0b1010)
    (1, 3)
    """
    return tuple(place for place in range(number.bit_length()) if number >> place & 1)


@cache
def _share(n_own: int, n_others: int) -> float:
    """Return a! b! / (a + b + 1)!."""
    return 1 / ((n_own + n_others + 1) * math.comb(n_own + n_others, n_own))
