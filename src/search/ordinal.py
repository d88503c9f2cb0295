"""The proportional-odds model: logistic regression of outcomes that have an order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_GAP = 1e-3  # between neighbouring thresholds
LEAST_CHANCE = 1e-12


class ProportionalOdds(ClassifierMixin, BaseEstimator):
    """Cumulative logistic regression: P(y <= k) = sigmoid(thresholds_[k] - X @ coef_).

    Parameters
    ----------
    C : float
        Inverse of the ridge penalty on the coefficients, as of LogisticRegression.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        From the lowest outcome to the highest.
    coef_ : ndarray of shape (n_features,)
    thresholds_ : ndarray of shape (n_classes - 1,)
        Ascending.

    References
    ----------
    McCullagh (1980), "Regression Models for Ordinal Data", JRSS B 42(2).
    """

    def __init__(self, C: float = 1.0, max_iter: int = 300) -> None:
        self.C = C
        self.max_iter = max_iter

    def fit(self, X: Any, y: Any, sample_weight: NDArray[np.float64] | None = None) -> Self:
        """Fit by penalised maximum likelihood; the gaps between thresholds are kept positive."""
        X, y = validate_data(self, X, y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        shares = np.cumsum(np.bincount(codes, weight))[:-1] / weight.sum()
        first = np.log(shares / (1 - shares))
        gaps = np.log(np.maximum(np.diff(first), LEAST_GAP))
        start = np.concatenate([np.zeros(X.shape[1]), first[:1], gaps])
        found = minimize(
            _loss_and_gradient, start, (X, codes, weight, self.C), method="L-BFGS-B", jac=True,
            options={"maxiter": self.max_iter},
        )  # fmt: skip
        self.coef_ = found.x[: X.shape[1]]
        self.thresholds_ = _thresholds(found.x[X.shape[1] :])
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the chance of each outcome, of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        below = expit(self.thresholds_ - (X @ self.coef_)[:, None])
        edges = np.column_stack([np.zeros(len(X)), below, np.ones(len(X))])
        return np.diff(edges, axis=1)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most likely outcomes."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


def _thresholds(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ascending thresholds: the first, then the logarithms of the gaps."""
    gaps = np.maximum(np.exp(np.minimum(raw[1:], 50.0)), LEAST_GAP)
    return np.cumsum(np.concatenate([raw[:1], gaps]))


def _loss_and_gradient(
    raw: NDArray[np.float64],
    X: NDArray[np.float64],
    codes: NDArray[np.intp],
    weight: NDArray[np.float64],
    C: float,
) -> tuple[float, NDArray[np.float64]]:
    n_features = X.shape[1]
    coef, of_thresholds = raw[:n_features], raw[n_features:]
    thresholds = _thresholds(of_thresholds)
    ends = np.concatenate([[-np.inf], thresholds, [np.inf]])
    eta = X @ coef
    upper, lower = expit(ends[codes + 1] - eta), expit(ends[codes] - eta)
    chance = np.maximum(upper - lower, LEAST_CHANCE)
    loss = C * float(weight @ -np.log(chance)) + 0.5 * float(coef @ coef)
    by_upper, by_lower = upper * (1 - upper) / chance, lower * (1 - lower) / chance
    # Of the log-likelihood, by the linear predictor and by each threshold.
    of_coef = -C * (X.T @ (weight * (by_lower - by_upper))) + coef
    n = len(thresholds)
    of_each = np.bincount(codes, weight * by_upper, n + 1)[:n]
    of_each -= np.bincount(codes, weight * by_lower, n + 1)[1:]
    following = np.cumsum(of_each[::-1])[::-1]  # a threshold is a sum of what stands before it
    gaps = np.diff(thresholds) * (of_thresholds[1:] > np.log(LEAST_GAP))
    of_raw = np.concatenate([following[:1], following[1:] * gaps])
    return loss, np.concatenate([of_coef, -C * of_raw])
