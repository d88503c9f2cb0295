"""Which IAM action a request to AWS needs, on which ARNs.

The names follow AWS's "Service Authorization Reference". What is not known here is refused: it must
be added, not let through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from werkzeug import Request

from deploy.rehearsal.beanstalk import RefusedError

CREDENTIAL = re.compile(r"Credential=AKIA0*([^/]+)/\d+/[^/]+/([^/]+)/aws4_request")
OBJECT_ACTIONS = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "POST": "Put", "DELETE": "Delete"}
LISTS = {"list-type", "prefix", "delimiter", "encoding-type", "max-keys", "marker"}
WITHOUT_RESOURCE = ("CreateStorageLocation", "ListAvailableSolutionStacks", "ListPlatformBranches")
ON_VERSIONS = ("CreateApplicationVersion", "DescribeApplicationVersions")
DENIED = "AccessDenied"


def access_key(principal: str) -> str:
    """Return the access key with which a principal signs."""
    return f"AKIA{principal.upper():0>16}"


def signer(request: Request) -> tuple[str, str]:
    """Return the principal and the service that a request was signed for."""
    match = CREDENTIAL.search(request.headers.get("Authorization", ""))
    if match is None:
        raise RefusedError("A request without a signature.", DENIED)
    return match[1].lower(), match[2]


def s3(request: Request) -> tuple[str, list[str]]:
    """Return the action and the resources of a request to S3."""
    bucket, _, key = request.path.lstrip("/").partition("/")
    arn = f"arn:aws:s3:::{bucket}"
    if not bucket:
        return "s3:ListAllMyBuckets", ["*"]
    if key:
        verb = OBJECT_ACTIONS[request.method]
        version = "Version" if "versionId" in request.args and verb != "Put" else ""
        return f"s3:{verb}Object{version}", [f"{arn}/{key}"]
    if request.method in ("GET", "HEAD"):
        if "location" in request.args:
            return "s3:GetBucketLocation", [arn]
        if set(request.args) <= LISTS:
            return "s3:ListBucket", [arn]
    if request.method == "PUT" and not request.args:
        return "s3:CreateBucket", [arn]
    raise RefusedError(f"The rehearsal does not know {request.method} {request.full_path}", DENIED)


def beanstalk(
    action: str, parameters: Mapping[str, Any], arn: str, app_name: str, env_name: str
) -> tuple[str, list[str]]:
    """Return the action and the resources of a request to Elastic Beanstalk.

    The names are those of requests that give the environment's id, or leave the application out.
    """

    def named(kind: str) -> list[str]:
        return parameters.get(f"{kind}s") or [parameters.get(kind, "*")]

    application = parameters.get("ApplicationName", "*")
    if action in WITHOUT_RESOURCE:
        resources = ["*"]
    elif action == "DescribePlatformVersion":
        resources = [f"{arn.rpartition(':')[0]}::platform/*"]
    elif action == "DescribeApplications":
        resources = [f"{arn}:application/{name}" for name in named("ApplicationName")]
    elif action in ON_VERSIONS:
        labels = named("VersionLabel")
        resources = [f"{arn}:applicationversion/{application}/{label}" for label in labels]
    else:
        names = [env_name] if "EnvironmentId" in parameters else named("EnvironmentName")
        application = app_name if names == [env_name] else application
        resources = [f"{arn}:environment/{application}/{name}" for name in names]
    return f"elasticbeanstalk:{action}", resources
