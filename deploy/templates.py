"""CloudFormation templates, read and resolved: intrinsic functions, conditions, parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent / "cloudformation"
NO_VALUE = object()

# The ARNs of resources; {name} is a resource's name, or else its logical id.
ARNS = {
    "AWS::CodeBuild::Project": "arn:aws:codebuild:{region}:{account}:project/{name}",
    "AWS::CodeConnections::Connection": "arn:aws:codeconnections:{region}:{account}:connection/"
    "11111111-2222-3333-4444-555555555555",
    "AWS::ECR::Repository": "arn:aws:ecr:{region}:{account}:repository/{name}",
    "AWS::IAM::ManagedPolicy": "arn:aws:iam::{account}:policy/{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
}
# Of these, !Ref gives the ARN as well, not the name.
REF_IS_ARN = ("AWS::CodeConnections::Connection", "AWS::IAM::ManagedPolicy", "AWS::SNS::Topic")
NAMES = ("RoleName", "BucketName", "Name", "LogGroupName", "ApplicationName", "EnvironmentName",
         "InstanceProfileName", "ManagedPolicyName", "GroupName", "RepositoryName")  # fmt: skip


class _Loader(yaml.SafeLoader):
    """Reads ``!Sub x`` as ``{"Fn::Sub": x}``."""


def _function(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _function)


@dataclass(frozen=True)
class Account:
    """Where a template is resolved for."""

    account: str = "111122223333"
    region: str = "us-east-1"


@dataclass
class Template:
    """A template with values for its parameters.

    Attributes
    ----------
    document : dict
        As written, functions as ``{"Fn::…": …}``.
    parameters : dict
        Given values over the defaults.
    """

    document: dict[str, Any]
    parameters: dict[str, Any]
    account: Account = field(default_factory=Account)

    @classmethod
    def read(
        cls, path: Path, parameters: Mapping[str, Any] | None = None, account: Account | None = None
    ) -> Template:
        """Read a template.

        Raises
        ------
        ValueError
            If a parameter has neither a default nor a value, or a value that it does not allow.
        """
        document = yaml.load(path.read_text("utf-8"), _Loader)
        values = {}
        for name, definition in document["Parameters"].items():
            value = (parameters or {}).get(name, definition.get("Default"))
            if value is None:
                raise ValueError(f"{path.name}: the parameter {name} needs a value.")
            pattern, allowed = definition.get("AllowedPattern"), definition.get("AllowedValues")
            if (pattern and not re.fullmatch(pattern, str(value))) or (
                allowed and value not in allowed
            ):
                raise ValueError(f"{path.name}: {name} may not be {value!r}.")
            values[name] = value
        return cls(document, values, account or Account())

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources whose condition holds, resolved."""
        return {
            name: self.resolve({k: v for k, v in resource.items() if k != "Condition"})
            for name, resource in self.document["Resources"].items()
            if "Condition" not in resource or self._call("Condition", resource["Condition"])
        }

    def resolve(self, value: Any) -> Any:
        """Return a value with every function replaced by its result."""
        if isinstance(value, dict):
            if len(value) == 1:
                ((name, argument),) = value.items()
                if name.startswith("Fn::") or name in ("Ref", "Condition"):
                    return self._call(name.removeprefix("Fn::"), argument)
            resolved = {key: self.resolve(item) for key, item in value.items()}
            return {key: item for key, item in resolved.items() if item is not NO_VALUE}
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not NO_VALUE]
        return value

    def _call(self, function: str, argument: Any) -> Any:
        match function:
            case "Ref":
                return self._reference(argument)
            case "GetAtt":
                return self._reference(".".join(argument))
            case "Sub":
                text = re.sub(r"\$\{([^!}]+)\}", lambda m: str(self._reference(m[1])), argument)
                return text.replace("${!", "${")
            case "Join":
                separator, parts = argument
                return separator.join(map(str, self.resolve(parts)))
            case "If":
                condition, yes, no = argument
                return self.resolve(yes if self._call("Condition", condition) else no)
            case "Condition":
                return self.resolve(self.document["Conditions"][argument])
            case "Equals":
                left, right = self.resolve(argument)
                return left == right
            case "Not":
                return not self.resolve(argument[0])
            case "And":
                return all(self.resolve(argument))
        raise ValueError(f"Fn::{function} is not known here.")

    def _reference(self, name: str) -> Any:
        known = self.parameters | {
            "AWS::AccountId": self.account.account,
            "AWS::Region": self.account.region,
            "AWS::Partition": "aws",
            "AWS::NoValue": NO_VALUE,
        }
        if name in known:
            return known[name]
        logical_id, _, attribute = name.partition(".")
        resource = self.document["Resources"][logical_id]
        properties = resource.get("Properties", {})
        named = next((properties[key] for key in NAMES if key in properties), logical_id.lower())
        named = self.resolve(named)
        if attribute == "Arn" or (not attribute and resource["Type"] in REF_IS_ARN):
            return ARNS[resource["Type"]].format(name=named, **vars(self.account))
        return f"{named}.{attribute}" if attribute else named


def policies(resources: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the policy documents of a resolved template: logical id to document."""
    found = {}
    for logical_id, resource in resources.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            found[logical_id] = properties["PolicyDocument"]
        elif resource["Type"] == "AWS::IAM::Role" and properties.get("Policies"):
            (policy,) = properties["Policies"]
            found[logical_id] = policy["PolicyDocument"]
    return found
