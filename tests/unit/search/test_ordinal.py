"""The proportional-odds model, against other ways to the same optimum."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from src.search.ordinal import ProportionalOdds

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(300, 3))
LATENT = X @ [1.0, -0.5, 0.0] + RANDOM.logistic(size=300)
Y = np.digitize(LATENT, [-1.0, 0.2, 1.5])


def penalised_loss(coef: np.ndarray, thresholds: np.ndarray, weight: np.ndarray, C: float) -> float:
    ends = np.concatenate([[-np.inf], thresholds, [np.inf]])
    chance = expit(ends[Y + 1] - X @ coef) - expit(ends[Y] - X @ coef)
    if (chance <= 0).any():
        return np.inf
    return float(-C * weight @ np.log(chance) + coef @ coef / 2)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("C", [0.01, 1.0])
def test_no_other_optimiser_finds_a_likelier_fit(C: float, weighted: bool) -> None:
    weight = RANDOM.uniform(0.2, 3, len(Y)) if weighted else np.ones(len(Y))
    fitted = ProportionalOdds(C).fit(X, Y, weight)
    found = minimize(
        lambda at: penalised_loss(at[:3], at[3:], weight, C),
        [0, 0, 0, -1, 0, 1],
        method="Nelder-Mead",
        options={"maxiter": 6_000, "maxfev": 6_000, "xatol": 1e-6, "fatol": 1e-9},
    )
    ours = penalised_loss(fitted.coef_, fitted.thresholds_, weight, C)
    assert ours == pytest.approx(found.fun, rel=1e-6)
    assert fitted.coef_ == pytest.approx(found.x[:3], abs=1e-3)
    assert fitted.thresholds_ == pytest.approx(found.x[3:], abs=1e-3)


@pytest.mark.parametrize("C", [0.05, 2.0])
def test_of_two_outcomes_it_is_logistic_regression(C: float) -> None:
    y = np.where(LATENT > 0, "pass", "fail")
    ours, theirs = ProportionalOdds(C).fit(X, y), LogisticRegression(C=C, tol=1e-8).fit(X, y)
    assert ours.coef_ == pytest.approx(theirs.coef_[0], abs=1e-3)
    assert ours.thresholds_ == pytest.approx(-theirs.intercept_, abs=1e-3)
    assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(X), abs=1e-3)
    assert (ours.predict(X) == theirs.predict(X)).mean() > 0.99


def test_thresholds_ascend_and_chances_sum_to_one_where_an_outcome_is_rare() -> None:
    y = np.where(np.arange(300) % 100 == 7, 1, np.where(LATENT > 0, 2, 0))
    fitted = clone(ProportionalOdds(10.0)).fit(X, y)
    assert (np.diff(fitted.thresholds_) > 0).all()
    chances = fitted.predict_proba(X)
    assert chances.sum(axis=1) == pytest.approx(np.ones(300))
    assert (chances >= 0).all()
    assert chances.mean(axis=0)[1] == pytest.approx(0.01, abs=0.005)
