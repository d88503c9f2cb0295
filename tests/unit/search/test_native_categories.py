from __future__ import annotations

import dill
import numpy as np
import pandas as pd
from catboost import CatBoostRegressor
from sklearn.base import clone

from src.components.data_transformation import DataTransformation
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.search.native_categories import code_categories, let_clone

SCORE = NumericFeature(name="score", observed_minimum=0, observed_maximum=100)
SEX = CategoricalFeature(name="sex", categories=("f", "m"))
TOWN = CategoricalFeature(name="town", categories=("Bern", "Köln", "Graz"), optional=True)
FRAME = pd.DataFrame(
    {
        "score": [0.0, 50.0, 100.0, 50.0],
        "sex": ["f", "m", "m", "f"],
        "town": ["Graz", "Köln", np.nan, "Bern"],
    }
).astype({"sex": object, "town": object})


def preprocessor(*features: NumericFeature | CategoricalFeature):
    return DataTransformation(Schema(features, SCORE)).run()


def test_one_hot_columns_become_codes_again() -> None:
    unfitted = preprocessor(SCORE, SEX, TOWN)
    matrix = unfitted.fit_transform(FRAME)
    coded = code_categories(preprocessor(SCORE, SEX, TOWN), matrix.shape[1])
    assert coded is not None
    decoder, positions = coded
    found = decoder.fit_transform(matrix)
    assert positions == [1, 2]
    assert found[:, 1:].tolist() == [[0, 2], [1, 1], [1, 3], [0, 0]]
    assert all(type(code) is int for code in found[:, 1:].ravel())
    np.testing.assert_array_equal(found[:, 0].astype(float), matrix[:, 0])


def test_without_three_categories_there_is_nothing_to_code() -> None:
    assert code_categories(preprocessor(SCORE, SEX), 2) is None
    assert code_categories(preprocessor(SCORE), 1) is None


def test_catboost_can_be_cloned_with_its_categories_and_its_pickle_holds_nothing_of_ours() -> None:
    model = let_clone(CatBoostRegressor(iterations=3, verbose=False, allow_writing_files=False))
    model.set_params(cat_features=[1])
    again = clone(clone(model))
    assert again.get_params()["cat_features"] == [1]
    X = np.array([[1.0, 0], [2.0, 1], [3.0, 0], [4.0, 1]], dtype=object)
    X[:, 1] = X[:, 1].astype(int)
    again.fit(X, [1.0, 2.0, 3.0, 4.0])
    pickled = dill.dumps(again)
    assert b"src." not in pickled
    np.testing.assert_array_equal(dill.loads(pickled).predict(X), again.predict(X))
