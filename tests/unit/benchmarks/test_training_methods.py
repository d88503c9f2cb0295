"""Peers and ours are asked the same, on the same rows, and answer in the same form."""

from __future__ import annotations

import csv
import json
import math
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.development_tables import DevelopmentTable
from benchmarks.peers._peer import parser, read_task, targets_sha256
from benchmarks.process import MIB, Measurement, clean_environment
from benchmarks.training_limits import Training
from benchmarks.training_methods import (
    PEERS,
    PEERS_FOLDER,
    Peer,
    UnusableError,
    _our_outcome,
    _peer_outcome,
    find_interpreters,
    on_same_rows,
    split_positions,
)
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Sixty rows, three of them without a mark, one category missing."""
    dice = random.Random(0)
    path = tmp_path / "marks.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["hours", "course", "mark", "secret"])
        for index in range(60):
            hours, course = dice.randint(0, 10), dice.choice(("done", "none"))
            mark = 20 + 6 * hours + 8 * (course == "done") + dice.gauss(0, 2)
            writer.writerow([hours, "" if index == 7 else course,
                             "" if index in (3, 30, 59) else mark, mark])  # fmt: skip
    return path


def answer(seen: str | dict[str, object], **values: object) -> Measurement:
    text = seen if isinstance(seen, str) else json.dumps(seen)
    defaults = {
        "status": 0, "stdout": text, "stderr": "", "wall_s": 1.0, "cpu_s": 1.0,
        "peak_bytes": MIB, "n_processes": 1, "appeared_s": None, "timed_out": False,
    }  # fmt: skip
    return Measurement(**defaults | values)


def told(table: Path, seed: int, *drop: str) -> list[str]:
    """Return what a peer is told of the table."""
    rows = table.with_suffix(".json")
    positions = split_positions(DevelopmentTable("marks", "mark", table, drop), seed)
    rows.write_text(json.dumps(positions))
    dropping = ["--drop", *drop] if drop else []
    return ["--data", str(table), "--target", "mark", "--seed", str(seed), "--rows", str(rows),
            *dropping]  # fmt: skip


def test_a_peer_answers_in_one_line_and_keeps_its_model(table, tmp_path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    done = subprocess.run(
        [sys.executable, PEERS_FOLDER / "average.py", *told(table, 1, "secret"), "--time", "60",
         "--save", kept],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=clean_environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == {"r2", "rmse", "model", "test_rows", "test_sha256"}
    assert 0.8 < found["r2"] < 1
    assert 0 < found["rmse"] < 10
    assert found["test_rows"] == math.ceil(57 * 0.2)
    assert (kept / "model.pkl").stat().st_size > 0


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_has_a_script(name) -> None:
    assert (PEERS_FOLDER / PEERS[name].script).is_file()


def test_a_dropped_column_reaches_no_peer(table) -> None:
    task = read_task(parser().parse_args(told(table, 1, "secret")))
    assert [*task.X_train] == ["hours", "course"]
    assert (task.numeric, task.categorical) == (["hours"], ["course"])
    assert not set(task.X_train.index) & set(task.X_test.index)


def test_copies_of_a_row_are_on_one_side_for_peers_too(table) -> None:
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines, *lines[1:21]]))
    task = read_task(parser().parse_args(told(table, 42, "secret")))
    train, test = ({*map(tuple, X.assign(y=y).to_numpy().tolist())} for X, y in
                   ((task.X_train, task.y_train), (task.X_test, task.y_test)))  # fmt: skip
    assert len(task.y_train) + len(task.y_test) == 76
    assert not train & test


def test_our_outcome_names_the_rows_that_a_peer_names(table, tmp_path) -> None:
    artifacts = tmp_path / "artifacts"
    result = TrainPipeline(
        TrainConfig(str(table), target="mark", models=("ridge",), artifacts=artifacts, seed=1)
    ).run()
    task = read_task(parser().parse_args(told(table, 1)))
    said = {
        "held_out": {"r2": {"value": 0.9}, "rmse": {"value": 2.0}},
        "model": "Ridge",
        "elapsed_s": 1.5,
        "seconds_to_promotion": 1.2,
    }
    training = _our_outcome(Training("t", "default", 1), answer(said), artifacts)
    assert training.test_sha256 == targets_sha256(task.y_test)
    assert (training.r2, training.rmse) == (0.9, 2.0)
    assert training.said == {"elapsed_s": 1.5, "seconds_to_promotion": 1.2}
    folder = result.run.folder
    assert training.size_bytes == sum(path.stat().st_size for path in folder.iterdir())


def test_other_test_rows_are_refused() -> None:
    ridge = Training("t", "ridge", 1, test_sha256="a")
    assert on_same_rows(replace(ridge, method="quick"), [ridge]).error == ""
    other = replace(ridge, method="quick", test_sha256="b")
    assert on_same_rows(other, [ridge]).error == "its test rows are not those of ridge"
    assert on_same_rows(replace(other, seed=2), [ridge]).error == ""


def test_the_hash_depends_on_the_order_and_twelve_digits() -> None:
    assert targets_sha256([1, 2.5]) == targets_sha256([math.nextafter(1, 2), 2.5])
    assert targets_sha256([2.5, 1]) != targets_sha256([1, 2.5])
    assert targets_sha256([1.0000000001, 2.5]) != targets_sha256([1, 2.5])
    with pytest.raises(ValueError, match="missing"):
        targets_sha256([math.nan])


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (answer("", timed_out=True), "killed after 1 s"),
        (
            answer("", status=1, stderr="Traceback\nValueError: no\n"),
            "exit status 1: ValueError: no",
        ),
        (answer("done\n"), "no JSON"),
        (answer("[1]"), "no JSON object"),
        (answer({"r2": 1}), "lacks 'rmse'"),
    ],
)
def test_an_answer_that_cannot_be_used_says_why(seen, reason, tmp_path) -> None:
    with pytest.raises(UnusableError, match=reason):
        _peer_outcome(Training("t", "ridge", 1), seen, tmp_path)


def test_a_peer_that_is_not_installed_is_skipped_with_the_reason(monkeypatch) -> None:
    absent = Peer("flaml_peer.py", "no_such_module", "no-such-package")
    monkeypatch.setitem(PEERS, "flaml", absent)
    nowhere = Path("/nowhere/python")
    pythons, versions, missing = find_interpreters(["ridge", "flaml"], [nowhere])
    assert pythons == {"ridge": Path(sys.executable)}
    assert versions == {}
    assert "/nowhere/python" in missing["flaml"]
    assert "No module named 'no_such_module'" in missing["flaml"]


def test_the_first_interpreter_that_has_a_package_is_taken(monkeypatch) -> None:
    monkeypatch.setitem(PEERS, "flaml", Peer("flaml_peer.py", "pytest", "pytest"))
    pythons, versions, missing = find_interpreters(["flaml"], [Path("/nowhere/python")])
    assert pythons == {"flaml": Path(sys.executable)}
    assert versions == {"flaml": pytest.__version__}
    assert missing == {}
