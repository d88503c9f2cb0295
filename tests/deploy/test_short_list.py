"""A bundle of a compiled model runs with requirements-serve.txt alone."""

import http.client
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.rehearsal.system import installed_mb, memory_mb
from src.artifact_store import ArtifactStore

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def short_venv(tmp_path_factory):
    """An environment with the short list and nothing else."""
    folder = tmp_path_factory.mktemp("short")
    listed = Path(__file__).resolve().parents[2] / "requirements-serve.txt"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check", "install"]
    run = subprocess.run(
        [*pip, "--quiet", "-r", str(listed)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return folder


@pytest.fixture(scope="module")
def compiled(sample_artifacts):
    run = ArtifactStore(sample_artifacts, "").promoted()
    if "compiled.json" not in run.manifest.files:
        pytest.skip("training writes no compiled.json")


def test_the_short_list_is_small_and_holds_no_training_library(short_venv):
    assert installed_mb(short_venv) < 60
    for module in ("numpy", "pandas", "sklearn", "catboost", "xgboost"):
        run = subprocess.run(
            [str(short_venv / "bin/python"), "-c", f"import {module}"],
            capture_output=True,
            check=False,
        )
        assert run.returncode == 1


def test_the_hook_accepts_it(compiled, short_venv, bundle, hook):
    checked = hook(
        bundle / ".platform/hooks/predeploy/20_check_model.sh",
        PATH=f"{short_venv}/bin:/usr/bin:/bin",
    )
    assert checked.returncode == 0, checked.stderr


def test_it_answers_as_the_full_installation_does(
    compiled, short_venv, bundle, behind_nginx, tmp_path, predictor, student
):
    with behind_nginx(tmp_path / "nginx", bundle, python=short_venv / "bin/python") as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/predict", json.dumps(student).encode(), headers)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        connection.request("GET", "/")
        page = connection.getresponse()
        page.read()
        connection.close()
    assert (answer.status, page.status) == (200, 200)
    assert content["prediction"] == pytest.approx(predictor.predict_record(student).prediction)


def test_a_model_that_is_not_compiled_is_refused_with_the_short_list(short_venv, bundle, hook):
    store = ArtifactStore(bundle / "artifacts", "")
    run = store.promoted()
    manifest = json.loads((run.folder / "manifest.json").read_text())
    manifest["files"].pop("compiled.json", None)
    (run.folder / "manifest.json").write_text(json.dumps(manifest))
    store.promote(store.run(run.run_id), by="test")
    checked = hook(
        bundle / ".platform/hooks/predeploy/20_check_model.sh",
        PATH=f"{short_venv}/bin:/usr/bin:/bin",
    )
    assert checked.returncode != 0
    assert "scikit-learn" in checked.stderr


def test_memory_is_measured_over_a_process_and_its_children():
    if not shutil.which("sleep") or sys.platform != "linux":
        pytest.skip("/proc is Linux's")
    with subprocess.Popen([sys.executable, "-c", "x = bytearray(50 << 20); input()"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # fmt: skip
        while (memory_mb(process.pid) or 0) < 50:
            assert process.poll() is None
        process.communicate(b"\n")
