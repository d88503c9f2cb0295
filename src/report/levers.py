"""What the model and the students' scores say of the features that a school can act on."""

from __future__ import annotations

from typing import NamedTuple

from src.report.document import Cell, ReportTable, Section
from src.report.facts import Facts, PartialDependence, RawDifference
from src.report.wording import Measure, Names, event_label, plain
from src.schema.features import ClassTarget, NumericFeature
from src.tables.cells import format_number


class _Words(NamedTuple):
    have: str
    predicts: str
    means: str


def _words(target: NumericFeature | ClassTarget) -> _Words:
    """Return what is said of a difference in a number, or in the share with the event."""
    if isinstance(target, NumericFeature):
        return _Words("score {far} {more}", "predicts {far} {more}", "mean scores")
    event = event_label(target)
    return _Words(
        f"have {event} {{far}} {{more}} often",
        "gives a chance of it that is {far} {more}",
        f"shares with {event}",
    )


def levers(facts: Facts) -> Section | None:
    """Return both differences by each feature, and which of them contradict each other."""
    curves = {one.feature: one for one in facts.partial_dependence}
    names, measure = Names(facts.schema), Measure.of(facts.schema.target)
    words, cells, said = _words(facts.schema.target), [], []
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
            far, modelled_far = (measure.amount(abs(one)) for one in (raw.difference, modelled))
            said.append(
                f"{name}: students with {high} {words.have.format(far=far, more=more)} "
                f"than those with {low}, but among students whose other answers are the same the "
                f"model {words.predicts.format(far=modelled_far, more=less)}. Other answers lie on "
                "the way between the two, so no comparison by it is offered beside a prediction."
            )
    if not cells:
        return None
    header = ("Feature", "From → to", measure.axis("Students"), measure.axis("Model"))
    return Section(
        "levers",
        "Features that a school can act on",
        [
            f"Students: how far the {words.means} of those with either answer lie apart. Model: "
            "how far its predictions lie apart when all other answers stay as they are.",
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
