"""Additive contributions of each feature to a pipeline's predictions, in the target's unit.

Any model is explained alike, by permutation over a background. Compiled models have exact ways of
their own (:mod:`src.compiled.contributions`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from src.compiled.contributions import Contributions
from src.explanations.background import ROWS_A_BLOCK, Background
from src.explanations.feature_rows import FeatureRows
from src.explanations.permutation_shapley import permutation_shapley
from src.schema.record import Schema

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

# Predictions for the contributions of one row. With many features they are more: the walks start at
# a block of the background's rows at the least.
MIXTURES = 720


@dataclass(frozen=True)
class ContributionTable:
    """Contributions to many predictions; :class:`Contributions` says what they are.

    Attributes
    ----------
    names : tuple of str
        The features.
    base : float
    values : ndarray of shape (n_samples, n_features)
    """

    names: tuple[str, ...]
    base: float
    values: NDArray[np.float64]

    def rows(self) -> list[Contributions]:
        """Return each prediction's contributions by feature."""
        return [
            Contributions(self.base, dict(zip(self.names, row, strict=True)), "permutation_shapley")
            for row in self.values.tolist()
        ]


class Explainer:
    """Explain the predictions of one fitted pipeline. Build it once: asking is cheap.

    Parameters
    ----------
    schema : Schema
    pipeline : Pipeline
        Fitted, with the steps ``preprocessor`` and ``model``.
    background : Background
        Where the walks of :func:`permutation_shapley` start.
    random_state : int
        Of the permutations.

    Attributes
    ----------
    base : float
        What contributions are counted from, in the target's unit.
    n_mixtures : int
        Predictions that the contributions of one row take.
    """

    def __init__(
        self, schema: Schema, pipeline: Any, background: Background, random_state: int = 42
    ) -> None:
        self._random_state = random_state
        self._rows = FeatureRows.of(pipeline, schema.names)
        a_start = 2 * max(1, len(schema.names) - 1)
        n_starts = max(1, MIXTURES // (a_start * ROWS_A_BLOCK)) * ROWS_A_BLOCK
        self._starts = self._rows.prepare(background.frame(schema))[:n_starts]
        self.n_mixtures = a_start * len(self._starts)
        self.base = float(self._rows.predict(self._starts).mean())

    def contributions(self, X: pd.DataFrame) -> ContributionTable:
        """Return what each feature adds to each prediction.

        Base and contributions sum to the prediction before it is clipped: to 1e-6 relative, or to
        1e-4 where XGBoost has a part in it, which counts in float32.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Typed columns by name, checked.
        """
        rows, prepared = self._rows, self._rows.prepare(X)
        values = permutation_shapley(
            lambda index: rows.predict(rows.mix((prepared, self._starts), index)),
            len(X),
            len(self._starts),
            len(rows.names),
            self._random_state,
        )
        return ContributionTable(rows.names, self.base, values)
