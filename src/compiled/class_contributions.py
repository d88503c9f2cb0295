"""What each feature adds to the chance of some classes. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from operator import mul
from typing import Protocol

from src.compiled.classifier import CompiledClassifier, Member
from src.compiled.contributions import Attributor, Contributions, Crowd, Method, Record
from src.compiled.links import probabilities, slopes
from src.compiled.model import CompiledModel

NODES = 16  # of a panel; so many make an error of 1e-8 ...
PANEL = 10.0  # ... where no score changes by more than this
MOST_STRETCHED = 4.0  # by what calibration may multiply contributions, or divide them
LEAST_CHANGE = 1e-12


class Calibrated(Protocol):
    """What turns raw probabilities into chances."""

    def calibrated(self, raw: Sequence[float], /) -> Sequence[float]:
        """Return the chance of each class."""
        ...


class ClassAttributor:
    """Explain the chances of a compiled classifier; made once, cheap to ask.

    Every score of every member has interventional Shapley values (:class:`Attributor`). Along the
    straight line from the scores' means to the record's, the probability of the event moves by the
    integral of its slope in each score, times how far that score moves: this is how much a unit of
    that score counts. All members are averaged with their weights.

    What adds up is the way from the probability at the mean scores to the record's. It is neither
    claimed that the former is the mean probability, nor that the contributions are Shapley values
    of the probability itself: where the link is curved they are not.

    Parameters
    ----------
    model : CompiledClassifier
    points : sequence of mapping
        Of the background, as :meth:`CompiledClassifier.probabilities` takes a record. Without
        trees they are not needed: scores are counted from their means over the training rows then.
    weights : sequence of float
        Of the points; their sum is 1.

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
        self._points, self._weights = points, weights
        self._crowd = Crowd(model, points, weights)
        # Of an event's share alone, where a member's outputs are shares already.
        self._shares: dict[tuple[int, frozenset[int]], Attributor] = {}
        self._outputs = [
            [] if _has_shares(member) else [self._attributor(one) for one in member.models]
            for member in model.members
        ]
        self._bases = [self._mean_scores(member) for member in model.members]
        self.base = _average(model, self._bases)

    def contributions(
        self, values: Record, event: frozenset[int], chances: Calibrated | None = None
    ) -> Contributions:
        """Return the base and what each feature adds to it; they sum to the event's chance.

        With calibration, base and sum are calibrated chances, and the contributions are stretched
        by what the one way is of the other: any kind of calibration, also one with steps, has such
        a factor, but not a slope. The factor is kept within 4 and 1/4, and what is left is shared.

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
        added = [0.0] * len(model.features)
        for i, member in enumerate(model.members):
            if _has_shares(member):
                parts, factors = [self._share(i, event)], [1.0]
            else:
                parts = self._outputs[i]
                factors = _factors(member, self._bases[i], member.scores(values, bits), event)
            for part, factor in zip(parts, factors, strict=True):
                found = part.contributions(values).values.values()
                times = member.weight * factor
                added = [one + times * more for one, more in zip(added, found, strict=True)]
        names = [feature.name for feature in model.features]
        start, end = self.base, model.probabilities(values)
        raw = Contributions(
            _chance(start, event), dict(zip(names, added, strict=True)), self.method
        )
        raw = _completed(raw, _chance(end, event))
        if chances is None:
            return raw
        ends = (_chance(chances.calibrated(each), event) for each in (start, end))
        return stretched(raw, *ends)

    def n_leaves(self, values: Record, most: int) -> int:
        """Return to how many leaves mixtures of a record and the points come, roughly.

        Parameters
        ----------
        most : int
            Beyond so many, no more are counted.
        """
        found = 0
        for i, member in enumerate(self.model.members):
            shares = [self._share(i, frozenset({0}))] if _has_shares(member) else []
            for part in [*self._outputs[i], *shares]:
                found += part.n_leaves(values, most)
                if found > most:
                    return found
        return found

    def _attributor(self, model: CompiledModel) -> Attributor:
        return Attributor(model, self._points, self._weights, self._crowd)

    def _share(self, i: int, event: frozenset[int]) -> Attributor:
        found = self._shares.get((i, event))
        if found is None:
            model = self.model.members[i].joined(sorted(event))
            found = self._shares[i, event] = self._attributor(model)
        return found

    def _mean_scores(self, member: Member) -> list[float]:
        if not self._points:
            return [output.base for output in member.models]
        scores = (
            member.scores(point, bits)
            for point, bits in zip(self._points, self._crowd.answers, strict=True)
        )
        return [math.fsum(map(mul, column, self._weights)) for column in zip(*scores, strict=True)]


def stretched(contributions: Contributions, base: float, total: float) -> Contributions:
    """Return contributions that lead from another base to another total.

    Parameters
    ----------
    base, total : float
        What calibration makes of the base and the total of the contributions.

    Examples
    --------
    >>> stretched(Contributions(0.2, {"a": 0.3, "b": -0.1}, "linear_path"), 0.25, 0.35).values
    {'a': 0.15, 'b': -0.05}
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


def _has_shares(member: Member) -> bool:
    return member.link == "share" and len(member.outputs) > 1


def _average(model: CompiledClassifier, scores: Sequence[Sequence[float]]) -> list[float]:
    """Return the probability of each class at some scores of each member."""
    found = [0.0] * model.n_classes
    for member, of_member in zip(model.members, scores, strict=True):
        each = probabilities(member.link, of_member, member.thresholds)
        found = [total + member.weight * p for total, p in zip(found, each, strict=True)]
    return found


def _chance(each: Sequence[float], event: frozenset[int]) -> float:
    return math.fsum(each[code] for code in event)


def _factors(
    member: Member, starts: Sequence[float], ends: Sequence[float], event: frozenset[int]
) -> list[float]:
    """Return by how much a unit of each score moves the event's probability along the line."""
    ways = [end - start for start, end in zip(starts, ends, strict=True)]
    longest = max(map(abs, ways))
    if len(ways) == 1 and longest > LEAST_CHANGE:  # what it comes to is known without the slopes
        before, after = (
            _chance(probabilities(member.link, scores, member.thresholds), event)
            for scores in (starts, ends)
        )
        return [(after - before) / ways[0]]
    n_classes = len(probabilities(member.link, starts, member.thresholds))
    gains = [float(code in event) for code in range(n_classes)]
    n_panels = 1 + int(longest / PANEL)
    found = [0.0] * len(ways)
    for panel in range(n_panels):
        for node, weight in _gauss_legendre(NODES):
            at = (panel + node) / n_panels
            scores = [start + at * way for start, way in zip(starts, ways, strict=True)]
            each = slopes(member.link, scores, gains, member.thresholds)
            found = [
                one + weight / n_panels * slope for one, slope in zip(found, each, strict=True)
            ]
    return found


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
