"""What groups add to a model: from rows that it did not learn from."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer

from src.search.folds import split_rows, stack_folds
from src.search.group_effects import GroupFit, Units, fit_groups
from src.search.scores import pooled_score
from src.stats.group_effects import group_means

N_GROUPS, SIZE = 30, 25


def world(seed: int, effect: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features, the second of which is one for each school, the target, and the schools."""
    random = np.random.default_rng(seed)
    school = np.repeat(np.arange(N_GROUPS), SIZE)
    effects = effect * random.normal(size=N_GROUPS)
    X = np.column_stack([random.normal(size=len(school)), random.normal(size=N_GROUPS)[school]])
    y = X[:, 0] + effects[school] + random.normal(0, 1.5, len(school))
    return X, y, np.char.add("S", school.astype(str))


def fitted(X, y, keys, estimator) -> tuple[GroupFit, float]:
    table, keep = (
        pd.DataFrame(X, columns=["own", "school"]),
        FunctionTransformer(pd.DataFrame.to_numpy),
    )
    folds, of_rows = (
        stack_folds(table, y, keep, split_rows(y, 5, 0, apart), groups=keys)
        for apart in (keys, None)
    )
    new, seen = folds.out_of_fold(estimator), of_rows.out_of_fold(estimator)
    fit = fit_groups(folds, new, seen, np.arange(len(y)), Units(keys), 0)
    return fit, pooled_score(folds, fit.known, "r2") - pooled_score(folds, new, "r2")


def test_a_known_group_gains_and_an_unknown_key_adds_nothing() -> None:
    fit, gain = fitted(*world(1), LinearRegression())
    assert gain > 0.1
    assert fit.of_each(np.array(["S1", "none", ""])).tolist() == [fit.effects["S1"], 0.0, 0.0]


def test_what_a_model_knows_of_a_school_by_its_features_is_not_added_again() -> None:
    """A model that learns from a school knows some of its effect by the features that name it."""
    X, y, keys = world(2)
    truth, rest = np.arange(len(y)) % 5 == 0, np.arange(len(y)) % 5 > 0
    boosted = HistGradientBoostingRegressor(max_iter=60, random_state=0)
    fit, _ = fitted(X[rest], y[rest], keys[rest], boosted)
    plain = boosted.fit(X[rest], y[rest]).predict(X[truth])

    def error(effects: np.ndarray) -> float:
        return float(((y[truth] - plain - effects) ** 2).mean())

    twice = group_means(y[rest] - fit.new, Units(keys[rest]).members()[1]).effect
    of_each = twice[np.searchsorted(fit.names, keys[truth])]
    assert fit.means.between < 0.3 * of_each.var()
    assert error(fit.of_each(keys[truth])) < 0.9 * error(of_each)
    assert error(fit.of_each(keys[truth])) <= 1.01 * error(np.zeros(truth.sum()))


def test_held_out_rows_add_to_what_is_known_of_groups() -> None:
    X, y, keys = world(3)
    rest, held = np.arange(len(y)) % 5 > 0, np.arange(len(y)) % 5 == 0
    fit, _ = fitted(X[rest], y[rest], keys[rest], LinearRegression())
    model = LinearRegression().fit(X[rest], y[rest])
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
    assert fit.known[:25].tolist() == fit.predicted[:25].tolist()
