"""From what came of a file to what the page shows of it."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from src.report.wording import number, percent, sensible_decimals, with_unit
from src.schema.features import NumericFeature
from src.serving.scoring import BINS, ShownRow, Summary
from src.tables.cells import format_number
from src.web.charts import axis_labels


@dataclass(frozen=True)
class Bar:
    """A bar of the histogram; its place and width are percentages, its height is in pixels.

    Attributes
    ----------
    label : str
        From where to where it counts.
    below : bool
        Whether all of it lies below the pass mark.
    """

    x: float
    width: float
    y: float
    height: float
    label: str
    count: int
    below: bool


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
    mark_at : float or None
        Where the pass mark stands in the histogram, as a percentage.
    axis : Markup
        Labels of the histogram's axis.
    median, mean : str
        Of the predictions, with their unit.
    """

    summary: Summary
    target: str
    unit: str
    pass_mark: str
    bars: tuple[Bar, ...]
    mark_at: float | None
    axis: Markup
    mean: str
    median: str
    rows: tuple[Row, ...]
    problem_rows: int


HEIGHT = 150  # of the highest bar, in pixels


def describe_file(summary: Summary, target: NumericFeature) -> View:
    """Return what the page shows of a summary."""
    decimals = sensible_decimals(target)
    mark = summary.pass_mark
    width = summary.high - summary.low or 1.0
    at = None if mark is None else round(100 * min(1.0, max(0.0, (mark - summary.low) / width)), 2)
    return View(
        summary=summary,
        target=target.label or target.name,
        unit=target.unit,
        pass_mark="" if mark is None else format_number(mark),
        bars=_bars(summary, decimals),
        mark_at=at,
        axis=axis_labels(summary.low, summary.high, HEIGHT + 18),
        mean=with_unit(summary.mean, decimals, target.unit),
        median=with_unit(summary.median, decimals, target.unit),
        rows=tuple(_row(row, decimals) for row in summary.rows),
        problem_rows=len({problem.row for problem in summary.problems}),
    )


def _row(row: ShownRow, decimals: int) -> Row:
    score = row.score
    if score is None:
        return Row(row.line, row.cells, "", "", below=False, chance="")
    interval, rough = "", max(decimals - 1, 0)
    if score.low is not None and score.high is not None:
        interval = f"{number(score.low, rough)} to {number(score.high, rough)}"
    return Row(
        row.line,
        row.cells,
        number(score.prediction, decimals),
        interval,
        below=bool(score.below),
        chance="" if score.chance is None else percent(score.chance),
    )


def _bars(summary: Summary, decimals: int) -> tuple[Bar, ...]:
    most = max(summary.bins) or 1
    step = (summary.high - summary.low or 1.0) / BINS
    bars = []
    for i, count in enumerate(summary.bins):
        start, end = summary.low + i * step, summary.low + (i + 1) * step
        height = round(HEIGHT * count / most, 1)
        bars.append(
            Bar(
                x=round(100 * i / BINS + 0.4, 2),
                width=round(100 / BINS - 0.8, 2),
                y=HEIGHT - height,
                height=height,
                label=f"{_short(start, decimals)} to {_short(end, decimals)}",
                count=count,
                below=summary.pass_mark is not None and end <= summary.pass_mark,
            )
        )
    return tuple(bars)


def _short(number: float, decimals: int) -> str:
    return format_number(round(number, decimals))
