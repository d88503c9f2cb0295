"""What a reader of a report on outcomes needs first: what is predicted, how well, how surely."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from src.config import BASELINE
from src.report.class_facts import ListQuality
from src.report.class_fairness import group_table, meaning
from src.report.class_groups import ClassReportFacts
from src.report.document import Cell, ReportTable, Tile, Told
from src.report.findings import class_fairness_sentences
from src.report.group_scores import both_scores, both_tables
from src.report.group_scores import tiles as group_tiles
from src.report.overview import DOUBTFUL, SHOWN_LEVEL, not_seen, references, used_features
from src.report.periods import headline
from src.report.wording import (
    SPACE,
    Names,
    count,
    day,
    event_label,
    listed,
    number,
    percent,
    plain,
)
from src.schema.features import ClassTarget
from src.stats.intervals import Interval

RESAMPLED = "Nothing is resampled or weighted for imbalance: that would make the chances wrong."
SHOWN_SHARE = 0.1  # of the students: how long the list is that the first lines speak of


def purpose(facts: ClassReportFacts) -> str:
    """Return what the model predicts, and from what."""
    names, used, target = Names(facts.schema), used_features(facts), facts.target
    outcomes = listed(map(plain, target.categories), most=20)
    order = ", from the lowest" if target.ordered else ""
    what = f"{count(len(used), 'fact')} about a student: {names.all(used)}"
    return (
        f"The model states how likely each outcome of {names.target} is ({outcomes}{order}) from "
        f"{what}."
    )


def event(facts: ClassReportFacts) -> str:
    """Return which outcomes help should prevent."""
    if facts.target.event:
        return f"At risk is a student with {event_label(facts.target)}."
    return "No outcome is said to be at risk."


def how_to_name_the_event(target: ClassTarget) -> str:
    """Return what a list of students to help lacks where no outcome is at risk."""
    return (
        "For a list of students to help, name the outcomes at risk in the hints file: "
        f'at_risk = ["…"] under [columns."{plain(target.name)}"].'
    )


def doubt(facts: ClassReportFacts) -> list[str]:
    """Return that the model may be nothing, where the figures leave that open."""
    p_value, scores = facts.metrics.get("chance_p_value"), facts.scores
    found = []
    if p_value is not None and p_value > DOUBTFUL:
        found.append(
            f"{number(100 * p_value)} of 100 tables whose columns say nothing of the target look "
            "as predictable as this one"
        )
    low = scores.prior_log_loss - scores.log_loss.high if facts.gain is None else facts.gain.low
    if low <= 0:
        found.append(
            "the students that it had not seen do not show that it beats stating the outcomes' "
            "shares for everyone"
        )
    return [f"This model may be nothing: {'; '.join(found)}."] if found else []


def accuracy(facts: ClassReportFacts) -> list[str]:
    """Return how good the chances of held-out students are, and better than what."""
    scores = facts.scores
    loss, base = scores.log_loss, scores.prior_log_loss
    said = (
        f"On {not_seen(facts, scores.n_samples)}, the log loss of its chances was "
        f"{number(loss.value, 3)}{interval(loss)}; stating the outcomes' shares for everyone loses "
        f"{number(base, 3)}"
    )
    if loss.value < base:
        said += f", and the model {percent(1 - loss.value / base)} less"
        if facts.gain is not None:
            said += f": a difference of {number(facts.gain.value, 3)}{interval(facts.gain)}"
        said += "."
    else:
        said += ": on these students the model is no better than that."
    auc = scores.auc
    ranks = "of one student with and one without an outcome"
    if len(facts.target.categories) > 2:
        ranks += ", on average over the outcomes"
    return [
        said,
        f"Its AUC was {number(auc.value, 3)}{interval(auc)}: {ranks}, it gives the first the "
        f"larger chance in {number(100 * auc.value)} of 100 pairs, lots in 50.",
    ]


def interval(estimate: Interval, decimals: int = 3) -> str:
    """Return an interval as a sentence holds it; nothing where it is a point."""
    if estimate.low == estimate.high:
        return ""
    ends = f"{number(estimate.low, decimals)} to {number(estimate.high, decimals)}"
    return f" (95{SPACE}% interval {ends})"


def added(facts: ClassReportFacts) -> list[str]:
    """Return what the model adds to its best column alone and to a plain logistic regression."""
    compared = references(facts, "logistic", "a logistic regression")
    if not compared:
        return []
    board = facts.metrics["leaderboard"]
    winner = next(row for row in board if row["name"] == facts.metrics["winner"])
    said = ", and ".join(_below(row, gap(row, winner, board), name) for name, row in compared)
    return [
        f"On the training rows, each predicted without having been seen, its log loss is {said}."
    ]


def gap(
    row: Mapping[str, Any], winner: Mapping[str, Any], board: Iterable[Mapping[str, Any]]
) -> float:
    """Return by how much a row's log loss is above the winner's, on the same students.

    The winner's own figure is corrected for having been chosen, which the difference is not.
    """
    base = next((one["log_loss"] for one in board if one["name"] == BASELINE), None)
    if base is None or not row.get("behind"):
        return float(row["log_loss"] - winner["log_loss"])
    return float(row["behind"]["value"] * base)


def may_be_chance(row: Mapping[str, Any]) -> str:
    """Return that chance may explain how far a row is from the winner; nothing where it cannot."""
    behind = row.get("behind")
    return ", which may well be chance" if behind and behind["low"] <= 0 <= behind["high"] else ""


def _below(row: Mapping[str, Any], above: float, name: str) -> str:
    side, chance = "below" if above >= 0 else "above", may_be_chance(row)
    return f"{number(abs(above), 3)} {side} that of {name} ({number(row['log_loss'], 3)}){chance}"


def shown_sets(facts: ClassReportFacts) -> Mapping[str, float] | None:
    """Return what metrics.json says of the sets that the texts speak of."""
    rows = facts.metrics.get("set_coverage") or ()
    return next((row for row in rows if row["level"] == SHOWN_LEVEL), None)


def certainty(facts: ClassReportFacts) -> list[str]:
    """Return how sure a single prediction is; nothing where there are no sets."""
    if (row := shown_sets(facts)) is None:
        return []
    return [
        "Every prediction comes with a set of outcomes that should hold the truth for 9 in 10 "
        f"students. It names {number(row['mean_size'], 1)} of {len(facts.target.categories)} "
        f"outcomes on average, and held {percent(row['coverage'])} of the students that were not "
        "seen."
    ]


def list_sentence(one: ListQuality, n_event: int, label: str) -> str:
    """Return what a list of the students with the largest chances holds.

    Parameters
    ----------
    label : str
        What the event is called.
    """
    ends = ""
    if one.found.low < one.found.high:
        low, high = number(one.found.low), number(one.found.high)
        ends = f" (95{SPACE}% interval {low} to {high})"
    return (
        f"With help for {count(one.n_listed)} ({percent(one.share)}), the list holds "
        f"{number(one.found.value)} of the {n_event:,} with {label}{ends}; drawing lots holds "
        f"{number(one.by_lot)}."
    )


def capacity(facts: ClassReportFacts) -> list[str]:
    """Return what a list of about a tenth of the students holds; nothing without one."""
    found = facts.scores.capacity
    if found is None or not found.lists:
        return []
    one = min(found.lists, key=lambda one: abs(one.share - SHOWN_SHARE))
    return [list_sentence(one, found.n_event, event_label(facts.target))]


def summary(facts: ClassReportFacts) -> tuple[list[Tile], list[str]]:
    """Return the figures in large letters, and the paragraphs under them."""
    scores = facts.scores
    loss, base = scores.log_loss.value, scores.prior_log_loss
    tiles = [
        Tile(
            number(loss, 3), "log loss", f"stating the shares for everyone loses {number(base, 3)}"
        ),
        Tile(number(scores.auc.value, 3), "AUC", "1 is perfect, 0.5 is drawing lots"),
    ]
    if facts.groups is not None:
        tiles = group_tiles(facts.groups, facts.schema)
    elif loss < base:
        less = "less log loss than the shares for everyone"
        tiles.append(Tile(percent(1 - loss / base), "", less))
    right = f"most likely outcome is the true one, of {count(scores.n_samples)} not seen before"
    tiles.append(Tile(percent(scores.accuracy.value), "", right))
    made = ""
    if facts.run is not None:
        made = f"It was trained on {day(facts.run.created)} with {count(facts.run.rows['used'])}. "
    stands_out: list[str] = []
    if facts.fairness is not None and facts.fairness.groupings:
        stands_out += class_fairness_sentences(facts.fairness, facts.target)
    if len(stands_out) > 2:
        stands_out[2:] = [f"More under the heading Fairness ({len(stands_out) - 2})."]
    how = plain(str(facts.metrics["model"]))
    paragraphs = [
        *doubt(facts),
        f"{purpose(facts)} {event(facts)} {made}The method is: {how}.",
        " ".join([*both_scores(facts), *accuracy(facts), *added(facts)]),
        *filter(None, [" ".join(headline(facts.metrics))]),
        " ".join([*capacity(facts), *certainty(facts), RESAMPLED]),
        *filter(None, [" ".join(stands_out)]),
        "Use a prediction to see who may need help, never to decide about a person.",
    ]
    return tiles, paragraphs


def told(facts: ClassReportFacts) -> Told:
    """Return what the model card says of a model of outcomes."""
    names, groups, promise = Names(facts.schema), None, ""
    if (row := shown_sets(facts)) is not None:
        promise = (
            "A single prediction can be wrong: a chance of 10 in 100 comes true for 1 student in "
            "10, and 1 in 10 has an outcome outside a set that names "
            f"{number(row['mean_size'], 1)} outcomes on average. That holds over all students, not "
            "for each kind of student."
        )
    if facts.fairness is not None and facts.fairness.groupings:
        singles = [one for one in facts.fairness.groupings if len(one.features) == 1]
        said = [*class_fairness_sentences(facts.fairness, facts.target), *meaning(facts)]
        groups = (said, "", [group_table(one, names) for one in singles])
    return Told(
        f"{purpose(facts)} {event(facts)}",
        "Whoever uses it looks at the chances and the set of outcomes, not at the most likely one "
        "alone.",
        [
            *both_scores(facts),
            *accuracy(facts),
            *capacity(facts),
            *certainty(facts),
            RESAMPLED,
        ],
        [*both_tables(facts), scores_table(facts)],
        groups,
        promise,
    )


def scores_table(facts: ClassReportFacts) -> ReportTable:
    """Return every score on the held-out rows, with its interval and what the shares reach."""
    scores, ordered = facts.scores, facts.target.ordered
    rows = [
        ("Log loss", scores.log_loss, number(scores.prior_log_loss, 3)),
        ("Brier score", scores.brier, number(scores.prior_brier, 3)),
        ("AUC", scores.auc, number(0.5, 3)),
        ("Average precision (PR-AUC)", scores.pr_auc, ""),
        ("Accuracy", scores.accuracy, ""),
        ("Balanced accuracy", scores.balanced_accuracy, ""),
        ("Calibration error", scores.calibration_error, ""),
    ]
    if ordered and scores.quadratic_kappa is not None:
        rows.insert(6, ("Quadratic kappa", scores.quadratic_kappa, number(0.0, 3)))
    of = f" from {count(scores.n_clusters, 'cluster')}" if scores.n_clusters else ""
    return ReportTable(
        f"On {count(scores.n_samples)}{of} held out",
        ("Score", "Value", f"95{SPACE}% interval", "The shares alone"),
        [
            (Cell(name), Cell(number(one.value, 3)), Cell(_ends(one)), Cell(shares))
            for name, one, shares in rows
        ],
    )


def _ends(one: Interval) -> str:
    return f"{number(one.low, 3)} to {number(one.high, 3)}" if one.low < one.high else ""
