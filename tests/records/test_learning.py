"""What records teach a challenger: pupils whose answers and outcome are known."""

from __future__ import annotations

import json

import pytest

from src.exception import DataValidationError
from src.records.identity import subject_hash
from src.records.learning import Named, learnable_rows
from src.records.terms import Terms
from tests.records.conftest import KEY
from tests.records.worlds import a_prediction, come_true, put

NAMED = Named("math_score", "class", "subject", "term")
TERMS = Terms("02-01, 08-01")


def test_a_pupil_is_a_row_a_term_by_the_last_prediction_and_the_last_outcome(engine) -> None:
    def said(reading: int, **other):
        return a_prediction("1", features=json.dumps({"reading": reading, "lunch": None}), **other)

    first, last = put(engine, [said(50, made_at_ms=1), said(60)])
    (spring,) = put(engine, [said(70, as_of="2027-03-01")])
    put(engine, [said(80, as_of="2028-03-01")])  # of which no outcome is known
    come_true(engine, {first: "55", last: "55"})
    come_true(engine, {last: "58", spring: "71"})
    with engine.connect() as connection:
        header, rows = learnable_rows(connection, NAMED, TERMS)
    pupil = subject_hash("1", KEY)
    assert header == ["reading", "lunch", "math_score", "subject", "class", "term"]
    assert [row.cells for row in rows] == [
        ["60", "", "58", pupil, "9c", "2026-08-01"],
        ["70", "", "71", pupil, "9c", "2027-02-01"],
    ]
    assert rows[0].known_ms <= rows[1].known_ms


def test_without_answers_nothing_can_be_learnt(engine) -> None:
    (name,) = put(engine, [a_prediction("1")])
    come_true(engine, {name: "55"})
    with engine.connect() as connection, pytest.raises(DataValidationError, match="RECORD_FEAT"):
        learnable_rows(connection, NAMED, TERMS)
