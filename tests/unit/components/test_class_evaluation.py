from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from src.components.class_evaluation import ClassEvaluation, capacity, confusion, told_sizes
from src.stats.class_scores import brier_losses, by_chance, log_losses
from src.stats.disclosure import result_of_few
from src.stats.reliability import rows_of_bins

FAIL = frozenset({0})


def drawn(n: int, n_classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return classes and their true probabilities; the first class is less frequent."""
    random = np.random.default_rng(seed)
    scores = 1.3 * random.normal(size=(n, n_classes)) - np.eye(n_classes)[0]
    true = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return (true.cumsum(axis=1) < random.random((n, 1))).sum(axis=1), true


def test_scores_are_those_of_the_rows_and_json_can_hold_them() -> None:
    y, chances = drawn(500)
    prior = np.bincount(y) / 500
    found = ClassEvaluation().run(y, chances, prior, ordered=True, event=FAIL)
    assert found.log_loss.value == pytest.approx(log_losses(y, chances).mean())
    assert found.brier.value == pytest.approx(brier_losses(y, chances).mean())
    assert found.accuracy.value == pytest.approx((chances.argmax(axis=1) == y).mean())
    assert found.log_loss.high < found.prior_log_loss == pytest.approx(-(prior @ np.log(prior)))
    assert found.brier.high < found.prior_brier == pytest.approx(1 - prior @ prior)
    assert found.auc.low > 0.5
    assert found.n_clusters is None
    assert json.loads(json.dumps(asdict(found), allow_nan=False))["n_samples"] == 500


def test_what_depends_on_the_task_is_there_for_it_alone() -> None:
    y, chances = drawn(500)
    plain = ClassEvaluation().run(y, chances, np.bincount(y) / 500)
    assert plain.quadratic_kappa is None
    assert plain.capacity is None
    assert sum(one.n_samples * one.observed.value for one in plain.bins) == pytest.approx(
        (chances.argmax(axis=1) == y).sum()
    )
    failing = ClassEvaluation().run(y, chances, np.bincount(y) / 500, ordered=True, event=FAIL)
    assert failing.quadratic_kappa is not None
    assert failing.pr_auc != plain.pr_auc
    assert sum(one.n_samples * one.observed.value for one in failing.bins) == pytest.approx(
        (y == 0).sum()
    )


def test_rows_of_one_school_make_intervals_wider() -> None:
    y, chances = drawn(200)
    rows = np.repeat(np.arange(200), 5)
    prior = np.bincount(y) / 200
    schools = ClassEvaluation(rows).run(y[rows], chances[rows], prior, event=FAIL)
    blind = ClassEvaluation().run(y[rows], chances[rows], prior, event=FAIL)
    assert schools.n_clusters == 200
    for name in ("log_loss", "brier", "auc", "pr_auc", "accuracy", "balanced_accuracy"):
        aware, unaware = getattr(schools, name), getattr(blind, name)
        assert aware.high - aware.low > 1.5 * (unaware.high - unaware.low)


def test_of_one_school_alone_nothing_is_said_of_others() -> None:
    y, chances = drawn(600)
    found = ClassEvaluation(np.zeros(600, dtype=np.intp)).run(
        y, chances, np.bincount(y) / 600, event=FAIL
    )
    assert found.auc.low == found.auc.high == found.auc.value
    assert found.capacity is not None
    assert all(one.recall.high - one.recall.low > 0.7 for one in found.capacity.lists)


def test_a_list_holds_those_with_the_largest_chance() -> None:
    y, chances = drawn(1_000)
    happened, chance = y == 0, chances[:, 0]
    found = capacity(chance, happened)
    assert found is not None
    by_share = {one.share: one for one in found.lists}
    assert {0.1, 0.2, 0.3} <= by_share.keys()
    listed = by_share[0.2]
    hits = happened[np.argsort(-chance)[:200]].sum()
    assert (listed.n_listed, listed.found.value) == (200, pytest.approx(hits))
    assert listed.precision.value == pytest.approx(hits / 200)
    assert listed.recall.value == pytest.approx(hits / happened.sum())
    assert listed.by_lot == pytest.approx(0.2 * happened.sum())
    assert listed.by_lot < listed.found.low


def test_lots_decide_between_equal_chances_whatever_the_order_of_the_rows() -> None:
    happened = np.arange(1_000) < 300
    found = capacity(np.full(1_000, 0.3), happened)
    assert found is not None
    for one in found.lists:
        assert one.found.low < one.by_lot < one.found.high


def test_the_net_benefit_is_that_of_its_definition() -> None:
    y, chances = drawn(1_000)
    happened, chance = y == 0, chances[:, 0]
    found = capacity(chance, happened)
    assert found is not None
    assert len(found.net_benefit) > 4
    for one in found.net_benefit:
        helped, odds = chance >= one.threshold, one.threshold / (1 - one.threshold)
        worth = (helped & happened).sum() - odds * (helped & ~happened).sum()
        assert one.model.value == pytest.approx(worth / 1_000)
        assert one.everybody == pytest.approx(happened.mean() - odds * (1 - happened.mean()))
        assert one.model.high > max(one.everybody, 0)


@pytest.mark.parametrize("n", [60, 150, 600])
def test_no_figure_of_lists_thresholds_and_bins_tells_of_fewer_than_ten(n: int) -> None:
    n_lists = 0
    for seed in range(8):
        y, chances = drawn(n, 2, seed)
        happened, chance = y == 0, chances[:, 0]
        found = ClassEvaluation().run(y, chances, np.array([0.3, 0.7]), event=FAIL)
        if found.capacity is None:
            assert happened.sum() < 10
            continue
        order = np.argsort(-chance)
        tops = [np.isin(np.arange(n), order[: one.n_listed]) for one in found.capacity.lists]
        tops += [chance >= one.threshold for one in found.capacity.net_benefit]
        tops = [top for top in tops if top.any() and not top.all()]
        n_lists += len(tops)
        told = [np.ones(n, dtype=bool), happened, *tops, *(top & happened for top in tops)]
        assert result_of_few(np.array(told)) is None
        edges = [chance >= one.low for one in found.bins]
        assert result_of_few(np.array([np.ones(n, dtype=bool), *tops, *edges])) is None
    assert n_lists > 0 or n < 100


def women_and_men(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return classes, chances that nearly tell women from men, and the rows of both."""
    random = np.random.default_rng(seed)
    women = random.random(n) < 0.4
    chance = 1 / (1 + np.exp(-random.normal(np.where(women, -1.5, 1.5), 1.0)))
    y = (random.random(n) >= chance).astype(np.int64)
    return y, np.column_stack([chance, 1 - chance]), [women, ~women]


def test_bins_and_lists_give_way_to_groups_that_are_compared() -> None:
    n, n_gave_way = 260, 0
    for seed in range(12):
        y, chances, groups = women_and_men(n, seed)
        prior = np.array([0.5, 0.5])
        plain = ClassEvaluation().run(y, chances, prior, event=FAIL)
        found = ClassEvaluation().run(y, chances, prior, event=FAIL, groups=[groups])
        assert found.capacity is not None
        assert plain.capacity is not None
        order = by_chance(chances[:, 0])
        tops = [np.isin(np.arange(n), order[: one.n_listed]) for one in found.capacity.lists]
        told = [*groups, *rows_of_bins(chances[:, 0], found.bins), *tops]
        assert result_of_few(np.array(told)) is None
        assert len(found.bins) >= 2
        assert bool(tops) >= bool(plain.capacity.lists)
        n_gave_way += len(found.bins) < len(plain.bins)
    assert n_gave_way > 0


def test_bins_do_not_give_way_to_groups_beside_which_only_one_would_stay() -> None:
    """Chances that are the group tell of the few who are on the other side of each edge."""
    y, chances, _ = women_and_men(200, 0)
    likely = chances[:, 0] > 0.5
    likely[np.argsort(chances[:, 0])[[3, 196]]] ^= True
    edges = np.where(chances[:, :1] > 0.5, [[0.9, 0.1]], [[0.1, 0.9]])
    prior = np.array([0.5, 0.5])
    plain = ClassEvaluation().run(y, edges, prior, event=FAIL)
    found = ClassEvaluation().run(y, edges, prior, event=FAIL, groups=[[likely, ~likely]])
    assert len(plain.bins) == 2
    assert found == plain


def test_a_list_is_told_of_before_thresholds_take_its_place() -> None:
    """A threshold near the only list that can be told of would leave none."""
    chance = np.linspace(0.8, 0.02, 380)
    happened = np.arange(380) < 81
    happened[[*range(70, 81)]], happened[[*range(96, 117)]] = False, True
    found = capacity(chance, happened)
    assert found is not None
    assert [one.n_listed for one in found.lists] == [95]


def test_lists_that_come_first_are_rather_told() -> None:
    happened = np.arange(200) % 2 == 0
    assert told_sizes(happened, [100, 95, 50]) == {100, 50}
    assert told_sizes(happened, [95, 100, 50]) == {95, 50}
    assert told_sizes(happened, [100, 50], elsewhere=[45, 100]) == {100}
    assert told_sizes(happened, [10, 195]) == set()
    assert told_sizes(happened, [0, 200]) == set()
    assert told_sizes(happened, [100, 50], beside=[np.arange(200) < 95]) == {50}


def test_too_few_with_the_event_have_no_list() -> None:
    chance = np.linspace(0, 1, 100)
    assert capacity(chance, np.arange(100) >= 91) is None
    assert capacity(chance, np.arange(100) >= 9) is None


def test_small_cells_of_the_confusion_are_withheld_with_what_they_follow_from() -> None:
    def rows(counts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
        found = [
            (i, j) for i, line in enumerate(counts) for j, n in enumerate(line) for _ in range(n)
        ]
        truth, said = np.array(found).T
        return truth, said

    large = [[40, 12, 0], [15, 60, 11], [0, 14, 30]]
    assert confusion(*rows(large), 3) == tuple(map(tuple, large))
    small = [[40, 12, 13], [15, 60, 3], [20, 14, 30]]
    found = confusion(*rows(small), 3)
    assert found[1][2] is None
    assert sum(one is None for line in found for one in line) == 4
    assert confusion(*rows([[50, 4], [6, 36]]), 2) == ((None, None), (None, None))
