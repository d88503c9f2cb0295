"""How a command ends that somebody stops: after its own clean-up, with the status shells expect."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """SIGTERM, raised where Ctrl+C would raise."""


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """Have SIGTERM end the block by an exception, as Ctrl+C does, so that ``finally`` is reached.

    Elsewhere than in the main thread, which alone can do it, and where somebody else handles
    SIGTERM, nothing is changed.

    Raises
    ------
    Terminated
        Where the signal came.
    """

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would stop the clean-up
        raise Terminated

    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return
    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def stopped_status(stop: KeyboardInterrupt) -> int:
    """Return the exit status of a command that was stopped.

    Examples
    --------
    >>> stopped_status(KeyboardInterrupt()), stopped_status(Terminated())
    (130, 143)
    """
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


def leave(status: int) -> NoReturn:
    """End the process; at once where it was stopped, be it in the report alone.

    A thread that is in the middle of a fit can crash while Python takes itself down.
    """
    stopped = status in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    if stopped or threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)
