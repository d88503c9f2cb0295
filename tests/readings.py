"""The schema of a table whose columns are read as they look, without the check's judgment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from src.schema.findings import Reading
from src.schema.hints import Hints
from src.schema.inference import InferredSchema, infer_schema
from src.schema.outcomes import Task
from src.tables.layout import Table
from src.tables.profile import profile_columns


def learn(
    table: Table,
    hints: Hints,
    target: str | None = None,
    drop: Sequence[str] = (),
    task: Task = "auto",
) -> InferredSchema:
    rows = np.array([i for i in range(len(table.rows)) if i not in table.malformed], dtype=np.intp)
    numbers = {key: said.numbers for key, said in hints.columns.items()}
    columns = profile_columns(table, rows, numbers)
    readings = {column.name: Reading(numeric=column.is_numeric) for column in columns}
    return infer_schema(table, hints, readings, target, drop, task)
