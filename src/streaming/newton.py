"""Logistic regressions on all rows of a large table: Newton's steps, each a pass over the rows."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from src.logger import get_logger
from src.stats.likelihoods import CumulativeLogistic, Likelihood, Logistic, Sums

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = get_logger(__name__)

KINDS: dict[str, type[Likelihood]] = {
    "LogisticRegression": Logistic,
    "ProportionalOdds": CumulativeLogistic,
}
LAST_STEP = 1e-6  # of the parameters: after one so short, the next would be far shorter
MOST_PASSES = 25
HESSIAN_WORK = 1e12  # multiplications for one Hessian, from which it is of a part of the rows ...
HESSIAN_ROWS = 100  # ... for each parameter, at least


class NewtonFit:
    """A fit that takes a step after each pass.

    The first pass is at the fit to a sample, which is near. Where a Hessian of all rows would take
    long, it is that of some, scaled; the gradient is always that of all.

    Parameters
    ----------
    fitted : LogisticRegression or ProportionalOdds
        Fitted to a sample; not changed.
    n_features, n_classes : int
    n_rows : int
        Of the table, roughly.

    References
    ----------
    Roosta-Khorasani and Mahoney (2019), "Sub-sampled Newton methods", Mathematical Programming 174.
    """

    def __init__(self, fitted: Any, n_features: int, n_classes: int, n_rows: int) -> None:
        self._fitted = fitted
        self._likelihood = KINDS[type(fitted).__name__](n_features, n_classes)
        self._parameters = self._likelihood.parameters(fitted)
        self._penalty = self._likelihood.penalised / fitted.C
        n_parameters = len(self._parameters)
        enough = max(HESSIAN_ROWS * n_parameters, HESSIAN_WORK / n_parameters**2)
        self._every = max(1, int(n_rows / enough))
        self._sums: Sums | None = None
        self._before: tuple[float, NDArray[np.float64]] | None = None
        self.n_passes, self.done = 0, False

    def add(self, X: NDArray[np.float64], codes: NDArray[np.intp]) -> None:
        """Look at some rows."""
        if self.done or not len(X):
            return
        found = self._likelihood.sums(self._parameters, X, codes, self._every)
        self._sums = found if self._sums is None else self._sums + found

    def step(self) -> None:
        """Go to the minimum of the parabola that the pass found, or half the last step back."""
        import numpy as np
        from scipy.linalg import solve

        if self.done:
            return
        if self._sums is None:
            raise TypeError("no row was read")
        sums, here, idle = self._sums, self._parameters, self._likelihood.idle
        self._sums, self.n_passes = None, self.n_passes + 1
        loss = sums.loss + float(self._penalty @ here**2) / 2
        if self._before is not None and loss > self._before[0] * (1 + 1e-10):
            self._parameters = (here + self._before[1]) / 2
            return
        scale = sums.n_rows / sums.hessian_rows
        hessian = scale * sums.hessian + np.diag(self._penalty)
        hessian += np.outer(idle, idle) * scale * sums.hessian_rows
        step = -solve(hessian, sums.gradient + self._penalty * here, assume_a="pos")
        while not self._likelihood.allows(here + step):
            step /= 2
        self._before, self._parameters = (loss, here), here + step
        shortest = LAST_STEP * max(1.0, float(np.abs(here).max()))
        self.done = float(np.abs(step).max()) <= shortest
        if not self.done and self.n_passes == MOST_PASSES:
            self.done = True
            logger.warning(
                "%s: not quite at its end after %d passes; the last step was %.1e",
                *(type(self._fitted).__name__, MOST_PASSES, float(np.abs(step).max())),
            )

    def result(self) -> Any:
        """Return the estimator as fitted to all rows that were added."""
        import numpy as np

        found = copy.deepcopy(self._fitted)
        self._likelihood.put(found, self._parameters)
        if hasattr(found, "n_iter_"):
            found.n_iter_ = np.array([self.n_passes], dtype=np.int32)
        return found
