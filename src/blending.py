"""Weighted blends of out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def greedy_weights(
    predictions: NDArray[np.float64], y: NDArray[np.float64], steps: int
) -> NDArray[np.float64]:
    """Return the weights that greedy forward selection with replacement gives to members.

    Parameters
    ----------
    predictions : ndarray of shape (n_members, n_samples)
        Out-of-fold predictions.
    y : ndarray of shape (n_samples,)
    steps : int
        How often a member is added to the bag.

    Returns
    -------
    ndarray of shape (n_members,)
        Not negative, summing to 1: each member's share in the bag when its squared error was least.

    References
    ----------
    Caruana et al. (2004), "Ensemble Selection from Libraries of Models", ICML.
    """
    import numpy as np

    # The squared error of a bag is a quadratic form of its shares, so no step touches the rows.
    residuals = predictions - y
    products = residuals @ residuals.T
    counts = np.zeros(len(predictions))
    best, best_error = counts, np.inf
    for step in range(1, steps + 1):
        tried = counts + np.eye(len(counts))
        errors = np.einsum("ij,jk,ik->i", tried, products, tried) / step**2
        counts = tried[int(np.argmin(errors))]
        if errors.min() < best_error * (1 - 1e-9):
            best, best_error = counts, float(errors.min())
    return best / best.sum()


def cross_blend(
    predictions: Mapping[str, NDArray[np.float64]],
    y: NDArray[np.float64],
    tests: list[NDArray[np.intp]],
    steps: int,
) -> tuple[dict[str, float], NDArray[np.float64]]:
    """Blend members, and say honestly what the blend predicts.

    Returns
    -------
    weights : dict of str to float
        Of the members that got a share, learnt on all rows.
    predicted : ndarray of shape (n_samples,)
        The blend's out-of-fold predictions, with the weights of each fold learnt on the others.
    """
    import numpy as np

    names = list(predictions)
    matrix = np.array([predictions[name] for name in names])
    predicted = np.empty(len(y))
    for test in tests:
        rest = np.setdiff1d(np.arange(len(y)), test)
        predicted[test] = greedy_weights(matrix[:, rest], y[rest], steps) @ matrix[:, test]
    weights = greedy_weights(matrix, y, steps)
    return {n: float(w) for n, w in zip(names, weights, strict=True) if w > 0}, predicted
