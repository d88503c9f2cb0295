"""The reference names all that there is, as the code has it."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from src.config import SETTINGS, Settings
from src.schema.hints import _COLUMN_KEYS, _TOP_KEYS

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text("utf-8")


def tracked(pattern: str) -> list[str]:
    """Return the files below a pattern that git knows, or would."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: there is no .git")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def maker():
    specification = importlib.util.spec_from_file_location(
        "make_reference", ROOT / "docs" / "make_reference.py"
    )
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def quick_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its report, of one quick family."""
    artifacts = tmp_path_factory.mktemp("artifacts")
    subprocess.run(
        [sys.executable, "-m", "src.pipelines.train_pipeline", "--quiet", "--models", "ridge",
         "--artifacts", artifacts],
        cwd=ROOT, check=True, env=os.environ | {"MODEL_SIGNING_KEY": "k" * 32},
    )  # fmt: skip
    return artifacts


def test_every_table_of_the_reference_is_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, "docs/make_reference.py", "--check"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}{done.stderr}Run: python docs/make_reference.py"


@pytest.mark.parametrize("row", ["`LOG_LEVEL`", "`RATE_LIMIT`"])
def test_a_setting_that_is_not_documented_makes_the_page_out_of_date(row: str) -> None:
    text = page("settings")
    without = "\n".join(line for line in text.split("\n") if not line.startswith(f"| {row}"))
    assert without != text
    assert maker().remade(without) == text


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.variable)
def test_every_setting_stands_with_its_default_and_its_help(setting) -> None:
    default = getattr(Settings(), setting.name)
    shown = "" if default in ("", None, ()) else f"`{default}`"
    assert f"| `{setting.variable}` | {shown} | {setting.help} |" in page("settings")


def test_every_variable_that_the_server_reads_is_documented() -> None:
    sources = [*tracked("src/*.py"), *tracked("appBackend/*.py"), "gunicorn.conf.py"]
    text = "".join((ROOT / name).read_text("utf-8") for name in sources)
    read = set(re.findall(r'os\.environ(?:\.(?!setdefault)\w+\(|\[)"([A-Z_]+)"', text))
    assert {"MODEL_SIGNING_KEY", "WEB_CONCURRENCY"} <= read
    assert not {name for name in read if f"`{name}`" not in page("settings")}


def test_every_option_of_gunicorn_that_is_set_is_documented() -> None:
    text = (ROOT / "gunicorn.conf.py").read_text("utf-8")
    options = set(re.findall(r"^([a-z_]+) = ", text, re.MULTILINE))
    assert "timeout" in options
    assert not {name for name in options if f"`{name}`" not in page("settings")}


def test_every_command_with_options_is_in_the_reference() -> None:
    module = maker()
    known = {path for group in module.COMMANDS.values() for path in group.values() if path}
    with_options = {
        name
        for name in tracked("*.py")
        if not name.startswith("tests/")
        and "ArgumentParser(" in (ROOT / name).read_text("utf-8")
        and not name.startswith(module.STARTED_BY_OTHERS)
    }
    options = "src/pipelines/train_options.py"  # read by train_pipeline.py
    assert with_options - {options} == known - {"src/pipelines/train_pipeline.py"}


def test_every_make_target_and_variable_is_in_the_reference() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()
    assert not {name for name in targets if f"| `make {name}` |" not in page("commands")}
    variables = re.findall(r"^([A-Z]+) =", makefile.split("# The first that runs")[0], re.MULTILINE)
    assert not {name for name in variables if f"| `{name}` |" not in page("commands")}


def test_every_key_of_the_hints_is_documented() -> None:
    keys = [*_TOP_KEYS, *_COLUMN_KEYS]
    assert not {key for key in keys if f"| `{key}` |" not in page("hints")}


def test_every_metric_is_documented() -> None:
    text = (ROOT / "src/web/middleware/metrics.py").read_text("utf-8")
    names = set(re.findall(r"stuprediction_\w+", text))
    assert names
    assert not {name for name in names if f"`{name}`" not in page("routes")}


def test_every_file_that_training_writes_is_documented(quick_run: Path) -> None:
    names = {path.name for path in quick_run.iterdir() if path.name != "runs"}
    names |= {path.name for path in next((quick_run / "runs").iterdir()).iterdir()}
    assert {"model.pkl", "report.html", "manifest.sig"} <= names
    assert not {
        name for name in names if f"`{name}`" not in page("artifacts") and not name.startswith(".")
    }
