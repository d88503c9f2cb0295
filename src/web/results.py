"""From a prediction to the words and figures that stand beside the form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from src.exception import Problem
from src.pipelines.predict_pipeline import Prediction, Predictor
from src.schema import NumericFeature, format_number

SHOWN_LEVEL = "0.9"  # "9 in 10 similar students"


@dataclass(frozen=True)
class Scale:
    """A line from the lowest to the highest value; places on it are percentages.

    Attributes
    ----------
    at : float
        Where the prediction stands.
    band_from, band_width : float
        The interval around it; a width of 0 where none is known.
    mean_at : float or None
        Where the average of the training data stands.
    """

    low: str
    high: str
    at: float
    band_from: float
    band_width: float
    mean_at: float | None


@dataclass(frozen=True)
class Result:
    """What a person reads after sending the form.

    Attributes
    ----------
    value : str
        The prediction in full.
    shown : str
        The prediction with as many decimals as mean something.
    comparison : str
        How it stands to the average of the training data; empty where that is not known.
    interval : str
        Where nine in ten similar students lie, in the target's unit; empty where it is not known.
    typical_error : str
        In the target's unit, from held-out rows; empty where it is not known.
    """

    value: str
    shown: str
    unit: str
    target: str
    comparison: str
    interval: str
    typical_error: str
    held_out: int | None
    scale: Scale
    warnings: tuple[Problem, ...]
    model: str
    run_id: str
    trained_on: str
    n_rows: int | None


def describe(prediction: Prediction, predictor: Predictor) -> Result:
    """Return a prediction in words, with what is known of the model that made it."""
    target, metrics = predictor.schema.target, predictor.metrics
    manifest = predictor.run.manifest
    decimals = sensible_decimals(target)
    mean = _finite(metrics.get("target_mean"))
    held_out = metrics.get("held_out") or {}
    mae = _finite((held_out.get("mae") or {}).get("value"))
    interval = prediction.intervals.get(SHOWN_LEVEL)
    created = datetime.fromisoformat(manifest.created)
    return Result(
        value=repr(prediction.prediction),
        shown=_rounded(prediction.prediction, decimals),
        unit=target.unit,
        target=target.label or target.name,
        comparison=_compare(prediction.prediction, mean, decimals, target.unit),
        interval=_between(interval, decimals, target.unit),
        typical_error=_with_unit(mae, decimals, target.unit),
        held_out=held_out.get("n_samples"),
        scale=_scale(target, prediction.prediction, mean, interval),
        warnings=prediction.warnings,
        model=manifest.model,
        run_id=prediction.run_id,
        trained_on=f"{created.day} {created:%B %Y}",
        n_rows=manifest.rows.get("used", manifest.rows.get("total")),
    )


def sensible_decimals(target: NumericFeature) -> int:
    """Return how many decimals of the target are worth showing: about 1/200 of its range.

    Examples
    --------
    >>> sensible_decimals(NumericFeature(name="score", observed_minimum=0, observed_maximum=100))
    1
    >>> sensible_decimals(NumericFeature(name="grade", observed_minimum=1, observed_maximum=5))
    2
    """
    low, high = _ends(target)
    if high <= low:
        return 1
    return min(6, max(0, math.ceil(-math.log10((high - low) / 200))))


def _finite(value: object) -> float | None:
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None


def _rounded(value: float, decimals: int) -> str:
    # Very large values would be a hundred digits; nobody reads those.
    return f"{value:.{decimals}f}" if abs(value) < 1e9 else f"{value:.3g}"


def _with_unit(value: float | None, decimals: int, unit: str) -> str:
    if value is None:
        return ""
    return f"{_rounded(value, decimals)} {unit}".strip()


def _between(interval: tuple[float, float] | None, decimals: int, unit: str) -> str:
    if interval is None:
        return ""
    low, high = (_rounded(end, max(decimals - 1, 0)) for end in interval)
    return f"{low} and {high} {unit}".strip()


def _compare(value: float, mean: float | None, decimals: int, unit: str) -> str:
    if mean is None:
        return ""
    average = _with_unit(mean, decimals, unit)
    # The difference of the shown figures, so that a reader who subtracts finds the same.
    difference = float(_rounded(value, decimals)) - float(_rounded(mean, decimals))
    if not difference:
        return f"That is the average of the training data, {average}."
    side = "above" if difference > 0 else "below"
    apart = _rounded(abs(difference), decimals)
    return f"That is {apart} {side} the average of the training data, {average}."


def _ends(target: NumericFeature) -> tuple[float, float]:
    low = target.observed_minimum if target.minimum is None else target.minimum
    high = target.observed_maximum if target.maximum is None else target.maximum
    return low, high


def _scale(
    target: NumericFeature,
    value: float,
    mean: float | None,
    interval: tuple[float, float] | None,
) -> Scale:
    low, high = _ends(target)
    low, high = min(low, value), max(high, value)  # a target without bounds can be exceeded
    width = high - low or 1.0

    def place(number: float) -> float:
        return round(100 * min(1.0, max(0.0, (number - low) / width)), 2)

    left, right = map(place, interval) if interval else (0.0, 0.0)
    return Scale(
        low=format_number(round(low, 2)),
        high=format_number(round(high, 2)),
        at=place(value),
        band_from=left,
        band_width=round(right - left, 2),
        mean_at=None if mean is None else place(mean),
    )
