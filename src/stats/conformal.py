"""Prediction intervals as serving applies them: a few numbers and the standard library."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

from src.exception import ArtifactError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class PredictionIntervals:
    """Half-widths around a prediction, and the chance that the truth lies below a mark.

    Attributes
    ----------
    half_widths : dict of str to float
        Half-width by level (``"0.9"``), in score points where the scale is constant, else in
        units of the scale.
    scale_at, scale : tuple of float
        Points of a piecewise linear scale: typical error in score points by prediction. Empty
        where the spread does not vary.
    quantiles : tuple of float
        Evenly spaced quantiles, from 0 to 1, of residuals (truth less prediction) divided by the
        scale.
    n_samples : int
        Residuals that all this was learnt from.
    """

    half_widths: dict[str, float]
    quantiles: tuple[float, ...]
    n_samples: int
    scale_at: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    @property
    def levels(self) -> tuple[float, ...]:
        return tuple(float(level) for level in self.half_widths)

    def scale_of(self, prediction: float) -> float:
        """Return the typical error where the model predicts this; 1 where it is constant.

        Examples
        --------
        >>> made = PredictionIntervals({}, (), 0, scale_at=(0.0, 10.0), scale=(1.0, 3.0))
        >>> made.scale_of(-5), made.scale_of(5), made.scale_of(50)
        (1.0, 2.0, 3.0)
        """
        return interpolate(prediction, self.scale_at, self.scale) if self.scale else 1.0

    def interval(
        self, prediction: float, level: float, minimum: float | None, maximum: float | None
    ) -> tuple[float, float]:
        """Return the ends of an interval, in score points, inside the target's allowed range.

        Parameters
        ----------
        prediction : float
            Not clipped yet.
        level : float
            One of :attr:`levels`.

        Raises
        ------
        KeyError
            If the level is none of them.
        """
        half = self.half_widths[str(level)] * self.scale_of(prediction)
        low, high = prediction - half, prediction + half
        if minimum is not None:
            low, high = max(low, minimum), max(high, minimum)
        if maximum is not None:
            low, high = min(low, maximum), min(high, maximum)
        return low, high

    def ends(
        self,
        y_pred: NDArray[np.float64],
        level: float,
        minimum: float | None,
        maximum: float | None,
    ) -> NDArray[np.float64]:
        """Return the lower and the upper ends of many intervals, of shape (2, n_samples)."""
        import numpy as np

        return np.array([self.interval(float(p), level, minimum, maximum) for p in y_pred]).T

    def probability_below(self, mark: float, prediction: float, *, integer: bool = False) -> float:
        """Return the chance that the truth is below a mark, from the residuals' distribution.

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

        References
        ----------
        Vovk et al. (2019), "Nonparametric predictive distributions based on conformal prediction",
        Machine Learning 108.

        Examples
        --------
        >>> made = PredictionIntervals({}, (-2.0, 0.0, 2.0), n_samples=99)
        >>> made.probability_below(60, 60), made.probability_below(90, 60)
        (0.5, 0.99)
        >>> made.probability_below(60, 60, integer=True)
        0.3775
        """
        if integer:
            mark = math.ceil(mark) - 0.5
        at = (mark - prediction) / self.scale_of(prediction)
        at = math.nextafter(at, -math.inf)  # a residual that leads to the mark is not below it
        n, last = self.n_samples, len(self.quantiles) - 1
        ranks = [1 + (n - 1) * i / last for i in range(last + 1)]
        return interpolate(at, self.quantiles, ranks) / (n + 1)

    def interval_of_each(
        self,
        predictions: NDArray[np.float64],
        level: float,
        minimum: float | None,
        maximum: float | None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what :meth:`interval` returns for each of many predictions, bit for bit."""
        half = self.half_widths[str(level)] * self._scale_of_each(predictions)
        bounds = (
            -math.inf if minimum is None else minimum,
            math.inf if maximum is None else maximum,
        )
        return (predictions - half).clip(*bounds), (predictions + half).clip(*bounds)

    def probability_below_of_each(
        self, mark: float, predictions: NDArray[np.float64], *, integer: bool = False
    ) -> NDArray[np.float64]:
        """Return what :meth:`probability_below` returns for each of many predictions."""
        import numpy as np

        if integer:
            mark = math.ceil(mark) - 0.5
        at = np.nextafter((mark - predictions) / self._scale_of_each(predictions), -math.inf)
        n, last = self.n_samples, len(self.quantiles) - 1
        ranks = [1 + (n - 1) * i / last for i in range(last + 1)]
        return interpolate_each(at, self.quantiles, ranks) / (n + 1)

    def _scale_of_each(self, predictions: NDArray[np.float64]) -> NDArray[np.float64] | float:
        return interpolate_each(predictions, self.scale_at, self.scale) if self.scale else 1.0

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; the exact inverse of :meth:`from_dict`."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` described.

        Raises
        ------
        ArtifactError
            If the values are of another shape.
        """
        try:
            fields: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
            }
            return cls(**fields)
        except TypeError as error:
            raise ArtifactError(f"intervals.json is damaged ({error}). Train again.") from error


def interpolate(x: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return y at x on a piecewise linear curve, constant beyond its ends.

    Examples
    --------
    >>> interpolate(1.5, [1, 2], [10, 20]), interpolate(9, [1, 2], [10, 20])
    (15.0, 20.0)
    """
    at = bisect_right(xs, x)
    if at == 0:
        return float(ys[0])
    if at == len(xs):
        return float(ys[-1])
    (x0, x1), (y0, y1) = next(pairwise(xs[at - 1 : at + 1])), next(pairwise(ys[at - 1 : at + 1]))
    return float(y0 + (y1 - y0) * (x - x0) / (x1 - x0))


def interpolate_each(
    x: NDArray[np.float64], xs: Sequence[float], ys: Sequence[float]
) -> NDArray[np.float64]:
    """Return what :func:`interpolate` returns for each x; ``np.interp`` rounds otherwise."""
    import numpy as np

    known, values = np.asarray(xs), np.asarray(ys, dtype=np.float64)
    at = np.searchsorted(known, x, side="right")
    inside = (at > 0) & (at < len(known))
    found = np.where(at == 0, values[0], values[-1])
    right = at[inside]
    left = right - 1
    x0, y0 = known[left], values[left]
    found[inside] = y0 + (values[right] - y0) * (x[inside] - x0) / (known[right] - x0)
    return found


def conformal_rank(n_samples: int, level: float) -> int | None:
    """Return which of the sorted residuals, from 1, covers at that level; None for too few.

    References
    ----------
    Lei et al. (2018), "Distribution-Free Predictive Inference for Regression", JASA 113(523).
    """
    rank = math.ceil((n_samples + 1) * level)
    return rank if rank <= n_samples else None
