"""Folders, patterns and S3: which files they are, and how they are opened, by Arrow."""

from __future__ import annotations

import fnmatch
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.exception import ConfigurationError

if TYPE_CHECKING:
    from pyarrow import fs

S3 = "s3://"
PATTERN = re.compile(r"[*?\[]")
PARQUET, CSV = (".parquet", ".pq"), (".csv",)
ATTEMPTS, WAIT_S = 8, 30.0  # of a request to S3, and for its answer


def is_many_files(place: str) -> bool:
    """Whether a place is more than a file of this machine.

    Examples
    --------
    >>> is_many_files("class.csv"), is_many_files("s3://bucket/in/*.parquet"), is_many_files("out/")
    (False, True, True)
    >>> is_many_files("https://school.example/marks.csv?download=1")
    False
    """
    if "://" in place:
        return place.startswith(S3)
    return bool(PATTERN.search(place) or place.endswith(("/", os.sep)) or Path(place).is_dir())


def folder_and_pattern(source: str) -> tuple[str, str]:
    """Return the folder of a folder, a file or a pattern, and what its files' names match."""
    if PATTERN.search(source) or (Path(source).suffix and not Path(source).is_dir()):
        folder, _, pattern = source.rpartition("/")
        return folder or ".", pattern
    return source, "*"


def found_files(source: str) -> list[fs.FileInfo]:
    """Return the CSV and Parquet files of a folder or a pattern, by name.

    Raises
    ------
    ConfigurationError
        If there are none, or the folder cannot be read.
    """
    from pyarrow import fs

    folder, pattern = folder_and_pattern(source)
    if PATTERN.search(folder):
        raise ConfigurationError(
            f"Only names of files may have a pattern, no folders. Got {source}."
        )
    try:
        all_files = file_system(folder).get_file_info(fs.FileSelector(path_of(folder)))
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be read: {error}") from error
    found = [
        one
        for one in all_files
        if one.type == fs.FileType.File
        and one.base_name.lower().endswith((*PARQUET, *CSV))
        and not one.base_name.startswith(("_", "."))
        and fnmatch.fnmatchcase(one.base_name, pattern)
    ]
    if not found:
        raise ConfigurationError(f"No CSV or Parquet file is found as {source}.")
    return sorted(found, key=lambda one: one.path)


@lru_cache
def file_system(place: str) -> fs.FileSystem:
    """Return the file system of a path or an ``s3://`` address.

    ``AWS_ENDPOINT_URL`` names another service than AWS's; keys and region come from where AWS's own
    tools look for them.
    """
    from pyarrow import fs

    if not place.startswith(S3):
        return fs.LocalFileSystem()
    options: dict[str, Any] = {"connect_timeout": WAIT_S, "request_timeout": WAIT_S}
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        scheme, _, host = endpoint.partition("://")
        options |= {"endpoint_override": host.rstrip("/"), "scheme": scheme}
    if region := os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        options["region"] = region
    retries = fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS)
    return fs.S3FileSystem(retry_strategy=retries, **options)


def path_of(place: str) -> str:
    """Return a place as its file system names it."""
    return (
        place.removeprefix(S3).rstrip("/") if place.startswith(S3) else str(Path(place).resolve())
    )
