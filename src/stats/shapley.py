"""Shapley values of games whose coalitions are all known."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray


@cache
def shapley_weights(n_players: int) -> NDArray[np.float64]:
    """Return what turns the worth of all coalitions into Shapley values.

    Returns
    -------
    ndarray of shape (n_players, 2 ** n_players)
        A coalition's number has a bit for each of its players, the lowest for the first.

    Examples
    --------
    >>> shapley_weights(2) @ [0.0, 3.0, 1.0, 6.0]
    array([4., 2.])
    """
    weights = np.empty((n_players, 1 << n_players))
    for player in range(n_players):
        for coalition in range(1 << n_players):
            joined = coalition >> player & 1
            others = coalition.bit_count() - joined
            share = 1 / (n_players * math.comb(n_players - 1, others))
            weights[player, coalition] = share if joined else -share
    return weights
