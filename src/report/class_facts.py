"""What a report on a class target is made from: how good the chances are, and a list by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from src.stats.intervals import Interval
from src.stats.reliability import ReliabilityBin
from src.utils import read_typed


@dataclass(frozen=True)
class ListQuality:
    """What a list of the students with the largest chance of the event holds.

    Attributes
    ----------
    n_listed : int
        Students on the list.
    share : float
        Of all students: what help is there for.
    found : Interval
        Students on the list who have the event.
    by_lot : float
        How many as many lots would find, on average.
    precision : Interval
        Share of the listed who have the event.
    recall : Interval
        Share of those who have the event who are listed.
    """

    n_listed: int
    share: float
    found: Interval
    by_lot: float
    precision: Interval
    recall: Interval


@dataclass(frozen=True)
class NetBenefit:
    """What it is worth to help those whose chance of the event is a threshold or more.

    It is in students with the event who are helped, a student: helping one without the event in
    vain costs the odds of the threshold. Helping nobody is worth 0.

    Attributes
    ----------
    model : Interval
        Where those are helped whose chance is the threshold or more.
    everybody : float
        Where all are helped.

    References
    ----------
    Vickers and Elkin (2006), "Decision curve analysis", Medical Decision Making 26(6).
    """

    threshold: float
    model: Interval
    everybody: float


@dataclass(frozen=True)
class Capacity:
    """What help for some of the students reaches, chosen by their chance of the event.

    Lists and thresholds are left out where a figure would be told of fewer than ten students.

    Attributes
    ----------
    n_event : int
        Students who have the event.
    out_of_fold : bool
        Whether the students are those of training, each predicted by models without them.
    """

    n_samples: int
    n_event: int
    lists: tuple[ListQuality, ...]
    net_benefit: tuple[NetBenefit, ...]
    out_of_fold: bool = False


@dataclass(frozen=True)
class ClassScores:
    """How good chances are on rows that the model never saw.

    Attributes
    ----------
    log_loss, brier : Interval
        Means over the rows; Brier's is the sum over the classes.
    auc : Interval
        One class versus the rest, mean over the classes.
    pr_auc : Interval
        Average precision of the event; without one, mean over the classes.
    accuracy, balanced_accuracy : Interval
        Of the most likely class.
    quadratic_kappa : Interval or None
        None where classes have no order.
    calibration_error : Interval
        Root mean square difference of chances from shares, less what is noise.
    prior_log_loss, prior_brier : float
        The same for giving everyone the training rows' shares.
    bins : tuple of ReliabilityBin
        Of the event; without one, of the most likely class.
    confusion : tuple of tuple of int and None
        Rows by true class (outer) and most likely class (inner); None where withheld.
    capacity : Capacity or None
        None without an event, or where fewer than ten students have it or do not.
    n_clusters : int or None
        How many clusters of rows that belong together there are; None where there are none.
    """

    n_samples: int
    log_loss: Interval
    brier: Interval
    auc: Interval
    pr_auc: Interval
    accuracy: Interval
    balanced_accuracy: Interval
    quadratic_kappa: Interval | None
    calibration_error: Interval
    prior_log_loss: float
    prior_brier: float
    bins: tuple[ReliabilityBin, ...]
    confusion: tuple[tuple[int | None, ...], ...]
    capacity: Capacity | None = None
    n_clusters: int | None = None


def told_capacity(metrics: Mapping[str, Any], scores: ClassScores) -> Capacity | None:
    """Return what lists hold: of the held-out rows, or else of training's out of fold."""
    elsewhere = metrics.get("capacity_out_of_fold")
    return read_typed(Capacity, elsewhere) if elsewhere else scores.capacity
