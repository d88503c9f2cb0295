"""What tests of several folders share."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.logger import ROOT as LOGGER
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig
from src.serving.predictor import Predictor
from tests.outcomes import train_outcomes
from tests.schools import AT_RISK, OUTCOMES, PUBLISHED, train_schools
from tests.web.chromium import launched

ROOT = Path(__file__).resolve().parent.parent
REAL_TABLES = ROOT.parent / "shared" / "data"
CASES = ROOT.parent / "shared" / "cases"
# Or each of the processes that tests start would compile all modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# As the command that trains: of four workers on two cores, each pool of threads would spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")
LONGEST = (
    "test_notebooks", "test_commands", "test_model_trainer", "test_page", "test_browser",
    "test_train_pipeline", "test_gunicorn",
)  # fmt: skip


@pytest.hookimpl(optionalhook=True)  # where pytest-xdist is installed
def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores: much of the time a test waits for a server or a browser."""
    return (os.cpu_count() or 1) + 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that no worker comes to one when the others are done."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.fixture(scope="session", autouse=True)
def _own_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep uploads where no other worker of the tests sweeps: some of them move their clock."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("t")))
        yield


@pytest.fixture(autouse=True)
def _unconfigured_logging() -> Iterator[None]:
    """Give each test the project's logger as importing leaves it, whatever earlier tests did."""
    logger = logging.getLogger(LOGGER)
    before = (logger.handlers[:], logger.level, logger.propagate)
    logger.handlers[:], logger.propagate = [], True
    logger.setLevel(logging.NOTSET)
    yield
    logging.disable(logging.NOTSET)  # a benchmark, or a program of docs, silences its whole process
    for handler in logger.handlers:
        handler.close()
    logger.handlers[:], _, logger.propagate = before
    logger.setLevel(before[1])


@pytest.fixture(scope="session")
def sample_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts of a ridge regression on the sample table. Read them only."""
    artifacts = tmp_path_factory.mktemp("sample") / "artifacts"
    TrainPipeline(TrainConfig(models=("ridge",), artifacts=artifacts)).run()
    return artifacts


@pytest.fixture(scope="session")
def predictor(sample_artifacts: Path) -> Predictor:
    return Predictor.load(sample_artifacts)


@pytest.fixture(scope="session")
def outcome_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts of proportional odds for Fail < Pass < Distinction. Read them only."""
    return train_outcomes(tmp_path_factory.mktemp("outcomes"), "ordinal")


@pytest.fixture(scope="session")
def nobody_at_risk_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts of a logistic regression of 0 and 1, of which nobody said what help should prevent.

    Read them only.
    """
    folder = tmp_path_factory.mktemp("nobody_at_risk")
    return train_outcomes(folder, "logistic", names=("0", "1"), hints="")


@pytest.fixture(scope="session")
def school_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts of a ridge regression with effects of schools, whose names are not published."""
    return train_schools(tmp_path_factory.mktemp("schools"))


@pytest.fixture(scope="session")
def named_school_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with the names."""
    return train_schools(tmp_path_factory.mktemp("named_schools"), PUBLISHED)


@pytest.fixture(scope="session")
def school_outcome_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts of a logistic regression of Fail and Pass with effects of schools."""
    folder = tmp_path_factory.mktemp("school_outcomes")
    return train_schools(folder, AT_RISK, names=OUTCOMES)


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """Run Chromium; the test is skipped where it is absent."""
    with launched() as running:
        yield running


@pytest.fixture
def student() -> dict[str, object]:
    """A record that fits the sample table's schema."""
    return {
        "gender": "female",
        "race_ethnicity": "group C",
        "parental_level_of_education": "some college",
        "lunch": "standard",
        "test_preparation_course": "none",
        "reading_score": 70,
        "writing_score": 70,
    }


@pytest.fixture
def real_table():
    """Return the path of a table of the shared folder; the test is skipped where it is absent."""

    def path(name: str) -> Path:
        if not (REAL_TABLES / name).is_file():
            pytest.skip(f"{name} is not in ../shared/data")
        return REAL_TABLES / name

    return path


@pytest.fixture(scope="session")
def case():
    """Return the path of a file of the shared cases; the test is skipped where it is absent."""

    def path(name: str) -> Path:
        if not (CASES / name).is_file():
            pytest.skip(f"{name} is not in ../shared/cases")
        return CASES / name

    return path
