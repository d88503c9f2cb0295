"""Files: whole or not at all, checked by their hash and types. No knowledge of the project."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import IO, Any, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  # what a full disk or quota says


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


def read_typed(kind: Any, value: Any, where: str = "it") -> Any:
    """Return what JSON holds as a type, each value in it checked.

    Parameters
    ----------
    kind : type
        A dataclass, a TypedDict, a union, a tuple, list or mapping of such, or a plain type. A
        ``float`` must be finite, and may be written as a whole number.
    where : str
        What the value is called in a message.

    Raises
    ------
    TypeError
        If a value is of another type, or one is missing or too many.

    Examples
    --------
    >>> read_typed(tuple[float, ...], [1, 2.5])
    (1, 2.5)
    >>> read_typed(dict[str, int], {"n": "many"})
    Traceback (most recent call last):
    TypeError: it.n is of the wrong type
    """
    if kind is Any:
        return value
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return _read_as_one_of(inner, value, where)
    if is_dataclass(kind) or is_typeddict(kind):
        return _read_fields(kind, value, where)
    if origin in (tuple, list) and isinstance(value, list | tuple):
        return origin(read_typed(inner[0], one, f"{where}.{i}") for i, one in enumerate(value))
    if origin in (dict, Mapping) and isinstance(value, Mapping):
        return {str(key): read_typed(inner[1], one, f"{where}.{key}") for key, one in value.items()}
    plain = (int, float) if kind is float else kind
    is_right = origin is None and isinstance(value, plain)
    if not is_right or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{where} is of the wrong type")
    if isinstance(value, float) and not math.isfinite(value):
        raise TypeError(f"{where} is no number")
    return value


def _read_as_one_of(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    problem = TypeError(f"{where} is of the wrong type")
    for kind in kinds:
        try:
            return read_typed(kind, value, where)
        except TypeError as error:
            problem = error
    raise problem


def _read_fields(kind: Any, value: Any, where: str) -> Any:
    hints, needed = _hints(kind)
    if not isinstance(value, Mapping):
        raise TypeError(f"{where} is of the wrong type")
    if missing := needed - value.keys():
        raise TypeError(f"{where} lacks {', '.join(sorted(missing))}")
    read = {k: read_typed(hints[k], v, f"{where}.{k}") for k, v in value.items() if k in hints}
    if is_typeddict(kind):
        return value
    if unknown := value.keys() - read.keys():
        raise TypeError(f"{where} has {', '.join(sorted(map(str, unknown)))} too much")
    return kind(**read)


@lru_cache(maxsize=64)
def _hints(kind: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the type of each field, and which of them must be there."""
    hints = get_type_hints(kind, include_extras=True)
    if is_typeddict(kind):
        optional = {name for name, hint in hints.items() if get_origin(hint) is NotRequired}
        plain = {k: get_args(hint)[0] if k in optional else hint for k, hint in hints.items()}
        return plain, frozenset(hints.keys() - optional)
    own = fields(kind)
    needed = {f.name for f in own if f.default is MISSING and f.default_factory is MISSING}
    return {f.name: hints[f.name] for f in own}, frozenset(needed)
