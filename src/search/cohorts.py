"""Folds that follow time: a model learns from earlier periods and predicts the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_LEFT_OUT = 0.5  # of earlier rows: those of pupils whose later rows are predicted
LEAST_LEARNT = 10  # rows


@dataclass(frozen=True)
class TimeFold:
    """A fold; all are positions of rows.

    Attributes
    ----------
    train, test : ndarray of int
    learn, stop : ndarray of int
        Of the training rows: what early stopping learns from, and what it stops by.
    """

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    learn: NDArray[np.intp]
    stop: NDArray[np.intp]


@dataclass(frozen=True)
class Cohorts:
    """Which period each row is of.

    Attributes
    ----------
    codes : ndarray of int of shape (n_rows,)
        The later the greater.
    people : ndarray of shape (n_rows,) or None
        Whose row it is.
    """

    codes: NDArray[np.intp]
    people: NDArray[Any] | None = None

    def take(self, rows: NDArray[np.intp]) -> Cohorts:
        """Return those of some rows."""
        return Cohorts(self.codes[rows], None if self.people is None else self.people[rows])

    def last(
        self, random_state: int, rows: NDArray[np.intp] | None = None
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the rows of earlier periods and of the last, with no pupil on both sides.

        Where a pupil has rows on both, the earlier are left out: those of the last period are all
        judged. But where that would leave out more than half of the earlier rows, the later rows
        of pupils drawn by chance are left out in their stead.

        Parameters
        ----------
        rows : ndarray of int, optional
            Those that are split; default: all.
        """
        import numpy as np

        of = np.arange(len(self.codes)) if rows is None else rows
        codes = self.codes[of]
        before, after = of[codes < codes.max()], of[codes == codes.max()]
        if self.people is None:
            return before, after
        both = np.intersect1d(self.people[before], self.people[after])
        if not len(both):
            return before, after
        drawn = np.random.default_rng(random_state).permutation(both)
        n_rows = _counts(self.people[before], drawn)
        judged = drawn[np.cumsum(n_rows) <= MOST_LEFT_OUT * len(before)]
        learnt = np.setdiff1d(both, judged)
        return (
            before[~np.isin(self.people[before], judged)],
            after[~np.isin(self.people[after], learnt)],
        )

    def folds(self, y: NDArray[Any], n_classes: int, random_state: int) -> list[TimeFold]:
        """Return a fold for each period but the first; none where there is one period alone.

        The first fold is of the first period that comes after all outcomes were seen. Where one
        period alone can be predicted, its rows are two folds.

        Parameters
        ----------
        y : ndarray of shape (n_rows,)
        n_classes : int
            Outcomes, of which the training rows must hold each; 0 for a number.
        """
        import numpy as np

        found: list[TimeFold] = []
        for code in np.unique(self.codes)[1:]:
            upto = np.flatnonzero(self.codes <= code)
            train, test = self.last(random_state, upto)
            if len(train) < LEAST_LEARNT or len(np.unique(y[train])) < n_classes or not len(test):
                continue
            found.append(TimeFold(train, test, *self._inner(train, y, n_classes, random_state)))
        if len(found) == 1:
            one = found[0]
            half = self._half(one.test, random_state)
            parts = one.test[half], one.test[~half]
            found = [TimeFold(one.train, test, one.learn, one.stop) for test in parts]
        return found

    def _inner(
        self, train: NDArray[np.intp], y: NDArray[Any], n_classes: int, random_state: int
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return what early stopping learns from and stops by: the last of the training periods."""
        import numpy as np

        if len(np.unique(self.codes[train])) > 1:
            learn, stop = self.last(random_state, train)
            if len(learn) >= LEAST_LEARNT and len(np.unique(y[learn])) >= n_classes:
                return learn, stop
        of = train if self.people is None else self.people[train]
        fifth = np.unique(of, return_inverse=True)[1] % 5 == 0
        return train[~fifth], train[fifth]

    def _half(self, rows: NDArray[np.intp], random_state: int) -> NDArray[np.bool_]:
        import numpy as np

        of = np.unique(rows if self.people is None else self.people[rows], return_inverse=True)[1]
        n = int(of.max()) + 1
        half: NDArray[np.bool_] = np.random.default_rng(random_state).permutation(n)[of] < n / 2
        return half


def _counts(people: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.intp]:
    """Return how many rows each of some people has."""
    import numpy as np

    names, counts = np.unique(people, return_counts=True)
    found: NDArray[np.intp] = counts[np.searchsorted(names, wanted)]
    return found
