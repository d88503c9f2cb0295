"""A2: files that fit their hashes and nothing else are refused when they are loaded."""

from __future__ import annotations

import json
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from src.artifact_store import ArtifactStore, new_run_id
from src.exception import ArtifactError
from src.report.saved_metrics import SavedMetrics
from src.serving.predictor import Predictor


def without_models(values: dict[str, Any]) -> None:
    values["features"] = values["features"][:1]


def text_for_a_metric(values: dict[str, Any]) -> None:
    values["held_out"]["rmse"]["low"] = "<b>"


def text_in_the_leaderboard(values: dict[str, Any]) -> None:
    values["leaderboard"][0]["mae"] = None


def no_categories(values: dict[str, Any]) -> None:
    next(f for f in values["features"] if "categories" in f)["categories"] = []


def text_for_a_width(values: dict[str, Any]) -> None:
    values["coverage"][0]["mean_width"] = "<b>"


def no_edges(values: dict[str, Any]) -> None:
    values["target_distribution"]["edges"] = {}


def falling_counts_below(values: dict[str, Any]) -> None:
    values["target_distribution"]["below"].reverse()


def number_for_a_help_text(values: dict[str, Any]) -> None:
    values["features"][0]["help"] = 7


def list_for_an_order(values: dict[str, Any]) -> None:
    values["features"][0]["order"] = []


def another_category(values: dict[str, Any]) -> None:
    next(f for f in values["features"] if "categories" in f)["categories"][-1] = "x"


def text_for_a_level(values: dict[str, Any]) -> None:
    values["levels"][-1] = "<b>"


def text_for_a_bound(values: dict[str, Any]) -> None:
    values["target"]["maximum"] = "100"


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("compiled.json", without_models),
        ("metrics.json", text_for_a_metric),
        ("metrics.json", text_in_the_leaderboard),
        ("metrics.json", dict.clear),
        ("schema.json", no_categories),
        ("schema.json", text_for_a_bound),
        ("intervals.json", dict.clear),
        ("intervals.json", text_for_a_level),
        ("metrics.json", text_for_a_width),
        ("metrics.json", no_edges),
        ("metrics.json", falling_counts_below),
        ("schema.json", number_for_a_help_text),
        ("schema.json", list_for_an_order),
        ("compiled.json", another_category),
    ],
)
def test_a_file_that_does_not_fit_is_refused_at_once(
    predictor: Predictor, tmp_path: Path, name: str, damage: Any
) -> None:
    """A2."""
    run = predictor.run
    files = {file: (run.folder / file).read_bytes() for file in run.manifest.files}
    values = json.loads(files[name])
    damage(values)
    manifest = type(run.manifest)(**vars(run.manifest) | {"run_id": new_run_id()})
    store = ArtifactStore(tmp_path, "")
    damaged = store.save(manifest, files | {name: json.dumps(values).encode()})
    with pytest.raises(ArtifactError):
        Predictor.from_run(damaged)


def test_a_run_made_before_findings_and_people_were_saved_loads(predictor, tmp_path: Path) -> None:
    run = predictor.run
    names = set(run.manifest.files) - {"findings.json"}
    files = {file: (run.folder / file).read_bytes() for file in names}
    schema = json.loads(files["schema.json"])
    assert schema.pop("people") == []
    manifest = type(run.manifest)(**vars(run.manifest) | {"run_id": new_run_id(), "files": {}})
    old = ArtifactStore(tmp_path, "").save(
        manifest, files | {"schema.json": json.dumps(schema).encode()}
    )
    loaded = Predictor.from_run(old)
    assert (loaded.findings, loaded.schema) == ((), predictor.schema)


def unchecked(kind: Any, value: Any, where: str = "metrics") -> list[str]:
    """Return what stands in a value and not in its type."""
    hints = get_type_hints(kind) if is_typeddict(kind) else {}
    if get_origin(kind) in (Union, UnionType):
        return [name for one in get_args(kind) for name in unchecked(one, value, where)]
    if get_origin(kind) is list and value:
        return unchecked(get_args(kind)[0], value[0], where)
    if not hints or not isinstance(value, dict):
        return []
    found = [f"{where}.{name}" for name in value.keys() - hints.keys()]
    shared = value.keys() & hints.keys()
    return found + [one for k in shared for one in unchecked(hints[k], value[k], f"{where}.{k}")]


def test_whatever_training_writes_into_its_metrics_is_checked(predictor: Predictor) -> None:
    """A2."""
    assert unchecked(SavedMetrics, predictor.metrics) == []
