"""Runs on disk: saved whole, promoted atomically, checked before they are interpreted.

``manifest.json`` names the promoted run and the hash of that run's own manifest, which holds the
hash of every file. Readers follow that chain, so they see the old run or the new one, never both.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from src.exception import ArtifactError, ModelNotFoundError
from src.logger import get_logger
from src.utils import atomic_open, fsync_folder, read_typed, sha256, to_json, write_bytes

logger = get_logger(__name__)

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
REPORT = ("report.html", "model_card.md", "report.json")
REPORT_MANIFEST = "report.manifest.json"
REPORT_SIGNATURE = "report.manifest.sig"
REBUILD = "python -m src.pipelines.train_pipeline"
RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}")
VERSIONED = ("scikit-learn", "xgboost", "catboost", "numpy", "pandas", "dill")


def utc_now() -> datetime.datetime:
    """Return this moment in UTC."""
    return datetime.datetime.now(datetime.UTC)


def new_run_id() -> str:
    """Return an id that sorts by time and is unlike every other."""
    return f"{utc_now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def library_versions(names: Iterable[str] = VERSIONED) -> dict[str, str]:
    """Return the installed versions of libraries: by default, of those a pickle depends on."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in names:
        for package in (name, f"{name}-cpu"):  # xgboost-cpu holds the same module
            try:
                found[name] = version(package)
                break
            except PackageNotFoundError:
                continue
    return found


@dataclass(frozen=True)
class RunManifest:
    """What a run was made of.

    Attributes
    ----------
    rows : dict of str to int
        ``total``, ``refused``, ``used``, ``train``, ``test``.
    data_sha256 : str
        Hash of the rows that training used, as written to ``data.csv``.
    model : str
        Label of the winning family.
    options : dict
        What the command was given.
    dropped : dict of str to str
        Columns that are not used, with the reason.
    tried : dict of str to int
        How many points of its search space were tried of each family.
    not_tried : dict of str to str
        The other families, with the reason.
    fit_time_s : dict of str to float
        Seconds of one fit of each family.
    versions : dict of str to str
        Libraries that training ran with.
    requires : list of str
        Those among them whose version must be the same for the pickles to be read.
    files : dict of str to str
        SHA-256 of each file of the run.
    """

    run_id: str
    created: str
    seed: int
    rows: dict[str, int]
    data_sha256: str
    schema_fingerprint: str
    model: str
    options: dict[str, Any]
    dropped: dict[str, str]
    fit_time_s: dict[str, float]
    versions: dict[str, str]
    requires: list[str]
    python: str
    tried: dict[str, int] = field(default_factory=dict)
    not_tried: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Promotion:
    """One line of the history."""

    run_id: str
    at: str
    by: str  # "train", "promote" or "challenge"


@dataclass(frozen=True)
class Pointer:
    """What ``manifest.json`` at the top says: the promoted run, and all promotions."""

    run_id: str
    manifest_sha256: str
    history: list[Promotion]
    promoted_at: str = ""


@dataclass(frozen=True)
class Run:
    """A saved run. Its files are read through it, so that each is checked."""

    folder: Path
    manifest: RunManifest
    signing_key: bytes = field(default=b"", repr=False)

    @property
    def run_id(self) -> str:
        return self.manifest.run_id

    def read_json(self, name: str) -> Any:
        """Return a JSON file's value, its hash checked before a byte is parsed."""
        content = self._checked(name, self._hash(name))
        try:
            return json.loads(content)
        except ValueError as error:
            raise ArtifactError(
                f"{name} of run {self.run_id} is not JSON. Rebuild it with: {REBUILD}"
            ) from error

    def read_report(self, name: str) -> bytes | None:
        """Return a file of the report, its hash checked; None where there is none.

        Nor is there where a signing key is set and the report is of before reports were signed.

        Raises
        ------
        ArtifactError
            If it is not the file that training wrote.
        """
        if not (self.folder / REPORT_MANIFEST).is_file():
            return None
        manifest = self._regular(REPORT_MANIFEST).read_bytes()
        if self.signing_key:
            if not (self.folder / REPORT_SIGNATURE).is_file():
                return None
            signature = self._regular(REPORT_SIGNATURE).read_bytes()
            if not hmac.compare_digest(signature, self.sign_report(manifest)):
                raise self._damaged(REPORT_MANIFEST)
        try:
            expected = json.loads(manifest).get(name)
        except (ValueError, AttributeError) as error:
            raise self._damaged(REPORT_MANIFEST) from error
        return None if expected is None else self._checked(name, expected)

    def sign_report(self, manifest: bytes) -> bytes:
        """Return the signature of the report's manifest, which holds for this run alone."""
        return _sign(self.signing_key, f"report of {self.run_id}\n".encode() + manifest)

    def check_files(self) -> None:
        """Compare every file with its hash; nothing is parsed or unpickled.

        Raises
        ------
        ArtifactError
            If one is absent or changed.
        """
        for name, expected in self.manifest.files.items():
            with self._regular(name).open("rb") as file:  # a pickle may be larger than a worker
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != expected:
                raise self._damaged(name)

    def load_object(self, name: str) -> Any:
        """Return what was pickled, hash and library versions checked before it is unpickled.

        Raises
        ------
        ArtifactError
            If the file is absent or changed, or another library version is installed.
        """
        self._check_versions()
        content = self._checked(name, self._hash(name))
        import dill

        try:
            return dill.loads(content)  # noqa: S301 # nosec B301
        except Exception as error:  # unpickling runs the libraries' code: anything can come
            raise ArtifactError(
                f"{name} of run {self.run_id} cannot be unpickled "
                f"({type(error).__name__}: {error}). Rebuild it with: {REBUILD}"
            ) from error

    def _check_versions(self) -> None:
        """Refuse a run whose pickles were made by other versions of the libraries."""
        installed = library_versions()
        differing = [
            f"{name} {self.manifest.versions.get(name)}, this is {installed.get(name, 'absent')}"
            for name in self.manifest.requires
            if self.manifest.versions.get(name) != installed.get(name)
        ]
        if differing:
            raise ArtifactError(
                f"Run {self.run_id} was saved with {'; '.join(differing)}. "
                f"Run `{REBUILD}` to rebuild it, or install what requirements.txt pins."
            )

    def _hash(self, name: str) -> str:
        try:
            return self.manifest.files[name]
        except KeyError as error:
            raise ArtifactError(f"Run {self.run_id} has no {name}.") from error

    def _checked(self, name: str, expected: str) -> bytes:
        content = self._regular(name).read_bytes()
        if sha256(content) != expected:
            raise self._damaged(name)
        return content

    def _regular(self, name: str) -> Path:
        path = self.folder / name
        if path.is_symlink() or not path.is_file():
            raise ArtifactError(
                f"{name} of run {self.run_id} is missing. Rebuild it with: {REBUILD}"
            )
        return path

    def _damaged(self, name: str) -> ArtifactError:
        return ArtifactError(
            f"{name} of run {self.run_id} is not the file that training saved: its hash differs "
            f"from the manifest's. Nothing of it was read. Roll back with --promote RUN_ID, or "
            f"rebuild with: {REBUILD}"
        )


def _sign(key: bytes, content: bytes) -> bytes:
    return hmac.new(key, content, hashlib.sha256).hexdigest().encode()


class ArtifactStore:
    """The folder that training writes and serving reads.

    Parameters
    ----------
    signing_key : str
        Signs the manifest of a run that is saved, and is asked of one that is read; empty: no
        signatures. It has no default, so that no caller can leave the check out unawares.
    """

    def __init__(self, root: Path, signing_key: str) -> None:
        self.root = Path(root)
        self.runs = self.root / "runs"
        self._pointer_path = os.path.join(root, MANIFEST)  # noqa: PTH118 - asked for each request
        self._signing_key = signing_key.encode()

    # --- reading ---------------------------------------------------------------------------------

    def signature(self) -> tuple[int, int, int] | None:
        """Return what changes whenever another run is promoted; None where none is."""
        try:
            status = os.stat(self._pointer_path)  # noqa: PTH116 - a third of what Path.stat takes
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def promoted(self) -> Run:
        """Return the promoted run.

        Raises
        ------
        ModelNotFoundError
            If nothing was promoted yet.
        ArtifactError
            If the manifest or the run is damaged.
        """
        pointer = self._pointer()
        return self.run(pointer.run_id, expected_sha256=pointer.manifest_sha256)

    def run(self, run_id: str, expected_sha256: str | None = None) -> Run:
        """Return a saved run by its id.

        Raises
        ------
        ArtifactError
            If the id is not one, there is no such run, or its manifest is damaged or not signed
            with this key.
        """
        if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id):
            raise ArtifactError(f"{run_id!r} is not a run id. List them with: {REBUILD} --history")
        folder = self.runs / run_id
        path = folder / MANIFEST
        if self.runs.is_symlink() or folder.is_symlink() or path.is_symlink():
            raise ArtifactError(f"Run {run_id} is a symbolic link, which is not followed.")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ArtifactError(
                f"There is no run {run_id} in {self.root}. List them with: {REBUILD} --history"
            ) from error
        if expected_sha256 is not None and sha256(content) != expected_sha256:
            raise ArtifactError(
                f"The manifest of run {run_id} is not the one that was promoted: its hash "
                f"differs. Promote a run again (--promote RUN_ID) or rebuild with: {REBUILD}"
            )
        self._check_signature(run_id, content)
        try:
            manifest: RunManifest = read_typed(RunManifest, json.loads(content))
            datetime.datetime.fromisoformat(manifest.created)
        except (ValueError, TypeError) as error:
            raise ArtifactError(
                f"The manifest of run {run_id} is damaged. Rebuild with: {REBUILD}"
            ) from error
        if manifest.run_id != run_id:
            raise ArtifactError(f"The manifest in {run_id} names another run, {manifest.run_id}.")
        return Run(folder, manifest, self._signing_key)

    def _check_signature(self, run_id: str, content: bytes) -> None:
        if not self._signing_key:
            return
        try:
            found = (self.runs / run_id / SIGNATURE).read_bytes().strip()
        except OSError as error:
            raise ArtifactError(
                f"Run {run_id} is not signed, and MODEL_SIGNING_KEY is set. Nothing of it was "
                f"read. Rebuild it with the key in the environment: {REBUILD}"
            ) from error
        if not hmac.compare_digest(found, _sign(self._signing_key, content)):
            raise ArtifactError(
                f"The signature of run {run_id} was not made for this manifest with this "
                "MODEL_SIGNING_KEY: one of the two was changed. Nothing of the run was read. "
                f"Roll back with --promote RUN_ID, or rebuild with: {REBUILD}"
            )

    def history(self) -> list[Promotion]:
        """Return every promotion, oldest first; none where nothing was promoted."""
        try:
            return self._pointer().history
        except ModelNotFoundError:
            return []

    def run_ids(self) -> list[str]:
        """Return the ids of all saved runs, oldest first."""
        if not self.runs.is_dir():
            return []
        return sorted(path.name for path in self.runs.iterdir() if RUN_ID.fullmatch(path.name))

    def _pointer(self) -> Pointer:
        path = self.root / MANIFEST
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise ModelNotFoundError(
                f"There is no trained model in {self.root}. Train one with: {REBUILD}"
            ) from error
        except OSError as error:
            raise ArtifactError(f"{path} cannot be read: {error.strerror}.") from error
        try:
            pointer: Pointer = read_typed(Pointer, json.loads(content))
            for promotion in pointer.history:
                datetime.datetime.fromisoformat(promotion.at)
        except (ValueError, TypeError) as error:
            raise ArtifactError(
                f"{path} is damaged. Promote a run again (--promote RUN_ID) or rebuild with: "
                f"{REBUILD}"
            ) from error
        return pointer

    # --- writing ---------------------------------------------------------------------------------

    def save(self, manifest: RunManifest, files: Mapping[str, bytes]) -> Run:
        """Write a run whole or not at all.

        Raises
        ------
        OSError
            If the disk is full or the folder cannot be written; nothing stays behind then.
        """
        hashes = {name: sha256(content) for name, content in files.items()}
        manifest = RunManifest(**{**asdict(manifest), "files": hashes})
        self.runs.mkdir(parents=True, exist_ok=True)
        unfinished = self.runs / f".{manifest.run_id}.tmp"
        try:
            unfinished.mkdir()
            for name, content in files.items():
                write_bytes(unfinished / name, content)
            content = to_json(asdict(manifest))
            if self._signing_key:
                write_bytes(unfinished / SIGNATURE, _sign(self._signing_key, content))
            write_bytes(unfinished / MANIFEST, content)
            fsync_folder(unfinished)
            unfinished.rename(self.runs / manifest.run_id)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        fsync_folder(self.runs)
        return Run(self.runs / manifest.run_id, manifest, self._signing_key)

    def add_report(self, run: Run, files: Mapping[str, bytes]) -> None:
        """Write what is for people only beside a run; copies on top while the run is promoted.

        It comes after the promotion, which waits for nothing that serving does not need, so the
        run's manifest does not name it: :data:`REPORT_MANIFEST`, written last, does.

        Raises
        ------
        OSError
            If the disk is full; the run is whole without them.
        """
        for name, content in files.items():
            write_bytes(run.folder / name, content)
        manifest = to_json({name: sha256(content) for name, content in files.items()})
        if run.signing_key:
            write_bytes(run.folder / REPORT_SIGNATURE, run.sign_report(manifest))
        write_bytes(run.folder / REPORT_MANIFEST, manifest)
        with self._lock("promote"):
            if [line.run_id for line in self.history()[-1:]] == [run.run_id]:
                for name, content in files.items():
                    write_bytes(self.root / name, content)

    def promote(self, run: Run, by: str) -> None:
        """Make a run the one that is served, with a line in the history.

        The copies for people, the run's report among them, are replaced first and
        ``manifest.json`` last: until then readers see the earlier run.

        Raises
        ------
        OSError
            If the disk is full; the earlier run stays promoted.
        """
        with self._lock("promote"):
            try:
                history = self.history()
            except ArtifactError as error:
                logger.warning("The history starts anew: %s", error)
                history = []
            line = Promotion(run.run_id, utc_now().isoformat(timespec="seconds"), by)
            manifest_sha256 = sha256((run.folder / MANIFEST).read_bytes())
            pointer = Pointer(run.run_id, manifest_sha256, [*history, line], promoted_at=line.at)
            try:
                report = {name: run.read_report(name) for name in REPORT}
            except ArtifactError as error:
                logger.warning("The report is not copied: %s", error)
                report = dict.fromkeys(REPORT)
            staged: list[tuple[Path, Path]] = []
            try:
                for name in run.manifest.files:  # all that needs room on the disk comes first
                    copy = self.root / f".{name}.{secrets.token_hex(4)}.tmp"
                    staged.append((copy, self.root / name))
                    shutil.copyfile(run.folder / name, copy)
                for name, content in report.items():
                    if content is not None:
                        copy = self.root / f".{name}.{secrets.token_hex(4)}.tmp"
                        staged.append((copy, self.root / name))
                        copy.write_bytes(content)
                with atomic_open(self.root / MANIFEST) as file:
                    file.write(to_json(asdict(pointer)))
                    for copy, name_ in staged:
                        copy.replace(name_)
                    for name in REPORT:
                        if report[name] is None:
                            (self.root / name).unlink(missing_ok=True)
            finally:
                for copy, _ in staged:
                    copy.unlink(missing_ok=True)
        logger.info("Promoted run %s (%s)", run.run_id, by)

    @contextmanager
    def training(self) -> Iterator[None]:
        """Hold the folder for one training at a time; a second one waits.

        What a training that was killed left behind is removed.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with self._lock("train"):
            for leftover in [
                *self.root.glob(".*.tmp"),
                *self.runs.glob(".*.tmp"),
                *self.runs.glob("[!.]*/.*.tmp"),
            ]:
                logger.info("Removing %s, left by a run that did not end", leftover.name)
                if stat.S_ISDIR(leftover.lstat().st_mode):
                    shutil.rmtree(leftover)
                else:
                    leftover.unlink()
            yield

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        from filelock import FileLock, Timeout

        self.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / f".{name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            logger.warning("Another process is working in %s: waiting for it to end", self.root)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()
