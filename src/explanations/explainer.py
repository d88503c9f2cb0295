"""Shapley values of any pipeline over the points of a background.

Compiled models have exact ways of their own (:mod:`src.compiled.contributions`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from src.explanations.background import Background
from src.explanations.feature_rows import Chance, FeatureRows
from src.schema.record import Schema
from src.stats.shapley import shapley_weights

if TYPE_CHECKING:
    import pandas as pd

# Predictions for the contributions of one row. With many features they are more: two walks lead
# from each point at the least.
MIXTURES = 1_024
CHUNK, CHUNK_CELLS = 20_000, 1_000_000  # mixtures that are predicted at once
MOST_CELLS = 4_000_000  # of the mixtures for one row
TRIED_ROWS = 6
MOST_SECONDS = 0.05  # of a processor, for the contributions of one row
LEAST_CORRELATION = 0.99  # of sampled contributions with exact ones
TOO_SLOW = "It takes too long over the predictions that true reasons need."
TOO_ROUGH = "It has too many features for true reasons in the time that a page has."


class Explainer:
    """Explain the predictions of one fitted pipeline. Build it once: asking is cheap.

    Contributions are interventional Shapley values over a background. Of few features they are
    exact. Of more, they are sampled: walks lead from each point to the explained row, its features
    taken over one by one, in a random order and in the reverse of it. A feature's contribution is
    the mean of what the prediction changed at its turn. The changes along a walk sum to its whole
    way, so base and contributions sum exactly to the prediction. All rows have the same orders, so
    that a row's contributions don't depend on the others.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted, with the steps ``preprocessor`` and ``model``.
    background : Background
        Whose points contributions are counted from.
    random_state : int
        Of the orders.
    chance : callable, optional
        Of a classifier, what is explained: takes the probabilities of all classes, shape
        (n_samples, n_classes), returns a number of each row.

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
        self,
        schema: Schema,
        pipeline: Any,
        background: Background,
        random_state: int = 42,
        chance: Chance | None = None,
    ) -> None:
        n_features, n_points = len(schema.names), len(background.weights)
        self._rows = FeatureRows.of(pipeline, schema, chance)
        self._points = self._rows.prepare(background.frame(schema))
        self._weights = np.array(background.weights)
        self._at_points = self._rows.predict(self._points)
        self.base = float(self._at_points @ self._weights)
        self._coalitions: NDArray[np.intp] | None = None
        if n_points << n_features <= MIXTURES:
            self._coalitions = np.arange(1 << n_features)[:, None] >> np.arange(n_features) & 1
            self.n_mixtures = n_points << n_features
            return
        a_pair = 2 * max(1, n_features - 1)
        n_pairs = max(1, MIXTURES // (a_pair * n_points))
        self.n_mixtures = a_pair * n_pairs * n_points
        random = np.random.default_rng(random_state)
        forth = np.tile(np.arange(n_features), (n_pairs * n_points, 1))
        forth = random.permuted(forth, axis=1)
        self._turns = np.argsort(np.concatenate([forth, forth[:, ::-1]]), axis=1)
        self._starts = np.tile(np.arange(n_points), 2 * n_pairs)

    @property
    def is_exact(self) -> bool:
        """Whether all coalitions are asked, and none sampled."""
        return self._coalitions is not None

    @property
    def is_too_wide(self) -> bool:
        """Whether the mixtures for one row would fill the memory."""
        return self.n_mixtures * self._points.shape[1] > MOST_CELLS

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
        n_mixtures = min(CHUNK, CHUNK_CELLS // self._points.shape[1])
        n_rows = max(1, n_mixtures // self.n_mixtures)
        starts = range(0, len(explained), n_rows)
        parts = [explained[at : at + n_rows] for at in starts]
        if self._coalitions is not None:
            return np.concatenate([self._enumerate(part, self._coalitions) for part in parts])
        return np.concatenate([self._walk(part) for part in parts])

    def _enumerate(
        self, explained: NDArray[Any], coalitions: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Return exact values: what all coalitions are worth is asked."""
        n_coalitions, n_features = coalitions.shape
        own = np.arange(len(explained))[:, None, None, None]
        others = len(explained) + np.arange(len(self._points))[:, None]
        index = np.where(coalitions[:, None, :], own, others)
        predicted = self._mixed(explained, index).reshape(len(explained), n_coalitions, -1)
        # Unlike products of matrices, these sums do not depend on how many rows are explained.
        worth = np.einsum("rcp,p->rc", predicted, self._weights)
        return np.einsum("rc,fc->rf", worth, shapley_weights(n_features))

    def _walk(self, explained: NDArray[Any]) -> NDArray[np.float64]:
        n_walks, n_features = self._turns.shape
        way = np.empty((len(explained), n_walks, n_features + 1))
        way[:, :, 0] = self._at_points[self._starts]
        way[:, :, -1] = self._rows.predict(explained)[:, None]
        if n_features > 1:
            taken = self._turns[:, None, :] < np.arange(1, n_features)[:, None]
            own = np.arange(len(explained))[:, None, None, None]
            index = np.where(taken, own, len(explained) + self._starts[:, None, None])
            mixed = self._mixed(explained, index)
            way[:, :, 1:-1] = mixed.reshape(len(explained), n_walks, -1)
        changes = np.take_along_axis(np.diff(way, axis=2), self._turns[None], axis=2)
        weights = self._weights[self._starts]
        return np.einsum("rwf,w->rf", changes, weights / weights.sum())

    def _mixed(self, explained: NDArray[Any], index: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return predictions of mixtures; the last axis has the row that each feature is of."""
        rows = np.concatenate([explained, self._points])
        return self._rows.predict(self._rows.mix(rows, index.reshape(-1, index.shape[-1])))


def reasons_problem(
    schema: Schema,
    pipeline: Any,
    background: Background,
    X: pd.DataFrame,
    chance: Chance | None = None,
) -> str:
    """Return why a pipeline gives no true reasons in time; empty where it does.

    Two samples whose errors are independent correlate as the square of what either correlates with
    the exact contributions.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        Training rows, a few of which are tried.
    chance : callable, optional
        See :class:`Explainer`.
    """
    rows = X.iloc[:: max(1, len(X) // TRIED_ROWS)][:TRIED_ROWS]
    explainer = Explainer(schema, pipeline, background, chance=chance)
    if explainer.is_too_wide:
        return TOO_SLOW
    seconds, found = [], []
    for at in range(len(rows)):
        started = time.process_time()  # other processes' work does not count
        found.append(explainer.contributions(rows[at : at + 1]))
        seconds.append(time.process_time() - started)
    if min(seconds) > MOST_SECONDS:
        return TOO_SLOW
    if explainer.is_exact:
        return ""
    second = Explainer(schema, pipeline, background, random_state=0, chance=chance)
    other = second.contributions(rows)
    agreement = np.corrcoef(np.concatenate(found).ravel(), other.ravel())[0, 1]
    return "" if agreement >= LEAST_CORRELATION**2 else TOO_ROUGH
