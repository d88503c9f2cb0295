from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from src.pipelines.train_pipeline import main
from tests.planted_faults import clean_tables

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    def write(**more: list[str]) -> Path:
        columns = clean_tables(0)[0][0] | more
        lines = [columns, *zip(*columns.values(), strict=True)]
        path = tmp_path / "class.csv"
        path.write_text("\n".join(map(",".join, lines)), encoding="utf-8")
        return path

    return write


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(data: Path, *arguments: str) -> tuple[int, str, str]:
        artifacts = tmp_path / "artifacts"
        status = main(["--check", "--data", str(data), "--artifacts", str(artifacts), *arguments])
        assert not artifacts.exists()
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_a_table_that_can_be_trained_on_is_said_to_be(table, check: Command) -> None:
    status, out, _ = check(table(), "--target", "final")
    assert status == 0
    assert "The table can be trained on: 300 rows, 5 features." in out


def test_json_is_one_object_with_findings_columns_and_proposed_hints(table, check: Command) -> None:
    names = [f"Pupil{i}" for i in range(300)]
    status, out, _ = check(table(name=names), "--target", "final", "--json")
    assert status == 0
    found = json.loads(out)
    assert found.keys() == {"ok", "findings", "columns", "proposed_hints"}
    (identifier,) = (f for f in found["findings"] if f["kind"] == "identifier")
    assert (identifier["columns"], identifier["options"]) == (["name"], ["--keep name"])
    (use,) = (c for c in found["columns"] if c["name"] == "name")
    assert use == {"name": "name", "use": "left out", "as": "identifier", "why": "identifier"}


def test_a_leak_is_status_1_until_it_is_dropped(table, check: Command) -> None:
    doubled = [str(2 * int(cell)) for cell in clean_tables(0)[0][0]["final"]]
    path = table(double=doubled)
    status, out, _ = check(path, "--target", "final")
    assert status == 1
    assert "Column double gives the target away" in out
    assert check(path, "--target", "final", "--drop", "double")[0] == 0


@pytest.mark.parametrize(
    ("more", "arguments", "message"),
    [
        ({}, [], "Which column shall be predicted?"),
        ({"FINAL": ["1", "2"] * 150}, ["--target", "final"], "have the same name"),
        ({"word": ["a", "b"] * 150}, ["--target", "word"], "The target word must be a number"),
        ({}, ["--target", "finl"], "there is no column 'finl'. Did you mean 'final'?"),
        ({}, ["--target", "final", "--drop", "final"], "cannot be dropped"),
    ],
)
def test_what_training_refuses_the_check_refuses(
    table, check: Command, more: dict[str, list[str]], arguments: list[str], message: str
) -> None:
    status, _, err = check(table(**more), *arguments)
    assert status == 1
    assert message in err


def test_proposed_hints_are_written_once_and_never_over_a_file(table, check: Command) -> None:
    path = table()
    assert check(path, "--target", "final", "--write-hints")[0] == 0
    written = path.with_name("class.schema.toml")
    assert 'target = "final"' in written.read_text(encoding="utf-8")
    written.write_text('target = "final"\n', encoding="utf-8")
    status, _, err = check(path, "--target", "final", "--write-hints")
    assert status == 1
    assert "class.schema.toml is there already" in err
    assert written.read_text(encoding="utf-8") == 'target = "final"\n'
