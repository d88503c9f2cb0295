"""Whether a model errs alike for all groups of students, by each sensitive feature and each pair.

What it cannot see: a target that is unfair in itself, and groups that the table does not tell
apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from src.report.partitions import Partition, partition_by, with_pairs
from src.schema.features import NumericFeature
from src.schema.record import Schema
from src.stats.bootstrap import RESAMPLES, Interval, percentile_interval, wilson_interval
from src.stats.conformal import PredictionIntervals
from src.stats.disclosure import LEAST_ROWS
from src.stats.permutation_test import ALPHA, Comparison, compare_groups, noticeable_difference

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

MOST_ROWS = 10_000  # held-out rows above which a sample of them is looked at: it takes seconds
MOST_RESAMPLED = 500  # rows of a group in a resample
# Of the chance of a false sentence, by the number of features that make the groups: differences
# between the many groups of pairs must be larger to be told, so that those of single features need
# not be.
SHARES = {1: 0.8, 2: 0.2}


@dataclass(frozen=True)
class GroupErrors:
    """Errors on the held-out rows of a group, in the target's unit, with 95 % intervals.

    Attributes
    ----------
    label : str
        Such as ``Lunch = standard``.
    mean_error : Interval
        Of prediction less truth: below zero, the group is predicted too low.
    coverage : dict of str to Interval
        Share of the rows inside their prediction interval, by level.
    p_values : dict of str to float
        Of ``mean_error`` and ``mae`` against all other rows, adjusted for all comparisons that
        were made: up to 0.05 is more than chance explains. Empty where there are no other rows.
    """

    label: str
    n_samples: int
    mean_error: Interval
    mae: Interval
    rmse: Interval
    coverage: dict[str, Interval]
    p_values: dict[str, float]


@dataclass(frozen=True)
class Grouping:
    """The groups that one sensitive feature, or two together, make of the held-out rows.

    Attributes
    ----------
    features : tuple of str
        Names.
    groups : tuple of GroupErrors
    suppressed : tuple of str
        Labels of the groups whose figures are withheld.
    """

    features: tuple[str, ...]
    groups: tuple[GroupErrors, ...]
    suppressed: tuple[str, ...]


@dataclass(frozen=True)
class Fairness:
    """How the errors differ between groups.

    Attributes
    ----------
    groupings : tuple of Grouping
        Single features first, then pairs.
    least_rows : int
        Groups of fewer are suppressed, and as many others as keep them from being worked out.
    sentences : tuple of str
        What is larger than chance, or that nothing is and on how many rows that rests.
    """

    n_samples: int
    groupings: tuple[Grouping, ...]
    least_rows: int
    sentences: tuple[str, ...]


class ModelFairness:
    """Compare a model's errors between groups.

    Parameters
    ----------
    random_state : int
    n_resamples : int
        Of the bootstrap, and permutations of the test.
    """

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
    ) -> Fairness:
        """Return the errors of each group, and in words which differences are more than chance.

        Numbers are cut into thirds of the held-out rows, missing values are a group of their own.
        The sentences come from a permutation test of each group against all other rows, with the
        largest of all its statistics as the reference: on a fair model, the chance of any such
        sentence is 5 %. It takes rows to be independent; pupils of one school may not be.

        Parameters
        ----------
        schema : Schema
            Its sensitive features are looked at, whether or not the model was given them.
        X : DataFrame of shape (n_samples, n_features)
            Held-out rows with typed columns. Of more than 10,000, a random sample is looked at.
        y_true, y_pred : ndarray of shape (n_samples,)
            The predictions not clipped.
        intervals : PredictionIntervals
        """
        import numpy as np

        if len(y_true) > MOST_ROWS:
            random = np.random.default_rng(self.random_state)
            rows = np.sort(random.choice(len(y_true), MOST_ROWS, replace=False))
            X, y_true, y_pred = X.iloc[rows], y_true[rows], y_pred[rows]
        sensitive = [feature for feature in schema.features if feature.sensitive]
        partitions = with_pairs([partition_by(f, X[f.name]) for f in sensitive])
        clipped = schema.clip_all(y_pred)
        errors = clipped - y_true
        compared = {
            (at, code): np.flatnonzero(groups.codes == code)
            for at, groups in enumerate(partitions)
            for code in groups.shown
            if groups.counts[code] <= len(errors) - LEAST_ROWS
        }
        comparisons = compare_groups(
            errors,
            list(compared.values()),
            [SHARES[len(partitions[at].features)] for at, _ in compared],
            self.n_resamples,
            np.random.default_rng(self.random_state),
        )
        found = dict(zip(compared, comparisons, strict=True))
        # A row's prediction, then the ends of its intervals.
        predicted = np.column_stack([clipped, *_ends(schema.target, y_pred, intervals)])
        groupings = []
        for at, partition in enumerate(partitions):
            figures = self._figures(partition, y_true, predicted, [*intervals.half_widths])
            groups = [
                replace(
                    figures[code],
                    label=partition.labels[code],
                    p_values=_p_values(found.get((at, code))),
                )
                for code in partition.shown
            ]
            suppressed = [partition.labels[code] for code in np.flatnonzero(partition.hidden)]
            groupings.append(Grouping(partition.features, tuple(groups), tuple(suppressed)))
        sentences = _sentences(groupings, errors, comparisons, schema.target.unit)
        return Fairness(len(errors), tuple(groupings), LEAST_ROWS, tuple(sentences))

    def _figures(
        self,
        partition: Partition,
        y_true: NDArray[np.float64],
        predicted: NDArray[np.float64],
        levels: Sequence[str],
    ) -> dict[int, GroupErrors]:
        """Return the figures of each group of ten rows or more."""
        import numpy as np
        from fairlearn.metrics import MetricFrame

        if not partition.shown:
            return {}
        random = np.random.default_rng(self.random_state)

        def errors(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> GroupErrors | None:
            return self._errors(y_true, y_pred, levels, random)

        # One function for all figures, so that the frame walks through the rows once.
        frame = MetricFrame(
            metrics=errors, y_true=y_true, y_pred=predicted, sensitive_features=partition.codes
        )
        return dict(frame.by_group)

    def _errors(
        self,
        y_true: NDArray[np.float64],
        y_pred: NDArray[np.float64],
        levels: Sequence[str],
        random: np.random.Generator,
    ) -> GroupErrors | None:
        """Return the figures of some rows, None for fewer than ten.

        Of a large group fewer rows are resampled than there are, and the spread of the figures is
        scaled down accordingly.

        References
        ----------
        Bickel, Götze and van Zwet (1997), "Resampling fewer than n observations", Statistica
        Sinica 7(1).
        """
        import numpy as np

        n = len(y_true)
        if n < LEAST_ROWS:
            return None
        errors = y_pred[:, 0] - y_true
        figures = np.array([errors.mean(), abs(errors).mean(), np.sqrt((errors**2).mean())])
        n_drawn = min(n, MOST_RESAMPLED)
        drawn = errors[random.integers(n, size=(self.n_resamples, n_drawn), dtype=np.int32)]
        resampled = np.array(
            [drawn.mean(axis=1), abs(drawn).mean(axis=1), np.sqrt((drawn**2).mean(axis=1))]
        )
        resampled = figures[:, None] + (resampled - figures[:, None]) * np.sqrt(n_drawn / n)
        mean_error, mae, rmse = (
            percentile_interval(float(figure), values)
            for figure, values in zip(figures, resampled, strict=True)
        )
        inside = (y_pred[:, 1::2] <= y_true[:, None]) & (y_true[:, None] <= y_pred[:, 2::2])
        coverage = {
            level: wilson_interval(int(hits), n)
            for level, hits in zip(levels, inside.sum(axis=0), strict=True)
        }
        return GroupErrors("", n, mean_error, mae, rmse, coverage, {})


def _p_values(comparison: Comparison | None) -> dict[str, float]:
    if comparison is None:
        return {}
    return {"mean_error": comparison.mean_error, "mae": comparison.mae}


def _ends(
    target: NumericFeature, y_pred: NDArray[np.float64], intervals: PredictionIntervals
) -> Iterator[NDArray[np.float64]]:
    """Yield the lower and the upper ends of the rows' intervals, level by level."""
    import numpy as np

    for level in intervals.levels:
        ends = [intervals.interval(float(p), level, target.minimum, target.maximum) for p in y_pred]
        yield from np.array(ends).T


# --- words ---------------------------------------------------------------------------------------


def _sentences(
    groupings: Sequence[Grouping],
    errors: NDArray[np.float64],
    comparisons: Sequence[Comparison],
    unit: str,
) -> Iterator[str]:
    """Yield a sentence for each difference that is larger than chance, or one for none.

    A pair is not spoken of where one of its features was.
    """
    n = len(errors)
    if not groupings:
        yield "No feature is marked as sensitive in the hints file, so no groups were compared."
        return
    compared = [g.n_samples for grouping in groupings for g in grouping.groups if g.p_values]
    if not compared:
        yield (
            f"No groups were compared: a group needs {LEAST_ROWS} of the {n} held-out rows, with "
            f"{LEAST_ROWS} outside it."
        )
        return
    write = _writer(errors)
    unit = f" {unit}" if unit else ""
    said: set[tuple[str, str]] = set()
    for grouping in groupings:
        for metric in ("mean_error", "mae"):
            if any((name, metric) in said for name in grouping.features):
                continue
            for group in _worth_saying(grouping, metric):
                said |= {(name, metric) for name in grouping.features}
                yield _sentence(group, metric, errors, write, unit)
    if not said:
        yield _nothing_found(compared, comparisons, errors, write, unit)


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


def _sentence(
    group: GroupErrors,
    metric: str,
    errors: NDArray[np.float64],
    write: Callable[[float], str],
    unit: str,
) -> str:
    n, others = group.n_samples, len(errors) - group.n_samples
    chance = 100 * group.p_values[metric]
    models = "fewer than 1" if chance < 1 else f"about {chance:.0f}"
    if metric == "mae":
        found, rest = group.mae, (float(abs(errors).sum()) - n * group.mae.value) / others
        low, high = found.low, found.high
        side = other_side = "off"
    else:
        found, rest = group.mean_error, (float(errors.sum()) - n * group.mean_error.value) / others
        low, high = (found.low, found.high) if found.value > 0 else (-found.high, -found.low)
        side, other_side = ("too high" if x > 0 else "too low" for x in (found.value, rest))
    return (
        f"For {group.label} the prediction is {write(abs(found.value))}{unit} {side} on average "
        f"(95 % interval {write(low)} to {write(high)}; {n:,} held-out rows), for the others "
        f"{write(abs(rest))}{unit} {other_side}: that difference is more than chance explains. Of "
        f"100 fair models, {models} would show one as large."
    )


def _nothing_found(
    sizes: Sequence[int],
    comparisons: Sequence[Comparison],
    errors: NDArray[np.float64],
    write: Callable[[float], str],
    unit: str,
) -> str:
    n, spread = len(errors), float(errors.std())
    sentence = "No group's errors differ from the others' by more than chance explains. That rests "
    if not spread:
        return f"{sentence}on {n:,} held-out rows, whose errors are all the same."
    ranked = sorted(zip(sizes, (one.critical for one in comparisons), strict=True))
    small, large = (
        f"{write(noticeable_difference(critical, size, n, spread))}{unit}"
        for size, critical in (ranked[0], ranked[-1])
    )
    return (
        f"{sentence}on {n:,} held-out rows: to be told from chance, a group's mean error would "
        f"have to lie about {small} away from the others' in the smallest group compared "
        f"({ranked[0][0]:,} rows), {large} in the largest ({ranked[-1][0]:,} rows). Smaller "
        "differences may be there."
    )


def _writer(errors: NDArray[np.float64]) -> Callable[[float], str]:
    """Return what writes figures of these errors' size with two digits or so."""
    rmse = float((errors**2).mean() ** 0.5)
    digits = max(0, 1 - math.floor(math.log10(rmse / 2))) if rmse else 0
    return lambda number: f"{number:.{digits}f}"
