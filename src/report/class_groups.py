"""What a report on a class target says of groups: whether chances and lists treat them alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from src.report.class_facts import Capacity, ClassScores, told_capacity
from src.report.facts import Facts, FairnessFinding
from src.schema.features import ClassTarget
from src.stats.intervals import Interval
from src.utils import read_typed


@dataclass(frozen=True)
class GroupChances:
    """How chances and a list by them do in one group of held-out students.

    Attributes
    ----------
    label : str
        Such as ``Lunch = standard``: the feature's label first.
    expected : float
        Mean chance of the event; without an event, of the predicted outcome.
    calibration : Interval
        Share in which it came true, less ``expected``.
    listed : Interval or None
        Share who are on the list; None without an event.
    false_alarms : Interval or None
        Of those without the event, the share who are on the list; None where withheld.
    missed : Interval or None
        Of those with the event, the share who are not on it; None where withheld.
    n_event : int or None
        Students with the event; None where withheld, as are both shares.
    p_values : mapping of str to float
        Of ``calibration``, ``false_alarms`` and ``missed`` against all other students, adjusted for
        all comparisons of all three; what was not compared is missing.
    """

    label: str
    n_samples: int
    expected: float
    calibration: Interval
    listed: Interval | None = None
    false_alarms: Interval | None = None
    missed: Interval | None = None
    n_event: int | None = None
    p_values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassGrouping:
    """The groups that a sensitive feature, or two of them crossed, make of the held-out students.

    Attributes
    ----------
    suppressed : tuple of str
        Labels of groups whose figures are withheld, since they would say something of few.
    """

    features: tuple[str, ...]
    groups: tuple[GroupChances, ...]
    suppressed: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClassFairness:
    """How chances and a list by them differ between groups.

    Attributes
    ----------
    groupings : tuple of ClassGrouping
        Single features first, then the pair that was crossed.
    n_listed : int or None
        Students on the list that is looked at: of the lists whose figures are told, the one nearest
        to the number that have the event. None where there is no event, or no such list.
    least_rows : int
        Groups of fewer are suppressed, and as many others as keep them from being worked out.
    """

    groupings: tuple[ClassGrouping, ...]
    findings: tuple[FairnessFinding, ...]
    n_samples: int
    least_rows: int
    n_listed: int | None = None


@dataclass(frozen=True)
class ClassGroupFairness:
    """How groups of students fare where the model knows their school, or the like.

    Attributes
    ----------
    without, with_effect : ClassFairness
        Calibration of the same held-out students' chances, without the school's effect and with it.
    """

    without: ClassFairness
    with_effect: ClassFairness


@dataclass(frozen=True)
class ClassExclusionCost:
    """What it costs to train without the sensitive features; negative where it gains.

    Attributes
    ----------
    left_out, labels : tuple of str
        Names and labels of the features.
    log_loss, brier : Interval
        What is added to each, on the same held-out students.
    """

    left_out: tuple[str, ...]
    labels: tuple[str, ...]
    n_samples: int
    log_loss: Interval
    brier: Interval


@dataclass(frozen=True)
class ClassReportFacts(Facts):
    """Everything that a report on outcomes can show."""

    fairness: ClassFairness | None = None
    exclusion: ClassExclusionCost | None = None
    group_fairness: ClassGroupFairness | None = None

    @property
    def target(self) -> ClassTarget:
        """The outcomes, from the lowest if they have an order."""
        return self.schema.outcomes

    @property
    def scores(self) -> ClassScores:
        """How good the chances are on the held-out rows."""
        found: ClassScores = read_typed(ClassScores, self.metrics["held_out"])
        return found

    @property
    def capacity(self) -> Capacity | None:
        """What lists of the students with the largest chance of the event hold."""
        return told_capacity(self.metrics, self.scores)

    @property
    def gain(self) -> Interval | None:
        """Log loss below that of the training rows' shares, on the same held-out rows.

        None in runs that were saved without.
        """
        found = self.metrics.get("gain")
        return Interval(**found) if found else None

    @property
    def not_given(self) -> Mapping[str, str]:
        """The features that ``exclusion`` names."""
        cost = self.exclusion
        return dict(zip(cost.left_out, cost.labels, strict=True)) if cost else {}

    @property
    def n_suppressed(self) -> int:
        """The groups whose figures are withheld."""
        groupings = self.fairness.groupings if self.fairness else ()
        return sum(len(one.suppressed) for one in groupings)
