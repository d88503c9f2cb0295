"""What a large table has more of than the search looked at: the choice is tried on more rows.

The number of trees, and how deep they are, is found again; rows that are held out show how far such
a model errs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from src.logger import get_logger
from src.search.cohorts import Cohorts
from src.search.early_stopping import stop_booster
from src.search.folds import fit_preprocessor, fit_weighted
from src.search.home import HERE
from src.search.memory import trim_heap

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator
    from sklearn.compose import ColumnTransformer

logger = get_logger(__name__)

MOST_HELD_OUT, HELD_OUT_SHARE = 10_000, 0.2
MOST_LEARNT = 200_000  # rows; more would say little more
# Of a booster: what its trees' number and depth are called.
TREES = {
    "CatBoostRegressor": ("iterations", "depth"),
    "XGBRegressor": ("n_estimators", "max_depth"),
}
MOST_TREES = 1_000
DEEP = 6
DEEP_ROWS = 50_000  # from which such trees are tried


@dataclass(frozen=True)
class Unseen:
    """Rows of the training table, and what a model like the final one predicts for them unseen.

    Attributes
    ----------
    rows : ndarray of int of shape (n_rows,)
    predicted : ndarray of shape (n_rows,)
    ratio : float
        How many times larger errors for new rows are, since these rows chose the model.
    """

    rows: NDArray[np.intp]
    predicted: NDArray[np.float64]
    ratio: float = 1.0


@dataclass(frozen=True)
class MoreRows:
    """Rows to learn on and rows that are held out, as a preprocessor makes them.

    Attributes
    ----------
    X, y, weight : ndarray
        To learn on.
    X_held, y_held : ndarray
        Held out.
    held : ndarray of int
        Where these stand in the table.
    """

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    weight: NDArray[np.float64] | None
    X_held: NDArray[np.float64]
    y_held: NDArray[np.float64]
    held: NDArray[np.intp]

    @classmethod
    def of(
        cls,
        X: pd.DataFrame,
        y: NDArray[np.float64],
        preprocessor: ColumnTransformer,
        random_state: int,
        groups: Sequence[object] | None = None,
        weight: NDArray[np.float64] | None = None,
        cohorts: Cohorts | None = None,
    ) -> MoreRows:
        """Split a table: rows of one group stay together, or the last period is held out."""
        import numpy as np

        of_rows = None if groups is None else np.asarray(groups)
        if cohorts is None:
            learn, held = _split(len(y), random_state, of_rows)
        else:
            learn, held = (rows[:MOST_LEARNT] for rows in cohorts.last(random_state))
        fitted, matrix = fit_preprocessor(
            preprocessor, X.iloc[learn], y[learn], None if of_rows is None else of_rows[learn]
        )
        return cls(
            matrix,
            y[learn],
            None if weight is None else weight[learn],
            np.asarray(fitted.transform(X.iloc[held])),
            y[held],
            held,
        )

    def try_out(self, estimator: BaseEstimator, *, tune: bool) -> tuple[BaseEstimator, Unseen]:
        """Return an estimator, its boosters tuned anew, and what it predicts for held-out rows.

        Parameters
        ----------
        estimator : regressor
            Unfitted; a VotingRegressor's members are tuned one by one.
        """
        import numpy as np
        from sklearn.base import clone
        from sklearn.ensemble import VotingRegressor

        trim_heap()
        model: Any = clone(estimator)
        if isinstance(model, VotingRegressor):
            tried = [(name, *self._best(member, tune=tune)) for name, member in model.estimators]
            model.set_params(estimators=[(name, member) for name, member, _ in tried])
            predicted = np.average([one for *_, one in tried], axis=0, weights=model.weights)
        else:
            model, predicted = self._best(model, tune=tune)
        return model, Unseen(self.held, predicted)

    def _best(self, estimator: Any, *, tune: bool) -> tuple[Any, NDArray[np.float64]]:
        """Return the best of a booster's variants, unfitted, and its predictions."""
        import numpy as np
        from sklearn.base import clone

        kind = type(estimator).__name__
        if not tune or kind not in TREES:
            fitted = fit_weighted(clone(estimator), self.X, self.y, self.weight)
            return estimator, np.asarray(fitted.predict(self.X_held)).ravel()
        _, depth = TREES[kind]
        found_depth = estimator.get_params()[depth]
        depths = {found_depth, DEEP if len(self.y) > DEEP_ROWS else found_depth}
        variants = [clone(estimator).set_params(**{depth: one}) for one in sorted(depths)]
        found = HERE.map(MoreRows._stopped, self, variants)  # of two fits: data would not travel
        errors = [float(((self.y_held - predicted) ** 2).mean()) for _, predicted in found]
        best, predicted = found[int(np.argmin(errors))]
        return best, predicted

    def _stopped(self, estimator: Any) -> tuple[Any, NDArray[np.float64]]:
        """Return a booster with the number of trees after which held-out rows gain no more."""
        import numpy as np
        from sklearn.base import clone

        kind = type(estimator).__name__
        trees, depth = TREES[kind]
        model = clone(estimator).set_params(**{trees: MOST_TREES})
        weights = {} if self.weight is None else {"sample_weight": self.weight}
        n_trees = stop_booster(model, self.X, self.y, self.X_held, self.y_held, weights)
        logger.info(
            "%s on %d rows: %d trees of depth %d",
            *(kind, len(self.y), n_trees, estimator.get_params()[depth]),
        )
        predicted = np.asarray(model.predict(self.X_held)).ravel()
        return clone(estimator).set_params(**{trees: n_trees}), predicted


def _split(
    n_rows: int, random_state: int, groups: NDArray[Any] | None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows to learn on and those to hold out, in the table's order."""
    import numpy as np
    from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

    share = min(HELD_OUT_SHARE, MOST_HELD_OUT / n_rows)
    kind = ShuffleSplit if groups is None else GroupShuffleSplit
    split = kind(1, test_size=share, random_state=random_state)
    learn, held = next(split.split(np.empty(n_rows), groups=groups))
    learn = np.random.default_rng(random_state).permutation(learn)[:MOST_LEARNT]
    return np.sort(learn), np.sort(held)
