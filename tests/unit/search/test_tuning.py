from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.preprocessing import StandardScaler

from src.search import tuning
from src.search.candidates import SPLINES, Candidate
from src.search.folds import quiet_fits, split_rows, stack_folds

lock = threading.Lock()
fitting: list[int] = []
at_once: list[int] = []


class Watched(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Sees how many others are being fitted."""

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> Watched:
        with lock:
            fitting.append(1)
            at_once.append(len(fitting))
        time.sleep(0.02)
        with lock:
            fitting.pop()
        return self

    def predict(self, X: NDArray[Any]) -> NDArray[np.float64]:
        return np.zeros(len(X))


@pytest.mark.parametrize(
    ("family", "limit"),
    [({"name": "extra_trees"}, "FOREST_ROWS"), ({"expansion": SPLINES}, "EXPANDED_CELLS")],
    ids=["forests", "curves"],
)
def test_of_many_rows_fits_that_take_much_memory_are_made_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch, family: dict[str, Any], limit: str
) -> None:
    """13.21: with two at once, training held 25 to 50 MB more."""
    monkeypatch.setattr(tuning, limit, 10)
    at_once.clear()
    y = np.arange(40.0)
    folds = stack_folds(pd.DataFrame({"a": y}), y, StandardScaler(), split_rows(y, 5, 0))
    named = {"name": "ridge_splines", "label": "", "seconds": lambda n, d: 0.1} | family
    with quiet_fits(5):
        search = tuning.Tuner(folds, "r2", 0, stops_early=False).search
        search(Candidate(build=lambda seed: Watched(), **named), 1)
    assert at_once == [1] * 5


class Overflowing(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Predicts no number where it is told to."""

    def __init__(self, infinite: bool = True) -> None:
        self.infinite = infinite

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> Overflowing:
        return self

    def predict(self, X: NDArray[Any]) -> NDArray[np.float64]:
        return np.full(len(X), np.inf if self.infinite else 0.0)


def test_a_point_that_predicts_no_number_is_not_chosen_and_a_family_of_them_is_unfittable() -> None:
    y = np.arange(40.0)
    folds = stack_folds(pd.DataFrame({"a": y}), y, StandardScaler(), split_rows(y, 5, 0))
    search = tuning.Tuner(folds, "r2", 0, stops_early=False).search
    family = Candidate(
        "overflowing", "Overflowing", lambda seed: Overflowing(), lambda n, d: 0.1,
        {"infinite": (True, False)},
    )  # fmt: skip
    found = search(family, 2)
    assert found.params == {"infinite": False}
    assert np.isfinite(found.points).all()
    with pytest.raises(tuning.UnfittableError, match="predicts no number"):
        search(family, 1)
