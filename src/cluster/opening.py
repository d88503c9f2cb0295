"""Where the fits run, as ``--scheduler`` asks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from src.cluster.scheduler import SILENT_S, Scheduler
from src.exception import ClusterError, ConfigurationError
from src.search.home import HERE, Home

if TYPE_CHECKING:
    from distributed import Client

LOCAL = re.compile(r"local:([1-9][0-9]{0,3})")
REMOTE = re.compile(r"(tcp|tls)://[^\s/]+:[0-9]{1,5}")
WORKER_TTL = "60 s"  # without a heartbeat, after which a local worker's fits are done elsewhere


def open_home(
    scheduler: str | None, jobs: int, *, send_all: bool
) -> AbstractContextManager[Home | Scheduler]:
    """Return a context in which fits run in this process, in others of this machine, or on workers.

    Parameters
    ----------
    scheduler : str or None
        ``local:N`` for N processes; ``tcp://host:port`` or ``tls://host:port`` of a Dask scheduler,
        whose certificates Dask's own settings name; None for this process.
    jobs : int
        Fits at once in this process.
    send_all : bool
        Whether fits are sent even where this process would be faster.

    Raises
    ------
    ConfigurationError
        If there is no such place, or Dask is not installed.
    ClusterError
        If it cannot be reached, or a worker would compute something else.
    """
    if scheduler is None:
        return nullcontext(HERE)
    check_address(scheduler)
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            "--scheduler needs Dask, which is not installed: pip install '.[cluster]'"
        ) from error
    return _opened(scheduler, jobs, send_all=send_all)


def check_address(scheduler: str) -> None:
    """Refuse what is no place for fits.

    Raises
    ------
    ConfigurationError
    """
    if not (LOCAL.fullmatch(scheduler) or REMOTE.fullmatch(scheduler)):
        raise ConfigurationError(
            "--scheduler is local:N for N processes of this machine, or a Dask scheduler's address "
            f"such as tcp://host:8786 or tls://host:8786. Got {scheduler!r}."
        )


@contextmanager
def _opened(address: str, jobs: int, *, send_all: bool) -> Iterator[Scheduler]:
    local = LOCAL.fullmatch(address)
    with _local_client(int(local[1])) if local else _remote_client(address) as client:
        home = Scheduler(client, address, jobs, send_all)
        home.check()
        yield home


@contextmanager
def _local_client(n_workers: int) -> Iterator[Client]:
    import dask
    from distributed import Client, LocalCluster

    settings: dict[str, Any] = {
        "distributed.scheduler.worker-ttl": WORKER_TTL,
        # Dask's own gives each free page back at once: half of the time went to get it again.
        "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    }
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            security=True,  # others on this machine can reach its ports
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
            silence_logs="CRITICAL",
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def _remote_client(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, timeout=SILENT_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ClusterError(
            f"No scheduler can be reached at {address} ({error or type(error).__name__})."
        ) from error
    try:
        yield client
    finally:
        client.close(timeout=5)
