"""What rows of outcomes say of a linear model's coefficients: sums that are added up in blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_CHANCE = 1e-300


@dataclass(frozen=True)
class Sums:
    """Of some rows: minus the log likelihood, its gradient and its Hessian by the parameters.

    Attributes
    ----------
    hessian_rows : int
        Rows that the Hessian is of; of many, every so-manieth.
    """

    n_rows: int
    loss: float
    gradient: NDArray[np.float64]
    hessian_rows: int
    hessian: NDArray[np.float64]

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.n_rows + other.n_rows,
            self.loss + other.loss,
            self.gradient + other.gradient,
            self.hessian_rows + other.hessian_rows,
            self.hessian + other.hessian,
        )


@dataclass(frozen=True)
class Likelihood(ABC):
    """A linear model of outcomes, whose codes go from 0.

    Attributes
    ----------
    n_features, n_classes : int
    """

    n_features: int
    n_classes: int

    @property
    @abstractmethod
    def penalised(self) -> NDArray[np.bool_]:
        """Which parameters a penalty counts."""

    @property
    @abstractmethod
    def idle(self) -> NDArray[np.float64]:
        """A direction along which nothing changes, with a length; zeros where there is none."""

    @abstractmethod
    def parameters(self, fitted: Any) -> NDArray[np.float64]:
        """Return those of a fitted estimator."""

    @abstractmethod
    def put(self, fitted: Any, parameters: NDArray[np.float64]) -> None:
        """Give a fitted estimator other ones."""

    def allows(self, parameters: NDArray[np.float64]) -> bool:
        """Whether the model has such parameters."""
        return True

    @abstractmethod
    def sums(
        self,
        parameters: NDArray[np.float64],
        X: NDArray[np.float64],
        codes: NDArray[np.intp],
        every: int = 1,
    ) -> Sums:
        """Return what some rows say.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        codes : ndarray of shape (n_rows,)
        every : int
            The Hessian is of every so-manieth row.
        """


class Logistic(Likelihood):
    """Logistic regression; of more than two outcomes multinomial, with coefficients for each."""

    @property
    def _first(self) -> int:
        """The first outcome that has coefficients: of two, the second alone."""
        return 1 if self.n_classes == 2 else 0

    @property
    def penalised(self) -> NDArray[np.bool_]:
        """All but the intercepts."""
        import numpy as np

        of_line = np.arange(self.n_features + 1) < self.n_features
        return np.tile(of_line, self.n_classes - self._first)

    @property
    def idle(self) -> NDArray[np.float64]:
        """All intercepts together, where each outcome has one."""
        import numpy as np

        return np.where(self.penalised, 0.0, 0.0 if self._first else 1.0)

    def parameters(self, fitted: Any) -> NDArray[np.float64]:
        """Return a line an outcome: coefficients, then the intercept."""
        import numpy as np

        return np.column_stack([fitted.coef_, fitted.intercept_]).ravel()

    def put(self, fitted: Any, parameters: NDArray[np.float64]) -> None:
        """Set ``coef_`` and ``intercept_``."""
        lines = parameters.reshape(-1, self.n_features + 1)
        fitted.coef_, fitted.intercept_ = lines[:, :-1].copy(), lines[:, -1].copy()

    def sums(
        self,
        parameters: NDArray[np.float64],
        X: NDArray[np.float64],
        codes: NDArray[np.intp],
        every: int = 1,
    ) -> Sums:
        """Return what some rows say."""
        import numpy as np
        from scipy.special import log_softmax

        first, with_one = self._first, np.column_stack([X, np.ones(len(X))])
        scores = np.zeros((len(X), self.n_classes))
        scores[:, first:] = with_one @ parameters.reshape(-1, with_one.shape[1]).T
        logs = log_softmax(scores, axis=1)
        chances = np.exp(logs)
        off = (chances - (codes[:, None] == np.arange(self.n_classes)))[:, first:]
        some, of_some = with_one[::every], chances[::every, first:]
        width, n_lines = some.shape[1], of_some.shape[1]
        hessian = np.empty((n_lines, width, n_lines, width))
        for i in range(n_lines):
            for j in range(i, n_lines):
                curvature = of_some[:, i] * ((i == j) - of_some[:, j])
                hessian[i, :, j] = hessian[j, :, i] = (some * curvature[:, None]).T @ some
        size = n_lines * width
        return Sums(
            n_rows=len(X),
            loss=-float(logs[np.arange(len(X)), codes].sum()),
            gradient=(off.T @ with_one).ravel(),
            hessian_rows=len(some),
            hessian=hessian.reshape(size, size),
        )


class CumulativeLogistic(Likelihood):
    """Proportional odds: P(y <= k) = sigmoid(threshold k - X @ coef)."""

    @property
    def penalised(self) -> NDArray[np.bool_]:
        """The coefficients."""
        import numpy as np

        return np.arange(self.n_features + self.n_classes - 1) < self.n_features

    @property
    def idle(self) -> NDArray[np.float64]:
        """No direction."""
        import numpy as np

        return np.zeros(len(self.penalised))

    def parameters(self, fitted: Any) -> NDArray[np.float64]:
        """Return coefficients, then thresholds."""
        import numpy as np

        return np.concatenate([fitted.coef_, fitted.thresholds_])

    def put(self, fitted: Any, parameters: NDArray[np.float64]) -> None:
        """Set ``coef_`` and ``thresholds_``."""
        fitted.coef_, fitted.thresholds_ = (
            part.copy() for part in (parameters[: self.n_features], parameters[self.n_features :])
        )

    def allows(self, parameters: NDArray[np.float64]) -> bool:
        """Whether the thresholds ascend."""
        import numpy as np

        return bool((np.diff(parameters[self.n_features :]) > 0).all())

    def sums(
        self,
        parameters: NDArray[np.float64],
        X: NDArray[np.float64],
        codes: NDArray[np.intp],
        every: int = 1,
    ) -> Sums:
        """Return what some rows say."""
        import numpy as np
        from scipy.special import expit

        coef, thresholds = parameters[: self.n_features], parameters[self.n_features :]
        ends, eta = np.concatenate([[-np.inf], thresholds, [np.inf]]), X @ coef
        above, below = ends[codes + 1] - eta, ends[codes] - eta
        turned = below > 0  # where both are near 1, the other ends tell their difference better
        chance = np.where(turned, expit(-below) - expit(-above), expit(above) - expit(below))
        chance = np.maximum(chance, LEAST_CHANCE)
        # Densities over the chance, and how they bend, at both ends of an outcome.
        dense = [expit(end) * expit(-end) / chance for end in (above, below)]
        bent = [one * (1 - 2 * expit(end)) for one, end in zip(dense, (above, below), strict=True)]
        lines = [
            np.column_stack([-X, (codes - k)[:, None] == np.arange(len(thresholds))])
            for k in (0, 1)
        ]
        upper, lower = (line[::every] for line in lines)
        of_upper, of_lower = (one[::every, None] for one in dense)
        across = upper.T @ (-of_upper * of_lower * lower)
        hessian = upper.T @ ((of_upper**2 - bent[0][::every, None]) * upper)
        hessian += lower.T @ ((of_lower**2 + bent[1][::every, None]) * lower)
        return Sums(
            n_rows=len(X),
            loss=-float(np.log(chance).sum()),
            gradient=lines[1].T @ dense[1] - lines[0].T @ dense[0],
            hessian_rows=len(upper),
            hessian=hessian + across + across.T,
        )
