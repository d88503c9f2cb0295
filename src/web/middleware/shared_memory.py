"""Memory that the workers share: made before they are forked, gone with the last of them."""

from __future__ import annotations

import mmap
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

try:
    import fcntl
except ImportError:  # Windows: one process serves there
    fcntl = None  # type: ignore[assignment]


class SharedLocks:
    """Numbered locks between threads and processes; one whose process is killed is free again."""

    def __init__(self, n_locks: int = 1) -> None:
        # A lock on a part of a file belongs to a process, so threads need one of their own.
        self._threads = [threading.Lock() for _ in range(n_locks)]
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as this lives
        weakref.finalize(self, self._file.close)

    @contextmanager
    def held(self, number: int = 0) -> Iterator[None]:
        """Wait for a lock and hold it for the block."""
        with self._threads[number]:
            if fcntl is None:
                yield
                return
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, number)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)


class SharedCounters:
    """Numbers that every worker adds to."""

    def __init__(self, n_cells: int) -> None:
        self._cells = memoryview(mmap.mmap(-1, 8 * n_cells)).cast("d")
        self._lock = SharedLocks()

    def add(self, *amounts: tuple[int, float]) -> None:
        """Add to some cells: each pair is the cell's number and what to add to it."""
        with self._lock.held():
            for cell, amount in amounts:
                self._cells[cell] += amount

    def totals(self) -> list[float]:
        """Return what each cell holds."""
        with self._lock.held():
            return list(self._cells)
