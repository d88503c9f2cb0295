"""18: what the report and the card say is marked, so that it can be said in another language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

MARKING = {"_", "gettext", "ngettext", "pgettext", "mark"}
# Said to those who write programs, or in English in files: see stored_words.
ENGLISH = {
    ("findings.py", "category_label"),
    ("findings.py", "missing_label"),
    ("findings.py", "range_labels"),
    ("findings.py", "pair_label"),
    ("data_summary.py", "_refused"),
    ("lead_time.py", "LOG_LOSS"),
    ("importance.py", "_outcome"),
    ("model_card.py", "rebuild_command"),
    ("model_card.py", "MADE_OF_ROWS"),
    ("model_card.py", "COMMAND"),
    ("saved_report.py", "ERROR"),
    ("stored_words.py", "group_label"),
    ("stored_words.py", "event_label"),
    ("table_findings.py", "HEADINGS"),
    ("table_findings.py", "options"),
    ("papers.py", "Paper"),  # markup; its templates are a file a language
    ("wording.py", "count"),
    ("wording.py", "plain"),
}
DRAWN = "matplotlib_svg.py"  # knows markup and no words
MODULES = sorted(path for path in (ROOT / "src" / "report").glob("*.py") if path.name != DRAWN)
# A sentence, or a heading: words with a space between them, or one with a capital.
WORDS = re.compile(r"[A-Za-z]{2,}[^\n]* [A-Za-z]{2,}|^[A-Z][a-z]+ ?$")


def unmarked(path: Path) -> Iterator[str]:
    """Yield the words of a module that a reader may see and nobody could translate."""
    tree = ast.parse(path.read_text("utf-8"))
    for top in tree.body:
        named = getattr(top, "name", "") or ast.unparse(getattr(top, "targets", [top])[0])
        if (path.name, named) not in ENGLISH:
            for line, text in _texts(top):
                if WORDS.search(text):
                    yield f"{path.name}:{line}: {text!r}"


def _texts(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the texts in a part of a module that are not marked, raised or documentation."""
    if isinstance(node, ast.Raise | ast.arg):
        return
    if isinstance(node, ast.AnnAssign):
        if node.value is not None:
            yield from _texts(node.value)
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKING:
        for part in node.keywords:
            yield from _texts(part)
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
    for child in ast.iter_child_nodes(node):
        if child is not getattr(node, "returns", None):
            yield from _texts(child)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_word_of_the_report_is_marked(path: Path) -> None:
    assert [*unmarked(path)] == []


def test_a_word_that_is_not_marked_is_found(tmp_path: Path) -> None:
    module = tmp_path / "fairness.py"
    module.write_text(
        'def f(n):\n    """Return it."""\n'
        '    return [_("All is well."), f"{n} rows refused.", "Rows"]\n',
        encoding="utf-8",
    )
    assert [*unmarked(module)] == [
        "fairness.py:3: ' rows refused.'",
        "fairness.py:3: 'Rows'",
    ]
