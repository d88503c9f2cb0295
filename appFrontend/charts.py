"""Charts of what the back end answers. Each has a title, named axes with units, and tooltips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from appFrontend.api import Json
from appFrontend.fields import asked, label_of, number_format, with_unit
from appFrontend.language import gettext as _
from appFrontend.language import ngettext, vega_numbers

Chart = alt.LayerChart | alt.FacetChart  # what altair's `properties` may return

BAR_PX = 26
AROUND_PX = 105
PLOT_PX = 320
MOST_BARS = 10
DASHES = [4, 3]
BELOW = "datum.value < 0"
CHANCES = alt.Scale(domain=[0, 1.1], nice=False)  # with room for the figure of a certain one


@dataclass(frozen=True)
class Colours:
    """Those of the web pages' style sheet."""

    accent: str
    soft: str
    less: str
    quiet: str
    page: str


LIGHT = Colours("#3b5bdb", soft="#c9d3f6", less="#c2620b", quiet="#566077", page="#ffffff")
DARK = Colours("#91a7ff", soft="#3a4672", less="#ff9f5a", quiet="#a7b0c6", page="#12161f")


def colours() -> Colours:
    """Return the colours that can be seen on the background that the person has chosen."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def show(chart: Chart, described: str) -> None:
    """Draw a chart over the whole width, with words for those who cannot see it."""
    quiet = colours().quiet
    chart = chart.configure_axis(labelColor=quiet, titleColor=quiet, titlePadding=8, tickCount=8)
    chart = chart.configure_axisY(labelFlush=False)
    chart = chart.configure_legend(labelColor=quiet, titleColor=quiet)
    chart = chart.configure(locale={"number": vega_numbers()})
    st.altair_chart(chart, width="stretch", alt=described)


def _titled(title: str, layers: list[alt.Chart], n_names: int = 0) -> Chart:
    height = BAR_PX * n_names + AROUND_PX if n_names else PLOT_PX
    words = alt.TitleParams(title, anchor="start", offset=12)
    return alt.layer(*layers).properties(height=height, title=words)


def _names(names: pd.Series) -> alt.Y:
    axis = alt.Axis(labelLimit=170, ticks=False)
    return alt.Y("name:N", sort=list(names), title=None, scale=alt.Scale(type="band"), axis=axis)


def _tooltips(titles: Mapping[str, str], number: str) -> list[alt.Tooltip]:
    """Return tooltips by column; those of quantities (`:Q`) have the format."""
    return [
        alt.Tooltip(column, title=title, format=number if ":Q" in column else alt.Undefined)
        for column, title in titles.items()
    ]


def _line_at(value: float) -> alt.Chart:
    line = alt.Chart(pd.DataFrame({"at": [value]})).encode(alt.X("at:Q"))
    return line.mark_rule(color=colours().quiet, strokeDash=DASHES)


def _colour(column: str, range_by_value: Mapping[str, str]) -> alt.Color:
    several = len(range_by_value) > 1
    return alt.Color(
        column,
        scale=alt.Scale(domain=list(range_by_value), range=list(range_by_value.values())),
        legend=alt.Legend(title=None, orient="bottom") if several else None,
    )


def distribution_chart(
    distribution: Json, target: Json, answers: Mapping[str, Json], level: str
) -> Chart:
    """Draw where one or two named answers lie among the students of the training table.

    The distribution has the `counts` and `edges` of a histogram, whose bars have the counts as
    their areas; the level is an interval's.
    """
    ink, number = colours(), number_format(target)
    edges, counts = distribution["edges"], distribution["counts"]
    bars = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "students": counts})
    bars["density"] = bars["students"] / (bars["high"] - bars["low"])
    points = pd.DataFrame(
        {
            "answer": name,
            "prediction": answer["prediction"],
            "low": answer["intervals"].get(level, [None, None])[0],
            "high": answer["intervals"].get(level, [None, None])[1],
            "at": bars["density"].max() * (1.06 + 0.14 * i),
        }
        for i, (name, answer) in enumerate(answers.items())
    )
    histogram = alt.Chart(bars, mark=alt.MarkDef("bar", color=ink.soft)).encode(
        alt.X("low:Q", bin="binned", title=with_unit(target), scale=alt.Scale(nice=False)),
        alt.X2("high:Q"),
        alt.Y("density:Q", axis=None),
        tooltip=_tooltips(
            {"low:Q": _("From"), "high:Q": _("To"), "students:O": _("Students")}, number
        ),
    )
    titles = {
        "answer:N": _("Answer"),
        "prediction:Q": _("Prediction"),
        "low:Q": _("Interval from"),
        "high:Q": _("Interval to"),
    }
    inks = [ink.less, ink.accent][-len(answers) :]
    base = alt.Chart(points).encode(
        color=_colour("answer:N", dict(zip(answers, inks, strict=True))),
        tooltip=_tooltips(titles, number),
    )
    at, x = alt.Y("at:Q", axis=None), alt.X("prediction:Q")
    line = base.mark_rule(strokeDash=DASHES).encode(x)
    interval = base.mark_rule(strokeWidth=3).encode(alt.X("low:Q"), alt.X2("high:Q"), at)
    dot = base.mark_point(filled=True, size=110, opacity=1).encode(x, at)
    return _titled(_("Among the students of training"), [histogram, line, interval, dot])


def chances_chart(chances: Mapping[str, Mapping[str, float]], title: str) -> Chart:
    """Draw the chance of each outcome, of one or two named answers."""
    ink = colours()
    table = pd.DataFrame(
        {"answer": answer, "name": label, "value": chance}
        for answer, by_outcome in chances.items()
        for label, chance in by_outcome.items()
    )
    inks = dict(zip(chances, [ink.less, ink.accent][-len(chances) :], strict=True))
    names = table["name"].drop_duplicates()
    titles = {"answer:N": _("Answer"), "name:N": _("Outcome"), "value:Q": _("Chance")}
    base = alt.Chart(table).encode(
        alt.X("value:Q", title=_("Chance"), axis=alt.Axis(format=".0%"), scale=CHANCES),
        _names(names),
        yOffset=alt.YOffset("answer:N", sort=list(chances)),
        tooltip=_tooltips(titles, ".1%"),
    )
    bars = base.mark_bar().encode(color=_colour("answer:N", inks))
    numbers = base.mark_text(align="left", dx=4, color=ink.quiet)
    numbers = numbers.encode(text=alt.Text("value:Q", format=".0%"))
    return _titled(_("Chances: %(target)s", target=title), [bars, numbers], len(table))


def counts_chart(counts: Mapping[str, int], at_risk: Sequence[str]) -> Chart:
    """Draw how many students of a class are predicted to reach each outcome."""
    ink = colours()
    table = pd.DataFrame({"name": list(counts), "students": list(counts.values())})
    inks = [ink.less if label in at_risk else ink.accent for label in counts]
    base = alt.Chart(table).encode(
        alt.X("students:Q", title=_("Students"), axis=alt.Axis(tickMinStep=1, format="d")),
        _names(table["name"]),
        tooltip=_tooltips({"name:N": _("Outcome"), "students:O": _("Students")}, "d"),
    )
    scale = alt.Scale(domain=list(counts), range=inks)
    bars = base.mark_bar().encode(color=alt.Color("name:N", scale=scale, legend=None))
    numbers = base.mark_text(align="left", dx=4, color=ink.quiet).encode(text="students:Q")
    return _titled(_("Predictions of this class"), [bars, numbers], len(table))


def contributions_chart(
    values: Mapping[str, float], schema: Json, *, axis: str, form: str
) -> Chart:
    """Draw how far each feature moves one prediction; ``form`` is the format of that."""
    ink = colours()
    labels = {feature["name"]: label_of(feature) for feature in asked(schema)}
    ranked = sorted(values.items(), key=lambda item: -abs(item[1]))
    shown = [(labels.get(name, name), value) for name, value in ranked[:MOST_BARS]]
    if rest := ranked[MOST_BARS:]:
        others = ngettext("%(n)s other", "%(n)s others together", len(rest))
        shown.append((others, sum(value for _name, value in rest)))
    table = pd.DataFrame(shown, columns=["name", "value"])
    span = max(table["value"].abs().max(), 1e-9) * 1.35
    base = alt.Chart(table).encode(
        alt.X(
            "value:Q",
            title=axis,
            scale=alt.Scale(domain=[-span, span], nice=False),
        ),
        _names(table["name"]),
        tooltip=_tooltips({"name:N": _("Feature"), "value:Q": _("Adds")}, form),
    )
    bars = base.mark_bar().encode(
        color=alt.condition(BELOW, alt.value(ink.less), alt.value(ink.accent))
    )
    numbers = base.mark_text(
        align=alt.expr(f"{BELOW} ? 'right' : 'left'"),
        dx=alt.expr(f"{BELOW} ? -4 : 4"),
        color=ink.quiet,
    ).encode(text=alt.Text("value:Q", format=form))
    return _titled(_("What moves this prediction"), [bars, numbers], len(table))


def histogram_chart(predictions: pd.Series, target: Json, pass_mark: float | None) -> Chart:
    """Draw the predictions of a class, those below the pass mark in another colour."""
    ink, number = colours(), number_format(target)
    table = pd.DataFrame({"prediction": predictions})
    bins = alt.Bin(maxbins=20)
    colour: Any = alt.value(ink.accent)
    if pass_mark is not None:
        below, above = _("Below the pass mark"), _("Above")
        table["side"] = (predictions < pass_mark).map({True: below, False: above})
        colour = _colour("side:N", {below: ink.less, above: ink.accent})
    bars = alt.Chart(table, mark="bar").encode(
        alt.X(
            "prediction:Q",
            bin=bins,
            title=with_unit(target, _("Predicted: %(target)s", target=label_of(target))),
            axis=alt.Axis(format=",~f"),
        ),
        alt.Y("count():Q", title=_("Students"), axis=alt.Axis(tickMinStep=1, format="d")),
        color=colour,
        tooltip=[
            alt.Tooltip("prediction:Q", bin=bins, title=_("Predicted"), format=number),
            alt.Tooltip("count():Q", title=_("Students")),
        ],
    )
    layers = [bars]
    if pass_mark is not None:
        layers.append(
            _line_at(pass_mark).encode(tooltip=_tooltips({"at:Q": _("Pass mark")}, number))
        )
    return _titled(_("Predictions of this class"), layers)


def ranges_chart(
    table: pd.DataFrame,
    *,
    title: str,
    axis: str,
    number: str,
    zero: bool = False,
    bars: bool = False,
    marked: str = "",
) -> Chart:
    """Draw a value with its interval for each name.

    Parameters
    ----------
    table : DataFrame
        Columns `name`, `value`, `low`, `high`; `n_samples` where it is known.
    axis : str
        What the values are, with their unit.
    number : str
        Format of a value.
    zero : bool
        Whether to draw a line at zero.
    bars : bool
        Whether values are bars from zero, not points.
    marked : str
        The name that stands out; empty where none does.
    """
    ink = colours()
    x: dict[str, Any] = {"title": axis, "scale": alt.Scale(zero=zero or bars)}
    titles = {"name:N": " ", "value:Q": _("Value"), "low:Q": _("From"), "high:Q": _("To")}
    if "n_samples" in table:
        titles["n_samples:O"] = _("Students")
    base = alt.Chart(table).encode(_names(table["name"]), tooltip=_tooltips(titles, number))
    if marked:
        others = alt.value(ink.quiet)
        colour = alt.condition(alt.datum.name == marked, alt.value(ink.accent), others)
        base = base.encode(color=colour)
    point = base.mark_point(filled=True, size=90, color=ink.accent, opacity=1)
    value = base.mark_bar(color=ink.accent) if bars else point
    rule = base.mark_rule(color=ink.quiet if bars else ink.accent, strokeWidth=3)
    layers = [value.encode(alt.X("value:Q", **x)), rule.encode(alt.X("low:Q", **x), x2="high:Q")]
    return _titled(title, [_line_at(0.0), *layers] if zero else layers, len(table))


def dependence_chart(curve: Json, feature: Json, target: Json) -> Chart:
    """Draw the mean prediction if all students had one value of a feature, value by value."""
    ink, number = colours(), number_format(target)
    axis = with_unit(target, _("Mean prediction"))
    title = _("Prediction by %(feature)s", feature=label_of(feature))
    columns = ["at", "mean", "low", "high"]
    table = pd.DataFrame({name: curve[name] for name in columns}).dropna(subset=["at"])
    if feature["kind"] == "categorical":
        named = table.rename(columns={"at": "name", "mean": "value"})
        return ranges_chart(named, title=title, axis=axis, number=number)
    titles = {
        "mean:Q": _("Mean prediction"),
        "low:Q": _("Most from"),
        "high:Q": _("Most to"),
    }
    base = alt.Chart(table).encode(
        alt.X("at:Q", title=with_unit(feature), scale=alt.Scale(zero=False)),
        tooltip=[alt.Tooltip("at:Q", title=label_of(feature)), *_tooltips(titles, number)],
    )
    y: dict[str, Any] = {"title": axis, "scale": alt.Scale(zero=False)}
    layers = [
        base.mark_area(color=ink.soft, opacity=0.6).encode(alt.Y("low:Q", **y), alt.Y2("high:Q")),
        base.mark_line(color=ink.accent, point=alt.OverlayMarkDef(color=ink.accent)).encode(
            alt.Y("mean:Q", **y)
        ),
    ]
    return _titled(title, layers)
