from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from src.config import SETTINGS, Settings, load_settings
from src.exception import ConfigurationError

KEY = "0123456789abcdef"
# For each setting a text and what it is read as; a setting without a row here fails the test.
READ = {
    "app_env": ("development", "development"),
    "secret_key": (KEY, KEY),
    "artifacts_dir": ("/srv/artifacts", Path("/srv/artifacts")),
    "log_level": ("debug", "DEBUG"),
    "log_file": ("logs/app.log", Path("logs/app.log")),
    "form_max_age_s": ("60", 60),
    "max_body_bytes": ("2048", 2048),
}


def test_the_table_holds_every_setting_once() -> None:
    names = [setting.name for setting in SETTINGS]
    assert names == [field.name for field in dataclasses.fields(Settings)]
    assert len({setting.variable for setting in SETTINGS}) == len(SETTINGS)
    assert all(setting.help for setting in SETTINGS)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.variable)
def test_each_setting_is_read_from_its_variable(setting) -> None:
    text, value = READ[setting.name]
    assert getattr(load_settings({setting.variable: f" {text} "}), setting.name) == value


def test_nothing_set_gives_the_defaults() -> None:
    assert load_settings({}) == Settings()
    assert load_settings(dict.fromkeys((s.variable for s in SETTINGS), "  ")) == Settings()


def test_the_environment_is_read_when_asked_not_at_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORM_MAX_AGE_S", "77")
    assert load_settings().form_max_age_s == 77


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("APP_ENV", "Production", "APP_ENV must be one of development, production. Got 'Produ"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR. Got 'loud'"),
        ("FORM_MAX_AGE_S", "0", "FORM_MAX_AGE_S must be a whole number above 0. Got '0'"),
        ("FORM_MAX_AGE_S", "-5", "must be a whole number above 0. Got '-5'"),
        ("MAX_BODY_BYTES", "1e6", "must be a whole number above 0. Got '1e6'"),
        ("MAX_BODY_BYTES", "１０", "must be a whole number above 0. Got '１０'"),
        ("MAX_BODY_BYTES", "1_000", "must be a whole number above 0. Got '1_000'"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(variable: str, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_settings({variable: text})
    assert message in str(raised.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_settings({"APP_ENV": "production", "LOG_LEVEL": "x", "MAX_BODY_BYTES": "y"})
    assert len(raised.value.problems) == 3


@pytest.mark.parametrize("key", ["", "   ", "short"])
def test_h6_production_needs_a_secret_key_and_says_how_to_make_one(key: str) -> None:
    with pytest.raises(ConfigurationError, match=r"SECRET_KEY must be set.*secrets\.token_hex"):
        load_settings({"APP_ENV": "production", "SECRET_KEY": key})
    assert load_settings({"APP_ENV": "production", "SECRET_KEY": KEY}).production


def test_development_needs_none() -> None:
    assert not load_settings({}).production


def test_the_secret_key_is_in_no_repr() -> None:
    assert KEY not in repr(load_settings({"SECRET_KEY": KEY}))
