"""Why the model predicts what it predicts, and what it predicts for other answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from markupsafe import Markup

from src.compiled.contributions import Contributions
from src.exception import ReasonsUnavailableError
from src.language import gettext as _
from src.language import mark, ngettext
from src.report.saved_metrics import Direction
from src.report.wording import (
    SPACE,
    listed,
    number,
    plain,
    sensible_decimals,
    signed,
)
from src.schema.features import CategoricalFeature, GroupFeature, Value, shown_number
from src.schema.record import Schema
from src.serving.outcomes import OutcomePredictor
from src.serving.predictor import Answered, Predictor
from src.web.charts import bar_list
from src.web.pages.chance_words import either
from src.web.pages.forms import Feature

MOST_REASONS = 10  # the others are added up
MOST_WHAT_IFS = 4
MOST_CHOICES = 6
LEAST_WHOLE = 10  # of 100: smaller chances are told with a decimal
N_STEPS = 5  # of a number, over the range that training saw

NO_REASONS = mark("Reasons are not available for this model.")


@dataclass(frozen=True)
class Reasons:
    """How a prediction comes about: a start, what each answer adds, the largest first, a sum.

    Where no reasons can be given, the start says why, and there is nothing else.

    Attributes
    ----------
    chart : Markup
        Each answer with its figure, in the target's unit or of 100, and a bar.
    group : str
        What the figure of a group, such as a school, is and is not; empty where none has one.
    """

    start: str
    chart: Markup
    end: str
    title: str
    group: str = ""


class Choice(NamedTuple):
    """One answer that could stand in a field, with what the model predicts then."""

    answer: str
    predicted: str
    difference: str
    entered: bool


class WhatIf(NamedTuple):
    """A feature that a school can act on, its choices side by side."""

    label: str
    choices: list[Choice]


@dataclass(frozen=True)
class WhatIfs:
    """What is predicted for other answers, what moves the prediction most first.

    Attributes
    ----------
    moving : tuple of WhatIf
    still : str
        Labels of the features of which no choice shows another prediction.
    lead : str
        What the figures are, where it is not the target itself.
    """

    moving: tuple[WhatIf, ...]
    still: str
    lead: str = ""


def explain(found: Contributions, values: Mapping[str, Value], schema: Schema) -> Reasons:
    """Return contributions in words and bars.

    Parameters
    ----------
    found : Contributions
    values : mapping
        The record, checked.
    """
    target, decimals = schema.number, sensible_decimals(schema.number)
    total, held = found.total, schema.clip(found.total)
    unit = f"{SPACE}{plain(target.unit)}" if target.unit else ""
    shown = f"{number(total, decimals)}{unit}"
    if held == total:
        end = _("Together that is %(total)s.", total=shown)
    else:
        end = _(
            "Together that is %(total)s, held to %(end)s, the end of the range.",
            total=shown,
            end=shown_number(held),
        )
    base = f"{number(found.base, decimals)}{unit}"
    start = _(
        "The model starts from %(base)s, the average of its predictions for the students it "
        "learnt from. Each answer moves it up or down:",
        base=base,
    )
    return Reasons(
        start,
        _bars(found.values, values, schema, decimals),
        end,
        _("Why this prediction"),
        _group_words(found, schema),
    )


def explain_chance(
    found: Contributions, values: Mapping[str, Value], schema: Schema, outcomes: str
) -> Reasons:
    """Return what answers add to a chance, of 100 students.

    Parameters
    ----------
    outcomes : str
        Of which outcomes it is the chance.
    """
    added = {name: 100 * adds for name, adds in found.values.items()}
    base, total = 100 * found.base, 100 * found.total
    decimals = 0 if max(base, total) >= LEAST_WHOLE else 1
    shown = number(base, decimals)
    if found.method == "permutation_shapley":
        start = _(
            "The model starts from a chance of %(base)s of 100, the average of its chances for "
            "the students it learnt from. Each answer moves it up or down, by so many of 100:",
            base=shown,
        )
    else:
        start = _(
            "The model starts from a chance of %(base)s of 100, its chance where the answers "
            "weigh what they do on average among the students it learnt from. That need not be "
            "the average of their chances. Each answer moves it up or down, by so many of 100:",
            base=shown,
        )
    together = number(total, decimals)
    return Reasons(
        start,
        _bars(added, values, schema, decimals),
        _("Together that is %(total)s of 100, but for rounding.", total=together),
        _("Why this chance of %(outcomes)s", outcomes=outcomes),
        _group_words(found, schema),
    )


def _group_words(found: Contributions, schema: Schema) -> str:
    group = schema.group
    if group is None or group.name not in found.values:
        return ""
    return _(
        "What %(group)s adds is how its students did in the training data, beyond what their "
        "other answers tell. It does not measure quality and is no cause: it can stand for who "
        "goes there.",
        group=plain(group.label or group.name),
    )


def _bars(
    added: Mapping[str, float], values: Mapping[str, Value], schema: Schema, decimals: int
) -> Markup:
    """Return each answer with what it adds, the largest first, and a bar."""
    asked = {feature.name: feature for feature in schema.asked}
    ranked = sorted(added.items(), key=lambda item: -abs(item[1]))
    n_shown = sum(abs(round(adds, decimals)) > 0 for __, adds in ranked)
    if n_shown > MOST_REASONS:
        n_shown = MOST_REASONS - 1
    if len(ranked) - n_shown == 1:  # it is no longer than a line that says "one other"
        n_shown += 1
    rows = [
        (_answer(asked[name], values[name]), signed(adds, decimals), adds)
        for name, adds in ranked[:n_shown]
    ]
    if rest := ranked[n_shown:]:
        adds = sum(value for __, value in rest)
        if rows:
            together = ngettext("%(n)s other answer", "%(n)s other answers together", len(rest))
        else:
            together = ngettext("%(n)s answer", "%(n)s answers together", len(rest))
        rows.append((together, signed(adds, decimals), adds))
    return bar_list(rows)


def no_reasons(error: ReasonsUnavailableError) -> Reasons:
    """Return the reason why there are no reasons."""
    return Reasons(f"{_(NO_REASONS)} {_(str(error))}", Markup(""), "", _("Why this prediction"))


@dataclass(frozen=True)
class _Compared:
    """The figure by which answers are compared: the number predicted, or a chance of 100."""

    of: Callable[[Any], float]
    decimals: int
    lead: str = ""


def _compared(predictor: Predictor) -> _Compared | None:
    """Return it; None where nobody said which outcomes are at risk."""
    if not isinstance(predictor, OutcomePredictor):
        return _Compared(attrgetter("prediction"), sensible_decimals(predictor.schema.number))
    outcomes = predictor.schema.outcomes
    if not outcomes.event:
        return None
    said = _(
        "Of 100 students, how many are expected to end with %(outcomes)s:",
        outcomes=either(map(outcomes.word, outcomes.at_risk)),
    )
    return _Compared(lambda predicted: 100 * predicted.at_risk, 0, said)


def what_if(prediction: Answered, predictor: Predictor) -> WhatIfs | None:
    """Return what the model predicts for other answers, for the features that a school can act on.

    Features that training saw no choice in are left out, and those by which the model goes another
    way than the students' scores or outcomes did: those with either answer differ in other answers,
    too. None where nothing is left.
    """
    directions: Mapping[str, Direction] = predictor.metrics.get("levers") or {}
    moving: list[tuple[float, WhatIf]] = []
    still = []
    compared = _compared(predictor) if directions else None
    if compared is None:
        return None
    for feature in predictor.schema.features:
        if not feature.actionable or feature.name not in directions:
            continue
        spread, one = _compare(feature, directions[feature.name], prediction, predictor, compared)
        if not one:
            continue
        if len({choice.predicted for choice in one.choices}) == 1:
            still.append(one.label)
        else:
            moving.append((spread, one))
    if not moving and not still:
        return None
    moving.sort(key=lambda item: -item[0])
    lead = compared.lead if moving else ""
    return WhatIfs(tuple(one for _, one in moving[:MOST_WHAT_IFS]), listed(still), lead)


def _compare(
    feature: Feature,
    direction: Direction,
    prediction: Answered,
    predictor: Predictor,
    compared: _Compared,
) -> tuple[float, WhatIf | None]:
    """Return how far a feature's alternatives move the prediction, and what each one predicts.

    None where there is nothing to compare, or the students' outcomes went the other way.
    """
    decimals, values = compared.decimals, prediction.values
    now, before = values[feature.name], compared.of(prediction)
    choices, predicted = [], []
    for value in _alternatives(feature, now):
        rises = _rises(direction, now, value)
        if value != now and rises is None:  # too few students to tell
            continue
        entered, outcome = value == now, before
        if not entered:
            outcome = compared.of(predictor.predict_values({**values, feature.name: value}))
        adds = round(outcome - before, decimals)
        if adds and (adds > 0) != rises:
            return 0.0, None
        predicted.append(outcome)
        difference = "" if entered else signed(outcome - before, decimals)
        answer, shown = answer_text(value, feature), number(outcome, decimals)
        choices.append(Choice(answer, shown, difference, entered))
    if len(choices) < 2:
        return 0.0, None
    return max(predicted) - min(predicted), WhatIf(feature.label or feature.name, choices)


def _rises(direction: Direction, now: Value, other: Value) -> bool | None:
    """Return whether another answer goes with a higher score or chance; None: not known."""
    if isinstance(now, float) and isinstance(other, float):
        return (other > now) == direction["rises"] if "rises" in direction else None
    order = direction.get("order", [])
    if now not in order or other not in order:
        return None
    return order.index(other) > order.index(now)


def _alternatives(feature: Feature, now: Value) -> list[Value]:
    """Return the values to compare, the one that was entered among them, in their order."""
    if isinstance(feature, CategoricalFeature):
        shown: list[Value] = list(feature.categories[:MOST_CHOICES])
        # The one that was entered may be cut off, or left open.
        return shown if now in shown else [now, *shown[: MOST_CHOICES - 1]]
    low, high = feature.observed_minimum, feature.observed_maximum
    decimals = 0 if feature.integer else sensible_decimals(feature)
    steps = [low + (high - low) * i / (N_STEPS - 1) for i in range(N_STEPS)]
    rounded = {min(high, max(low, round(step, decimals))) for step in steps}
    return [*sorted({*rounded, now})] if isinstance(now, float) else [now, *sorted(rounded)]


def answer_text(value: Value, feature: Feature | GroupFeature | None = None) -> str:
    """Return an answer as a person reads it, by the words that the hints have for a choice."""
    if value is None:
        return _("not known")
    if isinstance(value, float):
        return shown_number(value)
    return feature.word(value) if isinstance(feature, CategoricalFeature) else value


def _answer(feature: Feature | GroupFeature, value: Value) -> str:
    label, answer = feature.label or feature.name, answer_text(value, feature)
    return _("%(label)s: %(answer)s", label=label, answer=answer)
