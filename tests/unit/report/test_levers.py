from __future__ import annotations

from dataclasses import replace

import pytest

from src.report import facts
from src.report.levers import levers
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema

COURSE = CategoricalFeature(name="course", label="Course", categories=("none", "done"))
HOURS = NumericFeature(name="hours", label="Hours", observed_minimum=0, observed_maximum=9)
MARK = NumericFeature(name="mark", observed_minimum=0, observed_maximum=100, unit="points")


def given(**parts) -> facts.ReportFacts:
    return facts.ReportFacts(Schema(features=(COURSE, HOURS), target=MARK), {}, **parts)


RAW = facts.RawDifference("course", ("none", "done"), "none", "done", 5.6)
CURVE = facts.PartialDependence("course", ("none", "done"), (61.0, 58.6))


def test_a_difference_that_the_model_turns_round_is_told_with_both_figures():
    """13.17."""
    section = levers(given(levers=(RAW,), partial_dependence=(CURVE,)))
    assert [cell.text for cell in section.tables[0].rows[0]] == [
        "Course", "none → done", "+5.6", "−2.4",
    ]  # fmt: skip
    assert section.lead[1] == (
        "Course: students with done score 5.6 points more than those with none, but among students "
        "whose other answers are the same the model predicts 2.4 points less. The two groups "
        "differ in other answers, too, so no comparison by it is offered beside a prediction."
    )


def test_a_difference_that_the_model_shares_is_in_the_table_alone():
    shared = replace(CURVE, mean=(61.0, 64.0))
    assert len(levers(given(levers=(RAW,), partial_dependence=(shared,))).lead) == 1


def test_a_number_is_compared_near_the_ends_of_its_curve():
    raw = facts.RawDifference("hours", (), 1.2, 7.9, -3.0)
    curve = facts.PartialDependence("hours", (0.0, 1.0, 4.0, 8.0), (50.0, 51.0, 53.0, 55.0))
    row = levers(given(levers=(raw,), partial_dependence=(curve,))).tables[0].rows[0]
    assert [cell.text for cell in row] == ["Hours", "1.2 → 7.9", "−3.0", "+4.0"]


@pytest.mark.parametrize("parts", [{}, {"levers": (RAW,)}])
def test_without_both_differences_there_is_no_section(parts):
    assert levers(given(**parts)) is None
