"""The serving benchmarks compare like with like, and their verdicts follow from the numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import serve, wsgi
from src.config import Settings
from src.web.middleware.instrumentation import HEADERS

BODY = json.dumps(wsgi.sample_record()).encode()
PLAIN = serve.Served(
    per_s=1000, p50_ms=8, p99_ms=20, cpu_us=500, rss_mib=30, pss_mib=30, start_s=0.2, errors=0
)


@pytest.fixture(scope="module")
def ours(sample_artifacts: Path):
    from appBackend.endpoints import create_api

    return create_api(Settings(artifacts_dir=sample_artifacts))


def test_the_equal_flask_sends_what_ours_sends(ours) -> None:
    environ = wsgi.environ_for(BODY)
    status, headers, answer = wsgi.call(ours, environ, BODY)
    assert status == "200 OK"
    for encoded in (False, True):
        equal = wsgi.equal_flask(answer, encoded=encoded)
        _, same_headers, same_answer = wsgi.call(equal, environ, BODY)
        assert json.loads(same_answer) == json.loads(answer)
        assert [name for name, _ in same_headers] == [name for name, _ in headers]
        assert set(HEADERS) <= set(same_headers)


def test_the_bare_flask_parses_the_body() -> None:
    environ = wsgi.environ_for(BODY)
    assert wsgi.call(wsgi.bare_flask(), environ, BODY)[0] == "200 OK"
    assert wsgi.call(wsgi.bare_flask(), environ, BODY[:-1] + b"!")[0] == "400 BAD REQUEST"


def test_an_app_that_refuses_the_record_is_not_timed(ours) -> None:
    with pytest.raises(RuntimeError, match="ours answers 422"):
        wsgi.compare({"ours": ours}, [(wsgi.environ_for(b"{}"), b"{}")], repetitions=1, calls=1)


def test_every_app_is_called_as_often(ours) -> None:
    requests = [(wsgi.environ_for(BODY), BODY)]
    apps = {"ours": ours, "bare": wsgi.bare_flask()}
    timing = wsgi.compare(apps, requests, repetitions=3, calls=2)
    assert {len(values) for values in timing.microseconds.values()} == {3}


def test_a_missed_limit_is_printed_and_fails_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    def report(ours: float, *, check: bool = True) -> int:
        times = {"bare Flask": [60.0, 61, 10], "equal Flask": [90.0] * 3, "ours": [ours] * 3}
        return wsgi.report(wsgi.Timing(times), check=check)

    assert report(99) == 0
    assert "FAILED" not in capsys.readouterr().out
    assert report(101) == 1
    assert capsys.readouterr().out.count("FAILED") == 2
    assert report(101, check=False) == 0


@pytest.mark.parametrize(
    ("change", "pss"),
    [
        ({"per_s": 799}, 40), ({"per_s": 990}, 40), ({"start_s": 0.41}, 40), ({"rss_mib": 40}, 40),
        ({"errors": 1}, 40),
        ({}, 80),
    ],
)  # fmt: skip
def test_each_limit_of_serving_can_be_missed(change, pss, capsys) -> None:
    frame, threads = replace(PLAIN, per_s=100), replace(PLAIN, per_s=PLAIN.per_s / 1.31)
    good = {"bare Flask": [PLAIN], "DataFrame": [frame], "threads only": [threads], "ours": [PLAIN]}
    assert serve.report(good, 40, check=True) == 0
    bad = good | {"ours": [replace(PLAIN, **change)]}
    assert serve.report(bad, pss, check=True) == 1
    assert "FAILED" in capsys.readouterr().out


def test_wrk_sends_the_record(tmp_path: Path) -> None:
    script = serve.write_script(tmp_path / "post.lua").read_text("utf-8")
    sent = script.partition("[[")[2].partition("]]")[0]
    assert json.loads(sent) == wsgi.sample_record()
