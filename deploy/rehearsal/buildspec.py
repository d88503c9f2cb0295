"""A buildspec, read and run as CodeBuild does: phases in order, one shell for all commands."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

PHASES = ("install", "pre_build", "build", "post_build")


class BuildFailedError(Exception):
    """A command of the build did not succeed."""


@dataclass(frozen=True)
class Buildspec:
    """The parts of a buildspec that this project uses.

    Attributes
    ----------
    variables : dict of str to str
    commands : tuple of str
        Of all phases, in the order in which CodeBuild runs them.
    python : str
        The runtime's version, such as ``3.13``.
    base_directory : str
        Below which the artifact's files lie.
    """

    variables: dict[str, str]
    commands: tuple[str, ...]
    python: str
    base_directory: str

    @classmethod
    def read(cls, path: Path) -> Buildspec:
        """Read a buildspec.

        Raises
        ------
        ValueError
            If it holds what this reader does not know, so that nothing is left out in silence.
        """
        document = yaml.safe_load(path.read_text("utf-8"))
        unknown = set(document) - {"version", "env", "phases", "artifacts", "cache"}
        unknown |= set(document["phases"]) - set(PHASES)
        if document["version"] != 0.2 or unknown:
            raise ValueError(f"{path.name} holds what this reader does not know: {unknown}.")
        if document["artifacts"]["files"] != ["**/*"]:
            raise ValueError(f"{path.name}: the artifact must be the whole base-directory.")
        phases = [document["phases"].get(name, {}) for name in PHASES]
        return cls(
            document.get("env", {}).get("variables", {}),
            tuple(command for phase in phases for command in phase.get("commands", [])),
            phases[0]["runtime-versions"]["python"],
            document["artifacts"]["base-directory"],
        )

    def run(
        self,
        source: Path,
        log: Path,
        environment: Mapping[str, str],
        tell: Callable[[str], None] = lambda line: None,
    ) -> Path:
        """Run the commands in a source folder and return the artifact's folder.

        Parameters
        ----------
        log : Path
            Gets what the commands print.
        environment : mapping
            All variables that the commands see, besides the buildspec's own.
        tell : callable
            Takes a line for people, before and after each command.

        Raises
        ------
        BuildFailedError
            With the command that failed and the end of what it printed.
        """
        for command in self.commands:
            started = time.monotonic()
            tell(f"build: {command} …")
            with log.open("ab") as output:
                output.write(f"$ {command}\n".encode())
                output.flush()
                run = subprocess.run(
                    ["sh", "-c", command],
                    cwd=source,
                    env={**environment, **self.variables},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    check=False,
                )
            tell(f"build: {command.split(' -')[0]} took {time.monotonic() - started:.0f} s")
            if run.returncode:
                tail = "\n".join(log.read_text("utf-8", "replace").splitlines()[-12:])
                raise BuildFailedError(f"`{command}` failed ({run.returncode}):\n{tail}")
        return source / self.base_directory
