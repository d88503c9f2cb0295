"""What the model relies on, and how its predictions move."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from src.report.document import Cell, Figure, ReportTable, Section
from src.report.facts import Facts, Importance, PartialDependence, RefittedModel
from src.report.matplotlib_svg import ACCENT, QUIET
from src.report.plots import Dot, Line, curves, dots
from src.report.wording import (
    Measure,
    Names,
    capitalize,
    count,
    listed,
    number,
    plain,
    r2_text,
)
from src.schema.features import NumericFeature
from src.stats.intervals import Interval
from src.tables.cells import format_number

DRAWN_BARS = 15
DRAWN_CURVES = 12
DRAWN_CATEGORIES = 12
MARKED_POINTS = 12  # a curve of so few points shows each
SMALL_HEIGHT = 230
SHARE = "Mean share in a prediction"
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
        f"{score.change} of {score.name} without a feature: "
        + "; ".join(f"{dot.label} {number(dot.value, 3)}" for dot in dots_)
        + ".",
        dots_,
        f"{score.change} of {score.name} without the feature",
        reference=0.0,
        bars=True,
    )
    drawn = f" The first {len(shown)} are drawn." if len(measured) > len(shown) else ""
    notes = [
        "What the model relies on is not therefore a cause.",
        f"{SHARE}: how far the feature moves a prediction up or down, on average over the "
        "students. Features that say nearly the same share it.",
    ]
    caption = f"{_is_lost(measured, names, score)}{drawn} Lines: 95 % intervals."
    return Section(
        "importance",
        "What the model relies on",
        [_how_measured(refitted, facts), *_together(rows, refitted, names)],
        (),
        [Figure(svg, caption)],
        [_importance_table(rows, refitted, facts)],
        notes,
    )


def _how_measured(refitted: RefittedModel, facts: Facts) -> str:
    score = _Score.of(refitted)
    said = (
        f"{refitted.label} was fitted again without one feature at a time, and scored on "
        f"{count(refitted.n_samples)} whom it had not seen. With all features its {score.name} is "
        f"{score.text(refitted.r2)}; where it {score.verb}, the feature tells what the others do "
        "not."
    )
    if refitted.label != facts.metrics.get("model"):
        said += " It stands for the chosen model, since it is quicker to fit."
    return said


def _together(rows: Sequence[Importance], refitted: RefittedModel, names: Names) -> list[str]:
    """Say which features are missed together by more than each alone."""
    score = _Score.of(refitted)
    alone = {row.feature: row.r2_drop for row in rows if row.r2_drop}
    said = []
    for one in refitted.together:
        drops, joint = [alone[name] for name in one.features], one.r2_drop
        if not _is_missed(joint) or joint.low <= math.fsum(drop.value for drop in drops):
            continue
        pair = len(one.features) == 2
        if any(map(_is_missed, drops)):
            fall = max(drop.value for drop in drops)
            how = f"without any one of them {score.moves} by {score.size(fall)} at most, but"
        else:
            how = f"{'neither' if pair else 'none of them'} is missed alone, but"
        said.append(
            f"{capitalize(listed(map(names.of, one.features), most=len(one.features)))} go "
            f"together: {how} without {'both' if pair else 'all of them'} {score.moves} by "
            f"{score.size(joint.value)} (95 % interval {score.size(joint.low)} to "
            f"{score.size(joint.high)})."
        )
    return said


def _importance_table(
    rows: Sequence[Importance], refitted: RefittedModel, facts: Facts
) -> ReportTable:
    names, measure = Names(facts.schema), Measure.of(facts.schema.target)
    cells, score = [], _Score.of(refitted)
    for row in rows:
        share, drop = measure.number(row.mean_absolute_contribution), row.r2_drop
        without, fall = Cell("not measured"), Cell("")
        if drop:
            without = Cell(score.text(refitted.r2 - drop.value))
            ends = f"{score.size(drop.low)} to {score.size(drop.high)}"
            fall = Cell(score.size(drop.value), ends if drop.low < drop.high else "")
        cells.append([Cell(names.of(row.feature)), without, fall, Cell(share)])
    caption = f"All {len(rows)} features" if len(rows) > 1 else "The feature"
    name = capitalize(score.name)
    header: tuple[str, ...] = (
        "Feature",
        f"{name} without it",
        f"{score.change} of {score.name}",
        measure.axis(SHARE),
    )
    if score.baseline is not None:
        caption += ", by log loss"
        header = ("Feature", "Without it", score.change, measure.axis("Mean share"))
    return ReportTable(caption, header, cells, folded=len(rows) > DRAWN_BARS)


@dataclass(frozen=True)
class _Score:
    """By which score a feature is missed: R² falls, or log loss rises."""

    name: str
    verb: str
    change: str
    scale: float
    baseline: float | None

    @classmethod
    def of(cls, refitted: RefittedModel) -> _Score:
        baseline = refitted.baseline_log_loss
        if baseline is None:
            return cls("R²", "falls", "Fall", 1.0, None)
        return cls("log loss", "rises", "Rise", baseline, baseline)

    @property
    def moves(self) -> str:
        return f"{self.name} {self.verb}"

    def text(self, r2: float) -> str:
        """Return the score in which an R² comes out."""
        return r2_text(r2) if self.baseline is None else number((1 - r2) * self.baseline, 3)

    def size(self, fall: float) -> str:
        """Return a fall of R² in the score."""
        return number(self.scale * fall, 3)


def _is_missed(drop: Interval) -> bool:
    return drop.excludes_zero and drop.low > 0


def _is_lost(rows: Sequence[Importance], names: Names, score: _Score) -> str:
    drops = [(names.of(row.feature), row.r2_drop) for row in rows if row.r2_drop]
    missed = [(name, drop.value) for name, drop in drops if _is_missed(drop)]
    if not missed:
        return f"No feature is missed alone: without any one, {score.moves} no more than by chance."
    name, fall = missed[0]
    said = f"{name} is missed most: without it {score.moves} by "
    said += f"{number(score.scale * fall, 2) if score.scale * fall >= 0.01 else score.size(fall)}."
    idle = [name for name, drop in drops if not _is_missed(drop)]
    if len(idle) == 1:
        said += f" Without {idle[0]} it {score.verb} no more than by chance."
    elif idle:
        said += (
            f" Without any one of {listed(idle, most=4)} it {score.verb} no more than by chance."
        )
    return said


def dependence(facts: Facts) -> Section | None:
    """Return how the mean prediction moves with each feature, on one scale for all."""
    order = {row.feature: -row.mean_absolute_contribution for row in facts.importance}
    curves_ = sorted(
        (one for one in facts.partial_dependence if len(one.mean)),
        key=lambda one: order.get(one.feature, 0.0),
    )
    if not curves_:
        return None
    names, measure = Names(facts.schema), Measure.of(facts.schema.target)
    several = len({one.outcome for one in curves_}) > 1
    drawn, others = curves_[:DRAWN_CURVES], curves_[DRAWN_CURVES:]

    def title(one: PartialDependence) -> str:
        return names.of(one.feature) + (f": {plain(one.outcome)}" if several else "")

    values = [v for one in drawn for part in (one.mean, one.low, one.high) for v in part]
    room = 0.05 * (max(values) - min(values)) or 0.5
    limits = min(values) - room, max(values) + room
    figures = [
        Figure(_draw(f"dependence-{i}", one, facts, limits), _moves(one, facts), title(one))
        for i, one in enumerate(drawn)
    ]
    tables = []
    if others:
        tables.append(
            ReportTable(
                f"{count(len(others), 'curve' if several else 'feature')} of less importance",
                ("Feature", "How the prediction moves"),
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
    what = "chance of an outcome" if several else _predicted(drawn[0])
    lead = [
        "Each plot sets one feature to one value after another for all students, leaves the rest "
        f"as it is, and shows the mean {what}. All have the same scale"
        + ("." if drawn[0].outcome else f" of {measure.axis(names.target)}.")
        + (" The shade holds most students' own curves." if banded else "")
    ]
    notes = ["A model's curve says what it would predict, not what would happen to a student."]
    return Section("dependence", "How predictions move", lead, (), figures, tables, notes)


def _draw(name: str, one: PartialDependence, facts: Facts, limits: tuple[float, float]) -> str:
    names, measure = Names(facts.schema), Measure.of(facts.schema.target)
    label, y_label = names.of(one.feature), measure.axis("Mean prediction")
    alt = f"Mean prediction by {label}. {_moves(one, facts)}"
    if one.outcome:
        y_label = f"Mean {_predicted(one)} (%)"
        alt = f"Mean {_predicted(one)} by {label}. {_moves(one, facts)}"
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


def _predicted(one: PartialDependence) -> str:
    return f"chance of {plain(one.outcome)}" if one.outcome else "prediction"


def _in_per_cent(one: PartialDependence) -> PartialDependence:
    mean, low, high = (
        tuple(100 * value for value in part) for part in (one.mean, one.low, one.high)
    )
    return replace(one, mean=mean, low=low, high=high)


def _is_numeric(one: PartialDependence) -> bool:
    return all(isinstance(at, int | float) for at in one.at)


def _category(at: object) -> str:
    return "missing" if at is None else plain(str(at))


def _moves(one: PartialDependence, facts: Facts) -> str:
    """Say how the mean prediction moves with a feature."""
    measure = Measure.of(facts.schema.target)
    low, high = min(one.mean), max(one.mean)
    if len(one.mean) == 1:
        return "There is one value only."
    target, wide = facts.schema.target, 1.0
    if isinstance(target, NumericFeature):
        wide = target.observed_maximum - target.observed_minimum
    if high - low < IDLE * wide:
        return f"It hardly moves the prediction: by {measure.amount(high - low)} at most."
    apart = measure.amount(high - low)
    if not _is_numeric(one):
        at_low, at_high = (_category(one.at[one.mean.index(end)]) for end in (low, high))
        many = f" Of {len(one.at)} categories the lowest and highest are drawn."
        return (
            f"Lowest for {at_low} ({measure.number(low)}), highest for {at_high} "
            f"({measure.number(high)}): {apart} apart."
            + (many if len(one.at) > DRAWN_CATEGORIES else "")
        )
    first, last = (format_number(float(f"{at:.4g}")) for at in (one.at[0], one.at[-1]))
    last_level = measure.amount(one.mean[-1])
    if one.outcome:
        last_level = f"{measure.number(one.mean[-1])} %"
    ends = f"from {measure.number(one.mean[0])} to {last_level}"
    steps = [after - before for before, after in zip(one.mean, one.mean[1:], strict=False)]
    slack = 0.02 * (high - low)
    if all(step >= -slack for step in steps):
        return f"From {first} to {last} it rises {ends}."
    if all(step <= slack for step in steps):
        return f"From {first} to {last} it falls {ends}."
    ends = f"{measure.number(low)} and {measure.number(high)}"
    return f"It goes up and down between {ends}: {apart} apart."
