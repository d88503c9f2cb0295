"""`docs/architecture.md` shows the imports and the files passed as they are."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    specification = importlib.util.spec_from_file_location(
        "make_architecture", ROOT / "docs" / "make_architecture.py"
    )
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def block(name: str) -> list[str]:
    text = re.search(rf"<!-- made: {name} -->\n+```\w+\n(.*?)\n```", PAGE, re.DOTALL)[1]
    return text.splitlines()


def test_the_page_shows_the_imports_and_the_files_passed_as_they_are() -> None:
    done = subprocess.run(
        [sys.executable, "docs/make_architecture.py", "--check"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}{done.stderr}Run: python docs/make_architecture.py"


def test_every_folder_of_src_is_in_the_drawing_and_among_the_rooms() -> None:
    drawing = "\n".join(block("rooms"))
    rooms = PAGE.partition("## The rooms")[2].partition("\n## ")[0]
    folders = {path.parent.name for path in ROOT.glob("src/*/__init__.py")}
    assert "serving" in folders
    for name in folders:
        assert f'"src/{name}"' in drawing
        assert f"[`{name}/`](../src/{name})" in rooms


def test_an_import_that_follows_from_others_has_no_arrow(maker: ModuleType) -> None:
    rooms = {"top": {"middle", "bottom"}, "middle": {"bottom"}, "bottom": set()}
    assert maker.direct(rooms) == {"top": {"middle"}, "middle": {"bottom"}, "bottom": set()}


def test_no_way_of_imports_leads_from_the_app_to_the_pipelines(maker: ModuleType) -> None:
    rooms = maker.imports()
    assert "src/serving" in rooms["src/web"]
    assert "src/pipelines" not in maker.reached(rooms, "application.py")


def test_a_file_stands_below_the_one_that_calls_it(maker: ModuleType) -> None:
    from src.schema.hints import read_hints

    hints = ROOT / "notebooks" / "data" / "stud.schema.toml"
    fence, first, *others, _ = maker.files_passed(partial(read_hints, hints)).splitlines()
    assert (fence, first) == ("```text", "src/schema/hints.py")
    assert "  src/tables/cells.py" in others
    assert all(line.startswith("  src/") for line in others)


def test_one_prediction_passes_few_files_and_no_training() -> None:
    files = [line.strip() for line in block("record-files")]
    assert "src/serving/predictor.py" in files
    assert len(files) <= 17  # one of them says in which language the schema speaks
    assert not [name for name in files if name.startswith(("src/pipelines", "src/components"))]
