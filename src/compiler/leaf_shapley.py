"""Exact Shapley values of oblivious trees: they depend on the leaf alone, so a table holds them."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray


def leaf_contributions(
    players: NDArray[np.intp], values: NDArray[np.float64], covers: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Return a tree's mean, and what each player adds to it in each leaf.

    A coalition is worth what the tree predicts when only its columns are known: at a test about
    another column both ways count, by their share of the training rows.

    Parameters
    ----------
    players : ndarray of shape (depth,)
        From 0 on: whose column each level asks about, the root's first.
    values, covers : ndarray of shape (2 ** depth,)
        By leaf, the root's answer being the highest bit.

    Returns
    -------
    base : float
    contributions : ndarray of shape (2 ** depth, n_players)

    References
    ----------
    Lundberg et al. (2020), "From local explanations to global understanding with explainable AI
    for trees", Nature Machine Intelligence 2.
    """
    depth = len(players)
    worth = values.reshape(1, *(2,) * depth)  # by coalition, then by leaf
    bits: dict[int, int] = {}  # a player's place in the coalition's number
    for level in reversed(range(depth)):
        nodes = covers.reshape((2,) * (level + 1) + (-1,)).sum(axis=-1)
        total = nodes.sum(axis=-1, keepdims=True)
        share = np.divide(nodes, total, out=np.full(nodes.shape, 0.5), where=total > 0)
        share = share.reshape(share.shape + (1,) * (depth - level - 1))
        mean = (worth * share).sum(axis=level + 1, keepdims=True)
        player = int(players[level])
        if player in bits:
            knows = np.arange(len(worth)) >> bits[player] & 1
            worth = np.where(knows.reshape((-1,) + (1,) * depth), worth, mean)
        else:
            bits[player] = len(bits)
            worth = np.concatenate([np.broadcast_to(mean, worth.shape), worth])
    worth = worth.reshape(len(worth), -1)
    found = _shapley_weights(len(bits)) @ worth
    return float(worth[0, 0]), found[[bits[player] for player in sorted(bits)]].T


@cache
def _shapley_weights(n_players: int) -> NDArray[np.float64]:
    """Return what turns the coalitions' worth into Shapley values, a row a player."""
    weights = np.empty((n_players, 1 << n_players))
    for player in range(n_players):
        for coalition in range(1 << n_players):
            joined = coalition >> player & 1
            others = coalition.bit_count() - joined
            share = 1 / (n_players * math.comb(n_players - 1, others))
            weights[player, coalition] = share if joined else -share
    return weights
