"""Writes rows to the database behind the answers: one thread a process, a bounded queue, a spool.

A request only appends to the queue. The thread writes what is there several times a second; what
the database does not take within :data:`TIMEOUT_S` seconds goes to the spool file, and from there
to the database once it answers again. ``docs/records.md`` says what can be lost, and when.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from src.logger import get_logger
from src.records.database import migrate, open_engine
from src.records.spool import Row, Spool
from src.records.tables import metadata

if TYPE_CHECKING:
    from sqlalchemy import Insert, Table

logger = get_logger(__name__)

GATHER_S = 0.1  # between two looks into the queue
RETRY_S = 5.0  # after the database failed
ADOPT_S = 10.0  # between two looks for spools of processes that ended
MOST_QUEUED = 20_000
PIECE_ROWS = 1_000  # of one transaction
CLOSE_S = 5.0  # that the end of a process waits for the last rows
ROOM_LOOK_S = 0.01
TABLE = "table"  # the key of a row that says which table it is of

WRITTEN, SPOOLED, LOST, FAILURES = range(4)  # what is counted
Count = Callable[[int, int], None]  # which of these, and how many more
ToRow = Callable[[Any], Row]


class Writer:
    """Write rows of the records without delaying or failing whoever puts them.

    It may be made before the workers are forked: thread, connection and spool file come with the
    first row of a process.

    Parameters
    ----------
    url : str
        Of the database.
    spool_folder : Path
        Shared by all processes.
    to_row : callable
        Makes the row of what was put, in the thread: a column's value by name, and the table's
        name under :data:`TABLE`.
    count : callable
        Told of rows that were written, spooled or lost, and of failures of the database.

    Raises
    ------
    ConfigurationError
        If the URL cannot be used.
    """

    def __init__(self, url: str, spool_folder: Path, to_row: ToRow, count: Count) -> None:
        self._url, self._spool_folder = url, spool_folder
        self._to_row, self._count = to_row, count
        open_engine(url).dispose()  # says now what is wrong with the URL
        self._lock = threading.Lock()
        self._process = 0
        self._start_anew()

    def _start_anew(self) -> None:
        self._queue: deque[Any] = deque()
        self._waiting = threading.Event()
        self._ending = threading.Event()
        self._spool = Spool(self._spool_folder)
        self._engine: Engine | None = None
        self._retry_at = self._adopt_at = 0.0  # monotonic seconds
        self._thread: threading.Thread | None = None
        self._failed = False

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
        """Write what is there, to the spool if need be, and end the thread."""
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
            # Woken now and then, since spools of others may wait too.
            if self._waiting.wait(ADOPT_S):
                self._ending.wait(GATHER_S)
                self._waiting.clear()
            self._drain()
        self._drain()
        self._spool.close()
        self._disconnect()

    def _drain(self) -> None:
        self._ship_spools()
        while items := self._take():
            try:
                rows = [self._to_row(item) for item in items]
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the thread
                logger.error("Rows of the records could not be made: %s", type(error).__name__)
                self._count(LOST, len(items))
                continue
            if self._attempt(lambda rows=rows: self._insert(rows)):  # type: ignore[misc]
                self._count(WRITTEN, n_predictions(rows))
            else:
                self._keep_aside(rows)

    def _take(self) -> list[Any]:
        n = min(len(self._queue), PIECE_ROWS)
        return [self._queue.popleft() for _ in range(n)]

    def _keep_aside(self, rows: list[Row]) -> None:
        try:
            self._spool.append(rows)
        except OSError as error:
            logger.error("Predictions are not kept: %s", error.strerror or error)
            self._count(LOST, n_predictions(rows))
        else:
            self._count(SPOOLED, n_predictions(rows))

    def _ship_spools(self) -> None:
        """Bring what is spooled to the database, that of processes which ended too."""
        if self._spool.n_bytes:
            self._ship(self._spool.ship)
        if time.monotonic() >= self._adopt_at:
            self._adopt_at = time.monotonic() + ADOPT_S
            self._ship(self._spool.adopt)

    def _ship(self, spooled: Callable[[Callable[[list[Row]], None]], int]) -> None:
        written: list[int] = []  # counted once the whole file is: a part may be written again

        def write(rows: list[Row]) -> None:
            self._insert(rows)
            written.append(n_predictions(rows))

        if self._attempt(lambda: spooled(write)):
            self._count(WRITTEN, sum(written))

    def _attempt(self, work: Callable[[], object]) -> bool:
        """Do something with the database, unless it failed just now; say whether it went well."""
        if time.monotonic() < self._retry_at:
            return False
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the app goes on
            if not self._failed:  # once, until it works again; the message may quote values
                cause = type(getattr(error, "orig", None) or error).__name__
                logger.error("The database of the records does not answer (%s)", cause)
            self._failed = True
            self._disconnect()
            self._retry_at = time.monotonic() + RETRY_S
            self._count(FAILURES, 1)
            return False
        if self._failed:
            logger.info("The database of the records answers again")
        self._failed = False
        return True

    def _disconnect(self) -> None:
        """Have the next rows open the database anew; its file may be another one by then."""
        if self._engine is not None:
            self._engine.dispose()
        self._engine = None

    def _insert(self, rows: list[Row]) -> None:
        """Write rows in one transaction; of those that the database refuses, all others."""
        if self._engine is None:
            self._engine = open_engine(self._url, lasting=True)
            migrate(self._engine)
        try:
            with self._engine.begin() as connection:
                insert_rows(connection, rows)
        except (OperationalError, InterfaceError):
            raise
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            self._insert_one_by_one(self._engine, rows)

    def _insert_one_by_one(self, engine: Engine, rows: list[Row]) -> None:
        refused: list[Row] = []
        for row in rows:
            try:
                with engine.begin() as connection:
                    insert_rows(connection, [row])
            except (OperationalError, InterfaceError):
                raise
            except DBAPIError:
                refused.append(row)
        self._count(WRITTEN, -n_predictions(refused))  # the caller counts them all
        self._count(LOST, n_predictions(refused))
        logger.error("The database refused %d rows of the records", len(refused))


def n_predictions(rows: Sequence[Row]) -> int:
    """Return how many rows are predictions; events and files are not counted."""
    return sum(row[TABLE] == "prediction" for row in rows)


def insert_rows(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, each into the table that it names; those that are there already are let be."""
    statements = _STATEMENTS[connection.dialect.name]
    for table, of_table in groupby(rows, itemgetter(TABLE)):
        connection.execute(statements[table], [*of_table])


def _statements(insert: Callable[[Table], Any]) -> dict[str, Insert]:
    return {
        name: insert(table).on_conflict_do_nothing(index_elements=["id"])
        for name, table in metadata.tables.items()
        if name in ("prediction", "batch", "event")
    }


_STATEMENTS = {"sqlite": _statements(sqlite.insert), "postgresql": _statements(postgresql.insert)}
