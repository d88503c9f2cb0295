"""What is known of a model in the periods of its table: a part of metrics.json."""

from __future__ import annotations

from dataclasses import dataclass

from src.stats.intervals import Interval


@dataclass(frozen=True)
class PeriodScore:
    """How well a period is predicted by what was learnt from those before it.

    Attributes
    ----------
    held_out : bool
        Whether it is the last period, which the choice of the model did not see.
    scores : dict of str to Interval
        By metric.
    """

    name: str
    held_out: bool
    n_samples: int
    n_learnt: int
    scores: dict[str, Interval]


@dataclass(frozen=True)
class OtherLearning:
    """How well the last period is predicted by the same model from other rows.

    Attributes
    ----------
    n_learnt : int
    scores : dict of str to Interval
    lost : Interval
        R² that is lost against learning from all earlier periods, on the same rows.
    """

    n_learnt: int
    scores: dict[str, Interval]
    lost: Interval


@dataclass(frozen=True)
class Expectation:
    """What the last period's figure is, and what was expected by those before it.

    Attributes
    ----------
    value : float
    expected : Interval
        It counts the errors of both sides and how much periods differ.
    """

    value: float
    expected: Interval

    @property
    def is_met(self) -> bool:
        return self.expected.low <= self.value <= self.expected.high

    @property
    def goes_on(self) -> bool:
        """Whether it is off as it was before: as expected, which is not 0."""
        return self.is_met and self.expected.excludes_zero


@dataclass(frozen=True)
class FeatureShift:
    """How far a feature of the last period lies from where it lay before.

    Attributes
    ----------
    is_number : bool
        The size is then the difference of the means in standard deviations; else the share of
        students who would have to be of another category.
    size : float
    by_chance : float
        The size that 95 of 100 divisions by chance stay under.
    """

    feature: str
    is_number: bool
    size: float
    by_chance: float


@dataclass(frozen=True)
class PeriodsFacts:
    """The periods of a table.

    Attributes
    ----------
    column : str
    names : tuple of str
        From the earliest to the last, which is held out.
    follows_time : bool
        Whether models were chosen by folds that follow time; else there is one earlier period.
    n_left_out : int
        Rows of pupils on both sides, which are neither learnt from nor tested.
    scores : tuple of PeriodScore
        From the earliest period that was predicted to the last.
    by_chance : dict of str to Interval
        The same model's scores in folds of rows drawn at random, of the earlier periods.
    newest : OtherLearning or None
        Learnt from the last of the earlier periods alone; None where there is one earlier period.
    older : OtherLearning or None
        Learnt from the others.
    mean_error : Expectation or None
        Of the truth less what was predicted, in the target's unit; of outcomes, of the event; with
        an interval of 98 %. None where too few periods were predicted to tell what is usual.
    loss : Expectation or None
        Of the RMSE, or the log loss; with an interval of 95 %.
    shifts : tuple of FeatureShift
        The largest first, by how it compares with chance.
    not_learnt : tuple of str
        Outcomes that rows of the last period have, and none that was learnt from.
    """

    column: str
    names: tuple[str, ...]
    follows_time: bool
    n_left_out: int
    scores: tuple[PeriodScore, ...]
    by_chance: dict[str, Interval]
    newest: OtherLearning | None
    older: OtherLearning | None
    mean_error: Expectation | None
    loss: Expectation | None
    shifts: tuple[FeatureShift, ...]
    not_learnt: tuple[str, ...] = ()

    @property
    def drifts(self) -> bool | None:
        """Whether the last period is off by more than periods usually are; None if unknown."""
        return None if self.mean_error is None else not self.mean_error.is_met
