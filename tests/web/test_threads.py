"""Which requests a worker answers without a thread, and that nothing makes it wait for one."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.parser import RequestParser
from hypothesis import given
from hypothesis import strategies as st

from src.web.worker import path_of_whole_post
from tests.web.conftest import Server, run_gunicorn

e2e = pytest.mark.e2e
PATH = "/api/v1/predict"
HEAD = b"POST /api/v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

# ---------------------------------------------------------------- what is seen of a request


def posted(body: bytes, *lines: bytes) -> bytes:
    sent = [*lines, b"Content-Length: %d" % len(body)]
    return HEAD + b"".join(line + b"\r\n" for line in sent) + b"\r\n" + body


@pytest.mark.parametrize("lines", [[], [b"X-Forwarded-For: 192.0.2.7", b"Connection: close"]])
def test_a_whole_request_is_seen(lines):
    assert path_of_whole_post(posted(b"{}", *lines)) == PATH


@pytest.mark.parametrize(
    "seen",
    [
        b"",
        posted(b"{}")[:-1],
        posted(b"{}") + b"P",
        posted(b"{}")[:50],
        posted(b"{}").replace(b"POST", b"GET"),
        posted(b"{}").replace(b"/1.1", b"/1.0"),
        posted(b"{}", b"Content-Length: 2"),
        posted(b"{}", b"content-length: 4"),
        posted(b"{}", b"Transfer-Encoding: chunked"),
        posted(b"{}", b"transfer-encoding : chunked"),
        posted(b"{}", b"Expect: 100-continue"),
        HEAD + b"\r\n",
    ],
)
def test_everything_else_is_not(seen):
    assert path_of_whole_post(seen) is None


LINES = st.sampled_from(
    [
        b"Content-Length: 2", b"content-LENGTH:\t2 ", b"Content-Length: 02", b"Content-Length: +2",
        b"Content-Length: 2, 2", b"Content-Length:2\r\n\r\nContent-Length: 9", b"Content-Length: 3",
        b"X: \r\n Content-Length: 2", b"X: \nContent-Length: 5", b"X: \x00", b": x", b"", b"X: y",
        b"Transfer-Encoding: chunked", b"Transfer_Encoding: chunked", b"Content_Length: 7",
        b"Upgrade: h2c", b"Connection: upgrade", b"Host: a", b"Content-Type: b",
    ]
)  # fmt: skip


@given(st.lists(LINES, max_size=4), st.sampled_from([b"{}", b"{ }", b"", b"{}POST / HTTP/1.1"]))
def test_gunicorn_never_waits_for_more_of_what_is_seen_as_whole(lines, rest):
    seen = b"POST / HTTP/1.1\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + rest
    if path_of_whole_post(seen) is None:
        return
    parser = RequestParser(Config(), iter([seen]), ("127.0.0.1", 1))
    try:
        request = next(parser)
        assert request.body.read() == seen[seen.index(b"\r\n\r\n") + 4 :]
    except NoMoreData:
        pytest.fail("it waits")
    except ParseException:
        return  # refused, so the connection ends
    assert parser.unreader.take_buffered() == b""


# ---------------------------------------------------------------- a running worker


@pytest.fixture(scope="module")
def worker(sample_artifacts, tmp_path_factory) -> Iterator[Server]:
    """Run one worker with two threads that ends requests after 3 seconds."""
    options = ("--workers", "1", "--threads", "2", "--timeout", "3")
    with run_gunicorn(
        tmp_path_factory.mktemp("worker"), *options, app="tests.web.named_threads_app:application",
        ARTIFACTS_DIR=str(sample_artifacts),
    ) as running:  # fmt: skip
        yield running


def connect(server: Server) -> http.client.HTTPConnection:
    """Return a connection on which a first request was answered."""
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    connection.request("GET", "/health")
    connection.getresponse().read()
    return connection


def send(connection: http.client.HTTPConnection, *pieces: bytes) -> tuple[int, str]:
    """Send pieces, and return the answer's status and whether a thread of its own made it."""
    for piece in pieces:
        connection.sock.sendall(piece)
        if piece is not pieces[-1]:
            time.sleep(0.2)
    response = http.client.HTTPResponse(connection.sock, method="POST")
    response.begin()
    response.read()
    return response.status, response.headers["X-Thread-Of-Its-Own"]


@e2e
def test_only_a_whole_record_on_a_kept_connection_needs_no_thread(worker, student):
    whole = posted(json.dumps(student).encode())
    connection = connect(worker)
    assert [send(connection, whole) for _ in range(3)] == [(200, "no")] * 3
    assert send(connection, posted(b"[1")) == (400, "no")
    assert send(connection, whole[:40], whole[40:]) == (200, "yes")
    assert send(connection, whole[:-9], whole[-9:]) == (200, "yes")
    assert send(connection, whole.replace(b"predict HTTP", b"predict?a=1 HTTP")) == (200, "yes")
    assert send(connection, posted(b"[]").replace(b"/predict", b"/predict/batch"))[1] == "yes"
    assert send(connection, posted(json.dumps(student | {"x": "y" * 9000}).encode()))[1] == "yes"
    chunk = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
    body = whole.partition(b"\r\n\r\n")[2]
    assert send(connection, HEAD + chunk % (len(body), body)) == (200, "yes")
    assert send(connection, whole + whole) == (200, "yes")
    connection.close()


@e2e
def test_expect_and_pipelined_requests_have_all_their_answers(worker, student):
    body = json.dumps(student).encode()
    connection = connect(worker)
    connection.sock.sendall(posted(body, b"Expect: 100-continue")[: -len(body)])
    assert connection.sock.recv(100).startswith(b"HTTP/1.1 100 ")
    assert send(connection, body) == (200, "yes")
    connection.sock.sendall(posted(body) * 4 + posted(body, b"Connection: close"))
    answers = b"".join(iter(lambda: connection.sock.recv(1 << 16), b""))
    assert answers.count(b"HTTP/1.1 200 ") == 5
    connection.close()


@e2e
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (posted(b"{}", b"Content-Length: 2"), 400),
        (posted(b"{}", b"Transfer-Encoding: chunked"), 400),
        (posted(b"{}", b"X: \x00"), 400),
        (posted(b"{}", b"X: " + b"y" * 8200), 431),
    ],
)
def test_what_is_no_request_is_refused_and_ends_the_connection(worker, sent, status):
    connection = connect(worker)
    assert send(connection, sent)[0] == status
    assert connection.sock.recv(100) == b""
    connection.close()
    assert worker.ask("/health").status == 200


@e2e
def test_beside_other_work_a_record_has_a_thread(worker, student):
    whole = posted(json.dumps(student).encode())
    quick, slow, gone = connect(worker), connect(worker), connect(worker)
    slow.sock.sendall(whole[:-1])
    time.sleep(0.5)
    assert [send(quick, whole) for _ in range(2)] == [(200, "yes")] * 2
    assert send(slow, whole[-1:]) == (200, "yes")
    gone.sock.sendall(whole[:-1])
    gone.close()  # mid-way
    time.sleep(0.5)
    assert send(quick, whole) == (200, "no")
    for connection in (quick, slow):
        connection.close()


@e2e
def test_a_client_that_takes_no_answers_has_a_thread_wait_for_it(worker, student):
    whole = posted(json.dumps(student).encode())
    quick, deaf = connect(worker), connect(worker)
    deaf.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(60):  # one by one: 40 kB of answers
        deaf.sock.sendall(whole)
        time.sleep(0.02)
    assert send(quick, whole) == (200, "no")
    deaf.sock.sendall(posted(b"{}", b"Connection: close"))
    answers = b"".join(iter(lambda: deaf.sock.recv(1 << 16), b""))
    threads = re.findall(rb"X-Thread-Of-Its-Own: (\w+)", answers)
    assert (len(threads), threads[0], threads[-1]) == (61, b"no", b"yes")
    deaf.close()
    quick.close()


@e2e
def test_no_record_is_lost_when_workers_are_replaced_and_at_the_end(
    gunicorn, sample_artifacts, tmp_path, student
):
    """R5: by HUP, by max_requests and by TERM."""
    body, kind = json.dumps(student), {"Content-Type": "application/json"}
    codes: list[int] = []
    lost: list[Exception] = []
    stopping = threading.Event()
    options = ("--workers", "1", "--max-requests", "200")

    def ask(connection: http.client.HTTPConnection) -> None:
        while not stopping.is_set():
            try:
                connection.request("POST", PATH, body, kind)
                response = connection.getresponse()
                response.read()
                codes.append(response.status)
                time.sleep(0.002)
            except (OSError, http.client.HTTPException) as error:
                lost.append(error)

    with gunicorn(tmp_path, *options, ARTIFACTS_DIR=str(sample_artifacts)) as server:
        connections = [connect(server) for _ in range(3)]
        threads = [threading.Thread(target=ask, args=(one,)) for one in connections]
        for thread in threads:
            thread.start()
        while len(codes) < 300:
            time.sleep(0.05)
        server.process.send_signal(signal.SIGHUP)
        n_before = len(codes)
        while len(codes) < n_before + 100:
            time.sleep(0.05)
        stopping.set()
        for thread in threads:
            thread.join()
        last = connect(server)
        server.process.send_signal(signal.SIGTERM)
        says = "keep-alive"
        while says != "close":  # once the order has come
            last.request("POST", PATH, body, kind)
            answer = last.getresponse()
            answer.read()
            codes.append(answer.status)
            says = answer.headers["Connection"]
        assert server.process.wait(timeout=60) == 0
        assert "Autorestarting" in server.log
    for connection in (*connections, last):
        connection.close()
    assert set(codes) == {200}
    assert lost == []
