"""The rehearsal's own parts; `make rehearse` plays them together."""

import io
import os
import re
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import urlencode

import pytest
from rich.console import Console

from deploy.rehearsal import calls
from deploy.rehearsal.beanstalk import Beanstalk, DeploymentFailedError
from deploy.rehearsal.emulator import Gate
from deploy.rehearsal.iam import Call
from deploy.rehearsal.options import problems
from deploy.rehearsal.pipeline import ActionFailedError, Door, Execution, Pipeline
from deploy.rehearsal.report import ONLY_AWS, RehearsalFailedError, Report
from deploy.rehearsal.template import FOLDER, Account, Template
from deploy.rehearsal.workshop import Repository

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = Account("123456789012", "us-east-1")
BUCKET = "arn:aws:s3:::b"
EB = "arn:aws:elasticbeanstalk:us-east-1:123456789012"


# ---------------------------------------------------------------- the pipeline


def test_one_waits_and_a_newer_one_takes_its_place():
    door = Door()
    first, second, third = (Execution(n, "c", "s") for n in (1, 2, 3))
    assert door.enter(first)
    entered = {}
    threads = []
    for execution in (second, third):
        thread = threading.Thread(
            target=lambda e: entered.update({e.number: door.enter(e)}), args=(execution,)
        )
        thread.start()
        threads.append(thread)
        while door._waiting is not execution:
            pass
    threads[0].join(10)
    assert entered == {2: False}
    door.leave()
    threads[1].join(10)
    assert entered == {2: False, 3: True}


def test_an_older_one_that_comes_late_is_superseded_too():
    door = Door()
    assert door.enter(Execution(1, "c", "s"))
    waiting = Execution(3, "c", "s")
    thread = threading.Thread(target=door.enter, args=(waiting,), daemon=True)
    thread.start()
    while door._waiting is not waiting:
        pass
    assert not door.enter(Execution(2, "c", "s"))
    door.leave()
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


def test_the_template_is_what_is_played(properties):
    done = []
    pipeline = Pipeline.from_template(properties, actions(done), print)
    execution = pipeline.start("abc", "subject")
    assert execution.ended.wait(10)
    assert execution.status == "Succeeded"
    assert done == [
        ("CodeStarSourceConnection", ""),
        ("CodeBuild", ">CodeStarSourceConnection"),
        ("ElasticBeanstalk", ">CodeStarSourceConnection>CodeBuild"),
    ]


def test_a_stage_that_fails_ends_the_execution_and_frees_the_stage(properties):
    done = []
    pipeline = Pipeline.from_template(properties, actions(done, fails="CodeBuild"), print)
    for _ in range(2):
        execution = pipeline.start("abc", "subject")
        assert execution.ended.wait(10)
        assert (execution.status, execution.stage) == ("Failed", "Build")
        assert execution.reason == "it broke"
    assert "ElasticBeanstalk" not in dict(done)


@pytest.mark.parametrize("change", [{"ExecutionMode": "QUEUED"}, {"PipelineType": "V1"}])
def test_what_is_not_played_is_refused(properties, change):
    with pytest.raises(ValueError, match="type V2 in the mode SUPERSEDED"):
        Pipeline.from_template(properties | change, actions([]), print)
    with pytest.raises(ValueError, match="does not play CodeBuild"):
        Pipeline.from_template(properties, {"CodeStarSourceConnection": None}, print)


# ---------------------------------------------------------------- Elastic Beanstalk's API


@pytest.fixture
def beanstalk():
    def deploy(version, settings):
        if version and version.label == "bad":
            raise DeploymentFailedError("Instance i-01: it is bad")

    return Beanstalk(
        ACCOUNT, "app", "web", "64bit Amazon Linux 2023 v4.0.0 running Python 3.13", {},
        deploy, lambda bucket, key: key != "absent", problems,
    )  # fmt: skip


def ask(beanstalk, **parameters):
    status, text = beanstalk.answer(urlencode(parameters).encode())
    root = ET.fromstring(text)
    return status, {
        element.tag.split("}")[1]: element.text for element in root.iter() if element.text
    }


def make_version(beanstalk, label, key="key"):
    return ask(
        beanstalk, Action="CreateApplicationVersion", ApplicationName="app", VersionLabel=label,
        **{"SourceBundle.S3Bucket": "b", "SourceBundle.S3Key": key},
    )  # fmt: skip


def update(beanstalk, **parameters):
    answer = ask(beanstalk, Action="UpdateEnvironment", EnvironmentName="web", **parameters)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and "_update" in thread.name:
            thread.join(10)
    return answer


def test_a_version_is_registered_deployed_and_told_of(beanstalk):
    assert make_version(beanstalk, "v1")[0] == 200
    assert update(beanstalk, VersionLabel="v1")[0] == 200
    assert beanstalk.current == "v1"
    _, told = ask(beanstalk, Action="DescribeEvents", RequestId="none")
    assert "Message" not in told
    _, told = ask(beanstalk, Action="DescribeEvents")
    assert told["Message"] == "Environment update is starting."  # the newest comes first
    assert beanstalk.events[-1].message == "Environment update completed successfully."


def test_a_version_that_fails_is_not_the_current_one(beanstalk):
    make_version(beanstalk, "v1")
    make_version(beanstalk, "bad")
    update(beanstalk, VersionLabel="v1")
    update(beanstalk, VersionLabel="bad")
    assert beanstalk.current == "v1"
    assert [e.message for e in beanstalk.events[-2:]] == [
        "Instance i-01: it is bad",
        "Failed to deploy application.",
    ]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"Action": "UpdateEnvironment", "VersionLabel": "v9"}, "No Application Version named"),
        ({"Action": "UpdateEnvironment", "EnvironmentName": "x"}, "No Environment found"),
        ({"Action": "TerminateEnvironment"}, "does not know TerminateEnvironment"),
        ({"Action": "UpdateEnvironment", "OptionSettings.member.1.Namespace": "aws:x",
          "OptionSettings.member.1.OptionName": "Y"}, "there is no such namespace"),
    ],
)  # fmt: skip
def test_what_beanstalk_would_refuse_is_refused(beanstalk, parameters, said):
    status, answer = ask(beanstalk, **parameters)
    assert status == 400
    assert said in answer["Message"]


def test_a_bundle_that_is_not_there_and_a_label_twice_are_refused(beanstalk):
    assert "Unable to download" in make_version(beanstalk, "v1", key="absent")[1]["Message"]
    make_version(beanstalk, "v1")
    assert "already exists" in make_version(beanstalk, "v1")[1]["Message"]


# ---------------------------------------------------------------- calls and rights


def signed(service, method="POST", path="/", query="", **headers):
    return {
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential=KEY/20260101/us-east-1/{service}/"
        "aws4_request, SignedHeaders=host, Signature=0",
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        **headers,
    }


@pytest.mark.parametrize(
    ("environ", "body", "action", "resources"),
    [
        (signed("s3", "GET", "/b/a/k.zip"), b"", "s3:GetObject", (f"{BUCKET}/a/k.zip",)),
        (signed("s3", "HEAD", "/b/k"), b"", "s3:GetObject", (f"{BUCKET}/k",)),
        (signed("s3", "PUT", "/b/k"), b"", "s3:PutObject", (f"{BUCKET}/k",)),
        (signed("s3", "POST", "/b/k", "uploads"), b"", "s3:PutObject", (f"{BUCKET}/k",)),
        (signed("s3", "DELETE", "/b/k"), b"", "s3:DeleteObject", (f"{BUCKET}/k",)),
        (signed("s3", "GET", "/b", "list-type=2"), b"", "s3:ListBucket", (BUCKET,)),
        (signed("s3", "GET", "/b", "location"), b"", "s3:GetBucketLocation", (BUCKET,)),
        (signed("s3", "PUT", "/b"), b"", "s3:CreateBucket", (BUCKET,)),
        (signed("secretsmanager", HTTP_X_AMZ_TARGET="secretsmanager.GetSecretValue"),
         b'{"SecretId": "arn:s"}', "secretsmanager:GetSecretValue", ("arn:s",)),
        (signed("elasticbeanstalk"),
         b"Action=UpdateEnvironment&EnvironmentName=web&VersionLabel=v1",
         "elasticbeanstalk:UpdateEnvironment", (f"{EB}:environment/app/web",)),
        (signed("elasticbeanstalk"),
         b"Action=CreateApplicationVersion&ApplicationName=app&VersionLabel=v1",
         "elasticbeanstalk:CreateApplicationVersion", (f"{EB}:applicationversion/app/v1",)),
        (signed("elasticbeanstalk"), b"Action=DescribeEnvironments&ApplicationName=app",
         "elasticbeanstalk:DescribeEnvironments", (f"{EB}:environment/app/*",)),
        (signed("elasticbeanstalk"), b"Action=CreateStorageLocation",
         "elasticbeanstalk:CreateStorageLocation", ("*",)),
    ],
)  # fmt: skip
def test_a_request_is_the_call_that_iam_knows(environ, body, action, resources):
    call = calls.read(environ, body, ACCOUNT, "app", "web")
    assert (call.principal, call.action, call.resources) == ("KEY", action, resources)


def test_a_request_that_is_not_known_is_not_let_through():
    for environ in (signed("ec2"), {"PATH_INFO": "/"}, signed("s3", "DELETE", "/b")):
        with pytest.raises(calls.UnknownCallError):
            calls.read(environ, b"", ACCOUNT, "app", "web")


def test_the_gate_counts_what_it_lets_through_and_keeps_what_not():
    policy = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    gate = Gate({"build": [policy]})
    key = Gate.key("build")
    assert gate.passes(Call(key, "s3:GetObject", ("arn:x",)))
    assert not gate.passes(Call(key, "s3:PutObject", ("arn:x",)))
    assert not gate.passes(Call("stranger", "s3:GetObject", ("arn:x",)))
    assert gate.allowed == {("build", "s3:GetObject"): 1}
    assert [(call.principal, call.action) for call in gate.denied] == [
        ("build", "s3:PutObject"),
        ("stranger", "s3:GetObject"),
    ]


# ---------------------------------------------------------------- the report


def test_the_report_says_what_was_proven_measured_and_left_to_aws():
    text = io.StringIO()
    report = Report(Console(file=text, width=300))
    report.chapter("A first push")
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


# ---------------------------------------------------------------- the workshop and the command


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
