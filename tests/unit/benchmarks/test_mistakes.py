"""The cost of a mistake is measured as the guide says that it is."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from benchmarks.development_tables import development_tables
from benchmarks.mistakes import answers, requests, splits
from benchmarks.mistakes.__main__ import main
from benchmarks.mistakes.splits import Choice
from benchmarks.mistakes.tutorial_app import SCORES, create_tutorial_app, train_tutorial
from src.config import Settings
from src.serving.predictor import Predictor


@pytest.fixture(scope="module")
def tutorial_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tutorial")
    train_tutorial(*splits.read(development_tables(folder)["sample"]), folder)
    return folder


def choice(test: tuple[float, float], fresh: tuple[float, float], by_folds: str = "a") -> Choice:
    by_test = "a" if test[0] > test[1] else "b"
    models = ("a", "b")
    return Choice(by_test, by_folds, dict(zip(models, test, strict=True)),
                  dict(zip(models, fresh, strict=True)), 0.0)  # fmt: skip


def test_what_the_split_does_to_every_model_is_no_cost_of_choosing() -> None:
    lucky = [choice((0.9, 0.8), (0.7, 0.6))] * 2  # 0.2 too good, whichever is chosen
    assert splits.summary(lucky).splitlines()[0].endswith("+0.0000 ± 0.0000")


def test_choosing_the_luckier_of_two_equals_shows_as_too_good() -> None:
    found = [choice((0.8, 0.7), (0.75, 0.75)), choice((0.7, 0.8), (0.75, 0.75))]
    by_test, by_folds = splits.summary(found).splitlines()[:2]
    assert by_test.endswith("+0.0500 ± 0.0000")
    assert by_folds.split()[-3].startswith("+0.0000")


def test_a_choice_is_the_best_on_the_rows_that_it_is_made_by(monkeypatch) -> None:
    few = {k: v for k, v in splits.models(0).items() if k in ("Ridge", "Decision tree")}
    monkeypatch.setattr(splits, "models", lambda seed: few)
    X, y = splits.read(development_tables(Path())["sample"])
    found = splits.choose(X[:200], y[:200], seed=3)
    assert found.by_test == max(found.test, key=found.test.get)
    assert found.by_folds == "Ridge"
    assert found.test != found.fresh


def test_swapped_fields_predict_as_the_other_way_round(tutorial_artifacts, student) -> None:
    student = {**student, "reading_score": 40, "writing_score": 90}
    right = answers.of_tutorial(create_tutorial_app(tutorial_artifacts).test_client())
    swapped = answers.of_tutorial(
        create_tutorial_app(tutorial_artifacts, swapped=True).test_client()
    )
    turned = {**student, **{a: student[b] for a, b in (SCORES, SCORES[::-1])}}
    assert swapped(student) == right(turned) != right(student)


def test_wrong_records_are_refused_by_ours_and_partly_answered_by_the_tutorials(
    tutorial_artifacts, sample_artifacts, student, monkeypatch
) -> None:
    monkeypatch.setenv("ARTIFACTS_DIR", str(sample_artifacts))
    app = importlib.import_module("application").create_app(
        Settings(artifacts_dir=sample_artifacts)
    )
    ours = answers.wrong_records(answers.of_ours(app.test_client()), student)
    assert {status for status, _ in ours.values()} == {422}
    tutorial = answers.of_tutorial(create_tutorial_app(tutorial_artifacts).test_client())
    theirs = answers.wrong_records(tutorial, student)
    assert {status for status, _ in theirs.values()} == {200, 500}


def test_the_three_ways_of_predicting_are_timed(sample_artifacts, monkeypatch) -> None:
    monkeypatch.setattr(requests, "REPETITIONS", 1)
    found = requests.compare(Predictor.load(sample_artifacts))
    assert len(found) == 3
    assert min(found.values()) > 0


def test_a_missing_table_is_named(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["selection", "--tables", "nowhere"])
    assert "no such table: nowhere. There are stud" in capsys.readouterr().err
