"""Terms: the parts of a school year within which a pupil has one outcome."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date


class Terms:
    """The terms of a school.

    Parameters
    ----------
    first_days : str
        Month and day on which each begins, every year, separated by commas.

    Examples
    --------
    >>> terms = Terms("02-01, 08-01")
    >>> terms.of("2026-11-29"), terms.of("2027-01-31"), terms.of("2027-02-01")
    ('2026-08-01', '2026-08-01', '2027-02-01')
    """

    def __init__(self, first_days: str) -> None:
        self._first_days = sorted(part.strip() for part in first_days.split(","))

    def of(self, day: str) -> str:
        """Return the first day of the term in which a day lies; both as ISO 8601."""
        year, month_and_day = day[:4], day[5:]
        place = bisect_right(self._first_days, month_and_day)
        if place == 0:
            return f"{int(year) - 1:04d}-{self._first_days[-1]}"
        return f"{year}-{self._first_days[place - 1]}"

    @property
    def n_a_year(self) -> int:
        """How many terms a school year has."""
        return len(self._first_days)

    def passed(self, day: str) -> float:
        """Return which share of its term has passed at the end of a day.

        Examples
        --------
        >>> round(Terms("02-01, 08-01").passed("2026-10-31"), 2)
        0.5
        """
        first = self.of(day)
        place = self._first_days.index(first[5:]) + 1
        following = self._first_days[place % len(self._first_days)]
        year = int(first[:4]) + (place == len(self._first_days))
        length = _n_days(f"{year:04d}-{following}") - _n_days(first)
        return (_n_days(day) - _n_days(first) + 1) / length


def _n_days(day: str) -> int:
    return date.fromisoformat(day).toordinal()
