"""The README says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from src.config import SETTINGS, Settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.variable)
def test_every_setting_stands_in_the_readme_with_its_default_and_its_help(setting) -> None:
    default = getattr(Settings(), setting.name)
    shown = "" if default in ("", None, ()) else f"`{default}`"
    assert f"| `{setting.variable}` | {shown} | {setting.help} |" in README


def test_every_variable_in_the_readme_is_a_setting() -> None:
    known = {setting.variable for setting in SETTINGS}
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", README, re.MULTILINE)) == known


@pytest.mark.parametrize("target", re.findall(r"`make ([a-z-]+)", README))
def test_every_make_target_in_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?://)([^)#]+)\)", README))
def test_every_link_leads_to_a_file(link: str) -> None:
    assert (ROOT / link).exists()


def test_the_two_commands_come_first() -> None:
    assert README.index("make run") < README.index("make test") < README.index("## Ask it")
