"""Ask the app of this folder for a prediction; exit with the reason if it can't give one.

The app is imported with the environment's settings, so a broken import or a wrong setting shows.
The promoted run's hashes and library versions are checked, and a record made from its schema is
predicted.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from application import application  # noqa: E402 - the folder's own, wherever this is started
from src.artifact_store import Run, library_versions  # noqa: E402
from src.config import Settings, load_settings  # noqa: E402
from src.exception import ArtifactError, ConfigurationError, StuPredictionError  # noqa: E402
from src.schema.features import CategoricalFeature  # noqa: E402
from src.schema.record import Schema  # noqa: E402
from src.serving.predictor import Predictor  # noqa: E402
from src.utils import sha256  # noqa: E402
from src.web.model_holder import ModelHolder  # noqa: E402


def check_files(run: Run) -> None:
    """Compare every file with its hash, those that serving doesn't read too.

    Raises
    ------
    ArtifactError
        Naming the first file that is absent or changed.
    """
    for name, expected in run.manifest.files.items():
        path = run.folder / name
        if not path.is_file():
            raise ArtifactError(f"{name} of run {run.run_id} is missing in the bundle.")
        if sha256(path.read_bytes()) != expected:
            raise ArtifactError(f"{name} of run {run.run_id} is not the file that training saved.")


def check_versions(run: Run) -> None:
    """Refuse libraries other than those that the run was trained with.

    A compiled model needs none of them. One that is installed all the same must be the right one.

    Raises
    ------
    ArtifactError
        With both versions.
    """
    installed = library_versions()
    absent_is_fine = "compiled.json" in run.manifest.files
    for name in run.manifest.requires:
        trained = run.manifest.versions[name]
        found = installed.get(name)
        if found != trained and not (found is None and absent_is_fine):
            raise ArtifactError(
                f"Run {run.run_id} was trained with {name} {trained}, this instance has "
                f"{found or 'none'}. Train again, or install what requirements.txt pins."
            )


def check_records(settings: Settings) -> None:
    """Refuse records in a file of SQLite on the instance's own disk, which goes with it.

    Raises
    ------
    ConfigurationError
        If that is where RECORDS_URL points.
    """
    path = settings.records_url.partition("sqlite:///")[2]
    if settings.records_url.startswith("sqlite") and is_on_own_disk(Path(path)):
        raise ConfigurationError(
            "RECORDS_URL names a file of SQLite on this instance's own disk. An update replaces "
            "the instance, and the records are gone. Use PostgreSQL, or a file on a mounted "
            "volume."
        )


def is_on_own_disk(path: Path) -> bool:
    """Whether a file lies, or would lie, on the disk of the root folder or in memory."""
    folder = path.absolute().parent
    while not folder.exists():
        folder = folder.parent
    while not folder.is_mount():
        folder = folder.parent
    return folder == Path(folder.anchor) or kind_of_mount(folder) in ("tmpfs", "overlay")


def kind_of_mount(folder: Path) -> str:
    """Return the file system of a mounted folder, as Linux names it; empty elsewhere."""
    try:
        lines = Path("/proc/self/mounts").read_text("utf-8").splitlines()
    except OSError:
        return ""
    kinds = {line.split()[1]: line.split()[2] for line in lines}
    return kinds.get(str(folder), "")


def plain_record(schema: Schema) -> dict[str, object]:
    """Return a record inside the ranges that training saw."""
    return {
        feature.name: feature.categories[0]
        if isinstance(feature, CategoricalFeature)
        else feature.observed_minimum
        for feature in schema.features
    }


def main() -> int:
    """Check, say what came of it, and return the exit status."""
    try:
        predictor: Predictor = application.extensions[ModelHolder.EXTENSION].predictor()
        check_files(predictor.run)
        check_versions(predictor.run)
        check_records(load_settings())
        answer = predictor.predict_record(plain_record(predictor.schema))
        ready = application.test_client().get("/ready")
        if ready.status_code != 200:
            raise ArtifactError(f"/ready answers {ready.status}: {ready.get_data(as_text=True)}")
    except StuPredictionError as error:
        sys.stderr.write(f"This bundle cannot serve. {error}\n")
        return 1
    sys.stdout.write(
        f"Run {predictor.run.run_id} answers: {predictor.schema.target.name} "
        f"{answer.prediction:.1f}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
