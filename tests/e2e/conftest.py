"""The real commands, in a copy of the tree in which nothing was run before."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = (
    "src", "templates", "static", "notebooks", "appBackend", "application.py", "gunicorn.conf.py",
)  # fmt: skip
Command = Callable[..., subprocess.CompletedProcess[str]]


def environment(**changes: str) -> dict[str, str]:
    """Return this environment without our settings."""
    ours = ("ARTIFACTS_DIR", "APP_ENV", "LOG_LEVEL", "LOG_FILE")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | changes


def files_below(folder: Path) -> set[str]:
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(file) for file in files if "__pycache__" not in file.parts}


@pytest.fixture
def clean_tree(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns(".ipynb_checkpoints")
            shutil.copytree(source, folder / name, ignore=ignored)
        elif source.exists():
            shutil.copy(source, folder / name)
    return folder


@pytest.fixture
def command(clean_tree: Path) -> Command:
    def run(module: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", f"src.pipelines.{module}", *map(str, arguments)],
            cwd=clean_tree, env=environment(), capture_output=True, text=True, timeout=300,
            check=False, **options,
        )  # fmt: skip

    return run
