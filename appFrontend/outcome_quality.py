"""How good a model of outcomes is, on the tab on the model."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from appFrontend.api import Json
from appFrontend.fields import listed
from appFrontend.leaderboard import show_leaderboard

METRICS = {
    "log_loss": ("Log loss", "How far the chances were from what happened: 0 is perfect."),
    "auc": (
        "AUC",
        "How often who reached an outcome had the larger chance of it than who did not: 0.5 is "
        "drawing lots.",
    ),
    "accuracy": ("Accuracy", "The share whose likeliest outcome came true."),
}


def show_outcome_quality(metrics: Json) -> None:
    """Draw how good the chances are, and the models that were compared."""
    held_out = metrics["held_out"]
    st.subheader(
        f"How good it is on {held_out['n_samples']:,} students it had not seen", anchor=False
    )
    with st.container(key="figures"):
        columns = st.columns(len(METRICS) + 1)
    for column, (name, (called, told)) in zip(columns, METRICS.items(), strict=False):
        one = held_out[name]
        with column, st.container(gap="xxsmall"):
            st.metric(called, f"{one['value']:.3f}", help=told)
            st.caption(f"95 % interval: {one['low']:.3f} to {one['high']:.3f}")
    with columns[-1], st.container(gap="xxsmall"):
        shares = f"{held_out['prior_log_loss']:.3f}"
        st.metric("Log loss of the shares", shares, help="Of the same chances for everyone.")
        st.caption("What a model has to beat")
    for one in metrics["set_coverage"]:
        if one["level"] == 0.9:
            st.caption(
                f"What cannot be ruled out at 90 % held {one['coverage']:.0%} of these students' "
                f"outcomes, with {one['mean_size']:.1f} outcomes on average."
            )
    _show_capacity(held_out["capacity"], metrics["at_risk_outcomes"])
    _show_leaderboard(metrics["leaderboard"])


def _show_capacity(capacity: Json | None, at_risk: list[str]) -> None:
    """Say how many of those at risk a list holds."""
    if not capacity or not capacity["lists"]:
        return
    rows = [
        {
            "Help for": f"{one['share']:.0%}",
            "The list finds": f"{one['found']['value']:.0f}",
            "95 % interval": f"{one['found']['low']:.0f} to {one['found']['high']:.0f}",
            "Lots find": f"{one['by_lot']:.0f}",
        }
        for one in capacity["lists"]
    ]
    st.subheader("How many a list finds", anchor=False)
    st.caption(
        f"Of {capacity['n_samples']:,} students kept out of training, {capacity['n_event']:,} "
        f"ended with {listed(at_risk, 'or')}. The list names those with the largest chance of it."
    )
    st.dataframe(pd.DataFrame(rows), hide_index=True)


def _show_leaderboard(leaderboard: list[Json]) -> None:
    figures = {
        name: st.column_config.NumberColumn(called, format="%.4f")
        for name, called in (("log_loss", "Log loss"), ("brier", "Brier score"), ("auc", "AUC"))
    }
    show_leaderboard(
        leaderboard,
        figures,
        title="Better than the shares alone, in cross-validation",
        axis="Share of the log loss that is saved, with its 95 % interval",
        alt="How much less log loss each model has than the shares alone.",
        number=".3f",
    )
