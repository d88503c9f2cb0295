"""The Streamlit page and a back end, both as they really run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.web.conftest import OURS, Server, run_gunicorn

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "appFrontend" / "app.py"
TOLD_BY = ("API_URL", "API_KEY")


@pytest.fixture(scope="session")
def back_end(sample_artifacts: Path, tmp_path_factory) -> Iterator[Server]:
    """Run the app on the sample table's model."""
    folder = tmp_path_factory.mktemp("back-end")
    with run_gunicorn(folder, ARTIFACTS_DIR=str(sample_artifacts)) as running:
        yield running


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Return what runs the page's script once, as opening it in a browser does."""
    testing = pytest.importorskip("streamlit.testing.v1", reason="streamlit is not installed")

    def open_at(url: str, key: str = ""):
        monkeypatch.setenv("API_URL", url)
        monkeypatch.setenv("API_KEY", key)
        page = testing.AppTest.from_file(PAGE, default_timeout=60).run()
        assert not page.exception
        return page

    return open_at


@contextmanager
def run_streamlit(folder: Path, api_url: str) -> Iterator[str]:
    """Run Streamlit as `make frontend` does, until the block ends."""
    port = a_free_port()
    clean = {name: value for name, value in os.environ.items() if name not in (*OURS, *TOLD_BY)}
    url, log_file = f"http://127.0.0.1:{port}", folder / "streamlit.log"
    with log_file.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(PAGE), "--server.address", "127.0.0.1",
             "--server.port", str(port), "--server.headless", "true"],
            cwd=ROOT, env={**clean, "API_URL": api_url}, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        wait_for(f"{url}/_stcore/health", process, log_file)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)


def wait_for(url: str, process: subprocess.Popen[bytes], log_file: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with opener.open(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"Streamlit did not start:\n{log_file.read_text('utf-8')}")


def a_free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def free_port() -> int:
    return a_free_port()
