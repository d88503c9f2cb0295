"""From what came of a file to what the page shows of it."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from src.report.wording import number, percent, sensible_decimals, with_unit
from src.schema.features import NumericFeature
from src.serving.scoring import BINS, ShownRow, Summary
from src.tables.cells import format_number
from src.web.charts import distribution, table_rows


@dataclass(frozen=True)
class Row:
    """A row of the preview; empty texts where it was refused.

    Attributes
    ----------
    chance : str
        Of the truth being below the pass mark, as a percentage.
    """

    line: int
    cells: list[str]
    prediction: str
    interval: str
    below: bool
    chance: str


@dataclass(frozen=True)
class View:
    """What the page shows.

    Attributes
    ----------
    chart, bins : Markup
        A histogram of the predictions, and the same as rows of a table.
    median, mean : str
        Of the predictions, with their unit.
    """

    summary: Summary
    target: str
    unit: str
    pass_mark: str
    chart: Markup
    bins: Markup
    mean: str
    median: str
    rows: tuple[Row, ...]
    problem_rows: int


def describe_file(summary: Summary, target: NumericFeature) -> View:
    """Return what the page shows of a summary."""
    decimals, mark = sensible_decimals(target), summary.pass_mark
    name = target.label or target.name
    step = (summary.high - summary.low or 1.0) / BINS
    edges = tuple(summary.low + i * step for i in range(BINS + 1))
    shown = [format_number(round(edge, decimals)) for edge in edges]
    return View(
        summary=summary,
        target=name,
        unit=target.unit,
        pass_mark="" if mark is None else format_number(mark),
        chart=distribution(
            edges,
            tuple(summary.bins),
            f"How many students are predicted to reach which {name}",
            f"A histogram of {summary.n_predicted:,} predictions."
            + ("" if mark is None else f" The dashed line is at {format_number(mark)}."),
            mark=mark,
            below=mark,
        ),
        bins=table_rows(
            [
                (f"{low} to {high}", n)
                for low, high, n in zip(shown, shown[1:], summary.bins, strict=False)
                if n
            ]
        ),
        mean=with_unit(summary.mean, decimals, target.unit),
        median=with_unit(summary.median, decimals, target.unit),
        rows=tuple(_row(row, decimals) for row in summary.rows),
        problem_rows=len({problem.row for problem in summary.problems}),
    )


def _row(row: ShownRow, decimals: int) -> Row:
    score = row.score
    if score is None:
        return Row(row.line, row.cells, "", "", below=False, chance="")
    chance, interval, rough = score.chance_below_pass_mark, "", max(decimals - 1, 0)
    if score.low_90 is not None and score.high_90 is not None:
        interval = f"{number(score.low_90, rough)} to {number(score.high_90, rough)}"
    return Row(
        row.line,
        row.cells,
        number(score.prediction, decimals),
        interval,
        below=bool(score.below_pass_mark),
        chance="" if chance is None else percent(chance),
    )
