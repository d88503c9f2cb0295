"""Files: whole or not at all, and checked by their hash. No knowledge of the project."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


def sha256(content: bytes) -> str:
    """Return the SHA-256 of some bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def fsync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut, where the system can."""
    if os.name == "nt":  # Windows has no handle for a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def atomic_open(path: Path, mode: str = "wb", **options: Any) -> Iterator[IO[Any]]:
    """Open a file for writing that takes its name only when the block ends without an error.

    Parameters
    ----------
    path : Path
        Where the file shall stand; whatever stands there is replaced.
    mode : str
        ``"wb"``, or ``"w"`` with ``encoding`` and ``newline`` among ``options``.

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written; ``path`` is then as it was.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open(mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)


def disk_folder() -> Path:
    """Return the folder for temporary files that may be large: on a disk, where the system has one.

    ``/tmp`` is memory on Amazon Linux 2023, Fedora and Debian 13; ``/var/tmp`` is not. ``TMPDIR``
    decides where it is set.
    """
    for folder in (os.environ.get("TMPDIR"), "/var/tmp"):  # noqa: S108 - names there are secret
        if folder and os.access(folder, os.W_OK | os.X_OK):
            return Path(folder)
    return Path(tempfile.gettempdir())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with atomic_open(path) as file:
        file.write(content)


def to_json(value: Any) -> bytes:
    """Return the canonical JSON of a value: sorted keys, UTF-8, a line feed at the end.

    Raises
    ------
    ValueError
        If the value holds NaN or an infinity, which JSON does not know.
    """
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def dump_object(value: Any) -> bytes:
    """Return a value pickled with dill."""
    import dill

    return bytes(dill.dumps(value))
