"""The keys that programs show, known here by their SHA-256 only.

``python -m src.web.middleware.api_keys`` makes a key and prints it with its hash.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sys
from pathlib import Path

from src.exception import ConfigurationError, Problem
from src.logger import get_logger

logger = get_logger(__name__)

HASH = re.compile(r"[0-9a-f]{64}")
HOW = "Make a key and its hash with: python -m src.web.middleware.api_keys"


class APIKeys:
    """The keys that are good now; a file of them is read again when it changes.

    Parameters
    ----------
    setting : str
        Hashes separated by commas or blanks, or the path of a file with a hash a line. What stands
        behind a ``#`` there is a comment, such as whose key it is. A key is revoked by taking its
        line away.

    Raises
    ------
    ConfigurationError
        If there is no such file, or a line of it is no hash.
    """

    def __init__(self, setting: str) -> None:
        words = setting.replace(",", " ").split()
        self._hashes: tuple[bytes, ...] = ()
        self._file: Path | None = None
        if all(HASH.fullmatch(word) for word in words):
            self._hashes = tuple(word.encode() for word in words)
            return
        self._file = Path(setting)
        self._signature = _signature(self._file)
        self._hashes, problems = _read(self._file)
        if problems:
            raise ConfigurationError(f"API_KEYS cannot be used. {HOW}", problems)

    def known(self, key: str) -> str | None:
        """Return the hash of a key that is good, None for any other.

        All hashes are compared, each in constant time.
        """
        if self._file is not None and (signature := _signature(self._file)) != self._signature:
            self._signature = signature
            # What cannot be read lets nobody in: the change may have been made to revoke a key.
            self._hashes, problems = _read(self._file)
            for problem in problems:
                logger.error("API_KEYS: %s", problem)
            logger.info("%d API keys are good", len(self._hashes))
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
        matches = [hmac.compare_digest(digest.encode(), known) for known in self._hashes]
        return digest if any(matches) else None


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _read(path: Path) -> tuple[tuple[bytes, ...], list[Problem]]:
    """Return the hashes that a file holds, and what is wrong with its other lines."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return (), [Problem("It is neither a list of SHA-256 hashes nor a file that can be read.")]
    words = [line.partition("#")[0].strip() for line in lines]
    problems = [
        Problem("This line is no SHA-256 in lower-case hex.", row=number)
        for number, word in enumerate(words, 1)
        if word and not HASH.fullmatch(word)
    ]
    return tuple(word.encode() for word in words if HASH.fullmatch(word)), problems


def main() -> None:
    """Print a new key and its hash."""
    key = secrets.token_urlsafe(32)
    sys.stdout.write(
        f"key, for the one who asks (Authorization: Bearer …):  {key}\n"
        f"its SHA-256, for API_KEYS:                            "
        f"{hashlib.sha256(key.encode()).hexdigest()}\n"
    )


if __name__ == "__main__":
    main()
