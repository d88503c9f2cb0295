"""From the stored report to what the page shows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from src.language import ENGLISH, current, mark, pgettext
from src.language import gettext as _
from src.records.cases import UNKNOWN
from src.records.sentences import MISSING_SHARE, of_event, of_list, of_missing, too_few
from src.report.document import Cell, ReportTable
from src.report.wording import interval_ends, number, percent, sensible_decimals
from src.schema.features import ClassTarget
from src.schema.record import Schema
from src.stats.disclosure import LEAST_ROWS
from src.web.charts import predicted_and_actual

FEW = mark("too few")
WHAT_GOES_TOGETHER = {
    "groups": mark("Pupils of a class are alike, so the ranges count classes, not pupils."),
    "pupils": mark(
        "There are too few classes to say how alike their pupils are: the ranges count pupils as "
        "if they were not, and may be too narrow."
    ),
    "rows": mark(
        "Nobody said which pupils belong together: the ranges count each alone, and may be too "
        "narrow."
    ),
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
    cases: str
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
    figures, missing = content["figures"], content["missing"]
    is_class = isinstance(schema.target, ClassTarget)
    decimals = 1 if is_class else sensible_decimals(schema.number)
    kind = _Kind(is_class, decimals, "" if is_class else schema.target.unit)
    listed = content.get("list")
    return ReportView(
        made=_moment(datetime.fromtimestamp(content["made_at_ms"] / 1000, UTC)),
        known=number(content["n_known"]),
        cases=number(content["n_cases"]),
        missing=of_missing(missing, content["n_cases"]) if missing["n"] else "",
        flatters=missing["share"] >= MISSING_SHARE,
        sentence="" if figures else too_few(content["n_known"], LEAST_ROWS),
        tiles=kind.tiles(figures) if figures else (),
        together=_(WHAT_GOES_TOGETHER[figures["clusters"]]) if figures else "",
        chart=_chart(content, kind) if figures and content["parts"] else Markup(""),
        parts=_parts_table(content["parts"], kind) if figures and content["parts"] else None,
        terms=_by_table(_("By term"), _("Term from"), content["by_term"], kind)
        if figures
        else None,
        groups=_by_table(_("By class or school"), _("Group"), content["by_group"], kind)
        if figures and len(content["by_group"]) > 1
        else None,
        hides=any(
            group["figures"] is None
            for group in (*content.get("by_term", ()), *content.get("by_group", ()))
        ),
        list_sentence=of_list(listed, schema.target) if listed else "",
        lists=_lists_table(listed, schema) if listed else None,
    )


def describe_fates(counts: Mapping[str, int]) -> list[Markup]:
    """Return how many rows of an uploaded file came to what."""
    said = {
        "matched": mark("%(n)s with a new outcome"),
        "corrected": mark("%(n)s with another outcome than was known"),
        "unchanged": mark("%(n)s with an outcome that was known"),
        "unmatched": mark("%(n)s without a prediction"),
        "doubtful": mark("%(n)s that could mean several things"),
        "refused": mark("%(n)s that could not be read"),
        "left_out": mark("%(n)s not of a pupil"),
        "mended": mark("%(n)s: cells read as what is clearly meant"),
    }
    return [
        escape(_(text)) % {"n": Markup("<strong>{}</strong>").format(number(counts[fate]))}
        for fate, text in said.items()
        if counts.get(fate)
    ]


@dataclass(frozen=True)
class _Kind:
    """How the figures of a number, or of outcomes, are written."""

    is_class: bool
    decimals: int
    unit: str

    def tiles(self, figures: Mapping[str, Any]) -> tuple[Tile, ...]:
        if self.is_class:
            found = [self._share(figures, "accuracy", _("ended as was most likely"))]
        else:
            found = [
                self._size(figures, "mae", _("typical error: the mean of all, without their sign")),
                self._size(figures, "mean_error", _("actual less predicted, on average")),
            ]
        if "coverage" in figures:
            outcomes, range_ = _("lay in the 9-in-10 outcomes"), _("lay in the 9-in-10 range")
            found.append(self._share(figures, "coverage", outcomes if self.is_class else range_))
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
        to = pgettext("between two numbers", "to")
        return interval_ends((one["low"], one["high"]), self.decimals + 1, f" {to} ")

    def value(self, value: float) -> str:
        return percent(value) if self.is_class else number(value, self.decimals)


def _moment(at: datetime) -> str:
    """Return a day and an hour as the language writes them."""
    if current() == ENGLISH:
        return f"{at.day} {at:%B %Y, %H:%M} UTC"
    from babel.dates import format_datetime

    language = current().replace("-", "_")
    return f"{format_datetime(at, 'd MMMM yyyy', locale=language)}, {at:%H:%M} UTC"


def _share_ends(one: Mapping[str, float]) -> str:
    if one["low"] == one["high"]:
        return ""
    low, high = (number(100 * one[end]) for end in ("low", "high"))
    return _("%(low)s to %(high)s %%", low=low, high=high)


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
    title = _("Predicted and actual: %(target)s", target=content["label"])
    return predicted_and_actual(
        points, _("Predicted and actual: chance in %") if kind.is_class else title
    )


def _parts_table(parts: Sequence[Mapping[str, Any]], kind: _Kind) -> ReportTable:
    header = (_("Predicted mean"), _("Actual mean"), _("Pupils"))
    if kind.is_class:
        header = (_("Predicted chance"), _("Came true"), _("Pupils"))
    rows = [
        (
            Cell(kind.value(part["predicted"])),
            Cell(
                kind.value(part["actual"]["value"]),
                _share_ends(part["actual"]) if kind.is_class else kind.ends(part["actual"]),
            ),
            Cell(number(part["n"])),
        )
        for part in parts
    ]
    return ReportTable(_("The same as a table"), header, rows)


def _by_table(
    caption: str, heading: str, groups: Sequence[Mapping[str, Any]], kind: _Kind
) -> ReportTable:
    rows: list[tuple[Cell, ...]] = []
    # Where some pupils have no range, no group's share is told.
    ranged = any("coverage" in (group["figures"] or ()) for group in groups)
    for group in groups:
        figures, name = group["figures"], group["name"]
        name = _(UNKNOWN) if name == UNKNOWN else name
        if figures is None:
            rows.append((Cell(name), *[Cell(_(FEW))] * (1 + ranged), Cell("")))
            continue
        tiles = kind.tiles(figures)
        told = (tiles[0], tiles[-1]) if ranged else tiles[:1]
        cells = [Cell(tile.value, tile.ends) for tile in told]
        rows.append((Cell(name), *cells, Cell(number(figures["n"]))))
    error = _("Ended as predicted") if kind.is_class else _("Typical error")
    of_range = [_("In the 9-in-10 range")] if ranged else []
    return ReportTable(caption, (heading, error, *of_range, _("Pupils")), rows)


def _lists_table(listed: Mapping[str, Any], schema: Schema) -> ReportTable:
    rows = [
        (
            Cell(number(one["k"]), percent(one["share"])),
            Cell(number(one["hits"])),
            Cell(percent(one["caught"])),
        )
        for one in listed["lists"]
    ]
    header = (_("On the list"), of_event(schema.target), _("Of all who did"))
    return ReportTable(_("Lists of those with the largest chance"), header, rows)
