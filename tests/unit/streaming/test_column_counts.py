"""What a column holds, counted in parts."""

import math
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.schema.findings import Reading
from src.streaming import column_counts
from src.streaming.column_counts import ColumnCounts

NUMBERS = st.floats(-1e6, 1e6).map(repr), st.integers(0, 30).map(str)
CELLS = st.lists(st.one_of(*NUMBERS, st.sampled_from(["", "NA", "x"])), max_size=60)
NUMERIC, TEXT = Reading(numeric=True), Reading()


def _counted(*blocks):
    found = ColumnCounts()
    for cells in blocks:
        counts = Counter(cells)
        found.add([*counts], [*counts.values()])
    return found


@pytest.fixture(params=[column_counts.MOST_CELLS, 5])
def most_cells(request, monkeypatch):
    monkeypatch.setattr(column_counts, "MOST_CELLS", request.param)


@settings(max_examples=40)
@given(cells=CELLS, end=st.integers(0, 60))
@pytest.mark.usefixtures("most_cells")
def test_two_halves_make_the_whole(cells, end):
    whole, parts = _counted(cells), _counted(cells[:end], cells[end:])
    assert parts.n_rows == whole.n_rows == len(cells)
    assert (parts.many, parts.total) == (whole.many, whole.total)
    assert (parts.low, parts.high, parts.whole) == (whole.low, whole.high, whole.whole)
    for reading in (NUMERIC, TEXT):
        assert parts.counted(reading, {}, typed=False) == whole.counted(reading, {}, typed=False)


@settings(max_examples=40)
@given(numbers=st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=40))
@pytest.mark.usefixtures("most_cells")
def test_sum_has_twice_the_digits(numbers):
    found = _counted([repr(number) for number in numbers])
    exact = sum(map(Fraction, numbers))
    digits = math.ulp(float(exact)) + 2**-100 * sum(map(abs, numbers))
    assert abs(Fraction(found.total) - exact) <= digits


def test_column_of_many_numbers_keeps_its_ends_and_its_words(monkeypatch):
    monkeypatch.setattr(column_counts, "MOST_CELLS", 10)
    found = _counted([*map(str, range(500)), "0.5", "absent", "", ""])
    assert found.many
    read = found.counted(NUMERIC, {}, typed=False)
    numbers = sorted(float(cell) for cell in read if cell)
    assert (numbers[0], numbers[-1]) == (0, 499)
    assert read[""] == 3, "a word among numbers is none"
    assert not found.whole
    assert found.total == math.fsum([*range(500), 0.5])


def test_cells_are_rewritten_as_the_check_does():
    found = _counted(["Girl", "girl", "boy"])
    assert found.counted(TEXT, {"Girl": "girl"}, typed=False) == {"girl": 2, "boy": 1}
