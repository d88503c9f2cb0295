"""How a prediction comes about: a base value, and what each feature adds to it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Method = Literal["linear", "tree_shap", "permutation_shapley", "path"]


@dataclass(frozen=True)
class Contributions:
    """Additive contributions to one prediction, in the target's unit.

    Attributes
    ----------
    base : float
        What the model predicts before it knows anything of the record: the mean over the
        background rows or over the training rows, as the method has it.
    values : dict of str to float
        By the name of the feature that the person entered; one-hot columns are summed.
    method : str
        ``linear`` (exact), ``tree_shap`` (exact Shapley values of trees), ``permutation_shapley``
        (sampled over a background), or ``path`` (each split's change of the node's mean: additive,
        but not Shapley values).
    """

    base: float
    values: dict[str, float]
    method: Method

    @property
    def total(self) -> float:
        """The prediction before it is clipped to the target's range."""
        return math.fsum((self.base, *self.values.values()))
