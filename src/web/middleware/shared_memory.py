"""Memory that the workers share: made before they are forked, gone with the last of them."""

from __future__ import annotations

import errno
import math
import mmap
import os
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

try:
    import fcntl
except ImportError:  # Windows: one process serves there
    fcntl = None  # type: ignore[assignment]

DEADLOCK_S = 5.0  # after which one that the system sees is believed


class SharedLock:
    """A lock between threads and processes; one whose process is killed is free again."""

    def __init__(self) -> None:
        # A lock on a part of a file belongs to a process, so threads need one of their own.
        self._thread = threading.Lock()
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as this lives
        weakref.finalize(self, self._file.close)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock and hold it for the block; OSError where it cannot be had."""
        with self._thread:
            if fcntl is None:
                yield
                return
            self._wait()
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1)

    def try_acquire(self, number: int) -> bool:
        """Take a numbered part until the process ends; False where another process has it."""
        if fcntl is None:
            return True
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except OSError:
            return False
        return True

    def _wait(self) -> None:
        # The system takes it for a deadlock when threads of two processes wait for a lock that
        # another thread of the other one has. They go on in a moment.
        deadline = time.monotonic() + DEADLOCK_S
        while True:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX, 1)
            except OSError as error:
                if error.errno != errno.EDEADLK or time.monotonic() > deadline:
                    raise
                time.sleep(0.001)
            else:
                return


class SharedCounters:
    """Numbers that every worker adds to, each process in a row of its own: none waits for another.

    The next process that starts takes over the row of one that ended, so no sum ever falls. Of more
    processes than ``n_rows`` the last share a row and may lose counts.
    """

    def __init__(self, n_cells: int, n_rows: int = 256) -> None:
        self._width = n_cells + 1  # the last one says that the row was ever taken
        self._cells = memoryview(mmap.mmap(-1, 8 * self._width * n_rows)).cast("d")
        self._lock, self._rows = threading.Lock(), SharedLock()
        self._process = self._first = 0

    def add(self, *amounts: tuple[int, float]) -> None:
        """Add to some cells: each pair is the cell's number and what to add to it."""
        with self._lock:
            if os.getpid() != self._process:
                self._take_row()
            for cell, amount in amounts:
                self._cells[self._first + cell] += amount

    def totals(self) -> list[float]:
        """Return the sum of each cell over all processes that ever counted."""
        starts = range(0, len(self._cells), self._width)
        rows = [self._cells[i : i + self._width] for i in starts]
        taken = [row for row in rows if row[-1]]
        return [math.fsum(column) for column in zip(*taken, strict=True)][:-1] or [0.0] * (
            self._width - 1
        )

    def _take_row(self) -> None:
        last = len(self._cells) // self._width - 1
        row = next((row for row in range(last) if self._rows.try_acquire(row)), last)
        self._first, self._process = row * self._width, os.getpid()
        self._cells[self._first + self._width - 1] = 1
