"""What tests of files share."""

from __future__ import annotations

import pytest

from src.web.batch import routes, workspace


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for processes of files however busy the machine is, before a page says otherwise."""
    monkeypatch.setattr(routes, "WAIT_S", 60.0)
    monkeypatch.setattr(workspace, "WAIT_S", 60.0)
