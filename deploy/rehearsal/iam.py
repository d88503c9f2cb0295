"""Whether IAM policies allow a call; see "Policy evaluation logic" in AWS's IAM guide.

Identity policies of one account: an explicit deny wins, then every resource of the call needs an
allow. A condition on a key that the call does not carry fails, unless it ends in ``IfExists``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

Document = Mapping[str, Any]


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


def is_allowed(
    documents: Iterable[Document],
    action: str,
    resources: Iterable[str],
    context: Mapping[str, str] | None = None,
) -> bool:
    """Whether a principal with these policies may make a call.

    ``resources`` are ARNs, or ``*`` alone for an action without resources; ``context`` holds the
    call's condition keys and their values.

    Examples
    --------
    >>> policy = {"Statement": [{"Effect": "Allow", "Action": "s3:Get*",
    ...                          "Resource": "arn:aws:s3:::bundles/*"}]}
    >>> is_allowed([policy], "s3:GetObject", ["arn:aws:s3:::bundles/a.zip"])
    True
    >>> is_allowed([policy], "s3:PutObject", ["arn:aws:s3:::bundles/a.zip"])
    False
    """
    statements = [statement for document in documents for statement in document["Statement"]]

    def applies(statement: Mapping[str, Any], resource: str) -> bool:
        names_action = _matches(statement.get("Action") or statement["NotAction"], action)
        return (
            names_action == ("Action" in statement)
            and _matches(statement["Resource"], resource)
            and _holds(statement.get("Condition", {}), context or {})
        )

    return all(
        {s["Effect"] for s in statements if applies(s, resource)} == {"Allow"}
        for resource in resources
    )
