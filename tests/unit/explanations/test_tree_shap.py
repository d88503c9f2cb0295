from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor
from sklearn.tree import DecisionTreeRegressor

from src.compiler.estimators import read_estimator
from src.explanations.tree_shap import TreeShap

N_COLUMNS = 4


def data(n_samples: int = 120) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    X = random.integers(0, 6, (n_samples, N_COLUMNS)).astype(float)
    return X, X[:, 0] * X[:, 1] - 3 * (X[:, 2] > 2) + random.normal(0, 0.1, n_samples)


def worth(tree, known: frozenset[int], x: np.ndarray, node: int = 0) -> float:
    """Return what a tree predicts where only some columns are known, as the definition has it."""
    left, right = tree.children_left[node], tree.children_right[node]
    if left < 0:
        return float(tree.value[node].ravel()[0])
    column = tree.feature[node]
    if column in known:
        return worth(tree, known, x, left if x[column] <= tree.threshold[node] else right)
    n = tree.weighted_n_node_samples
    return sum(n[child] / n[node] * worth(tree, known, x, child) for child in (left, right))


def shapley(tree, x: np.ndarray) -> list[float]:
    """Return Shapley values by their definition, over all coalitions."""
    found = []
    for column in range(N_COLUMNS):
        others = [c for c in range(N_COLUMNS) if c != column]
        value = 0.0
        for size in range(N_COLUMNS):
            for coalition in combinations(others, size):
                known = frozenset(coalition)
                gain = worth(tree, known | {column}, x) - worth(tree, known, x)
                value += gain / (N_COLUMNS * comb(N_COLUMNS - 1, size))
        found.append(value)
    return found


def tree_shap(model) -> TreeShap:
    ((_, part),) = read_estimator(model).parts
    return TreeShap(part.trees, part.comparison)


@pytest.mark.parametrize("depth", [1, 3, 6])
def test_values_are_those_of_the_definition(depth: int) -> None:
    X, y = data()
    model = DecisionTreeRegressor(max_depth=depth, random_state=0).fit(X, y)
    explainer = tree_shap(model)
    rows = X[:12]  # whole numbers: many lie on no split, some between two
    expected = [shapley(model.tree_, x) for x in rows]
    np.testing.assert_allclose(explainer.values(rows), expected, atol=1e-9)
    assert explainer.base == pytest.approx(worth(model.tree_, frozenset(), X[0]))


def test_values_of_an_ensemble_are_the_sums_of_its_trees() -> None:
    X, y = data()
    model = ExtraTreesRegressor(n_estimators=7, max_depth=5, random_state=0).fit(X, y)
    found = read_estimator(model)
    ((weight, _),) = found.parts
    expected = np.mean([[shapley(t.tree_, x) for x in X[:5]] for t in model.estimators_], axis=0)
    np.testing.assert_allclose(weight * tree_shap(model).values(X[:5]), expected, atol=1e-9)


def test_values_on_a_split_follow_the_trees_own_comparison() -> None:
    X, y = data()
    model = GradientBoostingRegressor(n_estimators=30, random_state=0).fit(X, y)
    found = read_estimator(model)
    ((weight, part),) = found.parts
    on_splits = np.tile(X[:1], (40, 1))
    thresholds = [t for e in model.estimators_.ravel() for t in e.tree_.threshold if t > 0]
    on_splits[:, 0] = thresholds[:40]
    explainer = TreeShap(part.trees, part.comparison)
    total = explainer.values(on_splits).sum(axis=1) + explainer.base
    np.testing.assert_allclose(found.constant + weight * total, model.predict(on_splits))


def test_a_column_that_no_tree_asks_about_adds_nothing() -> None:
    X, y = data()
    model = DecisionTreeRegressor(max_depth=4, random_state=0).fit(
        np.column_stack([X[:, :3], np.zeros(len(X))]), y
    )
    values = tree_shap(model).values(X[:20])
    assert (values[:, 3] == 0).all()
    assert np.abs(values[:, 0]).min() > 0


def test_a_tree_of_one_leaf_adds_nothing() -> None:
    X, _ = data()
    explainer = tree_shap(DecisionTreeRegressor().fit(X, np.full(len(X), 7.0)))
    assert explainer.base == 7
    assert (explainer.values(X) == 0).all()


def test_many_rows_get_what_each_gets_alone() -> None:
    X, y = data(1_200)  # more than are worked on at once
    model = DecisionTreeRegressor(max_depth=6, random_state=0).fit(X, y)
    explainer = tree_shap(model)
    together = explainer.values(X)
    for at in (0, 511, 512, 1_199):
        np.testing.assert_array_equal(together[at], explainer.values(X[at : at + 1])[0])
