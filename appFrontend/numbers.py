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
from appFrontend.language import gettext as _
from appFrontend.language import number, percent

LOW, HIGH = "low_90", "high_90"
BELOW, CHANCE = "below_pass_mark", "chance_below_pass_mark"
ADDED = (PREDICTION, LOW, HIGH, BELOW, CHANCE, "prediction_id", "problem")


class Numbers(Kind):
    """Predictions in the target's unit, with intervals; a pass mark says who is at risk."""

    def value(self, answer: Json) -> str:
        return amount(answer["prediction"], self.target)

    def change(self, now: Json, first: Json) -> str:
        moved = number(now["prediction"] - first["prediction"], "+" + number_format(self.target))
        return moved.replace("−", "-")  # by which Streamlit knows a fall

    def sureness(self, answer: Json) -> str:
        if LEVEL not in answer["intervals"]:
            return ""
        low, high = answer["intervals"][LEVEL]
        target = self.target
        if low == high:
            return _(
                "Most likely exactly %(value)s (about 9 in 10).", value=amount(low, target, -1)
            )
        return _(
            "9 in 10 students score within such a range: here between %(low)s and %(high)s.",
            low=number(low, number_format(target, -1)),
            high=amount(high, target, -1),
        )

    def in_words(self, answer: Json) -> str:
        parts = [self.sureness(answer)]
        if known := answer.get("pass_mark"):
            mark, chance = number(known["mark"], ",g"), percent(known["probability_below"])
            parts.append(
                _("The chance of less than %(mark)s is %(chance)s.", mark=mark, chance=chance)
            )
        return " ".join(filter(None, parts))

    def chart(self, answers: Mapping[str, Json], model: Json) -> Chart:
        distribution = model["metrics"]["target_distribution"]
        return distribution_chart(distribution, self.target, answers, LEVEL)

    @property
    def contributions_axis(self) -> str:
        return _("Moves the prediction by")

    def start(self, contributions: Json) -> str:
        base = amount(contributions["base"], self.target)
        return _(
            "The bars start from %(base)s, the mean prediction for the training table.", base=base
        )

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
            with_unit(self.target, _("Pass mark")),
            low,
            high,
            float(known["mark"]) if known else None,
            step=1.0,
            format="%g",
            placeholder=_("not set"),
            help=_("Who is predicted below it is at risk."),
            key="pass-mark",
        )

    def added(self, names: list[str]) -> list[str]:
        return [max((one for one in ADDED if name.startswith(one)), key=len) for name in names]

    @property
    def numeric(self) -> tuple[str, ...]:
        return (PREDICTION, LOW, HIGH, CHANCE)

    @property
    def shown(self) -> tuple[str, ...]:
        return self.numeric

    def figure(self, predicted: pd.DataFrame) -> tuple[str, str]:
        mean = "–" if predicted.empty else amount(predicted[PREDICTION].mean(), self.target)
        return _("Mean prediction"), mean

    def class_chart(self, predicted: pd.DataFrame) -> tuple[Chart, str]:
        chart = histogram_chart(predicted[PREDICTION], self.target, self.pass_mark)
        return chart, _("Histogram of the predictions of this class.")

    def column_config(self) -> dict[str, Any]:
        called = _("%(target)s, predicted", target=label_of(self.target))
        names = {
            PREDICTION: with_unit(self.target, called),
            LOW: _("90 % interval from"),
            HIGH: _("90 % interval to"),
        }
        printf = f"%.{n_decimals(self.target)}f"
        config: dict[str, Any] = {
            name: st.column_config.NumberColumn(label, format=printf)
            for name, label in names.items()
        }
        return config | {CHANCE: self.percent_column(_("Chance below the pass mark"))}

    @property
    def percentages(self) -> tuple[str, ...]:
        return (CHANCE,)

    @property
    def range_heading(self) -> str:
        return _("Range (9 in 10)")

    @property
    def chance_heading(self) -> str:
        return _("Chance below %(mark)s", mark=number(self.pass_mark or 0.0, ",g"))

    def cells(self, row: Mapping[str, Any]) -> tuple[str, str]:
        form = number_format(self.target)
        prediction = number(row[PREDICTION], form)
        if pd.isna(row.get(LOW)):
            return prediction, ""
        low, high = (number(row[end], number_format(self.target, -1)) for end in (LOW, HIGH))
        return prediction, _("%(low)s to %(high)s", low=low, high=high)

    def order_of(self, row: Mapping[str, Any]) -> float:
        return float(row[PREDICTION])

    @property
    def reason_format(self) -> str:
        return f"+,.{max(0, n_decimals(self.target) - 1)}f"

    @property
    def why(self) -> str:
        unit = self.target["unit"] or _("units of the target")
        return _(
            "Why: the answers that pull a student most towards risk, in %(unit)s, what a school "
            "can act on first. Sensitive answers, and those that no school would want changed, "
            "are left out.",
            unit=unit,
        )

    def likely(self, counts: str) -> str:
        return _(
            "By the chances of all, %(counts)s will score below %(mark)s (9 in 10 lists like this "
            "one).",
            counts=counts,
            mark=number(self.pass_mark or 0.0, ",g"),
        )

    @property
    def starts_with_need(self) -> bool:
        return True

    @property
    def need_first(self) -> str:
        return _("Those at risk first")

    @property
    def nobody_says(self) -> str:
        return _("Set a pass mark to see who is at risk, and why.")
