"""What a record is compared with where an explanation needs other rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from src.exception import ArtifactError, ReasonsUnavailableError
from src.language import mark
from src.schema.features import CategoricalFeature, NumericFeature, Value
from src.schema.frames import typed_frame
from src.schema.record import Schema

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

LEAST_STUDENTS = 10  # that a point stands for
MOST_POINTS = 32
MOST_ROWS = 5_000  # of which the mean is taken; of more, so many at random
MOST_CELLS = 1_000_000  # of the rows that are grouped: of a wide table, every second or so on
MOST_EXACT = 200  # coordinates; of more, the principal direction is approximate, and all single
MOST_APART = 0.1  # of the target's standard deviation: the points' mean prediction from the rows'
# How much counts: the mean prediction, the columns' means, that weights are like the groups' sizes.
EXACT, CLOSE, LIKE = 1_000.0, 1.0, 0.1
OLDER = mark("It was trained before all reasons were counted from one average. Train again.")
TOO_FEW = mark("Of so few students no average can be made that is not somebody's.")

Feature = NumericFeature | CategoricalFeature


@dataclass(frozen=True)
class Background:
    """A few weighted points that stand for the training rows, and none of which is anybody's.

    Records are personal data and are not kept with a model. The rows are divided into groups of
    ten or more that are alike; a point has its group's means, and of each category the one that is
    most frequent in it. The weights lie near the groups' shares and are such that the points' mean
    prediction is the rows' mean prediction.

    Attributes
    ----------
    columns : dict of str to tuple of float, str or None
        Values by feature, all of one length; None where most of the group's are missing.
    weights : tuple of float
        Of the points; positive, their sum is 1.
    unavailable : str
        Why there are no points and no reasons; empty where there are, or where none are needed.
    """

    columns: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    weights: tuple[float, ...] = ()
    unavailable: str = ""

    @classmethod
    def of(
        cls,
        schema: Schema,
        X: pd.DataFrame,
        predict: Callable[[pd.DataFrame], NDArray[np.float64]],
        random_state: int = 42,
        n_points: int = MOST_POINTS,
        wanted: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
    ) -> Self:
        """Return the background of training rows.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Typed columns by name.
        predict : callable
            The model's: takes a typed frame, returns one column or, of a classifier, several.
        n_points : int
            At most so many.
        wanted : callable, optional
            Takes the rows' predictions, returns what the points' are on average; else it is the
            rows' mean.

        References
        ----------
        Domingo-Ferrer and Mateo-Sanz (2002), "Practical Data-Oriented Microaggregation for
        Statistical Disclosure Control", IEEE TKDE 14(1), for groups of a least size. Deville and
        Särndal (1992), "Calibration Estimators in Survey Sampling", JASA 87, for the weights.
        """
        import numpy as np

        if len(X) > MOST_ROWS:
            rows = np.random.default_rng(random_state).choice(len(X), MOST_ROWS, replace=False)
            X = X.iloc[np.sort(rows)]
        predicted = predict(X).reshape(len(X), -1)
        means = predicted.mean(axis=0) if wanted is None else wanted(predicted)
        spread = predicted.std(axis=0)
        spread[spread <= 1e-9 * np.abs(means)] = 1.0  # the same for all, but for rounding
        most = max(n_points * LEAST_STUDENTS, MOST_CELLS // _n_coordinates(schema))
        some = slice(None, None, math.ceil(len(X) / most))
        X, apart = X.iloc[some], 2 / math.sqrt(predicted.shape[1]) * predicted[some] / spread
        points_of_rows = _coordinates(schema, X, X, apart)
        groups = _groups(points_of_rows, n_points)
        columns = {
            feature.name: _centers(feature, X[feature.name], groups) for feature in schema.features
        }
        points = typed_frame(schema, columns)
        above = (predict(points).reshape(len(points), -1) - means) / spread
        weights = _weights(
            above,
            _coordinates(schema, points, X) - points_of_rows[:, : -apart.shape[1]].mean(axis=0),
            np.array([len(group) for group in groups]) / len(X),
        )
        if np.abs(weights @ above).max() > MOST_APART:
            return cls(unavailable=TOO_FEW)
        kept = np.flatnonzero(weights)
        return cls(
            {name: tuple(column[i] for i in kept) for name, column in columns.items()},
            tuple(weights[kept].tolist()),
        )

    @property
    def records(self) -> list[dict[str, Value]]:
        """The points, as :meth:`Schema.check_record` returns a record."""
        return [
            dict(zip(self.columns, values, strict=True))
            for values in zip(*self.columns.values(), strict=True)
        ]

    def frame(self, schema: Schema) -> pd.DataFrame:
        """Return the points as typed columns by name."""
        return typed_frame(schema, self.columns)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; the exact inverse of :meth:`from_dict`."""
        columns = {name: list(values) for name, values in self.columns.items()}
        found = {"columns": columns, "weights": list(self.weights)}
        return found | ({"unavailable": self.unavailable} if self.unavailable else {})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` described.

        Raises
        ------
        ReasonsUnavailableError
            If they are of an older run, whose rows had no weights.
        ArtifactError
            If the values are of another shape.
        """
        if "columns" in values and "weights" not in values:
            raise ReasonsUnavailableError(OLDER)
        try:
            columns = {str(name): tuple(column) for name, column in values["columns"].items()}
            weights = tuple(map(float, values["weights"]))
            unavailable = str(values.get("unavailable", ""))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"background.json is damaged ({error!r}). Train again.") from error
        if {len(column) for column in columns.values()} - {len(weights)}:
            raise ArtifactError(
                "background.json is damaged: its columns are not of one length. Train again."
            )
        return cls(columns, weights, unavailable)


def _coordinates(
    schema: Schema, rows: pd.DataFrame, like: pd.DataFrame, *more: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return rows as points: numbers in standard deviations, a 0 or 1 for each category, and more.

    They are put together once, and are of single precision where there are many: of thousands of
    categories, a copy takes tens of MB.
    """
    import numpy as np
    import pandas as pd

    found: list[NDArray[Any]] = []
    for feature in schema.features:
        column = rows[feature.name]
        if isinstance(feature, NumericFeature):
            mean, deviation = like[feature.name].mean(), like[feature.name].std(ddof=0)
            found.append(((column - mean) / (deviation or 1.0)).fillna(0.0).to_numpy()[:, None])
        else:
            codes = pd.Index(feature.categories).get_indexer(pd.Index(column))
            found.append(codes[:, None] == np.arange(len(feature.categories)))
        if feature.optional:
            found.append(column.isna().to_numpy()[:, None])
    precision = np.float32 if _n_coordinates(schema) > MOST_EXACT else np.float64
    joined = np.concatenate([*found, *more], axis=1, dtype=precision, casting="same_kind")
    return np.nan_to_num(joined, copy=False)


def _n_coordinates(schema: Schema) -> int:
    return len(schema.numeric) + sum(len(feature.categories) for feature in schema.categorical)


def _groups(points: NDArray[np.float64], n_groups: int) -> list[NDArray[np.intp]]:
    """Divide rows into groups that are alike, each of ten or more.

    The group that is spread most is halved along its principal direction, at the gap that leaves
    least within the halves.
    """
    import numpy as np

    squares = np.einsum("ij,ij->i", points, points)

    def spread(group: NDArray[np.intp]) -> float:
        mean = points[group].mean(axis=0)
        return float(squares[group].sum() - len(group) * (mean @ mean))

    waiting = [(0.0, np.arange(len(points)))]  # the first is halved whatever its spread
    done: list[NDArray[np.intp]] = []
    while waiting and len(waiting) + len(done) < n_groups:
        _, group = waiting.pop(max(range(len(waiting)), key=lambda i: waiting[i][0]))
        halves = _halves(points[group])
        if halves is None:
            done.append(group)
        else:
            waiting += [(spread(group[half]), group[half]) for half in halves]
    return done + [group for _, group in waiting]


def _halves(points: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Return where the rows of two halves stand among points, which are overwritten."""
    import numpy as np
    from sklearn.utils.extmath import randomized_svd

    if len(points) < 2 * LEAST_STUDENTS:
        return None
    points -= points.mean(axis=0)  # in place: of a wide table they are large
    if points.shape[1] > MOST_EXACT:  # there, all directions would take seconds
        along = randomized_svd(points, 1, n_oversamples=4, n_iter=3, random_state=0)[0][:, 0]
    else:
        along = points @ np.linalg.eigh(points.T @ points)[1][:, -1]
    order = np.argsort(along, kind="stable")
    first = np.arange(LEAST_STUDENTS, len(points) - LEAST_STUDENTS + 1)
    gain = along[order].cumsum()[first - 1] ** 2 * (1 / first + 1 / (len(points) - first))
    cut = first[gain.argmax()]
    return order[:cut], order[cut:]


def _centers(
    feature: Feature, column: pd.Series[Any], groups: list[NDArray[np.intp]]
) -> tuple[Value, ...]:
    """Return each group's mean or most frequent category; None where most are missing.

    Where fewer than ten of a group's numbers are known, the mean of the whole column stands there.
    """
    import numpy as np
    import pandas as pd

    if isinstance(feature, NumericFeature):
        numbers = column.to_numpy(dtype=float)
        known = [numbers[group][~np.isnan(numbers[group])] for group in groups]
        whole = numbers[~np.isnan(numbers)]
        enough = [each if len(each) >= LEAST_STUDENTS else whole for each in known]
        means: list[Value] = [
            float(each.mean()) if len(each) >= LEAST_STUDENTS else None for each in enough
        ]
    else:
        codes, categories = pd.factorize(column, sort=True)
        known = [codes[group][codes[group] >= 0] for group in groups]
        modes = [int(np.bincount(each, minlength=1).argmax()) for each in known]
        means = [str(categories[mode]) if len(categories) else None for mode in modes]
    few = [2 * len(each) < len(group) for each, group in zip(known, groups, strict=True)]
    return tuple(None if no else mean for no, mean in zip(few, means, strict=True))


def _weights(
    predictions: NDArray[np.float64], coordinates: NDArray[np.float64], sizes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return weights near the sizes by which the predictions and the coordinates are 0 on average.

    Parameters
    ----------
    predictions : ndarray of shape (n_points, n_outputs)
        What must be 0 on average.
    coordinates : ndarray of shape (n_points, n_coordinates)
        What should be.
    """
    import numpy as np
    from scipy.optimize import nnls

    # By what the weights are of the sizes: then the same change of each counts the same.
    rows = np.vstack([EXACT * np.ones(len(sizes)), EXACT * predictions.T, CLOSE * coordinates.T])
    like = LIKE * np.diag(np.sqrt(sizes))
    wanted = np.concatenate([[EXACT], np.zeros(len(rows) - 1), LIKE * np.sqrt(sizes)])
    times, _ = nnls(np.vstack([rows * sizes, like]), wanted)
    found = times * sizes
    return found / found.sum()
