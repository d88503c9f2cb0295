"""The templates: linted, resolved, and created in moto as far as moto goes."""

import json
import re
from pathlib import Path

import pytest

from deploy.policies import EXAMPLES, shipped
from deploy.rehearsal.buildspec import Buildspec
from deploy.rehearsal.iam import is_allowed
from deploy.rehearsal.options import from_rows, problems, read_ebextensions
from deploy.templates import FOLDER, Account, Template

ROOT = Path(__file__).resolve().parents[2]
BALANCED = {"EnvironmentType": "LoadBalanced"}
NETWORK = {"VpcId": "vpc-0a", "Subnets": "subnet-0a,subnet-0b"}
CERTIFICATE = {"CertificateArn": "arn:aws:acm:us-east-1:111122223333:certificate/1"}


def resources(name, **parameters):
    return Template(name, EXAMPLES[name] | parameters, Account()).resources


def settings(**parameters):
    return from_rows(
        resources("app.yaml", **parameters)["Environment"]["Properties"]["OptionSettings"]
    )


MISTAKES = [
    ("ExecutionMode: !Ref ExecutionMode", "ExecutionMode: OVERTAKING", "E3030"),
    ("RoleArn: !GetAtt PipelineRole.Arn", "RoleArn: !GetAtt PipelinRole.Arn", "E1010"),
    ("      RestrictPublicBuckets: true", "      RestrictPublicBucket: true", "E3002"),
    ("      Bucket: !Ref Artifacts\n", "", "E3003"),
    ("Type: AWS::CodeBuild::Project", "Type: AWS::CodeBuild::Projekt", "E3006"),
    ("RetentionInDays: 30", "RetentionInDays: 31", "E3030"),
    ("Effect: Deny", "Effect: Denied", "E3512"),
]


def test_the_linter_finds_nothing_in_ours_and_each_seeded_mistake(run_tool, tmp_path):
    text = (FOLDER / "pipeline.yaml").read_text("utf-8")
    files = {}
    for number, (right, wrong, rule) in enumerate(MISTAKES):
        assert right in text
        path = tmp_path / f"{number}.yaml"
        path.write_text(text.replace(right, wrong))
        files[str(path)] = rule
    ours = [str(path) for path in sorted(FOLDER.glob("*.yaml"))]
    assert len(ours) == 6
    run = run_tool("cfn-lint", "--format", "json", *ours, *files)
    found = {(one["Filename"], one["Rule"]["Id"]) for one in json.loads(run.stdout)}
    assert files.items() <= found
    assert not [pair for pair in found if pair[0] in ours]


# ---------------------------------------------------------------- what they come to


@pytest.mark.parametrize("name", EXAMPLES)
def test_beanstalk_knows_every_option_of_the_template(name):
    """Of each variant, and together with what .ebextensions set, which a template overrules.

    D2: a rolling deployment of versions left the update of settings immutable, which is refused.
    """
    rolling = BALANCED | {"DeploymentPolicy": "RollingWithAdditionalBatch"}
    variants = ({}, BALANCED, BALANCED | CERTIFICATE, rolling, BALANCED | NETWORK)
    for variant in variants:
        given = variant if name == "app.yaml" else {}
        for resource in resources(name, **given).values():
            options = resource.get("Properties", {}).get("OptionSettings", [])
            ours = read_ebextensions(ROOT) if name == "app.yaml" and options else {}
            assert list(problems(ours | from_rows(options))) == []


def test_a_rolling_deployment_beside_an_immutable_update_is_found():
    """D2."""
    policy = {("aws:elasticbeanstalk:command", "DeploymentPolicy"): "RollingWithAdditionalBatch"}
    (problem,) = problems(read_ebextensions(ROOT) | policy)
    assert "does not go with an immutable update type" in problem


# Control Tower's ELASTICBEANSTALK.PR.1 to PR.3: what they want a template to say, literally.
CONTROLS = {
    ("aws:elasticbeanstalk:healthreporting:system", "SystemType"): "enhanced",
    ("aws:elasticbeanstalk:managedactions", "ManagedActionsEnabled"): "true",
    ("aws:elasticbeanstalk:managedactions", "PreferredStartTime"): r"[A-Z][a-z]{2}:\d\d:\d\d",
    ("aws:elasticbeanstalk:managedactions:platformupdate", "UpdateLevel"): "minor|patch",
    ("aws:elasticbeanstalk:cloudwatch:logs", "StreamLogs"): "true",
}


@pytest.mark.parametrize("name", ["app.yaml", "streamlit.yaml"])
def test_an_environment_passes_the_controls_of_control_tower(name):
    """D1."""
    document = Template(name, EXAMPLES[name], Account()).document
    rows = document["Resources"]["Environment"]["Properties"]["OptionSettings"]
    literal = from_rows(row for row in rows if isinstance(row, dict))
    for option, wanted in CONTROLS.items():
        assert re.fullmatch(wanted, literal.get(option, "")), option
    assert resources(name)["Environment"]["Properties"]["OptionSettings"]


def test_the_two_kinds_of_replacement_are_set_together():
    """D2."""
    update = ("aws:autoscaling:updatepolicy:rollingupdate", "RollingUpdateType")
    assert settings()[update] == "Immutable"
    rolling = settings(**BALANCED, DeploymentPolicy="RollingWithAdditionalBatch")
    assert rolling[update] == "Health"


def test_an_account_without_a_default_network_names_one():
    """D6."""
    given = settings(**BALANCED, **NETWORK)
    assert given["aws:ec2:vpc", "VPCId"] == NETWORK["VpcId"]
    assert given["aws:ec2:vpc", "Subnets"] == NETWORK["Subnets"]
    assert given["aws:ec2:vpc", "ELBSubnets"] == NETWORK["Subnets"]
    assert "ELBSubnets" not in {name for _, name in settings(**NETWORK)}
    assert not [space for space, _ in settings() if space == "aws:ec2:vpc"]
    for name in ("app.yaml", "streamlit.yaml"):
        rules = Template(name, EXAMPLES[name], Account()).document["Rules"]
        assert "VpcNeedsSubnets" in rules


@pytest.mark.parametrize("name", ["app.yaml", "github.yaml", "pipeline.yaml", "streamlit.yaml"])
def test_every_role_takes_the_boundary_of_an_organisation(name):
    """D6."""
    boundary = "arn:aws:iam::111122223333:policy/boundary"
    for given, wanted in (({}, {None}), ({"PermissionsBoundary": boundary}, {boundary})):
        roles = [r for r in resources(name, **given).values() if r["Type"] == "AWS::IAM::Role"]
        assert {role["Properties"].get("PermissionsBoundary") for role in roles} == wanted


def test_two_regions_of_an_account_make_no_two_things_of_one_name():
    """D6: IAM's names count in all regions, and a role's has 64 letters at most."""
    named = {"RoleName", "ManagedPolicyName", "GroupName", "InstanceProfileName"}
    for name, example in EXAMPLES.items():
        longest = {"AppName": "a" * 31}
        found = []
        for region in ("us-east-1", "ap-southeast-2"):
            made = Template(name, example | longest, Account("1" * 12, region)).resources
            properties = [resource.get("Properties", {}) for resource in made.values()]
            found.append({p[key] for p in properties for key in named & p.keys()})
            assert not [p["RoleName"] for p in properties if len(p.get("RoleName", "")) > 64]
        assert not found[0] & found[1], name


def test_who_deploys_launches_machines_with_a_key_pair():
    """D6."""
    for file in ("pipeline-role.json", "developer-environment.json"):
        key = "arn:aws:ec2:us-east-1:111122223333:key-pair/mine"
        assert is_allowed([shipped()[file]], "ec2:RunInstances", [key])
    given = settings(KeyName="mine")
    assert given["aws:autoscaling:launchconfiguration", "EC2KeyName"] == "mine"


def test_the_budget_counts_what_credits_pay_and_warns_above_the_usual_bill():
    """D7: the guide's table says what a month costs."""
    made = resources("budget.yaml")
    assert list(made) == ["Budget"]  # what a new account cannot have yet takes nothing with it
    budget = made["Budget"]["Properties"]["Budget"]
    assert budget["CostTypes"] == {"IncludeCredit": False}
    table = (ROOT / "deploy/README.md").read_text("utf-8").split("## What it costs")[1]
    usual = int(re.search(r"single t3.micro.*\| (\d+) \|", table)[1]) + 3
    marks = [
        n["Notification"]["Threshold"] * budget["BudgetLimit"]["Amount"] / 100
        for n in made["Budget"]["Properties"]["NotificationsWithSubscribers"]
    ]
    assert usual < min(marks)


def test_the_group_scales_by_what_predicting_takes_and_never_by_bytes():
    """D12: Beanstalk's own trigger is outgoing bytes, of which there are few."""
    given = settings(**BALANCED)
    assert given["aws:autoscaling:trigger", "MeasureName"] == "CPUUtilization"
    low, high = (int(given["aws:autoscaling:trigger", f"{k}Threshold"]) for k in ("Lower", "Upper"))
    assert low <= 5 < 50 <= high < 100
    # Unless somebody asks for more, instances with uploads do not end for want of traffic.
    assert given["aws:autoscaling:asg", "MinSize"] == given["aws:autoscaling:asg", "MaxSize"]


def test_a_single_instance_has_no_load_balancer():
    names = {name for name, _ in settings()}
    assert not [name for name in names if re.search("elbv2|asg|trigger", name)]
    assert settings()["aws:elasticbeanstalk:environment", "EnvironmentType"] == "SingleInstance"


def test_a_certificate_turns_https_on_and_http_off():
    given = settings(**BALANCED, **CERTIFICATE)
    assert given["aws:elbv2:listener:443", "Protocol"] == "HTTPS"
    assert "TLS13" in given["aws:elbv2:listener:443", "SSLPolicy"]
    assert given["aws:elbv2:listener:default", "ListenerEnabled"] == "false"
    assert not [name for name, _ in settings(**BALANCED) if "elbv2" in name]


def test_no_secret_stands_in_the_settings_where_the_console_would_show_it():
    assert not [name for _, name in settings() if "SECRET" in name or "KEY" in name]
    assert "resolve:" not in (FOLDER / "app.yaml").read_text("utf-8")


def test_beanstalk_takes_its_role_as_its_guide_says():
    """It sends the external id alone; a condition on more would keep it out."""
    (trust,) = resources("app.yaml")["ServiceRole"]["Properties"]["AssumeRolePolicyDocument"][
        "Statement"
    ]
    assert trust["Principal"] == {"Service": "elasticbeanstalk.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "elasticbeanstalk"}}


def test_instances_are_asked_for_tokens_from_the_start():
    assert settings()["aws:autoscaling:launchconfiguration", "DisableIMDSv1"] == "true"


def test_the_second_environment_is_kept_as_the_first_is():
    made = resources("streamlit.yaml")
    given = from_rows(made["Environment"]["Properties"]["OptionSettings"])
    theirs = settings() | read_ebextensions(ROOT)
    for namespace, name in (
        ("autoscaling:launchconfiguration", "DisableIMDSv1"),
        ("elasticbeanstalk:command", "DeploymentPolicy"),
        ("elasticbeanstalk:healthreporting:system", "SystemType"),
        ("elasticbeanstalk:cloudwatch:logs", "RetentionInDays"),
        ("elasticbeanstalk:managedactions", "ManagedActionsEnabled"),
        ("elasticbeanstalk:managedactions:platformupdate", "UpdateLevel"),
    ):
        assert given[f"aws:{namespace}", name] == theirs[f"aws:{namespace}", name]
    health = given["aws:elasticbeanstalk:application", "Application Healthcheck URL"]
    assert health in (ROOT / "deploy/streamlit/Dockerfile").read_text("utf-8")
    assert made["Repository"]["Properties"]["ImageScanningConfiguration"] == {"ScanOnPush": True}


@pytest.mark.parametrize("mode", ["SUPERSEDED", "QUEUED", "PARALLEL"])
def test_the_pipeline_is_v2_with_source_build_deploy(mode):
    pipeline = resources("pipeline.yaml", ExecutionMode=mode)["Pipeline"]["Properties"]
    assert (pipeline["PipelineType"], pipeline["ExecutionMode"]) == ("V2", mode)
    stages = pipeline["Stages"]
    assert [stage["Name"] for stage in stages] == ["Source", "Build", "Deploy"]
    # CodePipeline refuses a rollback where executions run beside one another.
    assert (stages[2].get("OnFailure") == {"Result": "ROLLBACK"}) == (mode != "PARALLEL")
    default = Template("pipeline.yaml", {"RepositoryId": "a/b"}, Account())
    assert default.parameters["ExecutionMode"] == "SUPERSEDED"


@pytest.mark.parametrize("asked", ["", "--records"])
def test_the_build_is_told_whether_predictions_are_kept(asked):
    build = resources("pipeline.yaml", BundleOptions=asked)["Build"]["Properties"]
    variables = build["Environment"].get("EnvironmentVariables", [])
    assert variables == ([{"Name": "BUNDLE_OPTIONS", "Value": asked}] if asked else [])


def test_the_artifact_bucket_is_encrypted_closed_and_emptied_in_time():
    """D8: a rollback needs the artifacts of executions that CodePipeline remembers for a year."""
    bucket = resources("pipeline.yaml")["Artifacts"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert "BucketEncryption" in bucket
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 365)


def test_the_artifacts_of_each_stage_are_those_of_the_next():
    stages = resources("pipeline.yaml")["Pipeline"]["Properties"]["Stages"]
    made: set[str] = set()
    for stage in stages:
        (action,) = stage["Actions"]
        assert {a["Name"] for a in action.get("InputArtifacts", [])} <= made
        made |= {a["Name"] for a in action.get("OutputArtifacts", [])}


def test_the_pipeline_deploys_to_the_environment_that_the_app_template_makes():
    app = resources("app.yaml")
    deploys = resources("pipeline.yaml")["Pipeline"]["Properties"]["Stages"][2]["Actions"][0]
    assert deploys["Configuration"] == {
        "ApplicationName": app["Application"]["Properties"]["ApplicationName"],
        "EnvironmentName": app["Environment"]["Properties"]["EnvironmentName"],
    }


def test_build_and_platform_have_the_same_python():
    python = Buildspec(ROOT / "buildspec.yml").python
    pattern = Template("app.yaml", EXAMPLES["app.yaml"], Account()).document["Parameters"][
        "SolutionStackName"
    ]["AllowedPattern"]
    assert re.fullmatch(pattern, f"64bit Amazon Linux 2023 v4.9.1 running Python {python}")
    assert f"running Python {python}" in (ROOT / "deploy/README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("app.yaml", {}, "SolutionStackName needs a value"),
        ("app.yaml", {"SolutionStackName": "64bit Amazon Linux 2 v3 running Python 3.8"},
         "SolutionStackName may not be"),
        ("pipeline.yaml", {"RepositoryId": "stuprediction"}, "RepositoryId may not be"),
        ("pipeline.yaml", {"RepositoryId": "a/b", "ExecutionMode": "x"}, "ExecutionMode may not"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_refused(name, parameters, said):
    with pytest.raises(ValueError, match=said):
        Template(name, parameters, Account())


# ---------------------------------------------------------------- in moto

# moto says CREATE_COMPLETE with these too, and makes none of them.
NOT_IN_MOTO = {
    "AWS::Budgets::Budget", "AWS::CloudWatch::Alarm", "AWS::CodeBuild::Project",
    "AWS::CodeConnections::Connection", "AWS::CodePipeline::Pipeline",
    "AWS::ElasticBeanstalk::Application", "AWS::ElasticBeanstalk::Environment", "AWS::IAM::Group",
    "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy",
}  # fmt: skip


@pytest.fixture(scope="module")
def created(run_tool):
    run = run_tool("python", "tests/deploy/moto_stack.py")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_every_resource_that_moto_can_make_is_made(created):
    for name in ("account", "app", "pipeline"):
        mail = {} if name == "account" else {"AlarmEmail": "you@example.com"}
        wanted = {
            logical_id
            for logical_id, resource in resources(f"{name}.yaml", **mail).items()
            if resource["Type"] not in NOT_IN_MOTO
        }
        made = {key for key, (_, physical_id) in created[name]["resources"].items() if physical_id}
        assert created[name]["status"] == "CREATE_COMPLETE"
        assert made == wanted


def test_what_was_made_is_as_promised(created):
    facts = created["facts"]
    assert "AES256" in facts["encryption"]
    assert facts["roles"] == {
        "aws-elasticbeanstalk-service-role-us-east-1": {
            "Service": "elasticbeanstalk.amazonaws.com"
        },
        "aws-elasticbeanstalk-ec2-role-us-east-1": {"Service": "ec2.amazonaws.com"},
        "stuprediction-build-us-east-1": {"Service": "codebuild.amazonaws.com"},
        "stuprediction-pipeline-us-east-1": {"Service": "codepipeline.amazonaws.com"},
    }


def test_secrets_of_the_records_are_named_and_only_these_can_be_read():
    url, key = (f"arn:aws:secretsmanager:us-east-1:111122223333:secret:{n}" for n in ("url", "key"))
    made = resources("app.yaml", RecordsUrlSecret=url, RecordsKeySecret=key)
    (statement,) = made["SecretsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Resource"] == [url, key]
    given = from_rows(made["Environment"]["Properties"]["OptionSettings"])
    namespace = "aws:elasticbeanstalk:application:environmentsecrets"
    assert {name: value for (of, name), value in given.items() if of == namespace} == {
        "RECORDS_URL": url, "RECORDS_KEY": key,
    }  # fmt: skip
    assert "SecretsPolicy" not in resources("app.yaml")
