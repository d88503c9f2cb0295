"""Create the stacks in moto and print what came of each resource, with the tools' Python."""

import json
import sys
from pathlib import Path

names = {
    "account": {},
    "budget": {"BudgetEmail": "you@example.com"},
    "app": {
        "SolutionStackName": "64bit Amazon Linux 2023 v4.0.0 running Python 3.13",
        "AlarmEmail": "you@example.com",
    },
    "pipeline": {"RepositoryId": "you/stuprediction", "AlarmEmail": "you@example.com"},
}


def for_moto(path: Path) -> str:
    """Return a template's text without attributes of what moto does not make: it stumbles there."""
    text = path.read_text("utf-8").split("\nOutputs:")[0] + "\n"
    return text.replace("!GetAtt Build.Arn", "arn:aws:codebuild:us-east-1:123456789012:project/x")


def main() -> None:
    import boto3
    from moto import mock_aws

    with mock_aws():
        clients = {
            name: boto3.client(name, region_name="us-east-1")
            for name in ("cloudformation", "s3", "iam")
        }
        report = {}
        for name, parameters in names.items():
            clients["cloudformation"].create_stack(
                StackName=name,
                TemplateBody=for_moto(Path(f"deploy/cloudformation/{name}.yaml")),
                Parameters=[
                    {"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()
                ],
                Capabilities=["CAPABILITY_NAMED_IAM"],
            )
            stack = clients["cloudformation"].describe_stacks(StackName=name)["Stacks"][0]
            resources = clients["cloudformation"].describe_stack_resources(StackName=name)
            report[name] = {
                "status": stack["StackStatus"],
                "resources": {
                    r["LogicalResourceId"]: [r["ResourceType"], r.get("PhysicalResourceId")]
                    for r in resources["StackResources"]
                    if "LogicalResourceId" in r
                },
            }
        bucket = report["pipeline"]["resources"]["Artifacts"][1]
        encryption = clients["s3"].get_bucket_encryption(Bucket=bucket)
        roles = clients["iam"].list_roles()["Roles"]
        report["facts"] = {
            "encryption": json.dumps(encryption["ServerSideEncryptionConfiguration"]),
            "roles": {
                role["RoleName"]: role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
                for role in roles
            },
        }
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
