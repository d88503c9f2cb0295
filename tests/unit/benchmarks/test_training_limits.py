"""What must be shown is shown, or it is said what fails and what nobody measured."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from benchmarks.process import MIB
from benchmarks.training_limits import Results, Training, verdicts

SEEDS = (42, 0, 1)


def trainings() -> list[Training]:
    """Return measurements that meet every limit, on two tables."""
    found = []
    for table in ("stud", "star3"):
        for seed in SEEDS:
            for method, r2, wall_s, promoted_s in (
                ("tutorial", 0.880, 50.0, None),
                ("ridge", 0.880, 3.0, None),
                ("catboost", 0.865, 3.0, None),
                ("average", 0.875, 5.0, None),
                ("flaml", 0.875, 65.0, None),
                ("quick", 0.880, 4.5, 4.4),
                ("standard", 0.882, 18.0, 12.0),
            ):
                found.append(
                    Training(
                        table, method, seed, r2, wall_s=wall_s, promoted_s=promoted_s, cpu_s=wall_s,
                        peak_bytes=300 * MIB, size_bytes=1 * MIB,
                    )
                )  # fmt: skip
    return found


def changed(method: str, table: str = "stud", **values: object) -> list[Training]:
    return [
        replace(t, **values) if (t.method, t.table) == (method, table) else t for t in trainings()
    ]


def failing(found: list[Training]) -> list[str]:
    return [v.claim for v in verdicts(found) if v.status == "fail"]


def test_every_limit_is_met_by_measurements_that_meet_them() -> None:
    assert {v.status for v in verdicts(trainings())} == {"pass"}


@pytest.mark.parametrize(
    ("method", "table", "values", "claim"),
    [
        ("quick", "stud", {"wall_s": 5.1}, "quick to its end, times faster"),
        ("standard", "stud", {"promoted_s": 12.6}, "standard to the promotion, times faster"),
        ("standard", "stud", {"wall_s": 22.1}, "standard on stud after the promotion"),
        ("quick", "stud", {"r2": 0.8799}, "quick: mean R² less the tutorial's"),
        ("ridge", "star3", {"r2": 0.8851}, "standard: mean R² less the best of ridge"),
        ("catboost", "star3", {"r2": 0.8851}, "standard: mean R² less the best of ridge"),
        ("average", "star3", {"r2": 0.8851}, "standard: mean R² less the best of ridge"),
        ("flaml", "star3", {"r2": 0.8871}, "standard: mean R² less FLAML's on star3"),
        ("standard", "star3", {"peak_bytes": 400 * MIB}, "standard: peak memory"),
        ("quick", "stud", {"size_bytes": 5 * MIB}, "quick: size of the promoted run"),
    ],
)
def test_a_limit_that_is_not_met_fails_alone(method, table, values, claim) -> None:
    found = failing(changed(method, table, **values))
    assert len(found) == 1
    assert found[0].startswith(claim)


def test_the_margin_itself_is_allowed() -> None:
    assert not failing(changed("flaml", "star3", r2=0.887))


def test_a_single_seed_above_the_memory_limit_is_enough_to_fail() -> None:
    found = trainings()
    index = next(i for i, t in enumerate(found) if (t.method, t.seed) == ("standard", 1))
    found[index] = replace(found[index], peak_bytes=401 * MIB)
    assert [claim[:21] for claim in failing(found)] == ["standard: peak memory"]


def test_a_limit_without_its_peer_is_not_measured_rather_than_met() -> None:
    found = verdicts([t for t in trainings() if t.method not in ("tutorial", "flaml")])
    open_ = [v.claim for v in found if v.status == "not measured"]
    assert len(open_) == 6
    assert all("tutorial" in claim or "FLAML" in claim for claim in open_)
    assert {v.status for v in verdicts([])} == {"not measured"}


def test_a_process_that_failed_counts_for_nothing() -> None:
    found = verdicts(changed("tutorial", error="killed"))
    assert "not measured" in {v.status for v in found if "tutorial" in v.claim}


def test_methods_are_compared_on_the_seeds_that_both_have() -> None:
    found = [
        replace(t, r2=0.5) if (t.method, t.seed) == ("ridge", 42) else t
        for t in trainings()
        if (t.method, t.seed) != ("standard", 42)
    ]
    mean, error = Results(found).difference("stud", "standard", "ridge")
    assert mean == pytest.approx(0.002)
    assert error == pytest.approx(0)
    assert Results(found).summary("stud", "ridge").r2 == pytest.approx((0.5 + 0.88 * 2) / 3)


def test_a_summary_holds_medians_and_the_highest_memory() -> None:
    found = [
        Training("t", "m", seed, 0.1 * seed, wall_s=wall_s, cpu_s=1, peak_bytes=peak)
        for seed, wall_s, peak in ((1, 9.0, 5), (2, 1.0, 9), (3, 2.0, 7))
    ]
    summary = Results(found).summary("t", "m")
    assert (summary.wall_s, summary.peak_bytes, summary.n_seeds) == (2.0, 9, 3)
    assert (summary.r2, summary.r2_sd) == (pytest.approx(0.2), pytest.approx(0.1))
    assert summary.promoted_s is None
    assert math.isnan(Results(found[:1]).summary("t", "m").r2_sd)
