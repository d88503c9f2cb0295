"""Where, in the units that people enter, a fitted pipeline's comparisons turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from src.compiler.columns import NumericColumn
from src.compiler.estimators import Comparison
from src.schema.features import LARGEST_NUMBER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def exact_cuts(
    column: NumericColumn, thresholds: NDArray[np.float64], comparison: Comparison
) -> NDArray[np.float64]:
    """Return the largest number that still goes left, for each threshold.

    Scores are whole numbers and thresholds lie half-way, so scaled values fall on thresholds all
    the time and the last bit decides. Scaling, rounding and comparing never change their order, so
    the number at which the answer changes is found by bisection over all floats.

    Parameters
    ----------
    column : NumericColumn
    thresholds : ndarray of shape (n,)
        Of the scaled column.

    Returns
    -------
    ndarray of shape (n,)
        ``inf`` where everything that a record can hold goes left, ``-inf`` where all goes right.
    """
    import numpy as np

    def goes_right(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
        return comparison.goes_right(column.transform(numbers), thresholds)

    low, high = np.full(len(thresholds), -LARGEST_NUMBER), np.full(len(thresholds), LARGEST_NUMBER)
    never, always = ~goes_right(high), goes_right(low)
    left, right = _ranks(low), _ranks(high)
    for _ in range(64):
        middle = (left >> 1) + (right >> 1) + (left & right & 1)
        above = goes_right(_numbers(middle))
        right = np.where(above, middle, right)
        left = np.where(above, left, middle)
    return np.where(never, np.inf, np.where(always, -np.inf, _numbers(left)))


def _ranks(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return integers in the order of the floats, neighbours one apart."""
    import numpy as np

    bits = numbers.view(np.int64)
    return np.where(bits >= 0, bits, np.iinfo(np.int64).min - bits)


def _numbers(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the floats of :func:`_ranks`."""
    import numpy as np

    return np.where(ranks >= 0, ranks, np.iinfo(np.int64).min - ranks).view(np.float64)
