"""Fits on the workers of a Dask scheduler."""

from __future__ import annotations

import hashlib
import math
import pickle
import queue
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from src.cluster.workers import (
    KERNELS,
    SOURCE,
    described,
    differences,
    kernels,
    timed,
    timed_there,
    versions,
)
from src.exception import ClusterError
from src.logger import get_logger
from src.search.home import HERE

if TYPE_CHECKING:
    from distributed import Client, Future

logger = get_logger(__name__)

D = TypeVar("D")
T = TypeVar("T")
R = TypeVar("R")

# Seconds, measured by benchmarks/cluster.py; rounded up.
FIT_S = 0.01  # beside a fit, of one that is sent
BATCH_S = 0.1  # beside a batch of fits
BYTES_A_S = 50e6  # of data, to each worker
CHECK_S = 2.0  # between looks at the scheduler while no fit ends
START_S = 120.0  # that workers may take to come, and to import what fits need
SILENT_S = 30.0  # that a scheduler may take to answer
ALONE_S = 60.0  # that it may have no worker
SENDINGS = 4  # of data that were lost with every worker that had them


class _LostError(Exception):
    """Data or results that no worker has any more."""


@dataclass
class Scheduler:
    """The workers of a Dask scheduler, and this process where it is faster.

    Attributes
    ----------
    client : Client
    address : str
        As the person named it.
    jobs : int
        Fits at once in this process.
    send_all : bool
        Whether fits are sent even where this process would be faster.
    n_sent, n_here : int
        How many fits ran there, and how many here.
    n_resent : int
        How often data were sent again, since every worker that had them was lost.
    n_workers, n_slots : int
        How many workers there are, and how many fits they do at once.
    fits_s : float
        Seconds that all fits took together.
    """

    client: Client
    address: str
    jobs: int = 1
    send_all: bool = False
    n_sent: int = 0
    n_here: int = 0
    n_resent: int = 0
    n_workers: int = 0
    n_slots: int = 0
    fits_s: float = 0.0
    by_clock: bool = field(default=False, init=False)
    _stored: dict[int, tuple[Any, Future, float]] = field(default_factory=dict, init=False)
    _estimated_s: float = field(default=0.0, init=False)
    _last_worker_s: float = field(default=0.0, init=False)

    def check(self) -> None:
        """Ask every worker what it is.

        Raises
        ------
        ClusterError
            If there is no worker, or one that would compute something else, by name.
        """
        try:
            self.client.wait_for_workers(1, timeout=START_S)
        except TimeoutError as error:
            raise ClusterError(f"The scheduler at {self.address} has no worker.") from error
        try:
            found = self.client.sync(
                lambda: self.client.run(described, on_error="return"), callback_timeout=START_S
            )
        except TimeoutError as error:
            raise ClusterError(f"A worker of {self.address} does not answer.") from error
        wrong = [_wrong(name, one) for name, one in found.items()]
        if problems := [one for one in wrong if one]:
            raise ClusterError(
                "Nothing was sent, since a worker would compute something else. "
                + " ".join(problems)
                + " Install the same versions there, or leave --scheduler away."
            )
        here = kernels()
        for name, one in found.items():
            if one["kernels"] != here:
                logger.warning(
                    "%s of worker %s are for %s, those here for %s: the last digits may differ",
                    *(KERNELS, name, one["kernels"], here),
                )
        cores = {one["host"]: int(one["cores"]) for one in found.values()}
        threads = self.client.nthreads()
        of_host = dict.fromkeys(cores, 0)
        for name, one in found.items():
            of_host[one["host"]] += threads.get(name, 1)
        self.n_workers = len(found)
        self.n_slots = sum(min(n, cores[host]) for host, n in of_host.items())

    def map(
        self, task: Callable[[D, T], R], data: D, items: Sequence[T], each_s: float = 0.0
    ) -> list[R]:
        """Return what a task makes of each item, in the items' order: see `Home`.

        Raises
        ------
        ClusterError
            If the scheduler or all its workers are lost, or workers die of a fit.
        """
        if self.send_all or self._is_faster_there(data, len(items), each_s):
            found = self._send(task, data, items)
            self.n_sent += len(items)
        else:
            found = HERE.map(partial(timed, task), data, items)
            self.n_here += len(items)
        self.fits_s += math.fsum(seconds for _, seconds in found)
        self._estimated_s += len(items) * each_s
        return [result for result, _ in found]

    def told(self) -> str:
        """Return where the fits ran, in a sentence."""
        if not self.n_sent:
            return (
                f"All {self.n_here} fits ran in this process, since sending them to "
                f"{self.address} would have taken longer (--send-all sends them all the same)."
            )
        workers = "1 worker" if self.n_workers == 1 else f"{self.n_workers} workers"
        here = f"; {self.n_here}, which are faster so, in this process" if self.n_here else ""
        return f"{self.n_sent} fits ran at {self.address} on {workers}{here}."

    def _is_faster_there(self, data: object, n_items: int, each_s: float) -> bool:
        """Whether so many fits would end sooner there, by what fits took up to now."""
        if self._estimated_s:
            each_s *= self.fits_s / self._estimated_s
        here_s = math.ceil(n_items / self.jobs) * each_s
        there_s = math.ceil(n_items / self.n_slots) * each_s + n_items * FIT_S + BATCH_S
        if there_s < here_s and id(data) not in self._stored:
            there_s += len(pickle.dumps(data, protocol=5)) / BYTES_A_S * self.n_workers
        return there_s < here_s

    def _send(
        self, task: Callable[[D, T], R], data: D, items: Sequence[T]
    ) -> list[tuple[R, float]]:
        """Return the timed results of all items, redoing those that were lost."""
        run = partial(timed_there, task=task, expected=versions())
        found: dict[int, tuple[R, float]] = {}
        for attempt in range(SENDINGS):
            left = [i for i in range(len(items)) if i not in found]
            try:
                stored = self._store(data, attempt)
                asked = self.client.map(run, [items[i] for i in left], data=stored, pure=False)
                self._collect(dict(zip(asked, left, strict=True)), found)
            except _LostError:
                self.n_resent += 1
                logger.warning("Data were lost with their workers; they are sent again")
                self._stored.pop(id(data), None)
            if len(found) == len(items):
                return [found[i] for i in range(len(items))]
        raise ClusterError(
            f"Workers of {self.address} were lost {SENDINGS} times while they had the data."
        )

    def _store(self, data: object, attempt: int) -> Future:
        """Return the data as every worker has them: they are sent once."""
        from distributed import CancelledError

        if known := self._stored.get(id(data)):
            return known[1]
        content = pickle.dumps(data, protocol=5)
        key = f"stuprediction-{hashlib.sha256(content).hexdigest()}-{attempt}"
        try:
            future = self._asked(lambda: self.client.scatter({key: data}, broadcast=True))[key]
        except (OSError, CancelledError) as error:
            self._check_scheduler()
            raise _LostError from error
        logger.info("Sent %.1f MB to %d workers", len(content) / 1e6, self.n_workers)
        self._stored[id(data)] = (data, future, len(content))  # kept, so that its id stays its own
        return future

    def _collect(self, asked: Mapping[Future, int], found: dict[int, Any]) -> None:
        """Add each result as it comes; look after the scheduler while none does."""
        from distributed import CancelledError, KilledWorker
        from distributed.comm.core import CommClosedError

        ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
        for future in asked:
            future.add_done_callback(ended.put)
        self._last_worker_s = time.monotonic()
        left = set(asked)
        while left:
            try:
                done = [ended.get(timeout=CHECK_S)]
            except queue.Empty:
                self._check_scheduler()
                continue
            while not ended.empty():
                done.append(ended.get())
            try:
                results = self.client.gather(done)
            except (CancelledError, CommClosedError) as error:
                self._check_scheduler()
                raise _LostError from error
            except KilledWorker as error:
                raise ClusterError(
                    f"{error.allowed_failures + 1} workers of {self.address} died while they ran "
                    f"the same fit, the last at {error.last_worker.address}. Their logs say why; "
                    "often it is the memory."
                ) from error
            for future, result in zip(done, results, strict=True):
                found[asked[future]] = result
                left.discard(future)

    def _check_scheduler(self) -> None:
        """Raise where the scheduler is gone, or has been without workers for long."""
        gone = f"The scheduler at {self.address} is gone"
        scheduler = self.client.scheduler
        if self.client.status != "running" or scheduler is None:
            raise ClusterError(f"{gone}. Start it again, and train again.")
        try:
            info = self._asked(scheduler.identity)
        except (OSError, TimeoutError) as error:
            raise ClusterError(f"{gone}: it does not answer. Train again once it does.") from error
        if info["workers"]:
            self._last_worker_s = time.monotonic()
        elif time.monotonic() - self._last_worker_s > ALONE_S:
            raise ClusterError(f"The scheduler at {self.address} has no worker any more.")

    def _asked(self, question: Callable[[], Any]) -> Any:
        return self.client.sync(question, callback_timeout=SILENT_S)


def _wrong(name: str, answer: Any) -> str:
    """Return what is wrong with a worker, empty if nothing is."""
    if isinstance(answer, (ImportError, AttributeError)):
        return f"{name} has no {SOURCE}, or another version of it ({answer})."
    if isinstance(answer, BaseException):
        return f"{name}: {answer}."
    found = differences(versions(), answer["versions"])
    return f"On {name}, {'; '.join(found)}." if found else ""
