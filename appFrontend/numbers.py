"""What the tabs show where a number is predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from appFrontend.api import Json
from appFrontend.charts import Chart, distribution_chart, histogram_chart
from appFrontend.fields import amount, label_of, limits, n_decimals, number_format, with_unit
from appFrontend.kinds import LEVEL, PREDICTION, Kind

LOW, HIGH = "low_90", "high_90"
BELOW, CHANCE = "below_pass_mark", "chance_below_pass_mark"
ADDED = (PREDICTION, LOW, HIGH, BELOW, CHANCE, "problem")


class Numbers(Kind):
    """Predictions in the target's unit, with intervals; a pass mark says who is at risk."""

    contributions_axis = "Moves the prediction by"

    def value(self, answer: Json) -> str:
        return amount(answer["prediction"], self.target)

    def change(self, now: Json, first: Json) -> str:
        return f"{now['prediction'] - first['prediction']:+{number_format(self.target)}}"

    def sureness(self, answer: Json) -> str:
        if LEVEL not in answer["intervals"]:
            return ""
        low, high = answer["intervals"][LEVEL]
        target = self.target
        if low == high:
            return f"Most likely exactly {amount(low, target, -1)} (about 9 in 10)"
        between = f"between {low:{number_format(target, -1)}} and {amount(high, target, -1)}"
        return f"9 in 10 students score within such a range: here {between}"

    def in_words(self, answer: Json) -> str:
        parts = []
        if ends := self.sureness(answer):
            parts.append(f"{ends}.")
        if mark := answer.get("pass_mark"):
            chance = mark["probability_below"]
            parts.append(f"The chance of less than {mark['mark']:g} is {chance:.0%}.")
        return " ".join(parts)

    def chart(self, answers: Mapping[str, Json], model: Json) -> Chart:
        distribution = model["metrics"]["target_distribution"]
        return distribution_chart(distribution, self.target, answers, LEVEL)

    def start(self, contributions: Json) -> str:
        base = amount(contributions["base"], self.target)
        return f"{base}, the mean prediction for the training table"

    def scaled(self, contributions: Json) -> Mapping[str, float]:
        values: Mapping[str, float] = contributions["values"]
        return values

    @property
    def contributions_format(self) -> str:
        return f"+{number_format(self.target)}"

    # ------------------------------------------------------------ a class

    def ask_mark(self, place: Any, model: Json) -> None:
        known = model["metrics"].get("pass_mark")
        low, high = (float(end) for end in limits(self.target))
        self.pass_mark = place.number_input(
            with_unit(self.target, "Pass mark"),
            low,
            high,
            float(known["mark"]) if known else None,
            step=1.0,
            format="%g",
            placeholder="none",
            help="Who is predicted below it stands on the list of those at risk.",
        )

    def added(self, names: list[str]) -> list[str]:
        return [next(one for one in ADDED if name.startswith(one)) for name in names]

    @property
    def numeric(self) -> tuple[str, ...]:
        return (PREDICTION, LOW, HIGH, CHANCE)

    @property
    def shown(self) -> tuple[str, ...]:
        return self.numeric

    def at_risk(self, table: pd.DataFrame) -> pd.DataFrame | None:
        if self.pass_mark is None:
            return None
        return table[table[BELOW] == "yes"].sort_values(PREDICTION)

    def figure(self, predicted: pd.DataFrame) -> tuple[str, str]:
        mean = "–" if predicted.empty else amount(predicted[PREDICTION].mean(), self.target)
        return "Mean prediction", mean

    def class_chart(self, predicted: pd.DataFrame) -> tuple[Chart, str]:
        chart = histogram_chart(predicted[PREDICTION], self.target, self.pass_mark)
        return chart, "Histogram of the predictions of this class."

    def filtered(self, table: pd.DataFrame, students: pd.DataFrame) -> pd.DataFrame:
        known = students[PREDICTION].dropna()
        if known.nunique() < 2:
            return table
        low, high = float(known.min()), float(known.max())
        ends = st.slider(
            "Prediction",
            low,
            high,
            (low, high),
            format=self._printf,
            key=f"filter:prediction:{low}:{high}",
        )
        return table if ends == (low, high) else table[table[PREDICTION].between(*ends)]

    def column_config(self) -> dict[str, Any]:
        names = {
            PREDICTION: with_unit(self.target, f"{label_of(self.target)}, predicted"),
            LOW: "90 % interval from",
            HIGH: "90 % interval to",
        }
        config: dict[str, Any] = {
            name: st.column_config.NumberColumn(label, format=self._printf)
            for name, label in names.items()
        }
        return config | {CHANCE: self.percent_column("Chance below the pass mark")}

    @property
    def percentages(self) -> tuple[str, ...]:
        return (CHANCE,)

    @property
    def nobody_says(self) -> str:
        return "Set a pass mark to see who is predicted below it."

    @property
    def nobody_is(self) -> str:
        return f"Nobody is predicted below {self.pass_mark:g}."

    @property
    def order(self) -> str:
        return (
            "The lowest first. Use the list to offer help, never to decide about a person: who "
            "stands near the mark may as well pass."
        )

    @property
    def _printf(self) -> str:
        return f"%.{n_decimals(self.target)}f"
