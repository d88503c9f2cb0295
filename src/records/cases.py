"""What a report counts: each pupil once a term, by the last prediction, in columns of numbers.

The rows are read in pieces and nothing of their text is kept but each group's name once: some 70
bytes a prediction.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from src.language import mark
from src.records.tables import outcome, prediction
from src.records.terms import Terms
from src.schema.features import ClassTarget

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNKNOWN = mark("unknown")
PIECE_ROWS = 10_000
NOTHING = float("nan")
NO_SHADOW = -1
LACKS_RANGE, LACKS_CHANCE = 1, 2
_NOBODY = 2**64 - 1  # and downwards: each prediction of nobody stands for itself


@dataclass(frozen=True)
class Columns:
    """A value for each case: a pupil in a term.

    Attributes
    ----------
    pupil : ndarray of uint64
        Who it is: the first half of the hash, and for nobody a number of its own.
    group, term : ndarray of int
        Numbers of the names.
    known : ndarray of bool
        Whether the outcome is known. Where it is not, what follows says nothing.
    predicted, actual : ndarray of float
        Of a number; of outcomes, whether the predicted one came (1.0 or 0.0), and nothing.
    has_range, held : ndarray of bool
        Whether there was a range or a set, and whether it held the outcome.
    chance, happened : ndarray of float, ndarray of bool
        The chance of what the list is of, NaN where there is none, and whether it came to that.
    lacks : ndarray of int
        What else the case has no part in: :data:`LACKS_RANGE`, :data:`LACKS_CHANCE` or 0.
    shadow : ndarray of int
        The number of the run that predicted beside; :data:`NO_SHADOW` where there is none.
    champion_said, shadow_said : ndarray of float
        The numbers that both predicted, or their chances of the outcome that came.
    """

    pupil: NDArray[np.uint64]
    group: NDArray[np.intc]
    term: NDArray[np.intc]
    known: NDArray[np.bool_]
    predicted: NDArray[np.float64]
    actual: NDArray[np.float64]
    has_range: NDArray[np.bool_]
    held: NDArray[np.bool_]
    chance: NDArray[np.float64]
    happened: NDArray[np.bool_]
    lacks: NDArray[np.int8]
    shadow: NDArray[np.intc]
    champion_said: NDArray[np.float64]
    shadow_said: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.pupil)

    def of(self, rows: NDArray[Any]) -> Columns:
        """Return some of the cases, by a mask or by their places."""
        return Columns(*(getattr(self, one.name)[rows] for one in fields(self)))


@dataclass(frozen=True)
class Cases:
    """All cases of a target, and the names of their groups, terms and shadows in order."""

    columns: Columns
    groups: list[str]
    terms: list[str]
    shadows: list[str]


def read_cases(connection: Connection, target: Any, terms: Terms) -> Cases:
    """Return each pupil and term once, by the last prediction; one of nobody stands for itself."""
    p = prediction.c
    # A join with the last outcomes would be a search among all of them for each row in SQLite.
    known = select(outcome.c.value).where(outcome.c.prediction == p.id)
    last = known.order_by(outcome.c.id.desc()).limit(1).scalar_subquery()
    asked = (
        select(
            p.subject, p.group_name, p.as_of, p.number, p.label, p.low, p.high, p.at_risk,
            p.mark, p.chances, last, p.shadow,
        )
        .where(p.target == target.name)
        .order_by(p.id)
    )  # fmt: skip
    reading = _Reading(target, terms)
    reading.add(connection.execution_options(yield_per=PIECE_ROWS).execute(asked))
    return reading.cases()


class _Names(dict[str, int]):
    """A number for each name, in the order in which they are met."""

    def __missing__(self, name: str) -> int:
        number = self[name] = len(self)
        return number


class _Reading:
    def __init__(self, target: Any, terms: Terms) -> None:
        self._target, self._terms = target, terms
        self._groups, self._of_day, self._shadows = _Names(), _Names(), _Names()
        names = [one.name for one in fields(Columns)]
        self._kinds = dict(zip(names, ("Q", "i", "i", *"?dd??d?bidd"), strict=True))
        self._columns = {
            name: array("b" if kind == "?" else kind) for name, kind in self._kinds.items()
        }

    def add(self, rows: Iterable[Any]) -> None:
        adds = [column.append for column in self._columns.values()]
        read = self._class if isinstance(self._target, ClassTarget) else self._number
        for nobody, (subject, group, as_of, *rest) in zip(count(_NOBODY, -1), rows, strict=False):
            values = (
                int(subject[:16], 16) if subject else nobody,
                self._groups[group or UNKNOWN],
                self._of_day[as_of],
                *read(*rest),
            )
            for add, value in zip(adds, values, strict=True):
                add(value)

    def _number(
        self, number: Any, label: Any, low: Any, high: Any, at_risk: Any, mark: Any, _: Any,
        value: Any, shadow: Any,
    ) -> tuple[Any, ...]:  # fmt: skip
        number = NOTHING if number is None else number
        if value is None:
            return _UNKNOWN
        actual = float(value or 0.0)
        has_range = low is not None and high is not None
        has_chance = at_risk is not None and mark is not None
        run, beside = NO_SHADOW, NOTHING
        if shadow:
            said = json.loads(shadow)
            run, beside = self._shadows[said["run"]], said["number"]
        return (
            True, number, actual, has_range, has_range and low <= actual <= high,
            at_risk if has_chance else NOTHING, has_chance and actual < mark,
            _lacks(label, low, high, at_risk), run, number, beside,
        )  # fmt: skip

    def _class(
        self, _: Any, label: Any, low: Any, high: Any, at_risk: Any, __: Any, chances: Any,
        value: Any, shadow: Any,
    ) -> tuple[Any, ...]:  # fmt: skip
        if value is None:
            return _UNKNOWN
        given: Mapping[str, Any] = json.loads(chances or "{}")
        run, champion, beside = NO_SHADOW, NOTHING, NOTHING
        if shadow:
            said = json.loads(shadow)
            run, beside = self._shadows[said["run"]], said["probabilities"].get(value, 0.0)
            champion = given.get("probabilities", {}).get(value, 0.0)
        return (
            True, label == value, NOTHING, True, value in given.get("set", ()),
            NOTHING if at_risk is None else at_risk, value in self._target.at_risk,
            _lacks(label, low, high, at_risk), run, champion, beside,
        )  # fmt: skip

    def cases(self) -> Cases:
        """Return the last of each pupil and term, in the order in which they came first."""
        import numpy as np

        groups, group_places = _in_order(self._groups)
        days = [self._terms.of(day) for day in self._of_day]
        terms, term_of_day = np.unique(np.array(days, str), return_inverse=True)
        of_day = np.frombuffer(self._columns["term"], np.intc)
        chosen = _last_of_each(
            np.frombuffer(self._columns["pupil"], np.uint64), term_of_day[of_day]
        )
        found = {}
        for name, kind in self._kinds.items():  # one after the other, so that few are there twice
            found[name] = np.frombuffer(self._columns.pop(name), kind)[chosen]
        found["group"] = group_places[found["group"]]
        found["term"] = term_of_day.astype(np.intc)[found["term"]]
        return Cases(Columns(**found), groups, terms.tolist(), [*self._shadows])


_UNKNOWN = (
    False, NOTHING, NOTHING, False, False, NOTHING, False, 0, NO_SHADOW, NOTHING, NOTHING,
)  # fmt: skip


def _lacks(label: Any, low: Any, high: Any, at_risk: Any) -> int:
    if label is None:
        return LACKS_RANGE if low is None or high is None else 0
    return LACKS_CHANCE if at_risk is None else 0


def _in_order(names: Mapping[str, int]) -> tuple[list[str], NDArray[np.intc]]:
    """Return names in order, and the place there of each number."""
    import numpy as np

    ordered = sorted(names)
    places = np.empty(len(ordered), np.intc)
    places[[names[name] for name in ordered]] = np.arange(len(ordered))
    return ordered, places


def _last_of_each(pupil: NDArray[Any], term: NDArray[Any]) -> NDArray[np.intp]:
    """Return where the last row of each pupil and term is, ordered by where the first is."""
    import numpy as np

    order = np.lexsort((term, pupil))
    pupil, term = pupil[order], term[order]
    begins = np.ones(len(order), bool)
    begins[1:] = (pupil[1:] != pupil[:-1]) | (term[1:] != term[:-1])
    first = order[begins]
    ends = np.append(begins[1:], len(order) > 0)[: len(order)]
    return order[ends][np.argsort(first)]
