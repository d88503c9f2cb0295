"""What a search must know of its target: a number, or one of some outcomes.

Everything else in ``src/search`` handles both alike. Predictions are of shape (n_samples,), or
(n_samples, n_classes) where they are the chances of outcomes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from src.config import BASELINE
from src.search.blending import greedy_share_weights, greedy_weights
from src.search.candidates import CANDIDATES, LINEAR, Candidate, made
from src.search.classifiers import LINEAR_CLASSIFIERS, classifiers
from src.stats.class_scores import auc, brier_losses, log_losses
from src.stats.group_effects import GroupMeans, Members, effects_of_others, group_means
from src.stats.group_tilts import group_tilts, tilted, tilts_of_others

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

GREEDY_STEPS = 40
R2 = "r2"  # the share of the baseline's loss that a model saves; of outcomes, McFadden's


class Task(ABC):
    """A kind of target.

    Attributes
    ----------
    metrics : mapping of str to str
        What a winner can be chosen by, the usual one first, with the words for people.
    losses_of_rows : tuple of str
        Metrics that are means over rows.
    linear : tuple of str
        Families that are one and the same but for the penalty.
    lone : tuple of str
        Families that are in a blend only where they are the best.
    stratified : bool
        Whether each fold has about the same share of each value of the target.
    any_gain : bool
        Whether fitted weights of a blend count half for any gain on other folds, or are taken
        whole, and only for one that chance does not make.
    """

    metrics: ClassVar[Mapping[str, str]]
    losses_of_rows: tuple[str, ...]
    linear: tuple[str, ...]
    lone: tuple[str, ...] = ()
    stratified: bool = False
    any_gain: bool = False

    @property
    def error_names(self) -> dict[str, str]:
        """Figures of a leaderboard beside R², with the words for people."""
        return {name: word for name, word in self.metrics.items() if name != R2}

    @property
    @abstractmethod
    def candidates(self) -> tuple[Candidate, ...]:
        """The families, in the order of promise."""

    @property
    @abstractmethod
    def baseline(self) -> Candidate:
        """What knows nothing of the features."""

    @abstractmethod
    def folds(self, n_folds: int, random_state: int, *, grouped: bool) -> Any:
        """Return scikit-learn's splitter."""

    @property
    @abstractmethod
    def knowing_nothing(self) -> str:
        """What the baseline does, in words."""

    @property
    @abstractmethod
    def plain(self) -> Any:
        """An unfitted estimator for few columns."""

    @abstractmethod
    def predict(self, fitted: Any, X: Any) -> NDArray[np.float64]:
        """Return what a fitted estimator or pipeline predicts."""

    @abstractmethod
    def constant(
        self, y: NDArray[Any], n_rows: int, weight: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Return what the baseline that was fitted to y predicts for so many rows."""

    @abstractmethod
    def losses(
        self, truth: NDArray[Any], predicted: NDArray[np.float64], metric: str
    ) -> NDArray[np.float64]:
        """Return each row's loss, of shape (..., n_samples), that a metric is made of."""

    @abstractmethod
    def score(
        self, metric: str, mean_loss: float, truth: NDArray[Any], predicted: NDArray[np.float64]
    ) -> float:
        """Return a metric, the larger the better, from the rows' mean loss by it."""

    @abstractmethod
    def corrected(
        self, errors: Mapping[str, float], optimism: Mapping[str, float]
    ) -> dict[str, float]:
        """Return a leaderboard's errors, corrected for the choice by what its losses hide."""

    @abstractmethod
    def group_means(
        self, truth: NDArray[Any], predicted: NDArray[np.float64], members: Members
    ) -> GroupMeans:
        """Return the effects of groups on top of predictions for new ones."""

    @abstractmethod
    def effects_of_others(
        self,
        truth: NDArray[Any],
        predicted: NDArray[np.float64],
        members: Members,
        random_state: int,
    ) -> NDArray[np.float64]:
        """Return for each row the effect that other members of its group tell."""

    @abstractmethod
    def with_effects(
        self, predicted: NDArray[np.float64], effects: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return predictions with each row's effect."""

    @abstractmethod
    def numbers(self, y: NDArray[Any]) -> NDArray[np.float64]:
        """Return numbers that stand for the target, of shape (n_samples, n_columns)."""

    @abstractmethod
    def blend_weights(
        self, predictions: NDArray[np.float64], y: NDArray[Any]
    ) -> NDArray[np.float64]:
        """Return the weights of members that lose least together."""

    @abstractmethod
    def blend(
        self, members: Sequence[tuple[str, BaseEstimator]], weights: Sequence[float]
    ) -> BaseEstimator:
        """Return the unfitted average of estimators."""


class Regression(Task):
    """The target is a number."""

    metrics: ClassVar[Mapping[str, str]] = {R2: "R²", "rmse": "RMSE", "mae": "MAE"}
    losses_of_rows = (R2, "mae")
    linear = LINEAR

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The families, in the order of promise."""
        return CANDIDATES

    @property
    def baseline(self) -> Candidate:
        """The mean."""
        return _baseline("Mean of the target (baseline)", "DummyRegressor")

    def folds(self, n_folds: int, random_state: int, *, grouped: bool) -> Any:
        """Return scikit-learn's splitter."""
        from sklearn.model_selection import GroupKFold, KFold

        kind = GroupKFold if grouped else KFold
        return kind(n_folds, shuffle=True, random_state=random_state)

    @property
    def knowing_nothing(self) -> str:
        """What the mean does."""
        return "predicting the mean"

    @property
    def plain(self) -> Any:
        """Least squares."""
        return made("sklearn.linear_model.LinearRegression")

    def predict(self, fitted: Any, X: Any) -> NDArray[np.float64]:
        """Return numbers."""
        import numpy as np

        return np.asarray(fitted.predict(X)).ravel()

    def constant(
        self, y: NDArray[Any], n_rows: int, weight: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Return the mean for each row."""
        import numpy as np

        return np.full(n_rows, np.average(y, weights=weight))

    def losses(
        self, truth: NDArray[Any], predicted: NDArray[np.float64], metric: str
    ) -> NDArray[np.float64]:
        """Return absolute errors for ``mae``, else squared ones."""
        import numpy as np

        errors = np.abs(truth - predicted)
        return errors if metric == "mae" else errors**2

    def score(
        self, metric: str, mean_loss: float, truth: NDArray[Any], predicted: NDArray[np.float64]
    ) -> float:
        """Return the error's negative."""
        return -mean_loss if metric == "mae" else -math.sqrt(mean_loss)

    def corrected(
        self, errors: Mapping[str, float], optimism: Mapping[str, float]
    ) -> dict[str, float]:
        """Return RMSE and MAE without what the choice hides."""
        return {
            "rmse": math.sqrt(errors["rmse"] ** 2 + optimism[R2]),
            "mae": errors["mae"] + optimism["mae"],
        }

    def group_means(
        self, truth: NDArray[Any], predicted: NDArray[np.float64], members: Members
    ) -> GroupMeans:
        """Return shrunken means of residuals."""
        return group_means(truth - predicted, members)

    def effects_of_others(
        self,
        truth: NDArray[Any],
        predicted: NDArray[np.float64],
        members: Members,
        random_state: int,
    ) -> NDArray[np.float64]:
        """Return shrunken means of others' residuals."""
        return effects_of_others(truth - predicted, members, random_state)

    def with_effects(
        self, predicted: NDArray[np.float64], effects: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return their sum."""
        return predicted + effects

    def numbers(self, y: NDArray[Any]) -> NDArray[np.float64]:
        """Return the target as one column."""
        return y[:, None]

    def blend_weights(
        self, predictions: NDArray[np.float64], y: NDArray[Any]
    ) -> NDArray[np.float64]:
        """Return the weights of the least squared error."""
        return greedy_weights(predictions, y, GREEDY_STEPS)

    def blend(
        self, members: Sequence[tuple[str, BaseEstimator]], weights: Sequence[float]
    ) -> BaseEstimator:
        """Return a VotingRegressor."""
        return made("sklearn.ensemble.VotingRegressor", estimators=[*members], weights=[*weights])


REGRESSION = Regression()


@dataclass(frozen=True)
class Classification(Task):
    """The target is one of some outcomes; y holds their codes, from 0 on.

    Attributes
    ----------
    ordered : bool
        Whether the codes go from the lowest outcome to the highest.
    event : tuple of int
        Codes of the outcomes that help should prevent.
    """

    n_classes: int
    ordered: bool = False
    event: tuple[int, ...] = ()

    metrics: ClassVar[Mapping[str, str]] = {
        "log_loss": "log loss",
        "brier": "Brier score",
        "auc": "AUC",
    }
    losses_of_rows = ("log_loss", "brier")
    linear = LINEAR_CLASSIFIERS
    lone = ("decision_tree",)  # its few steps are luckier in the folds than later
    stratified = True
    any_gain = True  # a mean of two blends loses no more than they do on average

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The families, in the order of promise."""
        return classifiers(self.n_classes, ordered=self.ordered)

    @property
    def baseline(self) -> Candidate:
        """The shares of the outcomes."""
        return _baseline("Shares of the outcomes (baseline)", "DummyClassifier", strategy="prior")

    def folds(self, n_folds: int, random_state: int, *, grouped: bool) -> Any:
        """Return scikit-learn's splitter; each fold has about the same share of each outcome."""
        from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

        kind = StratifiedGroupKFold if grouped else StratifiedKFold
        return kind(n_folds, shuffle=True, random_state=random_state)

    @property
    def knowing_nothing(self) -> str:
        """What the shares do."""
        return "giving every student the outcomes' shares"

    @property
    def plain(self) -> Any:
        """Logistic regression."""
        return made("sklearn.linear_model.LogisticRegression", max_iter=300)

    def predict(self, fitted: Any, X: Any) -> NDArray[np.float64]:
        """Return chances; 0 for an outcome that an estimator never saw."""
        import numpy as np

        found = np.asarray(fitted.predict_proba(X), dtype=np.float64)
        if found.shape[1] == self.n_classes:
            return found
        whole = np.zeros((len(found), self.n_classes))
        whole[:, np.asarray(fitted.classes_, dtype=int)] = found
        return whole

    def constant(
        self, y: NDArray[Any], n_rows: int, weight: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Return the outcomes' shares for each row."""
        import numpy as np

        counts = np.bincount(y, weight, self.n_classes)
        return np.tile(counts / counts.sum(), (n_rows, 1))

    def losses(
        self, truth: NDArray[Any], predicted: NDArray[np.float64], metric: str
    ) -> NDArray[np.float64]:
        """Return Brier's for ``brier``, else minus the logarithm of the truth's chance.

        A chance of 0 that many rows gave counts as the chance that so many rows can rule out.
        """
        if metric == "brier":
            return brier_losses(truth, predicted)
        n = len(truth)
        return log_losses(truth, (n * predicted + 1 / self.n_classes) / (n + 1))

    def score(
        self, metric: str, mean_loss: float, truth: NDArray[Any], predicted: NDArray[np.float64]
    ) -> float:
        """Return the loss's negative, or the AUC."""
        return auc(truth, predicted) if metric == "auc" else -mean_loss

    def corrected(
        self, errors: Mapping[str, float], optimism: Mapping[str, float]
    ) -> dict[str, float]:
        """Return the losses without what the choice hides; the AUC as it is."""
        return {name: value + optimism.get(name, 0.0) for name, value in errors.items()}

    @property
    def direction(self) -> tuple[float, ...]:
        """Along which groups tilt chances: up the order, else away from the event or the first."""
        n = self.n_classes
        if n == 2 or self.ordered:
            return tuple(code / (n - 1) for code in range(n))
        return tuple(float(code not in (self.event or (0,))) for code in range(n))

    def group_means(
        self, truth: NDArray[Any], predicted: NDArray[np.float64], members: Members
    ) -> GroupMeans:
        """Return shrunken tilts."""
        import numpy as np

        return group_tilts(truth, predicted, members, np.array(self.direction))

    def effects_of_others(
        self,
        truth: NDArray[Any],
        predicted: NDArray[np.float64],
        members: Members,
        random_state: int,
    ) -> NDArray[np.float64]:
        """Return the tilts that others tell."""
        import numpy as np

        direction = np.array(self.direction)
        return tilts_of_others(truth, predicted, members, direction, random_state)

    def with_effects(
        self, predicted: NDArray[np.float64], effects: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return tilted chances."""
        import numpy as np

        return tilted(predicted, effects, np.array(self.direction))

    def numbers(self, y: NDArray[Any]) -> NDArray[np.float64]:
        """Return the codes where they have an order, else a 0 or 1 for each outcome."""
        import numpy as np

        if self.n_classes == 2 or self.ordered:
            return y[:, None].astype(np.float64)
        return np.eye(self.n_classes)[y]

    def blend_weights(
        self, predictions: NDArray[np.float64], y: NDArray[Any]
    ) -> NDArray[np.float64]:
        """Return the weights of the least log loss."""
        import numpy as np

        n = len(y)
        of_truth = predictions[:, np.arange(n), y]
        return greedy_share_weights((n * of_truth + 1 / self.n_classes) / (n + 1), GREEDY_STEPS)

    def blend(
        self, members: Sequence[tuple[str, BaseEstimator]], weights: Sequence[float]
    ) -> BaseEstimator:
        """Return a VotingClassifier that averages chances."""
        return made(
            "sklearn.ensemble.VotingClassifier",
            estimators=[*members],
            weights=[*weights],
            voting="soft",
        )


def _baseline(label: str, name: str, **parameters: Any) -> Candidate:
    path = f"sklearn.dummy.{name}"
    return Candidate(BASELINE, label, lambda seed: made(path, **parameters), lambda n, d: 0.0)
