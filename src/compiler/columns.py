"""Which columns a fitted preprocessor makes of each feature, and where comparisons of them turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from src.compiler.estimators import Comparison, UnsupportedEstimatorError
from src.schema.features import LARGEST_NUMBER, NumericFeature
from src.schema.frames import typed_frame
from src.schema.record import Schema


@dataclass(frozen=True)
class NumericColumn:
    """A number's column: ``(value - mean) / scale`` in float64, missing values filled before.

    Attributes
    ----------
    column : int
        Position in the matrix.
    missing_column : int or None
        That of the column which is 1 where the value is missing, and else 0.
    """

    name: str
    column: int
    fill: float
    mean: float
    scale: float
    missing_column: int | None = None

    @property
    def columns(self) -> tuple[int, ...]:
        """Its column, and the one that says where it is missing."""
        return (self.column,) if self.missing_column is None else (self.column, self.missing_column)

    def transform(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the preprocessor makes of numbers, with its own arithmetic."""
        return (values - self.mean) / self.scale


@dataclass(frozen=True)
class CategoryColumns:
    """A category's columns, whatever encodes it.

    Attributes
    ----------
    categories : tuple of str or None
        None is a missing value, where training had some.
    columns : tuple of int
        Positions in the matrix.
    values : ndarray of shape (n_categories, n_columns)
    """

    name: str
    categories: tuple[str | None, ...]
    columns: tuple[int, ...]
    values: NDArray[np.float64]


FeatureColumns = NumericColumn | CategoryColumns


def read_columns(
    schema: Schema, preprocessor: Any
) -> tuple[list[FeatureColumns], dict[int, float]]:
    """Return each feature's columns in the schema's order, and the columns that never change.

    Numbers are read from the fitted imputers and scalers. Categories are asked for, so any encoder
    that looks at one feature at a time will do.

    Parameters
    ----------
    preprocessor : ColumnTransformer
        Fitted on the schema's features.

    Raises
    ------
    UnsupportedEstimatorError
        If a number is transformed otherwise, or a column depends on several features.
    """
    numeric = {column.name: column for column in _numeric_columns(schema, preprocessor)}
    categories = {
        f.name: (*f.categories, *([None] if f.optional else [])) for f in schema.categorical
    }
    asked = _by_halves(list(categories.values()))
    n_rows = 1 + asked[0].size if asked else 1
    rows: dict[str, NDArray[Any]] = {n: np.full(n_rows, c.fill) for n, c in numeric.items()}
    for (name, values), turns in zip(categories.items(), asked, strict=True):
        rows[name] = np.array(values, dtype=object)[np.concatenate([[0], turns.ravel()])]
    matrix = np.asarray(preprocessor.transform(typed_frame(schema, rows)), dtype=np.float64)
    if not np.isfinite(matrix).all():
        raise UnsupportedEstimatorError("The preprocessor makes values that are not finite.")

    blocks = matrix[1:].reshape(*(asked[0].shape if asked else (0, 2, 0)), matrix.shape[1])
    owners = _owners(blocks != matrix[0])
    taken = {position for column in numeric.values() for position in column.columns}
    if any(owners[column] >= 0 for column in taken):
        raise UnsupportedEstimatorError("A column depends on a number and on a category.")
    found: list[FeatureColumns] = []
    places = {name: position for position, name in enumerate(categories)}
    for feature in schema.features:
        if isinstance(feature, NumericFeature):
            found.append(numeric[feature.name])
            continue
        values, position = categories[feature.name], places[feature.name]
        columns = np.flatnonzero(owners == position)
        others = blocks[0, position & 1, : len(values) - 1]
        kept = np.vstack([matrix[0], others])[:, columns]
        found.append(CategoryColumns(feature.name, values, tuple(columns.tolist()), kept))
    constant = np.flatnonzero(owners < 0).tolist()
    return found, {j: float(matrix[0, j]) for j in constant if j not in taken}


def _by_halves(categories: Sequence[Sequence[object]]) -> list[NDArray[np.intp]]:
    """Return which category each feature takes in rows that tell which column is whose.

    For each bit of the features' numbers, those that lack it take one category after the other,
    and then those that have it; the rest stay at their first. So a few rows do for many features.

    Returns
    -------
    list of ndarray of int of shape (n_bits, 2, n_turns)
        One a feature; its last category is repeated where others have more.
    """
    n_bits = max(1, (len(categories) - 1).bit_length())
    turns = np.arange(1, max(map(len, categories), default=1))
    found = []
    for position, values in enumerate(categories):
        of_feature = np.zeros((n_bits, 2, len(turns)), dtype=np.intp)
        for bit in range(n_bits):
            of_feature[bit, position >> bit & 1] = np.minimum(turns, len(values) - 1)
        found.append(of_feature)
    return found


def _owners(moved: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the feature that moves each column, by its number; -1 where none does.

    Parameters
    ----------
    moved : ndarray of shape (n_bits, 2, n_turns, n_columns)
        Whether a column differs from the first row in those of :func:`_by_halves`.
    """
    of_bits = np.asarray(moved.any(axis=2))
    lacking, having = of_bits[:, 0], of_bits[:, 1]
    some = (lacking | having).any(axis=0)
    if (lacking == having)[:, some].any():
        raise UnsupportedEstimatorError("A column depends on several features.")
    return np.where(some, (1 << np.arange(len(moved))) @ having, -1)


def _numeric_columns(schema: Schema, preprocessor: Any) -> list[NumericColumn]:
    found, missing = [], dict[str, int]()
    wanted = {feature.name for feature in schema.numeric}
    for step, transformer, names in preprocessor.transformers_:
        if type(transformer).__name__ == "MissingIndicator" and transformer.features == "all":
            start = preprocessor.output_indices_[step].start
            missing = {name: start + i for i, name in enumerate(names)}
            continue
        if not wanted & set(names):
            continue
        kinds = [type(part).__name__ for _, part in getattr(transformer, "steps", [])]
        if kinds != ["SimpleImputer", "StandardScaler"]:
            raise UnsupportedEstimatorError(
                f"The preprocessor's step {step} is not an imputer and a scaler."
            )
        (_, imputer), (_, scaler) = transformer.steps
        start = preprocessor.output_indices_[step].start
        for i, name in enumerate(names):
            wanted.discard(name)
            found.append(
                NumericColumn(
                    name,
                    start + i,
                    fill=float(imputer.statistics_[i]),
                    mean=float(scaler.mean_[i]),
                    scale=float(scaler.scale_[i]),
                )
            )
    if wanted:
        raise UnsupportedEstimatorError(f"The preprocessor leaves out {', '.join(sorted(wanted))}.")
    return [replace(column, missing_column=missing.get(column.name)) for column in found]


def exact_cuts(
    column: NumericColumn, thresholds: NDArray[np.float64], comparison: Comparison
) -> NDArray[np.float64]:
    """Return the largest number that still goes left, for each threshold.

    Scores are whole numbers and thresholds lie half-way, so scaled values fall on thresholds all
    the time and the last bit decides. Scaling, rounding and comparing never change their order, so
    the number at which the answer changes is found by bisection over all floats.

    Parameters
    ----------
    column : NumericColumn
    thresholds : ndarray of shape (n,)
        Of the scaled column.

    Returns
    -------
    ndarray of shape (n,)
        ``inf`` where everything that a record can hold goes left, ``-inf`` where all goes right.
    """

    def goes_right(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
        return comparison.goes_right(column.transform(numbers), thresholds)

    low, high = np.full(len(thresholds), -LARGEST_NUMBER), np.full(len(thresholds), LARGEST_NUMBER)
    never, always = ~goes_right(high), goes_right(low)
    left, right = _ranks(low), _ranks(high)
    for _ in range(64):
        middle = (left >> 1) + (right >> 1) + (left & right & 1)
        above = goes_right(_numbers(middle))
        right = np.where(above, middle, right)
        left = np.where(above, left, middle)
    return np.where(never, np.inf, np.where(always, -np.inf, _numbers(left)))


def _ranks(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return integers in the order of the floats, neighbours one apart."""
    bits = numbers.view(np.int64)
    return np.where(bits >= 0, bits, np.iinfo(np.int64).min - bits)


def _numbers(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the floats of :func:`_ranks`."""
    return np.where(ranks >= 0, ranks, np.iinfo(np.int64).min - ranks).view(np.float64)
