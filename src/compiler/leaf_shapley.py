"""Exact Shapley values of oblivious trees: they depend on the leaf alone, so a table holds them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from src.stats.shapley import shapley_weights


def leaf_contributions(
    players: NDArray[np.intp],
    values: NDArray[np.float64],
    leaves: NDArray[np.intp],
    weights: NDArray[np.float64],
) -> tuple[float, NDArray[np.float64]]:
    """Return a tree's mean over a background, and what each player adds to it in each leaf.

    A coalition is worth what the tree predicts on average where its features are the record's, and
    all others those of a point of the background.

    Parameters
    ----------
    players : ndarray of shape (depth,)
        From 0 on: whose feature each level asks about, the root's first.
    values : ndarray of shape (2 ** depth,)
        By leaf, the root's answer being the highest bit.
    leaves : ndarray of shape (n_points,)
        To which the background's points come.
    weights : ndarray of shape (n_points,)

    Returns
    -------
    base : float
    contributions : ndarray of shape (2 ** depth, n_players)

    References
    ----------
    Lundberg et al. (2020), "From local explanations to global understanding with explainable AI
    for trees", Nature Machine Intelligence 2, for the interventional kind.
    """
    depth, n_players = len(players), int(players.max(initial=-1)) + 1
    places = 1 << np.arange(depth)[::-1]
    owned = np.array([places[players == player].sum() for player in range(n_players)], dtype=int)
    coalitions = np.arange(1 << n_players)[:, None] >> np.arange(n_players) & 1
    known = (coalitions @ owned)[:, None]  # the bits of a leaf that are the record's
    others, which = np.unique(leaves, return_inverse=True)
    shares = np.bincount(which, weights)
    own = np.arange(len(values)) & known
    mixed = own[:, :, None] | (others & ~known)[:, None, :]
    worth = values[mixed] @ shares
    return float(worth[0, 0]), (shapley_weights(n_players) @ worth).T
