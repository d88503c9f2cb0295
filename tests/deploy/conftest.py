"""What the deploy tests share."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy import tools
from deploy.rehearsal import nginx
from deploy.rehearsal.options import read_ebextensions
from deploy.rehearsal.system import free_port

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def run_tool():
    """Return a runner of the tools that have an environment of their own."""
    if not tools.are_current():
        pytest.skip("the deploy tools are not installed: python -m deploy.tools")

    def run(name: str, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
        command = [str(tools.tool(name)), *arguments]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, **options
        )

    return run


@pytest.fixture(scope="session")
def need_nginx() -> None:
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")


def make_bundle(folder: Path, artifacts: Path) -> Path:
    """Make a folder as it lies on an instance: what .ebignore lets through, and a promoted run."""
    folder.mkdir()
    for name in ("application.py", "gunicorn.conf.py", "requirements.txt", "Procfile"):
        shutil.copy(ROOT / name, folder)
    skip = shutil.ignore_patterns("__pycache__")
    for name in ("src", "appBackend", "templates", "static", ".platform", ".ebextensions"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=skip)
    shutil.copytree(artifacts / "runs", folder / "artifacts" / "runs")
    shutil.copy(artifacts / "manifest.json", folder / "artifacts")
    return folder


@pytest.fixture
def bundle(tmp_path: Path, sample_artifacts: Path) -> Path:
    return make_bundle(tmp_path / "bundle", sample_artifacts)


@contextmanager
def proxied(
    folder: Path,
    bundle: Path,
    *,
    private: str = "127.0.0.1/32",
    python: Path | None = None,
    **settings: str,
) -> Iterator[int]:
    """Run a bundle's Procfile behind nginx in the platform's shape; give nginx's port.

    Parameters
    ----------
    private : str
        Where the load balancers are whose word is believed.
    python : Path, optional
        The interpreter to run the app with; this one unless given.
    **settings : str
        Environment variables of the app.
    """
    app_port, port = free_port(), free_port()
    folder.mkdir()
    nginx.write_platform(folder, bundle, read_ebextensions(bundle), port, app_port)
    ours = folder / "conf.d" / "stuprediction.conf"
    ours.write_text(ours.read_text().replace("127.0.0.1/32", private))
    assert nginx.problem(folder) is None
    command = (bundle / "Procfile").read_text().removeprefix("web: ").replace("8000", str(app_port))
    environment = {"PATH": os.environ["PATH"], "APP_ENV": "production"}
    environment |= {"TRUSTED_PROXIES": "1"} | settings
    with (folder / "app.log").open("wb") as log:
        app = subprocess.Popen([str(python or sys.executable), "-m", *command.split()], cwd=bundle,
                               env=environment, stdout=log, stderr=log)  # fmt: skip
    proxy = nginx.start(folder)
    try:
        wait_for(port, folder / "app.log")
        yield port
    finally:
        proxy.send_signal(signal.SIGQUIT)
        proxy.wait(40)
        app.terminate()
        app.wait(40)


def wait_for(port: int, log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise AssertionError(f"The app is not healthy behind nginx.\n{log.read_text()}")


@pytest.fixture(scope="session")
def proxy(need_nginx, sample_artifacts, tmp_path_factory) -> Iterator[int]:
    """nginx's port in front of a bundle that runs as its Procfile says."""
    folder = tmp_path_factory.mktemp("proxy")
    with proxied(folder / "nginx", make_bundle(folder / "bundle", sample_artifacts)) as port:
        yield port


@pytest.fixture(scope="session")
def behind_nginx(need_nginx):
    """Return a context manager that runs a bundle behind nginx."""
    return proxied


@pytest.fixture
def hook():
    """Return a runner of a bundle's hooks, with the environment that an instance has."""

    def run(path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        programs = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        return subprocess.run(
            [str(path)],
            cwd="/",
            env={"PATH": programs, "APP_ENV": "production"} | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
