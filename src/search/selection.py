"""Which of the families that were tried wins: the best alone, or an average or blend of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from src.config import BLEND
from src.search.blending import cross_blend, equal_weights
from src.search.folds import StackedFolds
from src.search.leaderboard import LeaderboardRow, Tried, leaderboard_row
from src.search.scores import losses, pooled_score, spread
from src.stats.choice import choice_optimism
from src.stats.intervals import standard_error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

AS_GOOD = 0.002  # R² below which a difference is none
BLEND_WITHIN = 0.05  # R² of the best, for a family to be blended in
BLEND_MEMBERS = 6
NEAR = 1.5  # standard errors of the rows' paired losses, for chances of outcomes to be averaged


@dataclass(frozen=True)
class Winner:
    """What won.

    Attributes
    ----------
    score : float
        By the metric of the choice, the larger the better, not corrected for having been chosen.
    out_of_fold : ndarray of shape (n_samples, ...)
    estimator : BaseEstimator
        Not fitted.
    """

    row: LeaderboardRow
    score: float
    out_of_fold: NDArray[np.float64]
    estimator: BaseEstimator


@dataclass(frozen=True)
class Selection:
    """Choose among families by their scores in the folds.

    Attributes
    ----------
    tried : dict of str to Tried
        By name, the baseline not among them.
    metric : str
        What is compared.
    within : float
        What a family may lack of the best, in the metric's unit, and still be as good.
    quick : bool
        Whether only what is as good as the best is looked at, and weights are not fitted.
    """

    folds: StackedFolds
    tried: dict[str, Tried]
    metric: str
    within: float
    random_state: int
    quick: bool

    def run(self) -> Winner:
        """Return the winner."""
        predicted = {one.candidate.name: one.out_of_fold for one in self._contenders()}
        shares, blended = self._blend(predicted)
        if len(shares) > 1:
            return self._blended(shares, blended)
        only = self.tried[next(iter(shares))]
        return self._winner(
            only.row(self.folds), only.out_of_fold, only.unfitted(self.random_state)
        )

    def _winner(
        self, row: LeaderboardRow, out_of_fold: NDArray[np.float64], estimator: BaseEstimator
    ) -> Winner:
        """Return the winner, its figures on the leaderboard corrected for having been chosen.

        The correction is that of choosing the best of all points of all families; it is the
        same where the winner is an average or a blend, whose shares are judged on other folds.
        """
        import numpy as np

        folds = self.folds
        points = np.vstack([one.points for one in self.tried.values()])
        task = folds.task
        found = {metric: losses(folds, points, metric) for metric in task.losses_of_rows}
        chosen_by = self.metric if self.metric in found else task.losses_of_rows[0]
        optimism = choice_optimism(found, chosen_by, folds.clusters, self.random_state)
        lower = optimism[task.losses_of_rows[0]] / float(spread(folds).mean())
        corrected = replace(
            row,
            r2=row.r2 - lower,
            r2_low=row.r2_low - lower,
            r2_high=row.r2_high - lower,
            errors=task.corrected(row.errors, optimism),
        )
        score = pooled_score(folds, out_of_fold, self.metric)
        return Winner(corrected, score, out_of_fold, estimator)

    def _contenders(self) -> list[Tried]:
        """Return the families that may win, best first.

        The linear families are one but for the penalty: the first in the order of promise that is
        as good as the best of them stands for all. What cannot be compiled is there only where it
        is better than everything that can. In a quick search, only what is as good as the best.
        """

        def score(one: Tried) -> float:
            return one.scores[self.metric]

        ranked = sorted(self.tried.values(), key=score, reverse=True)
        alike = self.folds.task.linear
        linear = [one for one in self.tried.values() if one.candidate.name in alike]
        best_linear = max(map(score, linear), default=0.0)
        for_all = next((one for one in linear if score(one) >= best_linear - self.within), None)
        near = [
            one
            for one in ranked
            if (one is for_all or one.candidate.name not in alike)
            and (one is ranked[0] or one.candidate.name not in self.folds.task.lone)
            and one.scores["r2"] > ranked[0].scores["r2"] - BLEND_WITHIN
        ]
        tabled = [one for one in near if one.candidate.tabled]
        if tabled and score(tabled[0]) > score(ranked[0]) - self.within:
            near = tabled
        if self.quick:
            near = [one for one in near if score(one) >= score(near[0]) - self.within]
        return near[:BLEND_MEMBERS]

    def _blend(
        self, predicted: dict[str, NDArray[np.float64]]
    ) -> tuple[dict[str, float], NDArray[np.float64]]:
        """Return the winners' shares, and what they predict together out of fold.

        The families that are as good as the best are averaged: which of them is ahead is chance,
        and the mean of what differs by chance is better than the luckiest. Where no other is as
        good, that is the best alone. Of chances of outcomes, those count as good whose rows' losses
        are within :data:`NEAR` paired standard errors of the best one's: few rows hardly tell which
        family is ahead. Weights that are fitted to the out-of-fold predictions are
        taken only where they gain more than that, and more than a standard error of the rows'
        paired differences; with chances of outcomes, where they gain at all, and halfway. Both are
        judged on folds that they have not seen; weights that leave one family in the end are no
        blend, and the best alone is not always that one.
        """
        import numpy as np

        names, folds = [*predicted], self.folds
        matrix = np.array([predicted[name] for name in names])
        of_rows = losses(folds, matrix, self.metric)

        def rows(of_folds: Sequence[int]) -> NDArray[np.intp]:
            return np.concatenate([folds.tests[fold] for fold in of_folds])

        def as_good(of_folds: Sequence[int]) -> NDArray[np.float64]:
            of = rows(of_folds)
            scores = np.array([pooled_score(folds, one, self.metric, of) for one in matrix])
            if not folds.task.any_gain:
                return equal_weights(scores, self.within)
            lost = of_rows[:, of] - of_rows[int(np.argmax(scores)), of]
            clusters = None if folds.clusters is None else folds.clusters[of]
            errors = [standard_error((one - one.mean()) / len(of), clusters)[0] for one in lost]
            near = lost.mean(axis=1) <= NEAR * np.array(errors)
            return near / near.sum()

        shares, blended = cross_blend(matrix, folds.tests, as_good)
        if not self.quick:
            fitted, fitted_blended = cross_blend(
                matrix,
                folds.tests,
                lambda of: folds.task.blend_weights(matrix[:, rows(of)], folds.truth[rows(of)]),
            )
            if self._gains(fitted_blended, blended) and np.count_nonzero(fitted) > 1:
                if folds.task.any_gain:
                    fitted = (shares + fitted) / 2
                    fitted_blended = (blended + fitted_blended) / 2
                shares, blended = fitted, fitted_blended
        return {n: float(w) for n, w in zip(names, shares, strict=True) if w > 0}, blended

    def _gains(self, fitted: NDArray[np.float64], blended: NDArray[np.float64]) -> bool:
        """Whether fitted weights gain: more than nothing and than a standard error, or at all."""
        folds, metric = self.folds, self.metric
        less = losses(folds, blended, metric) - losses(folds, fitted, metric)
        error, _ = standard_error((less - less.mean()) / len(less), folds.clusters)
        gain = pooled_score(folds, fitted, metric) - pooled_score(folds, blended, metric)
        if folds.task.any_gain:
            return gain > 0
        return bool(gain > self.within and less.mean() > error)

    def _blended(self, shares: dict[str, float], out_of_fold: NDArray[np.float64]) -> Winner:
        members = {name: self.tried[name] for name in shares}
        kind = "Average" if len(set(shares.values())) == 1 else "Blend"
        row = leaderboard_row(
            BLEND,
            f"{kind} of {', '.join(one.candidate.label for one in members.values())}",
            self.folds,
            out_of_fold,
            fit_time_s=sum(one.fit_time_s for one in members.values()),
            n_trials=1,
            params={name: round(share, 6) for name, share in shares.items()},
        )
        estimator = self.folds.task.blend(
            [(name, one.unfitted(self.random_state)) for name, one in members.items()],
            [*shares.values()],
        )
        return self._winner(row, out_of_fold, estimator)


def as_good_in_unit_of(metric: str, baseline: Tried) -> float:
    """Return the difference in R² that counts as none, in the unit of the metric of the choice.

    Errors are measured by the baseline's: 0.002 of it.
    """
    return AS_GOOD if metric == "r2" else abs(AS_GOOD * baseline.scores[metric])
