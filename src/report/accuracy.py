"""How good the model is: against others, with more rows, and on rows that it never saw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from src.config import ALL_COLUMNS, BASELINE, BLEND, SINGLE_COLUMN
from src.language import gettext as _
from src.language import mark, ngettext
from src.report.document import Cell, Figure, ReportTable, Section
from src.report.facts import Facts, HeldOutPredictions, LearningPoint, ReportFacts
from src.report.matplotlib_svg import ACCENT, QUIET
from src.report.overview import CHANCE, coverage_by_level, may_be_chance, unreliable_parts
from src.report.periods import how_compared
from src.report.plots import SHOWN_POINTS, Dot, Line, curves, dots, histogram, scatter
from src.report.stored_words import spoken
from src.report.wording import (
    Measure,
    Names,
    capitalize,
    listed,
    number,
    percent,
    percent_span,
    plain,
    r2_text,
    span,
)
from src.stats.disclosure import LEAST_ROWS
from src.stats.intervals import LEAST_CLUSTERS, Interval, mean_interval, wilson_interval
from src.stats.spread import spread_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HARDLY = 0.02  # R² that twice the rows gain at most
ROWS_A_STEP, MOST_STEPS = 20, 8  # of the line through the residuals
DRAWN_SHIFT = 0.01  # of the truths' range: how far a dot is moved at most
UNCORRECTED = mark("These scores are not corrected for the choice of the model.")
MCFADDEN = mark(
    "R² of chances (McFadden's): the share by which their log loss is below that of stating the "
    "outcomes' shares for everyone. 0.2 to 0.4 is already a good fit."
)

Row = Mapping[str, Any]


# --- the models that were compared ---------------------------------------------------------------


def leaderboard(facts: ReportFacts) -> Section:
    """Return the models with their intervals, and those that were not tried."""
    metrics, measure = facts.metrics, Measure.of(facts.schema.number)
    board: list[Row] = list(metrics["leaderboard"])
    winner = next(row for row in board if row["name"] == metrics["winner"])
    drawn = [
        row
        for row in board
        if row["name"] == winner["name"] or (row["name"] != BASELINE and row["r2"] > 0)
    ]
    drawn.sort(key=lambda row: -row["r2"])
    lead = [how_compared(metrics)]
    svg = dots(
        "leaderboard",
        _(
            "R² of the models that were compared: %(models)s.",
            models="; ".join(f"{label_of(row)} {r2_text(row['r2'])}" for row in drawn),
        ),
        [
            Dot(
                label_of(row),
                row["r2"],
                row.get("r2_low"),
                row.get("r2_high"),
                colour=ACCENT if row is winner else QUIET,
            )
            for row in drawn
        ],
        _("R² (1 is perfect)"),
    )
    caption = _choice(winner, drawn, facts)
    if "r2_low" in winner:
        lines = _("Lines: 95\N{NO-BREAK SPACE}% intervals of each score alone.")
        caption = f"{caption} {lines}"
    notes = [
        _(
            "R²: share of the differences between students that is explained. RMSE and MAE: "
            "typical and mean size of an error. Small: 95\N{NO-BREAK SPACE}% intervals; that of "
            "the difference is of the same students' errors, and tells two models apart where the "
            "scores' own overlap. The best of many scores is partly luck: the chosen model's is "
            "corrected for that, the differences are not."
        )
    ]
    notes += not_tried(metrics)
    return Section(
        "models",
        _("The models compared"),
        lead,
        (),
        [Figure(svg, caption)],
        [leaderboard_table(metrics, measure)],
        notes,
    )


def not_tried(metrics: Mapping[str, Any]) -> list[str]:
    """Return which families were not tried, by the reason."""
    reasons: dict[str, list[str]] = {}
    for label, reason in (metrics.get("left_out") or {}).items():
        reasons.setdefault(reason, []).append(spoken(plain(label)))
    return [
        _(
            "Left out, %(reason)s: %(models)s.",
            reason=spoken(plain(reason)),
            models="; ".join(names),
        )
        for reason, names in reasons.items()
    ]


def leaderboard_table(metrics: Mapping[str, Any], measure: Measure) -> ReportTable:
    """Return every model's scores in cross-validation, the chosen one marked."""
    board = metrics["leaderboard"]
    rows = [
        (
            Cell(spoken(plain(row["label"])), remarks(row, metrics["winner"])),
            Cell(r2_text(row["r2"]), _ends(row, "r2_low", "r2_high")),
            difference_cell(row.get("behind")),
            Cell(measure.number(row["rmse"])),
            Cell(measure.number(row["mae"])),
        )
        for row in board
    ]
    return ReportTable(
        _("All models"),
        (
            _("Model"),
            "R²",
            _("R² less than the chosen"),
            measure.axis(_("RMSE")),
            measure.axis(_("MAE")),
        ),
        rows,
        marked=next((i for i, row in enumerate(board) if row["name"] == metrics["winner"]), None),
    )


def _ends(row: Row, low: str = "low", high: str = "high") -> str:
    """Return the ends of an interval of R²; older runs have none."""
    return span(number(row[low], 3), number(row[high], 3)) if low in row else ""


def difference_cell(behind: Row | None) -> Cell:
    """Return by how much R² is below the chosen model's; nothing for that one."""
    return Cell(number(behind["value"], 3), _ends(behind)) if behind else Cell("")


def remarks(row: Row, winner: str) -> str:
    """Return what stands under a model's name in small letters."""
    said = [_("chosen")] if row["name"] == winner else []
    if row["name"] not in (BASELINE, BLEND, SINGLE_COLUMN, ALL_COLUMNS):
        said.append(ngettext("%(n)s setting tried", "%(n)s settings tried", row["n_trials"]))
    return ", ".join(said)


def label_of(row: Row) -> str:
    """Return a model's name for a plot; a blend's lists its members."""
    if row["name"] != BLEND:
        return spoken(plain(row["label"]))
    return _("Average") if _is_average(row) else _("Blend")


def _is_average(row: Row) -> bool:
    """Whether a blend's members have equal shares, because each is as good as the best."""
    return row["name"] == BLEND and len(set(row["params"].values())) == 1


def _choice(winner: Row, drawn: list[Row], facts: ReportFacts) -> str:
    """Say why the winner is it; ``drawn`` is sorted, the best R² first."""
    compared = (SINGLE_COLUMN, ALL_COLUMNS)
    others = [row for row in drawn if row is not winner and row["name"] not in compared]
    model = chosen_model(winner)
    if not others:
        return _(
            "%(model)s was chosen: nothing else that was tried is better than guessing the "
            "average.",
            model=model,
        )
    metric = facts.run.options.get("metric") if facts.run else None
    if metric not in (None, "", "r2"):
        score = _("RMSE") if metric == "rmse" else _("MAE")
        return _("%(model)s was chosen, by its %(score)s.", model=model, score=score)
    best = min(others, key=lambda row: _gap(winner, row))
    if _is_average(winner):
        chosen = _(
            "%(model)s was chosen: where several reach nearly the same, their mean is safer than "
            "the luckiest.",
            model=model,
        )
    else:
        chosen = _("%(model)s was chosen.", model=model)
    return f"{chosen} {_next_best(winner, best)}"


def chosen_model(winner: Row) -> str:
    """Return what the chosen model is called at the beginning of a sentence."""
    if winner["name"] != BLEND:
        return label_of(winner)
    n = len(winner["params"])
    if _is_average(winner):
        return ngettext("The average of %(n)s model", "The average of %(n)s models", n)
    return _("Blend")


def _next_best(winner: Row, best: Row) -> str:
    gap = _gap(winner, best)
    said = {"model": label_of(best), "size": size_of(gap)}
    if gap >= 0:
        if may_be_chance(best):
            return _(
                "The next best, %(model)s, reaches %(size)s less, which may well be chance.", **said
            )
        return _("The next best, %(model)s, reaches %(size)s less.", **said)
    match winner["name"] == BLEND, may_be_chance(best):
        case True, True:
            return _("%(model)s reaches %(size)s more, which may well be chance.", **said)
        case True, False:
            return _("%(model)s reaches %(size)s more.", **said)
        case False, True:
            return _(
                "%(model)s reaches %(size)s more, too little to be worth its complexity, which "
                "may well be chance.",
                **said,
            )
    return _(
        "%(model)s reaches %(size)s more, too little to be worth its complexity.",
        **said,
    )


def size_of(gap: float) -> str:
    """Return how far two scores lie apart."""
    if abs(gap) < 0.0005:
        return _("less than %(amount)s", amount=number(0.001, 3))
    return number(abs(gap), 3)


def _gap(winner: Row, row: Row) -> float:
    """Return by how much R² is below the winner's; older runs have the scores alone."""
    behind = row.get("behind")
    return float(behind["value"] if behind else winner["r2"] - row["r2"])


# --- more rows -----------------------------------------------------------------------------------


def learning_curve(facts: Facts) -> Section | None:
    """Return how the score grows with the rows, and whether more rows would help."""
    points = facts.learning_curve
    if len(points) < 2:
        return None
    n = [float(point.n_train) for point in points]
    lines = [
        Line(
            _("new students"),
            n,
            [point.r2 for point in points],
            [point.r2_low for point in points],
            [point.r2_high for point in points],
        ),
        Line(_("students it learnt from"), n, [point.train_r2 for point in points]),
    ]
    alt = _(
        "R² on new students by the number of students learnt from: %(points)s.",
        points="; ".join(f"{number(point.n_train)}: {r2_text(point.r2)}" for point in points),
    )
    axes = _("Students learnt from"), _("R² (1 is perfect)")
    svg = curves("learning", alt, lines, *axes, marked=True)
    caption = [_would_more_help(points), _("The band: 95\N{NO-BREAK SPACE}% intervals.")]
    caption.append(_(UNCORRECTED))
    if facts.schema.task != "regression":
        caption.append(_(MCFADDEN))
    if facts.too_few_to_learn_from:
        caption.append(
            _(
                "The model cannot learn from only %(sizes)s students, which are left out.",
                sizes=listed(map(number, facts.too_few_to_learn_from)),
            )
        )
    figure = Figure(svg, " ".join(caption))
    return Section("learning", _("Would more students help?"), figures=[figure])


def _would_more_help(points: tuple[LearningPoint, ...]) -> str:
    """Say what the last step came to, and what follows from it where chance does not explain it."""
    before, last = points[-2:]
    gain = last.gain
    grown = {
        "few": number(before.n_train),
        "many": number(last.n_train),
        "before": r2_text(before.r2),
        "after": r2_text(last.r2),
    }
    if gain is None:
        return _(
            "From %(few)s to %(many)s students, R² went from %(before)s to %(after)s.", **grown
        )
    if gain.low > 0:
        return _(
            "From %(few)s to %(many)s students, R² went from %(before)s to %(after)s: it still "
            "rises, so more students would probably help.",
            **grown,
        )
    if gain.high < 0:
        return _(
            "From %(few)s to %(many)s students, R² went from %(before)s to %(after)s: more "
            "students did not help.",
            **grown,
        )
    if gain.high < HARDLY:
        return _(
            "From %(few)s to %(many)s students, R² went from %(before)s to %(after)s: more "
            "students of this kind would hardly help.",
            **grown,
        )
    return _(
        "From %(few)s to %(many)s students, R² went from %(before)s to %(after)s (difference: "
        "95\N{NO-BREAK SPACE}%% interval %(low)s to %(high)s).",
        low=number(gain.low, 3),
        high=number(gain.high, 3),
        **grown,
    )


# --- rows that it never saw ----------------------------------------------------------------------


def predictions(facts: ReportFacts) -> Section | None:
    """Return predicted against actual values."""
    held_out = facts.held_out
    if held_out is None or len(held_out.y_true) < LEAST_ROWS:
        return None
    import numpy as np

    names, measure = Names(facts.schema), Measure.of(facts.schema.number)
    y_true, y_pred = held_out.y_true, held_out.y_pred
    within = float(np.quantile(np.abs(y_true - y_pred), 0.9))
    n = len(y_true)
    svg = scatter(
        "predicted",
        _(
            "Actual against predicted %(target)s of %(students)s students: 90\N{NO-BREAK SPACE}%% "
            "of the predictions are within %(error)s of the truth.",
            target=names.target,
            students=number(n),
            error=measure.at_most(within),
        ),
        y_pred,
        y_true,
        measure.axis(_("Predicted")),
        measure.axis(_("Actual")),
        shift=_shift(facts, held_out),
        diagonal=True,
        band=(held_out.low, held_out.high),
    )
    caption = _(
        "The closer to the line the better: 90\N{NO-BREAK SPACE}%% of the predictions are within "
        "%(error)s of the truth. The shade is the range that should hold %(share)s.",
        error=measure.at_most(within),
        share=percent(held_out.level),
    )
    title = _("Predicted against actual")
    return Section("predicted", title, [_each_dot(n)], (), [Figure(svg, caption)])


def _each_dot(n_samples: int) -> str:
    moved = _("Dots are moved a little at random, so that none is a student's exact result.")
    if n_samples > SHOWN_POINTS:
        dots = _(
            "Each dot is one of %(students)s students that the model never saw; %(drawn)s of them "
            "are drawn.",
            students=number(n_samples),
            drawn=number(SHOWN_POINTS),
        )
    else:
        dots = _(
            "Each dot is one of %(students)s students that the model never saw.",
            students=number(n_samples),
        )
    return f"{dots} {moved}"


def residuals(facts: ReportFacts) -> Section | None:
    """Return the errors by the prediction, and how they are distributed."""
    held_out = facts.held_out
    if held_out is None or len(held_out.y_true) < LEAST_ROWS:
        return None
    import numpy as np

    measure = Measure.of(facts.schema.number)
    residual = held_out.y_true - held_out.y_pred
    trend = _trend(held_out.y_pred, residual)
    caption = [
        _bias(residual, measure, held_out.clusters),
        *_uneven(held_out.y_pred, residual, measure),
    ]
    if trend:
        caption.append(_("The line through the dots is their mean."))
    by_prediction = Figure(
        scatter(
            "residuals",
            _(
                "Actual less predicted by the prediction: mean %(mean)s, standard deviation "
                "%(deviation)s.",
                mean=measure.signed(residual.mean()),
                deviation=measure.amount(residual.std()),
            ),
            held_out.y_pred,
            residual,
            measure.axis(_("Predicted")),
            measure.axis(_("Actual less predicted")),
            shift=_shift(facts, held_out),
            trend=trend,
        ),
        " ".join(caption),
        _("By the prediction"),
    )
    half, most = np.quantile(np.abs(residual), (0.5, 0.95))
    furthest = float(np.abs(residual).max()) or 1.0
    edges = np.linspace(-furthest, furthest, min(31, int(np.sqrt(len(residual))) | 1) + 1)
    spread = spread_of(residual, edges)
    sizes = _(
        "Half of the errors are smaller than %(half)s, 19 in 20 smaller than %(most)s.",
        half=measure.at_most(half),
        most=measure.at_most(most),
    )
    distribution = Figure(
        histogram(
            "errors",
            _("Histogram of actual less predicted. %(sizes)s", sizes=sizes),
            spread.edges,
            spread.counts,
            measure.axis(_("Actual less predicted")),
            marks=[0.0],
        ),
        sizes,
        _("How large they are"),
    )
    lead = [_("Above zero the model predicted too little, below zero too much.")]
    return Section("residuals", _("The errors"), lead, (), [by_prediction, distribution])


def _shift(facts: ReportFacts, held_out: HeldOutPredictions) -> float:
    """Return how far a dot is moved at most: a share of the range, nearly half a whole number."""
    share = DRAWN_SHIFT * float(held_out.y_true.max() - held_out.y_true.min())
    return max(share, 0.4) if facts.schema.number.integer else share


def _trend(y_pred: NDArray[np.float64], residual: NDArray[np.float64]) -> Line | None:
    import numpy as np

    steps = min(MOST_STEPS, len(y_pred) // ROWS_A_STEP)
    if steps < 2:
        return None
    parts = np.array_split(np.argsort(y_pred, kind="stable"), steps)
    return Line(
        "",
        [float(y_pred[part].mean()) for part in parts],
        [float(residual[part].mean()) for part in parts],
    )


def _bias(
    residual: NDArray[np.float64], measure: Measure, clusters: NDArray[np.intp] | None = None
) -> str:
    found = mean_interval(residual, clusters)
    mean = found.value
    if found.low == found.high and mean:
        return _(
            "The mean is %(mean)s, of fewer than %(least)s clusters: too few to tell it from "
            "chance.",
            mean=measure.signed(mean),
            least=number(LEAST_CLUSTERS),
        )
    if not found.excludes_zero:
        return _(
            "The mean is %(mean)s (95\N{NO-BREAK SPACE}%% interval %(low)s to %(high)s): whether "
            "it predicts too much or too little on the whole is not told from chance.",
            mean=measure.signed(mean),
            low=measure.signed(found.low),
            high=measure.signed(found.high),
        )
    size = measure.amount(abs(mean))
    if mean > 0:
        return _(
            "On average it predicts %(size)s too little, more than chance would make it.", size=size
        )
    return _("On average it predicts %(size)s too much, more than chance would make it.", size=size)


def _uneven(
    y_pred: NDArray[np.float64], residual: NDArray[np.float64], measure: Measure
) -> list[str]:
    """Say how the size of the errors differs between low and high predictions."""
    import numpy as np

    if len(y_pred) < 6 * LEAST_ROWS:
        return []
    thirds = np.array_split(np.abs(residual)[np.argsort(y_pred, kind="stable")], 3)
    return [
        _(
            "It is off by %(low)s on average in the lowest third of the predictions, by %(high)s "
            "in the highest.",
            low=measure.amount(thirds[0].mean()),
            high=measure.number(thirds[-1].mean()),
        )
    ]


def coverage(facts: ReportFacts) -> Section | None:
    """Return how often the prediction intervals hold the truth, against how often they should."""
    rows: list[Row] = list(facts.metrics.get("coverage") or ())
    if not rows:
        return None
    measure, n = Measure.of(facts.schema.number), facts.metrics["held_out"]["n_samples"]
    rows.sort(key=lambda row: row["level"])
    held = [_held(row, n) for row in rows]
    svg = dots(
        "coverage",
        _("Share of students inside their range: %(shares)s.", shares=wanted_and_found(rows)),
        [
            Dot(
                _("%(level)s range", level=percent(row["level"])),
                100 * one.value,
                100 * one.low,
                100 * one.high,
                nominal=100 * row["level"],
            )
            for row, one in zip(rows, held, strict=True)
        ],
        _("Students inside their range (%)"),
    )
    outside = [_range_is_off(row) for row in rows if row.get("p_value", 1.0) < CHANCE / len(rows)]
    told = any(one.low < one.high for one in held)
    verdict = nothing_is_off(len(rows), told)
    if outside:
        verdict = broken_promise(outside)
    table = ReportTable(
        _("The ranges in figures"),
        (_("Range"), _("Held the truth"), measure.axis(_("Mean width"))),
        [
            (
                Cell(percent(row["level"])),
                Cell(percent(one.value), percent_span(one.low, one.high)),
                Cell(measure.number(row["mean_width"])),
            )
            for row, one in zip(rows, held, strict=True)
        ],
    )
    lead = [
        ngettext(
            "Each prediction's ranges were held against the truth of %(n)s student not seen.",
            "Each prediction's ranges were held against the truth of %(n)s students not seen.",
            n,
        )
    ]
    caption = f"{verdict} {what_marks_are(told)}"
    tables = [table]
    if levels := coverage_by_level(facts):
        tables.append(levels)
    return Section(
        "coverage",
        _("Do the ranges keep their promise?"),
        [*lead, *unreliable_parts(facts)],
        (),
        [Figure(svg, caption)],
        tables,
    )


def wanted_and_found(rows: Iterable[Row]) -> str:
    """Return which share of the students should be held, and which is."""
    return "; ".join(
        _(
            "%(wanted)s wanted, %(found)s found",
            wanted=percent(row["level"]),
            found=percent(row["coverage"]),
        )
        for row in rows
    )


def nothing_is_off(n_shares: int, told: bool) -> str:
    """Return that no range or set holds more or fewer than it promises, beyond chance.

    Parameters
    ----------
    told : bool
        Whether the shares have intervals.
    """
    if not told:
        return _(
            "The students are of fewer than %(least)s clusters: nothing is told from chance.",
            least=number(LEAST_CLUSTERS),
        )
    return ngettext(
        "%(n)s was looked at: it is not off by more than chance explains.",
        "%(n)s were looked at together: none is off by more than chance explains.",
        n_shares,
    )


def broken_promise(outside: Sequence[str]) -> str:
    """Return which ranges or sets hold more or fewer than they promise."""
    return capitalize(_("%(list)s, by more than chance explains.", list=listed(outside)))


def what_marks_are(told: bool) -> str:
    """Return what stands in a plot of what ranges or sets hold; lines, where shares are told."""
    if not told:
        return _("Upright marks: what is promised.")
    return _("Upright marks: what is promised. Lines: 95\N{NO-BREAK SPACE}% intervals.")


def _range_is_off(row: Row) -> str:
    shares = {"level": percent(row["level"]), "share": percent(row["coverage"])}
    if row["level"] > row["coverage"]:
        return _("the %(level)s range holds %(share)s, fewer than promised", **shares)
    return _("the %(level)s range holds %(share)s, more than promised", **shares)


def _held(row: Row, n_samples: int) -> Interval:
    """Return the share that a range held with its interval; older runs saved the share alone."""
    if "low" in row:
        return Interval(row["coverage"], row["low"], row["high"])
    return wilson_interval(round(row["coverage"] * n_samples), n_samples)
