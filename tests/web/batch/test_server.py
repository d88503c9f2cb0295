"""Uploads against a real gunicorn: hostile files, limits, dead workers; IDs are of FAULTS.md."""

from __future__ import annotations

import http.client
import io
import os
import re
import signal
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import openpyxl
import pytest

from tests.waiting import wait_until
from tests.web.conftest import multipart, workbook

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc"),
]

API = "/api/v1/predict/batch"
HEAVY = ("numpy", "pandas", "scipy", "sklearn", "xgboost", "catboost", "dill", "openpyxl")
HEADER = ("gender,race_ethnicity,parental_level_of_education,lunch,test_preparation_course,"
          "reading_score,writing_score\n")  # fmt: skip
ROW = "female,group C,some college,standard,none,70,70\n"
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def uploads(gunicorn, sample_artifacts, tmp_path_factory) -> Iterator:
    folder = tmp_path_factory.mktemp("uploads")
    environment = {
        "ARTIFACTS_DIR": str(sample_artifacts), "TMPDIR": str(folder), "LOG_LEVEL": "DEBUG",
    }  # fmt: skip
    with gunicorn(folder / "server", **environment) as server:
        server.folder = folder
        yield server
    assert not list(folder.glob("stuprediction-uploads-*"))  # it went with the server


def children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def memory(server) -> int:
    """Return the most that any worker has ever held, in bytes."""
    status = (Path(f"/proc/{pid}/status").read_text() for pid in children(server.process.pid))
    return max(int(re.search(r"VmHWM:\s+(\d+)", text)[1]) << 10 for text in status)


def send(server, content: bytes, name: str, **fields: str):
    """Upload on the page and return what the page that follows answers."""
    body, kind = multipart(content, name, **fields)
    return server.ask("/batch", body, Content_Type=kind)


def bomb() -> bytes:
    """Return a workbook of 70 KB that unpacks to 25 MB."""
    book = openpyxl.Workbook()
    book.active.append(HEADER.strip().split(","))
    plain = io.BytesIO()
    book.save(plain)
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(plain) as source,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename.endswith("sheet1.xml"):
                row = b"<row>" + b"<c><v>1</v></c>" * 7 + b"</row>"
                rows = row * (25 * MEGABYTE // len(row))
                content = content.replace(b"</sheetData>", rows + b"</sheetData>")
            target.writestr(entry.filename, content)
    return packed.getvalue()


def class_workbook(n_rows: int) -> bytes:
    return workbook(line.strip().split(",") for line in (HEADER, *[ROW] * n_rows))


# ---------------------------------------------------------------- C10, C11


@pytest.mark.parametrize(
    ("make", "name", "message"),
    [
        (bomb, "class.xlsx", "unpacks to more than"),
        (lambda: b"a," * 1_000_000 + b"a\n" + ROW.encode(), "class.csv", "no header that can be"),
        (lambda: HEADER.encode() + b"x" * (9 * MEGABYTE), "class.csv", "The row could not be"),
        (
            lambda: HEADER.encode() + b'"' + b"x\n" * (4 * MEGABYTE),
            "class.csv",
            "None of the first 16,384 rows",
        ),
    ],
    ids=["bomb", "million-columns", "large-cell", "open-quote"],
)
def test_what_would_take_memory_is_refused_without_it(
    uploads, make: Callable[[], bytes], name: str, message: str
) -> None:
    """C10."""
    content = make()
    send(uploads, ROW.encode(), "small.csv")  # what any upload needs is loaded
    before = memory(uploads)
    answer = send(uploads, content, name)
    deadline = time.monotonic() + uploads.timeout_s
    while "rows done" in answer.text and time.monotonic() < deadline:
        time.sleep(0.2)
        answer = uploads.ask(re.search(r"(/batch/[\w-]+)/progress", answer.text)[1])
    assert message in answer.text
    body, kind = multipart(content, name)
    assert uploads.ask(API, body, Content_Type=kind).status in (200, 422)
    assert memory(uploads) - before < 50 * MEGABYTE


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", ["/batch", API])
def test_a_file_over_the_limit_gets_its_413(uploads, path: str, chunked: bool) -> None:
    """C11."""
    before, size = memory(uploads), 100 * MEGABYTE
    boundary, piece = "b", b"x" * MEGABYTE
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    body = (head, *[piece] * (size // len(piece)))
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    if not chunked:
        headers["Content-Length"] = str(len(head) + size)
    parts = urlsplit(uploads.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=uploads.timeout_s)
    try:
        connection.request("POST", path, iter(body), headers, encode_chunked=chunked)
        answer = connection.getresponse()
        assert answer.status == 413
        assert b"10,485,760 bytes" in answer.read()
    finally:
        connection.close()
    assert memory(uploads) - before < 50 * MEGABYTE
    assert uploads.ask("/health").status == 200


def test_a_file_that_comes_in_pieces_is_scored(uploads) -> None:
    parts = urlsplit(uploads.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=uploads.timeout_s)
    try:
        pieces = (HEADER.encode(), *[ROW.encode() * 100] * 100)
        headers = {"Content-Type": "text/csv", "Transfer-Encoding": "chunked"}
        connection.request("POST", API, iter(pieces), headers, encode_chunked=True)
        answer = connection.getresponse()
        assert answer.status == 200
        assert len(answer.read().splitlines()) == 10_001
        answering = answer.headers["X-Request-ID"]
        assert f"Scored a file: 10000 rows, 0 refused [{answering}]" in uploads.log
    finally:
        connection.close()


# ---------------------------------------------------------------- workers


def test_no_worker_loads_a_heavy_library_whatever_is_uploaded(uploads) -> None:
    for content, name in (
        ((HEADER + ROW).encode(), "a.csv"), ((HEADER + ROW * 2_000).encode(), "a.csv"),
        (class_workbook(30), "a.xlsx"), (bomb(), "a.xlsx"),
    ):  # fmt: skip
        send(uploads, content, name)
    for pid in (uploads.process.pid, *children(uploads.process.pid)):
        maps = Path(f"/proc/{pid}/maps").read_text("utf-8")
        assert not [name for name in HEAVY if f"/site-packages/{name}" in maps]


def test_every_worker_shows_what_one_of_them_took_and_a_killed_one_loses_nothing(
    gunicorn, sample_artifacts, tmp_path
) -> None:
    with gunicorn(tmp_path, ARTIFACTS_DIR=str(sample_artifacts), TMPDIR=str(tmp_path)) as server:
        page = send(server, (HEADER + ROW * 3).encode(), "class.csv", pass_mark="80")
        location = re.search(r'"(/batch/[\w-]+)/predictions.csv"', page.text)[1]
        before = {server.ask(f"{location}/predictions.csv").body for _ in range(20)}
        assert len(before) == 1
        for pid in children(server.process.pid):
            os.kill(pid, signal.SIGKILL)
        time.sleep(1)
        assert server.ask(f"{location}/predictions.csv").body in before
        (folder,) = tmp_path.glob("stuprediction-uploads-*")
        assert list(folder.iterdir())
    assert not folder.exists()


def test_a_deleted_job_ends_its_process(gunicorn, sample_artifacts, tmp_path) -> None:
    content = (HEADER + ROW * 150_000).encode()
    with gunicorn(tmp_path, ARTIFACTS_DIR=str(sample_artifacts), TMPDIR=str(tmp_path)) as server:
        page = send_without_waiting(server, content)
        (job,) = next(tmp_path.glob("stuprediction-uploads-*")).iterdir()
        assert processes_of(job.name)
        for file in job.iterdir():
            file.unlink()
        job.rmdir()
        wait_until(lambda: processes_of(job.name) == [])
        page.join()
        assert server.ask("/health").status == 200


def send_without_waiting(server, content: bytes) -> threading.Thread:
    thread = threading.Thread(target=send, args=(server, content, "class.csv"))
    thread.start()
    folder = server.log_file.parent
    wait_until(
        lambda: any(processes_of(job.name) for job in folder.glob("stuprediction-uploads-*/*"))
    )
    return thread


def processes_of(job: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if job.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:  # it ended
            continue
    return found


def test_no_log_line_tells_of_a_student_a_name_or_an_address(uploads) -> None:
    """H8."""
    content = HEADER + "female,group zzsecretzz,some college,standard,none,61.625,70\n" + ROW
    page = send(uploads, content.encode(), "zzanna-smithzz.csv")
    location = re.search(r'"(/batch/[\w-]+)/predictions.csv"', page.text)[1]
    uploads.ask(f"{location}/predictions.csv")
    send(uploads, class_workbook(2), "zzanna-smithzz.xlsx")
    time.sleep(0.2)
    log = uploads.log
    assert "GET /batch/<job_id>/predictions.csv 200" in log
    for secret in ("zzsecretzz", "61.625", "zzanna-smithzz", location.rpartition("/")[2]):
        assert secret not in log
