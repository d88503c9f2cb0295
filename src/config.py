"""Settings of the running app: one table says each one's name, default, variable and help."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from src.exception import ConfigurationError, Problem

ROOT = Path(__file__).resolve().parent.parent
SAMPLE_TABLE = ROOT / "notebooks" / "data" / "stud.csv"
ARTIFACTS = Path("artifacts")
SHORTEST_KEY = 16  # characters
MOST_DIGITS = 15  # of a setting
MAKE_KEY = 'Make one with: python -c "import secrets; print(secrets.token_hex())"'
LONGEST_SHOWN = 80  # characters of a setting that is refused
# Names on the leaderboard that are not families: the mean of the target, several models as one, and
# what the winner is held against.
BASELINE, BLEND = "dummy", "blend"
SINGLE_COLUMN, ALL_COLUMNS = "single_column", "all_columns"


@dataclass(frozen=True)
class Settings:
    """What the operator decided; see :data:`SETTINGS` for each field."""

    app_env: str = "development"
    artifacts_dir: Path = ARTIFACTS
    model_signing_key: str = field(default="", repr=False)
    log_level: str = "INFO"
    log_file: Path | None = None
    log_format: str = ""
    max_body_bytes: int = 1 << 20
    max_upload_bytes: int = 10 << 20
    uploads_dir: Path | None = None
    api_keys: str = field(default="", repr=False)
    rate_limit: int | None = None
    trusted_hosts: tuple[str, ...] = ()
    trusted_proxies: int = 0
    records_url: str = field(default="", repr=False)
    records_key: str = field(default="", repr=False)
    records_spool: Path | None = None
    record_subject: str = ""
    record_group: str = ""
    record_features: bool = False
    record_terms: str = "02-01, 08-01"
    shadow_run: str = ""
    operator_password_hash: str = field(default="", repr=False)
    require_sign_in: bool = False
    secret_key: str = field(default="", repr=False)
    trusted_user_header: str = ""

    @property
    def production(self) -> bool:
        return self.app_env == "production"

    @property
    def signs_in(self) -> bool:
        """Whether there is a way to sign in."""
        return bool(self.operator_password_hash or self.trusted_user_header)

    @property
    def json_logs(self) -> bool:
        return (self.log_format or ("json" if self.production else "text")) == "json"


@dataclass(frozen=True)
class Setting:
    """One row of the table: the field of :class:`Settings`, its variable, how its text is read.

    A secret one is not quoted in the message that refuses it.
    """

    name: str
    variable: str
    read: Callable[[str], Any]
    help: str
    secret: bool = False


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text

    return read


def _whole(text: str, least: int = 0) -> int:
    digits = text.lstrip("0") or "0"
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"must have at most {MOST_DIGITS} digits")
    if not text.isascii() or not text.isdigit() or int(digits) < least:
        raise ValueError(f"must be a whole number, {least} or more")
    return int(digits)


def _positive(text: str) -> int:
    return _whole(text, 1)


def _long(text: str) -> str:
    if len(text) < SHORTEST_KEY:
        raise ValueError(f"must have at least {SHORTEST_KEY} characters")
    return text


def _switch(text: str) -> bool:
    return _one_of("0", "1")(text) == "1"


def _first_days(text: str) -> str:
    days = [part.strip() for part in text.split(",")]
    try:
        for day in days:
            if date.fromisoformat(f"2001-{day}").strftime("%m-%d") != day:
                raise ValueError
    except ValueError:
        raise ValueError("must be days such as 02-01, 08-01: month and day") from None
    return ", ".join(days)


def _run_id(text: str) -> str:
    if not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}", text):
        raise ValueError("must be the id of a run, such as 20260131T120000Z-1a2b3c")
    return text


def _scrypt(text: str) -> str:
    if not re.fullmatch(r"scrypt(:\d+){3}\$[^$]+\$[0-9a-f]{128}", text):
        raise ValueError("must be what python -m src.web.middleware.sign_in prints, in quotes")
    return text


def _header(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+", text):
        raise ValueError("must be the name of a header")
    return text


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(text.replace(",", " ").lower().split())
    for host in hosts:
        if not re.fullmatch(r"\.?[a-z0-9-]+(\.[a-z0-9-]+)*", host):
            raise ValueError("must be host names without scheme, port or path, separated by commas")
    return hosts


def _level(text: str) -> str:
    return _one_of("DEBUG", "INFO", "WARNING", "ERROR")(text.upper())


SETTINGS = (
    Setting("app_env", "APP_ENV", _one_of("development", "production"),
            "`production` writes its log lines as JSON"),
    Setting("artifacts_dir", "ARTIFACTS_DIR", Path, "the folder that training wrote"),
    Setting("model_signing_key", "MODEL_SIGNING_KEY", _long,
            "training signs each run with it, and a run without its signature is not read",
            secret=True),
    Setting("log_level", "LOG_LEVEL", _level, "`DEBUG`, `INFO`, `WARNING` or `ERROR`"),
    Setting("log_file", "LOG_FILE", Path, "a file that log lines are appended to, beside stderr"),
    Setting("log_format", "LOG_FORMAT", _one_of("text", "json"),
            "`text` or `json`; unless set, `json` in production and `text` elsewhere"),
    Setting("max_body_bytes", "MAX_BODY_BYTES", _positive, "bytes that a request's body may have"),
    Setting("max_upload_bytes", "MAX_UPLOAD_BYTES", _positive,
            "bytes that an uploaded file may have, with what is sent around it"),
    Setting("uploads_dir", "UPLOADS_DIR", Path,
            "a private folder for uploads, which lie there for 30 minutes at most; unless set, one "
            "below `TMPDIR` or `/var/tmp` that goes with the server"),
    Setting("api_keys", "API_KEYS", str,
            "SHA-256 of each key that the API asks for, or the path of a file with one a line",
            secret=True),
    Setting("rate_limit", "RATE_LIMIT", _positive,
            "requests a minute that one client may make of one instance: behind a load balancer, "
            "each instance counts its own; no limit unless set"),
    Setting("trusted_hosts", "TRUSTED_HOSTS", _hosts,
            "names under which the app answers (`.school.org`: all below it); any unless set"),
    Setting("trusted_proxies", "TRUSTED_PROXIES", _whole,
            "proxies in front, each of which adds the caller's address to `X-Forwarded-For`"),
    Setting("records_url", "RECORDS_URL", str,
            "database that every prediction is kept in: `sqlite:////var/lib/stuprediction/"
            "records.db` or `postgresql+psycopg://…`; nothing is kept unless set", secret=True),
    Setting("records_key", "RECORDS_KEY", _long,
            "the key under which pupils are hashed, needed with `RECORDS_URL`; keep it apart from "
            "the database", secret=True),
    Setting("records_spool", "RECORDS_SPOOL", Path,
            "a private folder for predictions that wait for the database; unless set, beside a "
            "file of SQLite, else below `TMPDIR` or `/var/tmp`"),
    Setting("record_subject", "RECORD_SUBJECT", str,
            "the column of uploaded files that says who a pupil is; only its hash is kept"),
    Setting("record_group", "RECORD_GROUP", str,
            "the column of uploaded files that says which class or school"),
    Setting("record_features", "RECORD_FEATURES", _switch,
            "`1` keeps the answers beside each prediction too"),
    Setting("record_terms", "RECORD_TERMS", _first_days,
            "month and day on which each term of the school year begins: a pupil has one outcome "
            "a term"),
    Setting("shadow_run", "SHADOW_RUN", _run_id,
            "the run, such as a challenger, that predicts beside the one that answers: its "
            "predictions are recorded, after the answer, and nobody is shown them"),
    Setting("operator_password_hash", "OPERATOR_PASSWORD_HASH", _scrypt,
            "hash of the password that opens `/records`: `python -m src.web.middleware.sign_in` "
            "makes it", secret=True),
    Setting("require_sign_in", "REQUIRE_SIGN_IN", _switch,
            "`1` puts all pages behind the sign-in; load balancers and programs with a good API "
            "key pass"),
    Setting("secret_key", "SECRET_KEY", str,
            "signs the sessions of those who signed in, needed with `OPERATOR_PASSWORD_HASH`",
            secret=True),
    Setting("trusted_user_header", "TRUSTED_USER_HEADER", _header,
            "header in which a proxy says who signed in there, such as `X-Amzn-Oidc-Identity`: "
            "whoever has one is an operator. The proxy must remove it from what clients send"),
)  # fmt: skip


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from environment variables; an empty variable is an absent one.

    Raises
    ------
    ConfigurationError
        With every setting that cannot be used.
    """
    values: dict[str, Any] = {}
    problems = []
    for setting in SETTINGS:
        if text := environment.get(setting.variable, "").strip():
            try:
                values[setting.name] = setting.read(text)
            except ValueError as error:
                got = "" if setting.secret else f" Got {text[:LONGEST_SHOWN]!r}."
                problems.append(Problem(f"{setting.variable} {error}.{got}"))
    settings = Settings(**values)
    problems += _missing(settings)
    if problems:
        raise ConfigurationError("The settings cannot be used.", problems)
    return settings


def _missing(settings: Settings) -> list[Problem]:
    """Return which settings are needed by others, and absent."""
    problems = []
    if settings.records_url and not settings.records_key:
        problems.append(f"RECORDS_KEY is needed with RECORDS_URL. {MAKE_KEY}")
    if settings.shadow_run and not settings.records_url:
        problems.append("SHADOW_RUN is only recorded: it needs RECORDS_URL.")
    if settings.operator_password_hash and len(settings.secret_key) < SHORTEST_KEY:
        problems.append(
            f"SECRET_KEY is needed with OPERATOR_PASSWORD_HASH, of {SHORTEST_KEY} characters or "
            f"more. {MAKE_KEY}"
        )
    if settings.trusted_user_header and not settings.trusted_proxies:
        problems.append("TRUSTED_PROXIES is needed with TRUSTED_USER_HEADER: how many there are.")
    if settings.require_sign_in and not settings.signs_in:
        problems.append(
            "REQUIRE_SIGN_IN needs a way to sign in: OPERATOR_PASSWORD_HASH or TRUSTED_USER_HEADER."
        )
    return [*map(Problem, problems)]


def read_signing_key() -> str:
    """Return the key that a command signs and checks runs with; empty where none is set.

    Raises
    ------
    ConfigurationError
        If it is too short.
    """
    named = {"MODEL_SIGNING_KEY": os.environ.get("MODEL_SIGNING_KEY", "")}
    return load_settings(named).model_signing_key
