"""From typed columns to what estimators take: an unfitted ColumnTransformer of a schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from src.schema import Schema

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer


class DataTransformation:
    """Build the preprocessor of a schema."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def run(self) -> ColumnTransformer:
        """Return the unfitted preprocessor.

        Numbers: the median for missing values, then zero mean and unit variance. Categories: one
        column each, missing being one of its own where training had it. The categories are the
        schema's, so that a fold that lacks a rare one has the same columns.
        """
        import numpy as np
        from sklearn.compose import ColumnTransformer
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        numeric = Pipeline([
            ("imputer", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scaler", StandardScaler()),
        ])  # fmt: skip
        categories = [
            np.array([*f.categories, *([np.nan] if f.optional else [])], dtype=object)
            for f in self.schema.categorical
        ]
        encoder = OneHotEncoder(categories=categories, drop="if_binary", sparse_output=False)
        steps = [
            ("numeric", numeric, [f.name for f in self.schema.numeric]),
            ("categorical", encoder, [f.name for f in self.schema.categorical]),
        ]
        # Plain names, though a category such as a_b may make two alike: False would raise then.
        return ColumnTransformer(
            [step for step in steps if step[2]], verbose_feature_names_out="{feature_name}"
        )
