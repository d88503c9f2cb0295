"""The emulated AWS account: what the templates would make, and who calls in whose name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.policies import shipped
from deploy.rehearsal.beanstalk import Beanstalk
from deploy.rehearsal.emulator import Emulator, Gate
from deploy.rehearsal.fleet import Fleet
from deploy.rehearsal.iam import Document
from deploy.rehearsal.instance import Platform
from deploy.rehearsal.options import Settings, from_template
from deploy.templates import FOLDER, Account, Template
from deploy.tools import tool

ACCOUNT = Account("123456789012", "us-east-1")  # moto's
ADMINISTRATOR: Document = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
# `eb` plays the pipeline's deploy action and asks for this as well; CodePipeline does not.
ASKED_BY_EB_ALONE = ("pipeline", "elasticbeanstalk:DescribePlatformVersion")
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
KEPT_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "lang", "lc_all", "tmpdir",
                  "openblas_coretype", "openblas_l2_size")  # fmt: skip


def base_python() -> Path:
    """Return the interpreter that the tools' environment was made with."""
    return Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"


def plain_environment(home: Path) -> dict[str, str]:
    """Return the variables of a machine without this one's settings.

    Those of pip and of the proxy stay, since packages have to come from somewhere.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "SSL_", "REQUESTS_")) or name.lower() in KEPT_VARIABLES
    }
    path = f"{base_python().parent}:{os.environ.get('PATH', os.defpath)}"
    return {**kept, "PATH": path, "HOME": str(home), "GIT_CONFIG_GLOBAL": os.devnull}


class EmulatedAccount:
    """One environment, load-balanced, of two instances, with the shipped roles.

    Parameters
    ----------
    folder : Path
        For instances, logs and downloads.
    venvs : Path
        For the instances' virtual environments, which a later rehearsal uses again.
    log : callable
        Takes a line for people.
    """

    def __init__(self, folder: Path, venvs: Path, log: Callable[[str], None]) -> None:
        self.folder = folder
        for name in ("home", "programs", "bundles"):
            (folder / name).mkdir()
        (folder / "programs" / "aws").symlink_to(tool("aws"))  # the platform has it
        stack = f"64bit Amazon Linux 2023 v4.0.0 running {base_python().name.title()}"
        stack = stack.replace("Python", "Python ")
        given = {"SolutionStackName": stack, "EnvironmentType": "LoadBalanced"}
        app = Template.read(FOLDER / "app.yaml", given, ACCOUNT).resources
        environment = app["Environment"]["Properties"]
        repository = {"RepositoryId": "you/stuprediction"}
        pipeline = Template.read(FOLDER / "pipeline.yaml", repository, ACCOUNT).resources
        self.pipeline: dict[str, Any] = pipeline["Pipeline"]["Properties"]

        policies = shipped(ACCOUNT)
        self.gate = Gate(
            {"administrator": [ADMINISTRATOR]}
            | {who: [policies[name] for name in names] for who, names in PRINCIPALS.items()}
        )
        extra = {"Effect": "Allow", "Action": ASKED_BY_EB_ALONE[1], "Resource": "*"}
        self.gate.policies["pipeline"].append({"Statement": [extra]})
        platform = Platform(base_python(), venvs, folder / "programs", log)
        self.fleet = Fleet(folder, platform)
        self.beanstalk = Beanstalk(
            ACCOUNT,
            app["Application"]["Properties"]["ApplicationName"],
            environment["EnvironmentName"],
            stack,
            from_template(environment["OptionSettings"]),
            self._deploy,
            self._exists,
        )
        self.emulator = Emulator(self.gate, self.beanstalk)
        for bucket in (self.pipeline["ArtifactStore"]["Location"], self.beanstalk.bucket):
            self.emulator.s3("administrator").create_bucket(Bucket=bucket)
        platform.credentials = self.emulator.environment("instance")

    def stop(self) -> None:
        """End instances, load balancer and emulator."""
        self.fleet.stop()
        self.emulator.stop()

    def run(
        self, principal: str, program: str, *arguments: str, folder: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run ``eb`` or ``aws`` in a principal's name, and append its output to a log."""
        environment = plain_environment(self.folder / "home")
        run = subprocess.run(
            [str(tool(program)), *arguments],
            cwd=folder,
            env=environment | self.emulator.environment(principal),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        with (self.folder / f"{program}.log").open("a") as log:
            log.write(f"$ {program} {' '.join(arguments)}   ({principal})\n{run.stdout}\n")
        return run

    def write_eb_config(self, folder: Path, artifact: str = "") -> None:
        """Write what ``eb init`` would write into a folder."""
        config = EB_CONFIG.format(
            env_name=self.beanstalk.env_name,
            app_name=self.beanstalk.app_name,
            platform=self.beanstalk.branch,
            region=ACCOUNT.region,
            deploy=f"deploy:\n  artifact: {artifact}\n" if artifact else "",
        )
        (folder / ".elasticbeanstalk").mkdir(parents=True, exist_ok=True)
        (folder / ".elasticbeanstalk" / "config.yml").write_text(config)

    def _exists(self, bucket: str, key: str) -> bool:
        found = self.emulator.s3("administrator").list_objects_v2(Bucket=bucket, Prefix=key)
        return any(listed["Key"] == key for listed in found.get("Contents", []))

    def _deploy(self, version: dict[str, Any] | None, settings: Settings) -> None:
        if version is None:
            self.fleet.configure(settings)
            return
        path = self.folder / "bundles" / f"{version['VersionLabel']}.zip"
        source = version["SourceBundle"]
        self.emulator.s3("instance").download_file(source["S3Bucket"], source["S3Key"], str(path))
        self.fleet.replace(path, settings)
