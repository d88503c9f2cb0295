"""What a search tries goes by the table's width as well as by its length."""

from __future__ import annotations

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import KFold

from src.search.candidates import CANDIDATES
from src.search.folds import StackedFolds
from src.search.native_categories import NUMERIC
from src.search.plan import SEARCHED_ROWS, Budget, plan_search, searched_rows


def planned(
    n_rows: int, n_columns: int, budget: str = "standard", n_training: int = 0
) -> dict[str, int]:
    """Return the trials of each family on a table of numbers."""
    splits = list(KFold(5).split(np.empty(n_rows)))
    folds = StackedFolds(
        X=np.broadcast_to(0.0, (5 * n_rows, n_columns)),
        y=np.zeros(5 * n_rows),
        splits=splits,
        tests=[test for _, test in splits],
    )
    preprocessor = ColumnTransformer([(NUMERIC, "passthrough", list(range(n_columns)))])
    plan, _ = plan_search(CANDIDATES, folds, preprocessor, Budget(budget), n_training)
    return {candidate.name: trials for candidate, trials in plan}


def test_a_wide_table_keeps_its_boosters_with_fewer_trials() -> None:
    narrow, wide = planned(240, 16), planned(240, 300)
    assert wide["catboost"] < narrow["catboost"] == 6
    assert {"xgboost", "lasso"} <= set(wide)


def test_a_family_that_alone_costs_more_than_the_budget_is_not_tried() -> None:
    widest = planned(800, 1_000)
    assert "ridge_splines" not in widest
    assert "catboost" not in widest
    assert {"ridge", "lasso", "decision_tree"} <= set(widest)


def test_the_more_cells_the_less_is_tried() -> None:
    assert sum(planned(10_000, 100).values()) < sum(planned(1_000, 100).values())


def test_columns_that_would_fill_the_memory_are_not_made() -> None:
    assert "ridge_splines" in planned(10_000, 20, n_training=10_000)
    assert not {"ridge_splines", "ridge_products"} & set(planned(10_000, 20, n_training=50_000))


def test_of_a_wide_table_fewer_rows_are_searched() -> None:
    assert len(searched_rows(20_000, 0, n_columns=100)) == SEARCHED_ROWS
    assert len(searched_rows(20_000, 0, n_columns=500)) == 3_000
    assert len(searched_rows(20_000, 0, n_columns=5_000)) == 1_000
    assert len(searched_rows(800, 0, n_columns=5_000)) == 800
