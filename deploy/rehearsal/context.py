"""What the steps share: account, clone, pipeline, and what is asked of the app."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from deploy.rehearsal.beanstalk import Beanstalk
from deploy.rehearsal.buildspec import Buildspec, prepare
from deploy.rehearsal.emulator import ACCOUNT, Emulator, shipped_policies
from deploy.rehearsal.instances import INSTALLED, Fleet
from deploy.rehearsal.load import Load
from deploy.rehearsal.options import Settings, from_rows
from deploy.rehearsal.pipeline import Execution, Pipeline
from deploy.rehearsal.report import RehearsalFailedError, Report
from deploy.rehearsal.system import finish, installed_mb, memory_mb, start, wait_until
from deploy.templates import Template
from deploy.tools import ROOT, tool

KEPT = ROOT / ".envs" / "rehearsal"
MARK = "static/rehearsal.txt"
INSTANCE_MB = 1024  # of a t3.micro
EB_STILL_S = 7200.0  # eb sleeps between two looks at a deployment, which may take long
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
BIN = Path(sys.base_prefix) / "bin"  # of the interpreter that the tools' environment was made with
# What a new machine would not have stays out; packages have to come from somewhere.
KEPT_VARIABLES = re.compile(
    "(PIP|SSL|REQUESTS|OPENBLAS)_.*|(HTTPS?|NO)_PROXY|LANG|LC_ALL|TMPDIR", re.IGNORECASE
)


def plain_environment(home: Path) -> dict[str, str]:
    """Return the variables of a machine without this one's settings."""
    kept = {name: v for name, v in os.environ.items() if KEPT_VARIABLES.fullmatch(name)}
    path = f"{BIN}:{os.environ.get('PATH', os.defpath)}"
    return {**kept, "PATH": path, "HOME": str(home), "GIT_CONFIG_GLOBAL": os.devnull}


class Rehearsal:
    """An environment of two instances as the templates make it, and a clone to push from."""

    load: Load
    run_id: str

    def __init__(self, folder: Path, report: Report) -> None:
        self.folder, self.report = folder, report
        self.clone, self.origin = folder / "clone", folder / "origin.git"
        for made in (KEPT / "home", KEPT / "source", folder / "programs", folder / "bundles"):
            made.mkdir(parents=True, exist_ok=True)
        (folder / "programs" / "aws").symlink_to(tool("aws"))  # the platform has it
        self.variables = plain_environment(KEPT / "home")
        self.git("clone", "--quiet", "--bare", str(ROOT), str(self.origin), folder=folder)
        self.git("clone", "--quiet", str(self.origin), str(self.clone), folder=folder)
        self.git("checkout", "--quiet", "-B", "main")

        stack = f"64bit Amazon Linux 2023 v4.0.0 running Python {PYTHON}"
        given = {"SolutionStackName": stack, "EnvironmentType": "LoadBalanced"}
        app = Template("app.yaml", given, ACCOUNT).resources
        environment = app["Environment"]["Properties"]
        pipeline = Template("pipeline.yaml", {"RepositoryId": "you/stuprediction"}, ACCOUNT)
        properties = pipeline.resources["Pipeline"]["Properties"]
        self.bucket: str = properties["ArtifactStore"]["Location"]
        self.fleet = Fleet(folder, BIN / f"python{PYTHON}", KEPT / "venvs", report.log)
        self.url = f"http://127.0.0.1:{self.fleet.port}"
        self.beanstalk = Beanstalk(
            ACCOUNT,
            app["Application"]["Properties"]["ApplicationName"],
            environment["EnvironmentName"],
            stack,
            from_rows(environment["OptionSettings"]),
            self._bring,
        )
        self.emulator = Emulator(shipped_policies(), self.beanstalk)
        for bucket in (self.bucket, self.beanstalk.bucket):
            self.emulator.client("s3", "administrator").create_bucket(Bucket=bucket)
        self.fleet.credentials = self.emulator.environment("instance")
        actions = {
            "CodeStarSourceConnection": self._source,
            "CodeBuild": self._build,
            "ElasticBeanstalk": self._deploy,
        }
        self.pipeline = Pipeline(properties, actions, report.log)

    def stop(self) -> None:
        """End everything that runs."""
        if hasattr(self, "load"):
            self.load.stop()
        self.fleet.stop()
        self.emulator.stop()

    # --- what the services do ---------------------------------------------------------------------

    def _bring(self, version: dict[str, Any] | None, settings: Settings) -> None:
        """Bring a version to new instances, or settings to those that run."""
        if version is None:
            self.fleet.configure(settings)
            return
        path = self.folder / "bundles" / f"{version['VersionLabel']}.zip"
        source = version["SourceBundle"]
        client = self.emulator.client("s3", "instance")
        client.download_file(source["S3Bucket"], source["S3Key"], str(path))
        self.fleet.replace(path, settings)

    def _source(self, execution: Execution, _: str) -> str:
        path = self.folder / f"source-{execution.number}.zip"
        archive = ("archive", "--format=zip", "--output", str(path), execution.commit)
        self.git(*archive, folder=self.origin)
        return self._put("pipeline", f"Source/{execution.number}.zip", path)

    def _build(self, execution: Execution, key: str) -> str:
        work = KEPT / "source"
        prepare(self._get("build", key), work)
        log_file = self.folder / f"build-{execution.number}.log"
        buildspec = Buildspec(work / "buildspec.yml")
        artifact = buildspec.run(work, log_file, self.variables, self.report.log)
        path = shutil.make_archive(str(self.folder / f"bundle-{execution.number}"), "zip", artifact)
        return self._put("build", f"Bundle/{execution.number}.zip", Path(path))

    def _deploy(self, execution: Execution, key: str) -> str:
        """Register the bundle as a version and deploy it, as CodePipeline does."""
        api = self.emulator.client("elasticbeanstalk", "pipeline")
        bucket = api.create_storage_location()["S3Bucket"]
        self._put("pipeline", key, self._get("pipeline", key), bucket)
        app_name, env_name = self.beanstalk.app_name, self.beanstalk.env_name
        label = f"code-pipeline-{execution.number:02d}-{execution.commit[:8]}"
        source = {"S3Bucket": bucket, "S3Key": key}
        api.create_application_version(
            ApplicationName=app_name, VersionLabel=label, SourceBundle=source
        )
        answer = api.update_environment(EnvironmentName=env_name, VersionLabel=label)

        def is_ready() -> bool:
            time.sleep(0.5)
            found = api.describe_environments(EnvironmentNames=[env_name])["Environments"]
            return bool(found[0]["Status"] == "Ready")

        wait_until(is_ready)
        time.sleep(0.5)  # the last event follows the status
        request_id = answer["ResponseMetadata"]["RequestId"]
        events = api.describe_events(EnvironmentName=env_name, RequestId=request_id)["Events"]
        if errors := [event["Message"] for event in events if event["Severity"] == "ERROR"]:
            raise RehearsalFailedError(" ".join(errors))
        return key

    def _put(self, principal: str, key: str, path: Path, bucket: str = "") -> str:
        client = self.emulator.client("s3", principal)
        client.upload_file(str(path), bucket or self.bucket, key)
        return key

    def _get(self, principal: str, key: str) -> Path:
        path = self.folder / f"{principal}-{key.replace('/', '-')}"
        self.emulator.client("s3", principal).download_file(self.bucket, key, str(path))
        return path

    # --- what a developer does --------------------------------------------------------------------

    def git(self, *arguments: str, folder: Path | None = None) -> str:
        """Run git, in the clone unless told otherwise, and return what it printed."""
        command, place = ["git", *arguments], folder or self.clone
        return subprocess.check_output(command, cwd=place, env=self.variables, text=True).strip()

    def commit(self, subject: str, mark: int | None = None) -> str:
        """Commit the clone's changes, with a mark that can be seen from outside."""
        if mark is not None:
            (self.clone / MARK).write_text(str(mark))
        author = ("-c", "user.name=Rehearsal", "-c", "user.email=rehearsal@localhost")
        self.git("add", "--all")
        self.git(*author, "commit", "--quiet", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def push(self, subject: str, mark: int | None = None, without: str = "Build") -> Execution:
        """Commit, push, and return the execution that the push started."""
        commit = self.commit(subject, mark)
        self.git("push", "--quiet", "--force", "origin", "main")
        arrived = self.git("rev-parse", "main", folder=self.origin)
        if arrived != commit:
            raise RehearsalFailedError(f"Pushed {commit}, but {arrived} arrived.")
        self.report.log(f"git push: {commit[:8]} “{subject}”")
        return self.pipeline.start(commit, without)

    def developer(self, program: str, *arguments: str) -> tuple[bool, str]:
        """Run ``eb`` or ``aws`` in the clone; return whether it succeeded, and what it printed."""
        return self._run("developer", [str(tool(program)), *arguments], program, self.variables)

    def github(self, script: str, *arguments: str) -> tuple[bool, str]:
        """Run a script of the clone as a job of GitHub Actions does; see :meth:`developer`."""
        path = f"{self.folder}/programs:{self.variables['PATH']}"
        names = {"APP_NAME": self.beanstalk.app_name, "ENV_NAME": self.beanstalk.env_name}
        variables = self.variables | names | {"PATH": path, "POLL_S": "1"}
        return self._run("github", [str(self.clone / script), *arguments], "github", variables)

    def _run(
        self, principal: str, command: list[str], name: str, variables: dict[str, str]
    ) -> tuple[bool, str]:
        log_file = self.folder / f"{name}.log"
        signed = variables | self.emulator.environment(principal)
        status = finish(start(command, self.clone, signed, log_file), EB_STILL_S).status
        return status == 0, log_file.read_text()[-600:]

    # --- what is asked of the app -----------------------------------------------------------------

    def serves(self, mark: int) -> bool:
        """Whether the file that is served comes from the commit with this mark."""
        return requests.get(f"{self.url}/{MARK}", timeout=30).text == str(mark)

    def predict(self, record: dict[str, Any]) -> requests.Response:
        """Post a record to the load balancer."""
        return requests.post(f"{self.url}/predict", json=record, timeout=30)

    def model_version(self) -> str:
        """Return the run that ``/ready`` names."""
        return str(requests.get(f"{self.url}/ready", timeout=30).json().get("model_version"))

    def record(self) -> dict[str, str]:
        """Return the first of the examples that the app gives for a table."""
        table = requests.get(f"{self.url}/batch/template.csv", timeout=30).content
        return next(csv.DictReader(table.decode("utf-8-sig").splitlines()))

    def score_table(self, record: dict[str, Any], n_rows: int) -> int:
        """Upload a table as a browser does, wait for it, and return the number of predictions."""
        browser = requests.Session()
        line = ",".join(map(str, record.values()))
        table = "\n".join([",".join(record), *[line] * n_rows])
        job = browser.post(f"{self.url}/batch", files={"file": ("class.csv", table)}).url
        wait_until(lambda: bool(browser.get(f"{job}/progress").json()["done"]))
        return len(browser.get(f"{job}/predictions.csv").text.splitlines()) - 1

    # --- proofs and measurements of several steps -------------------------------------------------

    @contextmanager
    def no_failed_request(self, during: str) -> Iterator[None]:
        """Show that every request since the block's begin was answered."""
        since = time.monotonic()
        yield
        time.sleep(0.5)
        count, wrong = self.load.summary(since)
        claim = f"{during}: {count:,} requests, none failed"
        self.report.prove(claim, count > 20 and not wrong, wrong)

    @contextmanager
    def nothing_changed(self, name: str) -> Iterator[None]:
        """Show that the version from before goes on serving, and make the clone what it was."""
        version = self.beanstalk.current
        good = self.git("rev-parse", "HEAD")
        with self.no_failed_request(name):
            yield
            unchanged = self.beanstalk.current == version and self.serves(3)
            self.report.prove(f"{name}: the version from before goes on serving", unchanged)
        self.git("reset", "--quiet", "--hard", good)

    def measure(self, packages: str) -> float:
        """Measure an instance's packages, and two workers under load; return the packages' MB."""
        instance = self.fleet.instances[0]
        size, seconds = installed_mb(instance.venv), (instance.venv / INSTALLED).read_text()
        self.report.figure(f"installed, {packages}", f"{size:.0f} MB in {seconds} s")
        assert instance.web is not None
        used = memory_mb(instance.web.pid)
        self.report.figure(f"memory of two workers under load, {packages}", f"{used:.0f} MB")
        claim = f"two workers leave half of a t3.micro ({INSTANCE_MB} MiB) free, {packages}"
        self.report.prove(claim, used < INSTANCE_MB / 2, f"{used:.0f} MB")
        return size


def finished(execution: Execution) -> Execution:
    """Wait for the end of an execution, which comes: what gets stuck in a stage is ended."""
    execution.ended.wait()
    return execution
