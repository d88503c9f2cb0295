"""What a worker imports, and what becomes of the service when one is killed."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numpy", "pandas", "scipy", "sklearn", "xgboost", "catboost", "dill", "matplotlib")

# Asks for everything that the app answers, and prints which heavy packages that took.
ASK_EVERYTHING = """
import json, re, sys
import application
client = application.application.test_client()
student = json.loads(sys.argv[1])
heavy = sys.argv[2].split(",")
before = [name for name in heavy if name in sys.modules]
token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/").text).group(1)
answers = [
    client.post("/", data={"csrf_token": token, **student}),
    client.post("/", data={"csrf_token": token, **student, "reading_score": "x"}),
    client.post("/predict", json=student),
    client.post("/api/v1/predict?contributions=1", json=student),
    client.post("/api/v1/predict", json=student | {"lunch": "x"}),
    client.post("/api/v1/predict/batch", json=[student, {}]),
]
rules = [r.rule for r in application.application.url_map.iter_rules() if "GET" in r.methods]
answers += [client.get(rule) for rule in rules if "<" not in rule]
answers += [client.get("/nowhere"), client.get("/static/style.css")]
after = [name for name in heavy if name in sys.modules]
print(json.dumps([before, after, [answer.status_code for answer in answers]]))
"""


def children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_compiled_model_is_served_without_a_heavy_import(sample_artifacts, student) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ASK_EVERYTHING, json.dumps(student), ",".join(HEAVY)],
        cwd=ROOT,
        env={**os.environ, "ARTIFACTS_DIR": str(sample_artifacts), "LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    before, after, codes = json.loads(ran.stdout.splitlines()[-1])
    assert before == []
    assert after == []
    assert codes[:6] == [200, 422, 200, 200, 422, 200]
    assert max(codes) < 500


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc")
def test_no_library_of_theirs_is_mapped_in_a_running_worker(
    gunicorn, sample_artifacts, tmp_path, student
) -> None:
    with gunicorn(tmp_path, ARTIFACTS_DIR=str(sample_artifacts)) as server:
        for _ in range(20):
            assert server.post_json("/api/v1/predict", student).status == 200
        assert server.post_form("/", student).status == 200
        for pid in (server.process.pid, *children(server.process.pid)):
            maps = Path(f"/proc/{pid}/maps").read_text("utf-8")
            assert not [name for name in HEAVY if f"/site-packages/{name}" in maps]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
def test_R3_a_killed_worker_is_replaced_and_the_service_goes_on(
    gunicorn, sample_artifacts, tmp_path, student
) -> None:
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
