"""A small simulated table of pupils of some schools, and models of it."""

from __future__ import annotations

import random
from pathlib import Path

from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig

MARK = "Zzyzx"  # stands in each name, so that a name can be looked for
SMALL = f"Tiny {MARK} Academy"  # of fewer than ten pupils
SCHOOLS = tuple(f"{hill} {MARK} School" for hill in (
    "Ash", "Birch", "Cedar", "Elm", "Fir", "Hazel", "Larch", "Maple", "Oak", "Pine", "Rowan",
    "Willow",
))  # fmt: skip
BEST, WORST = SCHOOLS[0], SCHOOLS[-1]
OUTCOMES = ("Fail", "Pass")
AT_RISK = '[columns.outcome]\nat_risk = ["Fail"]\n'
PUBLISHED = '[columns.school]\nlabel = "School"\npublish = true\n'


def write_table(path: Path, *, names: tuple[str, ...] = ()) -> Path:
    """Write pupils as CSV: from Ash to Willow, schools reach less with the same reading score.

    Where there are two names, an outcome stands in the score's place.
    """
    rng = random.Random(2)
    lines = [f"reading,absences,course,school,{'outcome' if names else 'score'}"]
    for i, school in enumerate((*SCHOOLS, SMALL)):
        for _ in range(6 if school == SMALL else 28):
            reading, absences = rng.randint(20, 100), rng.randint(0, 30)
            course = rng.choice(["none", "half", "whole"])
            score = 20 + 0.5 * reading - 0.3 * absences + 2 * (6 - i) + rng.gauss(0, 6)
            reached = names[score > 40] if names else round(min(100, max(0, score)))
            lines.append(f"{reading},{absences},{course},{school},{reached}")
    path.write_text("\n".join(lines), "utf-8")
    return path


def record(school: str | None = None) -> dict[str, object]:
    """Return the answers of a pupil."""
    answers: dict[str, object] = {"reading": 60, "absences": 5, "course": "half"}
    return answers if school is None else answers | {"school": school}


def train_schools(
    folder: Path, hints: str = "", *, names: tuple[str, ...] = (), budget: str = "quick"
) -> Path:
    """Train on that table and return the artifacts."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hints.toml").write_text(hints, "utf-8")
    table = write_table(folder / "schools.csv", names=names)
    config = TrainConfig(
        data=str(table), target="outcome" if names else "score", group="school",
        hints=folder / "hints.toml", models=("logistic" if names else "ridge",), budget=budget,
        artifacts=folder / "artifacts",
    )  # fmt: skip
    TrainPipeline(config).run()
    return folder / "artifacts"
