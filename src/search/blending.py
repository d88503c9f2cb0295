"""Weighted blends of out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_SHARE = 0.05  # of a blend of chances, for a member to stay in it


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


def greedy_share_weights(chances: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """Return the weights of members whose mean chance of what came true loses least.

    A member that is left with less than :data:`LEAST_SHARE` is not worth its keep and is dropped.

    Parameters
    ----------
    chances : ndarray of shape (n_members, n_samples)
        Each member's chance of what came true, out of fold.
    steps : int
        As for :func:`greedy_weights`.

    Returns
    -------
    ndarray of shape (n_members,)
        Not negative, summing to 1.
    """
    import numpy as np

    counts, total = np.zeros(len(chances)), np.zeros(chances.shape[1])
    best, least = counts, np.inf
    for step in range(1, steps + 1):
        losses = -np.log((total + chances) / step).mean(axis=1)
        chosen = int(np.argmin(losses))
        total = total + chances[chosen]
        counts = counts + (np.arange(len(counts)) == chosen)
        if losses[chosen] < least - 1e-9:
            best, least = counts, float(losses[chosen])
    shares = best / best.sum()
    shares[shares < min(LEAST_SHARE, shares.max())] = 0.0
    return shares / shares.sum()


def equal_weights(scores: NDArray[np.float64], within: float) -> NDArray[np.float64]:
    """Return the same weight for each member that is as good as the best, and none for the rest.

    Parameters
    ----------
    scores : ndarray of shape (n_members,)
        The larger the better.
    within : float
        What a member may lack and still be as good.

    Examples
    --------
    >>> import numpy as np
    >>> equal_weights(np.array([0.5, 0.499, 0.4]), within=0.002).tolist()
    [0.5, 0.5, 0.0]
    """
    good = scores >= scores.max() - within
    return good / good.sum()


def cross_blend(
    predictions: NDArray[np.float64],
    tests: Sequence[NDArray[np.intp]],
    weigh: Callable[[Sequence[int]], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Blend members, and say honestly what the blend predicts.

    Parameters
    ----------
    predictions : ndarray of shape (n_members, n_samples, ...)
        Out-of-fold predictions.
    tests : sequence of ndarray
        Rows of each fold.
    weigh : callable
        Takes numbers of folds, returns the weights that are learnt on them.

    Returns
    -------
    weights : ndarray of shape (n_members,)
        Learnt on all folds.
    predicted : ndarray of shape (n_samples, ...)
        The blend's predictions for each fold, with weights learnt on the others.
    """
    import numpy as np

    folds = range(len(tests))
    predicted = np.empty(predictions.shape[1:])
    for fold in folds:
        weights = weigh([other for other in folds if other != fold])
        predicted[tests[fold]] = np.tensordot(weights, predictions[:, tests[fold]], 1)
    return weigh(folds), predicted
