from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from src.exception import ArtifactError
from src.stats.chances import ChanceRange, ClassChances
from src.stats.conformal import Curve

RANGE = ChanceRange((0.3, 0.6), (0.0, 0.25, 0.5), (0.2, 0.55, 0.9))
TWO = ClassChances(
    (0.7, 0.3), 99, thresholds={"0.8": (0.4, 0.7), "0.9": (0.6, 0.8)}, event=(1,), event_range=RANGE
)
ALL = [
    TWO,
    replace(TWO, method="temperature", slope=0.7),
    replace(TWO, method="platt", slope=1.3, biases=(0.3, -0.1)),
    replace(TWO, method="isotonic", curve=Curve((0.1, 0.5, 0.8), (0.0, 0.45, 1.0))),
    ClassChances(
        (0.2, 0.5, 0.2, 0.1), 400, "platt", 1.4, (0.3, 0.0, -0.2, -0.1),
        thresholds={"0.9": (0.8,) * 4},
    ),
    ClassChances(
        (0.2, 0.5, 0.2, 0.1), 400, "temperature", 0.6, ordered=True,
        thresholds={"0.8": (0.9, 0.7, 0.7, 0.6), "0.9": (0.95, 0.8, 0.8, 0.8)},
        event=(0, 1), event_range=RANGE,
    ),
]  # fmt: skip


def raw_of(made: ClassChances, n: int = 300) -> np.ndarray:
    """Return probabilities of all kinds: some certain, some equal."""
    random = np.random.default_rng(5)
    raw = random.dirichlet(np.full(len(made.prior), 0.5), n)
    raw[:5] = 1 / len(made.prior)
    raw[5:10] = np.eye(len(made.prior))[0]
    return raw


@pytest.mark.parametrize("made", ALL)
def test_json_and_back_is_the_same(made: ClassChances) -> None:
    assert ClassChances.from_dict(json.loads(json.dumps(made.to_dict()))) == made


@pytest.mark.parametrize(
    "change",
    [
        {"method": "magic"},
        {"method": "isotonic"},
        {"prior": [1.0]},
        {"prior": "half"},
        {"method": "platt"},
        {"biases": [0.0, 0.1]},
        {"thresholds": {"0.9": [0.5]}},
        {"thresholds": {"0.9": [0.5, -0.5]}},
        {"event": [2]},
        {"event": [0, 1]},
        {"event": []},
        {"event_range": {"at": [0.5], "low": [0.1], "high": [0.2, 0.4]}},
        {"n_samples": None},
        {"unknown": 1},
    ],
)
def test_a_damaged_file_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ArtifactError, match=r"chances\.json is damaged"):
        ClassChances.from_dict(TWO.to_dict() | change)


@pytest.mark.parametrize("made", [made for made in ALL if made.method != "isotonic"])
def test_slopes_are_what_a_small_change_of_a_probability_makes(made: ClassChances) -> None:
    raw, step = [*np.linspace(1, 2, len(made.prior))], 1e-6
    raw = [one / sum(raw) for one in raw]
    for code, slope in enumerate(made.slopes(raw, {0})):
        ends = [[one + side * (i == code) for i, one in enumerate(raw)] for side in (-step, step)]
        low, high = (made.calibrated(end)[0] for end in ends)
        assert slope == pytest.approx((high - low) / (2 * step), rel=1e-5)


@pytest.mark.parametrize("made", ALL)
def test_many_rows_and_one_agree_to_the_last_bit(made: ClassChances) -> None:
    raw = raw_of(made)
    chances = made.calibrated_of_each(raw)
    assert [made.calibrated(row) for row in raw.tolist()] == list(map(tuple, chances.tolist()))
    for level in made.thresholds:
        one_by_one = [made.sets(row)[level] for row in chances.tolist()]
        assert made.sets_of_each(chances, level) == one_by_one


@pytest.mark.parametrize("made", ALL)
def test_chances_sum_to_1_and_none_is_certain(made: ClassChances) -> None:
    chances = made.calibrated_of_each(raw_of(made))
    assert chances.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert (chances >= np.array(made.prior) / (made.n_samples + 1)).all()


@pytest.mark.parametrize("made", ALL)
def test_a_set_begins_with_the_most_likely_class_and_grows_with_the_level(
    made: ClassChances,
) -> None:
    for row in made.calibrated_of_each(raw_of(made)).tolist():
        sets = list(made.sets(row).values())
        assert all(row[one[0]] == max(row) for one in sets)
        assert all(row[a] >= row[b] for one in sets for a, b in pairwise(one))
        assert set(sets[0]) <= set(sets[-1])


def test_a_set_of_an_ordered_target_has_no_gaps() -> None:
    made = ALL[-1]
    chances = (0.45, 0.04, 0.06, 0.45)
    assert made.sets(chances) == {"0.8": (0, 3, 2, 1), "0.9": (0, 3, 2, 1)}
    assert replace(made, ordered=False).sets(chances)["0.8"] == (0, 3)


def test_a_range_holds_the_chance() -> None:
    assert TWO.chance_range([0.8, 0.2]) == (0.0, 0.2)
    assert TWO.chance_range([0.4, 0.6]) == (0.5, 0.9)
    assert TWO.chance_range([0.42, 0.58]) == (0.25, 0.58)
    assert TWO.chance_range([0.05, 0.95]) == (0.5, 0.95)


def test_calibration_changes_the_chances_as_it_says() -> None:
    n = TWO.n_samples

    def before(chance: float) -> float:
        return (chance * (n + 1) - 0.3) / n

    plain, warm, platt, steps = (one.calibrated([0.2, 0.8])[1] for one in ALL[:4])
    assert before(plain) == pytest.approx(0.8)
    assert before(warm) == pytest.approx(0.8**0.7 / (0.8**0.7 + 0.2**0.7))
    assert before(platt) == pytest.approx(1 / (1 + np.exp(0.4) * 0.25**1.3))
    assert before(steps) == pytest.approx(1.0)
