"""Chances in words: so many of 100 students."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from src.language import gettext as _
from src.language import ngettext
from src.report.wording import listed, number, plain


def of_100(chance: float) -> str:
    """Return how many of 100 students a chance makes; what is not quite none or all is not.

    Examples
    --------
    >>> of_100(0.304), of_100(0.004), of_100(0.998), of_100(1.0)
    ('30', 'fewer than 1', 'more than 99', '100')
    """
    if (almost := nearly(chance)) == "none":
        return _("fewer than 1")
    if almost == "all":
        return _("more than 99")
    return number(round(100 * chance))


def nearly(chance: float) -> Literal["none", "all", ""]:
    """Return of which whole chance one is told apart though its rounded figure is the same.

    Examples
    --------
    >>> nearly(0.004), nearly(0.998), nearly(0.3), nearly(1.0)
    ('none', 'all', '', '')
    """
    whole = round(100 * chance)
    if whole == 0 and chance > 0:
        return "none"
    return "all" if whole == 100 and chance < 1 else ""


def on_average(low: float, high: float) -> str:
    """Return between what the share of students with a chance lies; empty where that is one figure.

    Examples
    --------
    >>> on_average(0.2, 0.2), on_average(0.0, 1.0)
    ('', 'How far off that may be is not known.')
    >>> on_average(0.0, 0.31).partition(". ")[0]
    'On average over students with about this estimate, up to 31 of 100 end so'
    """
    if of_100(low) == of_100(high):
        return ""
    least, most = round(100 * low), round(100 * high)
    if least == 0 and most == 100:
        return _("How far off that may be is not known.")
    own = _("That is no range of this student’s own chance.")
    return f"{_share(least, most)} {own}"


def _share(least: int, most: int) -> str:
    if most == 0:
        return _("On average over students with about this estimate, fewer than 1 of 100 ends so.")
    if least == 100:
        return _("On average over students with about this estimate, more than 99 of 100 end so.")
    if least == 0:
        return ngettext(
            "On average over students with about this estimate, at most %(n)s of 100 ends so.",
            "On average over students with about this estimate, up to %(n)s of 100 end so.",
            most,
        )
    if most == 100:
        return _(
            "On average over students with about this estimate, %(n)s or more of 100 end so.",
            n=number(least),
        )
    return _(
        "On average over students with about this estimate, between %(low)s and %(high)s of 100 "
        "end so.",
        low=number(least),
        high=number(most),
    )


def either(outcomes: Iterable[str]) -> str:
    """Return outcomes, one of which comes about.

    Examples
    --------
    >>> either(["Fail"]), either(["Fail", "Withdrawn", "Unknown"])
    ('Fail', 'Fail, Withdrawn or Unknown')
    """
    return listed(map(plain, outcomes), most=20, last="or")
