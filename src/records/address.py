"""Where the records are: what a URL may be, and where rows wait that its database does not take.

Nothing here imports the packages of the database: the app's own processes do without them.
"""

from __future__ import annotations

import hashlib
import re
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from src.exception import ConfigurationError
from src.utils import disk_folder

HOW = "sqlite:////var/lib/stuprediction/records.db or postgresql+psycopg://user:password@host/name"
_SQLITE = re.compile(r"sqlite(\+pysqlite)?:///(?P<path>[^?]+)(\?.*)?")
_POSTGRESQL = "postgresql+psycopg://"


def check_url(url: str) -> None:
    """Refuse the URL of another kind of database, or one whose packages are not installed.

    Raises
    ------
    ConfigurationError
        The message does not quote the URL, which may hold a password.
    """
    packages = ["sqlalchemy", "alembic"]
    if url.startswith(_POSTGRESQL):
        packages.append("psycopg")
        try:
            urlsplit(url).port  # noqa: B018 - reading it checks it
        except ValueError as error:
            raise ConfigurationError(
                f"RECORDS_URL must be a database's URL, such as {HOW}."
            ) from error
    elif sqlite_path(url) in ("", ":memory:"):
        raise ConfigurationError(f"RECORDS_URL must name a file of SQLite or PostgreSQL: {HOW}.")
    if any(find_spec(name) is None for name in packages):
        raise ConfigurationError(
            "RECORDS_URL needs packages that are absent. Install them: pip install '.[records]'. "
            "In a bundle: set BUNDLE_OPTIONS=--records where it is built."
        )


def sqlite_path(url: str) -> str:
    """Return the path of a file of SQLite; empty where a URL names none.

    Examples
    --------
    >>> sqlite_path("sqlite:////var/lib/records.db?timeout=3")
    '/var/lib/records.db'
    """
    found = _SQLITE.fullmatch(url)
    return found["path"] if found else ""


def spool_folder(url: str) -> Path:
    """Return where rows wait: beside a file of SQLite, else among the temporary files of a disk."""
    if path := sqlite_path(url):
        return Path(f"{path}.spool")
    name = hashlib.sha256(url.encode()).hexdigest()[:16]
    return disk_folder() / f"stuprediction-records-{name}"
