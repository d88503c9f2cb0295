"""What tests of files share."""

from __future__ import annotations

import pytest

from src.web.batch import routes


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a file's process however busy the machine is, before the page of its progress."""
    monkeypatch.setattr(routes, "WAIT_S", 60.0)
