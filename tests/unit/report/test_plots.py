import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from src.report.plots import (
    SHOWN_POINTS,
    WIDTH,
    Dot,
    Line,
    curves,
    dots,
    histogram,
    padded,
    reliability,
    scatter,
)
from src.stats.intervals import Interval


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter("text")]


def places(svg: str) -> list[tuple[float, float]]:
    found = re.findall(r'<use[^>]* x="([\d.-]+)" y="([\d.-]+)"', svg)
    return [(float(x), float(y)) for x, y in found]


def scattered(x: np.ndarray, y: np.ndarray, shift: float = 0.4, **options) -> str:
    return scatter("s", "Dots of students.", x, y, "Predicted", "Actual", shift=shift, **options)


@pytest.mark.parametrize("label", ["cost in $", "$x$ and $y$", "a_b^c", "<b>&amp;", "Größe"])
def test_a_label_is_written_as_it_is(label):
    assert label in texts(dots("d", "One row.", [Dot(label, 1.0)], "Value"))
    assert label in texts(curves("c", "A curve.", [Line("", [0, 1], [0, 1])], label, "Value"))


def test_a_long_label_is_cut_where_its_room_ends():
    (shown,) = [t for t in texts(dots("d", "One row.", [Dot("x" * 200, 1.0)], "V")) if "x" in t]
    assert shown.endswith("…")
    assert 15 < len(shown) < 40


def test_a_label_that_is_too_long_for_one_line_gets_two():
    svg = dots("d", "Two rows.", [Dot("Race or ethnicity × Parents' education", 1.0)], "V")
    assert {"Race or ethnicity ×", "Parents' education"} < set(texts(svg))


def test_wide_letters_get_fewer_places():
    wide, narrow = (
        max(texts(dots("d", "One row.", [Dot(letter * 200, 1.0)], "V")), key=len)
        for letter in ("点", "x")
    )
    assert len(wide) < 0.7 * len(narrow)


def test_rows_stand_in_the_order_given_the_first_on_top():
    svg = dots("d", "Two rows.", [Dot("first", 1.0), Dot("second", 2.0)], "Value")
    heights = {e.text: float(e.get("y", "0")) for e in ET.fromstring(svg).iter("text")}
    assert heights["first"] < heights["second"]


def test_no_dot_of_a_student_lies_where_the_student_does():
    values = np.arange(0.0, 50.0)
    moved, exact = (np.array(places(scattered(values, values, shift))) for shift in (0.4, 0.0))
    assert moved.shape == exact.shape == (50, 2)
    apart = np.abs(moved - exact)
    assert (apart.max(axis=1) > 0.01).all()
    one_unit = abs(exact[1, 0] - exact[0, 0])
    assert apart.max() <= 0.41 * one_unit


def test_at_most_two_thousand_students_are_drawn():
    values = np.random.default_rng(0).normal(size=SHOWN_POINTS + 500)
    assert len(places(scattered(values, values))) == SHOWN_POINTS


@pytest.mark.parametrize("value", [0.0, 1e30, -5.0])
def test_equal_values_can_be_drawn(value):
    same = np.full(12, value)
    band = same - 1, same + 1
    for svg in (
        scattered(same, same, diagonal=True, band=band),
        scattered(same, same - same),
        histogram("h", "One bar.", [value - 0.5, value + 0.5], [12], "Value", marks=[value]),
        curves("c", "Flat.", [Line("", [1, 2], [value, value])], "x", "y"),
        dots("d", "One row.", [Dot("a", value, value, value)], "Value", reference=0.0, bars=True),
    ):
        assert svg.startswith(f'<svg viewBox="0 0 {WIDTH} ')


def test_bars_of_unequal_width_are_not_called_counts():
    equal = histogram("h", "Two bars.", [0, 2, 4], [12, 30], "Value")
    unequal = histogram("h", "Two bars.", [0, 2, 8], [12, 30], "Value")
    assert "Students" in texts(equal)
    assert "Students per step of 2" in texts(unequal)
    assert "30" not in texts(unequal)


def test_ticks_have_room_for_their_labels():
    rows = [Dot("a rather long label of a row", v) for v in (1_000_000.5, 1_000_000.75)]
    svg = dots("d", "Two rows.", rows, "Value")
    ticks = [t for t in texts(svg) if t.startswith("1,000")]
    assert 1 <= len(ticks) <= 3


def test_probabilities_are_in_per_cent():
    svg = reliability("r", "Two groups.", [0.2, 0.8], [Interval(0.25, 0.1, 0.4)] * 2, "x", "y")
    assert {"20", "100"} <= set(texts(svg))


def test_axes_leave_room_on_both_sides():
    assert padded([0.0, 10.0]) == (-0.5, 10.5)
    assert padded([7.0, 7.0])[0] < 7.0 < padded([7.0, 7.0])[1]
