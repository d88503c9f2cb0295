"""Whether IAM policies allow a call; see "Policy evaluation logic" in AWS's IAM guide.

What is evaluated here are the identity policies of one account: an explicit deny wins, then one
allow is needed for every resource of the call. A condition on something that the call does not say
does not hold, unless its operator ends in ``IfExists``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
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
        ARNs; ``*`` alone for an action that knows no resource.
    context : dict of str to str
        Condition keys and their values.
    """

    principal: str
    action: str
    resources: tuple[str, ...] = ("*",)
    context: dict[str, str] = field(default_factory=dict, compare=False)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    expression = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(expression, re.IGNORECASE | re.DOTALL)


def _matches(patterns: str | Iterable[str], value: str) -> bool:
    listed = [patterns] if isinstance(patterns, str) else patterns
    return any(_pattern(pattern).fullmatch(value) for pattern in listed)


def _holds(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    for operator, tests in conditions.items():
        plain = operator.removesuffix("IfExists")
        if plain not in ("StringEquals", "Bool"):
            raise ValueError(f"The condition operator {operator} is not known here.")
        for key, wanted in tests.items():
            if key not in context:
                if operator == plain:
                    return False
                continue
            values = [wanted] if isinstance(wanted, str) else wanted
            if context[key] not in values:
                return False
    return True


def _applies(statement: Mapping[str, Any], call: Call, resource: str) -> bool:
    if "NotAction" in statement:
        if _matches(statement["NotAction"], call.action):
            return False
    elif not _matches(statement["Action"], call.action):
        return False
    # An action that knows no resource is allowed by "*" alone.
    if not _matches(statement["Resource"], resource):
        return False
    return _holds(statement.get("Condition", {}), call.context)


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
    for resource in call.resources:
        effects = {s["Effect"] for s in statements if _applies(s, call, resource)}
        if effects != {"Allow"}:
            return False
    return True
