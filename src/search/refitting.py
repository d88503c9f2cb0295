"""How good a family is without some features: it is fitted again, on the search's folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from src.config import BLEND
from src.search.folds import StackedFolds, fit_weighted
from src.search.home import HERE, Home
from src.search.leaderboard import TrainedModel
from src.search.native_categories import cloned
from src.search.task import R2

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WITHIN = 0.01  # R² of the winner's, for a cheaper family to stand for it
REFIT_S = 3.0  # estimated processor seconds of all fits
MOST_FEATURES, LEAST_FEATURES, LEAST_FOLDS = 20, 3, 2


@dataclass(frozen=True)
class Refitting:
    """A family that is fitted again without some columns, and what it predicts for unseen rows.

    Attributes
    ----------
    label : str
        The family's.
    n_features : int
        As many can be left out, one at a time, in the time there is.
    rows : ndarray of int
        Of the folds' tested rows: those that are predicted.
    fit_s : float
        Roughly what a fit costs, in processor seconds.
    """

    label: str
    estimator: Any
    folds: StackedFolds
    n_folds: int
    n_features: int
    rows: NDArray[np.intp]
    fit_s: float

    @classmethod
    def of(cls, trained: TrainedModel, random_state: int) -> Refitting:
        """Return the cheapest family that is about as good as the winner, else the best alone."""
        import numpy as np

        folds = trained.folds
        label = {one.name: one.label for one in folds.task.candidates}
        estimators = _estimators(trained, random_state)
        # On the same rows, neither corrected for having been chosen.
        behind = {
            row.name: row.behind.value if row.behind else 0.0
            for row in trained.leaderboard
            if row.name in estimators
        }
        good = [name for name in behind if behind[name] <= WITHIN]
        good = good or [min(behind, key=behind.__getitem__)]
        cost = {name: _fit_s(name, trained) for name in good}
        name = min(good, key=cost.__getitem__)
        n_features = max(LEAST_FEATURES, int(REFIT_S / (LEAST_FOLDS * cost[name])))
        n_features = min(MOST_FEATURES, n_features)
        n_folds = max(LEAST_FOLDS, int(REFIT_S / (n_features * cost[name])))
        n_folds = min(n_folds, len(folds.splits))
        rows = np.concatenate(folds.tests[:n_folds])
        return cls(label[name], estimators[name], folds, n_folds, n_features, rows, cost[name])

    @property
    def shares(self) -> NDArray[np.float64]:
        """Each row's weight, over their mean weight."""
        found = self.folds.shares[self.rows]
        return found / found.mean()

    def losses_without(
        self, left_out: Sequence[NDArray[np.intp]], home: Home = HERE
    ) -> NDArray[np.float64]:
        """Return each row's loss without each set of columns, times its share of the weight.

        It is the loss that R² is made of.

        A column that is left out has one value in all rows.

        Parameters
        ----------
        left_out : sequence of ndarray of int
            Positions of columns.
        home : Home
            Where the fits run.

        Returns
        -------
        ndarray of shape (n_sets, n_rows)
        """
        import numpy as np

        asked = [(columns, k) for columns in left_out for k in range(self.n_folds)]
        predict = partial(_predict_without, self.estimator)
        parts = home.map(predict, self.folds, asked, self.fit_s)
        n = self.n_folds
        predicted = [np.concatenate(parts[i * n : (i + 1) * n]) for i in range(len(left_out))]
        truth, task = self.folds.truth[self.rows], self.folds.task
        return np.array([self.shares * task.losses(truth, one, R2) for one in predicted])


def _predict_without(
    estimator: Any, folds: StackedFolds, asked: tuple[NDArray[np.intp], int]
) -> NDArray[np.float64]:
    """Return what an estimator predicts for a fold's test rows where some columns say nothing."""
    import numpy as np

    columns, k = asked
    train, test = folds.splits[k]
    blank = folds.X[train[0], columns]

    def without(rows: NDArray[np.intp]) -> NDArray[np.float64]:
        X = folds.X[rows]
        X[:, columns] = blank
        return X

    X = without(train)
    nothing_left = not np.ptp(X, axis=0).any()  # which boosters refuse
    model = folds.task.baseline.build(0) if nothing_left else cloned(estimator)
    weight = None if folds.weight is None else folds.weight[train]
    fit_weighted(model, X, folds.y[train], weight)
    return folds.task.predict(model, without(test))


def _estimators(trained: TrainedModel, random_state: int) -> dict[str, Any]:
    """Return the unfitted estimators of the families that were tried, with their parameters.

    One that is made for the table is known of a winner only.
    """
    known = {one.name: one for one in trained.folds.task.candidates if not one.fits_the_table}
    found = {
        row.name: known[row.name].unfitted(random_state).set_params(**row.params)
        for row in trained.leaderboard
        if row.name in known
    }
    model = trained.pipeline.named_steps["model"]
    if trained.winner.name == BLEND:
        return found | dict(model.estimators)
    return found | {trained.winner.name: model}


def _fit_s(name: str, trained: TrainedModel) -> float:
    """Return roughly what a fit costs, by the number of its trees if it has any."""
    candidate = next(one for one in trained.folds.task.candidates if one.name == name)
    params = next(row.params for row in trained.leaderboard if row.name == name)
    n_rows, n_columns = trained.folds.n_samples, trained.folds.X.shape[1]
    count = candidate.tree_count
    n_trees = count and params.get(candidate.prefix + count.parameter)
    share = n_trees / count.usual if count and n_trees else 1.0
    return candidate.expanding(range(n_columns)).seconds(n_rows, n_columns) * share
