"""CloudFormation templates, resolved: intrinsic functions, conditions, parameters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FOLDER = Path(__file__).resolve().parent / "cloudformation"
NO_VALUE = object()

# The ARNs of resources; {name} is a resource's name, or else its logical id.
ARNS = {
    "AWS::CodeBuild::Project": "arn:aws:codebuild:{region}:{account}:project/{name}",
    "AWS::CodeConnections::Connection": "arn:aws:codeconnections:{region}:{account}:connection/"
    "11111111-2222-3333-4444-555555555555",
    "AWS::ECR::Repository": "arn:aws:ecr:{region}:{account}:repository/{name}",
    "AWS::IAM::OIDCProvider": "arn:aws:iam::{account}:oidc-provider/"
    "token.actions.githubusercontent.com",
    "AWS::IAM::ManagedPolicy": "arn:aws:iam::{account}:policy/{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
}
# Of these, !Ref gives the ARN as well, not the name.
REF_IS_ARN = (
    "AWS::CodeConnections::Connection",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::OIDCProvider",
    "AWS::SNS::Topic",
)


class Account(NamedTuple):
    """Where a template is resolved for."""

    account: str = "111122223333"
    region: str = "us-east-1"


class Function(NamedTuple):
    """A call of an intrinsic function: ``!Sub x`` is ``Function("Sub", "x")``."""

    name: str
    argument: Any


class _Loader(yaml.SafeLoader):
    pass


def _function(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> Function:
    if isinstance(node, yaml.SequenceNode):
        return Function(name, loader.construct_sequence(node, deep=True))
    return Function(name, loader.construct_scalar(node))


_Loader.add_multi_constructor("!", _function)


class Template:
    """A template of ``cloudformation/`` with values for its parameters.

    Raises
    ------
    ValueError
        If a parameter has neither a default nor a value, or a value that it does not allow.
    """

    def __init__(self, name: str, given: dict[str, str], account: Account) -> None:
        self.account = account
        self.document = yaml.load((FOLDER / name).read_text("utf-8"), _Loader)
        pseudo = {"AccountId": account.account, "Region": account.region, "Partition": "aws"}
        self.parameters: dict[str, Any] = {f"AWS::{key}": v for key, v in pseudo.items()}
        self.parameters["AWS::NoValue"] = NO_VALUE
        for key, definition in self.document["Parameters"].items():
            value = given.get(key, definition.get("Default"))
            if value is None:
                raise ValueError(f"{name}: the parameter {key} needs a value.")
            fits = re.fullmatch(definition.get("AllowedPattern", "(?s:.*)"), str(value))
            if not fits or value not in definition.get("AllowedValues", [value]):
                raise ValueError(f"{name}: {key} may not be {value!r}.")
            self.parameters[key] = value

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources whose condition holds, resolved."""
        return {
            name: self.resolve(resource)
            for name, resource in self.document["Resources"].items()
            if "Condition" not in resource or self._call("Condition", resource["Condition"])
        }

    def resolve(self, value: Any) -> Any:
        """Return a value with every function replaced by its result."""
        if isinstance(value, Function):
            return self._call(*value)
        if isinstance(value, dict):
            resolved = {key: self.resolve(item) for key, item in value.items()}
            return {key: item for key, item in resolved.items() if item is not NO_VALUE}
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not NO_VALUE]
        return value

    def _call(self, function: str, argument: Any) -> Any:
        match function:
            case "Ref" | "GetAtt":
                return self._reference(argument)
            case "Sub":
                text = re.sub(r"\$\{([^!}]+)\}", lambda m: str(self._reference(m[1])), argument)
                return text.replace("${!", "${")
            case "Join":
                separator, parts = self.resolve(argument)
                return separator.join(parts)
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

    def _reference(self, target: str) -> Any:
        if target in self.parameters:
            return self.parameters[target]
        logical_id, _, attribute = target.partition(".")
        resource = self.document["Resources"][logical_id]
        properties, kind = resource.get("Properties", {}), resource["Type"]
        default = properties.get("Name", logical_id.lower())
        name = self.resolve(properties.get(f"{kind.rpartition(':')[2]}Name", default))
        if attribute == "Arn" or (not attribute and kind in REF_IS_ARN):
            return ARNS[kind].format(name=name, **self.account._asdict())
        return f"{name}.{attribute}" if attribute else name
