"""An S3 of this machine that fails at times: moto's server behind a proxy."""

from __future__ import annotations

import http.client
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pyarrow import fs

from deploy import tools
from deploy.rehearsal.system import free_port
from src.tables.many_files import file_system
from tests.waiting import wait_until


class Faulty(BaseHTTPRequestHandler):
    """Hands requests on to moto; each third of those that may be repeated fails with 500."""

    protocol_version = "HTTP/1.1"
    target = 0
    n_seen = n_failed = 0

    def _content(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        del self.headers["Transfer-Encoding"]
        content = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return content

    def handle_any(self) -> None:
        content = self._content()
        Faulty.n_seen += 1
        if Faulty.n_seen % 3 == 0:
            Faulty.n_failed += 1
            self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.target)
        connection.request(self.command, self.path, content, dict(self.headers))
        answer = connection.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", answer.getheader("Content-Length") or str(len(body)))
        self.end_headers()
        connection.close()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running_s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[fs.FileSystem]:
    """Run one that the settings name, with a bucket called ``bucket``."""
    if not tools.are_current():
        pytest.skip("the deploy tools, moto among them, are not installed: python -m deploy.tools")
    Faulty.target = free_port()
    moto = subprocess.Popen(
        [str(tools.tool("moto_server")), "-p", str(Faulty.target), "-H", "127.0.0.1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Faulty)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.server_port}", "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    file_system.cache_clear()
    wait_until(_has_bucket, 300)
    yield file_system("s3://bucket")
    proxy.shutdown()
    proxy.server_close()
    moto.terminate()
    moto.wait(60)
    file_system.cache_clear()


def _has_bucket() -> bool:
    """Make the bucket, and say whether moto answers already."""
    connection = http.client.HTTPConnection("127.0.0.1", Faulty.target)
    try:
        connection.request("PUT", "/bucket", headers={"Host": "s3.amazonaws.com"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
