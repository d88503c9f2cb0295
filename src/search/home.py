"""Where the fits of a search run: in this process, or wherever its caller says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

D = TypeVar("D")
T = TypeVar("T")
R = TypeVar("R")


class Home(Protocol):
    """A place where fits run. Which it is changes nothing of what comes out."""

    @property
    def by_clock(self) -> bool:
        """Whether a budget in seconds is one by the clock; else it is a number of fits."""

    def map(self, task: Callable[[D, T], R], data: D, items: Sequence[T], each_s: float) -> list[R]:
        """Return what a task makes of each item, in the items' order.

        Parameters
        ----------
        task : callable
            Pure, and picklable by cloudpickle: a function of a module, or a `partial` of one.
        data : object
            What all items need, such as the folds; never changed. It travels once.
        items : sequence
            Small, such as a point of the search space and the number of a fold.
        each_s : float
            Roughly what one item costs, in processor seconds.
        """


class ThisProcess:
    """Threads of this process: so many as `quiet_fits` was told, else one."""

    by_clock = True

    def map(
        self, task: Callable[[D, T], R], data: D, items: Sequence[T], each_s: float = 0.0
    ) -> list[R]:
        from joblib import Parallel, delayed

        with ended_together():
            return list(Parallel()(delayed(task)(data, item) for item in items))


@contextmanager
def ended_together() -> Iterator[None]:
    """Where a fit fails, wait for the others: one in its middle crashes a Python that ends."""
    before = set(threading.enumerate())
    try:
        yield
    except Exception:
        for thread in set(threading.enumerate()) - before:
            thread.join()
        raise


HERE = ThisProcess()
