"""The steps of the rehearsal, in order; started by ``python -m deploy.rehearse``."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console

from deploy.rehearsal.account import ASKED_BY_EB_ALONE, PRINCIPALS
from deploy.rehearsal.beanstalk import CONFIGURED, NOT_CONFIGURED
from deploy.rehearsal.context import INSTANCE_MB, KEPT, Rehearsal, finished, names_in, wait_for
from deploy.rehearsal.load import Load
from deploy.rehearsal.options import ENVIRONMENT
from deploy.rehearsal.report import RehearsalFailedError, Report

SHORT_LIST_MB = 60
N_ROWS = 2_000
OTHER_SCIKIT_LEARN = "1.8.0"
NOT_SHIPPED = {"tests", "benchmarks", "deploy", "docs", ".git", ".venv"}


def start_account(r: Rehearsal) -> None:
    """Install the full list meanwhile, for the push without a build stage."""
    r.report.log(f"moto, Elastic Beanstalk and IAM at {r.account.emulator.url}")
    full_list = r.repository.folder / "requirements.txt"
    install = r.account.fleet.platform.install
    threading.Thread(target=install, args=(full_list,), daemon=True).start()


def push_first_version(r: Rehearsal) -> None:
    """Push, build, deploy; measure what was installed; start the load."""
    execution = finished(r.push("First push", r.mark(1), without=()))
    r.report.prove(
        "a push is tested, trained, bundled and deployed by the shipped buildspec and template",
        execution.status == "Succeeded" and r.serves_mark(1),
        execution.reason,
    )
    r.report.prove("the app is ready behind the load balancer", r.ask("/ready").ok)
    r.run_id = r.model_version()
    record = r.record()
    answer = r.ask("/predict", record)
    r.report.prove("it predicts", answer.ok, answer.text)
    scored = r.score_table(N_ROWS)
    claim = f"an uploaded table of {N_ROWS:,} rows is scored, whichever instance took it"
    r.report.prove(claim, scored == N_ROWS, scored)
    listed = (r.account.fleet.instances[0].current / "requirements.txt").read_text("utf-8")
    short = "scikit-learn" not in listed
    packages = "short list (compiled model)" if short else "full list"
    size = r.measure_installation(packages)
    (bundle,) = (r.folder / "bundles").iterdir()
    r.report.figure("bundle with a model", f"{bundle.stat().st_size / 1e6:.2f} MB")
    if short:
        claim = f"the compiled model's packages take less than {SHORT_LIST_MB} MB"
        r.report.prove(claim, size < SHORT_LIST_MB, f"{size:.1f} MB")
    r.load = Load(r.account.fleet.port, record)
    r.load.start()
    time.sleep(2)
    r.measure_memory(packages)


def push_without_build(r: Rehearsal) -> None:
    """Push with the build stage skipped: the instances train."""
    moment = time.monotonic()
    execution = finished(r.push("Without a build", r.mark(2)))
    r.report.prove(
        "without a build stage every instance trains, needing requirements.txt alone",
        execution.status == "Succeeded" and r.serves_mark(2),
        execution.reason,
    )
    r.prove_no_request_failed(moment, "two instances rolled while training")
    answers = {r.ask("/predict", r.load.record).json()["prediction"] for _ in range(8)}
    r.report.prove("both instances trained the same model", len(answers) == 1, answers)
    r.measure_installation("full list")
    peak = max(instance.hooks_peak_mb for instance in r.account.fleet.instances)
    r.report.figure("memory of the hook that trains, at its peak", f"{peak:.0f} MB")
    claim = f"training leaves half of a t3.micro ({INSTANCE_MB} MiB) free"
    r.report.prove(claim, peak < INSTANCE_MB / 2, f"{peak:.0f} MB")
    r.measure_memory("full list")


def deploy_from_laptop(r: Rehearsal) -> None:
    """Deploy from the clone, with the run that is promoted there."""
    clone = r.repository.folder
    built = KEPT / "build" / "source" / "artifacts"
    shutil.copytree(built, clone / "artifacts", dirs_exist_ok=True)
    (clone / ".git" / "info" / "exclude").write_text(".elasticbeanstalk/\n")
    r.account.write_eb_config(clone)
    r.repository.commit("From a laptop", r.mark(3))
    moment = time.monotonic()
    deployed, printed = r.developer("eb", "deploy", "--timeout", "20")
    r.report.prove(
        "eb deploy ships the promoted run",
        deployed and r.serves_mark(3) and r.model_version() == r.run_id,
        printed,
    )
    r.prove_no_request_failed(moment, "two instances rolled to eb deploy's version")
    shipped = names_in(r.folder / "bundles" / f"{r.account.beanstalk.current}.zip")
    claim = ".ebignore keeps tests, notebooks' books and other tables out of it"
    r.report.prove(claim, not shipped & NOT_SHIPPED, shipped)


def break_import(clone: Path) -> None:
    """Make the app import what does not exist."""
    path = clone / "src" / "web" / "app.py"
    path.write_text(path.read_text("utf-8") + "import no_such_module\n")


def remove_table(clone: Path) -> None:
    """Leave the instances nothing to train on."""
    (clone / "notebooks" / "data" / "stud.csv").unlink()


def refuse_what_is_broken(r: Rehearsal) -> None:
    """Deploy what must not reach the traffic."""
    good = r.repository.commit("Good", lambda clone: None)
    version = r.account.beanstalk.current
    for name, change, said in (
        ("broken import", break_import, "no_such_module"),
        ("missing model", remove_table, "sample table"),
    ):
        moment = time.monotonic()
        execution = finished(r.push(name, change))
        r.report.prove(
            f"{name}: refused, and says “{said}”",
            execution.status == "Failed" and said in execution.reason,
            f"{execution.status}: {execution.reason}",
        )
        r.prove_unchanged(version, moment, name)
        r.repository.reset(good)

    moment = time.monotonic()
    clone = r.repository.folder
    short = (clone / "requirements-serve.txt").read_text("utf-8")
    (clone / "requirements.txt").write_text(f"{short}scikit-learn=={OTHER_SCIKIT_LEARN}\n")
    deployed, printed = r.developer("eb", "deploy", "--timeout", "20")
    r.report.prove(
        f"wrong scikit-learn: refused, and says “{OTHER_SCIKIT_LEARN}”",
        not deployed and OTHER_SCIKIT_LEARN in printed,
        printed,
    )
    r.prove_unchanged(version, moment, "wrong scikit-learn")
    r.repository.reset(good)

    moment = time.monotonic()
    beanstalk = r.account.beanstalk
    setting = f"Namespace={ENVIRONMENT},OptionName=TRUSTED_PROXIES,Value=many"
    options = ("--environment-name", beanstalk.env_name, "--option-settings", setting)
    r.developer("aws", "elasticbeanstalk", "update-environment", *options)
    wait_for(lambda: beanstalk.events[-1]["Message"] in (CONFIGURED, NOT_CONFIGURED))
    events = [event["Message"] for event in beanstalk.events[-2:]]
    r.report.prove(
        "wrong setting: refused, and says “TRUSTED_PROXIES must be”",
        events[1] == NOT_CONFIGURED and "TRUSTED_PROXIES must be" in events[0],
        events,
    )
    r.prove_unchanged(version, moment, "wrong setting")


def fetch_model_from_s3(r: Rehearsal) -> None:
    """Publish a run and name it in the settings."""
    uri = f"s3://{r.account.beanstalk.bucket}/models/{r.run_id}"
    run = f"artifacts/runs/{r.run_id}"
    published = r.developer("aws", "s3", "cp", "--recursive", "--only-show-errors", run, uri)
    r.report.prove("a run is published to S3", *published)
    moment = time.monotonic()
    changed, printed = r.developer("eb", "setenv", f"MODEL_URI={uri}")
    r.report.prove(
        "eb setenv reaches the running instances",
        changed and r.account.beanstalk.events[-1]["Message"] == CONFIGURED,
        printed,
    )
    r.prove_no_request_failed(moment, "settings changed, instance by instance")


def push_three_in_a_row(r: Rehearsal) -> None:
    """Push three times without a build; the instances fetch the named run."""
    moment = time.monotonic()
    first = r.push("First of three", r.mark(4))
    wait_for(lambda: r.account.beanstalk.status == "Updating")
    second = r.push("Second of three", r.mark(5))
    wait_for(lambda: second.stage == "Deploy")
    time.sleep(0.5)
    third = r.push("Third of three", r.mark(6))
    statuses = [finished(execution).status for execution in (first, second, third)]
    r.report.prove(
        "the push that waited was superseded by the newer one, which was deployed",
        statuses == ["Succeeded", "Superseded", "Succeeded"] and r.serves_mark(6),
        f"{statuses} {first.reason} {third.reason}",
    )
    claim = "the instances serve the run that MODEL_URI names"
    r.report.prove(claim, r.model_version() == r.run_id)
    r.prove_no_request_failed(moment, "two more rolls")


def roll_back(r: Rehearsal) -> None:
    """Deploy an earlier version again."""
    first = next(iter(r.account.beanstalk.versions))
    moment = time.monotonic()
    deployed, printed = r.developer("eb", "deploy", "--version", first)
    claim = "an earlier version is deployed again by its label"
    r.report.prove(claim, deployed and r.serves_mark(1), printed)
    r.prove_no_request_failed(moment, "the rollback")
    r.load.stop()
    count, wrong = r.load.summary()
    seconds = r.load.answers[-1][0] - r.load.answers[0][0]
    r.report.prove("no request failed in the whole rehearsal", not wrong, wrong)
    r.report.figure("requests through the load balancer", f"{count:,} in {seconds:.0f} s, 0 failed")


def check_calls(r: Rehearsal) -> None:
    """Count the calls to AWS, and show that one without a permission is refused."""
    gate = r.account.gate
    denied = list(gate.denied)
    made = {
        (who, action): count
        for (who, action), count in gate.allowed.items()
        if who in PRINCIPALS and (who, action) != ASKED_BY_EB_ALONE
    }
    r.report.prove(
        f"{sum(made.values())} calls of {', '.join(PRINCIPALS)}: all allowed by the shipped "
        "policies",
        not denied and {who for who, _ in made} == set(PRINCIPALS),
        denied[:5],
    )
    for principal in PRINCIPALS:
        actions = sorted(action for who, action in made if who == principal)
        r.report.log(f"{principal}: {', '.join(actions)}")
    client = r.account.emulator.s3("instance")
    try:
        client.delete_object(Bucket=r.account.beanstalk.bucket, Key="x")
        code = ""
    except client.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
    r.report.prove("a call without a permission is refused", code == "AccessDenied", code)


STEPS = {
    "An AWS account on a loopback port, as the templates make it": start_account,
    "A first push: source, build, deploy (build stage from the template)": push_first_version,
    "A push with the build stage skipped: each instance trains": push_without_build,
    "eb deploy from a laptop, and a roll of two instances under load": deploy_from_laptop,
    "Broken versions and settings: none of them reaches the traffic": refuse_what_is_broken,
    "A named run from S3": fetch_model_from_s3,
    "SUPERSEDED: three pushes in a row": push_three_in_a_row,
    "Rollback to the first version": roll_back,
    "Every call against the shipped IAM policies": check_calls,
}


def main() -> int:
    """Run the rehearsal and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.rehearse")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    report = Report(Console(soft_wrap=True))
    folder = Path(tempfile.mkdtemp(prefix="stuprediction-rehearsal-"))
    rehearsal = Rehearsal(folder, report)
    passed = False
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the instances end with it
    try:
        for title, step in STEPS.items():
            report.step(title)
            step(rehearsal)
        passed = True
        report.finish()
        if options.keep:
            report.console.print(
                f"Look around: http://127.0.0.1:{rehearsal.account.fleet.port}, logs and instances "
                f"in {folder}. Ctrl-C ends it."
            )
            signal.pause()
    except RehearsalFailedError as error:
        report.console.print(f"{error}", style="bold red", markup=False)
        report.console.print(f"Logs and instances: {folder}")
    except KeyboardInterrupt:
        report.console.print("Ended.")
    finally:
        rehearsal.stop()
        if passed and not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
