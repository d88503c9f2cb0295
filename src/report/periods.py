"""What is said of a model's scores from one period, such as a year, to the next."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from src.language import gettext as _
from src.language import mark, ngettext
from src.report.document import Cell, Figure, ReportTable, Section
from src.report.facts import Facts
from src.report.period_facts import FeatureShift, OtherLearning, PeriodsFacts
from src.report.wording import Measure, Names, listed, number, percent, plain, r2_text, signed, span
from src.schema.features import ClassTarget, NumericFeature
from src.schema.record import Schema
from src.stats.intervals import Interval
from src.utils import read_typed

MOST_SHIFTS, FEW_SHIFTS = 15, 8
MAIN = {"r2": "R²", "auc": mark("AUC")}
MEASURES = {
    **MAIN,
    "rmse": mark("RMSE"),
    "mae": mark("MAE"),
    "log_loss": mark("Log loss"),
    "brier": mark("Brier score"),
}


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
    shown = number(held_out.value, 3)
    said = {"score": _(MAIN[main]), "random": _with_ends(by_chance), "shown": shown}
    if _is_surely_more(by_chance, held_out):
        compared = _(
            "Of rows drawn at random from the earlier periods, %(score)s would be %(random)s, not "
            "%(shown)s: that figure flatters.",
            **said,
        )
    elif number(by_chance.value, 3) == shown:
        compared = _(
            "Of rows drawn at random from the earlier periods, %(score)s is %(random)s too.", **said
        )
    else:
        compared = _(
            "Of rows drawn at random from the earlier periods, %(score)s would be %(random)s, not "
            "%(shown)s.",
            **said,
        )
    held_out_is = _(
        "Held out is %(period)s, the last period: it was predicted from those before it, as the "
        "model will be used.",
        period=_called(periods, last.name),
    )
    return [held_out_is, compared]


def _is_surely_more(one: Interval, other: Interval) -> bool:
    """Whether a figure of other rows is larger by more than chance; never without intervals."""
    if not (one.low < one.high and other.low < other.high):
        return False
    return one.value - other.value > math.hypot(one.value - one.low, other.high - other.value)


def how_compared(metrics: Mapping[str, Any]) -> str:
    """Return on which rows models were compared."""
    periods = periods_of(metrics)
    if periods is not None and periods.follows_time:
        return _(
            "Each model was fitted on earlier periods and scored on the next, for each period but "
            "the first. The last period took no part in the choice."
        )
    return _(
        "Each model was fitted on a part of the training rows and scored on the rest, several "
        "times over (cross-validation). The test rows took no part in the choice."
    )


def sentences(metrics: Mapping[str, Any], schema: Schema) -> list[str]:
    """Return what else is told of the periods."""
    periods = periods_of(metrics)
    if periods is None:
        return []
    said = [*_not_learnt(periods, schema), *_drift(periods, schema), *_loss(periods, schema)]
    said += _others(periods)
    said += _shifted(periods, Names(schema))
    if not periods.follows_time:
        said.append(
            _(
                "%(period)s alone could be learnt from: models were chosen by folds of its rows "
                "drawn at random, so that the leaderboard flatters.",
                period=_called(periods, periods.names[-2]),
            )
        )
    if periods.n_left_out:
        said.append(
            _(
                "%(rows)s rows are of pupils who are in the last period and before it: they are "
                "neither learnt from nor tested, so that no pupil is on both sides. The model "
                "that is served learns from every row.",
                rows=number(periods.n_left_out),
            )
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
            _(
                "%(score)s by period: %(periods)s.",
                score=_(MAIN[main]),
                periods="; ".join(f"{name} {number(one.value, 3)}" for name, one in drawn),
            ),
            [Dot(name, one.value, one.low, one.high) for name, one in drawn],
            _(MAIN[main]),
        )
        figures.append(
            Figure(
                svg,
                _(
                    "Each period is predicted by what was learnt from those before it; the last "
                    "one took no part in the choice of the model. Lines: "
                    "95\N{NO-BREAK SPACE}% intervals."
                ),
            )
        )
    return Section(
        "periods",
        _("From period to period"),
        headline(facts.metrics),
        sentences(facts.metrics, facts.schema),
        figures,
        [
            _score_table(periods, facts.schema),
            _other_table(periods, facts.schema),
            _shift_table(periods, Names(facts.schema)),
        ],
        [
            _(
                "A shift of a number is the difference of its means in standard deviations; of "
                "categories, the share of students who would have to be of another one. By "
                "chance: 95 of 100 random divisions of the same rows, with rows that belong "
                "together on one side, shift less. A feature that shifts need not harm the model."
            )
        ],
    )


def _called(periods: PeriodsFacts, name: str) -> str:
    """Return what a period is called in a sentence, such as "year 2025"."""
    return f"{periods.column.replace('_', ' ')} {name}"


def _main(periods: PeriodsFacts) -> str:
    return next(name for name in MAIN if name in periods.by_chance)


def _with_ends(one: Interval) -> str:
    ends = f" ({span(number(one.low, 3), number(one.high, 3))})" if one.low < one.high else ""
    return f"{number(one.value, 3)}{ends}"


def _not_learnt(periods: PeriodsFacts, schema: Schema) -> list[str]:
    """Say which outcomes the test could not but get wrong: the last period alone has them."""
    if not periods.not_learnt:
        return []
    return [
        _(
            "Of the rows before %(period)s that were learnt from, none has %(outcomes)s: what "
            "goes with it could not be learnt for this test, which makes its scores worse. The "
            "model that is served learns it from the last period. Merge it with another outcome "
            "in the hints file, or leave it.",
            period=_called(periods, periods.names[-1]),
            outcomes=listed(
                (plain(schema.outcomes.word(one)) for one in periods.not_learnt), last="or"
            ),
        )
    ]


def _drift(periods: PeriodsFacts, schema: Schema) -> list[str]:
    found, last = periods.mean_error, _called(periods, periods.names[-1])
    if found is None:
        if "auc" in periods.by_chance and not _is_share_compared(periods, schema.outcomes):
            return []
        return [
            _(
                "Whether %(period)s drifts from what was learnt cannot be told: that takes three "
                "earlier periods, each predicted from those before it.",
                period=last,
            )
        ]
    values = (found.value, found.expected.low, found.expected.high)
    target = schema.target
    if isinstance(target, NumericFeature):
        off, low, high = map(Measure.of(target).signed, values)
        said = {"period": last, "off": off, "low": low, "high": high}
        if found.goes_on:
            return [
                _(
                    "It drifts as before: in %(period)s, students' %(target)s is %(off)s from the "
                    "prediction, on average; %(low)s to %(high)s is usual by the periods before "
                    "it.",
                    target=Names(schema).target,
                    **said,
                )
            ]
        if found.is_met:
            return [
                _(
                    "No drift is seen: in %(period)s, students' %(target)s is %(off)s from the "
                    "prediction, on average; %(low)s to %(high)s is usual by the periods before "
                    "it.",
                    target=Names(schema).target,
                    **said,
                )
            ]
        return [
            _(
                "Drift: in %(period)s, students' %(target)s is %(off)s from the prediction, on "
                "average; %(low)s to %(high)s is usual by the periods before it.",
                target=Names(schema).target,
                **said,
            )
        ]
    off, low, high = (signed(100 * one, 1) for one in values)
    said = {
        "period": last,
        "share": _whose_share(schema.outcomes),
        "off": off,
        "low": low,
        "high": high,
    }
    if found.goes_on:
        return [
            _(
                "It drifts as before: in %(period)s, %(share)s is %(off)s points from the "
                "prediction; %(low)s to %(high)s points is usual by the periods before it.",
                **said,
            )
        ]
    if found.is_met:
        return [
            _(
                "No drift is seen: in %(period)s, %(share)s is %(off)s points from the "
                "prediction; %(low)s to %(high)s points is usual by the periods before it.",
                **said,
            )
        ]
    return [
        _(
            "Drift: in %(period)s, %(share)s is %(off)s points from the prediction; %(low)s to "
            "%(high)s points is usual by the periods before it.",
            **said,
        )
    ]


def _is_share_compared(periods: PeriodsFacts, target: ClassTarget) -> bool:
    """Whether an outcome stands out, and of those at risk one was learnt."""
    none_was_learnt = bool(target.event) and set(target.at_risk) <= set(periods.not_learnt)
    return bool(_whose_share(target)) and not none_was_learnt


def _whose_share(target: ClassTarget) -> str:
    """Return which share is compared; empty where no outcome stands out."""
    if target.event:
        return _("the share at risk")
    if len(target.categories) == 2:
        return _("the share of %(outcome)s", outcome=target.categories[1])
    return ""


def _loss(periods: PeriodsFacts, schema: Schema) -> list[str]:
    found, target = periods.loss, schema.target
    if found is None:
        return []
    name, shown = _("log loss"), _three
    if isinstance(target, NumericFeature):
        name, shown = _("RMSE"), Measure.of(target).number
    said = {
        "score": name,
        "low": shown(found.expected.low),
        "high": shown(found.expected.high),
        "found": shown(found.value),
    }
    if found.is_met:
        return [
            _(
                "By the periods before it, its %(score)s was to be from %(low)s to %(high)s; it "
                "is %(found)s.",
                **said,
            )
        ]
    if found.value > found.expected.high:
        return [
            _(
                "By the periods before it, its %(score)s was to be from %(low)s to %(high)s; it "
                "is %(found)s, which is worse.",
                **said,
            )
        ]
    return [
        _(
            "By the periods before it, its %(score)s was to be from %(low)s to %(high)s; it is "
            "%(found)s, which is better.",
            **said,
        )
    ]


def _others(periods: PeriodsFacts) -> list[str]:
    newest, older = periods.newest, periods.older
    last_known = _called(periods, periods.names[-2])
    said = []
    if older is not None:
        said.append(_older(older, last_known))
    if newest is not None:
        said.append(_newest(newest, last_known))
    return said


def _older(other: OtherLearning, period: str) -> str:
    """Say how a model that knows no more than the periods before the last known one does."""
    if not other.lost.excludes_zero:
        return _(
            "A model that is one period older, without %(period)s, predicts the last period as "
            "well, as far as chance lets one see.",
            period=period,
        )
    if other.lost.value > 0:
        return _(
            "A model that is one period older, without %(period)s, predicts it worse: by "
            "%(size)s of %(score)s (%(low)s to %(high)s).",
            period=period,
            **_lost(other),
        )
    return _(
        "A model that is one period older, without %(period)s, predicts it better: by %(size)s of "
        "%(score)s (%(low)s to %(high)s).",
        period=period,
        **_lost(other),
    )


def _newest(other: OtherLearning, period: str) -> str:
    """Say how a model that learns from the last known period alone does."""
    if not other.lost.excludes_zero:
        return _(
            "One that learns from %(period)s alone predicts the last period as well, as far as "
            "chance lets one see.",
            period=period,
        )
    if other.lost.value > 0:
        return _(
            "One that learns from %(period)s alone predicts it worse: by %(size)s of %(score)s "
            "(%(low)s to %(high)s).",
            period=period,
            **_lost(other),
        )
    return _(
        "One that learns from %(period)s alone predicts it better: by %(size)s of %(score)s "
        "(%(low)s to %(high)s).",
        period=period,
        **_lost(other),
    )


def _lost(other: OtherLearning) -> dict[str, str]:
    low, high = sorted((abs(other.lost.low), abs(other.lost.high)))
    return {
        "size": number(abs(other.lost.value), 3),
        "score": "R²" if "r2" in other.scores else _("McFadden's R²"),
        "low": number(low, 3),
        "high": number(high, 3),
    }


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
        ends = span(shown(one.low), shown(one.high)) if one.low < one.high else ""
        cells.append(Cell(shown(one.value), ends))
    return cells


def _header(periods: PeriodsFacts) -> list[str]:
    return [_(word) for name, word in MEASURES.items() if name in periods.by_chance]


def _score_table(periods: PeriodsFacts, schema: Schema) -> ReportTable:
    rows = [
        (
            Cell(one.name, _("held out") if one.held_out else ""),
            Cell(number(one.n_samples)),
            Cell(number(one.n_learnt)),
            *_cells(one.scores, schema),
        )
        for one in periods.scores
    ]
    header = (_("Period"), _("Rows"), _("Learnt from"), *_header(periods))
    caption = _("Each period, predicted from those before it")
    return ReportTable(caption, header, rows, marked=len(rows) - 1)


def _other_table(periods: PeriodsFacts, schema: Schema) -> ReportTable:
    last, known = periods.scores[-1], periods.names[-2]
    learnt = [(_("All earlier periods"), last.n_learnt, last.scores)]
    for name, other in (
        (_("%(period)s alone", period=known), periods.newest),
        (_("All before %(period)s", period=known), periods.older),
    ):
        if other is not None:
            learnt.append((name, other.n_learnt, other.scores))
    rows = [(Cell(name), Cell(number(n)), *_cells(scores, schema)) for name, n, scores in learnt]
    rows.append(
        (
            Cell(_("Rows drawn at random"), _("of the earlier periods, judged on others of them")),
            Cell(""),
            *_cells(periods.by_chance, schema),
        )
    )
    header = (_("Learnt from"), _("Rows"), *_header(periods))
    return ReportTable(_("The last period, by what the same model learnt from"), header, rows)


def _shift_table(periods: PeriodsFacts, names: Names) -> ReportTable:
    rows = [
        (Cell(names.of(one.feature)), Cell(_size(one, one.size)), Cell(_size(one, one.by_chance)))
        for one in periods.shifts[:MOST_SHIFTS]
    ]
    more = len(periods.shifts) - len(rows)
    caption = _("How far the last period's features lie from where they lay before")
    if more:
        smaller = ngettext("%(n)s more shifts less", "%(n)s more shift less", more)
        caption = f"{caption} ({smaller})"
    header = (_("Feature"), _("Shift"), _("By chance"))
    return ReportTable(caption, header, rows, folded=len(rows) > FEW_SHIFTS)


def _size(one: FeatureShift, size: float) -> str:
    if one.is_number:
        return _("%(number)s SD", number=number(size, 2))
    return percent(size)


def _shifted(periods: PeriodsFacts, names: Names) -> list[str]:
    far = [one.feature for one in periods.shifts if abs(one.size) > one.by_chance]
    if not far:
        return [_("No feature shifted by more than chance shifts one.")]
    return [
        ngettext(
            "%(n)s of %(all)s features shifted by more than chance shifts 95 of 100: %(columns)s.",
            "%(n)s of %(all)s features shifted by more than chance shifts 95 of 100: %(columns)s.",
            len(far),
            all=number(len(periods.shifts)),
            columns=listed(map(names.of, far), most=5),
        )
    ]
