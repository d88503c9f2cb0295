"""From the chances of outcomes to the words and figures that stand beside the form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from markupsafe import Markup

from src.exception import Problem
from src.language import cached_by_language
from src.report.wording import listed, percent, plain
from src.serving.outcomes import OutcomePrediction, OutcomePredictor
from src.web.charts import crowd
from src.web.pages.chance_words import either, of_100
from src.web.pages.results import ServedModel, mended

SHOWN_LEVEL = "0.9"  # "9 in 10 students"


@dataclass(frozen=True)
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
    expected : str
        How many of 100 students end with these.
    between : str
        Between what that chance lies.
    comparison : str
        How it compares with the training data.
    ruled_out : str
        Which outcomes cannot be ruled out.
    chart : Markup
        A hundred students.
    """

    panel: ClassVar[str] = "_outcome.html"

    value: str
    shown: str
    outcomes: str
    expected: str
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
    outcomes = either(counted)
    between = ""
    if prediction.at_risk_range is not None:
        low, high = map(of_100, prediction.at_risk_range)
        between = f"between {low} and {high} of 100" if low != high else ""
    return OutcomeResult(
        value=prediction.prediction,
        shown=plain(prediction.prediction),
        outcomes=outcomes,
        expected=of_100(chance),
        between=between,
        comparison=_compare(chance, sum(model.shares[label] for label in counted)),
        ruled_out=_ruled_out(prediction, len(labels)),
        at_risk=prediction.at_risk is not None,
        chart=_crowd(round(100 * chance), outcomes),
        rows=tuple(
            OutcomeRow(plain(label), of_100(p), of_100(model.shares[label]), label in counted)
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
    quality = (
        f"Of {held_out['n_samples']:,} students whom the model had not seen, "
        f"{percent(held_out['accuracy']['value'])} had the outcome that was most likely"
    )
    for row in metrics["set_coverage"]:
        if str(row["level"]) == SHOWN_LEVEL:
            quality += f", {percent(row['coverage'])} one that was not ruled out"
    return OutcomeModel.of(
        predictor,
        shares={label: n / n_students for label, n in counts},
        quality=f"{quality}.",
    )


@cached_by_language(maxsize=256)
def _crowd(n_counted: int, outcomes: str) -> Markup:
    return crowd(n_counted, f"{n_counted} of 100 students drawn full: {outcomes}")


def _compare(chance: float, share: float) -> str:
    # The difference of the shown figures, so that a reader who subtracts finds the same.
    difference = round(100 * chance) - round(100 * share)
    side = "more than" if difference > 0 else "fewer than"
    apart = f"{abs(difference)} {side}" if difference else "as many as"
    return f"{apart} among the students that it learnt from ({of_100(share)} of 100)"


def _ruled_out(prediction: OutcomePrediction, n_outcomes: int) -> str:
    """Return which outcomes may still come about."""
    inside = prediction.sets.get(SHOWN_LEVEL)
    if inside is None:
        return ""
    if len(inside) == n_outcomes:
        return "No outcome can be ruled out."
    left, others = map(plain, inside), [plain(x) for x in inside if x != prediction.prediction]
    if not others:
        return f"Sets like this one, {next(left)} alone, hold the outcomes of 9 in 10 students."
    return (
        f"{listed(others, most=20)} cannot be ruled out: sets like this one, "
        f"{listed(left, most=20)}, hold the outcomes of 9 in 10 students."
    )
