"""Writes rows to the database: a process beside each worker that keeps predictions.

``python -m src.records.writer`` gets rows on standard input from the app's
:class:`src.records.outbox.Outbox`. What the database does not take within :data:`TIMEOUT_S` seconds
goes to the spool file, and from there to the database once it answers again. ``docs/records.md``
says what can be lost, and when.
"""

from __future__ import annotations

import json
import logging
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from src.logger import ROOT, get_logger
from src.records.database import migrate, open_engine
from src.records.outbox import FAILURES, LOST, SPOOLED, TABLE, WRITTEN, Count, n_predictions
from src.records.spool import Row, Spool
from src.records.tables import metadata

logger = get_logger(__name__)

RETRY_S = 5.0  # after the database failed
ADOPT_S = 10.0  # between two looks for spools of processes that ended


class Writer:
    """Write rows to the database, or to the spool while it does not take them.

    Parameters
    ----------
    url : str
        Of the database.
    spool_folder : Path
        Shared by all processes.
    count : callable
        Told of predictions that were written, spooled or lost, and of failures of the database.
    """

    def __init__(self, url: str, spool_folder: Path, count: Count) -> None:
        self._url, self._count = url, count
        self._spool = Spool(spool_folder)
        self._engine: Engine | None = None
        self._retry_at = self._adopt_at = 0.0  # monotonic seconds
        self._failed = False

    def write(self, rows: list[Row]) -> None:
        """Write what is spooled and the database takes by now, then these rows."""
        self._ship_spools()
        if not rows:
            return
        if self._attempt(lambda: self._insert(rows)):
            self._count(WRITTEN, n_predictions(rows))
        else:
            self._keep_aside(rows)

    def close(self) -> None:
        """Let the spool and the database go."""
        self._ship_spools()
        self._spool.close()
        self._disconnect()

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


def insert_rows(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, each into the table that it names; those that are there already are let be."""
    for table, of_table in groupby(rows, itemgetter(TABLE)):
        connection.execute(_statement(connection.dialect.name, table), [*of_table])


@cache
def _statement(dialect: str, table: str) -> Any:
    insert = import_module(f"sqlalchemy.dialects.{dialect}").insert
    return insert(metadata.tables[table]).on_conflict_do_nothing(index_elements=["id"])


def serve(source: IO[bytes], told: IO[bytes]) -> None:
    """Write what is handed over until that ends, and say what became of it."""

    def tell(*said: object) -> None:
        with suppress(OSError):  # whoever asked ended; what it handed over is written all the same
            told.write(json.dumps(said).encode() + b"\n")
            told.flush()

    counted: list[tuple[int, int]] = []
    url, spool_folder = pickle.load(source)  # noqa: S301 - from the process that started this one
    writer = Writer(url, Path(spool_folder), lambda what, n: counted.append((what, n)))
    with suppress(EOFError, pickle.UnpicklingError):  # the last piece may be cut off
        while True:
            writer.write(pickle.load(source))  # noqa: S301 - the same
            tell("done", counted)
            counted.clear()
    writer.close()
    tell("closed", counted)


class _ToldLines(logging.Handler):
    """Sends lines of the log to the app, which knows where they go."""

    def emit(self, record: logging.LogRecord) -> None:
        line = ("log", record.name, record.levelno, record.getMessage())
        with suppress(OSError):
            sys.stdout.buffer.write(json.dumps(line).encode() + b"\n")
            sys.stdout.buffer.flush()


def main() -> int:
    """Run the process and return its exit status."""
    # The app is told to stop and hands over its last rows; then the input ends.
    for order in (signal.SIGINT, signal.SIGTERM):
        signal.signal(order, signal.SIG_IGN)
    logging.getLogger(ROOT).addHandler(_ToldLines())
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except Exception as error:  # noqa: BLE001 - the message may quote values
        steps = "".join(traceback.format_tb(error.__traceback__))
        logger.error("%s while records were written:\n%s", type(error).__name__, steps)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
