"""How good a model of outcomes is, on the tab on the model."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from appFrontend.api import Json
from appFrontend.language import gettext as _
from appFrontend.language import listed, mark, ngettext, number, percent
from appFrontend.leaderboard import show_leaderboard

METRICS = {
    "log_loss": (
        mark("Log loss"),
        mark("How far the chances were from what happened: 0 is perfect."),
    ),
    "auc": (
        mark("AUC"),
        mark(
            "How often who reached an outcome had the larger chance of it than who did not: 0.5 is "
            "drawing lots."
        ),
    ),
    "accuracy": (mark("Accuracy"), mark("The share whose likeliest outcome came true.")),
}


def show_outcome_quality(metrics: Json) -> None:
    """Draw how good the chances are, and the models that were compared."""
    held_out = metrics["held_out"]
    show_heading(held_out["n_samples"])
    with st.container(key="figures"):
        columns = st.columns(len(METRICS) + 1)
    for column, (name, (called, told)) in zip(columns, METRICS.items(), strict=False):
        one = held_out[name]
        value, low, high = (number(one[end], ".3f") for end in ("value", "low", "high"))
        with column, st.container(gap="xxsmall"):
            st.metric(_(called), value, help=_(told))
            show_ends(low, high)
    with columns[-1], st.container(gap="xxsmall"):
        shares = number(held_out["prior_log_loss"], ".3f")
        st.metric(_("Log loss of the shares"), shares, help=_("Of the same chances for everyone."))
        st.caption(_("What a model has to beat"))
    for one in metrics["set_coverage"]:
        if one["level"] == 0.9:
            st.caption(
                _(
                    "What cannot be ruled out at 90 %% held %(share)s of these students' outcomes, "
                    "with %(size)s outcomes on average.",
                    share=percent(one["coverage"]),
                    size=number(one["mean_size"], ".1f"),
                )
            )
    counted = metrics.get("capacity_out_of_fold") or held_out["capacity"]
    _show_capacity(counted, metrics["at_risk_outcomes"])
    _show_leaderboard(metrics)


def show_ends(low: str, high: str) -> None:
    """Say between what a figure lies; nothing where too little is known for that."""
    if low != high:
        st.caption(_("95 %% interval: %(low)s to %(high)s", low=low, high=high))


def show_heading(n_samples: int) -> None:
    """Say on how many students the model was tested."""
    said = ngettext(
        "How good it is on %(n)s student it had not seen",
        "How good it is on %(n)s students it had not seen",
        n_samples,
    )
    st.subheader(said, anchor=False)


def _show_capacity(capacity: Json | None, at_risk: list[str]) -> None:
    """Say how many of those at risk a list holds."""
    if not capacity or not capacity["lists"]:
        return
    rows = [
        {
            _("Help for"): percent(one["share"]),
            _("The list finds"): number(one["found"]["value"], ",.0f"),
            _("95 % interval"): _(
                "%(low)s to %(high)s",
                low=number(one["found"]["low"], ",.0f"),
                high=number(one["found"]["high"], ",.0f"),
            ),
            _("Lots find"): number(one["by_lot"], ",.0f"),
        }
        for one in capacity["lists"]
    ]
    st.subheader(_("How many a list finds"), anchor=False)
    said = {
        "n": number(capacity["n_samples"]),
        "n_event": number(capacity["n_event"]),
        "event": listed(at_risk, "or"),
    }
    who = _(
        "Of %(n)s students kept out of training, %(n_event)s ended with %(event)s. The list names "
        "those with the largest chance of it.",
        **said,
    )
    if capacity.get("out_of_fold"):
        who = _(
            "Those kept out of training are too few to tell. Of %(n)s training students, "
            "%(n_event)s ended with %(event)s. The list names those with the largest chance of "
            "it, by models that had not seen them; this flatters it a little.",
            **said,
        )
    st.caption(who)
    st.dataframe(pd.DataFrame(rows), hide_index=True)


def _show_leaderboard(metrics: Json) -> None:
    show_leaderboard(
        metrics,
        {
            "log_loss": (_("Log loss"), ".4f"),
            "brier": (_("Brier score"), ".4f"),
            "auc": (_("AUC"), ".4f"),
        },
        title=_("Better than the shares alone, in cross-validation"),
        axis=_("Share of the log loss that is saved, with its 95 % interval"),
        alt=_("How much less log loss each model has than the shares alone."),
        form=".3f",
    )
