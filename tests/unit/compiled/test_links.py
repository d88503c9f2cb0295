from __future__ import annotations

import math

import pytest

from src.compiled.links import probabilities, slopes

CASES = {
    "sigmoid": ("sigmoid", [0.7], ()),
    "softmax": ("softmax", [0.3, -1.2, 2.0], ()),
    "share of two": ("share", [0.3], ()),
    "shares": ("share", [0.3, 0.5, 0.2], ()),
    "cumulative": ("cumulative", [0.4], (-1.0, 0.5, 2.0)),
}


@pytest.mark.parametrize("case", CASES)
def test_probabilities_sum_to_one_and_slopes_are_differences(case: str) -> None:
    link, scores, thresholds = CASES[case]
    found = probabilities(link, scores, thresholds)
    assert math.fsum(found) == pytest.approx(1.0, abs=1e-15)
    gains = [0.3, 1.0, -0.5, 0.0][: len(found)]

    def total(place: int, step: float) -> float:
        moved = [score + step * (i == place) for i, score in enumerate(scores)]
        each = probabilities(link, moved, thresholds)
        return math.fsum(gain * p for gain, p in zip(gains, each, strict=True))

    differences = [(total(i, 1e-6) - total(i, -1e-6)) / 2e-6 for i in range(len(scores))]
    assert list(slopes(link, scores, gains, thresholds)) == pytest.approx(differences, abs=1e-9)


def test_a_higher_score_makes_higher_outcomes_likelier() -> None:
    low, high = (probabilities("cumulative", [score], (-1.0, 1.0)) for score in (-2.0, 2.0))
    assert low[0] > 0.7 > 0.3 > low[2]
    assert list(high) == pytest.approx(list(reversed(low)))


@pytest.mark.parametrize("far", [800.0, -800.0])
def test_scores_far_out_make_no_overflow(far: float) -> None:
    assert probabilities("sigmoid", [far])[1] == (far > 0)
    assert list(probabilities("softmax", [far, 0.0])) == [far > 0, far < 0]
    assert probabilities("cumulative", [far], (0.0,))[1] == (far > 0)
