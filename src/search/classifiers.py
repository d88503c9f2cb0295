"""The families of classifiers that a search may try, with their search spaces and their costs.

None weighs or resamples the outcomes: that would make the chances wrong.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from src.search.candidates import (
    PRODUCTS,
    SPLINES,
    Candidate,
    TreeCount,
    catboost,
    made,
    trees_s,
)

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

PENALTIES = (0.3, 0.03, 3.0, 0.1, 1.0, 0.01, 10.0)  # inverse ones
FLAT_PENALTIES = (0.1, 0.03, 0.3, 0.01, 1.0, 0.003, 3.0)  # of many columns
BORDERS = 32  # of a number in CatBoost: a third of the time that 254 take, as good in small tables
LINEAR_CLASSIFIERS = ("logistic", "logistic_elastic_net")


@lru_cache(maxsize=32)
def classifiers(n_classes: int, *, ordered: bool) -> tuple[Candidate, ...]:
    """Return the families in the order of promise.

    Parameters
    ----------
    n_classes : int
        Families that fit one model an outcome take so many times as long.
    ordered : bool
        Whether families that know the order of the outcomes are among them.
    """
    times = 1 if n_classes == 2 else n_classes
    families = (*(_ORDINAL if ordered and n_classes > 2 else ()), *_families(times))
    return tuple(sorted(families, key=lambda one: _PROMISE.index(one.name)))


def _catboost(seed: int) -> BaseEstimator:
    return catboost("CatBoostClassifier", seed, BORDERS)


def _logistic(**parameters: Any) -> Any:
    path = "sklearn.linear_model.LogisticRegression"
    return lambda seed: made(path, random_state=seed, **parameters)


def _ordinal(seed: int) -> BaseEstimator:
    return made("src.search.ordinal.ProportionalOdds")


def _logistic_s(n_rows: int, n_columns: int) -> float:
    return 0.004 + 4e-8 * n_rows * n_columns


def _expanded_s(n_rows: int, n_columns: int) -> float:
    return 0.01 + 1e-7 * n_rows * n_columns


def _binned_s(seconds: float) -> Any:
    """Return the cost of boosting on bins: each tree's bins, and more trees with more rows."""
    return lambda n, d: seconds * (0.5 + 0.5 * (n / 1000) * (d / 16) ** 0.5)


_ORDINAL = (
    Candidate("ordinal", "Proportional odds", _ordinal, _logistic_s, {"C": PENALTIES}),
    Candidate("ordinal_splines", "Proportional odds with curves", _ordinal, _expanded_s,
              {"C": FLAT_PENALTIES}, expansion=SPLINES),
)  # fmt: skip


def _families(times: int) -> tuple[Candidate, ...]:
    def linear(cost: Any) -> Any:
        return lambda n, d: times * cost(n, d)

    def binned(seconds: float) -> Any:
        return _binned_s(times * seconds)

    return (
        Candidate("logistic", "Logistic regression", _logistic(max_iter=300), linear(_logistic_s),
                  {"C": PENALTIES}),
        Candidate("logistic_splines", "Logistic regression with curves", _logistic(max_iter=200),
                  linear(_expanded_s), {"C": FLAT_PENALTIES}, expansion=SPLINES),
        Candidate("logistic_products", "Logistic regression with products", _logistic(max_iter=200),
                  linear(_expanded_s), {"C": FLAT_PENALTIES}, expansion=PRODUCTS),
        Candidate("catboost", "CatBoost", _catboost, binned(0.1),
                  {"learning_rate": (0.05,), "depth": (4, 3, 5), "l2_leaf_reg": (3, 10)},
                  trials=3, import_s=0.2, tree_count=TreeCount("iterations", 200, 500)),
        Candidate("logistic_elastic_net", "Logistic regression, elastic net",
                  _logistic(solver="saga", max_iter=200, tol=1e-3),
                  linear(lambda n, d: 0.01 + 5e-7 * n * d),
                  {"C": (0.3, 0.1, 1.0), "l1_ratio": (1.0, 0.5)}),
        Candidate("decision_tree", "Decision tree",
                  lambda seed: made("sklearn.tree.DecisionTreeClassifier", random_state=seed),
                  trees_s(0.01),
                  {"max_depth": (3, 5, 8), "min_samples_leaf": (20, 40, 10)}, trials=6),
        Candidate("neighbors", "k-nearest neighbours",
                  lambda seed: made("sklearn.neighbors.KNeighborsClassifier"),
                  lambda n, d: 0.002 + 1e-9 * n * n * d / 16,
                  {"n_neighbors": (20, 40, 10, 80), "weights": ("uniform", "distance")}, trials=4,
                  tabled=False),
        Candidate("xgboost", "XGBoost",
                  lambda seed: made("xgboost.XGBClassifier", n_jobs=1, random_state=seed,
                                    tree_method="hist"), binned(0.045),
                  {"learning_rate": (0.05,), "max_depth": (3, 2, 5), "subsample": (0.7,),
                   "colsample_bytree": (0.5, 0.9), "min_child_weight": (1, 5)}, trials=3,
                  import_s=0.2, tree_count=TreeCount("n_estimators", 120, 400)),
        Candidate("gradient_boosting", "Gradient boosting",
                  lambda seed: made("sklearn.ensemble.GradientBoostingClassifier",
                                    random_state=seed), trees_s(0.3 * times),
                  {"learning_rate": (0.08, 0.04), "max_depth": (3, 2, 4), "subsample": (0.6, 0.9),
                   "min_samples_leaf": (5, 20)}, trials=1,
                  tree_count=TreeCount("n_estimators", 80, 150)),
        Candidate("svc", "Support vectors",
                  lambda seed: made("sklearn.calibration.CalibratedClassifierCV", cv=3,
                                    estimator=made("sklearn.svm.SVC", cache_size=40),
                                    ensemble=False),
                  linear(lambda n, d: 1e-7 * n * n),
                  {"estimator__C": (1.0, 3.0, 0.3), "estimator__gamma": (0.01, 0.03, 0.003)},
                  trials=3, tabled=False),
        Candidate("extra_trees", "Extra trees",
                  lambda seed: made("sklearn.ensemble.ExtraTreesClassifier", n_jobs=1,
                                    random_state=seed), trees_s(0.3),
                  {"max_features": (0.6, 0.33), "min_samples_leaf": (3, 6)}, trials=1),
        Candidate("random_forest", "Random forest",
                  lambda seed: made("sklearn.ensemble.RandomForestClassifier", n_jobs=1,
                                    random_state=seed), trees_s(0.5),
                  {"max_features": (0.33, 0.15), "min_samples_leaf": (3, 6)}, trials=2),
        Candidate("hist_gradient_boosting", "Histogram gradient boosting",
                  lambda seed: made("sklearn.ensemble.HistGradientBoostingClassifier",
                                    early_stopping=False, random_state=seed), binned(0.1),
                  {"learning_rate": (0.04, 0.08), "max_leaf_nodes": (6, 12, 24),
                   "min_samples_leaf": (10, 30), "l2_regularization": (0.1, 3.0)}, trials=1,
                  tree_count=TreeCount("max_iter", 100, 300)),
        Candidate("adaboost", "AdaBoost",
                  lambda seed: made("sklearn.ensemble.AdaBoostClassifier", random_state=seed,
                                    estimator=made("sklearn.tree.DecisionTreeClassifier",
                                                   max_depth=2)),
                  trees_s(0.3),
                  {"estimator__max_depth": (2, 1, 3), "learning_rate": (0.3, 0.05),
                   "n_estimators": (50,)}, trials=1, tabled=False),
        Candidate("catboost_native", "CatBoost, native categories", _catboost, binned(0.4),
                  {"learning_rate": (0.1, 0.05), "depth": (4, 6), "l2_leaf_reg": (5, 1)}, trials=1,
                  tree_count=TreeCount("iterations", 150, 300), native=True, tabled=False),
    )  # fmt: skip


_PROMISE = (
    "logistic", "ordinal", "catboost", "logistic_splines", "ordinal_splines", "logistic_products",
    "logistic_elastic_net", "xgboost", "random_forest", "decision_tree", "neighbors", "extra_trees",
    "hist_gradient_boosting", "svc", "gradient_boosting", "adaboost", "catboost_native",
)  # fmt: skip
