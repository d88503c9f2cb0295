"""From what came of a file to what the page shows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple, cast

from markupsafe import Markup

from src.language import gettext as _
from src.language import localize, mark, ngettext, pgettext
from src.report.scored_file import at_risk, listed_by_chance, reading
from src.report.wording import (
    interval_ends,
    listed,
    number,
    percent,
    sensible_decimals,
    with_unit,
)
from src.serving.summary import BINS, NumberSummary, OutcomeSummary, Summary
from src.stats.poisson_binomial import count_range
from src.tables.cells import format_number
from src.web.charts import bar_list, distribution, table_rows

NOTHING: Mapping[str, Any] = {}
MOST_OUTCOMES = 20  # that a target has, so that all are named
NONE = "–"


class GroupLine(NamedTuple):
    """A class of the file."""

    name: str
    n_rows: int
    n_at_risk: int
    likely: str


@dataclass(frozen=True, kw_only=True)
class View:
    """What the page says of a file beside the list of its students.

    Attributes
    ----------
    target : str
    knows_risk : bool
        Whether somebody said who is at risk.
    will, likely : str
        How many of the file will probably turn out to be at risk: a heading, and the numbers.
    remarks : list of str
        How the file was read.
    quality : str
        How good the list of those at risk is.
    groups : list of GroupLine
    how_to_name : str
        How to say which outcomes are at risk, where nobody did and so no list can be of those to
        help.
    OVERVIEW, note : str
        Template of the figures, and what is said below the list.
    """

    summary: Summary
    target: str
    knows_risk: bool
    will: str
    likely: str
    remarks: list[str]
    quality: str
    groups: list[GroupLine]
    how_to_name: str = ""

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
    counts : list of (str, str, str)
        Outcome, how many are predicted to reach it, and how many will by the chances.
    """

    event: str
    bars: Markup
    counts: list[tuple[str, str, str]]

    OVERVIEW = "_class_outcomes.html"
    note = mark(
        "What a student may also reach cannot be ruled out: over all students, 9 in 10 end with "
        "one of the outcomes that are named in their row. A dash: the predicted one stands alone."
    )


def describe_file(summary: Summary, metrics: Mapping[str, Any] = NOTHING) -> View:
    """Return what the page shows of a summary; ``metrics`` are those of the model that made it."""
    if isinstance(summary, OutcomeSummary):
        return _outcomes(summary, metrics)
    return _numbers(cast(NumberSummary, summary), metrics)


def quality(metrics: Mapping[str, Any], summary: Summary) -> str:
    """Return how good the list of those at risk is; empty where nobody counted."""
    if isinstance(summary, OutcomeSummary):
        share = summary.n_at_risk / max(1, summary.n_predicted)
        return listed_by_chance(metrics, share, _event(summary))
    return at_risk(metrics, cast(NumberSummary, summary).pass_mark)


def help_reaches(summary: Summary, n_helped: int) -> str:
    """Return how many of those who will be at risk the first students of the list hold."""
    first = summary.rows[:n_helped]
    if not first or not summary.knows_risk or summary.likely is None:
        return ""
    chances = [summary.chance_of(row.score) for row in first]
    known = [chance for chance in chances if chance is not None]
    low, high = count_range(known)
    reached = between(low, high + len(chances) - len(known))
    all_ = between(*summary.likely)
    marked = ngettext(
        "The first student is marked.", "The first %(n)s students are marked.", len(first)
    )
    said = {"all": all_, "reached": reached}
    if isinstance(summary, OutcomeSummary):
        held = _(
            "Of the %(all)s in this list who will probably end with %(outcomes)s, they are likely "
            "to hold %(reached)s.",
            outcomes=_event(summary),
            **said,
        )
    else:
        held = _(
            "Of the %(all)s in this list who will probably score below %(mark)s, they are likely "
            "to hold %(reached)s.",
            mark=_pass_mark(summary),
            **said,
        )
    return f"{marked} {held}"


def _will(summary: Summary) -> str:
    """Return the heading of how many will probably turn out to be at risk."""
    if isinstance(summary, OutcomeSummary):
        return _("Will probably end with %(outcomes)s", outcomes=_event(summary))
    return _("Will probably score below %(mark)s", mark=_pass_mark(summary))


def _event(summary: OutcomeSummary) -> str:
    outcomes = map(summary.target.word, summary.target.at_risk)
    return listed(outcomes, most=MOST_OUTCOMES, last="or")


def _pass_mark(summary: Summary) -> str:
    mark = cast(NumberSummary, summary).pass_mark
    return "" if mark is None else localize(format_number(mark))


def between(low: int, high: int) -> str:
    """Return a range of counts.

    Examples
    --------
    >>> between(2, 5), between(3, 3)
    ('2 to 5', '3')
    """
    return (
        number(low) if low == high else _("%(low)s to %(high)s", low=number(low), high=number(high))
    )


def _numbers(summary: NumberSummary, metrics: Mapping[str, Any]) -> NumberView:
    target = summary.target
    decimals, name = sensible_decimals(target), target.label or target.name
    mark = _pass_mark(summary)
    low, high = target.range
    step = (high - low or 1.0) / BINS
    edges = tuple(low + i * step for i in range(BINS + 1))
    shown = pairwise(localize(format_number(round(edge, decimals))) for edge in edges)
    bins = [
        (_("%(low)s to %(high)s", low=low, high=high), n)
        for (low, high), n in zip(shown, summary.bins, strict=True)
    ]
    described = ngettext(
        "A histogram of %(n)s prediction.", "A histogram of %(n)s predictions.", summary.n_predicted
    )
    if mark:
        line = _("The dashed line is at %(mark)s.", mark=mark)
        described = f"{described} {line}"
    return NumberView(
        **_common(summary, metrics),
        unit=target.unit,
        pass_mark=mark,
        chart=distribution(
            edges,
            tuple(summary.bins),
            _("How many students are predicted to reach which %(target)s", target=name),
            described,
            mark=summary.pass_mark,
            below=summary.pass_mark,
            counted=True,
        ),
        bins=table_rows([row for row in bins if row[1]]),
        mean=with_unit(summary.mean, decimals, target.unit),
        median=with_unit(summary.median, decimals, target.unit),
    )


def _outcomes(summary: OutcomeSummary, metrics: Mapping[str, Any]) -> OutcomeView:
    from src.report.class_overview import how_to_name_the_event

    return OutcomeView(
        **_common(summary, metrics),
        event=_event(summary),
        how_to_name="" if summary.knows_risk else how_to_name_the_event(summary.target),
        bars=bar_list(
            [(summary.target.word(label), number(n), n) for label, n in summary.counts.items()]
        ),
        counts=[
            (summary.target.word(label), number(n), number(summary.expected[label], 1))
            for label, n in summary.counts.items()
        ],
    )


def _common(summary: Summary, metrics: Mapping[str, Any]) -> dict[str, Any]:
    groups = summary.groups if summary.knows_risk else []
    return {
        "summary": summary,
        "target": summary.target.label or summary.target.name,
        "knows_risk": summary.knows_risk,
        "will": _will(summary) if summary.knows_risk else "",
        "likely": "" if summary.likely is None else between(*summary.likely),
        "remarks": reading(summary, mended=False),
        "quality": quality(metrics, summary),
        "groups": [
            GroupLine(
                one.name or _("not said"), one.n_rows, one.n_at_risk, between(one.low, one.high)
            )
            for one in groups
        ],
    }


def score_texts(summary: Summary, score: Any) -> tuple[str, str, str]:
    """Return a prediction, its range or what else may be, and the chance; empty if not known."""
    if isinstance(summary, OutcomeSummary):
        word = summary.target.word
        others = [word(label) for label in score.outcomes if label != score.prediction]
        said = listed(others, most=MOST_OUTCOMES) if others else NONE if score.outcomes else ""
        chance = "" if score.chance is None else percent(score.chance)
        return word(score.prediction), said, chance
    decimals = sensible_decimals(summary.target)
    ends = None if score.low is None or score.high is None else (score.low, score.high)
    chance = "" if score.chance is None else percent(score.chance)
    to = pgettext("between two numbers", "to")
    return number(score.prediction, decimals), interval_ends(ends, decimals, f" {to} "), chance


def score_headings(summary: Summary) -> tuple[str, str, str]:
    """Return what the texts of :func:`score_texts` are; empty where there is none."""
    if isinstance(summary, OutcomeSummary):
        event = _event(summary)
        if event:
            chance = _("Chance of %(outcomes)s", outcomes=event)
        else:
            chance = _("Chance of the predicted outcome")
        return _("Predicted"), _("May also be"), chance
    mark = _pass_mark(summary)
    return _("Predicted"), _("Range for 9 in 10"), mark and _("Chance below %(mark)s", mark=mark)


def named(who: Sequence[str], line: int) -> str:
    """Return how a student is called: by name where the file has one, else by row."""
    name = " ".join(cell for cell in who if cell)
    if name:
        return _("%(name)s (row %(line)s)", name=name, line=line)
    return _("row %(line)s", line=line)
