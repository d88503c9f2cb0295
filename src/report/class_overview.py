"""What a reader of a report on outcomes needs first: what is predicted, how well, how surely."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from src.config import BASELINE, SINGLE_COLUMN
from src.language import gettext as _
from src.language import mark, ngettext
from src.report.class_facts import Capacity, ListQuality
from src.report.class_fairness import group_table, meaning
from src.report.class_groups import ClassReportFacts
from src.report.document import Cell, ReportTable, Tile, Told
from src.report.findings import class_fairness_sentences
from src.report.group_scores import both_scores, both_tables
from src.report.group_scores import tiles as group_tiles
from src.report.overview import (
    SHOWN_LEVEL,
    case_note,
    compared_with,
    doubt,
    first_two,
    held_out_on,
    how_made,
    last_word,
    references,
    used_features,
)
from src.report.periods import headline
from src.report.wording import (
    Names,
    event_label,
    interval_note,
    listed,
    number,
    percent,
    plain,
    span,
)
from src.schema.features import ClassTarget
from src.stats.intervals import Interval

RESAMPLED = mark(
    "Nothing is resampled or weighted for imbalance: that would make the chances wrong."
)
SHOWN_SHARE = 0.1  # of the students: how long the list is that the first lines speak of


def purpose(facts: ClassReportFacts) -> str:
    """Return what the model predicts, and from what."""
    names, used, target = Names(facts.schema), used_features(facts), facts.target
    outcomes = listed(map(plain, target.categories), most=20)
    if target.ordered:
        outcomes = _("%(outcomes)s, from the lowest", outcomes=outcomes)
    return ngettext(
        "The model states how likely each outcome of %(target)s is (%(outcomes)s) from %(n)s fact "
        "about a student: %(columns)s.",
        "The model states how likely each outcome of %(target)s is (%(outcomes)s) from %(n)s "
        "facts about a student: %(columns)s.",
        len(used),
        target=names.target,
        outcomes=outcomes,
        columns=names.all(used),
    )


def event(facts: ClassReportFacts) -> str:
    """Return which outcomes help should prevent."""
    if facts.target.event:
        return _("At risk is a student with %(event)s.", event=event_label(facts.target))
    return _("No outcome is said to be at risk.")


def how_to_name_the_event(target: ClassTarget) -> str:
    """Return what a list of students to help lacks where no outcome is at risk."""
    ends = (target.categories[0], target.categories[-1]) if target.is_scale_of_numbers else ("…",)
    return _(
        "For a list of students to help, name the outcomes at risk in the hints file: %(setting)s "
        "under %(table)s.",
        setting=listed((f'at_risk = ["{one}"]' for one in ends), last="or"),
        table=f'[columns."{plain(target.name)}"]',
    )


def accuracy(facts: ClassReportFacts) -> list[str]:
    """Return how good the chances of held-out students are, and better than what."""
    return [_log_loss(facts), _auc(facts)]


def _log_loss(facts: ClassReportFacts) -> str:
    loss, base = facts.scores.log_loss, facts.scores.prior_log_loss
    said = {
        "students": number(facts.scores.n_samples),
        "case": case_note(facts),
        "loss": number(loss.value, 3),
        "interval": interval(loss),
        "shares": number(base, 3),
    }
    if loss.value >= base:
        return _(
            "On %(students)s students that it had not seen%(case)s, the log loss of its chances "
            "was %(loss)s%(interval)s; stating the outcomes' shares for everyone loses "
            "%(shares)s: on these students the model is no better than that.",
            **said,
        )
    said["less"] = percent(1 - loss.value / base)
    if facts.gain is None:
        return _(
            "On %(students)s students that it had not seen%(case)s, the log loss of its chances "
            "was %(loss)s%(interval)s; stating the outcomes' shares for everyone loses "
            "%(shares)s, and the model %(less)s less.",
            **said,
        )
    return _(
        "On %(students)s students that it had not seen%(case)s, the log loss of its chances was "
        "%(loss)s%(interval)s; stating the outcomes' shares for everyone loses %(shares)s, and "
        "the model %(less)s less: a difference of %(gain)s%(ends)s.",
        gain=number(facts.gain.value, 3),
        ends=interval(facts.gain),
        **said,
    )


def _auc(facts: ClassReportFacts) -> str:
    auc = facts.scores.auc
    said = {
        "auc": number(auc.value, 3),
        "interval": interval(auc),
        "pairs": number(100 * auc.value),
    }
    if len(facts.target.categories) > 2:
        return _(
            "Its AUC was %(auc)s%(interval)s: of one student with and one without an outcome, on "
            "average over the outcomes, it gives the first the larger chance in %(pairs)s of 100 "
            "pairs, lots in 50.",
            **said,
        )
    return _(
        "Its AUC was %(auc)s%(interval)s: of one student with and one without an outcome, it "
        "gives the first the larger chance in %(pairs)s of 100 pairs, lots in 50.",
        **said,
    )


def interval(estimate: Interval, decimals: int = 3) -> str:
    """Return an interval as a sentence holds it; nothing where it is a point."""
    if estimate.low == estimate.high:
        return ""
    return interval_note(number(estimate.low, decimals), number(estimate.high, decimals))


def added(facts: ClassReportFacts) -> list[str]:
    """Return what the model adds to its best column alone and to a plain logistic regression."""
    column, rows = references(facts, "logistic")
    if not rows:
        return []
    board = facts.metrics["leaderboard"]
    winner = next(row for row in board if row["name"] == facts.metrics["winner"])
    gaps = [gap(row, winner, board) for row in rows]
    comparisons = [
        (_beside(row, above, column), row) for row, above in zip(rows, gaps, strict=True)
    ]
    return [
        _(
            "On the training rows, each predicted without having been seen, its log loss is "
            "%(loss)s, before it is corrected for having been chosen: %(compared)s.",
            loss=number(rows[0]["log_loss"] - gaps[0], 3),
            compared=compared_with(comparisons),
        )
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


def _beside(row: Mapping[str, Any], above: float, column: str) -> str:
    figures = {"size": number(abs(above), 3), "loss": number(row["log_loss"], 3)}
    if row["name"] == SINGLE_COLUMN:
        figures["column"] = column
        if above >= 0:
            return _(
                "%(size)s below that of the best single column, %(column)s (%(loss)s)", **figures
            )
        return _("%(size)s above that of the best single column, %(column)s (%(loss)s)", **figures)
    if above >= 0:
        return _(
            "%(size)s below that of a logistic regression on the same columns (%(loss)s)", **figures
        )
    return _(
        "%(size)s above that of a logistic regression on the same columns (%(loss)s)", **figures
    )


def shown_sets(facts: ClassReportFacts) -> Mapping[str, float] | None:
    """Return what metrics.json says of the sets that the texts speak of."""
    rows = facts.metrics.get("set_coverage") or ()
    return next((row for row in rows if row["level"] == SHOWN_LEVEL), None)


def certainty(facts: ClassReportFacts) -> list[str]:
    """Return how sure a single prediction is; nothing where there are no sets."""
    if (row := shown_sets(facts)) is None:
        return []
    return [
        _(
            "Every prediction comes with a set of outcomes that should hold the truth for 9 in 10 "
            "students. It names %(mean)s of %(all)s outcomes on average, and held %(share)s of "
            "the students that were not seen.",
            mean=number(row["mean_size"], 1),
            all=number(len(facts.target.categories)),
            share=percent(row["coverage"]),
        )
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
        ends = interval_note(number(one.found.low), number(one.found.high))
    return ngettext(
        "With help for %(n)s student (%(share)s), the list holds %(found)s of the %(all)s with "
        "%(event)s%(interval)s; drawing lots holds %(lots)s.",
        "With help for %(n)s students (%(share)s), the list holds %(found)s of the %(all)s with "
        "%(event)s%(interval)s; drawing lots holds %(lots)s.",
        one.n_listed,
        share=percent(one.share),
        found=number(one.found.value),
        all=number(n_event),
        event=label,
        interval=ends,
        lots=number(one.by_lot),
    )


def capacity(facts: ClassReportFacts) -> list[str]:
    """Return what a list of about a tenth of the students holds; nothing without one."""
    found = facts.capacity
    if found is None or not found.lists:
        return []
    one = min(found.lists, key=lambda one: abs(one.share - SHOWN_SHARE))
    return [list_sentence(one, found.n_event, event_label(facts.target)), *counted_on(found)]


def counted_on(found: Capacity) -> list[str]:
    """Return that a list's figures are not of held-out students; nothing where they are."""
    if not found.out_of_fold:
        return []
    return [
        _(
            "The students held out are too few to tell of a list: this was counted on %(n)s "
            "training students, each predicted by models that had not seen them "
            "(cross-validation). It flatters the list a little, since the model was chosen on "
            "them.",
            n=number(found.n_samples),
        )
    ]


def summary(facts: ClassReportFacts) -> tuple[list[Tile], list[str]]:
    """Return the figures in large letters, and the paragraphs under them."""
    scores = facts.scores
    loss, base = scores.log_loss.value, scores.prior_log_loss
    tiles = [
        Tile(
            number(loss, 3),
            _("log loss"),
            _("stating the shares for everyone loses %(loss)s", loss=number(base, 3)),
        ),
        Tile(number(scores.auc.value, 3), _("AUC"), _("1 is perfect, 0.5 is drawing lots")),
    ]
    if facts.groups is not None:
        tiles = group_tiles(facts.groups, facts.schema)
    elif loss < base:
        less = _("less log loss than the shares for everyone")
        tiles.append(Tile(percent(1 - loss / base), "", less))
    right = ngettext(
        "most likely outcome is the true one, of %(n)s student not seen before",
        "most likely outcome is the true one, of %(n)s students not seen before",
        scores.n_samples,
    )
    tiles.append(Tile(percent(scores.accuracy.value), "", right))
    stands_out: list[str] = []
    if facts.fairness is not None and facts.fairness.groupings:
        stands_out += class_fairness_sentences(facts.fairness, facts.target)
    paragraphs = [
        *doubt(facts),
        " ".join([purpose(facts), event(facts), *how_made(facts)]),
        " ".join([*both_scores(facts), *accuracy(facts), *added(facts)]),
        *filter(None, [" ".join(headline(facts.metrics))]),
        " ".join([*capacity(facts), *certainty(facts), _(RESAMPLED)]),
        *filter(None, [" ".join(first_two(stands_out))]),
        last_word(),
    ]
    return tiles, paragraphs


def told(facts: ClassReportFacts) -> Told:
    """Return what the model card says of a model of outcomes."""
    names, groups, promise = Names(facts.schema), None, ""
    if (row := shown_sets(facts)) is not None:
        promise = _(
            "A single prediction can be wrong: a chance of 10 in 100 comes true for 1 student in "
            "10, and at most 1 in 10 is expected to have an outcome outside a set that names "
            "%(mean)s outcomes on average. "
            "That holds over all students, not for each kind of student.",
            mean=number(row["mean_size"], 1),
        )
    if facts.fairness is not None and facts.fairness.groupings:
        singles = [one for one in facts.fairness.groupings if len(one.features) == 1]
        said = [*class_fairness_sentences(facts.fairness, facts.target), *meaning(facts)]
        groups = (said, "", [group_table(one, names) for one in singles])
    return Told(
        f"{purpose(facts)} {event(facts)}",
        _(
            "Whoever uses it looks at the chances and the set of outcomes, not at the most likely "
            "one alone."
        ),
        [
            *both_scores(facts),
            *accuracy(facts),
            *capacity(facts),
            *certainty(facts),
            _(RESAMPLED),
        ],
        [*both_tables(facts), scores_table(facts)],
        groups,
        promise,
    )


def scores_table(facts: ClassReportFacts) -> ReportTable:
    """Return every score on the held-out rows, with its interval and what the shares reach."""
    scores, ordered = facts.scores, facts.target.ordered
    rows = [
        (_("Log loss"), scores.log_loss, number(scores.prior_log_loss, 3)),
        (_("Brier score"), scores.brier, number(scores.prior_brier, 3)),
        (_("AUC"), scores.auc, number(0.5, 3)),
        (_("Average precision (PR-AUC)"), scores.pr_auc, ""),
        (_("Accuracy"), scores.accuracy, ""),
        (_("Balanced accuracy"), scores.balanced_accuracy, ""),
        (_("Calibration error"), scores.calibration_error, ""),
    ]
    if ordered and scores.quadratic_kappa is not None:
        rows.insert(6, (_("Quadratic kappa"), scores.quadratic_kappa, number(0.0, 3)))
    return ReportTable(
        held_out_on(scores.n_samples, scores.n_clusters),
        (_("Score"), _("Value"), _("95\N{NO-BREAK SPACE}% interval"), _("The shares alone")),
        [
            (Cell(name), Cell(number(one.value, 3)), Cell(_ends(one)), Cell(shares))
            for name, one, shares in rows
        ],
    )


def _ends(one: Interval) -> str:
    return span(number(one.low, 3), number(one.high, 3)) if one.low < one.high else ""
