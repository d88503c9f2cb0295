"""Categories as a library takes them itself, made from the one-hot columns of the preprocessor.

All families share one matrix. What handles categories natively gets them back as codes, by
objects of scikit-learn and numpy alone, so that a pickle holds nothing of ours.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.compose import ColumnTransformer

TARGET_MEAN = "target_mean"  # the one that makes a column of many categories a number
TARGET_MEAN_FOLDS = f"{TARGET_MEAN}__encoder__cv"  # in which it is learnt
MISSING = "missing"  # the one that says where a number is missing
NUMERIC = "numeric"  # the step of the preprocessor that makes a column a number; its first
ONE_HOT = "categorical"  # the one whose columns are 0 or 1; its last


def code_categories(
    preprocessor: ColumnTransformer, n_columns: int
) -> tuple[ColumnTransformer, list[int]] | None:
    """Return what turns one-hot columns back into codes, and where the codes come to stand.

    Parameters
    ----------
    preprocessor : ColumnTransformer
        Unfitted; its step :data:`ONE_HOT` is a OneHotEncoder whose categories are given.
    n_columns : int
        Of the matrix that it makes.

    Returns
    -------
    ColumnTransformer and list of int, or None
        The matrix that it makes holds objects: numbers, then integer codes. None where no feature
        has three or more categories, since two are one column in any case.
    """
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    encoders = [encoder for name, encoder, _ in preprocessor.transformers if name == ONE_HOT]
    widths = [1 if len(c) == 2 else len(c) for e in encoders for c in e.categories]
    if max(widths, default=1) == 1:
        return None
    start = n_columns - sum(widths)
    codes = np.zeros((sum(widths), len(widths)))
    row = 0
    for column, width in enumerate(widths):
        codes[row : row + width, column] = np.arange(width) if width > 1 else 1
        row += width

    def cast(dtype: str) -> FunctionTransformer:
        return FunctionTransformer(np.ndarray.astype, kw_args={"dtype": dtype})

    coded = Pipeline(
        [
            ("code", FunctionTransformer(np.dot, kw_args={"b": codes})),
            ("integer", cast("int64")),
        ]
    )
    steps = [
        ("plain", cast("object"), list(range(start))),
        ("coded", coded, list(range(start, n_columns))),
    ]
    return ColumnTransformer(steps), list(range(start, start + len(widths)))


def cloned(estimator: Any) -> Any:
    """Return an unfitted copy, also of an estimator that was unpickled and so lost its hook."""
    from sklearn.base import clone

    for one in (estimator, *estimator.get_params().values()):
        if type(one).__module__.startswith("catboost"):
            let_clone(one)
    return clone(estimator)


def without_clock(fitted: Any) -> Any:
    """Empty what CatBoost writes of the clock and of chance, so that equal fits are equal files."""
    for one in (*getattr(fitted, "named_estimators_", {}).values(), fitted):
        last = one.steps[-1][1] if hasattr(one, "steps") else one
        if type(last).__module__.startswith("catboost"):
            about = last.get_metadata()
            about["train_finish_time"] = about["model_guid"] = ""
    return fitted


def let_clone(estimator: Any) -> BaseEstimator:
    """Let scikit-learn clone a CatBoost estimator that has a list among its parameters.

    ``get_params`` returns copies of lists, which ``clone`` takes for a constructor that changes
    what it is given. The hook is not pickled.
    """
    estimator.__sklearn_clone__ = partial(_cloned, estimator)
    return estimator


def _cloned(estimator: Any) -> BaseEstimator:
    return let_clone(type(estimator)(**estimator.get_params()))
