"""The templates: linted, resolved, and created in moto as far as moto goes."""

import json
import re
from pathlib import Path

import pytest

from deploy.policies import EXAMPLES
from deploy.rehearsal.buildspec import Buildspec
from deploy.rehearsal.options import from_rows, problems, read_ebextensions
from deploy.templates import FOLDER, Account, Template

ROOT = Path(__file__).resolve().parents[2]
BALANCED = {"EnvironmentType": "LoadBalanced"}
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
    assert len(ours) == 4
    run = run_tool("cfn-lint", "--format", "json", *ours, *files)
    found = {(one["Filename"], one["Rule"]["Id"]) for one in json.loads(run.stdout)}
    assert files.items() <= found
    assert not [pair for pair in found if pair[0] in ours]


# ---------------------------------------------------------------- what they come to


@pytest.mark.parametrize("name", EXAMPLES)
def test_beanstalk_knows_every_option_of_the_template(name):
    for variant in ({}, BALANCED, BALANCED | CERTIFICATE):
        given = variant if name == "app.yaml" else {}
        for resource in resources(name, **given).values():
            options = resource.get("Properties", {}).get("OptionSettings", [])
            assert list(problems(from_rows(options))) == []


def test_a_single_instance_has_no_load_balancer():
    names = {name for name, _ in settings()}
    assert not [name for name in names if "elbv2" in name or "asg" in name]
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


def test_the_artifact_bucket_is_encrypted_closed_and_emptied_in_time():
    bucket = resources("pipeline.yaml")["Artifacts"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert "BucketEncryption" in bucket
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 30)


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
        "aws-elasticbeanstalk-service-role": {"Service": "elasticbeanstalk.amazonaws.com"},
        "aws-elasticbeanstalk-ec2-role": {"Service": "ec2.amazonaws.com"},
        "stuprediction-build": {"Service": "codebuild.amazonaws.com"},
        "stuprediction-pipeline": {"Service": "codepipeline.amazonaws.com"},
    }
