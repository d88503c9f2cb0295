"""From what came of a file to what the page shows of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from src.schema import NumericFeature, format_number
from src.web.batch_scoring import BINS, Summary
from src.web.results import sensible_decimals


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
    median, mean : str
        Of the predictions, with their unit.
    """

    summary: Summary
    target: str
    unit: str
    pass_mark: str
    bars: tuple[Bar, ...]
    mark_at: float | None
    low: str
    high: str
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
        low=format_number(round(summary.low, 2)),
        high=format_number(round(summary.high, 2)),
        mean=f"{summary.mean:.{decimals}f} {target.unit}".strip(),
        median=f"{summary.median:.{decimals}f} {target.unit}".strip(),
        rows=tuple(_row(row, decimals) for row in summary.rows),
        problem_rows=len({problem["row"] for problem in summary.problems}),
    )


def _row(row: dict[str, Any], decimals: int) -> Row:
    score = row["score"]
    if score is None:
        return Row(row["line"], row["cells"], "", "", below=False, chance="")
    low, high, chance = score["low"], score["high"], score["chance"]
    rough = max(decimals - 1, 0)
    return Row(
        row["line"],
        row["cells"],
        f"{score['prediction']:.{decimals}f}",
        "" if low is None else f"{low:.{rough}f} to {high:.{rough}f}",
        below=bool(score["below"]),
        chance="" if chance is None else _percent(chance),
    )


def _percent(chance: float) -> str:
    """Return a chance as people say it; what is nearly sure is not called sure.

    Examples
    --------
    >>> _percent(0.0004), _percent(0.254), _percent(0.9996)
    ('under 1 %', '25 %', 'over 99 %')
    """
    if chance < 0.01:
        return "under 1 %"
    return "over 99 %" if chance > 0.99 else f"{100 * chance:.0f} %"


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
