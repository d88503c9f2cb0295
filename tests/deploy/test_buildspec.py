"""The build's commands, as CodeBuild would run them."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from deploy.rehearsal.buildspec import BuildFailedError, Buildspec

ROOT = Path(__file__).resolve().parents[2]
BUILDSPEC = Buildspec(ROOT / "buildspec.yml")


@pytest.fixture
def spec(tmp_path):
    def write(*commands: str) -> Buildspec:
        lines = "".join(f"      - {command}\n" for command in commands)
        path = tmp_path / "buildspec.yml"
        path.write_text(
            "version: 0.2\nenv:\n  variables: {WORD: set}\nphases:\n  install:\n"
            '    runtime-versions: {python: "3.13"}\n    commands: []\n  build:\n    commands:\n'
            f"{lines}artifacts:\n  base-directory: out\n  files: ['**/*']\n"
        )
        return Buildspec(path)

    return write


def test_it_sets_up_tests_trains_and_bundles_in_this_order():
    text = " ".join(BUILDSPEC.commands)
    marks = ["make setup", "make test-quick", "train_pipeline", "make bundle"]
    positions = [text.index(mark) for mark in marks]
    assert positions == sorted(positions)


def test_every_make_target_of_it_exists():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"make ([a-z-]+)", " ".join(BUILDSPEC.commands)):
        assert re.search(rf"^{target}:.*##", makefile, re.MULTILINE)


def test_its_tests_ask_git_only_in_a_clone():
    """What CodeBuild unpacks has no .git."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        text = path.read_text("utf-8")
        if '"ls-files"' in text:
            assert '".git").exists()' in text, path


def test_its_modules_understand_the_options_they_are_given(tmp_path):
    python = str(Path(os.sys.executable))
    for command in BUILDSPEC.commands:
        if command.startswith("make "):
            continue
        asked = command.replace(".venv/bin/python", python) + " --help"
        run = subprocess.run(
            ["sh", "-c", asked],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **BUILDSPEC.variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr


def test_the_artifact_is_what_the_bundle_is_written_to():
    assert BUILDSPEC.commands[-1] == "make bundle"
    makefile = (ROOT / "Makefile").read_text("utf-8")
    recipe = re.search(r"^bundle: .*\n\t(.+)", makefile, re.MULTILINE)[1]
    assert f"--output {BUILDSPEC.base_directory} " in recipe


@pytest.mark.parametrize("asked", ["", "--records"])
def test_the_bundle_brings_the_packages_of_records_where_the_build_is_told_to(asked):
    assert BUILDSPEC.variables["BUNDLE_OPTIONS"] == ""
    shown = subprocess.run(
        ["make", "--dry-run", "bundle"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "BUNDLE_OPTIONS": asked},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (command,) = [line for line in shown.splitlines() if "deploy.bundle" in line]
    assert command.rstrip().endswith(f"--zip build/bundle.zip {asked}".rstrip())


def test_commands_run_in_order_in_the_source_with_the_variables(spec, tmp_path):
    told = []
    folder = spec("mkdir out", "echo $WORD $OTHER > out/said").run(
        tmp_path, tmp_path / "log", {"PATH": os.environ["PATH"], "OTHER": "too"},
        told.append,
    )  # fmt: skip
    assert (folder / "said").read_text() == "set too\n"
    assert told[0] == "build: mkdir out …"
    assert told[2] == "build: echo $WORD $OTHER > out/said …"
    assert len(told) == 4


def test_a_failing_command_ends_the_build_and_is_named(spec, tmp_path):
    with pytest.raises(BuildFailedError, match=r"`echo broken; exit 3` failed \(3\):\n(.*\n)*brok"):
        spec("echo broken; exit 3", "touch never").run(tmp_path, tmp_path / "log", {})
    assert not (tmp_path / "never").exists()


def test_what_the_reader_does_not_know_is_refused(tmp_path):
    text = (ROOT / "buildspec.yml").read_text().replace("phases:", "batch: {}\nphases:")
    (tmp_path / "buildspec.yml").write_text(text)
    with pytest.raises(ValueError, match="batch"):
        Buildspec(tmp_path / "buildspec.yml")
