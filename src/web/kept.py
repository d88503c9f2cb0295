"""What is made once for each model that is served, and forgotten with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

from src.pipelines.predict_pipeline import Predictor

T = TypeVar("T")


def once_per_model(make: Callable[[Predictor], T]) -> Callable[[Predictor], T]:
    """Return a function that makes something of a predictor the first time it is asked.

    What is made must not refer to the predictor, which could not be forgotten then.
    """
    kept: WeakKeyDictionary[Predictor, T] = WeakKeyDictionary()

    def get(predictor: Predictor) -> T:
        found = kept.get(predictor)
        if found is None:
            found = kept[predictor] = make(predictor)
        return found

    return get
