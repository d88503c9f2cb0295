"""The families of estimators that a search may try, with their search spaces and their costs.

To try another model, add a row to :data:`CANDIDATES`. Their libraries are imported when they are
built, so that a run does not pay for those that it leaves out.
"""

from __future__ import annotations

import importlib
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, wraps
from typing import TYPE_CHECKING, Any

from src.search.native_categories import let_clone

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.compose import ColumnTransformer


@dataclass(frozen=True)
class Expansion:
    """More columns made of the numbers, for a linear model to bend by.

    Attributes
    ----------
    build : callable
        Returns the unfitted transformer.
    n_columns : callable
        Takes how many numbers there are, returns how many columns it makes.
    of_codes : bool
        Whether it is made of numbers that may be codes only.
    """

    build: Callable[[], BaseEstimator]
    n_columns: Callable[[int], int]
    of_codes: bool = False


@dataclass(frozen=True)
class TreeCount:
    """The parameter that says how many trees a booster has, and its values.

    Attributes
    ----------
    usual : int
        Where nothing is tried out.
    most : int
        Where early stopping ends at the latest.
    """

    parameter: str
    usual: int
    most: int


@dataclass(frozen=True)
class Candidate:
    """A family of estimators and its search space.

    Attributes
    ----------
    name, label : str
        For options and for people.
    build : callable
        Takes the random state, returns the unfitted estimator. Each has one thread: the search
        spreads fits, so results do not depend on how many run at once.
    space : mapping
        Values of each parameter to try, the likeliest first where there is no room for more.
    trials : int or None
        Points drawn from the space at random; None for the whole grid.
    seconds : callable
        Takes the numbers of rows and columns, returns roughly what one fit costs.
    import_s : float
        Roughly what importing its library costs.
    scales_target : bool
        Whether the penalty or the loss depends on the target's unit, so that it is standardised.
    log_link : bool
        Whether it predicts the exponential function of a sum: for targets from 0 up with a long
        upper tail.
    unit : float
        What the target is divided by in one with a log link, whose penalty depends on its unit.
    tree_count : TreeCount or None
        Of a booster: the number of trees is found by early stopping for each point of the space.
    native : bool
        Whether it takes categories as they are, and not as one-hot columns.
    expansion : Expansion or None
        What it is given beside the columns that all families take.
    tabled : bool
        Whether the compiler can write it as tables, so that serving needs no library.
    """

    name: str
    label: str
    build: Callable[[int], BaseEstimator]
    seconds: Callable[[int, int], float]
    space: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    trials: int | None = None
    import_s: float = 0.0
    scales_target: bool = False
    log_link: bool = False
    unit: float = 1.0
    tree_count: TreeCount | None = None
    native: bool = False
    expansion: Expansion | None = None
    tabled: bool = True

    @property
    def wrapped(self) -> bool:
        """Whether it is the last step of a pipeline, which takes no weights."""
        return self.native or self.expansion is not None

    @property
    def fits_the_table(self) -> bool:
        """Whether the plan makes it anew for each table."""
        return self.wrapped or self.log_link

    @property
    def is_forest(self) -> bool:
        """Whether it is many deep trees, so that a fit takes much memory."""
        return self.name in ("extra_trees", "random_forest")

    @property
    def prefix(self) -> str:
        """What stands before its parameters' names in what it is wrapped in."""
        outer = "regressor__" if self.scales_target or self.log_link else ""
        return outer + ("estimator__" if self.wrapped else "")

    @property
    def n_points(self) -> int:
        """How many points the whole search space has."""
        return math.prod(len(values) for values in self.space.values())

    def unfitted(self, random_state: int) -> BaseEstimator:
        """Return an unfitted estimator, given a standardised target where it needs one."""
        estimator = self.build(random_state)
        if not (self.scales_target or self.log_link):
            return estimator
        import numpy as np
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.preprocessing import FunctionTransformer, StandardScaler

        transformer = StandardScaler()
        if self.log_link:
            transformer = FunctionTransformer(
                np.dot, np.dot, kw_args={"b": 1 / self.unit}, inv_kw_args={"b": self.unit}
            )
        return TransformedTargetRegressor(estimator, transformer=transformer)

    def decoding(self, decoder: ColumnTransformer, positions: list[int]) -> Candidate:
        """Return it with an estimator that turns one-hot columns back into categories first.

        Parameters
        ----------
        decoder : ColumnTransformer
        positions : list of int
            Where the categories stand in what it makes.
        """

        def build(seed: int) -> BaseEstimator:
            from sklearn.pipeline import Pipeline

            estimator: Any = self.build(seed)
            estimator = let_clone(estimator.set_params(cat_features=positions))
            return Pipeline([("categories", decoder), ("estimator", estimator)])

        return replace(self, build=build)

    def expanding(self, numbers: Sequence[int]) -> Candidate:
        """Return it with an estimator that expands some columns before."""
        expansion = self.expansion
        if expansion is None:
            return self
        more = expansion.n_columns(len(numbers))

        def build(seed: int) -> BaseEstimator:
            from sklearn.compose import ColumnTransformer
            from sklearn.pipeline import Pipeline

            steps = [
                ("columns", "passthrough", slice(0, None)),
                ("more", expansion.build(), [*numbers]),
            ]
            return Pipeline([("expand", ColumnTransformer(steps)), ("estimator", self.build(seed))])

        return replace(self, build=build, seconds=lambda n, d: self.seconds(n, d + more))


def made(path: str, **parameters: Any) -> Any:
    """Return an unfitted object of a class that is imported by its dotted name."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)(**parameters)


def catboost(name: str, seed: int, border_count: int) -> BaseEstimator:
    """Return an unfitted CatBoost that has one thread and writes nothing."""
    _fit_one_catboost_at_a_time()
    estimator: BaseEstimator = made(
        f"catboost.{name}",
        random_seed=seed,
        thread_count=1,
        allow_writing_files=False,
        verbose=False,
        border_count=border_count,
    )
    return estimator


@cache
def _fit_one_catboost_at_a_time() -> None:
    """Let no two threads fit CatBoost at once: about one search in 400 crashed Python by that.

    Its log is one for the whole process, and each fit sets and resets it.
    """
    library: Any = importlib.import_module("catboost")
    fit, lock = library.CatBoost._fit, threading.Lock()

    @wraps(fit)
    def alone(*arguments: Any, **options: Any) -> Any:
        with lock:
            return fit(*arguments, **options)

    library.CatBoost._fit = alone


def _catboost(seed: int) -> BaseEstimator:
    return catboost("CatBoostRegressor", seed, 64)


def _expanded_ridge(seed: int) -> BaseEstimator:
    # What it is given was made for it.
    return made("sklearn.linear_model.Ridge", copy_X=False)


def _tweedie(seed: int) -> BaseEstimator:
    return made(
        "sklearn.linear_model.TweedieRegressor",
        power=1.0,
        link="log",
        solver="newton-cholesky",
    )


def _linear_s(n_rows: int, n_columns: int) -> float:
    return 0.002 + 4e-8 * n_rows * n_columns


def _expanded_s(n_rows: int, n_columns: int) -> float:
    return 0.005 + 3e-10 * n_rows * n_columns**2


WIDE = 100  # columns from which trees cost more than in proportion


def trees_s(seconds: float, column_s: float = 0.0) -> Callable[[int, int], float]:
    """Return the cost of trees that took that long on 1,000 rows of 16 columns.

    Beside it stands what each column costs, however few the rows: boosters weigh all its bins.
    """

    def fit_s(n_rows: int, n_columns: int) -> float:
        cells = n_rows / 1000 * (n_columns / 16) ** 0.85
        wide = max(1.0, n_columns / WIDE) ** 0.4
        return seconds * (0.3 + 0.7 * cells * wide) + column_s * n_columns

    return fit_s


SPLINES = Expansion(
    lambda: made(
        "sklearn.preprocessing.SplineTransformer",
        n_knots=4,
        knots="quantile",
        extrapolation="linear",
        include_bias=False,
    ),
    lambda n: 5 * n,
)
PRODUCTS = Expansion(
    lambda: made("sklearn.preprocessing.PolynomialFeatures", include_bias=False),
    lambda n: n * (n + 3) // 2,
)
CODES = Expansion(
    lambda: made(
        "sklearn.preprocessing.OneHotEncoder", handle_unknown="ignore", sparse_output=False
    ),
    lambda n: 30 * n,
    of_codes=True,
)

# In the order of promise: what a small budget has room for comes first.
CANDIDATES = (
    Candidate("ridge", "Ridge regression", lambda seed: made("sklearn.linear_model.Ridge"),
              _linear_s, {"alpha": (1.0, 5.0, 20.0, 0.1, 100.0, 500.0)}),
    Candidate("ridge_splines", "Ridge regression with curves",
              _expanded_ridge, _expanded_s,
              {"alpha": (1.0, 3.0, 10.0, 0.3, 30.0, 100.0)},
              expansion=SPLINES),
    Candidate("ridge_products", "Ridge regression with products",
              _expanded_ridge, _expanded_s,
              {"alpha": (1.0, 3.0, 10.0, 0.3, 30.0, 100.0)},
              expansion=PRODUCTS),
    Candidate("ridge_codes", "Ridge regression with codes as categories",
              _expanded_ridge, _expanded_s,
              {"alpha": (3.0, 1.0, 10.0, 30.0, 0.3, 100.0)}, expansion=CODES),
    Candidate("log_linear", "Log-linear regression", _tweedie,
              lambda n, d: 0.01 + 4e-9 * n * d**2,
              {"alpha": (0.003, 0.0003, 0.03), "power": (1.0, 1.5)}, log_link=True),
    Candidate("log_linear_curves", "Log-linear regression with curves", _tweedie,
              lambda n, d: 0.02 + 4e-9 * n * d**2,
              {"alpha": (0.003, 0.0003, 0.03), "power": (1.0, 1.5)}, log_link=True,
              expansion=SPLINES),
    Candidate("catboost", "CatBoost", _catboost, trees_s(0.02, 0.0025),
              {"learning_rate": (0.05, 0.1), "depth": (3, 4, 6), "l2_leaf_reg": (1, 5)}, trials=6,
              import_s=0.2, tree_count=TreeCount("iterations", 200, 500)),
    Candidate("lasso", "Lasso", lambda seed: made("sklearn.linear_model.Lasso", max_iter=5_000),
              _linear_s, {"alpha": (0.003, 0.001, 0.01, 0.0003, 0.03, 0.1)}, scales_target=True),
    Candidate("linear", "Linear regression",
              lambda seed: made("sklearn.linear_model.LinearRegression"), _linear_s),
    Candidate("elastic_net", "Elastic net",
              lambda seed: made("sklearn.linear_model.ElasticNet", max_iter=5_000), _linear_s,
              {"alpha": (0.001, 0.003, 0.01, 0.03, 0.1), "l1_ratio": (0.2, 0.5, 0.8)}, trials=6,
              scales_target=True),
    Candidate("decision_tree", "Decision tree",
              lambda seed: made("sklearn.tree.DecisionTreeRegressor", random_state=seed),
              trees_s(0.005),
              {"max_depth": (3, 5, 8, 12), "min_samples_leaf": (3, 10, 30)}, trials=6),
    Candidate("neighbors", "k-nearest neighbours",
              lambda seed: made("sklearn.neighbors.KNeighborsRegressor"),
              lambda n, d: 0.002 + 1e-10 * n * n * d,
              {"n_neighbors": (5, 10, 20, 40), "weights": ("uniform", "distance")}, trials=5,
              tabled=False),
    Candidate("xgboost", "XGBoost",
              lambda seed: made("xgboost.XGBRegressor", n_jobs=1, random_state=seed,
                                tree_method="hist"), trees_s(0.06, 0.001),
              {"learning_rate": (0.05, 0.1), "max_depth": (2, 3, 5), "subsample": (0.7,),
               "colsample_bytree": (0.5, 0.9), "min_child_weight": (1, 10)}, trials=4, import_s=0.2,
              tree_count=TreeCount("n_estimators", 120, 400)),
    Candidate("gradient_boosting", "Gradient boosting",
              lambda seed: made("sklearn.ensemble.GradientBoostingRegressor", random_state=seed),
              trees_s(0.2),
              {"learning_rate": (0.08, 0.04), "max_depth": (3, 2, 4), "subsample": (0.6, 0.9),
               "min_samples_leaf": (5, 20)}, trials=3,
              tree_count=TreeCount("n_estimators", 120, 240)),
    Candidate("svr", "Support vector regression",
              lambda seed: made("sklearn.svm.SVR", cache_size=40),  # MB, and fits run side by side
              lambda n, d: (4e-8 + 1e-9 * d) * n * n,
              {"C": (1.0, 3.0, 0.3, 10.0), "gamma": (0.01, 0.03, 0.003),
               "epsilon": (0.05, 0.2)}, trials=4, scales_target=True, tabled=False),
    Candidate("extra_trees", "Extra trees",
              lambda seed: made("sklearn.ensemble.ExtraTreesRegressor", n_jobs=1,
                                random_state=seed), trees_s(0.3),
              {"max_features": (0.6, 1.0, 0.33), "min_samples_leaf": (3, 1, 8)}, trials=1),
    Candidate("random_forest", "Random forest",
              lambda seed: made("sklearn.ensemble.RandomForestRegressor", n_jobs=1,
                                random_state=seed), trees_s(0.4),
              {"max_features": (0.6, 1.0, 0.33), "min_samples_leaf": (3, 1, 8)}, trials=1),
    Candidate("hist_gradient_boosting", "Histogram gradient boosting",
              lambda seed: made("sklearn.ensemble.HistGradientBoostingRegressor",
                                early_stopping=False, random_state=seed), trees_s(0.12, 0.0045),
              {"learning_rate": (0.04, 0.08), "max_leaf_nodes": (6, 12, 24),
               "min_samples_leaf": (10, 30), "l2_regularization": (0.1, 3.0)}, trials=1,
              tree_count=TreeCount("max_iter", 120, 300)),
    Candidate("adaboost", "AdaBoost",
              lambda seed: made("sklearn.ensemble.AdaBoostRegressor", random_state=seed,
                                estimator=made("sklearn.tree.DecisionTreeRegressor", max_depth=4)),
              trees_s(0.25),
              {"estimator__max_depth": (5, 8, 3), "learning_rate": (1.0, 0.3, 0.05),
               "n_estimators": (50,)}, trials=1),
    Candidate("catboost_native", "CatBoost, native categories", _catboost, trees_s(0.15, 0.002),
              {"learning_rate": (0.1, 0.05), "depth": (4, 6), "l2_leaf_reg": (5, 1)}, trials=1,
              tree_count=TreeCount("iterations", 150, 300), native=True, tabled=False),
)  # fmt: skip
LINEAR = ("linear", "ridge", "lasso", "elastic_net")  # one and the same, but for the penalty
