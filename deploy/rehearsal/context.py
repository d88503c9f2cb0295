"""What the steps share: the account, the repository, the pipeline, and what is asked of the app."""

from __future__ import annotations

import json
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from deploy.rehearsal.account import EmulatedAccount, plain_environment
from deploy.rehearsal.buildspec import BuildFailedError, Buildspec, prepare
from deploy.rehearsal.instance import installed_mb, installed_s, memory_mb
from deploy.rehearsal.load import Load
from deploy.rehearsal.pipeline import ActionFailedError, Execution, Pipeline
from deploy.rehearsal.report import RehearsalFailedError, Report
from deploy.rehearsal.repository import Repository
from deploy.tools import ROOT

KEPT = ROOT / ".envs" / "rehearsal"
MARK = "static/rehearsal.txt"
INSTANCE_MB = 1024  # of a t3.micro
LONGEST_S = 1200.0


class Rehearsal:
    """The parts of a rehearsal, in a temporary folder."""

    load: Load
    run_id: str

    def __init__(self, folder: Path, report: Report) -> None:
        self.folder = folder
        self.report = report
        for name in ("home", "build/source"):
            (KEPT / name).mkdir(parents=True, exist_ok=True)
        self.account = EmulatedAccount(folder, KEPT / "venvs", report.log)
        self.repository = Repository.make(ROOT, folder)
        actions = {
            "CodeStarSourceConnection": self._source,
            "CodeBuild": self._build,
            "ElasticBeanstalk": self._deploy,
        }
        self.pipeline = Pipeline(self.account.pipeline, actions, report.log)

    # --- the pipeline's actions -------------------------------------------------------------------

    def _source(self, execution: Execution, _: str) -> str:
        path = self.folder / f"source-{execution.number}.zip"
        self.repository.archive(execution.commit, path)
        return self._put("pipeline", f"stuprediction/Source/{execution.number}.zip", path)

    def _build(self, execution: Execution, key: str) -> str:
        work = KEPT / "build" / "source"
        prepare(self._get("build", key), work)
        log_file = self.folder / f"build-{execution.number}.log"
        try:
            artifact = Buildspec.read(work / "buildspec.yml").run(
                work, log_file, plain_environment(KEPT / "home"), self.report.log
            )
        except BuildFailedError as error:
            raise ActionFailedError(str(error)) from error
        path = shutil.make_archive(str(self.folder / f"bundle-{execution.number}"), "zip", artifact)
        return self._put("build", f"stuprediction/Bundle/{execution.number}.zip", Path(path))

    def _deploy(self, execution: Execution, key: str) -> str:
        """Register the bundle as a version and deploy it, with the real ``eb``."""
        folder = self.folder / f"deploy-{execution.number}"
        self.account.write_eb_config(folder, artifact="bundle.zip")
        shutil.move(self._get("pipeline", key), folder / "bundle.zip")
        label = f"code-pipeline-{execution.number:02d}-{execution.commit[:8]}"
        options = (self.account.beanstalk.env_name, "--label", label, "--timeout", "20")
        run = self.account.run("pipeline", "eb", "deploy", *options, folder=folder)
        if run.returncode:
            errors = [line for line in run.stdout.splitlines() if "ERROR" in line]
            raise ActionFailedError(" ".join(errors)[-600:] or run.stdout[-600:])
        return key

    def _put(self, principal: str, key: str, path: Path) -> str:
        bucket = self.account.pipeline["ArtifactStore"]["Location"]
        self.account.emulator.s3(principal).upload_file(str(path), bucket, key)
        return key

    def _get(self, principal: str, key: str) -> Path:
        path = self.folder / f"{principal}-{key.replace('/', '-')}"
        bucket = self.account.pipeline["ArtifactStore"]["Location"]
        self.account.emulator.s3(principal).download_file(bucket, key, str(path))
        return path

    # --- what a developer does --------------------------------------------------------------------

    def push(
        self, subject: str, change: Callable[[Path], object], without: tuple[str, ...] = ("Build",)
    ) -> Execution:
        """Commit a change, push it, and return the execution that the push started."""
        commit = self.repository.commit(subject, change)
        arrived = self.repository.push()
        if arrived != commit:
            raise RehearsalFailedError(f"Pushed {commit}, but {arrived} arrived.")
        self.report.log(f"git push: {commit[:8]} “{subject}”")
        return self.pipeline.start(commit, without)

    def developer(self, program: str, *arguments: str) -> tuple[bool, str]:
        """Run a program in the clone; return whether it succeeded, and what it printed."""
        run = self.account.run("developer", program, *arguments, folder=self.repository.folder)
        return run.returncode == 0, run.stdout[-600:]

    def mark(self, number: int) -> Callable[[Path], object]:
        """Return a change that can be seen from outside."""
        return lambda folder: (folder / MARK).write_text(str(number))

    # --- what is asked of the app -----------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.account.fleet.port}"

    def ask(self, path: str, record: dict[str, Any] | None = None) -> requests.Response:
        """Ask the load balancer for a path, or post a record to it."""
        method = "GET" if record is None else "POST"
        return requests.request(method, f"{self.url}{path}", json=record, timeout=30)

    def serves_mark(self, number: int) -> bool:
        """Whether the file that is served comes from the commit with this mark."""
        return self.ask(f"/{MARK}").text == str(number)

    def model_version(self) -> str:
        """Return the run that ``/ready`` names."""
        return str(self.ask("/ready").json().get("model_version"))

    def record(self) -> dict[str, Any]:
        """Return a record inside the ranges of the training table."""
        runs = self.account.fleet.instances[0].current / "artifacts" / "runs"
        schema = json.loads((runs / self.run_id / "schema.json").read_text("utf-8"))
        return {
            feature["name"]: feature["categories"][0]
            if "categories" in feature
            else feature["observed_minimum"]
            for feature in schema["features"]
        }

    def score_table(self, n_rows: int) -> int:
        """Upload a table as a browser does, wait for it, and return the number of predictions."""
        browser = requests.Session()
        record = self.record()
        line = ",".join(map(str, record.values()))
        table = "\n".join([",".join(record), *[line] * n_rows])
        job = browser.post(f"{self.url}/batch", files={"file": ("class.csv", table)}).url
        wait_for(lambda: bool(browser.get(f"{job}/progress").json()["done"]))
        return len(browser.get(f"{job}/predictions.csv").text.splitlines()) - 1

    # --- proofs and measurements of several steps -------------------------------------------------

    def prove_no_request_failed(self, since: float, during: str) -> None:
        """Show that every request since a moment was answered."""
        time.sleep(0.5)
        count, wrong = self.load.summary(since)
        claim = f"{during}: {count:,} requests, none failed"
        self.report.prove(claim, count > 20 and not wrong, wrong)

    def prove_unchanged(self, version: str, since: float, name: str) -> None:
        """Show that the version from before still answers everybody."""
        unchanged = self.account.beanstalk.current == version and self.serves_mark(3)
        self.report.prove(f"{name}: the version from before goes on serving", unchanged)
        self.prove_no_request_failed(since, name)

    def measure_installation(self, packages: str) -> float:
        """Measure the packages of an instance, and return their megabytes."""
        venv = self.account.fleet.instances[0].venv
        size = installed_mb(venv)
        self.report.figure(f"installed, {packages}", f"{size:.0f} MB in {installed_s(venv):.0f} s")
        return size

    def measure_memory(self, packages: str) -> None:
        """Measure two workers under load."""
        used = memory_mb(self.account.fleet.instances[0].pid)
        self.report.figure(f"memory of two workers under load, {packages}", f"{used:.0f} MB")
        claim = f"two workers leave half of a t3.micro ({INSTANCE_MB} MiB) free, {packages}"
        self.report.prove(claim, used < INSTANCE_MB / 2, f"{used:.0f} MB")

    def stop(self) -> None:
        """End everything that runs."""
        if hasattr(self, "load"):
            self.load.stop()
        self.account.stop()


def finished(execution: Execution) -> Execution:
    """Wait for the end of an execution."""
    if not execution.ended.wait(LONGEST_S):
        raise RehearsalFailedError(f"#{execution.number} did not end: {execution.stage}.")
    return execution


def wait_for(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + 120
    while not holds():
        if time.monotonic() > deadline:
            raise RehearsalFailedError("A condition was not met within 120 s.")
        time.sleep(0.05)


def names_in(bundle: Path) -> set[str]:
    """Return the top-level names of a zip file."""
    with zipfile.ZipFile(bundle) as archive:
        return {name.split("/")[0] for name in archive.namelist()}
