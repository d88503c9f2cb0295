"""Run the workflow's deployment as its role, and print what came of it, with the tools' Python.

Arguments: the versions to deploy, one after another; one named ``bad`` fails on its instances.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.rehearsal.beanstalk import Beanstalk, DeploymentFailedError
from deploy.rehearsal.emulator import ACCOUNT, Emulator, shipped_policies
from deploy.tools import ROOT, TOOLS


def main() -> None:
    deployed = []

    def deploy(version, settings) -> None:
        if version["VersionLabel"] == "bad":
            raise DeploymentFailedError("Instance i-01: health check failed.")
        deployed.append(version)

    platform = "64bit Amazon Linux 2023 v4.0.0 running Python 3.13"
    beanstalk = Beanstalk(ACCOUNT, "stuprediction", "stuprediction-web", platform, {}, deploy)
    emulator = Emulator(shipped_policies(), beanstalk)
    s3 = emulator.client("s3", "administrator")
    s3.create_bucket(Bucket=beanstalk.bucket)
    names = {"APP_NAME": "stuprediction", "ENV_NAME": "stuprediction-web", "POLL_S": "0.1"}
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle.zip"
        bundle.write_bytes(b"zip")
        path = f"{TOOLS}/bin:{os.environ['PATH']}"
        environment = {"PATH": path, "HOME": folder, **names, **emulator.environment("github")}
        runs = [
            subprocess.run(
                [str(ROOT / "deploy/to_beanstalk.sh"), str(bundle), label],
                cwd=folder, env=environment, capture_output=True, text=True, check=False,
            )
            for label in sys.argv[1:]
        ]  # fmt: skip
    sources = [version["SourceBundle"] for version in deployed]
    shipped = [
        s3.get_object(Bucket=one["S3Bucket"], Key=one["S3Key"])["Body"].read() == b"zip"
        for one in sources
    ]
    emulator.stop()
    outcome = {
        "runs": [[run.returncode, run.stdout, run.stderr] for run in runs],
        "denied": emulator.denied,
        "allowed": sorted(action for who, action in emulator.allowed if who == "github"),
        "current": beanstalk.current,
        "shipped": shipped,
    }
    json.dump(outcome, sys.stdout)


if __name__ == "__main__":
    main()
