"""Whether some groups' errors differ from the other rows' by more than chance explains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CELLS = 500_000  # of permuted errors that are in memory at once
ALPHA = 0.05  # chance of any group being told apart where no group differs


class Comparisons(NamedTuple):
    """Groups' errors against those of all other rows.

    Attributes
    ----------
    p_values : list of dict of str to float
        Of ``mean_error`` and ``mae`` of each group, adjusted for all comparisons of both figures.
    critical : float
        What the largest statistic exceeds by chance as often as it may, on the scale of a standard
        normal variable.
    noticeable : list of float
        How far each group's mean error must lie from the others' to be told apart, about; empty
        where no errors differ.
    """

    p_values: list[dict[str, float]]
    critical: float
    noticeable: list[float]


def compare_groups(
    errors: NDArray[np.float64],
    groups: Sequence[NDArray[np.intp]],
    n_permutations: int,
    random: np.random.Generator,
    alpha: float = ALPHA,
) -> Comparisons:
    """Compare each group's mean error and the size of its errors with the other rows'.

    The errors are permuted between the rows; a p-value is the share of permutations in which the
    largest of all statistics, over the groups and both figures, reaches the group's own. Each
    statistic is Welch's t, brought to the scale of a normal variable so that groups of any size and
    spread are alike. The size of errors is compared by the roots of their absolute values: those
    are nearly symmetric, so that small groups do not set the standard for all.

    Parameters
    ----------
    errors : ndarray of shape (n_samples,)
        Truth less prediction.
    groups : sequence of ndarray of int
        Rows of each group, which may overlap; at least two rows in it and two outside.
    random : Generator
    alpha : float
        Chance of telling any group apart where none differs.

    References
    ----------
    Westfall and Young (1993), "Resampling-Based Multiple Testing", section 2.3 (single-step maxT).
    Janssen (1997), "Studentized permutation tests for non-i.i.d. hypotheses and the generalized
    Behrens-Fisher problem", Statistics & Probability Letters 36.
    """
    import numpy as np
    from scipy.sparse import csr_array

    if not groups or not np.ptp(errors):
        return Comparisons([{"mean_error": 1.0, "mae": 1.0} for _ in groups], math.inf, [])
    n = len(errors)
    ends = np.cumsum([0, *map(len, groups)])
    members = csr_array((np.ones(ends[-1]), np.concatenate(groups), ends), shape=(len(groups), n))
    observed = _statistics(errors[:, None], members)
    largest = []
    block = max(1, CELLS // n)
    for start in range(0, n_permutations, block):
        copies = np.tile(errors[:, None], min(block, n_permutations - start))
        found = _statistics(random.permuted(copies, axis=0), members)
        largest.append(found.max(axis=(0, 1)))
    reference = np.concatenate(largest)
    reached = (reference >= observed * (1 - 1e-9)).sum(axis=2)
    adjusted = ((1 + reached) / (1 + n_permutations)).T.tolist()
    critical, spread = float(np.quantile(reference, 1 - alpha, method="higher")), errors.std()
    return Comparisons(
        [{"mean_error": mean_error, "mae": mae} for mean_error, mae in adjusted],
        critical,
        [noticeable_difference(critical, len(one), n, float(spread)) for one in groups],
    )


def _statistics(errors: NDArray[np.float64], members: Any) -> NDArray[np.float64]:
    """Return the absolute statistics of mean error and of the errors' size.

    Their shape is (2, n_groups, n_permutations), for errors of shape (n_samples, n_permutations)
    and a sparse array of members of shape (n_groups, n_samples).
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
        Of :class:`Comparisons`.
    n_group, n_samples : int
        Rows of the group, rows in all.
    standard_deviation : float
        Of the errors.
    """
    t = t_from_normal(critical, min(n_group, n_samples - n_group) - 1)
    return t * standard_deviation * math.sqrt(1 / n_group + 1 / (n_samples - n_group))


def t_from_normal(z: float, freedom: float) -> float:
    """Return the inverse of :func:`normal_from_t`."""
    scale = (8 * freedom + 1) / (8 * freedom + 3)
    return math.sqrt(freedom * math.expm1((z / scale) ** 2 / freedom))
