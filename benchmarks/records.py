"""What keeping predictions costs: the app with records beside the same app without.

``python -m benchmarks.records``; it needs Linux, the served part wrk too (apt-get install wrk).

added       the WSGI apps take short turns, without sockets; processor time of the thread that
            answers, while the process that writes waits: what one call costs more
called      the same in long turns, beside the process that writes, which may share a core; and
            processor time of both processes, until the last prediction is written
served      gunicorn with one worker, driven by wrk, the apps in turns

``--url`` names the database; a file of SQLite in a temporary folder unless given.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from flask import Flask

from application import create_app
from benchmarks.serve import APPS, cpu_s, serve_once
from benchmarks.wsgi import call, environ_for, sample_record, train
from src.config import Settings
from src.web.recording import Recording

KEY = "a key of the benchmark"
MOST_ADDED_US = 15.0
TURNS, TURN_CALLS = 60, 500
LEAST_CALLED, LEAST_SERVED = 0.6, 0.9


def time_called(app: Flask, n_calls: int) -> tuple[float, float]:
    """Return microseconds of processor time a call: of the thread that answers, and of all.

    All is the app's process and the one that writes, until every prediction is written.
    """
    body = json.dumps(sample_record()).encode()
    environ = environ_for(body)
    recording: Recording | None = app.extensions.get(Recording.EXTENSION)
    before = sum(recording.counts().values()) if recording else 0
    thread, whole = time.thread_time(), cpu_s(os.getpid())
    for _ in range(n_calls):
        call(app.wsgi_app, environ, body)
    thread = time.thread_time() - thread
    while recording and sum(recording.counts().values()) < before + n_calls:
        time.sleep(0.01)
    return thread / n_calls * 1e6, (cpu_s(os.getpid()) - whole) / n_calls * 1e6


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.records",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--url", help="of the database")
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--calls", type=int, default=5_000, help="of each app in a repetition")
    parser.add_argument("--seconds", type=int, default=5, help="that each is driven (default: 5)")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a limit is missed")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        artifacts = folder / "artifacts"
        train(artifacts, "ridge")
        url = options.url or f"sqlite:///{folder}/records.db"
        with (folder / "log").open("w", buffering=1) as log:
            screen, sys.stderr = sys.stderr, log
            failed = called(artifacts, url, options.repetitions, options.calls)
            sys.stderr = screen
        if shutil.which("wrk") and Path("/proc/self/smaps_rollup").exists():
            failed |= served(artifacts, url, folder, options.seconds)
    return int(options.check and failed)


def called(artifacts: Path, url: str, repetitions: int, n_calls: int) -> bool:
    """Print what is added to a call, and return whether a limit is missed."""
    off = create_app(Settings(app_env="production", artifacts_dir=artifacts))
    on = create_app(
        Settings(app_env="production", artifacts_dir=artifacts, records_url=url, records_key=KEY)
    )
    for app in (off, on):
        time_called(app, 200)
    turns = [[time_called(app, TURN_CALLS)[0] for app in (off, on)] for _ in range(TURNS)]
    added = statistics.median(with_records - without for without, with_records in turns)
    times: dict[str, list[tuple[float, float]]] = {"off": [], "on": []}
    for i in range(repetitions):
        for label in ("off", "on") if i % 2 else ("on", "off"):
            times[label].append(time_called({"off": off, "on": on}[label], n_calls))
    (thread_off, whole_off), (thread_on, whole_on) = (
        map(statistics.median, zip(*times[label], strict=True)) for label in ("off", "on")
    )
    lost = on.extensions[Recording.EXTENSION].counts()["lost"]
    on.extensions[Recording.EXTENSION].recorder.close()
    print(f"the answering thread:     {thread_off:.1f} µs off, {thread_on:.1f} µs on")
    print(f"with the one that writes: {whole_off:.1f} µs off, {whole_on:.1f} µs on; {lost} lost")
    missed = told("added to the request, µs", added, "≤", MOST_ADDED_US)
    return missed | told("called, on / off", whole_off / whole_on, "≥", LEAST_CALLED)


def served(artifacts: Path, url: str, folder: Path, seconds: int) -> bool:
    """Print what is served a second with and without, and return whether a limit is missed."""
    settings = {"RECORDS_URL": url, "RECORDS_KEY": KEY}
    per_s: dict[str, list[float]] = {"off": [], "on": []}
    for label in ("off", "on", "on", "off", "off", "on"):
        given = settings if label == "on" else {}
        found = serve_once(APPS["ours"], artifacts, folder, seconds, **given)
        per_s[label].append(found.per_s)
    off, on = (statistics.median(per_s[label]) for label in ("off", "on"))
    print(f"requests a second: {off:,.0f} off, {on:,.0f} on")
    return told("served, on / off", on / off, "≥", LEAST_SERVED)


def told(claim: str, value: float, sign: str, bound: float) -> bool:
    """Print a figure beside its limit, and return whether it is missed."""
    holds = value >= bound if sign == "≥" else value <= bound
    print(f"{claim:28}{value:9.2f}   {sign} {bound:<6g}{'ok' if holds else 'FAILED'}")
    return not holds


if __name__ == "__main__":
    sys.exit(main())
