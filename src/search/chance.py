"""Whether the features say anything of the target: a permutation test of cheap, fixed models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from src.search.folds import StackedFolds
from src.stats.intervals import LEAST_CLUSTERS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PERMUTATIONS = 499
ROWS_FOR_DISTANCES = 1_000  # above, ridge regressions alone are asked
EXPLAINED = 0.45  # R² for which the chance of being found is told


def chance_p_value(folds: StackedFolds, random_state: int) -> float:
    """Return how often targets that the features say nothing of look as predictable as this one.

    Some fixed models are cross-validated for the target and for permutations of it (inside the
    folds, where these hold outcomes in their shares), all at once;
    each model's pooled squared error is ranked among those of the permutations, and the best rank
    is compared with their best ranks. Where rows come in clusters, which permutations would tear
    apart, the deviations from the mean get signs by chance, a sign a cluster. Fewer than ten
    clusters have too few signs to tell anything: there, rows are permuted.

    References
    ----------
    Ojala and Garriga (2010), "Permutation Tests for Studying Classifier Performance", JMLR 11.
    Westfall and Young (1993), "Resampling-Based Multiple Testing", for the best of several.
    Cameron, Gelbach and Miller (2008), "Bootstrap-based improvements for inference with clustered
    errors", Review of Economics and Statistics 90(3), for the signs.
    """
    import numpy as np
    from scipy.stats import rankdata

    folds = folds.whole
    targets = targets_by_chance(folds, np.random.default_rng(random_state))
    errors = [_pooled_errors(model, folds, targets) for model in _models(folds)]
    ranks = np.array([rankdata(of_model.round(9), method="max") for of_model in errors])
    best = ranks.min(axis=0)
    return float((best <= best[0]).mean())


def power(n_rows: int, n_columns: int, r2: float = EXPLAINED) -> float | None:
    """Return in which share of tables the F-test of a regression, at 5 %, finds such an R².

    None where there are too few rows for the test.

    References
    ----------
    Cohen (1988), "Statistical Power Analysis for the Behavioral Sciences", chapter 9.

    Examples
    --------
    >>> round(power(32, 5), 2)
    0.96
    """
    from scipy.stats import f, ncf

    freedom = n_rows - n_columns - 1
    if freedom < 1:
        return None
    least = f.isf(0.05, n_columns, freedom)
    return float(ncf.sf(least, n_columns, freedom, n_rows * r2 / (1 - r2)))


def targets_by_chance(folds: StackedFolds, random: np.random.Generator) -> NDArray[np.float64]:
    """Return the target and what it might be by chance, side by side, with mean 0 and spread 1.

    Outcomes without an order have a column each.
    """
    import numpy as np

    y, clusters = folds.task.numbers(folds.truth), folds.clusters
    y = y - y.mean(axis=0)
    y = y / (float(y.std()) or 1.0)
    if clusters is None or clusters.max() + 1 < LEAST_CLUSTERS:
        # Folds with each outcome in its share were made for these rows: permutations keep that, and
        # what differs by period where folds follow time.
        tested = np.concatenate(folds.tests)
        follows_time = len(tested) < len(y)
        blocks = [np.arange(len(y))]
        if folds.task.stratified or follows_time:
            blocks = [*folds.tests, np.setdiff1d(np.arange(len(y)), tested)]
        drawn = [_permuted(y, blocks, random) for _ in range(PERMUTATIONS)]
    else:
        signs = random.choice([-1.0, 1.0], size=(PERMUTATIONS, int(clusters.max()) + 1))
        drawn = [y * of_clusters[clusters][:, None] for of_clusters in signs]
    return np.column_stack([y, *drawn])


def _permuted(
    y: NDArray[np.float64], blocks: Sequence[NDArray[np.intp]], random: np.random.Generator
) -> NDArray[np.float64]:
    """Return the rows of y, permuted inside each block."""
    drawn = y.copy()
    for block in blocks:
        drawn[block] = random.permutation(y[block])
    return drawn


def _models(folds: StackedFolds) -> list[Any]:
    """Return models that are fitted to many targets at the price of one."""
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.linear_model import Ridge
    from sklearn.neighbors import KNeighborsRegressor

    models: list[Any] = [Ridge(2.0), Ridge(50.0)]
    if folds.weight is None and folds.n_samples <= ROWS_FOR_DISTANCES:
        nearest = min(7, *(len(train) for train, _ in folds.splits))
        models.append(KNeighborsRegressor(nearest))
        models.append(KernelRidge(kernel="rbf", gamma=0.5 / folds.X.shape[1]))
    return models


def _pooled_errors(
    model: Any, folds: StackedFolds, targets: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return each target's mean squared error, out of fold."""
    import numpy as np

    errors, shares, weight = np.zeros(targets.shape[1]), folds.shares, folds.weight
    n = folds.n_samples
    for (train, test), rows in zip(folds.splits, folds.tests, strict=True):
        learnt = train % n
        means = np.average(targets[learnt], axis=0, weights=shares[learnt])
        weights = {} if weight is None else {"sample_weight": weight[train]}
        model.fit(folds.X[train], targets[learnt] - means, **weights)
        wrong = targets[rows] - means - model.predict(folds.X[test])
        errors += shares[rows] @ wrong**2
    n_columns = targets.shape[1] // (PERMUTATIONS + 1)
    return errors.reshape(-1, n_columns).sum(axis=1) / n
