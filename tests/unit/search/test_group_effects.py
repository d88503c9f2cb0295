"""What groups add to a model: from rows that it did not learn from, and only where it gains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer

from src.search.folds import split_rows, stack_folds
from src.search.group_effects import GroupFit, Units, fit_groups
from src.search.scores import pooled_score

N_GROUPS, SIZE = 30, 25


def world(seed: int, effect: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features, the second of which is one for each school, the target, and the schools."""
    random = np.random.default_rng(seed)
    school = np.repeat(np.arange(N_GROUPS), SIZE)
    effects = effect * random.normal(size=N_GROUPS)
    X = np.column_stack([random.normal(size=len(school)), random.normal(size=N_GROUPS)[school]])
    y = X[:, 0] + effects[school] + random.normal(0, 1.5, len(school))
    return X, y, np.char.add("S", school.astype(str))


def fitted(X, y, keys, estimator, *, may_learn_less: bool = True) -> tuple[GroupFit, float]:
    splits = split_rows(y, 5, 0, keys)
    table, keep = (
        pd.DataFrame(X, columns=["own", "school"]),
        FunctionTransformer(pd.DataFrame.to_numpy),
    )
    folds = stack_folds(table, y, keep, splits, groups=keys)
    new = folds.out_of_fold(estimator)
    fit = fit_groups(
        folds, new, estimator, np.arange(len(y)), Units(keys), 0, may_learn_less=may_learn_less
    )
    return fit, pooled_score(folds, fit.known, "r2") - pooled_score(folds, new, "r2")


def test_a_known_group_gains_and_an_unknown_key_adds_nothing() -> None:
    fit, gain = fitted(*world(1), LinearRegression())
    assert gain > 0.1
    assert fit.of_each(np.array(["S1", "none", ""])).tolist() == [fit.effects["S1"], 0.0, 0.0]


def test_a_flexible_model_learns_less_than_the_target_where_features_name_the_school() -> None:
    X, y, keys = world(2)
    boosted = HistGradientBoostingRegressor(max_iter=60, random_state=0)
    fit, gain = fitted(X, y, keys, boosted)
    plain, plain_gain = fitted(X, y, keys, boosted, may_learn_less=False)
    assert fit.learns_less
    assert not plain.learns_less
    assert gain > plain_gain
    assert fit.to_learn(y, keys) == pytest.approx(y - fit.of_each(keys))
    assert plain.to_learn(y, keys) is y


def test_held_out_rows_add_to_what_is_known_of_groups() -> None:
    X, y, keys = world(3)
    rest, held = np.arange(len(y)) % 5 > 0, np.arange(len(y)) % 5 == 0
    fit, _ = fitted(X[rest], y[rest], keys[rest], LinearRegression())
    model = LinearRegression().fit(X[rest], fit.to_learn(y[rest], keys[rest]))
    every = fit.with_rows(y[held], model.predict(X[held]), Units(keys[held]))
    assert every.means.n_members.tolist() == [SIZE] * N_GROUPS
    assert every.means.error.mean() < fit.means.error.mean()


def test_groups_of_fewer_than_ten_and_rows_of_none_have_no_effect() -> None:
    X, y, keys = world(4)
    keys = keys.astype("<U9")
    keys[:18], keys[18:25] = "few", ""
    keys[9:18] = "few too"
    fit, _ = fitted(X, y, keys, LinearRegression())
    assert "few" not in fit.effects
    assert len(fit.effects) == N_GROUPS - 1
    assert fit.known[:25].tolist() == fit.new[:25].tolist()
