from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from src.report.groups import Partition, groups_to_compare, partition_by, partitions_of
from src.schema.features import CategoricalFeature, ClassTarget, NumericFeature
from src.schema.record import Schema
from src.stats.disclosure import LEAST_ROWS

RESULT = ClassTarget(name="result", categories=("Fail", "Pass"))


def categorical(values: list[object], name: str = "lunch", label: str = "Lunch") -> Partition:
    feature = CategoricalFeature(
        name=name, label=label, categories=tuple(sorted({v for v in values if isinstance(v, str)}))
    )
    return partition_by(feature, pd.Series(values, dtype=object))


def numeric(values: list[float], unit: str = "") -> Partition:
    feature = NumericFeature(name="age", observed_minimum=0, observed_maximum=99, unit=unit)
    return partition_by(feature, pd.Series(values, dtype=float))


def sizes(one: Partition) -> dict[str, int]:
    return {label: n for label, n in zip(one.labels, one.counts.tolist(), strict=True) if n}


def test_categories_stand_as_they_are_and_missing_is_a_group_of_its_own() -> None:
    found = categorical(["a"] * 12 + ["b"] * 15 + [np.nan] * 11)
    assert sizes(found) == {"Lunch = a": 12, "Lunch = b": 15, "Lunch missing": 11}
    assert found.shown == [0, 1, 2]


def test_a_category_called_missing_is_not_mixed_with_missing_values() -> None:
    found = categorical(["missing"] * 12 + [np.nan] * 11)
    assert sorted(sizes(found).values()) == [11, 12]


def test_a_feature_without_a_label_is_called_by_its_name() -> None:
    assert categorical(["a"] * 20, label="").labels[0] == "lunch = a"


def test_numbers_are_cut_into_thirds_that_say_where() -> None:
    found = numeric([float(age) for age in range(10, 70)], unit="years")
    assert sizes(found) == {
        "age up to 29 years": 20,
        "age over 29 to 49 years": 20,
        "age over 49 years": 20,
    }


def test_a_few_different_numbers_are_a_group_each() -> None:
    assert sizes(numeric([1.0, 2.0, 2.5] * 20)) == {"age = 1": 20, "age = 2": 20, "age = 2.5": 20}


def test_a_third_of_equal_numbers_makes_fewer_groups_and_no_row_is_lost() -> None:
    found = sizes(numeric([0.0] * 50 + [float(n) for n in range(1, 21)]))
    assert found == {"age up to 0": 50, "age over 0": 20}


def test_long_decimals_are_cut_where_the_label_says() -> None:
    values = np.random.default_rng(0).normal(0, 1, 90)
    found = numeric(values.tolist())
    for label, code in zip(found.labels[:3], range(3), strict=True):
        inside = values[found.codes == code]
        if " up to " in label:
            assert inside.max() <= float(label.removeprefix("age up to "))
        elif " to " in label:
            low, high = map(float, label.removeprefix("age over ").split(" to "))
            assert low < inside.min() <= inside.max() <= high
        else:
            assert inside.min() > float(label.removeprefix("age over "))


def test_missing_numbers_are_a_group_even_where_all_are() -> None:
    assert sizes(numeric([np.nan] * 12)) == {"age missing": 12}
    assert sizes(numeric([np.nan] * 12 + [3.0] * 10)) == {"age = 3": 10, "age missing": 12}


def divided(columns: dict[str, list[str]], cross: tuple[str, str] | None = None) -> list[Partition]:
    """Return the partitions of some sensitive columns."""
    features = tuple(
        CategoricalFeature(name=name, categories=tuple(sorted(set(values))), sensitive=True)
        for name, values in columns.items()
    )
    mark = NumericFeature(name="mark", observed_minimum=0, observed_maximum=9)
    return partitions_of(Schema(features, mark), pd.DataFrame(columns, dtype=object), cross)


def test_only_the_pair_that_is_named_is_crossed_and_follows_the_single_features() -> None:
    random = np.random.default_rng(1)
    columns = {name: random.choice(["0", "1"], 300).tolist() for name in "abc"}
    assert [one.features for one in divided(columns)] == [("a",), ("b",), ("c",)]
    a, _, c, pair = divided(columns, ("a", "c"))
    assert pair.features == ("a", "c")
    assert pair.labels[1] == "a = 0 and c = 1"
    assert ((pair.codes == 1) == ((a.codes == 0) & (c.codes == 1))).all()


def test_features_that_differ_by_few_rows_are_not_both_shown() -> None:
    columns = {
        "lunch": ["free"] * 70 + ["paid"] * 130,
        "income": ["low"] * 71 + ["high"] * 129,
    }
    for cross in (None, ("lunch", "income")):
        first, *others = divided(columns, cross)
        assert first.shown
        assert all(one.shown == [] for one in others)


@pytest.mark.parametrize("n", [0, 3, 9])
def test_so_few_rows_are_never_shown(n: int) -> None:
    random = np.random.default_rng(n)
    columns = {name: random.choice(["x", "y"], n).tolist() for name in "abc"}
    assert all(one.shown == [] for one in divided(columns, ("b", "c")))


@pytest.mark.parametrize("seed", range(20))
def test_no_group_shown_and_none_left_over_has_fewer_than_ten_rows(seed: int) -> None:
    random = np.random.default_rng(seed)
    n = int(random.integers(20, 300))
    columns = {name: [f"{v}" for v in random.geometric(0.4, n)] for name in "abcd"}
    for cross in combinations("abcd", 2):
        for one in divided(columns, cross):
            assert all(one.counts[code] >= LEAST_ROWS for code in one.shown)
            left = n - one.counts[one.shown].sum()
            assert left == 0 or left >= LEAST_ROWS


def test_other_figures_give_way_to_features_of_which_two_groups_have_ten_of_each_kind() -> None:
    sex = CategoricalFeature(name="sex", categories=("f", "m"), sensitive=True)
    area = CategoricalFeature(name="area", categories=("city", "country"), sensitive=True)
    hours = NumericFeature(name="hours", observed_minimum=0, observed_maximum=9)
    X = pd.DataFrame({
        "sex": pd.Series(["f"] * 60 + ["m"] * 40, dtype=object),
        "area": pd.Series(["city"] * 85 + ["country"] * 15, dtype=object),
        "hours": np.arange(100.0) % 9,
    })  # fmt: skip
    happened = np.arange(100) % 2 == 0
    (found,) = groups_to_compare(Schema((sex, area, hours), RESULT), X, happened)
    assert [rows.sum() for rows in found] == [60, 40]
    assert groups_to_compare(Schema((sex, area), RESULT), X, np.arange(100) < 9) == []
