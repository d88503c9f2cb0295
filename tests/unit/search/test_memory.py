from __future__ import annotations

import subprocess
import sys

import pytest

# Of 40,000 small pieces the last one stays: below it, glibc keeps the pages of all others.
FREED = """
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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone keeps such pages")
def test_small_pieces_that_are_freed_go_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", FREED], check=True, text=True, capture_output=True)
    assert int(done.stdout) > 60
