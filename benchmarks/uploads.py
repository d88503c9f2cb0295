"""Upload files that are made to take memory or time: seconds to the refusal, memory on the way.

``python -m benchmarks.uploads``; needs Linux. Ours runs under gunicorn as it is deployed. Each file
is sent to the API three times; the slowest counts. Memory is what the worker came to hold more than
after an honest upload, and what the process that looked into the file held of its own. A row that
cannot be used is refused by its line in an answer of 200.
"""

from __future__ import annotations

import argparse
import http.client
import io
import os
import re
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import openpyxl

from benchmarks.process import clean_environment
from benchmarks.serve import APPS, MIB, family, running
from benchmarks.wsgi import sample_record, train

PATH = "/api/v1/predict/batch"
MOST_S = 1.0
MOST_MB = 50.0
REPETITIONS = 3
REFUSED = {200, 413, 422}


@dataclass(frozen=True)
class Outcome:
    """What came of a file."""

    status: int
    seconds: float
    megabytes: float


def header_and_row() -> tuple[bytes, bytes]:
    """Return the lines of a table that fits the sample table's model."""
    record = sample_record()
    return tuple((",".join(map(str, line)) + "\n").encode() for line in (record, record.values()))


def bomb(unpacked: int) -> bytes:
    """Return a workbook whose sheet unpacks to so many bytes."""
    book = openpyxl.Workbook()
    book.active.append(list(sample_record()))
    plain, packed = io.BytesIO(), io.BytesIO()
    book.save(plain)
    row = b"<row>" + b"<c><v>1</v></c>" * len(sample_record()) + b"</row>"
    with (
        zipfile.ZipFile(plain) as source,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename.endswith("sheet1.xml"):
                rows = row * (unpacked // len(row)) + b"</sheetData>"
                content = content.replace(b"</sheetData>", rows)
            target.writestr(entry.filename, content)
    return packed.getvalue()


def hostile_files() -> Iterator[tuple[str, str, bytes]]:
    """Yield what each is, its name and its content."""
    header, row = header_and_row()
    yield "workbook that unpacks to 25 MB", "class.xlsx", bomb(25 * MIB)
    yield "workbook that unpacks to 1 GB", "class.xlsx", bomb(1 << 30)
    yield "CSV of a million columns", "class.csv", b"a," * 1_000_000 + b"a\n" + row
    yield "cell of 9 MB", "class.csv", header + b"x" * (9 * MIB)
    yield "quote that is not closed, 8 MB", "class.csv", header + b'"' + b"x\n" * (4 * MIB)
    yield "cell of 100 MB", "class.csv", header + b"x" * (100 * MIB)


def private_mib(pid: int) -> float:
    """Return what a process holds that no other does."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return sum(int(kb) for kb in re.findall(r"^Private_\w+:\s+(\d+) kB", text, re.M)) / 1024


def started_by(pid: int) -> list[int]:
    """Return the processes that any thread of a process started."""
    try:
        lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:  # a thread ended
        return []
    return [int(child) for text in lists for child in text.split()]


class Watch:
    """Reads what the workers hold, and the processes that they started, until it is stopped."""

    def __init__(self, workers: Sequence[int]) -> None:
        self._workers = workers
        self._over = threading.Event()
        self.workers_mib = self.children_mib = 0.0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(0.005):
            self.workers_mib = max(self.workers_mib, sum(map(private_mib, self._workers)))
            children = [child for worker in self._workers for child in started_by(worker)]
            self.children_mib = max(self.children_mib, sum(map(private_mib, children)))

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


def send(port: int, content: bytes, name: str) -> tuple[int, bytes]:
    """Upload a file as a browser does, and return the status and the body of the answer."""
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    body = head + content + b"\r\n--b--\r\n"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        connection.request("POST", PATH, body, kind)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def upload(port: int, workers: Sequence[int], content: bytes, name: str) -> Outcome:
    """Upload a file some times; the worst of each counts."""
    status, seconds, megabytes = 0, 0.0, 0.0
    for _ in range(REPETITIONS):
        before = sum(map(private_mib, workers))
        watch = Watch(workers)
        started = time.perf_counter()
        status, _ = send(port, content, name)
        seconds = max(seconds, time.perf_counter() - started)
        watch.stop()
        held = watch.workers_mib - before + watch.children_mib
        megabytes = max(megabytes, held * MIB / 1e6)
    return Outcome(status, seconds, megabytes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.uploads",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", default="ridge", help="kind to train (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a limit is missed")
    options = parser.parse_args(arguments)
    if len(os.environ) != len(clean_environment()):
        command = [sys.executable, "-m", "benchmarks.uploads", *(arguments or sys.argv[1:])]
        os.execve(sys.executable, command, clean_environment())
    failed = False
    print(f"{'':34}{'file MB':>9}{'status':>8}{'s':>7}{'limit':>7}{'MB more':>9}{'limit':>7}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train(folder / "artifacts", options.model)
        served = running(APPS["ours"], folder / "artifacts", folder / "log", workers=1)
        with served as (pid, port, _):
            header, row = header_and_row()
            for ending in ("csv", "xlsx"):  # what any upload loads stays loaded
                content = header + row * 2_000 if ending == "csv" else bomb(1_000)
                assert_answered(send(port, content, f"class.{ending}"))
            workers = family(pid)[1:]
            for what, file_name, content in hostile_files():
                found = upload(port, workers, content, file_name)
                holds = (found.status in REFUSED and found.seconds <= MOST_S
                         and found.megabytes < MOST_MB)  # fmt: skip
                failed |= not holds
                print(f"{what:34}{len(content) / 1e6:9.2f}{found.status:8}{found.seconds:7.2f}"
                      f"{MOST_S:7.1f}{found.megabytes:9.1f}{MOST_MB:7.0f}  "
                      f"{'ok' if holds else 'FAILED'}", flush=True)  # fmt: skip
    return int(options.check and failed)


def assert_answered(answer: tuple[int, bytes]) -> None:
    """Stop where an honest file is not answered: nothing would be measured."""
    status, body = answer
    if status != 200:
        raise RuntimeError(f"An honest file was answered with {status}: {body[:500]!r}")


if __name__ == "__main__":
    sys.exit(main())
