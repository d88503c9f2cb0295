"""Schema and validation on real tables; they are not part of the repository."""

from __future__ import annotations

import math

import pytest

from src.components.data_validation import DataValidation
from src.schema.hints import Hints, find_hints, read_hints
from src.schema.inference import InferredSchema
from src.tables.layout import Table
from src.tables.reader import read_table
from tests.readings import learn


@pytest.fixture
def learnt(real_table):
    def learnt(name: str, target: str) -> tuple[Table, InferredSchema]:
        table = read_table(real_table(name))
        return table, learn(table, Hints(), target)

    return learnt


@pytest.mark.parametrize(
    ("name", "target", "n_rows", "n_numeric", "n_categorical"),
    [
        ("stud.csv", "math_score", 1000, 2, 5),
        ("uci_mat.csv", "G3", 395, 15, 17),
        ("star3.csv", "math3", 6077, 2, 8),
    ],
)
def test_every_row_of_a_real_table_fits_the_schema_learnt_from_it(
    learnt, name: str, target: str, n_rows: int, n_numeric: int, n_categorical: int
) -> None:
    table, inferred = learnt(name, target)
    schema = inferred.schema
    assert (len(table.rows), table.malformed, inferred.dropped) == (n_rows, {}, {})
    assert (len(schema.numeric), len(schema.categorical)) == (n_numeric, n_categorical)
    found = DataValidation(schema).run(table, inferred.positions, with_target=True)
    assert (found.problems, dict(found.warnings)) == ([], {})
    assert found.accepted.all()
    assert schema.locate(table.header) == {
        feature: inferred.positions[feature] for feature in schema.names
    }


def test_every_row_is_accepted_as_a_json_record_too(learnt) -> None:
    table, inferred = learnt("stud.csv", "math_score")
    for row in table.rows:
        record = {name: row[inferred.positions[name]] for name in inferred.schema.names}
        values, warnings = inferred.schema.check_record(record)
        assert warnings == []
        assert all(str(value).removesuffix(".0") == record[k] for k, value in values.items())


def test_the_missing_values_of_star3_are_found(learnt) -> None:
    table, inferred = learnt("star3.csv", "math3")
    found = DataValidation(inferred.schema).run(table, inferred.positions)
    assert int(found.frame.isna().sum().sum()) == 507
    optional = {feature.name for feature in inferred.schema.features if feature.optional}
    assert optional == set(found.frame.columns[found.frame.isna().any()])


def test_scales_of_one_to_five_are_numbers_unless_the_hints_say_otherwise(learnt) -> None:
    _, inferred = learnt("uci_mat.csv", "G3")
    health = {feature.name: feature for feature in inferred.schema.numeric}["health"]
    assert (health.observed_minimum, health.observed_maximum, health.integer) == (1.0, 5.0, True)


def test_the_sample_tables_hints_fit_the_original_table_under_its_own_header(real_table) -> None:
    from src.config import SAMPLE_TABLE

    path = find_hints(SAMPLE_TABLE)
    assert path is not None
    table = read_table(real_table("stud.csv"))
    table.header = [name.replace("race_", "race/").replace("_", " ") for name in table.header]
    assert "race/ethnicity" in table.header
    schema = learn(table, read_hints(path)).schema
    assert schema.names[1] == "race_ethnicity"
    assert schema.target.name == "math_score"
    assert all(math.isfinite(feature.observed_maximum) for feature in schema.numeric)
    assert [feature.label for feature in schema.features][1] == "Race or ethnicity"
