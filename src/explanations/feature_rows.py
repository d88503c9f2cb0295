"""Rows whose features can be exchanged, as a fitted preprocessor transforms them.

Explanations ask what a model would say of many mixtures of a few rows. Each of the preprocessor's
columns comes from one feature, so the rows are transformed once and their columns are mixed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from src.compiler.columns import read_columns
from src.schema.record import Schema

if TYPE_CHECKING:
    import pandas as pd


Chance = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class FeatureRows:
    """Rows that a fitted pipeline predicts, and what exchanges their features.

    Attributes
    ----------
    names : tuple of str
        The features that a person enters.
    preprocessor : transformer
    model : estimator
        Predicts rows as :meth:`prepare` returns them.
    sources : ndarray of int of shape (n_columns,)
        The feature of each column; of a column that never changes, any.
    chance : callable or None
        Of a classifier: takes the probabilities of all classes, shape (n_samples, n_classes),
        returns the number that is explained of each row.
    n_classes : int
        The target's outcomes, of which the model may not have seen each; 0 for a number.
    """

    names: tuple[str, ...]
    preprocessor: Any
    model: Any
    sources: NDArray[np.intp]
    chance: Chance | None = None
    n_classes: int = 0

    @classmethod
    def of(cls, pipeline: Any, schema: Schema, chance: Chance | None = None) -> Self:
        """Return the rows of a fitted pipeline with the steps ``preprocessor`` and ``model``."""
        preprocessor, model = (pipeline.named_steps[step] for step in ("preprocessor", "model"))
        features, constant = read_columns(schema, preprocessor)
        owners = dict.fromkeys(constant, 0)
        for position, feature in enumerate(features):
            owners |= dict.fromkeys(feature.columns, position)
        sources = np.array([owners[column] for column in range(len(owners))], dtype=np.intp)
        n_classes = 0 if schema.task == "regression" else len(schema.outcomes.categories)
        return cls(schema.names, preprocessor, model, sources, chance, n_classes)

    def prepare(self, frame: pd.DataFrame) -> NDArray[Any]:
        """Return a frame of typed columns by name as the model takes it.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
        """
        return np.asarray(self.preprocessor.transform(frame[list(self.names)].fillna(np.nan)))

    def mix(self, rows: NDArray[Any], index: NDArray[np.intp]) -> NDArray[Any]:
        """Return rows that are put together from several.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, n_columns)
            As :meth:`prepare` returns them.
        index : ndarray of int of shape (n_mixtures, n_features)
            The row that each feature of a mixture is taken from.
        """
        return rows[index[:, self.sources], np.arange(len(self.sources))]

    def predict(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Return the predictions, not clipped, of rows that were prepared or mixed."""
        if self.chance is not None:
            return self.chance(self._probabilities(rows))
        return np.asarray(self.model.predict(rows), dtype=np.float64).ravel()

    def _probabilities(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Return the probabilities of all classes; 0 of one that the model never saw."""
        found = np.asarray(self.model.predict_proba(rows), dtype=np.float64)
        if found.shape[1] >= self.n_classes:
            return found
        whole = np.zeros((len(found), self.n_classes))
        whole[:, np.asarray(self.model.classes_, dtype=int)] = found
        return whole
