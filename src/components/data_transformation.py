"""From typed columns to what estimators take: an unfitted ColumnTransformer of a schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from src.schema.features import CategoricalFeature
from src.schema.record import Schema
from src.search.native_categories import MISSING, NUMERIC, ONE_HOT, TARGET_MEAN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.compose import ColumnTransformer


MOST_ONE_HOT = 30  # categories; with more of them each column would stand for few rows
# Of all such columns together: more would fill the memory.
MOST_COLUMNS, MOST_CELLS = 1_000, 4_000_000
TARGET_FOLDS = 5


class DataTransformation:
    """Build the preprocessor of a schema.

    Parameters
    ----------
    random_state : int
        Of the folds in which categories are replaced by the target's mean.
    n_rows : int
        Of the table. Of a large one with many categories, fewer features have a column for each.
    """

    def __init__(self, schema: Schema, random_state: int = 42, n_rows: int = 0) -> None:
        self.schema = schema
        self.random_state = random_state
        self.n_rows = n_rows

    def run(self) -> ColumnTransformer:
        """Return the unfitted preprocessor.

        Numbers: the median for missing values, then zero mean and unit variance; one more column
        says where a number is missing, if training had that. Categories: one
        column each, missing being one of its own where training had it; a feature with more than
        30 of them (in a large table, with fewer) becomes one column, the target's mean in the
        category drawn towards the overall mean, cross-fitted on the training rows. The categories
        are the schema's, so that a fold that lacks a rare one has the same columns.

        References
        ----------
        Micci-Barreca (2001), "A Preprocessing Scheme for High-Cardinality Categorical Attributes",
        SIGKDD Explorations 3(1), for the target's mean.
        """
        from sklearn.compose import ColumnTransformer
        from sklearn.impute import MissingIndicator, SimpleImputer
        from sklearn.model_selection import KFold
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

        numeric = Pipeline(
            [
                ("imputer", SimpleImputer(strategy="median", keep_empty_features=True)),
                ("scaler", StandardScaler()),
            ]
        )
        most = self._most_one_hot()
        many = [f for f in self.schema.categorical if len(f.categories) > most]
        few = [f for f in self.schema.categorical if len(f.categories) <= most]
        means = Pipeline(
            [
                (
                    "encoder",
                    TargetEncoder(
                        categories=[_categories(f) for f in many],
                        target_type="continuous",
                        cv=KFold(TARGET_FOLDS, shuffle=True, random_state=self.random_state),
                    ),
                ),
                ("scaler", StandardScaler()),
            ]
        )
        encoder = OneHotEncoder(
            categories=[_categories(f) for f in few], drop="if_binary", sparse_output=False
        )
        steps = [
            (NUMERIC, numeric, [f.name for f in self.schema.numeric]),
            (
                MISSING,
                MissingIndicator(features="all"),
                [f.name for f in self.schema.numeric if f.optional],
            ),
            (TARGET_MEAN, means, [f.name for f in many]),
            (ONE_HOT, encoder, [f.name for f in few]),
        ]
        # Plain names, though a category such as a_b may make two alike: False would raise then.
        return ColumnTransformer(
            [step for step in steps if step[2]], verbose_feature_names_out="{feature_name}"
        )

    def _most_one_hot(self) -> int:
        """Return how many categories a feature may have, for each to become a column."""
        sizes = [len(f.categories) for f in self.schema.categorical]
        room, most = min(MOST_COLUMNS, MOST_CELLS // max(1, self.n_rows)), MOST_ONE_HOT
        while most > 2 and sum(n for n in sizes if n <= most) > room:
            most -= 1
        return most


def _categories(feature: CategoricalFeature) -> NDArray[np.object_]:
    import numpy as np

    return np.array([*feature.categories, *([np.nan] if feature.optional else [])], dtype=object)
