"""From the chances of outcomes to the words and figures that stand beside the form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from markupsafe import Markup

from src.exception import Problem
from src.language import cached_by_language, ngettext
from src.language import gettext as _
from src.report.wording import listed, percent, plain
from src.schema.features import ClassTarget
from src.serving.outcomes import OutcomePrediction, OutcomePredictor
from src.web.charts import crowd
from src.web.pages.chance_words import either, nearly, of_100, on_average
from src.web.pages.results import ServedModel, mended

SHOWN_LEVEL = "0.9"  # "9 in 10 students"


@dataclass(frozen=True, eq=False)
class OutcomeModel(ServedModel):
    """A model that predicts outcomes.

    Attributes
    ----------
    shares : mapping of str to float
        Share of the training data's students by outcome.
    quality : str
        How good it is, in a sentence.
    """

    shares: Mapping[str, float]
    quality: str


class OutcomeRow(NamedTuple):
    """An outcome in the table beside the picture; both figures are of 100 students."""

    outcome: str
    expected: str
    trained: str
    counted: bool


@dataclass(frozen=True)
class OutcomeResult:
    """What a person reads after sending the form; a text is empty where it does not apply.

    Attributes
    ----------
    panel : str
        The template that shows it.
    value, shown : str
        The most likely outcome as the API gives it, and as it is read.
    outcomes : str
        Whose chance is told: the outcomes at risk; where nobody said which, the one predicted.
    n_expected : int
        How many of 100 students end with these.
    nearly : str
        "none" or "all" where these would be 0 or 100, and are not quite.
    between : str
        Between what the share of students with such chances lies, in a sentence.
    comparison : str
        How it compares with the training data, in a sentence.
    ruled_out : str
        Which outcomes cannot be ruled out.
    chart : Markup
        A hundred students.
    """

    panel: ClassVar[str] = "_outcome.html"

    value: str
    shown: str
    outcomes: str
    n_expected: int
    nearly: str
    between: str
    comparison: str
    ruled_out: str
    at_risk: bool
    chart: Markup
    rows: tuple[OutcomeRow, ...]
    mended: tuple[str, ...]
    warnings: tuple[Problem, ...]
    run_id: str
    model: OutcomeModel


def describe_outcome(
    prediction: OutcomePrediction,
    predictor: OutcomePredictor,
    entered: Mapping[str, str] | None = None,
) -> OutcomeResult:
    """Return chances in words, with what is known of the model that gave them.

    Parameters
    ----------
    entered : mapping of str to str, optional
        The form's answers, as they were typed.
    """
    model, labels = _served_model(predictor), predictor.labels
    counted = [labels[code] for code in predictor.explained(prediction.prediction)]
    chance = sum(prediction.probabilities[label] for label in counted)
    target = predictor.schema.outcomes
    outcomes = either(map(target.word, counted))
    between = ""
    if prediction.at_risk_range is not None:
        between = on_average(*prediction.at_risk_range)
    return OutcomeResult(
        value=prediction.prediction,
        shown=plain(target.word(prediction.prediction)),
        outcomes=outcomes,
        n_expected=round(100 * chance),
        nearly=nearly(chance),
        between=between,
        comparison=_compare(chance, sum(model.shares[label] for label in counted)),
        ruled_out=_ruled_out(prediction, target),
        at_risk=prediction.at_risk is not None,
        chart=_crowd(round(100 * chance), outcomes),
        rows=tuple(
            OutcomeRow(
                plain(target.word(label)), of_100(p), of_100(model.shares[label]), label in counted
            )
            for label, p in prediction.probabilities.items()
        ),
        mended=mended(entered or {}, prediction, predictor.schema),
        warnings=prediction.warnings,
        run_id=prediction.run_id,
        model=model,
    )


@cached_by_language(maxsize=8)
def _served_model(predictor: OutcomePredictor) -> OutcomeModel:
    metrics = predictor.metrics
    held_out, n_students = metrics["held_out"], sum(metrics["outcome_counts"])
    counts = zip(metrics["outcomes"], metrics["outcome_counts"], strict=True)
    quality = ngettext(
        "Of %(n)s student whom the model had not seen, %(share)s had the outcome that was most "
        "likely.",
        "Of %(n)s students whom the model had not seen, %(share)s had the outcome that was most "
        "likely.",
        held_out["n_samples"],
        share=percent(held_out["accuracy"]["value"]),
    )
    for row in metrics["set_coverage"]:
        if str(row["level"]) == SHOWN_LEVEL:
            share = percent(row["coverage"])
            quality += " " + _("%(share)s had one that was not ruled out.", share=share)
    return OutcomeModel.of(
        predictor, shares={label: n / n_students for label, n in counts}, quality=quality
    )


@cached_by_language(maxsize=256)
def _crowd(n_counted: int, outcomes: str) -> Markup:
    title = _("%(n)s of 100 students drawn full: %(outcomes)s", n=n_counted, outcomes=outcomes)
    return crowd(n_counted, title)


def _compare(chance: float, share: float) -> str:
    # The difference of the shown figures, so that a reader who subtracts finds the same.
    difference = round(100 * chance) - round(100 * share)
    known = of_100(share)
    if not difference:
        return _(
            "That is as many as among the students that it learnt from (%(known)s of 100).",
            known=known,
        )
    if difference > 0:
        return _(
            "That is %(n)s more than among the students that it learnt from (%(known)s of 100).",
            n=difference,
            known=known,
        )
    return _(
        "That is %(n)s fewer than among the students that it learnt from (%(known)s of 100).",
        n=-difference,
        known=known,
    )


def _ruled_out(prediction: OutcomePrediction, target: ClassTarget) -> str:
    """Return which outcomes may still come about."""
    inside = prediction.sets.get(SHOWN_LEVEL)
    if inside is None:
        return ""
    if len(inside) == len(target.categories):
        return _("No outcome can be ruled out.")
    words = {label: plain(target.word(label)) for label in inside}
    left = words.values()
    others = [word for label, word in words.items() if label != prediction.prediction]
    if not others:
        return _(
            "Over all students, 9 in 10 have an outcome in their set; here it names %(outcome)s "
            "alone.",
            outcome=listed(left),
        )
    return _(
        "%(others)s cannot be ruled out: over all students, 9 in 10 have an outcome in their set; "
        "here it names %(all)s.",
        others=listed(others, most=20),
        all=listed(left, most=20),
    )
