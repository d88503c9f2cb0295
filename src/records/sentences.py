"""What the figures of a report on outcomes say, in the language that is spoken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from src.language import gettext as _
from src.language import ngettext
from src.report.wording import event_label, number, percent, plain
from src.schema.features import ClassTarget, NumericFeature

MISSING_SHARE = 0.1  # from so many missing on, it is said that what is here may flatter
SAID_SHARE = 0.2  # the list that the sentence is about


def too_few(n_known: int, least: int) -> str:
    """Return that there are no figures yet."""
    known = ngettext("The outcome of %(n)s is known.", "Outcomes of %(n)s are known.", n_known)
    figures = _("There are figures from %(least)s on.", least=number(least))
    return f"{known} {figures}"


def of_missing(missing: Mapping[str, Any], n_cases: int) -> str:
    """Return how many have no outcome, and where that may flatter what is here."""
    share, worst = percent(missing["share"]), plain(missing.get("mostly_of", ""))
    if missing["share"] < MISSING_SHARE:
        return ngettext(
            "Of %(all)s predictions %(n)s has no outcome yet.",
            "Of %(all)s predictions %(n)s have no outcome yet.",
            missing["n"],
            all=number(n_cases),
        )
    if worst:
        return _(
            "%(share)s are missing, mostly of %(group)s: what is here may flatter.",
            share=share,
            group=worst,
        )
    return _("%(share)s are missing: what is here may flatter.", share=share)


def of_event(target: NumericFeature | ClassTarget) -> str:
    """Return the heading of how many turned out to be at risk."""
    if isinstance(target, ClassTarget):
        return _("Ended with %(outcomes)s", outcomes=event_label(target))
    return _("Scored below the pass mark")


def of_list(listed: Mapping[str, Any], target: NumericFeature | ClassTarget) -> str:
    """Return what the list of those with the largest chance caught."""
    chosen = min(listed["lists"], key=lambda one: abs(one["share"] - SAID_SHARE))
    said = {
        "k": number(chosen["k"]),
        "hits": number(chosen["hits"]),
        "n": number(listed["n_happened"]),
        "caught": percent(chosen["caught"]),
        "lots": percent(chosen["share"]),
    }
    if isinstance(target, ClassTarget):
        return _(
            "Of the %(k)s with the largest chance, %(hits)s ended with %(outcomes)s. Of all who "
            "did (%(n)s), this list named %(caught)s; drawing lots would have named %(lots)s.",
            outcomes=event_label(target),
            **said,
        )
    return _(
        "Of the %(k)s with the largest chance, %(hits)s scored below the pass mark. Of all who did "
        "(%(n)s), this list named %(caught)s; drawing lots would have named %(lots)s.",
        **said,
    )
