"""What a search tries: which families, with how many trials, on which rows.

It depends on the budget and on the table's size, not on the clock, so that a run can be repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from src.exception import ConfigurationError
from src.logger import get_logger
from src.search.candidates import WIDE, Candidate
from src.search.codes import code_columns, has_long_tail
from src.search.early_stopping import counted_folds
from src.search.folds import StackedFolds
from src.search.group_columns import bendable
from src.search.native_categories import NUMERIC, code_categories

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.compose import ColumnTransformer

logger = get_logger(__name__)

# Estimated processor seconds of fitting, on a core of 2023.
BUDGETS = {"quick": 1.2, "standard": 30.0}
SEARCHED_ROWS = 10_000  # training rows above which the search looks at a sample ...
SEARCHED_CELLS = 1_500_000  # ... or fewer, of a wide table: each fold has them once ...
LEAST_SEARCHED = 1_000  # ... but not fewer than these
EXPANDED_CELLS = 3_000_000  # of the training rows; more would fill the memory
FAMILY_SHARE = 1 / 3  # of the room that is left: what a family may take for more than one trial
ALWAYS_TRIED = 2  # families with at least one trial, unless that alone costs the whole budget
# Of the table: reading, checking, fitting and reporting them all takes half the time.
COSTLY_CELLS, COSTLY_COLUMNS = 1_000_000, 700

Progress = Callable[[str, int, int], None]  # label of the family, how many are done, of how many


@dataclass(frozen=True)
class Budget:
    """How much a search may try.

    Attributes
    ----------
    asked : str or float
        A key of :data:`BUDGETS`, or seconds by the clock.
    share : float
        Of what is asked, where several searches have one budget.
    by_clock : bool
        Whether seconds are looked at; else they stand for the fits that they are estimated to have
        room for, so that the search is the same wherever it runs.
    started : float
        Monotonic seconds.

    Raises
    ------
    ConfigurationError
        If there is no such budget.
    """

    asked: str | float
    share: float = 1.0
    by_clock: bool = True
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if isinstance(self.asked, str) and self.asked not in BUDGETS:
            raise ConfigurationError(
                f"A budget is {', '.join(BUDGETS)} or seconds. Got {self.asked!r}."
            )

    @property
    def quick(self) -> bool:
        """Whether there is time neither for early stopping nor for fitted weights."""
        return self.asked == "quick"

    @property
    def goes_on(self) -> bool:
        """Whether the best families are searched further, in rounds: while there are seconds."""
        return not isinstance(self.asked, str)

    @property
    def fitting_s(self) -> float:
        """Estimated seconds of fitting that there is room for."""
        whole = BUDGETS[self.asked] if isinstance(self.asked, str) else float(self.asked)
        return self.share * whole

    def is_used_up(self, planned_s: float = 0.0) -> bool:
        """Whether seconds are over: by the clock, or by the fits that were planned.

        Parameters
        ----------
        planned_s : float
            What all fits up to now, and the next, are estimated to cost.
        """
        if not self.goes_on:
            return False
        spent_s = time.monotonic() - self.started if self.by_clock else planned_s
        return spent_s > self.fitting_s

    def __str__(self) -> str:
        return self.asked if isinstance(self.asked, str) else f"{self.asked:g} s"


def searched_rows(n_rows: int, random_state: int, n_columns: int = 1) -> NDArray[np.intp]:
    """Return the rows to search on: all, or a sample of a table so large that it suffices."""
    import numpy as np

    most = min(SEARCHED_ROWS, max(LEAST_SEARCHED, SEARCHED_CELLS // n_columns))
    if n_rows <= most:
        return np.arange(n_rows)
    logger.info("Searching on %d of %d training rows", most, n_rows)
    random = np.random.default_rng(random_state)
    return np.sort(random.choice(n_rows, most, replace=False))


def plan_search(
    candidates: Sequence[Candidate],
    folds: StackedFolds,
    preprocessor: ColumnTransformer,
    budget: Budget,
    n_training: int = 0,
) -> tuple[list[tuple[Candidate, int]], dict[str, str]]:
    """Return which families are tried with how many trials, and why the others are not.

    Parameters
    ----------
    n_training : int
        Rows that the winner is fitted to, of which the folds may have a sample.

    Raises
    ------
    ConfigurationError
        If none can be trained.
    """
    plan, left_out = [(folds.task.baseline, 1)], {}
    n_columns = folds.X.shape[1]
    n_cells = min(SEARCHED_CELLS, max(folds.n_samples, n_training) * n_columns)
    beside = n_cells / COSTLY_CELLS + max(0, n_columns - WIDE) / COSTLY_COLUMNS
    whole = room = budget.fitting_s / (1 + beside)
    for asked in candidates:
        candidate = _fitted_to_table(asked, folds, preprocessor, n_training)
        if isinstance(candidate, str):
            left_out[asked.name] = candidate
            continue
        cost_s = trial_s(candidate, folds, quick=budget.quick)
        wanted = candidate.trials or candidate.n_points
        affordable = int((room - candidate.import_s) / cost_s)
        # Of a wide table, one family's trials would leave no room for any other.
        least = 0 if candidate.expansion else 1
        trials = min(wanted, affordable, max(least, int(FAMILY_SHARE * room / cost_s)))
        if len(plan) == 1 or (len(plan) <= ALWAYS_TRIED and cost_s <= whole):
            trials = max(trials, 1)
        if trials < 1:
            left_out[candidate.name] = f"no room in the budget ({budget})"
            continue
        room -= candidate.import_s + trials * cost_s
        plan.append((candidate, trials))
    if len(plan) == 1:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise ConfigurationError(f"None of the chosen models can be trained ({reasons}).")
    return plan, left_out


def fit_s(candidate: Candidate, folds: StackedFolds) -> float:
    """Return roughly what one fit of a family costs in the folds, in processor seconds."""
    n_folds = len(folds.splits)
    return candidate.seconds(folds.n_samples * (n_folds - 1) // n_folds, folds.X.shape[1])


def trial_s(candidate: Candidate, folds: StackedFolds, *, quick: bool) -> float:
    """Return roughly what one point of a family's space costs: its fits in all folds."""
    n_folds = len(folds.splits)
    cost_s = fit_s(candidate, folds) * n_folds
    if candidate.tree_count and not quick:
        cost_s *= 1 + counted_folds(folds.n_samples, n_folds) / n_folds
    return cost_s


def _fitted_to_table(
    candidate: Candidate, folds: StackedFolds, preprocessor: ColumnTransformer, n_training: int
) -> Candidate | str:
    """Return a family as this table's columns need it, or why it cannot be trained on them."""
    if folds.weight is not None and (candidate.wrapped or candidate.name == "neighbors"):
        return "it cannot be trained with weights"
    if candidate.log_link:
        if not has_long_tail(folds.truth):
            return "the target has no long upper tail that begins at 0"
        candidate = replace(candidate, unit=float(folds.truth.std()))
    if candidate.native:
        coded = code_categories(preprocessor, folds.X.shape[1])
        return candidate.decoding(*coded) if coded else "no feature has three or more categories"
    if candidate.expansion:
        steps = preprocessor.transformers
        n_numbers = sum(len(names) for step, _, names in steps if step == NUMERIC)
        if not n_numbers:
            return "no feature is a number"
        of_codes = candidate.expansion.of_codes
        numbers = code_columns(folds, n_numbers) if of_codes else [*range(n_numbers)]
        if not numbers:
            return "no number looks like a code"
        numbers = bendable(numbers, folds, candidate.expansion)
        if not numbers:
            return "its numbers are of groups, which are too few for it"
        n_columns = folds.X.shape[1] + candidate.expansion.n_columns(len(numbers))
        if n_training * n_columns > EXPANDED_CELLS:
            return "its columns would fill the memory"
        return candidate.expanding(numbers)
    return candidate
