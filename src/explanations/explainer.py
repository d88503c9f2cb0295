"""Additive contributions of each feature to a pipeline's predictions, in the target's unit.

A family of models is explained in its own exact way where it has one. What has none, or does not
add up, is explained by permutation over a background.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from src.compiled.contributions import Contributions, Method
from src.compiler.estimators import FittedTrees, UnsupportedEstimatorError, read_estimator
from src.explanations.background import ROWS_A_BLOCK, Background
from src.explanations.feature_rows import FeatureRows, column_sources, single_sources
from src.explanations.permutation_shapley import permutation_shapley
from src.explanations.tree_shap import TreeShap
from src.logger import get_logger
from src.schema.record import Schema

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

logger = get_logger(__name__)

# Predictions for the contributions of one row, by permutation. With many features they are more:
# the walks start at a block of the background's rows at the least.
MIXTURES = 720
MOST_NODES = 250_000  # of an ensemble: beyond, its paths take more memory than they are worth
CHECKED_ROWS = 10
TOLERANCE = 1e-4  # relative, of sums: XGBoost's are in float32
# A blend is as exact as the least exact of its members.
FROM_MOST_EXACT: tuple[Method, ...] = ("linear", "tree_shap", "permutation_shapley", "path")


@dataclass(frozen=True)
class ContributionTable:
    """Contributions to many predictions; :class:`Contributions` says what they are.

    Attributes
    ----------
    names : tuple of str
        The features.
    base : float
    values : ndarray of shape (n_samples, n_features)
    method : str
    """

    names: tuple[str, ...]
    base: float
    values: NDArray[np.float64]
    method: Method

    def rows(self) -> list[Contributions]:
        """Return each prediction's contributions by feature."""
        return [
            Contributions(self.base, dict(zip(self.names, row, strict=True)), self.method)
            for row in self.values.tolist()
        ]


class _Additive(NamedTuple):
    """How a fitted model is explained; ``explain`` takes the rows that the model takes."""

    base: float
    method: Method
    explain: Callable[[Any], NDArray[np.float64]]


class Explainer:
    """Explain the predictions of one fitted pipeline. Build it once: asking is cheap.

    Parameters
    ----------
    schema : Schema
    pipeline : Pipeline
        Fitted, with the steps ``preprocessor`` and ``model``.
    background : Background
        Linear terms are counted from its mean, and permutations start at its rows. Trees need none:
        they hold the training rows' shares at each split.
    random_state : int
        Of the permutations.

    Attributes
    ----------
    base : float
        What contributions are counted from, in the target's unit.
    method : str
        How they come about; see :class:`Contributions`.
    """

    def __init__(
        self, schema: Schema, pipeline: Any, background: Background, random_state: int = 42
    ) -> None:
        self._random_state = random_state
        self._rows = FeatureRows.of(pipeline, schema.names)
        prepared = self._rows.prepare(background.frame(schema))
        self.base, self.method, self._explain = self._additive(self._rows, prepared)

    def contributions(self, X: pd.DataFrame) -> ContributionTable:
        """Return what each feature adds to each prediction.

        Base and contributions sum to the prediction before it is clipped: to 1e-6 relative, or to
        1e-4 where XGBoost has a part in it, which counts in float32.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Typed columns by name, checked.
        """
        values = self._explain(self._rows.prepare(X))
        return ContributionTable(self._rows.names, self.base, values, self.method)

    def _additive(self, rows: FeatureRows, background: Any) -> _Additive:
        """Return the exact way of a model where there is one, else permutation."""
        exact = None if rows.preprocessor is None else self._exact(rows, background)
        return exact or self._permuted(rows, background)

    def _exact(self, rows: FeatureRows, background: Any) -> _Additive | None:
        match type(rows.model).__name__:
            case "VotingRegressor":
                return self._blended(rows, background)
            case "TransformedTargetRegressor":
                return self._rescaled(rows, background)
            case "Pipeline":
                return self._through_steps(rows, background)
            case "LinearRegression" | "Ridge" | "Lasso" | "ElasticNet":
                found = _linear(rows, background)
            case "XGBRegressor":
                found = _of_booster(_xgboost_values, rows, background)
            case "CatBoostRegressor":
                found = _of_booster(_catboost_values, rows, background)
            case _:
                if (of_trees := _of_trees(rows)) is None:
                    return None
                found = of_trees
        return found if _adds_up(found, rows, background) else None

    def _permuted(self, rows: FeatureRows, background: Any) -> _Additive:
        n_features = len(rows.names)
        n_blocks = max(1, MIXTURES // (2 * ROWS_A_BLOCK * max(1, n_features - 1)))
        start = background[: n_blocks * ROWS_A_BLOCK]

        def explain(X: Any) -> NDArray[np.float64]:
            return permutation_shapley(
                lambda index: rows.predict(rows.mix((X, start), index)),
                len(X), len(start), n_features, self._random_state)  # fmt: skip

        return _Additive(float(rows.predict(start).mean()), "permutation_shapley", explain)

    def _blended(self, rows: FeatureRows, background: Any) -> _Additive:
        import numpy as np

        members, weights = rows.model.estimators_, rows.model._weights_not_none
        shares = np.ones(len(members)) if weights is None else np.array(weights, dtype=float)
        shares /= shares.sum()
        parts = [self._additive(rows.with_model(member), background) for member in members]
        return _Additive(
            float(shares @ [part.base for part in parts]),
            max((part.method for part in parts), key=FROM_MOST_EXACT.index),
            lambda X: np.tensordot(shares, [part.explain(X) for part in parts], axes=1),
        )

    def _rescaled(self, rows: FeatureRows, background: Any) -> _Additive | None:
        scaler = rows.model.transformer_
        if type(scaler).__name__ != "StandardScaler":
            return None
        inner = self._additive(rows.with_model(rows.model.regressor_), background)
        scale = float(scaler.scale_[0])
        return _Additive(
            float(scaler.mean_[0]) + scale * inner.base, inner.method,
            lambda X: scale * inner.explain(X))  # fmt: skip

    def _through_steps(self, rows: FeatureRows, background: Any) -> _Additive | None:
        steps = rows.model[:-1]
        found = column_sources(steps, len(rows.sources))
        sources = None if found is None else single_sources(found, rows.sources.tolist())
        if sources is None:
            return None
        inner = self._additive(
            rows.with_model(rows.model[-1], sources), steps.transform(background)
        )
        return _Additive(
            inner.base, inner.method, lambda X: inner.explain(steps.transform(X))
        )  # fmt: skip


def _adds_up(found: _Additive, rows: FeatureRows, background: Any) -> bool:
    """Whether base and contributions sum to the predictions; a link function keeps them from it."""
    import numpy as np

    some = background[:CHECKED_ROWS]
    sums = found.base + found.explain(some).sum(axis=1)
    if np.allclose(sums, rows.predict(some), rtol=TOLERANCE):
        return True
    logger.warning(
        "Contributions of %s by %s do not add up: they are found by permutation",
        *(type(rows.model).__name__, found.method),
    )
    return False


def _linear(rows: FeatureRows, background: Any) -> _Additive:
    import numpy as np

    coefficients = np.ravel(rows.model.coef_)
    mean = background.mean(axis=0)
    base = float(np.ravel(rows.model.intercept_)[0] + coefficients @ mean)
    return _Additive(
        base, "linear", lambda X: rows.sum_columns((X - mean) * coefficients)
    )  # fmt: skip


def _of_trees(rows: FeatureRows) -> _Additive | None:
    """Return the Shapley values of a sum of scikit-learn's trees; None if it is none, or huge."""
    try:
        found = read_estimator(rows.model)
    except UnsupportedEstimatorError:
        return None
    weight, part = found.parts[0]
    if not isinstance(part, FittedTrees) or part.median_weights:
        return None
    if sum(len(tree.column) for tree in part.trees) > MOST_NODES:
        return None
    trees = TreeShap(part.trees, part.comparison)
    return _Additive(
        found.constant + weight * trees.base, "tree_shap",
        lambda X: rows.sum_columns(weight * trees.values(X)))  # fmt: skip


def _of_booster(
    values: Callable[[Any, Any], NDArray[np.float64]], rows: FeatureRows, background: Any
) -> _Additive:
    """Return the library's own tree SHAP values, the base being the last of each row."""
    base = float(values(rows.model, background[:1])[0, -1])
    return _Additive(
        base, "tree_shap", lambda X: rows.sum_columns(values(rows.model, X)[:, :-1])
    )  # fmt: skip


def _xgboost_values(model: Any, X: Any) -> NDArray[np.float64]:
    import numpy as np
    from xgboost import DMatrix

    found = model.get_booster().predict(DMatrix(X, nthread=1), pred_contribs=True)
    return np.asarray(found, dtype=np.float64)


def _catboost_values(model: Any, X: Any) -> NDArray[np.float64]:
    from catboost import Pool

    pool = Pool(X, cat_features=model.get_cat_feature_indices(), thread_count=1)
    return model.get_feature_importance(pool, type="ShapValues", thread_count=1)
