"""Cross-validation folds in which the preprocessing is fitted once for all estimators."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from src.exception import ConfigurationError
from src.search.home import HERE, Home
from src.search.native_categories import TARGET_MEAN, TARGET_MEAN_FOLDS, cloned
from src.search.task import REGRESSION, Classification, Task

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

FOLDS = 5


@dataclass(frozen=True)
class StackedFolds:
    """The table as each fold's preprocessor sees it, one block of rows a fold.

    A search over the stack with ``splits`` does what one with the preprocessor in a pipeline would
    do, without fitting it anew for every trial.

    Attributes
    ----------
    X : ndarray of shape (n_folds * n_samples, n_columns)
    y : ndarray of shape (n_folds * n_samples,)
    splits : list of (ndarray, ndarray)
        Training and test positions of each fold, in its own block.
    tests : list of ndarray
        The same test positions among the rows that are tested.
    weight : ndarray of shape (n_folds * n_samples,) or None
    groups : ndarray of shape (n_folds * n_samples,) or None
        Rows of one group are never on both sides of a split.
    task : Task
        What the target is.
    tested : ndarray of int of shape (n_samples,) or None
        Where in the table the rows stand that a fold tests; None for all. Others are only learnt
        from, as those of the first period are. All figures are of tested rows alone.
    inner : list of (ndarray, ndarray) or None
        For each fold, positions in its block: what early stopping learns from and stops by.
    """

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]]
    tests: list[NDArray[np.intp]]
    weight: NDArray[np.float64] | None = None
    groups: NDArray[Any] | None = None
    task: Task = REGRESSION
    tested: NDArray[np.intp] | None = None
    inner: list[tuple[NDArray[np.intp], NDArray[np.intp]]] | None = None

    @property
    def n_rows(self) -> int:
        """How many rows the table has: the length of a block."""
        return len(self.y) // len(self.splits)

    @property
    def n_samples(self) -> int:
        """How many rows are tested."""
        return self.n_rows if self.tested is None else len(self.tested)

    @property
    def n_train(self) -> int:
        """How many rows a fold learns from: the fewest, or the mean where folds follow time."""
        sizes = [len(train) for train, _ in self.splits]
        return min(sizes) if self.tested is None else sum(sizes) // len(sizes)

    @property
    def truth(self) -> NDArray[np.float64]:
        """The target of the tested rows."""
        return self.of_tested(self.y[: self.n_rows])

    @property
    def clusters(self) -> NDArray[np.intp] | None:
        """The number of each tested row's group."""
        import numpy as np

        if self.groups is None:
            return None
        return np.unique(self.of_tested(self.groups[: self.n_rows]), return_inverse=True)[1]

    @property
    def shares(self) -> NDArray[np.float64]:
        """Each tested row's weight, over their mean weight."""
        import numpy as np

        if self.weight is None:
            return np.ones(self.n_samples)
        weight = self.of_tested(self.weight[: self.n_rows])
        return weight / weight.mean()

    @property
    def whole(self) -> StackedFolds:
        """The same folds with figures of all rows of the table, tested or not."""
        if self.tested is None:
            return self
        tests = [test % self.n_rows for _, test in self.splits]
        return replace(self, tested=None, tests=tests)

    def of_tested(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return those of the table's values that belong to tested rows."""
        return values if self.tested is None else values[self.tested]

    @cached_property
    def training_means(self) -> NDArray[np.float64]:
        """What the baseline predicts for each tested row, out of fold."""
        weight = self.weight
        return self.joined(
            [
                self.task.constant(
                    self.y[train], len(test), None if weight is None else weight[train]
                )
                for train, test in self.splits
            ]
        )

    def out_of_fold(
        self, estimator: BaseEstimator, home: Home = HERE, each_s: float = 0.0
    ) -> NDArray[np.float64]:
        """Return what copies of an estimator predict for rows that they were not fitted on.

        Parameters
        ----------
        home : Home
            Where they are fitted.
        each_s : float
            Roughly what a fit costs, in processor seconds.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        task = partial(_predict_fold, estimator)
        return self.joined(home.map(task, self, range(len(self.splits)), each_s))

    def predict_fold(self, estimator: BaseEstimator, k: int) -> NDArray[np.float64]:
        """Return what a copy of an estimator predicts for a fold's test rows."""
        train, test = self.splits[k]
        fitted = fit_weighted(cloned(estimator), self.X, self.y, self.weight, train)
        return self.task.predict(fitted, self.X[test])

    def joined(self, parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return the predictions of all folds' test rows in the order of the tested rows."""
        import numpy as np

        predicted = np.empty((self.n_samples, *parts[0].shape[1:]))
        for test, part in zip(self.tests, parts, strict=True):
            predicted[test] = part
        return predicted


def _predict_fold(estimator: BaseEstimator, folds: StackedFolds, k: int) -> NDArray[np.float64]:
    return folds.predict_fold(estimator, k)


def split_rows(
    y: NDArray[Any],
    n_folds: int,
    random_state: int,
    groups: NDArray[Any] | None = None,
    task: Task = REGRESSION,
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return the training and the test rows of each fold.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    groups : ndarray of shape (n_rows,), optional
        Rows of one group are never in a fold's training and test rows at once.
    task : Task, optional
        Default: a regression.

    Raises
    ------
    ConfigurationError
        If the rows are too few for that many folds, there is one group alone, or an outcome is in
        too few groups. Where there are fewer groups than folds, each is a fold.
    """
    import numpy as np

    n_rows = len(y)
    if n_rows < 2 * n_folds:
        raise ConfigurationError(
            f"{n_folds} folds have fewer than two of the {n_rows} training rows each. "
            "Choose fewer folds.",
            setting="folds",
        )
    if groups is None:
        folds = task.folds(n_folds, random_state, grouped=False)
        return list(folds.split(np.empty(n_rows), y))
    n_groups = len(set(groups.tolist()))
    if n_groups < 2:
        raise ConfigurationError(
            "The training rows are all of one group: at least two are needed to see how well a "
            "model does in a group that it did not learn from.",
            setting="groups",
        )
    folds = task.folds(min(n_folds, n_groups), random_state, grouped=True)
    found = list(folds.split(np.empty(n_rows), y, groups))
    if isinstance(task, Classification):
        for train, _ in found:
            if len(np.unique(y[train])) < task.n_classes:
                raise ConfigurationError(
                    "An outcome is in so few groups that a fold would learn nothing of it. Choose "
                    "fewer folds, or merge outcomes in the hints.",
                    setting="groups",
                )
    return found


def stack_folds(
    X: pd.DataFrame,
    y: NDArray[np.float64],
    preprocessor: BaseEstimator,
    splits: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
    weight: NDArray[np.float64] | None = None,
    groups: NDArray[Any] | None = None,
    task: Task = REGRESSION,
    inner: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]] | None = None,
) -> StackedFolds:
    """Fit a preprocessor inside each fold and stack what it makes of the table.

    Rows that no fold tests are only learnt from; in a fold that a row has no part in, its line is
    not a number.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    preprocessor : transformer
        Unfitted. Its ``fit_transform`` makes the training rows, so that one that looks at the
        target can cross-fit there.
    splits : sequence of (ndarray, ndarray)
    weight, groups : ndarray of shape (n_samples,), optional
    inner : sequence of (ndarray, ndarray), optional
        For each fold, which training rows early stopping learns from and stops by.
    """
    import numpy as np

    matrix, stacked, n_rows = np.empty((0, 0)), [], len(X)
    for k, (train, test) in enumerate(splits):
        fitted, learnt = fit_preprocessor(
            preprocessor, X.iloc[train], y[train], None if groups is None else groups[train]
        )
        if k == 0:
            matrix = np.full((len(splits) * n_rows, learnt.shape[1]), np.nan)
        stacked.append((train + k * n_rows, test + k * n_rows))
        matrix[stacked[k][0]] = learnt
        matrix[stacked[k][1]] = fitted.transform(X.iloc[test])
    tests, n = [test for _, test in splits], len(X)
    tested = np.sort(np.concatenate(tests))
    return StackedFolds(
        X=matrix,
        y=np.tile(y, len(splits)),
        splits=stacked,
        tests=[np.searchsorted(tested, test) for test in tests],
        weight=None if weight is None else np.tile(weight, len(splits)),
        groups=None if groups is None else np.tile(groups, len(splits)),
        task=task,
        tested=None if len(tested) == n else tested,
        inner=None if inner is None else [(a + k * n, b + k * n) for k, (a, b) in enumerate(inner)],
    )


def fit_preprocessor(
    preprocessor: BaseEstimator,
    X: pd.DataFrame,
    y: NDArray[np.float64],
    groups: NDArray[Any] | None = None,
) -> tuple[Any, NDArray[np.float64]]:
    """Return a fitted copy of a preprocessor, and what it makes of the rows.

    Where categories become the target's mean, a row's is that of other rows: of other groups, if
    rows belong together. What stands in a column of the same group would else tell the target.
    """
    from sklearn.base import clone
    from sklearn.model_selection import GroupKFold

    fitted: Any = clone(preprocessor)
    n_groups = 0 if groups is None else len(set(groups.tolist()))
    names = [name for name, *_ in getattr(fitted, "transformers", ())]
    if TARGET_MEAN not in names or n_groups < 2:
        return fitted, fitted.fit_transform(X, y)
    usual = fitted.get_params()[TARGET_MEAN_FOLDS]
    folds = GroupKFold(min(usual.n_splits, n_groups), shuffle=True, random_state=usual.random_state)
    fitted.set_params(**{TARGET_MEAN_FOLDS: list(folds.split(y, groups=groups))})
    matrix = fitted.fit_transform(X, y)
    fitted.set_params(**{TARGET_MEAN_FOLDS: usual})  # what is saved lists no rows
    step, parameter = TARGET_MEAN_FOLDS.split("__", 1)
    fitted.named_transformers_[step].set_params(**{parameter: usual})
    return fitted, matrix


def fit_weighted(
    estimator: Any,
    X: NDArray[np.float64],
    y: NDArray[np.float64],
    weight: NDArray[np.float64] | None,
    rows: NDArray[np.intp] | slice = slice(None),
) -> Any:
    """Fit an estimator on some rows, weighted where weights are given."""
    if weight is None:
        return estimator.fit(X[rows], y[rows])
    return estimator.fit(X[rows], y[rows], sample_weight=weight[rows])


@contextmanager
def quiet_fits(jobs: int) -> Iterator[None]:
    """Run fits in threads, one thread each, without their warnings.

    Poor points of a search space are expected to warn. The warnings are recorded, not only
    ignored: the fits' threads set the filters back and forth under one another.
    """
    import joblib
    from threadpoolctl import threadpool_limits

    with (
        threadpool_limits(limits=1),
        joblib.parallel_config("threading", n_jobs=jobs),
        warnings.catch_warnings(record=True),
    ):
        yield
