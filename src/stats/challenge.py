"""Whether a challenger predicts better than the champion, by what both said of the same rows.

Rows come in clusters: a class's pupils were taught, and examined, together. Where both models are
equally good, which of them is nearer the truth in a cluster is a matter of chance, so the sign of a
cluster's difference is, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.stats.intervals import Interval, clusters_or_rows, r2_drop_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ALPHA = 0.025  # on one side: half of what a 95 % interval leaves out
LEAST_CLUSTERS = 7  # where all of six agree, chance still explains it in 1 of 64 cases
RESAMPLES = 9_999
MANY_CLUSTERS = 100  # from here on, Student's t says the same as exchanged signs
BETTER, WORSE, NOT_SHOWN, TOO_FEW = "better", "worse", "not shown", "too few"


@dataclass(frozen=True)
class Comparison:
    """Champion and challenger on the same rows.

    Attributes
    ----------
    verdict : str
        ``better`` or ``worse``: the challenger is, beyond chance; ``not shown``; or ``too few``
        clusters to tell.
    champion, challenger : float
        The mean loss.
    gain : Interval
        The share of the champion's mean loss that the challenger saves; negative where it loses.
    p_value, p_worse : float
        How often equally good models look as much better, or as much worse, by chance.
    """

    verdict: str
    n_samples: int
    n_clusters: int
    champion: float
    challenger: float
    gain: Interval
    p_value: float
    p_worse: float


def compare(
    champion: NDArray[np.float64],
    challenger: NDArray[np.float64],
    clusters: NDArray[np.intp] | None = None,
    random_state: int = 0,
) -> Comparison:
    """Compare two models by their losses on the same rows.

    The clusters' signs are exchanged: all ways where there are few, else 9,999 drawn ones. The mean
    difference and its t statistic order these alike, since squares of clusters' sums keep no sign.
    Of many clusters, the t statistic is compared with Student's distribution.

    Parameters
    ----------
    champion, challenger : ndarray of shape (n_samples,)
        Losses of outcomes that neither has learnt from: squared errors, or log losses.
    clusters : ndarray of shape (n_samples,), optional

    References
    ----------
    Canay, Romano and Shaikh (2017), "Randomization Tests Under an Approximate Symmetry Assumption",
    Econometrica 85(3).

    Examples
    --------
    >>> import numpy as np
    >>> found = compare(np.full(70, 2.0), np.full(70, 1.0), np.arange(70) // 10)
    >>> found.verdict, found.gain.value, found.p_value
    ('better', 0.5, 0.0078125)
    """
    import numpy as np

    rows = clusters_or_rows(clusters, len(champion))
    sums = np.bincount(rows, champion - challenger)
    gain = r2_drop_interval(challenger, champion, champion, clusters)
    p_better, p_worse = (_sign_p_value(side * sums, random_state) for side in (1.0, -1.0))
    return Comparison(
        verdict=_verdict(len(sums), p_better, p_worse),
        n_samples=len(champion),
        n_clusters=len(sums),
        champion=float(champion.mean()),
        challenger=float(challenger.mean()),
        gain=gain,
        p_value=p_better,
        p_worse=p_worse,
    )


def _verdict(n_clusters: int, p_better: float, p_worse: float) -> str:
    if n_clusters < LEAST_CLUSTERS:
        return TOO_FEW
    if p_better <= ALPHA:
        return BETTER
    return WORSE if p_worse <= ALPHA else NOT_SHOWN


def _sign_p_value(sums: NDArray[np.floating], random_state: int) -> float:
    """Return how often a sum is as large if the signs of its parts are chance."""
    import numpy as np
    from scipy.stats import permutation_test, ttest_1samp

    if not np.ptp(sums):
        return 1.0 if sums[0] <= 0 else 0.5 ** len(sums)
    if len(sums) >= MANY_CLUSTERS:
        return float(ttest_1samp(sums, 0.0, alternative="greater").pvalue)
    found = permutation_test(
        (sums,),
        lambda x, axis: np.sum(x, axis=axis),
        permutation_type="samples",
        n_resamples=RESAMPLES,
        batch=1_000,
        alternative="greater",
        vectorized=True,
        rng=np.random.default_rng(random_state),
    )
    return float(found.pvalue)
