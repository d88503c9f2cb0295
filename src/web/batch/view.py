"""From what came of a file to what the page shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from markupsafe import Markup

from src.report.scored_file import at_risk, reading
from src.report.wording import interval_ends, number, percent, sensible_decimals, with_unit
from src.schema.features import NumericFeature
from src.serving.scoring import BINS, ShownRow, Summary
from src.tables.cells import format_number
from src.web.charts import distribution, table_rows

NOTHING: Mapping[str, Any] = {}


class Row(NamedTuple):
    """A row of the preview; texts are empty where it was refused, or where nothing is known."""

    line: int
    cells: list[str]
    prediction: str = ""
    interval: str = ""
    below: bool = False
    chance: str = ""
    left_out: bool = False
    mended: str = ""


@dataclass(frozen=True)
class View:
    """What the page shows: the predictions as a histogram and as the same in a table, and rows.

    Attributes
    ----------
    remarks : list of str
        How the file was read, and what was mended in it.
    at_risk : str
        How good the list of those below the pass mark is.
    """

    summary: Summary
    target: str
    unit: str
    pass_mark: str
    chart: Markup
    bins: Markup
    mean: str
    median: str
    rows: list[Row]
    problem_rows: int
    remarks: list[str]
    at_risk: str


def describe_file(
    summary: Summary, target: NumericFeature, metrics: Mapping[str, Any] = NOTHING
) -> View:
    """Return what the page shows of a summary; ``metrics`` are those of the model that made it."""
    decimals, name = sensible_decimals(target), target.label or target.name
    mark = "" if summary.pass_mark is None else format_number(summary.pass_mark)
    step = (summary.high - summary.low or 1.0) / BINS
    edges = tuple(summary.low + i * step for i in range(BINS + 1))
    shown = pairwise(format_number(round(edge, decimals)) for edge in edges)
    bins = [(f"{low} to {high}", n) for (low, high), n in zip(shown, summary.bins, strict=True)]
    return View(
        summary=summary,
        target=name,
        unit=target.unit,
        pass_mark=mark,
        chart=distribution(
            edges,
            tuple(summary.bins),
            f"How many students are predicted to reach which {name}",
            f"A histogram of {summary.n_predicted:,} predictions."
            + (f" The dashed line is at {mark}." if mark else ""),
            mark=summary.pass_mark,
            below=summary.pass_mark,
        ),
        bins=table_rows([row for row in bins if row[1]]),
        mean=with_unit(summary.mean, decimals, target.unit),
        median=with_unit(summary.median, decimals, target.unit),
        rows=[_row(row, decimals) for row in summary.rows],
        problem_rows=len({problem.row for problem in summary.problems}),
        remarks=reading(summary),
        at_risk=at_risk(metrics, summary.pass_mark),
    )


def _row(row: ShownRow, decimals: int) -> Row:
    score = row.score
    if score is None:
        return Row(row.line, row.cells, left_out=bool(row.left_out))
    chance, ends = score.chance_below_pass_mark, None
    if score.low_90 is not None and score.high_90 is not None:
        ends = score.low_90, score.high_90
    return Row(
        row.line,
        row.cells,
        number(score.prediction, decimals),
        interval_ends(ends, decimals, " to "),
        bool(score.below_pass_mark),
        "" if chance is None else percent(chance),
        mended=row.mended,
    )
