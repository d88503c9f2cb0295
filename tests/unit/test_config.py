from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from src.config import SETTINGS, Settings, load_settings
from src.exception import ConfigurationError

KEY = "0123456789abcdef"
HASH = "scrypt:32768:8:1$salt$" + "0" * 128
# For each setting a text and what it is read as; a setting without a row here fails the test.
READ = {
    "app_env": ("development", "development"),
    "artifacts_dir": ("/srv/artifacts", Path("/srv/artifacts")),
    "model_signing_key": (KEY, KEY),
    "log_level": ("debug", "DEBUG"),
    "log_file": ("logs/app.log", Path("logs/app.log")),
    "log_format": ("json", "json"),
    "max_body_bytes": ("2048", 2048),
    "max_upload_bytes": ("4096", 4096),
    "uploads_dir": ("/srv/uploads", Path("/srv/uploads")),
    "api_keys": ("keys.txt", "keys.txt"),
    "rate_limit": ("60", 60),
    "trusted_hosts": ("School.org, .b.org 10.0.0.7", ("school.org", ".b.org", "10.0.0.7")),
    "trusted_proxies": ("2", 2),
    "records_url": ("sqlite:////srv/records.db", "sqlite:////srv/records.db"),
    "records_key": (KEY, KEY),
    "records_spool": ("/srv/spool", Path("/srv/spool")),
    "record_subject": ("pupil", "pupil"),
    "record_group": ("class", "class"),
    "record_features": ("1", True),
    "shadow_run": ("20260131T120000Z-1a2b3c", "20260131T120000Z-1a2b3c"),
    "operator_password_hash": (HASH, HASH),
    "require_sign_in": ("1", True),
    "secret_key": (KEY, KEY),
    "trusted_user_header": ("X-User", "X-User"),
    "record_terms": ("01-15,  09-01", "01-15, 09-01"),
}

# What a setting needs beside itself.
NEEDED = {
    "RECORDS_URL": {"RECORDS_KEY": KEY},
    "SHADOW_RUN": {"RECORDS_URL": "sqlite:////srv/records.db", "RECORDS_KEY": KEY},
    "OPERATOR_PASSWORD_HASH": {"SECRET_KEY": KEY},
    "REQUIRE_SIGN_IN": {"OPERATOR_PASSWORD_HASH": HASH, "SECRET_KEY": KEY},
    "TRUSTED_USER_HEADER": {"TRUSTED_PROXIES": "1"},
}


def test_the_table_holds_every_setting_once() -> None:
    names = [setting.name for setting in SETTINGS]
    assert names == [field.name for field in dataclasses.fields(Settings)]
    assert len({setting.variable for setting in SETTINGS}) == len(SETTINGS)
    assert all(setting.help for setting in SETTINGS)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.variable)
def test_each_setting_is_read_from_its_variable(setting) -> None:
    text, value = READ[setting.name]
    read = load_settings({**NEEDED.get(setting.variable, {}), setting.variable: f" {text} "})
    assert getattr(read, setting.name) == value


def test_nothing_set_gives_the_defaults() -> None:
    assert load_settings({}) == Settings()
    assert load_settings(dict.fromkeys((s.variable for s in SETTINGS), "  ")) == Settings()


def test_the_environment_is_read_when_asked_not_at_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_LIMIT", "77")
    assert load_settings().rate_limit == 77


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("APP_ENV", "Production", "APP_ENV must be one of development, production. Got 'Produ"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR. Got 'loud'"),
        ("RATE_LIMIT", "9" * 400, "RATE_LIMIT must have at most 15 digits. Got '9999"),
        ("MAX_BODY_BYTES", "1" * 5000, "MAX_BODY_BYTES must have at most 15 digits"),
        ("TRUSTED_PROXIES", "1" * 16, "TRUSTED_PROXIES must have at most 15 digits"),
        ("RATE_LIMIT", "-5", "must be a whole number, 1 or more. Got '-5'"),
        ("MAX_BODY_BYTES", "1e6", "must be a whole number, 1 or more. Got '1e6'"),
        ("MAX_BODY_BYTES", "１０", "must be a whole number, 1 or more. Got '１０'"),
        ("MAX_BODY_BYTES", "1_000", "must be a whole number, 1 or more. Got '1_000'"),
        ("LOG_FORMAT", "xml", "LOG_FORMAT must be one of text, json. Got 'xml'"),
        ("RATE_LIMIT", "0", "RATE_LIMIT must be a whole number, 1 or more. Got '0'"),
        ("TRUSTED_HOSTS", "https://school.org", "must be host names without scheme, port or path"),
        ("TRUSTED_HOSTS", "school.org:80", "must be host names without scheme, port or path"),
        ("TRUSTED_HOSTS", "[::1]", "must be host names without scheme, port or path"),
        ("TRUSTED_PROXIES", "-1", "TRUSTED_PROXIES must be"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(variable: str, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_settings({variable: text})
    assert message in str(raised.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_settings({"APP_ENV": "x", "LOG_LEVEL": "x", "MAX_BODY_BYTES": "y"})
    assert len(raised.value.problems) == 3


def test_production_needs_no_other_setting_and_ignores_those_of_older_versions() -> None:
    assert load_settings({"APP_ENV": "production", "SECRET_KEY": "short"}).production
    assert not load_settings({}).production


@pytest.mark.parametrize("variable", ["MODEL_SIGNING_KEY", "API_KEYS"])
def test_a_secret_is_in_no_repr(variable: str) -> None:
    assert KEY not in repr(load_settings({variable: KEY}))


def test_a_secret_that_is_refused_is_not_quoted() -> None:
    with pytest.raises(ConfigurationError, match="at least 16 characters") as raised:
        load_settings({"MODEL_SIGNING_KEY": "hunter2"})
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("environment", "json_lines"),
    [
        ({}, False),
        ({"LOG_FORMAT": "json"}, True),
        ({"APP_ENV": "production"}, True),
        ({"APP_ENV": "production", "LOG_FORMAT": "text"}, False),
    ],
)
def test_log_lines_are_json_in_production_or_where_asked(environment, json_lines) -> None:
    assert load_settings(environment).json_logs == json_lines


@pytest.mark.parametrize("variable", NEEDED)
def test_a_setting_without_what_it_needs_is_refused_and_says_what_that_is(variable) -> None:
    """H6."""
    text, _ = READ[variable.lower()]
    with pytest.raises(ConfigurationError, match=next(iter(NEEDED[variable]))):
        load_settings({variable: text})
