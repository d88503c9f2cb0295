"""What was measured of trainings, summed up, and held against what issue 3 says must be shown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.process import MIB

OURS = ("quick", "standard", "default")

QUICK_SPEEDUP = 10.0  # times faster than the tutorial's method on stud, whole process
STANDARD_SPEEDUP = 4.0  # the same, to the promotion
REPORT_S = 10.0
PLAIN_PEERS = ("ridge", "catboost", "average")
R2_MARGIN = 0.003  # below the best of the plain peers
AUTOML_MARGIN = 0.005
ROUNDING = 1e-9  # between two fits of the same linear model
PEAK_MIB = 400.0
RUN_MIB = 5.0


@dataclass(frozen=True)
class Training:
    """One process: a method on a table with a split seed.

    Attributes
    ----------
    error : str
        Why its numbers cannot be used; empty where they can.
    promoted_s : float or None
        Seconds from its start until a promoted run was there; ours only.
    size_bytes : int or None
        What is kept to predict later: our promoted run's folder, or what the peer saved.
    load : float
        Mean number of running processes over the minute before it started: 0 on a quiet machine,
        about 1 or 2 after a measurement.
    said : dict
        What our summary says of its own time.
    """

    table: str
    method: str
    seed: int
    r2: float = math.nan
    rmse: float = math.nan
    model: str = ""
    wall_s: float = math.nan
    promoted_s: float | None = None
    cpu_s: float = math.nan
    peak_bytes: int = 0
    n_processes: int = 1
    size_bytes: int | None = None
    test_sha256: str = ""
    load: float = 0.0
    said: dict[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class Summary:
    """A method on a table over the seeds.

    Attributes
    ----------
    r2, r2_sd : float
        Mean over the seeds and standard deviation (NaN with one seed).
    wall_s, promoted_s, cpu_s, size_bytes : float or None
        Medians over the seeds.
    peak_bytes : int
        The highest of any seed.
    """

    table: str
    method: str
    n_seeds: int
    r2: float
    r2_sd: float
    wall_s: float
    promoted_s: float | None
    cpu_s: float
    peak_bytes: int
    size_bytes: float | None


@dataclass(frozen=True)
class Verdict:
    """A limit, what was measured of it, and ``pass``, ``fail`` or ``not measured``."""

    claim: str
    limit: str
    measured: str
    status: str


class Results:
    """The trainings that can be used, by table, method and seed."""

    def __init__(self, trainings: Iterable[Training]) -> None:
        self.good = {(t.table, t.method, t.seed): t for t in trainings if not t.error}
        self.tables = list(dict.fromkeys(table for table, _, _ in self.good))

    def methods(self, table: str) -> list[str]:
        """Return the methods that were measured on a table, in order."""
        return list(dict.fromkeys(m for t, m, _ in self.good if t == table))

    def of(self, table: str, method: str) -> dict[int, Training]:
        """Return a method's trainings on a table by seed."""
        return {s: t for (name, m, s), t in self.good.items() if (name, m) == (table, method)}

    def shared(self, table: str, *methods: str) -> list[dict[int, Training]]:
        """Return each method's trainings on a table, of the seeds that all of them have."""
        each = [self.of(table, method) for method in methods]
        seeds = set.intersection(*map(set, each)) if each else set()
        return [{seed: of[seed] for seed in sorted(seeds)} for of in each]

    def mean_r2(self, table: str, *methods: str) -> list[float] | None:
        """Return each method's mean R² over the seeds that all of them have; None without any."""
        each = self.shared(table, *methods)
        return [statistics.fmean(t.r2 for t in of.values()) for of in each] if each[0] else None

    def summary(self, table: str, method: str) -> Summary:
        """Return a method's numbers on a table over its seeds.

        Raises
        ------
        ValueError
            If it was not measured there.
        """
        trainings = [*self.of(table, method).values()]
        if not trainings:
            raise ValueError(f"{method} was not measured on {table}.")
        scores = [t.r2 for t in trainings]
        promoted = [t.promoted_s for t in trainings if t.promoted_s is not None]
        sizes = [t.size_bytes for t in trainings if t.size_bytes is not None]
        return Summary(
            table,
            method,
            len(trainings),
            statistics.fmean(scores),
            statistics.stdev(scores) if len(scores) > 1 else math.nan,
            statistics.median(t.wall_s for t in trainings),
            statistics.median(promoted) if promoted else None,
            statistics.median(t.cpu_s for t in trainings),
            max(t.peak_bytes for t in trainings),
            statistics.median(sizes) if sizes else None,
        )

    def difference(self, table: str, method: str, peer: str) -> tuple[float, float] | None:
        """Return the mean of the paired differences in R² and its standard error (NaN with one)."""
        ours, theirs = self.shared(table, method, peer)
        if not ours:
            return None
        gaps = [ours[seed].r2 - theirs[seed].r2 for seed in ours]
        error = statistics.stdev(gaps) / math.sqrt(len(gaps)) if len(gaps) > 1 else math.nan
        return statistics.fmean(gaps), error

    def speedup(self, table: str, method: str, peer: str = "tutorial") -> float | None:
        """Return how many times longer the peer takes: medians over the seeds that both have.

        Ours counts to the promotion, and ``quick``, which makes no report, to the end.
        """
        ours, theirs = self.shared(table, method, peer)
        if not ours:
            return None
        seconds = [
            t.wall_s if method == "quick" or t.promoted_s is None else t.promoted_s
            for t in ours.values()
        ]
        return statistics.median(t.wall_s for t in theirs.values()) / statistics.median(seconds)


def verdicts(trainings: Sequence[Training]) -> list[Verdict]:
    """Return every limit of issue 3 with what was measured of it."""
    results = Results(trainings)
    return [
        *_speed(results),
        *_quality(results),
        *_sizes(results),
    ]


def _limit(claim: str, value: float | None, sign: str, bound: float, shown: str) -> Verdict:
    """Hold a value against a bound; ``shown`` formats both."""
    limit = f"{sign} {shown.format(bound)}"
    if value is None:
        return Verdict(claim, limit, "", "not measured")
    holds = {"≥": value >= bound - ROUNDING, "≤": value <= bound, "<": value < bound}[sign]
    return Verdict(claim, limit, shown.format(value), "pass" if holds else "fail")


def _speed(results: Results) -> list[Verdict]:
    claim = "{} to {}, times faster than the tutorial's method on stud"
    reports = [
        t.wall_s - t.promoted_s
        for t in results.of("stud", "standard").values()
        if t.promoted_s is not None
    ]
    return [
        _limit(claim.format("quick", "its end"), results.speedup("stud", "quick"),
               "≥", QUICK_SPEEDUP, "{:.1f} ×"),
        _limit(claim.format("standard", "the promotion"), results.speedup("stud", "standard"),
               "≥", STANDARD_SPEEDUP, "{:.1f} ×"),
        _limit("standard on stud after the promotion (the report), median",
               statistics.median(reports) if reports else None, "≤", REPORT_S, "{:.1f} s"),
    ]  # fmt: skip


def _quality(results: Results) -> list[Verdict]:
    found = []
    for method in ("quick", "standard"):
        means = results.mean_r2("stud", method, "tutorial")
        gap = None if means is None else means[0] - means[1]
        claim = f"{method}: mean R² less the tutorial's method's on stud"
        found.append(_limit(claim, gap, "≥", 0, "{:.4f}"))
    for table in results.tables:
        means = results.mean_r2(table, "standard", *PLAIN_PEERS)
        gap = None if means is None else means[0] - max(means[1:])
        claim = f"standard: mean R² less the best of ridge, CatBoost and their average on {table}"
        found.append(_limit(claim, gap, "≥", -R2_MARGIN, "{:.4f}"))
    for table in results.tables:
        means = results.mean_r2(table, "standard", "flaml")
        gap = None if means is None else means[0] - means[1]
        found.append(_limit(f"standard: mean R² less FLAML's on {table}", gap, "≥",
                            -AUTOML_MARGIN, "{:.4f}"))  # fmt: skip
    return found


def _sizes(results: Results) -> list[Verdict]:
    found = []
    for method in OURS:
        trainings = [t for (_, m, _), t in results.good.items() if m == method]
        if not trainings:
            continue
        largest = max(trainings, key=lambda t: t.peak_bytes)
        claim = f"{method}: peak memory of the process tree, the highest ({largest.table})"
        found.append(_limit(claim, largest.peak_bytes / MIB, "<", PEAK_MIB, "{:.0f} MiB"))
        sizes = [t.size_bytes for t in trainings if t.table == "stud" and t.size_bytes is not None]
        claim = f"{method}: size of the promoted run on stud, the largest"
        found.append(_limit(claim, max(sizes) / MIB if sizes else None, "<", RUN_MIB, "{:.2f} MiB"))
    return found
