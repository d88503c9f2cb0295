"""The command runs what it was asked for, in turns, and says what it came to."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import train_vs_peers
from benchmarks.development_tables import DevelopmentTable, development_tables, simulate
from benchmarks.process import MIB
from benchmarks.train_vs_peers import main
from benchmarks.training_limits import Training
from benchmarks.training_methods import PEERS

needs_linux = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")


def options(*arguments: str):
    return train_vs_peers._parser().parse_args(arguments)


def test_methods_take_turns_within_a_seed() -> None:
    tables = [DevelopmentTable("stud", "y", Path()), DevelopmentTable("star3", "y", Path())]
    plan = train_vs_peers._plan(tables, ["ridge", "quick"], options("--seeds", "42", "0"))
    assert [(t.name, m, s) for t, m, s in plan][:5] == [
        ("stud", "ridge", 42), ("stud", "quick", 42), ("stud", "ridge", 0), ("stud", "quick", 0),
        ("star3", "ridge", 42),
    ]  # fmt: skip


def test_only_limits_leaves_out_what_no_limit_needs() -> None:
    tables = [DevelopmentTable("stud", "y", Path()), DevelopmentTable("star3", "y", Path())]
    methods = ["tutorial", "blend", "flaml", "quick", "standard"]
    plan = train_vs_peers._plan(tables, methods, options("--only-limits", "--seeds", "1"))
    assert [(t.name, m) for t, m, _ in plan] == [
        ("stud", "tutorial"), ("stud", "flaml"), ("stud", "quick"), ("stud", "standard"),
        ("star3", "flaml"), ("star3", "standard"),
    ]  # fmt: skip


def test_five_seeds_and_all_budgets_are_the_default() -> None:
    chosen = options()
    assert chosen.seeds == [42, 0, 1, 2, 3]
    assert chosen.ours == ["quick", "standard"]
    assert chosen.peers == [*PEERS]


@pytest.mark.parametrize("arguments", [["--tables", "nowhere"], ["--peers", "nobody"]])
def test_an_unknown_name_is_refused_with_the_known_ones(arguments, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "choose from" in capsys.readouterr().err


def test_a_table_that_is_not_there_is_skipped_with_the_reason(tmp_path, monkeypatch) -> None:
    absent = DevelopmentTable("stud", "math_score", tmp_path / "stud.csv")
    monkeypatch.setattr(train_vs_peers, "development_tables", lambda folder: {"stud": absent})
    assert train_vs_peers._tables(["stud"], tmp_path) == (
        [],
        {"stud": f"stud.csv is not in {tmp_path}"},
    )


@pytest.mark.parametrize("name", ["friedman1", "friedman2", "friedman3"])
def test_a_simulated_table_is_the_same_each_time_and_not_solved_by_its_own_formula(
    name, tmp_path
) -> None:
    table = development_tables(tmp_path)[name]
    contents = []
    for _ in range(2):
        simulate(table)
        contents.append(table.path.read_bytes())
    assert contents[0] == contents[1]
    rows = [*csv.reader(contents[0].decode().splitlines())]
    assert len(rows) == 1_001
    assert rows[0][-1] == table.target


@needs_linux
def test_the_command_prints_and_writes_what_it_measured(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    path = tmp_path / "out.json"
    arguments = ["--tables", "sample", "--peers", "ridge", "--ours", "--seeds", "42"]
    assert main([*arguments, "--json", str(path), "--check"]) == 0
    found = json.loads(path.read_text())
    (training,) = found["trainings"]
    assert training["error"] == ""
    assert 0.8 < training["r2"] < 0.95
    assert training["peak_bytes"] > 50 * MIB
    assert training["cpu_s"] > 0
    assert training["promoted_s"] is None
    assert {limit["status"] for limit in found["limits"]} == {"not measured"}
    shown = capsys.readouterr().out
    assert "sample, seed 42: ridge: R² 0." in shown
    assert "What must be shown" in shown


@needs_linux
@pytest.mark.parametrize(
    ("values", "arguments", "status"),
    [
        ({"peak_bytes": 401 * MIB}, [], 0),
        ({"peak_bytes": 401 * MIB}, ["--check"], 1),
        ({"peak_bytes": 399 * MIB}, ["--check"], 0),
        ({"error": "exit status 2: no"}, ["--check"], 1),
    ],
)
def test_only_check_turns_a_failed_limit_or_process_into_a_status(
    values, arguments, status, monkeypatch
) -> None:
    training = replace(
        Training("sample", "quick", 42, 0.88, wall_s=4.0, promoted_s=3.9, cpu_s=4.0), **values
    )
    monkeypatch.setattr(train_vs_peers, "train", lambda *_, **__: training)
    chosen = ["--tables", "sample", "--peers", "--ours", "quick", "--seeds", "42"]
    assert main([*chosen, *arguments]) == status


@needs_linux
def test_resume_measures_only_what_is_not_there_yet(tmp_path, monkeypatch, capsys) -> None:
    measured = []

    def train(table, method, seed, *_, **__) -> Training:
        measured.append((method, seed))
        error = "it broke" if (method, seed, len(measured)) == ("ridge", 1, 2) else ""
        return Training(table.name, method, seed, 0.88, wall_s=4.0, cpu_s=4.0, error=error)

    monkeypatch.setattr(train_vs_peers, "train", train)
    chosen = [
        "--tables",
        "sample",
        "--peers",
        "ridge",
        "--ours",
        "--json",
        str(tmp_path / "o.json"),
    ]
    assert main([*chosen, "--seeds", "0", "1"]) == 0
    assert main([*chosen, "--seeds", "0", "1", "2", "--resume", "--check"]) == 0
    assert measured == [("ridge", 0), ("ridge", 1), ("ridge", 1), ("ridge", 2)]
    kept = json.loads((tmp_path / "o.json").read_text())["trainings"]
    assert [t["seed"] for t in kept] == [0, 1, 2]
    assert "2 processes to measure, 1 measured before." in capsys.readouterr().out
