"""Sums of columns and of their products, block by block: all that least squares needs of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NOTHING = 1e-13  # of the largest eigenvalue: below it, a direction is rounding alone


@dataclass(frozen=True)
class Moments:
    """Weighted sums of rows, of which more can be added in any order.

    What each addition rounds off is kept beside the sums, so that a billion rows lose no more than
    one block does.

    Attributes
    ----------
    n_rows : int
    weight : float
        Of all rows.
    sums : ndarray of shape (n_columns,)
    products : ndarray of shape (n_columns, n_columns)
    sums_lost, products_lost : ndarray
        What is to be added to these.

    References
    ----------
    Neumaier (1974), "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen",
    ZAMM 54.
    """

    n_rows: int
    weight: float
    sums: NDArray[np.float64]
    products: NDArray[np.float64]
    sums_lost: NDArray[np.float64]
    products_lost: NDArray[np.float64]

    @classmethod
    def of(cls, rows: NDArray[np.float64], weight: NDArray[np.float64] | None = None) -> Moments:
        """Return the moments of a block, of shape (n_rows, n_columns).

        Columns should lie about 0: differences from a mean keep their digits.
        """
        import numpy as np

        weighted = rows if weight is None else rows * weight[:, None]
        sums, products = weighted.sum(axis=0), weighted.T @ rows
        total = float(len(rows)) if weight is None else float(weight.sum())
        return cls(len(rows), total, sums, products, np.zeros_like(sums), np.zeros_like(products))

    def __add__(self, other: Moments) -> Moments:
        """Return the moments of both blocks' rows."""
        sums, of_sums = _added(self.sums, other.sums)
        products, of_products = _added(self.products, other.products)
        return Moments(
            self.n_rows + other.n_rows,
            self.weight + other.weight,
            sums,
            products,
            self.sums_lost + other.sums_lost + of_sums,
            self.products_lost + other.products_lost + of_products,
        )

    @property
    def means(self) -> NDArray[np.float64]:
        """The columns' means."""
        return (self.sums + self.sums_lost) / self.weight

    @property
    def about_means(self) -> NDArray[np.float64]:
        """Sums of the products of the columns' distances from their means."""
        import numpy as np

        means = self.means
        about = self.products + self.products_lost - self.weight * np.outer(means, means)
        return (about + about.T) / 2


def few_rows_alike(
    moments: Moments,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a few rows on which least squares finds what it would find on all.

    Parameters
    ----------
    moments : Moments
        Of the features' columns, and of the target's, which comes last.

    Returns
    -------
    X : ndarray of shape (n_features, n_features)
    y : ndarray of shape (n_features,)
        ``X.T @ X`` and ``X.T @ y`` are the sums of products about the means. Any penalty may be
        added: squared errors on all rows are those on these and a constant.
    """
    import numpy as np

    about = moments.about_means
    values, vectors = np.linalg.eigh(about[:-1, :-1])
    roots = np.sqrt(np.where(values > NOTHING * values.max(initial=0.0), values, 0.0))
    along = vectors.T @ about[:-1, -1]
    y = np.divide(along, roots, out=np.zeros_like(roots), where=roots > 0)
    return roots[:, None] * vectors.T, y


def _added(
    a: NDArray[np.float64], b: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a sum, and what it rounds off."""
    total = a + b
    rest = total - a
    return total, (a - (total - rest)) + (b - rest)
