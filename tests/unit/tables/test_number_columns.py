"""A column's cells are read as numbers in one way, or it is said that two fit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.tables.cells import parse_number
from src.tables.number_columns import Evidence, NumberColumn, NumberHints, read_numbers

NAN = math.nan


def read(cells: list[str], evidence: Evidence | None = None, **said: object) -> NumberColumn:
    different = list(dict.fromkeys(cells))
    counts = np.array([cells.count(cell) for cell in different])
    return read_numbers(different, counts, evidence or Evidence(), NumberHints(**said))


def plain(*numbers: int) -> list[str]:
    return [str(number) for number in numbers]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1,250", "12,500", "1,250,000", "900"], [1250, 12500, 1250000, 900]),
        (["1.250", "900", "2.100", "1.250.000"], [1250, 900, 2100, 1250000]),
        (["1 250", "12 500", "900"], [1250, 12500, 900]),
        (["1\u00a0250", "12\u202f500", "900"], [1250, 12500, 900]),
        (["1'250", "12'500", "900"], [1250, 12500, 900]),
        (["1.234,50", "12.500,00", "900,25"], [1234.5, 12500, 900.25]),
        (["$45,000", "$1,250", "$900"], [45000, 1250, 900]),
        (["45.000 €", "1.250 €", "900 €"], [45000, 1250, 900]),
        (["Rs. 500", "Rs. 1,500", "Rs. 20"], [500, 1500, 20]),
        (["72,5", "61,25", "80"], [72.5, 61.25, 80]),
        (["85%", "7.5 %", "100％"], [85, 7.5, 100]),
        (["85%", "90", "7%"], [85, 90, 7]),
        (["5 h", "7 h", "10 h", "2.5 h", "1 h"], [5, 7, 10, 2.5, 1]),
        (["12/20", "7/20", "20/20"], [12, 7, 20]),
        (["12/20", "35/50", "70/100"], [60, 70, 70]),
        (["1:30", "0:45", "12:05"], [90, 45, 725]),
        (["1:30:00", "0:45:00"], [90, 45]),
        (["0:01:30", "0:00:45"], [90, 45]),
        (["−5", "3", "−1.5"], [-5, 3, -1.5]),
        (["3", "", "n/a", "4"], [3, NAN, NAN, 4]),
        (["80", "75", "62", "AB", "absent"], [80, 75, 62, NAN, NAN]),
    ],
    ids=lambda cells: " ".join(map(str, cells))[:24],
)  # fmt: skip
def test_numbers_are_read_whatever_they_wear(cells: list[str], values: list[float]) -> None:
    column = read(cells)
    assert (column.is_numeric, column.question) == (True, "")
    np.testing.assert_allclose(column.values, values)


@pytest.mark.parametrize(
    ("cells", "evidence", "question"),
    [
        (["12,500", "11,250", "15,827"], Evidence(delimiter=";", decimal_comma=True), "thousands"),
        (["1.250", "2.500", "1.827"], Evidence(delimiter=";"), "thousands"),
        (["1,250", "1.250", "900"], Evidence(), "thousands"),
        ([*plain(85, 90, 75, 66, 52, 48), "0.85", "0.91", "0.7", "0.66"], Evidence(), "scale"),
        (["5 km", "7 m", "10 km", "300 m", "2 km", "8 m"], Evidence(), "units"),
        (["1:30:20", "59:10", "1:02:11"], Evidence(), "units"),
    ],
    ids=["semicolons", "points", "both marks", "shares", "units", "durations"],
)
def test_what_fits_two_readings_is_asked(cells, evidence: Evidence, question: str) -> None:
    assert read(cells, evidence).question == question


def test_the_rest_of_the_file_may_tell_what_a_column_leaves_open() -> None:
    cells = ["12,500", "11,250", "15,827"]
    decimals = read(cells, Evidence(comma=True, delimiter=";", decimal_comma=True))
    thousands = read(cells, Evidence(point=True, delimiter=";"))
    assert (decimals.values[0], thousands.values[0]) == (12.5, 12500)


@pytest.mark.parametrize(
    "cells",
    [
        ["yes", "no", "1", "0"],
        ["A", "B", "C", "1"],
        ["3-5", "6-8", "9-12"],
        ["1st", "2nd", "3rd"],
        ["1980:1", "1980:2", "1979:4"],
        ["5 or more", "3", "4", "10+"],
        ["8a", "8b", "9a"],
        ["https://a.b/1", "https://a.b/2"],
    ],
    ids=lambda cells: cells[0],
)
def test_answers_stay_answers(cells: list[str]) -> None:
    assert not read(cells).is_numeric


CELLS = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.floats(-1e6, 1e6).map(lambda x: f"{x:.2f}"),
    st.integers(0, 10**6).map(lambda x: f"{x:,}"),
    st.integers(0, 100).map(lambda x: f"{x}%"),
    st.sampled_from(["", "AB", "n/a", "1:30", "12/20", "$5", "1.250", "12,500", "0,5", "5 h", "x"]),
    st.text(max_size=6),
)


@given(st.lists(CELLS, min_size=1, max_size=12), st.booleans(), st.sampled_from([",", ";", "\t"]))
def test_a_plain_number_is_never_read_as_another(
    cells: list[str], decimal_comma: bool, delimiter: str
) -> None:
    """But for 0.85 beside 85, which is asked, and 1.250, whose reading the column decides."""
    column = read(cells, Evidence(delimiter=delimiter, decimal_comma=decimal_comma))
    different = list(dict.fromkeys(cells))
    assert len(column.values) == len(different)
    assert not np.isinf(column.values).any()
    for cell, value in zip(different, column.values.tolist(), strict=True):
        number = parse_number(cell)
        if number is not None and not math.isnan(value) and cell[-4:-3] != ".":
            assert value == number
