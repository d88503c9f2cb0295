"""What came of a table that was read in parts: its exact figures, and what the sample cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from src.language import gettext as _
from src.report.wording import interval_note, number
from src.stats.intervals import Interval
from src.utils import read_typed

R2 = "r2"


@dataclass(frozen=True)
class ColumnFacts:
    """Exact figures of a number in all rows.

    Attributes
    ----------
    total : float
        The sum, added up with twice the digits that it is told with.
    """

    name: str
    n_rows: int
    n_missing: int
    minimum: float
    maximum: float
    total: float


@dataclass(frozen=True)
class LargeTableFacts:
    """How a large table was learnt from.

    Attributes
    ----------
    n_rows, n_used : int
        Of all files, and those of them that are good.
    n_searched, n_tested, n_held_out : int
        Rows that the search saw, that scores are told of, and that ranges are made by, too.
    on_all, on_sample : Interval
        R², or log loss before calibration, of the winner fitted to all rows that are not held out,
        and to the searched ones alone, for the same held-out rows.
    gain : Interval
        By how much the former is ahead.
    quantile_error : float
        How far the share of rows below a quantile may be off, in 19 of 20 samples.
    metric : str
        ``r2`` or ``log_loss``.
    together : str
        The column of which equal cells stay on one side of every split; empty where there is none.
    """

    n_files: int
    n_rows: int
    n_used: int
    n_searched: int
    n_tested: int
    n_held_out: int
    on_all: Interval
    on_sample: Interval
    gain: Interval
    quantile_error: float
    columns: tuple[ColumnFacts, ...]
    metric: str = R2
    together: str = ""


def sentences(metrics: Mapping[str, Any]) -> list[str]:
    """Return what is said of a run's large table; nothing of other tables."""
    if "large_table" not in metrics:
        return []
    facts = read_typed(LargeTableFacts, metrics["large_table"])
    of_outcomes = facts.metric != R2
    found = [
        _(
            "The table was read in parts. The search saw %(searched)s of %(rows)s rows, drawn at "
            "random; the winner was fitted to all %(used)s that can be used.",
            searched=number(facts.n_searched),
            rows=number(facts.n_rows),
            used=number(facts.n_used),
        )
    ]
    if of_outcomes:
        found.append(
            _(
                "Each outcome has the same share of the searched rows as of all rows; a rare one "
                "has more, so that there is something to learn from."
            )
        )
    if facts.together:
        found.append(
            _(
                "Rows with the same %(column)s were kept on one side of every split: the figures "
                "are for values of it that the model does not know. What each value itself says "
                "was not learnt.",
                column=facts.together,
            )
        )
    low, high = _share(facts.gain.low), _share(facts.gain.high)
    words = {
        "sample": _share(facts.on_sample.value),
        "all": _share(facts.on_all.value),
        "tested": number(facts.n_tested),
        "gain": _share(facts.gain.value),
        "interval": interval_note(low, high) if facts.gain.low < facts.gain.high else "",
    }
    if of_outcomes:
        found.append(
            _(
                "Fitted to the searched rows alone, its log loss for %(tested)s held-out rows, "
                "before calibration, would be %(sample)s; fitted to all others, it is %(all)s: a "
                "gain of %(gain)s%(interval)s.",
                **words,
            )
        )
    else:
        found.append(
            _(
                "Fitted to the searched rows alone, it would explain %(sample)s of the differences "
                "between %(tested)s held-out rows (R²); fitted to all others, it explains %(all)s: "
                "a gain of %(gain)s%(interval)s.",
                **words,
            )
        )
    found.append(
        _(
            "Counts of rows, missing values and categories, the lowest and the highest values are "
            "of all rows. All other figures of the table are of the rows that were drawn: the "
            "share of rows below any value is right to %(error)s percentage points in 19 of 20 "
            "such samples. Copies of rows and pupils with several rows were looked for among "
            "these alone.",
            error=number(100 * facts.quantile_error, 2),
        )
    )
    return found


def _share(value: float) -> str:
    return number(value, 4)
