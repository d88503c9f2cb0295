"""Terms: the parts of a school year within which a pupil has one outcome."""

from __future__ import annotations

from bisect import bisect_right


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
