"""How good the model is: against others, with more rows, and on rows that it never saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from src.config import ALL_COLUMNS, BASELINE, BLEND, SINGLE_COLUMN
from src.report.document import Cell, Figure, ReportTable, Section
from src.report.facts import Facts, HeldOutPredictions, LearningPoint, ReportFacts
from src.report.matplotlib_svg import ACCENT, QUIET
from src.report.overview import CHANCE, coverage_by_level, unreliable_parts
from src.report.periods import how_compared
from src.report.plots import SHOWN_POINTS, Dot, Line, curves, dots, histogram, scatter
from src.report.wording import (
    SPACE,
    Measure,
    Names,
    capitalize,
    count,
    listed,
    number,
    percent,
    plain,
    r2_text,
)
from src.stats.disclosure import LEAST_ROWS
from src.stats.intervals import LEAST_CLUSTERS, Interval, mean_interval, wilson_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HARDLY = 0.02  # R² that twice the rows gain at most
ROWS_A_STEP, MOST_STEPS = 20, 8  # of the line through the residuals
DRAWN_SHIFT = 0.01  # of the truths' range: how far a dot is moved at most
MCFADDEN = (
    "R² of chances (McFadden's): the share by which their log loss is below that of stating the "
    "outcomes' shares for everyone. 0.2 to 0.4 is already a good fit."
)
MOVED = "Dots are moved a little at random, so that none is a student's exact result."

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
        "R² of the models that were compared: "
        + "; ".join(f"{label_of(row)} {r2_text(row['r2'])}" for row in drawn)
        + ".",
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
        "R² (1 is perfect)",
    )
    lines = f" Lines: 95{SPACE}% intervals of each score alone." if "r2_low" in winner else ""
    caption = f"{_choice(winner, drawn, facts)}{lines}"
    notes = [
        "R²: share of the differences between students that is explained. RMSE and MAE: typical "
        f"and mean size of an error. Small: 95{SPACE}% intervals; that of the difference is of the "
        "same students' errors, and tells two models apart where the scores' own overlap. The best "
        "of many scores is partly luck: the chosen model's is corrected for that."
    ]
    notes += not_tried(metrics)
    return Section(
        "models",
        "The models compared",
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
        reasons.setdefault(reason, []).append(plain(label))
    return [f"Not tried, {plain(reason)}: {'; '.join(names)}." for reason, names in reasons.items()]


def leaderboard_table(metrics: Mapping[str, Any], measure: Measure) -> ReportTable:
    """Return every model's scores in cross-validation, the chosen one marked."""
    board = metrics["leaderboard"]
    rows = [
        (
            Cell(plain(row["label"]), remarks(row, metrics["winner"])),
            Cell(r2_text(row["r2"]), _ends(row, "r2_low", "r2_high")),
            difference_cell(row.get("behind")),
            Cell(measure.number(row["rmse"])),
            Cell(measure.number(row["mae"])),
        )
        for row in board
    ]
    return ReportTable(
        "All models",
        ("Model", "R²", "R² less than the chosen", measure.axis("RMSE"), measure.axis("MAE")),
        rows,
        marked=next((i for i, row in enumerate(board) if row["name"] == metrics["winner"]), None),
    )


def _ends(row: Row, low: str = "low", high: str = "high") -> str:
    """Return the ends of an interval of R²; older runs have none."""
    return f"{number(row[low], 3)} to {number(row[high], 3)}" if low in row else ""


def difference_cell(behind: Row | None) -> Cell:
    """Return by how much R² is below the chosen model's; nothing for that one."""
    return Cell(number(behind["value"], 3), _ends(behind)) if behind else Cell("")


def remarks(row: Row, winner: str) -> str:
    """Return what stands under a model's name in small letters."""
    said = ["chosen"] if row["name"] == winner else []
    if row["name"] not in (BASELINE, BLEND, SINGLE_COLUMN, ALL_COLUMNS):
        said.append(f"{count(row['n_trials'], 'setting')} tried")
    return ", ".join(said)


def label_of(row: Row) -> str:
    """Return a model's name for a plot; a blend's lists its members."""
    if row["name"] != BLEND:
        return plain(row["label"])
    return "Average" if _is_average(row) else "Blend"


def _is_average(row: Row) -> bool:
    """Whether a blend's members have equal shares, because each is as good as the best."""
    return row["name"] == BLEND and len(set(row["params"].values())) == 1


def _choice(winner: Row, drawn: list[Row], facts: ReportFacts) -> str:
    """Say why the winner is it; ``drawn`` is sorted, the best R² first."""
    compared = (SINGLE_COLUMN, ALL_COLUMNS)
    others = [row for row in drawn if row is not winner and row["name"] not in compared]
    chosen = f"{label_of(winner)} was chosen"
    if _is_average(winner):
        chosen = f"The average of {count(len(winner['params']), 'model')} was chosen"
    if not others:
        return f"{chosen}: nothing else that was tried is better than guessing the average."
    metric = facts.run.options.get("metric", "r2") if facts.run else "r2"
    if metric != "r2":
        return f"{chosen}, by its {str(metric).upper()}."
    best = min(others, key=lambda row: _gap(winner, row))
    gap = _gap(winner, best)
    size = number(abs(gap), 3) if abs(gap) >= 0.0005 else "less than 0.001"
    if _is_average(winner):
        chosen += ": where several reach nearly the same, their mean is safer than the luckiest"
    if gap < 0:
        why = "" if winner["name"] == BLEND else ", too little to be worth its complexity"
        return f"{chosen}. {label_of(best)} reaches {size} more{why}{_by_chance(best)}."
    return f"{chosen}. The next best, {label_of(best)}, reaches {size} less{_by_chance(best)}."


def _gap(winner: Row, row: Row) -> float:
    """Return by how much R² is below the winner's; older runs have the scores alone."""
    behind = row.get("behind")
    return float(behind["value"] if behind else winner["r2"] - row["r2"])


def _by_chance(row: Row) -> str:
    behind = row.get("behind")
    if behind and behind["low"] <= 0 <= behind["high"]:
        return ", which may well be chance"
    return ""


# --- more rows -----------------------------------------------------------------------------------


def learning_curve(facts: Facts) -> Section | None:
    """Return how the score grows with the rows, and whether more rows would help."""
    points = facts.learning_curve
    if len(points) < 2:
        return None
    n = [float(point.n_train) for point in points]
    lines = [
        Line(
            "new students",
            n,
            [point.r2 for point in points],
            [point.r2_low for point in points],
            [point.r2_high for point in points],
        ),
        Line("students it learnt from", n, [point.train_r2 for point in points]),
    ]
    alt = "R² on new students by the number of students learnt from: " + "; ".join(
        f"{point.n_train:,}: {r2_text(point.r2)}" for point in points
    )
    svg = curves(
        "learning", f"{alt}.", lines, "Students learnt from", "R² (1 is perfect)", marked=True
    )
    caption = f"{_would_more_help(points)} The band: 95{SPACE}% intervals."
    if facts.schema.task != "regression":
        caption += f" {MCFADDEN}"
    if facts.too_few_to_learn_from:
        sizes = listed([f"{size:,}" for size in facts.too_few_to_learn_from])
        caption += f" The model cannot learn from only {sizes} students, which are left out."
    return Section("learning", "Would more students help?", figures=[Figure(svg, caption)])


def _would_more_help(points: tuple[LearningPoint, ...]) -> str:
    """Say what the last step came to, and what follows from it where chance does not explain it."""
    before, last = points[-2:]
    gain = last.gain
    grown = (
        f"From {before.n_train:,} to {last.n_train:,} students, R² went from "
        f"{r2_text(before.r2)} to {r2_text(last.r2)}"
    )
    if gain is None:
        return f"{grown}."
    if gain.low > 0:
        return f"{grown}: it still rises, so more students would probably help."
    if gain.high < 0:
        return f"{grown}: more students did not help."
    if gain.high < HARDLY:
        return f"{grown}: more students of this kind would hardly help."
    ends = f"{number(gain.low, 3)} to {number(gain.high, 3)}"
    return f"{grown} (difference: 95{SPACE}% interval {ends})."


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
        f"Actual against predicted {names.target} of {count(n)}: 90{SPACE}% of the predictions are "
        f"within {measure.amount(within)} of the truth.",
        y_pred,
        y_true,
        measure.axis("Predicted"),
        measure.axis("Actual"),
        shift=_shift(facts, held_out),
        diagonal=True,
        band=(held_out.low, held_out.high),
    )
    caption = (
        f"The closer to the line the better: 90{SPACE}% of the predictions are within "
        f"{measure.amount(within)} of the truth. The shade is the range that should hold "
        f"{percent(held_out.level)}."
    )
    lead = [
        f"Each dot is one of {count(n)} that the model never saw"
        + (f"; {SHOWN_POINTS:,} of them are drawn" if n > SHOWN_POINTS else "")
        + f". {MOVED}"
    ]
    return Section("predicted", "Predicted against actual", lead, (), [Figure(svg, caption)])


def residuals(facts: ReportFacts) -> Section | None:
    """Return the errors by the prediction, and how they are distributed."""
    held_out = facts.held_out
    if held_out is None or len(held_out.y_true) < LEAST_ROWS:
        return None
    import numpy as np

    measure = Measure.of(facts.schema.number)
    residual = held_out.y_true - held_out.y_pred
    trend = _trend(held_out.y_pred, residual)
    line = " The line through the dots is their mean." if trend else ""
    by_prediction = Figure(
        scatter(
            "residuals",
            f"Actual less predicted by the prediction: mean {measure.signed(residual.mean())}, "
            f"standard deviation {measure.amount(residual.std())}.",
            held_out.y_pred,
            residual,
            measure.axis("Predicted"),
            measure.axis("Actual less predicted"),
            shift=_shift(facts, held_out),
            trend=trend,
        ),
        _bias(residual, measure, held_out.clusters)
        + _uneven(held_out.y_pred, residual, measure)
        + line,
        "By the prediction",
    )
    half, most = np.quantile(np.abs(residual), (0.5, 0.95))
    furthest = float(np.abs(residual).max()) or 1.0
    edges = np.linspace(-furthest, furthest, min(31, int(np.sqrt(len(residual))) | 1) + 1)
    counts, _ = np.histogram(residual, edges)
    sizes = (
        f"Half of the errors are smaller than {measure.amount(half)}, 19 in 20 smaller than "
        f"{measure.amount(most)}."
    )
    distribution = Figure(
        histogram(
            "errors",
            f"Histogram of actual less predicted. {sizes}",
            edges.tolist(),
            counts.tolist(),
            measure.axis("Actual less predicted"),
            marks=[0.0],
        ),
        sizes,
        "How large they are",
    )
    lead = ["Above zero the model predicted too little, below zero too much."]
    return Section("residuals", "The errors", lead, (), [by_prediction, distribution])


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
        return (
            f"The mean is {measure.signed(mean)}, of fewer than {LEAST_CLUSTERS} clusters: too "
            "few to tell it from chance."
        )
    if not found.excludes_zero:
        return (
            f"On the whole it predicts neither too much nor too little: the mean is "
            f"{measure.signed(mean)}, within chance."
        )
    side = "little" if mean > 0 else "much"
    return (
        f"On average it predicts {measure.amount(abs(mean))} too {side}, more than chance would "
        "make it."
    )


def _uneven(y_pred: NDArray[np.float64], residual: NDArray[np.float64], measure: Measure) -> str:
    """Say how the size of the errors differs between low and high predictions."""
    import numpy as np

    if len(y_pred) < 6 * LEAST_ROWS:
        return ""
    low, _, high = np.array_split(np.abs(residual)[np.argsort(y_pred, kind="stable")], 3)
    return (
        f" It is off by {measure.amount(low.mean())} on average in the lowest third of the "
        f"predictions, by {measure.number(high.mean())} in the highest."
    )


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
        "Share of students inside their range: "
        + "; ".join(f"{percent(r['level'])} wanted, {percent(r['coverage'])} found" for r in rows)
        + ".",
        [
            Dot(
                f"{percent(row['level'])} range",
                100 * one.value,
                100 * one.low,
                100 * one.high,
                nominal=100 * row["level"],
            )
            for row, one in zip(rows, held, strict=True)
        ],
        "Students inside their range (%)",
    )
    outside = [
        f"the {percent(row['level'])} range holds {percent(row['coverage'])}, "
        + ("fewer than promised" if row["level"] > row["coverage"] else "more than promised")
        for row in rows
        if row.get("p_value", 1.0) < CHANCE / len(rows)
    ]
    if outside:
        verdict = f"{capitalize(listed(outside))}, by more than chance explains."
    else:
        verdict = "All ranges hold as many students as they promise, as far as chance lets one see."
    table = ReportTable(
        "The ranges in figures",
        ("Range", "Held the truth", measure.axis("Mean width")),
        [
            (
                Cell(percent(row["level"])),
                Cell(percent(one.value), f"{100 * one.low:.0f} to {100 * one.high:.0f}{SPACE}%"),
                Cell(measure.number(row["mean_width"])),
            )
            for row, one in zip(rows, held, strict=True)
        ],
    )
    lead = [f"Each prediction's ranges were held against the truth of {count(n)} not seen."]
    caption = f"{verdict} Upright marks: what is promised. Lines: 95{SPACE}% intervals."
    tables = [table]
    if levels := coverage_by_level(facts):
        tables.append(levels)
    return Section(
        "coverage",
        "Do the ranges keep their promise?",
        [*lead, *unreliable_parts(facts)],
        (),
        [Figure(svg, caption)],
        tables,
    )


def _held(row: Row, n_samples: int) -> Interval:
    """Return the share that a range held with its interval; older runs saved the share alone."""
    if "low" in row:
        return Interval(row["coverage"], row["low"], row["high"])
    return wilson_interval(round(row["coverage"] * n_samples), n_samples)
