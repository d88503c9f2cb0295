"""What the tabs show where one of some outcomes is predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from appFrontend.api import Json
from appFrontend.charts import Chart, chances_chart, counts_chart
from appFrontend.fields import label_of, listed
from appFrontend.kinds import LEVEL, PREDICTION, PROBLEM, Kind

SET = "set_90"
HALF = 0.5


class Outcomes(Kind):
    """The likeliest outcome, the chances of all, and what cannot be ruled out."""

    colour_of_rises = "inverse"  # of the chance of being at risk

    def __init__(self, target: Json) -> None:
        super().__init__(target)
        self.event = listed(target["at_risk"], "or")
        self.explained = self.event or "the predicted outcome"
        self.contributions_axis = f"Moves the chance of {self.explained} by (percentage points)"

    def value(self, answer: Json) -> str:
        return str(answer["prediction"])

    def change(self, now: Json, first: Json) -> str | None:
        if not self.event:
            return None
        moved = now["at_risk"]["probability"] - first["at_risk"]["probability"]
        return f"{100 * moved:+.0f} points: chance of {self.event}"

    def sureness(self, answer: Json) -> str:
        inside = answer["sets"].get(LEVEL, [])
        others = [label for label in inside if label != answer["prediction"]]
        if not inside:
            return ""
        if not others:
            return f"Most likely {answer['prediction']}; the rest can be ruled out (9 in 10)"
        return f"Most likely {answer['prediction']}; {listed(others)} cannot be ruled out (9 in 10)"

    def in_words(self, answer: Json) -> str:
        parts = []
        if risk := answer.get("at_risk"):
            low, high = round(100 * risk["low"]), round(100 * risk["high"])
            parts.append(
                f"Of 100 students with this estimate, {_of_100(risk['probability'])} end with "
                f"{self.event} (between {low} and {high} of 100)."
            )
        if said := self.sureness(answer):
            parts.append(f"{said}.")
        return " ".join(parts)

    def chart(self, answers: Mapping[str, Json], model: Json) -> Chart:
        chances = {name: answer["probabilities"] for name, answer in answers.items()}
        return chances_chart(chances, label_of(self.target))

    def start(self, contributions: Json) -> str:
        if contributions["method"] == "permutation_shapley":
            where = "on average over the training table"
        else:
            where = "where answers weigh what they do on average in the training table"
        return f"{contributions['base']:.0%}, the chance of {self.explained} {where}"

    def scaled(self, contributions: Json) -> Mapping[str, float]:
        return {name: 100 * value for name, value in contributions["values"].items()}

    @property
    def contributions_format(self) -> str:
        return "+.1f"

    # ------------------------------------------------------------ a class

    def ask_mark(self, place: Any, model: Json) -> None:
        if self.event:
            place.caption(f"Who is likely to end with {self.event} stands on the list of those at "
                          "risk.")  # fmt: skip

    def added(self, names: list[str]) -> list[str]:
        chances = [self.chance_column(label) for label in self.target["categories"]]
        sets = [SET] if len(names) > len(chances) + 2 else []
        return [PREDICTION, *chances, *sets, PROBLEM]

    def chance_column(self, label: str) -> str:
        """Return what the column with the chance of an outcome is called here."""
        return f"p: {label}"

    @property
    def numeric(self) -> tuple[str, ...]:
        return tuple(map(self.chance_column, self.target["categories"]))

    @property
    def shown(self) -> tuple[str, ...]:
        return (PREDICTION, *self.numeric, SET)

    @property
    def percentages(self) -> tuple[str, ...]:
        return self.numeric

    def at_risk(self, table: pd.DataFrame) -> pd.DataFrame | None:
        if not self.event:
            return None
        chance = table[[*map(self.chance_column, self.target["at_risk"])]].sum(axis=1)
        likely = table[PREDICTION].isin(self.target["at_risk"]) | (chance >= HALF)
        return table.loc[chance[likely].sort_values(ascending=False).index]

    def figure(self, predicted: pd.DataFrame) -> tuple[str, str]:
        if self.event:
            columns = [*map(self.chance_column, self.target["at_risk"])]
            return f"Expected: {self.event}", f"about {predicted[columns].sum().sum():,.0f}"
        counts = predicted[PREDICTION].value_counts()
        return "Most often", "–" if counts.empty else str(counts.index[0])

    def class_chart(self, predicted: pd.DataFrame) -> tuple[Chart, str]:
        counts = predicted[PREDICTION].value_counts()
        rows = {label: int(counts.get(label, 0)) for label in self.target["categories"]}
        words = ", ".join(f"{label}: {n}" for label, n in rows.items())
        return counts_chart(rows, self.target["at_risk"]), f"Students by outcome. {words}."

    def filtered(self, table: pd.DataFrame, students: pd.DataFrame) -> pd.DataFrame:
        wanted = st.multiselect("Prediction", self.target["categories"], key="filter:prediction")
        return table[table[PREDICTION].isin(wanted)] if wanted else table

    def column_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            self.chance_column(label): self.percent_column(f"Chance of {label}")
            for label in self.target["categories"]
        }
        config[PREDICTION] = st.column_config.TextColumn(f"{label_of(self.target)}, predicted")
        config[SET] = st.column_config.TextColumn("Cannot be ruled out (9 in 10)")
        return config

    @property
    def nobody_says(self) -> str:
        return "Nobody said which outcomes help should prevent: write at_risk in the hints."

    @property
    def nobody_is(self) -> str:
        return f"Nobody is likely to end with {self.event}."

    @property
    def order(self) -> str:
        return (
            "The largest chance first. Use the list to offer help, never to decide about a person: "
            "a chance is not a certainty."
        )


def _of_100(chance: float) -> str:
    """Return how many of 100 students a chance makes; what is not quite none or all is not."""
    whole = round(100 * chance)
    if whole == 0 and chance > 0:
        return "fewer than 1"
    return "more than 99" if whole == 100 and chance < 1 else f"about {whole}"
