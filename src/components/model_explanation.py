"""How a model comes to its predictions: by feature, and for each prediction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from src.report.facts import Importance, PartialDependence
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

# What bounds the cost: rows that are sampled, and predictions over all features.
MOST_ROWS = 300
LEAST_ROWS = 30
MOST_PREDICTED = 16_000
LEAST_EXPLAINED, MOST_EXPLAINED = 10, 50  # rows whose contributions are averaged
MOST_MIXED = 36_000  # predictions for these
REPEATS = 5
GRID_POINTS = 20
MOST_CATEGORIES = 30
INNER_RANGE = (0.01, 0.99)  # quantiles of a numeric feature between which its curve is shown
OUTER_TENTHS = (0.1, 0.9)


class ModelExplanation:
    """Explain fitted pipelines of a schema.

    A pipeline has the steps ``preprocessor`` and ``model``; rows are frames of typed columns by the
    schema's names. Predictions are explained as the model makes them, before they are clipped, in
    one thread: sums are then the same on every machine, and no thread waits for another.
    """

    def __init__(self, schema: Schema, random_state: int = 42) -> None:
        self.schema = schema
        self.random_state = random_state

    def importance(
        self, pipeline: Any, X_train: pd.DataFrame, X: pd.DataFrame, y: NDArray[np.float64]
    ) -> list[Importance]:
        """Return what shuffling each feature costs and how far it moves predictions.

        Parameters
        ----------
        X_train : DataFrame of shape (n_train, n_features)
            The rows that it was fitted on, with which contributions compare.
        X, y
            As in :meth:`permutation_importance`.
        """
        import numpy as np
        from threadpoolctl import threadpool_limits

        from src.explanations.background import Background
        from src.explanations.explainer import Explainer

        importances = self.permutation_importance(pipeline, X, y)
        background = Background.of(self.schema, X_train, pipeline.predict, self.random_state)
        if background.unavailable:
            return importances
        explainer = Explainer(self.schema, pipeline, background, self.random_state)
        n_rows = max(LEAST_EXPLAINED, min(MOST_EXPLAINED, MOST_MIXED // explainer.n_mixtures))
        with threadpool_limits(limits=1):
            values = explainer.contributions(X.iloc[:n_rows])
        means = np.abs(values).mean(axis=0).tolist()
        sizes = dict(zip(self.schema.names, means, strict=True))
        return [replace(one, mean_absolute_contribution=sizes[one.feature]) for one in importances]

    def permutation_importance(
        self, pipeline: Any, X: pd.DataFrame, y: NDArray[np.float64]
    ) -> list[Importance]:
        """Return what shuffling each feature costs, the dearest first.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Rows that the pipeline was not fitted on; a sample is taken of many.
        y : ndarray of shape (n_samples,)

        References
        ----------
        Breiman (2001), "Random Forests", Machine Learning 45, section 10. Fisher, Rudin and
        Dominici (2019), "All Models are Wrong, but Many are Useful", JMLR 20.
        """
        import numpy as np
        from threadpoolctl import threadpool_limits

        from src.explanations.feature_rows import FeatureRows

        random = np.random.default_rng(self.random_state)
        rows = FeatureRows.of(pipeline, self.schema)
        sample = _sample(random, len(X), MOST_PREDICTED // (REPEATS * len(rows.names)))
        truth = y[sample]
        total = ((truth - truth.mean()) ** 2).sum() or np.inf  # R² means nothing of equal truths
        every = np.arange(len(sample))
        found = []
        with threadpool_limits(limits=1):
            prepared = rows.prepare(X.iloc[sample])
            residuals = truth - rows.predict(prepared)
            for position, name in enumerate(rows.names):
                index = np.tile(every[:, None], (REPEATS, len(rows.names)))
                index[:, position] = random.permuted(np.tile(every, (REPEATS, 1)), axis=1).ravel()
                shuffled = truth - rows.predict(rows.mix(prepared, index)).reshape(REPEATS, -1)
                drops = ((shuffled**2).sum(axis=1) - (residuals**2).sum()) / total
                rises = np.abs(shuffled).mean(axis=1) - np.abs(residuals).mean()
                fall, rise = ((float(v.mean()), float(v.std(ddof=1))) for v in (drops, rises))
                found.append(Importance(name, *fall, *rise))
        return sorted(found, key=lambda one: -one.r2_drop)

    def partial_dependence(self, pipeline: Any, X: pd.DataFrame) -> list[PartialDependence]:
        """Return how the prediction goes with each feature, in the schema's order.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Training rows; averaged over a sample of them.

        References
        ----------
        Friedman (2001), "Greedy Function Approximation", Annals of Statistics 29(5), section 8.2.
        Goldstein et al. (2015), "Peeking Inside the Black Box", JCGS 24(1), for the rows' curves.
        """
        import numpy as np
        import pandas as pd
        from threadpoolctl import threadpool_limits

        from src.explanations.feature_rows import FeatureRows

        random = np.random.default_rng(self.random_state)
        rows = FeatureRows.of(pipeline, self.schema)
        grids = [_grid(feature, X[feature.name]) for feature in self.schema.features]
        ends = np.cumsum([len(grid) for grid in grids]).tolist()
        sample = _sample(random, len(X), MOST_PREDICTED // ends[-1])
        found = []
        with threadpool_limits(limits=1):
            # The grids stand below one another; of each of their rows one feature's value is used.
            shown = X.iloc[np.zeros(ends[-1], dtype=int)].reset_index(drop=True)
            for grid, end, name in zip(grids, ends, rows.names, strict=True):
                column = shown[name].to_numpy(copy=True)
                column[end - len(grid) : end] = grid
                shown[name] = pd.Series(column, dtype=shown[name].dtype)
            prepared = np.concatenate([rows.prepare(X.iloc[sample]), rows.prepare(shown)])
            for position, (grid, end) in enumerate(zip(grids, ends, strict=True)):
                index = np.tile(np.arange(len(sample))[:, None], (len(grid), len(rows.names)))
                values = len(sample) + np.arange(end - len(grid), end)
                index[:, position] = np.repeat(values, len(sample))
                curves = rows.predict(rows.mix(prepared, index)).reshape(len(grid), -1)
                mean = curves.mean(axis=1)
                level = curves - curves.mean(axis=0) + mean.mean()
                low, high = np.quantile(level, OUTER_TENTHS, axis=1)
                at = tuple(None if value != value else value for value in grid)
                lines = (tuple(each.tolist()) for each in (mean, low, high))
                found.append(PartialDependence(rows.names[position], at, *lines))
        return found


def _sample(random: np.random.Generator, n_rows: int, n_wanted: int) -> NDArray[np.intp]:
    """Return which rows to use: so many as are wanted, within the bounds, if there are so many."""
    import numpy as np

    n_sampled = min(n_rows, MOST_ROWS, max(LEAST_ROWS, n_wanted))
    return np.sort(random.choice(n_rows, n_sampled, replace=False))


def _grid(feature: NumericFeature | CategoricalFeature, column: pd.Series[Any]) -> list[Any]:
    """Return the values to show of a feature: observed ones, NaN for a missing category."""
    import numpy as np

    if isinstance(feature, NumericFeature):
        values = column.dropna().drop_duplicates().sort_values()
        if len(values) > GRID_POINTS:
            levels = np.linspace(*INNER_RANGE, GRID_POINTS)
            values = column.quantile(levels, interpolation="nearest").drop_duplicates()
        return values.tolist()
    order = {category: position for position, category in enumerate(feature.categories)}
    often = column.value_counts(dropna=False).index[:MOST_CATEGORIES]
    return sorted(often.tolist(), key=lambda category: order.get(category, len(order)))
