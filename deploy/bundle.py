"""Put together what Elastic Beanstalk gets: the app, the promoted run, the packages it needs.

``python -m deploy.bundle --output build/bundle --zip build/bundle.zip``

What ships is what ``.ebignore`` lets through, as with ``eb deploy``, but of all runs the promoted
one alone, and without the sample table where there is a run. A compiled model needs no training
library, so its bundle's requirements.txt is the short list of requirements-serve.txt.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from src.artifact_store import ArtifactStore, Run
from src.config import read_signing_key
from src.exception import ModelNotFoundError, StuPredictionError

ROOT = Path(__file__).resolve().parent.parent
LIMIT_BYTES = 512 << 20  # of a source bundle, by Beanstalk's rules
SHORT_LIST, RECORDS_LIST = "requirements-serve.txt", "requirements-records.txt"
COMPILED = "compiled.json"
TABLES = "notebooks"
RUNS = "artifacts/runs"


def shipped(root: Path) -> Iterator[str]:
    """Yield the paths that ``.ebignore`` lets through, sorted, as POSIX paths below ``root``."""
    from pathspec import GitIgnoreSpec

    lines = (root / ".ebignore").read_text("utf-8").splitlines()
    spec = GitIgnoreSpec.from_lines(lines)
    # It names what ships. Other folders are not entered: .venv holds tens of thousands of files.
    for top in sorted({line.strip("!/").split("/")[0] for line in lines if line[:2] == "!/"}):
        path = root / top
        below = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in below:
            name = file.relative_to(root).as_posix()
            if file.is_file() and not file.is_symlink() and not spec.match_file(name):
                yield name


def promoted_run(root: Path) -> Run | None:
    """Return the run that the bundle brings; None where an instance has to train."""
    try:
        return ArtifactStore(root / "artifacts", read_signing_key()).promoted()
    except ModelNotFoundError:
        return None


def contents(root: Path, *, records: bool = False) -> dict[str, Path]:
    """Return the bundle's files: path in the bundle to the file that it is a copy of.

    Parameters
    ----------
    records : bool
        Whether instances keep their predictions, which takes more packages.

    Raises
    ------
    ArtifactError
        If the promoted run is damaged.
    """
    run = promoted_run(root)
    names = shipped(root)
    if run is None:
        return {name: root / name for name in names if not name.startswith(f"{RUNS}/")}
    files = {}
    for name in names:
        of_other_run = name.startswith(f"{RUNS}/") and name.split("/")[2] != run.run_id
        if not of_other_run and not name.startswith(f"{TABLES}/"):
            files[name] = root / name
    if COMPILED in run.manifest.files:
        files["requirements.txt"] = root / (RECORDS_LIST if records else SHORT_LIST)
    return files


def mode(path: Path) -> int:
    """Return 0o755 for a hook and 0o644 for any other file, whatever the checkout's system."""
    return 0o755 if path.suffix == ".sh" else 0o644


def write_folder(files: dict[str, Path], folder: Path) -> None:
    """Copy the bundle's files into an empty folder, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, source in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(mode(target))


def write_zip(files: dict[str, Path], path: Path) -> None:
    """Write the bundle as a zip file: the same files give the same bytes.

    Raises
    ------
    ValueError
        If it is larger than Beanstalk takes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, source in sorted(files.items()):
            entry = zipfile.ZipInfo(name)  # of 1980-01-01, whenever it was made
            entry.create_system = 3  # Unix: the mode below counts
            entry.external_attr = (0o100000 | mode(Path(name))) << 16
            archive.writestr(entry, source.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    size = path.stat().st_size
    if size > LIMIT_BYTES:
        raise ValueError(
            f"{path} has {size:,} bytes. Beanstalk takes {LIMIT_BYTES:,}: leave out what "
            ".ebignore lets through without need."
        )


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.bundle",
        description="Put together what Elastic Beanstalk gets.",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder to make anew")
    parser.add_argument("--zip", type=Path, metavar="FILE", help="zip file to write")
    parser.add_argument(
        "--records", action="store_true", help="with the packages that RECORDS_URL needs"
    )
    options = parser.parse_args(arguments)
    if not options.output and not options.zip:
        parser.error("say what to write: --output DIR, --zip FILE or both")
    try:
        files = contents(ROOT, records=options.records)
        if options.output:
            write_folder(files, options.output)
        if options.zip:
            write_zip(files, options.zip)
    except (StuPredictionError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    run = promoted_run(ROOT)
    short = files["requirements.txt"].name in (SHORT_LIST, RECORDS_LIST)
    print(
        f"{len(files)} files, "
        + (f"run {run.run_id}" if run else "no run: an instance will train")
        + (", the short list of packages" if short else ", the full list of packages")
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
