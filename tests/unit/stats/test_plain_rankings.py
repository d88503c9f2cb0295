from __future__ import annotations

import numpy as np
import pytest

from src.stats.plain_rankings import best_number, line_of, mean_of_group, shrunken_means

NAN = float("nan")


def test_a_mean_is_drawn_by_as_much_as_chance_explains() -> None:
    # Within: (2 + 0.5) / 3; between: (2 * 2² + 3 * (4/3)²) ... worked out for sizes 2 and 3.
    y = np.array([0.0, 2.0, 4.0, 4.5, 3.5])
    within = (1 + 1 + 0 + 0.25 + 0.25) / 3
    overall = 2.8
    between = 2 * (1 - overall) ** 2 + 3 * (4 - overall) ** 2
    variance = (between - within) / (5 - 13 / 5)
    found = shrunken_means(y, ["a", "a", "b", "b", "b"])
    kept = {
        "a": 2 * variance / (2 * variance + within),
        "b": 3 * variance / (3 * variance + within),
    }
    assert found["a"] == pytest.approx(overall + kept["a"] * (1 - overall))
    assert found["b"] == pytest.approx(overall + kept["b"] * (4 - overall))
    assert 1 < found["a"] < overall < found["b"] < 4


def test_groups_that_differ_by_chance_alone_have_the_overall_mean() -> None:
    y = np.array([0.0, 10.0, 1.0, 9.0])
    assert shrunken_means(y, ["a", "a", "b", "b"]) == {"a": 5.0, "b": 5.0}
    assert shrunken_means(y, ["a", "b", "c", "d"]) == dict.fromkeys("abcd", 5.0)
    assert shrunken_means(np.ones(4), ["a", "a", "b", "b"]) == {"a": 1.0, "b": 1.0}


def test_a_new_group_has_the_mean_of_what_else_is_known_of_its_rows() -> None:
    found = mean_of_group({"a": 7.0}, ["a", "new", "new", "a"], np.array([1.0, 2.0, 4.0, 9.0]))
    assert found.tolist() == [7.0, 3.0, 3.0, 7.0]


def test_a_line_is_fitted_to_what_is_known_and_a_blank_has_the_mean_of_blanks() -> None:
    column, y = np.array([0.0, 1.0, 2.0, NAN, NAN]), np.array([1.0, 3.0, 5.0, 10.0, 20.0])
    assert line_of(column, y, np.array([4.0, NAN])).tolist() == [9.0, 15.0]
    whole = np.array([0.0, 1.0, 2.0])
    assert line_of(whole, y[:3], np.array([NAN])).tolist() == [3.0]
    assert line_of(np.full(3, NAN), y[:3], np.array([5.0])).tolist() == [3.0]
    assert line_of(np.full(3, 7.0), y[:3], np.array([8.0])).tolist() == [3.0]


@pytest.mark.parametrize("event", [True, False])
def test_the_number_that_tells_most_is_found_and_of_equals_the_first(event: bool) -> None:
    y = np.array([0.0, 0.0, 1.0, 1.0])
    noise, good = np.array([1.0, 2.0, 1.0, 2.0]), np.array([4.0, 3.0, 2.0, 1.0])
    assert best_number([noise, good, -good], y, event=event) == 1
    assert best_number([noise], y, event=event) is None
    assert best_number([], y, event=event) is None
