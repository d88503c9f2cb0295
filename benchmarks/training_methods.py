"""The ways to train that are compared: how each is run, and how its answer is read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.development_tables import ROOT, DevelopmentTable
from benchmarks.peers._peer import targets_sha256
from benchmarks.process import Measurement, clean_environment, measure
from benchmarks.training_limits import OURS, Training

PEERS_FOLDER = Path(__file__).resolve().parent / "peers"


@dataclass(frozen=True)
class Peer:
    """A script of ``peers/``.

    Attributes
    ----------
    module, package : str
        What it imports that may not be installed, and the name that pip knows it by.
    takes_time : bool
        Whether it takes the budget of ``--time``.
    """

    script: str
    module: str = ""
    package: str = ""
    preset: str = ""
    takes_time: bool = False


PEERS = {
    "tutorial": Peer("tutorial.py"),
    "tutorial-all-cores": Peer("tutorial.py", preset="all-cores"),
    "ridge": Peer("ridge.py"),
    "catboost": Peer("catboost_defaults.py"),
    "average": Peer("average.py"),
    "blend": Peer("plain_blend.py"),
    "flaml": Peer("flaml_peer.py", "flaml.automl", "flaml", takes_time=True),
    "mljar": Peer("mljar_peer.py", "supervised.automl", "mljar-supervised", takes_time=True),
    "autogluon-medium": Peer(
        "autogluon_peer.py", "autogluon.tabular", "autogluon.tabular", "medium", takes_time=True
    ),
    "autogluon-high": Peer(
        "autogluon_peer.py", "autogluon.tabular", "autogluon.tabular", "high", takes_time=True
    ),
}
OUR_OPTIONS = {name: ("--budget", name) for name in OURS} | {"default": ()}


class UnusableError(Exception):
    """What a process left behind cannot be used; says why."""


def find_interpreters(
    peers: Sequence[str], candidates: Sequence[Path]
) -> tuple[dict[str, Path], dict[str, str], dict[str, str]]:
    """Return each peer's interpreter, the versions of their packages, and why a peer has none."""
    ours = Path(sys.executable)
    pythons, versions, missing = {}, {}, {}
    for name in peers:
        peer = PEERS[name]
        if not peer.module:
            pythons[name] = ours
            continue
        reasons = []
        for python in (*candidates, ours):
            version, reason = _version(python.absolute(), peer)
            if version:
                pythons[name], versions[name] = python.absolute(), version
                break
            reasons.append(f"{python}: {reason}")
        else:
            missing[name] = "; ".join(reasons)
    return pythons, versions, missing


def _version(python: Path, peer: Peer) -> tuple[str, str]:
    """Return the version of a peer's package, or nothing and why it cannot be imported."""
    code = f"import importlib.metadata as m, {peer.module}; print(m.version({peer.package!r}))"
    try:
        done = subprocess.run(
            [python, "-c", code], capture_output=True, text=True, check=False,
            timeout=120, env=clean_environment(),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    if done.returncode:
        return "", _last_line(done.stderr)
    return _last_line(done.stdout), ""


def train(
    table: DevelopmentTable,
    method: str,
    seed: int,
    folder: Path,
    pythons: Mapping[str, Path],
    *,
    time_s: float = 60,
    timeout_s: float = 900,
) -> Training:
    """Measure one process.

    Parameters
    ----------
    table : DevelopmentTable
    method : str
        A key of :data:`PEERS` or of :data:`OUR_OPTIONS`.
    seed : int
        Of the split, and of the models.
    folder : Path
        An empty one.
    pythons : mapping of str to Path
        Each peer's interpreter.
    time_s : float
        What tools that take a budget are given.
    timeout_s : float
        After which the process is killed.

    Returns
    -------
    Training
        With its ``error`` where the process failed.
    """
    training = Training(table.name, method, seed, load=round(os.getloadavg()[0], 2))
    told: list[str | Path] = ["--data", table.path, "--target", table.target, "--seed", str(seed)]
    if table.drop:
        told += ["--drop", *table.drop]
    kept = folder / "kept"
    kept.mkdir()
    if method in PEERS:
        peer, rows = PEERS[method], folder / "rows.json"
        rows.write_text(json.dumps(split_positions(table, seed)), encoding="utf-8")
        command = [pythons[method], PEERS_FOLDER / peer.script, *told, "--rows", rows]
        command += ["--save", kept]
        if peer.takes_time:
            command += ["--time", str(time_s)]
        if peer.preset:
            command += ["--preset", peer.preset]
        seen = measure(command, cwd=folder, timeout_s=timeout_s)
    else:
        command = [
            sys.executable, "-m", "src.pipelines.train_pipeline", *told, "--json",
            "--artifacts", kept, *OUR_OPTIONS[method],
        ]  # fmt: skip
        seen = measure(command, cwd=ROOT, timeout_s=timeout_s, watch=kept / "manifest.json")
    training = replace(
        training, wall_s=seen.wall_s, cpu_s=seen.cpu_s, peak_bytes=seen.peak_bytes,
        n_processes=seen.n_processes, promoted_s=seen.appeared_s,
    )  # fmt: skip
    try:
        return (_peer_outcome if method in PEERS else _our_outcome)(training, seen, kept)
    except UnusableError as error:
        return replace(training, error=str(error))


@cache
def split_positions(table: DevelopmentTable, seed: int) -> dict[str, list[int]]:
    """Return the rows of a table that our training learns from, and those that it holds out."""
    from src.pipelines.rows import learn_schema
    from src.pipelines.train_pipeline import TrainPipeline
    from src.pipelines.training import TrainConfig

    config = TrainConfig(str(table.path), target=table.target, drop=table.drop, seed=seed)
    pipeline = TrainPipeline(config)
    hints, checked = pipeline.check()
    _, good = learn_schema(checked, hints, config)
    split = pipeline.ingestion.split(len(good.y), good.groups)
    return {
        name: good.indices[rows].tolist()
        for name, rows in zip(("train", "test"), split, strict=True)
    }


def _peer_outcome(training: Training, seen: Measurement, kept: Path) -> Training:
    answer = _answer(seen)
    try:
        return replace(
            training, r2=answer["r2"], rmse=answer["rmse"], model=answer["model"],
            test_sha256=answer["test_sha256"], size_bytes=_size(kept) or None,
        )  # fmt: skip
    except KeyError as error:
        raise UnusableError(f"its answer lacks {error}") from error


def _our_outcome(training: Training, seen: Measurement, kept: Path) -> Training:
    answer = _answer(seen)
    try:
        run_id = json.loads((kept / "manifest.json").read_bytes())["run_id"]
        targets = [line.rsplit(",", 1)[-1] for line in (kept / "test.csv").read_text().split("\n")]
        return replace(
            training,
            r2=answer["held_out"]["r2"]["value"],
            rmse=answer["held_out"]["rmse"]["value"],
            model=answer["model"],
            # A target is a number, so no quote and no comma stands behind the last comma.
            test_sha256=targets_sha256(float(text) for text in targets[1:] if text),
            size_bytes=_size(kept / "runs" / run_id),
            said={k: v for k, v in answer.items() if k.startswith("seconds_") or k == "elapsed_s"},
        )
    except (KeyError, OSError, ValueError) as error:
        raise UnusableError(f"its outcome cannot be read: {error!r}") from error


def _answer(seen: Measurement) -> dict[str, Any]:
    """Return the JSON object of the last line of stdout.

    Raises
    ------
    UnusableError
        If the process failed or said something else.
    """
    if seen.timed_out:
        raise UnusableError(f"killed after {seen.wall_s:.0f} s")
    if seen.status:
        raise UnusableError(f"exit status {seen.status}: {_last_line(seen.stderr)}")
    try:
        answer = json.loads(_last_line(seen.stdout))
    except ValueError as error:
        raise UnusableError("the last line of its output is no JSON") from error
    if not isinstance(answer, dict):
        raise UnusableError("the last line of its output is no JSON object")
    return answer


def on_same_rows(training: Training, earlier: Sequence[Training]) -> Training:
    """Return the training, with an error where its test rows are not those of an earlier one."""
    for other in earlier:
        if other.error or (other.table, other.seed) != (training.table, training.seed):
            continue
        if not training.error and other.test_sha256 != training.test_sha256:
            return replace(training, error=f"its test rows are not those of {other.method}")
    return training


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]
