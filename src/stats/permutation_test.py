"""Whether some groups' errors differ from the other rows' by more than chance explains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from src.stats.bootstrap import CELLS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ALPHA = 0.05  # chance of any group being told apart where no group differs


@dataclass(frozen=True)
class Comparison:
    """A group's errors against those of all other rows.

    Attributes
    ----------
    p_values : dict of str to float
        Of ``mean_error`` and ``mae``, adjusted for all comparisons of both figures.
    critical : float
        What the largest statistic of the group's family exceeds by chance as often as it may, on
        the scale of a standard normal variable.
    """

    p_values: dict[str, float]
    critical: float


def compare_groups(
    errors: NDArray[np.float64],
    groups: Sequence[NDArray[np.intp]],
    shares: Sequence[float],
    n_permutations: int,
    random: np.random.Generator,
) -> list[Comparison]:
    """Compare each group's mean error and the size of its errors with the other rows'.

    The errors are permuted between the rows; a p-value is the share of permutations in which the
    largest of all statistics of a family, over its groups and both figures, reaches the group's
    own. Each statistic is Welch's t, brought to the scale of a normal variable so that groups of
    any size and spread are alike. The size of errors is compared by the roots of their absolute
    values: those are nearly symmetric, so that small groups do not set the standard for all.

    Parameters
    ----------
    errors : ndarray of shape (n_samples,)
        Prediction less truth.
    groups : sequence of ndarray of int
        Rows of each group, which may overlap; at least two rows in it and two outside.
    shares : sequence of float
        Which share of :data:`ALPHA` the group's family gets; groups of one share are a family, and
        the families' shares sum to 1 at most.
    n_permutations : int
    random : Generator

    References
    ----------
    Westfall and Young (1993), "Resampling-Based Multiple Testing", section 2.3 (single-step maxT).
    Janssen (1997), "Studentized permutation tests for non-i.i.d. hypotheses and the generalized
    Behrens-Fisher problem", Statistics & Probability Letters 36.
    """
    import numpy as np
    from scipy.sparse import csr_array

    if not groups or not np.ptp(errors):
        return [Comparison({"mean_error": 1.0, "mae": 1.0}, math.inf) for _ in groups]
    n = len(errors)
    ends = np.cumsum([0, *map(len, groups)])
    members = csr_array((np.ones(ends[-1]), np.concatenate(groups), ends), shape=(len(groups), n))
    families = {share: np.flatnonzero(np.equal(shares, share)) for share in sorted(set(shares))}

    observed = _statistics(errors[:, None], members)[..., 0].T
    largest: dict[float, list[NDArray[np.float64]]] = {share: [] for share in families}
    block = max(1, CELLS // n)
    for start in range(0, n_permutations, block):
        copies = np.tile(errors[:, None], min(block, n_permutations - start))
        found = _statistics(random.permuted(copies, axis=0), members)
        for share, family in families.items():
            largest[share].append(found[:, family].max(axis=(0, 1)))
    comparisons = []
    for share, statistics in zip(shares, observed, strict=True):
        reference = np.concatenate(largest[share])
        critical = float(np.quantile(reference, 1 - ALPHA * share, method="higher"))
        reached = (reference[:, None] >= statistics * (1 - 1e-9)).sum(axis=0)
        adjusted = np.minimum((1 + reached) / (1 + n_permutations) / share, 1).tolist()
        p_values = dict(zip(("mean_error", "mae"), adjusted, strict=True))
        comparisons.append(Comparison(p_values, critical))
    return comparisons


def _statistics(errors: NDArray[np.float64], members: Any) -> NDArray[np.float64]:
    """Return the absolute statistics of mean error and of the errors' size.

    Parameters
    ----------
    errors : ndarray of shape (n_samples, n_permutations)
    members : sparse array of shape (n_groups, n_samples)

    Returns
    -------
    ndarray of shape (2, n_groups, n_permutations)
    """
    import numpy as np

    n = len(errors)
    size = members.sum(axis=1)[:, None]
    rest = n - size
    found = []
    for values in (errors, np.sqrt(np.abs(errors))):
        spread = max(float(values[:, 0].std()), np.finfo(float).tiny)
        values = (values - values[:, 0].mean()) / spread
        sums, squares = members @ values, members @ values**2
        mean, other_mean = sums / size, -sums / rest  # the sum of all is 0, that of squares n
        variance = np.maximum((squares - sums * mean) / (size - 1), 1e-9) / size
        other = np.maximum((n - squares + sums * other_mean) / (rest - 1), 1e-9) / rest
        freedom = (variance + other) ** 2 / (variance**2 / (size - 1) + other**2 / (rest - 1))
        found.append(normal_from_t((mean - other_mean) / np.sqrt(variance + other), freedom))
    return np.abs(found)


def normal_from_t(t: NDArray[np.float64], freedom: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the normal variable that is about as unlikely as Student's t.

    References
    ----------
    Wallace (1959), "Bounds on normal approximations to Student's and the chi-square
    distributions", Annals of Mathematical Statistics 30(4).
    """
    import numpy as np

    scale = (8 * freedom + 1) / (8 * freedom + 3)
    return np.sign(t) * scale * np.sqrt(freedom * np.log1p(t**2 / freedom))


def noticeable_difference(
    critical: float, n_group: int, n_samples: int, standard_deviation: float
) -> float:
    """Return how far a group's mean error must lie from the others' to be told apart, about.

    Parameters
    ----------
    critical : float
        Of :class:`Comparison`.
    n_group, n_samples : int
        Rows of the group, rows in all.
    standard_deviation : float
        Of the errors.
    """
    freedom = min(n_group, n_samples - n_group) - 1
    scale = (8 * freedom + 1) / (8 * freedom + 3)
    t = math.sqrt(freedom * math.expm1((critical / scale) ** 2 / freedom))
    return t * standard_deviation * math.sqrt(1 / n_group + 1 / (n_samples - n_group))
