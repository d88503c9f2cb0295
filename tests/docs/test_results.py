"""The README's results are those of the command that it names."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
NUMBER = re.compile(r"-?\d+\.\d+|\d+")


def numbers(text: str) -> list[float]:
    return [float(number) for number in NUMBER.findall(text)]


def test_the_results_are_what_training_on_the_sample_table_gives(tmp_path: Path) -> None:
    specification = importlib.util.spec_from_file_location(
        "make_results", ROOT / "docs" / "make_results.py"
    )
    maker = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(maker)
    made = maker.results(maker.train(tmp_path))
    written = maker.BLOCK.search(README)[0].partition("-->")[2].rpartition("<!--")[0]
    names = [re.sub(NUMBER, "", text).split() for text in (written, made)]
    assert names[0] == names[1], "Run: python docs/make_results.py"
    # Another processor's rounding may move the last digit; another model moves more.
    assert numbers(written) == pytest.approx(numbers(made), abs=0.051, rel=0.01)


def test_the_command_is_named_beside_the_results() -> None:
    results = README.partition("## Results")[2].partition("\n## ")[0]
    assert "docs/make_results.py" in results
    assert "python -m benchmarks.mistakes" in results
