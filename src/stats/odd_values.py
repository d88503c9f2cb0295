"""Numbers that are none: codes for a missing value, and slips of the pen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Numbers that people write for "not there", where the rest of a column never comes near.
_HIGH = (99.0, 999.0, 9999.0, 99999.0, 999999.0, 998.0, 997.0, 98.0, 97.0, 888.0, 9998.0, 88.0, 9.0)
_LOW = (-1.0, -9.0, -99.0, -999.0, -9999.0, -8.0, -7.0, -2.0, -88.0)
MOST_APART = 0.01  # of the rows, or three, that may be slips
FAR = 3.0  # times the range of the rest, from which a number is beyond anything plausible
FAR_IN_LOG = 0.5  # the same of the logarithms, but for the rest's 5 % that are nearest to 0
MOST_ZEROS = 0.2  # of the rows; more zeros are a kind of their own, such as those who never came


class Numbers(NamedTuple):
    """Some numbers of a column, each different one once, in rising order, with their counts."""

    values: NDArray[np.float64]
    counts: NDArray[np.intp]


def counted(values: NDArray[np.float64], counts: NDArray[np.intp] | None = None) -> Numbers:
    """Return a column's numbers in order."""
    import numpy as np

    known = np.isfinite(values)
    weights = np.ones(len(values), np.intp) if counts is None else counts
    different, which = np.unique(values[known], return_inverse=True)
    return Numbers(different, np.bincount(which, weights[known], len(different)).astype(np.intp))


def sentinels(numbers: Numbers) -> list[float]:
    """Return the numbers that look like codes for a missing value.

    Examples
    --------
    >>> import numpy as np
    >>> sentinels(counted(np.array([*range(40, 100), 999.0, 999.0])))
    [999.0]
    """
    import numpy as np

    values, counts = numbers
    if len(values) < 4:
        return []
    whole = bool((values == np.round(values)).mean() > 0.5)
    found: list[float] = []
    inside = np.ones(len(values), dtype=bool)
    for code in (*sorted(_HIGH, reverse=True), *sorted(_LOW), 0.0):
        at = np.flatnonzero(values == code)
        if not len(at) or not inside[at[0]]:
            continue
        rest = values[inside & (values != code)]
        if len(rest) < 3:
            continue
        low, high, n = float(rest[0]), float(rest[-1]), int(counts[at[0]])
        spread = high - low
        beyond = code - high if code > high else low - code
        if beyond <= 0 or not spread:
            continue
        if code == 9 and n < 0.01 * counts.sum():
            odd = False  # a few may well be nine
        elif code > 0:
            odd = beyond > FAR * spread or (beyond > 0.5 * spread and n >= 3)
        elif code < 0:
            odd = low >= 0 and (n >= 2 or beyond > FAR * spread) and (whole or code != -1.0)
        else:
            odd = low > 0 and 3 <= n <= MOST_ZEROS * counts.sum() and beyond > 0.5 * spread
        if odd:
            found.append(code)
            inside[at[0]] = False
    return sorted(found)


def outliers(numbers: Numbers) -> list[float]:
    """Return the few numbers that are beyond anything plausible.

    Examples
    --------
    >>> import numpy as np
    >>> outliers(counted(np.array([*range(40, 100), 7400.0])))
    [7400.0]
    """
    values, counts = numbers
    n = int(counts.sum())
    most = max(3, int(MOST_APART * n))
    if n < 10 or len(values) < 5:
        return []
    found: list[float] = []
    for order in (slice(None), slice(None, None, -1)):
        inward, times = values[order], counts[order]
        n_beyond = 0
        # The first numbers of one end, as long as they are few and the rest lies far away.
        for k in range(len(inward) - 4):
            n_beyond += int(times[k])
            if n_beyond > most:
                break
            rest = inward[k + 1 :]
            spread = abs(float(rest[-1] - rest[0]))
            if spread and abs(float(rest[0] - inward[k])) > FAR * spread:
                if _far_in_log(float(inward[k]), rest, times[k + 1 :]):
                    found += inward[: k + 1].tolist()
                break
    return sorted(set(found))


def _far_in_log(value: float, rest: NDArray[np.float64], counts: NDArray[np.intp]) -> bool:
    """Whether a number is also out of proportion: incomes of a few are far out, and no slips."""
    import numpy as np

    size = np.sort(np.log1p(np.abs(np.repeat(rest, counts))))
    gap = abs(float(np.log1p(abs(value))) - float(size[-1]))
    opposite = value * float(rest[0]) < 0
    return opposite or gap > FAR_IN_LOG * float(size[-1] - size[int(0.05 * len(size))])
