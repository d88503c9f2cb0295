from __future__ import annotations

import subprocess
import sys

import pytest

# 20 blocks of 4 MiB are freed below one that stays, after a block of 30 MiB made glibc keep such.
FREED = """
import sys
from src.search.memory import return_freed_memory

if sys.argv[1] == "returned":
    return_freed_memory()
large = b"x" * (30 << 20)
del large
blocks = [bytes([i]) * (4 << 20) for i in range(21)]
del blocks[:-1]
with open("/proc/self/statm") as file:
    print(int(file.read().split()[1]) * 4096 >> 20)
"""

# Of 40,000 small pieces the last one stays: below it, glibc keeps the pages of all others.
SMALL_PIECES = """
import ctypes
from src.search.memory import trim_heap

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

def held():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20

pieces = [libc.malloc(2_000) for _ in range(40_000)]
for piece in pieces:
    ctypes.memset(piece, 1, 2_000)
for piece in pieces[:-1]:
    libc.free(piece)
before = held()
trim_heap()
print(before - held())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's settings")
def test_what_is_freed_goes_back_to_the_system() -> None:
    kept, returned = (
        int(subprocess.run([sys.executable, "-c", FREED, how], check=True, text=True,
                           capture_output=True).stdout)
        for how in ("kept", "returned")
    )  # fmt: skip
    assert kept - returned > 60


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone keeps such pages")
def test_small_pieces_that_are_freed_go_back_to_the_system() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SMALL_PIECES], check=True, text=True, capture_output=True
    )
    assert int(done.stdout) > 60
