"""What the model relies on, and how its predictions move."""

from __future__ import annotations

from collections.abc import Sequence

from src.report.document import Cell, Figure, ReportTable, Section
from src.report.facts import Importance, PartialDependence, ReportFacts
from src.report.matplotlib_svg import ACCENT, QUIET
from src.report.plots import Dot, Line, curves, dots
from src.report.wording import Measure, Names, count, listed, number, plain
from src.schema.features import NumericFeature
from src.tables.cells import format_number

DRAWN_BARS = 15
DRAWN_CURVES = 12
DRAWN_CATEGORIES = 12
MARKED_POINTS = 12  # a curve of so few points shows each
SMALL_HEIGHT = 230
SHARE = "Mean share in a prediction"
IDLE = 0.01  # of the target's range


def importance(facts: ReportFacts) -> Section | None:
    """Return what shuffling each feature costs."""
    rows = sorted(facts.importance, key=lambda row: -row.r2_drop)
    if not rows:
        return None
    names = Names(facts.schema)
    shown = rows[:DRAWN_BARS]
    svg = dots(
        "importance",
        "Fall of R² when a feature is shuffled: "
        + "; ".join(f"{names.of(row.feature)} {number(row.r2_drop, 3)}" for row in shown)
        + ".",
        [
            Dot(
                names.of(row.feature),
                row.r2_drop,
                row.r2_drop - row.r2_drop_std,
                row.r2_drop + row.r2_drop_std,
                colour=ACCENT if _matters(row) else QUIET,
            )
            for row in shown
        ],
        "Fall of R² when shuffled",
        reference=0.0,
        bars=True,
    )
    drawn = f" The {len(shown)} most important are drawn." if len(rows) > len(shown) else ""
    lead = [
        "One feature at a time was shuffled among the students, so that it says nothing any more, "
        "and the model scored again. The more R² falls, the more the model relies on it."
    ]
    notes = [
        "Features that say nearly the same share their importance. What the model relies on is "
        "not therefore a cause.",
        f"{SHARE}: how far the feature moves a prediction up or down, on average over the "
        "students.",
    ]
    caption = f"{_relies_on(rows, names)}{drawn} Lines: standard deviation over the repeats."
    return Section(
        "importance",
        "What the model relies on",
        lead,
        (),
        [Figure(svg, caption)],
        [_importance_table(rows, facts)],
        notes,
    )


def _importance_table(rows: Sequence[Importance], facts: ReportFacts) -> ReportTable:
    names, measure = Names(facts.schema), Measure.of(facts.schema.target)
    cells = []
    for row in rows:
        share = row.mean_absolute_contribution
        cells.append(
            [
                Cell(names.of(row.feature)),
                Cell(number(row.r2_drop, 3), f"± {number(row.r2_drop_std, 3)}"),
                Cell("" if share is None else measure.number(share)),
            ]
        )
    caption = f"All {len(rows)} features" if len(rows) > 1 else "The feature"
    header = ("Feature", "Fall of R²", measure.axis(SHARE))
    return ReportTable(caption, header, cells, folded=len(rows) > DRAWN_BARS)


def _matters(row: Importance) -> bool:
    return row.r2_drop > max(row.r2_drop_std, 0.0005)


def _relies_on(rows: list[Importance], names: Names) -> str:
    top = [row for row in rows if _matters(row)]
    if not top:
        return "Shuffling any one of the features changes nothing that could be told from chance."
    said = f"It relies on {names.of(top[0].feature)} most: shuffling it makes R² fall by "
    said += f"{number(top[0].r2_drop, 2) if top[0].r2_drop >= 0.01 else number(top[0].r2_drop, 3)}."
    idle = [names.of(row.feature) for row in rows if not _matters(row)]
    if idle:
        said += f" Shuffling {listed(idle, most=4)} changes nothing that can be told from chance."
    return said


def dependence(facts: ReportFacts) -> Section | None:
    """Return how the mean prediction moves with each feature, on one scale for all."""
    order = {row.feature: -row.r2_drop for row in facts.importance}
    curves_ = sorted(
        (one for one in facts.partial_dependence if len(one.mean)),
        key=lambda one: order.get(one.feature, 0.0),
    )
    if not curves_:
        return None
    names, measure = Names(facts.schema), Measure.of(facts.schema.target)
    drawn, others = curves_[:DRAWN_CURVES], curves_[DRAWN_CURVES:]
    values = [v for one in drawn for part in (one.mean, one.low, one.high) for v in part]
    room = 0.05 * (max(values) - min(values)) or 0.5
    limits = min(values) - room, max(values) + room
    figures = [
        Figure(
            _draw(f"dependence-{i}", one, facts, limits), _moves(one, facts), names.of(one.feature)
        )
        for i, one in enumerate(drawn)
    ]
    tables = []
    if others:
        tables.append(
            ReportTable(
                f"{count(len(others), 'feature')} of less importance",
                ("Feature", "How the prediction moves"),
                [(Cell(names.of(one.feature)), Cell(_moves(one, facts))) for one in others],
                words=frozenset({1}),
                folded=True,
            )
        )
    banded = any(  # a band as thin as its line is none to a reader
        high - low > 0.1 * room
        for one in drawn
        for low, high in zip(one.low, one.high, strict=True)
    )
    lead = [
        "Each plot sets one feature to one value after another for all students, leaves the rest "
        "as it is, and shows the mean prediction. All have the same scale of "
        f"{measure.axis(names.target)}."
        + (" The shade holds most students' own curves." if banded else "")
    ]
    notes = ["A model's curve says what it would predict, not what would happen to a student."]
    return Section("dependence", "How predictions move", lead, (), figures, tables, notes)


def _draw(
    name: str, one: PartialDependence, facts: ReportFacts, limits: tuple[float, float]
) -> str:
    names, measure = Names(facts.schema), Measure.of(facts.schema.target)
    label, y_label = names.of(one.feature), measure.axis("Mean prediction")
    alt = f"Mean prediction by {label}. {_moves(one, facts)}"
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


def _is_numeric(one: PartialDependence) -> bool:
    return all(isinstance(at, int | float) for at in one.at)


def _category(at: object) -> str:
    return "missing" if at is None else plain(str(at))


def _moves(one: PartialDependence, facts: ReportFacts) -> str:
    """Say how the mean prediction moves with a feature."""
    measure = Measure.of(facts.schema.target)
    low, high = min(one.mean), max(one.mean)
    if len(one.mean) == 1:
        return "There is one value only."
    target = facts.schema.target
    if high - low < IDLE * (target.observed_maximum - target.observed_minimum):
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
    ends = f"from {measure.number(one.mean[0])} to {measure.amount(one.mean[-1])}"
    steps = [after - before for before, after in zip(one.mean, one.mean[1:], strict=False)]
    slack = 0.02 * (high - low)
    if all(step >= -slack for step in steps):
        return f"From {first} to {last} it rises {ends}."
    if all(step <= slack for step in steps):
        return f"From {first} to {last} it falls {ends}."
    ends = f"{measure.number(low)} and {measure.number(high)}"
    return f"It goes up and down between {ends}: {apart} apart."
