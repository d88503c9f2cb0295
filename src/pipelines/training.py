"""What a training is asked for, and what it comes to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from src.artifact_store import Run
from src.components.model_evaluation import Evaluation
from src.config import ARTIFACTS, SAMPLE_TABLE
from src.language import ENGLISH
from src.report.class_facts import ClassScores
from src.schema.findings import Finding
from src.schema.outcomes import Task
from src.schema.record import Schema
from src.search.folds import FOLDS
from src.search.leaderboard import TrainedModel


@dataclass(frozen=True)
class TrainConfig:
    """What a person can choose; see the command's help."""

    data: str = str(SAMPLE_TABLE)
    more: tuple[str, ...] = ()
    query: str | None = None
    target: str | None = None
    task: Task = "auto"
    hints: Path | None = None
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    pupil: str | None = None
    as_of: str | None = None
    sheet: str | None = None
    all_sheets: bool = False
    models: tuple[str, ...] = ()
    budget: str | float = "standard"
    metric: str | None = None
    cv: int = FOLDS
    group: str | None = None
    used_for: str = "new"
    time: str | None = None
    sample_weight: str | None = None
    exclude_sensitive: bool = False
    cross: tuple[str, ...] = ()
    pass_mark: float | None = None
    language: str = ENGLISH
    artifacts: Path = ARTIFACTS
    seed: int = 42
    test_size: float = 0.2
    jobs: int = os.cpu_count() or 1
    scheduler: str | None = None
    send_all: bool = False
    large: str = "auto"


@dataclass(frozen=True)
class TrainResult:
    """What a training run came to.

    Attributes
    ----------
    promoted_s, report_s : float
        Seconds until the run was promoted, and that the report took after it.
    report_problem : str or None
        Why there is no report, though there should be.
    findings : tuple of Finding
        What the check of the table found.
    """

    run: Run
    schema: Schema
    trained: TrainedModel
    evaluation: Evaluation | ClassScores
    promoted_s: float
    report_s: float
    report_problem: str | None
    findings: tuple[Finding, ...] = ()
