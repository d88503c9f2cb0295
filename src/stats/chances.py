"""Chances of classes as serving gives them: calibrated, with prediction sets and a range."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from src.exception import ArtifactError
from src.stats.conformal import Curve
from src.utils import read_typed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

METHODS = ("none", "temperature", "platt", "isotonic")
TINY = 1e-12  # what a raw probability counts as, at least, where its logarithm is taken

Range = tuple[float, float]


@dataclass(frozen=True)
class ChanceRange:
    """Between what the share with the event lies, by the calibrated chance, in steps.

    Attributes
    ----------
    at : tuple of float
        Chances at which a step begins, rising; one fewer than there are steps.
    low, high : tuple of float
        Ends of a 95 % interval of the share among students with about this chance.
    """

    at: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        if list(self.at) != sorted(self.at) or {len(self.low), len(self.high)} != {
            len(self.at) + 1
        }:
            raise ValueError("steps need a low and a high chance each, and ends that rise")

    def of(self, chance: float) -> Range:
        """Return the range at a chance.

        Examples
        --------
        >>> ChanceRange((0.5,), (0.1, 0.6), (0.2, 0.9)).of(0.5)
        (0.6, 0.9)
        """
        step = bisect_right(self.at, chance)
        return self.low[step], self.high[step]


@dataclass(frozen=True)
class ClassChances:
    """From a classifier's raw probabilities to what is said of a record.

    Classes are codes from 0. Raw probabilities are those of ``predict_proba``; chances are what
    :meth:`calibrated` makes of them.

    Attributes
    ----------
    prior : tuple of float
        Share of the training rows in each class.
    n_samples : int
        Rows that all this was learnt from.
    method : str
        One of :data:`METHODS`.
    slope : float
        What the logarithms of the raw probabilities are multiplied by: the inverse of the
        temperature.
    biases : tuple of float
        What is added to them, by class (``platt``).
    curve : Curve or None
        Chance of the second of two classes by its raw probability (``isotonic``).
    ordered : bool
        Whether the classes have an order, so that a set has no gaps.
    thresholds : dict of str to tuple of float
        By level, such as ``"0.9"``: up to which score of :func:`label_scores` each class is in a
        set.
    event : tuple of int
        Classes that make up the event, such as failing; empty where there is none.
    event_range : ChanceRange or None
        Range of the share with the event.

    References
    ----------
    Guo et al. (2017), "On calibration of modern neural networks", ICML, for the temperature. Platt
    (1999), "Probabilistic outputs for support vector machines"; Alexandari, Kundaje and Shrikumar
    (2020), "Maximum likelihood with bias-corrected calibration is hard-to-beat at label shift
    adaptation", ICML, for more classes than two. Zadrozny and Elkan (2002),
    "Transforming classifier scores into accurate multiclass probability estimates", KDD. Sadinle,
    Lei and Wasserman (2019), "Least ambiguous set-valued classifiers with bounded error levels",
    JASA 114(525).
    """

    prior: tuple[float, ...]
    n_samples: int
    method: str = "none"
    slope: float = 1.0
    biases: tuple[float, ...] = ()
    curve: Curve | None = None
    ordered: bool = False
    thresholds: dict[str, tuple[float, ...]] = field(default_factory=dict)
    event: tuple[int, ...] = ()
    event_range: ChanceRange | None = None

    def __post_init__(self) -> None:
        n_classes = len(self.prior)
        if self.method not in METHODS or (self.method == "isotonic") != (self.curve is not None):
            raise ValueError(f"method {self.method!r} is unknown or has the wrong parameters")
        if n_classes < 2 or (n_classes > 2 and self.method == "isotonic"):
            raise ValueError(f"there are {n_classes} classes")
        if len(self.biases) != (n_classes if self.method == "platt" else 0):
            raise ValueError("platt needs a bias for each class, the other methods none")
        if any(len(one) != n_classes or min(one) < 0 for one in self.thresholds.values()):
            raise ValueError("a level needs a threshold for each class, not below 0")
        if not set(self.event) < set(range(n_classes)) or bool(self.event) != bool(
            self.event_range
        ):
            raise ValueError("the event is of some of the classes and has a range")

    def calibrated(self, raw: Sequence[float]) -> tuple[float, ...]:
        """Return the chances of the classes, which sum to 1.

        They are as near to 0 or 1 as one more row, spread like the prior, lets them be.

        Examples
        --------
        >>> ClassChances((0.5, 0.5), 99).calibrated((0.0, 1.0))
        (0.005, 0.995)
        """
        curve = None if self.curve is None else self.curve.of
        return tuple(self._calibrated(list(raw), math.exp, math.log, max, curve))

    def calibrated_of_each(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return many rows' chances, to the last bit those of :meth:`calibrated`.

        Parameters
        ----------
        raw : ndarray of shape (n_samples, n_classes)
        """
        import numpy as np

        def each(function: Callable[[float], float]) -> Callable[[Any], Any]:
            return lambda x: np.fromiter(map(function, x.tolist()), np.float64, len(x))

        curve = None if self.curve is None else self.curve.of_each
        columns = list(np.asarray(raw, dtype=np.float64).T)
        found = self._calibrated(columns, each(math.exp), each(math.log), np.maximum, curve)
        return np.column_stack(found)

    def slopes(self, raw: Sequence[float], event: Container[int]) -> list[float]:
        """Return by how much a unit of each raw probability moves the chance of some classes.

        Steps, as ``isotonic`` has them, have no slope.

        Parameters
        ----------
        event : container of int

        Examples
        --------
        >>> ClassChances((0.5, 0.5), 99).slopes((0.2, 0.8), {0})
        [0.792, -0.198]
        """
        n, total = self.n_samples, added(raw)
        if self.method == "none":
            shares = [one / total for one in raw]
            unit = [1 / total] * len(raw)
        else:
            chances = zip(self.calibrated(raw), self.prior, strict=True)
            shares = [((n + 1) * chance - prior) / n for chance, prior in chances]
            unit = [
                self.slope * share / max(one, TINY) for one, share in zip(raw, shares, strict=True)
            ]
        of_event = added(share for code, share in enumerate(shares) if code in event)
        return [n / (n + 1) * each * ((k in event) - of_event) for k, each in enumerate(unit)]

    def _calibrated(
        self,
        columns: list[Any],
        exp: Callable[[Any], Any],
        log: Callable[[Any], Any],
        larger: Callable[[Any, Any], Any],
        curve: Callable[[Any], Any] | None,
    ) -> list[Any]:
        """Return each class's chance, of one record's numbers or of many records' arrays."""
        if curve is not None:
            second = curve(columns[1])
            columns = [1 - second, second]
        elif self.method != "none":
            columns = [self.slope * log(larger(one, TINY)) for one in columns]
            if self.biases:
                columns = [one + bias for one, bias in zip(columns, self.biases, strict=True)]
            largest = columns[0]
            for one in columns[1:]:
                largest = larger(largest, one)
            columns = [exp(one - largest) for one in columns]
        total, n = added(columns), self.n_samples
        return [
            (n * (one / total) + share) / (n + 1)
            for one, share in zip(columns, self.prior, strict=True)
        ]

    def chance_of_event(self, chances: Sequence[float]) -> float:
        """Return the chance of the event; 0 where there is none."""
        return float(added(chances[code] for code in self.event))

    def chance_of_event_of_each(self, chances: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return many rows' :meth:`chance_of_event`."""
        import numpy as np

        return np.zeros(len(chances)) + added(chances[:, code] for code in self.event)

    def chance_range(self, chances: Sequence[float]) -> Range | None:
        """Return between what the share with the event lies; None where there is no event.

        Parameters
        ----------
        chances : sequence of float
            What :meth:`calibrated` returned; the range holds their chance of the event.
        """
        if self.event_range is None:
            return None
        chance = self.chance_of_event(chances)
        low, high = self.event_range.of(chance)
        return min(low, chance), max(high, chance)

    def sets(self, chances: Sequence[float]) -> dict[str, tuple[int, ...]]:
        """Return the classes that cannot be ruled out at each level, the most likely first.

        The most likely class is always in, and a set of an ordered target has no gaps.

        Parameters
        ----------
        chances : sequence of float
            What :meth:`calibrated` returned.

        Examples
        --------
        >>> made = ClassChances((0.2, 0.3, 0.5), 99, thresholds={"0.8": (0.7,) * 3})
        >>> made.sets((0.05, 0.35, 0.6)), made.sets((0.05, 0.05, 0.9))
        ({'0.8': (2, 1)}, {'0.8': (2,)})
        """
        scores = label_scores(chances, ordered=self.ordered)
        found = {}
        for level, limits in self.thresholds.items():
            inside = [k for k, limit in enumerate(limits) if scores[k] <= limit]
            if self.ordered:
                inside = list(range(inside[0], inside[-1] + 1))
            if len(inside) > 1:
                inside.sort(key=lambda k: -chances[k])
            found[level] = tuple(inside)
        return found

    def members_of_each(self, chances: NDArray[np.float64], level: str) -> NDArray[np.bool_]:
        """Return which classes are in many rows' sets, of shape (n_samples, n_classes).

        Raises
        ------
        KeyError
            If the level is none of those of :attr:`thresholds`.
        """
        import numpy as np

        limits = np.array(self.thresholds[level])
        scores = label_scores_of_each(chances, ordered=self.ordered)
        return members(scores, limits, ordered=self.ordered)

    def sets_of_each(self, chances: NDArray[np.float64], level: str) -> list[tuple[int, ...]]:
        """Return many rows' sets of a level, those of :meth:`sets`."""
        import numpy as np

        order = np.argsort(-chances, axis=1, kind="stable")
        inside = np.take_along_axis(self.members_of_each(chances, level), order, axis=1)
        found, of_row = np.unique(np.where(inside, order, -1), axis=0, return_inverse=True)
        sets = [tuple(code for code in one if code >= 0) for one in found.tolist()]
        return [sets[k] for k in of_row.ravel().tolist()]

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; the inverse of :meth:`from_dict`."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` described.

        Raises
        ------
        ArtifactError
            If the values are of another shape.
        """
        try:
            chances: Self = read_typed(cls, values)
            return chances
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"chances.json is damaged ({error}). Train again.") from error


def added(columns: Iterable[Any]) -> Any:
    """Return the sum from the first to the last, whose bits do not depend on Python's version."""
    total: Any = 0.0
    for one in columns:
        total = total + one
    return total


def label_scores(chances: Sequence[float], *, ordered: bool) -> list[float]:
    """Return how far each class is from being the prediction: the most likely one's score is 0.

    A class's score is 1 less its chance. Of an ordered target it is the least of those of the class
    and the classes beyond it, so that no class is ruled out between two that are not.

    Examples
    --------
    >>> label_scores((0.75, 0.0, 0.25), ordered=False)
    [0.0, 1.0, 0.75]
    >>> label_scores((0.75, 0.0, 0.25), ordered=True)
    [0.0, 0.75, 0.75]
    """
    top = max(range(len(chances)), key=chances.__getitem__)
    scores = [1 - one for one in chances]
    if ordered:
        for k in range(1, top):
            scores[k] = min(scores[k], scores[k - 1])
        for k in range(len(scores) - 2, top, -1):
            scores[k] = min(scores[k], scores[k + 1])
    scores[top] = 0.0
    return scores


def label_scores_of_each(chances: NDArray[np.float64], *, ordered: bool) -> NDArray[np.float64]:
    """Return many rows' :func:`label_scores`, of shape (n_samples, n_classes)."""
    import numpy as np

    top, scores = np.argmax(chances, axis=1), 1 - chances
    if ordered:
        upwards = np.minimum.accumulate(scores, axis=1)
        downwards = np.minimum.accumulate(scores[:, ::-1], axis=1)[:, ::-1]
        scores = np.where(np.arange(scores.shape[1]) < top[:, None], upwards, downwards)
    scores[np.arange(len(top)), top] = 0.0
    return scores


def members(
    scores: NDArray[np.float64], limits: NDArray[np.float64], *, ordered: bool
) -> NDArray[np.bool_]:
    """Return which classes are in each row's set: those up to their limit, and what lies between.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
        Those of :func:`label_scores_of_each`.
    limits : ndarray of shape (n_classes,)
    """
    import numpy as np

    inside: NDArray[np.bool_] = scores <= limits
    if ordered:
        after = np.logical_or.accumulate(inside, axis=1)
        before = np.logical_or.accumulate(inside[:, ::-1], axis=1)[:, ::-1]
        inside = after & before
    return inside
