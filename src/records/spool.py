"""Files of rows that could not be written to the database yet.

Each process appends to a file of its own. Whoever reads or changes one holds its lock, and its
owner holds another for as long as it lives: rows of a process that was killed are taken up by the
next one that looks. A row is a line of JSON; a line of blanks is one that was erased.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows: one process serves there
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".rows.jsonl"
MOST_BYTES = 64 << 20  # of one file
PIECE_ROWS = 1_000

Row = dict[str, Any]


class Spool:
    """The spool file of this process, made when it is first needed.

    Parameters
    ----------
    folder : Path
        Shared by all processes that write to one database.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._life: IO[bytes] | None = None
        self._path = folder / f"{os.getpid()}-{secrets.token_hex(8)}{SUFFIX}"

    @property
    def n_bytes(self) -> int:
        """Bytes that wait in this process's file."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def append(self, rows: Sequence[Row]) -> None:
        """Append rows; they survive the end of this process.

        Raises
        ------
        OSError
            If the disk is full, or the file has as many bytes as it may; none of them is kept then.
        """
        content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        file = self._opened()
        with _locked(file):
            end = file.seek(0, os.SEEK_END)
            if end + len(content) > MOST_BYTES:
                raise OSError(f"A spool file may have {MOST_BYTES:,} bytes.")
            try:
                if file.write(content) < len(content):  # what fitted, without an error
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                file.truncate(end)
                raise

    def ship(self, write: Callable[[list[Row]], None]) -> int:
        """Write this process's rows elsewhere and empty the file; return how many there were.

        What ``write`` raises goes on to the caller, and the rows stay.
        """
        return 0 if self._file is None else _ship(self._file, write)

    def adopt(self, write: Callable[[list[Row]], None]) -> int:
        """Do the same with the files of processes that ended, and remove them."""
        n_rows = 0
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            if path == self._path:
                continue
            with _open(path) as file, _life_of(path).open("ab") as life:
                if fcntl is None or not _try_lock(life):
                    continue
                n_rows += _ship(file, write)
                path.unlink(missing_ok=True)
                _life_of(path).unlink(missing_ok=True)
        return n_rows

    def close(self) -> None:
        """Give the file up: remove it where it is empty, else leave it to others."""
        if self._file is None or self._life is None:
            return
        if not self.n_bytes:
            self._path.unlink(missing_ok=True)
            _life_of(self._path).unlink(missing_ok=True)
        self._file.close()
        self._life.close()
        self._file = None

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            life = _life_of(self._path).open("ab", buffering=0)
            _try_lock(life)
            self._life, self._file = life, _open(self._path)
        return self._file


def blank_rows(folder: Path, is_meant: Callable[[Row], bool]) -> int:
    """Overwrite rows in all spool files with blanks, and return how many there were."""
    n_rows = 0
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with _open(path) as file, _locked(file):
            file.seek(0)
            start = 0
            for line in file.readlines():
                row = _parsed(line)
                if row is not None and is_meant(row):
                    file.seek(start)
                    file.write(b" " * (len(line) - 1) + b"\n")
                    n_rows += 1
                start += len(line)
            os.fsync(file.fileno())
    return n_rows


def _ship(file: IO[bytes], write: Callable[[list[Row]], None]) -> int:
    """Write a file's rows elsewhere, then overwrite and empty it; its lock is held meanwhile."""
    n_rows = 0
    with _locked(file):
        file.seek(0)
        rows: list[Row] = []
        for line in file:
            if (row := _parsed(line)) is not None:
                rows.append(row)
            if len(rows) == PIECE_ROWS:
                write(rows)
                n_rows, rows = n_rows + len(rows), []
        if rows:
            write(rows)
        _wipe(file)
    return n_rows + len(rows)


def _wipe(file: IO[bytes]) -> None:
    """Overwrite what a file holds, so that nothing of it is left on the disk, and empty it."""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    for start in range(0, end, 1 << 20):
        file.write(bytes(min(1 << 20, end - start)))
    if end:
        os.fsync(file.fileno())
    file.truncate(0)


def _parsed(line: bytes) -> Row | None:
    """Return the row of a line; None where it was erased, or cut short by a full disk."""
    try:
        row = json.loads(line) if line.strip(b" \n\0") else None
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _open(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)


def _life_of(path: Path) -> Path:
    return path.with_suffix(".life")


def _try_lock(file: IO[bytes]) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _locked(file: IO[bytes]) -> Iterator[None]:
    if fcntl is None:
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
