"""Check a whole table against a schema: every problem in one report, every good row typed."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from src.exception import Problem
from src.schema.features import Checked, Feature, NumericFeature
from src.schema.record import Schema
from src.tables.cells import MISSING_MARKS, clean, shorten
from src.tables.layout import Chunk

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
        self._columns = {
            feature.name: _Column(feature, decimal_comma)
            for feature in (*schema.features, schema.target)
        }

    def run(
        self, chunk: Chunk, positions: dict[str, int], *, with_target: bool = False
    ) -> ValidatedTable:
        """Return the good rows, typed, and what is wrong with the others.

        Parameters
        ----------
        chunk : Chunk
            Rows of text cells, all of one width.
        positions : dict of str to int
            Where each column of the schema stands in a row.
        with_target : bool
            Whether the target is checked and returned too, its column last.
        """
        import numpy as np

        n_rows, width = len(chunk.rows), len(chunk.rows[0]) if chunk.rows else 1
        every = list(itertools.chain.from_iterable(chunk.rows))  # all rows are of one width
        accepted = np.ones(n_rows, dtype=bool)
        accepted[list(chunk.malformed)] = False
        found: dict[int, list[Problem]] = {i: [p] for i, p in chunk.malformed.items()}
        read = {}
        names = [*self.schema.names, *([self.schema.target.name] if with_target else [])]
        for name in names:
            column, cells = self._columns[name], every[positions[name] :: width]
            codes = column.read(cells)
            read[name] = column.checks, codes
            for index in np.flatnonzero(column.checks.refused[codes]).tolist():
                if index not in chunk.malformed:
                    accepted[index] = False
                    message = f"{name} {column.problem(cells[index])}"
                    found.setdefault(index, []).append(
                        Problem(message, name, chunk.lines[index], shorten(cells[index]))
                    )
        if all(feature.optional for feature in self.schema.features):
            empty = np.ones(n_rows, dtype=bool)
            for name in self.schema.names:
                checks, codes = read[name]
                empty &= checks.missing[codes]
            for index in np.flatnonzero(empty & accepted).tolist():
                accepted[index] = False
                message = "The row holds no value of any feature."
                found[index] = [Problem(message, row=chunk.lines[index])]
        warnings: Counter[str] = Counter()
        data: dict[str, NDArray[Any]] = {}
        good: NDArray[np.bool_] | slice = slice(None) if accepted.all() else accepted
        for name, (checks, codes) in read.items():
            if n_unseen := int(checks.unseen[codes[good]].sum()):
                warnings[name] = n_unseen
            data[name] = checks.values[codes[good]]
        problems = [problem for index in sorted(found) for problem in found[index]]
        return ValidatedTable(data, accepted, problems, warnings)


class _Checks(NamedTuple):
    """What was found of each different cell of a column, by its number.

    Attributes
    ----------
    values : ndarray of shape (n_cells,)
        Floats or texts, NaN where missing or refused.
    refused, unseen, missing : ndarray of bool, shape (n_cells,)
        Unseen: outside what training saw.
    """

    values: NDArray[Any]
    refused: NDArray[np.bool_]
    unseen: NDArray[np.bool_]
    missing: NDArray[np.bool_]


class _Column:
    """The checks of one column: each different cell once, those of earlier chunks not again."""

    def __init__(self, feature: Feature, decimal_comma: bool) -> None:
        self._feature = feature
        self._numeric = isinstance(feature, NumericFeature)
        self._decimal_comma = decimal_comma
        self._n_refused = 0
        self._forget()

    def _forget(self) -> None:
        self._numbers: dict[str, int] = {}
        self._problems: dict[str, str] = {}
        self.checks = self._summed_up([])

    def read(self, cells: list[str]) -> NDArray[np.intp]:
        """Return the number of each cell's check; :attr:`checks` holds them from then on."""
        import numpy as np

        try:
            return np.fromiter(map(self._numbers.__getitem__, cells), np.intp, len(cells))
        except KeyError:  # some are new
            if len(self._numbers) > REMEMBERED:
                self._forget()
            new = sorted(set(cells) - self._numbers.keys())
            self._numbers |= {cell: len(self._numbers) + i for i, cell in enumerate(new)}
            found = self._summed_up([self._check(cell) for cell in new])
            self.checks = _Checks(*map(np.concatenate, zip(self.checks, found, strict=True)))
            return np.fromiter(map(self._numbers.__getitem__, cells), np.intp, len(cells))

    def problem(self, cell: str) -> str:
        """Return what is wrong with a refused cell."""
        return self._problems[cell]

    def _check(self, cell: str) -> Checked:
        marked = self._numeric and clean(cell).lower() in MISSING_MARKS
        checked = self._feature.check_cell(
            "" if marked else cell,
            decimal_comma=self._decimal_comma,
            suggest=self._n_refused < SUGGESTIONS,
        )
        if checked.problem:
            self._problems[cell] = checked.problem
            self._n_refused += 1
        return checked

    def _summed_up(self, checked: list[Checked]) -> _Checks:
        import numpy as np

        values = [np.nan if one.value is None else one.value for one in checked]
        refused = np.array([bool(one.problem) for one in checked], dtype=bool)
        missing = np.array([one.value is None for one in checked], dtype=bool)
        return _Checks(
            np.array(values, dtype=np.float64 if self._numeric else np.object_),
            refused,
            unseen=np.array([bool(one.warning) for one in checked], dtype=bool),
            missing=missing & ~refused,
        )
