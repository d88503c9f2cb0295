"""The README says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("target", re.findall(r"`make ([a-z-]+)", README))
def test_every_make_target_in_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_two_commands_come_first() -> None:
    assert README.index("make run") < README.index("make test") < README.index("## Ask it")


def test_it_is_short_and_leaves_the_tables_to_the_docs() -> None:
    assert len(README.splitlines()) < 140
    assert "| `SECRET_KEY` |" not in README
