"""What a known school adds to a prediction, and files of it that do not fit."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from src.artifact_store import ArtifactStore, new_run_id
from src.compiled.group_effects import GroupEffects, group_key
from src.exception import ArtifactError
from src.pipelines.predict_pipeline import main
from src.serving.predictor import Predictor
from tests.schools import BEST, SCHOOLS, SMALL, WORST, record


@pytest.fixture(scope="module")
def of_schools(school_artifacts: Path) -> Predictor:
    return Predictor.load(school_artifacts)


def test_the_schools_that_did_best_and_worst_move_the_prediction_so(of_schools):
    best, average, worst, small = (
        of_schools.predict_record(record(school)).prediction
        for school in (BEST, None, WORST, SMALL)
    )
    assert worst + 5 < average < best - 5
    assert small == average


def test_reasons_with_the_school_sum_to_the_prediction(of_schools):
    for school in (BEST, WORST, "Nowhere", None):
        checked, _ = of_schools.schema.check_record(record(school))
        found = of_schools.explain(checked)
        assert found.total == pytest.approx(of_schools.unclipped(checked), abs=1e-9)
        assert ("school" in found.values) == (school in SCHOOLS)


def test_rows_together_get_what_each_gets_alone(of_schools):
    records = [record(school) for school in (*SCHOOLS, SMALL, None, "Nowhere")]
    checked = [of_schools.schema.check_record(one)[0] for one in records]
    columns = {name: [one[name] for one in checked] for name in checked[0]}
    together = of_schools.unclipped_columns(columns).tolist()
    assert together == [of_schools.unclipped(one) for one in checked]


def test_the_command_counts_students_of_unknown_schools(school_artifacts, tmp_path, capsys):
    table, output = tmp_path / "class.csv", tmp_path / "out.csv"
    table.write_text(
        "reading,absences,course,School\n60,5,half,Nowhere\n60,5,half,nowhere\n70,?,half,Nowhere\n"
        f"60,5,half,{BEST}\n",
        "utf-8",
    )
    assert main(["--input", str(table), "--output", str(output), "--artifacts",
                 str(school_artifacts)]) == 3  # fmt: skip
    assert (
        "school: 2 students of 1 group that the model does not know. They count as of an average "
        "one, of which less is known."
    ) in " ".join(capsys.readouterr().err.split())
    refused = (tmp_path / "out.to-fix.csv").read_text("utf-8-sig").splitlines()
    assert refused[0] == "reading,absences,course,School,problem"
    assert "Nowhere" in refused[1]


def damaged(predictor: Predictor, folder: Path, name: str, damage: Any) -> Any:
    """Return the run with a file that is not as training wrote it, its hash made to fit."""
    run = predictor.run
    files = {file: (run.folder / file).read_bytes() for file in run.manifest.files}
    values = json.loads(files[name])
    damage(values)
    manifest = type(run.manifest)(**vars(run.manifest) | {"run_id": new_run_id()})
    return ArtifactStore(folder, "").save(manifest, files | {name: json.dumps(values).encode()})


def in_group(**changes: Any) -> Any:
    return lambda values: values["group"].update(changes)


def curve_for_schools(values: dict[str, Any]) -> None:
    values["factors"]["school"]["curve"] = {"at": [0.0], "values": [1.0]}


def text_for_a_school_score(values: dict[str, Any]) -> None:
    values["groups"]["scores"][0]["scores"]["r2"]["low"] = "<b>"


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("compiled.json", in_group(salt="no hex")),
        ("compiled.json", in_group(salt="ab" * 65)),
        ("compiled.json", in_group(salt=7)),
        ("compiled.json", in_group(column="reading")),
        ("compiled.json", in_group(column=None)),
        ("compiled.json", in_group(effects=[1.0])),
        ("compiled.json", in_group(effects={"a": "1"})),
        ("compiled.json", in_group(effects={"a": math.nan})),
        ("compiled.json", in_group(effects={"a": -1e300})),
        ("compiled.json", in_group(names=["Ash"])),
        ("compiled.json", lambda values: values.update(group=[])),
        ("compiled.json", lambda values: values.update(group=None)),
        ("compiled.json", lambda values: values.pop("group")),
        ("schema.json", lambda values: values.pop("group")),
        ("schema.json", lambda values: values.update(group=[])),
        ("schema.json", in_group(name="reading")),
        ("schema.json", in_group(name="score")),
        ("schema.json", in_group(kind="numeric")),
        ("schema.json", in_group(names="Ash")),
        ("schema.json", in_group(names=[7])),
        ("schema.json", in_group(label=7)),
        ("intervals.json", curve_for_schools),
        ("metrics.json", text_for_a_school_score),
        ("metrics.json", lambda values: values["groups"]["effects"][0].update(effect=None)),
    ],
)
def test_effects_of_schools_that_do_not_fit_are_refused_at_once(of_schools, tmp_path, name, damage):
    """A2."""
    run = damaged(of_schools, tmp_path, name, damage)
    with pytest.raises(ArtifactError):
        Predictor.from_run(run)


@pytest.mark.parametrize("name", ["compiled.json", "schema.json", "intervals.json", "metrics.json"])
def test_a_run_that_is_as_training_wrote_it_loads(of_schools, tmp_path, name):
    run = damaged(of_schools, tmp_path, name, lambda values: None)
    assert Predictor.from_run(run).groups == of_schools.groups


@pytest.mark.parametrize(
    "damage",
    [in_group(direction=[]), in_group(direction=[1.0, 2.0, 3.0]), in_group(direction=[0.0, 1e9]),
     in_group(direction=["a", "b"])],
)  # fmt: skip
def test_tilts_of_schools_that_do_not_fit_are_refused_at_once(
    school_outcome_artifacts, tmp_path, damage
):
    """A2."""
    run = damaged(Predictor.load(school_outcome_artifacts), tmp_path, "compiled.json", damage)
    with pytest.raises(ArtifactError):
        Predictor.from_run(run)


def test_a_key_is_no_name_and_another_salt_makes_another(of_schools):
    groups = of_schools.groups
    assert groups.is_known({"school": BEST}) is True
    assert groups.is_known({"school": SMALL}) is False
    assert groups.is_known({"school": None}) is groups.is_known({}) is None
    assert group_key(BEST, groups.salt) in groups.effects
    assert group_key(BEST, "00") not in groups.effects


def test_names_beyond_those_remembered_are_still_told_apart(monkeypatch):
    monkeypatch.setattr("src.compiled.group_effects.REMEMBERED", 3)
    effects = {group_key(str(i), "ab"): float(i) for i in range(9)}
    groups = GroupEffects("school", "ab", effects)
    for _ in range(2):
        assert [groups.of(groups.key({"school": str(i)})) for i in range(9)] == [
            *map(float, range(9))
        ]
