"""For whom a model knows little: blank answers, values outside what training saw, unknown ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from src.compiled.group_effects import GroupEffects
from src.schema.features import NumericFeature, Value
from src.schema.record import Schema


def doubts_of_each(
    schema: Schema,
    columns: Mapping[str, Sequence[Value]],
    groups: GroupEffects | None = None,
) -> dict[int, list[str]]:
    """Return the features of which a model knows little, by the position of the row.

    Parameters
    ----------
    columns : mapping of str to sequence of length n_samples
        Checked values by feature, and by the group where the table tells it.
    groups : GroupEffects, optional
        Whose groups are known.

    Returns
    -------
    dict of int to list of str
        Rows without doubts are not in it.
    """
    found: dict[int, list[str]] = {}
    for feature in schema.features:
        values = columns[feature.name]
        if isinstance(feature, NumericFeature):
            low, high = feature.observed_minimum, feature.observed_maximum
            rows = [
                i
                for i, v in enumerate(values)
                if v is None or not low <= v <= high  # type: ignore[operator]
            ]
        elif feature.optional or feature.other:
            rows = [i for i, v in enumerate(values) if v is None or v == feature.other]
        else:
            continue
        for row in rows:
            found.setdefault(row, []).append(feature.name)
    if groups is not None and groups.column in columns:
        for row, key in enumerate(groups.keys(columns, len(columns[groups.column]))):
            if key is None:
                found.setdefault(row, []).append(groups.column)
    return found
