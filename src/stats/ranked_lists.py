"""Two rankings of the same rows held against one another: their AUC, and lists from their top."""

from __future__ import annotations

from typing import TYPE_CHECKING

from src.stats.class_scores import placements
from src.stats.intervals import Interval, interval_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def auc_gain_interval(
    happened: NDArray[np.bool_],
    scores: NDArray[np.float64],
    others: NDArray[np.float64],
    clusters: NDArray[np.intp] | None = None,
) -> Interval:
    """Return by how much the AUC of scores is above that of others, with its interval.

    Parameters
    ----------
    happened : ndarray of bool of shape (n_samples,)
        There are rows of both kinds.
    scores, others : ndarray of shape (n_samples,)

    References
    ----------
    As for :func:`src.stats.class_scores.auc_interval`.
    """
    value, influence = placements(scores, happened)
    other, of_other = placements(others, happened)
    return interval_of(value - other, influence - of_other, clusters)


def listed_share(scores: NDArray[np.float64], n_listed: int) -> tuple[NDArray[np.float64], float]:
    """Return how much of each row is on a list of the largest scores, and the score at its end.

    Rows of the same score at the end of the list have equal shares of the places that are left.

    Examples
    --------
    >>> import numpy as np
    >>> listed, end = listed_share(np.array([0.9, 0.2, 0.5, 0.5]), 2)
    >>> listed.tolist(), end
    ([1.0, 0.0, 0.5, 0.5], 0.5)
    """
    import numpy as np

    end = float(np.sort(scores)[-n_listed])
    above, at_end = scores > end, scores == end
    places = (n_listed - above.sum()) / at_end.sum()
    return np.where(at_end, places, above.astype(float)), end


def recall_gain_interval(
    happened: NDArray[np.bool_],
    scores: NDArray[np.float64],
    others: NDArray[np.float64],
    n_listed: int,
    clusters: NDArray[np.intp] | None = None,
) -> Interval:
    """Return by how much more of the event a list by scores holds than one by others.

    Parameters
    ----------
    happened : ndarray of bool of shape (n_samples,)
        There is a row with the event.
    scores, others : ndarray of shape (n_samples,)
        Chances of the event: the influence of where a list ends is worked out by them.
    """
    recall, influence = _recall(happened, scores, n_listed)
    other, of_other = _recall(happened, others, n_listed)
    return interval_of(recall - other, (influence - of_other) / len(happened), clusters)


def _recall(
    happened: NDArray[np.bool_], scores: NDArray[np.float64], n_listed: int
) -> tuple[float, NDArray[np.float64]]:
    """Return the share of the event that a list holds, and each row's influence on it."""
    listed, end = listed_share(scores, n_listed)
    share, base, both = listed.mean(), happened.mean(), listed * happened
    moved = both - both.mean() - min(max(end, 0.0), 1.0) * (listed - share)
    influence = moved / base - (happened - base) * both.mean() / base**2
    return float(both.mean() / base), influence
