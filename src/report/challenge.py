"""What a challenge found, as facts and in words: for the console, the run and the records' page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from src.language import gettext as _
from src.language import mark, ngettext
from src.report.wording import SPACE, number, plain, sensible_decimals
from src.schema.features import ClassTarget
from src.schema.record import Schema
from src.stats.challenge import BETTER, LEAST_CLUSTERS, TOO_FEW, WORSE, Comparison
from src.stats.intervals import Interval
from src.utils import read_typed

GROUPS, PUPILS, ROWS = "groups", "pupils", "rows"  # what counts as one
RMSE, LOG_LOSS = "rmse", "log_loss"
LOG_LOSS_DECIMALS = 3
CHALLENGER, SHADOW = "challenger", "shadow"
_FIGURES = {
    (CHALLENGER, RMSE): mark(
        "On %(of)s that neither had learnt from, the challenger's error (RMSE) is %(other)s, the "
        "champion's %(champion)s: %(change)s."
    ),
    (CHALLENGER, LOG_LOSS): mark(
        "On %(of)s that neither had learnt from, the challenger's log loss is %(other)s, the "
        "champion's %(champion)s: %(change)s."
    ),
    (SHADOW, RMSE): mark(
        "On %(of)s that neither had learnt from, the shadow's error (RMSE) is %(other)s, the "
        "champion's %(champion)s: %(change)s."
    ),
    (SHADOW, LOG_LOSS): mark(
        "On %(of)s that neither had learnt from, the shadow's log loss is %(other)s, the "
        "champion's %(champion)s: %(change)s."
    ),
}
_BETTER = {
    CHALLENGER: mark("The challenger is better, beyond chance."),
    SHADOW: mark("The shadow is better, beyond chance."),
}
_WORSE = {
    CHALLENGER: mark("The challenger is worse, beyond chance."),
    SHADOW: mark("The shadow is worse, beyond chance."),
}
_NOT_SHOWN = {
    CHALLENGER: mark("That does not show that the challenger is better."),
    SHADOW: mark("That does not show that the shadow is better."),
}
_HOW = {
    GROUPS: mark(
        "What was said of a class comes from a challenger that had not seen that class, but others "
        "of the same term: a gain may be of this term alone."
    ),
    PUPILS: mark(
        "What was said of a pupil comes from a challenger that had not seen that pupil, but others "
        "of the same term: a gain may be of this term alone."
    ),
}
_HOW[ROWS] = _HOW[PUPILS]


@dataclass(frozen=True)
class Scale:
    """How the two models' errors are written.

    Attributes
    ----------
    metric : str
        ``rmse`` or ``log_loss``.
    unit : str
    decimals : int
    """

    metric: str
    unit: str
    decimals: int

    @classmethod
    def of(cls, schema: Schema) -> Scale:
        """Return how errors of a target are written."""
        if isinstance(schema.target, ClassTarget):
            return cls(LOG_LOSS, "", LOG_LOSS_DECIMALS)
        return cls(RMSE, plain(schema.target.unit), sensible_decimals(schema.target) + 1)

    def size(self, loss: float) -> str:
        """Return a mean loss as people read it: of squared errors, the root."""
        value = math.sqrt(loss) if self.metric == RMSE else loss
        return f"{number(value, self.decimals)} {self.unit}".strip()

    def saved(self, share: float) -> float:
        """Return the share of the error that is saved, by the share of the mean loss."""
        return 1 - math.sqrt(max(1 - share, 0.0)) if self.metric == RMSE else share


@dataclass(frozen=True)
class ChallengeFacts:
    """Champion and challenger on the newest outcomes.

    Attributes
    ----------
    champion : str
        Its run.
    source : str
        Where the newest outcomes are from.
    clusters : str
        What counts as one: ``groups`` (classes or schools), ``pupils`` or ``rows``.
    period : str
        The newest period, where it was held out whole; else empty.
    n_refused, n_seen : int
        Rows that were not compared: the champion cannot read them; it has learnt from them.
    """

    champion: str
    source: str
    scale: Scale
    clusters: str
    period: str
    n_refused: int
    n_seen: int
    found: Comparison

    @property
    def is_better(self) -> bool:
        """Whether the challenger is, beyond chance."""
        return self.found.verdict == BETTER


def read_challenge(saved: Mapping[str, Any]) -> ChallengeFacts:
    """Return the facts as ``metrics.json`` or an event holds them."""
    found: ChallengeFacts = read_typed(ChallengeFacts, saved, "challenge")
    return found


def sentences(facts: ChallengeFacts) -> list[str]:
    """Return what was found: the figures first, then what they mean."""
    return [
        figures(facts.found, facts.scale, facts.clusters, CHALLENGER),
        meaning(facts.found, facts.clusters, CHALLENGER),
        *_how(facts),
    ]


def figures(found: Comparison, scale: Scale, clusters: str, other: str) -> str:
    """Return both models' errors in one sentence.

    Parameters
    ----------
    other : str
        What the other model is: :data:`CHALLENGER` or :data:`SHADOW`.
    """
    share = scale.saved(found.gain.value)
    percent = f"{number(abs(100 * share), 1)}{SPACE}%"
    change = _("%(percent)s less", percent=percent)
    if share < 0:
        change = _("%(percent)s more", percent=percent)
    return _(
        _FIGURES[other, scale.metric],
        of=_of(found, clusters),
        other=scale.size(found.challenger),
        champion=scale.size(found.champion),
        change=change + _ends(found.gain, scale),
    )


def meaning(found: Comparison, clusters: str, other: str) -> str:
    """Return what the figures show, as far as chance lets one see."""
    if found.verdict == TOO_FEW:
        return _(
            "That is too few to tell: %(counted)s, and at least %(least)s are needed.",
            counted=_counted(found.n_clusters, clusters),
            least=LEAST_CLUSTERS,
        )
    if found.verdict == WORSE:
        return _(_WORSE[other])
    n = math.ceil(1_000 * found.p_value)
    by_chance = ngettext(
        "of 1,000 pairs of equally good models, %(n)s differs so in its favour.",
        "of 1,000 pairs of equally good models, %(n)s differ so in its favour.",
        n,
    )
    said = _BETTER if found.verdict == BETTER else _NOT_SHOWN
    return f"{_(said[other])} {by_chance[:1].upper()}{by_chance[1:]}"


def _how(facts: ChallengeFacts) -> list[str]:
    said = [_(_HOW[facts.clusters])]
    if facts.period:
        newest = plain(facts.period)
        said = [_("The newest period, %(period)s, was kept from the challenger.", period=newest)]
    if facts.clusters != GROUPS:
        said.append(
            _(
                "Nobody said which class a pupil is of: pupils count one by one, as if those of a "
                "class were not alike, so chance may be understated."
            )
        )
    if facts.n_refused:
        said.append(
            ngettext(
                "%(n)s row could not be compared: a model refuses it.",
                "%(n)s rows could not be compared: a model refuses them.",
                facts.n_refused,
            )
        )
    if facts.n_seen:
        said.append(
            ngettext(
                "%(n)s row was left out: the champion learnt from it.",
                "%(n)s rows were left out: the champion learnt from them.",
                facts.n_seen,
            )
        )
    return said


def _of(found: Comparison, clusters: str) -> str:
    of = ngettext("%(n)s outcome", "%(n)s outcomes", found.n_samples)
    if clusters != GROUPS:
        return of
    counted = _counted(found.n_clusters, clusters)
    return _("%(outcomes)s of %(classes)s", outcomes=of, classes=counted)


def _ends(gain: Interval, scale: Scale) -> str:
    if gain.low == gain.high:
        return ""
    low, high = (number(100 * scale.saved(end), 1) for end in (gain.low, gain.high))
    return " " + _("(95 %% interval of what is saved: %(low)s to %(high)s %%)", low=low, high=high)


def _counted(n: int, clusters: str) -> str:
    if clusters == GROUPS:
        return ngettext("%(n)s class", "%(n)s classes", n)
    return ngettext("%(n)s pupil", "%(n)s pupils", n)
