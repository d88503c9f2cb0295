"""What the model and the students' scores say of the features that a school can act on."""

from __future__ import annotations

from src.report.document import Cell, ReportTable, Section
from src.report.facts import PartialDependence, RawDifference, ReportFacts
from src.report.wording import Measure, Names, plain
from src.tables.cells import format_number


def levers(facts: ReportFacts) -> Section | None:
    """Return both differences by each feature, and which of them contradict each other."""
    curves = {one.feature: one for one in facts.partial_dependence}
    names, measure = Names(facts.schema), Measure.of(facts.schema.number)
    cells, said = [], []
    for raw in facts.levers:
        modelled = _modelled(raw, curves.get(raw.feature))
        if modelled is None:
            continue
        name, low, high = names.of(raw.feature), _answer(raw.low), _answer(raw.high)
        cells.append(
            [
                Cell(name),
                Cell(f"{low} → {high}"),
                Cell(measure.signed(raw.difference)),
                Cell(measure.signed(modelled)),
            ]
        )
        if raw.difference * modelled < 0:
            more, less = ("more", "less") if raw.difference > 0 else ("less", "more")
            said.append(
                f"{name}: students with {high} score {measure.amount(abs(raw.difference))} {more} "
                f"than those with {low}, but among students whose other answers are the same the "
                f"model predicts {measure.amount(abs(modelled))} {less}. Other answers lie on the "
                "way between the two, so no comparison by it is offered beside a prediction."
            )
    if not cells:
        return None
    header = ("Feature", "From → to", measure.axis("Students"), measure.axis("Model"))
    return Section(
        "levers",
        "Features that a school can act on",
        [
            "Students: how far the mean scores of those with either answer lie apart. Model: how "
            "far its predictions lie apart when all other answers stay as they are.",
            *said,
        ],
        (),
        [],
        [ReportTable("Both differences", header, cells, words=frozenset({1}))],
        ["Neither says what becomes of a student whose answer is changed."],
    )


def _modelled(raw: RawDifference, curve: PartialDependence | None) -> float | None:
    """Return how far the mean predictions lie apart; None where the curve lacks a value."""
    if curve is None:
        return None
    means = dict(zip(curve.at, curve.mean, strict=True))
    if not raw.order:
        near = [
            min((at for at in means if isinstance(at, float | int)), key=lambda at: abs(at - end))
            for end in (raw.low, raw.high)
            if isinstance(end, float | int)
        ]
        return means[near[1]] - means[near[0]]
    if raw.low not in means or raw.high not in means:
        return None
    return means[raw.high] - means[raw.low]


def _answer(value: float | str | None) -> str:
    if value is None:
        return "no answer"
    return plain(value) if isinstance(value, str) else format_number(float(f"{value:.4g}"))
