"""How good chances of classes are on rows that no model saw, and what a list by them reaches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from src.report.class_facts import Capacity, ClassScores, ListQuality, NetBenefit
from src.stats import class_scores
from src.stats.disclosure import LEAST_ROWS, hidden_cells, hidden_groups, result_of_few
from src.stats.intervals import (
    Z_95,
    Interval,
    mean_interval,
    share_interval,
    standard_error,
    t_value,
    wilson_ends,
)
from src.stats.reliability import ReliabilityBin, reliability, rows_of_bins

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHARES = (0.05, 0.1, 0.2, 0.3)  # of students whom help is there for
GRID = tuple(k / 20 for k in range(1, 20))
THRESHOLDS = tuple(k / 20 for k in range(1, 13))
LEAST_BINS = 2  # of the reliability table, beside figures of groups


class ClassEvaluation:
    """Compare chances with what came true.

    Parameters
    ----------
    clusters : ndarray of shape (n_samples,), optional
        Numbers of the rows' clusters, such as schools: rows of one are not independent.
    """

    def __init__(self, clusters: NDArray[np.intp] | None = None) -> None:
        self.clusters = clusters

    def run(
        self,
        y: NDArray[np.int64],
        chances: NDArray[np.float64],
        prior: NDArray[np.float64],
        *,
        ordered: bool = False,
        event: frozenset[int] = frozenset(),
        groups: Sequence[Sequence[NDArray[np.bool_]]] = (),
    ) -> ClassScores:
        """Return the scores, with their intervals.

        Parameters
        ----------
        y : ndarray of shape (n_samples,)
            Codes from 0.
        chances : ndarray of shape (n_samples, n_classes)
            Calibrated.
        prior : ndarray of shape (n_classes,)
            Shares of the training rows.
        ordered : bool
            Whether the codes have an order.
        event : frozenset of int
            Classes that make up the event; empty for none.
        groups : sequence of sequence of ndarray of bool of shape (n_samples,)
            By feature, the rows of groups that are to be compared: bins of chances and lists give
            way to them.
        """
        import numpy as np

        said, clusters = chances.argmax(axis=1), self.clusters
        everyone = np.tile(prior, (len(y), 1))
        log_losses, brier_losses = class_scores.log_losses, class_scores.brier_losses
        chance, happened = class_scores.chance_and_truth(y, chances, event)
        bins, lists = self._bins_and_lists(chance, happened, bool(event), groups)
        return ClassScores(
            n_samples=len(y),
            log_loss=mean_interval(log_losses(y, chances), clusters, positive=True),
            brier=mean_interval(brier_losses(y, chances), clusters, positive=True),
            auc=class_scores.auc_interval(y, chances, clusters),
            pr_auc=class_scores.pr_auc_interval(y, chances, event, clusters),
            accuracy=share_interval(said == y, clusters),
            balanced_accuracy=class_scores.balanced_accuracy_interval(y, said, clusters),
            quadratic_kappa=(
                class_scores.quadratic_kappa_interval(y, said, clusters) if ordered else None
            ),
            calibration_error=class_scores.calibration_error_interval(y, chances, clusters),
            prior_log_loss=float(log_losses(y, everyone).mean()),
            prior_brier=float(brier_losses(y, everyone).mean()),
            bins=bins,
            confusion=confusion(y, said, len(prior)),
            capacity=lists,
            n_clusters=None if clusters is None else len(np.unique(clusters)),
        )

    def _bins_and_lists(
        self,
        chance: NDArray[np.float64],
        happened: NDArray[np.bool_],
        has_event: bool,
        groups: Sequence[Sequence[NDArray[np.bool_]]],
    ) -> tuple[tuple[ReliabilityBin, ...], Capacity | None]:
        """Return what is told of bins and lists beside the groups of as many features as can be.

        Two bins stay, and a list where there is one without the groups.
        """

        def told(
            beside: Sequence[NDArray[np.bool_]],
        ) -> tuple[tuple[ReliabilityBin, ...], Capacity | None]:
            bins = reliability(chance, happened, self.clusters, beside)
            if not has_event:
                return bins, None
            return bins, capacity(chance, happened, self.clusters, bins, beside)

        found = told(())
        beside: list[NDArray[np.bool_]] = []
        for of_feature in groups:
            fewer = told([*beside, *of_feature])
            listed = [bool(lists and lists.lists) for _, lists in (found, fewer)]
            if len(fewer[0]) >= min(LEAST_BINS, len(found[0])) and listed[0] <= listed[1]:
                found, beside = fewer, [*beside, *of_feature]
        return found


def confusion(
    y: NDArray[np.int64], said: NDArray[np.int64], n_classes: int
) -> tuple[tuple[int | None, ...], ...]:
    """Return how many rows of each class are predicted as each, where that singles out nobody."""
    import numpy as np

    counts = np.bincount(y * n_classes + said, minlength=n_classes**2).reshape(n_classes, -1)
    few_true, few_said = hidden_groups(counts.sum(axis=1)), hidden_groups(counts.sum(axis=0))
    hidden = hidden_cells(counts, few_true, few_said)
    return tuple(
        tuple(None if withheld else n for n, withheld in zip(*line, strict=True))
        for line in zip(counts.tolist(), hidden.tolist(), strict=True)
    )


def capacity(
    chance: NDArray[np.float64],
    happened: NDArray[np.bool_],
    clusters: NDArray[np.intp] | None = None,
    bins: Sequence[ReliabilityBin] = (),
    groups: Sequence[NDArray[np.bool_]] = (),
) -> Capacity | None:
    """Return what lists by the chance of an event hold, and what acting on it is worth.

    Parameters
    ----------
    chance : ndarray of shape (n_samples,)
        Of the event, by models that did not see the rows.
    happened : ndarray of bool of shape (n_samples,)
    bins : sequence of ReliabilityBin
        What else is told of the same rows and chances.
    groups : sequence of ndarray of bool of shape (n_samples,)
        Rows of groups whose figures are told too.

    Returns
    -------
    Capacity or None
        None where fewer than ten rows have the event, or fewer than ten do not.
    """
    import numpy as np

    n, n_event = len(happened), int(happened.sum())
    if min(n_event, n - n_event) < LEAST_ROWS:
        return None
    by_chance = class_scores.by_chance(chance)
    sizes = {share: round(share * n) for share in GRID}
    reached = {threshold: int((chance >= threshold).sum()) for threshold in THRESHOLDS}
    from_top = happened[by_chance]
    elsewhere = list(accumulate(one.n_samples for one in reversed(bins)))
    beside = [rows[by_chance] for rows in (*groups, *rows_of_bins(chance, bins))] if groups else []
    first = [sizes[share] for share in SHARES]
    if not told_sizes(from_top, first, elsewhere, beside):
        first = [*sizes.values()]  # any list, rather than thresholds alone
    told = told_sizes(from_top, [*first, *reached.values(), *sizes.values()], elsewhere, beside)

    def quality(share: float, size: int) -> ListQuality:
        listed = np.zeros(n, dtype=bool)
        listed[by_chance[:size]] = True
        last = float(chance[by_chance[size - 1]])
        precision, recall = list_intervals(listed, happened, last, clusters)
        found = Interval(*(n_event * one for one in (recall.value, recall.low, recall.high)))
        return ListQuality(size, share, found, size * n_event / n, precision, recall)

    def benefit(threshold: float) -> NetBenefit:
        cost = threshold / (1 - threshold)
        worth = np.where(happened, 1.0, -cost)
        model = mean_interval(np.where(chance >= threshold, worth, 0.0), clusters)
        return NetBenefit(threshold, model, float(worth.mean()))

    return Capacity(
        n,
        n_event,
        tuple(quality(share, size) for share, size in sizes.items() if size in told),
        tuple(
            benefit(threshold)
            for threshold, size in reached.items()
            if size in told or size in (0, n)
        ),
    )


def list_intervals(
    listed: NDArray[np.bool_] | NDArray[np.float64],
    happened: NDArray[np.bool_],
    last: float,
    clusters: NDArray[np.intp] | None = None,
) -> tuple[Interval, Interval]:
    """Return precision and recall of a list of a fixed share, with Wilson's intervals.

    In another sample the list would end at another chance: rows at its end come and go. The
    intervals are those of as many rows as the standard errors that count this are worth.

    Parameters
    ----------
    listed : ndarray of shape (n_samples,)
        Whether a row is on the list, or how much of it is.
    happened : ndarray of bool of shape (n_samples,)
    last : float
        The chance at the end of the list.
    """
    n, share, base, both = len(listed), listed.mean(), happened.mean(), listed * happened
    hits = both.mean()
    moved = both - hits - last * (listed - share)
    influences = moved / share, moved / base - (happened - base) * hits / base**2

    def interval(value: float, influence: NDArray[np.float64]) -> Interval:
        error, n_clusters = standard_error(influence / n, clusters)
        if n_clusters < 2:
            return Interval(value, *wilson_ends(value, 1.0))
        worth = value * (1 - value) / error**2 if error else n_clusters
        worth *= (Z_95 / t_value(n_clusters)) ** 2
        return Interval(value, *wilson_ends(value, worth))

    precision, recall = map(interval, (float(hits / share), float(hits / base)), influences)
    return precision, recall


def told_sizes(
    happened: NDArray[np.bool_],
    sizes: Iterable[int],
    elsewhere: Sequence[int] = (),
    beside: Sequence[NDArray[np.bool_]] = (),
) -> set[int]:
    """Return of which lists figures can be told, the first ones rather than the later.

    All lists begin with the same rows, so that two of them tell of the rows between them: of these,
    ten at least must have the event and ten must not. Lists whose figures follow from what is told
    elsewhere end with the same row, or ten rows off.

    Parameters
    ----------
    happened : ndarray of bool of shape (n_samples,)
        From the top of the list.
    sizes : iterable of int
        How long lists are.
    elsewhere : sequence of int
        How long those are of which figures follow from other tables.
    beside : sequence of ndarray of bool of shape (n_samples,)
        Other sets of rows, from the top of the list, whose figures are told: no sum of them and
        of lists may rest on fewer than ten rows.
    """
    import numpy as np

    def tells_of_few(ends: Iterable[int]) -> bool:
        lists = [np.arange(len(happened)) < end for end in ends]
        return bool(beside) and result_of_few(np.vstack([*beside, *lists])) is not None

    events, told = np.append(0, np.cumsum(happened)), {0, len(happened)}
    for size in sizes:
        near = any(0 < abs(size - other) < LEAST_ROWS for other in elsewhere)
        if size in told or near:
            continue
        below, above = max(k for k in told if k < size), min(k for k in told if k > size)
        ends = np.array([below, size, above])
        with_it = np.diff(events[ends])
        few = min(with_it.min(), (np.diff(ends) - with_it).min()) < LEAST_ROWS
        if not few and not tells_of_few({*told, size} - {0}):
            told.add(size)
    return told - {0, len(happened)}
