"""When columns are known: the stages that the hints name, in their order."""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from src.exception import ConfigurationError

START = "the start"  # where the hints have no word for it
FIRST = frozenset(
    (START, "start", "enrolment", "enrollment", "admission", "application", "registration", "entry")
)
DAYS = {"day": 1, "week": 7}  # these two are compared with one another
OTHER_UNITS = ("month", "term", "trimester", "quarter", "semester", "year", "grade")
_LEAD = r"(?:(?:by|at|after) )?(?:(?:the )?end of )?"
_UNIT = "(" + "|".join((*DAYS, *OTHER_UNITS)) + ")"
_NAMED = re.compile(rf"{_LEAD}{_UNIT} ?(\d{{1,6}})", re.ASCII)
_COUNTED = re.compile(rf"{_LEAD}(?:the )?(\d{{1,6}}) ?(?:st|nd|rd|th)? ?{_UNIT}s?", re.ASCII)
_KINDERGARTEN = re.compile(rf"{_LEAD}(?:grade )?(?:k|kindergarten)", re.ASCII)


@dataclass(frozen=True)
class Stages:
    """Stages, the first of which is the start.

    Attributes
    ----------
    of_column : mapping of str to int
        When each column is known, by the key that headers are matched with. Others are known from
        the start.
    """

    names: tuple[str, ...]
    of_column: Mapping[str, int]

    def find(self, wanted: str) -> int:
        """Return which stage is meant.

        Raises
        ------
        ConfigurationError
            If there is none of that name; with the nearest.
        """
        keys = [stage_key(name) for name in self.names]
        if {stage_key(wanted), keys[0]} <= FIRST:
            return 0
        if stage_key(wanted) in keys:
            return keys.index(stage_key(wanted))
        close = difflib.get_close_matches(stage_key(wanted), keys, n=1)
        near = f" Did you mean {self.names[keys.index(close[0])]!r}?" if close else ""
        raise ConfigurationError(
            f"There is no stage {wanted!r}.{near} The stages are: {', '.join(self.names)}."
        )

    def is_known(self, column: str, stage: int) -> bool:
        """Return whether a column, by its key, is known at a stage."""
        return self.of_column.get(column, 0) <= stage


def stage_key(text: str) -> str:
    """Return what stages are compared by.

    Examples
    --------
    >>> stage_key(" Day  30 ")
    'day 30'
    """
    return " ".join(text.split()).casefold()


def order_stages(available: Mapping[str, str], listed: Sequence[str] = ()) -> Stages:
    """Return the stages that columns become known at, in their order.

    Parameters
    ----------
    available : mapping of str to str
        The stage of each column, by the column's key.
    listed : sequence of str
        All stages in their order. Without it, enrolment and the like come first and the others
        follow by their numbers or dates, where all are in one unit.

    Raises
    ------
    ConfigurationError
        If stages cannot be ordered, or one is not in the list.

    Examples
    --------
    >>> order_stages({"quiz": "week 4", "midterm": "day 60"}).names
    ('the start', 'week 4', 'day 60')
    """
    spelling: dict[str, str] = {}
    for stage in listed or available.values():
        spelling.setdefault(stage_key(stage), stage)
    if listed:
        order = [*spelling]
        missing = [stage for stage in available.values() if stage_key(stage) not in spelling]
        if missing:
            raise ConfigurationError(
                f"{missing[0]!r} is not in the list of stages: {', '.join(listed)}."
            )
    else:
        order = _by_time(spelling)
        if not order or order[0] not in FIRST:
            order.insert(0, START)
    of_column = {column: order.index(stage_key(stage)) for column, stage in available.items()}
    return Stages(tuple(spelling.get(key, key) for key in order), of_column)


def _by_time(spelling: Mapping[str, str]) -> list[str]:
    """Return the keys of stages in their order."""
    first = [key for key in spelling if key in FIRST]
    later = [key for key in spelling if key not in FIRST]
    times = [_time(key) for key in later]
    units = {time[0] for time in times if time is not None}
    comparable = None not in times and len(units) <= 1 and len(set(times)) == len(times)
    if len(first) > 1 or (len(later) > 1 and not comparable):
        quoted = ", ".join(f'"{spelt}"' for spelt in spelling.values())
        raise ConfigurationError(
            f"The stages {quoted} cannot be put in order by what they say. Write their order at "
            f"the top of the hints, the earliest first: stages = [{quoted}]."
        )
    return [*first, *(key for _, key in sorted(zip(times, later, strict=True), key=_place))]


def _place(stage: tuple[tuple[str, int] | None, str]) -> int:
    time, _ = stage
    return 0 if time is None else time[1]


def _time(key: str) -> tuple[str, int] | None:
    """Return the unit of a stage and where in it the stage lies; None where it does not say."""
    if _KINDERGARTEN.fullmatch(key):
        return "grade", 0
    if found := _NAMED.fullmatch(key):
        unit, number = found[1], int(found[2])
    elif found := _COUNTED.fullmatch(key):
        unit, number = found[2], int(found[1])
    else:
        try:
            return "date", datetime.date.fromisoformat(key).toordinal()
        except ValueError:
            return None
    return ("day", DAYS[unit] * number) if unit in DAYS else (unit, number)
