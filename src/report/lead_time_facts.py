"""What a table of lead times is made from: how well is known who needs help, and how early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from src.stats.intervals import Interval

Source = Literal["model", "group", "number"]


@dataclass(frozen=True)
class ListHits:
    """What a list of those with the largest chance of the event holds.

    Attributes
    ----------
    found : Interval
        Students on the list who have the event.
    precision : Interval
        Share of the listed who have the event.
    recall : Interval
        Share of those who have the event who are listed.
    """

    found: Interval
    precision: Interval
    recall: Interval


@dataclass(frozen=True)
class Ranking:
    """One way to rank the held-out students, or to predict them.

    Attributes
    ----------
    source : str
        The model, the average of the student's group, or one number alone.
    detail : str
        Which model, group or number.
    score : Interval or None
        R² of a number, log loss of outcomes; None for what only ranks.
    auc : Interval or None
        None without an event.
    hits : ListHits or None
        None without an event, or where a figure would tell of fewer than ten students.
    ahead : Interval or None
        By how much the model's AUC is above this one's; R², where there is no event.
    more_found : Interval or None
        How many more the model's list holds.
    """

    source: Source
    detail: str
    score: Interval | None = None
    auc: Interval | None = None
    hits: ListHits | None = None
    ahead: Interval | None = None
    more_found: Interval | None = None


@dataclass(frozen=True)
class StageScores:
    """What is known of the held-out students by a stage.

    Attributes
    ----------
    added : tuple of str
        Labels of the columns that become known.
    n_columns : int
        How many are known.
    model : Ranking
    baselines : tuple of Ranking
    gain : Interval or None
        By how much the score is better than at the stage before.
    auc_gain : Interval or None
        By how much the AUC is.
    found_gain : Interval or None
        How many more of those with the event the list holds.
    """

    name: str
    added: tuple[str, ...]
    n_columns: int
    model: Ranking
    baselines: tuple[Ranking, ...]
    gain: Interval | None = None
    auc_gain: Interval | None = None
    found_gain: Interval | None = None


@dataclass(frozen=True)
class Listing:
    """Whom a list shall reach.

    Attributes
    ----------
    event : str
        What those whom it is for have in common.
    n_event : int
        How many of the held-out students have it.
    n_listed : int
        How many places there are for the held-out students.
    asked : bool
        Whether a person said how many.
    """

    event: str
    n_event: int
    n_listed: int
    asked: bool


@dataclass(frozen=True)
class LeadTimeFacts:
    """The scores of all stages, on the same held-out rows.

    Attributes
    ----------
    target : str
        Its label.
    metric : str
        What the score is: ``R²`` or ``log loss``.
    group : str
        The label of the column of groups, such as schools; empty without.
    known_groups : bool
        Whether the held-out students are of groups that the model learnt from.
    n_groups : int or None
        Held-out groups, or pupils where these have several rows.
    skipped : tuple of str
        Stages at which nothing becomes known that is not known before.
    """

    target: str
    metric: str
    n_train: int
    n_test: int
    stages: tuple[StageScores, ...]
    listing: Listing | None = None
    group: str = ""
    known_groups: bool = False
    n_groups: int | None = None
    skipped: tuple[str, ...] = ()
