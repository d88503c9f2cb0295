from __future__ import annotations

import subprocess
import sys

import pytest

# 20 blocks of 4 MiB are freed below one that stays, after a block of 30 MiB made glibc keep such.
FREED = """
import sys
from src.pipelines.memory import return_freed_memory

if sys.argv[1] == "returned":
    return_freed_memory()
large = b"x" * (30 << 20)
del large
blocks = [bytes([i]) * (4 << 20) for i in range(21)]
del blocks[:-1]
with open("/proc/self/statm") as file:
    print(int(file.read().split()[1]) * 4096 >> 20)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's settings")
def test_what_is_freed_goes_back_to_the_system() -> None:
    kept, returned = (
        int(subprocess.run([sys.executable, "-c", FREED, how], check=True, text=True,
                           capture_output=True).stdout)
        for how in ("kept", "returned")
    )  # fmt: skip
    assert kept - returned > 60
