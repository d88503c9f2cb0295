"""Deployment from GitHub Actions: the workflow, its role, and its calls against the emulator."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import yaml

from deploy.policies import EXAMPLES, shipped
from deploy.rehearsal.buildspec import Buildspec
from deploy.rehearsal.iam import is_allowed
from deploy.templates import Account, Template

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / ".github" / "workflows" / "deploy.yml"
WORKFLOW = yaml.safe_load(PATH.read_text("utf-8"))
JOBS = WORKFLOW["jobs"]
SPEC = Buildspec(ROOT / "buildspec.yml")
CLAIMS = "token.actions.githubusercontent.com"


def runs(job: str) -> list[str]:
    return [step["run"] for step in JOBS[job]["steps"] if "run" in step]


MISTAKES = [
    ("needs: bundle", "needs: bundles", "which does not exist"),
    ("vars.AWS_REGION }}", "vars.AWS_REGION }", "expression"),
    ("id-token: write", "id-tokens: write", "unknown permission scope"),
    ("role-to-assume:", "role:", "input \"role\" is not defined"),
    ("runs-on: ubuntu-latest", "runs-on: ubuntu-1", "label"),
]  # fmt: skip


def test_the_linter_finds_nothing_in_ours_and_each_seeded_mistake(run_tool, tmp_path):
    run = run_tool("actionlint", *map(str, sorted(PATH.parent.glob("*.yml"))))
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    for number, (right, wrong, said) in enumerate(MISTAKES):
        path = tmp_path / f"{number}.yml"
        text = PATH.read_text("utf-8")
        assert right in text
        path.write_text(text.replace(right, wrong))
        found = run_tool("actionlint", str(path))
        assert found.returncode == 1
        assert said in found.stdout


def test_it_is_off_until_its_variables_are_set():
    condition = JOBS["bundle"]["if"]
    for name in ("AWS_ROLE_ARN", "AWS_REGION"):
        assert f"vars.{name} != ''" in condition
    assert JOBS["deploy"]["needs"] == "bundle"


def test_it_runs_what_codebuild_runs():
    """The same tests, training and bundle, with the same Python."""
    ours = [command.replace("$TRAIN_OPTIONS", "…") for command in runs("bundle")]
    assert ours == [command.replace("$TRAIN_OPTIONS", "…") for command in SPEC.commands]
    text = PATH.read_text("utf-8")
    assert SPEC.variables["TRAIN_OPTIONS"] in text
    assert f'python-version: "{SPEC.python}"' in text


def test_no_key_is_stored_and_only_the_deployment_may_ask_for_the_role():
    text = PATH.read_text("utf-8")
    assert "secrets." not in text
    assert WORKFLOW["permissions"] == {}
    assert JOBS["bundle"]["permissions"] == {"contents": "read"}
    assert JOBS["deploy"]["permissions"] == {"contents": "read", "id-token": "write"}
    assert not [command for command in runs("deploy") if re.search("make|python|pip", command)]
    assert "aws" not in " ".join(runs("bundle"))
    # What comes from outside reaches a shell as a variable alone.
    assert not [command for job in JOBS for command in runs(job) if "${{" in command]


@pytest.mark.parametrize("provider", ["", f"arn:aws:iam::111122223333:oidc-provider/{CLAIMS}"])
def test_the_role_is_for_pushes_to_one_branch_of_one_repository(provider):
    given = EXAMPLES["github.yaml"] | {"ProviderArn": provider}
    made = Template("github.yaml", given, Account()).resources
    (trust,) = made["Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Principal"] == {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{CLAIMS}"}
    assert trust["Condition"] == {
        "StringEquals": {
            f"{CLAIMS}:aud": "sts.amazonaws.com",
            f"{CLAIMS}:sub": "repo:you/stuprediction:ref:refs/heads/main",
        }
    }
    assert ("Provider" in made) is (provider == "")
    for wrong in ({"RepositoryId": "you/*"}, {"BranchName": "*"}):
        with pytest.raises(ValueError, match="may not be"):
            Template("github.yaml", given | wrong, Account())


def test_the_role_names_the_policy_that_the_account_template_makes():
    account = Template("account.yaml", {}, Account()).resources
    name = account["DeployEnvironment"]["Properties"]["ManagedPolicyName"]
    role = Template("github.yaml", EXAMPLES["github.yaml"], Account()).resources["Role"]
    assert role["Properties"]["ManagedPolicyArns"] == [f"arn:aws:iam::111122223333:policy/{name}"]


def test_the_role_may_do_to_the_environment_what_the_pipeline_may():
    ours, theirs = (
        {
            action
            for name in names
            for statement in shipped()[name]["Statement"]
            for action in statement["Action"]
        }
        for names in (["github-role.json", "developer-environment.json"], ["pipeline-role.json"])
    )
    only_codepipelines = {action for action in theirs if re.match("code|s3:GetBucketVers", action)}
    assert theirs - ours == only_codepipelines
    others = "arn:aws:elasticbeanstalk:us-east-1:111122223333:environment/other/other-web"
    assert not is_allowed(
        [shipped()["github-role.json"]], "elasticbeanstalk:UpdateEnvironment", [others]
    )


@pytest.fixture(scope="module")
def session(run_tool):
    ran = run_tool(
        "python", "tests/deploy/github_session.py", "github-1", "bad", "github-1",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_a_bundle_is_deployed_and_its_events_are_shown(session):
    status, said, wrong = session["runs"][0]
    assert (status, wrong) == (0, "")
    assert "Environment update completed successfully." in said
    assert said.endswith("stuprediction-web serves github-1.\n")
    assert session["shipped"] == [True]


def test_a_version_that_fails_fails_the_job_and_says_what_goes_on_serving(session):
    status, said, wrong = session["runs"][1]
    assert status == 1
    assert "ERROR\tInstance i-01: health check failed." in said
    assert wrong == "bad was not deployed: stuprediction-web goes on serving github-1.\n"
    assert session["current"] == "github-1"
    status, _, wrong = session["runs"][2]  # AWS takes no label twice
    assert status != 0
    assert "when calling the CreateApplicationVersion" in wrong


def test_its_calls_are_those_that_its_role_allows(session):
    assert session["denied"] == []
    assert session["allowed"] == [
        "elasticbeanstalk:CreateApplicationVersion",
        "elasticbeanstalk:CreateStorageLocation",
        "elasticbeanstalk:DescribeEnvironments",
        "elasticbeanstalk:DescribeEvents",
        "elasticbeanstalk:UpdateEnvironment",
        "s3:PutObject",
    ]
