"""Which of a table's rows training uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.exception import ConfigurationError, Problem
from src.logger import get_logger
from src.tables.cells import match_key, parse_number, shorten
from src.tables.layout import Table

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

logger = get_logger(__name__)


@dataclass(frozen=True)
class Rows:
    """Some of the table's rows.

    Attributes
    ----------
    X : DataFrame of shape (n_samples, n_features)
        Every feature of the table, whether or not the model was given it.
    y : ndarray of shape (n_samples,)
    groups : list of str or None
    weight : ndarray of shape (n_samples,) or None
    """

    X: pd.DataFrame
    y: NDArray[np.float64]
    groups: list[str] | None
    weight: NDArray[np.float64] | None

    def take(self, positions: NDArray[np.intp]) -> Rows:
        """Return some of them."""
        return Rows(
            self.X.iloc[positions],
            self.y[positions],
            None if self.groups is None else [self.groups[i] for i in positions],
            None if self.weight is None else self.weight[positions],
        )


COPIED_SHARE = 0.05  # of the held-out rows that equal a training row: above it, a warning


@dataclass(frozen=True)
class GoodRows(Rows):
    """The rows that training uses.

    Attributes
    ----------
    n_refused : int
        Rows of the table that could not be used.
    problems : sequence of Problem
        What is wrong with them.
    """

    n_refused: int
    problems: Sequence[Problem]


def warn_of_copies(train: Rows, test: Rows) -> None:
    """Warn of held-out rows that training sees too: what is known of them flatters the metrics."""
    import pandas as pd

    seen = pd.util.hash_pandas_object(train.X.assign(**{"": train.y}), index=False)
    held_out = pd.util.hash_pandas_object(test.X.assign(**{"": test.y}), index=False)
    copies = int(held_out.isin(seen).sum())
    if copies > COPIED_SHARE * len(held_out):
        logger.warning(
            "%d of %d held-out rows are equal to training rows in every column. If the table holds "
            "rows twice, the metrics are too good: keep one of each.",
            *(copies, len(held_out)),
        )


def position_of(table: Table, name: str, option: str) -> int:
    """Return where a column stands that is no feature.

    Raises
    ------
    ConfigurationError
        If it does not.
    """
    keys = [match_key(header) for header in table.header]
    if match_key(name) not in keys:
        raise ConfigurationError(
            f"{option}: there is no column {name!r}. The columns are: {', '.join(table.header)}."
        )
    return keys.index(match_key(name))


def read_weights(
    table: Table, name: str, accepted: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], list[Problem]]:
    """Return each row's weight, 0 where it is none, and what is wrong with the accepted rows'."""
    import numpy as np

    at = position_of(table, name, "--sample-weight")
    weights, problems = np.zeros(len(table.rows)), []
    for index, row in enumerate(table.rows):
        number = parse_number(row[at], decimal_comma=table.decimal_comma)
        if number is not None and number > 0:
            weights[index] = number
        elif accepted[index]:
            message = f"{name} must be a number above 0 to be a weight."
            problems.append(Problem(message, name, table.lines[index], shorten(row[at])))
    return weights, problems
