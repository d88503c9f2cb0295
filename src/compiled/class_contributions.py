"""What each feature adds to the chance of some classes. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from operator import mul
from typing import Protocol

from src.compiled.classifier import CompiledClassifier
from src.compiled.contributions import Attributor, Contributions, Crowd, Method, Record
from src.compiled.links import slopes
from src.compiled.model import Bits

NODES = 16  # of a panel; so many make an error of 1e-8 where no score changes by more ...
PANEL = 10.0  # ... than this, which it does in the first panel
MOST_STRETCHED = 4.0  # by what calibration may multiply contributions, or divide them
LEAST_CHANGE = 1e-12

Scores = Sequence[Sequence[float]]  # of each member


class Calibrated(Protocol):
    """What turns raw probabilities into chances."""

    def calibrated(self, raw: Sequence[float], /) -> Sequence[float]:
        """Return the chance of each class."""
        ...

    def slopes(self, raw: Sequence[float], event: frozenset[int], /) -> Sequence[float]:
        """Return by how much a unit of each raw probability moves the chance of some classes."""
        ...


class ClassAttributor:
    """Explain the chances of a compiled classifier; made once, cheap to ask.

    Every score of every member has interventional Shapley values (:class:`Attributor`). Along the
    straight line from the scores' means to the record's, the chance of the event moves by the
    integral of its slope in each score, times how far that score moves: this is how much a unit of
    that score counts.

    What adds up is the way from the chance at the mean scores to the record's. Points are weighted
    so that the former is the training rows' mean chance, as far as that can be. It is not claimed
    that the contributions are Shapley values of the chance: where the link is curved they are not.

    Parameters
    ----------
    model : CompiledClassifier
    points : sequence of mapping
        Of the background, as :meth:`CompiledClassifier.probabilities` takes a record. Without them,
        scores are counted from their means over the training rows, which only linear terms have.
    weights : sequence of float
        Of the points; their sum is 1.

    Attributes
    ----------
    base : list of float
        The raw probability of each class at the mean scores.

    References
    ----------
    Aumann and Shapley (1974), "Values of Non-Atomic Games". Sundararajan, Taly and Yan (2017),
    "Axiomatic Attribution for Deep Networks", ICML, for the integral along the line. Lundberg et
    al. (2020), see :class:`Attributor`, for the scores.
    """

    def __init__(
        self,
        model: CompiledClassifier,
        points: Sequence[Record] = (),
        weights: Sequence[float] = (),
    ) -> None:
        self.model = model
        self.method: Method = "tree_path" if model.has_trees else "linear_path"
        self._crowd = Crowd(model, points, weights)
        self._outputs = [
            [Attributor(one, points, weights, self._crowd) for one in member.models]
            for member in model.members
        ]
        self._starts = [[one.base for one in outputs] for outputs in self._outputs]
        for member, starts in zip(model.members, self._starts, strict=True):
            for trees in member.joint_trees:
                for place, column in enumerate(trees.totals(self._crowd.answers)):
                    starts[place] += trees.weight * math.fsum(map(mul, column, weights))
        self.base = model.averaged(self._starts)

    def contributions(
        self, values: Record, event: frozenset[int], chances: Calibrated | None = None
    ) -> Contributions:
        """Return the base and what each feature adds to it; they sum to the event's chance.

        With calibration, base and sum are calibrated. Of more than two classes, the slopes are the
        calibrated chance's. Of two classes, calibration may have steps, which
        have no slope: contributions are multiplied by what the one way is of the other. The factor
        is kept within 4 and 1/4, and what is left is shared.

        Parameters
        ----------
        values : mapping
            As :meth:`CompiledClassifier.probabilities` takes them.
        event : frozenset of int
            Codes of the classes whose chance is explained; at least one.
        chances : Calibrated, optional
        """
        if not event:
            raise ValueError("An event needs at least one class.")
        model = self.model
        bits = model.bits(values) if model.has_trees else ()
        ends = [member.scores(values, bits) for member in model.members]
        found = model.averaged(ends)
        if chances is None or model.n_classes == 2:
            gains = [float(code in event) for code in range(model.n_classes)]
            factors = self._factors(ends, lambda _: gains)
            raw = self._added(values, bits, factors, _chance(self.base, event))
            raw = _completed(raw, _chance(found, event))
            if chances is None:
                return raw
            base, total = (_chance(chances.calibrated(p), event) for p in (self.base, found))
            return stretched(raw, base, total)
        factors = self._factors(ends, lambda at: chances.slopes(model.averaged(at), event))
        base, total = (_chance(chances.calibrated(p), event) for p in (self.base, found))
        return _completed(self._added(values, bits, factors, base), total)

    def n_leaves(self, values: Record, most: int) -> int:
        """Return to how many leaves mixtures of a record and the points come, roughly.

        Parameters
        ----------
        most : int
            Beyond so many, no more are counted.
        """
        found = 0
        for member, outputs in zip(self.model.members, self._outputs, strict=True):
            for output in outputs:
                found += output.n_leaves(values, most) if found <= most else 0
            for trees in member.joint_trees:
                bits = self.model.bits(values)
                found += self._crowd.n_leaves(trees.roots, bits, most) if found <= most else 0
        return found

    def _factors(
        self, ends: Scores, gains_at: Callable[[Scores], Sequence[float]]
    ) -> list[list[float]]:
        """Return by how much a unit of each score moves the chance along the line.

        Parameters
        ----------
        ends : sequence of sequence of float
            The record's scores of each member.
        gains_at : callable
            Takes scores, returns by how much a unit of each class's probability moves the chance.
        """
        starts, members = self._starts, self.model.members
        found = [[0.0] * len(scores) for scores in ends]
        longest = max(
            abs(end - start)
            for start_of, end_of in zip(starts, ends, strict=True)
            for start, end in zip(start_of, end_of, strict=True)
        )
        for low, high in pairwise(_edges(longest)):
            for node, weight in _gauss_legendre(NODES):
                at = low + node * (high - low)
                scores = [
                    [start + at * (end - start) for start, end in zip(*of_member, strict=True)]
                    for of_member in zip(starts, ends, strict=True)
                ]
                gains = gains_at(scores)
                for member, of_member, total in zip(members, scores, found, strict=True):
                    each = slopes(member.link, of_member, gains, member.thresholds)
                    part = member.weight * weight * (high - low)
                    for i, slope in enumerate(each):
                        total[i] += part * slope
        return found

    def _added(
        self, values: Record, bits: Bits, factors: list[list[float]], base: float
    ) -> Contributions:
        """Return the scores' contributions, each times its factor, summed."""
        names = [feature.name for feature in self.model.features]
        added = [0.0] * len(names)
        for member, outputs, of_member in zip(
            self.model.members, self._outputs, factors, strict=True
        ):
            for output, factor in zip(outputs, of_member, strict=True):
                more = output.contributions(values).values.values()
                added = [one + factor * each for one, each in zip(added, more, strict=True)]
            for trees in member.joint_trees:
                times = [trees.weight * factor for factor in of_member]
                self._crowd.add(trees.roots, bits, added, times)
        return Contributions(base, dict(zip(names, added, strict=True)), self.method)


def stretched(contributions: Contributions, base: float, total: float) -> Contributions:
    """Return contributions that lead from another base to another total.

    Parameters
    ----------
    base, total : float
        What calibration makes of the base and the total of the contributions.

    Examples
    --------
    >>> stretched(Contributions(0.25, {"a": 0.5, "b": -0.25}, "linear_path"), 0.5, 0.625).values
    {'a': 0.25, 'b': -0.125}
    """
    change = math.fsum(contributions.values.values())
    factor = (total - base) / change if abs(change) > LEAST_CHANGE else 1.0
    factor = min(max(factor, 1 / MOST_STRETCHED), MOST_STRETCHED)
    values = {name: factor * value for name, value in contributions.values.items()}
    return _completed(Contributions(base, values, contributions.method), total)


def _completed(contributions: Contributions, total: float) -> Contributions:
    """Share what is left to the total in proportion to the contributions, or evenly."""
    left = total - contributions.total
    values = contributions.values
    size = math.fsum(map(abs, values.values()))
    even = 1 / len(values)
    values = {
        name: value + left * (abs(value) / size if size else even) for name, value in values.items()
    }
    return Contributions(contributions.base, values, contributions.method)


def _chance(each: Sequence[float], event: frozenset[int]) -> float:
    return math.fsum(each[code] for code in event)


def _edges(longest: float) -> list[float]:
    """Return where panels of the line end, each but the first two twice as long as the one before.

    The mean scores lie near one another, so the further out classes change places, the slower.

    Examples
    --------
    >>> _edges(5.0), _edges(50.0)
    ([0.0, 1.0], [0.0, 0.2, 0.4, 0.8, 1.0])
    """
    found, edge = [0.0], PANEL / max(longest, PANEL)
    while edge < 1:
        found.append(edge)
        edge *= 2
    return [*found, 1.0]


@cache
def _gauss_legendre(n: int) -> list[tuple[float, float]]:
    """Return the nodes and weights of Gauss's rule on the interval from 0 to 1.

    Examples
    --------
    >>> round(sum(weight * node**5 for node, weight in _gauss_legendre(3)), 14)
    0.16666666666667
    """
    found = []
    for i in range(n):
        x, step = math.cos(math.pi * (i + 0.75) / (n + 0.5)), 1.0
        while abs(step) > 1e-15:
            before, value = 1.0, x
            for k in range(2, n + 1):
                before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
            slope = n * (x * value - before) / (x * x - 1)
            step = value / slope
            x -= step
        found.append(((1 + x) / 2, 1 / ((1 - x * x) * slope * slope)))
    return found
