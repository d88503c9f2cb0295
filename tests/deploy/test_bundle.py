"""What is shipped, and that the same files give the same bytes."""

import ast
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from deploy import bundle as builder
from src.artifact_store import ArtifactStore
from src.utils import sha256, to_json

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path, sample_artifacts):
    """A copy of what git keeps and of the working tree's changes, with a promoted run."""
    folder = tmp_path / "checkout"
    skip = shutil.ignore_patterns(
        ".git", ".venv", ".envs", "artifacts", "build", "__pycache__", ".*_cache", ".hypothesis"
    )
    shutil.copytree(ROOT, folder, ignore=skip)
    shutil.copytree(sample_artifacts, folder / "artifacts")
    return folder


def set_compiled(artifacts: Path, compiled: bool) -> None:
    """Make the promoted run one that has a compiled.json, or one that has none."""
    store = ArtifactStore(artifacts, "")
    run = store.promoted()
    manifest = json.loads((run.folder / "manifest.json").read_text())
    manifest["files"].pop("compiled.json", None)
    if compiled:
        (run.folder / "compiled.json").write_bytes(b"{}")
        manifest["files"]["compiled.json"] = sha256(b"{}")
    (run.folder / "manifest.json").write_bytes(to_json(manifest))
    store.promote(store.run(run.run_id), by="test")


def test_the_bundle_holds_the_app_and_the_promoted_run(checkout):
    files = builder.contents(checkout)
    run_id = ArtifactStore(checkout / "artifacts", "").promoted().run_id
    assert {
        "application.py", "Procfile", "requirements.txt", "gunicorn.conf.py",
        ".ebextensions/python.config", ".platform/check_model.py",
        ".platform/hooks/predeploy/20_check_model.sh",
        ".platform/nginx/conf.d/elasticbeanstalk/00_application.conf",
        "src/web/pages/routes.py", "templates/index.html", "static/style.css",
        "artifacts/manifest.json", f"artifacts/runs/{run_id}/model.pkl",
    } <= files.keys()  # fmt: skip


def test_nothing_else_is_shipped(checkout):
    (checkout / "artifacts/runs/20200101T000000Z-000000").mkdir()
    (checkout / "artifacts/runs/20200101T000000Z-000000/model.pkl").touch()
    (checkout / "notebooks/data/class_of_2026.csv").write_text("name,score\n")
    (checkout / ".env").write_text("API_KEYS=x\n")
    tops = {name.split("/")[0] for name in builder.contents(checkout)}
    assert tops <= {
        "application.py", "Procfile", "requirements.txt", "gunicorn.conf.py", ".ebextensions",
        ".platform", "src", "appBackend", "templates", "static", "artifacts",
    }  # fmt: skip
    names = builder.contents(checkout)
    assert not [name for name in names if name.endswith((".csv", ".pyc", ".ipynb"))]
    assert not [name for name in names if "20200101" in name]


def test_the_sample_table_is_shipped_only_where_an_instance_has_to_train(checkout):
    shutil.rmtree(checkout / "artifacts")
    tables = [n for n in builder.contents(checkout) if n.startswith("notebooks/")]
    assert tables == ["notebooks/data/stud.csv", "notebooks/data/stud.schema.toml"]


def test_a_compiled_model_gets_the_short_list_of_packages(checkout):
    for compiled, name in ((False, "requirements.txt"), (True, "requirements-serve.txt")):
        set_compiled(checkout / "artifacts", compiled)
        assert builder.contents(checkout)["requirements.txt"].name == name


def test_the_short_list_is_part_of_the_full_one():
    def pins(name):
        lines = (ROOT / name).read_text("utf-8").splitlines()
        return {line.split(" ;")[0] for line in lines if "==" in line}

    assert pins("requirements-serve.txt") < pins("requirements.txt")
    assert not {"numpy", "pandas", "scikit-learn", "catboost"} & {
        pin.split("==")[0] for pin in pins("requirements-serve.txt")
    }


def test_the_zip_has_no_parent_folder_fits_and_keeps_the_hooks_executable(checkout, tmp_path):
    builder.write_zip(builder.contents(checkout), tmp_path / "bundle.zip")
    assert (tmp_path / "bundle.zip").stat().st_size < builder.LIMIT_BYTES
    archive = zipfile.ZipFile(tmp_path / "bundle.zip")
    assert "Procfile" in archive.namelist()
    for entry in archive.infolist():
        executable = bool(entry.external_attr >> 16 & stat.S_IXUSR)
        assert executable == entry.filename.endswith(".sh")


def test_a_bundle_that_beanstalk_would_not_take_is_refused(checkout, tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "LIMIT_BYTES", 1000)
    with pytest.raises(ValueError, match=r"Beanstalk takes 1,000"):
        builder.write_zip(builder.contents(checkout), tmp_path / "bundle.zip")


def test_the_same_files_give_the_same_bytes(checkout, tmp_path):
    other = shutil.copytree(checkout, tmp_path / "other")
    for path in other.rglob("*"):
        os.utime(path, (1, 1))
        if path.is_file():
            path.chmod(0o600)
    for folder in (checkout, other):
        builder.write_zip(builder.contents(folder), folder.with_suffix(".zip"))
    assert checkout.with_suffix(".zip").read_bytes() == other.with_suffix(".zip").read_bytes()


def test_the_same_commit_gives_the_same_bytes(tmp_path):
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a clone: there is no .git")
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
    for name in ("one", "two"):
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(tmp_path / name, filter="data")
        folder = tmp_path / name
        builder.write_zip(builder.contents(folder), folder.with_suffix(".zip"))
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_the_command_writes_a_folder_and_a_zip_of_the_same_files(checkout, tmp_path):
    command = [sys.executable, "-m", "deploy.bundle", "--output", "build/bundle",
               "--zip", "build/bundle.zip"]  # fmt: skip
    set_compiled(checkout / "artifacts", False)
    for _ in range(2):  # the second finds the first one's output
        run = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    assert ", run 2" in run.stdout
    assert run.stdout.endswith("the full list of packages\n")
    folder = checkout / "build/bundle"
    written = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert written == set(zipfile.ZipFile(checkout / "build/bundle.zip").namelist())
    assert (folder / ".platform/hooks/predeploy/10_bring_model.sh").stat().st_mode & stat.S_IXUSR


def test_what_the_bundle_and_the_policies_import_is_installed_by_make_setup():
    """D5: pathspec and yaml were among the tools of tests alone."""
    packages = {"pathspec": "pathspec", "yaml": "pyyaml"}
    imported = set()
    for name in ("bundle", "policies", "templates"):
        for node in ast.walk(ast.parse((ROOT / f"deploy/{name}.py").read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
            elif isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
    imported -= {*sys.stdlib_module_names, "src", "deploy"}
    assert imported == packages.keys()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = {line.split(">")[0] for line in project["optional-dependencies"]["bundle"]}
    assert named == set(packages.values())
    setup = (ROOT / "Makefile").read_text("utf-8").split("\n.venv/.setup:")[1].split("\n\n")[0]
    assert "-e '.[bundle,data]'" in setup


@pytest.mark.slow
def test_a_fresh_clone_makes_its_bundle_after_make_setup(tmp_path):
    """D5: with the guide's commands and no more."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    for command in (
        f"make setup PYTHON={sys.executable}",
        "make train ARGS='--budget quick --quiet'",
        "make bundle",
        ".venv/bin/python -m deploy.policies --account 123456789012 --output policies",
    ):
        run = subprocess.run(
            ["sh", "-c", command], cwd=clone, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr[-2000:]
    assert "Procfile" in zipfile.ZipFile(clone / "build/bundle.zip").namelist()
    assert (clone / "policies/pipeline-role.json").is_file()


def test_a_damaged_run_is_not_bundled(checkout):
    run = ArtifactStore(checkout / "artifacts", "").promoted()
    (run.folder / "manifest.json").write_text("{}")
    command = [sys.executable, "-m", "deploy.bundle", "--zip", "b.zip"]
    run = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "is not the one that was promoted" in run.stderr
    assert not (checkout / "b.zip").exists()
