"""The models that were compared: a chart and a table, whatever they predict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from appFrontend.api import Json
from appFrontend.charts import ranges_chart, show


def show_leaderboard(
    leaderboard: list[Json],
    figures: Mapping[str, Any],
    *,
    title: str,
    axis: str,
    alt: str,
    number: str,
) -> None:
    """Draw each model's R² with its interval, and list other figures beside it.

    Parameters
    ----------
    figures : mapping of str to column configuration
        Of the table's columns; ``value`` is the R².
    number : str
        Format of the chart's figures.
    """
    st.subheader("The models that were compared", anchor=False)
    table = pd.DataFrame(leaderboard)
    table = table.assign(name=table["label"], value=table["r2"])
    table = table.assign(
        low=table.get("r2_low", table["value"]), high=table.get("r2_high", table["value"])
    )
    left, right = st.columns(2, gap="large")
    with left:
        drawn = table[["name", "value", "low", "high"]]
        show(ranges_chart(drawn, title=title, axis=axis, number=number), alt)
    with right:
        st.dataframe(
            table[["name", *figures]],
            hide_index=True,
            column_config={"name": "Model", **figures},
        )
        st.caption("Cross-validated on the training rows; the best stands first.")
