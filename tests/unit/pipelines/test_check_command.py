from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from src.pipelines.train_pipeline import main
from tests.planted_faults import clean_tables

Command = Callable[..., tuple[int, str, str]]
FINAL = clean_tables(0)[0][0]["final"]


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


def test_an_option_that_the_advice_names_is_said_once(table, check: Command) -> None:
    passed = [str(int(float(mark) > 45)) for mark in FINAL]
    _, out, _ = check(table(final=passed), "--target", "final")
    assert "one of 2 outcomes" in out
    assert out.count("--task regression") == 1


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
    doubled = [str(2 * int(cell)) for cell in FINAL]
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
        ({"a": FINAL, "A": FINAL}, ["--target", "final"], "have the same name"),
        ({"word": ["a"] * 300}, ["--target", "word"], "The target word must be a number"),
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


# --- each option, and each hint, once -------------------------------------------------------------


def found(out: str) -> dict[str, Any]:
    return json.loads(out.splitlines()[-1])


def severities(out: str) -> set[tuple[str, str]]:
    return {(f["severity"], f["kind"]) for f in found(out)["findings"]}


def hint(path: Path, text: str) -> None:
    path.with_name("class.schema.toml").write_text(text, encoding="utf-8")


def use(out: str, name: str) -> str:
    return next(c["use"] for c in found(out)["columns"] if c["name"] == name)


def test_a_kept_column_is_a_feature(table, check: Command) -> None:
    path = table(name=[f"Pupil{i}" for i in range(300)])
    status, out, _ = check(path, "--target", "final", "--keep", "name", "--json")
    assert (status, use(out, "name")) == (0, "feature")


def test_the_pupils_column_is_named_or_denied(table, check: Command) -> None:
    path = table(class_no=[str(k % 60) for k in range(300)])
    _, out, _ = check(path, "--target", "final", "--pupil", "class_no", "--json")
    assert ("note", "repeated_pupil") in severities(out)
    assert use(out, "class_no") == "left out"
    _, out, _ = check(path, "--target", "final", "--pupil", "none", "--json")
    assert ("note", "repeated_pupil") not in severities(out)
    status, _, err = check(path, "--target", "final", "--pupil", "clas_no")
    assert status == 1
    assert "Did you mean 'class_no'?" in err


def test_what_is_known_before_the_target_is_no_leak(table, check: Command) -> None:
    doubled = [str(2 * int(cell)) for cell in FINAL]
    path = table(double=doubled)
    hint(path, "[columns.double]\nknown_before = true\n")
    assert check(path, "--target", "final")[0] == 0


def test_what_stands_for_no_value_is_learnt_from_the_hints(table, check: Command) -> None:
    seen = ["999" if k % 15 == 0 else str(40 + k % 50) for k in range(300)]
    path = table(seen=seen)
    assert ("warning", "sentinel") in severities(check(path, "--target", "final", "--json")[1])
    hint(path, "[columns.seen]\nmissing = [999]\n")
    assert severities(check(path, "--target", "final", "--json")[1]) == set()


def test_a_sheet_is_chosen_or_all_are_read(tmp_path: Path, table, check: Command) -> None:
    rows = [line.split(",") for line in table().read_text("utf-8").splitlines()]
    book = openpyxl.Workbook()
    sheets = [book.active, book.create_sheet("8B")]
    sheets[0].title = "8A"
    for sheet, part in zip(sheets, (rows[1:151], rows[151:]), strict=True):
        for row in (rows[0], *part):
            sheet.append([int(cell) if cell.isdigit() else cell for cell in row])
    path = tmp_path / "classes.xlsx"
    book.save(path)
    status, out, _ = check(path, "--target", "final", "--json")
    assert (status, severities(out)) == (0, {("warning", "other_sheets")})
    _, out, _ = check(path, "--target", "final", "--all-sheets", "--json")
    assert severities(out) == set()
    assert use(out, "sheet") == "feature"
    assert "150 rows" in check(path, "--target", "final", "--sheet", "8B")[1]
    status, _, err = check(path, "--target", "final", "--sheet", "9Z")
    assert status == 1
    assert "8A" in err
    assert check(table(), "--target", "final", "--sheet", "8B")[0] == 1


def test_proposed_hints_are_hints_once_a_person_agrees(table, check: Command) -> None:
    """Each line that is no longer a comment answers what was asked."""
    path = table(
        double=[str(2 * int(cell)) for cell in FINAL],
        seen=["999" if k % 15 == 0 else str(40 + k % 50) for k in range(300)],
        rate=[str(40 + k % 60) if k % 3 else f"0.{40 + k % 60}" for k in range(300)],
        region_code=[str(1 + k % 7) for k in range(300)],
    )
    status, out, _ = check(path, "--target", "final", "--json", "--write-hints")
    assert status == 1
    written = path.with_name("class.schema.toml")
    assert written.read_text("utf-8") == found(out)["proposed_hints"]
    agreed = re.sub(r"^# (\w+ = )", r"\1", written.read_text("utf-8"), flags=re.MULTILINE)
    written.write_text(agreed, encoding="utf-8")
    status, out, _ = check(path, "--target", "final", "--json")
    assert (status, severities(out)) == (0, set())


def test_training_stops_as_the_check_does(table, tmp_path: Path, capsys) -> None:
    doubled = [str(2 * int(cell)) for cell in FINAL]
    artifacts = tmp_path / "artifacts"
    arguments = ["--data", str(table(double=doubled)), "--target", "final", "--quiet"]
    assert main([*arguments, "--artifacts", str(artifacts)]) == 1
    assert "Column double gives the target away" in capsys.readouterr().err
    assert not list(artifacts.rglob("manifest.json"))
