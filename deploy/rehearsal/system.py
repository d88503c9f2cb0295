"""What the rehearsal asks of the operating system: ports, processes, zip files, sizes."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], bool], timeout_s: float = 120.0) -> bool:
    """Wait until a condition holds; return False if it did not in time."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def start(
    command: list[str], folder: Path, variables: Mapping[str, str], log_file: Path
) -> subprocess.Popen[bytes]:
    """Start a process in a folder; what it prints goes to the end of a file."""
    with log_file.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def end_gracefully(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Ask a process to end, and kill it if it has not after 40 s."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip file with the modes of its files."""
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            path = Path(opened.extract(entry, folder))
            if not entry.is_dir():
                path.chmod(entry.external_attr >> 16 & 0o777 or 0o644)


def children(pid: int) -> list[str]:
    """Return the ids of a process's children."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def memory_mb(pid: int) -> float:
    """Return the proportional memory of a process and its children, in MiB."""
    rollups = [Path(f"/proc/{one}/smaps_rollup").read_text() for one in (pid, *children(pid))]
    pss = re.findall(r"^Pss:\s+(\d+) kB", "".join(rollups), re.MULTILINE)
    return sum(map(int, pss)) / 1024


def installed_mb(venv: Path) -> float:
    """Return the megabytes of the packages in a virtual environment, pip left out."""
    (site,) = venv.glob("lib/python*/site-packages")
    files = [
        path
        for top in site.iterdir()
        if not top.name.startswith(("pip", "setuptools", "_dist"))
        for path in [top, *top.rglob("*")]
    ]
    return sum(path.lstat().st_size for path in files) / 1e6
