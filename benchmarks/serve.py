"""Serve ours, bare Flask and the straightforward server under the same gunicorn; drive each.

``python -m benchmarks.serve``; needs Linux and wrk (apt-get install wrk).

bare Flask    parses the body, answers a constant
DataFrame     pickles loaded once, a DataFrame for each request
threads only  the app as it is deployed, under gunicorn's own worker with threads
ours          the app as it is deployed, everything switched on

Each is started anew in each repetition, in another order, so that a slow moment hits all of them.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process import clean_environment
from benchmarks.wsgi import PATH, sample_record, train
from src.config import ROOT

APPS = {
    "bare Flask": "benchmarks.servers.bare:application",
    "DataFrame": "benchmarks.servers.dataframe:application",
    "threads only": "application:application",
    "ours": "application:application",
}
SETTINGS = {"threads only": {"GUNICORN_CMD_ARGS": "--worker-class gthread"}}
CONNECTIONS = 16
MIB = 1 << 20


@dataclass(frozen=True)
class Served:
    """What one server did: times in milliseconds unless they say otherwise."""

    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float  # processor time of all its processes, a request
    rss_mib: float  # of the worker
    pss_mib: float  # of all its processes
    start_s: float  # to the first answer
    errors: int


@contextmanager
def running(
    app: str, artifacts: Path, log: Path, workers: int, **settings: str
) -> Iterator[tuple[int, int, float]]:
    """Run gunicorn; yield its pid, its port and the seconds to the first answer."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = clean_environment() | {
        "ARTIFACTS_DIR": str(artifacts), "APP_ENV": "production", **settings,
    }  # fmt: skip
    started = time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers",
             str(workers), "--threads", "15", app],
            cwd=ROOT, env=environment, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        while not answers(port):
            if process.poll() is not None or time.perf_counter() - started > 60:
                raise RuntimeError(f"{app} did not start: {log.read_text()[-2000:]}")
            time.sleep(0.002)
        yield process.pid, port, time.perf_counter() - started
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def answers(port: int) -> bool:
    """Whether a record is answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        body = json.dumps(sample_record())
        connection.request("POST", PATH, body, {"Content-Type": "application/json"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def family(pid: int) -> list[int]:
    """Return a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def cpu_s(pid: int) -> float:
    """Return the processor seconds of a process and its children."""
    ticks = 0
    for each in family(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int, kind: str) -> float:
    """Return a process's ``Rss`` or ``Pss``."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(rf"^{kind}:\s+(\d+) kB", text, re.MULTILINE)[1]) / 1024


def drive(port: int, seconds: int, script: Path) -> tuple[float, float, float, int, int]:
    """Return requests a second, p50 and p99 in ms, requests and errors of a run of wrk."""
    said = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script),
         f"http://127.0.0.1:{port}{PATH}"],
        capture_output=True, text=True, check=True, env=clean_environment(),
    ).stdout  # fmt: skip
    numbers = dict(re.findall(r"^RESULT (\w+) ([\d.]+)$", said, re.MULTILINE))
    n_requests = int(float(numbers["requests"]))
    return (
        n_requests / (float(numbers["duration"]) / 1e6),
        float(numbers["p50"]) / 1000,
        float(numbers["p99"]) / 1000,
        n_requests,
        int(float(numbers["errors"])),
    )


def write_script(path: Path) -> Path:
    """Write what wrk sends, and how it tells what came of it."""
    body = json.dumps(sample_record())
    path.write_text(
        f"""wrk.method = "POST"
wrk.body = [[{body}]]
wrk.headers["Content-Type"] = "application/json"
function done(summary, latency, requests)
  local e = summary.errors
  print(string.format("RESULT requests %d", summary.requests))
  print(string.format("RESULT duration %d", summary.duration))
  print(string.format("RESULT p50 %d", latency:percentile(50)))
  print(string.format("RESULT p99 %d", latency:percentile(99)))
  print(string.format("RESULT errors %d", e.connect + e.read + e.write + e.status + e.timeout))
end
"""
    )
    return path


def serve_once(app: str, artifacts: Path, folder: Path, seconds: int, **settings: str) -> Served:
    """Start a server with one worker, warm it, drive it, and stop it."""
    script = write_script(folder / "post.lua")
    with running(app, artifacts, folder / "log", workers=1, **settings) as (pid, port, start_s):
        drive(port, 1, script)
        before = cpu_s(pid)
        per_s, p50, p99, n, errors = drive(port, seconds, script)
        spent = cpu_s(pid) - before
        processes = family(pid)
        return Served(
            per_s, p50, p99, spent / n * 1e6,
            max(memory_mib(one, "Rss") for one in processes[1:]),
            sum(memory_mib(one, "Pss") for one in processes), start_s, errors,
        )  # fmt: skip


def two_workers_pss_mib(artifacts: Path, folder: Path) -> float:
    """Return the PSS of our two workers after they answered some seconds, the master left out."""
    script = write_script(folder / "post.lua")
    with running(APPS["ours"], artifacts, folder / "log", workers=2) as (pid, port, _):
        drive(port, 3, script)
        return sum(memory_mib(one, "Pss") for one in family(pid)[1:])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serve",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", default="ridge", help="kind to train (default: %(default)s)")
    parser.add_argument("--artifacts", type=Path, help="a trained model, in place of training one")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="that each is driven (default: 5)")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a limit is missed")
    options = parser.parse_args(arguments)
    if not shutil.which("wrk") or not Path("/proc/self/smaps_rollup").exists():
        parser.error("this needs Linux and wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        artifacts = options.artifacts or folder / "artifacts"
        if options.artifacts is None:
            train(artifacts, options.model)
        found: dict[str, list[Served]] = {app: [] for app in APPS}
        orders = itertools.cycle(itertools.permutations(APPS))
        for _ in range(options.repetitions):
            for app in next(orders):
                settings = SETTINGS.get(app, {})
                found[app].append(
                    serve_once(APPS[app], artifacts, folder, options.seconds, **settings)
                )
        pss = two_workers_pss_mib(artifacts, folder)
    return report(found, pss, check=options.check)


def report(found: dict[str, list[Served]], pss: float, *, check: bool) -> int:
    """Print the tables, and return the exit status."""
    columns = {
        "req/s": "per_s", "p50 ms": "p50_ms", "p99 ms": "p99_ms", "CPU µs": "cpu_us",
        "RSS MiB": "rss_mib", "PSS MiB": "pss_mib", "start s": "start_s", "errors": "errors",
    }  # fmt: skip
    print(f"{'1 worker × 15 threads, medians':32}" + "".join(f"{name:>10}" for name in columns))

    def median(app: str, field: str) -> float:
        return statistics.median(getattr(served, field) for served in found[app])

    for app in found:
        values = [median(app, field) for field in columns.values()]
        print(f"{app:32}" + "".join(f"{value:10.4g}" for value in values))
    ours, bare, frame, threads = "ours", "bare Flask", "DataFrame", "threads only"
    limits = [
        ("req/s, times the DataFrame server's", median(ours, "per_s") / median(frame, "per_s"),
         "≥", 8.0),
        ("req/s, times gunicorn's own threads'", median(ours, "per_s") / median(threads, "per_s"),
         "≥", 1.3),
        ("start, times bare Flask's", median(ours, "start_s") / median(bare, "start_s"), "≤", 2.0),
        ("RSS, times bare Flask's", median(ours, "rss_mib") / median(bare, "rss_mib"), "≤", 1.3),
        ("PSS of two workers, MB", pss * MIB / 1e6, "<", 80.0),
        ("requests that failed", float(sum(s.errors for s in found[ours])), "≤", 0.0),
    ]  # fmt: skip
    failed = False
    for claim, value, sign, bound in limits:
        holds = value >= bound if sign == "≥" else value <= bound
        failed |= not holds
        print(f"{claim:40}{value:9.2f}   {sign} {bound:<6g}{'ok' if holds else 'FAILED'}")
    print(f"req/s, times bare Flask's: {median(ours, 'per_s') / median(bare, 'per_s'):.2f}")
    return int(check and failed)


if __name__ == "__main__":
    sys.exit(main())
