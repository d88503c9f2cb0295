"""How good chances of classes are: scores with the interval in which the truth is expected."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from src.stats.intervals import (
    LEAST_CLUSTERS,
    Interval,
    clusters_or_rows,
    interval_of,
    standard_error,
    t_value,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BINS = 15
LEAST_ROWS = 10  # of a bin


def log_losses(truth: NDArray[np.int64], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return less the logarithm of the probability of each row's class.

    Parameters
    ----------
    truth : ndarray of shape (n_samples,)
        Codes from 0.
    probabilities : ndarray of shape (..., n_samples, n_classes)

    Examples
    --------
    >>> import numpy as np
    >>> log_losses(np.array([0, 1]), np.array([[0.9, 0.1], [0.5, 0.5]])).round(3).tolist()
    [0.105, 0.693]
    """
    import numpy as np

    of_truth = probabilities[..., np.arange(len(truth)), truth]
    return -np.log(np.maximum(of_truth, np.finfo(float).eps))


def brier_losses(
    truth: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return each row's squared differences between probabilities and what came true, added up.

    Of two classes that is twice the Brier score of one of them. The arguments are those of
    :func:`log_losses`.
    """
    import numpy as np

    happened = np.arange(probabilities.shape[-1]) == truth[:, None]
    return np.asarray(((probabilities - happened) ** 2).sum(axis=-1))


def chance_and_truth(
    truth: NDArray[np.int64], chances: NDArray[np.float64], event: Collection[int]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the chance of the event and whether it came true; without one, of the likeliest class.

    Parameters
    ----------
    chances : ndarray of shape (n_samples, n_classes)
    event : collection of int
        Classes that make up the event; empty for none.
    """
    import numpy as np

    if not event:
        return chances.max(axis=1), chances.argmax(axis=1) == truth
    codes = sorted(event)
    return chances[:, codes].sum(axis=1), np.isin(truth, codes)


def by_chance(chance: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the rows from the largest chance to the smallest; of equal chances none comes first.

    Equal chances are in a random order, always the same.
    """
    import numpy as np

    rows = np.random.default_rng(0).permutation(len(chance))
    return rows[np.argsort(-chance[rows], kind="stable")]


def auc(truth: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    """Return the area under the ROC curve, one class versus the rest, on average over the classes.

    Classes of which there is no row, or nothing else, do not count; 0.5 where none does.
    """
    import numpy as np

    found = [area_under(one, happened) for one, happened in _one_versus_rest(truth, probabilities)]
    return float(np.mean(found)) if found else 0.5


def auc_interval(
    truth: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    clusters: NDArray[np.intp] | None = None,
) -> Interval:
    """Return :func:`auc` with its interval.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), "Comparing the areas under two or more correlated
    receiver operating characteristic curves", Biometrics 44(3). Obuchowski (1997), "Nonparametric
    analysis of clustered ROC curve data", Biometrics 53(2).
    """
    parts = [placements(one, happened) for one, happened in _one_versus_rest(truth, probabilities)]
    return _mean_share(parts, truth, clusters) if parts else Interval(0.5, 0.5, 0.5)


def pr_auc_interval(
    truth: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    event: frozenset[int] = frozenset(),
    clusters: NDArray[np.intp] | None = None,
) -> Interval:
    """Return the average precision of a list by the chance of the event, with its interval.

    Where there is no event, it is the average over the classes. The interval takes each row's
    influence, worked out for the weighted average precision.
    """
    import numpy as np

    strata: NDArray[Any] = truth
    pairs = _one_versus_rest(truth, probabilities)
    if event:
        codes = sorted(event)
        strata = happened = np.isin(truth, codes)
        pairs = [(probabilities[:, codes].sum(axis=1), happened)] if happened.any() else []
    parts = [_average_precision(one, happened) for one, happened in pairs]
    return _mean_share(parts, strata, clusters) if parts else Interval(0.0, 0.0, 0.0)


def balanced_accuracy_interval(
    truth: NDArray[np.int64],
    predicted: NDArray[np.int64],
    clusters: NDArray[np.intp] | None = None,
) -> Interval:
    """Return the mean over the classes of the share of their rows that are predicted right."""
    import numpy as np

    parts = []
    for code in np.unique(truth):
        of_class = truth == code
        hit = (predicted == code) & of_class
        recall = float(hit.sum() / of_class.sum())
        parts.append((recall, (hit - recall * of_class) / of_class.sum()))
    return _mean_share(parts, truth, clusters)


def quadratic_kappa_interval(
    truth: NDArray[np.int64],
    predicted: NDArray[np.int64],
    clusters: NDArray[np.intp] | None = None,
) -> Interval:
    """Return Cohen's kappa with squared distances between ordered classes, with its interval.

    It is 1 less the mean squared distance over that of truths and predictions paired at random;
    the interval is that of the logarithm of the quotient.

    References
    ----------
    Cohen (1968), "Weighted kappa", Psychological Bulletin 70(4).
    """
    y, said = truth.astype(float), predicted.astype(float)
    mean_y, mean_said, apart = y.mean(), said.mean(), (y - said) ** 2
    of_row = y**2 + said**2 - 2 * (y * mean_said + said * mean_y)
    by_chance = float(of_row.mean() + 2 * mean_y * mean_said)
    if not by_chance:
        return Interval(0.0, 0.0, 0.0)
    ratio = float(apart.mean()) / by_chance
    influence = (apart - apart.mean() - ratio * (of_row - of_row.mean())) / by_chance / len(y)
    found = interval_of(ratio, influence, clusters, positive=True)
    return Interval(1 - ratio, 1 - found.high, 1 - found.low)


def calibration_error_interval(
    truth: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    clusters: NDArray[np.intp] | None = None,
) -> Interval:
    """Return how far probabilities are from shares, on a root mean square, without what is noise.

    Each class's probabilities are divided into 15 bins of equally many rows (fewer below 150 rows).
    From the squared difference between a bin's mean probability and the share that came true, its
    variance is taken off; the mean over bins and classes is not negative, and its root is taken.
    The interval is that of the mean, as Wilson's is of a share.

    References
    ----------
    Kumar, Liang and Ma (2019), "Verified uncertainty calibration", NeurIPS, for the classes and the
    correction; Bröcker (2012), "Estimating reliability and resolution of probability forecasts
    through decomposition of the empirical score", Climate Dynamics 39.
    """
    import numpy as np
    from scipy.sparse import csr_array

    n, n_classes = probabilities.shape
    n_bins = max(1, min(BINS, n // LEAST_ROWS))
    rows, of_cluster = np.arange(n), clusters_or_rows(clusters, n)
    over = probabilities - (np.arange(n_classes) == truth[:, None])
    bins = np.empty((n, n_classes), dtype=np.intp)
    for code in range(n_classes):
        order = np.argsort(probabilities[:, code], kind="stable")
        bins[order, code] = rows * n_bins // n + code * n_bins
    cells = bins.ravel()
    sizes = np.bincount(cells, minlength=n_bins * n_classes)
    differences = np.bincount(cells, over.ravel(), len(sizes)) / np.maximum(sizes, 1)
    added = (over - differences[bins]) / sizes[bins]
    n_clusters = int(of_cluster.max()) + 1
    if n_clusters < LEAST_CLUSTERS:
        value = math.sqrt(float(sizes @ differences**2) / n / n_classes)
        return Interval(value, value, value)
    where = np.repeat(of_cluster, n_classes), cells
    sums = csr_array((added.ravel(), where), shape=(n_clusters, len(sizes)))
    sums.sum_duplicates()
    present = np.bincount(sums.indices, minlength=len(sizes))
    factor = np.sqrt(present / np.maximum(present - 1, 1))
    covariance = (sums.T @ sums).toarray() * np.outer(factor, factor)
    weights = sizes / n / n_classes
    noise = weights[:, None] * covariance
    square = float(weights @ differences**2 - np.trace(noise))
    # At a true square s the variance is about 4 s * along + 2 * tr(noise²): both ends solve for s.
    pulled = weights * differences
    along = float(pulled @ covariance @ pulled) / (float(weights @ differences**2) or 1.0)
    t = t_value(n_clusters)
    middle = square + 2 * t**2 * along
    reach = math.sqrt(middle**2 - square**2 + 2 * t**2 * float(np.einsum("ij,ji->", noise, noise)))
    ends = (square, min(middle - reach, square), middle + reach)
    return Interval(*(math.sqrt(max(one, 0.0)) for one in ends))


def _one_versus_rest(
    truth: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> list[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """Return the probability of each class and whether it came true; of two classes, of the second.

    Classes that came true always or never are left out.
    """
    n_classes = probabilities.shape[1]
    codes = range(n_classes) if n_classes > 2 else [1]
    pairs = [(probabilities[:, code], truth == code) for code in codes]
    return [(one, happened) for one, happened in pairs if happened.any() and not happened.all()]


def area_under(scores: NDArray[np.float64], happened: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve of scores for what happened."""
    return placements(scores, happened)[0]


def placements(
    scores: NDArray[np.float64], happened: NDArray[np.bool_]
) -> tuple[float, NDArray[np.float64]]:
    """Return the area under the ROC curve, and each row's influence on it.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
    happened : ndarray of bool of shape (n_samples,)
        There are rows of both kinds.
    """
    import numpy as np
    from scipy.stats import rankdata

    n_with = int(happened.sum())
    n_without = len(happened) - n_with
    placed = np.empty(len(scores))  # share of the other rows that a row is on the right side of
    overall = rankdata(scores)
    placed[happened] = (overall[happened] - rankdata(scores[happened])) / n_without
    placed[~happened] = 1 - (overall[~happened] - rankdata(scores[~happened])) / n_with
    area = float(placed[happened].mean())
    return area, (placed - area) / np.where(happened, n_with, n_without)


def _average_precision(
    scores: NDArray[np.float64], happened: NDArray[np.bool_]
) -> tuple[float, NDArray[np.float64]]:
    """Return the average precision, and each row's influence on it."""
    import numpy as np

    levels, of_row = np.unique(-scores, return_inverse=True)
    hits = np.bincount(of_row, happened, len(levels))
    listed = np.cumsum(np.bincount(of_row, minlength=len(levels)))
    precision, n_hits = np.cumsum(hits) / listed, float(hits.sum())
    value = float(hits @ precision) / n_hits
    # A row counts in the precision at its own score and at all lower ones.
    as_hit = np.cumsum((hits / listed)[::-1])[::-1][of_row]
    as_row = np.cumsum((hits * precision / listed)[::-1])[::-1][of_row]
    own = happened * (precision[of_row] - value + as_hit)
    return value, (own - as_row) / n_hits


def _mean_share(
    parts: list[tuple[float, NDArray[np.float64]]],
    strata: NDArray[Any],
    clusters: NDArray[np.intp] | None,
) -> Interval:
    """Return the mean of figures between 0 and 1 with the interval of its log-odds.

    Where few rows of one stratum set the figure, Student's interval has their degrees of freedom.

    Parameters
    ----------
    parts : list of (float, ndarray of shape (n_samples,))
        Figures, and each row's influence on them.
    strata : ndarray of shape (n_samples,)
        Each row's class.

    References
    ----------
    Satterthwaite (1946), "An approximate distribution of estimates of variance components",
    Biometrics Bulletin 2(6).
    """
    import numpy as np

    value = float(np.mean([one for one, _ in parts]))
    influence = np.mean([one for _, one in parts], axis=0)
    error, n_clusters = standard_error(influence, clusters)
    if n_clusters < LEAST_CLUSTERS or not 0 < value < 1 or not error:
        return Interval(value, value, value)
    _, of_row, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    variances = np.bincount(of_row, influence**2)
    freedom = variances.sum() ** 2 / (variances**2 / np.maximum(sizes - 1, 1)).sum()
    t = t_value(min(n_clusters, int(freedom) + 1))
    reach = min(t * error / (value * (1 - value)), 100.0)
    odds = value / (1 - value)
    low, high = odds / math.exp(reach), odds * math.exp(reach)
    return Interval(value, low / (1 + low), high / (1 + high))
