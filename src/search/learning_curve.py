"""How good the winner is when it learns from fewer rows."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from src.config import BLEND
from src.logger import get_logger
from src.search.folds import StackedFolds, fit_weighted
from src.search.home import HERE, Home
from src.search.leaderboard import TrainedModel
from src.search.native_categories import cloned
from src.search.scores import r2_gain, r2_interval
from src.search.task import R2
from src.stats.intervals import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = get_logger(__name__)

LEARNING_SHARES = (0.1, 0.25, 0.5, 1.0)
LEARNING_S = 2.0  # estimated, of the learning curve: it takes fewer folds where a fit is dear
LEAST_LEARNT = 10  # rows


class LearningScores(NamedTuple):
    """How good the winner is when it learns from so many rows.

    Attributes
    ----------
    r2 : Interval
        Out of fold.
    train_r2 : float
        On the rows that it learnt from.
    gain : Interval or None
        R² above that of the size before, on the same rows.
    """

    n_train: int
    r2: Interval
    train_r2: float
    gain: Interval | None


def learning_scores(
    trained: TrainedModel, random_state: int, home: Home = HERE
) -> tuple[list[LearningScores], list[int]]:
    """Return how good the winner is when it learns from fewer rows, the fewest first.

    The winner's parameters stay as they are. Of folds that follow time, the last one alone is
    looked at: the others have fewer periods to learn from. Beside the scores, the numbers of rows
    from which it cannot learn, such as 20 neighbours from 10 rows.
    """
    import numpy as np

    folds = trained.folds
    used = [*range(len(folds.splits))]
    if folds.inner is not None:
        used = used[-1:]
    least = min(len(folds.splits[k][0]) for k in used)
    sizes = sorted({round(share * least) for share in LEARNING_SHARES})
    sizes = [size for size in sizes if size >= LEAST_LEARNT]

    a_fold_s = _fit_s(trained, least, folds.X.shape[1]) * math.fsum(LEARNING_SHARES)
    used = used[: max(2, int(LEARNING_S / a_fold_s))]
    n_folds = len(used)
    asked = [(size, k) for size in sizes for k in used]
    task = partial(_predict, trained.pipeline.named_steps["model"], random_state)
    found = home.map(task, folds, asked, a_fold_s / max(len(sizes), 1))
    rows = np.concatenate([folds.tests[k] for k in used])
    points: list[LearningScores] = []
    too_few: list[int] = []
    before = None
    for i, size in enumerate(sizes):
        of_size = [one for one in found[i * n_folds : (i + 1) * n_folds] if one is not None]
        if len(of_size) < n_folds:
            logger.warning(
                "The learning curve leaves out %d rows: %s cannot learn from so few.",
                *(size, trained.winner.label),
            )
            too_few.append(size)
            continue
        predicted = folds.training_means.copy()
        predicted[rows] = np.concatenate([of_test for of_test, _ in of_size])
        r2 = r2_interval(folds, predicted, rows)
        gain = None if before is None else r2_gain(folds, predicted, before, rows)
        train_r2 = math.fsum(of_learnt for _, of_learnt in of_size) / n_folds
        points.append(LearningScores(size, r2, train_r2, gain))
        before = predicted
    return points, too_few


def _predict(
    estimator: Any, random_state: int, folds: StackedFolds, asked: tuple[int, int]
) -> tuple[NDArray[np.float64], float] | None:
    """Return what is predicted for a fold's test rows, and R² on so many rows that it learnt from.

    None where it cannot learn from so few.
    """
    import numpy as np

    size, k = asked
    task, (train, test) = folds.task, folds.splits[k]
    random = np.random.default_rng((random_state, k))
    learnt = random.permutation(train)[:size]
    model = cloned(estimator)
    try:
        fit_weighted(model, folds.X, folds.y, folds.weight, learnt)
        of_test, of_learnt = (task.predict(model, folds.X[rows]) for rows in (test, learnt))
    except ValueError:
        return None
    constant = task.constant(folds.y[learnt], len(learnt))
    lost, by_constant = (
        float(task.losses(folds.y[learnt], one, R2).mean()) for one in (of_learnt, constant)
    )
    return of_test, 1 - lost / (by_constant or 1.0)


def _fit_s(trained: TrainedModel, n_rows: int, n_columns: int) -> float:
    """Return roughly what a fit of the winner costs, by its families and numbers of trees."""
    winner = trained.winner
    members = [*winner.params] if winner.name == BLEND else [winner.name]
    params = {row.name: row.params for row in trained.leaderboard}
    cost = 0.0
    for candidate in trained.folds.task.candidates:
        if candidate.name in members:
            count = candidate.tree_count
            n_trees = count and params[candidate.name].get(candidate.prefix + count.parameter)
            share = n_trees / count.usual if count and n_trees else 1.0
            cost += candidate.seconds(n_rows, n_columns) * share
    return cost
