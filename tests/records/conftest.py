"""One suite on both databases: a file of SQLite, and a real PostgreSQL server of the tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, text

from src.config import Settings
from src.records import outbox, writer
from src.records.database import migrate, open_engine
from src.web.recording import Recording

KEY = "a key that only the tests know"
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@dataclass
class PostgreSQL:
    """A server on this machine that belongs to the tests."""

    folder: Path
    port: int

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://tester@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        folder = self.folder.parent
        options = f"-p {self.port} -h 127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        self._control("-w", "-o", options, "-l", str(folder / "log"), "start")

    def stop(self) -> None:
        self._control("-m", "immediate", "stop")

    def _control(self, *arguments: str) -> None:
        _run("pg_ctl", "-D", str(self.folder), "-s", *arguments)


def _run(program: str, *arguments: str) -> None:
    path = PROGRAMS[-1] / program if PROGRAMS else Path(str(shutil.which(program)))
    # The server refuses to run as root.
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run(
        [*user, str(path), *arguments], check=True, cwd="/", stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip


@contextmanager
def running_postgresql() -> Iterator[PostgreSQL]:
    """Run a new server, and remove it with all that it holds."""
    folder = Path(tempfile.mkdtemp(prefix="records-postgresql-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = PostgreSQL(folder / "data", free.getsockname()[1])
    try:
        _run("initdb", "-D", str(server.folder), "-A", "trust", "-U", "tester", "-N", "-E", "UTF8")
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    if not PROGRAMS and not shutil.which("initdb"):
        pytest.skip("PostgreSQL's server is not installed")
    with running_postgresql() as server:
        yield server


@pytest.fixture
def make_url(request, tmp_path: Path) -> Callable[[str], str]:
    """Return the URL of a new and empty database of either kind."""

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path}/records.db"
        server: PostgreSQL = request.getfixturevalue("postgresql")
        name = f"records_{uuid.uuid4().hex}"
        engine = create_engine(server.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return server.url(name)

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, make_url) -> str:
    return make_url(request.param)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """Return an engine of a database with its tables."""
    engine = open_engine(url, patient=True)
    migrate(engine)
    yield engine
    engine.dispose()


class WriterThread:
    """Writes in a thread of the tests what a process writes elsewhere: it starts at once."""

    def __init__(self) -> None:
        (source, over), (said, told) = os.pipe(), os.pipe()
        self.stdin, self.stdout = os.fdopen(over, "wb"), os.fdopen(said, "rb")
        ends = os.fdopen(source, "rb"), os.fdopen(told, "wb")
        self._thread = threading.Thread(target=self._run, args=ends, daemon=True)
        self._thread.start()

    @staticmethod
    def _run(source: IO[bytes], told: IO[bytes]) -> None:
        with source, told:
            writer.serve(source, told)

    def poll(self) -> int | None:
        return None if self._thread.is_alive() else 0

    def wait(self) -> int:
        self._thread.join()
        return 0

    def kill(self) -> None:
        self.stdin.close()


@pytest.fixture
def in_a_thread(monkeypatch) -> None:
    """Start no process for the rows that are put."""
    monkeypatch.setattr(outbox, "start_writer", WriterThread)


@pytest.fixture
def make_app(tmp_path: Path, monkeypatch, in_a_thread) -> Iterator[Callable[..., Flask]]:
    """Return `create_app` with records on, taking settings as keywords."""
    monkeypatch.setenv("ARTIFACTS_DIR", str(tmp_path / "none"))
    import application

    made = []

    def make(artifacts: Path, **settings) -> Flask:
        given = {"records_url": f"sqlite:///{tmp_path}/records.db", "records_key": KEY}
        app = application.create_app(Settings(artifacts_dir=artifacts, **(given | settings)))
        made.append(app)
        return app

    yield make
    for app in made:
        if recording := app.extensions.get(Recording.EXTENSION):
            recording.recorder.close()
