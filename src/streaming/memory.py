"""How much memory there is, and whether a table fits into it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

# Of training in memory: what a table's cells take at the worst, as text, as numbers and in folds.
BYTES_A_CELL, BYTES_BESIDE = 200, 300 << 20
PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
UNLIMITED = 1 << 60


def memory_to_train(n_cells: int) -> int:
    """Return roughly how many bytes training in memory takes at its peak."""
    return BYTES_BESIDE + BYTES_A_CELL * n_cells


def memory_left(proc: Path = PROC, cgroups: Path = CGROUPS) -> int:
    """Return how many bytes this process may still take.

    That is what the machine has left, or what the limits of its control groups (a container's, a
    service's) leave: whichever is less. What only caches files counts as free.
    """
    found = [left for left in (_of_machine(proc), *_of_groups(proc, cgroups)) if left is not None]
    return min(found, default=UNLIMITED)


def _of_machine(proc: Path) -> int | None:
    with suppress(OSError, ValueError):
        for line in (proc / "meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    with suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _of_groups(proc: Path, cgroups: Path) -> list[int]:
    """Return what each control group above this process leaves of its limit."""
    found = []
    with suppress(OSError, ValueError):
        for line in (proc / "self" / "cgroup").read_text("utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            second = not controllers  # the one hierarchy of version 2
            if not second and "memory" not in controllers.split(","):
                continue
            root = cgroups if second else cgroups / "memory"
            names = ("memory.max", "anon") if second else ("memory.limit_in_bytes", "total_rss")
            group = root / path.lstrip("/")
            while group == root or root in group.parents:  # in a container, its path may be unseen
                left = _left(group, *names)
                found += [] if left is None else [left]
                group = group.parent
    return found


def _left(group: Path, limit: str, taken: str) -> int | None:
    with suppress(OSError, ValueError):
        most = (group / limit).read_text("ascii").strip()
        if most == "max" or int(most) >= UNLIMITED:
            return None
        for line in (group / "memory.stat").read_text("ascii").splitlines():
            name, _, n_bytes = line.partition(" ")
            if name == taken:
                return max(0, int(most) - int(n_bytes))
    return None
