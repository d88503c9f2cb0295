"""Looking often at what grows, with one error rate for all looks; and at many features.

Of the year's rate, a part is spent at each look, by how much of the time has passed (Pocock-like
spending of Lan and DeMets). A feature's sequential p-value is the smallest rate at which it would
have been found by now; it can only fall from look to look, so that Benjamini and Hochberg's rule on
these p-values holds for all looks together.

References
----------
Lan and DeMets (1983), "Discrete Sequential Boundaries for Clinical Trials", Biometrika 70(3); and
(1989), "Changing frequency of interim analysis in sequential monitoring", Biometrics 45(3).
Armitage, McPherson and Rowe (1969), "Repeated Significance Tests on Accumulating Data", JRSS A
132(2), for the integration. Liu and Anderson (2008), "On adaptive extensions of group sequential
trials for clinical investigations", JASA 103(484), for the sequential p-value. Benjamini and
Hochberg (1995), "Controlling the False Discovery Rate", JRSS B 57(1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

POINTS = 301  # of the integration
WIDEST = 8.0  # standard deviations beyond which nothing lies
LOWEST, HIGHEST, N_LEVELS = 1e-7, 0.5, 16  # rates whose boundaries are computed


def spent_share(passed: float) -> float:
    """Return which share of the rate is spent once a share of the time has passed.

    Examples
    --------
    >>> [round(spent_share(passed), 2) for passed in (0, 0.25, 0.5, 1)]
    [0.0, 0.36, 0.62, 1.0]
    """
    return math.log1p((math.e - 1) * min(max(passed, 0.0), 1.0))


@dataclass(frozen=True)
class Looks:
    """The looks so far, the present one last.

    Attributes
    ----------
    spent : tuple of float
        Which share of the rate was spent up to each, from :func:`spent_share`.
    information : tuple of float
        What each knew, in any unit; it rises from look to look.
    """

    spent: tuple[float, ...]
    information: tuple[float, ...]

    def nominal(self, rate: float) -> float:
        """Return the p-value up to which the present look finds something, at a rate for all."""
        return float(math.exp(self._interpolated(math.log(rate))))

    def sequential(self, p_value: float) -> float:
        """Return the rate for all looks at which a p-value of the present look is just found."""
        import numpy as np

        rates, nominal = self._table
        if p_value >= math.exp(nominal[-1]):
            return 1.0
        if p_value <= 0:
            return 0.0
        if (position := math.log(p_value)) < nominal[0]:  # below, both fall alike
            return math.exp(rates[0] + position - nominal[0])
        return math.exp(float(np.interp(position, nominal, rates)))

    def _interpolated(self, log_rate: float) -> float:
        import numpy as np

        rates, nominal = self._table
        if log_rate < rates[0]:
            return float(nominal[0]) + log_rate - float(rates[0])
        return float(np.interp(log_rate, rates, nominal))

    @cached_property
    def _table(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Logarithms of rates, and of the nominal p-values that the present look has at each."""
        import numpy as np

        rates = np.geomspace(LOWEST, HIGHEST, N_LEVELS)
        if len(self.spent) == 1:
            return np.log(rates), np.log(self.spent[0] * rates)
        levels = [nominal_levels(self.spent, self.information, rate)[-1] for rate in rates.tolist()]
        return np.log(rates), np.maximum.accumulate(np.log(np.maximum(levels, 1e-300)))


def nominal_levels(
    spent: Sequence[float], information: Sequence[float], rate: float
) -> list[float]:
    """Return the p-value up to which each look finds something.

    The statistics are those of a sum that grows: normal, and correlated as the root of the ratio of
    what was known.
    """
    import numpy as np
    from scipy.optimize import brentq
    from scipy.special import ndtr

    found: list[float] = []
    points = density = np.empty(0)
    known = used = 0.0
    for share, now in zip(spent, information, strict=True):
        step, widest = math.sqrt(now - known), WIDEST * math.sqrt(now)
        budget = rate * share - used
        used = rate * share

        excess = partial(_excess, points=points, density=density, step=step, budget=budget)
        limit = widest
        if excess(widest) < 0:
            limit = float(brentq(excess, 0.0, widest, xtol=1e-6 * widest))
        found.append(2 * float(ndtr(-limit / math.sqrt(now))))
        places = np.linspace(-limit, limit, POINTS)
        if len(points):
            kernel = np.exp(-(((places[:, None] - points) / step) ** 2) / 2)
            values = kernel @ density / (step * math.sqrt(2 * math.pi))
        else:
            values = np.exp(-((places / step) ** 2) / 2) / (step * math.sqrt(2 * math.pi))
        weights = np.full(POINTS, places[1] - places[0])
        weights[[0, -1]] /= 2
        points, density, known = places, values * weights, now
    return found


def _excess(
    limit: float,
    points: NDArray[np.float64],
    density: NDArray[np.float64],
    step: float,
    budget: float,
) -> float:
    """Return how often a look's limit is first crossed, less how often it may be.

    Parameters
    ----------
    points, density : ndarray of shape (n_points,)
        Of the sum before; empty at the first look.
    step : float
        Standard deviation of what is added.
    """
    from scipy.special import ndtr

    if not len(points):
        return 2 * float(ndtr(-limit / step)) - budget
    tails = ndtr((points - limit) / step) + ndtr((-points - limit) / step)
    return float(density @ tails) - budget


def found_features(p_values: Mapping[str, float], rate: float) -> list[str]:
    """Return which features differ, by Benjamini and Hochberg's rule.

    Examples
    --------
    >>> found_features({"a": 0.001, "b": 0.04, "c": 0.03, "d": 0.9}, 0.05)
    ['a']
    """
    ranked = sorted(p_values, key=lambda name: p_values[name])
    held = [j for j, name in enumerate(ranked, 1) if p_values[name] <= rate * j / len(ranked)]
    return ranked[: max(held, default=0)]
