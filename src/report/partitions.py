"""Rows divided into groups by a sensitive feature or by two, without giving small groups away."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from src.schema.features import CategoricalFeature, NumericFeature
from src.stats.disclosure import hidden_cells, hidden_groups
from src.tables.cells import format_number

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

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

    name = feature.label or feature.name
    if isinstance(feature, CategoricalFeature):
        codes = pd.Categorical(column, categories=list(feature.categories)).codes.astype(np.intp)
        values = [f"= {category}" for category in feature.categories]
    else:
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        codes, values = _cut(numbers, feature.unit)
    codes = np.where(codes < 0, len(values), codes)
    labels = tuple(f"{name} {value}" for value in [*values, "missing"])
    return Partition(
        (feature.name,), labels, codes, hidden_groups(np.bincount(codes, minlength=len(labels)))
    )


def _cut(numbers: NDArray[np.float64], unit: str) -> tuple[NDArray[np.intp], list[str]]:
    """Return the third of each number, -1 for a missing one, and names of the thirds.

    A few different numbers are a group each.
    """
    import numpy as np

    known = numbers[~np.isnan(numbers)]
    different = np.unique(known)
    missing = np.isnan(numbers)
    unit = f" {unit}" if unit else ""
    if len(different) <= MOST_VALUES:
        codes = np.where(missing, -1, np.searchsorted(different, numbers))
        return codes, [f"= {format_number(value)}{unit}" for value in different]
    thirds = np.quantile(known, (1 / 3, 2 / 3), method="inverted_cdf")
    edges = np.unique([float(f"{edge:.4g}") for edge in thirds])
    shown = [format_number(edge) for edge in edges]
    codes = np.where(missing, -1, np.searchsorted(edges, numbers))
    between = [f"over {low} to {high}{unit}" for low, high in itertools.pairwise(shown)]
    return codes, [f"up to {shown[0]}{unit}", *between, f"over {shown[-1]}{unit}"]


def with_pairs(single: list[Partition]) -> list[Partition]:
    """Return the partitions and their pairs, with everything hidden that gives a small group away.

    Where two of them differ by a few rows only, the second is hidden altogether.
    """
    import numpy as np

    single, pairs = list(single), {}
    todo = list(itertools.combinations(range(len(single)), 2))
    while todo:
        a, b = todo.pop(0)
        one, other = single[a], single[b]
        shape = (len(one.labels), len(other.labels))
        codes = one.codes * shape[1] + other.codes
        counts = np.bincount(codes, minlength=shape[0] * shape[1])
        hidden = hidden_cells(counts.reshape(shape), one.hidden, other.hidden)
        if hidden is None:
            single[b] = replace(other, hidden=other.counts > 0)
            todo = list(itertools.combinations(range(len(single)), 2))
            continue
        labels = tuple(
            f"{first} and {second}" for first, second in itertools.product(one.labels, other.labels)
        )
        pairs[a, b] = Partition(one.features + other.features, labels, codes, hidden.ravel())
    return [*single, *(pairs[at] for at in sorted(pairs))]
