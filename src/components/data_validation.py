"""Check a whole table against a schema: every problem in one report, every good row typed."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from src.exception import Problem
from src.schema import MISSING_MARKS, Checked, Feature, NumericFeature, Schema, clean, shorten
from src.tables import Chunk

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

REMEMBERED = 50_000  # distinct cells of a column whose check is kept
SUGGESTIONS = 200  # refused cells of a column that are compared with what is allowed: it takes time


@dataclass(frozen=True)
class ValidatedTable:
    """What a check of a table found.

    Attributes
    ----------
    columns : dict of str to ndarray
        The good rows, a typed column a feature: floats with NaN, texts with NaN.
    accepted : ndarray of bool, shape (n_rows,)
        Which rows of the table those are.
    problems : list of Problem
        Everything that is wrong, in the order of the rows.
    warnings : Counter of str
        How many good rows' cells of a column lie outside what training saw.
    """

    columns: dict[str, NDArray[Any]]
    accepted: NDArray[np.bool_]
    problems: list[Problem]
    warnings: Counter[str]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The columns as a frame."""
        import pandas as pd

        return pd.DataFrame(
            {name: pd.Series(column, dtype=column.dtype) for name, column in self.columns.items()}
        )


class DataValidation:
    """Check rows of text cells against a schema."""

    def __init__(self, schema: Schema, *, decimal_comma: bool = False) -> None:
        self.schema = schema
        self.decimal_comma = decimal_comma
        self._checked: dict[str, dict[str, Checked]] = {}
        self._refused: dict[str, int] = {}

    def run(
        self, chunk: Chunk, positions: dict[str, int], *, with_target: bool = False
    ) -> ValidatedTable:
        """Return the good rows, typed, and what is wrong with the others.

        Parameters
        ----------
        chunk : Chunk
            Rows of text cells.
        positions : dict of str to int
            Where each column of the schema stands in a row.
        with_target : bool
            Whether the target is checked and returned too, its column last.
        """
        import numpy as np

        features: Sequence[Feature] = self.schema.features
        if with_target:
            features = (*features, self.schema.target)
        accepted = np.ones(len(chunk.rows), dtype=bool)
        accepted[list(chunk.malformed)] = False
        found: dict[int, list[Problem]] = {i: [p] for i, p in chunk.malformed.items()}
        columns: dict[str, tuple[list[str], dict[str, Checked]]] = {}
        for feature in features:
            position = positions[feature.name]
            cells = list(map(itemgetter(position), chunk.rows))
            checked = self._check(feature, set(cells))
            columns[feature.name] = cells, checked
            refused = {cell: one.problem for cell, one in checked.items() if one.problem}
            for index, cell in enumerate(cells) if refused else ():
                if cell in refused and index not in chunk.malformed:
                    accepted[index] = False
                    message = f"{feature.name} {refused[cell]}"
                    found.setdefault(index, []).append(
                        Problem(message, feature.name, chunk.lines[index], shorten(cell))
                    )
        if all(feature.optional for feature in self.schema.features):
            for index in self._without_values(columns, len(chunk.rows)):
                if accepted[index]:
                    accepted[index] = False
                    message = "The row holds no value of any feature."
                    found[index] = [Problem(message, row=chunk.lines[index])]
        warnings: Counter[str] = Counter()
        data: dict[str, NDArray[Any]] = {}
        all_good = bool(accepted.all())
        for feature in features:
            cells, checked = columns[feature.name]
            good = cells if all_good else list(itertools.compress(cells, accepted))
            unseen = {cell for cell, one in checked.items() if one.warning}
            if n_unseen := sum(map(unseen.__contains__, good)):
                warnings[feature.name] = n_unseen
            values = {
                cell: np.nan if one.value is None else one.value for cell, one in checked.items()
            }
            dtype = np.float64 if isinstance(feature, NumericFeature) else np.object_
            data[feature.name] = np.fromiter(map(values.__getitem__, good), dtype, len(good))
        problems = [problem for index in sorted(found) for problem in found[index]]
        return ValidatedTable(data, accepted, problems, warnings)

    def _without_values(
        self, columns: dict[str, tuple[list[str], dict[str, Checked]]], n_rows: int
    ) -> list[int]:
        """Return the rows in which every feature is missing."""
        left = list(range(n_rows))
        for name in self.schema.names:
            cells, checked = columns[name]
            missing = {c for c, one in checked.items() if one.value is None and not one.problem}
            left = [index for index in left if cells[index] in missing]
        return left

    def _check(self, feature: Feature, cells: set[str]) -> dict[str, Checked]:
        """Check each different cell once, those of earlier chunks not again."""
        memory = self._checked.setdefault(feature.name, {})
        if len(memory) > REMEMBERED:
            memory.clear()
        refused = self._refused.setdefault(feature.name, 0)
        numeric = isinstance(feature, NumericFeature)
        for cell in cells - memory.keys():
            marked = numeric and clean(cell).lower() in MISSING_MARKS
            memory[cell] = feature.check_cell(
                "" if marked else cell,
                decimal_comma=self.decimal_comma,
                suggest=refused < SUGGESTIONS,
            )
            refused += bool(memory[cell].problem)
        self._refused[feature.name] = refused
        return {cell: memory[cell] for cell in cells}
