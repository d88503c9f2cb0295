"""What the model relies on, and how its predictions move."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from src.language import gettext as _
from src.language import mark, ngettext
from src.report.accuracy import UNCORRECTED
from src.report.document import Cell, Figure, ReportTable, Section
from src.report.facts import Facts, Importance, PartialDependence, RefittedModel
from src.report.matplotlib_svg import ACCENT, QUIET
from src.report.plots import Dot, Line, curves, dots
from src.report.stored_words import spoken
from src.report.wording import (
    Measure,
    Names,
    capitalize,
    event_label,
    in_short,
    listed,
    number,
    plain,
    r2_text,
    span,
)
from src.schema.features import ClassTarget, NumericFeature
from src.stats.intervals import Interval

DRAWN_BARS = 15
DRAWN_CURVES = 12
DRAWN_CATEGORIES = 12
MARKED_POINTS = 12  # a curve of so few points shows each
SMALL_HEIGHT = 230
SHARE = mark("Mean share in a prediction")
IDLE = 0.01  # of the target's range


def importance(facts: Facts) -> Section | None:
    """Return what is lost without each feature."""
    rows, refitted = facts.importance, facts.refitted
    measured = [row for row in rows if row.r2_drop]
    if not measured or not refitted:
        return None
    names, score = Names(facts.schema), _Score.of(refitted)
    shown = measured[:DRAWN_BARS]
    dots_ = [
        Dot(
            names.of(row.feature),
            score.scale * drop.value,
            score.scale * drop.low,
            score.scale * drop.high,
            colour=ACCENT if _is_missed(drop) else QUIET,
        )
        for row in shown
        if (drop := row.r2_drop)
    ]
    svg = dots(
        "importance",
        score.without_each("; ".join(f"{dot.label} {number(dot.value, 3)}" for dot in dots_)),
        dots_,
        score.axis,
        reference=0.0,
        bars=True,
    )
    notes = [
        _("What the model relies on is not therefore a cause."),
        _(
            "Mean share in a prediction: how far the feature moves a prediction up or down, on "
            "average over the students. Features that say nearly the same share it."
        ),
    ]
    caption = [_is_lost(measured, names, score)]
    if len(measured) > len(shown):
        caption.append(_("The first %(number)s are drawn.", number=number(len(shown))))
    caption.append(_("Lines: 95 % intervals."))
    return Section(
        "importance",
        _("What the model relies on"),
        [*_how_measured(refitted, facts), *_together(rows, refitted, names)],
        (),
        [Figure(svg, " ".join(caption))],
        [_importance_table(rows, refitted, facts)],
        notes,
    )


def _how_measured(refitted: RefittedModel, facts: Facts) -> list[str]:
    score = _Score.of(refitted)
    fields = {
        "model": spoken(plain(refitted.label)),
        "students": number(refitted.n_samples),
        "score": score.text(refitted.r2),
    }
    if score.is_loss:
        said = _(
            "%(model)s was fitted again without one feature at a time, and scored on %(students)s "
            "students whom it had not seen. With all features its log loss is %(score)s; where it "
            "rises, the feature tells what the others do not.",
            **fields,
        )
    else:
        said = _(
            "%(model)s was fitted again without one feature at a time, and scored on %(students)s "
            "students whom it had not seen. With all features its R² is %(score)s; where it "
            "falls, the feature tells what the others do not.",
            **fields,
        )
    if refitted.label == facts.metrics.get("model"):
        return [f"{said} {_(UNCORRECTED)}"]
    stands_for = _("It stands for the chosen model, since it is quicker to fit.")
    return [f"{said} {stands_for}"]


def _together(rows: Sequence[Importance], refitted: RefittedModel, names: Names) -> list[str]:
    """Say which features are missed together by more than each alone."""
    score = _Score.of(refitted)
    alone = {row.feature: row.r2_drop for row in rows if row.r2_drop}
    said = []
    for one in refitted.together:
        drops, joint = [alone[name] for name in one.features], one.r2_drop
        if not _is_missed(joint) or joint.low <= math.fsum(drop.value for drop in drops):
            continue
        fields = {
            "columns": capitalize(listed(map(names.of, one.features), most=len(one.features))),
            "moved": score.moved(joint.value),
            "low": score.size(joint.low),
            "high": score.size(joint.high),
        }
        pair = len(one.features) == 2
        if any(map(_is_missed, drops)):
            fields["alone"] = score.moved(max(drop.value for drop in drops))
            said.append(_missed_more(fields, pair=pair))
        else:
            said.append(_missed_together(fields, pair=pair))
    return said


def _missed_more(said: Mapping[str, str], *, pair: bool) -> str:
    if pair:
        # Translators: alone and moved are clauses, as in "R² falls by 0.1".
        return _(
            "%(columns)s go together: without any one of them %(alone)s at most, but without both "
            "%(moved)s (95 %% interval %(low)s to %(high)s).",
            **said,
        )
    return _(
        "%(columns)s go together: without any one of them %(alone)s at most, but without all of "
        "them %(moved)s (95 %% interval %(low)s to %(high)s).",
        **said,
    )


def _missed_together(said: Mapping[str, str], *, pair: bool) -> str:
    if pair:
        return _(
            "%(columns)s go together: neither is missed alone, but without both %(moved)s (95 %% "
            "interval %(low)s to %(high)s).",
            **said,
        )
    return _(
        "%(columns)s go together: none of them is missed alone, but without all of them %(moved)s "
        "(95 %% interval %(low)s to %(high)s).",
        **said,
    )


def _importance_table(
    rows: Sequence[Importance], refitted: RefittedModel, facts: Facts
) -> ReportTable:
    names, measure = Names(facts.schema), Measure.of(facts.schema.target)
    cells, score = [], _Score.of(refitted)
    for row in rows:
        share, drop = measure.number(row.mean_absolute_contribution), row.r2_drop
        without, fall = Cell(_("not measured")), Cell("")
        if drop:
            without = Cell(score.text(refitted.r2 - drop.value))
            ends = span(score.size(drop.low), score.size(drop.high))
            fall = Cell(score.size(drop.value), ends if drop.low < drop.high else "")
        cells.append([Cell(names.of(row.feature)), without, fall, Cell(share)])
    n = len(rows)
    if score.is_loss:
        caption = ngettext("The feature, by log loss", "All %(n)s features, by log loss", n)
        header = (_("Feature"), _("Without it"), _("Rise"), measure.axis(_("Mean share")))
    else:
        caption = ngettext("The feature", "All %(n)s features", n)
        header = (_("Feature"), _("R² without it"), _("Fall of R²"), measure.axis(_(SHARE)))
    return ReportTable(caption, header, cells, folded=len(rows) > DRAWN_BARS)


@dataclass(frozen=True)
class _Score:
    """By which score a feature is missed: R² falls, or log loss rises."""

    scale: float
    is_loss: bool

    @classmethod
    def of(cls, refitted: RefittedModel) -> _Score:
        baseline = refitted.baseline_log_loss
        return cls(1.0, is_loss=False) if baseline is None else cls(baseline, is_loss=True)

    @property
    def axis(self) -> str:
        if self.is_loss:
            return _("Rise of log loss without the feature")
        return _("Fall of R² without the feature")

    def without_each(self, changes: str) -> str:
        """Return how the score changes, for those who do not see the plot."""
        if self.is_loss:
            return _("Rise of log loss without a feature: %(changes)s.", changes=changes)
        return _("Fall of R² without a feature: %(changes)s.", changes=changes)

    def moved(self, fall: float) -> str:
        """Return how far the score moves, as a clause."""
        if self.is_loss:
            return _("log loss rises by %(size)s", size=self.size(fall))
        return _("R² falls by %(size)s", size=self.size(fall))

    def text(self, r2: float) -> str:
        """Return the score in which an R² comes out."""
        return number((1 - r2) * self.scale, 3) if self.is_loss else r2_text(r2)

    def size(self, fall: float) -> str:
        """Return a fall of R² in the score."""
        return number(self.scale * fall, 3)


def _is_missed(drop: Interval) -> bool:
    return drop.excludes_zero and drop.low > 0


def _is_lost(rows: Sequence[Importance], names: Names, score: _Score) -> str:
    drops = [(names.of(row.feature), row.r2_drop) for row in rows if row.r2_drop]
    missed = [(name, drop.value) for name, drop in drops if _is_missed(drop)]
    if not missed:
        if score.is_loss:
            return _(
                "No feature is missed alone: without any one, log loss rises no more than by "
                "chance."
            )
        return _("No feature is missed alone: without any one, R² falls no more than by chance.")
    name, fall = missed[0]
    size = score.size(fall)
    if score.scale * fall >= 0.01:
        size = number(score.scale * fall, 2)
    if score.is_loss:
        most = _(
            "%(column)s is missed most: without it log loss rises by %(size)s.",
            column=name,
            size=size,
        )
    else:
        most = _(
            "%(column)s is missed most: without it R² falls by %(size)s.", column=name, size=size
        )
    idle = [name for name, drop in drops if not _is_missed(drop)]
    return " ".join([most, *_not_missed(idle, score)])


def _not_missed(idle: Sequence[str], score: _Score) -> list[str]:
    if not idle:
        return []
    columns = listed(idle, most=4)
    if score.is_loss:
        return [
            ngettext(
                "Without %(columns)s it rises no more than by chance.",
                "Without any one of %(columns)s it rises no more than by chance.",
                len(idle),
                columns=columns,
            )
        ]
    return [
        ngettext(
            "Without %(columns)s it falls no more than by chance.",
            "Without any one of %(columns)s it falls no more than by chance.",
            len(idle),
            columns=columns,
        )
    ]


def dependence(facts: Facts) -> Section | None:
    """Return how the mean prediction moves with each feature, on one scale for all."""
    order = {row.feature: -row.mean_absolute_contribution for row in facts.importance}
    curves_ = sorted(
        (one for one in facts.partial_dependence if len(one.mean)),
        key=lambda one: order.get(one.feature, 0.0),
    )
    if not curves_:
        return None
    names = Names(facts.schema)
    several = len({one.outcome for one in curves_}) > 1
    drawn, others = curves_[:DRAWN_CURVES], curves_[DRAWN_CURVES:]

    def title(one: PartialDependence) -> str:
        label = names.of(one.feature)
        return f"{label}: {_outcome(one, facts)}" if several else label

    values = [v for one in drawn for part in (one.mean, one.low, one.high) for v in part]
    room = 0.05 * (max(values) - min(values)) or 0.5
    limits = min(values) - room, max(values) + room
    figures = [
        Figure(_draw(f"dependence-{i}", one, facts, limits), _moves(one, facts), title(one))
        for i, one in enumerate(drawn)
    ]
    tables = []
    if others:
        n = len(others)
        caption = ngettext(
            "%(n)s feature of less importance", "%(n)s features of less importance", n
        )
        if several:
            caption = ngettext(
                "%(n)s curve of less importance", "%(n)s curves of less importance", n
            )
        tables.append(
            ReportTable(
                caption,
                (_("Feature"), _("How the prediction moves")),
                [(Cell(title(one)), Cell(_moves(one, facts))) for one in others],
                words=frozenset({1}),
                folded=True,
            )
        )
    banded = any(  # a band as thin as its line is none to a reader
        high - low > 0.1 * room
        for one in drawn
        for low, high in zip(one.low, one.high, strict=True)
    )
    lead = [_how_set(drawn[0], facts, several=several)]
    if banded:
        lead = [" ".join([*lead, _("The shade holds most students' own curves.")])]
    notes = [_("A model's curve says what it would predict, not what would happen to a student.")]
    return Section("dependence", _("How predictions move"), lead, (), figures, tables, notes)


def _how_set(one: PartialDependence, facts: Facts, *, several: bool) -> str:
    """Say what the plots show."""
    if not one.outcome:
        names, measure = Names(facts.schema), Measure.of(facts.schema.target)
        return _(
            "Each plot sets one feature to one value after another for all students, leaves the "
            "rest as it is, and shows the mean prediction. All have the same scale of %(axis)s.",
            axis=measure.axis(names.target),
        )
    if several:
        return _(
            "Each plot sets one feature to one value after another for all students, leaves the "
            "rest as it is, and shows the mean chance of an outcome. All have the same scale."
        )
    return _(
        "Each plot sets one feature to one value after another for all students, leaves the rest "
        "as it is, and shows the mean chance of %(outcome)s. All have the same scale.",
        outcome=_outcome(one, facts),
    )


def _draw(name: str, one: PartialDependence, facts: Facts, limits: tuple[float, float]) -> str:
    names, measure = Names(facts.schema), Measure.of(facts.schema.target)
    label, y_label = names.of(one.feature), measure.axis(_("Mean prediction"))
    moves = _moves(one, facts)
    alt = _("Mean prediction by %(column)s. %(sentence)s", column=label, sentence=moves)
    if one.outcome:
        outcome = _outcome(one, facts)
        y_label = _("Mean chance of %(outcome)s (%%)", outcome=outcome)
        alt = _(
            "Mean chance of %(outcome)s by %(column)s. %(sentence)s",
            outcome=outcome,
            column=label,
            sentence=moves,
        )
        one, limits = _in_per_cent(one), (100 * limits[0], 100 * limits[1])
    if not _is_numeric(one):
        categories = [(_category(at), mean) for at, mean in zip(one.at, one.mean, strict=True)]
        if len(categories) > DRAWN_CATEGORIES:
            ranked = sorted(categories, key=lambda pair: pair[1])
            half = DRAWN_CATEGORIES // 2
            categories = [*ranked[:half], *ranked[-half:]]
        rows = [Dot(category, mean) for category, mean in categories]
        return dots(name, alt, rows, y_label, limits=limits)
    x = [at for at in one.at if isinstance(at, int | float)]
    feature = next((f for f in facts.schema.features if f.name == one.feature), None)
    unit = feature.unit if isinstance(feature, NumericFeature) else ""
    line = Line("", x, one.mean, one.low, one.high)
    return curves(
        name,
        alt,
        [line],
        Measure(plain(unit), 0).axis(label),
        y_label,
        y_limits=limits,
        marked=len(x) <= MARKED_POINTS,
        height=SMALL_HEIGHT,
    )


def _outcome(one: PartialDependence, facts: Facts) -> str:
    """Return what the chance is of; report.json names the outcomes at risk in English."""
    target = facts.schema.target
    if isinstance(target, ClassTarget) and one.outcome == " or ".join(target.at_risk):
        return event_label(target)
    return plain(one.outcome)


def _in_per_cent(one: PartialDependence) -> PartialDependence:
    mean, low, high = (
        tuple(100 * value for value in part) for part in (one.mean, one.low, one.high)
    )
    return replace(one, mean=mean, low=low, high=high)


def _is_numeric(one: PartialDependence) -> bool:
    return all(isinstance(at, int | float) for at in one.at)


def _category(at: object) -> str:
    return _("missing") if at is None else plain(str(at))


def _moves(one: PartialDependence, facts: Facts) -> str:
    """Say how the mean prediction moves with a feature."""
    measure = Measure.of(facts.schema.target)
    low, high = min(one.mean), max(one.mean)
    if len(one.mean) == 1:
        return _("There is one value only.")
    target, wide = facts.schema.target, 1.0
    if isinstance(target, NumericFeature):
        wide = target.observed_maximum - target.observed_minimum
    if high - low < IDLE * wide:
        return _(
            "It hardly moves the prediction: by %(size)s at most.",
            size=measure.at_most(high - low),
        )
    if not _is_numeric(one):
        return _between_categories(one, measure)
    last_level = measure.amount(one.mean[-1])
    if one.outcome:
        last_level = f"{measure.number(one.mean[-1])} %"
    said = {
        "first": in_short(float(one.at[0] or 0)),
        "last": in_short(float(one.at[-1] or 0)),
        "before": measure.number(one.mean[0]),
        "after": last_level,
    }
    steps = [after - before for before, after in zip(one.mean, one.mean[1:], strict=False)]
    slack = 0.02 * (high - low)
    if all(step >= -slack for step in steps):
        return _("From %(first)s to %(last)s it rises from %(before)s to %(after)s.", **said)
    if all(step <= slack for step in steps):
        return _("From %(first)s to %(last)s it falls from %(before)s to %(after)s.", **said)
    return _(
        "It goes up and down between %(low)s and %(high)s: %(size)s apart.",
        low=measure.number(low),
        high=measure.number(high),
        size=measure.amount(high - low),
    )


def _between_categories(one: PartialDependence, measure: Measure) -> str:
    low, high = min(one.mean), max(one.mean)
    at_low, at_high = (_category(one.at[one.mean.index(end)]) for end in (low, high))
    said = [
        _(
            "Lowest for %(lowest)s (%(low)s), highest for %(highest)s (%(high)s): %(size)s apart.",
            lowest=at_low,
            low=measure.number(low),
            highest=at_high,
            high=measure.number(high),
            size=measure.amount(high - low),
        )
    ]
    if len(one.at) > DRAWN_CATEGORIES:
        said.append(
            _(
                "Of %(number)s categories the lowest and highest are drawn.",
                number=number(len(one.at)),
            )
        )
    return " ".join(said)
