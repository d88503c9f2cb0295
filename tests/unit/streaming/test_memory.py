"""How much memory is left."""

import pytest

from src.streaming.memory import UNLIMITED, memory_left, memory_to_train

GIB = 1 << 30


@pytest.fixture
def machine(tmp_path):
    """A machine with 8 GiB left."""
    proc = tmp_path / "proc"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text(f"MemTotal: 99 kB\nMemAvailable: {8 << 20} kB\n")
    (proc / "self" / "cgroup").write_text("0::/service/app\n")
    return proc, tmp_path / "cgroup"


def _group(path, limit, stat, names=("memory.max", "anon")):
    path.mkdir(parents=True, exist_ok=True)
    (path / names[0]).write_text(f"{limit}\n")
    (path / "memory.stat").write_text(f"{names[1]} {stat}\nfile {3 * GIB}\n")


def test_without_a_limit_the_machine_says_it(machine):
    assert memory_left(*machine) == 8 * GIB


def test_a_container_leaves_its_limit_less_what_is_taken(machine):
    _group(machine[1] / "service" / "app", 2 * GIB, GIB // 2)
    assert memory_left(*machine) == 2 * GIB - GIB // 2, "what caches files counts as free"


def test_a_limit_further_up_counts_too(machine):
    _group(machine[1] / "service" / "app", "max", 0)
    _group(machine[1] / "service", GIB, 0)
    assert memory_left(*machine) == GIB


def test_first_version_of_control_groups(machine):
    proc, groups = machine
    (proc / "self" / "cgroup").write_text("4:memory:/docker/x\n2:cpu:/\n")
    names = ("memory.limit_in_bytes", "total_rss")
    _group(groups / "memory", GIB, 1 << 20, names)
    assert memory_left(proc, groups) == GIB - (1 << 20), "in a container, its group is the root"
    _group(groups / "memory", 1 << 63, 0, names)
    assert memory_left(proc, groups) == 8 * GIB


def test_this_machine_has_some():
    assert 0 < memory_left() < UNLIMITED


def test_more_cells_take_more():
    assert memory_to_train(10**9) > 100 * GIB > memory_to_train(10**6)
