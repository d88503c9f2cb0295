"""How good the model is where it knows a student's group, such as a school, and where not."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from appFrontend.api import Json
from appFrontend.fields import amount, label_of

CASES = {"known": "known: new students there", "new": "not known"}
SCORES = {
    "r2": "R²", "rmse": "RMSE", "mae": "MAE", "log_loss": "Log loss", "brier": "Brier score",
    "auc": "AUC",
}  # fmt: skip
IN_UNIT = ("rmse", "mae")


def show_cases(schema: Json, model: Json) -> None:
    """Draw both scores side by side; nothing where groups have no effects."""
    facts, group = model["metrics"].get("groups"), schema.get("group")
    if not facts or not group:
        return
    called = label_of(group)
    rows = [
        {
            called: CASES[one["case"]],
            "Students": one["n_samples"],
            "Groups": one["n_groups"],
            **{
                label: _shown(name, one["scores"][name], schema["target"])
                for name, label in SCORES.items()
                if name in one["scores"]
            },
        }
        for one in facts["scores"]
    ]
    st.subheader(f"By whether it knows the {called}", anchor=False)
    st.table(pd.DataFrame(rows).set_index(called))
    st.caption(
        "Measured on students whom the model had not seen, with 95 % intervals where there are "
        "groups enough. The first line is what the model was chosen for."
    )


def _shown(name: str, score: Json, target: Json) -> str:
    if name in IN_UNIT:
        value, low, high = (amount(score[end], target, 1) for end in ("value", "low", "high"))
    else:
        value, low, high = (f"{score[end]:.3f}" for end in ("value", "low", "high"))
    return value if low == high else f"{value} ({low} to {high})"
