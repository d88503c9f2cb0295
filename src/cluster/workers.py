"""What a worker process is, and what it does with a fit."""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import time
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from src.artifact_store import VERSIONED, library_versions
from src.exception import ClusterError

D = TypeVar("D")
T = TypeVar("T")
R = TypeVar("R")

SOURCE, KERNELS = "StuPrediction", "BLAS kernels"
LIBRARIES = (*VERSIONED, "scipy", "cloudpickle", "dask", "distributed")
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Return everything of this process that a fit's outcome depends on, by name."""
    source = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*.py")):
        source.update(path.relative_to(root).as_posix().encode())
        source.update(path.read_bytes())
    return {
        "Python": ".".join(platform.python_version_tuple()[:2]),
        SOURCE: f"source {source.hexdigest()[:12]}",
        **library_versions(LIBRARIES),
    }


def kernels() -> str:
    """Return which kernels the linear algebra uses here: others may differ in the last bits."""
    import numpy.linalg  # noqa: F401
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    found = {str(one.get("architecture")) for one in threadpool_info() if one["user_api"] == "blas"}
    return ", ".join(sorted(found))


def described() -> dict[str, str | int | dict[str, str]]:
    """Return what a worker says of itself before anything is sent to it."""
    one_thread_each()
    return {
        "versions": versions(),
        "kernels": kernels(),
        "host": socket.gethostname(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
    }


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """Return in what another process differs, in words.

    Examples
    --------
    >>> differences({"numpy": "2.4.1", "dill": "0.4.1"}, {"numpy": "2.4.0"})
    ['numpy is 2.4.0 there and 2.4.1 here', 'dill is absent there and 0.4.1 here']
    """
    return [
        f"{name} is {there.get(name, 'absent')} there and {here.get(name, 'absent')} here"
        for name in (*here, *(name for name in there if name not in here))
        if here.get(name) != there.get(name)
    ]


@lru_cache(maxsize=1)
def one_thread_each() -> None:
    """Give each fit of this process one thread, as `quiet_fits` does, and no warnings."""
    from threadpoolctl import threadpool_limits

    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))  # of libraries that are not loaded yet
    threadpool_limits(limits=1)
    warnings.simplefilter("ignore")


def timed(task: Callable[[D, T], R], data: D, item: T) -> tuple[R, float]:
    """Return what a task makes of an item, and how many seconds it took."""
    began = time.perf_counter()
    return task(data, item), time.perf_counter() - began


def timed_there(
    item: T, data: D, *, task: Callable[[D, T], R], expected: Mapping[str, str]
) -> tuple[R, float]:
    """Return the same of a worker, which may have come after the others were asked.

    Raises
    ------
    ClusterError
        If it would compute something else.
    """
    if found := differences(expected, versions()):
        raise ClusterError(f"A worker on {socket.gethostname()} differs: {'; '.join(found)}.")
    one_thread_each()
    return timed(task, data, item)
