"""Outcomes are made as the command says, and its limits fail where they should."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.classes_vs_peers import (
    TABLES,
    OutcomeTable,
    Training,
    limits_of,
    usual_seeds,
    write_outcomes,
)

LOSSES = {"ours": 0.60, "logistic": 0.62, "catboost": 0.64, "average": 0.60}
GOOD = [Training("t", seed, 3_000, LOSSES, 0.01) for seed in range(2)]


def test_a_number_becomes_an_outcome_and_what_may_not_be_used_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a,secret,score\nx,1,59.5\ny,2,60\nz,3,\n")
    table = OutcomeTable("in", "score", ("secret",), TABLES["stud-60"].outcome)
    assert write_outcomes(table, tmp_path / "in.csv", tmp_path / "out.csv") == 2
    with (tmp_path / "out.csv").open() as file:
        assert [*csv.reader(file)] == [["a", "score"], ["x", "fail"], ["y", "pass"]]


def test_a_fifth_of_the_rows_is_low() -> None:
    outcome = TABLES["star3-fifth"].outcome
    assert outcome
    assert [outcome(v, range(100)) for v in range(100)].count("low") == 20


def test_days_to_come_are_left_out() -> None:
    assert "score_by_day_60" in TABLES["oulad-30"].drop
    assert "score_by_day_30" not in TABLES["oulad-30"].drop
    assert TABLES["oulad-120"].drop == ("id_student",)


def test_what_is_good_keeps_every_limit() -> None:
    limits = limits_of(GOOD)
    assert len(limits) == 2
    assert all(one.kept for one in limits)


def test_tables_whose_calibration_is_judged_are_tried_on_ten_splits() -> None:
    assert [usual_seeds(n) for n in (999, 1_000, 1_999, 2_000)] == [20, 5, 5, 10]


@pytest.mark.parametrize(
    "worse", [{"losses": LOSSES | {"ours": 0.63}}, {"calibration_error": 0.04}]
)
def test_a_mean_over_the_seeds_that_is_too_high_fails(worse: dict) -> None:
    limits = limits_of([GOOD[0], replace(GOOD[1], **worse)])
    assert [one.kept for one in limits].count(False) == 1


def test_small_tables_have_no_limit_of_calibration_and_tools_have_one_of_theirs() -> None:
    small = replace(GOOD[0], n_rows=480, losses=LOSSES | {"flaml": 0.5}, calibration_error=0.1)
    limits = limits_of([small])
    assert [one.kept for one in limits] == [True, False]
    assert "flaml" in limits[1].claim
