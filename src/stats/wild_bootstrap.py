"""Whether some groups' errors differ, where rows come in clusters such as schools."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from src.stats.permutation_test import ALPHA, Comparisons, normal_from_t, t_from_normal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def compare_groups_of_clusters(
    errors: NDArray[np.float64],
    groups: Sequence[NDArray[np.intp]],
    clusters: NDArray[np.intp],
    n_resamples: int,
    random: np.random.Generator,
    alpha: float = ALPHA,
) -> Comparisons:
    """Compare each group's mean error and the size of its errors with the other rows'.

    Where no group differs, all clusters' deviations from the mean have signs by chance: these are
    drawn anew, a sign a cluster, and a p-value is the share of draws in which the largest of all
    statistics reaches the group's own. Each statistic is Welch's t with the standard error of
    clusters. A group may hold whole clusters, or a part of each.

    Parameters
    ----------
    errors : ndarray of shape (n_samples,)
    groups : sequence of ndarray of int
        Rows of each group, which may overlap.
    clusters : ndarray of shape (n_samples,)
        The number of each row's cluster, from 0.
    random : Generator
    alpha : float
        Chance of telling any group apart where none differs.

    References
    ----------
    Cameron, Gelbach and Miller (2008), "Bootstrap-based improvements for inference with clustered
    errors", Review of Economics and Statistics 90(3).
    """
    import numpy as np

    if not groups or not np.ptp(errors):
        return Comparisons([{"mean_error": 1.0, "mae": 1.0} for _ in groups], math.inf, [])
    n, n_clusters = len(errors), int(clusters.max()) + 1
    in_group = np.zeros((len(groups), n))
    for k, rows in enumerate(groups):
        in_group[k, rows] = 1.0
    size = in_group.sum(axis=1, keepdims=True)

    def by_cluster(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([np.bincount(clusters, one, n_clusters) for one in weights])

    here = by_cluster(in_group) / size
    there = by_cluster(1 - in_group) / (n - size)
    freedom = np.minimum((here > 0).sum(axis=1), (there > 0).sum(axis=1)) - 1.0
    freedom = np.maximum(freedom, 1.0)[:, None]
    signs = random.choice([-1.0, 1.0], size=(n_clusters, n_resamples + 1))
    signs[:, 0] = 1.0  # the errors as they are
    found, noticeable_by = [], np.zeros(len(groups))
    for values in (errors, np.sqrt(np.abs(errors))):
        apart = (values - values.mean()) / max(float(values.std()), np.finfo(float).tiny)
        sum_here, sum_there = by_cluster(in_group * apart), by_cluster((1 - in_group) * apart)
        mine, others = sum_here / size, sum_there / (n - size)
        mean, other = mine @ signs, others @ signs
        # A cluster adds sign * (mine - others) - here * mean + there * other: squared and summed.
        added = mine - others
        variance = (
            (added**2).sum(axis=1, keepdims=True)
            - 2 * mean * ((added * here) @ signs)
            + 2 * other * ((added * there) @ signs)
            + mean**2 * (here**2).sum(axis=1, keepdims=True)
            + other**2 * (there**2).sum(axis=1, keepdims=True)
            - 2 * mean * other * (here * there).sum(axis=1, keepdims=True)
        )
        error = np.sqrt(n_clusters / (n_clusters - 1) * np.maximum(variance, 1e-9))
        if values is errors:
            noticeable_by = error[:, 0] * float(values.std())
        found.append(np.abs(normal_from_t((mean - other) / error, freedom)))
    statistics = np.array(found)  # (2, n_groups, 1 + n_resamples)
    reference = statistics[:, :, 1:].max(axis=(0, 1))
    reached = (reference >= statistics[:, :, :1] * (1 - 1e-9)).sum(axis=2)
    adjusted = ((1 + reached) / (1 + n_resamples)).T.tolist()
    critical = float(np.quantile(reference, 1 - alpha, method="higher"))
    noticeable = [
        t_from_normal(critical, one) * error
        for one, error in zip(freedom[:, 0].tolist(), noticeable_by.tolist(), strict=True)
    ]
    return Comparisons(
        [{"mean_error": mean_error, "mae": mae} for mean_error, mae in adjusted],
        critical,
        noticeable,
    )
