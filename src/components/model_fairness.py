"""Whether a model errs alike for all groups of students, by each sensitive feature.

What it cannot see: a target that is unfair in itself, and groups that the table does not tell
apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from src.report.facts import Fairness, FairnessFinding, GroupErrors, Grouping
from src.report.groups import Partition, compare, nothing_compared, partitions_of
from src.schema.record import Schema
from src.stats.conformal import PredictionIntervals
from src.stats.disclosure import LEAST_ROWS, parts_by_size
from src.stats.intervals import mean_interval, rmse_interval, share_interval
from src.stats.permutation_test import ALPHA

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

MOST_ROWS = 10_000  # held-out rows above which a sample of them is looked at: it takes seconds
RESAMPLES = 1_000


class ModelFairness:
    """Compare a model's errors between groups, by permutations or a bootstrap of clusters."""

    def __init__(self, random_state: int = 42, n_resamples: int = RESAMPLES) -> None:
        self.random_state = random_state
        self.n_resamples = n_resamples

    def run(
        self,
        schema: Schema,
        X: pd.DataFrame,
        y_true: NDArray[np.float64],
        y_pred: NDArray[np.float64],
        intervals: PredictionIntervals,
        cross: tuple[str, str] | None = None,
        clusters: NDArray[np.intp] | None = None,
    ) -> Fairness:
        """Return the errors of each group, and which differences are more than chance.

        Numbers are cut into thirds of the held-out rows, missing values are a group of their own.
        The findings come from a permutation test of each group against all other rows, with the
        largest of all its statistics as the reference: on a fair model, the chance of finding any
        difference is 5 %. Where rows belong to clusters, these are what is taken to be
        independent; with fewer than ten of them no groups are compared.

        Parameters
        ----------
        schema : Schema
            Its sensitive features are looked at, whether or not the model was given them.
        X : DataFrame of shape (n_samples, n_features)
            Held-out rows with typed columns. Of more than 10,000, a random sample is looked at.
        y_true, y_pred : ndarray of shape (n_samples,)
            The predictions not clipped.
        cross : (str, str), optional
            Names of two sensitive features whose combinations are groups too.
        clusters : ndarray of shape (n_samples,), optional
            Numbers of the rows' clusters, such as schools.
        """
        import numpy as np

        parts = [np.isin(np.arange(len(y_true)), rows) for rows in parts_by_size(y_pred)]
        if len(y_true) > MOST_ROWS:
            random = np.random.default_rng(self.random_state)
            rows = np.sort(random.choice(len(y_true), MOST_ROWS, replace=False))
            X, y_true, y_pred = X.iloc[rows], y_true[rows], y_pred[rows]
            clusters = None if clusters is None else clusters[rows]
            parts = [part[rows] for part in parts]
        partitions = partitions_of(schema, X, cross, parts)
        clipped = schema.clip_all(y_pred)
        errors = y_true - clipped
        compared = compare(partitions, errors, clusters, self.n_resamples, self.random_state)
        # A row's prediction, then the ends of its intervals.
        target, levels = schema.number, intervals.levels
        bounds = target.minimum, target.maximum
        ends = [intervals.interval_of_each(y_pred, one, *bounds, X) for one in levels]
        predicted = np.column_stack([clipped, *itertools.chain.from_iterable(ends)])
        groupings = tuple(
            self._grouping(partition, y_true, predicted, clusters, [*map(str, levels)], of_groups)
            for partition, of_groups in zip(partitions, compared.p_values, strict=True)
        )
        n_clusters = None if clusters is None else len(np.unique(clusters))
        compared_any = any(group.p_values for one in groupings for group in one.groups)
        none = nothing_compared(partitions, compared_any, len(errors), n_clusters)
        findings = (none,) if none else _findings(groupings, errors, compared.noticeable)
        return Fairness(groupings, findings, len(errors), LEAST_ROWS)

    def _grouping(
        self,
        partition: Partition,
        y_true: NDArray[np.float64],
        predicted: NDArray[np.float64],
        clusters: NDArray[np.intp] | None,
        levels: Sequence[str],
        p_values: dict[int, dict[str, float]],
    ) -> Grouping:
        """Return the figures of the groups that are shown, and the names of the others."""
        import numpy as np
        from fairlearn.metrics import MetricFrame

        shown = np.isin(partition.codes, partition.shown)
        groups = ()
        if shown.any():
            if clusters is not None:
                predicted = np.column_stack([predicted, clusters])
            # One function for all figures, so that the frame walks through the rows once.
            frame = MetricFrame(
                metrics=lambda y_true, y_pred: errors_of(y_true, y_pred, levels),
                y_true=y_true[shown],
                y_pred=predicted[shown],
                sensitive_features=partition.codes[shown],
            )
            groups = tuple(
                replace(found, label=partition.labels[code], p_values=p_values.get(code, {}))
                for code, found in frame.by_group.items()
            )
        hidden = tuple(partition.labels[code] for code in np.flatnonzero(partition.hidden))
        return Grouping(partition.features, groups, hidden)


def errors_of(
    y_true: NDArray[np.float64], y_pred: NDArray[np.float64], levels: Sequence[str]
) -> GroupErrors:
    """Return the figures of some rows.

    Parameters
    ----------
    y_true : ndarray of shape (n_samples,)
    y_pred : ndarray of shape (n_samples, 1 + 2 * n_levels), or one column more
        The prediction, the ends of the interval of each level, and the row's cluster if any.
    levels : sequence of str
    """
    import numpy as np

    clusters = None
    if y_pred.shape[1] > 1 + 2 * len(levels):
        y_pred, clusters = y_pred[:, :-1], y_pred[:, -1].astype(np.intp)
    errors = y_true - y_pred[:, 0]
    inside = (y_pred[:, 1::2] <= y_true[:, None]) & (y_true[:, None] <= y_pred[:, 2::2])
    coverage = {
        level: share_interval(hits, clusters) for level, hits in zip(levels, inside.T, strict=True)
    }
    return GroupErrors(
        "",
        len(y_true),
        mean_interval(errors, clusters),
        mean_interval(np.abs(errors), clusters, positive=True),
        rmse_interval(errors, clusters),
        coverage,
    )


# --- what was found ------------------------------------------------------------------------------


def _findings(
    groupings: Sequence[Grouping],
    errors: NDArray[np.float64],
    noticeable: dict[int, float],
) -> tuple[FairnessFinding, ...]:
    """Return a finding for each difference that is larger than chance, or one for none.

    A pair is not spoken of where one of its features was.
    """
    found = []
    said: set[tuple[str, str]] = set()
    for grouping, metric in itertools.product(groupings, ("mean_error", "mae")):
        of_features = {(name, metric) for name in grouping.features}
        if not of_features & said and (groups := _worth_saying(grouping, metric)):
            said |= of_features
            found += [_difference(group, metric, errors) for group in groups]
    return tuple(found) or (_no_difference(noticeable, len(errors)),)


def _worth_saying(grouping: Grouping, metric: str) -> list[GroupErrors]:
    """Return the groups to speak of among those that differ by more than chance.

    Where one group errs, the others differ from the rest too, by being right: the groups named are
    those whose own mean error stands out; of two groups, or by their MAE, the one with the larger.
    """
    found = [group for group in grouping.groups if group.p_values.get(metric, 1) <= ALPHA]
    found.sort(key=lambda group: -abs(getattr(group, metric).value))
    if metric == "mean_error" and len(grouping.groups) + len(grouping.suppressed) > 2:
        return [group for group in found if group.mean_error.excludes_zero] or found[:1]
    return found[:1]


def _difference(group: GroupErrors, metric: str, errors: NDArray[np.float64]) -> FairnessFinding:
    n, figure = group.n_samples, getattr(group, metric)
    total = float((abs(errors) if metric == "mae" else errors).sum())
    return FairnessFinding(
        f"{metric}_differs",
        {
            "group": group.label,
            "value": figure.value,
            "low": figure.low,
            "high": figure.high,
            "others": (total - n * figure.value) / (len(errors) - n),
            "n_rows": n,
            "p_value": group.p_values[metric],
        },
    )


def _no_difference(noticeable: dict[int, float], n_rows: int) -> FairnessFinding:
    """Return on how many rows it rests that nothing was found, and what would have been."""
    if not noticeable:
        return FairnessFinding("equal_errors", {"n_rows": n_rows})
    values: dict[str, float] = {"n_rows": n_rows}
    for name, size in (("smallest", min(noticeable)), ("largest", max(noticeable))):
        values[f"{name}_rows"] = size
        values[f"{name}_noticed"] = noticeable[size]
    return FairnessFinding("no_difference", values)
