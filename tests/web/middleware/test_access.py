"""Keys, rates, hosts, proxies and signatures; IDs are rows of FAULTS.md."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from src.artifact_store import ArtifactStore
from src.exception import ArtifactError, ConfigurationError
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig
from src.utils import sha256
from src.web.middleware.api_keys import APIKeys, main
from src.web.middleware.rate_limit import WINDOW_S, RateLimiter

KEY, OTHER = "a" * 24, "b" * 24
PREDICT = "/api/v1/predict"


def hashed(*keys: str) -> str:
    return ",".join(sha256(key.encode()) for key in keys)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def guarded(make_app, sample_artifacts: Path):
    return lambda **settings: make_app(artifacts_dir=sample_artifacts, **settings).test_client()


# ---------------------------------------------------------------- H7: keys


@pytest.mark.parametrize("headers", [{}, bearer(""), bearer("wrong"), {"Authorization": KEY}])
def test_without_a_good_key_the_api_answers_401(guarded, student, headers) -> None:
    """H7."""
    client = guarded(api_keys=hashed(KEY))
    for answer in (
        client.post(PREDICT, json=student, headers=headers),
        client.post("/predict", json=student, headers=headers),
        client.post("/api/v1/predict/batch", json=[student], headers=headers),
        client.get("/api/v1/schema", headers=headers),
    ):
        assert answer.status_code == 401
        assert answer.get_json()["status"] == 401
        assert answer.headers["WWW-Authenticate"].lower() == "bearer"


@pytest.mark.parametrize("key", [KEY, OTHER])
def test_each_good_key_opens_the_api(guarded, student, key: str) -> None:
    """H7."""
    client = guarded(api_keys=hashed(KEY, OTHER))
    assert client.post(PREDICT, json=student, headers=bearer(key)).status_code == 200
    assert client.get("/api/v1/schema", headers=bearer(key)).status_code == 200


def test_people_need_no_key_for_pages_health_and_the_document(guarded) -> None:
    """H7."""
    client = guarded(api_keys=hashed(KEY))
    for path in ("/", "/health", "/ready", "/api/v1/health", "/openapi.json", "/docs"):
        assert client.get(path).status_code == 200


def test_a_key_is_revoked_by_taking_its_line_away(guarded, student, tmp_path: Path) -> None:
    """H7."""
    path = tmp_path / "keys"
    path.write_text(f"{hashed(KEY)}  # the school\n{hashed(OTHER)}\n", encoding="utf-8")
    client = guarded(api_keys=str(path))
    assert client.post(PREDICT, json=student, headers=bearer(KEY)).status_code == 200
    path.write_text(f"{hashed(OTHER)}\n", encoding="utf-8")
    assert client.post(PREDICT, json=student, headers=bearer(KEY)).status_code == 401
    assert client.post(PREDICT, json=student, headers=bearer(OTHER)).status_code == 200
    path.unlink()  # what cannot be read lets nobody in
    assert client.post(PREDICT, json=student, headers=bearer(OTHER)).status_code == 401


def test_a_key_in_clear_is_refused_at_the_start_and_not_quoted() -> None:
    """H7."""
    with pytest.raises(ConfigurationError) as caught:
        APIKeys(KEY)
    assert KEY not in str(caught.value)


def test_no_key_is_logged(guarded, student, caplog) -> None:
    """H7."""
    client = guarded(api_keys=hashed(KEY))
    for key in (KEY, "wrong" * 5):
        client.post(PREDICT, json=student, headers=bearer(key))
        client.get("/nowhere", headers=bearer(key))
    assert KEY not in caplog.text
    assert "wrong" not in caplog.text
    metrics = client.get("/api/v1/metrics", headers=bearer(KEY)).text
    assert KEY not in metrics
    assert hashed(KEY) not in metrics


# ---------------------------------------------------------------- H4, H5: rates


def test_more_than_the_limit_is_429_with_when_to_try_again(guarded, student) -> None:
    """H5."""
    client = guarded(rate_limit=5)
    codes = [client.post(PREDICT, json=student).status_code for _ in range(7)]
    assert codes == [200] * 5 + [429] * 2
    answer = client.post(PREDICT, json=student)
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.get_json()["ok"] is False
    assert client.get("/health").status_code == 200
    assert client.get("/ready").status_code == 200


def test_a_forged_address_gets_no_rate_of_its_own(guarded, student) -> None:
    """H4."""
    client = guarded(rate_limit=3)
    codes = [
        client.post(PREDICT, json=student, headers={"X-Forwarded-For": f"192.0.2.{i}"}).status_code
        for i in range(5)
    ]
    assert codes == [200, 200, 200, 429, 429]


def test_behind_a_proxy_its_own_entry_counts_and_not_what_was_sent(guarded, student) -> None:
    """H4."""
    client = guarded(rate_limit=2, trusted_proxies=1)

    def ask(forwarded: str) -> int:
        return client.post(
            PREDICT, json=student, headers={"X-Forwarded-For": forwarded}
        ).status_code

    assert [ask(f"10.0.0.{i}, 192.0.2.1") for i in range(4)] == [200, 200, 429, 429]
    assert ask("192.0.2.2") == 200


@pytest.mark.parametrize(
    "spelt",
    [
        "192.0.2.1",
        "192.0.2.1:4711",
        "192.0.2.1:80",
        "192.000.002.001",
        "::ffff:192.0.2.1",
        "[::ffff:192.0.2.1]:80",
        " 192.0.2.1 ",
    ],
)
def test_one_client_has_one_count_however_its_address_is_spelt(guarded, student, spelt) -> None:
    """L2."""
    client = guarded(rate_limit=1, trusted_proxies=1)
    first = client.post(PREDICT, json=student, headers={"X-Forwarded-For": "192.0.2.1"})
    second = client.post(PREDICT, json=student, headers={"X-Forwarded-For": spelt})
    assert (first.status_code, second.status_code) == (200, 429)


@pytest.mark.parametrize(
    "spelt", ["2001:db8:1:2::9", "[2001:DB8:1:2:0:0:0:9]:443", "2001:db8:1:2::9%eth0"]
)
def test_one_network_of_one_host_has_one_count(guarded, student, spelt) -> None:
    """L2."""
    client = guarded(rate_limit=1, trusted_proxies=1)
    first = client.post(PREDICT, json=student, headers={"X-Forwarded-For": "2001:db8:1:2::1"})
    second = client.post(PREDICT, json=student, headers={"X-Forwarded-For": spelt})
    assert (first.status_code, second.status_code) == (200, 429)


def test_what_is_no_address_is_one_client(guarded, student) -> None:
    """L2."""
    client = guarded(rate_limit=1, trusted_proxies=1)
    codes = [
        client.post(PREDICT, json=student, headers={"X-Forwarded-For": f"no-{i}"}).status_code
        for i in range(3)
    ]
    assert codes == [200, 429, 429]


def test_a_request_without_a_good_key_counts_once(guarded, student) -> None:
    """L2: it passes the guard on the fast path, and again where Flask answers it."""
    client = guarded(rate_limit=3, api_keys=hashed(KEY))
    codes = [client.post(PREDICT, json=student).status_code for _ in range(5)]
    assert codes == [401, 401, 401, 429, 429]


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.parametrize(("workers", "threads"), [(8, 8)])
def test_many_threads_of_many_workers_count_without_a_deadlock(workers, threads) -> None:
    """L1: threads that hold one of two locks, while others of their process wait for the other."""
    script = (
        "import os, sys, threading\n"
        "from src.web.middleware.rate_limit import RateLimiter\n"
        "limiters = [RateLimiter(10**6), RateLimiter(10**6)]\n"
        "failed = []\n"
        "def ask(thread):\n"
        "    for i in range(150):\n"
        "        try: limiters[(thread + i) % 2].wait_s(f'{thread} {i}')\n"
        "        except OSError as error: failed.append(error)\n"
        "def work():\n"
        f"    each = [threading.Thread(target=ask, args=(n,)) for n in range({threads})]\n"
        "    [t.start() for t in each]; [t.join() for t in each]\n"
        "    os._exit(min(len(failed), 100))\n"
        f"pids = []\nfor _ in range({workers}):\n"
        "    pid = os.fork()\n"
        "    if pid == 0: work()\n"
        "    pids.append(pid)\n"
        "sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids))\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], timeout=120, check=False)
    assert ended.returncode == 0


def test_trouble_of_the_limiter_itself_lets_requests_pass_and_counts_them(
    guarded, student, monkeypatch
) -> None:
    """L1."""

    def fail(self, client):
        raise OSError(errno.EDEADLK, "Resource deadlock avoided")

    monkeypatch.setattr(RateLimiter, "wait_s", fail)
    client = guarded(rate_limit=1)
    assert [client.post(PREDICT, json=student).status_code for _ in range(3)] == [200] * 3
    assert "\nstuprediction_rate_limit_failures_total 4\n" in client.get("/api/v1/metrics").text


def test_a_refused_record_counts_once(guarded, student) -> None:
    client = guarded(rate_limit=4)
    wrong = student | {"reading_score": "ninety"}
    codes = [client.post(PREDICT, json=wrong).status_code for _ in range(5)]
    assert codes == [422] * 4 + [429]


def test_the_rate_comes_back_evenly() -> None:
    now = [1_000.0]
    limiter = RateLimiter(6, lambda: now[0])
    assert [limiter.wait_s("a") for _ in range(6)] == [0.0] * 6
    assert limiter.wait_s("a") == pytest.approx(WINDOW_S / 6)
    assert limiter.wait_s("b") == 0.0
    now[0] += WINDOW_S / 6
    assert limiter.wait_s("a") == 0.0
    assert limiter.wait_s("a") > 0


# ---------------------------------------------------------------- F9: hosts


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "school.org.evil.example",
        "notschool.org",
        "school.org:80@evil.example",
        "school.org:evil",
        "",
    ],
)
def test_an_unknown_host_is_400_but_for_the_load_balancer(guarded, student, host: str) -> None:
    """F9."""
    client = guarded(trusted_hosts=("school.org", ".schools.net"))
    headers = {"Host": host}
    assert client.get("/", headers=headers).status_code == 400
    assert client.post(PREDICT, json=student, headers=headers).status_code == 400
    assert client.get("/health", headers=headers).status_code == 200
    assert client.get("/ready", headers={"Host": "10.1.2.3"}).status_code == 200


@pytest.mark.parametrize("host", ["school.org", "SCHOOL.org:8000", "schools.net", "a.schools.net"])
def test_our_own_hosts_are_answered(guarded, student, host: str) -> None:
    """F9."""
    client = guarded(trusted_hosts=("school.org", ".schools.net"))
    assert client.post(PREDICT, json=student, headers={"Host": host}).status_code == 200
    assert client.get("/", headers={"Host": host}).status_code == 200


# ---------------------------------------------------------------- M3: signatures


def test_with_a_signing_key_a_run_that_was_replaced_is_refused(tmp_path: Path, monkeypatch) -> None:
    """M3."""

    def train(folder: Path, key: str) -> Path:
        monkeypatch.setenv("MODEL_SIGNING_KEY", key)
        TrainPipeline(TrainConfig(models=("ridge",), budget="quick", artifacts=folder)).run()
        return folder

    ours = train(tmp_path / "ours", "k" * 32)
    forged = train(tmp_path / "forged", "f" * 32)
    unsigned = train(tmp_path / "unsigned", "")
    assert ArtifactStore(ours, "k" * 32).promoted()
    with pytest.raises(ArtifactError, match="is not signed"):
        ArtifactStore(unsigned, "k" * 32).promoted()
    shutil.rmtree(ours / "runs")  # pickles and both manifests: everything is another's
    shutil.copytree(forged / "runs", ours / "runs")
    shutil.copy(forged / "manifest.json", ours / "manifest.json")
    with pytest.raises(ArtifactError, match=r"signature of run .* was not made for this manifest"):
        ArtifactStore(ours, "k" * 32).promoted()


def test_the_app_says_so_and_serves_nothing_of_it(make_app, own_artifacts, student) -> None:
    """M3."""
    client = make_app(artifacts_dir=own_artifacts, model_signing_key="k" * 32).test_client()
    ready = client.get("/ready")
    assert ready.status_code == 503
    assert "is not signed" in ready.get_json()["error"]
    assert client.post(PREDICT, json=student).status_code == 503


# ---------------------------------------------------------------- several workers


@pytest.mark.e2e
def test_the_rate_and_the_metrics_hold_across_workers(
    gunicorn, sample_artifacts, tmp_path, student
) -> None:
    """H5."""
    body = json.dumps(student).encode()
    environment = {
        "ARTIFACTS_DIR": str(sample_artifacts), "RATE_LIMIT": "30", "WEB_CONCURRENCY": "3",
    }  # fmt: skip
    with gunicorn(tmp_path, **environment) as server:
        codes = [
            server.ask(PREDICT, body, Content_Type="application/json", Connection="close").status
            for _ in range(40)
        ]
    assert 30 <= codes.count(200) <= 32  # a place comes back every two seconds
    assert codes.count(429) == 40 - codes.count(200)


@pytest.mark.e2e
def test_metrics_of_all_workers_are_summed(gunicorn, sample_artifacts, tmp_path, student) -> None:
    body = json.dumps(student).encode()
    environment = {"ARTIFACTS_DIR": str(sample_artifacts), "WEB_CONCURRENCY": "3"}
    with gunicorn(tmp_path, **environment) as server:
        for _ in range(30):
            server.ask(PREDICT, body, Content_Type="application/json", Connection="close")
        server.post_json(PREDICT, student | {"reading_score": 900})
        said = server.ask("/api/v1/metrics").text
    counted = {
        line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
        for line in said.splitlines()
        if line and not line.startswith("#")
    }
    answered = [n for name, n in counted.items() if PREDICT in name and 'status="200"' in name]
    assert answered == [30]
    assert [n for name, n in counted.items() if PREDICT in name and 'status="422"' in name] == [1]


def test_the_command_makes_a_key_and_the_hash_that_lets_it_in(capsys) -> None:
    main()
    key, known = (line.rsplit(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines())
    assert len(key) >= 32
    assert APIKeys(known).known(key) == known
    assert APIKeys(known).known(key[:-1]) is None


def test_a_line_that_is_no_hash_stops_the_start_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# whose\n{hashed(KEY)}\n\n{KEY}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"Row 4: .*no SHA-256") as caught:
        APIKeys(str(path))
    assert KEY not in str(caught.value)
