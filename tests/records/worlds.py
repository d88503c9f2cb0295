"""Rows of a database of the tests."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Engine, insert

from src.records.identity import new_prediction_id, now_ms, subject_hash
from src.records.tables import outcome, prediction
from tests.records.conftest import KEY

DAY_MS = 86_400_000


def a_prediction(subject: str | None, as_of: str = "2026-09-15", **other: Any) -> dict[str, Any]:
    made = other.pop("made_at_ms", now_ms())
    return {
        "id": new_prediction_id(made), "made_at_ms": made, "run": "r", "fingerprint": "f",
        "target": "math_score", "source": "api", "batch": None,
        "subject": subject and subject_hash(subject, KEY), "group_name": "9c", "as_of": as_of,
        "number": 60.0, "label": None, "low": 45.0, "high": 75.0, "at_risk": 0.2, "mark": 50.0,
        "chances": None, "features": None,
    } | other  # fmt: skip


def put(engine: Engine, rows: Iterable[dict[str, Any]]) -> list[str]:
    """Write predictions, and return their ids."""
    rows = [*rows]
    with engine.begin() as connection:
        connection.execute(insert(prediction), rows)
    return [row["id"] for row in rows]


def come_true(engine: Engine, values: dict[str, str]) -> None:
    """Write an outcome for each prediction."""
    with engine.begin() as connection:
        connection.execute(
            insert(outcome),
            [
                {"prediction": name, "value": value, "known_at": "2027-01-31", "source": "file",
                 "imported_at_ms": now_ms()}
                for name, value in values.items()
            ],
        )  # fmt: skip


def a_school(
    engine: Engine, n_groups: int = 12, size: int = 15, seed: int = 0, known: float = 1.0
) -> None:
    """Fill a database with classes whose pupils scored about what was predicted."""
    rng = random.Random(seed)
    rows, values = [], {}
    for group in range(n_groups):
        of_class = rng.gauss(0, 2)
        for pupil in range(size):
            number = rng.uniform(40, 80)
            row = a_prediction(
                f"{group}-{pupil}", number=number, low=number - 10, high=number + 10,
                at_risk=max(0.01, min(0.99, (70 - number) / 40)), group_name=f"class {group}",
            )  # fmt: skip
            rows.append(row)
            if rng.random() < known:
                values[row["id"]] = str(number + of_class + rng.gauss(0, 6))
    put(engine, rows)
    come_true(engine, values)


def an_outcome_row(label: str, chance: float, subject: str, group: str) -> dict[str, Any]:
    chances = {"probabilities": {"Fail": chance, "Pass": 1 - chance}, "set": [label]}
    return a_prediction(
        subject, number=None, low=None, high=None, mark=None, label=label, at_risk=chance,
        chances=json.dumps(chances), target="result", group_name=group,
    )  # fmt: skip
