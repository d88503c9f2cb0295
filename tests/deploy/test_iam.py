"""The least rights: linted, compared with the templates, and explained action by action."""

import copy
import json
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from deploy.policies import EXAMPLES, FILES, shipped
from deploy.rehearsal.iam import is_allowed
from deploy.templates import FOLDER, Account, Template

ROOT = Path(__file__).resolve().parents[2]
IAM = ROOT / "deploy" / "iam"
POLICIES = shipped()
GUIDE = (IAM / "README.md").read_text("utf-8")
BLANKET = json.loads((IAM / "what-not-to-do.json").read_text("utf-8"))
TEMPLATES = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.yaml")}


def statements(document):
    return document["Statement"]


def actions(document):
    return {a for s in statements(document) for a in s.get("Action", []) if s["Effect"] == "Allow"}


def service_wildcards(document):
    """Return the allowed actions that stand for a whole service, or for everything."""
    return {action for action in actions(document) if re.fullmatch(r"\*|[a-z0-9-]+:\*", action)}


@pytest.fixture
def lint(run_tool):
    def run(documents):
        script = "tests/deploy/parliament_findings.py"
        found = run_tool("python", script, input=json.dumps(documents))
        assert found.returncode == 0, found.stderr
        return json.loads(found.stdout)

    return run


@pytest.mark.parametrize("name", FILES.values())
def test_the_file_is_what_the_template_makes(name):
    assert json.loads((IAM / name).read_text("utf-8")) == POLICIES[name], (
        "run: python -m deploy.policies --output deploy/iam"
    )


def test_no_other_policy_is_shipped():
    made = {
        (name, logical_id)
        for name, given in EXAMPLES.items()
        for logical_id, resource in Template(name, given, Account()).resources.items()
        if {"Policies", "PolicyDocument"} & resource.get("Properties", {}).keys()
        and resource["Type"] in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy")
    }
    assert made == FILES.keys()
    assert {path.name for path in IAM.glob("*.json")} == {*FILES.values(), "what-not-to-do.json"}


def test_the_policies_come_for_any_account(tmp_path):
    command = [sys.executable, "-m", "deploy.policies", "--account", "999988887777",
               "--region", "eu-central-1", "--output", str(tmp_path)]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True)
    assert {path.name for path in tmp_path.iterdir()} == set(FILES.values())
    text = (tmp_path / "pipeline-role.json").read_text("utf-8")
    assert "arn:aws:elasticbeanstalk:eu-central-1:999988887777:application/stuprediction" in text
    assert "us-east-1" not in text
    assert Account().account not in text


def test_the_linter_finds_nothing_in_ours_and_each_seeded_mistake(lint):
    mistakes = {
        "UNKNOWN_ACTION": {"Action": ["elasticbeanstalk:CreateAppVersion"]},
        "RESOURCE_MISMATCH": {"Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::bucket"},
        "MALFORMED": {"Effect": "allow"},
        "RESOURCE_STAR": {"Action": ["s3:PutObject"], "Resource": "*"},
    }
    seeded = {}
    for issue, change in mistakes.items():
        seeded[issue] = copy.deepcopy(POLICIES["build-role.json"])
        statements(seeded[issue])[0].update(change)
    found = lint(POLICIES | seeded | {"blanket": BLANKET})
    assert {name: found[name] for name in POLICIES} == {name: [] for name in POLICIES}
    assert all(issue in found[issue] for issue in mistakes)
    assert "RESOURCE_STAR" in found["blanket"]


def test_every_policy_fits_into_what_iam_takes():
    long = shipped(Account("999988887777", "ap-southeast-2"), AppName="a" * 31, EnvName="e" * 28)
    managed_limit, inline_limit = 6144, 10240
    for name, document in long.items():
        limit = inline_limit if name.endswith("-role.json") else managed_limit
        assert len(re.sub(r"\s", "", json.dumps(document))) < limit, name


@pytest.mark.parametrize("name", POLICIES)
def test_no_policy_allows_a_whole_service(name):
    assert service_wildcards(POLICIES[name]) == set()
    for statement in statements(POLICIES[name]):
        if statement["Effect"] == "Allow":
            assert not [action for action in statement["Action"] if "*" in action]


def test_the_policy_not_to_use_is_the_blanket_one():
    assert len(service_wildcards(BLANKET)) == 5
    assert not any(text for text in TEMPLATES.values() if "ec2:*" in text)


# ---------------------------------------------------------------- managed policies


def managed(text):
    return set(re.findall(r"iam::aws:policy/([\w/-]+)", text))


def test_managed_policies_exist_and_none_is_deprecated(run_tool):
    program = (
        "import json; from moto.iam.aws_managed_policies import aws_managed_policies_data as d; "
        "d = json.loads(d) if isinstance(d, str) else d; "
        "print(json.dumps({n: p['Path'] for n, p in d.items()}))"
    )
    known = json.loads(run_tool("python", "-c", program).stdout)
    used = set().union(*map(managed, TEMPLATES.values()))
    assert used == {
        "service-role/AWSElasticBeanstalkEnhancedHealth",
        "AWSElasticBeanstalkManagedUpdatesCustomerRolePolicy",
    }
    for name in used:
        path, _, plain = name.rpartition("/")
        assert known[plain] == (f"/{path}/" if path else "/")
    assert "AWSElasticBeanstalkService" not in {name.split("/")[-1] for name in used}


# What AWS lets Beanstalk do when it exchanges an environment's instances, and why our environments
# never need it. `*` stands for the rest of a name.
NOT_NEEDED = {
    "ecs:*": "no ECS", "rds:*": "no database", "sqs:*": "no worker", "sns:*": "no notifications",
    "elasticbeanstalk:*": "named one by one",
    "cloudformation:[*]": "named one by one, as AWSElasticBeanstalkRoleCore does",
    "cloudformation:UntagResource": "tags stay as they are",
    "autoscaling:*LaunchConfiguration": "launch templates take their place",
    "autoscaling:*ScheduledAction": "no schedule", "autoscaling:PutScheduled*": "no schedule",
    "ec2:AllocateAddress": "made with the environment", "ec2:ReleaseAddress": "as above",
    "ec2:*SecurityGroup": "as above", "ec2:*SecurityGroup?*gress": "as above",
    "ec2:DescribeSnapshots": "no volumes but the root", "ec2:DescribeSpot*": "no spot instances",
    "ec2:DescribeVpcClassicLink": "EC2-Classic is gone",
    "elasticloadbalancing:*LoadBalancer": "made with the environment, or classic",
    "elasticloadbalancing:AddTags": "made with the environment",
    "elasticloadbalancing:ConfigureHealthCheck": "classic",
    "elasticloadbalancing:DescribeInstanceHealth": "classic",
    "logs:DeleteLogGroup": "logs are kept",
    "s3:*ObjectVersionAcl": "the bucket has no versions",
    "s3:PutBucketPolicy": "the bucket is there",
}  # fmt: skip


def test_the_pipeline_may_do_what_aws_knows_that_an_exchange_of_instances_takes(run_tool):
    program = (
        "import json; from moto.iam.aws_managed_policies import aws_managed_policies_data as d; "
        "d = json.loads(d) if isinstance(d, str) else d; "
        "print(json.dumps([s['Action'] for n in ('ManagedUpdatesCustomerRolePolicy', 'RoleCore') "
        "for s in d['AWSElasticBeanstalk' + n]['Document']['Statement'] "
        "if n != 'RoleCore' or s['Sid'] == 'CFN']))"
    )
    listed = json.loads(run_tool("python", "-c", program).stdout)
    taken = {a for one in listed for a in ([one] if isinstance(one, str) else one)}
    needed = {a for a in taken if not any(fnmatch(a, pattern) for pattern in NOT_NEEDED)}
    assert len(needed) > 40
    assert "cloudformation:CreateStack" in needed
    for names in (["pipeline-role.json"], ["developer.json", "developer-environment.json"]):
        allowed = {action.lower() for name in names for action in actions(POLICIES[name])}
        assert {a for a in needed if a.lower() not in allowed} == set()


@pytest.mark.parametrize("name", ["pipeline-role.json", "developer-environment.json"])
def test_who_deploys_makes_and_deletes_the_stack_of_an_immutable_deployment_and_no_other(name):
    stack = "arn:aws:cloudformation:us-east-1:111122223333:stack"
    for action in ("cloudformation:CreateStack", "cloudformation:DeleteStack"):
        for made, allowed in (("awseb-e-1-immutable-stack/1", True), ("awseb-e-1-stack/1", False)):
            resources = [f"{stack}/{made}"]
            assert is_allowed([POLICIES[name]], action, resources) is allowed


@pytest.mark.parametrize("name", ["pipeline-role.json", "developer.json"])
@pytest.mark.parametrize("bucket", ["env-resources-us-east-1", "platform-assets-us-east-1"])
def test_who_deploys_reads_the_platforms_files_in_buckets_of_aws(name, bucket):
    """Deployments of roles without this ended in "Access Denied: S3Bucket=elasticbeanstalk-…"."""
    arn = f"arn:aws:s3:::elasticbeanstalk-{bucket}/eb_patching_resources/x"
    for action, allowed in (("s3:GetObject", True), ("s3:PutObject", False)):
        assert is_allowed([POLICIES[name]], action, [arn]) is allowed


def test_the_pipeline_deletes_no_version():
    bucket = "arn:aws:s3:::elasticbeanstalk-us-east-1-111122223333"
    for key, allowed in (("resources/environments/e-1/_runtime/x", True), ("stu/v1.zip", False)):
        documents = [POLICIES["pipeline-role.json"]]
        assert is_allowed(documents, "s3:DeleteObject", [f"{bucket}/{key}"]) is allowed


def test_without_a_second_factor_people_make_one_under_any_name_and_nothing_else():
    documents = [POLICIES[n] for n in ("require-mfa.json", "developer.json")]
    device = "arn:aws:iam::111122223333:mfa/my-phone"
    assert is_allowed(documents, "iam:CreateVirtualMFADevice", [device])
    deploy = "elasticbeanstalk:CreateStorageLocation"
    for present in ("false", "true"):
        context = {"aws:MultiFactorAuthPresent": present}
        assert is_allowed(documents, deploy, ["*"], context) is (present == "true")


# ---------------------------------------------------------------- the guide


@pytest.mark.parametrize("name", FILES.values())
def test_every_action_has_its_reason_and_every_reason_its_action(name):
    section = re.search(rf"^## `{name}`.*?(?=^## |\Z)", GUIDE, re.M | re.S)[0]
    rows = re.findall(r"^\| (`.+?`) \| (.+?) \|$", section, re.M)
    explained = {action for cell, _ in rows for action in re.findall(r"`([\w-]+:\w+)`", cell)}
    assert explained == actions(POLICIES[name])
    assert all(len(reason) > 10 for _, reason in rows)


def test_the_errors_that_people_meet_have_a_cause_and_a_statement():
    section = GUIDE[GUIDE.index("## Errors") :]
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", section, re.M)[2:]
    assert len(rows) >= 5
    named = {sid for document in POLICIES.values() for s in statements(document)
             for sid in [s["Sid"]]}  # fmt: skip
    for _, _, mends in rows:
        assert set(re.findall(r"`([A-Z]\w+)`", mends)) & named
    for met in ("cloudformation:GetTemplate", "s3:ListBucket", "iam:PassRole"):
        assert met in section


# ---------------------------------------------------------------- the evaluation

BUCKET = "arn:aws:s3:::b"
ALLOW = {"Effect": "Allow", "Action": ["s3:Get*"], "Resource": f"{BUCKET}/*"}


@pytest.mark.parametrize(
    ("extra", "action", "resources", "context", "allowed"),
    [
        ([], "s3:GetObject", (f"{BUCKET}/a",), {}, True),
        ([], "s3:getobject", (f"{BUCKET}/a",), {}, True),
        ([], "s3:PutObject", (f"{BUCKET}/a",), {}, False),
        ([], "s3:GetObject", (BUCKET,), {}, False),
        ([], "s3:GetObject", (f"{BUCKET}/a", "arn:aws:s3:::other/a"), {}, False),
        ([], "s3:GetObject", ("*",), {}, False),
        ([{**ALLOW, "Effect": "Deny"}], "s3:GetObject", (f"{BUCKET}/a",), {}, False),
        ([{"Effect": "Deny", "NotAction": "iam:*", "Resource": "*",
           "Condition": {"BoolIfExists": {"mfa": "false"}}}],
         "s3:GetObject", (f"{BUCKET}/a",), {"mfa": "true"}, True),
        ([{"Effect": "Deny", "NotAction": "iam:*", "Resource": "*",
           "Condition": {"BoolIfExists": {"mfa": "false"}}}],
         "s3:GetObject", (f"{BUCKET}/a",), {}, False),
        ([{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
           "Condition": {"StringEquals": {"to": ["ec2", "eb"]}}}],
         "iam:PassRole", ("arn:r",), {"to": "eb"}, True),
        ([{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
           "Condition": {"StringEquals": {"to": ["ec2", "eb"]}}}],
         "iam:PassRole", ("arn:r",), {}, False),
    ],
)  # fmt: skip
def test_calls_are_allowed_as_iam_allows_them(extra, action, resources, context, allowed):
    documents = [{"Statement": [ALLOW, *extra]}]
    assert is_allowed(documents, action, resources, context) is allowed


def test_a_condition_that_is_not_known_is_no_silent_yes():
    statement = {**ALLOW, "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}
    with pytest.raises(ValueError, match="IpAddress"):
        is_allowed([{"Statement": [statement]}], "s3:GetObject", [f"{BUCKET}/a"])
