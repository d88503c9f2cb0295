"""metrics.json of a run as it is read back: every value checked before a page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NotRequired, TypedDict

from src.report.class_facts import Capacity, ClassScores
from src.report.group_facts import GroupsFacts
from src.report.period_facts import PeriodsFacts
from src.stats.chances import METHODS
from src.stats.intervals import Interval
from src.utils import read_typed


class _AnyRow(TypedDict):
    """A line of the leaderboard."""

    name: str
    label: str
    r2: float
    n_trials: int
    params: dict[str, Any]
    r2_low: NotRequired[float]
    r2_high: NotRequired[float]
    behind: NotRequired[Interval | None]


class _Row(_AnyRow):
    rmse: float
    mae: float


class _OutcomeRow(_AnyRow):
    log_loss: float
    brier: float
    auc: float


class _HeldOut(TypedDict):
    n_samples: int
    r2: Interval
    rmse: Interval
    mae: Interval
    baseline_rmse: float
    n_clusters: NotRequired[int | None]


class _Coverage(TypedDict):
    level: float
    coverage: float
    mean_width: float
    low: NotRequired[float]
    high: NotRequired[float]
    p_value: NotRequired[float]


_Part = TypedDict(
    "_Part",
    {
        "from": float, "to": float, "n_samples": int,
        "coverage": float, "low": float, "high": float, "p_value": float,
    },
)  # fmt: skip


class _Distribution(TypedDict):
    edges: list[float]
    counts: list[int]
    values: NotRequired[list[float]]
    below: NotRequired[list[int]]


class _Mark(TypedDict):
    mark: float


class _MarkQuality(TypedDict):
    mark: float
    n_samples: int
    precision: Interval
    recall: Interval


class Direction(TypedDict):
    """How scores go with a feature: its categories from low to high, or whether they rise."""

    order: NotRequired[list[str | None]]
    rises: NotRequired[bool]


class _AnyMetrics(TypedDict):
    """What is shown of ``metrics.json``, whatever is predicted; older runs hold less."""

    model: str
    winner: str
    task: NotRequired[str]
    levers: NotRequired[dict[str, Direction]]
    note: NotRequired[str]
    target: NotRequired[str]
    unit: NotRequired[str]
    left_out: NotRequired[dict[str, str]]
    chance_p_value: NotRequired[float | None]
    groups: NotRequired[GroupsFacts | None]
    periods: NotRequired[PeriodsFacts]


class SavedMetrics(_AnyMetrics):
    """What is shown of the ``metrics.json`` of a run that predicts a number."""

    held_out: _HeldOut
    leaderboard: list[_Row]
    coverage: NotRequired[list[_Coverage] | None]
    coverage_by_prediction: NotRequired[list[_Part]]
    at_risk: NotRequired[list[_MarkQuality]]
    target_mean: NotRequired[float]
    target_distribution: NotRequired[_Distribution]
    pass_mark: NotRequired[_Mark | None]


class _SetCoverage(TypedDict):
    level: float
    mean_size: float
    coverage: float
    low: float
    high: float
    p_value: float


class SavedOutcomeMetrics(_AnyMetrics):
    """What is shown of the ``metrics.json`` of a run that predicts outcomes."""

    held_out: ClassScores
    leaderboard: list[_OutcomeRow]
    outcomes: list[str]
    ordered: bool
    at_risk_outcomes: list[str]
    outcome_counts: list[int]
    calibration: str
    gain: NotRequired[Interval]
    set_coverage: list[_SetCoverage]
    capacity_out_of_fold: NotRequired[Capacity | None]


def check_metrics(metrics: object) -> None:
    """Raise TypeError or ValueError where ``metrics.json`` is not what training writes."""
    if isinstance(metrics, Mapping) and metrics.get("task", "regression") != "regression":
        found: SavedOutcomeMetrics = read_typed(SavedOutcomeMetrics, metrics, "metrics.json")
        if len(found["outcomes"]) != len(found["outcome_counts"]):
            raise ValueError("the counts of the outcomes")
        if found["calibration"] not in METHODS:
            raise ValueError("the calibration")
        return
    checked: SavedMetrics = read_typed(SavedMetrics, metrics, "metrics.json")
    if len({end in row for row in checked["leaderboard"] for end in ("r2_low", "r2_high")}) > 1:
        raise ValueError("the ends of the leaderboard's intervals")
    if histogram := checked.get("target_distribution"):
        edges, counts = histogram["edges"], histogram["counts"]
        rising = all(low < high for low, high in pairwise(edges))
        if not counts or len(edges) != len(counts) + 1 or not rising or min(counts) < 0:
            raise ValueError("the distribution of the target")
        if not sum(counts):
            raise ValueError("the distribution of the target is empty")
        values, below = histogram.get("values", []), histogram.get("below", [])
        if len(values) != len(below) or sorted(values) != values or sorted(below) != below:
            raise ValueError("the rows below values of the target")
        if below and (below[0], below[-1]) != (0, sum(counts)):
            raise ValueError("the rows below values of the target")
