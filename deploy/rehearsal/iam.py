"""Whether IAM policies allow a call; see "Policy evaluation logic" in AWS's IAM guide.

Identity policies of one account: an explicit deny wins, then every resource of the call needs an
allow. A condition on a key that the call does not carry fails, unless it ends in ``IfExists``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """One request to AWS.

    Attributes
    ----------
    principal : str
        Who calls, such as ``pipeline``.
    action : str
        Such as ``s3:GetObject``.
    resources : tuple of str
        ARNs; ``*`` alone for an action without resources.
    context : dict of str to str
        Condition keys and their values.
    """

    principal: str
    action: str
    resources: tuple[str, ...] = ("*",)
    context: dict[str, str] = field(default_factory=dict, compare=False)


def _matches(patterns: str | Iterable[str], value: str) -> bool:
    listed = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatchcase(value.lower(), pattern.lower()) for pattern in listed)


def _holds(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    for operator, tests in conditions.items():
        if operator.removesuffix("IfExists") not in ("StringEquals", "Bool"):
            raise ValueError(f"The condition operator {operator} is not known here.")
        for key, wanted in tests.items():
            values = [wanted] if isinstance(wanted, str) else wanted
            absent_is_fine = operator.endswith("IfExists") and key not in context
            if not absent_is_fine and context.get(key) not in values:
                return False
    return True


def _applies(statement: Mapping[str, Any], call: Call, resource: str) -> bool:
    if "NotAction" in statement:
        action = not _matches(statement["NotAction"], call.action)
    else:
        action = _matches(statement["Action"], call.action)
    return (
        action
        and _matches(statement["Resource"], resource)
        and _holds(statement.get("Condition", {}), call.context)
    )


def is_allowed(documents: Iterable[Document], call: Call) -> bool:
    """Whether a principal with these policies may make a call.

    Examples
    --------
    >>> policy = {"Statement": [{"Effect": "Allow", "Action": "s3:Get*",
    ...                          "Resource": "arn:aws:s3:::bundles/*"}]}
    >>> is_allowed([policy], Call("me", "s3:GetObject", ("arn:aws:s3:::bundles/a.zip",)))
    True
    >>> is_allowed([policy], Call("me", "s3:PutObject", ("arn:aws:s3:::bundles/a.zip",)))
    False
    """
    statements = [statement for document in documents for statement in document["Statement"]]
    return all(
        {s["Effect"] for s in statements if _applies(s, call, resource)} == {"Allow"}
        for resource in call.resources
    )
