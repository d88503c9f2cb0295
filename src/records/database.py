"""The database of the records: connections that never wait long, and its migrations."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    inspect,
    make_url,
    select,
    table,
    text,
)
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, Pool, QueuePool
from sqlalchemy.sql import column

from src.exception import ConfigurationError
from src.records.address import HOW, check_url

HEAD = "0003"  # the last migration; a test holds it to the folder's
TIMEOUT_S = 2  # for a lock, a connection or a statement of the app
MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 5_743_001  # PostgreSQL's advisory lock of those who migrate


def open_engine(url: str, *, patient: bool = False, lasting: bool = False) -> Engine:
    """Return an engine; nothing is connected yet.

    Parameters
    ----------
    patient : bool
        Whether a statement may take its time, as those of commands may.
    lasting : bool
        Whether a connection to SQLite is kept for the next transaction. Otherwise each opens the
        file and empties SQLite's log again, which takes longer than to write some hundred rows.

    Raises
    ------
    ConfigurationError
        If the URL is not one of a SQLite file or of PostgreSQL with psycopg, or the driver is not
        installed. The message does not quote the URL, which may hold a password.
    """
    check_url(url)
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(f"RECORDS_URL must be a database's URL, such as {HOW}.") from error
    options: dict[str, Any] = {"timeout": 60 if patient else TIMEOUT_S}
    pool: type[Pool] = QueuePool
    if parsed.get_backend_name() == "sqlite":
        pool = QueuePool if lasting else NullPool
    else:
        options = {
            "connect_timeout": TIMEOUT_S,
            "tcp_user_timeout": 1000 * TIMEOUT_S,
            "application_name": "stuprediction",
        }
        if not patient:
            ms = 1000 * TIMEOUT_S
            options["options"] = f"-c statement_timeout={ms} -c lock_timeout={ms}"
    engine = create_engine(parsed, poolclass=pool, connect_args=options)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        if lasting:
            _keep_to_the_file(engine, Path(str(parsed.database)))
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    # Overwrites what is deleted; in WAL mode readers and the writer do not wait for one another,
    # and with synchronous=NORMAL a killed process loses nothing that was committed.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _keep_to_the_file(engine: Engine, path: Path) -> None:
    """Connect anew where the file was removed or replaced: what is written to it would be lost."""

    def file() -> tuple[int, int] | None:
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def remember(_: object, record: ConnectionPoolEntry) -> None:
        record.info["file"] = file()

    def compare(_: object, record: ConnectionPoolEntry, __: object) -> None:
        if record.info["file"] != file():
            raise DisconnectionError

    event.listen(engine, "connect", remember)
    event.listen(engine, "checkout", compare)


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """Open an engine for a command, the tables brought up to date."""
    engine = open_engine(url, patient=True)
    try:
        migrate(engine)
        yield engine
    finally:
        engine.dispose()


def migrate(engine: Engine) -> None:
    """Bring the tables up to date; of several processes one does it, the others wait."""
    if engine.dialect.name == "sqlite":
        _make_private(Path(str(engine.url.database)))
    with engine.connect() as connection:
        if _version(connection) == HEAD:
            return
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            # Python's driver begins a transaction of its own only before a change of rows.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if _version(connection) != HEAD:
            _upgrade(connection)


def _make_private(path: Path) -> None:
    """Make a database's file, if it is not there, such that nobody else can read it.

    One that is there is not opened: closing it would end the locks that SQLite holds on it in this
    process (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    versions = table("alembic_version", column("version_num"))
    found: str | None = connection.execute(select(versions.c.version_num)).scalar()
    return found
