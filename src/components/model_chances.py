"""A classifier's chances, sets and ranges, learnt from out-of-fold probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from src.logger import get_logger
from src.stats.chances import TINY, ChanceRange, ClassChances, label_scores_of_each, members
from src.stats.class_scores import log_losses
from src.stats.conformal import Curve
from src.stats.disclosure import LEAST_ROWS
from src.stats.intervals import effective_rows, standard_error, wilson_ends

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Fit = Callable[[NDArray[np.intp], NDArray[np.float64], ClassChances], ClassChances]

LEVELS = (0.8, 0.9, 0.95)
FOLDS = 5
ROWS_TO_CALIBRATE = 50
ROWS_FOR_ISOTONIC = 1_000
RARE = 0.5  # of the share that a class has where all are equal
ROWS_FOR_OWN_THRESHOLD = 20
STEPS = 100  # of the range of the event's share, at most
PARTS_OF_RANGE = 10  # of the rows: one of them tells the share of a step
ROWS_OF_RANGE = 50  # that tell it at least

logger = get_logger(__name__)


class ModelChances:
    """Learn what raw probabilities are worth, from rows that the model was not fitted on.

    Parameters
    ----------
    levels : tuple of float
        Shares of the rows whose class their set shall hold, in (0, 1).
    """

    def __init__(self, random_state: int = 42, levels: tuple[float, ...] = LEVELS) -> None:
        self.random_state = random_state
        self.levels = levels

    def run(
        self,
        truth: NDArray[np.int64],
        raw: NDArray[np.float64],
        *,
        ordered: bool = False,
        event: frozenset[int] = frozenset(),
        clusters: NDArray[np.intp] | None = None,
    ) -> ClassChances:
        """Return the chances.

        Probabilities are calibrated where, on other rows than the calibration is learnt on, the log
        loss falls by more than a standard error of the paired differences. The thresholds of the
        sets are conformal quantiles of the chances so calibrated; a class that is rare and has rows
        enough has its own, so that sets hold it as often as the others.

        Parameters
        ----------
        truth : ndarray of shape (n_samples,)
            Codes from 0.
        raw : ndarray of shape (n_samples, n_classes)
            Out-of-fold probabilities.
        ordered : bool
            Whether the codes have an order.
        event : frozenset of int
            Classes that make up the event; empty for no range.
        clusters : ndarray of shape (n_samples,), optional
            Numbers of the rows' clusters, which are calibrated whole and widen the range.

        References
        ----------
        Vovk (2015), "Cross-conformal predictors", Annals of Mathematics and Artificial Intelligence
        74. Vovk (2012), "Conditional validity of inductive conformal predictors", ACML, for
        thresholds of single classes.
        """
        import numpy as np

        n, n_classes = raw.shape
        prior = np.bincount(truth, minlength=n_classes) / n
        plain = ClassChances(tuple(prior.tolist()), n, ordered=ordered)
        made, chances = self._calibrate(plain, truth, raw, clusters)
        thresholds = conformal_thresholds(truth, chances, self.levels, ordered=ordered)
        logger.info("Calibration of %d rows of %d classes: %s", n, n_classes, made.method)
        if not event:
            return replace(made, thresholds=thresholds)
        codes = tuple(sorted(event))
        # The calibration keeps, or nearly keeps, the order of the rows: nothing is learnt twice.
        chance = made.calibrated_of_each(raw)[:, codes].sum(axis=1)
        event_range = observed_range(chance, np.isin(truth, codes), clusters)
        return replace(made, thresholds=thresholds, event=codes, event_range=event_range)

    def _calibrate(
        self,
        plain: ClassChances,
        truth: NDArray[np.int64],
        raw: NDArray[np.float64],
        clusters: NDArray[np.intp] | None,
    ) -> tuple[ClassChances, NDArray[np.float64]]:
        """Return the calibration that gains most, if one does, and cross-fitted chances."""
        import numpy as np

        n, best_gain = len(truth), 0.0
        best = plain, plain.calibrated_of_each(raw)
        n_groups = n if clusters is None else len(np.unique(clusters))
        if n < ROWS_TO_CALIBRATE or n_groups < FOLDS:
            return best
        before, splits = log_losses(truth, best[1]), self._splits(n, clusters)
        for fit in self._fits(*raw.shape):
            crossed = np.empty_like(raw)
            for rest, fold in splits:
                learnt = fit(truth[rest], raw[rest], plain)
                crossed[fold] = learnt.calibrated_of_each(raw[fold])
            gains = before - log_losses(truth, crossed)
            gain = float(gains.mean())
            error, _ = standard_error((gains - gain) / n, clusters)
            if gain > max(error, best_gain):
                best_gain, best = gain, (fit(truth, raw, plain), crossed)
        return best

    def _splits(
        self, n: int, clusters: NDArray[np.intp] | None
    ) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        import numpy as np
        from sklearn.model_selection import GroupKFold, KFold

        kind = KFold if clusters is None else GroupKFold
        folds = kind(FOLDS, shuffle=True, random_state=self.random_state)
        return list(folds.split(np.empty(n), groups=clusters))

    def _fits(self, n: int, n_classes: int) -> list[Fit]:
        curved = n_classes == 2 and n >= ROWS_FOR_ISOTONIC
        return [fit_temperature, fit_platt, *([fit_isotonic] if curved else [])]


def fit_temperature(
    truth: NDArray[np.int64], raw: NDArray[np.float64], plain: ClassChances
) -> ClassChances:
    """Return the chances with the temperature that makes the rows likeliest."""
    slope, _ = _fit_softmax(truth, raw, with_biases=False)
    return replace(plain, method="temperature", slope=slope)


def fit_platt(
    truth: NDArray[np.int64], raw: NDArray[np.float64], plain: ClassChances
) -> ClassChances:
    """Return the chances with the temperature and biases of the classes.

    Of two classes that is a logistic regression on the log-odds.
    """
    slope, biases = _fit_softmax(truth, raw, with_biases=True)
    return replace(plain, method="platt", slope=slope, biases=biases)


def fit_isotonic(
    truth: NDArray[np.int64], raw: NDArray[np.float64], plain: ClassChances
) -> ClassChances:
    """Return the chances of two classes by the likeliest rising curve of the raw probability."""
    from sklearn.isotonic import IsotonicRegression

    found = IsotonicRegression(out_of_bounds="clip").fit(raw[:, 1], truth)
    curve = Curve(tuple(found.X_thresholds_.tolist()), tuple(found.y_thresholds_.tolist()))
    return replace(plain, method="isotonic", curve=curve)


def _fit_softmax(
    truth: NDArray[np.int64], raw: NDArray[np.float64], *, with_biases: bool
) -> tuple[float, tuple[float, ...]]:
    """Return the slope of the logarithms, and what is added by class.

    One row's worth of belief that nothing must be changed keeps all of them finite.
    """
    import numpy as np
    from scipy.optimize import minimize

    (n, n_classes), logs = raw.shape, np.log(np.maximum(raw, TINY))
    rows, n_biases = np.arange(n), n_classes if with_biases else 0
    unmoved = np.array([1.0] + [0.0] * n_biases)

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = parameters[0] * logs
        if with_biases:
            scores += parameters[1:]
        scores -= scores.max(axis=1, keepdims=True)
        share = np.exp(scores)
        total, moved = share.sum(axis=1), parameters - unmoved
        value = (np.log(total) - scores[rows, truth]).sum() + (moved**2).sum() / 2
        share /= total[:, None]
        share[rows, truth] -= 1
        slopes = np.append((share * logs).sum(), share.sum(axis=0)[:n_biases])
        return float(value) / n, (slopes + moved) / n

    bounds = [(0.05, 20.0)] + [(-10.0, 10.0)] * n_biases
    slope, *biases = minimize(loss, unmoved, jac=True, method="L-BFGS-B", bounds=bounds).x.tolist()
    return slope, tuple(biases)


def conformal_thresholds(
    truth: NDArray[np.int64],
    chances: NDArray[np.float64],
    levels: tuple[float, ...],
    *,
    ordered: bool,
) -> dict[str, tuple[float, ...]]:
    """Return up to which score each class is in a set, by level.

    A class that has fewer than half of the rows that it would have if all had as many, and 20 rows,
    has a threshold of its own. All others share one; where classes are ordered, a row whose class
    is in its set only since it lies between two others counts as held.
    """
    import numpy as np

    n_classes = chances.shape[1]
    scores = label_scores_of_each(chances, ordered=ordered)
    counts = np.bincount(truth, minlength=n_classes)
    own = scores[np.arange(len(truth)), truth]
    alone = (counts < RARE * len(truth) / n_classes) & (counts >= ROWS_FOR_OWN_THRESHOLD)
    limits, found = np.zeros(n_classes), {}
    for level in sorted(levels):
        least, limits = limits, np.zeros(n_classes)
        for code in np.flatnonzero(alone):
            limits[code] = conformal_limit(own[truth == code], level)
        held = members(scores, limits, ordered=ordered)[np.arange(len(truth)), truth]
        others = ~alone[truth]
        limits[~alone] = conformal_limit(np.where(held, 0.0, own)[others], level)
        limits = np.maximum(limits, least)
        found[str(level)] = tuple(limits.tolist())
    return found


def conformal_limit(scores: NDArray[np.float64], level: float) -> float:
    """Return what the score of one more row does not exceed, in this share of samples at least.

    1, which no score exceeds, where there are too few rows for the level.
    """
    import numpy as np

    rank = math.ceil((len(scores) + 1) * level - 1e-9)
    return float(np.sort(scores)[rank - 1]) if rank <= len(scores) else 1.0


def observed_range(
    chance: NDArray[np.float64],
    happened: NDArray[np.bool_],
    clusters: NDArray[np.intp] | None = None,
) -> ChanceRange:
    """Return the range of the share with an event by the calibrated chance of it.

    A step holds a hundredth of the rows, ten at least, and all that have equal chances. Its range
    is Wilson's interval of the share in the steps around it that hold a tenth of the rows, 50 at
    least: whole steps, so that no difference of two shares tells of fewer than ten rows. Where a
    higher chance has a lower end, so have those below; where a lower one has a higher end, so have
    those above: ends rise, and no range becomes narrower by that.

    Parameters
    ----------
    chance : ndarray of shape (n_samples,)
        Of the event, by models that did not see the rows.
    happened : ndarray of bool of shape (n_samples,)
    clusters : ndarray of shape (n_samples,), optional
        Rows of one cluster tell less than as many independent ones.

    References
    ----------
    Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference",
    JASA 22(158). Korn and Graubard (1998), "Confidence intervals for proportions with small
    expected number of positive counts estimated from survey data", Survey Methodology 24(2).
    """
    import numpy as np

    n, order = len(chance), np.argsort(chance, kind="stable")
    x, hits = chance[order], happened[order]
    of_row = None if clusters is None else clusters[order]
    size = min(n, max(n // PARTS_OF_RANGE, ROWS_OF_RANGE))
    edges = _edges_of_steps(x)
    last = len(edges) - 2

    def ends(step: int) -> tuple[float, float]:
        low = high = step
        while edges[high + 1] - edges[low] < size:
            low, high = max(low - 1, 0), min(high + 1, last)
        rows = slice(edges[low], edges[high + 1])
        near = None if of_row is None else of_row[rows]
        return wilson_ends(float(hits[rows].mean()), effective_rows(hits[rows], near))

    low, high = np.transpose([ends(step) for step in range(last + 1)])
    low, high = np.minimum.accumulate(low[::-1])[::-1], np.maximum.accumulate(high)
    return ChanceRange(tuple(x[edges[1:-1]].tolist()), tuple(low.tolist()), tuple(high.tolist()))


def _edges_of_steps(x: NDArray[np.float64]) -> list[int]:
    """Return where steps of sorted chances begin, and the end; equal ones are in one step."""
    import numpy as np

    n, edges = len(x), [0]
    shares = np.linspace(0, 1, max(1, min(STEPS, n // LEAST_ROWS)) + 1)[1:-1]
    starts = np.unique(np.searchsorted(x, np.quantile(x, shares, method="higher")))
    for start in starts.tolist():
        if min(start - edges[-1], n - start) >= LEAST_ROWS:
            edges.append(start)
    return [*edges, n]
