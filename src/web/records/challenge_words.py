"""What the records' page says of challengers and of the shadow: when to train again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from src.records.challenges import KeptChallenge
from src.report.challenge import Scale, figures, meaning, read_challenge, sentences
from src.stats.challenge import Comparison
from src.utils import read_typed

DECIDED = {
    "promoted": "The challenger was promoted: run {run} answers since then.",
    "kept": "The champion stayed. The challenger, run {run}, is kept.",
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
    decided = DECIDED[details["decision"]].format(run=details["run"])
    day = f"Compared on {at.day} {at:%B %Y}."
    return (decided, *sentences(read_challenge(details["facts"])), day)


def _shadow(shadow: Mapping[str, Any] | None) -> tuple[str, ...]:
    if shadow is None:
        return ()
    beside = f"Run {shadow['run']} predicted beside the model that answered; nobody was shown it."
    if shadow["found"] is None:
        known = f"Outcomes of {shadow['n']} of its pupils are known; there are figures from 10 on."
        return (beside, known)
    found: Comparison = read_typed(Comparison, shadow["found"])
    scale: Scale = read_typed(Scale, shadow["scale"])
    kind = shadow["clusters"]
    return (
        beside,
        figures(found, scale, kind, "shadow"),
        meaning(found, kind, "shadow"),
        "Who looks often sees a difference by chance some day: let a challenge decide.",
    )
