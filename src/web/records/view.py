"""From the stored report to what the page shows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from markupsafe import Markup

from src.report.document import Cell, ReportTable
from src.report.wording import interval_ends, number, percent, sensible_decimals
from src.schema.features import ClassTarget
from src.schema.record import Schema
from src.web.charts import predicted_and_actual

FEW = "too few"
WHAT_GOES_TOGETHER = {
    "groups": "Pupils of a class are alike, so the ranges count classes, not pupils.",
    "pupils": "There are too few classes to say how alike their pupils are: the ranges count "
    "pupils as if they were not, and may be too narrow.",
    "rows": "Nobody said which pupils belong together: the ranges count each alone, and may be too "
    "narrow.",
}


class Tile(NamedTuple):
    """A figure with what it means, and its range."""

    value: str
    unit: str
    meaning: str
    ends: str


@dataclass(frozen=True)
class ReportView:
    """What the page shows: see the template."""

    made: str
    known: str
    missing: str
    flatters: bool
    sentence: str
    tiles: tuple[Tile, ...]
    together: str
    chart: Markup
    parts: ReportTable | None
    terms: ReportTable | None
    groups: ReportTable | None
    hides: bool
    list_sentence: str
    lists: ReportTable | None


def describe_report(content: Mapping[str, Any], schema: Schema) -> ReportView:
    """Return a stored report in words, tables and a chart."""
    made = datetime.fromtimestamp(content["made_at_ms"] / 1000, UTC)
    figures, missing = content["figures"], content["missing"]
    is_class = isinstance(schema.target, ClassTarget)
    decimals = 1 if is_class else sensible_decimals(schema.number)
    kind = _Kind(is_class, decimals, "" if is_class else schema.target.unit)
    listed = content.get("list")
    return ReportView(
        made=f"{made.day} {made:%B %Y, %H:%M} UTC",
        known=f"{content['n_known']:,} of {content['n_cases']:,}",
        missing=missing["sentence"] if missing["n"] else "",
        flatters=missing["share"] >= 0.1,
        sentence=content.get("sentence", ""),
        tiles=kind.tiles(figures) if figures else (),
        together=WHAT_GOES_TOGETHER[figures["clusters"]] if figures else "",
        chart=_chart(content, kind) if figures and content["parts"] else Markup(""),
        parts=_parts_table(content["parts"], kind) if figures and content["parts"] else None,
        terms=_by_table("By term", "Term from", content["by_term"], kind) if figures else None,
        groups=_by_table("By class or school", "Group", content["by_group"], kind)
        if figures and len(content["by_group"]) > 1
        else None,
        hides=any(
            group["figures"] is None
            for group in (*content.get("by_term", ()), *content.get("by_group", ()))
        ),
        list_sentence=listed["sentence"] if listed else "",
        lists=_lists_table(listed) if listed else None,
    )


@dataclass(frozen=True)
class _Kind:
    """How the figures of a number, or of outcomes, are written."""

    is_class: bool
    decimals: int
    unit: str

    def tiles(self, figures: Mapping[str, Any]) -> tuple[Tile, ...]:
        if self.is_class:
            found = [self._share(figures, "accuracy", "ended as was most likely")]
        else:
            found = [
                self._size(figures, "mae", "typical error: the mean of all, without their sign"),
                self._size(figures, "mean_error", "actual less predicted, on average"),
            ]
        if "coverage" in figures:
            what = "the 9-in-10 outcomes" if self.is_class else "the 9-in-10 range"
            found.append(self._share(figures, "coverage", f"lay in {what}"))
        return tuple(found)

    def _share(self, figures: Mapping[str, Any], name: str, meaning: str) -> Tile:
        one = figures[name]
        return Tile(percent(one["value"]), "", meaning, _share_ends(one))

    def _size(self, figures: Mapping[str, Any], name: str, meaning: str) -> Tile:
        one = figures[name]
        return Tile(number(one["value"], self.decimals), self.unit, meaning, self.ends(one))

    def ends(self, one: Mapping[str, float]) -> str:
        if one["low"] == one["high"]:
            return ""
        return interval_ends((one["low"], one["high"]), self.decimals + 1, " to ")

    def value(self, value: float) -> str:
        return percent(value) if self.is_class else number(value, self.decimals)


def _share_ends(one: Mapping[str, float]) -> str:
    if one["low"] == one["high"]:
        return ""
    return f"{100 * one['low']:.0f} to {100 * one['high']:.0f} %"


def _chart(content: Mapping[str, Any], kind: _Kind) -> Markup:
    scale = 100 if kind.is_class else 1
    points = [
        (
            scale * part["predicted"],
            scale * part["actual"]["value"],
            scale * part["actual"]["low"],
            scale * part["actual"]["high"],
        )
        for part in content["parts"]
    ]
    unit = "chance in %" if kind.is_class else content["label"]
    return predicted_and_actual(points, f"Predicted and actual: {unit}")


def _parts_table(parts: Sequence[Mapping[str, Any]], kind: _Kind) -> ReportTable:
    actual = "Came true" if kind.is_class else "Actual mean"
    header = ("Predicted chance" if kind.is_class else "Predicted mean", actual, "Pupils")
    rows = [
        (
            Cell(kind.value(part["predicted"])),
            Cell(
                kind.value(part["actual"]["value"]),
                _share_ends(part["actual"]) if kind.is_class else kind.ends(part["actual"]),
            ),
            Cell(f"{part['n']:,}"),
        )
        for part in parts
    ]
    return ReportTable("The same as a table", header, rows)


def _by_table(
    caption: str, heading: str, groups: Sequence[Mapping[str, Any]], kind: _Kind
) -> ReportTable:
    rows: list[tuple[Cell, ...]] = []
    for group in groups:
        figures = group["figures"]
        if figures is None:
            rows.append((Cell(group["name"]), Cell(FEW), Cell(FEW), Cell("")))
            continue
        tiles = kind.tiles(figures)
        cells = [Cell(tile.value, tile.ends) for tile in (tiles[0], tiles[-1])]
        rows.append((Cell(group["name"]), *cells, Cell(f"{figures['n']:,}")))
    error = "Ended as predicted" if kind.is_class else "Typical error"
    return ReportTable(caption, (heading, error, "In the 9-in-10 range", "Pupils"), rows)


def _lists_table(listed: Mapping[str, Any]) -> ReportTable:
    rows = [
        (
            Cell(f"{one['k']:,}", percent(one["share"])),
            Cell(f"{one['hits']:,}"),
            Cell(percent(one["caught"])),
        )
        for one in listed["lists"]
    ]
    header = ("On the list", listed["event"], "Of all who did")
    return ReportTable("Lists of those with the largest chance", header, rows)
