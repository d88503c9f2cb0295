"""The app in the test client, and under a real gunicorn."""

from __future__ import annotations

import http.client
import importlib
import io
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient

from src.config import SETTINGS, Settings
from src.logger import ROOT as LOGGER

ROOT = Path(__file__).resolve().parents[2]
OURS = (*(setting.variable for setting in SETTINGS), "GUNICORN_CMD_ARGS", "WEB_CONCURRENCY")


@pytest.fixture(scope="session")
def make_app(tmp_path_factory) -> Callable[..., Flask]:
    """Return `create_app`, taking settings as keywords."""
    with pytest.MonkeyPatch.context() as patch:
        for name in OURS:
            patch.delenv(name, raising=False)
        patch.setenv("ARTIFACTS_DIR", str(tmp_path_factory.mktemp("none")))
        module = importlib.import_module("application")  # makes an app of its own: keep it empty
    return lambda **settings: module.create_app(Settings(**settings))


@pytest.fixture
def app(make_app, sample_artifacts: Path) -> Flask:
    return make_app(artifacts_dir=sample_artifacts)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def empty_client(make_app, tmp_path: Path) -> FlaskClient:
    """Return a client of an app for which nothing was trained."""
    return make_app(artifacts_dir=tmp_path / "artifacts").test_client()


@pytest.fixture
def own_artifacts(sample_artifacts: Path, tmp_path: Path) -> Path:
    """Return artifacts that a test may damage."""
    return Path(shutil.copytree(sample_artifacts, tmp_path / "artifacts"))


@pytest.fixture
def send_form(client: FlaskClient):
    """Send the form with some values."""

    def send(values: dict[str, object], path: str = "/", **options):
        options.setdefault("content_type", "application/x-www-form-urlencoded")
        return client.post(path, data=values, **options)

    return send


@pytest.fixture
def log(app: Flask, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Capture what the app logs; its logger keeps its lines from the root."""
    logging.getLogger(LOGGER).addHandler(caplog.handler)
    return caplog


# ---------------------------------------------------------------- a real server


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Server:
    """A running gunicorn."""

    url: str
    process: subprocess.Popen[bytes]
    log_file: Path
    timeout_s: float = 120  # a busy machine takes its time; what must be fast is benchmarked
    opener: urllib.request.OpenerDirector = field(
        default_factory=lambda: urllib.request.build_opener(urllib.request.ProxyHandler({}))
    )

    @property
    def log(self) -> str:
        return self.log_file.read_text("utf-8")

    def ask(self, path: str, data: bytes | None = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, data, named)
        try:
            with self.opener.open(request, timeout=self.timeout_s) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def post_json(self, path: str, value: object) -> Answer:
        return self.ask(path, json.dumps(value).encode(), Content_Type="application/json")

    def post_form(self, path: str, values: dict[str, object], **headers: str) -> Answer:
        return self.ask(path, urlencode(values).encode(), **headers)


def multipart(content: bytes, name: str, **fields: str) -> tuple[bytes, str]:
    """Return the body of a form with a file, and its type."""
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = b"".join((*parts, head.encode(), content, f"\r\n--{boundary}--\r\n".encode()))
    return body, f"multipart/form-data; boundary={boundary}"


def workbook(rows: Iterable[Iterable[object]]) -> bytes:
    """Return an Excel workbook of some rows."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


@contextmanager
def run_gunicorn(
    folder: Path, *options: str, app: str = "application:application", **environment: str
) -> Iterator[Server]:
    """Run gunicorn on a free port until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    log_file = folder / "gunicorn.log"
    clean = {name: value for name, value in os.environ.items() if name not in OURS}
    with log_file.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", *options, app],
            cwd=ROOT, env={**clean, **environment}, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        yield Server(wait_for_url(process, log_file), process, log_file)
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for_url(process: subprocess.Popen[bytes], log_file: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if match := re.search(r"Listening at: (http://\S+)", log_file.read_text("utf-8")):
            return match.group(1)
        time.sleep(0.05)
    raise RuntimeError(f"gunicorn did not start:\n{log_file.read_text('utf-8')}")


@pytest.fixture(scope="session")
def gunicorn():
    if sys.platform == "win32":
        pytest.skip("gunicorn does not run on Windows")
    return run_gunicorn


@pytest.fixture(scope="session")
def server(gunicorn, sample_artifacts: Path, tmp_path_factory) -> Iterator[Server]:
    """Run gunicorn as it is configured, on the sample table's model."""
    with gunicorn(
        tmp_path_factory.mktemp("server"), ARTIFACTS_DIR=str(sample_artifacts)
    ) as running:
        yield running
