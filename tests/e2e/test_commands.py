"""From a CSV to a prediction in the browser, by the commands that the README gives."""

from __future__ import annotations

import contextlib
import csv
import json
import re
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sampling import first

from .conftest import ROOT, environment, files_below

pytestmark = pytest.mark.e2e


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def gunicorn(folder: Path) -> Iterator[str]:
    """Serve a tree with the README's command; yield its address."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}",
         "application:application"],
        cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health"):
                break
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.communicate(timeout=30)


def post_form(address: str, values: dict[str, str]) -> str:
    """Send the form; return the answer's HTML."""
    data = urllib.parse.urlencode(values).encode()
    with urllib.request.urlopen(address, data) as answer:
        return answer.read().decode()


def post_json(address: str, values: dict[str, object]) -> dict[str, object]:
    request = urllib.request.Request(
        f"{address}/predict", json.dumps(values).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def train_and_serve(clean_tree: Path, command, *options: object) -> dict[str, object]:
    """Train, predict a file, serve, send the same student by form and JSON; compare them all."""
    before = files_below(clean_tree)
    trained = command("train_pipeline", "--json", *options)
    assert trained.returncode == 0, trained.stderr
    summary = json.loads(trained.stdout.splitlines()[-1])
    written = files_below(clean_tree) - before
    assert {Path(name).parts[0] for name in written} == {"artifacts"}

    artifacts = clean_tree / "artifacts"
    with (artifacts / "test.csv").open(encoding="utf-8", newline="") as file:
        student = next(csv.DictReader(file))
    student.pop(summary["target"])
    with (clean_tree / "class.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(student))
        writer.writeheader()
        writer.writerow(student)
    predicted = command("predict_pipeline", "--input", "class.csv", "--output", "predictions.csv")
    assert predicted.returncode == 0, predicted.stderr
    with (clean_tree / "predictions.csv").open(encoding="utf-8", newline="") as file:
        expected = next(csv.DictReader(file))["prediction"]

    with gunicorn(clean_tree) as address:
        page = post_form(address, student)
        answer = post_json(address, dict(student))
    shown = re.search(r'<data[^>]*value="([^"]+)"', page)
    assert shown, "the page shows no prediction"
    assert float(shown[1]) == float(expected) == answer["prediction"] == answer["result"]
    return summary


def test_the_sample_table_trains_and_the_form_answers_as_the_command_does(
    clean_tree: Path, command
) -> None:
    summary = train_and_serve(clean_tree, command)
    assert summary["held_out"]["r2"]["value"] > 0.8
    assert len(summary["leaderboard"]) >= 15
    not_of_this_kind = ("no long upper tail", "no number looks like a code")
    assert all(
        any(words in why for words in not_of_this_kind) for why in summary["left_out"].values()
    )


@pytest.mark.parametrize("budget", ["quick", pytest.param("standard", marks=pytest.mark.slow)])
def test_the_original_table_reaches_an_r2_of_0_87(
    clean_tree: Path, command, real_table, budget: str
) -> None:
    options = "--data", real_table("stud.csv"), "--target", "math score", "--budget", budget
    summary = train_and_serve(clean_tree, command, *options)
    assert summary["held_out"]["r2"]["value"] >= 0.87


@pytest.mark.parametrize(
    ("name", "target", "r2"), first(0, [("uci_mat.csv", "G3", 0.7), ("star3.csv", "math3", 0.45)])
)
def test_other_tables_need_no_change_of_the_code(
    clean_tree: Path, command, real_table, name: str, target: str, r2: float
) -> None:
    summary = train_and_serve(
        clean_tree, command, "--data", real_table(name), "--target", target,
        "--models", "ridge", "gradient_boosting", "--budget", "quick",
    )  # fmt: skip
    assert summary["held_out"]["r2"]["value"] >= r2


@pytest.mark.parametrize(
    "families",
    [
        ["svr", "xgboost"],
        pytest.param(["hist_gradient_boosting", "catboost"], marks=pytest.mark.slow),
    ],
)
def test_two_processes_with_other_jobs_give_equal_metrics_and_predictions(
    clean_tree: Path, command, families: list[str]
) -> None:
    """R1."""
    for jobs in ("1", "2"):
        done = command("train_pipeline", "--quiet", "--jobs", jobs, "--artifacts", f"a{jobs}",
                       "--budget", "quick", "--models", *families)  # fmt: skip
        assert done.returncode == 0, done.stderr
        done = command("predict_pipeline", "--input", "notebooks/data/stud.csv",
                       "--output", f"p{jobs}.csv", "--artifacts", f"a{jobs}")  # fmt: skip
        assert done.returncode == 0, done.stderr
    metrics = [(clean_tree / f"a{jobs}" / "metrics.json").read_bytes() for jobs in (1, 2)]
    predictions = [(clean_tree / f"p{jobs}.csv").read_bytes() for jobs in (1, 2)]
    assert metrics[0] == metrics[1]
    assert predictions[0] == predictions[1]


def test_the_pipelines_run_as_scripts_too_and_a_training_needs_no_hints(clean_tree: Path) -> None:
    """As in the environment of `make setup`, where the project is installed."""
    (clean_tree / "notebooks" / "data" / "stud.schema.toml").unlink()
    done = subprocess.run(
        [sys.executable, "src/pipelines/train_pipeline.py", "--models", "ridge", "--quiet",
         "--budget", "quick", "--target", "Math Score"],
        cwd=clean_tree, env=environment(PYTHONPATH=str(clean_tree)), capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (clean_tree / "artifacts" / "model.pkl").is_file()


def test_nothing_is_installed_by_the_tests() -> None:
    assert not (ROOT / "catboost_info").exists()
