"""How a model comes to its predictions: by feature, and for each prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from src.report.facts import (
    Importance,
    JointImportance,
    PartialDependence,
    RawDifference,
    RefittedModel,
)
from src.report.wording import event_label
from src.schema.features import CategoricalFeature, ClassTarget, NumericFeature
from src.schema.record import Schema
from src.search.home import HERE, Home
from src.search.leaderboard import TrainedModel
from src.search.task import R2
from src.stats.disclosure import LEAST_ROWS as LEAST_SHOWN
from src.stats.intervals import r2_drop_interval

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from src.explanations.feature_rows import Chance, FeatureRows
    from src.stats.chances import ClassChances

# What bounds the cost: rows that are sampled, and predictions over all features.
MOST_ROWS = 300
LEAST_ROWS = 30
MOST_PREDICTED = 16_000
MOST_CURVES = 50  # features whose partial dependence is worked out
LEAST_EXPLAINED, MOST_EXPLAINED = 10, 50  # rows whose contributions are averaged
MOST_MIXED = 36_000  # predictions for these
GOES_TOGETHER = 0.5  # correlation of two features' columns
MOST_SETS = 5  # of features that are left out together
GRID_POINTS = 20
MOST_CATEGORIES = 30
MOST_OUTCOMES = 4  # that are explained where none of them is the event
INNER_RANGE = (0.01, 0.99)  # quantiles of a numeric feature between which its curve is shown
OUTER_TENTHS = (0.1, 0.9)


class ModelExplanation:
    """Explain fitted pipelines of a schema.

    A pipeline has the steps ``preprocessor`` and ``model``; rows are frames of typed columns by the
    schema's names. Predictions are explained as the model makes them, before they are clipped, in
    one thread: sums are then the same on every machine, and no thread waits for another.

    Parameters
    ----------
    chances : ClassChances, optional
        Of a classifier. What is explained is then the chance of the event; without one, that of
        the second of two outcomes, or of each of the four most frequent.
    """

    def __init__(
        self,
        schema: Schema,
        random_state: int = 42,
        jobs: int = 1,
        chances: ClassChances | None = None,
        home: Home = HERE,
    ) -> None:
        self.schema = schema
        self.random_state = random_state
        self.jobs = jobs
        self.home = home
        self.explained = _explained(schema.outcomes, chances) if chances else [("", None)]

    def importance(
        self, trained: TrainedModel, pipeline: Any, X_train: pd.DataFrame, X: pd.DataFrame
    ) -> tuple[list[Importance], RefittedModel]:
        """Return what is lost without each feature, the most first, and what was fitted again.

        The cheapest family that is about as good as the winner is fitted without one feature at a
        time, for the features that move predictions most, on the folds of the search. Those that go
        together are then left out together: each alone is hardly missed.

        Parameters
        ----------
        pipeline : Pipeline
            Fitted.
        X_train : DataFrame of shape (n_train, n_features)
            The rows that it was fitted on, with which contributions compare.
        X : DataFrame of shape (n_samples, n_features)
            Other rows, whose contributions are averaged.

        References
        ----------
        Lei et al. (2018), "Distribution-Free Predictive Inference for Regression", JASA 113(523),
        section 6. Williamson et al. (2021), "Nonparametric variable importance assessment using
        machine learning techniques", Biometrics 77(1).
        """
        import numpy as np

        from src.explanations.feature_rows import FeatureRows
        from src.search.folds import quiet_fits
        from src.search.refitting import Refitting

        sizes = self.mean_contributions(pipeline, X_train, X)
        refitting = Refitting.of(trained, self.random_state)
        sources = FeatureRows.of(pipeline, self.schema).sources
        columns = {n: np.flatnonzero(sources == i) for i, n in enumerate(self.schema.names)}
        ranked = sorted(sizes, key=lambda name: -sizes[name])[: refitting.n_features]
        folds, rows = trained.folds, refitting.rows
        clusters = None if folds.clusters is None else folds.clusters[rows]
        task, y = folds.task, folds.truth[rows]
        spread = refitting.shares * task.losses(y, folds.training_means[rows], R2)
        with quiet_fits(self.jobs):
            whole, *without = refitting.losses_without(
                [np.empty(0, dtype=np.intp), *(columns[name] for name in ranked)], self.home
            )
            drops = {
                name: r2_drop_interval(whole, losses, spread, clusters)
                for name, losses in zip(ranked, without, strict=True)
            }
            train = folds.X[folds.splits[-1][0]]
            sets = _that_go_together(train, {n: columns[n] for n in ranked})
            without_sets = refitting.losses_without(
                [np.concatenate([columns[name] for name in names]) for names in sets], self.home
            )
        together = tuple(
            JointImportance(names, r2_drop_interval(whole, losses, spread, clusters))
            for names, losses in zip(sets, without_sets, strict=True)
        )
        found = [Importance(name, sizes[name], drops.get(name)) for name in sizes]
        found.sort(key=lambda one: -sizes[one.feature])
        found.sort(key=lambda one: -one.r2_drop.value if one.r2_drop else np.inf)
        by_baseline = float(spread.mean())
        return found, RefittedModel(
            refitting.label,
            1 - float(whole.mean() / (by_baseline or np.inf)),
            len(y),
            together,
            None if self.schema.task == "regression" else by_baseline,
        )

    def mean_contributions(
        self, pipeline: Any, X_train: pd.DataFrame, X: pd.DataFrame
    ) -> dict[str, float]:
        """Return how far each feature moves predictions, on average; as :meth:`importance`."""
        import numpy as np
        from threadpoolctl import threadpool_limits

        from src.explanations.background import Background
        from src.explanations.explainer import Explainer

        predict = pipeline.predict
        if self.schema.task != "regression":
            predict = pipeline.predict_proba
        background = Background.of(self.schema, X_train, predict, self.random_state)
        if background.unavailable:
            return self._mean_changes(pipeline, X)
        means = []
        for _, chance in self.explained:
            explainer = Explainer(self.schema, pipeline, background, self.random_state, chance)
            if explainer.is_too_wide:
                return self._mean_changes(pipeline, X)
            most = MOST_MIXED // explainer.n_mixtures // len(self.explained)
            n_rows = max(LEAST_EXPLAINED, min(MOST_EXPLAINED, most))
            with threadpool_limits(limits=1):
                values = explainer.contributions(X.iloc[:n_rows])
            means.append(np.abs(values).mean(axis=0))
        return dict(zip(self.schema.names, np.mean(means, axis=0).tolist(), strict=True))

    def _mean_changes(self, pipeline: Any, X: pd.DataFrame) -> dict[str, float]:
        """Return by how much a prediction changes with another row's answer, on average."""
        import numpy as np

        from src.explanations.feature_rows import FeatureRows

        rows, random = (
            FeatureRows.of(pipeline, self.schema, self.explained[0][1]),
            np.random.default_rng(self.random_state),
        )
        prepared = rows.prepare(X.iloc[:MOST_EXPLAINED])
        predicted, found = rows.predict(prepared), {}
        for position, name in enumerate(rows.names):
            own, mixed = np.flatnonzero(rows.sources == position), prepared.copy()
            mixed[:, own] = prepared[random.permutation(len(predicted))][:, own]
            changed = rows.predict(mixed)
            found[name] = float(np.abs(changed - predicted).mean())
        return found

    def partial_dependence(
        self, pipeline: Any, X: pd.DataFrame, ranked: Sequence[str] = ()
    ) -> list[PartialDependence]:
        """Return how the prediction goes with each feature, in the schema's order.

        Where several outcomes are explained, all features of one come before those of the next.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Training rows; averaged over a sample of them.
        ranked : sequence of str
            Names of the features, the most important first. Of a wide table, the curves are those
            of the first 50 and of the features that a school can act on.

        References
        ----------
        Friedman (2001), "Greedy Function Approximation", Annals of Statistics 29(5), section 8.2.
        Goldstein et al. (2015), "Peeking Inside the Black Box", JCGS 24(1), for the rows' curves.
        """
        from src.explanations.feature_rows import FeatureRows

        first = {*(ranked or self.schema.names)[:MOST_CURVES]}
        drawn = [one for one in self.schema.features if one.name in first or one.actionable]
        return [
            curve
            for outcome, chance in self.explained
            for curve in self._curves(
                FeatureRows.of(pipeline, self.schema, chance), X, drawn, outcome
            )
        ]

    def _curves(
        self,
        rows: FeatureRows,
        X: pd.DataFrame,
        drawn: Sequence[NumericFeature | CategoricalFeature],
        outcome: str,
    ) -> list[PartialDependence]:
        import numpy as np
        import pandas as pd
        from threadpoolctl import threadpool_limits

        random = np.random.default_rng(self.random_state)
        grids = [_grid(feature, X[feature.name]) for feature in drawn]
        ends = np.cumsum([len(grid) for grid in grids]).tolist()
        sample = _sample(random, len(X), MOST_PREDICTED // len(self.explained) // ends[-1])
        found = []
        with threadpool_limits(limits=1):
            # The grids stand below one another; of each of their rows one feature's value is used.
            shown = X.iloc[np.zeros(ends[-1], dtype=int)].reset_index(drop=True)
            for grid, end, feature in zip(grids, ends, drawn, strict=True):
                column = shown[feature.name].to_numpy(copy=True)
                column[end - len(grid) : end] = grid
                shown[feature.name] = pd.Series(column, dtype=shown[feature.name].dtype)
            prepared = np.concatenate([rows.prepare(X.iloc[sample]), rows.prepare(shown)])
            for grid, end, feature in zip(grids, ends, drawn, strict=True):
                position = rows.names.index(feature.name)
                index = np.tile(np.arange(len(sample))[:, None], (len(grid), len(rows.names)))
                values = len(sample) + np.arange(end - len(grid), end)
                index[:, position] = np.repeat(values, len(sample))
                curves = rows.predict(rows.mix(prepared, index)).reshape(len(grid), -1)
                mean = curves.mean(axis=1)
                level = curves - curves.mean(axis=0) + mean.mean()
                low, high = np.quantile(level, OUTER_TENTHS, axis=1)
                if outcome:
                    low, high = low.clip(0, 1), high.clip(0, 1)
                at = tuple(None if value != value else value for value in grid)
                low, high, mean = (tuple(each.tolist()) for each in (low, high, mean))
                found.append(PartialDependence(feature.name, at, mean, low, high, outcome))
        return found

    def raw_differences(self, X: pd.DataFrame, y: NDArray[np.float64]) -> list[RawDifference]:
        """Return how students differ by the features that a school can act on, nothing else held.

        Of outcomes, it is the share of students with the event that differs: with a larger number,
        or a later category of ``order``, the event is more frequent. Without an event (no outcome
        is said to be at risk) nothing is returned.

        Parameters
        ----------
        X, y
            Training rows; of outcomes, y holds their codes.
        """
        import numpy as np

        if self.schema.task != "regression":
            event = self.schema.outcomes.event
            if not event:
                return []
            y = np.isin(y, event).astype(np.float64)
        acted_on = (feature for feature in self.schema.features if feature.actionable)
        found = (_raw_difference(feature, X[feature.name], y) for feature in acted_on)
        return [one for one in found if one]


def _explained(target: ClassTarget, chances: ClassChances) -> list[tuple[str, Chance | None]]:
    """Return the outcomes whose chances are explained: what they are called, and their chance."""

    def chance_of(codes: list[int]) -> Chance:
        return lambda raw: chances.calibrated_of_each(raw)[:, codes].sum(axis=1)

    if target.event:
        return [(event_label(target), chance_of(list(target.event)))]
    frequent = sorted(range(len(target.categories)), key=lambda code: -chances.prior[code])
    shown = [1] if len(target.categories) == 2 else sorted(frequent[:MOST_OUTCOMES])
    return [(target.categories[code], chance_of([code])) for code in shown]


def _raw_difference(
    feature: NumericFeature | CategoricalFeature, column: pd.Series[Any], y: NDArray[np.float64]
) -> RawDifference | None:
    """Return how the target differs by a feature; None where training saw too little of it."""
    import numpy as np

    if isinstance(feature, CategoricalFeature):
        means: dict[str | None, float] = {}
        for category in (*feature.categories, None):
            chosen = column.isna() if category is None else column == category
            if chosen.sum() >= LEAST_SHOWN:
                means[category] = float(y[chosen.to_numpy(dtype=bool)].mean())
        order = tuple(sorted(means, key=lambda category: means[category]))
        if len(order) < 2:
            return None
        low, high = order[0], order[-1]
        return RawDifference(feature.name, order, low, high, means[high] - means[low])
    known = column.notna().to_numpy()
    x = column[known].to_numpy(dtype=np.float64)
    if len(x) < LEAST_SHOWN or not np.ptp(x):
        return None
    lowest, highest = np.quantile(x, OUTER_TENTHS).tolist()
    slope = float(np.cov(x, y[known])[0, 1] / x.var(ddof=1))
    return RawDifference(feature.name, (), lowest, highest, slope * (highest - lowest))


def _that_go_together(
    X: NDArray[np.float64], columns: Mapping[str, NDArray[np.intp]]
) -> list[tuple[str, ...]]:
    """Return sets of two or more features that are linked by correlations, the strongest first."""
    import numpy as np
    from scipy.sparse.csgraph import connected_components

    moving = {n: own[np.ptp(X[:, own], axis=0) > 0] for n, own in columns.items()}
    names = [name for name, own in moving.items() if len(own)]
    if len(names) < 2:
        return []
    owner = np.repeat(np.arange(len(names)), [len(moving[name]) for name in names])
    correlation = np.abs(np.corrcoef(X[:, np.concatenate([moving[n] for n in names])].T))
    linked = np.zeros((len(names), len(names)))
    np.maximum.at(linked, (owner[:, None], owner[None, :]), correlation)
    n_sets, of_set = connected_components(linked >= GOES_TOGETHER, directed=False)
    sets = [tuple(n for n, k in zip(names, of_set, strict=True) if k == i) for i in range(n_sets)]
    return [one for one in sets if len(one) > 1][:MOST_SETS]


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
