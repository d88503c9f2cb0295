"""How many cases each area tried and held, printed at the end of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import pytest

from tests.web.conftest import (  # noqa: F401 - fixtures
    gunicorn,
    make_app,
    own_artifacts,
    server,
)

AREA = "attack"


@pytest.fixture
def hold(record_property) -> Callable[[str, Iterable[tuple[str, str]]], None]:
    """Count cases, each with what it did (nothing where it was held), and fail with those not."""

    def count(area: str, cases: Iterable[tuple[str, str]]) -> None:
        done = list(cases)
        fell = [f"{case}: {fault}" for case, fault in done if fault]
        record_property(AREA, (area, len(done), len(done) - len(fell)))
        assert done
        assert fell == []

    return count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tried: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", ()):
                if name == AREA:
                    tried[value[0]] += value[1]
                    held[value[0]] += value[2]
    if tried:
        terminalreporter.section("attacks")
        for area, n in sorted(tried.items()):
            terminalreporter.write_line(f"{area:12} {held[area]:6,} of {n:6,} cases held")
        terminalreporter.write_line(f"{'all':12} {held.total():6,} of {tried.total():6,}")
