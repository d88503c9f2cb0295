"""Charts of what the back end answers. Each has a title, named axes with units, and tooltips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from appFrontend.api import Json
from appFrontend.fields import label_of, n_decimals, with_unit

Chart = alt.LayerChart | alt.FacetChart

BAR_PX = 26
AROUND_PX = 105
PLOT_PX = 320
MOST_BARS = 10


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
    st.altair_chart(chart, width="stretch", alt=described)


def _title(text: str, *subtitle: str) -> alt.TitleParams:
    return alt.TitleParams(text, subtitle=list(subtitle), anchor="start", offset=12)


def _height(n_names: int) -> int:
    """Return the height of a chart of that many names, with its title and its axis."""
    return BAR_PX * n_names + AROUND_PX


def _names(field: str, order: Any = None) -> alt.Y:
    return alt.Y(
        f"{field}:N",
        sort=order,
        title=None,
        scale=alt.Scale(type="band"),
        axis=alt.Axis(labelLimit=170, ticks=False, labelFlush=False),
    )


def distribution_chart(
    distribution: Json, target: Json, answers: Mapping[str, Json], level: str
) -> Chart:
    """Draw where predictions lie among the students of the training table.

    Parameters
    ----------
    distribution : dict
        `counts` and `edges` of a histogram.
    target : dict
        Of the schema.
    answers : mapping of str to dict
        One or two answers of the back end, by what to call them.
    level : str
        Which of their intervals to draw.
    """
    ink, decimals = colours(), n_decimals(target)
    edges, counts = distribution["edges"], distribution["counts"]
    bars = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "students": counts})
    points = pd.DataFrame(
        {
            "answer": name,
            "prediction": answer["prediction"],
            "low": answer["intervals"].get(level, [None, None])[0],
            "high": answer["intervals"].get(level, [None, None])[1],
            "at": max(counts) * (1.06 + 0.14 * i),
        }
        for i, (name, answer) in enumerate(answers.items())
    )
    colour = alt.Color(
        "answer:N",
        scale=alt.Scale(domain=list(answers), range=[ink.less, ink.accent][-len(answers) :]),
        legend=alt.Legend(title=None, orient="bottom") if len(answers) > 1 else None,
    )
    number = f",.{decimals}f"
    told = [
        alt.Tooltip("answer:N", title="Answer"),
        alt.Tooltip("prediction:Q", title="Prediction", format=number),
        alt.Tooltip("low:Q", title="Interval from", format=number),
        alt.Tooltip("high:Q", title="Interval to", format=number),
    ]
    histogram = (
        alt.Chart(bars)
        .mark_bar(color=ink.soft)
        .encode(
            alt.X("low:Q", bin="binned", title=with_unit(target), scale=alt.Scale(nice=False)),
            alt.X2("high:Q"),
            alt.Y("students:Q", title="Students"),
            tooltip=[
                alt.Tooltip("low:Q", title="From", format=number),
                alt.Tooltip("high:Q", title="To", format=number),
                alt.Tooltip("students:Q", title="Students"),
            ],
        )
    )
    base = alt.Chart(points).encode(color=colour, tooltip=told)
    interval = base.mark_rule(strokeWidth=3).encode(alt.X("low:Q"), alt.X2("high:Q"), alt.Y("at:Q"))
    line = base.mark_rule(strokeDash=[4, 3]).encode(alt.X("prediction:Q"))
    dot = base.mark_point(filled=True, size=110, opacity=1).encode(
        alt.X("prediction:Q"), alt.Y("at:Q")
    )
    return alt.layer(histogram, line, interval, dot).properties(
        height=PLOT_PX, title=_title("Among the students of training")
    )


def contributions_chart(values: Mapping[str, float], schema: Json) -> Chart:
    """Draw how far each feature moves one prediction."""
    ink, target = colours(), schema["target"]
    labels = {feature["name"]: label_of(feature) for feature in schema["features"]}
    ranked = sorted(values.items(), key=lambda item: -abs(item[1]))
    shown = [(labels.get(name, name), value) for name, value in ranked[:MOST_BARS]]
    if rest := ranked[MOST_BARS:]:
        shown.append((f"{len(rest)} others together", sum(value for _, value in rest)))
    table = pd.DataFrame(shown, columns=["feature", "value"])
    number = f"+,.{n_decimals(target)}f"
    base = alt.Chart(table).encode(
        _names("feature", list(table["feature"])),
        tooltip=[
            alt.Tooltip("feature:N", title="Feature"),
            alt.Tooltip("value:Q", title="Adds", format=number),
        ],
    )
    unit = target["unit"]
    span = max(table["value"].abs().max(), 1e-9) * 1.35
    bars = base.mark_bar().encode(
        alt.X(
            "value:Q",
            title=f"Moves the prediction by ({unit})" if unit else "Moves the prediction by",
            scale=alt.Scale(domain=[-span, span], nice=False),
        ),
        color=alt.condition(alt.datum.value >= 0, alt.value(ink.accent), alt.value(ink.less)),
    )
    up = base.transform_filter(alt.datum.value >= 0).mark_text(align="left", dx=4, color=ink.quiet)
    down = base.transform_filter(alt.datum.value < 0).mark_text(
        align="right", dx=-4, color=ink.quiet
    )
    text = alt.Text("value:Q", format=number)
    return alt.layer(
        bars, up.encode(alt.X("value:Q"), text=text), down.encode(alt.X("value:Q"), text=text)
    ).properties(height=_height(len(table)), title=_title("What moves this prediction"))


def histogram_chart(predictions: pd.Series, target: Json, pass_mark: float | None) -> Chart:
    """Draw the predictions of a class, those below the pass mark in another colour."""
    ink, number = colours(), f",.{n_decimals(target)}f"
    table = pd.DataFrame({"prediction": predictions})
    bins = alt.Bin(maxbins=20)
    colour: Any = alt.value(ink.accent)
    if pass_mark is not None:
        table["side"] = (predictions < pass_mark).map({True: "Below the pass mark", False: "Above"})
        colour = alt.Color(
            "side:N",
            scale=alt.Scale(domain=["Below the pass mark", "Above"], range=[ink.less, ink.accent]),
            legend=alt.Legend(title=None, orient="bottom"),
        )
    bars = (
        alt.Chart(table)
        .mark_bar()
        .encode(
            alt.X(
                "prediction:Q",
                bin=bins,
                title=f"Predicted {with_unit(target)}",
                axis=alt.Axis(format=",~f"),
            ),
            alt.Y("count():Q", title="Students", axis=alt.Axis(tickMinStep=1, format="d")),
            color=colour,
            tooltip=[
                alt.Tooltip("prediction:Q", bin=bins, title="Predicted", format=number),
                alt.Tooltip("count():Q", title="Students"),
            ],
        )
    )
    layers = [bars]
    if pass_mark is not None:
        mark = alt.Chart(pd.DataFrame({"mark": [pass_mark]}))
        layers.append(
            mark.mark_rule(color=ink.quiet, strokeDash=[4, 3]).encode(
                alt.X("mark:Q"), tooltip=[alt.Tooltip("mark:Q", title="Pass mark", format=number)]
            )
        )
    return alt.layer(*layers).properties(height=PLOT_PX, title=_title("Predictions of this class"))


def ranges_chart(
    table: pd.DataFrame, *, title: str, axis: str, number: str, zero: bool = False,
    order: Iterable[str] | None = None,
) -> Chart:  # fmt: skip
    """Draw a value with its interval for each name.

    Parameters
    ----------
    table : DataFrame
        Columns `name`, `value`, `low`, `high`.
    title, axis : str
        Of the chart and of its values, with their unit.
    number : str
        Format of a value.
    zero : bool
        Whether to draw a line at zero.
    order : iterable of str, optional
        Of the names; that of the table when absent.
    """
    ink = colours()
    names = list(table["name"] if order is None else order)
    tooltip = [
        alt.Tooltip("name:N", title=" "),
        *(
            alt.Tooltip(f"{column}:Q", title=called, format=number)
            for column, called in (("value", "Value"), ("low", "From"), ("high", "To"))
        ),
        *([alt.Tooltip("n_samples:Q", title="Students")] if "n_samples" in table else []),
    ]
    base = alt.Chart(table).encode(_names("name", names), tooltip=tooltip)
    scale = alt.Scale(zero=zero)
    layers: list[alt.Chart] = []
    if zero:
        nought = alt.Chart(pd.DataFrame({"at": [0.0]}))
        layers.append(nought.mark_rule(color=ink.quiet, strokeDash=[4, 3]).encode(alt.X("at:Q")))
    layers += [
        base.mark_rule(color=ink.accent, strokeWidth=3).encode(
            alt.X("low:Q", title=axis, scale=scale), alt.X2("high:Q")
        ),
        base.mark_point(filled=True, size=90, color=ink.accent, opacity=1).encode(
            alt.X("value:Q", title=axis, scale=scale)
        ),
    ]
    return alt.layer(*layers).properties(height=_height(len(table)), title=_title(title))


def importance_chart(table: pd.DataFrame, *, axis: str, number: str) -> Chart:
    """Draw how much worse the predictions get when each feature is shuffled.

    Parameters
    ----------
    table : DataFrame
        Columns `feature`, `value`, `spread`.
    axis : str
        What the value is, with its unit.
    number : str
        Format of a value.
    """
    ink = colours()
    table = table.assign(
        low=table["value"] - table["spread"], high=table["value"] + table["spread"]
    )
    base = alt.Chart(table).encode(
        _names("feature", list(table["feature"])),
        tooltip=[
            alt.Tooltip("feature:N", title="Feature"),
            alt.Tooltip("value:Q", title=axis, format=number),
            alt.Tooltip("spread:Q", title="± of repeats", format=number),
        ],
    )
    return alt.layer(
        base.mark_bar(color=ink.accent).encode(alt.X("value:Q", title=axis)),
        base.mark_rule(color=ink.quiet, strokeWidth=2).encode(
            alt.X("low:Q", title=axis), alt.X2("high:Q")
        ),
    ).properties(height=_height(len(table)), title=_title("What the model relies on"))


def dependence_chart(one: Json, feature: Json, target: Json) -> Chart:
    """Draw the mean prediction if all students had one value of a feature, value by value."""
    ink, number = colours(), f",.{n_decimals(target)}f"
    unit = target["unit"]
    axis = f"Mean prediction ({unit})" if unit else "Mean prediction"
    title = f"Prediction by {label_of(feature)}"
    known = [i for i, value in enumerate(one["at"]) if value is not None]
    table = pd.DataFrame(
        {
            "at": [one["at"][i] for i in known],
            **{column: [one[column][i] for i in known] for column in ("mean", "low", "high")},
        }
    )
    if feature["kind"] == "categorical":
        named = table.rename(columns={"at": "name", "mean": "value"})
        return ranges_chart(named, title=title, axis=axis, number=number)
    base = alt.Chart(table).encode(
        alt.X("at:Q", title=with_unit(feature), scale=alt.Scale(zero=False)),
        tooltip=[
            alt.Tooltip("at:Q", title=label_of(feature)),
            alt.Tooltip("mean:Q", title="Mean prediction", format=number),
            alt.Tooltip("low:Q", title="Most from", format=number),
            alt.Tooltip("high:Q", title="Most to", format=number),
        ],
    )
    scale = alt.Scale(zero=False)
    return alt.layer(
        base.mark_area(color=ink.soft, opacity=0.6).encode(
            alt.Y("low:Q", title=axis, scale=scale), alt.Y2("high:Q")
        ),
        base.mark_line(color=ink.accent, point=alt.OverlayMarkDef(color=ink.accent)).encode(
            alt.Y("mean:Q", title=axis, scale=scale)
        ),
    ).properties(height=PLOT_PX, title=_title(title))
