"""Rows go to the database behind the answers, whatever the database does."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from src.records import outbox, spool, writer
from src.records.database import migrate, open_engine
from src.records.identity import new_prediction_id, now_ms, subject_hash
from src.records.outbox import FAILURES, LOST, SPOOLED, WRITTEN, Outbox
from src.records.spool import Spool, blank_rows
from src.records.tables import prediction
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


def row_of(number: int) -> dict[str, object]:
    made = now_ms()
    return {
        "table": "prediction", "id": new_prediction_id(made), "made_at_ms": made, "run": "r",
        "fingerprint": "f", "target": "score", "source": "api", "batch": None,
        "subject": f"hash {number}",
        "group_name": "9c", "as_of": "2026-11-29", "number": float(number), "label": None,
        "low": 1.0, "high": 2.0, "at_risk": 0.5, "mark": 50.0, "chances": None, "features": None,
    }  # fmt: skip


class Counted(dict[int, int]):
    def add(self, what: int, n: int) -> None:
        self[what] = self.get(what, 0) + n


@pytest.fixture
def impatient(monkeypatch):
    """Let a failed database be tried again soon."""
    monkeypatch.setattr(writer, "RETRY_S", 0.05)
    monkeypatch.setattr(writer, "ADOPT_S", 0.2)
    monkeypatch.setattr(outbox, "GATHER_S", 0.02)
    monkeypatch.setattr(outbox, "IDLE_S", 0.05)
    monkeypatch.setattr(outbox, "RESTART_S", 0.2)


@pytest.fixture
def make_writer(
    impatient, in_a_thread, tmp_path: Path
) -> Iterator[Callable[..., tuple[Outbox, Counted]]]:
    made = []

    def make(url: str) -> tuple[Outbox, Counted]:
        counted = Counted()
        made.append(Outbox(url, tmp_path / "spool", lambda row: row, counted.add))
        return made[-1], counted

    yield make
    for one in made:
        one.close()


def numbers(url: str) -> list[float]:
    engine = open_engine(url, patient=True)
    try:
        with engine.connect() as connection:
            found = connection.execute(select(prediction.c.number).order_by(prediction.c.number))
            return [*found.scalars()]
    finally:
        engine.dispose()


def test_rows_are_written_soon_and_once(url, make_writer):
    one, counted = make_writer(url)
    for i in range(2_500):
        one.put(row_of(i))
    wait_until(lambda: counted.get(WRITTEN) == 2_500)
    assert numbers(url) == [*map(float, range(2_500))]


def test_while_sqlite_is_locked_rows_are_spooled_and_written_afterwards(
    make_url, make_writer, tmp_path
):
    """R4."""
    url = make_url("sqlite")
    one, counted = make_writer(url)
    one.put(row_of(0))
    wait_until(lambda: counted.get(WRITTEN) == 1)
    lock = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    started = time.monotonic()
    for i in range(1, 50):
        one.put(row_of(i))
    assert time.monotonic() - started < 2, "whoever puts a row never waits"
    wait_until(lambda: counted.get(SPOOLED) == 49)
    lock.execute("ROLLBACK")
    lock.close()
    wait_until(lambda: counted.get(WRITTEN) == 50)
    assert numbers(url) == [*map(float, range(50))]
    assert LOST not in counted


def test_a_file_of_sqlite_that_is_removed_is_made_anew_and_nothing_goes_to_the_old_one(
    make_url, make_writer, tmp_path
):
    url = make_url("sqlite")
    one, counted = make_writer(url)
    one.put(row_of(0))
    wait_until(lambda: counted.get(WRITTEN) == 1)
    for path in tmp_path.glob("records.db*"):
        path.unlink()
    one.put(row_of(1))
    wait_until(lambda: counted.get(WRITTEN) == 2)
    assert numbers(url) == [1.0]


def test_a_postgresql_that_is_down_at_the_start_and_later_gets_every_row(
    make_url, make_writer, postgresql
):
    """R4."""
    url = make_url("postgresql")
    one, counted = make_writer(url)
    for i in range(2):
        postgresql.stop()
        one.put(row_of(i))
        wait_until(lambda n=i + 1: counted.get(SPOOLED) == n)
        postgresql.start()
        wait_until(lambda n=i + 1: counted.get(WRITTEN) == n)
    assert numbers(url) == [0.0, 1.0]


def test_with_neither_database_nor_disk_rows_are_counted_as_lost(
    make_url, make_writer, monkeypatch, tmp_path
):
    """R4."""
    (tmp_path / "records.db").mkdir()  # what cannot be opened

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Spool, "append", full)
    one, counted = make_writer(make_url("sqlite"))
    for i in range(10):
        one.put(row_of(i))
    wait_until(lambda: counted.get(LOST) == 10)


def test_a_full_queue_loses_and_counts_rows_instead_of_making_anybody_wait(
    make_url, make_writer, monkeypatch
):
    monkeypatch.setattr(outbox, "MOST_QUEUED", 5)
    monkeypatch.setattr(outbox, "GATHER_S", 60.0)
    one, counted = make_writer(make_url("sqlite"))
    for i in range(8):
        one.put(row_of(i))
    assert counted == {LOST: 3}
    one.close()
    assert counted[WRITTEN] == 5


def test_a_row_that_the_database_refuses_takes_no_other_with_it(url, make_writer):
    one, counted = make_writer(url)
    one.put(row_of(0))
    one.put(row_of(1) | {"run": None})
    one.put(row_of(2))
    wait_until(lambda: counted.get(LOST) == 1)
    wait_until(lambda: counted.get(WRITTEN) == 2)
    assert numbers(url) == [0.0, 2.0]


def test_the_spool_of_a_process_that_was_killed_is_taken_up(make_url, make_writer, tmp_path):
    folder = tmp_path / "spool"
    script = (
        "import os, signal, sys, json; from pathlib import Path;"
        "from src.records.spool import Spool;"
        "Spool(Path(sys.argv[1])).append(json.loads(sys.argv[2]));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    rows = json.dumps([row_of(0), row_of(1)])
    ended = subprocess.run([sys.executable, "-c", script, str(folder), rows], cwd=ROOT, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    (path,) = folder.glob(f"*{spool.SUFFIX}")
    with path.open("ab") as file:
        file.write(b'{"table": "predic')  # what a full disk cut off
    url = make_url("sqlite")
    one, counted = make_writer(url)
    one.put(row_of(2))
    wait_until(lambda: counted.get(WRITTEN) == 3)
    wait_until(lambda: not [*folder.glob(f"*{spool.SUFFIX}")])
    assert numbers(url) == [0.0, 1.0, 2.0]


def test_the_spool_of_a_process_that_lives_is_left_alone(tmp_path):
    owner, other = Spool(tmp_path), Spool(tmp_path)
    with closing(owner):
        owner.append([row_of(0)])
        assert other.adopt(lambda rows: pytest.fail("taken")) == 0
        assert owner.ship(lambda rows: None) == 1


def test_rows_of_a_pupil_are_blanked_in_the_spool_and_the_others_stay(tmp_path):
    own = Spool(tmp_path)
    own.append([row_of(0), row_of(1), row_of(2)])
    assert blank_rows(tmp_path, lambda row: row["subject"] == "hash 1") == 1
    (path,) = tmp_path.glob(f"*{spool.SUFFIX}")
    assert b"hash 1" not in path.read_bytes()
    own.append([row_of(3)])
    shipped: list[dict] = []
    own.ship(shipped.extend)
    assert [row["number"] for row in shipped] == [0.0, 2.0, 3.0]
    assert path.stat().st_size == 0
    own.close()
    assert [*tmp_path.iterdir()] == []


PUTS = """
import os, sys, time
from pathlib import Path
from src.records import outbox
from src.records.identity import new_prediction_id, now_ms
from tests.records.test_writer import row_of

one = outbox.Outbox(sys.argv[1], Path(sys.argv[2]), lambda row: row, lambda what, n: None)
out = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for i in range(10**9):
    time.sleep(float(sys.argv[4]))
    row = row_of(i)
    one.put_patiently([row])
    pid = one._writer.pid if one._writer else 0
    os.write(out, f"{row['id']} {time.monotonic()} {pid}\\n".encode())
one.close()
"""


def _killed(url: str, folder: Path, pause_s: float) -> list[tuple[bool, float]]:
    """Return of each row of a process that was killed whether it is kept, and its age then."""
    told = folder / "told"
    process = subprocess.Popen(
        [sys.executable, "-c", PUTS, url, str(folder / "spool"), str(told), str(pause_s)], cwd=ROOT
    )
    wait_until(lambda: _has_begun(url), 60)
    time.sleep(3)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    lines = [line.split() for line in told.read_text().splitlines()]
    end, writes = float(lines[-1][1]), int(lines[-1][2])
    wait_until(lambda: not _runs(writes))  # it writes what it was handed, and ends
    next_one = Outbox(url, folder / "spool", lambda row: row, lambda what, n: None)
    next_one.put(row_of(0))
    time.sleep(1)
    next_one.close()
    engine = open_engine(url, patient=True)
    with engine.connect() as connection:
        kept = {*connection.execute(select(prediction.c.id)).scalars()}
    engine.dispose()
    return [(name in kept, end - float(at)) for name, at, _ in lines]


def _has_begun(url: str) -> bool:
    """Whether the process that writes runs, and has written."""
    try:
        return len(numbers(url)) > 0
    except SQLAlchemyError:  # there are no tables yet
        return False


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_killed_process_loses_no_row_older_than_what_is_stated(url, tmp_path):
    rows = _killed(url, tmp_path, 0.002)
    assert len(rows) > 200
    assert [age for is_kept, age in rows if not is_kept and age > 1.0] == []


def test_faster_than_the_database_a_killed_process_loses_what_waits_at_most(make_url, tmp_path):
    rows = _killed(make_url("sqlite"), tmp_path, 0.0)
    assert sum(not is_kept for is_kept, _ in rows) <= outbox.MOST_QUEUED + outbox.PIECE_ROWS


def test_where_the_process_that_writes_is_killed_nothing_is_lost_and_another_one_is_started(
    url, impatient, tmp_path
):
    """R4."""
    counted = Counted()
    one = Outbox(url, tmp_path / "spool", lambda row: row, counted.add)
    killed = set()
    for i in range(3):
        before = counted.get(WRITTEN, 0)
        one.put_all([row_of(2_000 * i + j) for j in range(2_000)])
        wait_until(lambda: getattr(one._writer, "pid", None) not in (None, *killed))
        wait_until(lambda n=before: counted.get(WRITTEN, 0) > n)  # it is at it
        killed.add(one._writer.pid)
        os.kill(one._writer.pid, signal.SIGKILL)
    wait_until(lambda: len(numbers(url)) == 6_000)
    one.close()
    assert numbers(url) == [*map(float, range(6_000))]
    assert len(killed) == 3
    assert counted == {WRITTEN: 6_000, FAILURES: 3}


@pytest.mark.slow
def test_of_a_million_predictions_none_is_lost(url, tmp_path):
    counted = Counted()
    one = Outbox(url, tmp_path / "spool", lambda row: row, counted.add)
    for i in range(10**6):
        one.put_patiently([row_of(i)])
    wait_until(lambda: counted.get(WRITTEN) == 10**6, 300)
    one.close()
    assert counted == {WRITTEN: 10**6}
    engine = open_engine(url, patient=True)
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(prediction)).scalar() == 10**6
    engine.dispose()


def test_a_prediction_id_is_a_uuid_that_sorts_by_time():
    ids = [new_prediction_id(moment) for moment in (1_000, now_ms(), now_ms() + 1)]
    assert [uuid.UUID(one).version for one in ids] == [7, 7, 7]
    assert ids == sorted(ids)


def test_a_pupil_is_known_by_a_hash_that_needs_the_key():
    assert subject_hash("4711", "one key") != subject_hash("4711", "another key")
    assert len(subject_hash("Grüße 😀", "one key")) == 64
    assert os.environ.get("RECORDS_KEY") is None


def test_two_instances_write_to_one_postgresql(make_url, impatient, tmp_path):
    url = make_url("postgresql")
    engine = open_engine(url, patient=True)
    migrate(engine)  # on a busy machine the second one would wait too long for the tables
    engine.dispose()
    counted = Counted()
    instances = [
        Outbox(url, tmp_path / name, lambda row: row, counted.add) for name in ("first", "second")
    ]
    for i in range(1_000):
        instances[i % 2].put(row_of(i))
    for one in instances:
        one.close()
    assert counted == {WRITTEN: 1_000}
    assert numbers(url) == [*map(float, range(1_000))]


def test_without_a_process_that_writes_rows_wait_and_what_was_not_written_counts_as_lost(
    make_url, make_writer, monkeypatch
):
    """R4."""
    start, tries = outbox.start_writer, []

    def start_late() -> object:
        tries.append(1)
        if len(tries) < 3:
            raise OSError(12, "Cannot allocate memory")
        return start()

    monkeypatch.setattr(outbox, "start_writer", start_late)
    one, counted = make_writer(make_url("sqlite"))
    one.put(row_of(0))
    wait_until(lambda: counted.get(WRITTEN) == 1)
    assert counted == {WRITTEN: 1, FAILURES: 2}
    tries.clear()
    other, counted = make_writer(make_url("sqlite"))
    other.put(row_of(1))
    other.close()
    assert counted[LOST] == 1
