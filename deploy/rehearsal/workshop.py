"""The developer's machine, the bare repository and the build machine of the rehearsal."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.rehearsal.buildspec import Buildspec

REQUIREMENTS = ("pyproject.toml", "requirements.txt", "requirements-dev.txt")
POST_RECEIVE = '#!/bin/sh\nwhile read -r old new ref; do echo "$new" >> "{pushes}"; done\n'


def base_python() -> Path:
    """Return the interpreter that the tools' environment was made with."""
    minor = ".".join(map(str, sys.version_info[:2]))
    return Path(sys.base_prefix) / "bin" / f"python{minor}"


def plain_environment(home: Path) -> dict[str, str]:
    """Return the variables of a machine that knows nothing of this one but its programs.

    pip's and the proxy's settings stay, since packages have to come from somewhere.
    """
    kept = {k: v for k, v in os.environ.items()
            if k.startswith(("PIP_", "SSL_", "REQUESTS_", "NO_PROXY", "no_proxy"))
            or k.lower() in ("http_proxy", "https_proxy", "lang", "lc_all", "tmpdir",
                             "openblas_coretype", "openblas_l2_size")}  # fmt: skip
    path = f"{base_python().parent}:{os.environ.get('PATH', os.defpath)}"
    return {**kept, "PATH": path, "HOME": str(home), "GIT_CONFIG_GLOBAL": os.devnull}


@dataclass
class Repository:
    """A clone to work in, and the bare repository that a push goes to.

    Attributes
    ----------
    folder : Path
        Of the clone.
    """

    folder: Path
    bare: Path
    pushes: Path

    @classmethod
    def make(cls, source: Path, folder: Path) -> Repository:
        """Clone the last commit of ``source``; a push to the bare repository is noted in a file."""
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

    def commit(self, subject: str, change: Callable[[Path], None]) -> str:
        """Change files of the clone, commit, and return the commit."""
        change(self.folder)
        _git(self.folder, "add", "--all")
        author = ("-c", "user.name=Rehearsal", "-c", "user.email=rehearsal@localhost")
        _git(self.folder, *author, "commit", "--quiet", "--allow-empty", "-m", subject)
        return _git(self.folder, "rev-parse", "HEAD").strip()

    def push(self) -> str:
        """Push, and return the commit that arrived."""
        before = self.pushes.read_text().split()
        _git(self.folder, "push", "--quiet", "--force", "origin", "main")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if len(arrived := self.pushes.read_text().split()) > len(before):
                return arrived[-1]
            time.sleep(0.02)
        raise RuntimeError("The push did not arrive.")

    def back_to(self, commit: str) -> None:
        """Make the clone what it was at a commit."""
        _git(self.folder, "reset", "--quiet", "--hard", commit)

    def archive(self, commit: str, path: Path) -> None:
        """Write a commit's files as a zip, which is what the source stage fetches."""
        output = ["--format=zip", "--output", str(path)]
        _git(self.bare, "archive", *output, commit)


def _git(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    environment = {k: v for k, v in environment.items() if k not in ("GIT_DIR", "GIT_INDEX_FILE")}
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@dataclass
class Builder:
    """The build machine: a clean folder for each build, virtual environments kept between them.

    Attributes
    ----------
    folder : Path
        Always the same, since virtual environments cannot be moved.
    """

    folder: Path
    home: Path
    tell: Callable[[str], None]

    def build(self, source: Path, log: Path) -> Path:
        """Unpack a source archive, run its buildspec, and return the artifact's folder.

        Raises
        ------
        BuildFailedError
            With the command that failed.
        """
        work, kept = self.folder / "source", self.folder / "venvs"
        self._put_away(work, kept)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        with zipfile.ZipFile(source) as archive:
            for entry in archive.infolist():
                path = Path(archive.extract(entry, work))
                if not entry.is_dir():
                    path.chmod(entry.external_attr >> 16 & 0o777 or 0o644)
        stored = kept / fingerprint(work)
        if stored.is_dir():
            stored.rename(work / ".venv")
            for stamp in (".setup", ".dev"):
                (work / ".venv" / stamp).touch()
        environment = plain_environment(self.home)
        spec = Buildspec.read(work / "buildspec.yml")
        return spec.run(work, log, environment, self.tell)

    def _put_away(self, work: Path, kept: Path) -> None:
        """Keep the last build's virtual environment, by what was installed in it."""
        if (work / ".venv" / ".dev").is_file():
            kept.mkdir(exist_ok=True)
            target = kept / fingerprint(work)
            shutil.rmtree(target, ignore_errors=True)
            (work / ".venv").rename(target)


def fingerprint(work: Path) -> str:
    """Return what distinguishes the environments that a source would install."""
    content = b"".join((work / name).read_bytes() for name in REQUIREMENTS)
    return hashlib.sha256(content).hexdigest()[:12]


def zip_folder(folder: Path, path: Path) -> None:
    """Zip a build's artifact, as CodeBuild does."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(file, file.relative_to(folder))
