"""Shapley values of any pipeline, by walks from background rows to the row that is explained.

Compiled models have exact ways of their own (:mod:`src.compiled.contributions`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from src.explanations.background import ROWS_A_BLOCK, Background
from src.explanations.feature_rows import FeatureRows
from src.schema.record import Schema

if TYPE_CHECKING:
    import pandas as pd

# Predictions for the contributions of one row. With many features they are more: the walks start at
# a block of the background's rows at the least.
MIXTURES = 720
CHUNK = 20_000  # mixtures that are predicted at once


class Explainer:
    """Explain the predictions of one fitted pipeline. Build it once: asking is cheap.

    From each background row two walks lead to the explained row: its features are taken over one
    by one, in a random order and in the reverse of it. A feature's contribution is the mean of what
    the prediction changed at its turn. The changes along a walk sum to its whole way, so base and
    contributions sum exactly to the prediction. All rows have the same orders, so that a row's
    contributions don't depend on the others.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted, with the steps ``preprocessor`` and ``model``.
    background : Background
        Where the walks start.
    random_state : int
        Of the orders.

    Attributes
    ----------
    base : float
        What contributions are counted from, in the target's unit: the background's mean.
    n_mixtures : int
        Predictions that the contributions of one row take.

    References
    ----------
    Štrumbelj and Kononenko (2014), "Explaining prediction models and individual predictions with
    feature contributions", Knowledge and Information Systems 41. Mitchell et al. (2022), "Sampling
    Permutations for Shapley Value Estimation", JMLR 23, for the reversed orders.
    """

    def __init__(
        self, schema: Schema, pipeline: Any, background: Background, random_state: int = 42
    ) -> None:
        n_features = len(schema.names)
        a_start = 2 * max(1, n_features - 1)
        n_starts = max(1, MIXTURES // (a_start * ROWS_A_BLOCK)) * ROWS_A_BLOCK
        self._rows = FeatureRows.of(pipeline, schema)
        self._starts = self._rows.prepare(background.frame(schema))[:n_starts]
        n_starts = len(self._starts)
        self.n_mixtures = a_start * n_starts
        self._at_starts = self._rows.predict(self._starts)
        self.base = float(self._at_starts.mean())
        random = np.random.default_rng(random_state)
        forth = random.permuted(np.tile(np.arange(n_features), (n_starts, 1)), axis=1)
        self._turns = np.argsort(np.concatenate([forth, forth[:, ::-1]]), axis=1)

    def contributions(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return what each feature adds to each prediction, in the target's unit.

        Base and contributions sum to the prediction before it is clipped: to 1e-6 relative, or to
        1e-4 where XGBoost has a part in it, which counts in float32.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Typed columns by name, checked.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        explained = self._rows.prepare(X)
        n_rows = max(1, CHUNK // self.n_mixtures)
        starts = range(0, len(explained), n_rows)
        return np.concatenate([self._walk(explained[at : at + n_rows]) for at in starts])

    def _walk(self, explained: NDArray[Any]) -> NDArray[np.float64]:
        n_walks, n_features = self._turns.shape
        start = np.tile(np.arange(len(self._starts)), 2)
        way = np.empty((len(explained), n_walks, n_features + 1))
        way[:, :, 0] = self._at_starts[start]
        way[:, :, -1] = self._rows.predict(explained)[:, None]
        if n_features > 1:
            taken = self._turns[:, None, :] < np.arange(1, n_features)[:, None]
            own = np.arange(len(explained))[:, None, None, None]
            index = np.where(taken, own, len(explained) + start[:, None, None])
            rows = np.concatenate([explained, self._starts])
            mixed = self._rows.mix(rows, index.reshape(-1, n_features))
            way[:, :, 1:-1] = self._rows.predict(mixed).reshape(len(explained), n_walks, -1)
        changes = np.take_along_axis(np.diff(way, axis=2), self._turns[None], axis=2)
        return changes.mean(axis=1)
