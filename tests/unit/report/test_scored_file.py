"""What is said of a file that was scored."""

import pytest

from src.report.scored_file import at_risk, listed_by_chance, reading
from src.serving.summary import Tally

SHARE = {"value": 0.8, "low": 0.7, "high": 0.9}
METRICS = {
    "at_risk": [
        {"mark": 40.0, "n_samples": 800, "precision": SHARE, "recall": SHARE},
        {"mark": 50.0, "n_samples": 800, "precision": SHARE, "recall": SHARE | {"value": 0.75}},
    ]
}


def test_a_list_of_those_below_the_mark_says_how_good_such_lists_are() -> None:
    said = at_risk(METRICS, 50)
    assert "was counted on 800 students" in said
    assert "80\N{NO-BREAK SPACE}% (70 to 90) of those on it did score below" in said
    assert said.endswith("it named 75\N{NO-BREAK SPACE}% (70 to 90) of all who did.")
    assert "was counted at 40, the nearest mark, on 800" in at_risk(METRICS, 43)


@pytest.mark.parametrize("mark", [None, 39.5, 51])
def test_nothing_is_said_without_a_mark_or_outside_those_that_were_counted(mark) -> None:
    assert at_risk(METRICS, mark) == ""
    assert at_risk({}, 45) == ""


def _list(share: float, precision: float, recall: float) -> dict:
    return {
        "share": share,
        "precision": {"value": precision, "low": precision - 0.1, "high": precision + 0.1},
        "recall": {"value": recall, "low": recall - 0.1, "high": recall + 0.1},
    }


EVENT = "Fail or Withdrawn"
OUTCOMES = {
    "held_out": {
        "capacity": {"n_samples": 500, "lists": [_list(0.1, 0.8, 0.3), _list(0.3, 0.6, 0.7)]}
    },
}


def test_a_list_that_was_counted_on_training_students_is_called_so():
    elsewhere = {"n_samples": 400, "lists": [_list(0.3, 0.6, 0.7)], "out_of_fold": True}
    held_out = {"capacity": {"n_samples": 97, "lists": []}}
    metrics = OUTCOMES | {"held_out": held_out, "capacity_out_of_fold": elsewhere}
    said = listed_by_chance(metrics, 0.26, EVENT).replace("\N{NO-BREAK SPACE}", " ")
    assert "on 400 training students, each predicted by models that had not seen them" in said
    assert "of the 30 % with the largest chance of Fail or Withdrawn, 60 % (50 to 70)" in said


def test_the_list_by_chance_is_judged_by_the_nearest_that_was_counted():
    said = listed_by_chance(OUTCOMES, 0.26, EVENT).replace("\N{NO-BREAK SPACE}", " ")
    assert "on 500 students who were kept out of training" in said
    assert "of the 30 % with the largest chance of Fail or Withdrawn, 60 % (50 to 70)" in said
    assert "named 70 % (60 to 80) of all who did; drawing lots names 30 %" in said
    assert "of the 10 % with" in listed_by_chance(OUTCOMES, 0.12, EVENT).replace("\xa0", " ")


def test_where_nobody_counted_nothing_is_said_of_the_list():
    for metrics in ({}, {"held_out": {}}, {"held_out": {"capacity": None}}):
        assert listed_by_chance(metrics, 0.3, EVENT) == ""
    assert listed_by_chance(OUTCOMES, 0.0, EVENT) == ""


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((5, 0, 0, 0), []),
        ((5, 1, 1, 0), ["1 student of 1 group that the model does not know."]),
        ((5, 3, 2, 2), ["3 students of 2 groups that the model does not know and 2 students "
                        "without one."]),
        ((5, 0, 0, 5), ["no student has one."]),
    ],
)  # fmt: skip
def test_students_of_groups_that_the_model_does_not_know_are_counted(counts, said) -> None:
    n_rows, n_unknown, n_groups, n_without = counts
    file = Tally(
        n_rows=n_rows,
        effect_column="school",
        n_unknown=n_unknown,
        n_unknown_groups=n_groups,
        n_without_group=n_without,
    )
    end = " They count as of an average one, of which less is known."
    assert reading(file) == [f"school: {one}{end}" for one in said]
