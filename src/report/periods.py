"""What is said of a model's scores from one period, such as a year, to the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from src.report.document import Cell, Figure, ReportTable, Section
from src.report.facts import Facts
from src.report.period_facts import Expectation, FeatureShift, OtherLearning, PeriodsFacts
from src.report.wording import SPACE, Measure, Names, listed, number, percent, r2_text
from src.schema.features import ClassTarget, NumericFeature
from src.schema.record import Schema
from src.stats.intervals import Interval
from src.utils import read_typed

MOST_SHIFTS, FEW_SHIFTS = 15, 8
MAIN = {"r2": "R²", "auc": "AUC"}
MEASURES = {**MAIN, "rmse": "RMSE", "mae": "MAE", "log_loss": "Log loss", "brier": "Brier score"}


def periods_of(metrics: Mapping[str, Any]) -> PeriodsFacts | None:
    """Return what metrics.json tells of periods; None where none were given."""
    found = metrics.get("periods")
    return None if found is None else read_typed(PeriodsFacts, found, "periods")


def headline(metrics: Mapping[str, Any]) -> list[str]:
    """Return what the held-out rows are, and by how much rows drawn at random flatter."""
    periods = periods_of(metrics)
    if periods is None:
        return []
    last, main = periods.scores[-1], _main(periods)
    by_chance, held_out = periods.by_chance[main], last.scores[main]
    random, shown = _with_ends(by_chance), number(held_out.value, 3)
    known = f"Of rows drawn at random from the earlier periods, {MAIN[main]}"
    compared = f"{known} would be {random}, not {shown}"
    if by_chance.value > held_out.high:
        compared += ": that figure flatters"
    elif number(by_chance.value, 3) == shown:
        compared = f"{known} is {random} too"
    return [
        f"Held out is {_called(periods, last.name)}, the last period: it was predicted from those "
        "before it, as the model will be used.",
        f"{compared}.",
    ]


def how_compared(metrics: Mapping[str, Any]) -> str:
    """Return on which rows models were compared."""
    periods = periods_of(metrics)
    if periods is not None and periods.follows_time:
        return (
            "Each model was fitted on earlier periods and scored on the next, for each period but "
            "the first. The last period took no part in the choice."
        )
    return (
        "Each model was fitted on a part of the training rows and scored on the rest, several "
        "times over (cross-validation). The test rows took no part in the choice."
    )


def sentences(metrics: Mapping[str, Any], schema: Schema) -> list[str]:
    """Return what else is told of the periods."""
    periods = periods_of(metrics)
    if periods is None:
        return []
    said = [*_drift(periods, schema), *_loss(periods, schema), *_others(periods)]
    said += _shifted(periods, Names(schema))
    if not periods.follows_time:
        said.append(
            f"{_called(periods, periods.names[-2])} alone could be learnt from: models were chosen "
            "by folds of its rows drawn at random, so that the leaderboard flatters."
        )
    if periods.n_left_out:
        said.append(
            f"{periods.n_left_out:,} rows are of pupils who are in the last period and before it: "
            "they are neither learnt from nor tested, so that no pupil is on both sides. The model "
            "that is served learns from every row."
        )
    return said


def periods_section(facts: Facts) -> Section | None:
    """Return the scores period by period, and what shifted."""
    from src.report.plots import Dot, dots

    periods = periods_of(facts.metrics)
    if periods is None:
        return None
    main = _main(periods)
    figures = []
    if len(periods.scores) > 1:
        drawn = [(one.name, one.scores[main]) for one in periods.scores]
        svg = dots(
            "periods",
            f"{MAIN[main]} by period: "
            + "; ".join(f"{name} {number(one.value, 3)}" for name, one in drawn)
            + ".",
            [Dot(name, one.value, one.low, one.high) for name, one in drawn],
            MAIN[main],
        )
        figures.append(
            Figure(
                svg,
                "Each period is predicted by what was learnt from those before it; the last one "
                f"took no part in the choice of the model. Lines: 95{SPACE}% intervals.",
            )
        )
    return Section(
        "periods",
        "From period to period",
        headline(facts.metrics),
        sentences(facts.metrics, facts.schema),
        figures,
        [
            _score_table(periods, facts.schema),
            _other_table(periods, facts.schema),
            _shift_table(periods, Names(facts.schema)),
        ],
        [
            "A shift of a number is the difference of its means in standard deviations; of "
            "categories, the share of students who would have to be of another one. By chance: "
            "95 of 100 random divisions of the same rows, with rows that belong together on one "
            "side, shift less. A feature that shifts need not harm the model."
        ],
    )


def _called(periods: PeriodsFacts, name: str) -> str:
    """Return what a period is called in a sentence, such as "year 2025"."""
    return f"{periods.column.replace('_', ' ')} {name}"


def _main(periods: PeriodsFacts) -> str:
    return next(name for name in MAIN if name in periods.by_chance)


def _with_ends(one: Interval) -> str:
    ends = f" ({number(one.low, 3)} to {number(one.high, 3)})" if one.low < one.high else ""
    return f"{number(one.value, 3)}{ends}"


def _drift(periods: PeriodsFacts, schema: Schema) -> list[str]:
    found, last = periods.mean_error, _called(periods, periods.names[-1])
    if found is None:
        if "auc" in periods.by_chance and not _whose_share(schema.outcomes):
            return []
        return [
            f"Whether {last} drifts from what was learnt cannot be told: that takes three earlier "
            "periods, each predicted from those before it."
        ]
    target = schema.target
    if isinstance(target, NumericFeature):
        off, low, high = map(
            Measure.of(target).signed, (found.value, found.expected.low, found.expected.high)
        )
        what = f"students' {Names(schema).target} is {off} from the prediction, on average"
        usual = f"{low} to {high}"
    else:
        off, low, high = (
            f"{100 * one:+.1f}".replace("-", "\u2212")
            for one in (found.value, found.expected.low, found.expected.high)
        )
        what = f"the share {_whose_share(schema.outcomes)} is {off} points from the prediction"
        usual = f"{low} to {high} points"
    if found.is_met:
        return [f"No drift is seen: in {last}, {what}; {usual} is usual by the periods before it."]
    return [f"Drift: in {last}, {what}; {usual} is usual by the periods before it."]


def _whose_share(target: ClassTarget) -> str:
    """Return whose share is compared; empty where no outcome stands out."""
    if target.event:
        return "at risk"
    return f"of {target.categories[1]}" if len(target.categories) == 2 else ""


def _loss(periods: PeriodsFacts, schema: Schema) -> list[str]:
    found, target = periods.loss, schema.target
    if found is None:
        return []
    name, shown = "log loss", _three
    if isinstance(target, NumericFeature):
        name, shown = "RMSE", Measure.of(target).number
    low, high = shown(found.expected.low), shown(found.expected.high)
    return [
        f"By the periods before it, its {name} was to be from {low} to {high}; it is "
        f"{shown(found.value)}{_beside(found)}."
    ]


def _beside(found: Expectation) -> str:
    if found.is_met:
        return ""
    return ", which is worse" if found.value > found.expected.high else ", which is better"


def _others(periods: PeriodsFacts) -> list[str]:
    newest, older = periods.newest, periods.older
    last_known = _called(periods, periods.names[-2])
    said = []
    if older is not None:
        said.append(f"A model that is one period older, without {last_known}, {_compared(older)}.")
    if newest is not None:
        said.append(f"One that learns from {last_known} alone {_compared(newest)}.")
    return said


def _compared(other: OtherLearning) -> str:
    lost = other.lost
    r2 = "R²" if "r2" in other.scores else "McFadden's R²"
    ends = sorted((abs(lost.low), abs(lost.high)))
    if not lost.excludes_zero:
        return "predicts the last period as well, as far as chance lets one see"
    word = "worse" if lost.value > 0 else "better"
    return (
        f"predicts it {word}: by {number(abs(lost.value), 3)} of {r2} "
        f"({number(ends[0], 3)} to {number(ends[1], 3)})"
    )


def _three(value: float) -> str:
    return number(value, 3)


def _cells(scores: Mapping[str, Interval], schema: Schema) -> list[Cell]:
    target = schema.target
    cells = []
    for name, one in ((name, scores[name]) for name in MEASURES if name in scores):
        shown = _three
        if name == "r2":
            shown = r2_text
        elif isinstance(target, NumericFeature):
            shown = Measure.of(target).number
        ends = f"{shown(one.low)} to {shown(one.high)}" if one.low < one.high else ""
        cells.append(Cell(shown(one.value), ends))
    return cells


def _header(periods: PeriodsFacts) -> list[str]:
    return [word for name, word in MEASURES.items() if name in periods.by_chance]


def _score_table(periods: PeriodsFacts, schema: Schema) -> ReportTable:
    rows = [
        (
            Cell(one.name, "held out" if one.held_out else ""),
            Cell(f"{one.n_samples:,}"),
            Cell(f"{one.n_learnt:,}"),
            *_cells(one.scores, schema),
        )
        for one in periods.scores
    ]
    header = ("Period", "Rows", "Learnt from", *_header(periods))
    return ReportTable(
        "Each period, predicted from those before it", header, rows, marked=len(rows) - 1
    )


def _other_table(periods: PeriodsFacts, schema: Schema) -> ReportTable:
    last, known = periods.scores[-1], periods.names[-2]
    learnt = [("All earlier periods", last.n_learnt, last.scores)]
    for name, other in ((f"{known} alone", periods.newest), (f"All before {known}", periods.older)):
        if other is not None:
            learnt.append((name, other.n_learnt, other.scores))
    rows = [(Cell(name), Cell(f"{n:,}"), *_cells(scores, schema)) for name, n, scores in learnt]
    rows.append(
        (
            Cell("Rows drawn at random", "of the earlier periods, judged on others of them"),
            Cell(""),
            *_cells(periods.by_chance, schema),
        )
    )
    header = ("Learnt from", "Rows", *_header(periods))
    return ReportTable("The last period, by what the same model learnt from", header, rows)


def _shift_table(periods: PeriodsFacts, names: Names) -> ReportTable:
    rows = [
        (Cell(names.of(one.feature)), Cell(_size(one, one.size)), Cell(_size(one, one.by_chance)))
        for one in periods.shifts[:MOST_SHIFTS]
    ]
    more = len(periods.shifts) - len(rows)
    caption = "How far the last period's features lie from where they lay before"
    if more:
        caption += f" ({more} more shift less)"
    return ReportTable(
        caption, ("Feature", "Shift", "By chance"), rows, folded=len(rows) > FEW_SHIFTS
    )


def _size(one: FeatureShift, size: float) -> str:
    if one.is_number:
        return f"{size:.2f} SD".replace("-", "\u2212")
    return percent(size)


def _shifted(periods: PeriodsFacts, names: Names) -> list[str]:
    far = [one.feature for one in periods.shifts if abs(one.size) > one.by_chance]
    if not far:
        return ["No feature shifted by more than chance shifts one."]
    return [
        f"{len(far)} of {len(periods.shifts)} features shifted by more than chance shifts 95 of "
        f"100: {listed(map(names.of, far), most=5)}."
    ]
