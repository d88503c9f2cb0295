"""What the model page says of a model whose target is one of some outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from src.report.class_facts import Capacity, ClassScores, ListQuality
from src.report.document import Cell, ReportTable, Tile
from src.report.facts import ReportFacts
from src.report.wording import Names, count, number, percent, plain, r2_text
from src.stats.intervals import Interval
from src.utils import read_typed
from src.web.pages.chance_words import either

DOUBTFUL = 0.01  # p-value above which a model may be nothing
SHOWN_LEVEL = 0.9
CALIBRATIONS = {
    "none": "The chances are those of the model itself: no calibration improved them.",
    "temperature": "The model's chances were calibrated by a temperature, chosen out of fold.",
    "platt": "The model's chances were calibrated by a logistic curve (Platt), out of fold.",
    "isotonic": "The model's chances were calibrated by a rising curve (isotonic), out of fold.",
}


def outcome_words(facts: ReportFacts) -> dict[str, Any]:
    """Return what every run has: the card, its limits, how good the chances are."""
    from src.report.model_card import card, limits
    from src.report.overview import purpose
    from src.report.table_findings import notes, warnings

    metrics, target = facts.metrics, facts.schema.outcomes
    scores: ClassScores = read_typed(ClassScores, metrics["held_out"], "metrics.json")
    outcomes = either(target.at_risk) if target.event else ""
    return {
        "tiles": _tiles(scores, metrics["set_coverage"]),
        "doubts": _doubts(scores, metrics.get("chance_p_value")),
        "summary": [purpose(facts), _quality(scores), CALIBRATIONS[metrics["calibration"]]],
        "card": card(facts),
        "limits": [
            *limits(facts),
            "Rare outcomes were not given more weight: that would make the chances wrong.",
        ],
        "warnings": warnings(facts.findings),
        "notes": notes(facts.findings),
        "metrics": _scores_table(scores),
        "levels": None,
        "leaderboard": _leaderboard(metrics),
        "coverage": _set_table(metrics["set_coverage"]),
        "outcomes": _outcome_table(metrics, Names(facts.schema).target),
        "lists": _list_table(scores.capacity, outcomes),
        "capacity": _capacity(scores.capacity, outcomes, len(target.event)),
    }


def _tiles(scores: ClassScores, coverage: Sequence[Mapping[str, Any]]) -> list[Tile]:
    n = count(scores.n_samples)
    tiles = [
        Tile(
            number(scores.log_loss.value, 3),
            "log loss",
            f"on {n} not seen before; the outcomes' shares alone: "
            f"{number(scores.prior_log_loss, 3)}",
        ),
        Tile(number(scores.auc.value, 3), "AUC", "1 is a perfect order of students, 0.5 none"),
        Tile(percent(scores.accuracy.value), "", "had the outcome that was most likely"),
    ]
    for row in coverage:
        if row["level"] == SHOWN_LEVEL:
            size = number(row["mean_size"], 1)
            meaning = (
                f"had one that was not ruled out: 9 in 10 promised, {size} outcomes on average"
            )
            tiles.append(Tile(percent(row["coverage"]), "", meaning))
    return tiles


def _doubts(scores: ClassScores, p_value: float | None) -> list[str]:
    found = []
    if p_value is not None and p_value > DOUBTFUL:
        found.append(
            f"{number(100 * p_value)} of 100 tables whose columns say nothing of the target look "
            "as predictable as this one"
        )
    if scores.log_loss.high >= scores.prior_log_loss:
        found.append(
            "the students that it had not seen do not show that its chances beat the shares of the "
            "outcomes"
        )
    return [f"This model may be nothing: {'; '.join(found)}."] if found else []


def _quality(scores: ClassScores) -> str:
    """Return what the chances gain over telling everyone the shares."""
    gain = 1 - scores.log_loss.value / scores.prior_log_loss
    said = (
        f"On {count(scores.n_samples)} that it had not seen, the log loss of its chances was "
        f"{number(scores.log_loss.value, 3)}{_in_brackets(_ends(scores.log_loss))}; telling "
        f"everyone the shares of the outcomes comes to {number(scores.prior_log_loss, 3)}."
    )
    if gain <= 0:
        return f"{said} On these students it is no better than that."
    return (
        f"{said} That is {percent(gain)} less. Of two students, one with an outcome and one "
        f"without it, the former has the larger chance of it in {percent(scores.auc.value)} of "
        "such pairs (AUC, the mean over the outcomes)."
    )


def _ends(estimate: Interval, decimals: int = 3) -> str:
    """Return the ends of an interval; nothing where it is a point."""
    if estimate.low == estimate.high:
        return ""
    return f"{number(estimate.low, decimals)} to {number(estimate.high, decimals)}"


def _in_brackets(ends: str) -> str:
    return f" (95 % interval {ends})" if ends else ""


def _scores_table(scores: ClassScores) -> ReportTable:
    measures = (
        ("Log loss", scores.log_loss),
        ("Brier score", scores.brier),
        ("AUC", scores.auc),
        ("Area under precision and recall", scores.pr_auc),
        ("Accuracy", scores.accuracy),
        ("Balanced accuracy", scores.balanced_accuracy),
        ("Quadratic kappa", scores.quadratic_kappa),
        ("Calibration error", scores.calibration_error),
    )
    rows = [
        (Cell(name), Cell(number(one.value, 3)), Cell(_ends(one)))
        for name, one in measures
        if one is not None
    ]
    rows += [
        (Cell("Log loss of the shares alone"), Cell(number(scores.prior_log_loss, 3)), Cell("")),
        (Cell("Brier score of the shares alone"), Cell(number(scores.prior_brier, 3)), Cell("")),
    ]
    clusters = f" from {count(scores.n_clusters, 'cluster')}" if scores.n_clusters else ""
    caption = f"On {count(scores.n_samples)}{clusters} held out"
    return ReportTable(caption, ("Measure", "Value", "95 % interval"), rows)


def _set_table(coverage: Sequence[Mapping[str, Any]]) -> ReportTable:
    rows = [
        (
            Cell(percent(row["level"])),
            Cell(percent(row["coverage"]), f"{100 * row['low']:.0f} to {100 * row['high']:.0f} %"),
            Cell(number(row["mean_size"], 1)),
        )
        for row in sorted(coverage, key=lambda row: row["level"])
    ]
    header = ("Promised", "Held the outcome", "Outcomes left, on average")
    return ReportTable("Students whose outcome was not ruled out", header, rows)


def _outcome_table(metrics: Mapping[str, Any], target: str) -> ReportTable:
    total, at_risk = sum(metrics["outcome_counts"]), metrics["at_risk_outcomes"]
    rows = [
        (
            Cell(plain(label), "at risk" if label in at_risk else ""),
            Cell(f"{n:,}"),
            Cell(percent(n / total)),
        )
        for label, n in zip(metrics["outcomes"], metrics["outcome_counts"], strict=True)
    ]
    order = ", from the lowest to the highest" if metrics["ordered"] else ""
    return ReportTable(
        f"Students of the table by outcome{order}", (target, "Students", "Share"), rows
    )


def _leaderboard(metrics: Mapping[str, Any]) -> ReportTable:
    board = metrics["leaderboard"]
    rows = [
        (
            Cell(plain(row["label"]), "chosen" if row["name"] == metrics["winner"] else ""),
            Cell(number(row["log_loss"], 4)),
            Cell(number(row["brier"], 4)),
            Cell(number(row["auc"], 3)),
            Cell(
                r2_text(row["r2"]),
                f"{number(row['r2_low'], 3)} to {number(row['r2_high'], 3)}"
                if "r2_low" in row
                else "",
            ),
        )
        for row in board
    ]
    return ReportTable(
        "All models, by cross-validation. R² is McFadden's: how far the log loss lies below that "
        "of the shares alone, as a share of it",
        ("Model", "Log loss", "Brier score", "AUC", "R²"),
        rows,
        marked=next((i for i, row in enumerate(board) if row["name"] == metrics["winner"]), None),
    )


def _list_table(capacity: Capacity | None, outcomes: str) -> ReportTable | None:
    if capacity is None or not capacity.lists:
        return None
    rows = [
        (
            Cell(f"{one.n_listed:,}", percent(one.share)),
            Cell(number(one.found.value), _ends(one.found, 0)),
            Cell(number(one.by_lot)),
            Cell(percent(one.recall.value)),
            Cell(percent(one.precision.value)),
        )
        for one in capacity.lists
    ]
    header = ("Help for", f"Who end with {outcomes}", "By lot", "Share of all these", "Of the list")
    return ReportTable(f"Lists of the largest chances, of {capacity.n_samples:,}", header, rows)


def _capacity(capacity: Capacity | None, outcomes: str, n_at_risk: int) -> str:
    """Return what help for about as many students as need it reaches."""
    if not n_at_risk:
        return (
            "Which outcomes help should prevent was not said, so there is no list of those at "
            "risk. Name them in the hints file, at_risk, and train again."
        )
    if capacity is None or not capacity.lists:
        return (
            f"The students held out are too few to say how many of those who end with {outcomes} a "
            "list of the largest chances holds."
        )
    one = _list_of_size(capacity.lists, capacity.n_event)
    return (
        f"With help for {one.n_listed:,} of the {capacity.n_samples:,} students held out "
        f"({percent(one.share)}), the list of the largest chances holds {number(one.found.value)} "
        f"of the {capacity.n_event:,} who ended with {outcomes}"
        f"{_in_brackets(_ends(one.found, 0))}; drawing lots holds {number(one.by_lot)}."
    )


def _list_of_size(lists: Sequence[ListQuality], size: int) -> ListQuality:
    return min(lists, key=lambda one: abs(one.n_listed - size))
