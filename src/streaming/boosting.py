"""Boosted trees on a large table, by XGBoost's external memory: bins of all rows lie on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.streaming.typed_rows import TypedRows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Page = tuple[Any, Any, Any]  # matrix, target, which rows are held out
PAGE_ROWS = 200_000  # that are made to bins at once
# In memory: target, weight and which leaf a row is in; prediction and gradients for each outcome.
BYTES_A_ROW, BYTES_A_CLASS = 28, 12


def fit_boosters(
    model: Any,
    rows: Callable[[], Iterator[TypedRows]],
    matrix: Callable[[TypedRows], NDArray[np.float64]],
    held_from: int,
    jobs: int,
    n_classes: int = 0,
) -> tuple[Any, Any]:
    """Return a booster fitted without the held-out rows, and one fitted to all.

    The former gives held-out rows no weight, so that both learn from the same bins.

    Parameters
    ----------
    model : XGBRegressor or XGBClassifier
        Unfitted.
    rows : callable
        Returns an iterator of the table's rows, anew each time.
    held_from : int
        Rows of this hash and above are held out.
    n_classes : int
        Of outcomes; 0 for a number.
    """
    import numpy as np
    import xgboost
    from sklearn.base import clone

    held: list[NDArray[np.bool_]] = []

    class Pages(xgboost.DataIter):
        """The rows in pages; read twice, for the bins' edges and for the bins."""

        def __init__(self, folder: str) -> None:
            self._pages: Iterator[Page] = iter(())
            super().__init__(cache_prefix=str(Path(folder) / "bins"))

        def next(self, input_data: Callable[..., None]) -> bool:
            page = next(self._pages, None)
            if page is None:
                return False
            X, y, out = page
            held.append(out)
            input_data(data=X, label=y, weight=(~out).astype(np.float32))
            return True

        def reset(self) -> None:
            held.clear()
            self._pages = _pages(rows(), matrix, held_from)

    params = model.get_xgb_params() | {"nthread": jobs}
    params.pop("n_jobs", None)
    if n_classes > 2:
        params |= {"objective": "multi:softprob", "num_class": n_classes}
    n_rounds = model.get_num_boosting_rounds()
    fitted = []
    with tempfile.TemporaryDirectory() as folder:
        bins = xgboost.ExtMemQuantileDMatrix(
            Pages(folder), max_bin=params.get("max_bin") or 256, nthread=jobs
        )
        for weight in (~np.concatenate(held), np.ones(bins.num_row())):
            bins.set_weight(weight.astype(np.float32))
            booster = xgboost.train(params, bins, num_boost_round=n_rounds)
            one = clone(model)
            one.load_model(booster.save_raw("ubj"))
            fitted.append(one)
        del bins
    return fitted[0], fitted[1]


def _pages(
    rows: Iterator[TypedRows],
    matrix: Callable[[TypedRows], NDArray[np.float64]],
    held_from: int,
) -> Iterator[Page]:
    import numpy as np

    parts: list[Page] = []
    n_rows = 0
    for some in rows:
        X = matrix(some).astype(np.float32)
        parts.append((X, some.y, some.hashes >= held_from))
        n_rows += len(some)
        if n_rows >= PAGE_ROWS:
            yield _joined(parts)
            parts, n_rows = [], 0
    if parts:
        yield _joined(parts)


def _joined(pages: list[Page]) -> Page:
    import numpy as np

    X, y, out = (np.concatenate(one) for one in zip(*pages, strict=True))
    return X, y, out
