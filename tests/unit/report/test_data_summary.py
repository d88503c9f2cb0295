import numpy as np
import pandas as pd
import pytest

from src.exception import Problem
from src.report.data_summary import summarize_data
from src.report.facts import CategoricalSummary, NumericSummary, RefusedRows
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema

AGE = NumericFeature(name="age", observed_minimum=15, observed_maximum=18, minimum=0)
SCHOOL = CategoricalFeature(name="school", categories=("North", "South", "East"))


def schema(*, integer: bool) -> Schema:
    target = NumericFeature(name="mark", observed_minimum=0, observed_maximum=9, integer=integer)
    return Schema((AGE, SCHOOL), target)


def table(ages: list[float], schools: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"age": ages, "school": pd.Series(schools, dtype=object)})


def test_values_are_counted_without_the_missing_ones():
    X = table([15, 17, np.nan, 16], ["North", np.nan, "North", "South"])
    found = summarize_data(X, np.array([1.0, 2, 3, 4]), schema(integer=True))
    assert found.n_rows == 4
    assert found.features == (
        NumericSummary("age", 1, 16.0, 1.0, 15.0, 17.0),
        CategoricalSummary("school", 1, {"North": 2, "South": 1, "East": 0}),
    )
    assert found.target.mean == 2.5


def test_a_column_without_values_has_no_figures():
    X = table([np.nan, np.nan], ["North", "North"])
    found = summarize_data(X, np.array([1.0, 2]), schema(integer=True))
    assert found.features[0] == NumericSummary("age", 2, None, None, None, None)


@pytest.mark.parametrize("integer", [True, False])
@pytest.mark.parametrize("y", [np.arange(10.0), np.full(10, 4.0), np.arange(0.0, 1000, 7)])
def test_every_target_lies_in_a_bin(integer, y):
    X = table([16.0] * len(y), ["North"] * len(y))
    found = summarize_data(X, y, schema(integer=integer))
    assert sum(found.counts) == len(y)
    assert len(found.edges) == len(found.counts) + 1 <= 27


def test_whole_numbers_stand_in_the_middle_of_their_bins():
    y = np.repeat([0.0, 1, 3], [10, 20, 10])
    found = summarize_data(table([16.0] * 40, ["North"] * 40), y, schema(integer=True))
    assert found.edges == (-0.5, 0.5, 1.5, 2.5, 3.5)
    assert found.counts == (10, 20, 0, 10)


def test_refused_rows_are_counted_by_rule_and_their_values_forgotten():
    problems = [
        Problem("age must be a number of at least 0. Got 'secret'.", "age", 4, "secret"),
        Problem("age must be a number of at least 0. Got '-1'.", "age", 7, "-1"),
        Problem("The row has 9 cells, the header 3.", None, 5),
    ]
    found = summarize_data(
        table([16.0], ["North"]), np.array([1.0]), schema(integer=True), problems
    )
    assert found.problems == (
        RefusedRows("age", "a number of at least 0", 2),
        RefusedRows(None, "a full row with as many cells as the header", 1),
    )
    assert "secret" not in repr(found)
