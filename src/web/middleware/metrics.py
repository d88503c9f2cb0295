"""What /metrics tells Prometheus: requests by route and status, their durations, records.

Counted in memory that the workers share. prometheus_client's multi-process mode keeps a file for
each worker that ever ran, and needs a folder that somebody empties.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence

from src.web.middleware.shared_memory import SharedCounters

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATUSES = ("200", "204", "304", "400", "401", "403", "404", "405", "413", "415", "422", "429",
            "500", "503", "other")  # fmt: skip
BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
UNMATCHED = "unmatched"
OTHER = "OTHER"
REQUESTS = "stuprediction_http_requests_total"
DURATION = "stuprediction_http_request_duration_seconds"
RECORDS = "stuprediction_records_total"
UNLIMITED = "stuprediction_rate_limit_failures_total"

_N_STATUSES = len(STATUSES)
_SUM = _N_STATUSES
_BUCKETS = _N_STATUSES + 1
_WIDTH = _BUCKETS + len(BOUNDS_S) + 1
_STATUS = {status: i for i, status in enumerate(STATUSES)}


class Metrics:
    """Counters of the app, shared by its workers where it was made before they were forked.

    Parameters
    ----------
    routes : iterable of (str, str)
        Method and rule of each route.
    """

    EXTENSION = "metrics"

    def __init__(self, routes: Iterable[tuple[str, str]]) -> None:
        self._series = {
            series: number * _WIDTH
            for number, series in enumerate(dict.fromkeys([*routes, (OTHER, UNMATCHED)]))
        }
        self._predicted = len(self._series) * _WIDTH
        self._refused = self._predicted + 1
        self._unlimited = self._refused + 1
        self._counters = SharedCounters(self._unlimited + 1)

    def count_request(self, method: str, rule: str | None, status: str, seconds: float) -> None:
        """Count an answered request; ``rule`` is None where the address fits no route."""
        first = self._series.get((method, rule or ""), self._series[OTHER, UNMATCHED])
        self._counters.add(
            (first + _STATUS.get(status, _N_STATUSES - 1), 1),
            (first + _SUM, seconds),
            (first + _BUCKETS + bisect_left(BOUNDS_S, seconds), 1),
        )

    def count_records(self, predicted: int, refused: int) -> None:
        """Count records that were predicted, and such as were refused."""
        self._counters.add((self._predicted, predicted), (self._refused, refused))

    def count_limiter_failure(self) -> None:
        """Count a request that passed since the rate limit could not count it."""
        self._counters.add((self._unlimited, 1))

    def render(self, model: Mapping[str, str] | None) -> str:
        """Return everything in Prometheus's text format.

        ``model`` is what to tell of the model that this worker serves; None while there is none.
        """
        counts = self._counters.totals()
        return "\n".join([*self._requests(counts), *self._records(counts), *_model(model), ""])

    def _requests(self, counts: Sequence[float]) -> Iterator[str]:
        yield f"# HELP {REQUESTS} Requests that were answered."
        yield f"# TYPE {REQUESTS} counter"
        for (method, rule), first in self._series.items():
            for status, i in _STATUS.items():
                if count := counts[first + i]:
                    labels = _labels({"method": method, "route": rule, "status": status})
                    yield f"{REQUESTS}{labels} {count:.0f}"
        yield f"# HELP {DURATION} Seconds until the answer was ready to be sent."
        yield f"# TYPE {DURATION} histogram"
        for (method, rule), first in self._series.items():
            in_buckets = counts[first + _BUCKETS : first + _WIDTH]
            if not any(in_buckets):
                continue
            of_route = {"method": method, "route": rule}
            reached = 0.0
            for bound, count in zip((*map(repr, BOUNDS_S), "+Inf"), in_buckets, strict=True):
                reached += count
                yield f"{DURATION}_bucket{_labels({**of_route, 'le': bound})} {reached:.0f}"
            yield f"{DURATION}_sum{_labels(of_route)} {counts[first + _SUM]!r}"
            yield f"{DURATION}_count{_labels(of_route)} {reached:.0f}"

    def _records(self, counts: Sequence[float]) -> Iterator[str]:
        yield f"# HELP {RECORDS} Records that were predicted or refused."
        yield f"# TYPE {RECORDS} counter"
        for outcome, cell in (("predicted", self._predicted), ("refused", self._refused)):
            yield f"{RECORDS}{_labels({'outcome': outcome})} {counts[cell]:.0f}"
        yield f"# HELP {UNLIMITED} Requests that passed since the rate limit could not count them."
        yield f"# TYPE {UNLIMITED} counter"
        yield f"{UNLIMITED} {counts[self._unlimited]:.0f}"


def _model(model: Mapping[str, str] | None) -> Iterator[str]:
    yield "# HELP stuprediction_model_info The model that this worker serves."
    yield "# TYPE stuprediction_model_info gauge"
    if model is not None:
        yield f"stuprediction_model_info{_labels(model)} 1"


def _labels(labels: Mapping[str, str]) -> str:
    def escaped(text: str) -> str:
        return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items()) + "}"
