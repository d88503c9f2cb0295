"""Uploads and their results for half an hour: a private folder that all workers share.

No worker keeps anything of a job in its memory, so that each of them can show every job. A job is
its files::

    <32 letters, the job's id>/
      upload             the file that was sent; its time of change says when the job began
      order.json         what the file is called, the pass mark, and the sheet to read
      worker             locked by whoever works on the job; says whether the work is large
      progress           rows done so far
      predictions.csv    all rows
      to-fix.csv         the refused rows
      outcome.json       written last: the summary, or why the file was refused
      reasons.json       why students are listed, as far as somebody looked

`docs/architecture.md` draws the states that these files stand for.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import stat
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

from src.exception import ConfigurationError, Problem
from src.language import ENGLISH, gettext, mark
from src.serving.listed_reasons import Reasons
from src.serving.mending import Mending
from src.serving.summary import Summary
from src.utils import disk_folder, write_bytes
from src.web.middleware.shared_memory import SharedLock

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LIFETIME_S = 29 * 60
SWEEP_EVERY_S = 60  # so that nothing lies there for more than 30 minutes
AHEAD_S = 30  # what was changed later than now, by so much, is of before the clock was put back
MOST_LARGE = 2  # child processes for large files at once, over all workers …
MOST_RUNNING = 4  # … and child processes in all
WAIT_S = 10  # for one of them to end, before another file is refused
LOOK_EVERY_S = 0.05
SILENCE_S = 15  # without a touch of `progress`, after which work counts as dead on Windows
FILE_FACTOR = 4  # most bytes of a result, in uploads of the largest size
ROOM_FACTOR = 50  # likewise, of all files together
RETRY_AFTER_S = 15
PREFIX = "stuprediction-uploads-"
DELETED = ".deleted-"
SMALL, LARGE = b"small", b"large"  # work of a process; that of the web worker itself is ""

_ID = re.compile(r"[A-Za-z0-9_-]{32}")


class Edit(NamedTuple):
    """A cell that a person changed; see :class:`src.serving.summary.NamedCell`."""

    number: int
    position: int
    text: str
    line: int
    field: str


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
    n_helped : int or None
        How many students there is help for.
    edits : tuple of Edit
    as_written, columns
        See :class:`src.serving.mending.Mending`.
    language : str
        Of the page that it was sent on: in it is said why a file is refused.
    """

    name: str
    pass_mark: float | None = None
    sheet: str | None = None
    all_sheets: bool = False
    n_helped: int | None = None
    edits: tuple[Edit, ...] = ()
    as_written: tuple[tuple[int, int], ...] = ()
    columns: dict[str, int] = field(default_factory=dict)
    language: str = ENGLISH

    @property
    def mending(self) -> Mending:
        """What a person changed in the file."""
        cells = {(edit.number, edit.position): edit.text for edit in self.edits}
        return Mending(cells, frozenset(self.as_written), self.columns)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Order:
        """Return the order that JSON holds."""
        edits = tuple(Edit(*edit) for edit in values["edits"])
        as_written = tuple((number, at) for number, at in values["as_written"])
        return cls(**{**values, "edits": edits, "as_written": as_written})


@dataclass(frozen=True)
class Refusal:
    """Why a whole file could not be scored.

    Attributes
    ----------
    internal : str
        Where the program failed, for the log; empty where the file is to blame.
    header : tuple of str
        The file's, where columns are missing that a person may find among its own.
    found : dict of str to int
        Where the columns stand that are there, by feature.
    sheets, sheets_read : tuple of str
        Of a workbook whose header lacks columns; see :class:`FileNotes`.
    """

    message: str
    problems: tuple[Problem, ...] = ()
    internal: str = ""
    header: tuple[str, ...] = ()
    found: dict[str, int] = field(default_factory=dict)
    sheets: tuple[str, ...] = ()
    sheets_read: tuple[str, ...] = ()


class Job:
    """One uploaded file: what its folder holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name
        self.upload = folder / "upload"
        self.predictions = folder / "predictions.csv"
        self.to_fix = folder / "to-fix.csv"
        self._reasons = folder / "reasons.json"

    @property
    def expires(self) -> float:
        """When it is deleted, in seconds since the epoch; raises OSError once it is."""
        return self.upload.stat().st_mtime + LIFETIME_S

    def read_order(self) -> Order:
        """Return what is to be done with the upload."""
        return Order.from_dict(json.loads((self.folder / "order.json").read_bytes()))

    def write_order(self, order: Order) -> None:
        """Write what is to be done with the upload, and delete an earlier outcome."""
        # First what needs room on the disk: without it all stays as it was.
        self.keep_order(order)
        self.report(0)
        results = (self.folder / "outcome.json", self._reasons, self.predictions, self.to_fix)
        for result in results:
            result.unlink(missing_ok=True)  # whoever still downloads it has the whole of it

    def keep_order(self, order: Order) -> None:
        """Write an order that changes nothing of the outcome."""
        write_bytes(self.folder / "order.json", json.dumps(asdict(order)).encode())

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

    def read_reasons(self) -> Reasons:
        """Return why students are listed, as far as somebody looked."""
        try:
            return Reasons(**json.loads(self._reasons.read_bytes()))
        except FileNotFoundError:
            return Reasons()

    def write_reasons(self, reasons: Reasons) -> None:
        """Keep them; what cannot be kept is found again."""
        with suppress(OSError):
            write_bytes(self._reasons, json.dumps(asdict(reasons)).encode())

    def outcome(self) -> Summary | Refusal | None:
        """Return the outcome; None while the file is being scored.

        Raises
        ------
        FileNotFoundError
            If the job was deleted.
        """
        found = self._read_outcome()
        if found is None and not self._is_alive():
            found = self._read_outcome() or ABANDONED  # it may have been written just now
            self.folder.stat()
        return found

    def _read_outcome(self) -> Summary | Refusal | None:
        try:
            content = json.loads((self.folder / "outcome.json").read_bytes())
        except FileNotFoundError:
            return None
        if "summary" in content:
            return Summary.from_dict(content["summary"])
        refusal = content["refusal"]
        problems = tuple(Problem(**problem) for problem in refusal["problems"])
        texts = {name: tuple(refusal[name]) for name in ("header", "sheets", "sheets_read")}
        return Refusal(**{**refusal, "problems": problems, **texts})

    def work(self) -> bytes | None:
        """Return what kind of work is being done on the file; None where there is none."""
        if (self.folder / "outcome.json").exists() or not self._is_alive():
            return None
        try:
            return (self.folder / "worker").read_bytes()
        except OSError:
            return None

    def claim(self, kind: bytes) -> IO[bytes] | None:
        """Take the right to work on the file until what is returned is closed; None if it is taken.

        A process that inherits it, or one that is killed, gives it back by its end.
        """
        file = (self.folder / "worker").open("wb", buffering=0)
        for _ in range(5):  # somebody who looks whether there is work holds it for a moment
            try:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(0.01)
            else:
                file.write(kind)
                return file
        file.close()
        return None

    def _is_alive(self) -> bool:
        try:
            if fcntl is None:
                touched = (self.folder / "progress").stat().st_mtime
                return time.time() - touched < SILENCE_S
            with (self.folder / "worker").open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            pass
        return False


ABANDONED = Refusal(mark("The work on this file was interrupted. Please upload it again."))


class Workspace:
    """The folder of all jobs; made before the workers are forked, used by each of them.

    Parameters
    ----------
    folder : Path or None
        Where it stands; None for one on the disk's folder for temporary files, whose name nobody
        can guess, and which goes with the process that made this object.
    most_bytes : int
        Of one upload.

    Raises
    ------
    ConfigurationError
        If the folder cannot be written.
    """

    def __init__(self, folder: Path | None, most_bytes: int) -> None:
        self._temporary = disk_folder()
        self.folder = folder or self._temporary / f"{PREFIX}{secrets.token_hex(16)}"
        self.most_bytes = most_bytes
        self._lock = SharedLock()
        self._janitor: threading.Thread | None = None
        if folder is None:
            weakref.finalize(self, _remove, self.folder, os.getpid())
        else:
            _check_writable(folder)
        self.sweep()

    def create(self, kind: bytes) -> tuple[Job, IO[bytes]]:
        """Return a new job, for which there is room, and the claim to it; see :meth:`Job.claim`.

        Parameters
        ----------
        kind : bytes
            SMALL or LARGE for work in a process of its own, which waits a while for others to end.

        Raises
        ------
        ServiceUnavailable
            If too many are at work, or the files that lie there are too large together.
        """
        _sweep(self.folder)
        with self._place(kind):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_room()
            return self._make(kind)

    def take_up(self, job: Job, order: Order, kind: bytes) -> IO[bytes] | None:
        """Order a job that lies there to be done again; None where somebody is at it.

        Raises as :meth:`create`, and FileNotFoundError if the job was deleted.
        """
        with self._place(kind):
            claim = job.claim(kind)
            if claim is not None:
                try:
                    job.write_order(order)
                except BaseException:
                    claim.close()
                    raise
            return claim

    def find(self, job_id: str) -> Job | None:
        """Return a job that lies there, and is not too old."""
        job = Job(self.folder / job_id)
        if not _ID.fullmatch(job_id):
            return None
        try:
            return None if _is_over(job.upload.stat().st_mtime) else job
        except OSError:
            return None

    def delete(self, job: Job) -> None:
        """Remove a job's files; whoever works on them notices and ends."""
        _delete(job.folder)

    def keep_swept(self) -> None:
        """Have this process remove what is too old once a minute, for as long as it lives."""
        if self._janitor is None or not self._janitor.is_alive():  # none survives a fork
            self._janitor = threading.Thread(target=_clean, args=(weakref.ref(self),), daemon=True)
            self._janitor.start()

    def sweep(self) -> None:
        """Remove what is too old, whoever left it."""
        _sweep(self.folder)
        for other in self._temporary.glob(f"{PREFIX}*"):  # of a server that was killed
            with suppress(OSError):  # somebody uses or removes it
                unused = _is_over(other.stat().st_mtime)
                if other != self.folder and _is_ours(other) and not _sweep(other) and unused:
                    other.rmdir()

    def _make(self, kind: bytes) -> tuple[Job, IO[bytes]]:
        os.utime(self.folder)  # another service of this user removes what is empty and old
        job = Job(self.folder / secrets.token_urlsafe(24))
        job.folder.mkdir(mode=0o700)
        try:
            job.report(0)
            claim = job.claim(kind)
            if claim is None:
                raise BlockingIOError(f"{job.folder} is locked")
        except BaseException:
            _delete(job.folder)
            raise
        return job, claim

    def _check_room(self) -> None:
        used = 0
        for parent, _, names in os.walk(self.folder):
            for name in names:
                with suppress(OSError):  # it was removed
                    used += Path(parent, name).stat().st_size
        needed = (1 + 2 * FILE_FACTOR) * self.most_bytes
        free = shutil.disk_usage(self.folder).free
        if used + needed > ROOM_FACTOR * self.most_bytes or needed > free:
            raise _busy(gettext("There is no room for another file just now."))

    @contextmanager
    def _place(self, kind: bytes) -> Iterator[None]:
        """Hold the folder for the block, once there is a place for another process of this kind."""
        deadline = time.monotonic() + WAIT_S
        while True:
            with self._lock.held():
                if not kind or self._has_place(kind):
                    yield
                    return
            if time.monotonic() > deadline:
                raise _busy(gettext("Other large files are being worked on."))
            time.sleep(LOOK_EVERY_S)

    def _has_place(self, kind: bytes) -> bool:
        works = [work for job in _jobs(self.folder) if (work := job.work())]
        return len(works) < MOST_RUNNING and (kind != LARGE or works.count(LARGE) < MOST_LARGE)


def _clean(found: weakref.ref[Workspace]) -> None:
    """Sweep once a minute for as long as the workspace is used."""
    while True:
        time.sleep(SWEEP_EVERY_S)
        workspace = found()
        if workspace is None:
            return
        with suppress(OSError):
            workspace.sweep()
        del workspace


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"UPLOADS_DIR must be a folder that can be written: {error.strerror}. Got {folder}."
        ) from error


def _is_over(began: float) -> bool:
    """Whether what began then is too old; or is from the future, since the clock was put back."""
    return not -AHEAD_S <= time.time() - began < LIFETIME_S


def _jobs(folder: Path) -> list[Job]:
    try:
        return [Job(path) for path in folder.iterdir() if _ID.fullmatch(path.name)]
    except OSError:  # none was made yet
        return []


def _sweep(folder: Path) -> bool:
    """Remove what is too old, and say whether anything is left."""
    left = False
    for job in _jobs(folder):
        with suppress(OSError):  # somebody else removes it
            # While the upload is not there yet, the folder's own age counts.
            began = (job.upload if job.upload.exists() else job.folder).stat().st_mtime
            if _is_over(began):
                _delete(job.folder)
            else:
                left = True
    for begun in folder.glob(f"{DELETED}*"):  # by somebody who was killed meanwhile
        shutil.rmtree(begun, ignore_errors=True)
    return left


def _delete(folder: Path) -> None:
    """Remove a job's folder: at one stroke from its place, so that nothing is written there."""
    gone = folder.with_name(f"{DELETED}{secrets.token_hex(8)}")
    try:
        folder.rename(gone)
    except FileNotFoundError:
        return
    except OSError:  # Windows, while a file is open
        gone = folder
    shutil.rmtree(gone, ignore_errors=True)


def _busy(reason: str) -> Exception:
    from werkzeug.exceptions import ServiceUnavailable  # the process of a large file needs none

    message = gettext(
        "%(reason)s Please try again in %(seconds)s seconds.", reason=reason, seconds=RETRY_AFTER_S
    )
    return ServiceUnavailable(message, retry_after=RETRY_AFTER_S)


def _is_ours(folder: Path) -> bool:
    status = folder.lstat()
    ours = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return ours and stat.S_ISDIR(status.st_mode)


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # workers inherit this, and end before
        shutil.rmtree(folder, ignore_errors=True)
