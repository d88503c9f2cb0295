"""How the process that trains gives memory that it has freed back to the system."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress

# The numbers of malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def return_freed_memory() -> None:
    """Have the C library give arrays back to the system as soon as they are freed.

    glibc keeps what was freed, in a heap for each thread, up to sizes that grow as it is used: of a
    million cells, training would hold 200 MB more. Nothing happens with other C libraries.
    """
    if not sys.platform.startswith("linux"):
        return
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 1 << 20)
        mallopt(_M_TRIM_THRESHOLD, 16 << 20)
        mallopt(_M_ARENA_MAX, 1)
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", "0")  # CatBoost brings an allocator of its own


def trim_heap() -> None:
    """Give back the pages of the heap that nothing uses: glibc alone keeps those below its top.

    Trees are many small pieces. After a search of 200,000 rows they leave tens of MB behind.
    """
    if sys.platform.startswith("linux"):
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
