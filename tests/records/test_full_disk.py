"""A disk that is really full: a small file system in memory, mounted for the test."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from src.records.spool import Spool
from src.web.recording import Recording
from tests.records.test_writer import impatient, numbers, row_of
from tests.waiting import wait_until

__all__ = ["impatient"]

SIZE = 1 << 19  # bytes; the empty tables and their log take half of it
N_ASKED = 1_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"mounting is not allowed here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_fails_no_prediction_and_what_is_lost_is_counted_and_shown(
    small_disk: Path,
    impatient: None,
    make_app: Callable[..., Flask],
    sample_artifacts: Path,
    student: dict[str, object],
):
    """R4."""
    url = f"sqlite:///{small_disk}/records.db"
    app = make_app(sample_artifacts, records_url=url)
    client, recording = app.test_client(), app.extensions[Recording.EXTENSION]

    def ask(n: int) -> None:
        for _ in range(n):
            answer = client.post("/api/v1/predict", json=student | {"group": "9c" * 50})
            assert answer.status_code == 200
            assert answer.json["prediction_id"]

    def accounted_for() -> bool:
        counts, spool = recording.counts(), small_disk / "records.db.spool"
        waiting = sum(path.read_bytes().count(b"\n") for path in spool.glob("*.jsonl"))
        return counts["written"] + counts["lost"] + waiting == N_ASKED

    ask(N_ASKED)
    wait_until(accounted_for, 60)
    n_lost = recording.counts()["lost"]
    assert 0 < n_lost < N_ASKED
    text = client.get("/api/v1/metrics").get_data(as_text=True)
    assert f'stuprediction_predictions_kept_total{{fate="lost"}} {n_lost}' in text
    # With room, what had been spooled is written, and nothing more is lost.
    subprocess.run(["mount", "-o", f"remount,size={64 * SIZE}", str(small_disk)], check=True)
    wait_until(lambda: recording.counts()["written"] == N_ASKED - n_lost, 60)
    assert recording.counts()["lost"] == n_lost
    assert len(numbers(url)) == N_ASKED - n_lost


def test_a_spool_on_a_full_disk_keeps_whole_pieces_and_refuses_the_rest(small_disk: Path):
    """The system writes as much as fits before it says that the disk is full."""
    spool, kept, found = Spool(small_disk), [], []

    def fill() -> None:
        while True:
            rows = [row_of(len(kept) + i) for i in range(10)]
            spool.append(rows)
            kept.extend(rows)

    with pytest.raises(OSError, match="No space left"):
        fill()
    (path,) = small_disk.glob("*.jsonl")
    assert path.read_bytes().count(b"\n") == len(kept) > 0
    spool.ship(found.extend)
    assert found == kept
    spool.append([row_of(0)])
    spool.close()
