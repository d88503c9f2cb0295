"""Fit a chosen model to all rows of a large table, a block at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from src.stats.moments import Moments, few_rows_alike
from src.streaming.boosting import fit_boosters
from src.streaming.newton import KINDS, NewtonFit
from src.streaming.scan import Progress
from src.streaming.typed_rows import MatrixMaker, RowReader, TypedRows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

LEAST_SQUARES = ("Ridge", "LinearRegression", "Lasso", "ElasticNet")
PENALISED = ("Lasso", "ElasticNet")
EXACTLY = {"tol": 1e-10, "max_iter": 100_000}  # of coordinate descent on a few rows
# Families by name; all others look at every row again and again.
LINEAR_FAMILIES = (
    "ridge",
    "ridge_splines",
    "ridge_products",
    "ridge_codes",
    "linear",
    "lasso",
    "elastic_net",
)
LOGISTIC_FAMILIES = (
    "logistic",
    "logistic_splines",
    "logistic_products",
    "ordinal",
    "ordinal_splines",
)
BOOSTERS = ("xgboost",)
NOT_IN_PARTS = "it cannot learn from a table that is read in parts"


@dataclass(frozen=True)
class Part:
    """A model that is fitted on its own, alone or as a blend's member.

    Attributes
    ----------
    expand : transformer or None
        Makes more columns of the preprocessor's; fitted.
    estimator : regressor or classifier
        Unfitted; the last step.
    scaled : bool
        Whether it learns the target over its standard deviation.
    """

    expand: Any
    estimator: Any
    scaled: bool

    @classmethod
    def of(cls, model: Any, sample: NDArray[np.float64]) -> Part:
        """Take a model apart; what makes more columns is fitted to a sample's matrix."""
        from sklearn.base import clone

        scaled = type(model).__name__ == "TransformedTargetRegressor"
        inner = model.regressor if scaled else model
        if not hasattr(inner, "steps"):
            return cls(None, inner, scaled)
        (_, expand), (_, estimator) = inner.steps
        return cls(clone(expand).fit(sample), estimator, scaled)

    @property
    def is_linear(self) -> bool:
        return type(self.estimator).__name__ in LEAST_SQUARES

    @property
    def is_logistic(self) -> bool:
        return type(self.estimator).__name__ in KINDS

    def columns(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the estimator is given."""
        import numpy as np

        return matrix if self.expand is None else np.asarray(self.expand.transform(matrix))

    def assembled(self, fitted: Any) -> Any:
        """Return a fitted estimator behind what makes its columns."""
        from sklearn.pipeline import Pipeline

        if self.expand is None:
            return fitted
        return Pipeline([("expand", self.expand), ("estimator", fitted)])


@dataclass(frozen=True)
class FittedTwice:
    """A model without the held-out rows, and with them."""

    without_held_out: Pipeline
    on_all: Pipeline


class StreamedFit:
    """Fit to a large table.

    Parameters
    ----------
    reader : RowReader
    held_from : int
        Rows of this hash and above are held out.
    jobs : int
        Threads that a booster takes; they change its last digits at most.
    n_classes : int
        Of outcomes; 0 for a number.
    """

    def __init__(
        self, reader: RowReader, held_from: int, jobs: int = 1, n_classes: int = 0
    ) -> None:
        self.reader, self.held_from, self.jobs = reader, held_from, jobs
        self.n_classes = n_classes

    def run(
        self,
        model: Any,
        preprocessor: ColumnTransformer,
        sample: NDArray[np.float64],
        y_sample: NDArray[Any],
        n_rows: int,
        progress: Progress,
    ) -> FittedTwice:
        """Fit a model behind a preprocessor that learnt from a sample.

        Parameters
        ----------
        model : regressor or classifier
            Unfitted; a blend's members are fitted one by one.
        sample : ndarray of shape (n_sample, n_columns)
            What the preprocessor makes of the sample.
        n_rows : int
            Of the table, for the progress.
        """
        from sklearn.pipeline import Pipeline

        members = [model for _, model in model.estimators] if _is_blend(model) else [model]
        parts = [Part.of(member, sample) for member in members]
        maker = MatrixMaker(preprocessor)
        linear = [part for part in parts if part.is_linear]
        logistic = [part for part in parts if part.is_logistic]
        made = [
            *self._linear(linear, maker, sample, y_sample, n_rows, progress),
            *self._logistic(logistic, maker, sample, y_sample, n_rows, progress),
        ]
        fitted = dict(zip(map(id, (*linear, *logistic)), made, strict=True))
        for part in parts:
            if id(part) not in fitted:
                fitted[id(part)] = fit_boosters(
                    part.estimator,
                    partial(self.reader.rows, n_rows, progress),
                    partial(_made, maker, part),
                    self.held_from,
                    self.jobs,
                    self.n_classes,
                )
        pipelines = []
        for k in (0, 1):
            whole = _blended(model, [part.assembled(fitted[id(part)][k]) for part in parts])
            pipelines.append(Pipeline([("preprocessor", preprocessor), ("model", whole)]))
        return FittedTwice(*pipelines)

    def _linear(
        self,
        parts: list[Part],
        maker: MatrixMaker,
        sample: NDArray[np.float64],
        y_sample: NDArray[np.float64],
        n_rows: int,
        progress: Progress,
    ) -> list[tuple[Any, Any]]:
        """Return the parts fitted without the held-out rows and on all: in one pass for all."""
        import numpy as np

        if not parts:
            return []
        origins = [np.append(p.columns(sample).mean(axis=0), y_sample.mean()) for p in parts]
        learnt: list[Moments | None] = [None] * len(parts)
        held: list[Moments | None] = [None] * len(parts)
        for rows in self.reader.rows(n_rows, progress):
            matrix, out = maker(rows), rows.hashes >= self.held_from
            for k, part in enumerate(parts):
                block = np.column_stack([part.columns(matrix), rows.y]) - origins[k]
                learnt[k] = _more(learnt[k], block[~out])
                held[k] = _more(held[k], block[out])
        fitted = []
        for part, origin, some, rest in zip(parts, origins, learnt, held, strict=True):
            if some is None or rest is None:
                raise TypeError("no row was read")
            of_all = least_squares(part, some + rest, origin)
            fitted.append((least_squares(part, some, origin), of_all))
        return fitted

    def _logistic(
        self,
        parts: list[Part],
        maker: MatrixMaker,
        sample: NDArray[np.float64],
        y_sample: NDArray[np.int64],
        n_rows: int,
        progress: Progress,
    ) -> list[tuple[Any, Any]]:
        """Return the same of logistic regressions: a few passes for all."""
        from sklearn.base import clone

        pairs = []
        for part in parts:
            columns = part.columns(sample)
            near: Any = clone(part.estimator).fit(columns, y_sample)
            pairs.append(
                [NewtonFit(near, columns.shape[1], self.n_classes, n_rows) for _ in range(2)]
            )
        fits = [fit for pair in pairs for fit in pair]
        while not all(fit.done for fit in fits):
            for rows in self.reader.rows(n_rows, progress):
                matrix, out = maker(rows), rows.hashes >= self.held_from
                for part, (some, every) in zip(parts, pairs, strict=True):
                    X = part.columns(matrix)
                    some.add(X[~out], rows.y[~out])
                    every.add(X, rows.y)
            for fit in fits:
                fit.step()
        return [(some.result(), every.result()) for some, every in pairs]


def _made(maker: MatrixMaker, part: Part, rows: TypedRows) -> NDArray[np.float64]:
    return part.columns(maker(rows))


def least_squares(part: Part, moments: Moments, origin: NDArray[np.float64]) -> Any:
    """Return a linear model fitted to the rows behind some moments.

    Parameters
    ----------
    moments : Moments
        Of the part's columns and the target, which comes last, about an origin.
    """
    import numpy as np
    from sklearn.base import clone

    X, y = few_rows_alike(moments)
    model: Any = clone(part.estimator)
    if type(model).__name__ in PENALISED:
        # Their loss is a mean over rows; a penalty on a scaled target is one in its own unit.
        X, y = (np.sqrt(len(X) / moments.weight) * one for one in (X, y))
        spread = float(np.sqrt(moments.about_means[-1, -1] / moments.weight))
        model.set_params(**_own_unit(model, spread if part.scaled else 1.0), **EXACTLY)
    model.set_params(fit_intercept=False).fit(X, y)
    means = moments.means + origin
    model.set_params(fit_intercept=True)
    model.intercept_ = float(means[-1] - means[:-1] @ model.coef_)
    return model


def _own_unit(model: Any, spread: float) -> dict[str, float]:
    """Return the penalties that are the same for a target that is so many times as wide."""
    if type(model).__name__ == "Lasso":
        return {"alpha": model.alpha * spread}
    absolute, squared = model.alpha * model.l1_ratio * spread, model.alpha * (1 - model.l1_ratio)
    return {"alpha": absolute + squared, "l1_ratio": absolute / (absolute + squared)}


def _more(moments: Moments | None, block: NDArray[np.float64]) -> Moments:
    found = Moments.of(block)
    return found if moments is None else moments + found


def _is_blend(model: Any) -> bool:
    return type(model).__name__ in ("VotingRegressor", "VotingClassifier")


def _blended(model: Any, fitted: list[Any]) -> Any:
    """Return the one fitted model, or a blend of several."""
    from sklearn.base import clone
    from sklearn.preprocessing import LabelEncoder
    from sklearn.utils import Bunch

    if not _is_blend(model):
        return fitted[0]
    blend: Any = clone(model)
    names = [name for name, _ in model.estimators]
    blend.estimators_ = fitted
    blend.named_estimators_ = Bunch(**dict(zip(names, fitted, strict=True)))
    if type(model).__name__ == "VotingClassifier":
        blend.le_ = LabelEncoder().fit(fitted[0].classes_)
        blend.classes_ = blend.le_.classes_
    return blend
