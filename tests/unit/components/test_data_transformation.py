from __future__ import annotations

import dill
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.components.data_transformation import MOST_ONE_HOT, DataTransformation
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.search.folds import fit_preprocessor
from src.search.native_categories import ONE_HOT

SCORE = NumericFeature(name="score", observed_minimum=0, observed_maximum=100)
HOURS = NumericFeature(name="hours", observed_minimum=0, observed_maximum=9, optional=True)
SEX = CategoricalFeature(name="sex", categories=("f", "m"))
TOWN = CategoricalFeature(name="town", categories=("Bern", "Köln", "=1+1"))
CLUB = CategoricalFeature(name="club", categories=("NA", "chess"), optional=True)
TARGET = NumericFeature(name="mark", observed_minimum=0, observed_maximum=1)

FRAME = pd.DataFrame(
    {
        "score": [0.0, 50.0, 100.0, 50.0],
        "hours": [1.0, np.nan, 3.0, 2.0],
        "sex": ["f", "m", "f", "m"],
        "town": ["Bern", "Köln", "=1+1", "Bern"],
        "club": ["NA", "chess", np.nan, "chess"],
    }
).astype({"sex": object, "town": object, "club": object})


def preprocessor(*features: NumericFeature | CategoricalFeature):
    return DataTransformation(Schema(features, TARGET)).run()


def test_columns_are_named_and_encoded_as_the_schema_says() -> None:
    fitted = preprocessor(SCORE, HOURS, SEX, TOWN, CLUB).fit(FRAME)
    assert fitted.get_feature_names_out().tolist() == [
        "score", "hours", "missingindicator_hours", "sex_m", "town_Bern", "town_Köln", "town_=1+1",
        "club_NA", "club_chess", "club_nan",
    ]  # fmt: skip
    found = fitted.transform(FRAME)
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(
        found,
        [
            [-np.sqrt(2), -np.sqrt(2), 0, 0, 1, 0, 0, 1, 0, 0],
            [0, 0, 1, 1, 0, 1, 0, 0, 1, 0],  # the median stands for the missing value
            [np.sqrt(2), np.sqrt(2), 0, 0, 0, 0, 1, 0, 0, 1],
            [0, 0, 0, 1, 1, 0, 0, 0, 1, 0],
        ],
    )


def test_the_order_of_columns_and_columns_beside_them_do_not_matter() -> None:
    fitted = preprocessor(SCORE, SEX).fit(FRAME)
    other = FRAME[["club", "sex", "score"]]
    np.testing.assert_array_equal(
        fitted.transform(other[["sex", "score"]]), fitted.transform(FRAME)
    )
    np.testing.assert_array_equal(
        preprocessor(SCORE, SEX).fit_transform(other), fitted.transform(FRAME)
    )


def test_a_category_that_a_fold_lacks_has_its_column_all_the_same() -> None:
    """F4."""
    fitted = preprocessor(SCORE, TOWN).fit(FRAME[FRAME["town"] == "Bern"])
    assert fitted.transform(FRAME).shape == (4, 4)
    assert fitted.transform(FRAME)[1].tolist()[1:] == [0, 1, 0]


def test_a_category_that_the_schema_lacks_is_never_all_zeros() -> None:
    """F4."""
    fitted = preprocessor(TOWN).fit(FRAME)
    with pytest.raises(ValueError, match="unknown categories"):
        fitted.transform(pd.DataFrame({"town": ["Paris"]}, dtype=object))


def test_a_missing_category_is_a_column_only_where_training_had_some() -> None:
    """C15."""
    missing = pd.DataFrame({"sex": [np.nan], "club": [np.nan]}, dtype=object)
    assert preprocessor(CLUB).fit(FRAME).transform(missing).tolist() == [[0, 0, 1]]
    with pytest.raises(ValueError, match="unknown categories"):
        preprocessor(SEX).fit(FRAME).transform(missing)


def test_a_binary_category_is_one_column_and_a_single_one_stays() -> None:
    one = CategoricalFeature(name="sex", categories=("f",))
    assert preprocessor(SEX).fit(FRAME).transform(FRAME).shape == (4, 1)
    assert preprocessor(one).fit(FRAME[FRAME["sex"] == "f"]).transform(FRAME[:1]).tolist() == [[1]]


@pytest.mark.parametrize("features", [(SCORE,), (SCORE, HOURS), (SEX,), (TOWN, CLUB)])
def test_a_table_of_numbers_only_or_of_categories_only_is_fine(features: tuple) -> None:
    found = preprocessor(*features).fit_transform(FRAME)
    assert found.shape[0] == 4
    assert np.isfinite(found).all()


@pytest.mark.parametrize("values", [[np.nan] * 4, [5.0] * 4, [np.nan, 5.0, 5.0, np.nan]])
def test_a_column_that_is_empty_or_constant_in_a_fold_stays_finite(values: list[float]) -> None:
    fitted = preprocessor(SCORE, HOURS).fit(FRAME.assign(hours=values))
    found = fitted.transform(FRAME)
    assert found.shape == (4, 3)  # the last says where hours are missing
    assert np.isfinite(found).all()


def test_columns_stay_apart_where_name_and_category_run_together() -> None:
    features = (
        CategoricalFeature(name="a", categories=("b_c", "x", "y")),
        CategoricalFeature(name="a_b", categories=("c", "x", "y")),
        NumericFeature(name="a_x", observed_minimum=0, observed_maximum=1),
    )
    frame = pd.DataFrame({"a": ["b_c", "x"], "a_b": ["c", "y"], "a_x": [0.0, 1.0]})
    fitted = preprocessor(*features).fit(frame.astype({"a": object, "a_b": object}))
    assert fitted.transform(frame.astype({"a": object, "a_b": object})).shape == (2, 7)
    assert fitted.get_feature_names_out().tolist().count("a_b_c") == 2


def many_towns(n_rows: int, optional: bool = False) -> tuple[CategoricalFeature, pd.DataFrame]:
    towns = tuple(f"town {i}" for i in range(MOST_ONE_HOT + 1))
    values: list = [towns[i % len(towns)] for i in range(n_rows)]
    if optional:
        values[::7] = [np.nan] * len(values[::7])
    frame = pd.DataFrame({"town": pd.Series(values, dtype=object)})
    return CategoricalFeature(name="town", categories=towns, optional=optional), frame


@pytest.mark.parametrize("optional", [False, True])
def test_a_feature_of_many_categories_is_one_column_that_follows_their_means(
    optional: bool,
) -> None:
    feature, frame = many_towns(20 * (MOST_ONE_HOT + 1), optional)
    missing = frame["town"].isna().to_numpy()
    number = frame["town"].str.removeprefix("town ").astype(float).to_numpy()
    y = np.where(missing, 500.0, number)
    fitted = preprocessor(feature)
    assert fitted.fit_transform(frame, y).shape == (len(frame), 1)
    found = fitted.transform(frame).ravel()
    assert (np.diff(found[~missing][np.argsort(number[~missing], kind="stable")]) >= 0).all()
    assert not missing.any() or found[missing].min() > found[~missing].max()


def test_in_a_large_table_fewer_features_have_a_column_for_each_category() -> None:
    sizes = {"sex": 2, "grade": 5, "class": 20}
    features = tuple(
        CategoricalFeature(name=name, categories=tuple(f"{name} {i}" for i in range(size)))
        for name, size in sizes.items()
    )

    def one_hot(n_rows: int) -> list[str]:
        transformation = DataTransformation(Schema(features, TARGET), n_rows=n_rows).run()
        return [name for step, _, names in transformation.transformers for name in names
                if step == ONE_HOT]  # fmt: skip

    assert one_hot(10_000) == [*sizes]
    assert one_hot(200_000) == ["sex", "grade"]
    assert one_hot(10_000_000) == ["sex"]


def test_a_row_does_not_see_its_own_target_in_its_categorys_mean() -> None:
    feature, frame = many_towns(2 * (MOST_ONE_HOT + 1))
    y = np.random.default_rng(0).normal(size=len(frame))
    fitted = preprocessor(feature)
    learnt = fitted.fit_transform(frame, y).ravel()
    assert abs(np.corrcoef(learnt, y)[0, 1]) < 0.35
    assert np.corrcoef(fitted.transform(frame).ravel(), y)[0, 1] > 0.5
    np.testing.assert_array_equal(learnt, preprocessor(feature).fit_transform(frame, y).ravel())


categories = st.lists(
    st.text(min_size=1, max_size=6).map(str.strip).filter(bool), min_size=1, max_size=6, unique=True
)


@given(categories)
def test_categories_may_be_any_texts(found: list[str]) -> None:
    feature = CategoricalFeature(name="x", categories=tuple(found))
    frame = pd.DataFrame({"x": pd.Series(found, dtype=object)})
    encoded = preprocessor(feature).fit(frame).transform(frame)
    assert len(np.unique(encoded, axis=0)) == len(found)


def test_it_survives_pickling_without_any_class_of_ours() -> None:
    fitted = preprocessor(SCORE, HOURS, SEX, CLUB).fit(FRAME)
    content = dill.dumps(fitted)
    assert b"src." not in content
    np.testing.assert_array_equal(dill.loads(content).transform(FRAME), fitted.transform(FRAME))


def test_what_is_returned_is_not_fitted_and_new_each_time() -> None:
    transformation = DataTransformation(Schema((SCORE,), TARGET))
    first = transformation.run()
    first.fit(FRAME)
    assert not hasattr(transformation.run(), "transformers_")


def test_a_teachers_mean_does_not_come_from_pupils_of_the_same_school() -> None:
    """13.2: a teacher teaches in one school, whose pupils told one another's scores."""
    random = np.random.default_rng(0)
    n_schools, n_teachers, n_pupils = 30, 3, 8
    schools = np.repeat(np.arange(n_schools), n_teachers * n_pupils)
    teachers = np.repeat(np.arange(n_schools * n_teachers), n_pupils)
    y = random.normal(0, 5, n_schools)[schools] + random.normal(0, 1, len(schools))
    names = tuple(f"t{i}" for i in range(n_schools * n_teachers))
    teacher = CategoricalFeature(name="teacher", categories=names)
    X = pd.DataFrame({"teacher": [names[i] for i in teachers]})
    unfitted = preprocessor(teacher)
    plain, grouped = (
        fit_preprocessor(unfitted, X, y, groups)[1][:, 0] for groups in (None, schools)
    )
    assert np.corrcoef(plain, y)[0, 1] > 0.9
    assert len(np.unique(grouped.round(9))) == 5  # the mean of the other schools, a fold each


def test_the_fitted_preprocessor_of_groups_lists_no_rows_and_encodes_as_ever() -> None:
    feature, X = many_towns(400)
    y = np.arange(400.0)
    fitted, _ = fit_preprocessor(preprocessor(feature), X, y, np.arange(400) // 10)
    expected = preprocessor(feature).fit(X, y)
    found, usual = (one.named_transformers_["target_mean"]["encoder"] for one in (fitted, expected))
    assert np.array_equal(found.encodings_, usual.encodings_)
    assert len(dill.dumps(fitted)) == pytest.approx(len(dill.dumps(expected)), abs=20)
