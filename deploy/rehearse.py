"""Play a push and all that follows from it on this machine: ``python -m deploy.rehearse``.

Needs Python, git and nginx; the tools (an AWS emulator, the real ``eb`` and ``aws``) are installed
into an environment of their own. Everything listens on loopback and ends with the command.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys

from deploy import tools

NEEDED = {
    "git": "install git",
    "make": "install make; on Debian and Ubuntu: apt install make",
    "nginx": "install nginx; on Debian and Ubuntu: apt install nginx-light",
}


def missing() -> list[str]:
    """Return what this machine lacks, each with what to do."""
    if not sys.platform.startswith("linux"):
        return ["The rehearsal uses Linux's loopback addresses and /proc: run it on Linux."]
    absent = [name for name in NEEDED if shutil.which(name) is None]
    found = [f"{name} is not installed: {NEEDED[name]}." for name in absent]
    if "git" not in absent:
        command = ["git", "-C", str(tools.ROOT), "rev-parse", "HEAD"]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            found.append(f"{tools.ROOT} is not a git clone with a commit: nothing can be pushed.")
    return found


def main() -> int:
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
    parser.parse_args()
    if problems := missing():
        print("\n".join(problems), file=sys.stderr)
        return 1
    try:
        tools.install()
    except subprocess.CalledProcessError as error:
        print(f"The tools could not be installed: {error}", file=sys.stderr)
        return 1
    python = str(tools.tool("python"))
    os.chdir(tools.ROOT)
    # In the place of this process, so that whoever ends it ends all.
    return os.execv(python, [python, "-m", "deploy.rehearsal.steps", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
