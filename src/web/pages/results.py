"""From a predicted number to the words and figures that stand beside the form."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, ClassVar, Self

from markupsafe import Markup

from src.exception import Problem
from src.language import cached_by_language, decimal_mark, ngettext
from src.language import gettext as _
from src.report.group_facts import KNOWN, NEW
from src.report.wording import (
    SPACE,
    Measure,
    day,
    interval_ends,
    number,
    percent,
    plain,
)
from src.schema.features import NumericFeature, finite, shown_number
from src.schema.record import Schema
from src.serving.predictor import Answered, NumberPredictor, Prediction, Predictor
from src.stats.disclosure import LEAST_ROWS
from src.stats.spread import merge_bins
from src.tables.cells import parse_number, shorten
from src.web.charts import distribution, table_rows
from src.web.pages.chosen_model import short_name
from src.web.pages.reasons import answer_text

LEAST_NARROWER = 0.05  # of a range, for an answer that was left open to be named
SHOWN_LEVEL = "0.9"  # "9 in 10 students"


@dataclass(frozen=True)
class Scores:
    """The scores of the training data: how many students lie in each bin, also as table rows.

    Attributes
    ----------
    values, below : tuple
        How many students lie below some scores, as :class:`src.stats.spread.Spread` has it.
    whole : bool
        Whether scores are whole numbers.
    most_frequent : str
        Where they are densest.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    values: tuple[float, ...]
    below: tuple[int, ...]
    whole: bool
    rows: Markup
    most_frequent: str


@dataclass(frozen=True, eq=False)
class ServedModel:
    """What is the same for every prediction of a model, whatever it predicts.

    It is made once a model and language, and is equal to itself only: what it draws is kept by it.
    """

    name: str
    trained_on: str
    n_rows: int | None
    target: str

    @classmethod
    def of(cls, predictor: Predictor, **more: Any) -> Self:
        """Return it with what the kind of model adds."""
        target, manifest = predictor.schema.target, predictor.run.manifest
        return cls(
            short_name(manifest.model, predictor.metrics),
            day(manifest.created),
            manifest.rows.get("used", manifest.rows.get("total")),
            target.label or target.name,
            **more,
        )


@dataclass(frozen=True, eq=False)
class NumberModel(ServedModel):
    """A model that predicts a number.

    Attributes
    ----------
    mean : float or None
        Of the target in the training data.
    typical_error : str
        Mean absolute error on the ``held_out`` rows, with its unit; empty where it is not known.
    pass_mark : str
        The mark that the run was trained with, with its unit; empty without one.
    by_group : str
        What groups, such as schools, have to do with that error, in a sentence; empty without any.
    """

    measure: Measure
    mean: float | None
    typical_error: str
    held_out: int | None
    pass_mark: str
    scores: Scores | None
    by_group: str

    @property
    def quality(self) -> str:
        """How good it is, in a sentence; empty where that is not known."""
        if self.by_group:
            return self.by_group
        if not self.typical_error:
            return ""
        if not self.held_out:
            return _("Predictions are off by %(error)s on average.", error=self.typical_error)
        return ngettext(
            "Predictions are off by %(error)s on average, measured on %(n)s student whom the "
            "model had not seen.",
            "Predictions are off by %(error)s on average, measured on %(n)s students whom the "
            "model had not seen.",
            self.held_out,
            error=self.typical_error,
        )


@dataclass(frozen=True)
class Result:
    """What a person reads after sending the form; a text is empty where it is not known.

    Attributes
    ----------
    panel : str
        The template that shows it.
    value, shown : str
        The prediction in full, and with as many decimals as mean something.
    comparison : str
        How it compares with the average of the training data.
    low, high : str
        Ends of a range that holds the scores of nine in ten students, the second with the unit.
    exactly : str
        In place of these, what nine in ten such students score, where the range is a point.
    missed : str
        Which of the answers that were left open would narrow the range most.
    chance_below, pass_mark : str
        The chance of a score below the pass mark, and that mark with its unit.
    lower, chart : str, Markup
        The share of the training data's scores that are lower, and where it lies among them.
    mended : tuple of str
        Which answers were read as what they clearly mean.
    """

    panel: ClassVar[str] = "_number.html"

    value: str
    shown: str
    comparison: str
    low: str
    high: str
    exactly: str
    missed: str
    chance_below: str
    pass_mark: str
    lower: str
    chart: Markup
    mended: tuple[str, ...]
    warnings: tuple[Problem, ...]
    run_id: str
    model: NumberModel


def describe(
    prediction: Prediction,
    predictor: NumberPredictor,
    entered: Mapping[str, str] | None = None,
    pass_mark: float | None = None,
) -> Result:
    """Return a prediction in words, with what is known of the model that made it.

    Parameters
    ----------
    entered : mapping of str to str, optional
        The form's answers, as they were typed.
    pass_mark : float, optional
        That the prediction was made with; default: the run's.
    """
    mark = predictor.pass_mark if pass_mark is None else pass_mark
    model, value = _served_model(predictor), prediction.prediction
    chance, interval = prediction.probability_below, prediction.intervals.get(SHOWN_LEVEL)
    *low, high = interval_ends(interval, model.measure.decimals, "\n").split("\n")
    exactly = "" if low else high
    lower, chart = "", Markup()
    if model.scores:
        lower, chart = _place(value, interval, mark, model, model.scores)
    return Result(
        value=repr(value),
        shown=model.measure.number(value),
        comparison=_compare(value, model),
        low="".join(low),
        high=_amount(high, model.measure.unit) if low else "",
        exactly=_amount(exactly, model.measure.unit) if exactly else "",
        missed=_missed(prediction, predictor) if high else "",
        chance_below="" if chance is None else percent(chance),
        pass_mark=_with_unit(mark, predictor.schema.number),
        lower=lower,
        chart=chart,
        mended=mended(entered or {}, prediction, predictor.schema),
        warnings=prediction.warnings,
        run_id=prediction.run_id,
        model=model,
    )


@cached_by_language(maxsize=8)
def _served_model(predictor: NumberPredictor) -> NumberModel:
    target, metrics = predictor.schema.number, predictor.metrics
    measure, mark = Measure.of(target), predictor.pass_mark
    held_out = metrics.get("held_out") or {}
    mae = finite((held_out.get("mae") or {}).get("value"))
    histogram = metrics.get("target_distribution")
    return NumberModel.of(
        predictor,
        measure=measure,
        mean=finite(metrics.get("target_mean")),
        typical_error="" if mae is None else measure.amount(mae),
        held_out=held_out.get("n_samples"),
        pass_mark=_with_unit(mark, target),
        scores=_scores(histogram, target, measure.decimals) if histogram else None,
        by_group=_errors_by_group(predictor, measure),
    )


def _errors_by_group(predictor: NumberPredictor, measure: Measure) -> str:
    """Return how far predictions are off in groups that the model knows, and in others."""
    facts, group = predictor.metrics.get("groups"), predictor.schema.group
    if facts is None or group is None:
        return ""
    label = plain(group.label or group.name)
    said = {
        KNOWN: _(
            "Where the model knows the %(group)s, predictions are off by %(error)s on average, "
            "measured on %(n)s students whom it had not seen."
        ),
        NEW: _(
            "Where it does not know the %(group)s, they are off by %(error)s, measured on %(n)s "
            "students."
        ),
    }
    by_case = {one["case"]: one for one in facts["scores"]}
    return " ".join(
        words
        % {
            "group": label,
            "error": measure.amount(by_case[case]["scores"]["mae"]["value"]),
            "n": number(by_case[case]["n_samples"]),
        }
        for case, words in said.items()
        if case in by_case
    )


def _with_unit(mark: float | None, target: NumericFeature) -> str:
    return "" if mark is None else _amount(shown_number(mark), plain(target.unit))


def _amount(shown: str, unit: str) -> str:
    """Return a number and its unit, which no line breaks apart."""
    return f"{shown}{SPACE}{unit}" if unit else shown


def mended(entered: Mapping[str, str], prediction: Answered, schema: Schema) -> tuple[str, ...]:
    """Return how each answer is read that was not typed as the model takes it."""
    said, comma = [], decimal_mark() == ","
    for feature in schema.features:
        typed, value = entered.get(feature.name, ""), prediction.values.get(feature.name)
        if value is not None and value not in (typed, parse_number(typed, decimal_comma=comma)):
            line = _(
                "%(label)s: “%(typed)s” is read as %(value)s.",
                label=feature.label or feature.name,
                typed=shorten(typed),
                value=answer_text(value, feature),
            )
            said.append(line)
    return tuple(said)


def _missed(prediction: Prediction, predictor: NumberPredictor) -> str:
    found = predictor.intervals.matters_most(prediction.values)
    if found is None or found[1] < LEAST_NARROWER:
        return ""
    name, share = found
    label = next(f.label or f.name for f in predictor.schema.features if f.name == name)
    return _(
        "Of the answers left open, %(label)s matters most: with it, such ranges are about "
        "%(share)s narrower.",
        label=label,
        share=percent(share),
    )


def _compare(value: float, model: NumberModel) -> str:
    if model.mean is None:
        return ""
    measure = model.measure
    average = _amount(measure.number(model.mean), measure.unit)
    # The difference of the shown figures, so that a reader who subtracts finds the same.
    difference = round(value, measure.decimals) - round(model.mean, measure.decimals)
    if not difference:
        return _("That is the average of the training data, %(average)s.", average=average)
    apart = measure.number(abs(difference))
    if difference > 0:
        return _(
            "That is %(apart)s above the average of the training data, %(average)s.",
            apart=apart,
            average=average,
        )
    return _(
        "That is %(apart)s below the average of the training data, %(average)s.",
        apart=apart,
        average=average,
    )


def _place(
    value: float,
    interval: tuple[float, float] | None,
    mark: float | None,
    model: NumberModel,
    scores: Scores,
) -> tuple[str, Markup]:
    """Return where a prediction lies among the scores of the training data, in words and drawn."""
    shown, n = model.measure.number(value), sum(scores.counts)
    # Of the figure that is shown, so that who scored just that is not said to have scored less.
    share = share_below(round(value, model.measure.decimals), scores)
    lower = percent(share)
    if share:
        sentence = _(
            "About %(share)s of the %(n)s students that the model learnt from scored lower.",
            share=lower,
            n=number(n),
        )
    else:
        sentence = _(
            "None of the %(n)s students that the model learnt from scored lower.", n=number(n)
        )
    description = _(
        "A histogram of %(target)s in the training data. The most frequent scores are "
        "%(scores)s; %(share)s lie below the prediction. The shaded part is a range that holds "
        "9 in 10 students' scores.",
        target=model.target,
        scores=scores.most_frequent,
        share=lower,
    )
    if mark is not None:
        sentence += " " + _("The dashed line is the pass mark.")
        description += " " + _("The dashed line is at %(mark)s.", mark=shown_number(mark))
    return sentence, distribution(
        scores.edges,
        scores.counts,
        _("Where %(score)s lies among the scores of %(n)s students", score=shown, n=number(n)),
        description,
        at=value,
        at_label=shown,
        band=interval,
        mark=mark,
    )


def share_below(value: float, scores: Scores) -> float:
    """Return the share of the scores that are lower than a value.

    It is exact at the scores that are told of; between two of them students are taken to be spread
    evenly.

    Examples
    --------
    >>> scores = Scores((0, 20), (40,), (0, 0, 20), (0, 10, 40), False, Markup(), "0 to 20")
    >>> [share_below(value, scores) for value in (0, 10, 20, 21)]
    [0.0, 0.625, 0.975, 1.0]
    """
    values, below = scores.values, scores.below
    if scores.whole:  # less than 3.2 is 3 and less, less than 3 is 2 and less
        value = math.ceil(value) - 0.5
    i, n = bisect_left(values, value), below[-1]
    if i == 0:
        return 0.0
    if i == len(values) or (scores.whole and value == values[-1]):
        return 1.0
    low, high = values[i - 1], values[i]
    lower = below[i - 1] + (below[i] - below[i - 1]) * (value - low) / (high - low)
    return min(lower, n - 1) / n  # somebody has the highest score


def _scores(histogram: Mapping[str, Any], target: NumericFeature, decimals: int) -> Scores | None:
    """Return the scores; None of fewer than ten students."""
    if sum(histogram["counts"]) < LEAST_ROWS:
        return None
    # Runs of before had bins of fewer, and did not say how many lie below a score.
    edges, counts = merge_bins(histogram["edges"], histogram["counts"])
    values = histogram.get("values") or edges
    below = histogram.get("below") or accumulate(counts, initial=0)
    rows = []
    for (low, high), n in zip(pairwise(edges), counts, strict=True):
        if target.integer:  # the edges lie halfway between whole numbers
            low, high, decimals = math.ceil(low), math.ceil(high) - 1, 0
        high = min(high, target.observed_maximum)  # the last bin may be too wide
        first, last = number(low, decimals), number(high, decimals)
        span = first if first == last else _("%(low)s to %(high)s", low=first, high=last)
        rows.append((span, n))
    densest = max(range(len(counts)), key=lambda i: counts[i] / (edges[i + 1] - edges[i]))
    return Scores(
        tuple(edges),
        tuple(counts),
        tuple(values),
        tuple(below),
        whole=target.integer,
        rows=table_rows(rows),
        most_frequent=rows[densest][0],
    )
