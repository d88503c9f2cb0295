"""Chances in words: so many of 100 students."""

from __future__ import annotations

from collections.abc import Iterable

from src.language import gettext as _
from src.report.wording import listed, number, plain


def of_100(chance: float) -> str:
    """Return how many of 100 students a chance makes; what is not quite none or all is not.

    Examples
    --------
    >>> of_100(0.304), of_100(0.004), of_100(0.998), of_100(1.0)
    ('30', 'fewer than 1', 'more than 99', '100')
    """
    whole = round(100 * chance)
    if whole == 0 and chance > 0:
        return _("fewer than 1")
    if whole == 100 and chance < 1:
        return _("more than 99")
    return number(whole)


def either(outcomes: Iterable[str]) -> str:
    """Return outcomes, one of which comes about.

    Examples
    --------
    >>> either(["Fail"]), either(["Fail", "Withdrawn", "Unknown"])
    ('Fail', 'Fail, Withdrawn or Unknown')
    """
    return listed(map(plain, outcomes), most=20, last="or")
