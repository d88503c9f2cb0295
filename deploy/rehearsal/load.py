"""Requests from many clients, one after another, until told to stop; how each was answered."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

MOST_REQUESTS = 200_000
CLIENTS = 96  # addresses; each stays far below the rate limit
PAUSE_S = 0.01


@dataclass(frozen=True)
class Answer:
    """One request's outcome; ``problem`` is empty where it was answered with 200."""

    at: float
    problem: str
    version: str


@dataclass
class Load:
    """Predictions, pages and health checks through the load balancer.

    Attributes
    ----------
    port : int
        The load balancer's.
    record : dict
        A record to predict.
    """

    port: int
    record: dict[str, Any]
    threads: int = 3
    answers: list[Answer] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _running: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to ask."""
        for number in range(self.threads):
            thread = threading.Thread(target=self._ask, args=(number,), daemon=True)
            thread.start()
            self._running.append(thread)

    def stop(self) -> None:
        """End after the requests under way."""
        self._stop.set()
        for thread in self._running:
            thread.join()

    def since(self, moment: float) -> list[Answer]:
        """Return the answers to what was asked after a moment of the monotonic clock."""
        return [answer for answer in list(self.answers) if answer.at >= moment]

    def summary(self, moment: float = 0.0) -> tuple[int, Counter[str]]:
        """Return how many requests there were, and how often what went wrong."""
        answers = self.since(moment)
        return len(answers), Counter(a.problem for a in answers if a.problem)

    def _ask(self, number: int) -> None:
        body = json.dumps(self.record).encode()
        turn = number
        while not self._stop.is_set() and len(self.answers) < MOST_REQUESTS:
            turn += self.threads
            client = turn % CLIENTS
            kind = ("predict", "page", "predict", "static")[turn // CLIENTS % 4]
            started = time.monotonic()
            try:
                version = self._once(client, kind, body)
                self.answers.append(Answer(started, "", version))
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.answers.append(Answer(started, f"{kind}: {error!r}", ""))
            time.sleep(PAUSE_S)

    def _once(self, client: int, kind: str, body: bytes) -> str:
        source = (f"127.1.{client // 8}.{client % 8 + 1}", 0)
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=30, source_address=source
        )
        try:
            if kind == "predict":
                headers = {"Content-Type": "application/json"}
                connection.request("POST", "/predict", body, headers)
            else:
                connection.request("GET", "/" if kind == "page" else "/static/style.css")
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(f"{answer.status} {content[:120].decode('utf-8', 'replace')}")
        return str(json.loads(content)["model_version"]) if kind == "predict" else ""
