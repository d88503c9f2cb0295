"""Check a whole table against a schema: every problem in one report, every good row typed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.exception import Problem
from src.schema import MISSING_MARKS, Checked, Feature, NumericFeature, Schema, shorten
from src.tables import Chunk

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

REMEMBERED = 50_000  # distinct cells of a column whose check is kept


@dataclass(frozen=True)
class ValidatedTable:
    """What a check of a table found.

    Attributes
    ----------
    frame : DataFrame
        The good rows, a typed column a feature: floats with NaN, texts with NaN.
    accepted : ndarray of bool, shape (n_rows,)
        Which rows of the table those are.
    problems : list of Problem
        Everything that is wrong, in the order of the rows.
    warnings : Counter of str
        How many cells of a column lie outside what training saw.
    """

    frame: pd.DataFrame
    accepted: NDArray[np.bool_]
    problems: list[Problem]
    warnings: Counter[str]


class DataValidation:
    """Check rows of text cells against a schema."""

    def __init__(self, schema: Schema, *, decimal_comma: bool = False) -> None:
        self.schema = schema
        self.decimal_comma = decimal_comma
        self._checked: dict[str, dict[str, Checked]] = {}

    def run(
        self, chunk: Chunk, positions: dict[str, int], *, with_target: bool = False
    ) -> ValidatedTable:
        """Return the good rows as a frame, and what is wrong with the others.

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
        import pandas as pd

        features: Sequence[Feature] = self.schema.features
        if with_target:
            features = (*features, self.schema.target)
        accepted = np.ones(len(chunk.rows), dtype=bool)
        accepted[list(chunk.malformed)] = False
        found: dict[int, list[Problem]] = {i: [p] for i, p in chunk.malformed.items()}
        warnings: Counter[str] = Counter()
        columns: dict[str, list[Checked]] = {}
        for feature in features:
            position = positions[feature.name]
            cells = [row[position] for row in chunk.rows]
            columns[feature.name] = checked = self._check(feature, cells)
            for index, one in enumerate(checked):
                if one.problem and index not in chunk.malformed:
                    accepted[index] = False
                    found.setdefault(index, []).append(Problem(
                        f"{feature.name} {one.problem}", feature.name, chunk.lines[index],
                        shorten(cells[index])))
                elif one.warning:
                    warnings[feature.name] += 1
        data = {}
        for feature in features:
            values = [
                one.value for one, good in zip(columns[feature.name], accepted, strict=True) if good
            ]
            data[feature.name] = (
                np.array(values, dtype=np.float64)
                if isinstance(feature, NumericFeature)
                else np.array([np.nan if v is None else v for v in values], dtype=object)
            )
        frame = pd.DataFrame(data, columns=list(columns))
        frame = frame.astype({f.name: object for f in self.schema.categorical})
        problems = [problem for index in sorted(found) for problem in found[index]]
        return ValidatedTable(frame, accepted, problems, warnings)

    def _check(self, feature: Feature, cells: list[str]) -> list[Checked]:
        memory = self._checked.setdefault(feature.name, {})
        if len(memory) > REMEMBERED:
            memory.clear()
        numeric = isinstance(feature, NumericFeature)
        result = []
        for cell in cells:
            checked = memory.get(cell)
            if checked is None:
                marked = numeric and cell.strip().lower() in MISSING_MARKS
                checked = memory[cell] = feature.check_cell(
                    "" if marked else cell, decimal_comma=self.decimal_comma
                )
            result.append(checked)
        return result
