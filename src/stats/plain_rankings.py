"""What an early warning must beat: a group's average, and one number alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from src.stats.class_scores import area_under
from src.stats.one_way import OneWay

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def shrunken_means(
    y: NDArray[np.float64], groups: NDArray[np.str_] | Sequence[str]
) -> dict[str, float]:
    """Return the mean of each group, drawn towards the overall mean by what chance explains of it.

    The variances within and between groups are those of :class:`src.stats.one_way.OneWay`.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    groups : sequence of length n_samples

    Examples
    --------
    >>> import numpy as np
    >>> shrunken_means(np.array([0.0, 2.0, 4.0, 6.0]), ["a", "a", "b", "b"])
    {'a': 1.25, 'b': 4.75}
    """
    import numpy as np

    names, of_row, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    n, n_groups, overall = len(y), len(names), float(y.mean())
    if not 1 < n_groups < n:
        return dict.fromkeys(names.tolist(), overall)
    found = OneWay.of(y, of_row)
    means = np.bincount(of_row, y) / sizes
    spread = sizes * found.variance + found.within
    kept = np.divide(sizes * found.variance, spread, out=np.zeros(n_groups), where=spread > 0)
    drawn = overall + kept * (means - overall)
    return dict(zip(names.tolist(), drawn.tolist(), strict=True))


def mean_of_group(
    learnt: dict[str, float],
    groups: NDArray[np.str_] | Sequence[str],
    otherwise: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return what is known of each row's group; of a new group, the mean of ``otherwise`` in it.

    Parameters
    ----------
    learnt : dict of str to float
        By group, from other rows.
    groups : sequence of length n_samples
    otherwise : ndarray of shape (n_samples,)
    """
    import numpy as np

    names, of_row = np.unique(groups, return_inverse=True)
    means = np.bincount(of_row, otherwise) / np.bincount(of_row)
    known = [learnt.get(name, float(mean)) for name, mean in zip(names, means, strict=True)]
    return np.array(known)[of_row]


def best_number(
    columns: Sequence[NDArray[np.float64]], y: NDArray[np.float64], *, event: bool
) -> int | None:
    """Return which column alone tells most of the target; of equals the first.

    Parameters
    ----------
    columns : sequence of ndarray of shape (n_samples,)
        NaN where a value is missing.
    y : ndarray of shape (n_samples,)
    event : bool
        Whether y is 0 or 1, and columns are held against one another by the AUC, not by R².
    """
    best, most = None, 0.0
    for k, column in enumerate(columns):
        predicted = line_of(column, y, column)
        if event:
            gain = area_under(predicted, y > 0) - 0.5
        else:
            gain = float(y.var() - ((y - predicted) ** 2).mean())
        if gain > most + 1e-12:
            best, most = k, gain
    return best


def line_of(
    column: NDArray[np.float64], y: NDArray[np.float64], new: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what a least-squares line in one column predicts for new values of it.

    Where a value is missing, it is the mean of y where the column is missing; of all of y where it
    never is.
    """
    import numpy as np

    known = np.isfinite(column)
    missing = float(y.mean()) if known.all() else float(y[~known].mean())
    if not known.any():
        return np.full(len(new), missing)
    x, of_known = column[known], y[known]
    middle, mean = float(x.mean()), float(of_known.mean())
    spread = float(((x - middle) ** 2).sum())
    slope = float((x - middle) @ (of_known - mean)) / spread if spread else 0.0
    return np.where(np.isfinite(new), mean + slope * (new - middle), missing)
