"""The models that were compared: a chart and a table, whatever they predict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from appFrontend.api import Json
from appFrontend.charts import ranges_chart, show
from appFrontend.language import gettext as _
from appFrontend.language import number


def show_leaderboard(
    metrics: Json,
    figures: Mapping[str, tuple[str, str]],
    *,
    title: str,
    axis: str,
    alt: str,
    form: str,
) -> None:
    """Draw each model's R² with its interval, list other figures, and mark the chosen model.

    Parameters
    ----------
    figures : mapping of str to (str, str)
        What the table's columns are called, and the format of their numbers.
    form : str
        Format of the chart's figures.
    """
    st.subheader(_("The models that were compared"), anchor=False)
    board, winner = metrics["leaderboard"], metrics["winner"]
    drawn, listed = [], []
    for row in board:
        name, r2 = _called(row, winner), row["r2"]
        ends = {"low": row.get("r2_low", r2), "high": row.get("r2_high", r2)}
        drawn.append({"name": name, "value": r2, **ends})
        said = {figure: number(row[figure], shape) for figure, (_label, shape) in figures.items()}
        listed.append({"name": name, **said})
    chosen = next((_called(row, winner) for row in board if row["name"] == winner), "")
    left, right = st.columns(2, gap="large")
    with left:
        table = pd.DataFrame(drawn)
        show(ranges_chart(table, title=title, axis=axis, number=form, marked=chosen), alt)
    with right:
        columns: dict[str, Any] = {
            figure: st.column_config.TextColumn(called, alignment="right")
            for figure, (called, _shape) in figures.items()
        }
        st.dataframe(
            pd.DataFrame(listed), hide_index=True, column_config={"name": _("Model"), **columns}
        )
        st.caption(_how_compared(metrics))


def _called(row: Json, winner: str) -> str:
    label = str(row["label"])
    return _("%(model)s (chosen)", model=label) if row["name"] == winner else label


def _how_compared(metrics: Json) -> str:
    if (metrics.get("periods") or {}).get("follows_time"):
        return _(
            "Each model was fitted on earlier periods and scored on the next; the last period took "
            "no part in the choice. The best stands first."
        )
    said = [_("Cross-validated on the training rows; the best stands first.")]
    if metrics["leaderboard"][0]["name"] != metrics["winner"]:
        said.append(_("Of models that are about as good, a simple one or their mean is chosen."))
    return " ".join(said)
