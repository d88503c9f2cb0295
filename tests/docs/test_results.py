"""The README's results and its example's answer are those of the command that it names."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
NUMBER = re.compile(r"-?\d+\.\d+|\d+")


def numbers(text: str) -> list[float]:
    return [float(number) for number in NUMBER.findall(text)]


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    specification = importlib.util.spec_from_file_location(
        "make_results", ROOT / "docs" / "make_results.py"
    )
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def trained(maker: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the command would write, by the name of the block."""
    folder = tmp_path_factory.mktemp("artifacts")
    return {"results": maker.results(maker.train(folder)), "answer": maker.answer(folder)}


def written(maker: ModuleType, name: str) -> str:
    blocks = {found[2]: found[0] for found in maker.BLOCK.finditer(README)}
    return blocks[name].partition("-->")[2].rpartition("<!--")[0].strip()


@pytest.mark.slow
def test_the_results_are_what_training_on_the_sample_table_gives(maker, trained) -> None:
    in_readme, made = written(maker, "results"), trained["results"]
    names = [re.sub(NUMBER, "", text).split() for text in (in_readme, made)]
    assert names[0] == names[1], "Run: python docs/make_results.py"
    # Another processor's rounding may move the last digit; another model moves more.
    assert numbers(in_readme) == pytest.approx(numbers(made), abs=0.051, rel=0.01)


@pytest.mark.slow
def test_the_example_s_answer_is_what_that_model_answers(maker, trained) -> None:
    in_readme, made = (
        json.loads(text.removeprefix("```json").removesuffix("```"))
        for text in (written(maker, "answer"), trained["answer"])
    )
    version = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
    assert all(version.fullmatch(body.pop("model_version")) for body in (in_readme, made))
    assert list(in_readme) == list(made)
    assert in_readme.pop("intervals").keys() == made.pop("intervals").keys()
    shown, real = written(maker, "answer"), trained["answer"]
    assert numbers(shown.partition("intervals")[2]) == pytest.approx(
        numbers(real.partition("intervals")[2]), abs=0.11
    )
    for key in ("prediction", "result"):
        assert in_readme.pop(key) == pytest.approx(made.pop(key), abs=0.11)
    assert in_readme == made


def test_the_command_is_named_beside_the_results() -> None:
    results = README.partition("## Results")[2].partition("\n## ")[0]
    assert "docs/make_results.py" in results
    assert "python -m benchmarks.mistakes" in results
