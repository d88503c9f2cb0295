"""Runs whose JSON was damaged or replaced, with hashes that fit: what a writer of files can do."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from src.artifact_store import ArtifactStore, Run, RunManifest, new_run_id

FILES = (
    "schema.json",
    "metrics.json",
    "compiled.json",
    "intervals.json",
    "chances.json",
    "manifest.json",
    "report.json",
)
PATHS = (
    "/",
    "/model",
    "/batch",
    "/docs",
    "/openapi.json",
    "/ready",
    "/api/v1/model",
    "/api/v1/schema",
    "/api/v1/metrics",
    "/batch/template.csv",
    "/model/report.html",
)
DELETED = "<deleted>"
WRONG = (None, "", "<b>x</b>", "100", -1, 0, 1e300, True, [], {}, [None], {"x": 1}, "x" * 5000)


@dataclass(frozen=True)
class Mutant:
    """A run with one value of one file replaced or taken away."""

    file: str
    where: tuple[str | int, ...]
    value: Any
    files: dict[str, Any]


def places(value: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where each value stands, at most four items of a list."""
    yield above
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))[:4]
    for key, inner in items:
        yield from places(inner, (*above, key))


def mutants(run: Run, dice: random.Random, n: int) -> Iterator[Mutant]:
    """Yield damaged runs, as many of each file."""
    files = _read(run)
    everywhere = {name: [p for p in places(value) if p] for name, value in files.items()}
    for i in range(n):
        name = [*files][i % len(files)]
        yield mutant(run, name, dice.choice(everywhere[name]), dice.choice([*WRONG, DELETED]))


def mutant(run: Run, name: str, where: tuple[str | int, ...], value: Any) -> Mutant:
    """Return a run one value of which is another, or ``DELETED``."""
    changed = _read(run)
    holder = changed[name]
    for key in where[:-1]:
        holder = holder[key]
    if value is DELETED:
        del holder[where[-1]]
    else:
        holder[where[-1]] = value
    return Mutant(name, where, value, changed)


def _read(run: Run) -> dict[str, Any]:
    there = [name for name in FILES if (run.folder / name).is_file()]
    return {name: json.loads((run.folder / name).read_bytes()) for name in there}


def save(mutant: Mutant, run: Run, folder: Path) -> None:
    """Save a damaged run with hashes that fit, and promote it."""
    store = ArtifactStore(folder, "")
    values = mutant.files["manifest.json"]
    files = {name: (run.folder / name).read_bytes() for name in run.manifest.files}
    files |= {name: json.dumps(v).encode() for name, v in mutant.files.items() if name in files}
    fields = asdict(run.manifest) | {k: v for k, v in values.items() if k != "files"}
    fields["run_id"] = new_run_id()
    saved = store.save(RunManifest(**fields), files)
    if "report.json" in mutant.files:
        report = {name: run.read_report(name) for name in ("report.html", "model_card.md")}
        store.add_report(
            saved, report | {"report.json": json.dumps(mutant.files["report.json"]).encode()}
        )
    store.promote(saved, by="train")


def faults(client: FlaskClient, record: dict[str, Any]) -> list[str]:
    """Return which addresses answer with a fault of ours."""
    found = []
    for path in PATHS:
        status = client.get(path).status_code
        if status >= 500 and status != 503:
            found.append(f"{path} {status}")
    for path, options in (
        ("/api/v1/predict", {"json": record}),
        ("/", {"data": record}),
        ("/api/v1/predict?contributions=1", {"json": record}),
        ("/api/v1/predict/batch", {"json": [record]}),
    ):
        status = client.post(path, **options).status_code
        if status >= 500 and status != 503:
            found.append(f"{path} {status}")
    return found
