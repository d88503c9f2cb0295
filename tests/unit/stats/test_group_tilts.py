"""Tilts of chances by group, against what they were simulated with."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from src.compiled.group_effects import GroupEffects
from src.stats.group_effects import Members
from src.stats.group_tilts import between_variance, group_tilts, tilted, tilts_of_others

DIRECTIONS = {
    "binary": np.array([0.0, 1.0]),
    "ordinal": np.array([0.0, 0.5, 1.0]),
    "named": np.array([0.0, 1.0, 1.0]),
}


def world(kind: str, seed: int, spread: float = 0.8, n_groups: int = 40):
    """Return outcomes, chances without the groups, members, and the groups' tilts."""
    random, direction = np.random.default_rng(seed), DIRECTIONS[kind]
    sizes = random.integers(12, 60, n_groups)
    group = np.repeat(np.arange(n_groups), sizes)
    scores = random.normal(0, 1, (len(group), len(direction)))
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    truth = random.normal(0, spread, n_groups)
    true = tilted(chances, truth[group], direction)
    codes = (true.cumsum(axis=1) < random.random((len(group), 1))).sum(axis=1)
    return codes, chances, Members.of(group, n_groups), truth


@pytest.mark.parametrize("kind", DIRECTIONS)
def test_the_variance_of_tilts_and_their_intervals_are_right(kind: str) -> None:
    variances, held = [], []
    for seed in range(30):
        codes, chances, members, truth = world(kind, seed)
        found = group_tilts(codes, chances, members, DIRECTIONS[kind])
        variances.append(found.between)
        held.append(np.abs(found.effect - truth) <= 1.96 * found.error)
    assert np.mean(variances) == pytest.approx(0.64, abs=0.13)
    assert np.mean(held) > 0.92


def test_groups_that_say_nothing_have_hardly_any_tilt() -> None:
    codes, chances, members, _ = world("ordinal", seed=1, spread=0.0)
    assert between_variance(codes, chances, members, DIRECTIONS["ordinal"]) < 0.1


def test_with_much_known_a_tilt_is_the_constant_of_a_logistic_regression() -> None:
    random = np.random.default_rng(3)
    group = np.repeat([0, 1], 4_000)
    log_odds = random.normal(0, 1, 8_000)
    chance = 1 / (1 + np.exp(-log_odds))
    codes = random.random(8_000) < 1 / (1 + np.exp(-(log_odds + np.where(group, 1.0, -1.0))))
    members = Members.of(group, 2)
    chances = np.column_stack([1 - chance, chance])
    found = group_tilts(codes.astype(int), chances, members, DIRECTIONS["binary"])
    for code in (0, 1):
        rows = group == code
        fitted = LogisticRegression(C=np.inf).fit(log_odds[rows, None], codes[rows])
        assert fitted.coef_[0, 0] == pytest.approx(1, abs=0.1)  # so that its constant compares
        assert found.effect[code] == pytest.approx(fitted.intercept_[0], abs=0.08)


def test_what_others_tell_does_not_look_at_the_row_itself() -> None:
    codes, chances, members, _ = world("binary", seed=4)
    told = tilts_of_others(codes, chances, members, DIRECTIONS["binary"], 0)
    changed = codes.copy()
    changed[7] = 1 - changed[7]
    after = tilts_of_others(changed, chances, members, DIRECTIONS["binary"], 0)
    assert after[7] == pytest.approx(told[7], rel=0.02)  # by the variance between groups alone
    assert np.abs(after - told)[members.group == members.group[7]].max() > 0.01


def test_groups_of_fewer_than_ten_have_no_tilt() -> None:
    codes, chances, _, _ = world("binary", seed=5)
    group = np.arange(len(codes)) // 9
    found = group_tilts(codes, chances, Members.of(group, group.max() + 1), DIRECTIONS["binary"])
    assert not found.effect.any()


def test_serving_tilts_as_training_does_and_rows_as_records_to_the_last_bit() -> None:
    direction = (0.0, 0.5, 1.0)
    effects = GroupEffects("school", "ab" * 16, {"a": 0.7, "b": -1.2}, direction)
    chances = np.random.default_rng(6).dirichlet(np.ones(3), 200)
    keys = [("a", "b", None)[i % 3] for i in range(200)]
    rows = effects.tilted_of_each(chances, keys)
    alone = [effects.tilted(p, key) for p, key in zip(chances.tolist(), keys, strict=True)]
    assert rows.tolist() == alone
    by_row = np.array([effects.of(key) for key in keys])
    assert rows == pytest.approx(tilted(chances, by_row, np.array(direction)), rel=1e-12)
