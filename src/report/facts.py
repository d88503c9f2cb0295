"""What a report is made from: plain values, each part but the schema and the metrics optional."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from src.artifact_store import RunManifest
from src.report.group_facts import GroupsFacts
from src.schema.findings import Finding
from src.schema.record import Schema
from src.stats.intervals import Interval
from src.stats.reliability import ReliabilityBin
from src.utils import read_typed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class NumericSummary:
    """A numeric feature's values; all None where every value is missing."""

    name: str
    n_missing: int
    mean: float | None
    standard_deviation: float | None
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True)
class CategoricalSummary:
    """How many students are in each category, in the order to show them."""

    name: str
    n_missing: int
    counts: Mapping[str, int]


@dataclass(frozen=True)
class RefusedRows:
    """Rows that break one rule. Their values are not kept.

    Attributes
    ----------
    field : str or None
        The column; None where the row as a whole is at fault.
    rule : str
        What a value must be, as in "must be …".
    """

    field: str | None
    rule: str
    n_rows: int


@dataclass(frozen=True)
class DataSummary:
    """The rows that training used, and what was wrong with the others.

    Attributes
    ----------
    edges : tuple of float
        Edges of the bins of the target's histogram, one more than ``counts``; none of outcomes, or
        where there are fewer than ten rows.
    """

    n_rows: int
    features: tuple[NumericSummary | CategoricalSummary, ...]
    target: NumericSummary | CategoricalSummary
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    problems: tuple[RefusedRows, ...] = ()


@dataclass(frozen=True)
class LearningPoint:
    """Cross-validated R² of the winner with this many training rows; the fewest rows come first.

    Attributes
    ----------
    r2_low, r2_high : float
        Ends of the 95 % interval.
    gain : Interval or None
        R² above that of the point before, on the same rows.
    """

    n_train: int
    r2: float
    r2_low: float
    r2_high: float
    train_r2: float
    gain: Interval | None = None


@dataclass(frozen=True)
class HeldOutPredictions:
    """Truth and prediction of rows that the model never saw.

    Attributes
    ----------
    y_true, y_pred, low, high : ndarray of shape (n_samples,)
        The last two are the ends of the prediction intervals of ``level``.
    clusters : ndarray of shape (n_samples,) or None
        Numbers of the rows' clusters.
    """

    y_true: NDArray[np.float64]
    y_pred: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    level: float = 0.9
    clusters: NDArray[np.intp] | None = None


@dataclass(frozen=True)
class Importance:
    """How much a model relies on a feature, and what is lost without it.

    Attributes
    ----------
    mean_absolute_contribution : float
        In the target's unit; of outcomes, of a chance from 0 to 1.
    r2_drop : Interval or None
        R² with all features less that of a fit without this one; None where there was no room.
    """

    feature: str
    mean_absolute_contribution: float
    r2_drop: Interval | None = None


@dataclass(frozen=True)
class JointImportance:
    """What is lost without several features that go together."""

    features: tuple[str, ...]
    r2_drop: Interval


@dataclass(frozen=True)
class RefittedModel:
    """What was fitted again without features.

    Attributes
    ----------
    label : str
        The family's.
    r2 : float
        With all features, on the rows of the folds; of outcomes, McFadden's.
    baseline_log_loss : float or None
        What stating the outcomes' shares loses on these rows, by which McFadden's R² and its fall
        are log losses; None where a number is predicted.
    """

    label: str
    r2: float
    n_samples: int
    together: tuple[JointImportance, ...] = ()
    baseline_log_loss: float | None = None


@dataclass(frozen=True)
class RawDifference:
    """How training students scored with other answers to a feature that a school can act on.

    Attributes
    ----------
    order : tuple of str and None
        Categories of ten students or more, from the lowest mean score to the highest, None being a
        missing one; empty for a number.
    low, high : float, str or None
        The values that are compared: the first and the last of ``order``, or a tenth and nine
        tenths of the way through a number's values.
    difference : float
        Mean score at ``high`` less that at ``low``, in the target's unit; of a number, by a line.
        Of outcomes, the share that has the event, from 0 to 1.
    """

    feature: str
    order: tuple[str | None, ...]
    low: float | str | None
    high: float | str | None
    difference: float


@dataclass(frozen=True)
class PartialDependence:
    """Mean prediction with a feature set to each of some values, all else as it is.

    Attributes
    ----------
    at : tuple of float, or of str and None
        Values of a numeric feature in rising order, or categories in the schema's order, None
        being a missing one.
    mean : tuple of float
        In the target's unit, not clipped; of outcomes, a chance from 0 to 1.
    low, high : tuple of float
        Between them lie the middle eight tenths of the rows' own curves, each moved to the height
        of the mean; empty where that is not known.
    outcome : str
        What the chance is of, in words; empty where a number is predicted.
    """

    feature: str
    at: tuple[float | str | None, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    outcome: str = ""


@dataclass(frozen=True)
class GroupErrors:
    """Errors in one group of held-out students, in the target's unit, with 95 % intervals.

    Attributes
    ----------
    label : str
        Such as ``Lunch = standard`` or ``Age up to 15 years``: the feature's label first.
    mean_error : Interval
        Of truth less prediction: above zero the group is predicted too low.
    coverage : mapping of str to Interval
        Share of the students inside their range, by level (``"0.9"``).
    p_values : mapping of str to float
        Of ``mean_error`` and ``mae`` against all other students, adjusted for all comparisons.
        Empty where there are too few others.
    """

    label: str
    n_samples: int
    mean_error: Interval
    mae: Interval
    rmse: Interval
    coverage: Mapping[str, Interval] = field(default_factory=dict)
    p_values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Grouping:
    """The groups that a sensitive feature, or two of them crossed, make of the held-out students.

    Attributes
    ----------
    suppressed : tuple of str
        Labels of groups whose figures are withheld, since they would say something of few.
    """

    features: tuple[str, ...]
    groups: tuple[GroupErrors, ...]
    suppressed: tuple[str, ...] = ()


@dataclass(frozen=True)
class FairnessFinding:
    """Something to say: its kind, and the values in it.

    :func:`src.report.findings.sentence` makes the words.
    """

    kind: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fairness:
    """How the errors differ between groups.

    Attributes
    ----------
    groupings : tuple of Grouping
        Single features first, then the pair that was crossed.
    findings : tuple of FairnessFinding
        Which differences are larger than chance, or that none is and on how many rows that rests.
    least_rows : int
        Groups of fewer are suppressed, and as many others as keep them from being worked out.
    """

    groupings: tuple[Grouping, ...]
    findings: tuple[FairnessFinding, ...]
    n_samples: int
    least_rows: int


@dataclass(frozen=True)
class GroupFairness:
    """How groups of students fare where the model knows their school, or the like.

    Attributes
    ----------
    without, with_effect : Fairness
        Of the same held-out students, predicted without the school's effect and with it.
    """

    without: Fairness
    with_effect: Fairness


@dataclass(frozen=True)
class PassMark:
    """How far the probability of a score below a mark can be trusted.

    Attributes
    ----------
    mark : float
        A score of the mark itself is not below it.
    n_below : int
        Held-out students below the mark.
    brier : Interval
        Mean squared difference between the probability and what came true (1 or 0).
    baseline_brier : float
        The same for giving everyone the training rows' share.
    brier_gain : Interval
        By how much the probability's is below that, on the same students.
    """

    mark: float
    n_samples: int
    n_below: int
    brier: Interval
    baseline_brier: float
    brier_gain: Interval
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True)
class WayScores:
    """How good chances of a score below a mark are; Brier's is of that event alone."""

    log_loss: Interval
    brier: Interval
    auc: Interval


@dataclass(frozen=True)
class BothWays:
    """Chances of a score below a mark: from the predicted number, and from a model of the outcome.

    Attributes
    ----------
    label : str
        The family that was trained on whether the score is below the mark.
    gain : Interval
        Log loss by which the model of the outcome is better, on the same rows.
    """

    label: str
    n_samples: int
    number: WayScores
    outcome: WayScores
    gain: Interval


@dataclass(frozen=True)
class ExclusionCost:
    """What it costs to train without the sensitive features; negative where it gains.

    Attributes
    ----------
    left_out, labels : tuple of str
        Names and labels of the features.
    r2, rmse, mae : Interval
        R² that is lost, RMSE and MAE that are added, on the same held-out students.
    """

    left_out: tuple[str, ...]
    labels: tuple[str, ...]
    n_samples: int
    r2: Interval
    rmse: Interval
    mae: Interval


@dataclass(frozen=True)
class Facts:
    """What a report shows, whatever is predicted. What is not given is left out with its heading.

    Attributes
    ----------
    schema : Schema
        Of the whole table: with the features that ``exclusion`` says the model is not given.
    metrics : mapping
        ``metrics.json``.
    findings : tuple of Finding
        What the check of the table found; rows and cells are never shown.
    """

    schema: Schema
    metrics: Mapping[str, Any]
    run: RunManifest | None = None
    data: DataSummary | None = None
    learning_curve: tuple[LearningPoint, ...] = ()
    too_few_to_learn_from: tuple[int, ...] = ()
    importance: tuple[Importance, ...] = ()
    refitted: RefittedModel | None = None
    partial_dependence: tuple[PartialDependence, ...] = ()
    levers: tuple[RawDifference, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def groups(self) -> GroupsFacts | None:
        """What is known of groups such as schools; None where the model knows none."""
        found = self.metrics.get("groups")
        return read_typed(GroupsFacts, found) if found else None

    @property
    def not_given(self) -> Mapping[str, str]:
        """The features that the model is not given since they are sensitive: labels by name."""
        return {}

    @property
    def n_suppressed(self) -> int:
        """How many groups of students have too few for figures."""
        return 0


@dataclass(frozen=True)
class ReportFacts(Facts):
    """Everything that a report on a number can show."""

    held_out: HeldOutPredictions | None = None
    fairness: Fairness | None = None
    pass_mark: PassMark | None = None
    both_ways: BothWays | None = None
    exclusion: ExclusionCost | None = None
    group_fairness: GroupFairness | None = None

    @property
    def not_given(self) -> Mapping[str, str]:
        """The features that ``exclusion`` names."""
        cost = self.exclusion
        return dict(zip(cost.left_out, cost.labels, strict=True)) if cost else {}

    @property
    def n_suppressed(self) -> int:
        """The groups whose errors are withheld."""
        groupings = self.fairness.groupings if self.fairness else ()
        return sum(len(one.suppressed) for one in groupings)
