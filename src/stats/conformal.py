"""Prediction intervals as serving applies them: a small table and the standard library."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from src.exception import ArtifactError
from src.utils import read_typed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Columns = Mapping[str, Sequence[Any]] | pd.DataFrame

Value = float | str | None
NOTHING: Mapping[str, Any] = {}


def _is_blank(value: Any) -> bool:
    return value is None or value != value


@dataclass(frozen=True)
class Curve:
    """A piecewise linear curve, constant beyond its ends.

    Attributes
    ----------
    at : tuple of float
        Rising.
    values : tuple of float
        At these points.

    Examples
    --------
    >>> curve = Curve((1.0, 2.0), (10.0, 20.0))
    >>> curve.of(1.5), curve.of(9.0)
    (15.0, 20.0)
    """

    at: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.at or len(self.at) != len(self.values) or list(self.at) != sorted(self.at):
            raise ValueError("a curve needs as many values as points, which rise")

    def of(self, x: float) -> float:
        """Return the curve at x."""
        right = bisect_right(self.at, x)
        if right == 0:
            return self.values[0]
        if right == len(self.at):
            return self.values[-1]
        x0, y0 = self.at[right - 1], self.values[right - 1]
        return y0 + (self.values[right] - y0) * ((x - x0) / (self.at[right] - x0))

    def of_each(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the curve at each x, to the last bit what :meth:`of` returns."""
        import numpy as np

        at, values = np.array(self.at), np.array(self.values)
        right = np.searchsorted(at, x, side="right")
        found = np.where(right == 0, values[0], values[-1])
        inside = np.flatnonzero((right > 0) & (right < len(at)))
        right = right[inside]
        x0, y0 = at[right - 1], values[right - 1]
        found[inside] = y0 + (values[right] - y0) * ((x[inside] - x0) / (at[right] - x0))
        return found


@dataclass(frozen=True)
class Factor:
    """By how much a feature widens or narrows the spread.

    Attributes
    ----------
    categories : dict of str to float
        Factor of each category; empty for a number.
    curve : Curve or None
        Factor by the number; None for a category.
    missing : float
        Factor where the record has no value.
    """

    categories: dict[str, float] = field(default_factory=dict)
    curve: Curve | None = None
    missing: float = 1.0

    def of(self, value: Value) -> float:
        """Return the factor of a checked value.

        Examples
        --------
        >>> Factor(curve=Curve((0.0, 10.0), (1.0, 3.0))).of(5.0), Factor({"a": 2.0}).of(None)
        (2.0, 1.0)
        """
        if _is_blank(value):
            return self.missing
        if self.curve is not None:
            return self.curve.of(value)  # type: ignore[arg-type]
        return self.categories.get(value, 1.0)  # type: ignore[arg-type]

    def of_each(self, column: Sequence[Any] | pd.Series) -> NDArray[np.float64]:
        """Return the factor of each value of a column."""
        import numpy as np

        if self.curve is None:
            return np.array([self.of(value) for value in column])
        numbers = np.asarray(column, dtype=np.float64)
        return np.where(np.isnan(numbers), self.missing, self.curve.of_each(numbers))


class Spread(NamedTuple):
    """The distribution of one record's truth, or arrays of those of many.

    Attributes
    ----------
    centre, scale : float
        The truth is ``centre + scale * z``, unless it lies in a heap.
    at_lowest, at_highest : float
        Chances of exactly the least and of exactly the greatest score.
    """

    centre: Any
    scale: Any
    at_lowest: Any
    at_highest: Any

    @property
    def between(self) -> Any:
        """Chance of neither."""
        return 1 - self.at_lowest - self.at_highest


@dataclass(frozen=True)
class PredictionIntervals:
    """The distribution of the truth around a prediction.

    A record's truth is exactly the least or the greatest score with a chance that depends on the
    prediction. Else it is ``centre + scale * z``, where z is distributed like the standardised
    residuals of rows that the model was not fitted on. The ends of intervals and the chances are
    read from this one distribution.

    Attributes
    ----------
    levels : tuple of float
        Shares of students that the intervals are made to hold.
    quantiles : tuple of float
        Evenly spaced quantiles, from 0 to 1, of the standardised residuals.
    n_samples : int
        Residuals that all this was learnt from.
    scale : Curve or None
        What multiplies z, by prediction; None for 1.
    centre : Curve or None
        What is added to the prediction to get the middle, by prediction; None for 0.
    factors : dict of str to Factor
        What multiplies the scale, by feature.
    lowest, highest : float or None
        Score that many rows have exactly; None where there is no such heap.
    at_lowest, at_highest : Curve or None
        Chance of this score, by prediction.
    blanks : dict of str to dict of str to float
        What multiplies the scale where two features have no value, by their names; by one name
        twice, where it is the only one.

    References
    ----------
    Vovk et al. (2019), "Nonparametric predictive distributions based on conformal prediction",
    Machine Learning 108. Lei et al. (2018), "Distribution-Free Predictive Inference for
    Regression", JASA 113(523), section 5.2, for residuals divided by a scale. Mullahy (1986),
    "Specification and testing of some modified count data models", Journal of Econometrics 33, for
    the heaps.
    """

    levels: tuple[float, ...]
    quantiles: tuple[float, ...]
    n_samples: int
    scale: Curve | None = None
    centre: Curve | None = None
    factors: dict[str, Factor] = field(default_factory=dict)
    lowest: float | None = None
    highest: float | None = None
    at_lowest: Curve | None = None
    at_highest: Curve | None = None
    blanks: dict[str, dict[str, float]] = field(default_factory=dict)

    def spread(self, prediction: float, values: Mapping[str, Value] = NOTHING) -> Spread:
        """Return the distribution of the truth for one record.

        Parameters
        ----------
        prediction : float
            Not clipped yet.
        values : mapping
            Checked values by feature. A feature that is not there does not widen or narrow.

        Examples
        --------
        >>> made = PredictionIntervals((), (0.0,), 9, scale=Curve((0.0, 10.0), (1.0, 3.0)))
        >>> made.spread(5.0).scale, made.spread(50.0).scale
        (2.0, 3.0)
        """
        scale = 1.0 if self.scale is None else self.scale.of(prediction)
        for name, factor in self.factors.items():
            if name in values:
                scale *= factor.of(values[name])
        if self.blanks:
            scale *= self.widening(self.blanks_of(values))
        return Spread(
            prediction if self.centre is None else prediction + self.centre.of(prediction),
            scale,
            0.0 if self.at_lowest is None else self.at_lowest.of(prediction),
            0.0 if self.at_highest is None else self.at_highest.of(prediction),
        )

    def blanks_of(self, values: Mapping[str, Value]) -> list[str]:
        """Return the features without a value that widen the spread."""
        return [n for n in self.blanks if n in values and _is_blank(values[n])]

    def widening(self, blank: Sequence[str]) -> float:
        """Return what multiplies the scale where these features have no value.

        Of three or more, what each adds to the squared error alone is summed.

        Examples
        --------
        >>> made = PredictionIntervals(
        ...     (), (), 9, blanks={"a": {"a": 2.0, "b": 2.5}, "b": {"a": 2.5, "b": 1.5}}
        ... )
        >>> made.widening([]), made.widening(["b"]), made.widening(["a", "b"])
        (1.0, 1.5, 2.5)
        """
        found = max((self.blanks[a].get(b, 1.0) for a in blank for b in blank), default=1.0)
        if len(blank) < 3 and all(blank[-1] in self.blanks[a] for a in blank):
            return self.blanks[blank[0]][blank[-1]] if blank else 1.0
        more = sum(self.blanks[a][a] ** 2 - 1 for a in blank)
        return max(found, math.sqrt(1 + more))

    def matters_most(self, values: Mapping[str, Value]) -> tuple[str, float] | None:
        """Return which answer narrows the range most if it is given, and by what share of it.

        Returns
        -------
        (str, float) or None
            None where no answer that would is missing.
        """
        blank = self.blanks_of(values)
        left = {name: self.widening([one for one in blank if one != name]) for name in blank}
        if not blank or (least := min(left.values())) >= (whole := self.widening(blank)):
            return None
        return min(left, key=left.__getitem__), 1 - least / whole

    def interval(
        self,
        prediction: float,
        level: float,
        minimum: float | None,
        maximum: float | None,
        values: Mapping[str, Value] = NOTHING,
    ) -> tuple[float, float]:
        """Return the ends of an interval, in score points, inside the target's allowed range.

        Equal shares of students are left out on both sides. Where more than that have the least
        or the greatest score, the interval ends there, and all that is left out lies on the other
        side: so it holds the level's share there, too. An interval of more than one score holds the
        prediction, even where the model is wrong by so much that most scores lie beside it.

        Parameters
        ----------
        prediction : float
            Not clipped yet.
        level : float
            One of :attr:`levels`.
        minimum, maximum : float or None
            The target's allowed range.
        values : mapping
            Checked values by feature.

        Raises
        ------
        KeyError
            If the level is none of them.
        """
        if level not in self.levels:
            raise KeyError(level)
        return self.intervals(prediction, (level,), minimum, maximum, values)[0]

    def intervals(
        self,
        prediction: float,
        levels: Sequence[float],
        minimum: float | None,
        maximum: float | None,
        values: Mapping[str, Value] = NOTHING,
    ) -> list[tuple[float, float]]:
        """Return a record's :meth:`interval` at each of several levels."""
        spread = self.spread(prediction, values)
        bottom = minimum if self.lowest is None else self.lowest
        top = maximum if self.highest is None else self.highest
        up_to = 0.0 if bottom is None else self._up_to(bottom, spread)
        beyond = 0.0 if top is None else self._from(top, spread)
        least, most = -math.inf if bottom is None else bottom, math.inf if top is None else top
        shown = min(max(prediction, least), most)
        found = []
        for level in levels:
            below = above = (1 - level) / 2
            at_bottom, at_top = up_to >= below, beyond >= above
            if at_bottom:
                above = 1 - level
            if at_top:
                below = 1 - level
            low = -math.inf if at_bottom else self._score(below, spread)
            high = math.inf if at_top else self._score(1 - above, spread)
            low, high = min(max(low, least), most), min(max(high, least), most)
            if low < high:
                low, high = min(low, shown), max(high, shown)
            found.append((low, high))
        return found

    def probability_below(
        self,
        mark: float,
        prediction: float,
        *,
        integer: bool = False,
        values: Mapping[str, Value] = NOTHING,
    ) -> float:
        """Return the chance that the truth is below a mark.

        It is never nearer to 0 or 1 than one in ``n_samples + 1``: that is how far an exchangeable
        new residual may be taken to lie within those that were seen.

        Parameters
        ----------
        mark : float
            A score of the mark itself is not below it. A mark outside the target's allowed range
            needs no model: the caller refuses it.
        prediction : float
            Not clipped yet.
        integer : bool
            Whether the target takes whole numbers only. The least score that is not below the mark
            then stands for all that would be rounded to it.
        values : mapping
            Checked values by feature.

        Examples
        --------
        >>> made = PredictionIntervals((), (-2.0, 0.0, 2.0), n_samples=99)
        >>> made.probability_below(60, 60), made.probability_below(90, 60)
        (0.5, 0.99)
        >>> made.probability_below(60, 60, integer=True)
        0.3775
        """
        spread, least = self.spread(prediction, values), 1 / (self.n_samples + 1)
        if self.lowest is not None and mark <= self.lowest:
            return least
        if self.highest is not None and mark > self.highest:
            return 1 - least
        if integer:
            mark = math.ceil(mark) - 0.5
        at = (mark - spread.centre) / spread.scale
        at = math.nextafter(at, -math.inf)  # a residual that leads to the mark is not below it
        chance = spread.at_lowest + spread.between * self._share(at)
        return min(max(chance, least), 1 - least)

    def _up_to(self, score: float, spread: Spread) -> float:
        """Return the chance of the least score, or of less if that were possible."""
        share = self._share((score - spread.centre) / spread.scale)
        return spread.at_lowest + spread.between * share

    def _from(self, score: float, spread: Spread) -> float:
        """Return the chance of the greatest score, or of more if that were possible."""
        share = self._share((score - spread.centre) / spread.scale)
        return spread.at_highest + spread.between * (1 - share)

    def _share(self, z: float) -> float:
        """Return the chance that a new standardised residual is at most z."""
        quantiles, n = self.quantiles, self.n_samples
        right = bisect_right(quantiles, z)
        if right == 0 or right == len(quantiles):
            return float(right > 0)
        left = quantiles[right - 1]
        place = right - 1 + (z - left) / (quantiles[right] - left)
        return (1 + (n - 1) * place / (len(quantiles) - 1)) / (n + 1)

    def _score(self, share: float, spread: Spread) -> float:
        """Return the score that this share of students do not exceed; infinite in a heap."""
        if share <= spread.at_lowest:
            return -math.inf
        if share >= 1 - spread.at_highest:
            return math.inf
        n, last = self.n_samples, len(self.quantiles) - 1
        rank = (n + 1) * (share - spread.at_lowest) / spread.between
        place = min(max((rank - 1) / max(n - 1, 1), 0.0), 1.0) * last
        left = min(int(place), max(last - 1, 0))
        low, high = self.quantiles[left], self.quantiles[min(left + 1, last)]
        return spread.centre + spread.scale * (low + (high - low) * (place - left))

    def interval_of_each(
        self,
        predictions: NDArray[np.float64],
        level: float,
        minimum: float | None,
        maximum: float | None,
        columns: Columns = NOTHING,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the ends of many rows' intervals, to the last bit those of :meth:`interval`.

        Parameters
        ----------
        predictions : ndarray of shape (n_samples,)
        level, minimum, maximum
            As for :meth:`interval`.
        columns : mapping of str to sequence of length n_samples
            Checked values by feature, such as a data frame.
        """
        import numpy as np

        if level not in self.levels:
            raise KeyError(level)
        spread, tail = self.spread_of_each(predictions, columns), (1 - level) / 2
        bottom = minimum if self.lowest is None else self.lowest
        top = maximum if self.highest is None else self.highest
        at_bottom = at_top = np.zeros(len(predictions), dtype=bool)
        if bottom is not None:
            share = self._share_of_each((bottom - spread.centre) / spread.scale)
            at_bottom = spread.at_lowest + spread.between * share >= tail
        if top is not None:
            share = 1 - self._share_of_each((top - spread.centre) / spread.scale)
            at_top = spread.at_highest + spread.between * share >= tail
        below, above = np.where(at_top, 1 - level, tail), np.where(at_bottom, 1 - level, tail)
        low = np.where(at_bottom, -np.inf, self._score_of_each(below, spread))
        high = np.where(at_top, np.inf, self._score_of_each(1 - above, spread))
        bounds = (-np.inf if bottom is None else bottom, np.inf if top is None else top)
        low, high = low.clip(*bounds), high.clip(*bounds)
        shown, many = predictions.clip(*bounds), low < high
        return np.where(many, np.minimum(low, shown), low), np.where(
            many, np.maximum(high, shown), high
        )

    def probability_below_of_each(
        self,
        mark: float,
        predictions: NDArray[np.float64],
        *,
        integer: bool = False,
        columns: Columns = NOTHING,
    ) -> NDArray[np.float64]:
        """Return many rows' chances, to the last bit those of :meth:`probability_below`."""
        import numpy as np

        spread, least = self.spread_of_each(predictions, columns), 1 / (self.n_samples + 1)
        if self.lowest is not None and mark <= self.lowest:
            return np.full(len(predictions), least)
        if self.highest is not None and mark > self.highest:
            return np.full(len(predictions), 1 - least)
        if integer:
            mark = math.ceil(mark) - 0.5
        at = np.nextafter((mark - spread.centre) / spread.scale, -np.inf)
        chance = spread.at_lowest + spread.between * self._share_of_each(at)
        return np.asarray(chance).clip(least, 1 - least)

    def spread_of_each(self, predictions: NDArray[np.float64], columns: Columns) -> Spread:
        """Return the distributions of many rows, to the last bit those of :meth:`spread`."""
        import numpy as np

        none = np.zeros(len(predictions))
        scale = none + 1 if self.scale is None else self.scale.of_each(predictions)
        for name, factor in self.factors.items():
            if name in columns:
                scale = scale * factor.of_each(columns[name])
        if self.blanks:
            scale = scale * self.widening_of_each(len(scale), columns)
        centre = none if self.centre is None else self.centre.of_each(predictions)
        return Spread(
            predictions + centre,
            scale,
            none if self.at_lowest is None else self.at_lowest.of_each(predictions),
            none if self.at_highest is None else self.at_highest.of_each(predictions),
        )

    def widening_of_each(self, n_rows: int, columns: Columns) -> NDArray[np.float64]:
        """Return what multiplies many rows' scale for the features that have no value there."""
        import numpy as np

        names = [name for name in self.blanks if name in columns]
        if not names:
            return np.ones(n_rows)
        blank = np.array([list(map(_is_blank, columns[name])) for name in names])
        patterns, of_row = np.unique(blank, axis=1, return_inverse=True)
        each = [
            self.widening([n for n, b in zip(names, pattern, strict=True) if b])
            for pattern in patterns.T
        ]
        return np.array(each)[of_row.ravel()]

    def _share_of_each(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        import numpy as np

        quantiles, n = np.array(self.quantiles), self.n_samples
        right = np.searchsorted(quantiles, z, side="right")
        found = (right > 0).astype(np.float64)
        inside = np.flatnonzero((right > 0) & (right < len(quantiles)))
        right = right[inside]
        left = quantiles[right - 1]
        place = right - 1 + (z[inside] - left) / (quantiles[right] - left)
        found[inside] = (1 + (n - 1) * place / (len(quantiles) - 1)) / (n + 1)
        return found

    def _score_of_each(self, share: NDArray[np.float64], spread: Spread) -> NDArray[np.float64]:
        import numpy as np

        n, last, quantiles = self.n_samples, len(self.quantiles) - 1, np.array(self.quantiles)
        low, high = share <= spread.at_lowest, share >= 1 - spread.at_highest
        between = np.where(low | high, 1.0, spread.between)
        rank = (n + 1) * (share - spread.at_lowest) / between
        place = ((rank - 1) / max(n - 1, 1)).clip(0.0, 1.0) * last
        left = place.astype(np.intp).clip(max=max(last - 1, 0))
        step = quantiles[np.minimum(left + 1, last)] - quantiles[left]
        score = spread.centre + spread.scale * (quantiles[left] + step * (place - left))
        return np.where(low, -np.inf, np.where(high, np.inf, score))

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; the inverse of :meth:`from_dict`."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` described, or what an older version saved.

        Raises
        ------
        ArtifactError
            If the values are of another shape.
        """
        try:
            found = dict(values)
            if "half_widths" in found:
                return cls._from_half_widths(**found)
            intervals: Self = read_typed(cls, found)
            return intervals
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"intervals.json is damaged ({error}). Train again.") from error

    @classmethod
    def _from_half_widths(
        cls,
        half_widths: dict[str, float],
        quantiles: list[float],
        n_samples: int,
        scale_at: Sequence[float] = (),
        scale: Sequence[float] = (),
    ) -> Self:
        """Return the intervals of a run that was saved before they could be lopsided."""
        curve = Curve(tuple(scale_at), tuple(scale)) if scale else None
        return cls(tuple(map(float, half_widths)), tuple(quantiles), n_samples, curve)
