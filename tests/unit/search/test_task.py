"""What a search must know of a target that is one of some outcomes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.preprocessing import FunctionTransformer

from src.exception import ConfigurationError
from src.search.chance import PERMUTATIONS, targets_by_chance
from src.search.folds import split_rows, stack_folds
from src.search.task import R2, REGRESSION, Classification

TWO, ORDERED, NAMED = Classification(2), Classification(3, ordered=True), Classification(3)
RANDOM = np.random.default_rng(0)
Y = RANDOM.permutation(np.repeat([0, 1, 2], [60, 28, 12]))
CHANCES = RANDOM.dirichlet([2.0, 2.0, 2.0], len(Y))


def test_each_fold_has_its_share_of_each_outcome() -> None:
    for _, test in split_rows(Y, 5, 0, task=NAMED):
        counts = np.bincount(Y[test], minlength=3)
        assert counts[0] == 12
        assert set(counts[1:]) <= {2, 3, 5, 6}


def test_rows_of_a_group_stay_together_and_each_fold_learns_of_each_outcome() -> None:
    groups = RANDOM.integers(0, 25, len(Y))
    for train, test in split_rows(Y, 5, 0, groups, NAMED):
        assert not set(groups[train]) & set(groups[test])
        assert set(Y[train]) == {0, 1, 2}


def test_an_outcome_of_one_group_is_refused() -> None:
    groups = np.where(Y == 2, 0, 1 + np.arange(len(Y)) % 20)
    with pytest.raises(ConfigurationError, match="merge outcomes in the hints"):
        split_rows(Y, 5, 0, groups, NAMED)


def test_losses_are_those_of_scikit_learn() -> None:
    n = len(Y)
    mean = NAMED.losses(Y, CHANCES, "log_loss").mean()
    assert mean == pytest.approx(log_loss(Y, (n * CHANCES + 1 / 3) / (n + 1)))
    assert NAMED.losses(Y, CHANCES, R2).mean() == mean
    pair, truth = CHANCES[:, :2] / CHANCES[:, :2].sum(axis=1, keepdims=True), np.minimum(Y, 1)
    brier = TWO.losses(truth, pair, "brier").mean()
    assert brier == pytest.approx(2 * brier_score_loss(truth, pair[:, 1]))
    assert TWO.score("auc", 0.0, truth, pair) == pytest.approx(roc_auc_score(truth, pair[:, 1]))


@pytest.mark.parametrize("metric", ["log_loss", "brier"])
def test_losses_of_many_points_are_those_of_each(metric: str) -> None:
    points = RANDOM.dirichlet([1.0, 1.0, 1.0], (4, len(Y)))
    together = NAMED.losses(Y, points, metric)
    assert np.array_equal(together, [NAMED.losses(Y, one, metric) for one in points])


def test_a_chance_of_nothing_costs_what_so_many_rows_can_rule_out() -> None:
    certain = np.tile([0.0, 0.0, 1.0], (len(Y), 1))
    assert NAMED.losses(Y, certain, "log_loss").max() == pytest.approx(np.log(3 * (len(Y) + 1)))


def test_the_constant_is_what_the_baseline_predicts() -> None:
    weight = RANDOM.uniform(0.5, 2, len(Y))
    baseline = NAMED.baseline.unfitted(0).fit(CHANCES, Y, sample_weight=weight)
    assert isinstance(baseline, DummyClassifier)
    assert NAMED.constant(Y, 4, weight) == pytest.approx(baseline.predict_proba(CHANCES[:4]))


def test_an_outcome_that_was_never_seen_has_no_chance() -> None:
    seen = Y < 2
    fitted = LogisticRegression().fit(CHANCES[seen], Y[seen])
    found = NAMED.predict(fitted, CHANCES)
    assert found.shape == (len(Y), 3)
    assert (found[:, 2] == 0).all()


def test_ordered_outcomes_stand_as_one_number_others_as_a_column_each() -> None:
    assert ORDERED.numbers(Y).shape == (len(Y), 1)
    assert TWO.numbers(np.minimum(Y, 1)).shape == (len(Y), 1)
    assert np.array_equal(NAMED.numbers(Y).argmax(axis=1), Y)


def test_only_ordered_outcomes_have_proportional_odds() -> None:
    assert "ordinal" in [one.name for one in ORDERED.candidates]
    for task in (NAMED, TWO, Classification(2, ordered=True)):
        assert not [one for one in task.candidates if one.name.startswith("ordinal")]


def test_costs_grow_with_the_outcomes_where_each_has_its_own_trees() -> None:
    def costs(n_classes: int) -> dict[str, float]:
        found = Classification(n_classes).candidates
        return {one.name: one.seconds(1_000, 16) for one in found}

    two, five = costs(2), costs(5)
    assert five["catboost"] == pytest.approx(5 * two["catboost"])
    assert five["random_forest"] == two["random_forest"]


@pytest.mark.parametrize("task", [REGRESSION, TWO, ORDERED, NAMED])
def test_every_family_knows_the_parameters_of_its_space(task) -> None:
    for one in task.candidates:
        if one.wrapped:
            one = one.expanding(range(2))
        one.unfitted(0).set_params(**{one.prefix + k: v[0] for k, v in one.space.items()})


def test_the_blend_weighs_chances_as_its_weights_say() -> None:
    members = [("a", DummyClassifier()), ("b", DummyClassifier(strategy="uniform"))]
    blend = NAMED.blend(members, [0.75, 0.25]).fit(CHANCES, Y)
    shares = np.bincount(Y) / len(Y)
    assert blend.predict_proba(CHANCES)[0] == pytest.approx(0.75 * shares + 0.25 / 3)


def test_permutations_keep_the_shares_of_outcomes_in_each_fold() -> None:
    """Else permutations look less predictable than the target that the folds were made for."""
    X = pd.DataFrame(RANDOM.normal(size=(len(Y), 2)))
    folds = stack_folds(
        X, Y, FunctionTransformer(np.asarray), split_rows(Y, 5, 0, task=NAMED), task=NAMED
    )
    columns = targets_by_chance(folds, np.random.default_rng(0))
    assert columns.shape == (len(Y), 3 * (PERMUTATIONS + 1))
    for test in folds.tests:
        sums = columns[test].sum(axis=0).reshape(-1, 3)
        assert sums == pytest.approx(np.tile(sums[0], (PERMUTATIONS + 1, 1)))
    assert not np.array_equal(columns[:, :3], columns[:, 3:6])


@pytest.mark.parametrize("name", ["logistic", "logistic_elastic_net", "svc", "adaboost"])
def test_a_classifier_learns_the_same_with_the_same_seed(name: str) -> None:
    """R1."""
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 6))
    y = (X[:, 0] + random.normal(size=300) > 0).astype(int)
    (candidate,) = (one for one in TWO.candidates if one.name == name)
    first, second = (candidate.unfitted(7).fit(X, y).predict_proba(X).tolist() for _ in range(2))
    assert first == second
