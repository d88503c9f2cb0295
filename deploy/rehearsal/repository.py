"""The developer's clone and the bare repository that a push goes to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

POST_RECEIVE = '#!/bin/sh\nwhile read -r old new ref; do echo "$new" >> "{pushes}"; done\n'
AUTHOR = ("-c", "user.name=Rehearsal", "-c", "user.email=rehearsal@localhost")


@dataclass
class Repository:
    """A clone to work in, its bare origin, and the file in which the origin notes each push."""

    folder: Path
    bare: Path
    pushes: Path

    @classmethod
    def make(cls, source: Path, folder: Path) -> Repository:
        """Clone the last commit of ``source``."""
        bare, clone, pushes = folder / "origin.git", folder / "clone", folder / "pushes"
        pushes.touch()
        _git(folder, "clone", "--quiet", "--bare", str(source), str(bare))
        _git(folder, "clone", "--quiet", str(bare), str(clone))
        _git(clone, "checkout", "--quiet", "-B", "main")
        hook = bare / "hooks" / "post-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(POST_RECEIVE.format(pushes=pushes))
        hook.chmod(0o755)
        return cls(clone, bare, pushes)

    def commit(self, subject: str, change: Callable[[Path], object]) -> str:
        """Change files of the clone, commit, and return the commit."""
        change(self.folder)
        _git(self.folder, "add", "--all")
        _git(self.folder, *AUTHOR, "commit", "--quiet", "--allow-empty", "-m", subject)
        return _git(self.folder, "rev-parse", "HEAD").strip()

    def push(self) -> str:
        """Push, and return the commit that arrived."""
        _git(self.folder, "push", "--quiet", "--force", "origin", "main")
        return self.pushes.read_text().split()[-1]

    def reset(self, commit: str) -> None:
        """Make the clone what it was at a commit."""
        _git(self.folder, "reset", "--quiet", "--hard", commit)

    def archive(self, commit: str, path: Path) -> None:
        """Write a commit's files as a zip, which is what the source stage fetches."""
        _git(self.bare, "archive", "--format=zip", "--output", str(path), commit)


def _git(folder: Path, *arguments: str) -> str:
    ours = ("GIT_DIR", "GIT_INDEX_FILE")
    environment = {k: v for k, v in os.environ.items() if k not in ours}
    environment["GIT_CONFIG_GLOBAL"] = os.devnull
    command = ["git", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    ).stdout
