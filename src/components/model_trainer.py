"""Which estimators are tried, how they are tuned, and which one wins.

Tuning and choice happen by cross-validation inside the training rows, with the preprocessing inside
the folds. To try another model, add a row to :data:`CANDIDATES`.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from src.exception import ConfigurationError, TrainingError
from src.logger import get_logger

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

logger = get_logger(__name__)

FOLDS = 5
BASELINE = "dummy"


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
        Values of each parameter to try.
    n_iter : int or None
        Points drawn from the space at random; None for the whole grid.
    scales_target : bool
        Whether the penalty or the loss depends on the target's unit, so that it is standardised.
    max_rows : int or None
        Training rows above which the family is left out, since its cost grows with their square.
    """

    name: str
    label: str
    build: Callable[[int], BaseEstimator]
    space: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    n_iter: int | None = None
    scales_target: bool = False
    max_rows: int | None = None


def _linear(seed: int) -> BaseEstimator:
    from sklearn.linear_model import LinearRegression

    return LinearRegression()


def _ridge(seed: int) -> BaseEstimator:
    from sklearn.linear_model import Ridge

    return Ridge()


def _lasso(seed: int) -> BaseEstimator:
    from sklearn.linear_model import Lasso

    return Lasso(max_iter=5_000)


def _elastic_net(seed: int) -> BaseEstimator:
    from sklearn.linear_model import ElasticNet

    return ElasticNet(max_iter=5_000)


def _neighbours(seed: int) -> BaseEstimator:
    from sklearn.neighbors import KNeighborsRegressor

    return KNeighborsRegressor()


def _support_vectors(seed: int) -> BaseEstimator:
    from sklearn.svm import SVR

    return SVR(cache_size=100)


def _decision_tree(seed: int) -> BaseEstimator:
    from sklearn.tree import DecisionTreeRegressor

    return DecisionTreeRegressor(random_state=seed)


def _random_forest(seed: int) -> BaseEstimator:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(n_estimators=100, n_jobs=1, random_state=seed)


def _extra_trees(seed: int) -> BaseEstimator:
    from sklearn.ensemble import ExtraTreesRegressor

    return ExtraTreesRegressor(n_estimators=100, n_jobs=1, random_state=seed)


def _adaboost(seed: int) -> BaseEstimator:
    from sklearn.ensemble import AdaBoostRegressor
    from sklearn.tree import DecisionTreeRegressor

    return AdaBoostRegressor(DecisionTreeRegressor(max_depth=4), random_state=seed)


def _gradient_boosting(seed: int) -> BaseEstimator:
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(random_state=seed)


def _hist_gradient_boosting(seed: int) -> BaseEstimator:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(early_stopping=False, random_state=seed)


def _xgboost(seed: int) -> BaseEstimator:
    from xgboost import XGBRegressor

    return XGBRegressor(n_jobs=1, random_state=seed, tree_method="hist")


def _catboost(seed: int) -> BaseEstimator:
    from catboost import CatBoostRegressor

    return CatBoostRegressor(
        random_seed=seed, thread_count=1, allow_writing_files=False, verbose=False
    )


CANDIDATES = (
    Candidate("linear", "Linear regression", _linear),
    Candidate("ridge", "Ridge regression", _ridge, {"alpha": (0.1, 1.0, 5.0, 20.0, 100.0, 500.0)}),
    Candidate("lasso", "Lasso", _lasso, {"alpha": (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)},
              scales_target=True),
    Candidate("elastic_net", "Elastic net", _elastic_net,
              {"alpha": (0.001, 0.003, 0.01, 0.03, 0.1), "l1_ratio": (0.2, 0.5, 0.8)}, n_iter=6,
              scales_target=True),
    Candidate("neighbors", "k-nearest neighbours", _neighbours,
              {"n_neighbors": (5, 10, 20, 40), "weights": ("uniform", "distance")}, n_iter=5,
              max_rows=50_000),
    Candidate("svr", "Support vector regression", _support_vectors,
              {"C": (0.1, 0.3, 1.0, 3.0, 10.0), "gamma": (0.003, 0.01, 0.03, 0.1),
               "epsilon": (0.05, 0.2)}, n_iter=4, scales_target=True, max_rows=5_000),
    Candidate("decision_tree", "Decision tree", _decision_tree,
              {"max_depth": (3, 5, 8, 12), "min_samples_leaf": (3, 10, 30)}, n_iter=6),
    Candidate("random_forest", "Random forest", _random_forest,
              {"max_features": (0.33, 0.6, 1.0), "min_samples_leaf": (1, 3, 8)}, n_iter=2),
    Candidate("extra_trees", "Extra trees", _extra_trees,
              {"max_features": (0.33, 0.6, 1.0), "min_samples_leaf": (1, 3, 8)}, n_iter=2),
    Candidate("adaboost", "AdaBoost", _adaboost,
              {"estimator__max_depth": (3, 5, 8), "learning_rate": (0.05, 0.3, 1.0),
               "n_estimators": (50,)}, n_iter=3),
    Candidate("gradient_boosting", "Gradient boosting", _gradient_boosting,
              {"n_estimators": (80, 160), "learning_rate": (0.04, 0.08), "max_depth": (2, 3, 4),
               "subsample": (0.6, 0.9), "min_samples_leaf": (5, 20)}, n_iter=4),
    Candidate("hist_gradient_boosting", "Histogram gradient boosting", _hist_gradient_boosting,
              {"max_iter": (80, 160), "learning_rate": (0.04, 0.08), "max_leaf_nodes": (6, 12, 24),
               "min_samples_leaf": (10, 30), "l2_regularization": (0.1, 3.0)}, n_iter=4),
    Candidate("xgboost", "XGBoost", _xgboost,
              {"n_estimators": (100, 200), "learning_rate": (0.03, 0.06), "max_depth": (2, 3, 5),
               "subsample": (0.7,), "colsample_bytree": (0.5, 0.9), "min_child_weight": (1, 10)},
              n_iter=4),
    Candidate("catboost", "CatBoost", _catboost,
              {"iterations": (200, 400), "learning_rate": (0.04, 0.08), "depth": (3, 4, 6),
               "l2_leaf_reg": (1, 5)}, n_iter=3),
)  # fmt: skip


@dataclass(frozen=True)
class ModelTrainerConfig:
    """How the search is run."""

    models: tuple[str, ...] = ()  # names of candidates; empty for all
    random_state: int = 42
    jobs: int = 1  # fits at once
    folds: int = FOLDS


@dataclass(frozen=True)
class LeaderboardRow:
    """What cross-validation says of one family's best parameters.

    Attributes
    ----------
    r2, rmse, mae : float
        Means over the folds; the latter two in the target's unit.
    r2_standard_error : float
        Standard deviation over the folds, divided by the root of their number.
    fit_time_s : float
        Seconds of one fit, mean over the folds.
    n_trials : int
        Points of the search space that were tried.
    """

    name: str
    label: str
    r2: float
    r2_standard_error: float
    rmse: float
    mae: float
    fit_time_s: float
    n_trials: int
    params: dict[str, Any]


@dataclass(frozen=True)
class TrainedModel:
    """The outcome of a search.

    Attributes
    ----------
    leaderboard : list of LeaderboardRow
        Best first; the baseline stands among them.
    left_out : dict of str to str
        Families that were not tried, with the reason.
    winner : LeaderboardRow
    pipeline : Pipeline
        Preprocessor and estimator of the winner, not fitted.
    """

    leaderboard: list[LeaderboardRow]
    left_out: dict[str, str]
    winner: LeaderboardRow
    pipeline: Pipeline


@dataclass(frozen=True)
class _Folds:
    """The stacked folds: n_folds × n_samples rows, and where each fold's split points in them."""

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]]


Progress = Callable[[str, int, int], None]  # label of the family, how many are done, of how many


class ModelTrainer:
    """Search the candidates on the training rows."""

    def __init__(self, config: ModelTrainerConfig) -> None:
        self.config = config
        known = {candidate.name: candidate for candidate in CANDIDATES}
        unknown = [name for name in config.models if name not in known]
        if unknown:
            raise ConfigurationError(
                f"There is no model {', '.join(map(repr, unknown))}. "
                f"Choose from {', '.join(known)}."
            )
        self.candidates = [known[name] for name in dict.fromkeys(config.models)] or [*CANDIDATES]

    def run(
        self,
        X: pd.DataFrame,
        y: NDArray[np.float64],
        preprocessor: ColumnTransformer,
        progress: Progress = lambda label, done, total: None,
    ) -> TrainedModel:
        """Tune every candidate and return the best by cross-validated R².

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Typed columns of the training rows.
        y : ndarray of shape (n_samples,)
        preprocessor : ColumnTransformer
            Unfitted; fitted anew inside each fold.
        progress : callable
            Called when a family begins, and once at the end.

        Raises
        ------
        TrainingError
            If no candidate can be told from the mean of the target: its R² is not above the
            baseline's by more than the standard error of their difference.
        """
        import joblib
        from sklearn.base import clone
        from sklearn.dummy import DummyRegressor
        from sklearn.pipeline import Pipeline
        from threadpoolctl import threadpool_limits

        rows: list[LeaderboardRow] = []
        scores: dict[str, NDArray[np.float64]] = {}
        left_out: dict[str, str] = {}
        todo = []
        for candidate in self.candidates:
            if candidate.max_rows is not None and len(X) > candidate.max_rows:
                left_out[candidate.name] = f"too slow above {candidate.max_rows:,} rows"
            else:
                todo.append(candidate)
        if not todo:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
            raise ConfigurationError(f"None of the chosen models can be trained ({reasons}).")
        baseline = Candidate(
            BASELINE, "Mean of the target (baseline)", lambda seed: DummyRegressor()
        )
        folds = self._folds(X, y, preprocessor)
        with (
            threadpool_limits(limits=1),
            joblib.parallel_config("threading", n_jobs=self.config.jobs),
            # Poor points of a search space are expected to warn. Recorded, not only ignored: the
            # fits' threads set the filters back and forth under one another.
            warnings.catch_warnings(record=True),
        ):
            for done, candidate in enumerate([baseline, *todo]):
                progress(candidate.label, done, len(todo) + 1)
                row, scores[candidate.name] = self._search(candidate, folds)
                rows.append(row)
        progress("", len(todo) + 1, len(todo) + 1)

        rows.sort(key=lambda row: -row.r2)
        winner = next(row for row in rows if row.name != BASELINE)
        gain, error = mean_and_standard_error(scores[winner.name] - scores[BASELINE])
        if not gain > error:
            raise TrainingError(
                f"No model is better than predicting the mean: the best, {winner.label}, reaches a "
                f"cross-validated R² of {winner.r2:.3f} ± {winner.r2_standard_error:.3f}. The "
                "features say nothing of the target, or the rows are too few. Nothing was saved."
            )
        pipeline = Pipeline([
            ("preprocessor", clone(preprocessor)),
            ("model", self._estimator(next(c for c in todo if c.name == winner.name))),
        ])  # fmt: skip
        pipeline.named_steps["model"].set_params(**winner.params)
        return TrainedModel(rows, left_out, winner, pipeline)

    def fit(self, pipeline: Pipeline, X: pd.DataFrame, y: NDArray[np.float64]) -> Pipeline:
        """Return a fitted copy of a pipeline."""
        from sklearn.base import clone
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return clone(pipeline).fit(X, y)

    def _folds(
        self, X: pd.DataFrame, y: NDArray[np.float64], preprocessor: ColumnTransformer
    ) -> _Folds:
        """Fit the preprocessor inside each fold, once for all candidates.

        The whole table is transformed by each fold's preprocessor, and the results are stacked:
        fold k's rows stand in block k, and its split points there. A search over the stack then
        does what one with the preprocessor in a pipeline would do, without fitting it for every
        trial.
        """
        import numpy as np
        from sklearn.base import clone
        from sklearn.model_selection import KFold

        cv = KFold(self.config.folds, shuffle=True, random_state=self.config.random_state)
        blocks, splits = [], []
        for k, (train, test) in enumerate(cv.split(X)):
            fitted = clone(preprocessor).fit(X.iloc[train], y[train])
            blocks.append(fitted.transform(X))
            splits.append((train + k * len(X), test + k * len(X)))
        return _Folds(np.vstack(blocks), np.tile(y, len(blocks)), splits)

    def _search(
        self, candidate: Candidate, folds: _Folds
    ) -> tuple[LeaderboardRow, NDArray[np.float64]]:
        """Return what the best point of a family's space reaches, and its R² in each fold."""
        import numpy as np
        from sklearn.model_selection import GridSearchCV, ParameterGrid, RandomizedSearchCV

        started = time.perf_counter()
        smallest = min(len(train) for train, _ in folds.splits)
        prefix = "regressor__" if candidate.scales_target else ""
        space = {
            prefix + name: [v for v in values if name != "n_neighbors" or v <= smallest]
            for name, values in candidate.space.items()
        }
        options: dict[str, Any] = {
            "estimator": self._estimator(candidate),
            "scoring": {
                "r2": "r2",
                "rmse": "neg_root_mean_squared_error",
                "mae": "neg_mean_absolute_error",
            },
            "cv": folds.splits,
            "refit": False,
            "error_score": "raise",
        }
        if candidate.n_iter is None:
            search = GridSearchCV(param_grid=space, **options)
        else:
            search = RandomizedSearchCV(
                param_distributions=space,
                n_iter=min(candidate.n_iter, len(ParameterGrid(space))),
                random_state=self.config.random_state,
                **options,
            )
        search.fit(folds.X, folds.y)
        found = search.cv_results_
        best = int(np.argmax(found["mean_test_r2"]))
        scores = np.array([found[f"split{k}_test_r2"][best] for k in range(len(folds.splits))])
        r2, standard_error = mean_and_standard_error(scores)
        row = LeaderboardRow(
            name=candidate.name,
            label=candidate.label,
            r2=r2,
            r2_standard_error=standard_error,
            rmse=-float(found["mean_test_rmse"][best]),
            mae=-float(found["mean_test_mae"][best]),
            fit_time_s=float(found["mean_fit_time"][best]),
            n_trials=len(found["params"]),
            params=dict(found["params"][best]),
        )
        logger.info(
            "%s: R² %.4f ± %.4f in %d folds, %d trials, %.1f s",
            *(row.label, r2, standard_error, len(folds.splits), row.n_trials),
            time.perf_counter() - started,
        )
        return row, scores

    def _estimator(self, candidate: Candidate) -> BaseEstimator:
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.preprocessing import StandardScaler

        estimator = candidate.build(self.config.random_state)
        if candidate.scales_target:
            return TransformedTargetRegressor(estimator, transformer=StandardScaler())
        return estimator


def mean_and_standard_error(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean of some values and its standard error."""
    import numpy as np

    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
