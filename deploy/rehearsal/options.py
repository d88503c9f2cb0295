"""Elastic Beanstalk's option settings: read from a bundle, held against the options that exist."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

KNOWN = Path(__file__).resolve().parent.parent / "beanstalk_options.toml"
ENVIRONMENT = "aws:elasticbeanstalk:application:environment"
POLICY = ("aws:elasticbeanstalk:command", "DeploymentPolicy")
UPDATE_TYPE = ("aws:autoscaling:updatepolicy:rollingupdate", "RollingUpdateType")

Settings = dict[tuple[str, str], str]


def as_text(value: object) -> str:
    """Return a setting's value as Beanstalk gets it: YAML's ``true`` becomes ``"true"``."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def from_rows(rows: Iterable[Mapping[str, Any]]) -> Settings:
    """Return the settings of ``OptionSettings``, as templates and requests have them."""
    return {(row["Namespace"], row["OptionName"]): as_text(row.get("Value", "")) for row in rows}


def read_ebextensions(folder: Path) -> Settings:
    """Return what the ``.config`` files of a bundle set, in the order Beanstalk reads them in.

    A file that holds anything else than option settings is a :class:`ValueError`.
    """
    settings: Settings = {}
    for path in sorted((folder / ".ebextensions").glob("*.config")):
        document = yaml.safe_load(path.read_text("utf-8"))
        if not isinstance(document, dict) or set(document) != {"option_settings"}:
            raise ValueError(f"{path.name} must hold option_settings and nothing else.")
        for namespace, options in document["option_settings"].items():
            settings |= {(namespace, name): as_text(value) for name, value in options.items()}
    return settings


def problems(settings: Settings) -> Iterator[str]:
    """Yield what Beanstalk would refuse.

    Examples
    --------
    >>> list(problems({("aws:elasticbeanstalk:command", "Timeout"): "9999"}))
    ["aws:elasticbeanstalk:command Timeout: '9999' is not a value of it."]
    """
    known = tomllib.loads(KNOWN.read_text("utf-8"))
    for (namespace, name), value in settings.items():
        options = known.get(namespace, {})
        pattern = options.get(name, options.get("*"))
        if not options:
            yield f"{namespace}: there is no such namespace."
        elif pattern is None:
            yield f"{namespace} {name}: unknown configuration setting."
        elif not re.fullmatch(pattern, value):
            yield f"{namespace} {name}: {value!r} is not a value of it."
    # Versions that roll through instances which any change of settings replaces.
    if settings.get(UPDATE_TYPE) == "Immutable" and settings.get(POLICY) not in (None, "Immutable"):
        yield f"{' '.join(POLICY)}: {settings[POLICY]!r} does not go with an immutable update type."
