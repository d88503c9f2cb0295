"""How good chances are: against other models, on unseen rows, and for a list of whom to help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from src.config import ALL_COLUMNS, BASELINE, BLEND, SINGLE_COLUMN
from src.language import gettext as _
from src.language import ngettext
from src.report.accuracy import (
    MCFADDEN,
    broken_promise,
    difference_cell,
    label_of,
    not_tried,
    nothing_is_off,
    remarks,
    size_of,
    wanted_and_found,
    what_marks_are,
)
from src.report.class_groups import ClassReportFacts
from src.report.class_overview import (
    RESAMPLED,
    counted_on,
    gap,
    how_to_name_the_event,
    list_sentence,
    scores_table,
)
from src.report.document import Cell, Figure, ReportTable, Section
from src.report.fairness import bins_table, how_many_within, said_of, share_cell
from src.report.matplotlib_svg import ACCENT, QUIET
from src.report.overview import CHANCE, may_be_chance
from src.report.periods import how_compared
from src.report.plots import Dot, Line, curves, dots, padded
from src.report.plots import reliability as draw_reliability
from src.report.stored_words import spoken
from src.report.wording import (
    Names,
    event_label,
    interval_note,
    number,
    percent,
    plain,
    span,
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
        _("Log loss of the models that were compared: %(models)s.", models=said),
        rows,
        _("Log loss (0 is perfect)"),
        reference=base,
    )
    caption = [_choice(winner, drawn, facts)]
    if base is not None:
        caption.append(_("The line: stating the outcomes' shares for everyone."))
    return Section(
        "models",
        _("The models compared"),
        [how_compared(facts.metrics), _(RESAMPLED)],
        (),
        [Figure(svg, " ".join(caption))],
        [leaderboard_table(facts.metrics)],
        [_what_scores_are(), *not_tried(facts.metrics)],
    )


def _what_scores_are() -> str:
    losses = _(
        "Log loss: less the logarithm of the chance that the true outcome was given, on average. "
        "Brier score: squared differences, added up over the outcomes."
    )
    intervals = _(
        "Small: 95\N{NO-BREAK SPACE}% intervals; that of the difference is of the same students' "
        "losses, and tells two models apart where the scores' own overlap. The best of many "
        "scores is partly luck: the chosen model's is corrected for that, the differences are not."
    )
    return f"{losses} {_(MCFADDEN)} {intervals}"


def leaderboard_table(metrics: Mapping[str, Any]) -> ReportTable:
    """Return every model's scores in cross-validation, the chosen one marked."""
    board = metrics["leaderboard"]
    rows = [
        (
            Cell(spoken(plain(row["label"])), remarks(row, metrics["winner"])),
            Cell(number(row["log_loss"], 3)),
            Cell(number(row["brier"], 3)),
            # The shares differ between folds, so that together they would rank at random.
            Cell(number(0.5 if row["name"] == BASELINE else row["auc"], 3)),
            Cell(number(row["r2"], 3), span(number(row["r2_low"], 3), number(row["r2_high"], 3))),
            difference_cell(row.get("behind")),
        )
        for row in board
    ]
    marked = next((i for i, row in enumerate(board) if row["name"] == metrics["winner"]), None)
    header = (
        _("Model"),
        _("Log loss"),
        _("Brier score"),
        _("AUC"),
        _("R² (McFadden)"),
        _("R² less than the chosen"),
    )
    return ReportTable(_("All models"), header, rows, marked=marked)


def _choice(winner: Row, drawn: list[Row], facts: ClassReportFacts) -> str:
    """Say why the winner is it; ``drawn`` is sorted, the least log loss first."""
    compared = (SINGLE_COLUMN, ALL_COLUMNS)
    others = [row for row in drawn if row is not winner and row["name"] not in compared]
    model = label_of(winner)
    if winner["name"] == BLEND:
        n = len(winner["params"])
        model = ngettext("A blend of %(n)s model", "A blend of %(n)s models", n)
    if not others:
        return _(
            "%(model)s was chosen: nothing else that was tried is better than the shares for "
            "everyone.",
            model=model,
        )
    metric = facts.run.options.get("metric") if facts.run else None
    if metric not in (None, "", "log_loss"):
        name = _("AUC") if metric == "auc" else _("Brier score")
        return _("%(model)s was chosen, by its %(score)s.", model=model, score=name)
    board = facts.metrics["leaderboard"]
    above, best = min(((gap(row, winner, board), row) for row in others), key=lambda pair: pair[0])
    return " ".join([_("%(model)s was chosen.", model=model), _next_best(above, best)])


def _next_best(above: float, best: Row) -> str:
    said = {"model": label_of(best), "size": size_of(above)}
    match above >= 0, may_be_chance(best):
        case True, True:
            return _(
                "The next best, %(model)s, loses %(size)s more, which may well be chance.", **said
            )
        case True, False:
            return _("The next best, %(model)s, loses %(size)s more.", **said)
        case False, True:
            return _("%(model)s loses %(size)s less, which may well be chance.", **said)
    return _("%(model)s loses %(size)s less.", **said)


def held_out(facts: ClassReportFacts) -> Section:
    """Return every score on the held-out rows, and which outcomes are taken for which."""
    error = facts.scores.calibration_error
    interval = ""
    if error.low < error.high:
        interval = interval_note(number(100 * error.low, 1), number(100 * error.high, 1))
    lead = [
        _(
            "The calibration error is %(error)s points%(interval)s: so far the chances lie from "
            "the shares that come true, over all outcomes, without what is noise.",
            error=number(100 * error.value, 1),
            interval=interval,
        )
    ]
    notes = [
        _(
            "Balanced accuracy: mean over the outcomes of the share of their students that are "
            "predicted right. Average precision: how often the listed have the event, averaged "
            "down the list."
        )
    ]
    tables = [scores_table(facts)]
    if any(n for line in facts.scores.confusion for n in line):
        tables.append(confusion_table(facts))
    else:
        notes.append(
            _(
                "Which outcomes are taken for which cannot be told of so few students: the "
                "figures would say something of fewer than ten."
            )
        )
    return Section("scores", _("Students not seen before"), lead, tables=tables, notes=notes)


def confusion_table(facts: ClassReportFacts) -> ReportTable:
    """Return how many students of each outcome are predicted as each."""
    outcomes = [plain(outcome) for outcome in facts.target.categories]
    rows = [
        (Cell(outcome), *(Cell(_("withheld") if n is None else number(n)) for n in line))
        for outcome, line in zip(outcomes, facts.scores.confusion, strict=True)
    ]
    caption = _("True outcome (down) and most likely outcome")
    # Translators: the outcome that came true, as the heading of a column.
    return ReportTable(caption, (_("True"), *outcomes), rows)


def reliability(facts: ClassReportFacts) -> Section | None:
    """Return whether what is said to have a chance comes true as often."""
    bins, label = facts.scores.bins, event_label(facts.target)
    if not bins:
        return None
    of_what = label or _("the most likely outcome")
    svg = draw_reliability(
        "reliability",
        _("Chance of %(event)s: %(bins)s.", event=of_what, bins=said_of(bins)),
        [one.predicted for one in bins],
        [one.observed for one in bins],
        _("Chance that was said (%)"),
        _("Share that came true (%)"),
    )
    figure = Figure(svg, how_many_within(bins))
    table = bins_table(bins, _("Chance that was said"))
    lead = [
        _(
            "The chance of %(event)s, by tenths: of 100 students with a chance of 30 in 100, "
            "about 30 should have it.",
            event=of_what,
        )
    ]
    return Section("reliability", _("Do the chances come true?"), lead, (), [figure], [table])


def sets(facts: ClassReportFacts) -> Section | None:
    """Return how often the sets of outcomes hold the truth, against how often they should."""
    rows: list[Row] = sorted(facts.metrics.get("set_coverage") or (), key=lambda row: row["level"])
    if not rows:
        return None
    svg = dots(
        "sets",
        _(
            "Share of students whose outcome lies in their set: %(shares)s.",
            shares=wanted_and_found(rows),
        ),
        [
            Dot(
                _("%(level)s set", level=percent(row["level"])),
                100 * row["coverage"],
                100 * row["low"],
                100 * row["high"],
                nominal=100 * row["level"],
            )
            for row in rows
        ],
        _("Students whose outcome is in their set (%)"),
    )
    outside = [_set_is_off(row) for row in rows if row["p_value"] < CHANCE / len(rows)]
    told = any(row["low"] < row["high"] for row in rows)
    verdict = nothing_is_off(len(rows), told)
    if outside:
        verdict = broken_promise(outside)
    table = ReportTable(
        _("The sets in figures"),
        # Translators: a set of outcomes that cannot be ruled out.
        (_("Set"), _("Held the truth"), _("Mean outcomes in it")),
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
        ngettext(
            "Beside each prediction stands a set of outcomes that cannot be ruled out. The sets "
            "were held against the truth of %(n)s student not seen.",
            "Beside each prediction stands a set of outcomes that cannot be ruled out. The sets "
            "were held against the truth of %(n)s students not seen.",
            facts.scores.n_samples,
        )
    ]
    caption = f"{verdict} {what_marks_are(told)}"
    title = _("Do the sets keep their promise?")
    return Section("sets", title, lead, (), [Figure(svg, caption)], [table])


def _set_is_off(row: Row) -> str:
    shares = {"level": percent(row["level"]), "share": percent(row["coverage"])}
    if row["level"] > row["coverage"]:
        return _("the %(level)s set holds %(share)s, fewer than promised", **shares)
    return _("the %(level)s set holds %(share)s, more than promised", **shares)


def capacity(facts: ClassReportFacts) -> Section:
    """Return what help for some of the students reaches, chosen by their chance of the event."""
    names, found, label = Names(facts.schema), facts.capacity, event_label(facts.target)
    title = _("Whom a list reaches")
    if not label:
        return Section("list", title, [how_to_name_the_event(facts.target)])
    if found is None or not found.lists:
        few = _(
            "Too few students were held out to say what a list holds: ten at least must have "
            "%(event)s and ten must not, above the list's end and below it.",
            event=label,
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
        _("Lists by the chance of %(event)s", event=label),
        (_("Help for"), _("Of all"), _("Found"), _("By lot"), _("Recall"), _("Precision")),
        [
            (
                Cell(number(one.n_listed)),
                Cell(percent(one.share)),
                Cell(number(one.found.value)),
                Cell(number(one.by_lot)),
                share_cell(one.recall),
                share_cell(one.precision),
            )
            for one in lists
        ],
    )
    said = {
        "students": number(found.n_samples),
        "number": number(n_event),
        "event": label,
        "target": names.target,
    }
    who = _(
        "Of %(students)s students not seen before, %(number)s have %(event)s in %(target)s. A "
        "list holds those whose chance of it is largest.",
        **said,
    )
    if found.out_of_fold:
        who = _(
            "Of %(students)s training students, %(number)s have %(event)s in %(target)s. A list "
            "holds those whose chance of it is largest.",
            **said,
        )
    lead = [
        *counted_on(found),
        who,
        *(list_sentence(one, n_event, label) for one in told or lists[:1]),
    ]
    notes = [
        _(
            "Recall: share of those with %(event)s who are listed. Precision: share of the listed "
            "who have %(event)s. Lists of which a figure would tell of fewer than ten students "
            "are left out.",
            event=label,
        )
    ]
    return Section("list", title, lead, (), figures, [table], notes)


def _recall_figure(facts: ClassReportFacts, label: str) -> Figure:
    found = facts.capacity
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
        line(_("recall"), [one.recall for one in lists]),
        line(_("precision"), [one.precision for one in lists]),
    ]
    said = "; ".join(
        _(
            "%(share)s listed: recall %(recall)s, precision %(precision)s",
            share=percent(one.share),
            recall=percent(one.recall.value),
            precision=percent(one.precision.value),
        )
        for one in lists
    )
    svg = curves(
        "list", f"{said}.", lines, _("Students on the list (%)"), _("Share (%)"),
        y_limits=(0.0, 103.0), marked=True,
    )  # fmt: skip
    caption = _(
        "Recall is how many of those with %(event)s the list holds; drawing lots would hold as "
        "many per cent as are listed. The bands: 95\N{NO-BREAK SPACE}%% intervals.",
        event=label,
    )
    return Figure(svg, caption, _("Recall and precision"))


def _benefit_figure(facts: ClassReportFacts, label: str) -> Figure:
    found = facts.capacity
    points = sorted(found.net_benefit, key=lambda one: one.threshold) if found else []
    x = [100 * one.threshold for one in points]
    model = [100 * one.model.value for one in points]
    lines = [
        Line(
            _("help by the model"),
            x,
            model,
            [100 * one.model.low for one in points],
            [100 * one.model.high for one in points],
        ),
        Line(_("help for all"), x, [100 * one.everybody for one in points]),
    ]
    low, high = padded([0.0, *(v for line in lines for v in (*line.y, *line.low, *line.high))])
    floor = max(low, -0.6 * high)
    best = [percent(one.threshold) for one in points if one.model.value >= max(one.everybody, 0.0)]
    said = "; ".join(
        f"{percent(one.threshold)}: {number(100 * one.model.value, 1)}" for one in points
    )
    svg = curves(
        "benefit",
        _("Net benefit by the chance from which on help is given: %(benefits)s.", benefits=said),
        lines,
        _("Chance from which on help is given (%)"),
        _("Net benefit in 100 students"),
        y_limits=(floor, high),
        marked=True,
    )
    worth = _("At few marks is help by the model worth more than help for all or for nobody.")
    if len(best) > 1:
        worth = _(
            "Help by the model is worth most, or as much, for marks from %(low)s to %(high)s.",
            low=best[0],
            high=best[-1],
        )
    benefit = _(
        "Net benefit: those with %(event)s who are helped, less those helped in vain, who count "
        "by the odds of the mark: at 20 %%, four in vain weigh as much as one reached. Helping "
        "nobody is worth 0.",
        event=label,
    )
    return Figure(svg, f"{worth} {benefit}", _("Is it worth it? (decision curve)"))
