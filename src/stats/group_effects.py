"""What is known of a group beyond its members' features: shrunken means of residuals.

Numbers in, numbers out. A group's effect is the mean of its members' residuals, shrunken towards
0 by how little it is known: empirical Bayes, with the variances between and within groups.

References
----------
Morris (1983), "Parametric Empirical Bayes Inference: Theory and Applications", JASA 78(381).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from src.stats.one_way import OneWay

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_MEMBERS = 10  # of a group, for it to have an effect
FOLDS = 5  # of the members of a group


@dataclass(frozen=True)
class Members:
    """The members of groups, a member being a pupil with one row or more.

    Attributes
    ----------
    group : ndarray of int of shape (n_members,)
        Codes from 0 to ``n_groups - 1``.
    of_row : ndarray of int of shape (n_rows,)
        The number of each row's member.
    n_groups : int
    """

    group: NDArray[np.intp]
    of_row: NDArray[np.intp]
    n_groups: int

    @classmethod
    def of(
        cls, codes: NDArray[np.intp], n_groups: int, people: NDArray[np.intp] | None = None
    ) -> Self:
        """Return the members of rows.

        Parameters
        ----------
        codes : ndarray of int of shape (n_rows,)
            Of the rows' groups; -1 where a row is in none.
        n_groups : int
        people : ndarray of int of shape (n_rows,), optional
            Whose row it is; default: each row is another pupil's.
        """
        import numpy as np

        if people is None:
            return cls(codes, np.arange(len(codes)), n_groups)
        pairs, of_row = np.unique(np.column_stack([codes, people]), axis=0, return_inverse=True)
        return cls(pairs[:, 0], of_row.ravel(), n_groups)

    def mean(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean over each member's rows."""
        import numpy as np

        n_members = len(self.group)
        total = np.bincount(self.of_row, numbers, minlength=n_members)
        return total / np.bincount(self.of_row, minlength=n_members)

    def sums(self, numbers: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return the sum over each group's members; how many there are without numbers."""
        import numpy as np

        known = self.group >= 0
        weights = None if numbers is None else numbers[known]
        return np.bincount(self.group[known], weights, minlength=self.n_groups).astype(float)


@dataclass(frozen=True)
class GroupMeans:
    """The effects of groups.

    Attributes
    ----------
    effect : ndarray of shape (n_groups,)
        In the unit of the residuals; 0 for a group of fewer than ten members.
    error : ndarray of shape (n_groups,)
        Standard deviation of the true effect around it.
    n_members : ndarray of int of shape (n_groups,)
    between, within : float
        Variances of the effects, and of members around their group's, by groups that have one.
    average : float
        Variance of what the model takes for an average group, which is an estimate as well.
    """

    effect: NDArray[np.float64]
    error: NDArray[np.float64]
    n_members: NDArray[np.intp]
    between: float
    within: float
    average: float

    @classmethod
    def of(
        cls,
        n: NDArray[np.float64],
        effect: NDArray[np.float64],
        error: NDArray[np.float64],
        variances: tuple[float, float],
        of_one: float,
    ) -> Self:
        """Return the effects, none of a group of fewer than ten members.

        Parameters
        ----------
        n, effect, error : ndarray of shape (n_groups,)
            Members, and what they tell whatever their number.
        variances : (float, float)
            Between and within groups.
        of_one : float
            Variance of what one member tells of the average group.
        """
        import numpy as np

        between, within = variances
        large = n >= LEAST_MEMBERS
        return cls(
            np.where(large, effect, 0.0),
            np.where(large, error, np.sqrt(between)),
            n.astype(np.intp),
            between,
            within,
            error_of_average(n, between, of_one),
        )

    def error_of(self, group: int, n_told: int) -> float:
        """Return the error of an effect, as if so many members had told of it.

        It is that around a group that the model takes for average, and that of this average.
        """
        error = float(self.error[group])
        if not error:
            return 0.0
        of_one = (1 / error**2 - 1 / self.between) / float(self.n_members[group])
        left = 1 / (1 / self.between + n_told * of_one)
        return float((left + (1 - left / self.between) ** 2 * self.average) ** 0.5)

    @property
    def share(self) -> float:
        """The share of the variance that lies between groups: the intraclass correlation."""
        whole = self.between + self.within
        return self.between / whole if whole else 0.0


def group_means(residuals: NDArray[np.float64], members: Members) -> GroupMeans:
    """Return the shrunken means.

    Parameters
    ----------
    residuals : ndarray of shape (n_rows,)
        Truth less prediction, of a model that did not learn from the group.
    members : Members
    """
    import numpy as np

    means = members.mean(residuals)
    n, total = members.sums(), members.sums(means)
    between, within = variances(means, members)
    shrunken = _shrunken(n, total, between, within)
    error = np.sqrt(between * within / np.where(n * between + within > 0, n * between + within, 1))
    return GroupMeans.of(n, shrunken, error, (between, within), within)


def about(n: int) -> int:
    """Return a number of members of which only the first digit is told.

    Examples
    --------
    >>> about(14), about(87), about(198)
    (10, 90, 200)
    """
    return round(n, 1 - len(str(n)))


def error_of_average(n: NDArray[np.float64], between: float, within: float) -> float:
    """Return the variance of the average group, as four fifths of all groups tell it.

    Parameters
    ----------
    n : ndarray of shape (n_groups,)
        Members, as far as they count for the average.
    """
    whole = n.sum()
    if not whole:
        return 0.0
    rest = (FOLDS - 1) / FOLDS
    return float((between * (n**2).sum() / whole**2 + within / whole) / rest)


def effects_of_others(
    residuals: NDArray[np.float64], members: Members, random_state: int
) -> NDArray[np.float64]:
    """Return for each row the effect that other members of its group tell.

    Members are dealt to folds inside their group; what a fold's get comes from the other folds. So
    it is what a new member of a group that is known would get, from a fifth fewer members.

    Returns
    -------
    ndarray of shape (n_rows,)
        0 for a row of a group of fewer than ten members, and of none.
    """
    import numpy as np

    means = members.mean(residuals)
    between, within = variances(means, members)
    n, total = members.sums(), members.sums(means)
    fold = folds_in_groups(members, random_state)
    effect = np.zeros(len(means))
    for k in range(FOLDS):
        held = Members(np.where(fold == k, members.group, -1), members.of_row, members.n_groups)
        rest, rest_total = n - held.sums(), total - held.sums(means)
        found = np.where(n >= LEAST_MEMBERS, _shrunken(rest, rest_total, between, within), 0.0)
        effect[fold == k] = found[members.group[fold == k]]
    effect[members.group < 0] = 0.0
    return effect[members.of_row]


def folds_in_groups(members: Members, random_state: int) -> NDArray[np.intp]:
    """Deal members to folds inside their group; return each member's."""
    import numpy as np

    order = np.random.default_rng(random_state).permutation(len(members.group))
    order = order[np.argsort(members.group[order], kind="stable")]
    fold = np.empty(len(order), dtype=np.intp)
    fold[order] = np.arange(len(order)) % FOLDS
    return fold


def variances(means: NDArray[np.float64], members: Members) -> tuple[float, float]:
    """Return the variances between groups and of members inside them, 0 where there is none.

    They are those of groups that have an effect: with the figures of these, they would otherwise
    tell the mean of a lone group that is too small for one.
    """
    import numpy as np

    large = np.flatnonzero(members.sums() >= LEAST_MEMBERS)
    known = np.isin(members.group, large)
    if len(large) < 2:
        return 0.0, float(means[known].var()) if len(large) else 0.0
    found = OneWay.of(means[known], np.unique(members.group[known], return_inverse=True)[1])
    return found.variance, found.within


def _shrunken(
    n: NDArray[np.float64], total: NDArray[np.float64], between: float, within: float
) -> NDArray[np.float64]:
    import numpy as np

    below = n * between + within
    return between * total / np.where(below > 0, below, 1.0)
