"""The tables on both databases, and their migrations."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import delete, func, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError

from src.exception import ConfigurationError
from src.records import database
from src.records.database import HEAD, MIGRATIONS, migrate, open_engine
from src.records.tables import event, metadata


def test_the_migrations_make_the_tables_that_the_code_names(engine):
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_last_migration_is_the_one_that_the_app_looks_for():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_of_several_that_start_at_once_one_makes_the_tables(url):
    problems: list[Exception] = []

    def start() -> None:
        engine = open_engine(url, patient=True)
        try:
            migrate(engine)
        except Exception as error:  # noqa: BLE001 - shown below
            problems.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    engine = open_engine(url)
    assert set(metadata.tables) < set(inspect(engine).get_table_names())
    engine.dispose()


def test_an_event_is_never_changed_nor_removed(engine):
    row = {"at_ms": 1, "kind": "import", "actor": "operator", "details": "{}"}
    with engine.begin() as connection:
        connection.execute(insert(event).values(row))
    for change in (update(event).values(kind="other"), delete(event)):
        with pytest.raises(DBAPIError, match="added, never changed"), engine.begin() as connection:
            connection.execute(change)
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(event)).scalar() == 1


def test_a_file_of_sqlite_is_private_and_overwrites_what_is_deleted(make_url):
    url = make_url("sqlite")
    engine = open_engine(url)
    migrate(engine)
    with engine.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "secure_delete", "foreign_keys")
        }
    engine.dispose()
    assert pragmas == {"journal_mode": "wal", "secure_delete": 1, "foreign_keys": 1}
    path = Path(url.removeprefix("sqlite:///"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "url", ["", "records.db", "sqlite://", "mysql://name:secret@host/name", "postgresql://h/n"]
)
def test_another_url_is_refused_without_being_quoted(url):
    with pytest.raises(ConfigurationError, match="RECORDS_URL must") as caught:
        open_engine(url)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_there_keeps_its_locks(tmp_path) -> None:
    """R4: opening and closing it would end those that this process holds, and damage it."""
    path = tmp_path / "records.db"
    held = sqlite3.connect(path, isolation_level=None)
    held.execute("BEGIN EXCLUSIVE")
    database._make_private(path)
    code = "import sqlite3, sys; sqlite3.connect(sys.argv[1], 0).execute('BEGIN EXCLUSIVE')"
    other = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=False
    )
    held.close()
    assert "database is locked" in other.stderr
