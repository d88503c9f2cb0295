"""What the tabs show where one of some outcomes is predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from appFrontend.api import Json
from appFrontend.charts import Chart, chances_chart, counts_chart
from appFrontend.fields import label_of
from appFrontend.kinds import LEVEL, PREDICTION, PROBLEM, Kind
from appFrontend.language import gettext as _
from appFrontend.language import listed, ngettext, number, percent

SET, PREDICTION_ID = "set_90", "prediction_id"
BETWEEN = " | "  # the outcomes of a set
NONE = "–"


class Outcomes(Kind):
    """The likeliest outcome, the chances of all, and what cannot be ruled out."""

    colour_of_rises = "inverse"  # of the chance of being at risk

    def __init__(self, target: Json) -> None:
        super().__init__(target)
        self.event = listed(target["at_risk"], "or")

    def value(self, answer: Json) -> str:
        return str(answer["prediction"])

    def change(self, now: Json, first: Json) -> str | None:
        if not self.event:
            return None
        moved = 100 * (now["at_risk"]["probability"] - first["at_risk"]["probability"])
        points = number(moved, "+.0f").replace("−", "-")  # by which Streamlit knows a fall
        return _("%(points)s points (%(event)s)", points=points, event=self.event)

    def sureness(self, answer: Json) -> str:
        inside, likeliest = answer["sets"].get(LEVEL, []), answer["prediction"]
        others = [label for label in inside if label != likeliest]
        if not inside:
            return ""
        if not others:
            return _(
                "Most likely %(outcome)s. Over all students, 9 in 10 have an outcome in their set; "
                "here it names %(outcome)s alone.",
                outcome=likeliest,
            )
        return _(
            "Most likely %(outcome)s; what cannot be ruled out: %(others)s. Over all students, 9 "
            "in 10 have an outcome in their set.",
            outcome=likeliest,
            others=", ".join(others),
        )

    def in_words(self, answer: Json) -> str:
        parts = []
        if risk := answer.get("at_risk"):
            parts += [
                _end_with(risk["probability"], self.event),
                _on_average(risk["low"], risk["high"]),
            ]
        return " ".join(filter(None, [*parts, self.sureness(answer)]))

    def chart(self, answers: Mapping[str, Json], model: Json) -> Chart:
        chances = {name: answer["probabilities"] for name, answer in answers.items()}
        return chances_chart(chances, label_of(self.target))

    @property
    def _explained(self) -> str:
        return self.event or _("the predicted outcome")

    @property
    def contributions_axis(self) -> str:
        return _("Moves the chance of %(event)s by (percentage points)", event=self._explained)

    def start(self, contributions: Json) -> str:
        found = {"base": percent(contributions["base"]), "event": self._explained}
        if contributions["method"] == "permutation_shapley":
            return _(
                "The bars start from %(base)s, the chance of %(event)s on average over the "
                "training table.",
                **found,
            )
        return _(
            "The bars start from %(base)s, the chance of %(event)s where answers weigh what they "
            "do on average in the training table.",
            **found,
        )

    def scaled(self, contributions: Json) -> Mapping[str, float]:
        return {name: 100 * value for name, value in contributions["values"].items()}

    @property
    def contributions_format(self) -> str:
        return "+.1f"

    # ------------------------------------------------------------ a class

    def ask_mark(self, place: Any, model: Json) -> None:
        if self.event:
            place.caption(_("At risk is who is likely to end with %(event)s.", event=self.event))

    def added(self, names: list[str]) -> list[str]:
        chances = [self.chance_column(label) for label in self.target["categories"]]
        rest = len(names) - len(chances) - 2
        kept = [PREDICTION_ID] if any(name.startswith(PREDICTION_ID) for name in names) else []
        sets = [SET] if rest > len(kept) else []
        return [PREDICTION, *chances, *sets, *kept, PROBLEM]

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

    def figure(self, predicted: pd.DataFrame) -> tuple[str, str]:
        if self.event:
            columns = [*map(self.chance_column, self.target["at_risk"])]
            expected = number(predicted[columns].sum().sum(), ",.0f")
            called = _("Expected: %(event)s", event=self.event)
            return called, _("about %(n)s", n=expected)
        counts = predicted[PREDICTION].value_counts()
        return _("Most often"), "–" if counts.empty else str(counts.index[0])

    def class_chart(self, predicted: pd.DataFrame) -> tuple[Chart, str]:
        counts = predicted[PREDICTION].value_counts()
        rows = {label: int(counts.get(label, 0)) for label in self.target["categories"]}
        words = ", ".join(f"{label}: {n}" for label, n in rows.items())
        chart = counts_chart(rows, self.target["at_risk"])
        return chart, _("Students by outcome. %(counts)s.", counts=words)

    def column_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            self.chance_column(label): self.percent_column(_("Chance of %(event)s", event=label))
            for label in self.target["categories"]
        }
        called = _("%(target)s, predicted", target=label_of(self.target))
        config[PREDICTION] = st.column_config.TextColumn(called)
        config[SET] = st.column_config.TextColumn(_("Cannot be ruled out (9 in 10)"))
        return config

    @property
    def range_heading(self) -> str:
        return _("May also be")

    @property
    def chance_heading(self) -> str:
        return _("Chance of %(event)s", event=self._explained)

    def cells(self, row: Mapping[str, Any]) -> tuple[str, str]:
        inside = str(row.get(SET) or "").split(BETWEEN)
        others = [label for label in inside if label != row[PREDICTION]]
        return str(row[PREDICTION]), ", ".join(others) or (NONE if inside != [""] else "")

    def order_of(self, row: Mapping[str, Any]) -> float:
        return float(self.target["categories"].index(row[PREDICTION]))

    @property
    def reason_format(self) -> str:
        return "+,.0f"

    @property
    def why(self) -> str:
        return _(
            "Why: the answers that pull a student most towards risk, in chances of 100, what a "
            "school can act on first. Sensitive answers, and those that no school would want "
            "changed, are left out."
        )

    def likely(self, counts: str) -> str:
        return _(
            "By the chances of all, %(counts)s will end with %(event)s (9 in 10 lists like this "
            "one).",
            counts=counts,
            event=self.event,
        )

    @property
    def starts_with_need(self) -> bool:
        return bool(self.event)

    @property
    def need_first(self) -> str:
        return _("Largest chance first")

    @property
    def nobody_says(self) -> str:
        return _("Nobody said which outcomes help should prevent: write at_risk in the hints.")


def _end_with(chance: float, event: str) -> str:
    """Say how many of 100 students a chance makes; what is not quite none or all is not."""
    whole = round(100 * chance)
    if whole == 0 and chance > 0:
        return _(
            "Of 100 students with this estimate, fewer than 1 ends with %(event)s.", event=event
        )
    if whole == 100 and chance < 1:
        return _(
            "Of 100 students with this estimate, more than 99 end with %(event)s.", event=event
        )
    return ngettext(
        "Of 100 students with this estimate, about %(n)s ends with %(event)s.",
        "Of 100 students with this estimate, about %(n)s end with %(event)s.",
        whole,
        event=event,
    )


def _on_average(low: float, high: float) -> str:
    """Say between what their share lies; nothing where that is one figure."""
    least, most = round(100 * low), round(100 * high)
    if least == most:
        return ""
    if least == 0 and most == 100:
        return _("How far off that may be is not known.")
    if least == 0:
        return _("On average over such students it is at most %(n)s.", n=most)
    if most == 100:
        return _("On average over such students it is at least %(n)s.", n=least)
    return _(
        "On average over such students it is between %(low)s and %(high)s.", low=least, high=most
    )
