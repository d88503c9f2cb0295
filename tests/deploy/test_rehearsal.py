"""The rehearsal's own parts; `make rehearse` plays them together."""

import io
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console
from werkzeug import Request

from deploy.rehearsal import calls
from deploy.rehearsal.beanstalk import (
    Beanstalk,
    DeploymentFailedError,
    InvalidParameterError,
)
from deploy.rehearsal.emulator import AccessDeniedError, Gate
from deploy.rehearsal.pipeline import ActionFailedError, Execution, Pipeline, Slot
from deploy.rehearsal.report import ONLY_AWS, RehearsalFailedError, Report
from deploy.rehearsal.repository import Repository
from deploy.templates import FOLDER, Account, Template

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = Account("123456789012", "us-east-1")
BUCKET = "arn:aws:s3:::b"
EB = "arn:aws:elasticbeanstalk:us-east-1:123456789012"


# ---------------------------------------------------------------- the pipeline


def test_one_waits_and_a_newer_one_takes_its_place():
    slot = Slot()
    first, second, third = (Execution(n, "c") for n in (1, 2, 3))
    assert slot.enter(first)
    entered = {}
    threads = []
    for execution in (second, third):
        thread = threading.Thread(
            target=lambda e: entered.update({e.number: slot.enter(e)}), args=(execution,)
        )
        thread.start()
        threads.append(thread)
        while slot.waiting is not execution:
            pass
    threads[0].join(10)
    assert entered == {2: False}
    slot.leave()
    threads[1].join(10)
    assert entered == {2: False, 3: True}


def test_an_older_one_that_comes_late_is_superseded_too():
    slot = Slot()
    assert slot.enter(Execution(1, "c"))
    waiting = Execution(3, "c")
    thread = threading.Thread(target=slot.enter, args=(waiting,), daemon=True)
    thread.start()
    while slot.waiting is not waiting:
        pass
    assert not slot.enter(Execution(2, "c"))
    slot.leave()
    thread.join(10)


@pytest.fixture
def properties():
    template = Template.read(FOLDER / "pipeline.yaml", {"RepositoryId": "a/b"}, ACCOUNT)
    return template.resources["Pipeline"]["Properties"]


def actions(done, fails=""):
    def action(name):
        def act(execution, key):
            done.append((name, key))
            if name == fails:
                raise ActionFailedError("it broke")
            return f"{key}>{name}"

        return act

    providers = ("CodeStarSourceConnection", "CodeBuild", "ElasticBeanstalk")
    return {name: action(name) for name in providers}


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
    assert pipeline.start("abc", without=("Build",)).ended.wait(10)
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
        assert execution.reason == "it broke"
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
    return Beanstalk(
        ACCOUNT, "app", "web", platform, {}, deploy, lambda bucket, key: key != "absent"
    )


def make_version(beanstalk, label, key="key"):
    source = {"S3Bucket": "b", "S3Key": key}
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
    with pytest.raises(InvalidParameterError, match=said):
        beanstalk.answer(action, asked)


def test_a_bundle_that_is_not_there_and_a_label_twice_are_refused(beanstalk):
    with pytest.raises(InvalidParameterError, match="Unable to download"):
        make_version(beanstalk, "v1", key="absent")
    make_version(beanstalk, "v1")
    with pytest.raises(InvalidParameterError, match="already exists"):
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
    with pytest.raises(calls.UnknownCallError, match="without a signature"):
        calls.signer(Request({"PATH_INFO": "/"}))
    with pytest.raises(calls.UnknownCallError, match="DELETE /b"):
        calls.s3(signed("s3", "DELETE", "/b"))


def test_the_gate_counts_what_it_lets_through_and_keeps_what_not():
    policy = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    gate = Gate({"build": [policy]})
    gate.check("build", "s3:GetObject", ["arn:x"])
    for principal, action in (("build", "s3:PutObject"), ("stranger", "s3:GetObject")):
        with pytest.raises(AccessDeniedError, match=f"not authorized to perform: {action}"):
            gate.check(principal, action, ["arn:x"])
    assert gate.allowed == {("build", "s3:GetObject"): 1}
    assert [(call.principal, call.action) for call in gate.denied] == [
        ("build", "s3:PutObject"),
        ("stranger", "s3:GetObject"),
    ]


# What the emulator answers to AWS's own clients.
ASK_EMULATOR = """
import json, sys
import boto3
from deploy.rehearsal.account import ACCOUNT, ADMINISTRATOR
from deploy.rehearsal.beanstalk import Beanstalk
from deploy.rehearsal.emulator import Emulator, Gate
gate = Gate({"administrator": [ADMINISTRATOR], "stranger": []})
beanstalk = Beanstalk(ACCOUNT, "app", "web", "64bit x v1 running Python 3.13", {},
                      lambda version, settings: None, lambda bucket, key: True)
emulator = Emulator(gate, beanstalk)
said = []
def ask(principal, service, operation, **parameters):
    session = boto3.Session(emulator.s3(principal)._request_signer._credentials.access_key, "x",
                            region_name="us-east-1")
    client = session.client(service, endpoint_url=emulator.url)
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
json.dump([said, [call.principal for call in gate.denied]], sys.stdout)
"""


def test_awss_clients_read_answers_refusals_and_denials(run_tool):
    run = run_tool("python", "-c", ASK_EMULATOR)
    assert run.returncode == 0, run.stderr
    said, denied = json.loads(run.stdout)
    assert said[:4] == [200, True, False, "InvalidParameterValue"]
    assert said[4:] == ["AccessDenied", "AccessDenied", 200, "AccessDenied"]
    assert denied == ["stranger", "unknown", "stranger"]


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


# ---------------------------------------------------------------- the repository and the command


def test_a_push_arrives_and_its_commit_is_what_is_archived(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    run = {"cwd": source, "check": True, "capture_output": True}
    subprocess.run(["git", "init", "-q"], **run)
    (source / "file").write_text("one")
    subprocess.run(["git", "add", "."], **run)
    who = ["-c", "user.name=x", "-c", "user.email=x@localhost"]
    subprocess.run(["git", *who, "commit", "-qm", "One"], **run)
    work = tmp_path / "work"
    work.mkdir()
    repository = Repository.make(source, work)
    commit = repository.commit("Two", lambda folder: (folder / "file").write_text("two"))
    assert repository.push() == commit
    repository.archive(commit, tmp_path / "a.zip")
    listed = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(tmp_path / "a.zip")],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "file" in listed
    assert (source / "file").read_text() == "one"


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
