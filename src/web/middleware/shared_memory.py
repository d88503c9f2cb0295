"""Memory that the workers share: made before they are forked, gone with the last of them."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

try:
    import fcntl
except ImportError:  # Windows: one process serves there
    fcntl = None  # type: ignore[assignment]


class FileLocks:
    """Numbered locks between processes, which the system releases when their holder is killed.

    They lie on a file without a name. A lock belongs to a process, so threads need one of their
    own beside it.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as this lives
        weakref.finalize(self, self._file.close)

    def try_acquire(self, number: int) -> bool:
        """Take a lock and keep it to the process's end; False where another process has it."""
        if fcntl is None:
            return True
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except OSError:
            return False
        return True

    @contextmanager
    def held(self, number: int) -> Iterator[None]:
        """Wait for a lock and hold it for the block."""
        if fcntl is None:
            yield
            return
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, number)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)


class SharedCounters:
    """Numbers that every worker adds to, and that any of them can sum up.

    Each process writes a row of its own, so none waits for another. The row of a process that ended
    is taken over with what it holds by the next one that starts, so no sum ever falls.

    Parameters
    ----------
    n_cells : int
    n_rows : int
        Processes that can count at once; the memory of a row is used only once somebody counts.
    """

    def __init__(self, n_cells: int, n_rows: int = 256) -> None:
        self._width = n_cells + 1  # the last one says that the row was ever taken
        self._n_rows = n_rows
        self._cells = memoryview(mmap.mmap(-1, 8 * self._width * n_rows)).cast("d")
        self._locks = FileLocks()
        self._lock = threading.Lock()
        self._process = 0
        self._first = 0

    def add(self, *amounts: tuple[int, float]) -> None:
        """Add to some cells.

        Parameters
        ----------
        *amounts : (int, float)
            The cell's number and what to add to it.
        """
        cells = self._cells
        with self._lock:
            if os.getpid() != self._process:
                self._take_row()
            first = self._first
            for cell, amount in amounts:
                cells[first + cell] += amount

    def totals(self) -> list[float]:
        """Return the sum of each cell over all processes that ever counted."""
        starts = range(0, len(self._cells), self._width)
        rows = [
            self._cells[i : i + self._width] for i in starts if self._cells[i + self._width - 1]
        ]
        sums = [math.fsum(column) for column in zip(*rows, strict=True)]
        return sums[:-1] or [0.0] * (self._width - 1)

    def _take_row(self) -> None:
        rows = (row for row in range(self._n_rows) if self._locks.try_acquire(row))
        # With more processes than rows the last is shared: some of their counts may be lost.
        self._first = next(rows, self._n_rows - 1) * self._width
        self._cells[self._first + self._width - 1] = 1
        self._process = os.getpid()
