"""How good chances are: against other models, on unseen rows, and for a list of whom to help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from src.config import ALL_COLUMNS, BASELINE, BLEND, SINGLE_COLUMN
from src.report.accuracy import MCFADDEN, difference_cell, label_of, not_tried, remarks
from src.report.class_fairness import share_cell
from src.report.class_groups import ClassReportFacts
from src.report.class_overview import (
    RESAMPLED,
    gap,
    how_to_name_the_event,
    list_sentence,
    may_be_chance,
    scores_table,
)
from src.report.document import Cell, Figure, ReportTable, Section
from src.report.matplotlib_svg import ACCENT, QUIET
from src.report.overview import CHANCE
from src.report.periods import how_compared
from src.report.plots import Dot, Line, curves, dots, padded
from src.report.plots import reliability as draw_reliability
from src.report.wording import (
    SPACE,
    Names,
    capitalize,
    count,
    event_label,
    listed,
    number,
    percent,
    plain,
)
from src.stats.intervals import Interval

Row = Mapping[str, Any]
TOLD_SHARES = (0.05, 0.1, 0.2, 0.3)  # of lists that get a sentence


def leaderboard(facts: ClassReportFacts) -> Section:
    """Return the models with their log losses, and those that were not tried."""
    board: list[Row] = list(facts.metrics["leaderboard"])
    winner = next(row for row in board if row["name"] == facts.metrics["winner"])
    base = next((row["log_loss"] for row in board if row["name"] == BASELINE), None)
    drawn = [row for row in board if row is winner or (row["name"] != BASELINE and row["r2"] > 0)]
    drawn.sort(key=lambda row: row["log_loss"])
    rows = [
        Dot(label_of(row), row["log_loss"], colour=ACCENT if row is winner else QUIET)
        for row in drawn
    ]
    said = "; ".join(f"{label_of(row)} {number(row['log_loss'], 3)}" for row in drawn)
    svg = dots(
        "leaderboard",
        f"Log loss of the models that were compared: {said}.",
        rows,
        "Log loss (0 is perfect)",
        reference=base,
    )
    line = " The line: stating the outcomes' shares for everyone." if base is not None else ""
    return Section(
        "models",
        "The models compared",
        [
            how_compared(facts.metrics),
            RESAMPLED,
        ],
        (),
        [Figure(svg, f"{_choice(winner, drawn, facts)}{line}")],
        [leaderboard_table(facts.metrics)],
        [
            "Log loss: less the logarithm of the chance that the true outcome was given, on "
            f"average. Brier score: squared differences, added up over the outcomes. {MCFADDEN} "
            f"Small: 95{SPACE}% intervals; that of the difference is of the same students' losses, "
            "and tells two models apart where the scores' own overlap. The best of many scores is "
            "partly luck: the chosen model's is corrected for that.",
            *not_tried(facts.metrics),
        ],
    )


def leaderboard_table(metrics: Mapping[str, Any]) -> ReportTable:
    """Return every model's scores in cross-validation, the chosen one marked."""
    board = metrics["leaderboard"]
    rows = [
        (
            Cell(plain(row["label"]), remarks(row, metrics["winner"])),
            Cell(number(row["log_loss"], 3)),
            Cell(number(row["brier"], 3)),
            Cell(number(row["auc"], 3)),
            Cell(
                number(row["r2"], 3), f"{number(row['r2_low'], 3)} to {number(row['r2_high'], 3)}"
            ),
            difference_cell(row.get("behind")),
        )
        for row in board
    ]
    marked = next((i for i, row in enumerate(board) if row["name"] == metrics["winner"]), None)
    header = ("Model", "Log loss", "Brier score", "AUC", "R² (McFadden)", "R² less than the chosen")
    return ReportTable("All models", header, rows, marked=marked)


def _choice(winner: Row, drawn: list[Row], facts: ClassReportFacts) -> str:
    """Say why the winner is it; ``drawn`` is sorted, the least log loss first."""
    compared = (SINGLE_COLUMN, ALL_COLUMNS)
    others = [row for row in drawn if row is not winner and row["name"] not in compared]
    chosen = f"{label_of(winner)} was chosen"
    if winner["name"] == BLEND:
        chosen = f"A blend of {count(len(winner['params']), 'model')} was chosen"
    if not others:
        return f"{chosen}: nothing else that was tried is better than the shares for everyone."
    metric = facts.run.options.get("metric") if facts.run else None
    if metric not in (None, "", "log_loss"):
        name = "AUC" if metric == "auc" else "Brier score"
        return f"{chosen}, by its {name}."
    board = facts.metrics["leaderboard"]
    above, best = min(((gap(row, winner, board), row) for row in others), key=lambda pair: pair[0])
    size = number(abs(above), 3) if abs(above) >= 0.0005 else "less than 0.001"
    side = "more" if above >= 0 else "less"
    return f"{chosen}. The next best, {label_of(best)}, loses {size} {side}{may_be_chance(best)}."


def held_out(facts: ClassReportFacts) -> Section:
    """Return every score on the held-out rows, and which outcomes are taken for which."""
    error = facts.scores.calibration_error
    lead = [
        f"The calibration error is {number(100 * error.value, 1)} points"
        + (
            f" (95{SPACE}% interval {number(100 * error.low, 1)} to {number(100 * error.high, 1)})"
            if error.low < error.high
            else ""
        )
        + ": so far the chances lie from the shares that come true, over all outcomes, without "
        "what is noise."
    ]
    notes = [
        "Balanced accuracy: mean over the outcomes of the share of their students that are "
        "predicted right. Average precision: how often the listed have the event, averaged down "
        "the list."
    ]
    tables = [scores_table(facts)]
    if any(n for line in facts.scores.confusion for n in line):
        tables.append(confusion_table(facts))
    else:
        notes.append(
            "Which outcomes are taken for which cannot be told of so few students: the figures "
            "would say something of fewer than ten."
        )
    return Section("scores", "Students not seen before", lead, tables=tables, notes=notes)


def confusion_table(facts: ClassReportFacts) -> ReportTable:
    """Return how many students of each outcome are predicted as each."""
    outcomes = [plain(outcome) for outcome in facts.target.categories]
    rows = [
        (Cell(outcome), *(Cell("withheld" if n is None else f"{n:,}") for n in line))
        for outcome, line in zip(outcomes, facts.scores.confusion, strict=True)
    ]
    return ReportTable("True outcome (down) and most likely outcome", ("True", *outcomes), rows)


def reliability(facts: ClassReportFacts) -> Section | None:
    """Return whether what is said to have a chance comes true as often."""
    bins, label = facts.scores.bins, event_label(facts.target)
    if not bins:
        return None
    of_what = label or "the most likely outcome"
    within = sum(one.observed.low <= one.predicted <= one.observed.high for one in bins)
    said = "; ".join(
        f"{percent(one.predicted)} said, {percent(one.observed.value)} came true" for one in bins
    )
    svg = draw_reliability(
        "reliability",
        f"Chance of {of_what}: {said}.",
        [one.predicted for one in bins],
        [one.observed for one in bins],
        "Chance that was said (%)",
        "Share that came true (%)",
    )
    caption = (
        f"The closer to the line the better. In {within} of {count(len(bins), 'group')} of "
        f"students, what was said lies within chance of what came true. Lines: 95{SPACE}% "
        "intervals."
    )
    rows = [
        (Cell(percent(one.predicted)), share_cell(one.observed), Cell(f"{one.n_samples:,}"))
        for one in bins
    ]
    table = ReportTable(
        "Said and come true", ("Chance that was said", "Came true", "Students"), rows
    )
    lead = [
        f"The chance of {of_what}, by tenths: of 100 students with a chance of 30 in 100, about 30 "
        "should have it."
    ]
    title = "Do the chances come true?"
    return Section("reliability", title, lead, (), [Figure(svg, caption)], [table])


def sets(facts: ClassReportFacts) -> Section | None:
    """Return how often the sets of outcomes hold the truth, against how often they should."""
    rows: list[Row] = sorted(facts.metrics.get("set_coverage") or (), key=lambda row: row["level"])
    if not rows:
        return None
    said = "; ".join(f"{percent(r['level'])} wanted, {percent(r['coverage'])} found" for r in rows)
    svg = dots(
        "sets",
        f"Share of students whose outcome lies in their set: {said}.",
        [
            Dot(
                f"{percent(row['level'])} set",
                100 * row["coverage"],
                100 * row["low"],
                100 * row["high"],
                nominal=100 * row["level"],
            )
            for row in rows
        ],
        "Students whose outcome is in their set (%)",
    )
    outside = [
        f"the {percent(row['level'])} set holds {percent(row['coverage'])}, "
        + ("fewer than promised" if row["level"] > row["coverage"] else "more than promised")
        for row in rows
        if row["p_value"] < CHANCE / len(rows)
    ]
    verdict = "All sets hold as many students as they promise, as far as chance lets one see."
    if outside:
        verdict = f"{capitalize(listed(outside))}, by more than chance explains."
    table = ReportTable(
        "The sets in figures",
        ("Set", "Held the truth", "Mean outcomes in it"),
        [
            (
                Cell(percent(row["level"])),
                share_cell(Interval(row["coverage"], row["low"], row["high"])),
                Cell(number(row["mean_size"], 2)),
            )
            for row in rows
        ],
    )
    lead = [
        "Beside each prediction stands a set of outcomes that cannot be ruled out. The sets were "
        f"held against the truth of {count(facts.scores.n_samples)} not seen."
    ]
    caption = f"{verdict} Upright marks: what is promised. Lines: 95{SPACE}% intervals."
    title = "Do the sets keep their promise?"
    return Section("sets", title, lead, (), [Figure(svg, caption)], [table])


def capacity(facts: ClassReportFacts) -> Section:
    """Return what help for some of the students reaches, chosen by their chance of the event."""
    names, found, label = Names(facts.schema), facts.scores.capacity, event_label(facts.target)
    title = "Whom a list reaches"
    if not label:
        return Section("list", title, [how_to_name_the_event(facts.target)])
    if found is None or not found.lists:
        few = (
            "Too few students were held out to say what a list holds: ten at least must have "
            f"{label} and ten must not, above the list's end and below it."
        )
        return Section("list", title, [few])
    lists = sorted(found.lists, key=lambda one: one.n_listed)
    told = [one for one in lists if min(abs(one.share - share) for share in TOLD_SHARES) < 1e-9]
    n_event = found.n_event
    figures = []
    if len(lists) > 1:
        figures.append(_recall_figure(facts, label))
    if len(found.net_benefit) > 1:
        figures.append(_benefit_figure(facts, label))
    table = ReportTable(
        f"Lists by the chance of {label}",
        ("Help for", "Of all", "Found", "By lot", "Recall", "Precision"),
        [
            (
                Cell(f"{one.n_listed:,}"),
                Cell(percent(one.share)),
                Cell(number(one.found.value)),
                Cell(number(one.by_lot)),
                share_cell(one.recall),
                share_cell(one.precision),
            )
            for one in lists
        ],
    )
    lead = [
        f"Of {count(found.n_samples)} not seen before, {n_event:,} have {label} in {names.target}. "
        "A list holds those whose chance of it is largest.",
        *(list_sentence(one, n_event, label) for one in told or lists[:1]),
    ]
    notes = [
        f"Recall: share of those with {label} who are listed. Precision: share of the listed who "
        f"have {label}. Lists of which a figure would tell of fewer than ten students are left out."
    ]
    return Section("list", title, lead, (), figures, [table], notes)


def _recall_figure(facts: ClassReportFacts, label: str) -> Figure:
    found = facts.scores.capacity
    lists = sorted(found.lists, key=lambda one: one.n_listed) if found else []
    x = [100 * one.share for one in lists]

    def line(name: str, shares: list[Interval]) -> Line:
        return Line(
            name,
            x,
            [100 * one.value for one in shares],
            [100 * one.low for one in shares],
            [100 * one.high for one in shares],
        )

    lines = [
        line("recall", [one.recall for one in lists]),
        line("precision", [one.precision for one in lists]),
    ]
    said = "; ".join(
        f"{percent(one.share)} listed: recall {percent(one.recall.value)}, precision "
        f"{percent(one.precision.value)}"
        for one in lists
    )
    svg = curves(
        "list", f"{said}.", lines, "Students on the list (%)", "Share (%)",
        y_limits=(0.0, 103.0), marked=True,
    )  # fmt: skip
    caption = (
        f"Recall is how many of those with {label} the list holds; drawing lots would hold as many "
        f"per cent as are listed. The bands: 95{SPACE}% intervals."
    )
    return Figure(svg, caption, "Recall and precision")


def _benefit_figure(facts: ClassReportFacts, label: str) -> Figure:
    found = facts.scores.capacity
    points = sorted(found.net_benefit, key=lambda one: one.threshold) if found else []
    x = [100 * one.threshold for one in points]
    model = [100 * one.model.value for one in points]
    lines = [
        Line(
            "help by the model",
            x,
            model,
            [100 * one.model.low for one in points],
            [100 * one.model.high for one in points],
        ),
        Line("help for all", x, [100 * one.everybody for one in points]),
    ]
    low, high = padded([0.0, *(v for line in lines for v in (*line.y, *line.low, *line.high))])
    floor = max(low, -0.6 * high)
    best = [percent(one.threshold) for one in points if one.model.value >= max(one.everybody, 0.0)]
    said = "; ".join(
        f"{percent(one.threshold)}: {number(100 * one.model.value, 1)}" for one in points
    )
    svg = curves(
        "benefit",
        f"Net benefit by the chance from which on help is given: {said}.",
        lines,
        "Chance from which on help is given (%)",
        "Net benefit in 100 students",
        y_limits=(floor, high),
        marked=True,
    )
    worth = (
        f"Help by the model is worth most, or as much, for marks from {best[0]} to {best[-1]}."
        if len(best) > 1
        else "At few marks is help by the model worth more than help for all or for nobody."
    )
    caption = (
        f"{worth} Net benefit: those with {label} who are helped, less those helped in vain, who "
        "count by the odds of the mark: at 20 %, four in vain weigh as much as one reached. "
        "Helping nobody is worth 0."
    )
    return Figure(svg, caption, "Is it worth it? (decision curve)")
