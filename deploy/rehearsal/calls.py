"""What a request to AWS asks for: its principal, its IAM action, the ARNs that it touches.

The names of actions and resources follow AWS's "Service Authorization Reference".
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Mapping

from deploy.rehearsal.iam import Call
from deploy.rehearsal.template import Account

CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d+/[^/]+/(?P<service>[^/]+)/aws4_request")
S3_SUBRESOURCES = {
    "location": "GetBucketLocation",
    "versioning": "GetBucketVersioning",
    "policy": "GetBucketPolicy",
    "acl": "GetBucketAcl",
}
WITHOUT_RESOURCE = {
    "CreateStorageLocation",
    "ListAvailableSolutionStacks",
    "ListPlatformBranches",
}
PLATFORM = {"DescribePlatformVersion", "ListPlatformVersions"}
OF_VERSIONS = {"CreateApplicationVersion", "DescribeApplicationVersions"}
OF_APPLICATIONS = {"DescribeApplications"}


class UnknownCallError(Exception):
    """A request whose IAM action is not known here; it must be added, not let through."""


def signer(headers: Mapping[str, str]) -> tuple[str, str]:
    """Return the access key and the service that a request was signed for.

    Raises
    ------
    UnknownCallError
        If it was not signed.
    """
    match = CREDENTIAL.search(headers.get("HTTP_AUTHORIZATION", ""))
    if match is None:
        raise UnknownCallError("A request without a signature.")
    return match["key"], match["service"]


def read(
    environ: Mapping[str, str], body: bytes, account: Account, app_name: str, env_name: str
) -> Call:
    """Return the call that a WSGI request makes; its principal is the access key.

    Parameters
    ----------
    environ : mapping
        A WSGI environment.
    body : bytes
        Of the request; not read for S3.
    app_name, env_name : str
        Of requests that name the environment by its id, or without its application.
    """
    key, service = signer(environ)
    if service == "s3":
        action, resources = _s3(environ)
    elif service == "elasticbeanstalk":
        parameters = dict(urllib.parse.parse_qsl(body.decode()))
        action, resources = _beanstalk(parameters, account, app_name, env_name)
    elif service == "secretsmanager":
        action = environ["HTTP_X_AMZ_TARGET"].split(".")[-1]
        asked = json.loads(body)
        resources = (asked.get("SecretId") or asked["Name"],)
    else:
        raise UnknownCallError(f"A request to {service}, which the rehearsal does not know.")
    return Call(key, f"{service}:{action}", resources, {"aws:MultiFactorAuthPresent": "true"})


def _s3(environ: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    method = environ["REQUEST_METHOD"]
    query = urllib.parse.parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    bucket, _, key = environ["PATH_INFO"].lstrip("/").partition("/")
    arn = f"arn:aws:s3:::{bucket}"
    if not bucket:
        return "ListAllMyBuckets", ("*",)
    if key:
        version = "Version" if "versionId" in query else ""
        actions = {
            "GET": f"GetObject{version}",
            "HEAD": f"GetObject{version}",
            "PUT": "PutObject",
            "POST": "PutObject",
            "DELETE": f"DeleteObject{version}",
        }
        return actions[method], (f"{arn}/{key}",)
    if method in ("GET", "HEAD"):
        named = [action for name, action in S3_SUBRESOURCES.items() if name in query]
        return (named[0] if named else "ListBucket"), (arn,)
    if method == "PUT" and not query:
        return "CreateBucket", (arn,)
    raise UnknownCallError(f"{method} {environ['PATH_INFO']}?{environ.get('QUERY_STRING')}")


def _beanstalk(
    parameters: Mapping[str, str], account: Account, app_name: str, env_name: str
) -> tuple[str, tuple[str, ...]]:
    action = parameters["Action"]
    arn = f"arn:aws:elasticbeanstalk:{account.region}:{account.account}"
    if action in WITHOUT_RESOURCE:
        return action, ("*",)
    if action in PLATFORM:
        return action, (f"arn:aws:elasticbeanstalk:{account.region}::platform/*",)

    def named(single: str, several: str) -> list[str]:
        listed = [v for k, v in sorted(parameters.items()) if k.startswith(f"{several}.member.")]
        return listed or [parameters[single]] if single in parameters else listed

    application = parameters.get("ApplicationName", "*")
    if action in OF_APPLICATIONS:
        names = named("ApplicationName", "ApplicationNames")
        return action, tuple(f"{arn}:application/{name}" for name in names or ["*"])
    if action in OF_VERSIONS:
        labels = named("VersionLabel", "VersionLabels")
        return action, tuple(
            f"{arn}:applicationversion/{application}/{label}" for label in labels or ["*"]
        )
    names = named("EnvironmentName", "EnvironmentNames")
    if not names and "EnvironmentId" in parameters:
        names = [env_name]
    if names == [env_name]:
        application = app_name
    return action, tuple(f"{arn}:environment/{application}/{name}" for name in names or ["*"])
