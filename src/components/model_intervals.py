"""The distribution of a model's errors: from out-of-fold predictions to a table for serving."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any, Self

from src.stats.conformal import Curve, Factor, PredictionIntervals

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.preprocessing import SplineTransformer

LEVELS = (0.8, 0.9, 0.95)
POINTS = 101  # quantiles of the residuals that are kept, at most
ROWS_A_KNOT, LEAST_KNOTS, MOST_KNOTS = 50, 4, 31  # of a curve
FOLDS = 5
ROWS_FOR_CURVES = 60
ROWS_FOR_FEATURES = 100
MOST_FEATURES = 3
CHANCE = 0.01  # of taking noise for a feature that sets the spread
PRIOR_ROWS = 5.0  # weight of the belief that nothing sets the spread
SOLVER = "newton-cholesky"  # few columns
BLANK_ROWS, ROWS_FOR_BLANKS, PAIRED_FEATURES, TURNS = 300, 20, 12, 5
HEAP_ROWS, HEAP_SHARE, HEAP_TIMES = 10, 0.02, 2  # at least; times as many as its neighbour
ROWS_BESIDE_HEAPS = 10  # of fewer, there is no spread to learn: they are taken with the heaps


class ModelIntervals:
    """Learn where the truth lies around a prediction, from rows that the model was not fitted on.

    Parameters
    ----------
    levels : tuple of float
        Wanted coverages, in (0, 1).
    """

    def __init__(self, levels: tuple[float, ...] = LEVELS, random_state: int = 42) -> None:
        self.levels = levels
        self.random_state = random_state

    def run(
        self,
        y: NDArray[np.float64],
        y_pred: NDArray[np.float64],
        X: pd.DataFrame | None = None,
        ratio: float = 1.0,
        blanks: BlankAnswers | None = None,
    ) -> PredictionIntervals:
        """Return the intervals.

        Residuals are divided by a scale before their quantiles are taken: a gamma regression of
        their size on the prediction and on the features that set it, as far as these are told from
        chance. A row's scale is learnt on other folds than the row's. A score at an end of the
        target's range that many rows have exactly gets a chance of its own, by a logistic
        regression on the prediction.

        The promised coverage is that of new rows like the training rows (of new groups, where the
        folds kept groups together), averaged over all of them.

        Parameters
        ----------
        y, y_pred : ndarray of shape (n_samples,)
            Truth and out-of-fold prediction, in score points, not clipped.
        X : DataFrame of shape (n_samples, n_features), optional
            The same rows' typed columns.
        ratio : float
            Typical error for new rows, over that of ``y_pred``.
        blanks : BlankAnswers, optional
            What predictions become where answers are left blank, to learn how much less is known
            then.

        Returns
        -------
        PredictionIntervals
            With too few residuals for a level, it ends at the outermost residuals.

        References
        ----------
        Lei et al. (2018), "Distribution-Free Predictive Inference for Regression", JASA 113(523),
        sections 2 and 5.2. Barber et al. (2021), "Predictive inference with the jackknife+",
        Annals of Statistics 49(1), for residuals across folds. Papadopoulos, Gammerman and Vovk
        (2008), "Normalized nonconformity measures for regression conformal prediction", for scales
        that are learnt. Hyndman and Fan (1996), "Sample quantiles in statistical packages", The
        American Statistician 50(4), type 6.
        """
        import numpy as np

        rows = _Rows.of(y, y_pred, X)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fit that stops early serves as well
            parts = self._choose(rows)
            centre, scale = self._crossed(rows, parts)
            made = fit_spread(rows, parts)
            if blanks is not None:
                made = replace(made, blanks=_widenings(rows, made, centre, scale, blanks))
                scale = scale * made.widening_of_each(len(scale), rows.X)
        z = ((y - centre) / scale)[rows.spread]
        quantiles = np.quantile(ratio * z, np.linspace(0, 1, min(len(z), POINTS)))
        return replace(
            made, levels=self.levels, quantiles=tuple(quantiles.tolist()), n_samples=len(z)
        )

    def _choose(self, rows: _Rows) -> _Parts:
        """Return what the spread is made to depend on.

        A part stays where the likelihood (Laplace's distribution) of rows that it was not learnt on
        gains. Features must have passed a test, corrected for their number.
        """
        best, n = self._trial(rows, _Parts()), int(rows.spread.sum())
        if n < ROWS_FOR_CURVES or not best.size.any():
            return best.parts
        best = best.or_better(self._trial(rows, _Parts(by_prediction=True)))
        best = best.or_better(self._trial(rows, replace(best.parts, centred=True)))
        names = features_that_set(best.size, rows.X[rows.spread]) if n >= ROWS_FOR_FEATURES else []
        if names:
            best = best.or_better(self._trial(rows, replace(best.parts, features=tuple(names))))
        return best.parts

    def _trial(self, rows: _Rows, parts: _Parts) -> _Trial:
        import numpy as np

        centre, scale = self._crossed(rows, parts)
        size, scale = np.abs(rows.y - centre)[rows.spread], scale[rows.spread]
        if not parts.scaled:
            scale = np.full_like(size, max(size.mean(), np.finfo(float).tiny))
        return _Trial(parts, np.log(scale) + size / scale, size / scale)

    def _crossed(
        self, rows: _Rows, parts: _Parts
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return each row's centre and scale, learnt without that row's fold."""
        import numpy as np
        from sklearn.model_selection import KFold

        centre, scale = rows.y_pred.copy(), np.ones_like(rows.y)
        if parts == _Parts() and rows.spread.all():
            return centre, scale
        folds = KFold(FOLDS, shuffle=True, random_state=self.random_state)
        for rest, fold in folds.split(rows.y):
            made, tested = fit_spread(rows.take(rest), parts), rows.take(fold)
            found = [
                made.spread(p, values)[:2]
                for p, values in zip(tested.y_pred, tested.values(parts.features), strict=True)
            ]
            centre[fold], scale[fold] = np.array(found).T
        return centre, scale


@dataclass(frozen=True)
class _Parts:
    """What the middle and the scale depend on: the prediction, features."""

    centred: bool = False
    by_prediction: bool = False
    features: tuple[str, ...] = ()

    @property
    def scaled(self) -> bool:
        return self.by_prediction or bool(self.features)


@dataclass(frozen=True)
class _Trial:
    """How well some parts do, on the rows that lie in no heap.

    Attributes
    ----------
    loss, size : ndarray of shape (n_samples,)
        Each row's negative log-likelihood, and its error over what is typical.
    """

    parts: _Parts
    loss: NDArray[np.float64]
    size: NDArray[np.float64]

    def or_better(self, other: _Trial) -> _Trial:
        """Return the likelier of the two."""
        return other if other.loss.mean() < self.loss.mean() else self


@dataclass(frozen=True)
class _Rows:
    """Rows that a model was not fitted on.

    Attributes
    ----------
    lowest, highest : float or None
        Scores at the ends of what was seen that form heaps, where enough others lie beside them.
    """

    y: NDArray[np.float64]
    y_pred: NDArray[np.float64]
    X: pd.DataFrame
    lowest: float | None
    highest: float | None

    @classmethod
    def of(
        cls, y: NDArray[np.float64], y_pred: NDArray[np.float64], X: pd.DataFrame | None
    ) -> Self:
        import pandas as pd

        lowest, highest = heap_at_the_least(y), heap_at_the_least(-y)
        highest = None if highest is None else -highest
        X = pd.DataFrame(index=range(len(y))) if X is None else X
        found = cls(y, y_pred, X, lowest, highest)
        if found.spread.sum() < ROWS_BESIDE_HEAPS:
            return cls(y, y_pred, X, None, None)
        return found

    @cached_property
    def spread(self) -> NDArray[np.bool_]:
        """Which rows lie in no heap."""
        inside: NDArray[np.bool_] = (self.y != self.lowest) & (self.y != self.highest)
        return inside

    def take(self, rows: NDArray[np.intp]) -> _Rows:
        return replace(self, y=self.y[rows], y_pred=self.y_pred[rows], X=self.X.iloc[rows])

    def values(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return some features' values, row by row."""
        columns = [self.X[name].tolist() for name in names]
        found = zip(*columns, strict=True) if names else [()] * len(self.y)
        return [dict(zip(names, row, strict=True)) for row in found]


@dataclass(frozen=True)
class BlankAnswers:
    """What predictions become where answers are left blank.

    Attributes
    ----------
    rows : ndarray of shape (n_rows,)
        Positions of the rows that were tried.
    moved : dict of tuple of str to ndarray of shape (n_rows,)
        By the one or two features that were left blank: that prediction less the usual one.
    """

    rows: NDArray[np.intp]
    moved: dict[tuple[str, ...], NDArray[np.float64]]


def try_blanks(
    predict: Callable[[pd.DataFrame], NDArray[np.float64]],
    X: pd.DataFrame,
    names: Sequence[str],
    random_state: int = 42,
) -> BlankAnswers | None:
    """Predict some rows with each of the features left blank, and each two of them.

    Parameters
    ----------
    predict : callable
        From rows like those of X to an ndarray of shape (n_samples,).
    X : DataFrame of shape (n_samples, n_features)
    names : sequence of str
        The features that may be left blank.

    Returns
    -------
    BlankAnswers or None
        None where no feature may. Of more than twelve features, two are left blank together only
        where both are among the twelve that move predictions most.

    References
    ----------
    Zaffran, Dieuleveut, Josse and Romano (2023), "Conformal prediction with missing values", ICML:
    calibration rows are masked as the row to be predicted is.
    """
    import numpy as np
    import pandas as pd

    if not names:
        return None
    random = np.random.default_rng(random_state)
    rows = np.sort(random.choice(len(X), min(len(X), BLANK_ROWS), replace=False))
    table = X.iloc[rows]
    usual = predict(table)

    def moved(sets: list[tuple[str, ...]]) -> dict[tuple[str, ...], NDArray[np.float64]]:
        masked = [table.assign(**{n: _blank_column(table[n]) for n in one}) for one in sets]
        found = predict(pd.concat(masked, ignore_index=True)).reshape(len(sets), -1) - usual
        return dict(zip(sets, found, strict=True))

    alone = moved([(name,) for name in names])
    first = sorted(names, key=lambda name: -float(np.abs(alone[name,]).mean()))[:PAIRED_FEATURES]
    return BlankAnswers(rows, alone | (moved(list(combinations(first, 2))) if first[1:] else {}))


def _blank_column(column: pd.Series) -> pd.Series:
    """Return the column without a value."""
    return column.where(column.isna())


def _widenings(
    rows: _Rows,
    made: PredictionIntervals,
    centre: NDArray[np.float64],
    scale: NDArray[np.float64],
    blanks: BlankAnswers,
) -> dict[str, dict[str, float]]:
    """Return how many times larger errors are where answers are blank, at their 90 % quantile.

    Rows that have those answers are compared with themselves without them. What a blank moves is
    paired with other rows' errors: with its own it goes together where a model is fitted closely.
    """
    import numpy as np

    tried, found = rows.take(blanks.rows), dict[str, dict[str, float]]()
    centre, scale = centre[blanks.rows], scale[blanks.rows]
    z = (tried.y - centre) / scale
    for names, moved in blanks.moved.items():
        known = tried.spread & tried.X[[*names]].notna().to_numpy().all(axis=1)
        factor = 1.0
        if known.sum() >= ROWS_FOR_BLANKS:
            masked = tried.X.assign(**{n: _blank_column(tried.X[n]) for n in names})
            spread = made.spread_of_each(tried.y_pred + moved, masked)
            shift, wider = ((centre - spread.centre) / scale)[known], (scale / spread.scale)[known]
            errors = [(shift + np.roll(z[known], turn)) * wider for turn in range(1, TURNS + 1)]
            before, after = (np.quantile(np.abs(one), 0.9) for one in (z[known], errors))
            factor = max(1.0, float(after / before)) if before else 1.0
        first, last = names[0], names[-1]
        found.setdefault(first, {})[last] = found.setdefault(last, {})[first] = factor
    return found


def heap_at_the_least(y: NDArray[np.float64]) -> float | None:
    """Return the least value where so many rows have it that it is a case of its own.

    Examples
    --------
    >>> import numpy as np
    >>> heap_at_the_least(np.array([0.0] * 10 + [3.0, 4.0, 4.5])), heap_at_the_least(np.arange(9.0))
    (0.0, None)
    """
    import numpy as np

    scores, counts = np.unique(y, return_counts=True)
    least = max(HEAP_ROWS, HEAP_SHARE * len(y))
    if len(scores) < 3 or counts[0] < max(least, HEAP_TIMES * counts[1]):
        return None
    return float(scores[0])


def features_that_set(size: NDArray[np.float64], X: pd.DataFrame) -> list[str]:
    """Return the features that errors depend on in size, the surest first.

    Parameters
    ----------
    size : ndarray of shape (n_samples,)
        Errors without their sign, over what is typical.
    X : DataFrame of shape (n_samples, n_features)
        Numbers are tested by Spearman's rank correlation, categories by an analysis of variance of
        the logarithm; p-values are corrected for the number of features (Bonferroni).
    """
    import numpy as np
    import pandas as pd
    from pandas.api.types import is_numeric_dtype
    from scipy import stats

    logs, found = np.log(size + 0.05 * size.mean()), {}
    for name in map(str, X):
        column = X[name]
        known = column.notna().to_numpy()
        if is_numeric_dtype(column):
            found[name] = stats.spearmanr(column[known], size[known]).pvalue
            continue
        codes, kinds = pd.factorize(column)
        sorts = [logs[codes == code] for code in range(len(kinds))]
        sorts = [each for each in sorts if len(each) > 1]
        found[name] = stats.f_oneway(*sorts).pvalue if len(sorts) > 1 else 1.0
    ranked = sorted(found, key=lambda name: found[name])
    return [name for name in ranked if found[name] * len(found) < CHANCE][:MOST_FEATURES]


def fit_spread(rows: _Rows, parts: _Parts) -> PredictionIntervals:
    """Return the distribution of the truth without its quantiles, learnt on some rows."""
    import numpy as np
    from sklearn.linear_model import GammaRegressor, LogisticRegression, Ridge

    over_prediction = _Number.over(rows.y_pred)
    knots = over_prediction.knots
    at_knots, seen = over_prediction.columns(knots), over_prediction.columns(rows.y_pred)

    def curve(values: NDArray[np.float64]) -> Curve:
        return Curve(tuple(knots.tolist()), tuple(values.tolist()))

    def chance(heap: float | None) -> Curve | None:
        if heap is None:
            return None
        logistic = LogisticRegression(solver=SOLVER).fit(seen, rows.y == heap)
        return curve(logistic.predict_proba(at_knots)[:, 1])

    residuals = (rows.y - rows.y_pred)[rows.spread]
    terms = {name: term_of(rows.X[name]) for name in parts.features}
    blocks = [seen] if parts.by_prediction else []
    blocks += [term.columns(rows.X[name]) for name, term in terms.items()]
    gamma = GammaRegressor(alpha=PRIOR_ROWS / len(residuals), solver=SOLVER)

    def typical_error() -> NDArray[np.float64]:
        if not parts.scaled:
            return np.ones_like(residuals)
        size, columns = np.abs(residuals), np.hstack(blocks)[rows.spread]
        found = gamma.fit(columns, size.clip(max(0.01 * size.mean(), 1e-300))).predict(columns)
        return np.asarray(found)

    weight, centre = typical_error() ** -2, None
    if parts.centred or not rows.spread.all():
        ridge = Ridge(PRIOR_ROWS).fit(seen[rows.spread], residuals, weight / weight.mean())
        residuals = residuals - ridge.predict(seen[rows.spread])
        centre = curve(ridge.predict(at_knots))
        typical_error()
    scale, factors = None, {}
    if parts.scaled:
        shares = np.split(gamma.coef_, np.cumsum([block.shape[1] for block in blocks])[:-1])
        typical = np.full(len(knots), gamma.intercept_)
        if parts.by_prediction:
            typical += at_knots @ shares.pop(0)
        scale = curve(np.exp(typical))
        factors = {
            name: terms[name].factor(share) for name, share in zip(terms, shares, strict=True)
        }
    return PredictionIntervals(
        (), (), 0, scale, centre, factors, rows.lowest, rows.highest,
        chance(rows.lowest), chance(rows.highest))  # fmt: skip


@dataclass(frozen=True)
class _Number:
    """A piecewise linear term over a number: its trend, and what bends it."""

    mean: float
    spread: float
    splines: SplineTransformer
    knots: NDArray[np.float64]

    @classmethod
    def over(cls, values: NDArray[np.float64]) -> Self:
        import numpy as np
        from sklearn.preprocessing import SplineTransformer

        known = values[~np.isnan(values)]
        n_knots = min(max(len(known) // ROWS_A_KNOT, LEAST_KNOTS), MOST_KNOTS)
        shares = (1 - np.cos(np.linspace(0, np.pi, n_knots))) / 2  # closer towards the ends
        knots = np.unique(np.quantile(known, shares))
        if len(knots) == 1:
            knots = knots[0] + np.array([0.0, 1.0])
        splines = SplineTransformer(degree=1, knots=knots[:, None], extrapolation="constant")
        return cls(
            float(known.mean()), float(known.std()) or 1.0, splines.fit(known[:, None]), knots
        )

    def columns(self, values: Any) -> NDArray[np.float64]:
        import numpy as np

        x = np.asarray(values, dtype=np.float64)
        missing = np.isnan(x)[:, None]
        x = np.where(missing, self.mean, x[:, None]).clip(self.knots[0], self.knots[-1])
        parts = [(x - self.mean) / self.spread, self.splines.transform(x)]
        return np.hstack([np.where(missing, 0, np.hstack(parts)), missing])

    def factor(self, share: NDArray[np.float64]) -> Factor:
        import numpy as np

        found = np.exp(self.columns([*self.knots, np.nan]) @ share)
        curve = Curve(tuple(self.knots.tolist()), tuple(found[:-1].tolist()))
        return Factor(curve=curve, missing=float(found[-1]))


@dataclass(frozen=True)
class _Category:
    """A term for each category, and one for none."""

    categories: tuple[str, ...]

    def columns(self, values: Any) -> NDArray[np.float64]:
        import numpy as np

        known = [[value == category for category in self.categories] for value in values]
        return np.column_stack([np.array(known, dtype=np.float64), [v != v for v in values]])

    def factor(self, share: NDArray[np.float64]) -> Factor:
        import numpy as np

        *found, missing = np.exp(share).tolist()
        return Factor(dict(zip(self.categories, found, strict=True)), missing=missing)


def term_of(column: pd.Series) -> _Number | _Category:
    """Return how a feature may set the spread."""
    from pandas.api.types import is_numeric_dtype

    if is_numeric_dtype(column):
        return _Number.over(column.to_numpy())
    return _Category(tuple(sorted(column.dropna().unique())))
