"""What a column of a large table holds, counted exactly in a memory that does not grow with it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from src.schema.findings import Reading
from src.schema.prepared_table import rewritten
from src.tables.cells import MISSING_MARKS, clean, format_number, parse_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_CELLS = 20_000  # different ones that are kept; from then on, numbers are only summed up
ENDS = 100  # the lowest and the highest numbers that are kept then: some may be codes


@dataclass
class ColumnCounts:
    """One column's cells.

    Attributes
    ----------
    cells : Counter of str
        Each different cell; of a column with more than 20,000, those that are no plain numbers.
    n_more : int
        Cells that had no room any more: of a column of texts that no feature can be.
    many : bool
        Whether numbers are only summed up.
    n_numbers, whole, low, high, parts
        Of the numbers then: how many, whether all are whole, the lowest and the highest different
        ones, and their sum in two parts, with twice the digits of one.
    """

    decimal_comma: bool = False
    cells: Counter[str] = field(default_factory=Counter)
    n_more: int = 0
    many: bool = False
    n_numbers: int = 0
    whole: bool = True
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    parts: list[float] = field(default_factory=list)

    def add(self, values: Sequence[str], counts: Sequence[int]) -> None:
        """Count cells: each different one, and how often it stands there."""
        if self.many:
            self._add_numbers(values, counts)
            return
        for value, n in zip(values, counts, strict=True):
            if n:
                self.cells[value] += n
        if len(self.cells) > MOST_CELLS:
            self._sum_up()

    @property
    def n_rows(self) -> int:
        return self.cells.total() + self.n_more + self.n_numbers

    @property
    def total(self) -> float:
        """The sum of all numbers: added up with twice the digits that it is told with."""
        told = sum(
            (
                n * Fraction(number)
                for cell, n in self.cells.items()
                if (number := self._number(cell)) is not None
            ),
            Fraction(0),
        )
        return float(told + sum(map(Fraction, self.parts)))

    def counted(self, reading: Reading, rewriting: dict[str, str], *, typed: bool) -> Counter[str]:
        """Return the cells as training reads them, with how often each stands there.

        Of a column of more than 20,000 different cells, a few numbers stand for all: those at both
        ends, and a fraction where there is one.
        """
        found = Counter[str]()
        for cell, n in self.cells.items():
            found[self._read(cell, reading, rewriting, typed=typed)] += n
        if self.many:
            ends = {*self.low, *self.high}
            if not self.whole and all(map(float.is_integer, ends)):
                ends.add(math.nextafter(min(ends), math.inf))
            for number in ends:
                found[self._plain(number)] += 1
        found.update({f"\0{i}": 1 for i in range(min(self.n_more, MOST_CELLS))})
        return found

    def _read(self, cell: str, reading: Reading, rewriting: dict[str, str], *, typed: bool) -> str:
        written = rewritten(cell, rewriting)
        if written is not None:
            return written
        text = clean(cell)
        if not reading.numeric or text.lower() in MISSING_MARKS:
            return text
        number = reading.format.read(text, decimal_comma=self.decimal_comma, typed=typed)
        if number is not None:
            return self._plain(number)
        return text if any(map(str.isdigit, text)) else ""  # a word among numbers is none

    def _plain(self, number: float) -> str:
        text = format_number(number)
        return text.replace(".", ",") if self.decimal_comma else text

    def _number(self, cell: str) -> float | None:
        return parse_number(cell, decimal_comma=self.decimal_comma)

    def _sum_up(self) -> None:
        """Keep only a summary of the numbers from now on."""
        cells, self.cells, self.many = self.cells, Counter(), True
        self._add_numbers([*cells], [*cells.values()])

    def _add_numbers(self, values: Sequence[str], counts: Sequence[int]) -> None:
        import numpy as np

        numbers, often = [], []
        for value, n in zip(values, counts, strict=True):
            if not n:
                continue
            number = self._number(value)
            if number is not None:
                numbers.append(number)
                often.append(n)
            elif value in self.cells or len(self.cells) < MOST_CELLS:
                self.cells[value] += n
            else:
                self.n_more += n
        if numbers:
            self.add_numbers(np.array(numbers), np.array(often))

    def add_numbers(self, numbers: NDArray[np.float64], counts: NDArray[np.intp]) -> None:
        """Count numbers of a column that is summed up."""
        import numpy as np

        repeated = np.repeat(numbers, counts).tolist()
        total = math.fsum(repeated)
        rest = math.fsum([*repeated, -total])
        different = np.unique(numbers)
        ends = [*different[:ENDS].tolist(), *different[-ENDS:].tolist()]
        whole = bool((numbers == np.floor(numbers)).all())
        self._take(ends, [total, rest], int(counts.sum()), whole=whole)

    def _take(self, ends: list[float], parts: list[float], n: int, *, whole: bool) -> None:
        low, high = sorted({*self.low, *ends}), sorted({*self.high, *ends})
        self.low, self.high = low[:ENDS], high[-ENDS:]
        total = math.fsum([*self.parts, *parts])
        rest = math.fsum([*self.parts, *parts, -total])
        self.parts, self.n_numbers = [total, rest], self.n_numbers + n
        self.whole = self.whole and whole
