"""What a record's group, such as its school, adds to a prediction. Standard library only."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from src.schema.features import LARGEST_NUMBER, Value
from src.tables.look_alike import fold
from src.utils import read_typed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEY_BYTES = 12
STEEP = 100  # beyond it a tilt leaves no chance to the other outcomes
REMEMBERED = 10_000  # names whose key is kept; a file can hold very many


def group_key(name: str, salt: str) -> str:
    """Return what stands for a group's name in a run, from which the name cannot be read.

    Who has the run can still try out a name.

    Examples
    --------
    >>> group_key("Hill School", "ab") == group_key("hill  school ", "ab")
    True
    """
    digest = hashlib.blake2b(fold(name).encode(), key=bytes.fromhex(salt), digest_size=KEY_BYTES)
    return digest.hexdigest()


@dataclass(frozen=True)
class GroupEffects:
    """The effects of the groups that training knew, by their keys.

    Attributes
    ----------
    column : str
        The table's column of groups, as the schema spells it.
    salt : str
        Hexadecimal.
    effects : dict of str to float
        What is added to a number, in the target's unit, or the tilt of chances.
    direction : tuple of float
        Of tilts, by outcome: a chance is multiplied by the exponential of the tilt times this, and
        all are scaled to sum to 1. Empty where a number is predicted.
    """

    column: str
    salt: str
    effects: dict[str, float] = field(default_factory=dict)
    direction: tuple[float, ...] = ()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return what :func:`dataclasses.asdict` described; TypeError or ValueError if nothing."""
        found = read_typed(cls, values)
        group_key("", found.salt)
        largest = max(map(abs, found.effects.values()), default=0.0)
        if (
            largest > LARGEST_NUMBER
            or largest * max(map(abs, found.direction), default=0.0) > STEEP
        ):
            raise ValueError("an effect is too large")
        return found

    def key(self, values: Mapping[str, Value]) -> str | None:
        """Return the key of a checked record's group, None where it has none or is not known."""
        name = values.get(self.column)
        if name is None:
            return None
        key = self._keys.get(name)  # type: ignore[arg-type]
        if key is None:
            if len(self._keys) > REMEMBERED:
                self._keys.clear()
            key = self._keys[name] = group_key(str(name), self.salt)  # type: ignore[index]
        return key if key in self.effects else None

    def keys(
        self, columns: Mapping[str, Sequence[Any] | NDArray[Any]], n_rows: int
    ) -> list[str | None]:
        """Return the keys of rows, as :meth:`key` does."""
        names = columns.get(self.column)
        if names is None:
            return [None] * n_rows
        return [self.key({self.column: name}) for name in names]

    def is_known(self, values: Mapping[str, Value]) -> bool | None:
        """Whether the group of a checked record is known; None where the record names none."""
        return None if values.get(self.column) is None else self.key(values) is not None

    def of(self, key: str | None) -> float:
        """Return a group's effect: 0 for one that is not known, as for an average one."""
        return 0.0 if key is None else self.effects[key]

    def of_each(self, keys: Sequence[str | None]) -> NDArray[np.float64]:
        """Return the effect of each key."""
        import numpy as np

        return np.array([self.of(key) for key in keys], dtype=np.float64)

    def tilted(self, chances: list[float], key: str | None) -> list[float]:
        """Return chances with a group's tilt."""
        if key is None:
            return chances
        weighted = [p * factor for p, factor in zip(chances, self._factors[key], strict=True)]
        total = 0.0
        for weight in weighted:
            total += weight
        return [weight / total for weight in weighted]

    def tilted_of_each(
        self, chances: NDArray[np.float64], keys: Sequence[str | None]
    ) -> NDArray[np.float64]:
        """Return rows' chances with their tilts, to the last bit what :meth:`tilted` returns."""
        import numpy as np

        found = np.array(chances)
        known = {row: self._factors[key] for row, key in enumerate(keys) if key is not None}
        if known:
            rows = [*known]
            weighted = chances[rows] * np.array([*known.values()])
            total = np.zeros(len(rows))
            for column in weighted.T:
                total += column
            found[rows] = weighted / total[:, None]
        return found

    @cached_property
    def _factors(self) -> dict[str, list[float]]:
        return {
            key: [math.exp(tilt * step) for step in self.direction]
            for key, tilt in self.effects.items()
        }

    @cached_property
    def _keys(self) -> dict[str, str]:
        return {}
