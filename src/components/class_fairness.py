"""Whether chances, and a list by them, treat all groups of students alike.

Three figures are compared: how far the share that came true is from the chances (calibration), who
is on the list for nothing (false alarms), and who is missing from it (missed). Where groups have
the event more or less often, no list has equal false alarms and misses unless the chances say
nothing: a difference in these two is a cost to be weighed, not a fault by itself.

Chouldechova (2017), "Fair prediction with disparate impact", Big Data 5(2). Areas between groups'
ROC curves are not shown: chance alone makes them large in samples of a school's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from src.report.class_groups import ClassFairness, ClassGrouping, GroupChances
from src.report.facts import FairnessFinding
from src.report.groups import Compared, Partition, compare, nothing_compared, partitions_of
from src.schema.record import Schema
from src.stats.disclosure import LEAST_ROWS, hidden_cells, hidden_together
from src.stats.intervals import Interval, mean_interval, share_interval
from src.stats.permutation_test import ALPHA

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

MOST_ROWS = 10_000  # held-out rows above which a sample of them is looked at: it takes seconds
RESAMPLES = 1_000
FOUND_IN = 0.8  # of tables, for a difference to count as one that would have been seen
LARGE = 0.2  # a difference below which all may stay unseen is not nothing


class GroupComparison:
    """Compare groups' chances with what came true, by permutations or a bootstrap of clusters."""

    def __init__(self, random_state: int = 42, n_resamples: int = RESAMPLES) -> None:
        self.random_state = random_state
        self.n_resamples = n_resamples

    def run(
        self,
        schema: Schema,
        X: pd.DataFrame,
        chance: NDArray[np.float64],
        happened: NDArray[np.bool_],
        listed: NDArray[np.bool_] | None = None,
        published: Sequence[NDArray[np.bool_]] = (),
        cross: tuple[str, str] | None = None,
        clusters: NDArray[np.intp] | None = None,
    ) -> ClassFairness:
        """Return the figures of each group, and which differences are more than chance.

        Each group is compared with all other rows. The largest of all statistics of a figure is the
        reference, and each of the three figures has a third of the 5 % (Bonferroni): where a model
        has all three equal in all groups, the chance of finding any difference is 5 % at most.

        Parameters
        ----------
        schema : Schema
            Its sensitive features are looked at, whether or not the model was given them.
        X : DataFrame of shape (n_samples, n_features)
            Held-out rows with typed columns. Of more than 10,000, a random sample is looked at.
        chance : ndarray of shape (n_samples,)
            Of the event, calibrated; without one, of the predicted outcome.
        happened : ndarray of bool of shape (n_samples,)
            Whether it came true.
        listed : ndarray of bool of shape (n_samples,), optional
            Who is on the list; None without an event.
        published : sequence of ndarray of bool of shape (n_samples,)
            Other sets of rows whose figures are shown.
        cross : (str, str), optional
            Names of two sensitive features whose combinations are groups too.
        clusters : ndarray of shape (n_samples,), optional
            Numbers of the rows' clusters, such as schools.
        """
        import numpy as np

        n_listed = None if listed is None else int(listed.sum())
        if len(chance) > MOST_ROWS:
            random = np.random.default_rng(self.random_state)
            rows = np.sort(random.choice(len(chance), MOST_ROWS, replace=False))
            X, chance, happened = X.iloc[rows], chance[rows], happened[rows]
            listed = None if listed is None else listed[rows]
            clusters = None if clusters is None else clusters[rows]
            published = [one[rows] for one in published]
        partitions = partitions_of(schema, X, cross, published)
        all_rows = np.ones(len(chance), dtype=bool)
        looked_at = [_Comparison("calibration", partitions, all_rows, happened - chance)]
        groups = [
            {code: _figures(one, code, chance, happened, clusters) for code in one.shown}
            for one in partitions
        ]
        if listed is not None:
            split = _by_event(partitions, happened)
            _add_list(groups, partitions, split, happened, listed, clusters)
            looked_at += [
                _Comparison("missed", split, happened, (~listed).astype(float)),
                _Comparison("false_alarms", split, ~happened, listed.astype(float)),
            ]
        findings = [
            finding
            for one in looked_at
            for finding in self._compare(one, groups, clusters, len(looked_at))
        ]
        groupings = tuple(
            ClassGrouping(
                partition.features,
                tuple(of_partition.values()),
                tuple(partition.labels[code] for code in np.flatnonzero(partition.hidden)),
            )
            for partition, of_partition in zip(partitions, groups, strict=True)
        )
        compared = any(group.p_values for one in groupings for group in one.groups)
        n_clusters = None if clusters is None else len(np.unique(clusters))
        none = nothing_compared(partitions, compared, len(chance), n_clusters)
        return ClassFairness(
            groupings, (none,) if none else tuple(findings), len(chance), LEAST_ROWS, n_listed
        )

    def _compare(
        self,
        asked: _Comparison,
        groups: list[dict[int, GroupChances]],
        clusters: NDArray[np.intp] | None,
        n_figures: int,
    ) -> list[FairnessFinding]:
        """Put a figure's p-values into the groups, and return what is to be said of it."""
        figure, rows, values = asked.figure, asked.rows, asked.values[asked.rows]
        within = [replace(one, codes=one.codes[rows]) for one in asked.partitions]
        found = compare(
            within,
            values,
            None if clusters is None else clusters[rows],
            self.n_resamples,
            self.random_state,
            ALPHA / n_figures,
        )
        for of_partition, p_values in zip(groups, found.p_values, strict=True):
            for code, of_group in p_values.items():
                group = of_partition[code]
                p_value = min(1.0, n_figures * of_group["mean_error"])
                of_partition[code] = replace(group, p_values={**group.p_values, figure: p_value})
        different = [
            _difference(figure, of_partition, one, values)
            for of_partition, one in zip(groups, within, strict=True)
        ]
        return [one for one in different if one] or _nothing(figure, found)


@dataclass(frozen=True)
class _Comparison:
    """A figure that is compared: the mean of values over some of the rows."""

    figure: str
    partitions: Sequence[Partition]
    rows: NDArray[np.bool_]
    values: NDArray[np.float64]


def _by_event(partitions: Sequence[Partition], happened: NDArray[np.bool_]) -> list[Partition]:
    """Return the partitions with those groups hidden of which too few have the event, or have not.

    What the shown groups leave over of the rows with the event, and of those without, is never of
    fewer than ten either.
    """
    import numpy as np

    hidden = []
    for one in partitions:
        counts = np.column_stack(
            [
                np.bincount(one.codes[rows], minlength=len(one.labels))
                for rows in (happened, ~happened)
            ]
        )
        none = np.zeros(2, dtype=bool)
        cells = hidden_cells(counts, one.hidden, none)
        few = (counts.sum(axis=1) > 0) & (counts < LEAST_ROWS).any(axis=1)
        hidden.append(one.hidden | cells.any(axis=1) | few)
    for rows in (happened, ~happened):
        hidden = hidden_together([one.codes[rows] for one in partitions], hidden)
    return [replace(one, hidden=withheld) for one, withheld in zip(partitions, hidden, strict=True)]


def _figures(
    partition: Partition,
    code: int,
    chance: NDArray[np.float64],
    happened: NDArray[np.bool_],
    clusters: NDArray[np.intp] | None,
) -> GroupChances:
    inside = partition.codes == code
    of_rows = None if clusters is None else clusters[inside]
    return GroupChances(
        partition.labels[code],
        int(inside.sum()),
        float(chance[inside].mean()),
        mean_interval(happened[inside] - chance[inside], of_rows),
    )


def _add_list(
    groups: list[dict[int, GroupChances]],
    partitions: Sequence[Partition],
    split: Sequence[Partition],
    happened: NDArray[np.bool_],
    listed: NDArray[np.bool_],
    clusters: NDArray[np.intp] | None,
) -> None:
    """Put into the groups which share is listed; false alarms and misses where they are shown."""

    def share(hits: NDArray[np.bool_], rows: NDArray[np.bool_]) -> Interval:
        return share_interval(hits[rows], None if clusters is None else clusters[rows])

    for of_partition, partition, shown in zip(groups, partitions, split, strict=True):
        for code in of_partition:
            inside = partition.codes == code
            of_partition[code] = replace(of_partition[code], listed=share(listed, inside))
            if code in shown.shown:
                of_partition[code] = replace(
                    of_partition[code],
                    false_alarms=share(listed, inside & ~happened),
                    missed=share(~listed, inside & happened),
                    n_event=int((inside & happened).sum()),
                )


def _difference(
    figure: str,
    groups: dict[int, GroupChances],
    partition: Partition,
    values: NDArray[np.float64],
) -> FairnessFinding | None:
    """Return the largest of a partition's differences that chance does not explain.

    Where one group is off, the others differ from the rest too: named is the one that is off most.
    """
    found = [
        (code, group) for code, group in groups.items() if group.p_values.get(figure, 1.0) <= ALPHA
    ]
    if not found:
        return None
    apart = []
    for code, group in found:
        inside = partition.codes == code
        apart.append((group, int(inside.sum()), float(values[~inside].mean())))
    group, n_rows, others = max(apart, key=lambda one: abs(_value(one[0], figure).value))
    value = _value(group, figure)
    return FairnessFinding(
        f"{figure}_differs",
        {
            "group": group.label,
            "value": value.value,
            "low": value.low,
            "high": value.high,
            "others": others,
            "n_rows": n_rows,
            "p_value": group.p_values[figure],
        },
    )


def _value(group: GroupChances, figure: str) -> Interval:
    value: Interval = getattr(group, figure)
    return value


def _nothing(figure: str, found: Compared) -> list[FairnessFinding]:
    """Return how large a difference would have been seen, and whether that says anything."""
    from scipy.stats import norm

    if not found.noticeable:
        return []
    factor = 1 + float(norm.ppf(FOUND_IN)) / found.critical
    values: dict[str, float | str] = {"figure": figure}
    for name, size in (("smallest", min(found.noticeable)), ("largest", max(found.noticeable))):
        values[f"{name}_rows"] = size
        values[f"{name}_seen"] = factor * found.noticeable[size]
    best = factor * min(found.noticeable.values())
    return [FairnessFinding("too_few_to_tell" if best > LARGE else "no_class_difference", values)]
