"""What groups add to the model that a search chose: effects from rows that it did not learn from.

The model predicts for a group that it has never seen; a group that is known adds its effect, the
shrunken mean of its members' residuals, or tilts the chances of outcomes. The residuals are those
of models that learnt from other members of the group, as the model that serves did: what features
which differ by group tell of it is not counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from src.search.folds import StackedFolds
from src.search.task import REGRESSION, Task
from src.stats.group_effects import LEAST_MEMBERS, GroupMeans, Members

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Units:
    """Which group, such as a school, each row is of.

    Attributes
    ----------
    keys : ndarray of str of shape (n_rows,)
        Empty where a row is of none.
    people : ndarray of int of shape (n_rows,) or None
        Whose row it is.
    """

    keys: NDArray[Any]
    people: NDArray[np.intp] | None = None

    def take(self, rows: NDArray[np.intp]) -> Units:
        """Return those of some rows."""
        return Units(self.keys[rows], None if self.people is None else self.people[rows])

    def members(self) -> tuple[list[str], Members]:
        """Return the groups' keys, and their members."""
        import numpy as np

        known = self.keys != ""
        names, codes = np.unique(self.keys[known], return_inverse=True)
        of_row = np.full(len(self.keys), -1)
        of_row[known] = codes
        return names.tolist(), Members.of(of_row, len(names), self.people)


@dataclass(frozen=True)
class GroupFit:
    """The effects of groups.

    Attributes
    ----------
    names : list of str
        The keys of all groups.
    means : GroupMeans
        By group, in this order.
    rows : ndarray of int of shape (n_searched,)
        Of the training rows: those whose residuals the effects are made of.
    new, known : ndarray of shape (n_searched,)
        Their out-of-fold predictions: for a group that was never seen, and with the effect that
        other members of the group tell.
    task : Task
    units : Units
    truth : ndarray of shape (n_told,)
    predicted : ndarray of shape (n_told, ...)
        What the effects are made of: out-of-fold predictions without effects, of models that
        learnt from other members of the group, and where rows were added, what was predicted for
        them; with the truth and the groups.
    """

    names: list[str]
    means: GroupMeans
    rows: NDArray[np.intp]
    new: NDArray[np.float64]
    known: NDArray[np.float64]
    task: Task
    units: Units
    truth: NDArray[Any]
    predicted: NDArray[np.float64]

    @property
    def effects(self) -> dict[str, float]:
        """The effect of each group that has one."""
        large = self.means.n_members >= LEAST_MEMBERS
        pairs = zip(self.names, self.means.effect.tolist(), large.tolist(), strict=True)
        return {name: effect for name, effect, has_one in pairs if has_one}

    def of_each(self, keys: NDArray[Any]) -> NDArray[np.float64]:
        """Return the effect of each row's group, 0 where it has none."""
        import numpy as np

        effects = self.effects
        return np.array([effects.get(key, 0.0) for key in keys.tolist()], dtype=np.float64)

    def applied(self, predicted: NDArray[np.float64], keys: NDArray[Any]) -> NDArray[np.float64]:
        """Return predictions for new groups with the effects of rows' own."""
        return self.task.with_effects(predicted, self.of_each(keys))

    def with_rows(
        self, truth: NDArray[Any], predicted: NDArray[np.float64], units: Units
    ) -> GroupFit:
        """Return the effects as further rows, held out from the model, tell them too.

        Parameters
        ----------
        predicted : ndarray of shape (n_rows, ...)
            Without effects.
        """
        import numpy as np

        people = None
        if self.units.people is not None and units.people is not None:
            people = np.concatenate([self.units.people, units.people])
        both = Units(np.concatenate([self.units.keys, units.keys]), people)
        truth = np.concatenate([self.truth, truth])
        predicted = np.concatenate([self.predicted, predicted])
        names, members = both.members()
        means = self.task.group_means(truth, predicted, members)
        return replace(self, names=names, means=means, units=both, truth=truth, predicted=predicted)


def fit_groups(
    folds: StackedFolds,
    new: NDArray[np.float64],
    seen: NDArray[np.float64],
    rows: NDArray[np.intp],
    units: Units,
    random_state: int,
) -> GroupFit:
    """Return the effects of groups on top of a model.

    Parameters
    ----------
    folds : StackedFolds
        Of the search.
    new, seen : ndarray of shape (n_searched, ...)
        What copies of the model predict for rows that they did not learn from: where they learnt
        from nobody of the row's group, and where they learnt from its other members.
    rows : ndarray of int of shape (n_rows,)
        Where the folds' rows stand among the training rows.
    units : Units
        Of these rows. Effects are made of those that a fold tests.
    """
    rows, units = _of_tested(folds, rows, units)
    names, members = units.members()
    task, truth = folds.task, folds.truth
    if task != REGRESSION:
        truth = truth.astype(int)
    told = truth, seen, members
    known = task.with_effects(seen, task.effects_of_others(*told, random_state))
    means = task.group_means(*told)
    return GroupFit(names, means, rows, new, known, task, units, truth, seen)


def _of_tested(
    folds: StackedFolds, rows: NDArray[np.intp], units: Units
) -> tuple[NDArray[np.intp], Units]:
    return folds.of_tested(rows), units if folds.tested is None else units.take(folds.tested)
