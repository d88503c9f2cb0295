"""The containers: linted always; built and run where a Docker daemon answers.

DOCKER_PYTHON names another base image, DOCKER_BUILD_OPTIONS adds to `docker build`.
"""

import json
import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = ("Dockerfile", "deploy/cluster/Dockerfile", "deploy/streamlit/Dockerfile")
BASE = os.environ.get("DOCKER_PYTHON", "python:3.13-slim-bookworm")
TAG = "stuprediction-test"


def test_the_linter_finds_nothing(run_tool):
    run = run_tool("hadolint", "--format", "json", *DOCKERFILES)
    assert (run.returncode, json.loads(run.stdout)) == (0, [])


def test_the_linter_finds_a_seeded_mistake(run_tool, tmp_path):
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("COPY . .", "ADD . .")
    (tmp_path / "Dockerfile").write_text(text)
    found = run_tool("hadolint", "--format", "json", str(tmp_path / "Dockerfile"))
    assert "DL3020" in {one["code"] for one in json.loads(found.stdout)}


@pytest.mark.parametrize("name", DOCKERFILES)
def test_containers_are_small_checked_and_not_root(name):
    text = (ROOT / name).read_text("utf-8")
    assert "slim" in text
    assert "HEALTHCHECK" in text
    last = [line for line in text.splitlines() if line.startswith("USER ")][-1]
    assert last.split()[1] not in ("0", "root")


def test_only_what_is_named_reaches_the_build():
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert not [rule for rule in rules if "csv" in rule and "stud.csv" not in rule]


# ---------------------------------------------------------------- with a daemon


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def daemon() -> None:
    if shutil.which("docker") is None:
        pytest.skip("docker is not installed")
    if docker("info").returncode:
        pytest.skip("no Docker daemon answers")
    if docker("image", "inspect", BASE).returncode and docker("pull", BASE).returncode:
        pytest.skip(f"the base image {BASE} is not here and cannot be pulled")


@pytest.fixture(scope="module")
def build(daemon):
    built = []

    def run(dockerfile: str) -> str:
        tag = f"{TAG}-{len(built)}"
        options = shlex.split(os.environ.get("DOCKER_BUILD_OPTIONS", ""))
        made = docker("build", *options, "--build-arg", f"PYTHON={BASE}", "--tag", tag,
                      "--file", dockerfile, ".")  # fmt: skip
        assert made.returncode == 0, (made.stdout + made.stderr)[-3000:]
        built.append(tag)
        return tag

    yield run
    for tag in built:
        docker("image", "rm", "--force", tag)


@pytest.fixture
def start(request):
    def run(tag: str, *options: str) -> str:
        container = docker("run", "--detach", *options, tag).stdout.strip()
        request.addfinalizer(lambda: docker("rm", "--force", container))
        return container

    return run


def until_healthy(container: str) -> None:
    for _ in range(120):
        state = json.loads(docker("inspect", container).stdout)[0]["State"]
        if state["Health"]["Status"] == "healthy":
            return
        assert state["Running"], docker("logs", container)
        time.sleep(1)
    raise AssertionError(docker("logs", container))


ASK = """
import json, urllib.request as u
base = "http://127.0.0.1:8000"
schema = json.load(u.urlopen(base + "/api/v1/schema"))
record = {f["name"]: f["categories"][0] if "categories" in f else f["observed_minimum"]
          for f in schema["features"]}
request = u.Request(base + "/predict", json.dumps(record).encode(),
                    {"Content-Type": "application/json"})
print(json.load(u.urlopen(request))["prediction"])
"""


@pytest.mark.slow
def test_the_app_is_built_runs_as_nobody_and_predicts(build, start):
    tag = build("Dockerfile")
    container = start(tag)
    until_healthy(container)
    asked = docker("exec", container, "python", "-c", ASK)
    assert asked.returncode == 0, asked.stderr
    assert float(asked.stdout) > 0
    assert docker("exec", container, "id", "-u").stdout.strip() == "10001"
    assert docker("exec", container, "python", "-c", "import sklearn").returncode == 1
    refused = docker("run", "--rm", "--env", "TRUSTED_PROXIES=many", tag)
    assert refused.returncode == 3
    assert "TRUSTED_PROXIES must be" in refused.stderr


PAGE = """
from streamlit.testing.v1 import AppTest
page = AppTest.from_file("appFrontend/app.py", default_timeout=60).run()
assert not page.exception, page.exception
drawn = (*page.segmented_control, *page.selectbox, *page.slider, *page.number_input)
print(page.title[0].value, len({field.label for field in drawn}))
"""


@pytest.mark.slow
def test_the_streamlit_page_is_built_and_draws_the_fields_of_the_app(build, start):
    app = start(build("Dockerfile"))
    container = start(build("deploy/streamlit/Dockerfile"), "--network", f"container:{app}")
    until_healthy(app)
    until_healthy(container)
    assert docker("exec", container, "id", "-u").stdout.strip() == "10001"
    drawn = docker("exec", container, "python", "-c", PAGE)
    assert drawn.returncode == 0, drawn.stderr
    title, _, n_fields = drawn.stdout.strip().rpartition(" ")
    assert title != "StuPrediction"  # which stands there where the app does not answer
    assert int(n_fields) >= 7
    answered = docker("exec", container, "python", "-c", "import sklearn")
    assert answered.returncode == 1
