"""The account of the rehearsal: what the templates would make, and who calls in whose name."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.policies import shipped
from deploy.rehearsal.beanstalk import Beanstalk, Version
from deploy.rehearsal.emulator import Emulator, Gate
from deploy.rehearsal.fleet import Fleet
from deploy.rehearsal.iam import Document
from deploy.rehearsal.instance import Machine
from deploy.rehearsal.options import SECRETS, from_template, problems
from deploy.rehearsal.template import FOLDER, Account, Template
from deploy.rehearsal.workshop import base_python, plain_environment
from deploy.tools import tool

ACCOUNT = Account("123456789012", "us-east-1")  # moto's
ADMINISTRATOR: Document = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
# The pipeline's deploy action is played by `eb`, which asks this, too; CodePipeline does not.
ASKED_BY_EB_ALONE = ["elasticbeanstalk:DescribePlatformVersion"]
PRINCIPALS = {
    "developer": ("developer.json", "developer-environment.json", "require-mfa.json"),
    "pipeline": ("pipeline-role.json",),
    "build": ("build-role.json",),
    "instance": ("instance-role.json",),
}
EB_CONFIG = """\
branch-defaults:
  main: {{environment: {env_name}}}
  default: {{environment: {env_name}}}
{deploy}global:
  application_name: {app_name}
  default_platform: {platform}
  default_region: {region}
  workspace_type: Application
"""


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cloud:
    """The emulated account with one environment, load-balanced, of two instances.

    Parameters
    ----------
    folder : Path
        For instances, logs and downloads; removed at the end.
    kept : Path
        For what a later rehearsal may use again: virtual environments.
    """

    def __init__(self, folder: Path, kept: Path, tell: Callable[[str], None]) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        python = ".".join(base_python().name.removeprefix("python").split("."))
        self.platform = f"64bit Amazon Linux 2023 v4.0.0 running Python {python}"
        app = Template.read(
            FOLDER / "app.yaml",
            {"SolutionStackName": self.platform, "EnvironmentType": "LoadBalanced"},
            ACCOUNT,
        ).resources
        pipeline = Template.read(
            FOLDER / "pipeline.yaml", {"RepositoryId": "you/stuprediction"}, ACCOUNT
        ).resources
        self.pipeline: dict[str, Any] = pipeline["Pipeline"]["Properties"]
        self.artifacts: str = self.pipeline["ArtifactStore"]["Location"]
        settings = from_template(app["Environment"]["Properties"]["OptionSettings"])

        policies = shipped(ACCOUNT)
        self.gate = Gate(
            {"administrator": [ADMINISTRATOR]}
            | {who: [policies[name] for name in names] for who, names in PRINCIPALS.items()}
        )
        self.gate.policies["pipeline"].append(
            {"Statement": [{"Effect": "Allow", "Action": ASKED_BY_EB_ALONE, "Resource": "*"}]}
        )
        machine = Machine(
            base_python(), kept / "venvs", self._platform_programs(), {}, self._secret, tell
        )
        self.fleet = Fleet(folder, 2, free_port(), machine, free_port, self._download)
        self.beanstalk = Beanstalk(
            ACCOUNT,
            app["Application"]["Properties"]["ApplicationName"],
            app["Environment"]["Properties"]["EnvironmentName"],
            self.platform,
            settings,
            self.fleet.deploy,
            self._exists,
            problems,
        )
        self.emulator = Emulator(ACCOUNT, self.gate, self.beanstalk)

    def start(self) -> None:
        """Start the emulator, and make the buckets and the secret that the templates make."""
        self.emulator.start()
        s3 = self.emulator.client("administrator", "s3")
        for bucket in (self.artifacts, self.beanstalk.bucket):
            s3.create_bucket(Bucket=bucket)
        placeholder = self.beanstalk.settings[SECRETS, "SECRET_KEY"]
        made = self.emulator.client("administrator", "secretsmanager").create_secret(
            Name="stuprediction/secret-key", SecretString=secrets.token_hex(32)
        )["ARN"]
        self.beanstalk.settings[SECRETS, "SECRET_KEY"] = made
        text = json.dumps(self.gate.policies["instance"]).replace(placeholder, made)
        self.gate.policies = {**self.gate.policies, "instance": json.loads(text)}
        credentials = self.emulator.environment("instance")
        self.fleet.machine = Machine(**{**vars(self.fleet.machine), "credentials": credentials})

    def stop(self) -> None:
        """End instances, load balancer and emulator."""
        self.fleet.stop()
        if self.emulator.url:
            self.emulator.stop()

    def run(
        self, principal: str, tool_name: str, *arguments: str, folder: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run ``eb`` or ``aws`` in a principal's name; what it prints is kept in a log."""
        environment = plain_environment(self.home) | self.emulator.environment(principal)
        run = subprocess.run(
            [str(tool(tool_name)), *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        with (self.folder / f"{tool_name}.log").open("a") as log:
            log.write(f"$ {tool_name} {' '.join(arguments)}   ({principal})\n{run.stdout}\n")
        return run

    def eb_project(self, folder: Path, artifact: str = "") -> None:
        """Write what ``eb init`` would write into a folder."""
        name = self.platform.partition(" running ")[2]
        config = EB_CONFIG.format(
            env_name=self.beanstalk.env_name,
            app_name=self.beanstalk.app_name,
            platform=f"{name} running on 64bit Amazon Linux 2023",
            region=ACCOUNT.region,
            deploy=f"deploy:\n  artifact: {artifact}\n" if artifact else "",
        )
        (folder / ".elasticbeanstalk").mkdir(parents=True, exist_ok=True)
        (folder / ".elasticbeanstalk" / "config.yml").write_text(config)

    def wait_until_ready(self, timeout_s: float = 300.0) -> str:
        """Wait for the end of an update, and return its last event's message."""
        deadline = time.monotonic() + timeout_s
        while self.beanstalk.status != "Ready" and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.2)  # the last event follows the status
        return self.beanstalk.events[-1].message

    # --- what the emulated services ask of one another --------------------------------------------

    def _exists(self, bucket: str, key: str) -> bool:
        client = self.emulator.client("administrator", "s3")
        return any(
            found["Key"] == key
            for found in client.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])
        )

    def _download(self, version: Version) -> Path:
        path = self.folder / "bundles" / f"{version.label}.zip"
        path.parent.mkdir(exist_ok=True)
        client = self.emulator.client("instance", "s3")
        client.download_file(version.bucket, version.key, str(path))
        return path

    def _secret(self, arn: str) -> str:
        client = self.emulator.client("instance", "secretsmanager")
        return str(client.get_secret_value(SecretId=arn)["SecretString"])

    def _platform_programs(self) -> Path:
        """Return a folder with the one program of ours that the platform has: ``aws``."""
        folder = self.folder / "platform"
        folder.mkdir()
        (folder / "aws").symlink_to(tool("aws"))
        return folder


class Rehearsed:
    """The three actions of the pipeline's template, by their providers."""

    def __init__(
        self, cloud: Cloud, archive: Callable[[str, Path], None],
        build: Callable[[Path, Path], Path], zip_folder: Callable[[Path, Path], None],
    ) -> None:  # fmt: skip
        self.cloud = cloud
        self.archive = archive
        self.build = build
        self.zip_folder = zip_folder
        self._unique = threading.Lock()

    def source(self, number: int, commit: str) -> str:
        """Put the commit's files into the artifact bucket."""
        path = self.cloud.folder / f"source-{number}.zip"
        self.archive(commit, path)
        return self._put("pipeline", f"stuprediction/Source/{number}.zip", path)

    def make(self, number: int, key: str) -> str:
        """Run the buildspec on the source, and put the artifact into the bucket."""
        source = self._get("build", key)
        artifact = self.build(source, self.cloud.folder / f"build-{number}.log")
        path = self.cloud.folder / f"bundle-{number}.zip"
        self.zip_folder(artifact, path)
        return self._put("build", f"stuprediction/Bundle/{number}.zip", path)

    def deploy(self, number: int, commit: str, key: str) -> subprocess.CompletedProcess[str]:
        """Register the bundle as a version and deploy it, with the real ``eb``."""
        folder = self.cloud.folder / f"deploy-{number}"
        self.cloud.eb_project(folder, artifact="bundle.zip")
        shutil.move(self._get("pipeline", key), folder / "bundle.zip")
        label = f"code-pipeline-{number:02d}-{commit[:8]}"
        env_name = self.cloud.beanstalk.env_name
        return self.cloud.run(
            "pipeline", "eb", "deploy", env_name, "--label", label, "--timeout", "20",
            folder=folder,
        )  # fmt: skip

    def _put(self, principal: str, key: str, path: Path) -> str:
        client = self.cloud.emulator.client(principal, "s3")
        client.upload_file(str(path), self.cloud.artifacts, key)
        return key

    def _get(self, principal: str, key: str) -> Path:
        path = self.cloud.folder / f"{principal}-{key.replace('/', '-')}"
        client = self.cloud.emulator.client(principal, "s3")
        client.download_file(self.cloud.artifacts, key, str(path))
        return path
