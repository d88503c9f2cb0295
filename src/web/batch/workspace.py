"""Uploads and their results for half an hour: a private folder that all workers share.

No worker keeps anything of a job in its memory, so that each of them can show every job. A job is
its files::

    <32 letters, the job's id>/
      upload             the file that was sent; its time of change says when the job began
      order.json         what the file is called, the pass mark, and the sheet to read
      progress           rows done so far; touched by whoever works on it
      predictions.csv    all rows
      to-fix.csv         the refused rows
      outcome.json       written last: the summary, or why the file was refused
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import stat
import threading
import time
import weakref
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from src.exception import Problem
from src.serving.scoring import Summary
from src.utils import disk_folder, write_bytes
from src.web.middleware.shared_memory import SharedLocks

LIFETIME_S = 29 * 60
SWEEP_EVERY_S = 60  # so that nothing lies there for more than 30 minutes
MOST_RUNNING = 2  # child processes at once, over all workers
SILENCE_S = 15  # without a touch of `progress`, after which its process counts as dead
FILE_FACTOR = 4  # most bytes of a result, in uploads of the largest size
ROOM_FACTOR = 50  # likewise, of all files together
RETRY_AFTER_S = 15
PREFIX = "stuprediction-uploads-"

_ID = re.compile(r"[A-Za-z0-9_-]{32}")


@dataclass(frozen=True)
class Order:
    """What is to be done with an upload.

    Attributes
    ----------
    name : str
        What the file is called in messages.
    pass_mark : float or None
    sheet, all_sheets
        Of a workbook; see :class:`SheetChoice`.
    """

    name: str
    pass_mark: float | None = None
    sheet: str | None = None
    all_sheets: bool = False


@dataclass(frozen=True)
class Refusal:
    """Why a whole file could not be scored.

    Attributes
    ----------
    internal : str
        Where the program failed, for the log; empty where the file is to blame.
    """

    message: str
    problems: tuple[Problem, ...] = ()
    internal: str = ""


class Job:
    """One uploaded file: what its folder holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name
        self.upload = folder / "upload"
        self.predictions = folder / "predictions.csv"
        self.to_fix = folder / "to-fix.csv"

    @property
    def expires(self) -> float:
        """When it is deleted, in seconds since the epoch; raises OSError once it is."""
        return self.upload.stat().st_mtime + LIFETIME_S

    def read_order(self) -> Order:
        """Return what is to be done with the upload."""
        return Order(**json.loads((self.folder / "order.json").read_bytes()))

    def write_order(self, order: Order) -> None:
        """Write what is to be done with the upload, and delete an earlier outcome."""
        (self.folder / "outcome.json").unlink(missing_ok=True)
        write_bytes(self.folder / "order.json", json.dumps(asdict(order)).encode())
        self.report(0)

    def report(self, n_rows: int) -> None:
        """Write how many rows are done; raises OSError once the job is deleted."""
        (self.folder / "progress").write_text(str(n_rows), "ascii")

    def show_life(self) -> None:
        """Mark the job as running; raises OSError once it is deleted."""
        os.utime(self.folder / "progress")

    def rows_done(self) -> int:
        """Return how many rows are done."""
        try:
            return int((self.folder / "progress").read_text("ascii") or 0)
        except (OSError, ValueError):  # it is being written
            return 0

    def finish(self, outcome: Summary | Refusal) -> None:
        """Write the outcome, last of all."""
        found = (
            {"summary": outcome.to_dict()}
            if isinstance(outcome, Summary)
            else {"refusal": asdict(outcome)}
        )
        content = json.dumps(found, allow_nan=False)
        write_bytes(self.folder / "outcome.json", content.encode())

    def outcome(self) -> Summary | Refusal | None:
        """Return the outcome; None while the file is being scored."""
        try:
            content = json.loads((self.folder / "outcome.json").read_bytes())
        except OSError:
            return None if self._is_alive() else _ABANDONED
        if "summary" in content:
            return Summary.from_dict(content["summary"])
        refusal = content["refusal"]
        problems = tuple(Problem(**problem) for problem in refusal["problems"])
        return Refusal(refusal["message"], problems, refusal["internal"])

    def is_running(self) -> bool:
        """Whether a worker or a process is scoring the file."""
        return not (self.folder / "outcome.json").exists() and self._is_alive()

    def _is_alive(self) -> bool:
        try:
            touched = (self.folder / "progress").stat().st_mtime
        except OSError:
            return False
        return time.time() - touched < SILENCE_S


_ABANDONED = Refusal("The work on this file was interrupted. Please upload it again.")


class Workspace:
    """The folder of all jobs; made before the workers are forked, used by each of them.

    Parameters
    ----------
    folder : Path or None
        Where it stands; None for one on the disk's folder for temporary files, whose name nobody
        can guess, and which goes with the process that made this object.
    most_bytes : int
        Of one upload.
    """

    def __init__(self, folder: Path | None, most_bytes: int) -> None:
        temporary = disk_folder()
        self.folder = folder or temporary / f"{PREFIX}{secrets.token_hex(16)}"
        self.most_bytes = most_bytes
        self._lock = SharedLocks()
        self._swept = 0.0
        self._janitor: threading.Thread | None = None
        if folder is None:
            weakref.finalize(self, _remove, self.folder, os.getpid())
            for left in temporary.glob(f"{PREFIX}*"):  # by processes that were killed
                with suppress(OSError):  # somebody uses or removes it
                    unused = time.time() > left.stat().st_mtime + LIFETIME_S
                    if _is_ours(left) and not _sweep(left) and unused:
                        left.rmdir()
        else:
            _sweep(folder)

    def create(self, *, heavy: bool) -> Job:
        """Return a new job, for which there is room; a heavy one gets a process of its own.

        Raises
        ------
        ServiceUnavailable
            If too many are at work, or the files that lie there are too large together.
        """
        self.sweep()
        with self._lock.held():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_room()
            if heavy:
                self._check_running()
            return self._make()

    def take_up(self, job: Job, order: Order, *, heavy: bool) -> None:
        """Order a job that lies there to be done again; raises as :meth:`create`."""
        with self._lock.held():
            if heavy:
                self._check_running()
            job.write_order(order)

    def find(self, job_id: str) -> Job | None:
        """Return a job that lies there, and is not too old."""
        job = Job(self.folder / job_id)
        if not _ID.fullmatch(job_id):
            return None
        try:
            return job if time.time() < job.expires else None
        except OSError:
            return None

    def delete(self, job: Job) -> None:
        """Remove a job's files; whoever works on them notices and ends."""
        shutil.rmtree(job.folder, ignore_errors=True)

    def sweep_if_due(self) -> None:
        """Remove what is too old, at most once a minute."""
        if time.monotonic() - self._swept > SWEEP_EVERY_S:
            self.sweep()

    def sweep(self) -> bool:
        """Remove what is too old, and say whether anything is left."""
        self._swept = time.monotonic()
        return _sweep(self.folder)

    def _make(self) -> Job:
        os.utime(self.folder)  # another service of this user removes what is empty and old
        job = Job(self.folder / secrets.token_urlsafe(24))
        job.folder.mkdir(mode=0o700)
        job.report(0)
        if self._janitor is None or not self._janitor.is_alive():
            self._janitor = threading.Thread(target=_clean, args=(self.folder,), daemon=True)
            self._janitor.start()
        return job

    def _check_room(self) -> None:
        used = 0
        for parent, _, names in os.walk(self.folder):
            for name in names:
                with suppress(OSError):  # it was removed
                    used += Path(parent, name).stat().st_size
        needed = (1 + 2 * FILE_FACTOR) * self.most_bytes
        free = shutil.disk_usage(self.folder).free
        if used + needed > ROOM_FACTOR * self.most_bytes or needed > free:
            raise _busy("There is no room for another file just now.")

    def _check_running(self) -> None:
        if sum(job.is_running() for job in _jobs(self.folder)) >= MOST_RUNNING:
            raise _busy("Other large files are being worked on.")


def _jobs(folder: Path) -> list[Job]:
    try:
        return [Job(path) for path in folder.iterdir() if _ID.fullmatch(path.name)]
    except OSError:  # none was made yet
        return []


def _sweep(folder: Path) -> bool:
    left = False
    for job in _jobs(folder):
        with suppress(OSError):  # somebody else removes it
            # While the upload is not there yet, the folder's own age counts.
            began = (job.upload if job.upload.exists() else job.folder).stat().st_mtime
            if time.time() < began + LIFETIME_S:
                left = True
            else:
                shutil.rmtree(job.folder, ignore_errors=True)
    return left


def _busy(reason: str) -> Exception:
    from werkzeug.exceptions import ServiceUnavailable  # the process of a large file needs none

    message = f"{reason} Please try again in {RETRY_AFTER_S} seconds."
    return ServiceUnavailable(message, retry_after=RETRY_AFTER_S)


def _clean(folder: Path) -> None:
    """Sweep as long as there is anything to sweep, whether or not somebody asks for a page."""
    while _sweep(folder):
        time.sleep(SWEEP_EVERY_S)


def _is_ours(folder: Path) -> bool:
    status = folder.lstat()
    ours = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return ours and stat.S_ISDIR(status.st_mode)


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # workers inherit this, and end before
        shutil.rmtree(folder, ignore_errors=True)
