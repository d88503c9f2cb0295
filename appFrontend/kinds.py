"""What the tabs ask of the kind of target: a number, or one of some outcomes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd
import streamlit as st

from appFrontend.api import Json
from appFrontend.charts import Chart

LEVEL = "0.9"
PREDICTION, PROBLEM = "prediction", "problem"  # of the columns that the back end adds to a file


class Kind(ABC):
    """How one student's answer and a class's rows are shown.

    Attributes
    ----------
    pass_mark : float or None
        As :meth:`ask_mark` was told.
    colour_of_rises : str
        Of Streamlit's: whether a greater :meth:`change` is good.
    """

    colour_of_rises: Literal["normal", "inverse"] = "normal"

    def __init__(self, target: Json) -> None:
        self.target = target
        self.pass_mark: float | None = None

    @abstractmethod
    def value(self, answer: Json) -> str:
        """Return the prediction."""

    @abstractmethod
    def change(self, now: Json, first: Json) -> str | None:
        """Return how far an answer is from the first one; None where that is no number."""

    @abstractmethod
    def sureness(self, answer: Json) -> str:
        """Return how sure the prediction is, in a sentence."""

    @abstractmethod
    def in_words(self, answer: Json) -> str:
        """Return what else there is to say of an answer."""

    @abstractmethod
    def chart(self, answers: Mapping[str, Json], model: Json) -> Chart:
        """Draw one or two named answers."""

    @property
    @abstractmethod
    def contributions_axis(self) -> str:
        """What bars of reasons mean."""

    @abstractmethod
    def start(self, contributions: Json) -> str:
        """Return where the bars of reasons start, and what that is."""

    @abstractmethod
    def scaled(self, contributions: Json) -> Mapping[str, float]:
        """Return the length of each of these bars."""

    @property
    @abstractmethod
    def contributions_format(self) -> str:
        """How these lengths are written."""

    # ------------------------------------------------------------ a class

    @abstractmethod
    def ask_mark(self, place: Any, model: Json) -> None:
        """Ask for a pass mark, where there can be one."""

    @abstractmethod
    def added(self, names: list[str]) -> list[str]:
        """Return what the columns that the back end added mean, by their names in the file."""

    @property
    @abstractmethod
    def numeric(self) -> tuple[str, ...]:
        """Which of them hold numbers."""

    @property
    @abstractmethod
    def shown(self) -> tuple[str, ...]:
        """Which of them stand in the table of all columns."""

    @property
    @abstractmethod
    def percentages(self) -> tuple[str, ...]:
        """Which of them are chances, shown as bars."""

    @abstractmethod
    def figure(self, predicted: pd.DataFrame) -> tuple[str, str]:
        """Return what sums up a class, and what it is called."""

    @abstractmethod
    def class_chart(self, predicted: pd.DataFrame) -> tuple[Chart, str]:
        """Draw the predictions of a class, with words for those who cannot see them."""

    @abstractmethod
    def column_config(self) -> dict[str, Any]:
        """Return how the added columns are shown."""

    @property
    @abstractmethod
    def range_heading(self) -> str:
        """What else a prediction may be, as a heading."""

    @property
    @abstractmethod
    def chance_heading(self) -> str:
        """What a student's chance is of, as a heading."""

    @abstractmethod
    def cells(self, row: Mapping[str, Any]) -> tuple[str, str]:
        """Return a row's prediction and what else it may be."""

    @abstractmethod
    def order_of(self, row: Mapping[str, Any]) -> float:
        """Return what rows are sorted by where they are sorted by the prediction."""

    @property
    @abstractmethod
    def reason_format(self) -> str:
        """How it is written what an answer adds."""

    @property
    @abstractmethod
    def why(self) -> str:
        """What the reasons of a list are, and in which unit."""

    @abstractmethod
    def likely(self, counts: str) -> str:
        """Say how many of a list will probably turn out at risk."""

    @property
    @abstractmethod
    def starts_with_need(self) -> bool:
        """Whether those who need help most come first in a list."""

    @property
    @abstractmethod
    def need_first(self) -> str:
        """What the order of a list is called that starts with those who need help most."""

    @property
    @abstractmethod
    def nobody_says(self) -> str:
        """What is said where nobody said who is at risk."""

    @staticmethod
    def percent_column(label: str) -> Any:
        """Return how a column of percentages is shown."""
        return st.column_config.ProgressColumn(label, format="%.0f %%", min_value=0, max_value=100)
