"""What the records' page says of challengers and of the shadow: when to train again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from src.language import ENGLISH, current, mark
from src.language import gettext as _
from src.records.challenges import KeptChallenge
from src.records.sentences import too_few
from src.report.challenge import SHADOW, Scale, figures, meaning, read_challenge, sentences
from src.stats.challenge import Comparison
from src.stats.disclosure import LEAST_ROWS
from src.utils import read_typed

DECIDED = {
    "promoted": mark("The challenger was promoted: run %(run)s answers since then."),
    "kept": mark("The champion stayed. The challenger, run %(run)s, is kept."),
}


class ChallengeView(NamedTuple):
    """Sentences, the heading of each group first.

    Attributes
    ----------
    challenge, shadow : tuple of str
        Empty where there was none.
    """

    challenge: tuple[str, ...]
    shadow: tuple[str, ...]


def describe_challenge(
    content: Mapping[str, Any] | None, kept: KeptChallenge | None
) -> ChallengeView:
    """Return what is said of the last challenge, and of the shadow in the stored report."""
    return ChallengeView(_challenge(kept), _shadow((content or {}).get("shadow")))


def _challenge(kept: KeptChallenge | None) -> tuple[str, ...]:
    if kept is None:
        return ()
    details, at = kept.details, datetime.fromtimestamp(kept.at_ms / 1000, UTC)
    decided = _(DECIDED[details["decision"]], run=details["run"])
    day = _("Compared on %(day)s.", day=_day(at))
    return (decided, *sentences(read_challenge(details["facts"])), day)


def _day(at: datetime) -> str:
    if current() == ENGLISH:
        return f"{at.day} {at:%B %Y}"
    from babel.dates import format_date

    return str(format_date(at.date(), "d MMMM yyyy", locale=current()))


def _shadow(shadow: Mapping[str, Any] | None) -> tuple[str, ...]:
    if shadow is None:
        return ()
    beside = _(
        "Run %(run)s predicted beside the model that answered; nobody was shown it.",
        run=shadow["run"],
    )
    if shadow["found"] is None:
        return (beside, too_few(shadow["n"], LEAST_ROWS))
    found: Comparison = read_typed(Comparison, shadow["found"])
    scale: Scale = read_typed(Scale, shadow["scale"])
    kind = shadow["clusters"]
    return (
        beside,
        figures(found, scale, kind, SHADOW),
        meaning(found, kind, SHADOW),
        _("Who looks often sees a difference by chance some day: let a challenge decide."),
    )
