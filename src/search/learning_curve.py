"""How good the winner is when it learns from fewer rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from src.search.candidates import CANDIDATES
from src.search.folds import StackedFolds, fit_weighted
from src.search.leaderboard import BLEND, TrainedModel, mean_and_standard_error

LEARNING_SHARES = (0.1, 0.25, 0.5, 1.0)
LEARNING_S = 2.0  # estimated, of the learning curve: it takes fewer folds where a fit is dear
LEAST_LEARNT = 10  # rows


@dataclass(frozen=True)
class LearningPoint:
    """Cross-validated R² of the winner when it learns from this many rows."""

    n_train: int
    r2: float
    r2_standard_error: float
    train_r2: float


def learning_curve(
    trained: TrainedModel, folds: StackedFolds, random_state: int
) -> list[LearningPoint]:
    """Return how good the winner is when it learns from fewer rows, the fewest first.

    Parameters
    ----------
    trained : TrainedModel
        Its parameters stay as they are.
    folds : StackedFolds
        The search's.
    """
    import numpy as np
    from joblib import Parallel, delayed
    from sklearn.base import clone
    from sklearn.metrics import r2_score

    least = min(len(train) for train, _ in folds.splits)
    sizes = sorted({round(share * least) for share in LEARNING_SHARES})
    sizes = [size for size in sizes if size >= LEAST_LEARNT]

    def scores(size: int, k: int) -> tuple[float, float]:
        train, test = folds.splits[k]
        random = np.random.default_rng((random_state, k))
        learnt = random.permutation(train)[:size]
        model = fit_weighted(
            clone(trained.pipeline.named_steps["model"]), folds.X, folds.y, folds.weight, learnt
        )
        return (
            float(r2_score(folds.y[test], model.predict(folds.X[test]))),
            float(r2_score(folds.y[learnt], model.predict(folds.X[learnt]))),
        )

    a_fold_s = _fit_s(trained, least, folds.X.shape[1]) * math.fsum(LEARNING_SHARES)
    n_folds = max(2, min(len(folds.splits), int(LEARNING_S / a_fold_s)))
    asked = [(size, k) for size in sizes for k in range(n_folds)]
    found = np.array(Parallel()(delayed(scores)(size, k) for size, k in asked))
    by_size = found.reshape(len(sizes), n_folds, 2)
    return [
        LearningPoint(size, *mean_and_standard_error(each[:, 0]), float(each[:, 1].mean()))
        for size, each in zip(sizes, by_size, strict=True)
    ]


def _fit_s(trained: TrainedModel, n_rows: int, n_columns: int) -> float:
    """Return roughly what a fit of the winner costs, by its families and numbers of trees."""
    winner = trained.winner
    members = [*winner.params] if winner.name == BLEND else [winner.name]
    params = {row.name: row.params for row in trained.leaderboard}
    cost = 0.0
    for candidate in CANDIDATES:
        if candidate.name in members:
            count = candidate.tree_count
            n_trees = count and params[candidate.name].get(candidate.prefix + count.parameter)
            share = n_trees / count.usual if count and n_trees else 1.0
            cost += candidate.seconds(n_rows, n_columns) * share
    return cost
