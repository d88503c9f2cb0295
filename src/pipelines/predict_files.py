"""Predict files of any size, shard by shard: folders, patterns and S3, in and out.

A shard is some row groups of a Parquet file, or a whole CSV file. Each is scored by the one scorer
of rows into ``part-N``, which appears whole or not at all; its refused rows stand in
``to-fix/part-N.csv``. ``manifest.json`` comes last, with the hash of every part. What was begun and
stopped goes on where it was: a part that is whole is not made again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.exception import ConfigurationError, DataValidationError
from src.serving.plain_scoring import score_file, score_to_parquet
from src.serving.predictor import Predictor
from src.serving.scorers import scorer_for
from src.serving.scoring import can_vectorise
from src.serving.summary import Tally
from src.tables.many_files import (
    PARQUET,
    file_system,
    folder_and_pattern,
    found_files,
    is_many_files,
    path_of,
)
from src.tables.reader import open_table
from src.tables.spreadsheets import RowGroups

if TYPE_CHECKING:
    from pyarrow import fs

    from src.search.home import Home

UNFINISHED = ".tmp"
SHARD_ROWS = 1_000_000
TOGETHER = 64  # shards between two looks at how far it is
SHARD_S = 5.0  # processor seconds of one, roughly
_PREDICTORS: dict[str, Predictor] = {}
PLAN, MANIFEST, TO_FIX, DONE = "_plan.json", "manifest.json", "to-fix", "_done"


@dataclass(frozen=True)
class Shard:
    """Some rows of a file.

    Attributes
    ----------
    name : str
        Of the part that it becomes, without its ending.
    path : str
        Of the file, in its file system.
    row_groups : tuple of int, optional
        Of a Parquet file.
    first_line : int
        Of the file, as its rows are counted: the header is 1.
    """

    name: str
    path: str
    row_groups: tuple[int, ...] = ()
    first_line: int = 2


@dataclass(frozen=True)
class Part:
    """What became of a shard.

    Attributes
    ----------
    evaluator : str
        See :attr:`Predictor.evaluator`.
    """

    name: str
    n_rows: int
    n_predicted: int
    n_refused: int
    n_bytes: int
    sha256: str
    evaluator: str = "an earlier version"


@dataclass(frozen=True)
class Work:
    """What all shards need, wherever they are scored.

    Attributes
    ----------
    source, output : str
        A path or an ``s3://`` address of the files' folder, and of the parts'.
    ending : str
        Of the parts.
    run : mapping of str to bytes
        The files of the promoted run's folder, by name.
    run_id : str
    manifest : bytes
        Which run is promoted.
    """

    source: str
    output: str
    ending: str
    run_id: str
    run: Mapping[str, bytes]
    manifest: bytes


def is_many(source: str, output: str) -> bool:
    """Whether a source or an output is more than a file of this machine.

    Examples
    --------
    >>> is_many("class.csv", "out.csv"), is_many("s3://b/in/*.parquet", "out/")
    (False, True)
    """
    return is_many_files(source) or is_many_files(output)


def predict_files(
    artifacts: Path,
    source: str,
    output: str,
    home: Home,
    progress: Callable[[int, int, int], None] = lambda n_done, n_shards, n_rows: None,
) -> list[Part]:
    """Predict the rows of all files of a folder or a pattern.

    Parameters
    ----------
    artifacts : Path
    source : str
        A folder, a file, or a pattern such as ``s3://bucket/in/*.parquet``.
    output : str
        A folder, which may be on S3. Parts are of the kind of the first file.
    home : Home
        Where shards are scored.
    progress : callable
        Called with the number of parts that are whole, of all, and of their rows.

    Raises
    ------
    ConfigurationError
        If there is no such file, pyarrow is not installed, or the output holds parts of something
        else.
    DataValidationError
        If a file lacks a column or cannot be read.
    OSError
        If a part cannot be written. Running again goes on from there.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            "Folders and S3 need pyarrow, which is not installed: pip install pyarrow"
        ) from error
    predictor = Predictor.load(artifacts)
    _PREDICTORS[predictor.run.run_id] = predictor  # for the shards that this process scores
    folder, _ = folder_and_pattern(source)
    files, found = file_system(folder), found_files(source)
    ending = ".parquet" if found[0].path.endswith(PARQUET) else ".csv"
    shards = [*_shards(files, found)]
    run = {p.name: p.read_bytes() for p in predictor.run.folder.iterdir() if p.is_file()}
    work = Work(
        folder, output.rstrip("/"), ending, predictor.run.run_id, run,
        (artifacts / "manifest.json").read_bytes(),
    )  # fmt: skip
    out = Folder(work.output)
    _begin(out, _plan(predictor.run.run_id, found, shards))
    if MANIFEST in out.names():  # it was stopped when all was done but to tidy up
        _tidy(out)
        return [Part(**part) for part in json.loads(out.read(MANIFEST))["parts"]]
    known = {name.removesuffix(".json") for name in out.names(DONE)}
    left = [shard for shard in shards if shard.name not in known]
    n_rows = sum(_part(out, name).n_rows for name in known)
    for start in range(0, len(left), TOGETHER):
        progress(len(shards) - len(left) + start, len(shards), n_rows)
        some = home.map(score_shard, work, left[start : start + TOGETHER], SHARD_S)
        n_rows += sum(part.n_rows for part in some)
    parts = [_part(out, shard.name) for shard in shards]
    _finish(out, work, parts)
    progress(len(shards), len(shards), n_rows)
    return parts


def score_shard(work: Work, shard: Shard) -> Part:
    """Score a shard; write what is to be mended, its part, and that it is done, in this order."""
    predictor = _predictor(work)
    scorer = scorer_for(predictor, predictor.pass_mark, vectorised=can_vectorise())
    out, tally = Folder(work.output), Tally()
    to_fix = io.StringIO(newline="")
    with tempfile.TemporaryFile() as scored:
        with file_system(work.source).open_input_file(shard.path) as file:
            name = shard.path.rsplit("/", 1)[-1]
            part = RowGroups(shard.row_groups or None, shard.first_line)
            with open_table(file, name, part=part) as reader:
                text = io.TextIOWrapper(scored, "utf-8", newline="", write_through=True)
                if work.ending == ".parquet":
                    checked_parts = score_to_parquet(reader, scorer, scored, to_fix)
                else:
                    checked_parts = score_file(reader, scorer, text, to_fix)
                for checked in checked_parts:
                    tally.add(checked, predictor.groups)
                text.detach()
        digest, size = _digest(scored)
        if tally.n_refused:
            out.write(f"{TO_FIX}/{shard.name}.csv", io.BytesIO(to_fix.getvalue().encode()))
        out.write(f"{shard.name}{work.ending}", scored)
    made = Part(
        shard.name + work.ending, tally.n_rows, tally.n_predicted, tally.n_refused, size, digest,
        predictor.evaluator,
    )  # fmt: skip
    out.write(f"{DONE}/{shard.name}.json", io.BytesIO(json.dumps(asdict(made)).encode()))
    return made


def _predictor(work: Work) -> Predictor:
    """Return the model, which is loaded once in a process, wherever that runs."""
    if work.run_id not in _PREDICTORS:
        with tempfile.TemporaryDirectory() as temporary:
            artifacts = Path(temporary)
            folder = artifacts / "runs" / work.run_id
            folder.mkdir(parents=True)
            for name, content in work.run.items():
                (folder / name).write_bytes(content)
            (artifacts / "manifest.json").write_bytes(work.manifest)
            _PREDICTORS[work.run_id] = Predictor.load(artifacts)
    return _PREDICTORS[work.run_id]


class Folder:
    """A folder of this machine or of S3, whose files appear whole or not at all."""

    def __init__(self, place: str) -> None:
        self._files, self._root = file_system(place), path_of(place)

    def names(self, folder: str = "") -> list[str]:
        """Return the names of the files in a folder; none where it does not exist."""
        from pyarrow import fs

        selector = fs.FileSelector(self._at(folder), allow_not_found=True)
        return [
            one.base_name
            for one in self._files.get_file_info(selector)
            if one.type == fs.FileType.File and not one.base_name.startswith(".")
        ]

    def read(self, name: str) -> bytes:
        """Return a file's content."""
        with self._files.open_input_stream(self._at(name)) as file:
            return bytes(file.read())

    def write(self, name: str, content: io.IOBase | Any) -> None:
        """Write a file: on S3 it is there once it was sent; here it takes its name last."""
        from pyarrow import fs

        content.seek(0)
        path, here = self._at(name), isinstance(self._files, fs.LocalFileSystem)
        written = f"{path.rpartition('/')[0]}/.{secrets.token_hex(4)}{UNFINISHED}" if here else path
        if here:
            self._files.create_dir(path.rpartition("/")[0], recursive=True)
        try:
            with self._files.open_output_stream(written) as file:
                while block := content.read(1 << 22):
                    file.write(block)
            if here:
                with open(written, "rb") as file:  # noqa: PTH123
                    os.fsync(file.fileno())
                self._files.move(written, path)
        except BaseException:
            if here:
                Path(written).unlink(missing_ok=True)
            raise

    def delete(self, name: str) -> None:
        """Delete a file or a folder."""
        from pyarrow import fs

        path = self._at(name)
        kind = self._files.get_file_info(path).type
        if kind == fs.FileType.Directory:
            self._files.delete_dir(path)
        elif kind == fs.FileType.File:
            self._files.delete_file(path)

    def sweep(self) -> None:
        """Delete what processes that were killed left half written on this machine."""
        from pyarrow import fs

        if isinstance(self._files, fs.LocalFileSystem):
            for left in Path(self._root).rglob(f".*{UNFINISHED}"):
                left.unlink(missing_ok=True)

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root


def _shards(files: fs.FileSystem, found: Sequence[fs.FileInfo]) -> Iterator[Shard]:
    from pyarrow import ArrowException, parquet

    number = 0
    for one in found:
        if not one.path.lower().endswith(PARQUET):
            yield Shard(f"part-{number:05}", one.path)
            number += 1
            continue
        try:
            with files.open_input_file(one.path) as file:
                metadata = parquet.read_metadata(file)
        except (ArrowException, OSError) as error:
            raise DataValidationError(
                f"{one.base_name} is not a Parquet file that can be read."
            ) from error
        sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        start = line = 0
        while start < len(sizes):
            stop, n_rows = start + 1, sizes[start]
            while stop < len(sizes) and n_rows + sizes[stop] <= SHARD_ROWS:
                n_rows += sizes[stop]
                stop += 1
            if n_rows:
                groups = tuple(range(start, stop))
                yield Shard(f"part-{number:05}", one.path, groups, line + 2)
                number += 1
            start, line = stop, line + n_rows


def _plan(run_id: str, found: Sequence[fs.FileInfo], shards: Sequence[Shard]) -> dict[str, Any]:
    inputs = [[one.path, one.size, one.mtime_ns] for one in found]
    return {"run": run_id, "inputs": inputs, "shards": [asdict(shard) for shard in shards]}


def _begin(out: Folder, plan: dict[str, Any]) -> None:
    """Note what is begun, or see that the same was begun before."""
    content = json.dumps(plan, indent=1).encode()
    names = out.names()
    if PLAN in names:
        if out.read(PLAN) == content:
            return
        raise ConfigurationError(
            "The output holds parts of other files, or of another model, that were not finished. "
            "Name another folder, or delete it."
        )
    if any(name == MANIFEST or name.startswith("part-") for name in names):
        raise ConfigurationError(
            "The output holds predictions already. Name another folder, or delete it."
        )
    out.write(PLAN, io.BytesIO(content))


def _finish(out: Folder, work: Work, parts: Sequence[Part]) -> None:
    totals = {
        name: sum(getattr(part, name) for part in parts)
        for name in ("n_rows", "n_predicted", "n_refused")
    }
    content = {"run": work.run_id, **totals, "parts": [asdict(part) for part in parts]}
    out.write(MANIFEST, io.BytesIO(json.dumps(content, indent=1).encode()))
    _tidy(out)


def _tidy(out: Folder) -> None:
    out.delete(DONE)
    out.sweep()
    out.delete(PLAN)  # last: with it, what was stopped here is gone on with


def _part(out: Folder, name: str) -> Part:
    return Part(**json.loads(out.read(f"{DONE}/{name}.json")))


def _digest(file: Any) -> tuple[str, int]:
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256")
    return digest.hexdigest(), file.tell()
