"""Effects of groups on the chances of outcomes: each group tilts them along one direction.

A group's tilt u turns chances p into ``p_k * exp(u * s_k)``, scaled to sum to 1; s is the
direction. With two outcomes, u is a shift of the log-odds. Numbers in, numbers out.

References
----------
DerSimonian and Laird (1986), "Meta-analysis in clinical trials", Controlled Clinical Trials 7, for
the variance between groups by moments. Breslow and Clayton (1993), "Approximate inference in
generalized linear mixed models", JASA 88(421), for modes of effects with a normal prior.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from src.stats.group_effects import (
    LEAST_MEMBERS,
    GroupMeans,
    Members,
    folds_in_groups,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STEPS = 8  # of Newton's method
LONGEST = 1.0  # of one step
LATENT = math.pi**2 / 3  # variance of a logistic distribution: that of pupils in a group


def tilted(
    chances: NDArray[np.float64], tilt: NDArray[np.float64], direction: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return chances with each row's tilt.

    Parameters
    ----------
    chances : ndarray of shape (n_rows, n_classes)
    tilt : ndarray of shape (n_rows,)
    direction : ndarray of shape (n_classes,)
    """
    import numpy as np

    weighted = chances * np.exp(tilt[:, None] * direction)
    return np.asarray(weighted / weighted.sum(axis=1, keepdims=True))


def group_tilts(
    truth: NDArray[np.int64],
    chances: NDArray[np.float64],
    members: Members,
    direction: NDArray[np.float64],
) -> GroupMeans:
    """Return the tilts of groups, shrunken towards 0 by how little is known of them.

    Parameters
    ----------
    truth : ndarray of int of shape (n_rows,)
        Codes of the outcomes.
    chances : ndarray of shape (n_rows, n_classes)
        Of a model that did not learn from the group.
    members : Members
    direction : ndarray of shape (n_classes,)

    Returns
    -------
    GroupMeans
        In log-odds; ``within`` is the variance of the logistic distribution.
    """
    share = _shares(members)
    between = between_variance(truth, chances, members, direction)
    tilt, error = _modes(truth, chances, members, direction, share, between)
    _, bends = _slopes(truth, chances, direction)
    of_one = len(truth) / (float(bends.sum()) or 1.0)
    return GroupMeans.of(members.sums(), tilt, error, (between, LATENT), of_one)


def tilts_of_others(
    truth: NDArray[np.int64],
    chances: NDArray[np.float64],
    members: Members,
    direction: NDArray[np.float64],
    random_state: int,
) -> NDArray[np.float64]:
    """Return for each row the tilt that other members of its group tell.

    Returns
    -------
    ndarray of shape (n_rows,)
        0 for a row of a group of fewer than ten members, and of none.
    """
    import numpy as np

    between = between_variance(truth, chances, members, direction)
    fold = folds_in_groups(members, random_state)[members.of_row]
    share, group = _shares(members), members.group[members.of_row]
    large = members.sums() >= LEAST_MEMBERS
    found = np.zeros(len(truth))
    for k in np.unique(fold):
        rest = np.where(fold == k, 0.0, share)
        tilt, _ = _modes(truth, chances, members, direction, rest, between)
        rows = (fold == k) & (group >= 0)
        found[rows] = np.where(large, tilt, 0.0)[group[rows]]
    return found


def between_variance(
    truth: NDArray[np.int64],
    chances: NDArray[np.float64],
    members: Members,
    direction: NDArray[np.float64],
) -> float:
    """Return the variance of the groups' tilts, 0 where there is none to be seen.

    It is that of groups that have an effect, as of numbers.
    """
    import numpy as np

    group = members.group[members.of_row]
    known, share = group >= 0, _shares(members)
    slope, bend = _slopes(truth, chances, direction)

    def sums(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        weights = (share * numbers)[known]
        return np.bincount(group[known], weights, minlength=members.n_groups).astype(np.float64)

    weight = sums(bend)
    there = (weight > 0) & (members.sums() >= LEAST_MEMBERS)
    if there.sum() < 2:
        return 0.0
    weight, tilt = weight[there], (sums(slope)[there] / weight[there])
    middle = float((weight * tilt).sum() / weight.sum())
    spread = float((weight * (tilt - middle) ** 2).sum()) - (len(weight) - 1)
    usual = float(weight.sum() - (weight**2).sum() / weight.sum())
    return max(0.0, spread / usual) if usual > 0 else 0.0


def _modes(
    truth: NDArray[np.int64],
    chances: NDArray[np.float64],
    members: Members,
    direction: NDArray[np.float64],
    share: NDArray[np.float64],
    between: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each group's most likely tilt, and the standard deviation of the true one around it.

    Parameters
    ----------
    share : ndarray of shape (n_rows,)
        How much a row counts.
    """
    import numpy as np

    tilt, bend = np.zeros(members.n_groups), np.zeros(members.n_groups)
    if not between:
        return tilt, bend
    group = members.group[members.of_row]
    rows = np.flatnonzero((group >= 0) & (share > 0))
    group, share = group[rows], share[rows]
    truth, chances = truth[rows], chances[rows]
    for _ in range(STEPS):
        slopes, bends = _slopes(truth, tilted(chances, tilt[group], direction), direction)
        slope = np.bincount(group, share * slopes, minlength=members.n_groups) - tilt / between
        bend[:] = np.bincount(group, share * bends, minlength=members.n_groups) + 1 / between
        tilt += (slope / bend).clip(-LONGEST, LONGEST)
    return tilt, 1 / np.sqrt(bend)


def _slopes(
    truth: NDArray[np.int64], chances: NDArray[np.float64], direction: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each row's slope and bend of the log-likelihood in its tilt."""
    mean = chances @ direction
    return direction[truth] - mean, chances @ direction**2 - mean**2


def _shares(members: Members) -> NDArray[np.float64]:
    """Return how much each row counts: a member as much as another."""
    import numpy as np

    return 1 / np.bincount(members.of_row)[members.of_row]
