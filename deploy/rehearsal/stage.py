"""The parts of the rehearsal together: pushing, asking, waiting, measuring."""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.rehearsal.buildspec import BuildFailedError
from deploy.rehearsal.cloud import Cloud, Rehearsed
from deploy.rehearsal.instance import installed_mb, installed_s, memory_mb
from deploy.rehearsal.load import Load
from deploy.rehearsal.pipeline import ActionFailedError, Execution, Pipeline
from deploy.rehearsal.report import RehearsalFailedError, Report
from deploy.rehearsal.workshop import Builder, Repository, zip_folder
from deploy.tools import ROOT

KEPT = ROOT / ".envs" / "rehearsal"
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
MARK = "static/rehearsal.txt"
INSTANCE_MB = 1024  # of a t3.micro
LONGEST_S = 1200.0


class Stage:
    """The rehearsal's parts, and what the scenes do with them."""

    def __init__(self, folder: Path, report: Report) -> None:
        self.folder = folder
        self.report = report
        KEPT.mkdir(parents=True, exist_ok=True)
        (KEPT / "home").mkdir(exist_ok=True)
        self.cloud = Cloud(folder, KEPT, report.tell)
        self.repository = Repository.make(ROOT, folder)
        self.builder = Builder(KEPT / "build", KEPT / "home", report.tell)
        self.played = Rehearsed(self.cloud, self.repository.archive, self._build, zip_folder)
        actions = {
            "CodeStarSourceConnection": lambda e, key: self.played.source(e.number, e.commit),
            "CodeBuild": lambda e, key: self.played.make(e.number, key),
            "ElasticBeanstalk": self._deploy,
        }
        properties = self.cloud.pipeline
        self.full = Pipeline.from_template(properties, actions, report.tell)
        self.short = Pipeline.from_template(properties, actions, report.tell, without=("Build",))
        self.load: Load | None = None
        self.run_id = ""

    # --- the pieces -------------------------------------------------------------------------------

    def _build(self, source: Path, log: Path) -> Path:
        try:
            return self.builder.build(source, log)
        except BuildFailedError as error:
            raise ActionFailedError(str(error)) from error

    def _deploy(self, execution: Execution, key: str) -> str:
        run = self.played.deploy(execution.number + self._offset(execution), execution.commit, key)
        if run.returncode:
            said = [line for line in run.stdout.splitlines() if "ERROR" in line]
            raise ActionFailedError(" ".join(said)[-600:] or run.stdout[-600:])
        return key

    def _offset(self, execution: Execution) -> int:
        """Return what keeps the version labels of the two pipelines apart."""
        return 0 if execution in self.full.executions else 50

    def push(self, pipeline: Pipeline, subject: str, change: Callable[[Path], None]) -> Execution:
        """Commit a change, push it, and return the execution that the push started."""
        commit = self.repository.commit(subject, change)
        arrived = self.repository.push()
        if arrived != commit:
            raise RehearsalFailedError(f"Pushed {commit}, but {arrived} arrived.")
        self.report.tell(f"git push: {commit[:8]} “{subject}”")
        return pipeline.start(commit, subject)

    def finished(self, execution: Execution) -> Execution:
        """Wait for the end of an execution."""
        if not execution.ended.wait(LONGEST_S):
            raise RehearsalFailedError(f"#{execution.number} did not end: {execution.stage}.")
        return execution

    def ask(self, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Ask the load balancer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.cloud.fleet.port, timeout=30)
        try:
            headers = {"Content-Type": "application/json"} if body else {}
            connection.request("POST" if body else "GET", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def score_a_class(self, n_rows: int) -> int:
        """Upload a table as a browser does, wait for it, and return the number of predictions."""
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        page = f"http://127.0.0.1:{self.cloud.fleet.port}/batch"
        token = TOKEN.search(browser.open(page).read().decode())
        assert token is not None
        record = self.record()
        line = ",".join(map(str, record.values()))
        table = "\n".join([",".join(record), *[line] * n_rows])
        parts = {'"csrf_token"': token[1], '"file"; filename="class.csv"': table}
        body = "".join(
            f"--rehearsal\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n"
            for name, value in parts.items()
        )
        kind = {"Content-Type": "multipart/form-data; boundary=rehearsal"}
        upload = urllib.request.Request(page, f"{body}--rehearsal--\r\n".encode(), kind)
        job = browser.open(upload).url.partition("#")[0]
        self.until(lambda: bool(json.load(browser.open(f"{job}/progress"))["done"]))
        lines = browser.open(f"{job}/predictions.csv").read().decode().splitlines()
        return len(lines) - 1

    def served_mark(self, number: int) -> bool:
        """Whether the file with the mark that is served is that of a commit."""
        return self.ask(f"/{MARK}") == (200, str(number).encode())

    def mark(self, number: int) -> Callable[[Path], None]:
        """Return a change that can be seen from outside."""

        def change(folder: Path) -> None:
            (folder / MARK).write_text(str(number))

        return change

    def nothing_failed(self, since: float, during: str) -> None:
        """Show that every request since a moment was answered."""
        assert self.load is not None
        time.sleep(0.5)
        count, wrong = self.load.summary(since)
        self.report.prove(
            f"{during}: {count:,} requests, none failed", count > 20 and not wrong, str(wrong)
        )

    def record(self) -> dict[str, Any]:
        """Return a record inside the ranges that training saw."""
        runs = self.cloud.fleet.instances[0].current / "artifacts" / "runs"
        schema = json.loads((runs / self.run_id / "schema.json").read_text("utf-8"))
        return {
            feature["name"]: feature["categories"][0]
            if "categories" in feature
            else feature["observed_minimum"]
            for feature in schema["features"]
        }

    def body(self) -> bytes:
        """Return the load's record as JSON."""
        assert self.load is not None
        return json.dumps(self.load.record).encode()

    def measure_installation(self, kind: str) -> float:
        """Measure the packages of an instance, and return their megabytes."""
        venv = self.cloud.fleet.instances[0].venv
        size = installed_mb(venv)
        self.report.figure(f"installed, {kind}", f"{size:.0f} MB in {installed_s(venv):.0f} s")
        return size

    def measure_memory(self, kind: str) -> None:
        """Measure two workers under load."""
        used = memory_mb(self.cloud.fleet.instances[0].pid)
        if used is None:
            return
        self.report.figure(f"memory of two workers under load, {kind}", f"{used:.0f} MB")
        self.report.prove(
            f"two workers leave half of a t3.micro ({INSTANCE_MB} MiB) free, {kind}",
            used < INSTANCE_MB / 2,
            f"{used:.0f} MB",
        )

    def refused(self, before: str, moment: float, name: str) -> None:
        """Show that the version from before still answers everybody."""
        unchanged = self.cloud.beanstalk.current == before and self.served_mark(3)
        self.report.prove(f"{name}: the version from before goes on serving", unchanged)
        self.nothing_failed(moment, name)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + 120
        while not holds():
            if time.monotonic() > deadline:
                raise RehearsalFailedError("What was waited for did not come.")
            time.sleep(0.05)

    def stop(self) -> None:
        """End what runs."""
        if self.load is not None:
            self.load.stop()
        self.cloud.stop()
