"""What the project's own files promise: the wheel, the pins, what git keeps, the Pythons."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCKS = ("requirements.txt", "requirements-dev.txt")
DECLARED = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if c.startswith("Programming")]
SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}
ENVIRONMENTS = [
    {
        "python_version": version,
        "python_full_version": f"{version}.1",
        "sys_platform": platform,
        "platform_system": system,
        "platform_python_implementation": "CPython",
        "platform_machine": "x86_64",
    }
    for version in DECLARED
    for platform, system in SYSTEMS.items()
]
everywhere = pytest.mark.parametrize(
    "environment", ENVIRONMENTS, ids=lambda e: f"{e['python_version']}-{e['sys_platform']}"
)


def applies(requirement: Requirement, environment: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(environment)


def pins(lock: str, environment: dict[str, str]) -> dict[str, str]:
    """Return name -> version of what pip would install from a lock in an environment."""
    found: dict[str, str] = {}
    for line in (ROOT / lock).read_text("utf-8").splitlines():
        if not line.strip() or line.strip().startswith("#"):
            continue
        requirement = Requirement(line.split(" #")[0])
        if applies(requirement, environment):
            name = canonicalize_name(requirement.name)
            exact = re.fullmatch(r"==([^*,]+)", str(requirement.specifier))
            assert exact, f"{line!r} is no exact pin"
            assert name not in found, f"{name} is pinned twice for {environment}"
            found[name] = exact.group(1)
    return found


def wanted(environment: dict[str, str], *extras: str) -> list[Requirement]:
    """Return what pyproject.toml asks for in an environment."""
    lists = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][e] for e in extras)]
    requirements = [Requirement(text) for texts in lists for text in texts]
    return [r for r in requirements if r.name != PROJECT["name"] and applies(r, environment)]


@everywhere
def test_the_locks_pin_what_pyproject_asks_for(environment):
    for lock, extras in (("requirements.txt", ()), ("requirements-dev.txt", ("data", "dev"))):
        pinned = pins(lock, environment)
        for requirement in wanted(environment, *extras):
            version = pinned.get(canonicalize_name(requirement.name))
            assert version is not None, f"{lock} lacks {requirement}: run make lock"
            assert requirement.specifier.contains(version), f"{lock} is behind {requirement}"


@everywhere
def test_the_dev_lock_holds_the_runtime_lock(environment):
    runtime, dev = (pins(lock, environment) for lock in LOCKS)
    assert runtime.items() <= dev.items()


@everywhere
def test_xgboost_comes_once_and_without_cuda(environment):
    pinned = pins("requirements.txt", environment)
    plain = environment["sys_platform"] == "darwin"
    assert ("xgboost" in pinned, "xgboost-cpu" in pinned) == (plain, not plain)
    assert not [name for name in pinned if name.startswith("nvidia")]


def test_both_makes_of_xgboost_have_one_version():
    everything = {
        name: version for e in ENVIRONMENTS for name, version in pins(LOCKS[0], e).items()
    }
    assert everything["xgboost-cpu"] == everything["xgboost"]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_can_be_installed_anywhere(lock):
    text = (ROOT / lock).read_text("utf-8")
    assert not re.search(r"^\s*-", text, re.MULTILINE), "an option, such as -e . or an index"
    assert "://" not in text
    assert "--hash" not in text


def test_the_page_s_container_needs_what_its_extra_asks_for():
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    assert groups["streamlit"] == PROJECT["optional-dependencies"]["frontend"]
    pinned = pins("deploy/streamlit/requirements.txt", ENVIRONMENTS[0])
    tried = pins("requirements-dev.txt", ENVIRONMENTS[0])
    assert pinned.items() <= tried.items()  # the tests run with what the container runs
    assert not {"flask", "scikit-learn"} & pinned.keys()


def test_the_runtime_lock_holds_no_development_tool():
    names = pins("requirements.txt", ENVIRONMENTS[0])
    assert not {"pytest", "ruff", "mypy", "playwright", "build", "streamlit"} & names.keys()


def test_the_declared_pythons_are_the_required_and_the_ones_ci_runs():
    low, high = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups()
    assert [f"3.{minor}" for minor in range(int(low), int(high))] == DECLARED
    workflow = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")
    matrix = re.search(r"python-version: \[(.*)\]", workflow).group(1)
    assert re.findall(r"[\d.]+", matrix) == DECLARED


def test_setup_py_is_a_shim():
    body = ast.parse((ROOT / "setup.py").read_text("utf-8")).body
    assert [ast.unparse(node) for node in body[1:]] == ["from setuptools import setup", "setup()"]


def test_importing_the_package_imports_nothing_else():
    body = ast.parse((ROOT / "src/__init__.py").read_text("utf-8")).body
    assert not [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]


# ---------------------------------------------------------------- what git keeps


@pytest.fixture(scope="module")
def git():
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: there is no .git")

    def run(*arguments: str, text: str = "") -> list[str]:
        command = ["git", "-C", str(ROOT), *arguments]
        result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert result.returncode in (0, 1), result.stderr
        return result.stdout.splitlines()

    return run


def test_git_ignores_what_runs_and_tools_write(git):
    paths = [
        "artifacts/manifest.json", "artifacts/model.pkl", "artifacts/runs/r1/model.pkl",
        ".artifacts/x", ".envs/x", "catboost_info/x", "notebooks/catboost_info/x",
        ".venv/x", "src/__pycache__/x.pyc", "stuprediction.egg-info/PKG-INFO", "build/x", "dist/x",
        ".coverage", ".coverage.host.1", ".env", "logs/app.log",
    ]  # fmt: skip
    assert git("check-ignore", "--no-index", "--stdin", text="\n".join(paths)) == paths


def test_git_keeps_our_own_files(git):
    paths = [
        "artifacts/README.md", "notebooks/data/stud.csv", "notebooks/data/stud.schema.toml",
        "requirements.txt", "requirements-dev.txt", ".ci/run", ".github/workflows/ci.yml",
        "src/components/data_ingestion.py", "src/web/pages/forms.py", "templates/index.html",
        "static/style.css", "static/lib/x.js", "tests/data/test_sample.py", "docs/x.md",
        ".ebextensions/x.config", ".platform/hooks/x.sh", "deploy/env/x",
    ]  # fmt: skip
    assert git("check-ignore", "--no-index", "--stdin", text="\n".join(paths)) == []


def test_no_tracked_file_is_ignored_and_no_pickle_is_tracked(git):
    assert git("ls-files", "--cached", "--ignored", "--exclude-standard") == []
    assert [path for path in git("ls-files") if path.endswith((".pkl", ".joblib"))] == []


# ---------------------------------------------------------------- the wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel from a copy, so that no build folder is left in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    skip = shutil.ignore_patterns(  # of what begins with a point, .streamlit is needed
        ".[!s]*", "__pycache__", "artifacts", "build", "dist", "*.egg-info", "node_modules"
    )
    shutil.copytree(ROOT, folder / "copy", ignore=skip)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    result = subprocess.run(
        [*build, str(folder / "copy")], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Unpack the wheel to a folder of its own, and return a runner in an empty folder."""
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    empty = tmp_path_factory.mktemp("empty")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    environment["PYTHONPATH"] = str(site)

    def run(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        result = subprocess.run(
            command, cwd=empty, env=environment, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    run.site = site
    return run


def test_the_wheel_keeps_the_shape_of_the_checkout(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    info = {name for name in top if name.endswith(".dist-info")}
    folders = {"src", "templates", "static", "notebooks", "appBackend", "appFrontend"}
    assert top - info - folders == {"application.py"}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pkl")]


def test_the_wheel_holds_every_source_template_static_file_and_the_sample(wheel):
    expected = {
        path.relative_to(ROOT).as_posix()
        for folder, pattern in [
            ("src", "*.py"),
            ("templates", "*"),
            ("static", "*"),
            ("appFrontend", "*"),
            ("notebooks/data", "*.csv"),
            ("notebooks/data", "*.toml"),
        ]
        for path in (ROOT / folder).rglob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"src/__init__.py", "templates/index.html", "notebooks/data/stud.csv"} <= expected
    assert expected <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_names_its_version_and_its_licence(wheel):
    archive = zipfile.ZipFile(wheel)
    name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
    metadata = archive.read(name).decode()
    source = (ROOT / "src/__init__.py").read_text("utf-8")
    version = re.search(r'__version__ = "(.+)"', source).group(1)
    assert f"\nVersion: {version}\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata


def test_the_wheel_serves_its_pages_from_an_empty_folder(installed):
    answer = installed(
        "-c",
        "import application\n"
        "client = application.application.test_client()\n"
        "print(application.__file__)\n"
        "print(client.get('/health').status, client.get('/static/style.css').status)\n"
        "print('</form>' in client.get('/').text or 'train' in client.get('/').text)\n",
    )
    path, statuses, page = answer.splitlines()
    assert Path(path).parent == installed.site
    assert statuses == "200 OK 200 OK"
    assert page == "True"


def test_the_wheel_finds_the_sample_table(installed):
    assert "--data" in installed("-m", "src.pipelines.train_pipeline", "--help")
    assert (installed.site / "notebooks/data/stud.csv").is_file()


# ---------------------------------------------------------------- the other Pythons


def interpreter(version: str) -> str | None:
    """Return a Python of this version that runs: from PATH, or from pyenv's folder."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    named = shutil.which(f"python{version}")
    candidates = [named] if named else []
    candidates += [str(p) for p in sorted(pyenv.glob(f"versions/{version}.*/bin/python"))]
    for path in candidates:
        program = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
        run = subprocess.run([path, "-c", program], capture_output=True, text=True, check=False)
        if run.returncode == 0 and run.stdout.strip() == version:
            return path
    return None


@pytest.mark.slow
@pytest.mark.parametrize("version", DECLARED)
def test_the_quick_tests_pass_on_every_declared_python(version, tmp_path):
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        pytest.skip(f"these tests are running on Python {version} already")
    python = interpreter(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed")
    # The tests see this environment's own programs only, and measure no coverage.
    ours = ("COV", "PYTEST", "PYTHON", "VIRTUAL_ENV")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    own = tmp_path / "venv" / "bin" / "python"
    quick = "not slow and not browser and not e2e"
    for command in (
        [python, "-m", "venv", str(tmp_path / "venv")],
        [str(own), "-m", "pip", "install", "--quiet", "-r", "requirements-dev.txt"],
        [str(own), "-m", "pytest", "-n", "auto", "-m", quick, "-p", "no:cacheprovider"],
    ):
        run = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, f"{command}\n{run.stdout[-8000:]}\n{run.stderr[-4000:]}"
