"""What records can teach: the answers of pupils whose outcome is known, as rows of a table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from src.exception import DataValidationError
from src.records.tables import outcome, prediction
from src.records.terms import Terms
from src.tables.cells import to_text

NO_FEATURES = (
    "The records hold no pupil whose answers and outcome are both known. Answers are kept with "
    "RECORD_FEATURES=1 alone; without it, give the new terms as a file."
)


class Named(NamedTuple):
    """What the columns beside the answers are called.

    Attributes
    ----------
    group, pupil : str
        For the class or school, and for the pupil's hash.
    time : str or None
        For the first day of the term.
    """

    target: str
    group: str
    pupil: str
    time: str | None = None


@dataclass(frozen=True)
class LearntRow:
    """A pupil in a term.

    Attributes
    ----------
    cells : list of str
    known_ms : int
        When the outcome was brought in first.
    """

    cells: list[str]
    known_ms: int


def learnable_rows(
    connection: Connection, named: Named, terms: Terms
) -> tuple[list[str], list[LearntRow]]:
    """Return each pupil and term once, by the last prediction whose answers are kept.

    Returns
    -------
    header : list of str
    rows : list of LearntRow

    Raises
    ------
    DataValidationError
        If there is none.
    """
    of_each = (
        select(
            outcome.c.prediction,
            func.max(outcome.c.id).label("last"),
            func.min(outcome.c.imported_at_ms).label("known_ms"),
        )
        .group_by(outcome.c.prediction)
        .subquery()
    )
    p, known_ms = prediction.c, of_each.c.known_ms
    asked = (
        select(p.id, p.subject, p.group_name, p.as_of, p.features, outcome.c.value, known_ms)
        .join(of_each, of_each.c.prediction == p.id)
        .join(outcome, outcome.c.id == of_each.c.last)
        .where(p.target == named.target, p.features.is_not(None))
        .order_by(p.id)
    )
    found: dict[tuple[str, str], tuple[dict[str, Any], int]] = {}
    header: dict[str, None] = {}
    for name, subject, group, as_of, features, value, moment in connection.execute(asked):
        term = terms.of(as_of)
        beside = {named.target: value, named.pupil: subject or name}
        if group is not None:
            beside[named.group] = group
        if named.time:
            beside[named.time] = term
        row = json.loads(features) | beside
        header |= dict.fromkeys(row)
        found[subject or name, term] = row, moment
    if not found:
        raise DataValidationError(NO_FEATURES)
    rows = [
        LearntRow([to_text(row.get(column)) for column in header], moment)
        for row, moment in found.values()
    ]
    return [*header], rows
