"""M5, M6, M7: a killed training, a full disk, two trainings at once. Real processes throughout."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.artifact_store import ArtifactStore
from src.exception import ModelNotFoundError
from src.serving.predictor import Predictor
from src.utils import sha256
from tests.sampling import first

from .conftest import ROOT, environment

pytestmark = pytest.mark.e2e


def train(artifacts: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "src.pipelines.train_pipeline", "--artifacts", str(artifacts),
            *([] if "--models" in options else ["--models", "linear"]), *options]  # fmt: skip


def run(artifacts: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(train(artifacts, *options), cwd=ROOT, env=environment(),
                          capture_output=True, text=True, timeout=300, check=False)  # fmt: skip


def kill_at(artifacts: Path, first: int, step: int) -> int:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("kill_at.py")), str(artifacts),
         str(ROOT / "notebooks" / "data" / "stud.csv"), str(first), str(step)],
        cwd=ROOT, env=environment(PYTHONPATH=str(ROOT)), capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_training_killed_at_some_of_its_steps_leaves_a_model_that_serves(
    tmp_path: Path,
) -> None:
    """M5."""
    assert kill_at(tmp_path / "artifacts", first=4, step=30) >= 2


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("promoted_before", [False, True])
def test_a_training_killed_at_every_step_leaves_a_model_that_serves(
    tmp_path: Path, promoted_before: bool
) -> None:
    """M5."""
    if promoted_before:
        assert run(tmp_path / "artifacts").returncode == 0
    assert kill_at(tmp_path / "artifacts", first=1, step=1) >= 30


@pytest.mark.slow
def test_fifty_kills_at_random_moments_never_leave_a_set_that_does_not_load(
    tmp_path: Path, student: dict[str, object]
) -> None:
    """M5."""
    artifacts = tmp_path / "artifacts"
    started = time.monotonic()
    assert run(artifacts).returncode == 0
    whole = time.monotonic() - started
    dice = random.Random(0)
    promoted = {Predictor.load(artifacts).run.run_id}
    killed = 0
    while killed < 50:
        process = subprocess.Popen(train(artifacts, "--quiet"), cwd=ROOT, env=environment())
        # Half of the kills fall into the last fifth, where files are written.
        late = dice.random() < 0.5
        time.sleep(whole * (dice.uniform(0.7, 1.0) if late else dice.uniform(0.0, 1.0)))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        predictor = Predictor.load(artifacts)
        predictor.predict_record(student)
        promoted.add(predictor.run.run_id)
    assert run(artifacts).returncode == 0
    assert [str(path) for path in artifacts.rglob("*.tmp")] == []
    store = ArtifactStore(artifacts, "")
    assert {line.run_id for line in store.history()} >= promoted
    for run_id in store.run_ids():
        Predictor.from_run(store.run(run_id))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.name == "nt":
        pytest.skip("there is no mount command")
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode != 0:
        pytest.skip(f"no right to mount a tmpfs: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("too_little_kib", first(1, [100, 0]))
def test_a_full_disk_keeps_the_old_model_and_says_so(
    small_disk: Path, student: dict[str, object], too_little_kib: int
) -> None:
    """M6."""
    artifacts = small_disk / "artifacts"
    assert run(artifacts).returncode == 0
    before = Predictor.load(artifacts).predict_record(student)
    filler = small_disk / "filler"
    neighbours = ("--models", "neighbors")  # its pickle holds the table: larger than data.csv
    statuses = []
    for free_kib in (too_little_kib, 1_000):
        filler.unlink(missing_ok=True)
        free = shutil.disk_usage(small_disk).free
        with filler.open("wb") as file:
            file.write(b"\0" * max(free - free_kib * 1024, 0))
        done = run(artifacts, *neighbours)
        statuses.append(done.returncode)
        assert "Traceback" not in done.stderr
        assert [str(path) for path in artifacts.rglob("*.tmp")] == []
        predictor = Predictor.load(artifacts)
        copy = (artifacts / "model.pkl").read_bytes()
        assert sha256(copy) == predictor.run.manifest.files["model.pkl"]
        if done.returncode:
            assert "disk is full" in done.stderr
            assert predictor.predict_record(student) == before
    assert statuses == [1, 0], "with room enough it must succeed, or this test shows nothing"


def test_two_trainings_at_once_both_end_in_the_history(tmp_path: Path) -> None:
    """M7."""
    artifacts = tmp_path / "artifacts"
    processes = [
        subprocess.Popen(train(artifacts, "--seed", seed, "--budget", "quick"), cwd=ROOT,
                         env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         text=True)
        for seed in ("1", "2")
    ]  # fmt: skip
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    assert any("waiting for it to end" in text for text in errors)
    store = ArtifactStore(artifacts, "")
    assert len(store.history()) == 2
    assert store.promoted().run_id == store.history()[-1].run_id


def test_a_training_killed_before_the_first_promotion_leaves_no_model(tmp_path: Path) -> None:
    """M5."""
    process = subprocess.Popen(train(tmp_path / "artifacts"), cwd=ROOT, env=environment(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    time.sleep(0.5)
    process.kill()
    process.wait()
    with pytest.raises(ModelNotFoundError):
        Predictor.load(tmp_path / "artifacts")
