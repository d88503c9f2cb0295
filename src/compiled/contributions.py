"""What each feature adds to a compiled model's prediction. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from src.compiled.model import (
    Bits,
    CategoryTable,
    CompiledModel,
    MedianTrees,
    Node,
    ObliviousTrees,
    Trees,
)
from src.schema.features import Value

Method = Literal["linear", "tree_shap", "permutation_shapley", "path"]


@dataclass(frozen=True)
class Contributions:
    """Additive contributions to one prediction, in the target's unit.

    Attributes
    ----------
    base : float
        What the model predicts before it knows anything of the record: the mean over the
        background rows or over the training rows, as the method has it.
    values : dict of str to float
        By the name of the feature that the person entered; one-hot columns are summed.
    method : str
        ``linear`` (exact), ``tree_shap`` (exact Shapley values of trees), ``permutation_shapley``
        (sampled over a background), or ``path`` (each split's change of the node's mean: additive,
        but not Shapley values).
    """

    base: float
    values: dict[str, float]
    method: Method

    @property
    def total(self) -> float:
        """The prediction before it is clipped to the target's range."""
        return math.fsum((self.base, *self.values.values()))


_EXACTNESS: tuple[Method, ...] = ("linear", "tree_shap", "path")


class Attributor:
    """Explain a compiled model's predictions; made once, cheap to ask.

    Linear terms are counted from their means over the training rows. Trees are explained by exact
    Shapley values where these were worked out at training (oblivious trees) or the trees are few,
    else along the path of the record: what each test on it changed of the mean.
    """

    def __init__(self, model: CompiledModel) -> None:
        self.model = model
        self._players = _players(model)
        self._games = [
            _leaf_games(ensemble.roots, self._players)
            if isinstance(ensemble, Trees) and ensemble.exact
            else None
            for ensemble in model.ensembles
        ]
        methods: set[Method] = {"linear"} if model.linear else set()
        for ensemble, games in zip(model.ensembles, self._games, strict=True):
            exact = isinstance(ensemble, ObliviousTrees) or games is not None
            methods.add("tree_shap" if exact else "path")
        self.method: Method = max(methods or {"linear"}, key=_EXACTNESS.index)

    def contributions(self, values: Mapping[str, Value]) -> Contributions:
        """Return the base and what each feature adds to it; they sum to the prediction.

        Parameters
        ----------
        values : mapping
            As :meth:`CompiledModel.predict` takes them.
        """
        model = self.model
        found = model.linear_terms(values)
        base = model.base
        bits = model.bits(values) if model.ensembles else []
        for ensemble, games in zip(model.ensembles, self._games, strict=True):
            added = [0.0] * len(found)
            if isinstance(ensemble, ObliviousTrees):
                start = _add_oblivious(ensemble, bits, added)
            elif isinstance(ensemble, MedianTrees):
                median, _ = ensemble.median_tree(bits)
                start = _add_path(ensemble.roots[median], bits, self._players, added)
            elif games is None:
                start = math.fsum(
                    _add_path(root, bits, self._players, added) for root in ensemble.roots
                )
            else:
                start = math.fsum(game.add(bits, added) for game in games)
            base += ensemble.weight * start
            found = [one + ensemble.weight * more for one, more in zip(found, added, strict=True)]
        names = [feature.name for feature in model.features]
        return Contributions(base, dict(zip(names, found, strict=True)), self.method)


Player = tuple[int, int]  # a feature's position, and which of its columns


def _players(model: CompiledModel) -> list[Player]:
    """Return whom each test is about: the columns that the model was trained on."""
    players = []
    for position, feature in enumerate(model.features):
        if isinstance(feature, CategoryTable):
            players += [(position, column) for column in feature.columns]
        else:
            players += [(position, 0)] * feature.n_tests
    return players


def _add_oblivious(ensemble: ObliviousTrees, bits: Bits, added: list[float]) -> float:
    """Add what features contribute, and return the base."""
    base = 0.0
    for tree in ensemble.trees:
        leaf = tree.leaf(bits)
        base += tree.base
        if not tree.features:
            continue
        left = tree.values[leaf] - tree.base
        *firsts, last = tree.features
        at = leaf * len(firsts)
        for feature, value in zip(firsts, tree.contributions[at : at + len(firsts)], strict=True):
            added[feature] += value
            left -= value
        added[last] += left
    return base


def _add_path(node: Node, bits: Bits, players: list[Player], added: list[float]) -> float:
    """Add each test's change of the mean on the record's way, and return the root's mean."""
    mean = base = _mean(node)
    while isinstance(node, tuple):
        feature = players[node[2]][0]
        node = node[bits[node[2]]]
        after = _mean(node)
        added[feature] += after - mean
        mean = after
    return base


def _mean(node: Node) -> float:
    return node[3] if isinstance(node, tuple) else node


# --- exact Shapley values of few trees ------------------------------------------------------------


@dataclass(frozen=True)
class _LeafGame:
    """A leaf's part in the value of a coalition of columns.

    The leaf counts in full where the known columns lead to it, and by the share of the training
    rows at each test about an unknown one. Only which columns lead to it matters, so the Shapley
    values of each combination are worked out once.

    References
    ----------
    Lundberg et al. (2020), "From local explanations to global understanding with explainable AI
    for trees", Nature Machine Intelligence 2; Yang (2021), "Fast TreeSHAP", arXiv:2109.09847.
    """

    value: float
    features: tuple[int, ...]  # of each column on the way to the leaf
    needed: tuple[tuple[tuple[int, int], ...], ...]  # its tests, and the answers that lead on
    shares: tuple[float, ...]  # of the training rows that take these turns
    known: dict[int, tuple[float, ...]] = field(default_factory=dict)

    @property
    def base(self) -> float:
        return self.value * math.prod(self.shares)

    def add(self, bits: Bits, added: list[float]) -> float:
        """Add what features contribute, and return the base."""
        pattern = 0
        for tests in self.needed:
            pattern += pattern
            for test, answer in tests:
                if bits[test] != answer:
                    break
            else:
                pattern += 1
        values = self.known.get(pattern)
        if values is None:
            values = self.known[pattern] = (*self._shapley(pattern), self.base)
        for feature, value in zip(self.features, values, strict=False):
            added[feature] += value
        return values[-1]

    def _shapley(self, pattern: int) -> list[float]:
        n = len(self.shares)
        follows = [pattern >> (n - 1 - i) & 1 for i in range(n)]
        found = []
        for i in range(n):
            sums = [1.0]  # by the size of a coalition of the others: the sum of its products
            for j in range(n):
                if j != i:
                    joined = [0.0, *(follows[j] * each for each in sums)]
                    apart = [*(self.shares[j] * each for each in sums), 0.0]
                    sums = [a + b for a, b in zip(joined, apart, strict=True)]
            mean = math.fsum(s / math.comb(n - 1, k) for k, s in enumerate(sums)) / n
            found.append(self.value * (follows[i] - self.shares[i]) * mean)
        return found


def _leaf_games(roots: tuple[Node, ...], players: list[Player]) -> list[_LeafGame]:
    """Return a game for every leaf of some trees."""
    games = []
    Way = tuple[tuple[int, int, float], ...]  # test, answer, share of the rows
    waiting: list[tuple[Node, Way]] = [(root, ()) for root in roots]
    while waiting:
        node, way = waiting.pop()
        if isinstance(node, tuple):
            left, right, test, share = node
            waiting += [(left, (*way, (test, 0, share))), (right, (*way, (test, 1, 1 - share)))]
            continue
        on_way = list(dict.fromkeys(players[test] for test, _, _ in way))
        turns = [[turn for turn in way if players[turn[0]] == player] for player in on_way]
        games.append(
            _LeafGame(
                value=node,
                features=tuple(feature for feature, _ in on_way),
                needed=tuple(tuple((t, a) for t, a, _ in each) for each in turns),
                shares=tuple(math.prod(share for _, _, share in each) for each in turns),
            )
        )
    return games
