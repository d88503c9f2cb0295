"""Settings of the running app: one table says each one's name, default, variable and help."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from src.exception import ConfigurationError, Problem

ROOT = Path(__file__).resolve().parent.parent
SAMPLE_TABLE = ROOT / "notebooks" / "data" / "stud.csv"
ARTIFACTS = Path("artifacts")


@dataclass(frozen=True)
class Settings:
    """What the operator decided; see :data:`SETTINGS` for each field."""

    app_env: str = "development"
    secret_key: str = field(default="", repr=False)
    artifacts_dir: Path = ARTIFACTS
    log_level: str = "INFO"
    log_file: Path | None = None
    form_max_age_s: int = 3600
    max_body_bytes: int = 1 << 20

    @property
    def production(self) -> bool:
        return self.app_env == "production"


@dataclass(frozen=True)
class Setting:
    """One row of the table: the field of :class:`Settings`, its variable, how its text is read."""

    name: str
    variable: str
    read: Callable[[str], Any]
    help: str


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text

    return read


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ValueError("must be a whole number above 0")
    return int(text)


def _level(text: str) -> str:
    return _one_of("DEBUG", "INFO", "WARNING", "ERROR")(text.upper())


SETTINGS = (
    Setting("app_env", "APP_ENV", _one_of("development", "production"),
            "`production` asks for a `SECRET_KEY`"),
    Setting("secret_key", "SECRET_KEY", str,
            "signs the form's token; needed in production, random at each start elsewhere"),
    Setting("artifacts_dir", "ARTIFACTS_DIR", Path, "the folder that training wrote"),
    Setting("log_level", "LOG_LEVEL", _level, "`DEBUG`, `INFO`, `WARNING` or `ERROR`"),
    Setting("log_file", "LOG_FILE", Path, "a file that log lines are appended to, beside stderr"),
    Setting("form_max_age_s", "FORM_MAX_AGE_S", _positive,
            "seconds for which an opened form may be sent"),
    Setting("max_body_bytes", "MAX_BODY_BYTES", _positive, "bytes that a request's body may have"),
)  # fmt: skip


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from environment variables; an empty variable is an absent one.

    Raises
    ------
    ConfigurationError
        With every setting that cannot be used, or where production has no secret key.
    """
    values: dict[str, Any] = {}
    problems = []
    for setting in SETTINGS:
        if text := environment.get(setting.variable, "").strip():
            try:
                values[setting.name] = setting.read(text)
            except ValueError as error:
                problems.append(Problem(f"{setting.variable} {error}. Got {text!r}."))
    settings = Settings(**values)
    if settings.production and len(settings.secret_key) < 16:
        problems.append(
            Problem(
                "SECRET_KEY must be set in production, to at least 16 characters. Make one with: "
                'python -c "import secrets; print(secrets.token_hex())"'
            )
        )
    if problems:
        raise ConfigurationError("The settings cannot be used.", problems)
    return settings
