from __future__ import annotations

import io
import string
from dataclasses import replace
from itertools import islice, product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from src.components.data_validation import SUGGESTIONS, DataValidation, ValidatedTable
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.tables.reader import open_table, read_table

SCHEMA = Schema(
    (
        CategoricalFeature(name="lunch", categories=("standard", "free/reduced")),
        NumericFeature(
            name="score", minimum=0, maximum=100, observed_minimum=17, observed_maximum=100
        ),
        NumericFeature(name="hours", observed_minimum=0, observed_maximum=9, optional=True),
        CategoricalFeature(name="club", categories=("NA", "chess"), optional=True),
    ),
    NumericFeature(name="mark", observed_minimum=0, observed_maximum=50, optional=True),
)


def validate(text: str | bytes, schema: Schema = SCHEMA, **options: Any) -> ValidatedTable:
    data = text.encode() if isinstance(text, str) else text
    table = read_table(io.BytesIO(data), "class.csv")
    positions = schema.locate(table.header)
    if options.get("with_target"):
        positions[schema.target.name] = table.header.index(schema.target.name)
    validation = DataValidation(schema, decimal_comma=table.decimal_comma)
    return validation.run(table, positions, **options)


GOOD = "lunch,score,hours,club\nstandard,72,3,chess\nfree/reduced,60.5,,NA\nstandard,20,NA,\n"


def frame(rows: list[list]) -> pd.DataFrame:
    expected = pd.DataFrame(rows, columns=["lunch", "score", "hours", "club"], dtype=object)
    return expected.astype({"score": float, "hours": float})


EXPECTED = frame(
    [["standard", 72.0, 3.0, "chess"], ["free/reduced", 60.5, np.nan, "NA"],
     ["standard", 20.0, np.nan, np.nan]]
)  # fmt: skip


# --- good rows ----------------------------------------------------------------------------------


def test_good_rows_become_typed_columns() -> None:
    found = validate(GOOD)
    pd.testing.assert_frame_equal(found.frame, EXPECTED)
    assert found.accepted.tolist() == [True, True, True]
    assert (found.problems, dict(found.warnings)) == ([], {})


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + GOOD,  # C1
        GOOD.replace(",", ";").replace("60.5", "60,5"),  # C2
        GOOD.replace(",", "\t").replace("60.5", "60,5"),
        GOOD.replace(",", "\t"),
        GOOD.replace("score", " SCORE ").replace("club", "Club"),  # C8
        "".join(
            ",".join(line.split(",")[::-1]) + "\n" for line in GOOD.splitlines()
        ),  # C8: reordered
        GOOD.encode("utf-16"),  # C3
        GOOD.replace("\n", "\r\n").replace("standard", '"standard"'),
    ],
    ids=["mark", "semicolons", "tabs", "points", "case", "order", "utf-16", "quotes"],
)
def test_other_ways_to_write_a_table_give_the_same_frame(text: str | bytes) -> None:
    """C1, C2, C3, C8."""
    found = validate(text)
    pd.testing.assert_frame_equal(found.frame, EXPECTED)
    assert found.accepted.all()


def test_excel_gives_the_same_frame() -> None:
    """C2."""
    import openpyxl

    book = openpyxl.Workbook()
    for row in [["lunch", "score", "hours", "club"], ["standard", 72, 3, "chess"],
                ["free/reduced", 60.5, None, "NA"], ["standard", 20, None, None]]:  # fmt: skip
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    table = read_table(io.BytesIO(content.getvalue()), "class.xlsx")
    found = DataValidation(SCHEMA).run(table, SCHEMA.locate(table.header))
    pd.testing.assert_frame_equal(found.frame, EXPECTED)


@pytest.mark.parametrize("cell", ["", " ", "NA", "n/a", "null", "None", "NaN", "-", "?", " na "])
def test_usual_marks_in_a_numeric_column_are_missing_values(cell: str) -> None:
    """C6b."""
    found = validate(f"lunch,score,hours,club\nstandard,72,{cell},chess\n")
    assert np.isnan(found.frame["hours"][0])
    assert found.problems == []


def test_usual_marks_in_a_categorical_column_are_categories() -> None:
    """C6."""
    assert validate(GOOD).frame["club"].tolist()[:2] == ["chess", "NA"]
    (problem,) = validate("lunch,score,hours,club\nstandard,72,1,null\n").problems
    assert problem.message.startswith("club must be one of 'NA', 'chess'. Got 'null'.")


@pytest.mark.parametrize("mark", ["", "NA", "null"])
def test_a_missing_value_is_refused_where_training_had_none(mark: str) -> None:
    """C15."""
    found = validate(f"lunch,score,hours,club\nstandard,{mark},1,chess\nstandard,5,,\n")
    assert found.accepted.tolist() == [False, True]
    assert str(found.problems[0]) == "Row 2: score is missing. It must be a number from 0 to 100."


def test_no_rows_give_an_empty_typed_frame() -> None:
    found = validate("lunch,score,hours,club\n")
    assert found.frame.dtypes.astype(str).tolist() == ["object", "float64", "float64", "object"]
    assert (len(found.frame), len(found.accepted)) == (0, 0)


def test_only_bad_rows_give_an_empty_typed_frame() -> None:
    found = validate("lunch,score,hours,club\nx,x,x,x\n")
    assert found.frame.dtypes.astype(str).tolist() == ["object", "float64", "float64", "object"]
    assert len(found.problems) == 4


def test_columns_of_texts_stay_objects_whatever_they_hold() -> None:
    """pandas would make a string column of texts, and a float column of missing values alone."""
    found = validate("lunch,score,hours,club\nstandard,72,,\nstandard,73,,\n")
    assert found.frame.dtypes.astype(str).tolist() == ["object", "float64", "float64", "object"]
    assert found.frame["club"].isna().all()
    assert all(type(value) is float for value in found.frame["club"])


# --- problems -----------------------------------------------------------------------------------


def test_every_problem_stands_in_one_report_in_the_order_of_the_rows() -> None:
    found = validate(
        "lunch,score,hours,club\n"
        "standard,72,3,chess\n"
        "standart,101,x,chess\n"  # three problems
        "standard,72,3\n"  # C5
        '"standard,72,3,chess\n'  # C5
        "standard,inf,3,chess\n"  # C7
        "standard,72,3,chess,9\n"  # C4
        "standard,\x0072,3,chess\n"  # C7
        "standard,1e309,3,golf\n"
        "standard,30,3,chess\n"
    )
    assert [(p.row, p.field) for p in found.problems] == [
        (3, "lunch"), (3, "score"), (3, "hours"), (4, None), (5, None), (6, "score"), (7, None),
        (8, None), (9, "score"), (9, "club"),
    ]  # fmt: skip
    assert found.accepted.tolist() == [True, *[False] * 7, True]
    assert found.frame["score"].tolist() == [72.0, 30.0]
    assert str(found.problems[0]) == (
        "Row 3: lunch must be one of 'standard', 'free/reduced'. Got 'standart'. "
        "Did you mean 'standard'?"
    )
    assert found.problems[5].got == "inf"


def test_one_bad_row_in_a_thousand_is_the_only_one_refused() -> None:
    """C12."""
    rows = [f"standard,{20 + i % 80},1,chess" for i in range(1000)]
    rows[499] = "standard,ninety,1,chess"
    found = validate("lunch,score,hours,club\n" + "\n".join(rows))
    assert (len(found.frame), found.accepted.sum()) == (999, 999)
    (problem,) = found.problems
    assert (problem.row, problem.field, problem.got) == (501, "score", "ninety")
    assert problem.message == "score must be a number from 0 to 100. Got 'ninety'."


@pytest.mark.parametrize(
    "cell", ["nan ", "inf", "-inf", "1e309", "1_0", "５０", "True", "0x1F", "12:30", "1,234"]
)
def test_what_is_no_plain_number_is_refused(cell: str) -> None:
    """F2, F3, C7."""
    found = validate(f'lunch,score,hours,club\nstandard,"{cell}",1,chess\nstandard,5,1,chess\n')
    assert found.accepted.tolist() == [False, True]


def test_numbers_grouped_by_points_are_refused_where_commas_are_decimal() -> None:
    """C2."""
    found = validate("lunch;score;hours;club\nstandard;72,5;1.234;chess\n")
    (problem,) = found.problems
    assert problem.message == (
        "hours must be a number. Got '1.234'. Leave out the thousands separators."
    )


def test_problems_are_shortened() -> None:
    (problem,) = validate(f"lunch,score,hours,club\nstandard,{'9' * 500}x,1,chess\n").problems
    assert len(problem.got or "") == 60


def test_many_different_unknown_values_are_refused_without_a_suggestion_each() -> None:
    """C10."""
    n = SUGGESTIONS + 100
    ends = islice(product(string.ascii_lowercase, repeat=2), n)
    rows = "".join(f"standart{a}{b},50,1,chess\n" for a, b in ends)
    found = validate("lunch,score,hours,club\n" + rows)
    assert len(found.problems) == n
    assert sum("Did you mean" in p.message for p in found.problems) == SUGGESTIONS


# --- warnings -----------------------------------------------------------------------------------


def test_values_that_training_never_saw_are_counted_by_column() -> None:
    found = validate(
        "lunch,score,hours,club\nstandard,5,99,chess\nstandard,6,1,chess\nstandard,72,-1,chess\n"
    )
    assert found.accepted.all()
    assert found.warnings == {"score": 2, "hours": 2}


def test_refused_rows_do_not_count_among_the_warnings() -> None:
    found = validate("lunch,score,hours,club\nnone,5,1,chess\nstandard,6,1\nstandard,7,1,chess\n")
    assert found.warnings == {"score": 1}


# --- the target, positions, chunks ----------------------------------------------------------------


def test_the_target_comes_last_where_it_is_asked_for() -> None:
    marks = ("7.5", "", "x")
    text = "mark,lunch,score,hours,club\n" + "".join(f"{m},standard,72,3,chess\n" for m in marks)
    found = validate(text, with_target=True)
    assert found.frame.columns.tolist() == ["lunch", "score", "hours", "club", "mark"]
    assert found.frame["mark"].tolist()[0] == 7.5
    assert np.isnan(found.frame["mark"][1])
    assert [p.field for p in found.problems] == ["mark"]
    assert validate(text).frame.columns.tolist() == ["lunch", "score", "hours", "club"]


def test_other_columns_are_not_looked_at() -> None:
    text = GOOD.replace("\n", ",=note \x07\n").replace(",=note \x07", ",note", 1)
    pd.testing.assert_frame_equal(validate(text).frame, EXPECTED)


def test_chunks_of_a_table_give_what_the_whole_gives() -> None:
    rows = [f"{'standard' if i % 3 else 'x'},{i % 120},{i / 7:.3f},chess" for i in range(1000)]
    text = "lunch,score,hours,club\n" + "\n".join(rows)
    whole = validate(text)
    with open_table(io.BytesIO(text.encode()), "x.csv") as reader:
        validation = DataValidation(SCHEMA)
        parts = [validation.run(c, SCHEMA.locate(reader.header)) for c in reader.chunks(77)]
    pd.testing.assert_frame_equal(
        pd.concat([part.frame for part in parts], ignore_index=True), whole.frame
    )
    assert [p for part in parts for p in part.problems] == whole.problems
    assert sum((part.warnings for part in parts), start=parts[0].warnings - parts[0].warnings) == (
        whole.warnings
    )


def test_the_memory_of_checked_cells_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.components.data_validation.REMEMBERED", 100)
    validation = DataValidation(SCHEMA)
    for start in (0, 500, 1000):
        rows = "".join(f"standard,50,{start + i},chess\n" for i in range(500))
        table = read_table(io.BytesIO(f"lunch,score,hours,club\n{rows}".encode()), "x.csv")
        validation.run(table, SCHEMA.locate(table.header))
    assert len(validation._columns["hours"]._values) == 500


def test_a_row_without_any_value_is_refused_whatever_else_stands_in_it() -> None:
    optional = tuple(replace(feature, optional=True) for feature in SCHEMA.features)
    found = validate(
        "name,lunch,score,hours,club\nAnn,,,,\nBo,standard,5,1,chess\n,,,,\nCy,,7,,\n",
        replace(SCHEMA, features=optional),
    )
    assert found.accepted.tolist() == [False, True, False, True]
    assert "holds no value of any feature" in found.problems[0].message
