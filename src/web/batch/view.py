"""From what came of a file to what the page shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple, cast

from markupsafe import Markup

from src.report.scored_file import at_risk, listed_by_chance, reading
from src.report.wording import (
    interval_ends,
    listed,
    number,
    percent,
    sensible_decimals,
    with_unit,
)
from src.serving.summary import BINS, NumberSummary, OutcomeSummary, ShownRow, Summary
from src.tables.cells import format_number
from src.web.charts import bar_list, distribution, table_rows

NOTHING: Mapping[str, Any] = {}


class Row(NamedTuple):
    """A row of the preview; texts are empty where it was refused, or where nothing is known.

    Attributes
    ----------
    cells : list of str
        The file's own.
    facts : list of str
        What stands beside the prediction, a text for each of the view's headings.
    """

    line: int
    cells: list[str]
    prediction: str = ""
    facts: tuple[str, ...] = ()
    at_risk: bool = False
    left_out: bool = False
    mended: str = ""


@dataclass(frozen=True, kw_only=True)
class View:
    """What the page shows of a file.

    Attributes
    ----------
    target : str
    headings : tuple of str
        Of what stands beside each prediction.
    problem_rows : int
        Rows that the shown problems are of.
    remarks : list of str
        How the file was read, and what was mended in it.
    quality : str
        How good the list of those at risk is.
    OVERVIEW, note : str
        Template of what stands above the rows, and what is said below them.
    """

    summary: Summary
    target: str
    headings: tuple[str, ...]
    rows: list[Row]
    problem_rows: int
    remarks: list[str]
    quality: str

    OVERVIEW: ClassVar[str]
    note: ClassVar[str] = ""


@dataclass(frozen=True, kw_only=True)
class NumberView(View):
    """Numbers, as a histogram and as the same in a table."""

    unit: str
    pass_mark: str
    chart: Markup
    bins: Markup
    mean: str
    median: str

    OVERVIEW = "_class_numbers.html"


@dataclass(frozen=True, kw_only=True)
class OutcomeView(View):
    """Outcomes, as bars and as a table.

    Attributes
    ----------
    event : str
        The outcomes at risk; empty where nobody said which.
    at_risk : str
        How many rows are.
    expected_at_risk : str
        How many of the class will reach such an outcome, by the chances.
    counts : list of (str, str, str)
        Outcome, how many are predicted to reach it, and how many will by the chances.
    """

    event: str
    at_risk: str
    expected_at_risk: str
    bars: Markup
    counts: list[tuple[str, str, str]]

    OVERVIEW = "_class_outcomes.html"
    note = (
        "What a student may also reach cannot be ruled out: 9 in 10 students end with one of the "
        "outcomes that are named in their row."
    )


def describe_file(summary: Summary, metrics: Mapping[str, Any] = NOTHING) -> View:
    """Return what the page shows of a summary; ``metrics`` are those of the model that made it."""
    if isinstance(summary, OutcomeSummary):
        return _outcomes(summary, metrics)
    return _numbers(cast(NumberSummary, summary), metrics)


def quality(metrics: Mapping[str, Any], summary: Summary) -> str:
    """Return how good the list of those at risk is; empty where nobody counted."""
    if isinstance(summary, OutcomeSummary):
        return listed_by_chance(metrics, summary.n_at_risk / max(1, summary.n_predicted))
    return at_risk(metrics, cast(NumberSummary, summary).pass_mark)


def _numbers(summary: NumberSummary, metrics: Mapping[str, Any]) -> NumberView:
    target = summary.target
    decimals, name = sensible_decimals(target), target.label or target.name
    mark = "" if summary.pass_mark is None else format_number(summary.pass_mark)
    low, high = target.range
    step = (high - low or 1.0) / BINS
    edges = tuple(low + i * step for i in range(BINS + 1))
    shown = pairwise(format_number(round(edge, decimals)) for edge in edges)
    bins = [(f"{low} to {high}", n) for (low, high), n in zip(shown, summary.bins, strict=True)]
    return NumberView(
        **_common(summary, metrics),
        headings=("Range for 9 in 10", *([f"Chance below {mark}"] if mark else [])),
        rows=[_number_row(row, decimals, with_chance=bool(mark)) for row in summary.rows],
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
    )


def _number_row(row: ShownRow, decimals: int, *, with_chance: bool) -> Row:
    score = row.score
    if score is None:
        return _no_score(row)
    ends = None if score.low is None or score.high is None else (score.low, score.high)
    facts = [interval_ends(ends, decimals, " to ")]
    if with_chance:
        facts.append("" if score.chance is None else percent(score.chance))
    shown = number(score.prediction, decimals)
    return Row(row.line, row.cells, shown, tuple(facts), bool(score.below), mended=row.mended)


def _outcomes(summary: OutcomeSummary, metrics: Mapping[str, Any]) -> OutcomeView:
    target = summary.target
    event = listed(target.at_risk, most=20, last="or")
    expected = sum(summary.expected[label] for label in target.at_risk)
    of = event or "the predicted outcome"
    return OutcomeView(
        **_common(summary, metrics),
        headings=(f"Chance of {of}", "May also be"),
        rows=[_outcome_row(row) for row in summary.rows],
        event=event,
        at_risk=f"{summary.n_at_risk:,}",
        expected_at_risk=f"{expected:,.0f}",
        bars=bar_list([(label, f"{n:,}", n) for label, n in summary.counts.items()]),
        counts=[
            (label, f"{n:,}", f"{summary.expected[label]:,.1f}")
            for label, n in summary.counts.items()
        ],
    )


def _outcome_row(row: ShownRow) -> Row:
    score = row.score
    if score is None:
        return _no_score(row)
    others = [label for label in score.outcomes if label != score.prediction]
    said = ""
    if score.outcomes:
        said = listed(others) if others else "nothing else"
    facts = percent(score.chance), said
    return Row(row.line, row.cells, score.prediction, facts, score.at_risk, mended=row.mended)


def _no_score(row: ShownRow) -> Row:
    return Row(row.line, row.cells, left_out=bool(row.left_out))


def _common(summary: Summary, metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "summary": summary,
        "target": summary.target.label or summary.target.name,
        "problem_rows": len({problem.row for problem in summary.problems}),
        "remarks": reading(summary),
        "quality": quality(metrics, summary),
    }
