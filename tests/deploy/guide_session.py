"""Follow deploy/README.md word for word against the emulator, and print what came of it.

With the tools' Python; arguments: a clone to work in, artifacts that stand for ``make train``.

Every code block runs, in its order, in one shell that knows no variable but those of earlier lines.
Beanstalk knows an application or an environment once its stack is there. Programs and services that
cannot be had here note that they were called, and succeed.
"""

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.rehearsal.beanstalk import Beanstalk, RefusedError
from deploy.rehearsal.context import plain_environment
from deploy.rehearsal.emulator import ACCOUNT, Emulator, shipped_policies
from deploy.templates import Account, Template
from deploy.tools import TOOLS

REGION = "eu-central-1"  # the guide's
PLATFORM = "64bit Amazon Linux 2023 v4.9.1 running"
PYTHON, DOCKER = f"{PLATFORM} Python 3.13", f"{PLATFORM} Docker"
WITHOUT_APPLICATION = (
    "CreateStorageLocation",
    "DescribePlatformVersion",
    "ListAvailableSolutionStacks",
    "ListPlatformBranches",
)
ALTERNATIVE = "eb create "  # instead of the steps before it
STUBS = {
    "aws": '''case "$1" in
  ecr) echo password ;; codepipeline|service-quotas) ;;
  *) exec "$TOOLS/bin/aws" "$@" ;;
esac''',
    "eb": '''[ "$1" = open ] || exec "$TOOLS/bin/eb" "$@"''',
    "make": '''case "$1" in
  train) mkdir -p artifacts && exec cp -R "$TRAINED/." artifacts ;;
  bundle) exec /usr/bin/make -o .venv/.setup bundle ;;
esac''',
    "docker": "cat >/dev/null",  # a password may come
    **dict.fromkeys(("curl", "pipx", "sudo", "unzip"), ""),
}  # fmt: skip


class AccountBeanstalk(Beanstalk):
    """Beanstalk of an account that begins empty."""

    stacks: Any = None

    def answer(self, action: str, asked: Mapping[str, Any], request_id: str = "") -> dict[str, Any]:
        if action == "ListAvailableSolutionStacks":
            return {"SolutionStacks": [DOCKER, PYTHON]}
        made = {stack["StackName"] for stack in self.stacks.describe_stacks()["Stacks"]}
        if "stuprediction-app" not in made and action not in WITHOUT_APPLICATION:
            raise RefusedError("No Application named 'stuprediction' found.")
        if "stuprediction-streamlit" in made and self.env_name != "stuprediction-streamlit":
            self.env_name, self.platform = "stuprediction-streamlit", DOCKER
            self.__post_init__()
        return super().answer(action, asked, request_id)


def blocks(guide: Path) -> list[str]:
    """Return the guide's code blocks, but those that are another way to what was done."""
    found = re.findall(r"^ *```sh\n(.*?)^ *```", guide.read_text("utf-8"), re.M | re.S)
    return [textwrap.dedent(block) for block in found if ALTERNATIVE not in block]


def for_moto(path: Path) -> None:
    """Take out of a template the attributes of what moto does not make: it stumbles there."""
    text = path.read_text("utf-8").split("\nOutputs:")[0] + "\n"
    text = text.replace("!GetAtt Build.Arn", "arn:aws:codebuild:us-east-1:123456789012:project/x")
    path.write_text(text)


def main() -> None:
    clone, trained = map(Path, sys.argv[1:])
    deployed: list[str] = []
    account = Account(ACCOUNT.account, REGION)

    def deploy(version, settings) -> None:
        deployed.append(f"{beanstalk.env_name}: {version['SourceBundle']['S3Key']}")

    beanstalk = AccountBeanstalk(account, "stuprediction", "stuprediction-web", PYTHON, {}, deploy)
    emulator = Emulator(shipped_policies(), beanstalk)
    beanstalk.stacks = emulator.client("cloudformation", "administrator", REGION)
    emulator.client("s3", "administrator").create_bucket(Bucket=beanstalk.bucket)
    for path in (clone / "deploy/cloudformation").glob("*.yaml"):
        for_moto(path)
    programs, log = clone.parent / "programs", clone.parent / "calls.log"
    programs.mkdir()
    for name, body in STUBS.items():
        note = f'echo "{name} $*" >>"{log}"\n'
        (programs / name).write_text(f"#!/bin/sh\n{note}{body}\n")
        (programs / name).chmod(0o755)
    environment = plain_environment(clone.parent) | emulator.environment("administrator")
    environment |= {"TOOLS": str(TOOLS), "TRAINED": str(trained)}
    environment["PATH"] = f"{programs}:{TOOLS}/bin:{os.environ['PATH']}"
    del environment["AWS_DEFAULT_REGION"]  # the guide sets it
    script = "\n".join(
        f"echo '### block {number}'\n{block}"
        for number, block in enumerate(blocks(clone / "deploy/README.md"))
    )
    # Before everything goes, what was made is looked at.
    look = 'aws cloudformation describe-stacks --output json >"$HOME/stacks.json"\n'
    script = script.replace("for stack in", f"{look}for stack in")
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=clone, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    seen = clone.parent / "stacks.json"
    stacks = json.loads(seen.read_text())["Stacks"] if seen.exists() else []
    for stack in stacks:
        given = {p["ParameterKey"]: p["ParameterValue"] for p in stack.get("Parameters", [])}
        Template(f"{stack['StackName'].removeprefix('stuprediction-')}.yaml", given, account)
    left = beanstalk.stacks.describe_stacks()["Stacks"]
    emulator.stop()
    outcome = {
        "status": run.returncode,
        "said": (run.stdout + run.stderr)[-3000:],
        "calls": log.read_text().splitlines(),
        "denied": emulator.denied,
        "stacks": {stack["StackName"]: stack["StackStatus"] for stack in stacks},
        "left": [stack["StackName"] for stack in left],
        "deployed": deployed,
    }
    json.dump(outcome, sys.stdout)


if __name__ == "__main__":
    main()
