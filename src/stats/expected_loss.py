"""How large a model's loss will be on later rows, before their outcomes are known.

The loss of rows that the model had not seen is regressed on what is known of them (direct loss
estimation); the mean of the fitted loss over later rows is the estimate. It follows which pupils
came. It cannot see a relation between features and target that has changed.

References
----------
Hoerl and Kennard (1970), "Ridge Regression", Technometrics 12(1). Golub, Heath and Wahba (1979),
"Generalized Cross-Validation", Technometrics 21(2), for the penalty. White (1980), "A
Heteroskedasticity-Consistent Covariance Matrix Estimator", Econometrica 48(4). NannyML's
documentation, "Direct Loss Estimation", for the idea of a second model of the loss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.stats.intervals import Z_95, Interval, clusters_or_rows, standard_error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_ROWS = 50  # of unseen rows, for an estimate
LEAST_SHARE = 0.2  # of the usual loss, below which no estimate goes
DIGITS = 8
UNSURE = 0.8  # of the way from the usual loss
# Per row, for terms of variance 1. Less would let terms that go together cancel out where training
# was, and nowhere else.
PENALTIES = 0.03, 30.0, 15


@dataclass(frozen=True)
class LossModel:
    """The loss as a linear function of some terms.

    Attributes
    ----------
    n_rows : int
        That it was learnt from.
    usual : float
        Their mean loss.
    centers : tuple of float
        Their means of the terms.
    slopes : tuple of float
    covariance : tuple of tuple of float
        Of ``usual`` and the slopes.
    """

    n_rows: int
    usual: float
    centers: tuple[float, ...]
    slopes: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]

    @classmethod
    def fit(
        cls,
        terms: NDArray[np.float64],
        losses: NDArray[np.float64],
        clusters: NDArray[np.intp] | None = None,
    ) -> LossModel:
        """Learn from rows that the model of the target had not seen.

        Parameters
        ----------
        terms : ndarray of shape (n_rows, n_terms)
            On about the same scale.
        losses : ndarray of shape (n_rows,)
        clusters : ndarray of shape (n_rows,), optional
        """
        import numpy as np

        n, usual, centers = len(losses), float(losses.mean()), terms.mean(axis=0)
        centred, rest = terms - centers, losses - usual
        left, sizes, right = np.linalg.svd(centred, full_matrices=False)
        onto = left.T @ rest

        def generalized_error(penalty: float) -> float:
            kept = sizes**2 / (sizes**2 + penalty)
            return float(((rest - left @ (kept * onto)) ** 2).sum() / (n - 1 - kept.sum()) ** 2)

        penalty = min(n * np.geomspace(*PENALTIES), key=generalized_error)
        slopes = right.T @ (sizes / (sizes**2 + penalty) * onto)
        errors = rest - centred @ slopes
        inverse = right.T * (1 / (sizes**2 + penalty)) @ right
        influence = np.column_stack([np.full(n, 1 / n), centred @ inverse]) * errors[:, None]
        members = clusters_or_rows(clusters, n)
        sums = np.zeros((members.max() + 1, influence.shape[1]))
        np.add.at(sums, members, influence)
        covariance = sums.T @ sums
        return cls(
            n, usual, _short(centers), _short(slopes), tuple(_short(row) for row in covariance)
        )

    def mean_of(
        self, terms: NDArray[np.float64], clusters: NDArray[np.intp] | None = None
    ) -> Interval:
        """Return the expected mean loss of later rows, with its 95 % interval.

        The interval counts both samples: the rows that were learnt from, and the later ones. That
        the function goes on as it does where training was is not known: four fifths of what it adds
        to the usual loss, or takes away, count as a standard error too.
        """
        import numpy as np

        fitted = self.usual + (terms - np.array(self.centers)) @ np.array(self.slopes)
        fitted = fitted.clip(LEAST_SHARE * self.usual)
        value = float(fitted.mean())
        away = np.concatenate([[1.0], terms.mean(axis=0) - self.centers])
        variance = float(away @ np.array(self.covariance) @ away)
        variance += standard_error((fitted - value) / len(fitted), clusters)[0] ** 2
        variance += (UNSURE * (value - self.usual)) ** 2
        factor = math.exp(min(Z_95 * math.sqrt(variance) / value, 100.0))
        return Interval(value, value / factor, value * factor)


def _short(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{DIGITS}g}") for value in values.tolist())
