"""From the app to the process that writes: a bounded queue, a thread, a pipe.

A request only appends its row to the queue. The thread hands over what is there several times a
second to a process of its own (:mod:`src.records.writer`): work on the database in this process
would take the interpreter from the requests. What is handed over is kept until the process says
that it is written or spooled, and handed over again to the next one where it ended before.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import pickle
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol

from src.config import ROOT
from src.logger import get_logger
from src.records.spool import Row

logger = get_logger(__name__)

GATHER_S = 0.1  # between two looks into the queue
IDLE_S = 5.0  # after which the process is woken: rows may wait in spools
RESTART_S = 5.0  # between two starts of the process
MOST_QUEUED = 20_000
PIECE_ROWS = 250  # handed over at once; no other thread runs while they are pickled
CLOSE_S = 5.0  # that the end of this process waits for the last rows
ROOM_LOOK_S = 0.01
TABLE = "table"  # the key of a row that says which table it is of

WRITTEN, SPOOLED, LOST, FAILURES = range(4)  # what is counted
Count = Callable[[int, int], None]  # which of these, and how many more
ToRow = Callable[[Any], Row]


class WriterProcess(Protocol):
    """The methods of :class:`subprocess.Popen` that are needed here."""

    stdin: IO[bytes] | None
    stdout: IO[bytes] | None

    def poll(self) -> int | None: ...
    def wait(self) -> int: ...
    def kill(self) -> None: ...


class Outbox:
    """Have rows of the records written without delaying or failing whoever puts them.

    It may be made before the workers are forked: thread and process come with a worker's first row.

    Parameters
    ----------
    url : str
        Of the database.
    spool_folder : Path
        Shared by all processes.
    to_row : callable
        Makes the row of what was put, in the thread: a column's value by name, and the table's
        name under :data:`TABLE`. What is a row already is not asked about.
    count : callable
        Told of predictions that were written, spooled or lost, and of failures of the database.
    """

    def __init__(self, url: str, spool_folder: Path, to_row: ToRow, count: Count) -> None:
        self._where = (url, str(spool_folder))
        self._to_row, self._count = to_row, count
        self._lock = threading.Lock()
        self._process = 0
        self._start_anew()

    def _start_anew(self) -> None:
        self._queue: deque[Any] = deque()
        self._handed: deque[list[Row]] = deque()  # over, and not said to be done
        self._waiting = threading.Event()
        self._ending = threading.Event()
        self._writer: WriterProcess | None = None
        self._start_at = 0.0  # monotonic seconds
        self._thread: threading.Thread | None = None
        self._listener: threading.Thread | None = None

    def put(self, item: Any) -> None:
        """Have a row written later; it is counted as lost where the queue is full."""
        if self._process != os.getpid():
            self._begin()
        if len(self._queue) >= MOST_QUEUED:
            self._count(LOST, 1)
            return
        self._queue.append(item)
        if not self._waiting.is_set():
            self._waiting.set()

    def put_all(self, items: Sequence[Any]) -> None:
        """Put many rows."""
        for item in items:
            self.put(item)

    def put_patiently(self, items: Sequence[Any]) -> None:
        """Put many rows, and wait while the queue is full: for a process that answers nobody."""
        for item in items:
            while len(self._queue) >= MOST_QUEUED and self._process == os.getpid():
                time.sleep(ROOM_LOOK_S)
            self.put(item)

    def close(self) -> None:
        """Have what is there written, to the spool if need be, and end thread and process."""
        thread = self._thread
        if self._process != os.getpid() or thread is None:
            return
        self._ending.set()
        self._waiting.set()
        thread.join(CLOSE_S)

    def _begin(self) -> None:
        with self._lock:
            if self._process == os.getpid():
                return
            self._start_anew()  # what a parent had in hand is the parent's
            self._thread = threading.Thread(target=self._work, name="records", daemon=True)
            self._thread.start()
            atexit.register(self.close)
            self._process = os.getpid()

    def _work(self) -> None:
        while not self._ending.is_set():
            if self._waiting.wait(IDLE_S):
                self._ending.wait(GATHER_S)
                self._waiting.clear()
            self._hand_over()
        self._hand_over()
        self._end()

    def _hand_over(self) -> None:
        """Hand over what is there, the last piece an empty one: a sign of life."""
        if not self._has_writer():
            return
        assert self._writer is not None and self._writer.stdin is not None  # noqa: S101, PT018
        try:
            while True:
                rows = self._take()
                self._handed.append(rows)
                pickle.dump(rows, self._writer.stdin, pickle.HIGHEST_PROTOCOL)
                self._writer.stdin.flush()
                if not rows and not self._queue:
                    break
        except OSError:
            self._take_back()

    def _take(self) -> list[Row]:
        rows: list[Row] = []
        for _ in range(min(len(self._queue), PIECE_ROWS)):
            item = self._queue.popleft()
            try:
                rows.append(item if isinstance(item, dict) else self._to_row(item))
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the thread
                logger.error("A row of the records could not be made: %s", type(error).__name__)
                self._count(LOST, 1)
        return rows

    def _has_writer(self) -> bool:
        """Whether there is a process that writes; it is started where there is none."""
        if self._writer is not None and self._writer.poll() is not None:
            self._take_back()
        if self._writer is None and time.monotonic() >= self._start_at:
            self._start_at = time.monotonic() + RESTART_S
            try:
                self._start()
            except OSError as error:
                logger.error("Records are not written: %s", error.strerror or error)
                self._count(FAILURES, 1)
        return self._writer is not None

    def _start(self) -> None:
        writer = start_writer()
        assert writer.stdin is not None  # noqa: S101 - it is a pipe
        pickle.dump(self._where, writer.stdin)
        self._writer = writer
        self._listener = threading.Thread(target=self._listen, args=(writer,), daemon=True)
        self._listener.start()

    def _listen(self, writer: WriterProcess) -> None:
        """Take what the process says: lines for the log, and what became of each piece."""
        assert writer.stdout is not None  # noqa: S101 - it is a pipe
        for line in writer.stdout:
            kind, *said = json.loads(line)
            if kind == "log":
                name, level, message = said
                logging.getLogger(name).log(level, "%s", message)
                continue
            if kind == "done":
                self._handed.popleft()
            for what, n in said[0]:
                self._count(what, n)

    def _take_back(self) -> None:
        """After the process ended: have what it did not say to be done written by the next one.

        Predictions that it had written all the same are known by their id.
        """
        writer, self._writer = self._writer, None
        assert writer is not None and self._listener is not None  # noqa: S101, PT018
        writer.kill()
        status = writer.wait()
        self._listener.join()
        _close(writer)
        for rows in reversed(self._handed):
            self._queue.extendleft(reversed(rows))
        self._handed.clear()
        logger.error("The process that writes records ended (%s); another one is started", status)
        self._count(FAILURES, 1)

    def _end(self) -> None:
        """Wait until the process has written everything."""
        if self._writer is not None and self._listener is not None:
            with suppress(OSError):
                assert self._writer.stdin is not None  # noqa: S101 - it is a pipe
                self._writer.stdin.close()
            self._listener.join()
            self._writer.wait()
            _close(self._writer)
        n_left = len(self._queue) + sum(n_predictions(rows) for rows in self._handed)
        if n_left:
            self._count(LOST, n_left)


def start_writer() -> WriterProcess:
    """Start the process that writes; it ends when its input does, and so with this process."""
    return subprocess.Popen(
        [sys.executable, "-m", "src.records.writer"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # what ends Python may quote values
        start_new_session=True,  # what interrupts the server from a keyboard
    )


def n_predictions(rows: Sequence[Row]) -> int:
    """Return how many rows are predictions; events and files are not counted."""
    return sum(row[TABLE] == "prediction" for row in rows)


def _close(writer: WriterProcess) -> None:
    for pipe in (writer.stdin, writer.stdout):
        with suppress(OSError):
            pipe.close() if pipe else None
