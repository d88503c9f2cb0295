"""What the rows of training were like, and how their classes differed: saved with the run.

By it, later classes are compared with *another class like those that trained*, without the table
at hand. It holds figures alone: no value of fewer than ten pupils, and no class's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from src.exception import ArtifactError
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.stats.class_drift import LEAST_PUPILS, ClassSpread
from src.utils import read_typed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

REFERENCE = "reference.json"  # of a run
MEAN, BLANK = "mean", "blank"
SHARE = "share of "  # before a category


@dataclass(frozen=True)
class FeatureReference:
    """A feature in the rows of training.

    Attributes
    ----------
    blank : float
        Share of rows without a value.
    mean, deviation : float or None
        Of pupils, where it is a number of ten of them or more.
    shares : dict of str to float
        Of the pupils with a value, by category; of categories of ten pupils or more.
    spreads : dict of str to ClassSpread
        How classes differ in the mean, the share of a category, or of blanks.
    """

    blank: float
    mean: float | None = None
    deviation: float | None = None
    shares: dict[str, float] = field(default_factory=dict)
    spreads: dict[str, ClassSpread] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassReference:
    """The features in the rows of training.

    Attributes
    ----------
    by : str
        The column that says which class a row is of; empty where none does.
    n_classes : int
        Of ten pupils or more.
    """

    by: str
    n_rows: int
    n_classes: int
    features: dict[str, FeatureReference]

    @classmethod
    def of(
        cls,
        schema: Schema,
        frame: pd.DataFrame,
        codes: NDArray[np.integer] | None = None,
        by: str = "",
    ) -> Self:
        """Return what some rows were like.

        Parameters
        ----------
        frame : DataFrame
            A column a feature: floats and texts, missing values being NaN.
        codes : ndarray of int of shape (n_rows,), optional
            The class of each row; a negative one is of no class.
        by : str
            The column that says so.
        """
        import numpy as np

        sizes = np.bincount(codes[codes >= 0]) if codes is not None else np.empty(0, dtype=int)
        found = {one.name: _summary(one, frame[one.name], codes) for one in schema.features}
        return cls(by, len(frame), int((sizes >= LEAST_PUPILS).sum()), found)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; the inverse of :meth:`from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the reference that :meth:`to_dict` described."""
        try:
            return read_typed(cls, values)
        except (TypeError, ValueError, KeyError) as error:
            raise ArtifactError(f"{REFERENCE} is damaged ({error}). Train again.") from error


def parts(
    feature: NumericFeature | CategoricalFeature, column: pd.Series[Any]
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield what classes are compared by, with a number for each row that has one.

    Of two categories, the share of one says all; of categories with fewer than ten pupils, nothing
    is said.
    """
    import numpy as np

    blank = column.isna().to_numpy()
    if blank.any():
        yield BLANK, blank.astype(float)
    if isinstance(feature, NumericFeature):
        yield MEAN, column.to_numpy(dtype=float)
        return
    categories = feature.categories[:1] if len(feature.categories) == 2 else feature.categories
    for category in categories:
        is_it = (column == category).to_numpy()
        if is_it.sum() >= LEAST_PUPILS:
            yield SHARE + category, np.where(blank, np.nan, is_it)


def class_means(
    values: NDArray[np.float64], codes: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.integer]]:
    """Return means and sizes of the classes of ten pupils or more."""
    import numpy as np

    there = ~np.isnan(values) & (codes >= 0)
    sizes = np.bincount(codes[there], minlength=1)
    large = sizes >= LEAST_PUPILS
    sums = np.bincount(codes[there], values[there], minlength=1)
    return sums[large] / sizes[large], sizes[large]


def _summary(
    feature: NumericFeature | CategoricalFeature,
    column: pd.Series[Any],
    codes: NDArray[np.integer] | None,
) -> FeatureReference:
    known = column.dropna()
    mean = deviation = None
    shares: dict[str, float] = {}
    if len(known) >= LEAST_PUPILS:
        if isinstance(feature, NumericFeature):
            numbers = known.astype(float)
            mean, deviation = float(numbers.mean()), float(numbers.std())
        else:
            counts = known.value_counts()
            shares = {str(c): n / len(known) for c, n in counts.items() if n >= LEAST_PUPILS}
    spreads: dict[str, ClassSpread] = {}
    if codes is not None:
        for part, values in parts(feature, column):
            if (spread := ClassSpread.of(values, codes)) is not None:
                spreads[part] = spread
    return FeatureReference(float(column.isna().mean()), mean, deviation, shares, spreads)
