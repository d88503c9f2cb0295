"""Which group of a sensitive feature each row is in, and which groups differ beyond chance."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from src.report.facts import FairnessFinding
from src.report.findings import category_label, missing_label, pair_label, range_labels
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.stats.disclosure import LEAST_ROWS, hidden_cells, hidden_groups, hidden_together
from src.stats.intervals import LEAST_CLUSTERS
from src.stats.permutation_test import ALPHA, compare_groups
from src.stats.wild_bootstrap import compare_groups_of_clusters

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

LEAST_INSIDE = 5  # clusters with rows of a group, and with others, for the group to be compared
MOST_VALUES = 5  # of a number, to be groups as they are; with more, its thirds are


@dataclass(frozen=True)
class Partition:
    """Which group each row is in, as a position in the labels."""

    features: tuple[str, ...]
    labels: tuple[str, ...]
    codes: NDArray[np.intp]
    hidden: NDArray[np.bool_]

    @property
    def counts(self) -> NDArray[np.intp]:
        import numpy as np

        return np.bincount(self.codes, minlength=len(self.labels))

    @property
    def shown(self) -> list[int]:
        """Positions of the groups that get figures."""
        import numpy as np

        return np.flatnonzero((self.counts > 0) & ~self.hidden).tolist()


def partition_by(feature: NumericFeature | CategoricalFeature, column: pd.Series) -> Partition:
    """Return the groups that a sensitive feature makes of the rows."""
    import numpy as np
    import pandas as pd

    if isinstance(feature, CategoricalFeature):
        codes = pd.Categorical(column, categories=list(feature.categories)).codes.astype(np.intp)
        labels = [category_label(feature, category) for category in feature.categories]
    else:
        codes, labels = _cut(column.to_numpy(dtype=np.float64, na_value=np.nan), feature)
    codes = np.where(codes < 0, len(labels), codes)
    labels.append(missing_label(feature))
    hidden = hidden_groups(np.bincount(codes, minlength=len(labels)))
    return Partition((feature.name,), tuple(labels), codes, hidden)


def _cut(
    numbers: NDArray[np.float64], feature: NumericFeature
) -> tuple[NDArray[np.intp], list[str]]:
    """Return the third of each number, -1 for a missing one, and names of the thirds.

    A few different numbers are a group each.
    """
    import numpy as np

    missing = np.isnan(numbers)
    known = numbers[~missing]
    edges = np.unique(known)
    if len(edges) <= MOST_VALUES:
        labels = [category_label(feature, value) for value in edges.tolist()]
    else:
        thirds = np.quantile(known, (1 / 3, 2 / 3), method="inverted_cdf")
        edges = np.unique([float(f"{edge:.4g}") for edge in thirds])
        labels = range_labels(feature, edges.tolist())
    return np.where(missing, -1, np.searchsorted(edges, numbers)), labels


def partitions_of(
    schema: Schema,
    X: pd.DataFrame,
    cross: tuple[str, str] | None = None,
    published: Sequence[NDArray[np.bool_]] = (),
) -> list[Partition]:
    """Return the groups of each sensitive feature, and those of the pair that is crossed.

    Groups whose figures, with those of the others and of other sets of rows that are published,
    would single out a few rows are hidden.
    """
    found = [partition_by(f, X[f.name]) for f in schema.features if f.sensitive]
    found = _hidden_together(found, published)
    if cross is not None:
        by_name = {one.features[0]: one for one in found}
        crossed = _cross(*(by_name[name] for name in cross))
        found = _hidden_together([*found, crossed], published)
    return found


def groups_to_compare(
    schema: Schema, X: pd.DataFrame, happened: NDArray[np.bool_]
) -> list[list[NDArray[np.bool_]]]:
    """Return the rows of the groups of each sensitive feature that other figures give way to.

    These are features of which two groups have ten rows with the event and ten without.
    """
    found = []
    for partition in partitions_of(schema, X):
        groups = [partition.codes == code for code in partition.shown]
        rarer = [min(happened[rows].sum(), (~happened[rows]).sum()) for rows in groups]
        if sum(n >= LEAST_ROWS for n in rarer) >= 2:
            found.append(groups)
    return found


def _hidden_together(
    partitions: Sequence[Partition], published: Sequence[NDArray[np.bool_]]
) -> list[Partition]:
    codes, hidden = [one.codes for one in partitions], [one.hidden for one in partitions]
    together = hidden_together(codes, hidden, published)
    return [replace(one, hidden=h) for one, h in zip(partitions, together, strict=True)]


def _crossed_counts(one: Partition, other: Partition) -> NDArray[np.intp]:
    import numpy as np

    shape = (len(one.labels), len(other.labels))
    codes = one.codes * shape[1] + other.codes
    return np.bincount(codes, minlength=shape[0] * shape[1]).reshape(shape)


def _cross(one: Partition, other: Partition) -> Partition:
    """Return the combinations of two partitions' groups, hiding what gives a small one away."""
    counts = _crossed_counts(one, other)
    hidden = hidden_cells(counts, one.hidden, other.hidden)
    labels = tuple(pair_label(*both) for both in itertools.product(one.labels, other.labels))
    codes = one.codes * counts.shape[1] + other.codes
    return Partition(one.features + other.features, labels, codes, hidden.ravel())


# --- which groups differ -------------------------------------------------------------------------


@dataclass(frozen=True)
class Compared:
    """What came of comparing groups with the other rows.

    Attributes
    ----------
    p_values : list of dict
        Of each partition, by the codes of its groups: adjusted p-values by figure.
    noticeable : dict of int to float
        By the size of a group, which difference of the mean would be told from chance.
    critical : float
        The statistic that a group must exceed, on the scale of a standard normal variable.
    """

    p_values: list[dict[int, dict[str, float]]]
    noticeable: dict[int, float]
    critical: float


def compare(
    partitions: Sequence[Partition],
    values: NDArray[np.float64],
    clusters: NDArray[np.intp] | None,
    n_resamples: int,
    random_state: int,
    alpha: float = ALPHA,
) -> Compared:
    """Compare the rows' values between each group that is shown and all other rows.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
    clusters : ndarray of shape (n_samples,) or None
    alpha : float
        Chance of telling any group apart where none differs.
    """
    import numpy as np

    compared, groups = [], []
    for at, partition in enumerate(partitions):
        for code in partition.shown:
            inside = partition.codes == code
            if _can_be_compared(inside, clusters):
                compared.append((at, code))
                groups.append(np.flatnonzero(inside))
    random = np.random.default_rng(random_state)
    if clusters is None:
        found = compare_groups(values, groups, n_resamples, random, alpha)
    else:
        codes = np.unique(clusters, return_inverse=True)[1]
        found = compare_groups_of_clusters(values, groups, codes, n_resamples, random, alpha)
    p_values: list[dict[int, dict[str, float]]] = [{} for _ in partitions]
    for (at, code), of_group in zip(compared, found.p_values, strict=True):
        p_values[at][code] = of_group
    noticeable = dict(zip(map(len, groups), found.noticeable, strict=False))
    return Compared(p_values, noticeable, found.critical)


def _can_be_compared(inside: NDArray[np.bool_], clusters: NDArray[np.intp] | None) -> bool:
    """Whether a group and its others have rows and clusters enough."""
    import numpy as np

    if clusters is None:
        return bool((~inside).sum() >= LEAST_ROWS)
    sides = [len(np.unique(clusters[rows])) for rows in (inside, ~inside)]
    return min(sides) >= LEAST_INSIDE and len(np.unique(clusters)) >= LEAST_CLUSTERS


def _has_groups_to_compare(partition: Partition) -> bool:
    """Whether a group has rows enough, and so have all others together."""
    import numpy as np

    smaller = np.minimum(partition.counts, len(partition.codes) - partition.counts)
    return bool(smaller.max() >= LEAST_ROWS)


def nothing_compared(
    partitions: Sequence[Partition], compared: bool, n_rows: int, n_clusters: int | None
) -> FairnessFinding | None:
    """Return why no groups were compared; None where some were.

    Parameters
    ----------
    partitions : sequence of Partition
        Those of sensitive features, and of pairs of them, that were looked at.
    compared : bool
        Whether any group has a p-value.
    """
    if not partitions:
        return FairnessFinding("no_sensitive_feature")
    if compared:
        return None
    if not any(one.shown for one in partitions) and any(map(_has_groups_to_compare, partitions)):
        return FairnessFinding("withheld_together", {"least_rows": LEAST_ROWS})
    if n_clusters is not None:
        values = {"n_clusters": n_clusters, "least": LEAST_CLUSTERS, "least_inside": LEAST_INSIDE}
        return FairnessFinding("too_few_clusters", values)
    return FairnessFinding("too_few_rows", {"n_rows": n_rows, "least_rows": LEAST_ROWS})
