"""Call WSGI apps directly, without sockets: ours beside what bare Flask costs on this machine.

``python -m benchmarks.wsgi``

bare Flask              a view that parses the JSON body and answers a constant
equal Flask             the same with the headers and the body that ours sends, counted and logged
                        alike: our own middleware is around it
equal Flask, encoded    the same, but the constant is JSON already
ours                    the app as it is deployed
ours, guarded           the same with API keys, a rate limit and trusted hosts
ours, by Flask          the app as it is deployed, asked so that Flask's view has to answer

Then the page of a result, without sockets too:

bare Flask, a page      a view that reads the form and renders a Jinja template of the same fields
                        and bytes from constants: no model, no log
ours                    the record is predicted, explained and predicted again for other choices,
                        the request counted and logged; each call is about another student

They take turns, in another order each time, so that a slow moment hits all of them.
"""

from __future__ import annotations

import argparse
import csv
import gc
import importlib
import io
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

from benchmarks.process import clean_environment
from benchmarks.result_page import bare_page, sent_form
from src.config import ROOT, SAMPLE_TABLE, Settings
from src.logger import AccessLog
from src.utils import sha256
from src.web.middleware.instrumentation import Operations
from src.web.middleware.metrics import Metrics
from src.web.model_holder import ModelHolder

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

PATH = "/api/v1/predict"
KEY = "a key that nobody uses elsewhere"
LIMITS = {"equal Flask": 0.90, "bare Flask": 0.60, "bare Flask, a page": 0.40}
CONSTANT = {"prediction": 65.3}
# Each outcome with the least score that it takes.
OUTCOMES: dict[str, dict[str, float]] = {
    "binary": {"Fail": 0, "Pass": 60},
    "ordinal": {"Low": 0, "Medium": 55, "High": 75},
    "classes": {"Art": 0, "Law": 55, "Zoology": 75},
}
TASKS = ("regression", *OUTCOMES)


@dataclass(frozen=True)
class Timing:
    """Microseconds a call of each app, by repetition."""

    microseconds: Mapping[str, Sequence[float]]

    def median(self, name: str) -> float:
        return statistics.median(self.microseconds[name])

    def speed_of(self, name: str, peer: str) -> float:
        """Return how many calls `name` answers in the time that `peer` takes for one."""
        return self.median(peer) / self.median(name)


def bare_flask(path: str = PATH) -> Flask:
    """Return an app that parses the body and answers a constant."""
    app = Flask("bare")

    @app.post(path)
    def predict() -> dict[str, float]:
        request.get_json()
        return CONSTANT

    return app


def equal_flask(body: bytes, path: str = PATH, *, encoded: bool) -> Flask:
    """Return an app that sends a constant with our headers, counted and logged as ours are.

    Parameters
    ----------
    body : bytes
        What ours answers.
    encoded : bool
        Whether the constant is sent as it is, rather than made JSON of for each answer.
    """
    app = Flask("equal")
    app.json.sort_keys = False  # type: ignore[attr-defined]
    value = json.loads(body)

    @app.post(path)
    def predict() -> Response | dict[str, Any]:
        request.get_json()
        return Response(body, mimetype="application/json") if encoded else value

    metrics = Metrics([("POST", path)])
    app.wsgi_app = Operations(app.wsgi_app, metrics, AccessLog())  # type: ignore[method-assign]
    return app


def environ_for(body: bytes, path: str = PATH) -> dict[str, Any]:
    """Return what gunicorn hands an app for a request of curl behind nginx."""
    return {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "",
        "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000", "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "gunicorn", "RAW_URI": path, "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "40000", "HTTP_HOST": "127.0.0.1:8000", "HTTP_ACCEPT": "*/*",
        "HTTP_USER_AGENT": "curl/8", "HTTP_X_FORWARDED_FOR": "192.0.2.1",
        "HTTP_AUTHORIZATION": f"Bearer {KEY}",
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr,
        "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
    }  # fmt: skip


def call(app: App, environ: Mapping[str, Any], body: bytes) -> tuple[str, list[Any], bytes]:
    """Answer one request as a server would: status, headers and the whole body."""
    answer: list[Any] = []
    chunks = app(
        {**environ, "wsgi.input": io.BytesIO(body)},
        lambda status, headers, exc_info=None: answer.extend((status, headers)),
    )
    try:
        whole = b"".join(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    return answer[0], answer[1], whole


def compare(
    apps: Mapping[str, App],
    requests: Sequence[tuple[Mapping[str, Any], bytes]],
    *,
    repetitions: int,
    calls: int,
) -> Timing:
    """Return what a call of each app takes.

    Parameters
    ----------
    requests : sequence of (mapping, bytes)
        Environments and bodies, in turns; every app must answer them with 200.
    repetitions, calls : int
        Each repetition calls every app so many times, one app after the other.

    Raises
    ------
    RuntimeError
        If an app answers anything but 200.
    """
    turns = {name: itertools.cycle(requests) for name in apps}
    taken: dict[str, list[float]] = {name: [] for name in apps}
    for name, app in apps.items():
        for _ in range(calls):
            status, _, answer = call(app, *next(turns[name]))
            if not status.startswith("200"):
                raise RuntimeError(f"{name} answers {status}: {answer[:500]!r}")
    orders = itertools.cycle(itertools.permutations(apps))
    for _ in range(repetitions):
        for name in next(orders):
            app, turn = apps[name], turns[name]
            gc.collect()
            started = time.perf_counter()
            for _ in range(calls):
                call(app, *next(turn))
            taken[name].append((time.perf_counter() - started) / calls * 1e6)
    return Timing(taken)


def deployed_app(artifacts: Path) -> Flask:
    """Return `application` as production imports it."""
    os.environ |= {"APP_ENV": "production", "ARTIFACTS_DIR": str(artifacts)}
    return importlib.import_module("application").application


def train(artifacts: Path, model: str, task: str = "regression") -> None:
    """Train one kind of model on the sample table, in a process of its own.

    Parameters
    ----------
    task : str
        One of :data:`TASKS`: scores are made outcomes by :data:`OUTCOMES`.
    """
    command = [sys.executable, "-m", "src.pipelines.train_pipeline", "--models", model, "--budget",
               "quick", "--artifacts", str(artifacts)]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        if task != "regression":
            table = Path(folder) / "outcomes.csv"
            write_outcomes(table, OUTCOMES[task])
            command += ["--data", str(table), "--target", "outcome"]
        subprocess.run(
            command, cwd=ROOT, env=clean_environment(), check=True, stdout=subprocess.DEVNULL
        )


def write_outcomes(table: Path, from_score: Mapping[str, float]) -> None:
    """Write the sample table with an outcome in place of the mathematics score."""
    with SAMPLE_TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        score = float(row.pop("math_score"))
        row["outcome"] = [name for name, least in from_score.items() if score >= least][-1]
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def sample_record() -> dict[str, object]:
    """Return a record that fits the sample table."""
    return {
        "gender": "female", "race_ethnicity": "group C",
        "parental_level_of_education": "some college", "lunch": "standard",
        "test_preparation_course": "none", "reading_score": 72, "writing_score": 74,
    }  # fmt: skip


def students() -> list[dict[str, object]]:
    """Return the records of the sample table, as a form sends them."""
    names = sample_record()
    with SAMPLE_TABLE.open(encoding="utf-8", newline="") as file:
        return [{name: row[name] for name in names} for row in csv.DictReader(file)]


def report(timing: Timing, *, check: bool) -> int:
    """Print the table, and return the exit status."""
    print(f"{'':24}{'µs a call':>11}{'spread':>18}{'ours is':>9}{'limit':>7}")
    failed = False
    for name in timing.microseconds:
        values = timing.microseconds[name]
        spread = f"{min(values):.1f} to {max(values):.1f}"
        line = f"{name:24}{timing.median(name):11.1f}{spread:>18}"
        if not name.startswith("ours"):
            ratio, limit = timing.speed_of("ours", name), LIMITS.get(name)
            line += f"{ratio:9.2f}"
            if limit is not None:
                failed |= ratio < limit
                line += f"{limit:7.2f}  {'ok' if ratio >= limit else 'FAILED'}"
        print(line)
    return int(check and failed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.wsgi",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", default="ridge", help="kind to train (default: %(default)s)")
    parser.add_argument(
        "--task", choices=TASKS, default=TASKS[0], help="of the sample table (default: %(default)s)"
    )
    parser.add_argument("--artifacts", type=Path, help="a trained model, in place of training one")
    parser.add_argument("--repetitions", type=int, default=40)
    parser.add_argument("--calls", type=int, default=500, help="of each app in a repetition")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a limit is missed")
    options = parser.parse_args(arguments)
    if len(os.environ) != len(clean_environment()):
        command = [sys.executable, "-m", "benchmarks.wsgi", *(arguments or sys.argv[1:])]
        os.execve(sys.executable, command, clean_environment())
    with tempfile.TemporaryDirectory() as folder:
        artifacts = options.artifacts or Path(folder) / "artifacts"
        if options.artifacts is None:
            train(artifacts, options.model, options.task)
        # Log lines are written as in production, into a file rather than over this table.
        log = (Path(folder) / "log").open("w", buffering=1)
        sys.stderr, screen = log, sys.stderr
        ours = deployed_app(artifacts)
        guarded = importlib.import_module("application").create_app(
            Settings(app_env="production", artifacts_dir=artifacts, rate_limit=10**9,
                     api_keys=sha256(KEY.encode()), trusted_hosts=("127.0.0.1",))
        )  # fmt: skip
        body = json.dumps(sample_record()).encode()
        answer = call(ours, environ_for(body), body)[2]
        apps = {
            "bare Flask": bare_flask(),
            "equal Flask": equal_flask(answer, encoded=False),
            "equal Flask, encoded": equal_flask(answer, encoded=True),
            "ours": ours,
            "ours, guarded": guarded,
            "ours, by Flask": lambda environ, start: ours({**environ, "QUERY_STRING": "x"}, start),
        }
        timing = compare(
            apps, [(environ_for(body), body)], repetitions=options.repetitions, calls=options.calls
        )
        page = call(ours, *sent_form(environ_for(b""), sample_record()))[2]
        pages = compare(
            {"bare Flask, a page": bare_page(page), "ours": ours},
            [sent_form(environ_for(b""), record) for record in students()],
            repetitions=options.repetitions, calls=max(1, options.calls // 10),
        )  # fmt: skip
        sys.stderr = screen
        log.close()
        holder: ModelHolder = ours.extensions[ModelHolder.EXTENSION]
        print(f"{PATH}, {holder.predictor().run.manifest.model}, {options.calls} calls × "
              f"{options.repetitions} repetitions")  # fmt: skip
    failed = report(timing, check=options.check)
    print(f"\nThe page of a result, {len(page):,} bytes")
    return failed | report(pages, check=options.check)


if __name__ == "__main__":
    sys.exit(main())
