"""A search on real workers: what it gives, and what becomes of it when processes die."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pandas as pd
import pytest
from distributed import Client

from src.artifact_store import ArtifactStore, Run
from src.cluster.opening import open_home
from src.cluster.scheduler import Scheduler
from src.components.data_transformation import DataTransformation
from src.components.model_trainer import ModelTrainer, ModelTrainerConfig
from src.exception import ClusterError
from src.pipelines.train_pipeline import main
from src.schema.features import NumericFeature
from src.schema.record import Schema
from src.search.home import HERE, Home
from src.serving.predictor import Predictor
from src.utils import sha256
from tests.cluster.conftest import ROOT, Cluster
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e

SCHEMA = Schema(
    features=tuple(
        NumericFeature(name=name, observed_minimum=-5, observed_maximum=5) for name in "abcde"
    ),
    target=NumericFeature(name="mark", observed_minimum=-9, observed_maximum=9),
)
SLOW = ModelTrainerConfig(models=("random_forest",), budget="quick")  # fits of about 0.2 s
FAMILIES = ("ridge_splines", "decision_tree", "catboost", "xgboost")


@pytest.fixture
def home(cluster: Cluster) -> Iterator[Scheduler]:
    with open_home(cluster.address, jobs=1, send_all=True) as found:
        assert isinstance(found, Scheduler)
        found.client.wait_for_workers(2, timeout=60)
        yield found


def searched(home: Home, meanwhile: Callable[[], None] = lambda: None) -> tuple[Any, str]:
    """Return what a search finds, during which something happens to the workers."""
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(1_000, 5)), columns=[*"abcde"])
    y = (2 * X["a"] + X["b"] * X["c"] + random.normal(size=len(X))).to_numpy()
    happening = threading.Thread(target=meanwhile)

    def progress(label: str, done: int, total: int) -> None:
        if label == "Random forest":
            happening.start()

    trainer = ModelTrainer(replace(SLOW, home=home))
    trained = trainer.run(X, y, DataTransformation(SCHEMA).run(), progress)
    happening.join()
    return [row.to_dict() for row in trained.leaderboard], sha256(trained.out_of_fold.tobytes())


@pytest.fixture(scope="module")
def here() -> tuple[Any, str]:
    return searched(HERE)


def signal_to_busy_worker(home: Scheduler, number: int) -> Callable[[], None]:
    """Return what sends a signal to a worker that is in the middle of a fit."""
    process_of = dict(home.client.run(os.getpid))

    def busy() -> list[str]:
        fits = home.client.processing().items()
        return [name for name, keys in fits if any("timed" in str(key) for key in keys)]

    def send() -> None:
        wait_until(busy, 60)
        os.kill(process_of[busy()[0]], number)

    return send


def kill_busy_scheduler(cluster: Cluster, afterwards: Callable[[], None]) -> None:
    """Kill the scheduler once a worker is in the middle of a fit."""
    client = Client(cluster.address, set_as_default=False)
    wait_until(lambda: any(client.processing().values()), 60)
    cluster.started[0].kill()
    cluster.started[0].wait()
    afterwards()
    client.close(timeout=1)


def train(artifacts: Path, budget: str, *options: str) -> Run:
    sample = str(ROOT / "notebooks/data/stud.csv")
    arguments = ["--data", sample, "--models", *FAMILIES, "--artifacts", str(artifacts), "--quiet"]
    assert main([*arguments, "--budget", budget, *options]) == 0
    return ArtifactStore(artifacts, "").promoted()


@pytest.fixture(scope="module")
def trained_here(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(tmp_path_factory.mktemp("here"), "quick")


@pytest.fixture(scope="module")
def searched_here(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(tmp_path_factory.mktemp("searched"), "standard")


def files_of(run: Run) -> dict[str, Any]:
    """Return the hash of each file of a run and of its report: all but times and ids."""
    report = run.read_report("report.json") or b""
    return {**run.manifest.files, "report.json": sha256(report), "options": run.manifest.options}


def test_a_run_is_the_same_here_and_on_two_workers(
    cluster: Cluster, trained_here: Run, tmp_path: Path
) -> None:
    there = train(tmp_path, "quick", "--scheduler", cluster.address, "--send-all")
    assert files_of(there) == files_of(trained_here)
    assert {"model.pkl", "compiled.json", "metrics.json"} <= files_of(there).keys()


@pytest.mark.slow
@pytest.mark.parametrize("n_workers", [1, 4])
def test_a_run_is_the_same_on_one_worker_and_on_four(
    n_workers: int, searched_here: Run, tmp_path: Path
) -> None:
    """With early stopping, fitted weights and the report's fits."""
    there = train(tmp_path, "standard", "--scheduler", f"local:{n_workers}", "--send-all")
    assert files_of(there) == files_of(searched_here)
    assert there.read_report("report.json")


def test_an_error_of_a_fit_is_the_same_as_here(home: Scheduler) -> None:
    with pytest.raises(ZeroDivisionError):
        home.map(divmod, 1, [1, 0], 0.0)


def test_a_worker_that_is_killed_costs_its_fits_alone(
    home: Scheduler, here: tuple[Any, str]
) -> None:
    """R9."""
    assert searched(home, signal_to_busy_worker(home, signal.SIGKILL)) == here
    assert home.n_sent > 0


@pytest.mark.slow
def test_data_that_were_lost_with_all_workers_are_sent_again(
    home: Scheduler, here: tuple[Any, str]
) -> None:
    def kill_all() -> None:
        processes = home.client.run(os.getpid).values()
        for process in processes:
            os.kill(process, signal.SIGKILL)

    assert searched(home, kill_all) == here
    assert home.n_resent > 0


def test_fits_of_a_worker_that_is_cut_off_are_done_elsewhere(
    home: Scheduler, here: tuple[Any, str]
) -> None:
    assert searched(home, signal_to_busy_worker(home, signal.SIGSTOP)) == here


def test_another_version_of_a_library_is_refused_by_name(
    cluster: Cluster, home: Scheduler, tmp_path: Path
) -> None:
    """R11."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.metadata as m\n"
        "told = m.version\n"
        "m.version = lambda name: '0.0.1' if name == 'catboost' else told(name)\n"
    )
    other = cluster.worker(
        "other", "--no-nanny", PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)])
    )
    home.client.wait_for_workers(3, timeout=60)
    try:
        with (
            pytest.raises(ClusterError, match=r"catboost is 0\.0\.1 there and 1\.") as raised,
            open_home(cluster.address, jobs=1, send_all=True),
        ):
            pass
    finally:
        other.terminate()
        other.wait(60)
    message = str(raised.value)
    assert "Nothing was sent" in message
    assert message.count(" there and ") == 1


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None:
        pytest.skip("there is no mount command")
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode != 0:
        pytest.skip(f"no right to mount a tmpfs: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
def test_a_worker_whose_disk_is_full_does_its_fits(
    cluster: Cluster, home: Scheduler, here: tuple[Any, str], full_disk: Path
) -> None:
    """What it is sent is to be kept on the disk, which has no room for it."""
    full = cluster.worker(
        "full", "--no-nanny", "--memory-limit", "4GB", "--local-directory", str(full_disk),
        DASK_DISTRIBUTED__WORKER__MEMORY__TARGET="0.000001",
    )  # fmt: skip
    try:
        home.client.wait_for_workers(3, timeout=60)
        (full_disk / "filler").write_bytes(b"\0" * shutil.disk_usage(full_disk).free)
        assert searched(home) == here
        done = home.client.run(lambda dask_worker: (dask_worker.name, len(dask_worker.data)))
        assert dict(done.values())["full"] > 0
    finally:
        full.terminate()
        full.wait(60)


def test_without_its_certificate_nobody_is_served(cluster: Cluster) -> None:
    with (
        dask.config.set({f"distributed.comm.tls.client.{name}": None for name in ("cert", "key")}),
        pytest.raises(ClusterError, match="No scheduler can be reached at tls://"),
        open_home(cluster.address, jobs=1, send_all=True),
    ):
        pass


@pytest.mark.slow
def test_a_scheduler_that_is_restarted_is_named_the_old_model_serves_and_the_next_run_succeeds(
    cluster: Cluster, trained_here: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """R10: the last test, for it takes the first scheduler away."""
    gc.collect()  # Dask hangs where a client that could not begin is collected as another begins
    artifacts, address = trained_here.folder.parents[1], cluster.address
    options = ["--scheduler", address, "--send-all", "--artifacts", str(artifacts), "--quiet"]

    def restart() -> None:
        cluster.scheduler(port=address.rpartition(":")[2])
        cluster.worker("later")

    killing = threading.Thread(target=kill_busy_scheduler, args=(cluster, restart))
    killing.start()
    assert main(["--models", "random_forest", *options]) == 1
    killing.join()
    assert f"The scheduler at {address} is gone" in capsys.readouterr().err
    assert ArtifactStore(artifacts, "").promoted().run_id == trained_here.run_id
    assert Predictor.load(artifacts).run.run_id == trained_here.run_id
    assert cluster.address == address
    gc.collect()
    assert main(["--models", "ridge", *options]) == 0
    assert ArtifactStore(artifacts, "").promoted().run_id != trained_here.run_id
