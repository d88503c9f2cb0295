"""A measured process is told from its outside: time, processor, memory of the whole tree."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks import process
from benchmarks.process import MIB, Measurement, clean_environment, measure
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")

HOLD = "b = bytearray(100 << 20); b[::4096] = b'x' * len(b[::4096]); import time; time.sleep(0.4)"
IN_A_CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', {!r}], check=True)"
ORPHAN = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {!r}]).pid)"


@pytest.fixture
def run(tmp_path: Path):
    def run_code(code: str, **options: object) -> Measurement:
        return measure([sys.executable, "-c", code], cwd=tmp_path, **options)

    return run_code


@pytest.mark.parametrize("code", [HOLD, IN_A_CHILD.format(HOLD)], ids=["itself", "its child"])
def test_a_peak_of_100_mib_is_measured_within_a_fifth(run, code) -> None:
    held, empty = run(code), run(code.replace("100 <<", "0 <<").replace("[::4096] =", "[:] ="))
    assert held.status == empty.status == 0
    assert 80 < (held.peak_bytes - empty.peak_bytes) / MIB < 120


def test_a_spike_between_two_readings_is_not_lost(run, monkeypatch) -> None:
    monkeypatch.setattr(process, "INTERVAL_S", 0.3)
    spike = f"{HOLD.partition('import')[0]} del b; import time; time.sleep(0.6)"
    assert run(spike).peak_bytes > 100 * MIB


def test_the_processor_seconds_of_a_child_count(run) -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    for code in (burn, IN_A_CHILD.format(burn)):
        seen = run(code)
        assert 0.28 < seen.cpu_s < 3
        assert seen.wall_s > 0.28


def test_the_output_and_the_status_of_a_process_are_returned(run) -> None:
    seen = run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (seen.status, seen.stdout, seen.stderr) == (3, "out\n", "err\n")
    assert not seen.timed_out


def test_the_first_appearance_of_a_file_is_timed(run, tmp_path) -> None:
    code = "import time, pathlib; time.sleep(0.3); pathlib.Path('there').touch(); time.sleep(0.5)"
    seen = run(code, watch=tmp_path / "there")
    assert seen.appeared_s is not None
    assert 0.3 < seen.appeared_s < seen.wall_s - 0.3
    assert run("", watch=tmp_path / "never").appeared_s is None


def test_a_tree_that_takes_too_long_is_killed(run) -> None:
    seen = run(IN_A_CHILD.format("import time; time.sleep(60)"), timeout_s=0.5)
    assert seen.timed_out
    assert seen.status < 0
    assert seen.wall_s < 10


def test_processes_that_a_process_leaves_behind_are_ended(run, monkeypatch) -> None:
    monkeypatch.setattr(process, "LINGER_S", 0.1)
    left = int(run(ORPHAN.format("import time; time.sleep(60)")).stdout)
    wait_until(lambda: process._memory(left) == (0, 0))


def test_thread_settings_of_the_environment_do_not_reach_a_measured_process(monkeypatch) -> None:
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_NUM_THREADS", "ARTIFACTS_DIR"):
        monkeypatch.setenv(name, "1")
    environment = clean_environment()
    assert not {name for name in environment if name in process.UNSET}
    assert environment["PATH"] == os.environ["PATH"]
