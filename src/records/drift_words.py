"""What a look at the features found, in sentences: for the command and the page alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from src.language import gettext as _
from src.language import localize, mark, ngettext
from src.records.drift import MISSED, RMSE
from src.report.document import Cell, ReportTable
from src.report.wording import (
    capitalize,
    listed,
    number,
    percent,
    plain,
    sensible_decimals,
    signed,
    span,
    with_unit,
)
from src.schema.features import Feature, NumericFeature
from src.schema.record import Schema

UNCHANGED = mark("Nothing has changed beyond what another class would bring.")
MEAN, BLANK, SHARE = "mean", "blank", "share of "  # the parts of a feature

WHY_UNTOLD = {
    "no classes": mark(
        "Nothing can be said yet: no class of ten pupils or more was recorded this term. A class "
        "is known by the column of RECORD_GROUP, or by “group” in JSON."
    ),
    "no reference": mark(
        "It cannot be told what another class would bring: the model was trained without --group, "
        "and no earlier term holds eight classes. Give the table that trained it: python -m "
        "src.records drift --reference TABLE --by COLUMN."
    ),
}
COMPARED_WITH = {
    "training": mark(
        "%(classes)s of this term (since %(term)s, %(pupils)s) beside %(reference)s of the table "
        "that trained the model."
    ),
    "table": mark(
        "%(classes)s of this term (since %(term)s, %(pupils)s) beside %(reference)s of the table "
        "that was given."
    ),
    "first term": mark(
        "%(classes)s of this term (since %(term)s, %(pupils)s) beside %(reference)s of the first "
        "term of the records."
    ),
}


@dataclass(frozen=True)
class DriftWords:
    """A look at the features, ready to be shown.

    Attributes
    ----------
    sentence : str
        The first thing to be read.
    changes : tuple of str
        Each feature that has changed, the largest change first.
    columns : tuple of str
        What has changed about the columns themselves.
    compared : str
        What was compared with what.
    looks : str
        How often it was looked, and what that means.
    table : ReportTable or None
    error : str
        How large errors are expected to be; empty where it cannot be estimated.
    changed : bool
    """

    sentence: str
    changes: tuple[str, ...]
    columns: tuple[str, ...]
    compared: str
    looks: str
    table: ReportTable | None
    error: str
    changed: bool

    @property
    def lines(self) -> list[str]:
        """Everything but the table, as the command prints it."""
        return [
            self.sentence, *(f"- {one}" for one in (*self.changes, *self.columns)),
            *filter(None, (self.compared, self.looks, self.error)),
        ]  # fmt: skip


def describe_drift(content: Mapping[str, Any], schema: Schema) -> DriftWords:
    """Return what was stored of a look in words."""
    features = [_Shown.of(one, schema) for one in content["features"]]
    found = [one for one in features if one.found]
    columns = tuple(_column_sentence(one, schema) for one in content["schema"])
    untold, looks = content["untold"], content["looks"]
    return DriftWords(
        sentence=_(WHY_UNTOLD[untold]) if untold else _sentence(found),
        changes=tuple(one.sentence for one in found),
        columns=columns,
        compared="" if untold else _compared(content),
        looks=_looks_sentence(looks) if looks else "",
        table=_table(features) if features else None,
        error=_error_sentence(content["error"], schema) if content["error"] else "",
        changed=bool(found or columns),
    )


def fits(content: Mapping[str, Any], schema: Schema) -> bool:
    """Whether a stored look is at features of a model: another may have been promoted since."""
    named = {one["feature"] for one in (*content["features"], *content["schema"])}
    error = content["error"]
    measure = RMSE if schema.task == "regression" else MISSED
    return named <= {*schema.names} and (not error or error["measure"] == measure)


def _sentence(found: Sequence[_Shown]) -> str:
    if not found:
        return _(UNCHANGED)
    names = capitalize(listed([one.label for one in found]))
    if len(found) == 1:
        return _("%(column)s differs by more than another class would bring.", column=names)
    return _("%(columns)s differ by more than another class would bring.", columns=names)


@dataclass(frozen=True)
class _Shown:
    """A feature's figures as texts."""

    label: str
    what: str
    expected: str
    mean: str
    difference: str
    deviations: str
    smallest: str
    found: bool

    @classmethod
    def of(cls, one: Mapping[str, Any], schema: Schema) -> _Shown:
        feature = next(f for f in schema.features if f.name == one["feature"])
        part, difference = one["part"], one["mean"] - one["expected"]
        if part == MEAN and isinstance(feature, NumericFeature):
            decimals, unit = sensible_decimals(feature), feature.unit
            expected, mean = (with_unit(one[name], decimals, unit) for name in ("expected", "mean"))
            by = signed(difference, decimals)
            smallest = None if one["smallest"] is None else number(one["smallest"], decimals)
            what = ""
        else:
            expected, mean = percent(one["expected"]), percent(one["mean"])
            by = _("%(number)s points", number=signed(100 * difference, 0))
            smallest = (
                None
                if one["smallest"] is None
                else _("%(number)s points", number=number(100 * one["smallest"]))
            )
            what = _("blank") if part == BLANK else plain(part.removeprefix(SHARE))
        away = ""
        if one["deviation"]:
            away = _("%(number)s SD of classes", number=signed(difference / one["deviation"], 1))
        return cls(
            label=feature.label or feature.name,
            what=what,
            expected=expected,
            mean=mean,
            difference=by,
            deviations=away,
            smallest=_("none yet") if smallest is None else smallest,
            found=one["found"],
        )

    @property
    def sentence(self) -> str:
        """What has changed, and by how much."""
        return _(
            "%(column)s: %(now)s on average of classes, where %(usual)s was usual (%(change)s).",
            column=f"{self.label} ({self.what})" if self.what else self.label,
            now=self.mean,
            usual=self.expected,
            change=", ".join(filter(None, (self.difference, self.deviations))),
        )


def _table(features: Sequence[_Shown]) -> ReportTable:
    header = (
        _("Feature"), _("Usual"), _("Now"), _("Difference"), _("Smallest that would be found"),
        _("Changed"),
    )  # fmt: skip
    rows = [
        (
            Cell(one.label, one.what),
            Cell(one.expected),
            Cell(one.mean),
            Cell(one.difference, one.deviations),
            Cell(one.smallest),
            Cell(_("yes") if one.found else _("no")),
        )
        for one in features
    ]
    return ReportTable(_("Each feature, the most unusual first"), header, rows)


def _compared(content: Mapping[str, Any]) -> str:
    of = content["reference"]
    text = _(
        COMPARED_WITH[of["source"]],
        classes=_classes(content["n_classes"]),
        term=content["term"],
        pupils=_pupils(content["n_pupils"]),
        reference=_classes(of["n_classes"]),
    )
    if content["source"] != "summaries":
        return text
    means_only = _(
        "No answers are kept (RECORD_FEATURES), so only means of classes and files are compared, "
        "and categories of ten pupils or more in each."
    )
    return f"{text} {means_only}"


def _looks_sentence(looks: Mapping[str, Any]) -> str:
    return _(
        "Look %(number)s of this term, of which %(passed)s has passed. Without any change, at most "
        "%(years)s of years raise an alarm, however often one looks: this term may use "
        "%(rate)s\N{NO-BREAK SPACE}%%, and has used %(spent)s\N{NO-BREAK SPACE}%%.",
        number=number(looks["number"]),
        passed=percent(looks["passed"]),
        years=percent(looks["year_rate"]),
        rate=number(100 * looks["rate"], 1),
        spent=number(100 * looks["spent"], 1),
    )


def _error_sentence(error: Mapping[str, Any], schema: Schema) -> str:
    if error["measure"] == MISSED:
        value, low, high, usual = (
            round(100 * error[name]) for name in ("value", "low", "high", "usual")
        )
        return _(
            "Of 100 pupils predicted this term (%(pupils)s), before their outcomes are known: "
            "about %(value)s (%(ends)s) are expected to end with another outcome than the most "
            "likely one; in training it was %(usual)s. It follows which pupils came. It cannot see "
            "whether the same answers now go with other outcomes: only outcomes show that.",
            pupils=_pupils(error["n_pupils"]),
            value=number(value),
            ends=span(number(low), number(high)),
            usual=number(usual),
        )
    target = schema.number
    decimals = sensible_decimals(target)
    ends = span(number(error["low"], decimals), number(error["high"], decimals))
    value, usual = (with_unit(error[name], decimals, target.unit) for name in ("value", "usual"))
    return _(
        "Expected error of the pupils predicted this term (%(pupils)s), before their outcomes are "
        "known: %(value)s (%(ends)s); in training it was %(usual)s (roots of mean squares). It "
        "follows which pupils came. It cannot see whether the same answers now go with other "
        "scores: only outcomes show that.",
        pupils=_pupils(error["n_pupils"]), value=value, ends=ends, usual=usual,
    )  # fmt: skip


def _column_sentence(one: Mapping[str, Any], schema: Schema) -> str:
    feature = next(f for f in schema.features if f.name == one["feature"])
    label, kind, n = feature.label or feature.name, one["kind"], one["n"]
    if kind == "cells":
        cells = [f"“{plain(cell)}” ({number(times)})" for cell, times in one["cells"].items()]
        return _(
            "%(column)s: cells came that training did not know, so their rows were refused: "
            "%(cells)s.",
            column=label,
            cells=listed(cells),
        )
    if kind == "outside":
        return ngettext(
            "%(column)s: %(n)s value lies outside what training saw.",
            "%(column)s: %(n)s values lie outside what training saw.",
            n,
            column=label,
        )
    if kind in ("gone", "blanks"):
        shares = {"now": percent(one["now"]), "before": percent(one["before"])}
        if kind == "gone":
            return _(
                "%(column)s is gone: it is blank for %(now)s; in training %(before)s were blank.",
                column=label,
                **shares,
            )
        return _(
            "%(column)s is blank for %(now)s; in training %(before)s were blank.",
            column=label,
            **shares,
        )
    return _scale_sentence(one, label, feature)


def _scale_sentence(one: Mapping[str, Any], label: str, feature: Feature) -> str:
    decimals = sensible_decimals(feature) if isinstance(feature, NumericFeature) else 1
    figures = {name: number(one[name], decimals) for name in ("now", "before")}
    factor = one["factor"]
    if not factor:
        return _(
            "%(column)s seems to be on another scale: its mean is %(now)s, where training had "
            "%(before)s.",
            column=label,
            **figures,
        )
    if factor > 1:
        return _(
            "%(column)s seems to be on another scale: its mean is %(now)s, where training had "
            "%(before)s, so about %(factor)s times what it was.",
            column=label, factor=localize(f"{factor:g}"), **figures,
        )  # fmt: skip
    return _(
        "%(column)s seems to be on another scale: its mean is %(now)s, where training had "
        "%(before)s, so about %(part)s of what it was.",
        column=label, part=localize(f"1/{1 / factor:g}"), **figures,
    )  # fmt: skip


def _classes(n: int) -> str:
    return ngettext("%(n)s class", "%(n)s classes", n)


def _pupils(n: int) -> str:
    return ngettext("%(n)s pupil", "%(n)s pupils", n)
