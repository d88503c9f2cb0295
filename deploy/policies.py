"""Print or write the IAM policies of the templates, for an account and its names.

``python -m deploy.policies --account 123456789012 --region eu-central-1 --output policies``

For people who make roles in the console: what they paste is what CloudFormation would make. The
files in ``deploy/iam`` come from here, with AWS's example account; a test holds them equal to the
templates.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from deploy.templates import Account, Template

DEFAULTS = Account()
FILES = {
    ("account.yaml", "RequireMfa"): "require-mfa.json",
    ("account.yaml", "Deploy"): "developer.json",
    ("account.yaml", "DeployEnvironment"): "developer-environment.json",
    ("app.yaml", "InstanceRole"): "instance-role.json",
    ("github.yaml", "Role"): "github-role.json",
    ("pipeline.yaml", "BuildRole"): "build-role.json",
    ("pipeline.yaml", "PipelineRole"): "pipeline-role.json",
    ("streamlit.yaml", "InstanceRole"): "streamlit-instance-role.json",
}
EXAMPLES: dict[str, dict[str, str]] = {
    "budget.yaml": {"BudgetEmail": "you@example.com"},
    "account.yaml": {},
    "app.yaml": {"SolutionStackName": "64bit Amazon Linux 2023 v4.0.0 running Python 3.13"},
    "github.yaml": {"RepositoryId": "you/stuprediction"},
    "pipeline.yaml": {"RepositoryId": "you/stuprediction"},
    "streamlit.yaml": {
        "SolutionStackName": "64bit Amazon Linux 2023 v4.0.0 running Docker",
        "ApiUrl": "https://stuprediction.example.com",
    },
}


def shipped(account: Account = DEFAULTS, **names: str) -> dict[str, dict[str, Any]]:
    """Return the policies by file name.

    ``names`` are parameters such as ``AppName``; a template takes those that it has.
    """
    found = {}
    for (template, logical_id), file in FILES.items():
        resources = Template(template, EXAMPLES[template] | names, account).resources
        properties = resources[logical_id]["Properties"]
        (policy,) = properties.get("Policies", [properties])
        found[file] = policy["PolicyDocument"]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.policies", description="Write the IAM policies of the templates."
    )
    parser.add_argument("--account", default=DEFAULTS.account, help="12 digits")
    parser.add_argument("--region", default=DEFAULTS.region)
    parser.add_argument("--app-name", default="stuprediction")
    parser.add_argument("--output", type=Path, metavar="DIR", help="print them unless given")
    options = parser.parse_args(arguments)
    account = Account(options.account, options.region)
    for name, document in shipped(account, AppName=options.app_name).items():
        text = json.dumps(document, indent=2) + "\n"
        if options.output:
            options.output.mkdir(parents=True, exist_ok=True)
            (options.output / name).write_text(text, "utf-8")
        else:
            print(f"--- {name}\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
