"""How scores differ between groups of students, and which differences are more than chance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from src.report.wording import MINUS, number, plain
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.stats.disclosure import LEAST_ROWS, hidden_groups
from src.stats.intervals import Interval

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

SMALL = 0.2  # standard deviations: below it, Cohen (1988) calls a difference less than small
MOST_CATEGORIES = 12  # of a feature whose pairs are looked at
MOST_VALUES = 6  # of a number whose values are groups; more of them make four groups
ALPHA = 0.05


@dataclass(frozen=True)
class Difference:
    """A group's mean score less that of all others, in standard deviations of the score.

    Attributes
    ----------
    mean : Interval
        Of the group's own scores, in the target's unit; 95 %, as ``effect``'s (Welch).
    p_value : float
        Adjusted for all comparisons of the list (Holm); of two groups, for one comparison.
    """

    feature: str
    group: str
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


def groups(
    feature: CategoricalFeature | NumericFeature, column: pd.Series
) -> dict[str, NDArray[np.bool_]]:
    """Return who is in which group of a feature: its categories, or about a quarter of its values.

    Groups that would single somebody out are left out.
    """
    import numpy as np

    if isinstance(feature, CategoricalFeature):
        found = {plain(c): (column == c).to_numpy() for c in feature.categories}
    else:
        found = _numeric_groups(column)
    sizes = np.array([mask.sum() for mask in found.values()], dtype=np.intp)
    hidden = hidden_groups(sizes, LEAST_ROWS)
    return {
        group: mask
        for (group, mask), hide, size in zip(found.items(), hidden, sizes, strict=True)
        if size and not hide
    }


def short(value: float) -> str:
    """Return a number as a label: whole where it is, else with what matters of its decimals."""
    return number(value) if value == round(value) else f"{value:.4g}".replace("-", MINUS, 1)


def _numeric_groups(column: pd.Series) -> dict[str, NDArray[np.bool_]]:
    import numpy as np

    values, known = column.to_numpy(dtype=float), column.dropna()
    if known.nunique() <= MOST_VALUES:
        return {short(value): values == value for value in np.unique(known)}
    edges = np.unique(known.quantile([0.25, 0.5, 0.75], interpolation="lower"))
    edges = edges[edges < known.max()]
    if not len(edges):
        return {}
    first = "" if edges[0] == known.min() else "up to "
    found = {f"{first}{short(edges[0])}": values <= edges[0]}
    for low, high in pairwise(edges):
        found[f"over {short(low)} to {short(high)}"] = (values > low) & (values <= high)
    return {**found, f"over {short(edges[-1])}": values > edges[-1]}


def differences(schema: Schema, X: pd.DataFrame, y: NDArray[np.float64]) -> list[Difference]:
    """Return each group's difference from the rest; groups of fewer than ten are left out."""
    from scipy.stats import t, ttest_ind

    found, mirrored, spread = [], [], float(y.std(ddof=1)) or 1.0
    for feature in schema.features:
        known = X[feature.name].notna().to_numpy()
        shown = groups(feature, X[feature.name])
        for number_of, (group, mask) in enumerate(shown.items()):
            inside, rest = y[mask], y[~mask & known]
            if len(rest) < LEAST_ROWS or not (inside.std() or rest.std()):
                continue
            test = ttest_ind(inside, rest, equal_var=False)
            ends = test.confidence_interval(0.95)
            half = t.ppf(0.975, len(inside) - 1) * inside.std(ddof=1) / len(inside) ** 0.5
            mean, gap = float(inside.mean()), float(inside.mean() - rest.mean())
            mirrored.append(number_of == 1 and len(rest) == next(iter(shown.values())).sum())
            found.append(Difference(
                feature.name, group, len(inside), Interval(mean, mean - half, mean + half),
                Interval(gap / spread, ends.low / spread, ends.high / spread), float(test.pvalue),
            ))  # fmt: skip
    # The second of two groups is the first with its sign turned, not one comparison more.
    once = [one.p_value for one, again in zip(found, mirrored, strict=True) if not again]
    adjusted, p_value, result = iter(holm(once)), 1.0, []
    for one, again in zip(found, mirrored, strict=True):
        p_value = p_value if again else next(adjusted)
        result.append(replace(one, p_value=p_value))
    return result


def largest(found: list[Difference]) -> dict[str, Difference]:
    """Return the largest difference of each feature, the largest of all first.

    One that is real goes before a larger one that may be chance, as few students make it.
    """
    ranks = {"real": 0, "unclear": 1, "too small": 2}
    best: dict[str, Difference] = {}
    for one in sorted(found, key=lambda one: (ranks[one.verdict], -abs(one.effect.value))):
        best.setdefault(one.feature, one)
    return dict(sorted(best.items(), key=lambda item: -abs(item[1].effect.value)))


def interactions(schema: Schema, X: pd.DataFrame, y: NDArray[np.float64]) -> list[Interaction]:
    """Return every pair of categorical features, the surest first; an F test each, Holm.

    A cell with fewer than ten students is left out with its rows.
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
        full, added = _independent(full), _independent(added)
        if full.shape == added.shape or not truth.std():
            continue
        fits = OLS(truth, full).fit(), OLS(truth, added).fit()
        test = fits[0].compare_f_test(fits[1])
        found.append(Interaction((one, other), fits[0].rsquared - fits[1].rsquared, float(test[1])))
    adjusted = holm([one.p_value for one in found])
    found = [replace(one, p_value=p) for one, p in zip(found, adjusted, strict=True)]
    return sorted(found, key=lambda one: (one.p_value, -one.share))


def _independent(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return columns of a matrix without those that follow from others (empty cells make such)."""
    import numpy as np
    from scipy.linalg import qr

    triangle, order = qr(matrix, mode="r", pivoting=True)
    sizes = np.abs(np.diag(triangle))
    return matrix[:, order[: int((sizes > 1e-9 * sizes[0]).sum())]]
