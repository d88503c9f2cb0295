"""What the best of several models owes to having been chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from src.stats.intervals import clusters_or_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 1_000
AT_ONCE = 20  # resamples, each with a number for every row


def choice_optimism(
    losses: Mapping[str, NDArray[np.float64]],
    chosen_by: str,
    clusters: NDArray[np.intp] | None = None,
    random_state: int = 0,
) -> dict[str, float]:
    """Return by how much the best model's mean losses are too small for having been chosen.

    In each resample of the rows (of the clusters) the best is chosen anew, and judged by the rows
    that are not in it. Their mean loss, less that of the model that is best on all rows, is what
    the choice hides; at least 0. Both means are of the same rows: which of them are left out would
    else count for as much as the choice.

    Parameters
    ----------
    losses : mapping of str to ndarray of shape (n_models, n_rows)
        By metric, of predictions out of fold.
    chosen_by : str
        The metric of the choice.
    clusters : ndarray of shape (n_rows,), optional

    References
    ----------
    Tsamardinos, Greasidou and Borboudakis (2018), "Bootstrapping the out-of-sample predictions for
    efficient and accurate cross-validation", Machine Learning 107(12).
    """
    import numpy as np

    n_models, n_rows = losses[chosen_by].shape
    if n_models < 2:
        return dict.fromkeys(losses, 0.0)
    of_rows = clusters_or_rows(clusters, n_rows)
    n_clusters = int(of_rows.max()) + 1
    random = np.random.default_rng(random_state)
    sums = losses if clusters is None else {
        name: np.array([np.bincount(of_rows, one, n_clusters) for one in each])
        for name, each in losses.items()
    }  # fmt: skip
    sizes = np.bincount(of_rows)
    best = int(np.argmin(losses[chosen_by].sum(axis=1)))
    n_judged, lost = 0.0, dict.fromkeys(losses, 0.0)
    for _ in range(0, RESAMPLES, AT_ONCE):
        drawn = random.integers(n_clusters, size=(AT_ONCE, n_clusters))
        counts = np.array([np.bincount(one, minlength=n_clusters) for one in drawn], dtype=float)
        chosen = np.argmin(counts @ sums[chosen_by].T, axis=1)
        out = (counts == 0).astype(float)
        n_judged += float((out @ sizes).sum())
        for name, each in sums.items():
            lost[name] += float(np.einsum("bc,bc->", out, each[chosen] - each[best]))
    return {name: max(0.0, lost[name] / n_judged) for name in losses}
