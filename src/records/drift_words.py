"""What a look at the features found, in sentences: for the command and the page alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from src.report.document import Cell, ReportTable
from src.report.wording import (
    SPACE,
    interval_ends,
    listed,
    number,
    percent,
    plain,
    sensible_decimals,
    signed,
    with_unit,
)
from src.schema.features import NumericFeature
from src.schema.record import Schema

UNCHANGED = "Nothing has changed beyond what another class would bring."
BLIND = (
    "It follows which pupils came. It cannot see whether the same answers now go with other "
    "scores: only outcomes show that."
)
MEAN, BLANK, SHARE = "mean", "blank", "share of "  # the parts of a feature

WHY_UNTOLD = {
    "no classes": "Nothing can be said yet: no class of ten pupils or more was recorded this term. "
    "A class is known by the column of RECORD_GROUP, or by “group” in JSON.",
    "no reference": "It cannot be told what another class would bring: the model was trained "
    "without --group, and no earlier term holds eight classes. Give the table that trained it: "
    "python -m src.records drift --reference TABLE --by COLUMN.",
}
COMPARED_WITH = {
    "training": "classes of the table that trained the model",
    "table": "classes of the table that was given",
    "first term": "classes of the first term of the records",
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
        sentence=WHY_UNTOLD[untold] if untold else _sentence(found),
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
    return named <= {*schema.names} and (not content["error"] or schema.task == "regression")


def _sentence(found: Sequence[_Shown]) -> str:
    if not found:
        return UNCHANGED
    names = listed([one.label for one in found])
    differ = "differs" if len(found) == 1 else "differ"
    return f"{names[:1].upper()}{names[1:]} {differ} by more than another class would bring."


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
            what = "mean"
        else:
            expected, mean = percent(one["expected"]), percent(one["mean"])
            by = f"{signed(100 * difference, 0)}{SPACE}points"
            smallest = (
                None if one["smallest"] is None else f"{100 * one['smallest']:.0f}{SPACE}points"
            )
            what = "blank" if part == BLANK else plain(part.removeprefix(SHARE))
        away = ""
        if one["deviation"]:
            away = f"{signed(difference / one['deviation'], 1)}{SPACE}SD of classes"
        return cls(
            label=feature.label or feature.name,
            what=what,
            expected=expected,
            mean=mean,
            difference=by,
            deviations=away,
            smallest="none yet" if smallest is None else smallest,
            found=one["found"],
        )

    @property
    def sentence(self) -> str:
        """What has changed, and by how much."""
        of = "" if self.what == "mean" else f" ({self.what})"
        more = f", {self.deviations}" if self.deviations else ""
        return (
            f"{self.label}{of}: {self.mean} on average of classes, where {self.expected} was "
            f"usual ({self.difference}{more})."
        )


def _table(features: Sequence[_Shown]) -> ReportTable:
    header = ("Feature", "Usual", "Now", "Difference", "Smallest that would be found", "Changed")
    rows = [
        (
            Cell(one.label, "" if one.what == "mean" else one.what),
            Cell(one.expected),
            Cell(one.mean),
            Cell(one.difference, one.deviations),
            Cell(one.smallest),
            Cell("yes" if one.found else "no"),
        )
        for one in features
    ]
    return ReportTable("Each feature, the most unusual first", header, rows)


def _compared(content: Mapping[str, Any]) -> str:
    of = content["reference"]
    text = (
        f"{_n(content['n_classes'], 'class', 'classes')} of this term (since {content['term']}, "
        f"{content['n_pupils']:,} pupils) beside {of['n_classes']:,} {COMPARED_WITH[of['source']]}."
    )
    if content["source"] == "summaries":
        text += (
            " No answers are kept (RECORD_FEATURES), so only means of classes and files are "
            "compared, and categories of ten pupils or more in each."
        )
    return text


def _looks_sentence(looks: Mapping[str, Any]) -> str:
    return (
        f"Look {looks['number']} of this term, of which {percent(looks['passed'])} has passed. "
        f"Without any change, at most {percent(looks['year_rate'])} of years raise an alarm, "
        f"however often one looks: this term may use {100 * looks['rate']:.1f}{SPACE}%, and has "
        f"used {100 * looks['spent']:.1f}{SPACE}%."
    )


def _error_sentence(error: Mapping[str, Any], schema: Schema) -> str:
    target = schema.number
    decimals = sensible_decimals(target)
    ends = interval_ends((error["low"], error["high"]), decimals + 1, " to ")
    value, usual = (with_unit(error[name], decimals, target.unit) for name in ("value", "usual"))
    return (
        f"Expected error of the {error['n_pupils']:,} pupils predicted this term, before their "
        f"outcomes are known: {value} ({ends}); in training it was {usual} (roots of mean "
        f"squares). {BLIND}"
    )


def _column_sentence(one: Mapping[str, Any], schema: Schema) -> str:
    feature = next(f for f in schema.features if f.name == one["feature"])
    label, kind, n = feature.label or feature.name, one["kind"], one["n"]
    if kind == "cells":
        cells = listed([f"“{plain(cell)}” ({times:,})" for cell, times in one["cells"].items()])
        return (
            f"{label}: cells came that training did not know, so their rows were refused: {cells}."
        )
    if kind == "outside":
        return f"{label}: {n:,} values lie outside what training saw."
    if kind in ("gone", "blanks"):
        is_gone = " is gone: it" if kind == "gone" else ""
        now, before = percent(one["now"]), percent(one["before"])
        return f"{label}{is_gone} is blank for {now}; in training {before} were blank."
    decimals = 1
    if isinstance(feature, NumericFeature):
        decimals = sensible_decimals(feature)
    now, before = (number(one[name], decimals) for name in ("now", "before"))
    text = f"{label} seems to be on another scale: its mean is {now}, where training had {before}"
    if not one["factor"]:
        return f"{text}."
    times = f"{one['factor']:g} times" if one["factor"] > 1 else f"1/{1 / one['factor']:g} of"
    return f"{text}, so about {times} what it was."


def _n(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"
