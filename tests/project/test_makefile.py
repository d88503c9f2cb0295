"""The Makefile's own logic: which Python it takes, what it says, what it would run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def make(tmp_path: Path):
    """Return a runner of make in a folder with a space in its name, with a PATH of its own."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, folder)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "awk", "touch", "rm", "echo"):
        (programs / name).symlink_to(shutil.which(name))
    maker = shutil.which("make")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(programs)}
        command = [maker, *arguments]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    run.folder = folder
    run.programs = programs
    return run


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def have_setup(make) -> None:
    """Make it look as if setup had been done."""
    for name in ("bin/python", ".setup", ".dev"):
        path = make.folder / ".venv" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    past = 946684800
    for name in ("pyproject.toml", "requirements.txt", "requirements-dev.txt", ".venv/bin/python"):
        os.utime(make.folder / name, (past, past))


def test_plain_make_lists_every_target(make):
    text = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE).group(1).split()
    listed = [line.split()[1] for line in make().stdout.splitlines()]
    assert listed == phony


def test_a_python_on_path_that_does_not_run_is_passed_over(make):
    program(make.programs / "python3", "echo 'shim: command not found' >&2; exit 127")
    (make.programs / "python3.11").symlink_to(sys.executable)
    assert '"python3.11" -m venv' in make("-n", "setup").stdout


def test_a_python_that_is_too_old_or_too_new_is_passed_over(make):
    program(make.programs / "python3", "exit 1")
    program(make.programs / "python3.13", "exit 0")
    assert '"python3.13" -m venv' in make("-n", "setup").stdout


def test_a_missing_python_is_reported_with_what_to_do(make):
    run = make("setup")
    assert run.returncode == 2
    assert "This needs Python 3.11, 3.12 or 3.13; none was found on PATH." in run.stderr
    assert "make setup PYTHON=/path/to/python3.12" in run.stderr


def test_a_wrong_python_given_by_hand_is_refused_by_name(make):
    (make.programs / "python3").symlink_to(sys.executable)
    program(make.programs / "old", "exit 1")
    run = make("run", "PYTHON=old")
    assert run.returncode == 2
    assert "'old' is none of them" in run.stderr
    assert not (make.folder / ".venv").exists()


def test_a_python_without_venv_is_reported_and_tried_anew_next_time(make):
    half_made = 'case "$1" in -c) exit 0;; esac; mkdir -p .venv/bin; touch .venv/bin/python; exit 1'
    (make.programs / "mkdir").symlink_to(shutil.which("mkdir"))
    program(make.programs / "python3", half_made)
    for _ in range(2):
        run = make("setup")
        assert run.returncode == 2
        assert "apt install python3-venv" in run.stderr


def test_run_trains_if_needed_and_serves(make):
    have_setup(make)
    assert make("-n", "run", "PORT=9000").stdout.splitlines() == [
        ".venv/bin/python -m src.pipelines.train_pipeline --if-missing",
        ".venv/bin/python -m gunicorn --bind 127.0.0.1:9000 application:application",
    ]


def test_paths_with_spaces_reach_the_commands_whole(make):
    have_setup(make)
    train = make("-n", "train", "DATA=my class.csv", "TARGET=final score", "ARGS=--seed 1").stdout
    assert train.strip().endswith('--data "my class.csv" --target "final score" --seed 1')
    check = make("-n", "check", "DATA=my class.csv", "TARGET=final score", "ARGS=--json").stdout
    assert check.strip().endswith('--check --data "my class.csv" --target "final score" --json')
    predict = make("-n", "predict", "INPUT=my class.csv", "OUTPUT=out file.csv").stdout
    assert '--input "my class.csv" --output "out file.csv"' in predict


def test_predict_without_a_file_says_how_to_name_it(make):
    have_setup(make)
    run = make("-n", "predict")
    assert run.returncode == 2
    assert "make predict INPUT=class.csv" in run.stderr


def test_a_changed_list_of_packages_is_installed(make):
    have_setup(make)
    assert "pip install" not in make("-n", "test").stdout
    (make.folder / "requirements-dev.txt").touch()
    later = 4102444800
    os.utime(make.folder / "requirements-dev.txt", (later, later))
    assert "pip install -r requirements-dev.txt" in make("-n", "test").stdout
