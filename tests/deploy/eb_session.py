"""Run eb commands as one who may deploy, and print what came of them, with the tools' Python.

Arguments: environment, platform, folder of the commands below a clone's, the commands as JSON.
"""

import json
import shlex
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from deploy.rehearsal.beanstalk import Beanstalk
from deploy.rehearsal.context import plain_environment
from deploy.rehearsal.emulator import ACCOUNT, Emulator, shipped_policies
from deploy.tools import tool


def main() -> None:
    env_name, platform, below, commands = sys.argv[1:]
    deployed = []

    def deploy(version, settings) -> None:
        time.sleep(1)
        deployed.append(version)

    beanstalk = Beanstalk(
        ACCOUNT, "stuprediction", env_name, f"64bit Amazon Linux 2023 v4.0.0 running {platform}",
        {}, deploy,
    )  # fmt: skip
    emulator = Emulator(shipped_policies(), beanstalk)
    s3 = emulator.client("s3", "administrator")
    s3.create_bucket(Bucket=beanstalk.bucket)
    with tempfile.TemporaryDirectory() as name:
        clone = Path(name) / "clone"
        folder = clone / below
        folder.mkdir(parents=True)
        subprocess.run(["git", "init", "--quiet", str(clone)], check=True)
        if below:  # the clone around it is set up for the app
            (folder / "Dockerrun.aws.json").write_text("{}")
            (clone / ".elasticbeanstalk").mkdir()
            (clone / ".elasticbeanstalk/config.yml").write_text(
                "branch-defaults: {main: {environment: stuprediction-web}}\n"
                "global: {application_name: stuprediction, default_platform: Python 3.13}\n"
            )
        environment = plain_environment(Path(name)) | emulator.environment("developer")
        runs = [
            subprocess.run(
                [str(tool(program)), *arguments],
                cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                text=True, check=False, timeout=120,
            )
            for program, *arguments in map(shlex.split, json.loads(commands))
        ]  # fmt: skip
        config = (folder / ".elasticbeanstalk/config.yml").read_text()
        shipped_files = []
        for version in deployed:
            source = version["SourceBundle"]
            s3.download_file(source["S3Bucket"], source["S3Key"], str(clone / "bundle.zip"))
            with zipfile.ZipFile(clone / "bundle.zip") as archive:
                shipped_files += [one for one in archive.namelist() if not one.endswith("/")]
    emulator.stop()
    said = [f"{run.args[1:]}: {run.stdout}{run.stderr}" for run in runs if run.returncode]
    outcome = {"failed": said, "denied": emulator.denied, "config": config}
    json.dump(outcome | {"shipped": shipped_files}, sys.stdout)


if __name__ == "__main__":
    main()
