"""The README says what the code does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from src.config import Settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKE = sorted(set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE)))
MAKE_VARIABLES = sorted(set(re.findall(r"\b([A-Z_]+)=\w+[\w.]*", README)))
PYTHON = sorted(set(re.findall(r"\.venv/bin/python ((?:-m )?[\w./]+)", README)))
ROUTES = sorted(set(re.findall(r"`(/[\w/.]*)(?:\?[\w=]+)?`", README)))
TEN_FILES = re.findall(r"^\d+\. \[`([\w./]+)`\]\(\1\)", README, re.MULTILINE)
LONGEST_FILE = 600  # lines
LONGEST_README = 1_250  # words, beside code and results: five minutes


@pytest.fixture(scope="module")
def client(sample_artifacts: Path) -> FlaskClient:
    from application import create_app

    return create_app(Settings(artifacts_dir=sample_artifacts)).test_client()


@pytest.mark.parametrize("target", MAKE)
def test_every_make_target_in_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", MAKE_VARIABLES)
def test_every_variable_given_to_make_is_read_by_it(name: str) -> None:
    assert f"$({name})" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("command", PYTHON)
def test_every_python_command_in_the_readme_starts(command: str) -> None:
    done = subprocess.run(
        [sys.executable, *command.split(), "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    if "train_pipeline" in command:
        options = set(re.findall(r"`(?!docker )(?:[^`]* )?(--[a-z-]+)", README))
        assert {"--history", "--promote", "--data"} <= options
        assert not {option for option in options if option not in done.stdout}


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_in_the_readme_answers(client: FlaskClient, route: str) -> None:
    answer = client.get(route)
    if answer.status_code == 405:  # it takes records
        answer = client.post(route, json=[] if route.endswith("batch") else {})
        assert answer.status_code in (200, 400, 422)
        assert "errors" in answer.json
    else:
        assert answer.status_code == 200


def test_the_example_is_answered_with_what_the_readme_shows(client: FlaskClient) -> None:
    path, record = re.search(
        r"curl -s http://[^/]+(/\S+) -H 'Content-Type: application/json' -d '(\{.*?\})'",
        README,
        re.DOTALL,
    ).groups()
    shown = json.loads(re.search(r"^```json\n(.*?)^```", README, re.DOTALL | re.MULTILINE)[1])
    answer = client.post(path, data=record, content_type="application/json").json
    assert set(answer) == set(shown)
    assert answer["prediction"] == pytest.approx(shown["prediction"], abs=1)  # another model
    assert {key: shown[key] for key in ("ok", "unit", "target", "warnings")} == {
        key: answer[key] for key in ("ok", "unit", "target", "warnings")
    }
    with_reasons = client.post(f"/api/v1{path}?contributions=1", json=json.loads(record)).json
    assert "contributions" in with_reasons


@pytest.mark.parametrize("name", TEN_FILES)
def test_a_file_of_the_first_hour_has_a_length_to_be_read_at_once(name: str) -> None:
    assert len((ROOT / name).read_text("utf-8").splitlines()) <= LONGEST_FILE


def test_the_first_hour_is_ten_files() -> None:
    assert len(TEN_FILES) == 10
    assert TEN_FILES[0] == "src/pipelines/train_pipeline.py"


def test_the_commands_and_routes_that_are_checked_are_found() -> None:
    assert {"run", "test", "train", "predict", "frontend"} <= set(MAKE)
    assert {"DATA", "TARGET", "INPUT", "OUTPUT"} <= set(MAKE_VARIABLES)
    assert {"-m src.pipelines.train_pipeline", "docs/make_results.py"} <= set(PYTHON)
    assert {"/", "/batch", "/docs", "/model", "/api/v1/metrics"} <= set(ROUTES)


def test_the_two_commands_come_first() -> None:
    assert README.index("make run") < README.index("make test") < README.index("## Ask it")


def test_it_can_be_read_in_five_minutes_and_leaves_the_tables_to_the_docs() -> None:
    left_out = r"^```.*?^```|<!-- made: results -->.*?<!-- end -->|\]\(.*?\)"
    text = re.sub(left_out, "", README, flags=re.DOTALL | re.MULTILINE)
    assert len(text.split()) <= LONGEST_README
    assert "| `MODEL_SIGNING_KEY` |" not in README
