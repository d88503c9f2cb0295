"""Shapley values of any model, by walks from background rows to the row that is explained."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHUNK = 20_000  # mixtures that are predicted at once


def permutation_shapley(
    predict: Callable[[NDArray[np.intp]], NDArray[np.float64]],
    n_samples: int,
    n_background: int,
    n_features: int,
    random_state: int,
) -> NDArray[np.float64]:
    """Return what each feature adds to each prediction.

    From each background row two walks lead to the explained row: its features are taken over one
    by one, in a random order and in the reverse of it. A feature's contribution is the mean of what
    the prediction changed at its turn. The changes along a walk sum to its whole way, so the
    contributions sum exactly to the prediction less the mean of the background's predictions.

    Parameters
    ----------
    predict : callable
        Takes indices of shape (n_mixtures, n_features): of the row that each feature of a mixture
        is taken from, the background's rows following on the explained ones. Returns predictions.
    n_samples, n_background, n_features : int
    random_state : int
        Orders are the same for every row, so a row's contributions don't depend on the others.

    Returns
    -------
    ndarray of shape (n_samples, n_features)

    References
    ----------
    Štrumbelj and Kononenko (2014), "Explaining prediction models and individual predictions with
    feature contributions", Knowledge and Information Systems 41. Mitchell et al. (2022), "Sampling
    Permutations for Shapley Value Estimation", JMLR 23, for the reversed orders.
    """
    import numpy as np

    random = np.random.default_rng(random_state)
    forth = random.permuted(np.tile(np.arange(n_features), (n_background, 1)), axis=1)
    orders = np.concatenate([forth, forth[:, ::-1]])  # (n_walks, n_features)
    turns = np.argsort(orders, axis=1)
    steps = np.arange(1, n_features)
    taken = turns[:, None, :] < steps[:, None]  # (n_walks, n_features - 1, n_features)
    start = n_samples + np.tile(np.arange(n_background), 2)
    ends = np.repeat(np.arange(n_samples + n_background), n_features).reshape(-1, n_features)
    at_ends = predict(ends)

    found = np.empty((n_samples, n_features))
    n_rows = max(1, CHUNK // max(1, taken.shape[0] * taken.shape[1]))
    for at in range(0, n_samples, n_rows):
        rows = np.arange(at, min(at + n_rows, n_samples))
        way = np.empty((len(rows), len(orders), n_features + 1))
        way[:, :, 0], way[:, :, -1] = at_ends[start], at_ends[rows, None]
        if n_features > 1:
            index = np.where(taken, rows[:, None, None, None], start[:, None, None])
            way[:, :, 1:-1] = predict(index.reshape(-1, n_features)).reshape(
                len(rows), len(orders), -1
            )
        changes = np.take_along_axis(np.diff(way, axis=2), turns[None], axis=2)
        found[rows] = changes.mean(axis=1)
    return found
