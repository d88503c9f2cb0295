"""Predict many rows from the compiled tables, column by column, with numpy.

Every leaf and term is added in the order in which :mod:`src.compiled.model` adds them for a record,
so a row of a file and the same record of a form have the same prediction to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from src.compiled.block_trees import (
    Answers,
    Tests,
    block_rows,
    places_of_missing,
    plans,
    summed,
)
from src.compiled.model import (
    CategoryTable,
    CompiledModel,
    Curve,
    FeatureTable,
    MedianTrees,
    NumericTable,
    exponential,
)
from src.tables.plain_rows import Coded

Columns = Mapping[str, "Sequence[object] | NDArray[Any]"]


class Tabled(Protocol):
    """What has tables of features: a compiled model, or a classifier."""

    features: tuple[FeatureTable, ...]


def encode(model: Tabled, columns: Columns) -> list[NDArray[Any]]:
    """Return each feature's column: numbers with missing ones filled in, positions of categories.

    Behind them stands, of each number whose missing values are more than what is filled in, where
    they are: 0 or 1.

    Parameters
    ----------
    columns : mapping of str to sequence
        Numbers with NaN for missing values; texts with None or NaN.

    Raises
    ------
    KeyError
        If the model does not know a category.
    """
    encoded: list[NDArray[Any]] = []
    missing: list[NDArray[Any]] = []
    for feature in model.features:
        column = columns[feature.name]
        if isinstance(feature, NumericTable):
            numbers = np.asarray(column, dtype=np.float64)
            unknown = np.isnan(numbers)
            encoded.append(np.where(unknown, feature.fill, numbers))
            if feature.knows_missing:
                missing.append(unknown.astype(np.intp))
        else:
            encoded.append(_codes(feature, column))
    return encoded + missing


def _codes(feature: CategoryTable, column: Sequence[object] | NDArray[Any]) -> NDArray[np.intp]:
    codes: dict[object, int] = {category: i for i, category in enumerate(feature.categories)}
    if None in codes:
        codes[np.nan] = codes[None]
    if isinstance(column, Coded):
        found = np.array([codes.get(value, -1) for value in column.values], np.intp)[column.codes]
        if found.min(initial=0) < 0:
            raise KeyError(column[int(found.argmin())])
        return found
    try:  # most missing values are that one object
        return np.fromiter(map(codes.__getitem__, column), np.intp, len(column))
    except KeyError:
        texts = (value if isinstance(value, str) else None for value in column)
        return np.fromiter(map(codes.__getitem__, texts), np.intp, len(column))


class BatchEvaluator:
    """A compiled model laid out for many rows; made once, used chunk after chunk.

    Parameters
    ----------
    model : CompiledModel
    tests : Tests, optional
        The model's, where several models share them.
    """

    def __init__(self, model: CompiledModel, tests: Tests | None = None) -> None:
        self.model = model
        self.tests = Tests(model.features) if tests is None else tests
        self.plans = [plans(ensemble, self.tests) for ensemble in model.ensembles]
        self._exponentials = [(w, BatchEvaluator(inner)) for w, inner in model.exponentials]
        self._block = block_rows(self.tests, self.plans)

    def predict(self, columns: Columns) -> NDArray[np.float64]:
        """Return predictions, not clipped, of shape (n_samples,).

        Parameters
        ----------
        columns : mapping of str to sequence of length n_samples
            See :func:`encode`.
        """
        encoded = encode(self.model, columns)
        total = self.terms(encoded)
        for start in range(0, len(total) if self.model.ensembles else 0, self._block):
            rows = slice(start, start + self._block)
            self.add_trees(total[rows], Answers(self.tests, [column[rows] for column in encoded]))
        for weight, inner in self._exponentials:
            # Not numpy's function, whose last bit may be another one.
            total += weight * np.array([*map(exponential, inner.predict(columns).tolist())])
        return total

    def terms(self, encoded: list[NDArray[Any]]) -> NDArray[np.float64]:
        """Return what the base and the linear terms say of each row."""
        model = self.model
        total = np.full(len(encoded[0]), model.base)
        if model.linear:
            pairs = list(zip(model.features, encoded, strict=False))
            numeric = [(f, column) for f, column in pairs if isinstance(f, NumericTable)]
            for number, column in numeric:
                total += number.weight * (column - number.center)
            places = places_of_missing(model.features)
            for number, _ in numeric:
                if any(number.missing_terms):
                    total += np.array(number.missing_terms)[encoded[places[number.name]]]
            for feature, column in pairs:
                if isinstance(feature, CategoryTable):
                    total += np.array(feature.terms)[column]
            for number, column in numeric:
                for curve in number.curves:
                    total += _on_curve(curve, column)
            for i, j, weight, mean in model.products:
                total += weight * (_above(model, encoded, i) * _above(model, encoded, j) - mean)
        return total

    def add_trees(self, total: NDArray[np.float64], answers: Answers) -> None:
        """Add what the ensembles say of some rows."""
        for ensemble, of_trees in zip(self.model.ensembles, self.plans, strict=True):
            if isinstance(ensemble, MedianTrees):
                values = np.array([plan.values(answers) for plan in of_trees])
                total += ensemble.weight * _median(values, ensemble.tree_weights)
            else:
                total += ensemble.weight * summed(of_trees, answers)


def _on_curve(curve: Curve, column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what :meth:`Curve.value` returns for each number."""
    pieces = np.array(curve.pieces)[np.searchsorted(np.array(curve.breaks), column)]
    origin, a, b, c, d = pieces.T
    t = column - origin
    return ((d * t + c) * t + b) * t + a


def _above(model: CompiledModel, encoded: list[NDArray[Any]], position: int) -> NDArray[np.float64]:
    return encoded[position] - cast(NumericTable, model.features[position]).center


def _median(values: NDArray[np.float64], weights: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the weighted median of each column, as :class:`MedianTrees` finds it."""
    order = np.argsort(values, axis=0, kind="stable")
    reached = np.cumsum(np.array(weights)[order], axis=0)
    first = (reached >= 0.5 * reached[-1]).argmax(axis=0)
    rows = np.arange(values.shape[1])
    return values[order[first, rows], rows]
