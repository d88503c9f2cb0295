"""The tools of the rehearsal and of the deploy tests, in an environment of their own.

``python -m deploy.tools`` makes or refreshes it. AWS's libraries want other versions of shared
packages than training does, so they cannot stand in ``.venv``.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "deploy" / "requirements-tools.txt"
TOOLS = ROOT / ".envs" / "deploy"
STAMP = TOOLS / ".tools"


def tool(name: str) -> Path:
    """Return the path of a tool, installed or not."""
    return TOOLS / "bin" / name


def are_current() -> bool:
    """Whether the environment holds what the lock pins."""
    return STAMP.is_file() and STAMP.read_text("utf-8") == _fingerprint()


def install() -> None:
    """Make the environment anew where the lock changed; raise what pip's failure raises."""
    if are_current():
        return
    print(f"Installing the tools into {TOOLS.relative_to(ROOT)} …", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(TOOLS)], check=True)
    pip = [str(tool("python")), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "-r", str(LOCK)], check=True)
    STAMP.write_text(_fingerprint(), "utf-8")


def _fingerprint() -> str:
    python = ".".join(map(str, sys.version_info[:2]))
    return hashlib.sha256(LOCK.read_bytes() + python.encode()).hexdigest()


if __name__ == "__main__":
    install()
