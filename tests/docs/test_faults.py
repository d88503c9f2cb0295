"""`docs/faults.md` names a test for each fault, and each fault that a test names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text("utf-8")
ROW = re.compile(r"^\| ([A-Z]\d+b?) \|.*\| `([\w/]+\.py)::(\w+)` \|$", re.MULTILINE)
IDS = re.compile(r"(?:[ACDFHLMRSTU]\d{1,2}b?(?:, |(?=[.:])))+")


def ids_of(docstring: str | None) -> set[str]:
    """Return the fault IDs that a docstring begins with: `F1, F2.` or `F1: why`."""
    begins = IDS.match(docstring or "")
    return set(begins[0].rstrip().split(", ")) if begins else set()


def ids_by_test() -> dict[tuple[str, str], set[str]]:
    """Return the IDs of every test by its file below `tests` and its name."""
    found = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                name = path.relative_to(ROOT / "tests").as_posix()
                found[name, node.name] = ids_of(ast.get_docstring(node))
    return found


def test_every_row_names_a_test_whose_docstring_has_the_id() -> None:
    tests = ids_by_test()
    rows = ROW.findall(PAGE)
    assert len(rows) == len(re.findall(r"^\| [A-Z]\d", PAGE, re.MULTILINE)) > 40
    wrong = [row for row in rows if row[0] not in tests.get((row[1], row[2]), ())]
    assert wrong == []


def test_every_id_of_a_test_has_a_row() -> None:
    in_tests = set().union(*ids_by_test().values())
    assert in_tests == {row[0] for row in ROW.findall(PAGE)}


def test_ids_are_read_from_the_beginning_of_a_docstring_alone() -> None:
    assert ids_of("F1, C6b. More on R2.") == {"F1", "C6b"}
    assert ids_of("M5: a killed training.") == {"M5"}
    assert ids_of("R² of F1 and C2.") == ids_of(None) == set()


def test_no_test_name_begins_with_an_id() -> None:
    with_id = re.compile(r"test_[A-Za-z]\d{1,2}b?_")
    assert [name for _, name in ids_by_test() if with_id.match(name)] == []
