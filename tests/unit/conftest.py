from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no bug; in CI the same examples run each time.
settings.register_profile(
    "unit",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("unit")


@pytest.fixture
def s3(monkeypatch):
    """Return a file system of an S3 that fails at times, which the settings name."""
    from tests.s3 import running_s3  # pyarrow, which few tests need

    with running_s3(monkeypatch) as files:
        yield files
