"""A large table's rows as training reads them: checked by the schema, typed, and as a matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from src.components.data_validation import DataValidation
from src.exception import DataValidationError
from src.logger import get_logger
from src.schema.features import LARGEST_NUMBER, ClassTarget, Feature, NumericFeature
from src.schema.frames import target_values, typed_frame
from src.schema.prepared_table import rewritten
from src.schema.record import Schema
from src.search.native_categories import MISSING, NUMERIC
from src.search.references import columns_of
from src.streaming.files import Block, LargeTable
from src.streaming.scan import (
    HELD_OUT,
    SHOWN_PROBLEMS,
    Hasher,
    Progress,
    RowProblem,
    lines_of,
)
from src.tables.cells import MISSING_MARKS, clean, match_key
from src.tables.layout import Chunk
from src.tables.number_formats import PLAIN_NUMBERS
from src.tables.plain_rows import Coded, blank_rows
from src.tables.row_kinds import may_be_no_pupil

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.compose import ColumnTransformer

logger = get_logger(__name__)

REMEMBERED = 50_000  # different cells of a column
REFUSED_SHARE = 0.1  # of the rows: above it, something is wrong with the table


@dataclass(frozen=True)
class TypedRows:
    """Rows with a target.

    Attributes
    ----------
    columns : dict of str to Coded
        Values by feature: numbers with NaN, texts with None.
    y : ndarray of shape (n_rows,)
        Numbers, or the outcomes' codes.
    hashes : ndarray of shape (n_rows,)
    """

    columns: dict[str, Coded]
    y: NDArray[Any]
    hashes: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.y)

    def where(self, rows: NDArray[np.bool_]) -> TypedRows:
        """Return some of the rows."""
        import numpy as np

        at = np.flatnonzero(rows)
        columns = {name: column.take(at) for name, column in self.columns.items()}
        return TypedRows(columns, self.y[at], self.hashes[at])


@dataclass
class Counted:
    """What became of the rows of a pass.

    Attributes
    ----------
    n_apart : int
        Good ones that are held out since one column keeps rows together.
    """

    n_rows: int = 0
    n_refused: int = 0
    n_without_target: int = 0
    n_apart: int = 0
    problems: list[RowProblem] = field(default_factory=list)

    @property
    def n_used(self) -> int:
        return self.n_rows - self.n_refused - self.n_without_target


class RowReader:
    """Read a large table's rows with a schema.

    Parameters
    ----------
    schema : Schema
    positions : mapping of str to int
        Where the features and the target stand in the table.
    rewritings : mapping of int to mapping of str to str
        How cells are written otherwise, by position.
    hasher : Hasher
        Of the rows' hashes.
    """

    def __init__(
        self,
        table: LargeTable,
        schema: Schema,
        positions: Mapping[str, int],
        rewritings: Mapping[int, Mapping[str, str]],
        hasher: Hasher,
    ) -> None:
        self.table, self.schema, self._hasher = table, schema, hasher
        self.counted = Counted()
        features: tuple[Feature, ...] = (*schema.features, schema.target)
        self._columns = {
            feature.name: _Column(
                feature,
                positions[feature.name],
                rewritings.get(positions[feature.name], {}),
                table,
            )
            for feature in features
        }
        self._validation = DataValidation(
            schema,
            decimal_comma=table.decimal_comma,
            typed=table.typed,
            header=table.header,
        )
        self._all_optional = all(feature.optional for feature in schema.features)

    def rows(
        self, n_rows: int = 0, progress: Progress = lambda n_read, n_rows: None
    ) -> Iterator[TypedRows]:
        """Yield all good rows with a target; :attr:`counted` says of the others.

        Raises
        ------
        DataValidationError
            If a tenth of the rows cannot be used, or a file cannot be read.
        """
        self.counted = Counted()
        for block in self.table.blocks():
            self.counted.n_rows += len(block)
            for some in self._read(block):
                if self._hasher.together is not None:
                    self.counted.n_apart += int((some.hashes >= HELD_OUT).sum())
                yield some
            progress(self.counted.n_rows, max(n_rows, self.counted.n_rows))
        self._check_refused()

    def _check_refused(self) -> None:
        counted = self.counted
        if counted.n_refused > REFUSED_SHARE * counted.n_rows:
            raise DataValidationError(
                f"{counted.n_refused} of {counted.n_rows} rows cannot be used. Mend the table, or "
                "leave a column out with --drop COLUMN.",
                [replace(one.problem, message=str(one)) for one in counted.problems],
            )

    def _read(self, block: Block) -> Iterator[TypedRows]:
        import numpy as np

        lines, good = lines_of(block)
        hashes = self._hasher(block, lines)
        rows = block.rows
        if isinstance(rows, Chunk):
            yield from self._one_by_one(block, rows, hashes)
            return
        odd = np.ones(len(rows), dtype=bool)
        odd[good] = False
        columns = {}
        for name, column in self._columns.items():
            columns[name], wrong = column.read(rows.columns[column.position])
            odd |= wrong
        if self._all_optional:
            odd |= blank_rows([columns[name] for name in self.schema.names])
        if odd.any():
            at = np.flatnonzero(odd)
            yield from self._one_by_one(block, rows.chunk(at), hashes[at])
        target = columns.pop(self.schema.target.name)
        y, known = self._target(target)
        plain = TypedRows(columns, y, hashes)
        self.counted.n_without_target += int((~odd & ~known).sum())
        right = ~odd & known
        if right.any():
            yield plain.where(right)

    def _target(self, target: Coded) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return a number or a code for each row, and which rows have one."""
        import numpy as np

        if isinstance(self.schema.target, ClassTarget):
            codes = {label: code for code, label in enumerate(self.schema.target.categories)}
            of_values = [codes.get(value, -1) for value in target.values]
            of_rows = np.array(of_values, dtype=np.int64)[target.codes]
            return of_rows, of_rows >= 0
        values = np.asarray(target.values, dtype=np.float64)[target.codes]
        return values, ~np.isnan(values)

    def _one_by_one(
        self, block: Block, chunk: Chunk, hashes: NDArray[np.uint64]
    ) -> Iterator[TypedRows]:
        """Look at rows a second time, and say what is wrong with those that are refused."""
        import numpy as np

        cells = [row[:] for row in chunk.rows]
        for column in self._columns.values():
            for row in cells:
                row[column.position] = column.written(row[column.position])
        positions = {name: column.position for name, column in self._columns.items()}
        validated = self._validation.run(replace(chunk, rows=cells), positions, with_target=True)
        counted, name = self.counted, self.table.files[block.file].name
        counted.n_refused += len(validated.refused) + len(validated.skipped)
        room = SHOWN_PROBLEMS - len(counted.problems)
        problems = [*validated.problems, *validated.skipped.values()]
        counted.problems += [RowProblem(name, problem) for problem in problems[:room]]
        frame = typed_frame(self.schema, validated.columns)
        known = frame[self.schema.target.name].notna().to_numpy()
        counted.n_without_target += int((~known).sum())
        if not known.any():
            return
        y = target_values(self.schema, frame[self.schema.target.name])
        columns = {
            feature: Coded(list(validated.columns[feature]), np.arange(len(frame)))
            for feature in self.schema.names
        }
        yield TypedRows(columns, y, hashes[validated.accepted]).where(known)


class _Column:
    """How the cells of a column are read: each different one once."""

    def __init__(
        self, feature: Feature, position: int, rewriting: Mapping[str, str], table: LargeTable
    ) -> None:
        self.position = position
        self._feature, self._rewriting = feature, rewriting
        self._written: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        self._odd: set[str] = set()
        self._decimal_comma, self._typed = table.decimal_comma, table.typed
        self._key = match_key(table.header[position])
        self._numeric = isinstance(feature, NumericFeature)
        self._plain = (
            isinstance(feature, NumericFeature)
            and feature.format == PLAIN_NUMBERS
            and not feature.absent
            and not table.decimal_comma
        )

    def written(self, cell: str) -> str:
        """Return a cell as the check of the table writes it."""
        written = rewritten(cell, self._rewriting)
        if written is not None:
            return written
        if self._numeric and cell and not any(map(str.isdigit, cell)):
            return ""  # a word among numbers is none
        return cell

    def read(self, cells: Coded) -> tuple[Coded, NDArray[np.bool_]]:
        """Return the values, and which rows need a second look."""
        import numpy as np

        if self._plain and (numbers := self._numbers(cells.values)) is not None:
            wrong = ~self._right(numbers)
            values: Any = numbers
            odd = wrong[cells.codes] if wrong.any() else np.zeros(len(cells), dtype=bool)
            return Coded(values, cells.codes), odd
        if len(self._values) > REMEMBERED:
            self._values.clear()
            self._odd.clear()
        for cell in cells.values:
            if cell not in self._values:
                self._check(cell)
        values = [self._values[cell] for cell in cells.values]
        odd = cells.where(cell in self._odd for cell in cells.values)
        if self._numeric:
            values = np.array(values, dtype=np.float64)
        return Coded(values, cells.codes), odd

    def _numbers(self, cells: Sequence[str]) -> NDArray[np.float64] | None:
        """Return cells as numbers where all of them are plain ones; an empty one is NaN."""
        import pyarrow as pa

        from src.tables.arrow_arrays import texts

        try:
            found = texts([cell or None for cell in cells]).cast(pa.float64())
        except pa.ArrowInvalid:
            return None
        return found.to_numpy(zero_copy_only=False)

    def _right(self, numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
        import numpy as np

        feature = self._feature
        if not isinstance(feature, NumericFeature):
            raise TypeError("a feature that is no number")
        low = -LARGEST_NUMBER if feature.minimum is None else feature.minimum
        high = LARGEST_NUMBER if feature.maximum is None else feature.maximum
        missing = np.isnan(numbers)
        return np.where(missing, feature.optional, (numbers >= low) & (numbers <= high))

    def _check(self, cell: str) -> None:
        marked = self._numeric and clean(cell).lower() in MISSING_MARKS
        checked = self._feature.check_cell(
            "" if marked else self.written(cell),
            decimal_comma=self._decimal_comma,
            typed=self._typed,
            suggest=False,
        )
        self._values[cell] = checked.value
        if checked.problem or (not self._numeric and may_be_no_pupil(cell, self._key)):
            self._odd.add(cell)


class MatrixMaker:
    """Make what a fitted preprocessor makes of rows, each different category once.

    Its steps make each column of the table to columns of the matrix of its own.
    """

    def __init__(self, preprocessor: ColumnTransformer) -> None:
        self._steps = [step for step in preprocessor.transformers_ if step[0] != "remainder"]
        self._columns = columns_of(preprocessor)
        self.n_columns = sum(map(len, self._columns.values()))

    def __call__(self, rows: TypedRows) -> NDArray[np.float64]:
        """Return a matrix of shape (n_rows, n_columns)."""
        import numpy as np
        import pandas as pd

        parts = []
        for name, transformer, names in self._steps:
            if name in (NUMERIC, MISSING):
                numbers = pd.DataFrame(
                    {
                        n: np.asarray(rows.columns[n].values, np.float64)[rows.columns[n].codes]
                        for n in names
                    }
                )
                parts.append(np.asarray(transformer.transform(numbers), dtype=np.float64))
                continue
            used = {n: _used(rows.columns[n]) for n in names}
            height = max(len(column.values) for column in used.values())
            filled = {}
            for n, column in used.items():
                values = [np.nan if value is None else value for value in column.values]
                values += [values[0]] * (height - len(values))
                filled[n] = pd.Series(values, dtype=object)
            made = np.asarray(transformer.transform(pd.DataFrame(filled)), dtype=np.float64)
            at = 0
            for n, column in used.items():
                width = len(self._columns[n])
                parts.append(made[:, at : at + width][column.codes])
                at += width
        return np.concatenate(parts, axis=1)


def _used(column: Coded) -> Coded:
    """Return a column without the values that none of its rows has."""
    import numpy as np

    there, codes = np.unique(column.codes, return_inverse=True)
    return Coded([column.values[i] for i in there], codes)
