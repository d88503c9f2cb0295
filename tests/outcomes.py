"""A small simulated table whose target is one of some outcomes, and models of it."""

from __future__ import annotations

import random
from pathlib import Path

from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig

N_ROWS = 300
HINTS = """[columns.outcome]
label = "Outcome"
categories = ["Fail", "Pass", "Distinction"]
ordered = true
at_risk = ["Fail"]
"""


def records(n: int = N_ROWS, seed: int = 0) -> list[dict[str, object]]:
    """Return answers of some students."""
    rng = random.Random(seed)
    return [
        {
            "reading": rng.randint(20, 100),
            "absences": rng.randint(0, 30),
            "course": rng.choice(["none", "half", "whole"]),
        }
        for _ in range(n)
    ]


def write_table(path: Path, names: tuple[str, ...] = ("Fail", "Pass", "Distinction")) -> Path:
    """Write students and their outcomes as CSV; where there are two names, the first is failing."""
    rng = random.Random(1)
    lines = ["reading,absences,course,outcome"]
    for one in records():
        bonus = {"none": 0, "half": 4, "whole": 8}[str(one["course"])]
        reached = one["reading"] - one["absences"] + bonus + rng.gauss(0, 12)
        level = (reached > 35) + (reached > 70)
        lines.append(",".join(map(str, (*one.values(), names[min(level, len(names) - 1)]))))
    path.write_text("\n".join(lines), "utf-8")
    return path


def train_outcomes(
    folder: Path,
    *models: str,
    names: tuple[str, ...] = ("Fail", "Pass", "Distinction"),
    hints: str = HINTS,
    budget: str = "quick",
) -> Path:
    """Train on that table and return the artifacts; `quick` writes no report."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hints.toml").write_text(hints, "utf-8")
    table = write_table(folder / "outcomes.csv", names)
    config = TrainConfig(
        data=str(table), target="outcome", hints=folder / "hints.toml", models=models,
        budget=budget, artifacts=folder / "artifacts",
    )  # fmt: skip
    TrainPipeline(config).run()
    return folder / "artifacts"
