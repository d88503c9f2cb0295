"""A buildspec, read and run as CodeBuild does: phases in order, one shell for each command."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from deploy.rehearsal.system import StuckError, finish, start, unpack

PHASES = ("install", "pre_build", "build", "post_build")
LISTS = ("pyproject.toml", "requirements.txt", "requirements-dev.txt")


class BuildFailedError(Exception):
    """A command of the build did not succeed."""


class Buildspec:
    """The parts of a buildspec that this project uses; ``commands`` are those of all phases.

    What this reader does not know is a :class:`ValueError`, so that nothing is left out silently.
    """

    def __init__(self, path: Path) -> None:
        document = yaml.safe_load(path.read_text("utf-8"))
        unknown = set(document) - {"version", "env", "phases", "artifacts", "cache"}
        unknown |= set(document["phases"]) - set(PHASES)
        if document["version"] != 0.2 or unknown or document["artifacts"]["files"] != ["**/*"]:
            raise ValueError(f"{path.name} holds what this reader does not know: {unknown}.")
        phases = [document["phases"].get(name, {}) for name in PHASES]
        self.variables: dict[str, str] = document["env"]["variables"]
        self.commands = [command for phase in phases for command in phase.get("commands", [])]
        self.python: str = phases[0]["runtime-versions"]["python"]
        self.base_directory: str = document["artifacts"]["base-directory"]

    def run(
        self,
        source: Path,
        log_file: Path,
        environment: Mapping[str, str],
        log: Callable[[str], None] = print,
    ) -> Path:
        """Run the commands in a source folder and return the artifact's folder.

        They see the variables of ``environment`` and the buildspec's own. The first that fails or
        gets stuck is a :class:`BuildFailedError` with the end of what it printed; one that works on
        is waited for, however slow the machine.
        """
        for command in self.commands:
            started = time.monotonic()
            log(f"build: {command} …")
            variables = {**environment, **self.variables}
            problem = ""
            try:
                status = finish(start(["sh", "-c", command], source, variables, log_file)).status
                problem = f"failed ({status}):" if status else ""
            except StuckError as error:
                problem = f"got stuck. {error}"
            log(f"build: {command.split(' -')[0]} took {time.monotonic() - started:.0f} s")
            if problem:
                tail = "\n".join(log_file.read_text("utf-8", "replace").splitlines()[-12:])
                raise BuildFailedError(f"`{command}` {problem}\n{tail}")
        return source / self.base_directory


def prepare(archive: Path, work: Path) -> None:
    """Unpack a source archive, and keep the folder's virtual environment if it is still right."""
    lists = [work / name for name in LISTS]
    before = [path.read_bytes() for path in lists if path.exists()]
    for path in work.glob("*"):
        if path.name != ".venv":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    unpack(archive, work)
    if [path.read_bytes() for path in lists] != before:
        shutil.rmtree(work / ".venv", ignore_errors=True)
    for name in (".setup", ".dev"):
        if (work / ".venv" / name).exists():  # newer than the lists, make installs nothing
            (work / ".venv" / name).touch()
