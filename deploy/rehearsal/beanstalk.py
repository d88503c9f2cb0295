"""Elastic Beanstalk's API as far as the real ``eb`` CLI needs it; moto knows only its start.

Requests and answers have the shapes that boto3 takes and gives.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import yaml

from deploy.rehearsal.options import Settings, from_rows, problems
from deploy.templates import Account

UPDATED = "Environment update completed successfully."
CONFIGURED = "Successfully deployed new configuration to environment."
NOT_UPDATED = "Failed to deploy application."
NOT_CONFIGURED = "Failed to deploy configuration."
ANSWERS = Path(__file__).with_name("answers.yaml")

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
    """One application with one environment; the oldest version and event come first.

    ``deploy`` brings a version (None for a change of settings alone) and all settings to the
    instances, and raises if that fails.
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

    def __post_init__(self) -> None:
        account, region = self.account
        self.bucket = f"elasticbeanstalk-{region}-{account}"
        self.arn = f"arn:aws:elasticbeanstalk:{region}:{account}"
        system, _, language = self.platform.partition(" running ")
        # The platform's name without its version, as ``eb init`` writes it.
        self.branch = f"{language} running on {system.rpartition(' v')[0]}"

    def answer(self, action: str, asked: Mapping[str, Any], request_id: str = "") -> Shape:
        """Return the answer to a request; its id is that of the events that follow.

        A :class:`RefusedError` says that Beanstalk would refuse it, or that it is not known here.
        """
        answers = yaml.safe_load(jinja2.Template(ANSWERS.read_text("utf-8")).render(vars(self)))
        match action:
            case "CreateApplicationVersion":
                return {"ApplicationVersion": self._create_version(asked)}
            case "DescribeApplicationVersions":
                labels = asked.get("VersionLabels") or self.versions
                listed = [v for label, v in self.versions.items() if label in labels]
                return {"ApplicationVersions": listed[::-1]}
            case "DescribeConfigurationSettings":
                options = [
                    {"Namespace": namespace, "OptionName": name, "Value": value}
                    for (namespace, name), value in self.settings.items()
                ]
                (environment,) = answers["DescribeEnvironments"]["Environments"]
                return {"ConfigurationSettings": [environment | {"OptionSettings": options}]}
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
                self._start_update(asked, request_id)
                return {"EnvironmentName": self.env_name, "Status": self.status}
            case "DescribeEnvironments" if self.env_name not in (
                asked.get("EnvironmentNames") or [self.env_name]
            ):
                return {"Environments": []}
            case "ListPlatformBranches" if self.branch not in str(asked["Filters"]):
                return {"PlatformBranchSummaryList": []}
        if action not in answers:
            raise RefusedError(f"The rehearsal does not know {action}.")
        return dict(answers[action])

    def _create_version(self, asked: Mapping[str, Any]) -> Shape:
        label, now = asked["VersionLabel"], datetime.datetime.now(datetime.UTC)
        if label in self.versions:
            raise RefusedError(f"Application Version {label} already exists.")
        given = {key: asked[key] for key in ("ApplicationName", "VersionLabel", "SourceBundle")}
        dates = {"DateCreated": now, "DateUpdated": now}
        self.versions[label] = {**given, **dates, "Status": "PROCESSED"}
        return self.versions[label]

    def _start_update(self, asked: Mapping[str, Any], request_id: str) -> None:
        name, label = asked.get("EnvironmentName", self.env_name), asked.get("VersionLabel")
        if name != self.env_name:
            raise RefusedError(f"No Environment found for EnvironmentName = '{name}'.")
        if label and label not in self.versions:
            raise RefusedError(f"No Application Version named '{label}' found.")
        given = from_rows(asked.get("OptionSettings") or [])
        for problem in problems(self.settings | given):
            raise RefusedError(f"Invalid option specification: {problem}")
        if self.status != "Ready":
            raise RefusedError(f"Environment {name} is in an invalid state. Must be Ready.")
        self.status = "Updating"
        self._record("Environment update is starting.", request_id)
        removed = from_rows(asked.get("OptionsToRemove") or [])
        settings = {k: v for k, v in (self.settings | given).items() if k not in removed}
        threading.Thread(target=self._update, args=(label, settings, request_id)).start()

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
        now = datetime.datetime.now(datetime.UTC)
        names = {"ApplicationName": self.app_name, "EnvironmentName": self.env_name}
        event = {"EventDate": now, "Message": message, "Severity": severity}
        self.events.append({**event, **names, "RequestId": request_id})
