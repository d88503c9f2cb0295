"""Play a push and all that follows from it on this machine: ``python -m deploy.rehearse``.

Needs Python, git and nginx; the tools (an AWS emulator, the real ``eb`` and ``aws``) are installed
into an environment of their own. Everything listens on loopback and ends with the command.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys

from deploy import tools

NEEDED = {
    "git": "install git",
    "make": "install make; on Debian and Ubuntu: apt install make",
    "nginx": "install nginx; on Debian and Ubuntu: apt install nginx-light; on macOS: "
    "brew install nginx",
}


def missing() -> list[str]:
    """Return what this machine lacks, each with what to do."""
    found = [f"{name} is not installed: {how}." for name, how in NEEDED.items()
             if shutil.which(name) is None]  # fmt: skip
    if not sys.platform.startswith("linux"):
        found.append("The rehearsal uses Linux's loopback addresses and /proc: run it on Linux.")
    if shutil.which("git"):
        command = ["git", "-C", str(tools.ROOT), "rev-parse", "HEAD"]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            found.append(f"{tools.ROOT} is not a git clone with a commit: nothing can be pushed.")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Check what is needed, install the tools, and go on with their Python."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.rehearse",
        description="Play a push and its deployment on this machine, without AWS. What is pushed "
        "is the last commit; changes that are not committed stay out, as they would.",
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="leave the instances running at the end, to look around; Ctrl-C ends them",
    )
    parser.parse_args(arguments)
    if problems := missing():
        print("\n".join(problems), file=sys.stderr)
        return 1
    if not tools.are_current():
        print(f"Installing the tools into {tools.TOOLS.relative_to(tools.ROOT)} …", flush=True)
    try:
        tools.install()
    except subprocess.CalledProcessError as error:
        print(f"The tools could not be installed: {error}", file=sys.stderr)
        return 1
    python = str(tools.tool("python"))
    given = sys.argv[1:] if arguments is None else arguments
    return subprocess.call([python, "-m", "deploy.rehearsal.steps", *given], cwd=tools.ROOT)


if __name__ == "__main__":
    sys.exit(main())
