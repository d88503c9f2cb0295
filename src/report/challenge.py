"""What a challenge found, as facts and in words: for the console, the run and the records' page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from src.report.wording import SPACE, count, number, plain, plural, sensible_decimals
from src.schema.features import ClassTarget
from src.schema.record import Schema
from src.stats.challenge import BETTER, LEAST_CLUSTERS, NOT_SHOWN, TOO_FEW, WORSE, Comparison
from src.stats.intervals import Interval
from src.utils import read_typed

GROUPS, PUPILS, ROWS = "groups", "pupils", "rows"  # what counts as one
_ONE = {GROUPS: "class", PUPILS: "pupil", ROWS: "row"}
RMSE, LOG_LOSS = "rmse", "log_loss"
LOG_LOSS_DECIMALS = 3


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
        figures(facts.found, facts.scale, facts.clusters, "challenger"),
        meaning(facts.found, facts.clusters, "challenger"),
        *_how(facts),
    ]


def figures(found: Comparison, scale: Scale, clusters: str, name: str) -> str:
    """Return both models' errors in one sentence.

    Parameters
    ----------
    name : str
        What the other model is called: the challenger, or the shadow.
    """
    of = count(found.n_samples, "outcome")
    if clusters == GROUPS:
        of += f" of {_counted(found.n_clusters, clusters)}"
    what = "error (RMSE)" if scale.metric == RMSE else "log loss"
    share = scale.saved(found.gain.value)
    change = f"{_per_cent(abs(share))} {'smaller' if share >= 0 else 'larger'}"
    return (
        f"On {of} that neither had learnt from, the {name}'s {what} is "
        f"{scale.size(found.challenger)}, the champion's {scale.size(found.champion)}: {change}"
        f"{_ends(found.gain, scale)}."
    )


def meaning(found: Comparison, clusters: str, name: str) -> str:
    """Return what the figures show, as far as chance lets one see."""
    n_by_chance = _in_thousand(found.p_value)
    by_chance = f"of 1,000 pairs of equally good models, {n_by_chance} differ so in its favour"
    said = {
        BETTER: f"The {name} is better, beyond chance: {by_chance}.",
        WORSE: f"The {name} is worse, beyond chance.",
        NOT_SHOWN: f"That does not show that the {name} is better: {by_chance}.",
        TOO_FEW: f"That is too few to tell: {_counted(found.n_clusters, clusters)}, and at least "
        f"{LEAST_CLUSTERS} are needed.",
    }
    return said[found.verdict]


def _how(facts: ChallengeFacts) -> list[str]:
    if facts.period:
        how = f"The newest period, {plain(facts.period)}, was kept from the challenger."
    else:
        one = _ONE[facts.clusters]
        how = (
            f"What was said of a {one} comes from a challenger that had not seen that {one}, but "
            "others of the same term: a gain may be of this term alone."
        )
    said = [how]
    if facts.clusters != GROUPS:
        said.append(
            "Nobody said which class a pupil is of: pupils count one by one, as if classes were "
            "not alike, so chance may be understated."
        )
    if facts.n_refused:
        said.append(f"{count(facts.n_refused, 'row')} could not be compared: a model refuses them.")
    if facts.n_seen:
        said.append(f"{count(facts.n_seen, 'row')} were left out: the champion learnt from them.")
    return said


def _ends(gain: Interval, scale: Scale) -> str:
    if gain.low == gain.high:
        return ""
    low, high = (100 * scale.saved(end) for end in (gain.low, gain.high))
    shown = [number(end, 1) for end in (low, high)]
    return f" (95{SPACE}% interval of what is saved: {shown[0]} to {shown[1]}{SPACE}%)"


def _counted(n: int, clusters: str) -> str:
    one = _ONE[clusters]
    return f"{n:,} {one if n == 1 else plural(one)}"


def _per_cent(share: float) -> str:
    return f"{number(100 * share, 1)}{SPACE}%"


def _in_thousand(p_value: float) -> str:
    n = round(1_000 * p_value)
    return "fewer than 1" if n == 0 else str(n)
