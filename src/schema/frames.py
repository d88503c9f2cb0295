"""Columns of checked values as the typed frame that a fitted preprocessor takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from src.schema.features import ClassTarget, NumericFeature
from src.schema.record import Schema

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def typed_frame(
    schema: Schema, columns: Mapping[str, Sequence[object] | NDArray[Any]]
) -> pd.DataFrame:
    """Return a column a feature: floats and texts, missing values being NaN.

    The target's column comes last, where there is one.

    Parameters
    ----------
    columns : mapping of str to sequence of length n_samples
        Numbers and texts by feature; None or NaN where a value is missing.
    """
    import numpy as np
    import pandas as pd

    target = [schema.target] if schema.target.name in columns else []
    frame = {}
    for feature in (*schema.features, *target):
        values: Any = columns[feature.name]
        if isinstance(feature, NumericFeature):
            frame[feature.name] = pd.Series(values, dtype=np.float64)
        else:
            texts = [value if isinstance(value, str) else np.nan for value in values]
            frame[feature.name] = pd.Series(texts, dtype=object)
    return pd.DataFrame(frame)


def target_values(schema: Schema, column: pd.Series[Any]) -> NDArray[Any]:
    """Return the target as models take it: numbers, or the outcomes' codes as integers."""
    import pandas as pd

    if isinstance(schema.target, ClassTarget):
        codes = pd.Categorical(column, categories=list(schema.target.categories)).codes
        return codes.astype("int64")
    return column.to_numpy()


def target_cells(schema: Schema, y: NDArray[Any]) -> list[object]:
    """Return the target as a table holds it; the inverse of :func:`target_values`."""
    if isinstance(schema.target, ClassTarget):
        return [schema.target.categories[code] for code in y.tolist()]
    return y.tolist()
