"""Elastic Beanstalk's API as far as the real ``eb`` CLI needs it; moto knows only its start.

Requests and answers have the shapes that boto3 takes and gives.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.rehearsal.options import Settings, problems
from deploy.templates import Account

UPDATED = "Environment update completed successfully."
CONFIGURED = "Successfully deployed new configuration to environment."
NOT_UPDATED = "Failed to deploy application."
NOT_CONFIGURED = "Failed to deploy configuration."
LINUX = "64bit Amazon Linux 2023"

Shape = dict[str, Any]


class RefusedError(Exception):
    """A request that AWS would refuse; ``code`` is that of its answer."""

    def __init__(self, message: str, code: str = "InvalidParameterValue") -> None:
        super().__init__(message)
        self.code = code


class DeploymentFailedError(Exception):
    """A version or configuration that did not reach the instances."""


@dataclass
class Beanstalk:
    """One application with one environment.

    Attributes
    ----------
    deploy : callable
        Takes a version (None for a change of settings alone) and all settings, brings them to the
        instances, and raises if that fails.
    versions : dict of str to dict
        By label.
    events : list of dict
        The oldest first.
    """

    account: Account
    app_name: str
    env_name: str
    platform: str
    settings: Settings
    deploy: Callable[[Shape | None, Settings], None]
    versions: dict[str, Shape] = field(default_factory=dict)
    events: list[Shape] = field(default_factory=list)
    current: str = "Sample Application"
    status: str = "Ready"

    @property
    def bucket(self) -> str:
        return f"elasticbeanstalk-{self.account.region}-{self.account.account}"

    @property
    def arn(self) -> str:
        return f"arn:aws:elasticbeanstalk:{self.account.region}:{self.account.account}"

    @property
    def branch(self) -> str:
        """The platform's name without its version, as ``eb init`` writes it."""
        return f"{self.platform.partition(' running ')[2]} running on {LINUX}"

    def answer(self, action: str, asked: Mapping[str, Any], request_id: str = "") -> Shape:
        """Return the answer to a request; its id is that of the events that follow.

        Raises
        ------
        RefusedError
            If Beanstalk would refuse the request, or the action is not known here.
        """
        match action:
            case "CreateStorageLocation":
                return {"S3Bucket": self.bucket}
            case "DescribeApplications":
                return {"Applications": [{"ApplicationName": self.app_name}]}
            case "ListAvailableSolutionStacks":
                return {"SolutionStacks": [self.platform]}
            case "ListPlatformBranches":
                branches = [value for rule in asked["Filters"] for value in rule["Values"]]
                found = {"BranchName": self.branch, "LifecycleState": "Supported"}
                return {"PlatformBranchSummaryList": [found] if self.branch in branches else []}
            case "DescribePlatformVersion":
                names = {"PlatformArn": asked["PlatformArn"], "SolutionStackName": self.platform}
                return {"PlatformDescription": {**names, "PlatformStatus": "Ready"}}
            case "CreateApplicationVersion":
                return {"ApplicationVersion": self._create_version(asked)}
            case "DescribeApplicationVersions":
                labels = asked.get("VersionLabels") or self.versions
                listed = [v for label, v in self.versions.items() if label in labels]
                return {"ApplicationVersions": listed[::-1]}
            case "DescribeEnvironments":
                known = self.env_name in (asked.get("EnvironmentNames") or [self.env_name])
                return {"Environments": [self._environment()] if known else []}
            case "DescribeConfigurationSettings":
                options = [
                    {"Namespace": namespace, "OptionName": name, "Value": value}
                    for (namespace, name), value in self.settings.items()
                ]
                shown = self._environment() | {"OptionSettings": options}
                return {"ConfigurationSettings": [shown]}
            case "DescribeEvents":
                of_update, since = asked.get("RequestId"), asked.get("StartTime")
                events = [
                    event
                    for event in reversed(self.events)
                    if of_update in (None, event["RequestId"])
                    # moto reads the time without its zone
                    and (since is None or event["EventDate"] >= since.replace(tzinfo=datetime.UTC))
                ]
                return {"Events": events}
            case "UpdateEnvironment":
                return self._start_update(asked, request_id)
        raise RefusedError(f"The rehearsal does not know {action}.")

    def _create_version(self, asked: Mapping[str, Any]) -> Shape:
        label, source = asked["VersionLabel"], asked["SourceBundle"]
        if label in self.versions:
            raise RefusedError(f"Application Version {label} already exists.")
        names = {"ApplicationName": self.app_name, "VersionLabel": label}
        dates = {"DateCreated": _now(), "DateUpdated": _now()}
        self.versions[label] = {**names, **dates, "SourceBundle": source, "Status": "PROCESSED"}
        return self.versions[label]

    def _start_update(self, asked: Mapping[str, Any], request_id: str) -> Shape:
        name, label = asked.get("EnvironmentName", self.env_name), asked.get("VersionLabel")
        if name != self.env_name:
            raise RefusedError(f"No Environment found for EnvironmentName = '{name}'.")
        if label and label not in self.versions:
            raise RefusedError(f"No Application Version named '{label}' found.")
        given = _settings(asked.get("OptionSettings"))
        for problem in problems(given):
            raise RefusedError(f"Invalid option specification: {problem}")
        if self.status != "Ready":
            raise RefusedError(f"Environment {name} is in an invalid state. Must be Ready.")
        self.status = "Updating"
        self._record("Environment update is starting.", request_id)
        removed = _settings(asked.get("OptionsToRemove"))
        settings = {k: v for k, v in (self.settings | given).items() if k not in removed}
        threading.Thread(target=self._update, args=(label, settings, request_id)).start()
        return self._environment()

    def _update(self, label: str | None, settings: Settings, request_id: str) -> None:
        try:
            self.deploy(self.versions[label] if label else None, settings)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must end the update
            self._record(str(error), request_id, "ERROR")
            self.status = "Ready"
            self._record(NOT_UPDATED if label else NOT_CONFIGURED, request_id, "ERROR")
            return
        self.current = label or self.current
        self.settings = settings
        self.status = "Ready"
        self._record(UPDATED if label else CONFIGURED, request_id)

    def _record(self, message: str, request_id: str, severity: str = "INFO") -> None:
        event = {"EventDate": _now(), "Message": message, "Severity": severity}
        names = {"ApplicationName": self.app_name, "EnvironmentName": self.env_name}
        self.events.append({**event, **names, "RequestId": request_id})

    def _environment(self) -> Shape:
        return {
            "ApplicationName": self.app_name,
            "EnvironmentName": self.env_name,
            "EnvironmentId": "e-rehearsal1",
            "EnvironmentArn": f"{self.arn}:environment/{self.app_name}/{self.env_name}",
            "VersionLabel": self.current,
            "SolutionStackName": self.platform,
            "PlatformArn": f"{self.arn.rpartition(':')[0]}::platform/{self.branch}/4.0.0",
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


def _settings(options: list[Mapping[str, str]] | None) -> Settings:
    return {(one["Namespace"], one["OptionName"]): one.get("Value", "") for one in options or ()}
