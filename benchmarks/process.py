"""Measure a whole process with its children: seconds, processor seconds, memory. Linux only.

A pidfd says when the process ends, ``wait4`` what it used, and ``/proc``, read every 50 ms, what
its tree holds. The tree is every descendant, and every process of its session, so one whose parent
ended early still counts.

Memory is resident memory (VmRSS), summed over the tree: pages that several processes share count
once for each. Proportional memory (PSS) would share them out, but asking the kernel for it takes
20 ms with 400 MiB mapped, and holds up the measured process meanwhile; VmRSS takes 0.05 ms. The
peak is the larger of the highest sum and of the highest mark that a single process reached (VmHWM),
so a spike between two readings is not lost where there is one process.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
INTERVAL_S = 0.05
LINGER_S = 2.0  # for what a process leaves behind to end by itself

# Whoever runs the benchmark may have set these for something else. All are measured without them.
UNSET = (
    "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS",
    "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT",
    "PYTHONDONTWRITEBYTECODE", "LOG_LEVEL", "LOG_FILE", "ARTIFACTS_DIR",
)  # fmt: skip


@dataclass(frozen=True)
class Measurement:
    """What a process was seen to do.

    Attributes
    ----------
    status : int
        Exit status; negative for a signal.
    wall_s : float
        From before the process was started until it ended.
    cpu_s : float
        User and system seconds of the tree.
    peak_bytes : int
        Resident memory of the tree at its highest.
    n_processes : int
        Most that ran at once.
    appeared_s : float or None
        When the watched file was first there, to within a reading; None where it never was.
    timed_out : bool
        Whether it was killed for taking too long.
    """

    status: int
    stdout: str
    stderr: str
    wall_s: float
    cpu_s: float
    peak_bytes: int
    n_processes: int
    appeared_s: float | None
    timed_out: bool


def clean_environment() -> dict[str, str]:
    """Return this process's environment without what would favour or hinder one of the measured."""
    return {name: value for name, value in os.environ.items() if name not in UNSET}


def measure(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 900,
    watch: Path | None = None,
) -> Measurement:
    """Run a command to its end and return what it took.

    Parameters
    ----------
    command : sequence of str or Path
    cwd : Path
    environment : mapping, optional
        Default: :func:`clean_environment`.
    timeout_s : float
        After which the whole tree is killed.
    watch : Path, optional
        A file whose first appearance is timed.

    Raises
    ------
    OSError
        If the command cannot be started, or this is not Linux.
    """
    if not hasattr(os, "pidfd_open"):
        raise OSError("Processes can be measured on Linux only: it takes pidfd and /proc.")
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        child = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=dict(clean_environment() if environment is None else environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        tree = _Tree(child.pid)
        appeared_s = None
        timed_out = False
        ended = select.poll()
        descriptor = os.pidfd_open(child.pid)
        try:
            ended.register(descriptor, select.POLLIN)
            tree.sample()
            while not ended.poll(INTERVAL_S * 1000):
                tree.sample()
                elapsed = time.perf_counter() - started
                if watch is not None and appeared_s is None and watch.exists():
                    appeared_s = elapsed
                if elapsed > timeout_s and not timed_out:
                    timed_out = True
                    tree.kill()
            _, state, usage = os.wait4(child.pid, 0)
        except BaseException:
            tree.kill()
            child.wait()
            raise
        finally:
            os.close(descriptor)
        wall_s = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(state)
        if watch is not None and appeared_s is None and watch.exists():
            appeared_s = wall_s
        tree.end()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    return Measurement(
        status=child.returncode,
        stdout=texts[0],
        stderr=texts[1],
        wall_s=wall_s,
        # The kernel's sum lacks children that nobody waited for, ours what ran between readings.
        cpu_s=max(usage.ru_utime + usage.ru_stime, sum(tree.cpu_s.values())),
        peak_bytes=tree.peak_bytes,
        n_processes=tree.n_processes,
        appeared_s=appeared_s,
        timed_out=timed_out,
    )


class _Tree:
    """The processes of a session and their descendants, as ``/proc`` shows them."""

    def __init__(self, root: int) -> None:
        self.root = root
        self.members = {root}
        self.strangers: set[int] = set()  # seen, and none of ours: not read again
        self.settled = {root}  # read before: until its exec, a child shows its parent's memory
        self.cpu_s: dict[int, float] = {}
        self.peak_bytes = 0
        self.n_processes = 1
        self.tick_s = 1 / os.sysconf("SC_CLK_TCK")

    def sample(self) -> None:
        """Read the tree once."""
        self._find()
        total = alive = 0
        for pid in self.members:
            held, highest = _memory(pid)
            alive += held > 0
            total += held if pid in self.settled else 0
            self.peak_bytes = max(self.peak_bytes, highest)
            if fields := _stat(pid):
                self.cpu_s[pid] = (int(fields[11]) + int(fields[12])) * self.tick_s
        self.peak_bytes = max(self.peak_bytes, total)
        self.n_processes = max(self.n_processes, alive)
        self.settled = set(self.members)

    def kill(self) -> None:
        """End the tree at once."""
        self._find()
        for pid in self.members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """Let what the root left behind end by itself, then end it."""
        deadline = time.perf_counter() + LINGER_S
        self.members.discard(self.root)  # waited for: its id may be someone else's soon
        while self._find():
            if time.perf_counter() > deadline:
                self.kill()
                return
            time.sleep(INTERVAL_S)

    def _find(self) -> set[int]:
        """Bring the members up to date and return them."""
        present = {int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()}
        self.strangers &= present
        self.members &= present
        for pid in sorted(present - self.strangers - self.members):
            fields = _stat(pid)
            if fields and (int(fields[3]) == self.root or int(fields[1]) in self.members):
                self.members.add(pid)
            elif fields:
                self.strangers.add(pid)
        return self.members


def _stat(pid: int) -> list[str]:
    """Return the fields of ``/proc/PID/stat`` from the state on; none where it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()  # the name before it can hold anything


def _memory(pid: int) -> tuple[int, int]:
    """Return the bytes that a process holds and the most that it held; zeros where it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    found = {"VmRSS:": 0, "VmHWM:": 0}
    for line in text.splitlines():
        name, _, rest = line.partition("\t")
        if name in found:
            found[name] = int(rest.split()[0]) * 1024
    return found["VmRSS:"], found["VmHWM:"]
