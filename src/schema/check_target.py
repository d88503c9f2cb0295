"""What kind of target a column makes, and what that means for the ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from src.schema.check_columns import spellings
from src.schema.findings import NOTE, Finding
from src.schema.ordered_scales import ordered_outcomes
from src.schema.outcomes import plain_outcomes, read_merge
from src.tables.cells import MISSING_MARKS, format_number
from src.tables.look_alike import fold
from src.tables.number_columns import NumberColumn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from src.schema.hints import ColumnHints
    from src.tables.profile import ColumnProfile

FEW_CLASSES = 5
AT_A_BOUND = 0.1  # of the rows, that share the lowest or the highest value
MANY_ZEROS = 0.2
SKEWED = 2.0  # of the third standardised moment


def outcome_of_cells(
    target: ColumnProfile, texts: Sequence[tuple[str, int]], said: ColumnHints
) -> dict[str, str]:
    """Return the outcome that each different cell counts as: its best spelling, merged.

    Parameters
    ----------
    texts : sequence of (str, int)
        The different cells, with how many rows have each.
    """
    import numpy as np

    if target.is_numeric:
        numbers = zip(target.cells, target.numbers.values, strict=True)
        labels = {cell: format_number(number) for cell, number in numbers if np.isfinite(number)}
    else:
        named, respelt = set(map(fold, said.named_outcomes)), spellings(texts)
        known = [c for c, _ in texts if c.lower() not in MISSING_MARKS or fold(c) in named]
        called = plain_outcomes(known)
        spelt = {cell: respelt.get(cell, cell) for cell in known}
        labels = {cell: called.get(label, label) for cell, label in spelt.items()}
    merged = read_merge(said.merge or {}, set(labels.values()))
    return {cell: merged.get(label, label) for cell, label in labels.items()}


def coded(target: ColumnProfile, labels: Mapping[str, str]) -> tuple[ColumnProfile, bool]:
    """Return the profile of outcomes as codes, and whether their order means something.

    Parameters
    ----------
    target : ColumnProfile
        Of text, or of numbers with two values.
    labels : mapping of str to str
        Outcome of each different cell; of numbers, none is needed.
    """
    import numpy as np

    if target.is_numeric:
        return target, True
    in_order = ordered_outcomes(set(labels.values()))
    places = {label: i for i, label in enumerate(in_order or sorted(set(labels.values())))}
    codes = [float(places[labels[c]]) if c in labels else np.nan for c in target.cells]
    numbers = NumberColumn(np.array(codes), is_numeric=True)
    return replace(target, numbers=numbers), in_order is not None or len(places) == 2


def target_findings(
    name: str, y: NDArray[np.float64], apart: Sequence[float] = ()
) -> list[Finding]:
    """Return notes on a target: classes, many zeros, a bound that many reach, a long tail."""
    import numpy as np

    y = y[np.isfinite(y) & ~np.isin(y, apart)]
    if len(y) < 20 or y.std() == 0:
        return []
    values, counts = np.unique(y, return_counts=True)
    if len(values) <= FEW_CLASSES:
        told = {"n_distinct": len(values)}
        remedies = ("binary" if len(values) == 2 else "outcomes",)
        return [Finding("class_target", NOTE, (name,), "number", told, remedies)]
    found = []
    share = counts / len(y)
    zero = float(share[values == 0].sum())
    if zero >= MANY_ZEROS and values[0] >= 0:
        found.append(Finding("zero_heavy_target", NOTE, (name,), "", {"share": round(zero, 4)}))
    for side, k in (("low", 0), ("high", -1)):
        is_zero = values[k] == 0 and zero >= MANY_ZEROS
        if share[k] >= AT_A_BOUND and share[k] > 2 * share[1 if k == 0 else -2] and not is_zero:
            at_bound = {"share": round(float(share[k]), 4)}
            found.append(Finding("bounded_target", NOTE, (name,), side, at_bound, ("bounds",)))
    skewness = float((((y - y.mean()) / y.std()) ** 3).mean())
    if abs(skewness) >= SKEWED:
        found.append(
            Finding("skewed_target", NOTE, (name,), "long_tail", {"skewness": round(skewness, 2)})
        )
    return found
