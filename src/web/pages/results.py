"""From a prediction to the words and figures that stand beside the form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from markupsafe import Markup

from src.exception import Problem
from src.report.wording import day, number, percent, sensible_decimals, with_unit
from src.schema.features import NumericFeature
from src.serving.predictor import Prediction, Predictor
from src.tables.cells import format_number
from src.web.charts import distribution, table_rows

SHOWN_LEVEL = "0.9"  # "9 in 10 similar students"


@dataclass(frozen=True)
class Distribution:
    """Where a prediction lies among the scores of the training data.

    Attributes
    ----------
    below : str
        The share of them that is lower, as a sentence.
    chart : Markup
    rows : Markup
        The chart as rows of a table: scores, and how many students have them.
    """

    below: str
    chart: Markup
    rows: Markup


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
    pass_mark, chance_below : str
        The mark that the run was trained with, and the chance of a score below it; empty without.
    typical_error : str
        In the target's unit, from held-out rows; empty where it is not known.
    distribution : Distribution or None
        None where the run does not know it.
    """

    value: str
    shown: str
    unit: str
    target: str
    comparison: str
    interval: str
    pass_mark: str
    chance_below: str
    typical_error: str
    held_out: int | None
    distribution: Distribution | None
    warnings: tuple[Problem, ...]
    model: str
    run_id: str
    trained_on: str
    n_rows: int | None


def describe(prediction: Prediction, predictor: Predictor) -> Result:
    """Return a prediction in words, with what is known of the model that made it."""
    known, value = _backdrop(predictor), prediction.prediction
    decimals, unit, chance = known.decimals, known.unit, prediction.probability_below
    return Result(
        value=repr(value),
        shown=number(value, decimals),
        unit=unit,
        target=known.target,
        comparison=_compare(value, known.mean, decimals, unit),
        interval=_between(prediction.intervals.get(SHOWN_LEVEL), decimals, unit),
        pass_mark=known.pass_mark,
        chance_below="" if chance is None else percent(chance),
        typical_error=known.typical_error,
        held_out=known.held_out,
        distribution=_distribution(prediction, known, known.scores) if known.scores else None,
        warnings=prediction.warnings,
        model=known.model,
        run_id=prediction.run_id,
        trained_on=known.trained_on,
        n_rows=known.n_rows,
    )


@dataclass(frozen=True)
class _Scores:
    """The training data's scores: bins, how many lie in each, and what is said of them."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    n: int
    rows: Markup
    most_frequent: str


@dataclass(frozen=True)
class _Backdrop:
    """What is the same for every prediction of a model."""

    target: str
    unit: str
    decimals: int
    mean: float | None
    typical_error: str
    held_out: int | None
    mark: float | None
    pass_mark: str
    scores: _Scores | None
    model: str
    trained_on: str
    n_rows: int | None


@lru_cache(maxsize=1)  # of the model that is served
def _backdrop(predictor: Predictor) -> _Backdrop:
    target, metrics, manifest = predictor.schema.target, predictor.metrics, predictor.run.manifest
    decimals, mark = sensible_decimals(target), predictor.pass_mark
    held_out = metrics.get("held_out") or {}
    mae = _finite((held_out.get("mae") or {}).get("value"))
    known = metrics.get("target_distribution")
    return _Backdrop(
        target=target.label or target.name,
        unit=target.unit,
        decimals=decimals,
        mean=_finite(metrics.get("target_mean")),
        typical_error="" if mae is None else with_unit(mae, decimals, target.unit),
        held_out=held_out.get("n_samples"),
        mark=mark,
        pass_mark="" if mark is None else f"{format_number(mark)} {target.unit}".strip(),
        scores=_scores(known["edges"], known["counts"], target, decimals) if known else None,
        model=manifest.model,
        trained_on=day(manifest.created),
        n_rows=manifest.rows.get("used", manifest.rows.get("total")),
    )


def _finite(value: object) -> float | None:
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None


def _between(interval: tuple[float, float] | None, decimals: int, unit: str) -> str:
    if interval is None:
        return ""
    low, high = (number(end, max(decimals - 1, 0)) for end in interval)
    return f"{low} and {high} {unit}".strip()


def _compare(value: float, mean: float | None, decimals: int, unit: str) -> str:
    if mean is None:
        return ""
    average = with_unit(mean, decimals, unit)
    # The difference of the shown figures, so that a reader who subtracts finds the same.
    difference = round(value, decimals) - round(mean, decimals)
    apart = number(abs(difference), decimals)
    if not difference:
        return f"That is the average of the training data, {average}."
    side = "above" if difference > 0 else "below"
    return f"That is {apart} {side} the average of the training data, {average}."


def _distribution(prediction: Prediction, known: _Backdrop, scores: _Scores) -> Distribution:
    value, mark = prediction.prediction, known.mark
    shown = number(value, known.decimals)
    lower = percent(share_below(value, scores.edges, scores.counts))
    return Distribution(
        f"About {lower} of the {scores.n:,} students that the model learnt from scored lower."
        + ("" if mark is None else " The dashed line is the pass mark."),
        distribution(
            scores.edges,
            scores.counts,
            f"Where {shown} lies among the scores of {scores.n:,} students",
            f"A histogram of {known.target} in the training data. The most frequent scores are "
            f"{scores.most_frequent}; {lower} lie below the prediction. The shaded part is where "
            "9 in 10 similar students score."
            + ("" if mark is None else f" The dashed line is at {format_number(mark)}."),
            at=value,
            at_label=shown,
            band=prediction.intervals.get(SHOWN_LEVEL),
            mark=mark,
        ),
        scores.rows,
    )


def share_below(value: float, edges: Sequence[float], counts: Sequence[int]) -> float:
    """Return the share of a histogram's values that lie below one, evenly spread in each bin.

    Examples
    --------
    >>> share_below(15, [0, 10, 20], [30, 10]), share_below(99, [0, 10, 20], [30, 10])
    (0.875, 1.0)
    """
    n = 0.0
    for (low, high), count in zip(pairwise(edges), counts, strict=True):
        if value < high:
            n += count * max(0.0, value - low) / (high - low)
            break
        n += count
    return n / (sum(counts) or 1)


def _scores(
    edges: Sequence[float], counts: Sequence[int], target: NumericFeature, decimals: int
) -> _Scores:
    rows = []
    for (low, high), count in zip(pairwise(edges), counts, strict=True):
        if target.integer:  # the edges lie halfway between whole numbers
            low, high, decimals = math.ceil(low), math.ceil(high) - 1, 0
        high = min(high, target.observed_maximum)  # bins are of one width: the last may be too wide
        ends = dict.fromkeys((number(low, decimals), number(high, decimals)))
        rows.append((" to ".join(ends), count))
    return _Scores(
        tuple(edges),
        tuple(counts),
        sum(counts),
        table_rows(rows),
        rows[counts.index(max(counts))][0],
    )
