"""What a record is compared with where an explanation needs other rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from src.exception import ArtifactError
from src.schema.frames import typed_frame
from src.schema.record import Schema

if TYPE_CHECKING:
    import pandas as pd

ROWS_A_BLOCK = 20
BLOCKS = 5


@dataclass(frozen=True)
class Background:
    """A few rows that are like the training rows, column by column, and none of which is anybody's.

    Records are personal data and are not kept with a model. Each column holds evenly spaced
    quantiles of the training rows' values (categories in their shares) and is shuffled on its own,
    so that nothing is left of what values one student has together. Each block of rows is a Latin
    hypercube over the columns' distributions, and so are all of them.

    Attributes
    ----------
    columns : dict of str to tuple of float, str or None
        Values by feature, all of one length; None where a value is missing.
    """

    columns: dict[str, tuple[float | str | None, ...]]

    @classmethod
    def of(cls, schema: Schema, X: pd.DataFrame, random_state: int = 42) -> Self:
        """Draw the background of training rows.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Typed columns by name.

        References
        ----------
        McKay, Beckman and Conover (1979), "A Comparison of Three Methods for Selecting Values of
        Input Variables", Technometrics 21(2).
        """
        import numpy as np

        random = np.random.default_rng(random_state)
        n_rows = BLOCKS * ROWS_A_BLOCK
        quantiles = (np.arange(n_rows) + 0.5) / n_rows * len(X)
        strata = quantiles.astype(int).reshape(ROWS_A_BLOCK, BLOCKS)
        columns = {}
        for name in schema.names:
            ordered = X[name].sort_values(kind="stable", na_position="last")
            blocks = random.permuted(random.permuted(strata, axis=1).T, axis=1)
            drawn = ordered.iloc[blocks.ravel()]
            columns[name] = tuple(drawn.astype(object).where(drawn.notna(), None).tolist())
        return cls(columns)

    def frame(self, schema: Schema) -> pd.DataFrame:
        """Return the rows as typed columns by name."""
        return typed_frame(schema, self.columns)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; the exact inverse of :meth:`from_dict`."""
        return {"columns": {name: list(values) for name, values in self.columns.items()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` described.

        Raises
        ------
        ArtifactError
            If the values are of another shape.
        """
        try:
            columns = {str(name): tuple(column) for name, column in values["columns"].items()}
        except (AttributeError, KeyError, TypeError) as error:
            raise ArtifactError(f"background.json is damaged ({error!r}). Train again.") from error
        if len({len(column) for column in columns.values()}) != 1:
            raise ArtifactError(
                "background.json is damaged: its columns are not of one length. Train again."
            )
        return cls(columns)
