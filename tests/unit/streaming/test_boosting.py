"""Boosted trees of rows that come in parts."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import r2_score

from src.streaming import boosting
from src.streaming.boosting import fit_boosters
from src.streaming.typed_rows import TypedRows
from src.tables.plain_rows import Coded

xgboost = pytest.importorskip("xgboost")
N = 6_000
HELD_FROM = 1 << 62


def test_booster_of_parts_is_as_good_as_the_one_in_memory(monkeypatch):
    monkeypatch.setattr(boosting, "PAGE_ROWS", 2_000)
    random = np.random.default_rng(0)
    X = random.normal(size=(N, 6))
    y = 3 * X[:, 0] + 2 * np.sin(3 * X[:, 1]) + X[:, 2] * X[:, 3] + random.normal(size=N)
    hashes = random.integers(0, 5 * (HELD_FROM // 4), N).astype(np.uint64)

    def rows():
        for at in np.array_split(np.arange(N), 13):
            yield TypedRows({"row": Coded(at.tolist(), np.arange(len(at)))}, y[at], hashes[at])

    def matrix(some):
        return X[np.array(some.columns["row"])]

    model = xgboost.XGBRegressor(
        n_estimators=40, max_depth=4, learning_rate=0.1, n_jobs=1, random_state=1
    )
    some, every = fit_boosters(model, rows, matrix, HELD_FROM, jobs=1)
    held = hashes >= HELD_FROM
    assert 0.15 < held.mean() < 0.25
    for fitted, learnt in ((some, ~held), (every, np.ones(N, dtype=bool))):
        in_memory = clone(model).fit(X[learnt], y[learnt])
        parts, whole = (r2_score(y, one.predict(X)) for one in (fitted, in_memory))
        assert parts == pytest.approx(whole, abs=0.002)
    assert r2_score(y[~held], some.predict(X[~held])) > r2_score(y[held], some.predict(X[held]))
    again = pickle.loads(pickle.dumps(every))
    np.testing.assert_array_equal(again.predict(X), every.predict(X))
