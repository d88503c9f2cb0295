"""What has changed about the columns themselves: cells, scales and blanks, pupil by pupil."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from src.schema.class_reference import BLANK, ClassReference
from src.schema.features import NumericFeature
from src.schema.record import Schema
from src.stats.class_drift import LEAST_PUPILS

if TYPE_CHECKING:
    import pandas as pd

CELLS, OUTSIDE, GONE, BLANKS, SCALE = "cells", "outside", "gone", "blanks", "scale"
GONE_SHARE = 0.95  # blank, of a column that is gone
MORE_BLANKS = 0.05  # more than in training
FAR = 2.5  # standard deviations of pupils between two means of one scale, at most
FACTORS = (2, 4, 5, 6, 10, 20, 100, 1000)
NEAR = 0.2  # of a factor
MOST_CELLS = 5


@dataclass(frozen=True)
class SchemaDrift:
    """Something about a column that has changed.

    Attributes
    ----------
    kind : str
        ``cells`` that training did not see, numbers ``outside`` what it saw, a column ``gone``,
        more ``blanks``, another ``scale``.
    cells : dict of str to int
        Refused cells, and how often they came.
    n : int
        Rows.
    before, now : float or None
        Shares of blanks, or means.
    factor : float or None
        By which a scale seems to have changed.
    """

    kind: str
    feature: str
    cells: dict[str, int] = field(default_factory=dict)
    n: int = 0
    before: float | None = None
    now: float | None = None
    factor: float | None = None


def schema_drifts(
    schema: Schema,
    reference: ClassReference,
    frame: pd.DataFrame,
    files: Sequence[Mapping[str, Any]],
) -> list[SchemaDrift]:
    """Return what has changed about the columns.

    Parameters
    ----------
    frame : DataFrame
        Pupils whose answers are kept.
    files : sequence of mapping
        Summaries of files: see :mod:`src.records.file_summary`.
    """
    found: list[SchemaDrift] = []
    for feature in schema.features:
        name = feature.name
        cells: Counter[str] = Counter()
        for file in files:
            cells.update(file["refused"].get(name, {}))
        if cells:
            most = dict(cells.most_common(MOST_CELLS))
            found.append(SchemaDrift(CELLS, name, most, sum(cells.values())))
        if n := sum(file["unseen"].get(name, 0) for file in files):
            found.append(SchemaDrift(OUTSIDE, name, n=n))
        known = reference.features.get(name)
        if known is None:
            continue
        column = frame[name]
        n_blank = int(column.isna().sum())
        if n_blank >= LEAST_PUPILS:
            share = n_blank / len(column)
            if share >= GONE_SHARE > known.blank:
                found.append(SchemaDrift(GONE, name, n=n_blank, before=known.blank, now=share))
                continue
            if share > known.blank + MORE_BLANKS and BLANK not in known.spreads:
                found.append(SchemaDrift(BLANKS, name, n=n_blank, before=known.blank, now=share))
        if isinstance(feature, NumericFeature) and known.mean is not None and known.deviation:
            n, mean = _mean_of(name, column, files)
            if n >= LEAST_PUPILS and abs(mean - known.mean) > FAR * known.deviation:
                factor = _factor(mean / known.mean) if known.mean else None
                found.append(
                    SchemaDrift(SCALE, name, n=n, before=known.mean, now=mean, factor=factor)
                )
    return found


def _mean_of(
    name: str, column: pd.Series[Any], files: Sequence[Mapping[str, Any]]
) -> tuple[int, float]:
    """Return of how many pupils a number is known, and their mean."""
    if column.notna().any():
        return int(column.notna().sum()), float(column.mean())
    found = [
        one["means"][name] for file in files for one in file["classes"] if name in one["means"]
    ]
    n = sum(size for size, _ in found)
    return n, sum(size * mean for size, mean in found) / n if n else 0.0


def _factor(ratio: float) -> float | None:
    """Return the factor that a ratio of means is near to.

    Examples
    --------
    >>> _factor(0.21), _factor(9.5), _factor(-1.0)
    (0.2, 10.0, None)
    """
    factors = (*(1 / one for one in FACTORS), *map(float, FACTORS))
    nearest = min(factors, key=lambda factor: abs(ratio / factor - 1))
    return nearest if abs(ratio / nearest - 1) <= NEAR else None
