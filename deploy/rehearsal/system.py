"""What the rehearsal asks of the operating system: ports, processes, zip files, sizes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

STILL_S = 600.0  # after which a process that does next to nothing counts as stuck
LOOK_EVERY_S = 5.0
LEAST_WORK = 0.01  # processor seconds a second; less is waiting
PR_SET_CHILD_SUBREAPER = 36

_ending = threading.Event()


class StuckError(Exception):
    """A process stopped working without coming to its end."""


class Finished(NamedTuple):
    """How a process ended: its status, and the most memory that it took, in MiB."""

    status: int
    peak_mb: float


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether something takes connections on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(holds: Callable[[], bool], timeout_s: float = float("inf")) -> bool:
    """Wait until a condition holds; return False if it did not in time.

    Without a limit only for what is sure to come to an end, however slow the machine.
    """
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Watch:
    """Tells a slow process from one that is stuck, by the processor time of it and its children."""

    def __init__(self, pid: int, still_s: float = STILL_S) -> None:
        self.pid, self.still_s = pid, still_s
        self._since, self._worked = time.monotonic(), worked_s(pid)
        self._next_look = 0.0

    def is_stuck(self) -> bool:
        """Whether it did next to nothing for ``still_s`` seconds."""
        now = time.monotonic()
        if now < self._next_look:  # there may be many processes to look at
            return False
        self._next_look = now + min(LOOK_EVERY_S, self.still_s / 10)
        worked = worked_s(self.pid)
        waited = now - self._since
        if abs(worked - self._worked) > 0.05 + LEAST_WORK * waited:
            self._since, self._worked = now, worked
            return False
        return waited > self.still_s


def start(
    command: list[str], folder: Path, variables: Mapping[str, str], log_file: Path
) -> subprocess.Popen[bytes]:
    """Start a process in a folder; what it prints goes to the end of a file."""
    if _ending.is_set():
        raise StuckError("The rehearsal is ending.")
    with log_file.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def finish(process: subprocess.Popen[bytes], still_s: float = STILL_S) -> Finished:
    """Wait for the end of a process, as long as it works.

    Raises
    ------
    StuckError
        If it got stuck; it and its children are ended then.
    """
    watch = Watch(process.pid, still_s)
    while True:
        # Unlike wait(), it tells the memory of the largest process below it.
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return Finished(process.returncode, usage.ru_maxrss / 1024)
        if watch.is_stuck():
            end_all([process.pid, *descendants(process.pid)])
            process.wait()
            raise StuckError(f"It did nothing for {still_s / 60:.0f} minutes, and was ended.")
        time.sleep(0.05)


def adopt_orphans() -> None:
    """Become the parent of whatever a child of this process leaves behind, to end it too."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_descendants() -> None:
    """End every process that was started from here, by whomever below; start none from now on."""
    _ending.set()
    while pids := descendants(os.getpid()):
        end_all(pids)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.05)


def end_all(pids: list[int]) -> None:
    """Kill processes, those that are gone left aside."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


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


def children(pid: int) -> list[int]:
    """Return the ids of a process's children, whichever of its threads started them."""
    found: list[int] = []
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:  # the process ended meanwhile
        return []
    for thread in threads:
        with contextlib.suppress(OSError):  # or the thread
            found += map(int, (thread / "children").read_text().split())
    return found


def descendants(pid: int) -> list[int]:
    """Return the ids of a process's children, of their children, and so on."""
    found = children(pid)
    return found + [below for child in found for below in descendants(child)]


def worked_s(pid: int) -> float:
    """Return the processor seconds of a process, its descendants, and what they waited for."""

    def ticks() -> Iterator[int]:
        for one in (pid, *descendants(pid)):
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
                yield sum(map(int, fields[11:15]))

    return sum(ticks()) / os.sysconf("SC_CLK_TCK")


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
