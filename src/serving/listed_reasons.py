"""Why students of a list are at risk: the few answers that a school may want to know of."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from src.compiled.contributions import Contributions
from src.exception import ArtifactError, ReasonsUnavailableError
from src.report.saved_metrics import Direction
from src.schema.features import Feature, NumericFeature, Value
from src.schema.record import Schema
from src.serving.outcomes import OutcomePredictor
from src.serving.predictor import Predictor
from src.serving.summary import BORDERLINE, ListedRow

MOST_NAMED = 3  # reasons of a student
MOST_EXPLAINED = 200  # students of a file
SLOW_S = 0.005  # of the processor, for the reasons of one ...
TRIED = 10  # ... on average over so many students: trees keep what they worked out before
LEAST_SHARE = 0.1  # of all that pulls a student towards risk, for an answer to be named


@lru_cache(maxsize=2)
def explains_slowly(predictor: Predictor) -> bool:
    """Whether the reasons of a class take longer than a page should: those of large forests do."""
    try:
        predictor.explain(_between(predictor.schema, 0.5))  # the first one takes longer
        began = time.thread_time()
        for number in range(TRIED):
            predictor.explain(_between(predictor.schema, number / (TRIED - 1)))
            if time.thread_time() - began > TRIED * SLOW_S:
                return True
    except (ReasonsUnavailableError, ArtifactError):
        pass
    return False


def _between(schema: Schema, share: float) -> dict[str, Value]:
    """Return a student so far between the least and the greatest of each answer."""
    values: dict[str, Value] = {}
    for one in schema.features:
        if isinstance(one, NumericFeature):
            low, high = one.observed_minimum, one.observed_maximum
            values[one.name] = low + share * (high - low)
        else:
            values[one.name] = one.categories[round(share * (len(one.categories) - 1))]
    if schema.group is not None:
        values[schema.group.name] = None
    return values


@dataclass
class Reasons:
    """Reasons of students, as far as somebody looked.

    Attributes
    ----------
    of_rows : dict of str to list of (str, float)
        By the row's number: features with what each adds to the number, in the target's unit, or to
        the chance, of 100.
    unavailable : str
        Why there are none.
    """

    of_rows: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    unavailable: str = ""


def leading(
    found: Contributions,
    values: Mapping[str, Value],
    predictor: Predictor,
    *,
    upwards: bool,
) -> list[tuple[str, float]]:
    """Return what pulls a student most towards risk.

    What a school can act on comes first, then the largest. Left out are sensitive answers, which a
    student's own page shows, and those by which the model goes another way than students did: a
    course that was attended is no reason to worry.

    Parameters
    ----------
    upwards : bool
        Whether a contribution above zero is towards risk, as to a chance.
    """
    pulls = {name: adds if upwards else -adds for name, adds in found.values.items()}
    least = LEAST_SHARE * sum(pull for pull in pulls.values() if pull > 0)
    directions: Mapping[str, Direction] = predictor.metrics.get("levers") or {}
    named = [
        (not feature.actionable, -pulls[feature.name], feature.name)
        for feature in predictor.schema.features
        if not feature.sensitive
        and 0 < pulls[feature.name] >= least
        and _could_be_better(
            feature, values[feature.name], directions.get(feature.name, {}), upwards=upwards
        )
    ]
    return [(name, found.values[name]) for *_, name in sorted(named)[:MOST_NAMED]]


def _could_be_better(
    feature: Feature, value: Value, direction: Direction, *, upwards: bool
) -> bool:
    """Whether students with some other answer fared better in training, as far as is known."""
    if isinstance(feature, NumericFeature) and isinstance(value, float) and "rises" in direction:
        middle = (feature.observed_minimum + feature.observed_maximum) / 2
        return (value < middle) == (direction["rises"] != upwards)
    order = direction.get("order", [])
    best = order[:1] if upwards else order[-1:]
    return value not in best


def reasons_of(
    predictor: Predictor, rows: Iterable[ListedRow], known: Reasons, budget_s: float
) -> Reasons:
    """Return the reasons of those at risk or borderline: those that are known, and some more.

    Parameters
    ----------
    budget_s : float
        Seconds of this thread's processor time, after which the rest is left for another time.
    """
    until = time.thread_time() + budget_s
    upwards = isinstance(predictor, OutcomePredictor)
    scale = 100.0 if upwards else 1.0
    of_rows = dict(known.of_rows)
    for row in rows:
        number = str(row.number)
        if row.tier > BORDERLINE or number in of_rows or known.unavailable:
            continue
        if time.thread_time() > until or len(of_rows) >= MOST_EXPLAINED:
            break
        values = predictor.schema.named(row.values)
        try:
            found = predictor.explain(values)
        except (ReasonsUnavailableError, ArtifactError) as error:
            return Reasons(of_rows, error.summary)
        of_rows[number] = [
            (name, scale * adds)
            for name, adds in leading(found, values, predictor, upwards=upwards)
        ]
    return Reasons(of_rows)
