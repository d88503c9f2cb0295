"""What a worker imports, and what becomes of the service when one is killed."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.outcomes import records
from tests.web.conftest import multipart, workbook

pytestmark = pytest.mark.e2e

HEAVY = {"numpy", "pandas", "scipy", "sklearn", "xgboost", "catboost", "dill", "matplotlib",
         "pyarrow", "openpyxl"}  # fmt: skip
LOCATION = re.compile(r'"(/batch/[\w-]{32})[/"]')


def children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def unpickled(probed: dict[str, Any]) -> list[str]:
    """Return what a worker unpickled, but for Babel's own tables of the languages' numbers."""
    return [one for one in probed["unpickled"] if not one.startswith("('babel.")]


def test_a_worker_imports_no_heavy_library_and_unpickles_nothing_whatever_it_is_asked(
    gunicorn, sample_artifacts, tmp_path, student
) -> None:
    """Read from the `sys.modules` of a running worker, before and after every kind of request."""
    with gunicorn(
        tmp_path, "--workers", "1", app="tests.web.probed_app:application",
        ARTIFACTS_DIR=str(sample_artifacts), TMPDIR=str(tmp_path),
    ) as server:  # fmt: skip

        def imported() -> set[str]:
            probed = server.ask("/probe").json
            assert unpickled(probed) == []
            return {name.partition(".")[0] for name in probed["modules"]}

        assert imported() & HEAVY == set()
        codes = ask_everything(server, student)
        assert {200, 400, 404, 405, 413, 415, 422} <= codes
        assert not [code for code in codes if code >= 500]
        after = imported()
        assert "subprocess" in after  # a large file was scored: by a process of its own
        assert after & HEAVY == set()


def test_nor_does_a_worker_that_predicts_outcomes(gunicorn, outcome_artifacts, tmp_path) -> None:
    rows = records(600)
    text = "".join(",".join(map(str, row)) + "\n" for row in [rows[0], *(r.values() for r in rows)])
    few = "".join(text.splitlines(keepends=True)[:30])
    with gunicorn(
        tmp_path, "--workers", "1", app="tests.web.probed_app:application",
        ARTIFACTS_DIR=str(outcome_artifacts), TMPDIR=str(tmp_path),
    ) as server:  # fmt: skip
        assert server.post_json("/api/v1/predict", rows[0]).status == 200
        explained = server.post_json("/api/v1/predict?contributions=1", rows[1]).json
        assert explained["contributions"]["values"].keys() == rows[1].keys()
        for content in (few, text):  # by the worker itself, and by a process of its own
            answer = server.ask("/api/v1/predict/batch", content.encode(), Content_Type="text/csv")
            assert answer.text.count("\n") == content.count("\n")
            body, kind = multipart(content.encode(), "class.csv")
            assert "At risk" in server.ask("/batch", body, Content_Type=kind).text
        for path in ("/batch", "/docs", "/openapi.json", "/api/v1/model", "/api/v1/schema"):
            assert server.ask(path).status == 200
        probed = server.ask("/probe").json
    modules = {name.partition(".")[0] for name in probed["modules"]}
    assert (modules & HEAVY, unpickled(probed)) == (set(), [])
    assert "subprocess" in modules


def ask_everything(server, student: dict[str, object]) -> set[int]:
    """Ask for every route in every way that it takes, and in wrong ones."""
    rows = [student.keys(), student.values()]
    text = "".join(",".join(map(str, row)) + "\n" for row in rows)
    large = text + text.partition("\n")[2] * 2_000
    files = [
        (text.encode(), "class.csv"), (large.encode(), "class.csv"), (workbook(rows), "class.xlsx"),
        (b"PK\x03\x04 damaged", "class.xlsx"), (b"\x89PNG", "class.csv"),
    ]  # fmt: skip
    wrong = student | {"reading_score": "ninety", "lunch": "x"}
    codes = set()
    for path in ("/", "/predict", "/predictdata", "/api/v1/predict"):
        for record in (student, wrong, student | {"reading_score": 1}, [], "x"):
            codes.add(server.post_json(path, record).status)
            codes.add(server.post_json(f"{path}?contributions=1", record).status)
        codes.add(server.ask(path, b"{}", Content_Type="text/plain").status)
        codes.add(server.ask(path, b"x" * (2 << 20), Content_Type="application/json").status)
    for path in ("/", "/predict", "/predictdata"):
        for record in (student, wrong):
            codes.add(server.post_form(path, record).status)
    codes.add(server.ask("/", b"reading_score=1").status)
    codes.add(server.post_json("/api/v1/predict/batch", [student, wrong, 7]).status)
    codes.add(server.ask("/api/v1/predict/batch", text.encode(), Content_Type="text/csv").status)
    for content, name in files:
        body, kind = multipart(content, name)
        codes.add(server.ask("/api/v1/predict/batch", body, Content_Type=kind).status)
        body, kind = multipart(content, name, pass_mark="60")
        page = server.ask("/batch", body, Content_Type=kind)
        codes.add(page.status)
        if page.status == 200:
            location = LOCATION.search(page.text)[1]
            for view in ("", "/progress", "/predictions.csv", "/to-fix.csv"):
                codes.add(server.ask(location + view).status)
            for view in ("", "/delete"):
                codes.add(server.post_form(location + view, {"pass_mark": "50"}).status)
    for rule in plain_rules():
        codes.add(server.ask(rule).status)
    for path in ("/nowhere", "/static/style.css", "/api/v1/predict"):
        codes.add(server.ask(path).status)
    return codes


def plain_rules() -> list[str]:
    """Return the address of every view that can be asked for by GET and takes nothing."""
    from flask import Flask

    from appBackend.endpoints import api, documents
    from src.web.batch.routes import batch
    from src.web.health import health
    from src.web.pages.routes import pages

    app = Flask("rules")
    for blueprint in (health, pages, batch, api, documents):
        app.register_blueprint(blueprint)
    return [
        rule.rule for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.arguments
    ]  # fmt: skip


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
def test_a_killed_worker_is_replaced_and_the_service_goes_on(
    gunicorn, sample_artifacts, tmp_path, student
) -> None:
    """R3."""
    body, done = json.dumps(student).encode(), threading.Event()
    codes: list[int | None] = []

    def ask(server) -> None:
        while not done.is_set():
            try:
                answer = server.ask(
                    "/api/v1/predict", body, Content_Type="application/json", Connection="close"
                )
                codes.append(answer.status)
            except (
                OSError,
                http.client.HTTPException,
            ):  # in the killed one's hands
                codes.append(None)

    with gunicorn(tmp_path, ARTIFACTS_DIR=str(sample_artifacts)) as server:
        threads = [threading.Thread(target=ask, args=(server,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        before = set(children(server.process.pid))
        os.kill(min(before), signal.SIGKILL)
        time.sleep(2)
        done.set()
        for thread in threads:
            thread.join()
        after = set(children(server.process.pid))
        assert server.ask("/ready").status == 200
    assert len(after) == len(before) == 2
    assert after != before
    assert set(codes) <= {200, None}
    assert codes.count(None) <= 8  # those in its hands, no more
    assert codes.count(200) > 50
