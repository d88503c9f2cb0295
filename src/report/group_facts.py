"""What is known of groups, such as schools, and of a model in them: a part of metrics.json."""

from __future__ import annotations

from dataclasses import dataclass

from src.stats.intervals import Interval

NEW, KNOWN = "new", "known"


@dataclass(frozen=True)
class RangeShare:
    """How many rows lie in their 90 % range, with the 95 % interval of that share."""

    value: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class GroupScore:
    """How well the model does in groups of one kind.

    Attributes
    ----------
    case : str
        ``new``: groups that it never saw; ``known``: new members of groups that it knows.
    held_out : bool
        Whether these are held-out rows; else the search's, each predicted by a model that did not
        learn from it.
    n_samples, n_groups : int
    scores : dict of str to Interval
        By metric.
    share_in_range : RangeShare or None
        Of held-out rows.
    """

    case: str
    held_out: bool
    n_samples: int
    n_groups: int
    scores: dict[str, Interval]
    share_in_range: RangeShare | None = None


@dataclass(frozen=True)
class GroupEffect:
    """What a group adds to the prediction, with an interval of 95 %.

    Attributes
    ----------
    n_members : int
        Of a group without a name, its first digit.
    name : str
        Empty unless the hints allow it to be published.
    """

    effect: float
    low: float
    high: float
    n_members: int
    name: str = ""


@dataclass(frozen=True)
class GroupsFacts:
    """The groups that a model knows.

    Attributes
    ----------
    column : str
    first : str
        The case that the choice was made for, and whose score comes first.
    scores : tuple of GroupScore
        That one first.
    n_groups : int
        All groups of the table, and those of at least ten members, which have an effect.
    between, within : float
        Standard deviations of the effects, and of members around their group's.
    effects : tuple of GroupEffect
        From the lowest to the highest.
    learns_less : bool
        Stands in runs whose model learnt the target less the effects; no model does any more.
    """

    column: str
    first: str
    scores: tuple[GroupScore, ...]
    n_groups: int
    n_with_effect: int
    between: float
    within: float
    effects: tuple[GroupEffect, ...]
    learns_less: bool = False
