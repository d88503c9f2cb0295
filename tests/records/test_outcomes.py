"""Every row of a file of outcomes is accounted for."""

from __future__ import annotations

import csv
import io
import json

import pytest
from sqlalchemy import select

from src.exception import DataValidationError
from src.records.outcomes import FATES, Imported, OutcomeImport
from src.records.tables import event, outcome
from src.records.terms import Terms
from src.schema.features import ClassTarget, NumericFeature
from src.schema.record import Schema
from src.tables.reader import open_table
from tests.records.conftest import KEY
from tests.records.worlds import a_prediction, put

TARGET = NumericFeature(
    name="math_score", label="Maths score", observed_minimum=0, observed_maximum=100, minimum=0,
    maximum=100,
)  # fmt: skip
TERMS = Terms("02-01, 08-01")


def bring(engine, text: str, target=TARGET, **settings) -> tuple[Imported, list[dict[str, str]]]:
    """Return what became of a file, and the rows that were not taken."""
    reading = OutcomeImport(Schema(features=(TARGET,), target=target), KEY, TERMS, **settings)
    not_taken = io.StringIO()
    with open_table(io.BytesIO(text.encode()), "results.csv") as reader:
        found = reading.run(engine, reader, "file", not_taken, "a test")
    assert sum(getattr(found, fate) for fate in FATES) == found.n_rows, "a row is unaccounted for"
    return found, [*csv.DictReader(io.StringIO(not_taken.getvalue()))]


def values(engine) -> dict[str, list[str]]:
    """Return the outcomes of each prediction, oldest first."""
    found: dict[str, list[str]] = {}
    with engine.connect() as connection:
        for row in connection.execute(select(outcome).order_by(outcome.c.id)):
            found.setdefault(row.prediction, []).append(row.value)
    return found


def test_a_row_finds_its_prediction_by_id_and_a_pupil_by_term(engine):
    by_id, early, late, other_term = put(
        engine,
        [
            a_prediction(None), a_prediction("4711"), a_prediction("4711", "2026-12-01"),
            a_prediction("4711", "2027-03-01"),
        ],
    )  # fmt: skip
    found, not_taken = bring(
        engine,
        f"prediction_id;subject;as_of;Maths score\n{by_id.upper()};;;61,5\n;4711;2026-10-01;70\n",
    )
    assert (found.matched, found.n_predictions, not_taken) == (2, 3, [])
    assert values(engine) == {by_id: ["61.5"], early: ["70.0"], late: ["70.0"]}
    assert other_term not in values(engine)


def test_what_finds_nothing_or_could_mean_several_things_is_given_back_with_the_reason(engine):
    put(engine, [a_prediction("1"), a_prediction("2"), a_prediction("2", "2027-03-01")])
    (known,) = put(engine, [a_prediction("3")])
    found, not_taken = bring(
        engine,
        "prediction_id,subject,as_of,math_score\n"
        ",nobody,2026-10-01,70\n"
        ",1,2025-10-01,70\n"
        ",2,,70\n"
        f"{known},1,,70\n"
        ",3,2026-10-01,ninety\n"
        ",3,10/2026,70\n"
        ",,,70\n"
        "00000000-0000-7000-8000-000000000000,,,70\n",
    )
    assert (found.unmatched, found.doubtful, found.refused) == (4, 2, 2)
    assert values(engine) == {}
    assert [row["problem"] for row in not_taken] == [
        "No prediction was made of this pupil.",
        "No prediction was made of this pupil in that term.",
        "Predictions were made in several terms: add a column as_of.",
        "The prediction with this id is of another pupil.",
        not_taken[4]["problem"],
        "The day of the term must be written such as 2026-09-30.",
        "The row names neither a prediction nor a pupil.",
        "No prediction has this id.",
    ]
    assert "ninety" in not_taken[4]["problem"]


def test_two_rows_that_say_different_things_of_a_pupil_are_both_doubtful(engine):
    put(engine, [a_prediction("1"), a_prediction("2")])
    found, not_taken = bring(engine, "subject,math_score\n1,70\n1,71\n2,60\n2,60\n")
    assert (found.doubtful, found.matched) == (2, 2)
    assert {row["subject"] for row in not_taken} == {"1"}


def test_a_correction_is_kept_beside_what_it_corrects(engine):
    (name,) = put(engine, [a_prediction("1")])
    assert bring(engine, "subject,math_score\n1,70\n")[0].matched == 1
    assert bring(engine, "subject,math_score\n1,70\n")[0].unchanged == 1
    assert bring(engine, "subject,math_score\n1,72\n")[0].corrected == 1
    assert values(engine) == {name: ["70.0", "72.0"]}


def test_cells_are_mended_and_rows_that_are_no_pupils_left_out_as_in_a_class_list(engine):
    put(engine, [a_prediction("1", target="result")])
    target = ClassTarget(name="result", categories=("Fail", "Pass"))
    found, _ = bring(engine, "Pupil,RESULT\n1, pass \n", target, subject_column="pupil")
    assert (found.matched, found.mended) == (1, 1)
    assert [*values(engine).values()] == [["Pass"]]


def test_outcomes_of_another_target_are_not_this_ones(engine):
    put(engine, [a_prediction("1", target="reading_score")])
    assert bring(engine, "subject,math_score\n1,70\n")[0].unmatched == 1


def test_a_file_without_the_needed_columns_is_refused_with_all_that_lack(engine):
    with pytest.raises(DataValidationError) as caught:
        bring(engine, "name,note\nA,1\n")
    assert [problem.message for problem in caught.value.problems] == [
        "The file needs the column math_score: what came true.",
        "The file needs the column prediction_id or subject.",
    ]


def test_an_import_is_noted_with_its_counts_and_no_value(engine):
    put(engine, [a_prediction("4711")])
    bring(engine, "subject,math_score\n4711,70\n")
    with engine.connect() as connection:
        (row,) = connection.execute(select(event))
    assert row.kind == "import"
    assert json.loads(row.details)["matched"] == 1
    assert "4711" not in row.details
