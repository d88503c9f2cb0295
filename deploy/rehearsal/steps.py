"""The steps of the rehearsal, in order; started by ``python -m deploy.rehearse``."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

from rich.console import Console

from deploy.rehearsal.beanstalk import CONFIGURED, NOT_CONFIGURED
from deploy.rehearsal.context import INSTANCE_MB, KEPT, PYTHON, Rehearsal, finished
from deploy.rehearsal.emulator import ACCOUNT, PRINCIPALS
from deploy.rehearsal.load import Load
from deploy.rehearsal.options import ENVIRONMENT
from deploy.rehearsal.report import RehearsalFailedError, Report
from deploy.rehearsal.system import StuckError, adopt_orphans, end_descendants, wait_until

SHORT_LIST_MB = 60
N_ROWS = 2_000
OTHER_SCIKIT_LEARN = "1.8.0"
EB_MINUTES = "120"  # which eb counts by the clock, however slow the machine
NOT_SHIPPED = {"tests", "benchmarks", "deploy", "docs", ".git", ".venv"}


def start_account(r: Rehearsal) -> None:
    """Start an AWS account on a loopback port, as the templates make it."""
    r.report.log(f"moto, Elastic Beanstalk and IAM at {r.emulator.url}")
    full_list = r.clone / "requirements.txt"  # installed meanwhile, for the push without a build
    threading.Thread(target=r.fleet.install, args=(full_list,), daemon=True).start()


def push_first_version(r: Rehearsal) -> None:
    """Push for the first time: source, build, deploy."""
    execution = finished(r.push("First push", mark=1, without=""))
    r.report.prove(
        "a push is tested, trained, bundled and deployed by the shipped buildspec and template",
        execution.status == "Succeeded" and r.serves(1),
        execution.reason,
    )
    r.run_id = r.model_version()
    r.report.prove("the app is ready behind the load balancer", r.run_id != "None")
    record = r.record()
    answer = r.predict(record)
    r.report.prove("it predicts", answer.ok, answer.text)
    scored = r.score_table(record, N_ROWS)
    claim = f"an uploaded table of {N_ROWS:,} rows is scored, whichever instance took it"
    r.report.prove(claim, scored == N_ROWS, scored)
    (bundle,) = (r.folder / "bundles").iterdir()
    r.report.figure("bundle with a model", f"{bundle.stat().st_size / 1e6:.2f} MB")
    r.load = Load(r.fleet.port, record)
    time.sleep(2)
    listed = (r.fleet.instances[0].current / "requirements.txt").read_text("utf-8")
    if "scikit-learn" in listed:
        r.measure("full list")
        return
    size = r.measure("short list (compiled model)")
    claim = f"the compiled model's packages take less than {SHORT_LIST_MB} MB"
    r.report.prove(claim, size < SHORT_LIST_MB, f"{size:.1f} MB")


def push_without_build(r: Rehearsal) -> None:
    """Push with the build stage skipped: each instance trains."""
    with r.no_failed_request("two instances rolled while training"):
        execution = finished(r.push("Without a build", mark=2))
        r.report.prove(
            "without a build stage every instance trains, needing requirements.txt alone",
            execution.status == "Succeeded" and r.serves(2),
            execution.reason,
        )
    answers = {r.predict(r.load.record).json()["prediction"] for _ in range(8)}
    r.report.prove("both instances trained the same model", len(answers) == 1, answers)
    peak = max(instance.hooks_peak_mb for instance in r.fleet.instances)
    r.report.figure("memory of the hook that trains, at its peak", f"{peak:.0f} MB")
    claim = f"training leaves half of a t3.micro ({INSTANCE_MB} MiB) free"
    r.report.prove(claim, peak < INSTANCE_MB / 2, f"{peak:.0f} MB")
    r.measure("full list")


def deploy_from_laptop(r: Rehearsal) -> None:
    """Deploy from a laptop with eb: the run that is promoted there is shipped."""
    shutil.copytree(KEPT / "source" / "artifacts", r.clone / "artifacts", dirs_exist_ok=True)
    region = ("--region", ACCOUNT.region, "--platform", f"Python {PYTHON}")
    r.report.prove(
        "eb init finds application and platform",
        *r.developer("eb", "init", r.beanstalk.app_name, *region),
    )
    r.developer("eb", "use", r.beanstalk.env_name)
    r.commit("From a laptop", mark=3)
    with r.no_failed_request("two instances rolled to eb deploy's version"):
        deployed, printed = r.developer("eb", "deploy", "--timeout", EB_MINUTES)
        r.report.prove(
            "eb deploy ships the promoted run",
            deployed and r.serves(3) and r.model_version() == r.run_id,
            printed,
        )
    with zipfile.ZipFile(r.folder / "bundles" / f"{r.beanstalk.current}.zip") as archive:
        shipped = {name.split("/")[0] for name in archive.namelist()}
    claim = ".ebignore keeps tests, notebooks' books and other tables out of it"
    r.report.prove(claim, not shipped & NOT_SHIPPED, shipped)


def refuse_broken_versions(r: Rehearsal) -> None:
    """Push and deploy broken versions: none of them reaches the traffic."""
    app = r.clone / "src" / "web" / "app.py"
    table = r.clone / "notebooks" / "data" / "stud.csv"
    for name, said in (("broken import", "no_such_module"), ("missing model", "sample table")):
        with r.nothing_changed(name):
            if name == "broken import":
                app.write_text(app.read_text("utf-8") + "import no_such_module\n")
            else:
                table.unlink()
            execution = finished(r.push(name))
            r.report.prove(
                f"{name}: refused, and says “{said}”",
                execution.status == "Failed" and said in execution.reason,
                f"{execution.status}: {execution.reason}",
            )
    with r.nothing_changed("wrong scikit-learn"):
        short = (r.clone / "requirements-serve.txt").read_text("utf-8")
        pin = f"scikit-learn=={OTHER_SCIKIT_LEARN}\n"
        (r.clone / "requirements.txt").write_text(short + pin)
        deployed, printed = r.developer("eb", "deploy", "--timeout", EB_MINUTES)
        r.report.prove(
            f"wrong scikit-learn: refused, and says “{OTHER_SCIKIT_LEARN}”",
            not deployed and OTHER_SCIKIT_LEARN in printed,
            printed,
        )


def refuse_wrong_setting(r: Rehearsal) -> None:
    """Set what the app cannot use: it is refused."""
    setting = f"Namespace={ENVIRONMENT},OptionName=TRUSTED_PROXIES,Value=many"
    options = ("--environment-name", r.beanstalk.env_name, "--option-settings", setting)
    with r.nothing_changed("wrong setting"):
        r.report.prove(
            "a setting is sent to Beanstalk",
            *r.developer("aws", "elasticbeanstalk", "update-environment", *options),
        )
        wait_until(lambda: r.beanstalk.events[-1]["Message"] in (CONFIGURED, NOT_CONFIGURED))
        events = [event["Message"] for event in r.beanstalk.events[-2:]]
        r.report.prove(
            "wrong setting: refused, and says “TRUSTED_PROXIES must be”",
            events[1] == NOT_CONFIGURED and "TRUSTED_PROXIES must be" in events[0],
            events,
        )


def fetch_model_from_s3(r: Rehearsal) -> None:
    """Publish a run to S3 and name it in the settings."""
    uri = f"s3://{r.beanstalk.bucket}/models/{r.run_id}"
    run = f"artifacts/runs/{r.run_id}"
    published = r.developer("aws", "s3", "cp", "--recursive", "--only-show-errors", run, uri)
    r.report.prove("a run is published to S3", *published)
    with r.no_failed_request("settings changed, instance by instance"):
        changed, printed = r.developer("eb", "setenv", f"MODEL_URI={uri}", "--timeout", EB_MINUTES)
        r.report.prove(
            "eb setenv reaches the running instances",
            changed and r.beanstalk.events[-1]["Message"] == CONFIGURED,
            printed,
        )


def deploy_from_github(r: Rehearsal) -> None:
    """Deploy the first push's bundle as the workflow of GitHub Actions does."""
    bundle, label = str(r.folder / "bundle-1.zip"), "github-1-1-rehearsal"
    with r.no_failed_request("two instances rolled from GitHub Actions"):
        deployed, printed = r.github("deploy/to_beanstalk.sh", bundle, label)
        r.report.prove(
            "GitHub Actions' role deploys a bundle, and waits for what comes of it",
            deployed and r.beanstalk.current == label and r.serves(1),
            printed,
        )


def push_three_in_a_row(r: Rehearsal) -> None:
    """Push three times in a row: the one that waits is superseded."""
    with r.no_failed_request("two more rolls"):
        first = r.push("First of three", mark=4)
        wait_until(lambda: r.beanstalk.status == "Updating" or first.ended.is_set())
        second = r.push("Second of three", mark=5)
        wait_until(lambda: second.stage == "Deploy" or second.ended.is_set())
        time.sleep(0.5)
        third = r.push("Third of three", mark=6)
        statuses = [finished(execution).status for execution in (first, second, third)]
        r.report.prove(
            "the push that waited was superseded by the newer one, which was deployed",
            statuses == ["Succeeded", "Superseded", "Succeeded"] and r.serves(6),
            f"{statuses} {first.reason} {third.reason}",
        )
        claim = "the instances serve the run that MODEL_URI names"
        r.report.prove(claim, r.model_version() == r.run_id)


def roll_back(r: Rehearsal) -> None:
    """Roll back to the first version."""
    first = next(iter(r.beanstalk.versions))
    with r.no_failed_request("the rollback"):
        deployed, printed = r.developer("eb", "deploy", "--version", first, "--timeout", EB_MINUTES)
        claim = "an earlier version is deployed again by its label"
        r.report.prove(claim, deployed and r.serves(1), printed)
    r.load.stop()
    count, wrong = r.load.summary()
    seconds = r.load.answers[-1][0] - r.load.answers[0][0]
    r.report.prove("no request failed in the whole rehearsal", not wrong, wrong)
    r.report.figure("requests through the load balancer", f"{count:,} in {seconds:.0f} s, 0 failed")


def check_calls(r: Rehearsal) -> None:
    """Check every call against the shipped IAM policies."""
    denied = list(r.emulator.denied)
    made = {call: n for call, n in r.emulator.allowed.items() if call[0] in PRINCIPALS}
    r.report.prove(
        f"{sum(made.values())} calls of {', '.join(PRINCIPALS)}: all allowed by the shipped "
        "policies",
        not denied and {who for who, _ in made} == set(PRINCIPALS),
        denied[:5],
    )
    for principal in PRINCIPALS:
        actions = sorted(action for who, action in made if who == principal)
        r.report.log(f"{principal}: {', '.join(actions)}")
    client = r.emulator.client("s3", "instance")
    try:
        client.delete_object(Bucket=r.beanstalk.bucket, Key="x")
        code = ""
    except client.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
    r.report.prove("a call without a permission is refused", code == "AccessDenied", code)


STEPS = [
    start_account,
    push_first_version,
    push_without_build,
    deploy_from_laptop,
    refuse_broken_versions,
    refuse_wrong_setting,
    fetch_model_from_s3,
    deploy_from_github,
    push_three_in_a_row,
    roll_back,
    check_calls,
]


def main() -> int:
    """Run the rehearsal and return its exit status."""
    keep = "--keep" in sys.argv
    report = Report(Console(soft_wrap=True))
    folder = Path(tempfile.mkdtemp(prefix="stuprediction-rehearsal-"))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the instances end with it
    adopt_orphans()
    rehearsal = None
    try:
        rehearsal = Rehearsal(folder, report)
        for step in STEPS:
            report.step(str(step.__doc__).rstrip("."))
            step(rehearsal)
        report.finish()
        if keep:
            report.log(
                f"Look around: {rehearsal.url}, logs and instances in {folder}. Ctrl-C ends it."
            )
            signal.pause()
    except (RehearsalFailedError, StuckError) as error:
        report.log(f"{error} Logs and instances: {folder}", "bold red")
        return 1
    except KeyboardInterrupt:
        report.log("Ended.")
        return 0 if keep else 1
    finally:
        if rehearsal is not None:
            rehearsal.stop()
        end_descendants()
    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
