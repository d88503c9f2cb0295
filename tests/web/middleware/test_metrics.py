"""Counting in memory that processes share, and Prometheus's text format."""

import os
import re
import signal
import sys
import threading
import time

import pytest

from src.web.middleware.metrics import BOUNDS_S, Metrics
from src.web.middleware.rate_limit import N_PLACES, PROBES, RateLimiter, network
from src.web.middleware.shared_memory import SharedCounters

forks = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
ROUTES = [("GET", "/"), ("POST", "/predict")]
SAMPLE = re.compile(
    r'[a-z_]+(\{[a-z_]+="(?:[^"\\\n]|\\.)*"(?:,[a-z_]+="(?:[^"\\\n]|\\.)*")*\})? [-+.\de]+'
)


def in_child(work) -> int:
    """Run something in a forked process and return its pid once that has ended."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    return pid


def samples(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@forks
def test_the_sums_are_those_of_all_processes_even_of_such_as_ended():
    counters = SharedCounters(3)
    for _ in range(5):
        in_child(lambda: counters.add((0, 1), (2, 0.5)))
    counters.add((0, 10))
    assert counters.totals() == [15, 0, 2.5]


@forks
def test_a_process_that_was_killed_leaves_its_row_to_the_next():
    counters = SharedCounters(1, n_rows=2)
    for _ in range(5):  # each would need a row of its own otherwise
        in_child(lambda: (counters.add((0, 1)), os.kill(os.getpid(), signal.SIGKILL)))
    assert counters.totals() == [5]


@forks
def test_processes_and_threads_that_count_at_once_lose_nothing():
    counters = SharedCounters(2)

    def count():
        def many():
            for _ in range(2000):
                counters.add((1, 1))

        threads = [threading.Thread(target=many) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    children = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            count()
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    assert counters.totals() == [0, 18_000]


def test_the_text_is_prometheus_format():
    metrics = Metrics(ROUTES)
    metrics.count_request("POST", "/predict", "200", 0.0007)
    metrics.count_request("POST", "/predict", "418", 100.0)
    text = metrics.render({"version": 'a"b\\c\nd', "model": "Ridge"})
    assert text.endswith("\n")
    kinds = {}
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            _, _, name, kind = line.split(" ")
            kinds[name] = kind
        elif not line.startswith("# HELP"):
            assert SAMPLE.fullmatch(line), line
            name = line.split("{")[0]
            assert any(name.startswith(known) for known in kinds)
    assert set(kinds.values()) == {"counter", "histogram", "gauge"}
    assert r'version="a\"b\\c\nd"' in text


def test_a_histogram_is_cumulative_and_sums_up():
    metrics = Metrics(ROUTES)
    for seconds in (0.0005, 0.0007, 0.02, 100.0):
        metrics.count_request("POST", "/predict", "200", seconds)
    found = samples(metrics.render(None))
    name, labels = "stuprediction_http_request_duration_seconds", 'method="POST",route="/predict"'
    buckets = [
        found[f'{name}_bucket{{{labels},le="{bound}"}}'] for bound in (*map(repr, BOUNDS_S), "+Inf")
    ]
    assert buckets == sorted(buckets)
    assert (buckets[0], buckets[1], buckets[-2], buckets[-1]) == (1, 2, 3, 4)
    assert found[f"{name}_count{{{labels}}}"] == 4
    assert found[f"{name}_sum{{{labels}}}"] == pytest.approx(100.0212)


def test_what_fits_no_route_or_status_is_counted_as_such():
    metrics = Metrics(ROUTES)
    metrics.count_request("GET", None, "404", 0.001)
    metrics.count_request("BREW", "/predict", "405", 0.001)
    metrics.count_request("GET", "/", "418", 0.001)
    found = samples(metrics.render(None))
    name = "stuprediction_http_requests_total"
    assert found[f'{name}{{method="OTHER",route="unmatched",status="404"}}'] == 1
    assert found[f'{name}{{method="OTHER",route="unmatched",status="405"}}'] == 1
    assert found[f'{name}{{method="GET",route="/",status="other"}}'] == 1


def test_without_a_model_the_counts_are_told_all_the_same(empty_client):
    empty_client.get("/")
    response = empty_client.get("/api/v1/metrics")
    assert response.mimetype == "text/plain"
    assert 'route="/",status="503"} 1' in response.text
    assert "stuprediction_model_info{" not in response.text


@forks
def test_the_rate_holds_across_processes():
    limiter = RateLimiter(10)
    counters = SharedCounters(2)

    def ask():
        for _ in range(4):
            counters.add((bool(limiter.wait_s("a")), 1))

    for _ in range(4):
        in_child(ask)
    passed, stopped = counters.totals()
    assert passed + stopped == 16
    assert passed == 10


@forks
def test_a_process_killed_while_it_counts_holds_nobody_up():
    limiter = RateLimiter(1000)
    pid = os.fork()
    if pid == 0:
        while True:
            limiter.wait_s("a")
    time.sleep(0.2)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    limiter.wait_s("a")
    assert limiter.wait_s("b") == 0.0


def test_more_clients_than_places_take_no_more_memory_and_none_is_held_back_unduly():
    limiter = RateLimiter(5)
    waits = [limiter.wait_s(str(i)) for i in range(N_PLACES + 10 * PROBES)]
    assert not any(waits)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2:3::4", "2001:db8:1:2:ffff::1", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_a_host_with_a_whole_ipv6_network_is_one_client(one, other, same):
    assert (network(one) == network(other)) == same
