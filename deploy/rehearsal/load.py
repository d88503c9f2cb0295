"""Requests from many clients, one after another, until told to stop; how each was answered."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

from urllib3 import HTTPConnectionPool
from urllib3.exceptions import HTTPError

MOST_REQUESTS = 200_000
CLIENTS = 96  # addresses; each stays far below the rate limit
PAUSE_S = 0.01
THREADS = 3


class Load:
    """Predictions, pages and static files through the load balancer on a port, from now on."""

    def __init__(self, port: int, record: dict[str, Any]) -> None:
        self.port, self.record = port, record
        self.answers: list[tuple[float, str]] = []  # when each was sent, and what went wrong
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number,), daemon=True)
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after the requests under way."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def summary(self, since: float = 0.0) -> tuple[int, Counter[str]]:
        """Return how many requests were sent since a moment, and how often what went wrong."""
        problems = [problem for at, problem in list(self.answers) if at >= since]
        return len(problems), Counter(problem for problem in problems if problem)

    def _run(self, turn: int) -> None:
        while not self._ended.wait(PAUSE_S) and len(self.answers) < MOST_REQUESTS:
            turn += THREADS
            kind = ("predict", "page", "predict", "static")[turn // CLIENTS % 4]
            started, problem = time.monotonic(), ""
            try:
                self._send(turn % CLIENTS, kind)
            except (HTTPError, OSError, ValueError, KeyError) as error:
                problem = f"{kind}: {error!r}"
            self.answers.append((started, problem))

    def _send(self, client: int, kind: str) -> None:
        source = (f"127.1.{client // 8}.{client % 8 + 1}", 0)
        with HTTPConnectionPool("127.0.0.1", self.port, timeout=30, source_address=source) as pool:
            if kind == "predict":
                answer = pool.request("POST", "/predict", json=self.record, retries=False)
            else:
                path = "/" if kind == "page" else "/static/style.css"
                answer = pool.request("GET", path, retries=False)
        if answer.status != 200:
            raise ValueError(f"{answer.status} {answer.data[:120]!r}")
        if kind == "predict":
            float(answer.json()["prediction"])
