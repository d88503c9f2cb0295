"""Elastic Beanstalk's API as far as the real ``eb`` CLI needs it; moto knows only its start."""

from __future__ import annotations

import datetime
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from deploy.rehearsal.options import Settings
from deploy.rehearsal.template import Account

NAMESPACE = "http://elasticbeanstalk.amazonaws.com/docs/2010-12-01/"
UPDATED = "Environment update completed successfully."
CONFIGURED = "Successfully deployed new configuration to environment."
NOT_UPDATED = "Failed to deploy application."
NOT_CONFIGURED = "Failed to deploy configuration."


class InvalidParameterError(Exception):
    """A request that Beanstalk would refuse."""


class DeploymentFailedError(Exception):
    """A version or configuration that did not reach the instances."""


@dataclass(frozen=True)
class Version:
    """A registered bundle."""

    label: str
    bucket: str
    key: str
    created: datetime.datetime


@dataclass(frozen=True)
class Event:
    """One line of ``eb events``."""

    at: datetime.datetime
    message: str
    severity: str
    request_id: str


@dataclass
class Beanstalk:
    """One application with one environment.

    Attributes
    ----------
    deploy : callable
        Takes a version (None for a change of settings alone) and all settings, brings them to the
        instances, and raises :class:`DeploymentFailedError` if that fails.
    exists : callable
        Takes bucket and key, says whether there is such an object.
    problems : callable
        Takes settings, yields what Beanstalk would refuse.
    """

    account: Account
    app_name: str
    env_name: str
    platform: str
    settings: Settings
    deploy: Callable[[Version | None, Settings], None]
    exists: Callable[[str, str], bool]
    problems: Callable[[Settings], Any]
    versions: dict[str, Version] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    current: str = "Sample Application"
    status: str = "Ready"
    _requests: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def bucket(self) -> str:
        return f"elasticbeanstalk-{self.account.region}-{self.account.account}"

    def answer(self, body: bytes) -> tuple[int, str]:
        """Return status and XML of the answer to a request's form-encoded body."""
        parameters = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
        action = parameters.get("Action", "")
        with self._lock:
            self._requests += 1
            request_id = f"00000000-0000-0000-0000-{self._requests:012d}"
        try:
            operation = getattr(self, f"_{_snake(action)}", None)
            if operation is None:
                raise InvalidParameterError(f"The rehearsal does not know {action}.")
            result = operation(parameters, request_id)
        except InvalidParameterError as error:
            return 400, (
                f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type>'
                f"<Code>InvalidParameterValue</Code><Message>{escape(str(error))}</Message>"
                f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
            )
        return 200, (
            f'<{action}Response xmlns="{NAMESPACE}"><{action}Result>{_xml(result)}'
            f"</{action}Result><ResponseMetadata><RequestId>{request_id}</RequestId>"
            f"</ResponseMetadata></{action}Response>"
        )

    # --- operations ------------------------------------------------------------------------------

    def _create_storage_location(self, p: Mapping[str, str], request_id: str) -> dict[str, Any]:
        return {"S3Bucket": self.bucket}

    def _describe_applications(self, p: Mapping[str, str], request_id: str) -> dict[str, Any]:
        return {"Applications": [{"ApplicationName": self.app_name}]}

    def _create_application_version(self, p: Mapping[str, str], request_id: str) -> dict[str, Any]:
        label = p["VersionLabel"]
        bucket, key = p["SourceBundle.S3Bucket"], p["SourceBundle.S3Key"]
        if label in self.versions:
            raise InvalidParameterError(f"Application Version {label} already exists.")
        if not self.exists(bucket, key):
            raise InvalidParameterError(f"Unable to download from S3 location {bucket}/{key}.")
        self.versions[label] = Version(label, bucket, key, _now())
        return {"ApplicationVersion": self._version(self.versions[label])}

    def _describe_application_versions(
        self, p: Mapping[str, str], request_id: str
    ) -> dict[str, Any]:
        wanted = {v for k, v in p.items() if k.startswith("VersionLabels.member.")}
        found = [v for v in self.versions.values() if not wanted or v.label in wanted]
        return {"ApplicationVersions": [self._version(v) for v in reversed(found)]}

    def _describe_environments(self, p: Mapping[str, str], request_id: str) -> dict[str, Any]:
        wanted = {v for k, v in p.items() if k.startswith("EnvironmentNames.member.")}
        found = not wanted or self.env_name in wanted
        return {"Environments": [self._environment()] if found else []}

    def _describe_events(self, p: Mapping[str, str], request_id: str) -> dict[str, Any]:
        since = p.get("StartTime")
        after = datetime.datetime.fromisoformat(since) if since else None
        found = [
            {
                "EventDate": event.at,
                "Message": event.message,
                "ApplicationName": self.app_name,
                "EnvironmentName": self.env_name,
                "RequestId": event.request_id,
                "Severity": event.severity,
            }
            for event in reversed(self.events)
            if p.get("RequestId") in (None, event.request_id)
            and (after is None or event.at >= after)
        ]
        return {"Events": found}

    def _describe_platform_version(self, p: Mapping[str, str], request_id: str) -> dict[str, Any]:
        return {
            "PlatformDescription": {
                "PlatformArn": p["PlatformArn"],
                "PlatformName": self.platform.partition(" v")[2].partition(" ")[2],
                "PlatformStatus": "Ready",
                "SolutionStackName": self.platform,
            }
        }

    def _describe_configuration_settings(
        self, p: Mapping[str, str], request_id: str
    ) -> dict[str, Any]:
        options = [
            {"Namespace": namespace, "OptionName": name, "Value": value}
            for (namespace, name), value in self.settings.items()
        ]
        environment = self._environment()
        described = ("ApplicationName", "EnvironmentName", "SolutionStackName", "PlatformArn")
        settings = {key: environment[key] for key in described} | {"OptionSettings": options}
        return {"ConfigurationSettings": [settings]}

    def _list_available_solution_stacks(
        self, p: Mapping[str, str], request_id: str
    ) -> dict[str, Any]:
        return {"SolutionStacks": [self.platform]}

    def _list_platform_branches(self, p: Mapping[str, str], request_id: str) -> dict[str, Any]:
        name = f"{self.platform.partition(' running ')[2]} running on 64bit Amazon Linux 2023"
        asked = {v for k, v in p.items() if ".Values.member." in k}
        summary = {"BranchName": name, "LifecycleState": "Supported"}
        return {"PlatformBranchSummaryList": [summary] if name in asked else []}

    def _update_environment(self, p: Mapping[str, str], request_id: str) -> dict[str, Any]:
        if p.get("EnvironmentName", self.env_name) != self.env_name:
            raise InvalidParameterError(
                f"No Environment found for EnvironmentName = '{p['EnvironmentName']}'."
            )
        label = p.get("VersionLabel")
        if label and label not in self.versions:
            raise InvalidParameterError(f"No Application Version named '{label}' found.")
        given, removed = _options(p, "OptionSettings"), _options(p, "OptionsToRemove")
        settings = {k: v for k, v in (self.settings | given).items() if k not in removed}
        for problem in self.problems(given):
            raise InvalidParameterError(f"Invalid option specification: {problem}")
        with self._lock:
            if self.status != "Ready":
                raise InvalidParameterError(
                    f"Environment named {self.env_name} is in an invalid state for this operation."
                    " Must be Ready."
                )
            self.status = "Updating"
        self._tell("Environment update is starting.", request_id)
        version = self.versions[label] if label else None
        threading.Thread(target=self._update, args=(version, settings, request_id)).start()
        return self._environment()

    # --- what follows from them ------------------------------------------------------------------

    def _update(self, version: Version | None, settings: Settings, request_id: str) -> None:
        try:
            self.deploy(version, settings)
        except DeploymentFailedError as error:
            self._tell(str(error), request_id, "ERROR")
            self.status = "Ready"
            self._tell(NOT_UPDATED if version else NOT_CONFIGURED, request_id, "ERROR")
            return
        if version:
            self.current = version.label
        self.settings = settings
        self.status = "Ready"
        self._tell(UPDATED if version else CONFIGURED, request_id)

    def _tell(self, message: str, request_id: str, severity: str = "INFO") -> None:
        self.events.append(Event(_now(), message, severity, request_id))

    def _version(self, version: Version) -> dict[str, Any]:
        return {
            "ApplicationName": self.app_name,
            "VersionLabel": version.label,
            "Status": "PROCESSED",
            "SourceBundle": {"S3Bucket": version.bucket, "S3Key": version.key},
            "DateCreated": version.created,
            "DateUpdated": version.created,
        }

    def _environment(self) -> dict[str, Any]:
        name = self.platform.partition(" running ")[2]
        arn = f"arn:aws:elasticbeanstalk:{self.account.region}"
        return {
            "ApplicationName": self.app_name,
            "EnvironmentName": self.env_name,
            "EnvironmentId": "e-rehearsal1",
            "EnvironmentArn": f"{arn}:{self.account.account}:environment/{self.app_name}/"
            f"{self.env_name}",
            "VersionLabel": self.current,
            "SolutionStackName": self.platform,
            "PlatformArn": f"{arn}::platform/{name} running on 64bit Amazon Linux 2023/4.0.0",
            "Status": self.status,
            "Health": "Green",
            "HealthStatus": "Ok",
            "CNAME": "localhost",
            "DateCreated": _now(),
            "DateUpdated": _now(),
            "AbortableOperationInProgress": False,
            "Tier": {"Name": "WebServer", "Type": "Standard", "Version": "1.0"},
        }


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _options(parameters: Mapping[str, str], name: str) -> Settings:
    """Return the option settings that a request lists under a name."""
    settings: Settings = {}
    for number in range(1, 1000):
        prefix = f"{name}.member.{number}."
        if f"{prefix}OptionName" not in parameters:
            break
        key = parameters[f"{prefix}Namespace"], parameters[f"{prefix}OptionName"]
        settings[key] = parameters.get(f"{prefix}Value", "")
    return settings


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{key}>{_xml(item)}</{key}>" for key, item in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(item)}</member>" for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return escape(str(value))
