"""What fitted classifiers compute: members whose scores are sums that tables stand for."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from src.compiled.links import Link, probabilities
from src.compiler.estimators import (
    SKLEARN,
    FittedEnsemble,
    FittedTrees,
    Linear,
    Part,
    UnsupportedEstimatorError,
    WeightedSum,
    expanded,
    gradient_boosting_trees,
    hist_gradient_boosting,
    read_catboost,
    reader_of,
    sklearn_tree,
    voting_weights,
    xgboost_sums,
)

HALVINGS = 40
LEAST = 1e-7  # probability that has a score: single precision cannot tell 1 from 1 less than this


@dataclass(frozen=True)
class ClassMember:
    """One of the classifiers whose probabilities are averaged.

    Attributes
    ----------
    link : str
        What turns the scores into probabilities, see :mod:`src.compiled.links`.
    outputs : tuple of WeightedSum
        The scores.
    weight : float
        In the average.
    thresholds : tuple of float
        Of the link "cumulative", ascending.
    joint : tuple of (float, FittedTrees or FittedObliviousTrees)
        Weighted trees, whose leaves hold a value for each output and add to it.
    estimator : classifier
        The fitted one.
    """

    link: Link
    outputs: tuple[WeightedSum, ...]
    weight: float = 1.0
    thresholds: tuple[float, ...] = ()
    joint: tuple[tuple[float, FittedEnsemble], ...] = ()
    estimator: Any = None


@dataclass(frozen=True)
class AveragedMembers:
    """What a classifier predicts: the mean of its members' probabilities.

    Attributes
    ----------
    members : tuple of ClassMember
        Their weights sum to 1.
    """

    n_classes: int
    members: tuple[ClassMember, ...]

    def scores(self, matrix: Any) -> NDArray[np.float64]:
        """Return all members' scores, as the libraries predict them.

        Of the link "softmax", what they lie above the first; of the link "cumulative", what they
        lie above the first threshold.

        Parameters
        ----------
        matrix : ndarray of shape (n_samples, n_columns)
            What the estimators take.
        """
        found = []
        for member in self.members:
            each = np.asarray(member.estimator.predict_proba(matrix), dtype=np.float64)
            if member.link == "share":
                found.append(each[:, 1:])
                continue
            logs = np.log(np.maximum(each, LEAST))
            if member.link == "softmax":
                found.append(logs[:, 1:] - logs[:, :1])
            else:
                found.append(np.log(np.maximum(1 - each[:, :1], LEAST)) - logs[:, :1])
        return np.hstack(found)

    def chance(self, scores: NDArray[np.float64], event: Collection[int]) -> float:
        """Return the chance of an event at one row of :meth:`scores`."""
        found, at = 0.0, 0
        for member in self.members:
            n_scores = self.n_classes - 1 if member.link in ("softmax", "share") else 1
            own = scores[at : at + n_scores].tolist()
            at += n_scores
            if member.link == "softmax":
                own = [0.0, *own]
            elif member.link == "cumulative":
                own = [own[0] + member.thresholds[0]]
            elif n_scores > 1:
                own = [1 - sum(own), *own]
            each = probabilities(member.link, own, member.thresholds)
            found += member.weight * sum(each[code] for code in event)
        return found

    def start(self, scores: NDArray[np.float64], event: Collection[int]) -> NDArray[np.float64]:
        """Return scores at which the chance of an event is its mean over some rows.

        Most rows lie far from the middle of a link, so at the mean scores it can be a fifth of
        that. Of the way from these to the scores of the rows that have the event, only as much is
        gone as is needed. Without an event, the mean scores are returned: the means of three
        probabilities need not be those of any scores.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_scores)
        event : collection of int
        """
        mean = scores.mean(axis=0)
        if not event:
            return mean
        chances = np.array([self.chance(row, event) for row in scores])
        wanted = chances.mean()
        rises = self.chance(mean, event) < wanted
        way = np.average(scores, axis=0, weights=chances if rises else 1 - chances) - mean
        low, high = 0.0, 1.0
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if (self.chance(mean + middle * way, event) < wanted) == rises:
                low = middle
            else:
                high = middle
        return mean + high * way

    @property
    def single(self) -> bool:
        """Whether a library itself sums in float32."""
        return any(output.single for member in self.members for output in member.outputs)

    @property
    def has_trees(self) -> bool:
        return any(isinstance(part, FittedEnsemble) for part in self.parts)

    @property
    def needs_points(self) -> bool:
        """Whether there are reasons only where a background can be made."""
        return self.has_trees

    @property
    def parts(self) -> list[Part]:
        """What is summed in any score."""
        members = self.members
        outputs = [part for m in members for output in m.outputs for _, part in output.parts]
        return [*outputs, *(part for m in members for _, part in m.joint)]


def read_classifier(estimator: Any) -> AveragedMembers:
    """Return what a fitted classifier predicts, its classes in their order.

    Raises
    ------
    UnsupportedEstimatorError
        If it is of a kind, or has a part, that no table stands for.
    """
    return AveragedMembers(len(estimator.classes_), tuple(_members(estimator)))


def _members(estimator: Any) -> list[ClassMember]:
    if type(estimator).__name__ != "VotingClassifier":
        return [replace(_member(estimator), estimator=estimator)]
    if estimator.voting != "soft":
        raise UnsupportedEstimatorError("Its members vote for classes, not with probabilities.")
    return [
        replace(member, weight=weight * member.weight)
        for each, weight in zip(estimator.estimators_, voting_weights(estimator), strict=True)
        for member in _members(each)
    ]


def _member(estimator: Any) -> ClassMember:
    if type(estimator).__name__ == "ProportionalOdds":
        return _proportional_odds(estimator)
    return reader_of(estimator, _READERS)(estimator)


def _boosted(outputs: list[WeightedSum]) -> ClassMember:
    """Return a member with a score of the second class, or one of each."""
    return ClassMember("sigmoid" if len(outputs) == 1 else "softmax", tuple(outputs))


# --- linear ---------------------------------------------------------------------------------------


def _linear(intercept: float, weights: Any) -> WeightedSum:
    part = Linear(float(intercept), np.asarray(weights, dtype=np.float64))
    return WeightedSum(0.0, ((1.0, part),))


def _logistic(estimator: Any) -> ClassMember:
    return _boosted(list(map(_linear, estimator.intercept_, estimator.coef_)))


def _proportional_odds(estimator: Any) -> ClassMember:
    thresholds = tuple(map(float, estimator.thresholds_))
    return ClassMember("cumulative", (_linear(0.0, estimator.coef_),), thresholds=thresholds)


def _pipeline(estimator: Any) -> ClassMember:
    member = _member(estimator.steps[-1][1])  # what is wrong with it says more
    return replace(member, outputs=tuple(expanded(estimator, one) for one in member.outputs))


# --- trees ----------------------------------------------------------------------------------------


def _shares(estimator: Any, trees: Any) -> ClassMember:
    """Return a member whose trees hold the share of each class, on average the probabilities."""
    weight, n_classes = 1.0 / len(trees), len(estimator.classes_)
    if n_classes == 2:
        part = FittedTrees(tuple(sklearn_tree(tree, output=1) for tree in trees), SKLEARN)
        return ClassMember("share", (WeightedSum(0.0, ((weight, part),)),))
    part = FittedTrees(tuple(sklearn_tree(tree, output=slice(None)) for tree in trees), SKLEARN)
    return ClassMember("share", (WeightedSum(0.0, ()),) * n_classes, joint=((weight, part),))


def _decision_tree(estimator: Any) -> ClassMember:
    return _shares(estimator, [estimator])


def _forest(estimator: Any) -> ClassMember:
    return _shares(estimator, estimator.estimators_)


def _gradient_boosting(estimator: Any) -> ClassMember:
    if estimator.loss != "log_loss":
        raise UnsupportedEstimatorError("Its scores are not log-odds.")
    priors = list(map(float, estimator.init_.class_prior_))
    starts = [math.log(prior) for prior in priors]
    if len(priors) == 2:
        starts = [starts[1] - starts[0]]
    return _boosted(
        [
            WeightedSum(start, ((1.0, gradient_boosting_trees(estimator, output)),))
            for output, start in enumerate(starts)
        ]
    )


def _hist_gradient_boosting(estimator: Any) -> ClassMember:
    n_outputs = len(estimator._predictors[0])
    return _boosted([hist_gradient_boosting(estimator, output) for output in range(n_outputs)])


def _xgboost(estimator: Any) -> ClassMember:
    n_classes = len(estimator.classes_)
    sums = xgboost_sums(estimator, 1 if n_classes == 2 else n_classes)
    if n_classes == 2:  # its constant was saved as a probability
        prior = sums[0].constant
        sums = [replace(sums[0], constant=math.log(prior / (1 - prior)))]
    return _boosted(sums)


def _catboost(estimator: Any) -> ClassMember:
    bias, scale, part, loss = read_catboost(estimator)
    if loss not in ("Logloss", "CrossEntropy", "MultiClass"):
        raise UnsupportedEstimatorError(f"CatBoost's loss {loss} has a link of its own.")
    if loss != "MultiClass":
        return _boosted([WeightedSum(bias[0], ((scale, part),))])
    # A softmax does not change where all scores do: the last one becomes 0, and needs no sum.
    trees = tuple(replace(tree, values=tree.values - tree.values[:, -1:]) for tree in part.trees)
    outputs = tuple(WeightedSum(each - bias[-1], ()) for each in bias)
    return ClassMember("softmax", outputs, joint=((scale, replace(part, trees=trees)),))


_READERS: dict[str, Callable[[Any], ClassMember]] = {
    "sklearn.LogisticRegression": _logistic,
    "sklearn.Pipeline": _pipeline,
    "sklearn.DecisionTreeClassifier": _decision_tree,
    "sklearn.RandomForestClassifier": _forest,
    "sklearn.ExtraTreesClassifier": _forest,
    "sklearn.GradientBoostingClassifier": _gradient_boosting,
    "sklearn.HistGradientBoostingClassifier": _hist_gradient_boosting,
    "xgboost.XGBClassifier": _xgboost,
    "catboost.CatBoostClassifier": _catboost,
}
