"""The analysis of variance of groups of unequal size: how alike members of one group are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class OneWay(NamedTuple):
    """What an analysis of variance of at least two groups, one of two members or more, finds.

    Attributes
    ----------
    between, within : float
        Mean squares.
    usual_size : float
        What stands for the size of a group where sizes differ.

    References
    ----------
    Searle, Casella and McCulloch (1992), *Variance Components*, section 3.6.
    """

    between: float
    within: float
    usual_size: float

    @classmethod
    def of(cls, values: NDArray[np.float64], codes: NDArray[np.integer]) -> OneWay:
        """Analyse values by group.

        Parameters
        ----------
        values : ndarray of shape (n_members,)
        codes : ndarray of int of shape (n_members,)
            Each from 0 to the largest is there.
        """
        import numpy as np

        sizes = np.bincount(codes)
        n, k = len(values), len(sizes)
        means = np.bincount(codes, values) / sizes
        between = float((sizes * (means - values.mean()) ** 2).sum()) / (k - 1)
        within = float(((values - means[codes]) ** 2).sum()) / (n - k)
        return cls(between, within, (n - float((sizes**2).sum()) / n) / (k - 1))

    @property
    def variance(self) -> float:
        """The variance between the groups' true means; 0 where chance explains all of it."""
        return max((self.between - self.within) / self.usual_size, 0.0)
