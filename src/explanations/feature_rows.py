"""Rows whose features can be exchanged, in the form that is cheapest to predict.

Explanations ask what a model would say of many mixtures of a few rows. Where each of the
preprocessor's columns comes from one feature, the rows are transformed once and their columns are
mixed; else the rows are mixed as they were entered, and each mixture is transformed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

Sources = list[frozenset[int]]


def column_sources(transformer: Any, n_inputs: int) -> Sources | None:
    """Return which input columns each output column of a fitted transformer comes from.

    Parameters
    ----------
    transformer : transformer
        A ColumnTransformer or Pipeline of encoders, imputers, scalers and the like.
    n_inputs : int
        Columns that it takes.

    Returns
    -------
    list of frozenset of int, or None
        None where the transformer is of a kind whose outputs cannot be told.
    """
    import numpy as np
    from sklearn.base import OneToOneFeatureMixin
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

    identity = [frozenset({position}) for position in range(n_inputs)]
    match transformer:
        case "passthrough" | OneToOneFeatureMixin():
            return identity
        case SimpleImputer(keep_empty_features=True, add_indicator=False):
            return identity
        case FunctionTransformer(func=np.ndarray.astype):
            return identity
        case FunctionTransformer(func=np.dot, kw_args={"b": matrix}):
            return [frozenset(np.flatnonzero(column).tolist()) for column in matrix.T]
        case OneHotEncoder(min_frequency=None, max_categories=None):
            dropped = transformer.drop_idx_
            return [
                frozenset({position})
                for position, categories in enumerate(transformer.categories_)
                for _ in range(
                    len(categories) - (dropped is not None and dropped[position] is not None)
                )
            ]
        case Pipeline():
            return _through_steps([step for _, step in transformer.steps], identity)
        case ColumnTransformer():
            return _of_columns(transformer)
    return None


def _through_steps(steps: Sequence[Any], sources: Sources) -> Sources | None:
    for step in steps:
        of_step = column_sources(step, len(sources))
        if of_step is None:
            return None
        sources = [frozenset().union(*(sources[i] for i in each)) for each in of_step]
    return sources


def _of_columns(transformer: Any) -> Sources | None:
    names = list(getattr(transformer, "feature_names_in_", range(transformer.n_features_in_)))
    found: dict[int, frozenset[int]] = {}
    for name, part, columns in transformer.transformers_:
        place = transformer.output_indices_[name]
        if part == "drop" or place.start == place.stop:
            continue
        if not isinstance(columns, list) or not set(columns) <= set(names):
            return None
        positions = [names.index(column) for column in columns]
        of_part = column_sources(part, len(positions))
        if of_part is None or len(of_part) != place.stop - place.start:
            return None
        for at, each in zip(range(place.start, place.stop), of_part, strict=True):
            found[at] = frozenset(positions[i] for i in each)
    return [found[at] for at in sorted(found)]


@dataclass(frozen=True)
class FeatureRows:
    """Rows that a fitted model predicts, and what exchanges their features.

    Attributes
    ----------
    names : tuple of str
        The features that a person enters.
    model : estimator
        Fitted; predicts rows as :meth:`prepare` returns them.
    sources : ndarray of int of shape (n_columns,)
        The feature of each column that the model takes.
    preprocessor : transformer or None
        None where the model takes the frame as it was entered.
    """

    names: tuple[str, ...]
    model: Any
    sources: NDArray[np.intp]
    preprocessor: Any = None

    @classmethod
    def of(cls, pipeline: Any, names: Sequence[str]) -> Self:
        """Return the rows of a fitted pipeline with the steps ``preprocessor`` and ``model``."""
        import numpy as np

        preprocessor, model = (pipeline.named_steps[step] for step in ("preprocessor", "model"))
        entered = list(getattr(preprocessor, "feature_names_in_", ()))
        found = column_sources(preprocessor, len(entered))
        if found is not None and set(entered) <= set(names):
            sources = single_sources(found, [list(names).index(name) for name in entered])
            if sources is not None:
                return cls(tuple(names), model, sources, preprocessor)
        return cls(tuple(names), pipeline, np.arange(len(names)))

    def prepare(self, frame: pd.DataFrame) -> Any:
        """Return a frame as the model takes it.

        Parameters
        ----------
        frame : DataFrame of shape (n_samples, n_features)
            Typed columns by name; NaN or None where a value is missing.

        Returns
        -------
        ndarray of shape (n_samples, n_columns), or DataFrame
        """
        import numpy as np

        frame = frame[list(self.names)].fillna(np.nan)
        if self.preprocessor is None:
            return frame
        return np.asarray(self.preprocessor.transform(frame))

    def mix(self, parts: Sequence[Any], index: NDArray[np.intp]) -> Any:
        """Return rows that are put together from several.

        Parameters
        ----------
        parts : sequence of ndarray or of DataFrame
            Rows as :meth:`prepare` returns them, one part following on the other.
        index : ndarray of int of shape (n_mixtures, n_features)
            The row that each feature of a mixture is taken from.
        """
        import numpy as np
        import pandas as pd

        if self.preprocessor is not None:
            rows = np.concatenate(parts)
            return rows[index[:, self.sources], np.arange(len(self.sources))]
        frame = pd.concat(parts, ignore_index=True)
        return pd.DataFrame(
            {name: frame[name].array.take(index[:, i]) for i, name in enumerate(self.names)}
        )

    def predict(self, rows: Any) -> NDArray[np.float64]:
        """Return the predictions, not clipped, of rows that were prepared or mixed."""
        import numpy as np

        return np.asarray(self.model.predict(rows), dtype=np.float64).ravel()


def single_sources(sources: Sources, feature_of: Sequence[int]) -> NDArray[np.intp] | None:
    """Return the one feature that each column comes from; None if one comes from several.

    Parameters
    ----------
    sources : list of frozenset of int
        Input columns by output column.
    feature_of : sequence of int
        Feature by input column.
    """
    import numpy as np

    features = [{int(feature_of[i]) for i in each} for each in sources]
    if any(len(each) != 1 for each in features):
        return None
    return np.array([each.pop() for each in features], dtype=np.intp)
