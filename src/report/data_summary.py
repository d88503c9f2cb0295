"""Counts and means of a training table: what a report may say of the data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from src.exception import Problem
from src.report.facts import CategoricalSummary, DataSummary, NumericSummary, RefusedRows
from src.schema.features import CategoricalFeature, ClassTarget, NumericFeature
from src.schema.record import Schema
from src.stats.spread import Spread, spread_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

MOST_BINS = 25


def summarize_data(
    X: pd.DataFrame, y: NDArray[np.float64], schema: Schema, problems: Iterable[Problem] = ()
) -> DataSummary:
    """Return what a report may say of the rows that training used.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Numbers, or codes of outcomes.
    problems : iterable of Problem
        What was found in the rows that are left out; only their rules and numbers are kept.
    """
    import numpy as np

    target: NumericSummary | CategoricalSummary
    spread = Spread([], [], [], [])
    if isinstance(schema.target, ClassTarget):
        outcomes = schema.target.categories
        of_outcomes = np.bincount(y.astype(np.intp), minlength=len(outcomes)).tolist()
        target = CategoricalSummary(
            schema.target.name, 0, dict(zip(outcomes, of_outcomes, strict=True))
        )
    else:
        target = _numeric(schema.target.name, y)
        spread = target_spread(y, schema.target)
    return DataSummary(
        n_rows=len(y),
        features=tuple(
            _categorical(feature, X[feature.name])
            if isinstance(feature, CategoricalFeature)
            else _numeric(feature.name, X[feature.name].to_numpy(dtype=np.float64))
            for feature in schema.features
        ),
        target=target,
        edges=tuple(spread.edges),
        counts=tuple(spread.counts),
        problems=_refused(problems, schema),
    )


def target_spread(y: NDArray[np.float64], target: NumericFeature) -> Spread:
    """Return how many values lie in equal bins, merged until each holds ten or none.

    Bins are of whole widths around whole numbers where the target has only those.
    """
    import numpy as np

    if not len(y):
        return Spread([], [], [], [])
    low, high = float(y.min()), float(y.max())
    if target.integer and high - low < 1e6:
        width = int(np.ceil((high - low + 1) / MOST_BINS))
        n_bins = int(np.ceil((high - low + 1) / width))
        edges = low - 0.5 + width * np.arange(n_bins + 1, dtype=np.float64)
    elif high > low:
        edges = np.linspace(low, high, int(np.clip(np.sqrt(len(y)), 5, MOST_BINS)) + 1)
    else:
        edges = np.array([low - 0.5, low + 0.5])
    return spread_of(y, edges, step=1.0 if target.integer else 0.0)


def _numeric(name: str, values: NDArray[np.float64]) -> NumericSummary:
    import numpy as np

    known = values[np.isfinite(values)]
    if not len(known):
        return NumericSummary(name, len(values), None, None, None, None)
    return NumericSummary(
        name,
        n_missing=len(values) - len(known),
        mean=float(known.mean()),
        standard_deviation=float(known.std(ddof=1)) if len(known) > 1 else 0.0,
        minimum=float(known.min()),
        maximum=float(known.max()),
    )


def _categorical(feature: CategoricalFeature, values: pd.Series) -> CategoricalSummary:
    found = values.value_counts()
    counts = {category: int(found.get(category, 0)) for category in feature.categories}
    return CategoricalSummary(feature.name, int(values.isna().sum()), counts)


def _refused(problems: Iterable[Problem], schema: Schema) -> tuple[RefusedRows, ...]:
    rules = {feature.name: feature.rule for feature in (*schema.features, schema.target)}
    full = "a full row with as many cells as the header"
    rows: defaultdict[str | None, set[int | None]] = defaultdict(set)
    for problem in problems:
        rows[problem.field].add(problem.row)
    found = [
        RefusedRows(field, rules.get(field, "usable") if field else full, len(of_field))
        for field, of_field in rows.items()
    ]
    return tuple(sorted(found, key=lambda one: -one.n_rows))
