"""How scores differ between groups of students, and which differences are more than chance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

from src.estimates import Interval
from src.schema import Schema
from src.suppression import LEAST_ROWS, hidden_groups

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

SMALL = 0.2  # standard deviations: below it, Cohen (1988) calls a difference less than small
MOST_CATEGORIES = 12  # of a feature whose pairs are looked at
ALPHA = 0.05


@dataclass(frozen=True)
class Difference:
    """A group's mean score less that of all others, in standard deviations of the score.

    Attributes
    ----------
    mean : Interval
        Of the group's own scores, in the target's unit; 95 %, as ``effect``'s (Welch).
    p_value : float
        Adjusted for all comparisons of the list (Holm).
    """

    feature: str
    category: str
    n_samples: int
    mean: Interval
    effect: Interval
    p_value: float

    @property
    def verdict(self) -> str:
        """``real``, ``too small`` to matter whatever its cause, or ``unclear``."""
        if self.effect.low > -SMALL and self.effect.high < SMALL:
            return "too small"
        return "real" if self.p_value <= ALPHA else "unclear"


@dataclass(frozen=True)
class Interaction:
    """What two features explain together beyond the sum of both: a share of the variance."""

    features: tuple[str, str]
    share: float
    p_value: float


def holm(p_values: list[float]) -> list[float]:
    """Return chances adjusted for their number.

    References
    ----------
    Holm (1979), "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of
    Statistics 6(2).
    """
    from statsmodels.stats.multitest import multipletests

    return multipletests(p_values, method="holm")[1].tolist() if p_values else []


def differences(schema: Schema, X: pd.DataFrame, y: NDArray[np.float64]) -> list[Difference]:
    """Return each category's difference from the rest; groups of fewer than ten are left out."""
    import numpy as np
    from scipy.stats import t, ttest_ind

    found, spread = [], float(y.std(ddof=1)) or 1.0
    for feature in schema.categorical:
        column = X[feature.name]
        masks = [(column == c).to_numpy() for c in feature.categories]
        hidden = hidden_groups(np.array([mask.sum() for mask in masks], dtype=np.intp))
        for category, mask, is_hidden in zip(feature.categories, masks, hidden, strict=True):
            inside, rest = y[mask], y[~mask & column.notna().to_numpy()]
            if is_hidden or len(inside) < LEAST_ROWS or len(rest) < LEAST_ROWS:
                continue
            if not inside.std() and not rest.std():
                continue
            test = ttest_ind(inside, rest, equal_var=False)
            ends = test.confidence_interval(0.95)
            half = t.ppf(0.975, len(inside) - 1) * inside.std(ddof=1) / len(inside) ** 0.5
            mean, gap = float(inside.mean()), float(inside.mean() - rest.mean())
            found.append(Difference(
                feature.name, category, len(inside), Interval(mean, mean - half, mean + half),
                Interval(gap / spread, ends.low / spread, ends.high / spread), float(test.pvalue),
            ))  # fmt: skip
    adjusted = holm([one.p_value for one in found])
    return [replace(one, p_value=p) for one, p in zip(found, adjusted, strict=True)]


def interactions(schema: Schema, X: pd.DataFrame, y: NDArray[np.float64]) -> list[Interaction]:
    """Return every pair of categorical features, the strongest first; an F test each, Holm.

    A category of a pair's cell with fewer than ten students is left out with its rows.
    """
    import numpy as np
    import pandas as pd
    from statsmodels.api import OLS

    found = []
    few = [f.name for f in schema.categorical if len(f.categories) <= MOST_CATEGORIES]
    for one, other in combinations(few, 2):
        pair = X[[one, other]].dropna()
        pair = pair[pair.groupby([one, other])[one].transform("size") >= LEAST_ROWS]
        if pair[one].nunique() < 2 or pair[other].nunique() < 2:
            continue
        truth = y[pair.index]
        first, second = (pd.get_dummies(pair[n], drop_first=True, dtype=float).to_numpy()
                         for n in (one, other))  # fmt: skip
        both = (first[:, :, None] * second[:, None, :]).reshape(len(pair), -1)
        added = np.column_stack([np.ones(len(pair)), first, second])
        full = np.column_stack([added, both])
        if np.linalg.matrix_rank(full) == np.linalg.matrix_rank(added) or not truth.std():
            continue
        fits = OLS(truth, full).fit(), OLS(truth, added).fit()
        test = fits[0].compare_f_test(fits[1])
        found.append(Interaction((one, other), fits[0].rsquared - fits[1].rsquared, float(test[1])))
    adjusted = holm([one.p_value for one in found])
    found = [replace(one, p_value=p) for one, p in zip(found, adjusted, strict=True)]
    return sorted(found, key=lambda one: (one.p_value, -one.share))
