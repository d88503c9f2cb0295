from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from src.logger import ROOT

# A busy machine is no bug; in CI the same examples run each time.
settings.register_profile(
    "unit",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def unconfigured_logging() -> Iterator[None]:
    """Give each test the project's logger as importing leaves it, whatever earlier tests did."""
    logger = logging.getLogger(ROOT)
    before = (logger.handlers[:], logger.level, logger.propagate)
    logger.handlers[:], logger.propagate = [], True
    logger.setLevel(logging.NOTSET)
    yield
    logging.disable(logging.NOTSET)  # a benchmark silences its whole process
    for handler in logger.handlers:
        handler.close()
    logger.handlers[:], _, logger.propagate = before
    logger.setLevel(before[1])


@pytest.fixture
def s3(monkeypatch):
    """Return a file system of an S3 that fails at times, which the settings name."""
    from tests.s3 import running_s3  # pyarrow, which few tests need

    with running_s3(monkeypatch) as files:
        yield files
