"""From a raw table to a promoted run, in this process."""

from __future__ import annotations

import csv
import json
import math
import random
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from src.artifact_store import ArtifactStore
from src.compiler.columns import exact_cuts
from src.components.data_ingestion import without_secrets
from src.components.model_trainer import ModelTrainer
from src.exception import (
    ArtifactError,
    ConfigurationError,
    DataValidationError,
    StuPredictionError,
    TrainingError,
)
from src.pipelines.train_pipeline import TrainPipeline, main
from src.pipelines.training import TrainConfig, TrainResult
from src.report.group_facts import GroupsFacts
from src.report.saved_report import load_report
from src.schema.class_reference import REFERENCE, ClassReference
from src.schema.expected_loss import LOSSES, ExpectedLoss
from src.serving.predictor import NumberPredictor, Predictor
from src.utils import read_typed, write_bytes
from tests.sampling import first


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def marks(n_rows: int = 60, **columns: object) -> list[dict[str, object]]:
    """Return a small table in which the mark follows from hours and course."""
    dice = random.Random(0)
    rows = []
    for index in range(n_rows):
        hours, done = dice.randint(0, 10), dice.random() < 0.5
        mark = 20 + 6 * hours + 8 * done + dice.gauss(0, 2)
        row: dict[str, object] = {"hours": hours, "course": "done" if done else "none"}
        row |= {k: v(index) if callable(v) else v for k, v in columns.items()}
        rows.append(row | {"mark": round(mark, 1)})
    return rows


@pytest.fixture
def write(tmp_path: Path):
    def write_csv(rows: list[dict[str, object]], name: str = "marks.csv") -> Path:
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write_csv


@pytest.fixture
def train(tmp_path: Path):
    def run(data: Path, target: str | None = "mark", **options: object) -> TrainResult:
        values = {"models": ("ridge",), "artifacts": tmp_path / "artifacts", "budget": "quick"}
        values |= options
        return TrainPipeline(TrainConfig(data=str(data), target=target, **values)).run()

    return run


def test_a_table_without_hints_becomes_a_promoted_run_that_predicts(write, train) -> None:
    result = train(write(marks()))
    predictor = Predictor.load(result.run.folder.parent.parent)
    assert predictor.run.run_id == result.run.run_id
    better = predictor.predict_record({"hours": 8, "course": "done"}).prediction
    assert better > predictor.predict_record({"hours": 2, "course": "none"}).prediction


def test_the_run_holds_its_files_and_the_split_lies_beside_it(write, train, tmp_path) -> None:
    result = train(write(marks()))
    files = {
        "preprocessor.pkl", "model.pkl", "compiled.json", "schema.json", "metrics.json",
        "intervals.json", "background.json", "findings.json", "reference.json",
    }  # fmt: skip
    assert {p.name for p in result.run.folder.iterdir()} == files | {"manifest.json"}
    artifacts = tmp_path / "artifacts"
    named = {p.name for p in artifacts.iterdir() if not p.name.startswith(".")}
    assert named == files | {"manifest.json", "data.csv", "train.csv", "test.csv", "runs"}
    train_rows, test_rows = rows_of(artifacts / "train.csv"), rows_of(artifacts / "test.csv")
    assert (len(train_rows), len(test_rows)) == (49, 13)
    assert sorted(train_rows[1:] + test_rows[1:]) == sorted(rows_of(artifacts / "data.csv")[1:])


def test_a_value_of_few_pupils_is_named_in_no_file_of_the_run(write, train, tmp_path) -> None:
    language = ["German", "Turkish", "Klingon"]
    rows = marks(90, language=lambda i: language[2 if i % 30 == 0 else i % 2])
    result = train(write(rows))
    assert result.schema.categorical[1].categories == ("German", "other", "Turkish")
    files = [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]
    assert [path.name for path in files if b"Klingon" in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("n_common", "n_rare", "taken"), [(19, 1, ""), (20, 1, "other"), (25, 0, "")]
)
def test_an_unseen_value_is_other_where_training_had_one_among_many(
    write, train, n_common, n_rare, taken
) -> None:
    n = 12 * n_common + n_rare
    club = [f"club {i % n_common}" if i < 12 * n_common else "chess" for i in range(n)]
    schema = train(write(marks(n, club=club.__getitem__))).schema
    record = {"hours": 5, "course": "none", "club": "rowing"}
    if not taken:
        with pytest.raises(DataValidationError, match="club must be one of"):
            schema.check_record(record)
        return
    values, (warning,) = schema.check_record(record)
    assert (values["club"], warning.field) == (taken, "club")
    assert "club is a value that training did not see: 'other' is taken." in warning.message


REPORT = {"report.html", "model_card.md", "report.json"}


def test_the_report_is_written_after_the_promotion_beside_the_run(write, train, tmp_path) -> None:
    result = train(write(marks()), budget="standard", language="fr")
    assert result.report_problem is None
    run = ArtifactStore(tmp_path / "artifacts", "").promoted()
    assert run.manifest.options["language"] == "fr"
    assert not REPORT & set(run.manifest.files)
    for name in REPORT:
        content = run.read_report(name)
        assert content == (tmp_path / "artifacts" / name).read_bytes()
    page = (tmp_path / "artifacts" / "report.html").read_text(encoding="utf-8")
    assert run.run_id in page
    assert '<html lang="fr">' in page
    assert len(page) < 1_000_000
    numbers = json.loads(run.read_report("report.json"))
    assert [one["feature"] for one in numbers["importance"]] == ["hours", "course"]
    assert numbers["fairness"]["sentences"][0].startswith("No feature is marked as sensitive")
    assert numbers["learning_curve"][-1]["n_train"] > numbers["learning_curve"][0]["n_train"]
    (run.folder / "report.html").write_text("another page", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"report\.html .* its hash differs"):
        run.read_report("report.html")


def test_a_model_of_outcomes_has_a_report_that_is_read_back(write, train) -> None:
    rows = marks(300, sex=lambda i: ("f", "m")[i % 2])
    for row in rows:
        row["result"] = "Fail" if float(row.pop("mark")) < 45 else "Pass"
    hints = write(rows).with_suffix(".toml")
    hints.write_text(
        '[columns.sex]\nsensitive = true\n[columns.result]\nat_risk = ["Fail"]\n', encoding="utf-8"
    )
    result = train(
        hints.with_suffix(".csv"), "result", budget="standard", models=("logistic",),
        exclude_sensitive=True, hints=hints,
    )  # fmt: skip
    assert result.report_problem is None
    saved = load_report(result.run, result.schema)
    assert saved is not None
    assert saved.class_fairness is not None
    assert saved.importance[0].feature == "hours"
    assert {one.outcome for one in saved.partial_dependence} == {"Fail"}
    page = result.run.read_report("report.html").decode()
    assert saved.exclusion_sentence() in page
    assert all(sentence in page.replace("&#39;", "'")
               for sentence in saved.fairness_sentences(result.schema))  # fmt: skip
    assert "Nothing is resampled or weighted for imbalance" in page


def test_groups_that_chances_nearly_tell_apart_are_compared(write, train) -> None:
    dice, rows = random.Random(3), []
    for index in range(900):
        sex, hours = ("f", "m")[index % 2], dice.gauss(5, 1)
        chance = 1 / (1 + math.exp((7 if sex == "f" else 3) - hours))
        result = "Fail" if dice.random() < chance else "Pass"
        rows.append({"sex": sex, "hours": round(hours, 2), "result": result})
    hints = write(rows).with_suffix(".toml")
    hints.write_text(
        '[columns.sex]\nsensitive = true\n[columns.result]\nat_risk = ["Fail"]\n', encoding="utf-8"
    )
    result = train(
        hints.with_suffix(".csv"), "result", budget="standard", models=("logistic",), hints=hints
    )
    saved = load_report(result.run, result.schema)
    assert saved is not None
    assert saved.class_fairness is not None
    (of_sex,) = saved.class_fairness.groupings
    assert sum(group.n_samples for group in of_sex.groups) == 180
    assert of_sex.suppressed == ()


def test_quick_leaves_the_report_out(write, train) -> None:
    run = train(write(marks())).run
    assert [run.read_report(name) for name in REPORT] == [None] * 3


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("Ada has no mark")],
)
def test_a_report_that_fails_costs_no_model(write, train, tmp_path, monkeypatch, error) -> None:
    def fail(*args: object) -> None:
        raise error

    monkeypatch.setattr(ArtifactStore, "add_report", fail)
    result = train(write(marks()), budget="standard")
    assert result.report_problem
    assert "Ada" not in result.report_problem
    assert Predictor.load(tmp_path / "artifacts").run.run_id == result.run.run_id


HINTS = "[columns.course]\nsensitive = true\n"


def test_sensitive_features_are_left_out_and_the_report_says_what_that_costs(
    write, train, tmp_path
) -> None:
    data = write(marks(120))
    (tmp_path / "marks.schema.toml").write_text(HINTS, encoding="utf-8")
    result = train(data, budget="standard", exclude_sensitive=True)
    assert result.schema.names == ("hours",)
    assert result.run.manifest.dropped["course"] == "it is sensitive (--exclude-sensitive)"
    assert rows_of(tmp_path / "artifacts" / "data.csv")[0] == ["hours", "mark"]
    numbers = json.loads(result.run.read_report("report.json"))
    cost = numbers["exclusion"]
    assert (cost["left_out"], cost["labels"]) == (["course"], ["Course"])
    assert 0 < cost["r2"]["low"] < cost["r2"]["value"]
    assert cost["sentence"] in result.run.read_report("report.html").decode()
    groups = numbers["fairness"]["groupings"]
    assert [g["features"] for g in groups] == [["course"]]
    assert Predictor.load(tmp_path / "artifacts").predict_record({"hours": 5}).prediction > 0


def test_two_sensitive_features_are_crossed_where_they_are_named(write, train, tmp_path) -> None:
    data = write(marks(120))
    hints = HINTS + "[columns.hours]\nsensitive = true\n"
    (tmp_path / "marks.schema.toml").write_text(hints, encoding="utf-8")
    run = train(data, budget="standard", cross=("Course", "hours")).run
    groups = json.loads(run.read_report("report.json"))["fairness"]["groupings"]
    assert [g["features"] for g in groups] == [["hours"], ["course"], ["course", "hours"]]
    assert "Errors by Course and Hours" in run.read_report("report.html").decode()
    assert "--cross=Course --cross=hours" in run.read_report("model_card.md").decode()


@pytest.mark.parametrize("cross", [("course", "hours"), ("course", "x"), ("course", "course"),
                                   ("course",)])  # fmt: skip
def test_what_cannot_be_crossed_is_refused_with_the_sensitive_features(
    write, train, tmp_path, cross
) -> None:
    (tmp_path / "marks.schema.toml").write_text(HINTS, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"--cross takes two .* Sensitive are: course\."):
        train(write(marks()), cross=cross)
    (tmp_path / "marks.schema.toml").unlink()
    with pytest.raises(ConfigurationError, match="Sensitive are: none, by the hints file"):
        train(write(marks()), cross=cross)


def test_without_a_sensitive_feature_there_is_nothing_to_exclude(write, train, tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="no feature is called sensitive"):
        train(write(marks()), exclude_sensitive=True)
    hints = HINTS + "[columns.hours]\nsensitive = true\n"
    (tmp_path / "marks.schema.toml").write_text(hints, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="all are sensitive"):
        train(write(marks()), exclude_sensitive=True)


def test_the_pass_mark_is_saved_with_its_calibration(write, train) -> None:
    run = train(write(marks(200)), pass_mark=50.0).run
    found = run.read_json("metrics.json")["pass_mark"]
    assert found["mark"] == run.manifest.options["pass_mark"] == 50
    assert found["brier"]["value"] < found["baseline_brier"]


@pytest.mark.parametrize("mark", [-5.0, 1000.0, float("nan")])
def test_a_pass_mark_that_no_score_can_miss_or_reach_is_refused(write, train, mark) -> None:
    with pytest.raises(ConfigurationError, match="--pass-mark must lie above"):
        train(write(marks()), pass_mark=mark)


def test_rows_that_stand_there_twice_stay_on_one_side_of_the_split(write, train, tmp_path) -> None:
    result = train(write(marks(100, place=lambda i: i / 7) * 2))
    (copies,) = (f for f in result.findings if f.kind == "copies")
    assert copies.counts["n_copies"] == 100
    sides = [
        {tuple(row) for row in rows_of(tmp_path / "artifacts" / f"{side}.csv")[1:]}
        for side in ("train", "test")
    ]
    assert not set.intersection(*sides)
    assert sum(map(len, sides)) == 100


def test_no_row_is_in_both_splits(write, train, tmp_path) -> None:
    rows = marks(60, place=lambda i: i / 7)
    train(write(rows))
    place = rows_of(tmp_path / "artifacts" / "train.csv")[0].index("place")
    split = [
        {row[place] for row in rows_of(tmp_path / "artifacts" / name)[1:]}
        for name in ("train.csv", "test.csv")
    ]
    assert len(split[0]) == 48
    assert split[0].isdisjoint(split[1])


def test_the_metrics_come_from_held_out_rows_and_say_so(write, train, monkeypatch) -> None:
    fitted_on: list[int] = []
    fit = ModelTrainer.fit

    def spy(self, pipeline, X, *rest):
        fitted_on.append(len(X))
        return fit(self, pipeline, X, *rest)

    monkeypatch.setattr(ModelTrainer, "fit", spy)
    result = train(write(marks(100)))
    assert fitted_on == [80, 100]
    metrics = result.run.read_json("metrics.json")
    assert metrics["held_out"]["n_samples"] == 20
    assert "20 held-out rows" in metrics["note"]
    assert "fitted again on all 100 rows" in metrics["note"]


def test_the_search_sees_the_training_rows_alone(write, train, monkeypatch) -> None:
    seen: list[int] = []
    run = ModelTrainer.run
    monkeypatch.setattr(
        ModelTrainer,
        "run",
        lambda self, X, *rest, **more: seen.append(len(X)) or run(self, X, *rest, **more),
    )
    train(write(marks(100)))
    assert seen == [80]


def test_the_same_seed_gives_the_same_files(write, train, tmp_path) -> None:
    """R1."""
    data = write(marks())
    one = train(data, artifacts=tmp_path / "one", jobs=1)
    two = train(data, artifacts=tmp_path / "two", jobs=2)
    for name in ("metrics.json", "schema.json", "model.pkl", "preprocessor.pkl"):
        assert (one.run.folder / name).read_bytes() == (two.run.folder / name).read_bytes()
    assert one.run.manifest.data_sha256 == two.run.manifest.data_sha256


def test_headers_keep_their_spelling_and_options_match_it_loosely(write, train) -> None:
    rows = [
        {"Study hours/week": r["hours"], "Course": r["course"], "Final-Mark": r["mark"], "No": 7}
        for r in marks()
    ]
    result = train(write(rows), target="final mark", drop=("COURSE",))
    assert result.schema.names == ("Study_hours_week",)
    assert result.schema.target.name == "Final_Mark"


def test_without_a_target_the_error_lists_the_columns(write, train) -> None:
    with pytest.raises(ConfigurationError, match=r"--target.*hours, course, mark"):
        train(write(marks()), target=None)


def test_hints_beside_the_table_are_found_and_bounds_clip_the_prediction(write, train) -> None:
    data = write(marks())
    data.with_name("marks.schema.toml").write_text(
        'target = "mark"\n[columns.mark]\nmaximum = 50\n[columns.hours]\nlabel = "Hours"\n'
    )
    with pytest.raises(DataValidationError, match=r"rows cannot be used"):
        train(data, target=None)  # half of the rows are above 50: the hints are wrong
    data.with_name("marks.schema.toml").write_text(
        'target = "mark"\n[columns.mark]\nmaximum = 91\n[columns.hours]\nlabel = "Hours"\n'
    )
    result = train(data, target=None)
    predictor = Predictor.from_run(result.run)
    assert result.schema.features[0].label == "Hours"
    assert predictor.predict_record({"hours": 40, "course": "done"}).prediction == 91.0


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("id", lambda i: 7_000 + i, "different whole number in every row"),
        ("name", lambda i: f"Pupil {i * 7919 % 60}", "differs in almost every row"),
        ("school", "North", "is 'North' in every row"),
        ("empty", "", "is empty in every row"),
    ],
)
def test_a_column_that_says_nothing_is_dropped_with_a_warning(
    write, train, caplog, column: str, value: object, reason: str
) -> None:
    """R2b."""
    caplog.set_level("WARNING")
    result = train(write(marks(60, **{column: value})))
    assert set(result.schema.names) == {"hours", "course"}
    assert reason in result.run.manifest.dropped[column]
    assert f"Column {column} is not used" in caplog.text


def test_a_copy_of_the_target_is_dropped(write, train) -> None:
    """R2b."""
    rows = [row | {"mark_again": row["mark"]} for row in marks()]
    result = train(write(rows))
    assert "copy of the target" in result.run.manifest.dropped["mark_again"]


def test_a_constant_target_is_an_error(write, train) -> None:
    """R2."""
    rows = [row | {"mark": 5} for row in marks()]
    with pytest.raises(DataValidationError, match="is 5 in every row: there is nothing to learn"):
        train(write(rows))


@pytest.mark.parametrize("n_rows", [1, 5, 19])
def test_too_few_rows_are_an_error(write, train, n_rows: int) -> None:
    """R2."""
    with pytest.raises(DataValidationError, match=f"{n_rows} rows are too few .* at least 20"):
        train(write(marks(n_rows)))


def test_twenty_rows_are_enough(write, train) -> None:
    assert train(write(marks(20))).run.manifest.rows["used"] == 20


@pytest.mark.parametrize("test_size", [0.02, 0.95])
def test_a_split_that_leaves_too_few_rows_is_an_error(write, train, test_size: float) -> None:
    with pytest.raises(ConfigurationError, match=r"to learn from .* are needed\. See --test-size"):
        train(write(marks(20)), test_size=test_size)


def test_a_target_that_cannot_be_predicted_is_an_error_and_promotes_nothing(
    write, train, tmp_path
) -> None:
    dice = random.Random(1)
    rows = [row | {"mark": dice.gauss(50, 10)} for row in marks()]
    with pytest.raises(TrainingError, match="Nothing was saved"):
        train(write(rows))
    assert ArtifactStore(tmp_path / "artifacts", "").run_ids() == []


def test_a_bad_row_is_left_out_and_the_rest_is_used(write, train, caplog) -> None:
    rows = marks(60)
    rows[10]["hours"] = "1O"
    caplog.set_level("WARNING")
    result = train(write(rows))
    assert result.run.manifest.rows == {
        "total": 60, "refused": 1, "used": 59, "train": 47, "test": 12,
    }  # fmt: skip
    assert "1 of 60 rows is left out" in caplog.text
    assert "Row 12" in caplog.text
    assert "1O" not in caplog.text, "a student's value stands in the log"


def test_many_bad_rows_are_an_error_that_names_them(write, train) -> None:
    rows = [row | ({"hours": "4x"} if i % 6 == 0 else {}) for i, row in enumerate(marks(60))]
    with pytest.raises(DataValidationError, match=r"10 of 60 rows cannot be used") as raised:
        train(write(rows))
    assert "Row 2: hours must be a number. Got '4x'." in str(raised.value)


def test_rows_without_a_target_are_left_out_with_a_warning(write, train, caplog) -> None:
    rows = marks(60)
    for row in rows[:4]:
        row["mark"] = "NA"
    caplog.set_level("WARNING")
    assert train(write(rows)).run.manifest.rows["used"] == 56
    assert "4 rows are left out: no mark is known" in caplog.text


def test_missing_cells_train_and_make_the_feature_optional(write, train) -> None:
    rows = marks(60)
    rows[0]["hours"], rows[1]["course"] = "", ""
    result = train(write(rows))
    predictor = Predictor.from_run(result.run)
    assert np.isfinite(predictor.predict_record({"hours": None, "course": "done"}).prediction)
    assert np.isfinite(predictor.predict_record({}).prediction)


def test_the_tables_that_training_writes_hold_no_formula(write, train, tmp_path) -> None:
    """C13."""
    rows = [row | {"course": "=1+1" if row["course"] == "done" else "none"} for row in marks()]
    result = train(write(rows))
    assert result.schema.categorical[0].categories == ("=1+1", "none")
    cells = {row[1] for row in rows_of(tmp_path / "artifacts" / "data.csv")}
    assert cells == {"course", "'=1+1", "none"}


def test_a_password_in_the_source_is_not_kept() -> None:
    kept = without_secrets("postgresql://me:secret@db.example/school?sslkey=x")
    assert kept == "postgresql://db.example/school"
    assert without_secrets("/home/me/class 7b.csv") == "class 7b.csv"
    assert without_secrets("postgresql://me:se[cret@db.example/school") == "postgresql://"


def test_the_query_of_a_database_is_kept_to_rebuild_by(train, tmp_path) -> None:
    pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed")
    path, query = tmp_path / "school.db", "SELECT hours, mark FROM marks"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE marks (hours INTEGER, mark REAL)")
    connection.executemany("INSERT INTO marks VALUES (:hours, :mark)", marks())
    connection.commit()
    connection.close()
    result = train(f"sqlite:///{path}", query=query)
    assert result.run.manifest.options["query"] == query


def test_a_run_that_does_not_read_back_alike_is_not_promoted(write, train, monkeypatch) -> None:
    def of_others(self: NumberPredictor, columns: dict[str, np.ndarray]) -> np.ndarray:
        return np.zeros(len(next(iter(columns.values()))))

    monkeypatch.setattr(NumberPredictor, "unclipped_columns", of_others)
    data = write(marks())
    with pytest.raises(StuPredictionError, match="It was not promoted"):
        train(data)
    assert ArtifactStore(data.parent / "artifacts", "").history() == []


def test_tables_that_differ_by_the_rounding_of_single_floats_are_served(write, train) -> None:
    """T2: near 0 such a difference is large beside the prediction, and small beside the target."""
    dice = random.Random(0)
    rows = []
    for _ in range(200):
        hours, course = dice.randint(0, 10), dice.choice(["done", "none"])
        mark = 30 * (hours - 5) + 200 * (course == "done") + dice.gauss(0, 2)
        row = {"hours": hours, "course": course, "age": dice.randint(10, 90)}
        rows.append(row | {"mark": 0 if hours < 6 else round(mark, 1)})
    result = train(write(rows), models=("xgboost",))
    assert Predictor.from_run(result.run).backend == "compiled"


def test_tables_that_disagree_cost_no_run_which_is_served_from_its_pickles(
    write, train, monkeypatch
) -> None:
    """T2."""
    monkeypatch.setattr(
        "src.compiler.table_builder.exact_cuts",
        lambda *arguments: exact_cuts(*arguments) + 0.75,
    )
    result = train(write(marks(200)), models=("decision_tree",))
    predictor = Predictor.load(result.run.folder.parent.parent)
    assert predictor.run.run_id == result.run.run_id
    assert predictor.backend == "pickles"
    assert "differs from the pickles" in predictor.fallback_reason


def test_a_fifth_of_the_groups_is_held_out_whole_and_the_group_is_no_feature(
    write, train, tmp_path
) -> None:
    rows = marks(100, School=lambda i: f"school {i % 12}", place=lambda i: i % 12 + i / 1000)
    result = train(write(rows), group="SCHOOL")
    assert "School" not in result.schema.names
    dropped = result.run.manifest.dropped
    assert "which has an effect beside the features (--group)" in dropped.pop("School")
    assert not dropped
    place = rows_of(tmp_path / "artifacts" / "train.csv")[0].index("place")
    sides = [
        {int(float(row[place])) for row in rows_of(tmp_path / "artifacts" / name)[1:]}
        for name in ("train.csv", "test.csv")
    ]
    assert sides[0] | sides[1] == set(range(12))
    assert len(sides[1] - sides[0]) == 3  # held out whole; of the others, some rows


def test_a_run_keeps_how_its_classes_differ_and_how_large_errors_are(write, train) -> None:
    rows = marks(180, School=lambda i: f"school {i % 12}", place=lambda i: i % 12 + i / 1000)
    run = train(write(rows), group="School").run
    reference = ClassReference.from_dict(run.read_json(REFERENCE))
    assert (reference.by, reference.n_rows, reference.n_classes) == ("School", 180, 12)
    spread = reference.features["place"].spreads["mean"]
    assert spread.middle == pytest.approx(5.5 + 0.0895)
    assert spread.between == pytest.approx(13, rel=0.01)
    expected = ExpectedLoss.from_dict(run.read_json(LOSSES))
    assert 0 < expected.model.usual < 400
    assert "school" not in (run.folder / REFERENCE).read_text(encoding="utf-8")


def test_the_report_tells_both_scores_of_schools_and_fairness_with_and_without_them(
    write, train, tmp_path
) -> None:
    dice = random.Random(1)
    above = [dice.gauss(0, 12) for _ in range(15)]
    rows = marks(330, school=lambda i: f"Hill {i % 15}")
    for i, row in enumerate(rows):
        row["mark"] += above[i % 15]
    (tmp_path / "marks.schema.toml").write_text(HINTS, encoding="utf-8")
    run = train(write(rows), budget="standard", group="school").run
    known = read_typed(GroupsFacts, run.read_json("metrics.json")["groups"])
    assert [score.case for score in known.scores] == ["new", "known"]
    assert known.scores[1].scores["r2"].value > known.scores[0].scores["r2"].value + 0.1
    assert {one.name for one in known.effects} == {""}
    both = json.loads(run.read_report("report.json"))["group_fairness"]
    assert both["with_effect"]["n_samples"] == known.scores[1].n_samples
    errors = [
        both[case]["groupings"][0]["groups"][0]["mae"]["value"]
        for case in ("without", "with_effect")
    ]
    assert errors[1] < errors[0]
    html = run.read_report("report.html").decode()
    for heading in ("New and known schools", "What a school adds", "Fairness with and without"):
        assert heading in html
    assert "Hill" not in html
    assert "Hill" not in json.dumps(run.read_json("metrics.json"))


def test_fairness_of_chances_is_told_without_the_effects_of_schools_and_with_them(
    write, train, tmp_path
) -> None:
    dice = random.Random(1)
    above = [dice.gauss(0, 16) for _ in range(15)]
    rows = marks(400, school=lambda i: f"Hill {i % 15}")
    for i, row in enumerate(rows):
        row["result"] = "passed" if row.pop("mark") + above[i % 15] > 52 else "failed"
    (tmp_path / "marks.schema.toml").write_text(HINTS, encoding="utf-8")
    config = {"models": ("logistic",), "budget": "standard", "group": "school"}
    run = train(write(rows), "result", **config).run
    known = read_typed(GroupsFacts, run.read_json("metrics.json")["groups"])
    both = json.loads(run.read_report("report.json"))["group_fairness"]
    without, with_effect = both["without"], both["with_effect"]
    assert known.scores[1].case == "known"
    assert without["n_samples"] == with_effect["n_samples"] == known.scores[1].n_samples
    groups = [one["groupings"][0]["groups"] for one in (without, with_effect)]
    sizes = [[group["n_samples"] for group in one] for one in groups]
    assert sizes[0] == sizes[1]
    assert groups[0] != groups[1]
    assert {group["listed"] for one in groups for group in one} == {None}
    html = run.read_report("report.html").decode()
    assert "Fairness with and without" in html
    assert "Hill" not in html


def test_large_groups_that_shift_the_split_are_warned_of(write, train, caplog) -> None:
    rows = marks(110, school=lambda i: "large" if i < 55 else f"small {i % 11}")
    train(write(rows), group="school", cv=2, seed=14)
    assert "59 % of the rows are held out, not 20 %" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group": "scool"}, "--group: there is no column 'scool'"),
        ({"group": "Mark"}, "--group names Mark, which is the target"),
        ({"sample_weight": "wait"}, "--sample-weight: there is no column 'wait'"),
        ({"used_for": "known"}, "--for known goes with --group"),
        ({"budget": "fast"}, "A budget is quick"),
        ({"metric": "mse"}, "A metric is one of"),
        ({"cv": 1}, "--cv must be at least 2"),
        ({"cv": 40}, r"40 folds have fewer than two of the 48 training rows each\. .* See --cv\."),
    ],
)
def test_an_option_that_cannot_be_used_is_named(write, train, options, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        train(write(marks()), **options)


def test_a_row_without_a_weight_is_left_out(write, train, caplog) -> None:
    rows = marks(60, Weight=lambda i: "" if i == 7 else 1 + i % 3)
    result = train(write(rows), sample_weight="weight")
    assert "Weight" not in result.schema.names
    assert result.run.manifest.rows["refused"] == 1
    assert result.run.manifest.dropped == {"Weight": "it holds the rows' weights (--sample-weight)"}
    assert "Row 9" in caplog.text


def test_weights_change_the_model(write, train, tmp_path) -> None:
    rows = marks(80, weight=lambda i: 100 if i % 2 else 0.01)
    for row in rows[::2]:
        row["mark"] = 100 - row["mark"]
    result = train(write(rows), sample_weight="weight")
    predictor = Predictor.from_run(result.run)
    better = predictor.predict_record({"hours": 10, "course": "done"}).prediction
    assert better > predictor.predict_record({"hours": 0, "course": "none"}).prediction + 30


def test_the_intervals_are_saved_and_their_coverage_is_measured_on_held_out_rows(
    write, train
) -> None:
    result = train(write(marks(400)))
    assert result.run.read_json("intervals.json")["n_samples"] == 320
    for line in result.run.read_json("metrics.json")["coverage"]:
        assert line["coverage"] == pytest.approx(line["level"], abs=0.12)


def test_a_blend_is_promoted_with_the_versions_of_its_members(write, train, monkeypatch) -> None:
    monkeypatch.setattr("src.search.selection.AS_GOOD", 1.0)  # so that all are averaged
    rows = [row | {"mark": row["mark"] + 9 * (row["hours"] % 3)} for row in marks(200)]
    result = train(write(rows), models=("xgboost", "random_forest"))
    assert result.run.manifest.requires == ["scikit-learn", "xgboost"]
    assert np.isfinite(
        Predictor.from_run(result.run).predict_record({"hours": 3, "course": "done"}).prediction
    )


def test_native_categories_are_pickled_for_one_version_of_their_library(write, train) -> None:
    rows = marks(80, town=lambda i: ["north", "south", "east"][i % 3])
    result = train(write(rows), models=("catboost_native",))
    assert result.run.manifest.requires == ["catboost", "scikit-learn"]


def test_the_manifest_says_what_a_budget_in_seconds_was_spent_on(write, train) -> None:
    models = ("ridge", "linear", "random_forest", "gradient_boosting")
    manifest = train(write(marks(80)), budget=0.5, models=models).run.manifest
    assert manifest.options["budget"] == 0.5
    named = {*manifest.tried, *manifest.not_tried} - {"blend"}
    assert named == {*models, "dummy", "single_column"}
    assert manifest.tried["ridge"] >= 1
    assert "random_forest" in manifest.not_tried


# --- the command --------------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def run(*arguments: object) -> tuple[int, str, str]:
        status = main([*map(str, arguments), "--artifacts", str(tmp_path / "artifacts")])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_the_command_shows_the_leaderboard_the_metrics_and_what_to_run_next(write, command) -> None:
    status, out, _ = command("--data", write(marks()), "--target", "mark", "--models", "ridge")
    assert status == 0
    for text in ("Ridge regression", "Mean of the target", "held-out rows", "RMSE", "gunicorn"):
        assert text in out


def test_the_command_doubts_a_model_of_outcomes_by_its_gain_on_the_same_rows(
    write, command
) -> None:
    """The log loss' own interval is wide where the outcome is rare, and says less."""
    dice, rows = random.Random(3), []
    for _ in range(400):
        hours = dice.gauss(0, 1)
        failed = dice.random() < 1 / (1 + np.exp(2 + 1.2 * hours))
        rows.append({"hours": round(hours, 3), "result": "Fail" if failed else "Pass"})
    asked = ("--data", write(rows), "--target", "result", "--models", "logistic")
    status, out, err = command(*asked, "--json")
    held_out = json.loads(out)["held_out"]
    assert (status, held_out["log_loss"]["high"] > held_out["prior_log_loss"]) == (0, True)
    assert "These rows do not show that it is better" not in err


def results(n: int, slope: float) -> list[dict[str, object]]:
    """Return students of whom a third fails, the surer by their hours the larger the slope."""
    dice, rows = random.Random(3), []
    for _ in range(n):
        hours = dice.gauss(0, 1)
        failed = dice.random() < 1 / (1 + np.exp(slope * (0.7 + hours)))
        rows.append({"hours": round(hours, 3), "result": "Fail" if failed else "Pass"})
    return rows


@pytest.fixture
def train_results(write, command, tmp_path):
    def run(n: int, slope: float) -> tuple[str, dict[str, Any]]:
        table = write(results(n, slope))
        table.with_suffix(".toml").write_text('[columns.result]\nat_risk = ["Fail"]\n')
        asked = ("--data", table, "--target", "result", "--models", "logistic")
        status, out, _ = command(*asked, "--hints", table.with_suffix(".toml"))
        assert status == 0
        return out, json.loads((tmp_path / "artifacts" / "metrics.json").read_text())

    return run


def test_the_command_shows_a_list_with_its_interval(train_results) -> None:
    out, metrics = train_results(1_000, 1.0)
    assert metrics["capacity_out_of_fold"] is None
    assert re.search(r"the list holds \d+ \(\d+ to \d+\) of the \d+ at risk; lots would hold", out)


def test_lists_are_counted_out_of_fold_where_held_out_rows_tell_of_none(train_results) -> None:
    out, metrics = train_results(300, 4.0)
    assert metrics["held_out"]["capacity"]["lists"] == []
    found = metrics["capacity_out_of_fold"]
    assert (found["out_of_fold"], found["n_samples"]) == (True, 240)
    one = found["lists"][0]
    listed, with_it = one["n_listed"], round(one["found"]["value"])
    left = found["n_event"] - with_it, 240 - listed - found["n_event"] + with_it
    assert min(with_it, listed - with_it, *left) >= 10
    assert "of 240 training rows, by cross-validation: a little flattered" in out


def test_the_command_says_that_nothing_can_be_told_of_a_list(train_results) -> None:
    out, metrics = train_results(80, 4.0)
    assert metrics["capacity_out_of_fold"] is None
    assert "too few students to say how many of those at risk a list holds" in out


def test_the_command_says_that_no_outcome_is_at_risk_and_how_to_name_one(write, command) -> None:
    rows = [row | {"passed": int(float(row.pop("mark")) > 50)} for row in marks()]
    options = ("--target", "passed", "--models", "logistic", "--budget", "quick")
    status, out, err = command("--data", write(rows), *options)
    assert status == 0, err
    assert "No outcome is at risk." in out
    assert 'at_risk = ["…"] under [columns."passed"]' in out


def test_of_ordered_numbers_nobody_is_at_risk_and_the_command_says_why(write, command) -> None:
    rows = [row | {"grade": 1 + int(float(row.pop("mark")) // 34)} for row in marks()]
    options = ("--target", "grade", "--task", "ordinal", "--models", "logistic")
    status, out, err = command("--data", write(rows), *options)
    assert status == 0, err
    assert "Outcomes, from the lowest: 1, 2 and 3." in out
    assert "No outcome is at risk: numbers do not say which end is the good one." in out
    assert 'at_risk = ["1"] or at_risk = ["3"] under [columns."grade"]' in out


def test_json_is_one_object_on_the_last_line_and_the_rest_is_on_stderr(write, command) -> None:
    status, out, err = command(
        "--data", write(marks()), "--target", "mark", "--models", "ridge", "--json"
    )
    assert status == 0
    summary = json.loads(out)
    assert summary["held_out"]["r2"]["value"] > 0.8
    assert summary["winner"] == "ridge"
    assert summary["leaderboard"][0]["name"] == "ridge"
    assert summary["rows"]["used"] == 60
    assert "Ridge regression" in err


def test_quiet_says_nothing(write, command) -> None:
    arguments = ("--data", write(marks()), "--target", "mark", "--models", "ridge", "--quiet")
    assert command(*arguments) == (0, "", "")


def test_if_missing_trains_once(write, command) -> None:
    arguments = ("--data", write(marks()), "--target", "mark", "--models", "ridge", "--if-missing")
    assert json.loads(command(*arguments, "--json")[1])["trained"] is True
    assert json.loads(command(*arguments, "--json")[1])["trained"] is False


def test_if_missing_trains_anew_where_the_run_is_damaged(write, command, tmp_path) -> None:
    arguments = ("--data", write(marks()), "--target", "mark", "--models", "ridge", "--if-missing")
    command(*arguments)
    store = ArtifactStore(tmp_path / "artifacts", "")
    write_bytes(store.promoted().folder / "model.pkl", b"garbage")
    status, _, err = command(*arguments)
    assert status == 0
    assert "Training anew" in err
    Predictor.load(tmp_path / "artifacts")


def test_rolling_back_gives_the_earlier_predictions_bit_for_bit(write, command, tmp_path) -> None:
    """M9."""
    data = write(marks())
    arguments = ("--data", data, "--target", "mark", "--json", "--models")
    record = {"hours": 7, "course": "none"}
    first = json.loads(command(*arguments, "ridge")[1])["run_id"]
    before = Predictor.load(tmp_path / "artifacts").predict_record(record)
    command(*arguments, "decision_tree")
    between = Predictor.load(tmp_path / "artifacts").predict_record(record)
    status, out, _ = command("--promote", first)
    assert status == 0
    assert first in out
    assert Predictor.load(tmp_path / "artifacts").predict_record(record) == before
    assert between.prediction != before.prediction
    status, out, _ = command("--history")
    assert [line for line in ("train", "promote") if line in out] == ["train", "promote"]
    assert len(json.loads(command("--history", "--json")[1])["history"]) == 3


def test_promoting_a_damaged_run_is_refused_and_changes_nothing(write, command, tmp_path) -> None:
    arguments = ("--data", write(marks()), "--target", "mark", "--models", "ridge", "--json")
    first, second = (json.loads(command(*arguments)[1])["run_id"] for _ in range(2))
    store = ArtifactStore(tmp_path / "artifacts", "")
    write_bytes(store.runs / first / "model.pkl", b"garbage")
    status, _, err = command("--promote", first)
    assert status == 1
    assert "is not the file that training saved" in err
    assert store.promoted().run_id == second


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "marc"], "no column 'marc'. Did you mean 'mark'?"),
        (["--target", "mark", "--drop", "classs"], "--drop: there is no column 'classs'"),
        (["--target", "mark", "--drop", "mark"], "cannot be dropped"),
        (["--target", "mark", "--test-size", "1.5"], "--test-size is a share"),
        (["--target", "mark", "--jobs", "0"], "--jobs must be at least 1"),
        (["--target", "mark", "--seed", "-1"], "--seed must be from 0"),
        (["--target", "mark", "--models", "rigde"], "no model 'rigde'"),
        (
            ["--target", "mark", "--query", "SELECT 1"],
            "A query goes with a database URL, such as sqlite:///school.db. See --query.",
        ),
        (["--target", "course"], "The target course must be a number"),
        (["--target", "mark", "--hints", "nowhere.toml"], "no hints file nowhere.toml"),
        (["--promote", "../x"], "is not a run id"),
    ],
)
def test_a_wrong_option_is_a_message_and_status_1(
    write, command, arguments: list[str], message: str
) -> None:
    status, out, err = command("--data", write(marks()), *arguments)
    assert status == 1
    assert message in err
    assert "Traceback" not in out + err


def test_history_never_shortens_a_run_id(write, command) -> None:
    arguments = ("--data", write(marks()), "--target", "mark", "--models", "ridge", "--json")
    run_id = json.loads(command(*arguments)[1])["run_id"]
    assert run_id in command("--history")[1]


def test_a_small_target_shows_figures_that_mean_something(write, command) -> None:
    rows = [row | {"mark": round(row["mark"] / 1e5, 9)} for row in marks()]
    _, out, _ = command("--data", write(rows), "--target", "mark", "--models", "ridge")
    assert "RMSE  0.0000" in out
    assert "RMSE  0.00000000" not in out
    assert "0.00 " not in out.split("held-out rows")[1]


@pytest.mark.parametrize(
    "options",
    [
        ["--promote", ""], ["--artifacts", ""], ["--data", " "], ["--drop", "a", ""],
        ["--target", "A", "--target", "B"], ["--artifacts", "a", "--artifacts", "b"],
    ],
)  # fmt: skip
def test_an_option_that_cannot_be_used_as_given_is_refused(options, tmp_path, monkeypatch, capsys):
    """T4."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(options)
    assert f"argument {options[0]}: " in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


def test_the_help_shows_examples_and_every_model(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--help"])
    assert raised.value.code == 0
    out = capsys.readouterr().out
    assert "examples:" in out
    assert "hist_gradient_boosting" in out.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize(
    ("models", "expected"), first(1, [(["ridge", "xgboost"], ["xgboost"]), (["ridge"], [])])
)
def test_a_quick_run_pays_for_no_library_that_it_does_not_use(
    write, tmp_path, models, expected
) -> None:
    folder = str(tmp_path / "artifacts")
    arguments = ["--data", str(write(marks(80))), "--target", "mark", "--budget", "quick",
                 "--quiet", "--artifacts", folder, "--models", *models]  # fmt: skip
    code = f"""
import sys
from src.pipelines.train_pipeline import main
assert main({arguments!r}) == 0
dear = {{"catboost", "fairlearn", "flask", "jinja2", "matplotlib", "xgboost"}}
print(sorted(dear & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == f"{expected}\n"


def known_in_stages(tmp_path: Path) -> Path:
    """Write hints: of the columns of marks, `hours` is known by day 30, `quiz` by day 60."""
    path = tmp_path / "stages.toml"
    path.write_text(
        '[columns.hours]\navailable = "day 30"\n[columns.quiz]\navailable = "day 60"\n', "utf-8"
    )
    return path


def test_as_of_trains_on_what_is_known_by_then_and_says_what_is_left_out(
    write, train, tmp_path
) -> None:
    data = write(marks(quiz=lambda i: i % 7))
    result = train(data, hints=known_in_stages(tmp_path), as_of="Day 30")
    assert result.schema.as_of == "day 30"
    assert result.schema.names == ("hours", "course")
    assert result.run.manifest.dropped == {"quiz": "it is known later than day 30 (--as-of)"}
    assert result.run.manifest.options["as_of"] == "Day 30"
    assert Predictor.load(result.run.folder.parent.parent).schema.as_of == "day 30"


def test_a_stage_that_is_not_there_is_refused_with_the_nearest(write, train, tmp_path) -> None:
    data = write(marks(quiz=lambda i: i % 7))
    with pytest.raises(
        ConfigurationError, match=r"Did you mean 'day 30'.*: the start, day 30, day 60"
    ):
        train(data, hints=known_in_stages(tmp_path), as_of="day 3")
    with pytest.raises(ConfigurationError, match="--as-of needs hints that say"):
        train(data, as_of="day 30")
