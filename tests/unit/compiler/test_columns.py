"""Which columns are whose, asked of a fitted preprocessor by a few rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import FunctionTransformer

from src.compiler.columns import CategoryColumns, read_columns
from src.compiler.estimators import UnsupportedEstimatorError
from src.components.data_transformation import DataTransformation
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema

MARK = NumericFeature(name="mark", observed_minimum=0, observed_maximum=1)
SIZES = (2, 5, 3, 40, 4, 2, 7)  # 40 become one column


def schema_of(*sizes: int) -> Schema:
    features = (
        CategoricalFeature(name=f"f{i}", categories=tuple(f"c{k:02}" for k in range(n)))
        for i, n in enumerate(sizes)
    )
    return Schema(tuple(features), MARK)


def table_of(schema: Schema, n_rows: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {f.name: random.choice(np.array(f.categories, dtype=object), n_rows)
         for f in schema.categorical}
    )  # fmt: skip


def test_each_category_s_columns_are_what_the_preprocessor_makes_of_it() -> None:
    schema = schema_of(*SIZES)
    X = table_of(schema)
    fitted = DataTransformation(schema).run().fit(X, np.arange(len(X), dtype=float))
    found, constant = read_columns(schema, fitted)
    matrix = fitted.transform(X)
    owned = sorted(column for one in found for column in one.columns)
    assert sorted([*owned, *constant]) == list(range(matrix.shape[1]))
    for one in found:
        assert isinstance(one, CategoryColumns)
        codes = X[one.name].map(one.categories.index).to_numpy()
        assert np.array_equal(one.values[codes], matrix[:, list(one.columns)])


@pytest.mark.parametrize("pair", [("f0", "f1"), ("f1", "f2"), ("f0", "f3")])
def test_a_column_of_two_features_is_refused(pair: tuple[str, str]) -> None:
    schema = schema_of(3, 3, 3, 3)
    X = table_of(schema)

    def same(frame: pd.DataFrame) -> np.ndarray:
        return (frame[pair[0]] == frame[pair[1]]).to_numpy(dtype=float)[:, None]

    fitted = ColumnTransformer([("same", FunctionTransformer(same), list(schema.names))]).fit(X)
    with pytest.raises(UnsupportedEstimatorError, match="several features"):
        read_columns(schema, fitted)
