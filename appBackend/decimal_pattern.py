"""Regular expressions for the decimal numbers between two bounds.

JSON Schema bounds numbers but not the texts that stand for them, and the API takes both.
"""

from __future__ import annotations

import math

MOST_DIGITS = 15  # before the point, where a bound is missing or beyond


def decimal_pattern(minimum: float | None, maximum: float | None) -> str | None:
    r"""Return a pattern for plain decimals in a range; None where the range holds no integer.

    Every text that it matches spells a number within the bounds. The rarest spellings, such as
    those with an exponent, are left out.

    Examples
    --------
    >>> decimal_pattern(0, 100)
    '^(0*(?:[0-9]|[1-9][0-9])(?:\\.[0-9]*)?|0*100(?:\\.0*)?)$'
    """
    most = 10.0**MOST_DIGITS - 1
    low = -most if minimum is None else max(minimum, -most)
    high = most if maximum is None else min(maximum, most)
    ways = _side(max(low, 0.0), high) if high >= 0 else []
    if low < 0:
        ways += [f"-{way}" for way in _side(max(-high, 0.0), -low)]
    return f"^({'|'.join(ways)})$" if ways else None


def _side(low: float, high: float) -> list[str]:
    first, last = math.ceil(low), math.floor(high)
    if first > last:
        return []
    ways = [rf"0*(?:{_integers(first, last - 1)})(?:\.[0-9]*)?"] if first < last else []
    return [*ways, rf"0*{last}(?:\.0*)?"]


def _integers(first: int, last: int) -> str:
    """Return alternatives for the integers of a range, none of them negative."""
    ways = []
    for n_digits in range(len(str(first)), len(str(last)) + 1):
        low = max(first, 10 ** (n_digits - 1) if n_digits > 1 else 0)
        high = min(last, 10**n_digits - 1)
        ways += _of_one_length(str(low), str(high))
    return "|".join(ways)


def _of_one_length(low: str, high: str) -> list[str]:
    n = len(low)
    if low == high:
        return [low]
    if set(low[1:]) <= {"0"} and set(high[1:]) <= {"9"}:
        return [_digit(low[0], high[0]) + _any(n - 1)]
    if low[0] == high[0]:
        return [low[0] + way for way in _of_one_length(low[1:], high[1:])]
    ways = [low[0] + way for way in _of_one_length(low[1:], "9" * (n - 1))]
    if int(high[0]) - int(low[0]) > 1:
        between = _digit(str(int(low[0]) + 1), str(int(high[0]) - 1))
        ways.append(between + _any(n - 1))
    return ways + [high[0] + way for way in _of_one_length("0" * (n - 1), high[1:])]


def _digit(low: str, high: str) -> str:
    return low if low == high else f"[{low}-{high}]"


def _any(n_digits: int) -> str:
    if n_digits < 2:
        return "[0-9]" * n_digits
    return f"[0-9]{{{n_digits}}}"
