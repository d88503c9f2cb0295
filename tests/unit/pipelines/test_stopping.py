"""Commands that are stopped while they work: Ctrl+C and SIGTERM leave nothing half done."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from src.artifact_store import ArtifactStore
from src.pipelines.stopping import Terminated, stopped_by_sigterm
from src.serving.predictor import Predictor
from tests.conftest import ROOT

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send")


@contextmanager
def started(module: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    # An exception that a signal raises while coverage holds its lock leaves it locked for ever.
    unmeasured = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    process = subprocess.Popen(
        [sys.executable, "-m", f"src.pipelines.{module}", *map(str, arguments)],
        cwd=ROOT,
        env=unmeasured,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(there: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not there():
        assert process.poll() is None, "it ended before it could be stopped"
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize(("number", "status"), SIGNALS)
def test_a_stopped_prediction_of_a_file_leaves_what_was_there(
    number, status, sample_artifacts: Path, tmp_path: Path
) -> None:
    header, row, *_ = (ROOT / "notebooks" / "data" / "stud.csv").read_text("utf-8").splitlines()
    source, output = tmp_path / "class.csv", tmp_path / "predictions.csv"
    source.write_text("\n".join([header, *[row] * 400_000]), "utf-8")
    output.write_text("of the last time", "utf-8")
    before = {path.name for path in tmp_path.iterdir()}
    with started(
        "predict_pipeline", "--input", source, "--output", output, "--artifacts", sample_artifacts
    ) as process:
        wait_for(lambda: list(tmp_path.glob(".predictions.csv.*.tmp")), process)
        process.send_signal(number)
        out, said = process.communicate(timeout=30)
    assert process.returncode == status
    assert out == ""
    assert said == f"Stopped. Nothing was written to {output}.\n"
    assert {path.name for path in tmp_path.iterdir()} == before
    assert output.read_text("utf-8") == "of the last time"


@pytest.mark.parametrize(("number", "status"), SIGNALS)
def test_a_stopped_training_leaves_the_last_good_model(
    number, status, sample_artifacts: Path, tmp_path: Path
) -> None:
    artifacts = tmp_path / "artifacts"
    shutil.copytree(sample_artifacts, artifacts)
    (artifacts / "train.csv").unlink()
    before = Predictor.load(artifacts).run
    with started("train_pipeline", "--budget", "60", "--artifacts", artifacts) as process:
        wait_for((artifacts / "train.csv").exists, process)
        time.sleep(1)  # into the search
        process.send_signal(number)
        out, said = process.communicate(timeout=60)
    assert process.returncode == status
    assert out == ""
    assert said == "Stopped. Nothing was promoted: the earlier model, if any, is still there.\n"
    assert Predictor.load(artifacts).run.run_id == before.run_id
    assert [run.name for run in (artifacts / "runs").iterdir()] == [before.run_id]
    with ArtifactStore(artifacts, "").training():  # and the next one need not wait
        pass


def test_sigterm_raises_inside_the_block_and_ends_the_process_after_it() -> None:
    def work() -> None:
        with stopped_by_sigterm():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)

    with pytest.raises(Terminated):
        work()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_of_somebody_elses_stays() -> None:
    def theirs(number: int, frame: object) -> None: ...

    signal.signal(signal.SIGTERM, theirs)
    try:
        with stopped_by_sigterm():
            assert signal.getsignal(signal.SIGTERM) is theirs
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_in_another_thread_the_block_runs_as_ever() -> None:
    ran = []

    def work() -> None:
        with stopped_by_sigterm():
            ran.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ran == [signal.SIG_DFL]
