"""What the model and the students' scores say of the features that a school can act on."""

from __future__ import annotations

from src.language import gettext as _
from src.report.document import Cell, ReportTable, Section
from src.report.facts import Facts, PartialDependence, RawDifference
from src.report.wording import Measure, Names, event_label, in_short, plain
from src.schema.features import NumericFeature
from src.schema.record import Schema


def levers(facts: Facts) -> Section | None:
    """Return both differences by each feature, and which of them contradict each other."""
    curves = {one.feature: one for one in facts.partial_dependence}
    names, measure = Names(facts.schema), Measure.of(facts.schema.target)
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
            said.append(_contradiction(raw, modelled, name, facts.schema))
    if not cells:
        return None
    header = (_("Feature"), _("From → to"), measure.axis(_("Students")), measure.axis(_("Model")))
    return Section(
        "levers",
        _("Features that a school can act on"),
        [_what_is_compared(facts.schema), *said],
        (),
        [],
        [ReportTable(_("Both differences"), header, cells, words=frozenset({1}))],
        [_("Neither says what becomes of a student whose answer is changed.")],
    )


def _what_is_compared(schema: Schema) -> str:
    if isinstance(schema.target, NumericFeature):
        return _(
            "Students: how far the mean scores of those with either answer lie apart; of a "
            "number, by a straight line through all students. Model: how far its predictions lie "
            "apart when all other answers stay as they are."
        )
    return _(
        "Students: how far the shares with %(event)s of those with either answer lie apart; of a "
        "number, by a straight line through all students. Model: how far its predictions lie "
        "apart when all other answers stay as they are.",
        event=event_label(schema.target),
    )


def _contradiction(raw: RawDifference, modelled: float, name: str, schema: Schema) -> str:
    """Say that students and model differ in the sign."""
    target, measure = schema.target, Measure.of(schema.target)
    if not raw.order:
        name = _("%(column)s, by a straight line through all students", column=name)
    said = {
        "column": name,
        "high": _answer(raw.high),
        "low": _answer(raw.low),
        "far": measure.amount(abs(raw.difference)),
        "model": measure.amount(abs(modelled)),
    }
    if isinstance(target, NumericFeature):
        if raw.difference > 0:
            return _(
                "%(column)s: students with %(high)s score %(far)s more than those with %(low)s, "
                "but among students whose other answers are the same the model predicts %(model)s "
                "less. The two groups differ in other answers, too, so no comparison by it is "
                "offered beside a prediction.",
                **said,
            )
        return _(
            "%(column)s: students with %(high)s score %(far)s less than those with %(low)s, but "
            "among students whose other answers are the same the model predicts %(model)s more. "
            "The two groups differ in other answers, too, so no comparison by it is offered beside "
            "a prediction.",
            **said,
        )
    said["event"] = event_label(target)
    if raw.difference > 0:
        return _(
            "%(column)s: students with %(high)s have %(event)s %(far)s more often than those with "
            "%(low)s, but among students whose other answers are the same the model gives a "
            "chance of it that is %(model)s less. The two groups differ in other answers, too, so "
            "no comparison by it is offered beside a prediction.",
            **said,
        )
    return _(
        "%(column)s: students with %(high)s have %(event)s %(far)s less often than those with "
        "%(low)s, but among students whose other answers are the same the model gives a chance of "
        "it that is %(model)s more. The two groups differ in other answers, too, so no comparison "
        "by it is offered beside a prediction.",
        **said,
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
        return _("no answer")
    return plain(value) if isinstance(value, str) else in_short(value)
