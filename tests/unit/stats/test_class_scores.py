from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics

from src.stats import class_scores
from src.stats.intervals import Interval

FAIL = frozenset({0})


def drawn(n: int, n_classes: int, sharper: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return classes, and their true probabilities to some power; some rows are alike."""
    random = np.random.default_rng(n + n_classes)
    scores = random.normal(size=(n, n_classes)).round(1)
    true = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    truth = (true.cumsum(axis=1) < random.random((n, 1))).sum(axis=1)
    said = true**sharper
    return truth, said / said.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_scores_are_those_of_scikit_learn(n_classes: int) -> None:
    truth, chances = drawn(300, n_classes)
    said, codes = chances.argmax(axis=1), list(range(n_classes))
    of_event = chances[:, 1] if n_classes == 2 else chances
    found = {
        "log loss": class_scores.log_losses(truth, chances).mean(),
        "brier": class_scores.brier_losses(truth, chances).mean(),
        "auc": class_scores.auc(truth, chances),
        "auc's interval": class_scores.auc_interval(truth, chances).value,
        "pr": class_scores.pr_auc_interval(truth, chances, FAIL).value,
        "balanced": class_scores.balanced_accuracy_interval(truth, said).value,
        "kappa": class_scores.quadratic_kappa_interval(truth, said).value,
    }
    area = metrics.roc_auc_score(truth, of_event, multi_class="ovr")
    assert found == pytest.approx({
        "log loss": metrics.log_loss(truth, chances, labels=codes),
        "brier": metrics.brier_score_loss(
            truth, chances, labels=codes, scale_by_half=False
        ),
        "auc": area,
        "auc's interval": area,
        "pr": metrics.average_precision_score(truth == 0, chances[:, 0]),
        "balanced": metrics.balanced_accuracy_score(truth, said),
        "kappa": metrics.cohen_kappa_score(truth, said, weights="quadratic"),
    })  # fmt: skip


SCORES: list[Callable[[np.ndarray, np.ndarray, np.ndarray | None], Interval]] = [
    class_scores.auc_interval,
    lambda y, chances, clusters: class_scores.pr_auc_interval(y, chances, FAIL, clusters),
    lambda y, chances, clusters: class_scores.balanced_accuracy_interval(
        y, chances.argmax(axis=1), clusters
    ),
    lambda y, chances, clusters: class_scores.quadratic_kappa_interval(
        y, chances.argmax(axis=1), clusters
    ),
    lambda y, chances, clusters: class_scores.calibration_error_interval(
        y, chances**2 / (chances**2).sum(axis=1, keepdims=True), clusters
    ),
]


@pytest.mark.parametrize("score", SCORES)
def test_an_interval_is_as_wide_as_the_score_varies(
    score: Callable[[np.ndarray, np.ndarray, np.ndarray | None], Interval],
) -> None:
    truth, chances = drawn(40_000, 3)
    tables = zip(np.split(truth, 100), np.split(chances, 100), strict=True)
    found = [score(y, p, None) for y, p in tables]
    spread = np.std([one.value for one in found])
    width = np.mean([one.high - one.low for one in found]) / 2 / 1.96
    assert width == pytest.approx(spread, rel=0.25)  # a spread of 100 is known to 7 %


@pytest.mark.parametrize("score", SCORES)
def test_of_rows_that_are_copies_an_interval_is_that_of_one_copy(
    score: Callable[[np.ndarray, np.ndarray, np.ndarray | None], Interval],
) -> None:
    truth, chances = drawn(1_500, 3)
    rows = np.repeat(np.arange(1_500), 4)
    alone, blind = score(truth, chances, None), score(truth[rows], chances[rows], None)
    aware = score(truth[rows], chances[rows], rows)
    assert aware.high - aware.low == pytest.approx(alone.high - alone.low, rel=0.1)
    assert blind.high - blind.low < 0.75 * (alone.high - alone.low)


def test_the_calibration_error_is_what_a_model_is_wrong_by_and_0_for_a_right_one() -> None:
    truth, chances = drawn(20_000, 2)
    off = np.abs(chances[:, [0]] - 0.5) < 0.4
    wrong = np.where(off, chances + np.array([0.08, -0.08]), chances)
    found = class_scores.calibration_error_interval(truth, wrong)
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(0.08 * off.mean() ** 0.5, abs=0.01)
    right = class_scores.calibration_error_interval(truth, chances)
    assert right.value < 0.015
    assert right.low == 0


def test_few_rows_and_few_clusters_have_no_interval() -> None:
    truth, chances = drawn(300, 3)
    for score in SCORES:
        for found in (
            score(truth[:9], chances[:9], None),
            score(truth, chances, np.arange(300) % 9),
        ):
            assert found.low == found.value == found.high


def test_a_class_without_rows_does_not_count() -> None:
    truth, chances = (
        np.array([0, 0, 1, 1] * 5),
        np.tile([[0.6, 0.3, 0.1], [0.3, 0.6, 0.1]], (10, 1)),
    )
    assert class_scores.auc(truth, chances) == pytest.approx(
        metrics.roc_auc_score(truth == 0, chances[:, 0])
    )
    assert class_scores.auc(np.zeros(4, dtype=np.int64), chances[:4]) == 0.5
    assert class_scores.pr_auc_interval(truth, chances, frozenset({2})).value == 0
