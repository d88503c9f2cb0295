"""A scheduler and two workers, as real processes that speak TLS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
TTL_S = 5


@dataclass
class Cluster:
    """Processes, each of which can be stopped or killed."""

    folder: Path
    environment: dict[str, str]
    protocol: str = "tls"
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, program: str, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start ``dask_scheduler`` or ``dask_worker``."""
        with (self.folder / f"{program}-{len(self.started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{program}", "--no-dashboard",
                 "--dashboard-address", "127.0.0.1:0", *options],
                env=self.environment | environment, cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip
        self.started.append(process)
        return process

    def scheduler(self, port: str = "0") -> subprocess.Popen[bytes]:
        """Start a scheduler and wait for its address."""
        file = self.folder / "scheduler.json"
        file.unlink(missing_ok=True)
        process = self.start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", port, "--protocol", self.protocol,
            "--scheduler-file", str(file),
        )  # fmt: skip
        wait_until(lambda: file.is_file() and bool(file.read_text()), 60)
        return process

    @property
    def address(self) -> str:
        return str(json.loads((self.folder / "scheduler.json").read_text())["address"])

    def worker(self, name: str, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker with one thread."""
        local = self.folder / name
        local.mkdir(exist_ok=True)
        return self.start(
            "dask_worker", self.address, "--host", "127.0.0.1", "--nthreads", "1", "--name", name,
            "--local-directory", str(local), *options, **environment,
        )  # fmt: skip

    def stop(self) -> None:
        """End everything that was started."""
        for process in self.started:
            process.terminate()
        for process in self.started:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a scheduler with two workers, whose certificates this process uses too."""
    import dask
    from distributed import Security

    folder = tmp_path_factory.mktemp("cluster")
    tls = Security.temporary()
    (folder / "ca.pem").write_text(tls.tls_ca_file)
    (folder / "pair.pem").write_text(tls.tls_scheduler_key + tls.tls_scheduler_cert)
    files = {"ca-file": str(folder / "ca.pem")} | {
        f"{role}.{name}": str(folder / "pair.pem")
        for role in ("scheduler", "worker", "client")
        for name in ("cert", "key")
    }
    variables = {
        f"DASK_DISTRIBUTED__COMM__TLS__{name.replace('.', '__').replace('-', '_').upper()}": file
        for name, file in files.items()
    }
    environment = os.environ | variables | {
        "PYTHONPATH": str(ROOT),
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": f"{TTL_S}s",
    }  # fmt: skip
    found = Cluster(folder, environment)
    with dask.config.set({f"distributed.comm.tls.{name}": file for name, file in files.items()}):
        try:
            found.scheduler()
            found.worker("one")
            found.worker("two")
            yield found
        finally:
            found.stop()
