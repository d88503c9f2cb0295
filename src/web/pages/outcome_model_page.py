"""What the model page says of a model whose target is one of some outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from src.language import gettext as _
from src.language import mark
from src.report.class_facts import Capacity
from src.report.class_groups import ClassReportFacts
from src.report.document import CardPart, Cell, ReportTable
from src.report.facts import Facts
from src.report.wording import Names, event_label, number, percent, plain
from src.stats.intervals import Interval
from src.web.pages.chosen_model import why_chosen, with_short_name

CALIBRATIONS = {
    "none": mark("The chances are those of the model itself: no calibration improved them."),
    "temperature": mark(
        "The model's chances were calibrated by a temperature, chosen out of fold."
    ),
    "platt": mark("The model's chances were calibrated by a logistic curve (Platt), out of fold."),
    "isotonic": mark(
        "The model's chances were calibrated by a rising curve (isotonic), out of fold."
    ),
}


def outcome_words(facts: ClassReportFacts) -> dict[str, Any]:
    """Return what every run has: the card, its limits, how good the chances are."""
    # The report's words, not its plots: no library of training's is imported by them.
    from src.report.class_accuracy import leaderboard_table
    from src.report.class_overview import scores_table, summary
    from src.report.overview import doubt
    from src.report.table_findings import notes, warnings

    metrics, found = facts.metrics, facts.capacity
    tiles, paragraphs = summary(facts)
    doubts = doubt(facts)
    said = paragraphs[len(doubts) :]
    said[2] = f"{said[2]} {_(CALIBRATIONS[metrics['calibration']])}"
    return {
        "tiles": tiles,
        "doubts": doubts,
        "summary": said,
        **card_parts(facts),
        "choice": why_chosen(metrics),
        "warnings": warnings(facts.findings),
        "notes": notes(facts.findings),
        "metrics": scores_table(facts),
        "levels": None,
        "leaderboard": with_short_name(leaderboard_table(metrics), metrics),
        "coverage": _set_table(metrics["set_coverage"]),
        "outcomes": _outcome_table(metrics, Names(facts.schema).target),
        "lists": _list_table(found, event_label(facts.target)),
        "capacity": _capacity(facts),
    }


def card_parts(facts: Facts) -> dict[str, list[CardPart]]:
    """Return the parts of the model card: what it is for and its limits, and how it was made."""
    from src.report.model_card import card, limits

    made, use, not_for, *more = card(facts)
    return {
        "use": [use, not_for, CardPart(_("Limits"), limits(facts))],
        "facts": [made, *more],
    }


def _ends(estimate: Interval) -> str:
    """Return the ends of an interval of whole numbers; nothing where it is a point."""
    if estimate.low == estimate.high:
        return ""
    return _("%(low)s to %(high)s", low=number(estimate.low), high=number(estimate.high))


def _set_table(coverage: Sequence[Mapping[str, Any]]) -> ReportTable:
    rows = [
        (
            Cell(percent(row["level"])),
            Cell(percent(row["coverage"]), _share_ends(row)),
            Cell(number(row["mean_size"], 1)),
        )
        for row in sorted(coverage, key=lambda row: row["level"])
    ]
    header = (_("Promised"), _("Held the outcome"), _("Outcomes left, on average"))
    return ReportTable(_("Students whose outcome was not ruled out"), header, rows)


def _share_ends(row: Mapping[str, Any]) -> str:
    low, high = number(100 * row["low"]), percent(row["high"])
    return _("%(low)s to %(high)s", low=low, high=high)


def _outcome_table(metrics: Mapping[str, Any], target: str) -> ReportTable:
    total, at_risk = sum(metrics["outcome_counts"]), metrics["at_risk_outcomes"]
    rows = [
        (
            Cell(plain(label), _("at risk") if label in at_risk else ""),
            Cell(number(n)),
            Cell(percent(n / total)),
        )
        for label, n in zip(metrics["outcomes"], metrics["outcome_counts"], strict=True)
    ]
    caption = _("Students of the table by outcome")
    if metrics["ordered"]:
        caption = _("Students of the table by outcome, from the lowest to the highest")
    return ReportTable(caption, (target, _("Students"), _("Share")), rows)


def _list_table(capacity: Capacity | None, outcomes: str) -> ReportTable | None:
    if capacity is None or not capacity.lists:
        return None
    rows = [
        (
            Cell(number(one.n_listed), percent(one.share)),
            Cell(number(one.found.value), _ends(one.found)),
            Cell(number(one.by_lot)),
            Cell(percent(one.recall.value)),
            Cell(percent(one.precision.value)),
        )
        for one in capacity.lists
    ]
    header = (
        _("Help for"),
        _("With %(outcomes)s", outcomes=outcomes),
        _("By lot"),
        _("Share of all these"),
        _("Of the list"),
    )
    caption = _("Lists of the largest chances, of %(n)s", n=number(capacity.n_samples))
    return ReportTable(caption, header, rows)


def _capacity(facts: ClassReportFacts) -> str:
    """Return what help for about as many students as need it reaches."""
    from src.report.class_overview import counted_on, how_to_name_the_event, list_sentence

    found, label = facts.capacity, event_label(facts.target)
    if not label:
        return how_to_name_the_event(facts.target)
    if found is None or not found.lists:
        return _(
            "The students held out are too few to say how many of those with %(outcomes)s a list "
            "of the largest chances holds.",
            outcomes=label,
        )
    one = min(found.lists, key=lambda one: abs(one.n_listed - found.n_event))
    return " ".join([list_sentence(one, found.n_event, label), *counted_on(found)])
