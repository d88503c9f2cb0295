"""Numbers that belong to groups, such as the size of a school: how many there really are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from src.search.folds import StackedFolds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from src.search.candidates import Expansion

GROUPS_A_COLUMN = 10  # that a model makes of the groups' numbers
LEAST_WITHIN = 0.01  # of a number's variance, for it to be the members' own


def bendable(numbers: Sequence[int], folds: StackedFolds, expansion: Expansion) -> list[int]:
    """Return which of the first columns may be expanded.

    A number that is the same for all members of a group has as many independent values as there
    are groups, however many rows; a curve through 40 schools goes anywhere beside them. Such
    numbers are expanded only where there are ten groups for each column that is made of them.

    References
    ----------
    Harrell (2015), "Regression Modeling Strategies", 2nd edition, section 4.4: ten to twenty
    independent observations for each parameter.
    """
    of_groups = _of_groups(numbers, folds)
    if not of_groups:
        return [*numbers]
    codes = folds.clusters
    n_groups = 0 if codes is None else int(codes.max()) + 1
    if n_groups >= GROUPS_A_COLUMN * expansion.n_columns(len(of_groups)):
        return [*numbers]
    return [j for j in numbers if j not in of_groups]


def _of_groups(numbers: Sequence[int], folds: StackedFolds) -> set[int]:
    """Return the columns that hardly differ inside a group of two rows and more, on average."""
    import numpy as np

    codes = folds.clusters
    if codes is None or 2 * (codes.max() + 1) > len(codes):
        return set()
    X, counts = folds.of_tested(folds.X[: folds.n_rows]), np.bincount(codes)

    def is_of_groups(column: NDArray[np.float64]) -> bool:
        of_row = column - column.mean()
        means = np.bincount(codes, of_row) / counts
        within = float(((of_row - means[codes]) ** 2).mean())
        return within < LEAST_WITHIN * float((of_row**2).mean())

    if is_of_groups(folds.truth):  # copies of a row, which are kept together
        return set()
    return {j for j in numbers if is_of_groups(X[:, j])}
