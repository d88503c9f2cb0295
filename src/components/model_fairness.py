"""Whether a model errs alike for all groups of students, by each sensitive feature.

What it cannot see: a target that is unfair in itself, and groups that the table does not tell
apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from src.report.facts import Fairness, FairnessFinding, GroupErrors, Grouping
from src.report.findings import category_label, missing_label, pair_label, range_labels
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.stats.conformal import PredictionIntervals
from src.stats.disclosure import (
    LEAST_ROWS,
    hidden_cells,
    hidden_groups,
    hidden_together,
    parts_by_size,
)
from src.stats.intervals import LEAST_CLUSTERS, mean_interval, rmse_interval, share_interval
from src.stats.permutation_test import ALPHA, Comparisons, compare_groups
from src.stats.wild_bootstrap import compare_groups_of_clusters

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

MOST_ROWS = 10_000  # held-out rows above which a sample of them is looked at: it takes seconds
LEAST_INSIDE = 5  # clusters with rows of a group, and with others, for the group to be compared
RESAMPLES = 1_000
MOST_VALUES = 5  # of a number, to be groups as they are; with more, its thirds are


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
        p_values, noticeable = self._compare(partitions, errors, clusters)
        # A row's prediction, then the ends of its intervals.
        target, levels = schema.number, intervals.levels
        bounds = target.minimum, target.maximum
        ends = [intervals.interval_of_each(y_pred, one, *bounds, X) for one in levels]
        predicted = np.column_stack([clipped, *itertools.chain.from_iterable(ends)])
        groupings = tuple(
            self._grouping(partition, y_true, predicted, clusters, [*map(str, levels)], of_groups)
            for partition, of_groups in zip(partitions, p_values, strict=True)
        )
        n_clusters = None if clusters is None else len(np.unique(clusters))
        findings = _findings(groupings, errors, noticeable, n_clusters)
        return Fairness(groupings, findings, len(errors), LEAST_ROWS)

    def _compare(
        self,
        partitions: Sequence[Partition],
        errors: NDArray[np.float64],
        clusters: NDArray[np.intp] | None,
    ) -> tuple[list[dict[int, dict[str, float]]], dict[int, float]]:
        """Return the p-values of each partition's groups by their codes.

        Beside them, by the size of a group, which difference of the mean would be noticed.
        """
        import numpy as np

        compared, groups = [], []
        for at, partition in enumerate(partitions):
            for code in partition.shown:
                inside = partition.codes == code
                if _can_be_compared(inside, clusters):
                    compared.append((at, code))
                    groups.append(np.flatnonzero(inside))
        comparisons = self._comparisons(errors, groups, clusters)
        found: list[dict[int, dict[str, float]]] = [{} for _ in partitions]
        for (at, code), p_values in zip(compared, comparisons.p_values, strict=True):
            found[at][code] = p_values
        return found, dict(zip(map(len, groups), comparisons.noticeable, strict=False))

    def _comparisons(
        self,
        errors: NDArray[np.float64],
        groups: Sequence[NDArray[np.intp]],
        clusters: NDArray[np.intp] | None,
    ) -> Comparisons:
        import numpy as np

        random = np.random.default_rng(self.random_state)
        if clusters is None:
            return compare_groups(errors, groups, self.n_resamples, random)
        codes = np.unique(clusters, return_inverse=True)[1]
        return compare_groups_of_clusters(errors, groups, codes, self.n_resamples, random)

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


def _can_be_compared(inside: NDArray[np.bool_], clusters: NDArray[np.intp] | None) -> bool:
    """Whether a group and its others have rows and clusters enough."""
    import numpy as np

    if clusters is None:
        return bool((~inside).sum() >= LEAST_ROWS)
    sides = [len(np.unique(clusters[rows])) for rows in (inside, ~inside)]
    return min(sides) >= LEAST_INSIDE and len(np.unique(clusters)) >= LEAST_CLUSTERS


# --- which group a row is in ---------------------------------------------------------------------


@dataclass(frozen=True)
class Partition:
    """Which group each row is in, as a position in the labels."""

    features: tuple[str, ...]
    labels: tuple[str, ...]
    codes: NDArray[np.intp]
    hidden: NDArray[np.bool_]

    @property
    def counts(self) -> NDArray[np.intp]:
        import numpy as np

        return np.bincount(self.codes, minlength=len(self.labels))

    @property
    def shown(self) -> list[int]:
        """Positions of the groups that get figures."""
        import numpy as np

        return np.flatnonzero((self.counts > 0) & ~self.hidden).tolist()


def partition_by(feature: NumericFeature | CategoricalFeature, column: pd.Series) -> Partition:
    """Return the groups that a sensitive feature makes of the rows."""
    import numpy as np
    import pandas as pd

    if isinstance(feature, CategoricalFeature):
        codes = pd.Categorical(column, categories=list(feature.categories)).codes.astype(np.intp)
        labels = [category_label(feature, category) for category in feature.categories]
    else:
        codes, labels = _cut(column.to_numpy(dtype=np.float64, na_value=np.nan), feature)
    codes = np.where(codes < 0, len(labels), codes)
    labels.append(missing_label(feature))
    hidden = hidden_groups(np.bincount(codes, minlength=len(labels)))
    return Partition((feature.name,), tuple(labels), codes, hidden)


def _cut(
    numbers: NDArray[np.float64], feature: NumericFeature
) -> tuple[NDArray[np.intp], list[str]]:
    """Return the third of each number, -1 for a missing one, and names of the thirds.

    A few different numbers are a group each.
    """
    import numpy as np

    missing = np.isnan(numbers)
    known = numbers[~missing]
    edges = np.unique(known)
    if len(edges) <= MOST_VALUES:
        labels = [category_label(feature, value) for value in edges.tolist()]
    else:
        thirds = np.quantile(known, (1 / 3, 2 / 3), method="inverted_cdf")
        edges = np.unique([float(f"{edge:.4g}") for edge in thirds])
        labels = range_labels(feature, edges.tolist())
    return np.where(missing, -1, np.searchsorted(edges, numbers)), labels


def partitions_of(
    schema: Schema,
    X: pd.DataFrame,
    cross: tuple[str, str] | None = None,
    published: Sequence[NDArray[np.bool_]] = (),
) -> list[Partition]:
    """Return the groups of each sensitive feature, and those of the pair that is crossed.

    Groups whose figures, with those of the others and of other sets of rows that are published,
    would single out a few rows are hidden.
    """
    found = [partition_by(f, X[f.name]) for f in schema.features if f.sensitive]
    found = _hidden_together(found, published)
    if cross is not None:
        by_name = {one.features[0]: one for one in found}
        crossed = _cross(*(by_name[name] for name in cross))
        found = _hidden_together([*found, crossed], published)
    return found


def _hidden_together(
    partitions: Sequence[Partition], published: Sequence[NDArray[np.bool_]]
) -> list[Partition]:
    codes, hidden = [one.codes for one in partitions], [one.hidden for one in partitions]
    together = hidden_together(codes, hidden, published)
    return [replace(one, hidden=h) for one, h in zip(partitions, together, strict=True)]


def _crossed_counts(one: Partition, other: Partition) -> NDArray[np.intp]:
    import numpy as np

    shape = (len(one.labels), len(other.labels))
    codes = one.codes * shape[1] + other.codes
    return np.bincount(codes, minlength=shape[0] * shape[1]).reshape(shape)


def _cross(one: Partition, other: Partition) -> Partition:
    """Return the combinations of two partitions' groups, hiding what gives a small one away."""
    counts = _crossed_counts(one, other)
    hidden = hidden_cells(counts, one.hidden, other.hidden)
    labels = tuple(pair_label(*both) for both in itertools.product(one.labels, other.labels))
    codes = one.codes * counts.shape[1] + other.codes
    return Partition(one.features + other.features, labels, codes, hidden.ravel())


# --- what was found ------------------------------------------------------------------------------


def _findings(
    groupings: Sequence[Grouping],
    errors: NDArray[np.float64],
    noticeable: dict[int, float],
    n_clusters: int | None,
) -> tuple[FairnessFinding, ...]:
    """Return a finding for each difference that is larger than chance, or one for none.

    A pair is not spoken of where one of its features was.
    """
    n = len(errors)
    compared = any(g.p_values for grouping in groupings for g in grouping.groups)
    if not groupings:
        return (FairnessFinding("no_sensitive_feature"),)
    if not compared and n_clusters is not None:
        values = {"n_clusters": n_clusters, "least": LEAST_CLUSTERS, "least_inside": LEAST_INSIDE}
        return (FairnessFinding("too_few_clusters", values),)
    if not compared:
        return (FairnessFinding("too_few_rows", {"n_rows": n, "least_rows": LEAST_ROWS}),)
    found = []
    said: set[tuple[str, str]] = set()
    for grouping, metric in itertools.product(groupings, ("mean_error", "mae")):
        of_features = {(name, metric) for name in grouping.features}
        if not of_features & said and (groups := _worth_saying(grouping, metric)):
            said |= of_features
            found += [_difference(group, metric, errors) for group in groups]
    return tuple(found) or (_no_difference(noticeable, n),)


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
