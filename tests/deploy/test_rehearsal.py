"""The rehearsal's own parts; `make rehearse` plays them together."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from rich.console import Console
from werkzeug import Request

from deploy.rehearsal import buildspec, calls, nginx
from deploy.rehearsal.beanstalk import Beanstalk, DeploymentFailedError, RefusedError
from deploy.rehearsal.buildspec import BuildFailedError
from deploy.rehearsal.pipeline import Pipeline
from deploy.rehearsal.report import ONLY_AWS, RehearsalFailedError, Report
from deploy.rehearsal.system import (
    StuckError,
    children,
    descendants,
    finish,
    free_port,
    listens,
    start,
    wait_until,
)
from deploy.templates import Account, Template

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = Account("123456789012", "us-east-1")
BUCKET = "arn:aws:s3:::b"
EB = "arn:aws:elasticbeanstalk:us-east-1:123456789012"


# ---------------------------------------------------------------- the pipeline


@pytest.fixture
def properties():
    template = Template("pipeline.yaml", {"RepositoryId": "a/b"}, ACCOUNT)
    return template.resources["Pipeline"]["Properties"]


def actions(done, fails=""):
    def action(name):
        def act(execution, key):
            done.append((name, key))
            if name == fails:
                raise RehearsalFailedError("it broke")
            return f"{key}>{name}"

        return act

    providers = ("CodeStarSourceConnection", "CodeBuild", "ElasticBeanstalk")
    return {name: action(name) for name in providers}


class Gates:
    """Actions that wait to be let through, a stage and an execution at a time."""

    def __init__(self):
        self.entered, self.let = [], {}

    def actions(self):
        names = {"Source": "CodeStarSourceConnection", "Build": "CodeBuild"}
        stages = {**names, "Deploy": "ElasticBeanstalk"}
        return {provider: self.action(stage) for stage, provider in stages.items()}

    def action(self, stage):
        def act(execution, key):
            self.entered.append((stage, execution.number))
            assert self.let.setdefault((stage, execution.number), threading.Event()).wait(10)
            return key

        return act

    def wait_for(self, stage, number):
        assert wait_until(lambda: (stage, number) in self.entered, 10)

    def open(self, stage, *numbers):
        for number in numbers:
            self.let.setdefault((stage, number), threading.Event()).set()


def test_one_waits_and_a_newer_one_takes_its_place(properties):
    gates = Gates()
    pipeline = Pipeline(properties, gates.actions(), print)
    gates.open("Source", 1, 2, 3)
    first = pipeline.start("c", "Build")
    gates.wait_for("Deploy", 1)
    second = pipeline.start("c", "Build")
    assert wait_until(lambda: second.stage == "Deploy", 10)
    third = pipeline.start("c", "Build")
    assert second.ended.wait(10)
    assert second.status == "Superseded"
    assert not third.ended.is_set()
    gates.open("Deploy", 1, 3)
    assert first.ended.wait(10)
    assert third.ended.wait(10)
    assert (first.status, third.status) == ("Succeeded", "Succeeded")
    assert ("Deploy", 2) not in gates.entered


def test_an_older_one_that_comes_late_is_superseded_too(properties):
    gates, late = Gates(), threading.Event()
    gates.open("Source", 1, 2, 3)

    def log(line):
        if line.startswith("#2 Source took"):
            assert late.wait(10)

    pipeline = Pipeline(properties, gates.actions(), log)
    pipeline.start("c", "Build")
    gates.wait_for("Deploy", 1)
    second = pipeline.start("c", "Build")
    gates.wait_for("Source", 2)
    third = pipeline.start("c", "Build")
    assert wait_until(lambda: third.stage == "Deploy", 10)
    late.set()
    assert second.ended.wait(10)
    assert second.status == "Superseded"
    gates.open("Deploy", 1, 3)
    assert third.ended.wait(10)
    assert third.status == "Succeeded"


def test_the_stages_of_the_template_run_in_order(properties):
    done = []
    pipeline = Pipeline(properties, actions(done), print)
    execution = pipeline.start("abc")
    assert execution.ended.wait(10)
    assert execution.status == "Succeeded"
    assert done == [
        ("CodeStarSourceConnection", ""),
        ("CodeBuild", ">CodeStarSourceConnection"),
        ("ElasticBeanstalk", ">CodeStarSourceConnection>CodeBuild"),
    ]
    assert pipeline.start("abc", without="Build").ended.wait(10)
    assert done[3:] == [
        ("CodeStarSourceConnection", ""),
        ("ElasticBeanstalk", ">CodeStarSourceConnection"),
    ]


def test_a_stage_that_fails_ends_the_execution_and_frees_the_stage(properties):
    done = []
    pipeline = Pipeline(properties, actions(done, fails="CodeBuild"), print)
    for _ in range(2):
        execution = pipeline.start("abc")
        assert execution.ended.wait(10)
        assert (execution.status, execution.stage) == ("Failed", "Build")
        assert execution.reason == "RehearsalFailedError: it broke"
    assert "ElasticBeanstalk" not in dict(done)


@pytest.mark.parametrize("change", [{"ExecutionMode": "QUEUED"}, {"PipelineType": "V1"}])
def test_what_is_not_played_is_refused(properties, change):
    with pytest.raises(ValueError, match="type V2 in the mode SUPERSEDED"):
        Pipeline(properties | change, actions([]), print)
    with pytest.raises(ValueError, match="does not play CodeBuild"):
        Pipeline(properties, {"CodeStarSourceConnection": None}, print)


# ---------------------------------------------------------------- Elastic Beanstalk's API


@pytest.fixture
def beanstalk():
    def deploy(version, settings):
        if version and version["VersionLabel"] == "bad":
            raise DeploymentFailedError("Instance i-01: it is bad")

    platform = "64bit Amazon Linux 2023 v4.0.0 running Python 3.13"
    return Beanstalk(ACCOUNT, "app", "web", platform, {}, deploy)


def make_version(beanstalk, label):
    source = {"S3Bucket": "b", "S3Key": "key"}
    asked = {"ApplicationName": "app", "VersionLabel": label, "SourceBundle": source}
    return beanstalk.answer("CreateApplicationVersion", asked)


def update(beanstalk, **asked):
    beanstalk.answer("UpdateEnvironment", {"EnvironmentName": "web", **asked}, "request")
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and "_update" in thread.name:
            thread.join(10)


def test_a_version_is_registered_deployed_and_reported(beanstalk):
    make_version(beanstalk, "v1")
    update(beanstalk, VersionLabel="v1")
    assert beanstalk.current == "v1"
    assert beanstalk.answer("DescribeEvents", {"RequestId": "none"}) == {"Events": []}
    messages = [e["Message"] for e in beanstalk.answer("DescribeEvents", {})["Events"]]
    assert messages == [  # the newest comes first
        "Environment update completed successfully.",
        "Environment update is starting.",
    ]


def test_a_version_that_fails_is_not_the_current_one(beanstalk):
    make_version(beanstalk, "v1")
    make_version(beanstalk, "bad")
    update(beanstalk, VersionLabel="v1")
    update(beanstalk, VersionLabel="bad")
    assert beanstalk.current == "v1"
    assert [e["Message"] for e in beanstalk.events[-2:]] == [
        "Instance i-01: it is bad",
        "Failed to deploy application.",
    ]


@pytest.mark.parametrize(
    ("action", "asked", "said"),
    [
        ("UpdateEnvironment", {"VersionLabel": "v9"}, "No Application Version named"),
        ("UpdateEnvironment", {"EnvironmentName": "x"}, "No Environment found"),
        ("TerminateEnvironment", {}, "does not know TerminateEnvironment"),
        ("UpdateEnvironment", {"OptionSettings": [{"Namespace": "aws:x", "OptionName": "Y"}]},
         "there is no such namespace"),
    ],
)  # fmt: skip
def test_what_beanstalk_would_refuse_is_refused(beanstalk, action, asked, said):
    with pytest.raises(RefusedError, match=said):
        beanstalk.answer(action, asked)


def test_a_label_twice_is_refused(beanstalk):
    make_version(beanstalk, "v1")
    with pytest.raises(RefusedError, match="already exists"):
        make_version(beanstalk, "v1")


# ---------------------------------------------------------------- calls and permissions


def signed(service, method="POST", path="/", query=""):
    return Request(
        {
            "HTTP_AUTHORIZATION": "AWS4-HMAC-SHA256 Credential="
            f"{calls.access_key('build')}/20260101/us-east-1/{service}/aws4_request, Signature=0",
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
        }
    )


@pytest.mark.parametrize(
    ("request_", "action", "resources"),
    [
        (signed("s3", "GET", "/b/a/k.zip"), "s3:GetObject", [f"{BUCKET}/a/k.zip"]),
        (signed("s3", "HEAD", "/b/k"), "s3:GetObject", [f"{BUCKET}/k"]),
        (signed("s3", "GET", "/b/k", "versionId=1"), "s3:GetObjectVersion", [f"{BUCKET}/k"]),
        (signed("s3", "PUT", "/b/k"), "s3:PutObject", [f"{BUCKET}/k"]),
        (signed("s3", "POST", "/b/k", "uploads"), "s3:PutObject", [f"{BUCKET}/k"]),
        (signed("s3", "DELETE", "/b/k"), "s3:DeleteObject", [f"{BUCKET}/k"]),
        (signed("s3", "GET", "/b", "list-type=2"), "s3:ListBucket", [BUCKET]),
        (signed("s3", "GET", "/b", "location"), "s3:GetBucketLocation", [BUCKET]),
        (signed("s3", "PUT", "/b"), "s3:CreateBucket", [BUCKET]),
        (signed("s3", "GET"), "s3:ListAllMyBuckets", ["*"]),
    ],
)
def test_a_request_to_s3_needs_the_action_that_iam_knows(request_, action, resources):
    assert calls.signer(request_) == ("build", "s3")
    assert calls.s3(request_) == (action, resources)


@pytest.mark.parametrize(
    ("action", "parameters", "resource"),
    [
        ("UpdateEnvironment", {"EnvironmentName": "web", "VersionLabel": "v1"},
         f"{EB}:environment/app/web"),
        ("UpdateEnvironment", {"EnvironmentId": "e-1"}, f"{EB}:environment/app/web"),
        ("CreateApplicationVersion", {"ApplicationName": "app", "VersionLabel": "v1"},
         f"{EB}:applicationversion/app/v1"),
        ("DescribeApplicationVersions", {"ApplicationName": "app", "VersionLabels": ["v1"]},
         f"{EB}:applicationversion/app/v1"),
        ("DescribeEnvironments", {"ApplicationName": "app"}, f"{EB}:environment/app/*"),
        ("DescribeApplications", {}, f"{EB}:application/*"),
        ("CreateStorageLocation", {}, "*"),
        ("DescribePlatformVersion", {}, "arn:aws:elasticbeanstalk:us-east-1::platform/*"),
    ],
)  # fmt: skip
def test_a_request_to_beanstalk_needs_the_action_that_iam_knows(action, parameters, resource):
    called = calls.beanstalk(action, parameters, EB, "app", "web")
    assert called == (f"elasticbeanstalk:{action}", [resource])


def test_a_request_that_is_not_known_is_not_let_through():
    with pytest.raises(RefusedError, match="without a signature"):
        calls.signer(Request({"PATH_INFO": "/"}))
    with pytest.raises(RefusedError, match="DELETE /b"):
        calls.s3(signed("s3", "DELETE", "/b"))


# What the emulator answers to AWS's own clients.
ASK_EMULATOR = """
import json, sys
from deploy.rehearsal.beanstalk import Beanstalk
from deploy.rehearsal.emulator import ACCOUNT, Emulator, shipped_policies
beanstalk = Beanstalk(ACCOUNT, "app", "web", "64bit x v1 running Python 3.13", {},
                      lambda version, settings: None)
emulator = Emulator(shipped_policies(), beanstalk)
said = []
def ask(principal, service, operation, **parameters):
    client = emulator.client(service, principal)
    try:
        answer = getattr(client, operation)(**parameters)
        said.append(bool(answer["Events"]) if operation == "describe_events" else 200)
    except client.exceptions.ClientError as error:
        said.append(error.response["Error"]["Code"])
ask("administrator", "elasticbeanstalk", "describe_environments")
beanstalk.answer("UpdateEnvironment", {})
for since in ("2026-01-01T00:00:00Z", "2126-01-01T00:00:00Z"):
    ask("administrator", "elasticbeanstalk", "describe_events", StartTime=since)
ask("administrator", "elasticbeanstalk", "update_environment", EnvironmentName="other")
ask("stranger", "elasticbeanstalk", "describe_environments")
ask("administrator", "ec2", "describe_instances")
ask("administrator", "s3", "create_bucket", Bucket="bucket")
ask("stranger", "s3", "list_objects_v2", Bucket="bucket")
json.dump([said, emulator.denied, list(emulator.allowed.items())], sys.stdout)
"""


def test_awss_clients_read_answers_refusals_and_denials(run_tool):
    run = run_tool("python", "-c", ASK_EMULATOR)
    assert run.returncode == 0, run.stderr
    said, denied, allowed = json.loads(run.stdout)
    assert said[:4] == [200, True, False, "InvalidParameterValue"]
    assert said[4:] == ["AccessDenied", "AccessDenied", 200, "AccessDenied"]
    assert denied == [
        f"stranger: not authorized to perform: elasticbeanstalk:DescribeEnvironments on {EB}:"
        "environment/*/*",
        "administrator: The rehearsal does not know ec2.",
        "stranger: not authorized to perform: s3:ListBucket on arn:aws:s3:::bucket",
    ]
    assert [["administrator", "s3:CreateBucket"], 1] in allowed


# ---------------------------------------------------------------- the report


def test_the_report_says_what_was_proven_measured_and_left_to_aws():
    text = io.StringIO()
    report = Report(Console(file=text, width=300))
    report.step("A first push")
    report.prove("it predicts", True)
    report.figure("bundle", "1 MB")
    report.finish()
    said = text.getvalue()
    assert re.search(r"✓ +│ it predicts", said)
    assert re.search(r"bundle +│ 1 MB", said)
    assert re.search(r"0 s +│ A first push", said)
    assert all(claim in said for claim in ONLY_AWS)
    assert "The rehearsal passed in 0.0 minutes." in said


def test_a_claim_that_does_not_hold_ends_the_rehearsal_with_what_was_seen_instead():
    report = Report(Console(file=io.StringIO()))
    with pytest.raises(RehearsalFailedError, match=r"Not shown: it predicts\. 503"):
        report.prove("it predicts", False, "503")
    assert report.proven == []


# ---------------------------------------------------------------- slow, stuck, left behind


def python(tmp_path, text):
    return start([sys.executable, "-c", text], tmp_path, os.environ, tmp_path / "log")


def test_a_process_is_waited_for_as_long_as_it_works(tmp_path):
    """D11: not by the clock: the machine may be busy."""
    slow = "import time\nend = time.monotonic() + 2\nwhile time.monotonic() < end: pass"
    assert finish(python(tmp_path, slow), still_s=1).status == 0
    assert finish(python(tmp_path, "raise SystemExit(3)"), still_s=60).status == 3
    assert finish(python(tmp_path, "x = b'x' * (64 << 20)"), still_s=60).peak_mb > 64


def test_a_process_that_is_stuck_is_ended_with_its_children_and_said_to_be(tmp_path, spec_of):
    """D11: "did not end: Build." said nothing."""
    stuck = python(tmp_path, "import subprocess; subprocess.run(['sleep', '600'])")
    assert wait_until(lambda: children(stuck.pid), 30)
    (child,) = children(stuck.pid)
    with pytest.raises(StuckError, match="did nothing for 0 minutes, and was ended"):
        finish(stuck, still_s=0.5)
    assert wait_until(lambda: not alive(child), 30)
    with pytest.raises(BuildFailedError, match=r"`sleep 600` got stuck\. It did nothing"):
        spec_of("sleep 600").run(tmp_path, tmp_path / "log", os.environ)


@pytest.fixture
def spec_of(tmp_path, monkeypatch):
    monkeypatch.setattr(buildspec, "finish", partial(finish, still_s=0.5))

    def read(command: str) -> buildspec.Buildspec:
        (tmp_path / "buildspec.yml").write_text(
            "version: 0.2\nenv: {variables: {}}\nphases:\n  install:\n"
            f"    runtime-versions: {{python: '3.13'}}\n    commands: ['{command}']\n"
            "artifacts: {base-directory: out, files: ['**/*']}\n"
        )
        return buildspec.Buildspec(tmp_path / "buildspec.yml")

    return read


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    path = Path(f"/proc/{pid}/stat")
    return path.exists() and path.read_text().rpartition(")")[2].split()[0] != "Z"


LEAVE_BEHIND = """
import os, subprocess
from deploy.rehearsal.system import adopt_orphans, descendants, end_descendants
adopt_orphans()
subprocess.run("setsid sleep 600 >/dev/null 2>&1 &", shell=True)
print(*descendants(os.getpid()), flush=True)
end_descendants()
"""


def test_what_a_process_left_behind_is_ended_too(tmp_path):
    """D11."""
    run = subprocess.run(
        [sys.executable, "-c", LEAVE_BEHIND], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (left,) = map(int, run.stdout.split())
    assert not alive(left)


def test_the_load_balancer_takes_bodies_of_any_size(need_nginx, tmp_path):
    """D11: it answered 413 above 1 MB, which AWS's does not."""
    target = HTTPServer(("127.0.0.1", 0), Counting)
    threading.Thread(target=target.serve_forever, daemon=True).start()
    port = free_port()
    nginx.write_balancer(tmp_path / "balancer", port, [target.server_port], {})
    process = nginx.start(tmp_path / "balancer")
    try:
        assert wait_until(lambda: listens(port), 30)
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/batch", b"x" * (9 << 20))
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, str(9 << 20).encode())
        connection.close()
    finally:
        process.terminate()
        process.wait(40)
        target.shutdown()
        target.server_close()


class Counting(BaseHTTPRequestHandler):
    """Answers with how many bytes came."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(len(body)).encode())

    def log_message(self, *_):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_whoever_ends_the_rehearsal_ends_everything(tmp_path, number):
    """D11: in the midst of the build, when there is most of it."""
    log = tmp_path / "log"
    command = [sys.executable, "-m", "deploy.rehearse"]
    with log.open("wb") as output:
        rehearsal = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=output,
            stderr=output,
            # What was started in the background ignores it, and so would its children.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
    assert wait_until(lambda: "build: make setup" in log.read_text(), 300), log.read_text()
    below = descendants(rehearsal.pid)
    assert below
    rehearsal.send_signal(number)
    assert rehearsal.wait(120) == 1
    assert [pid for pid in below if alive(pid)] == []
    marked = [path for path in Path("/proc").glob("[0-9]*/environ") if f"={tmp_path}" in read(path)]
    assert marked == []


def read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


# ---------------------------------------------------------------- the command


def test_what_is_missing_is_named_with_what_to_do(tmp_path):
    (tmp_path / "git").symlink_to("/bin/false")
    run = subprocess.run(
        [sys.executable, "-m", "deploy.rehearse"],
        cwd=ROOT,
        env={"PATH": str(tmp_path), "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "nginx is not installed: install nginx; on Debian and Ubuntu: apt install" in run.stderr
    assert "make is not installed" in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout == ""


def test_a_process_that_ended_meanwhile_has_no_children():
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert children(ended.pid) == []
