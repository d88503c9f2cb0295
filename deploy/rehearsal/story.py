"""The rehearsal from beginning to end; started by ``python -m deploy.rehearse``."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console

from deploy.rehearsal.beanstalk import CONFIGURED, NOT_CONFIGURED
from deploy.rehearsal.cloud import ASKED_BY_EB_ALONE, PRINCIPALS
from deploy.rehearsal.load import Load
from deploy.rehearsal.options import SECRETS
from deploy.rehearsal.report import RehearsalFailedError, Report
from deploy.rehearsal.stage import INSTANCE_MB, KEPT, Stage

SHORT_LIST_MB = 60
CLASS = 2_000
OTHER_SCIKIT_LEARN = "1.8.0"


class Story(Stage):
    """What is shown, in the order of :meth:`play`."""

    def first_push(self) -> None:
        """Push, build, deploy; measure what was installed."""
        self.report.chapter("A first push: source, build, deploy (build stage from the template)")
        execution = self.finished(self.push(self.full, "First push", self.mark(1)))
        self.report.prove(
            "a push is tested, trained, bundled and deployed by the shipped buildspec and template",
            execution.status == "Succeeded" and self.served_mark(1),
            execution.reason,
        )
        status, content = self.ask("/ready")
        self.run_id = str(json.loads(content).get("model_version"))
        self.report.prove("the app is ready behind the load balancer", status == 200)
        record = self.record()
        status, content = self.ask("/predict", json.dumps(record).encode())
        self.report.prove("it predicts", status == 200, content.decode())
        scored = self.score_a_class(CLASS)
        self.report.prove(
            f"an uploaded table of {CLASS:,} rows is scored, whichever instance took it",
            scored == CLASS,
            str(scored),
        )
        instance = self.cloud.fleet.instances[0]
        listed = (instance.current / "requirements.txt").read_text("utf-8")
        short = "scikit-learn" not in listed
        kind = "short list (compiled model)" if short else "full list"
        size = self.measure_installation(kind)
        (bundle,) = (self.cloud.folder / "bundles").iterdir()
        self.report.figure("bundle with a model", f"{bundle.stat().st_size / 1e6:.2f} MB")
        if short:
            self.report.prove(
                f"the compiled model's packages take less than {SHORT_LIST_MB} MB",
                size < SHORT_LIST_MB,
                f"{size:.1f} MB",
            )
        self.load = Load(self.cloud.fleet.port, record)
        self.load.start()
        time.sleep(2)
        self.measure_memory(kind)

    def push_without_build(self) -> None:
        """Push with the build stage skipped: the instances train."""
        self.report.chapter("A push with the build stage skipped: each instance trains")
        moment = time.monotonic()
        execution = self.finished(self.push(self.short, "Without a build", self.mark(2)))
        self.report.prove(
            "without a build stage every instance trains, needing requirements.txt alone",
            execution.status == "Succeeded" and self.served_mark(2),
            execution.reason,
        )
        self.nothing_failed(moment, "two instances rolled while training")
        answers = set()
        for _ in range(8):
            answers.add(json.loads(self.ask("/predict", self.body())[1])["prediction"])
        self.report.prove("both instances trained the same model", len(answers) == 1, str(answers))
        self.measure_installation("full list")
        peak = max(instance.hooks_peak_mb for instance in self.cloud.fleet.instances)
        self.report.figure("memory of the hook that trains, at its peak", f"{peak:.0f} MB")
        self.report.prove(
            f"training leaves half of a t3.micro ({INSTANCE_MB} MiB) free",
            peak < INSTANCE_MB / 2,
            f"{peak:.0f} MB",
        )
        self.measure_memory("full list")

    def deploy_from_laptop(self) -> None:
        """Deploy from the clone, with what is promoted there."""
        self.report.chapter("eb deploy from a laptop, and a roll of two instances under load")
        clone = self.repository.folder
        artifacts = KEPT / "build" / "source" / "artifacts"
        shutil.copytree(artifacts, clone / "artifacts", dirs_exist_ok=True)
        (clone / ".git" / "info" / "exclude").write_text(".elasticbeanstalk/\n")
        self.cloud.eb_project(clone)
        self.repository.commit("From a laptop", self.mark(3))
        moment = time.monotonic()
        run = self.cloud.run("developer", "eb", "deploy", "--timeout", "20", folder=clone)
        versions = list(self.cloud.beanstalk.versions)
        self.report.prove(
            "eb deploy ships the promoted run",
            run.returncode == 0
            and self.served_mark(3)
            and json.loads(self.ask("/ready")[1])["model_version"] == self.run_id,
            run.stdout[-600:],
        )
        self.nothing_failed(moment, "two instances rolled to eb deploy's version")
        bundle = self.cloud.folder / "bundles" / f"{versions[-1]}.zip"
        shipped = {path.split("/")[0] for path in _names(bundle)}
        self.report.prove(
            ".ebignore keeps tests, notebooks' books and other tables out of it",
            not shipped & {"tests", "benchmarks", "deploy", "docs", ".git", ".venv"},
            str(shipped),
        )

    def sabotages(self) -> None:
        """Push what must not reach the traffic."""
        self.report.chapter("Sabotage: none of it reaches the traffic")
        good = self.repository.commit("Good", lambda folder: None)
        before = self.cloud.beanstalk.current

        def broken_import(folder: Path) -> None:
            path = folder / "src" / "web" / "pages.py"
            path.write_text(path.read_text("utf-8") + "import no_such_module\n")

        def missing_model(folder: Path) -> None:
            (folder / "notebooks" / "data" / "stud.csv").unlink()

        for name, change, said in (
            ("broken import", broken_import, "no_such_module"),
            ("missing model", missing_model, "sample table"),
        ):
            moment = time.monotonic()
            execution = self.finished(self.push(self.short, f"Sabotage: {name}", change))
            self.report.prove(
                f"{name}: refused, and says “{said}”",
                execution.status == "Failed" and said in execution.reason,
                f"{execution.status}: {execution.reason}",
            )
            self.refused(before, moment, name)
            self.repository.back_to(good)

        moment = time.monotonic()
        clone = self.repository.folder
        listed = clone / "requirements.txt"
        short = (clone / "requirements-serve.txt").read_text("utf-8")
        listed.write_text(f"{short}scikit-learn=={OTHER_SCIKIT_LEARN}\n")
        run = self.cloud.run("developer", "eb", "deploy", "--timeout", "20", folder=clone)
        self.report.prove(
            f"wrong scikit-learn: refused, and says “{OTHER_SCIKIT_LEARN}”",
            run.returncode != 0 and OTHER_SCIKIT_LEARN in run.stdout,
            run.stdout[-600:],
        )
        self.refused(before, moment, "wrong scikit-learn")
        self.repository.back_to(good)

        moment = time.monotonic()
        self.cloud.run(
            "developer", "aws", "elasticbeanstalk", "update-environment",
            "--environment-name", self.cloud.beanstalk.env_name,
            "--options-to-remove", f"Namespace={SECRETS},OptionName=SECRET_KEY",
            folder=clone,
        )  # fmt: skip
        last = self.cloud.wait_until_ready()
        events = " ".join(event.message for event in self.cloud.beanstalk.events[-3:])
        self.report.prove(
            "missing secret: refused, and says “SECRET_KEY must be set”",
            last == NOT_CONFIGURED and "SECRET_KEY must be set" in events,
            events,
        )
        self.refused(before, moment, "missing secret")

    def model_from_s3(self) -> None:
        """Publish a run and name it; a push without build then fetches it; one is superseded."""
        self.report.chapter("A named run from S3, and SUPERSEDED: three pushes in a row")
        clone = self.repository.folder
        uri = f"s3://{self.cloud.beanstalk.bucket}/models/{self.run_id}"
        run = self.cloud.run(
            "developer", "aws", "s3", "cp", "--recursive", "--only-show-errors",
            f"artifacts/runs/{self.run_id}", uri, folder=clone,
        )  # fmt: skip
        self.report.prove("a run is published to S3", run.returncode == 0, run.stdout)
        moment = time.monotonic()
        run = self.cloud.run("developer", "eb", "setenv", f"MODEL_URI={uri}", folder=clone)
        self.report.prove(
            "eb setenv reaches the running instances",
            run.returncode == 0 and self.cloud.beanstalk.events[-1].message == CONFIGURED,
            run.stdout[-600:],
        )
        self.nothing_failed(moment, "settings changed, instance by instance")
        moment = time.monotonic()
        first = self.push(self.short, "First of three", self.mark(4))
        self.until(lambda: self.cloud.beanstalk.status == "Updating")
        second = self.push(self.short, "Second of three", self.mark(5))
        self.until(lambda: second.stage == "Deploy")
        time.sleep(0.5)
        third = self.push(self.short, "Third of three", self.mark(6))
        for execution in (first, second, third):
            self.finished(execution)
        statuses = [execution.status for execution in (first, second, third)]
        self.report.prove(
            "the push that waited was superseded by the newer one, which was deployed",
            statuses == ["Succeeded", "Superseded", "Succeeded"] and self.served_mark(6),
            f"{statuses} {first.reason} {third.reason}",
        )
        self.report.prove(
            "the instances serve the run that MODEL_URI names",
            json.loads(self.ask("/ready")[1])["model_version"] == self.run_id,
        )
        self.nothing_failed(moment, "two more rolls")

    def roll_back(self) -> None:
        """Deploy an earlier version again."""
        self.report.chapter("Rollback to the first version")
        first = next(iter(self.cloud.beanstalk.versions))
        moment = time.monotonic()
        run = self.cloud.run(
            "developer", "eb", "deploy", "--version", first, folder=self.repository.folder
        )
        self.report.prove(
            "an earlier version is deployed again by its label",
            run.returncode == 0 and self.served_mark(1),
            run.stdout[-600:],
        )
        self.nothing_failed(moment, "the rollback")

    def rights(self) -> None:
        """Count the calls, and show that one without a right is refused."""
        self.report.chapter("Every call against the shipped IAM policies")
        gate = self.cloud.gate
        denied = list(gate.denied)
        beside = {("pipeline", action) for action in ASKED_BY_EB_ALONE}
        made = {call: n for call, n in gate.allowed.items()
                if call[0] in PRINCIPALS and call not in beside}  # fmt: skip
        self.report.prove(
            f"{sum(made.values())} calls of {', '.join(PRINCIPALS)}: all allowed by the shipped "
            "policies",
            not denied and {who for who, _ in made} == set(PRINCIPALS),
            str(denied[:5]),
        )
        for principal in PRINCIPALS:
            actions = sorted(action for who, action in made if who == principal)
            self.report.tell(f"{principal}: {', '.join(actions)}")
        self.report.tell(
            f"beside them {', '.join(ASKED_BY_EB_ALONE)}: eb, which plays the pipeline's deploy "
            "action, asks it, CodePipeline does not"
        )
        client = self.cloud.emulator.client("instance", "s3")
        try:
            client.delete_object(Bucket=self.cloud.beanstalk.bucket, Key="x")
        except client.exceptions.ClientError as error:
            refused = error.response["Error"]["Code"] == "AccessDenied"
        else:
            refused = False
        self.report.prove("a call without a right is refused", refused)

    def total(self) -> None:
        """Stop the load and count it all."""
        assert self.load is not None
        self.load.stop()
        count, wrong = self.load.summary()
        seconds = self.load.answers[-1].at - self.load.answers[0].at
        self.report.figure(
            "requests through the load balancer", f"{count:,} in {seconds:.0f} s, 0 failed"
        )
        self.report.prove("no request failed in the whole rehearsal", not wrong, str(wrong))

    def play(self) -> None:
        """Everything, in order."""
        self.report.chapter("An AWS account on a loopback port, as the templates make it")
        self.cloud.start()
        self.report.tell(f"moto, Elastic Beanstalk and IAM at {self.cloud.emulator.url}")
        # For the push without a build stage. It takes a minute, which the build takes anyhow.
        full_list = self.repository.folder / "requirements.txt"
        install = threading.Thread(target=self.cloud.fleet.machine.install, args=(full_list,))
        install.daemon = True
        install.start()
        self.first_push()
        self.push_without_build()
        self.deploy_from_laptop()
        self.sabotages()
        self.model_from_s3()
        self.roll_back()
        self.total()
        self.rights()


def _names(path: Path) -> list[str]:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def main() -> int:
    """Run the rehearsal and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.rehearse")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    report = Report(Console(soft_wrap=True))
    folder = Path(tempfile.mkdtemp(prefix="stuprediction-rehearsal-"))
    story = Story(folder, report)
    passed = False
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the instances end with it
    try:
        story.play()
        passed = True
        report.finish()
        if options.keep:
            report.console.print(
                f"Look around: http://127.0.0.1:{story.cloud.fleet.port}, logs and instances in "
                f"{folder}. Ctrl-C ends it."
            )
            while True:
                time.sleep(1)
    except RehearsalFailedError as error:
        report.console.print(f"{error}", style="bold red", markup=False)
        report.console.print(f"Logs and instances: {folder}")
    except KeyboardInterrupt:
        report.console.print("Ended.")
    finally:
        story.stop()
        if passed and not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
