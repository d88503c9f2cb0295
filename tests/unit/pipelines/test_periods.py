"""Training by periods, --time, in this process."""

from __future__ import annotations

import csv
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from src.components.model_trainer import ModelTrainer, ModelTrainerConfig
from src.exception import ConfigurationError
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig, TrainResult
from src.report.period_facts import PeriodsFacts
from src.report.periods import headline, periods_of, sentences
from src.report.saved_metrics import check_metrics

YEARS, A_YEAR = 6, 40


def table(path: Path, drift: float = 0.0, **columns: Any) -> Path:
    """Write six years of forty rows, the last of which drifts; the pass mark is 50."""
    dice = random.Random(1)
    rows = []
    for i in range(YEARS * A_YEAR):
        year, hours = i // A_YEAR, dice.uniform(0, 10)
        mark = 20 + 6 * hours + dice.gauss(0, 4) + drift * (year == YEARS - 1)
        row = {"hours": round(hours, 2), "sport": dice.choice("abc"), "year": 2020 + year}
        row |= {name: value(i) for name, value in columns.items()}
        rows.append(row | {"mark": round(mark, 1), "passed": "yes" if mark >= 50 else "no"})
    dice.shuffle(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def train(data: Path, target: str = "mark", **options: Any) -> TrainResult:
    other = "passed" if target == "mark" else "mark"
    usual = {"models": ("ridge",), "budget": "quick", "time": "year", "drop": (other,)}
    values = usual | {"artifacts": data.parent / "artifacts", "jobs": 1} | options
    return TrainPipeline(TrainConfig(data=str(data), target=target, **values)).run()


def facts(result: TrainResult) -> PeriodsFacts:
    metrics = result.run.read_json("metrics.json")
    check_metrics(metrics)
    found = periods_of(metrics)
    assert found is not None
    return found


def said(result: TrainResult) -> str:
    metrics = result.run.read_json("metrics.json")
    return " ".join([*headline(metrics), *sentences(metrics, result.schema)])


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> TrainResult:
    return train(table(tmp_path_factory.mktemp("plain") / "marks.csv"))


def test_the_last_period_is_held_out_and_each_earlier_one_predicted(plain) -> None:
    found = facts(plain)
    assert found.names == tuple(str(2020 + i) for i in range(YEARS))
    assert [(one.name, one.n_learnt, one.held_out) for one in found.scores] == [
        (str(2020 + i), i * A_YEAR, i == YEARS - 1) for i in range(1, YEARS)
    ]
    rows, held_out = plain.run.manifest.rows, plain.evaluation
    assert (rows["train"], rows["test"]) == ((YEARS - 1) * A_YEAR, A_YEAR)
    assert held_out.n_samples == A_YEAR
    assert found.scores[-1].scores["r2"] == held_out.r2


def test_the_period_is_no_feature(plain) -> None:
    assert plain.schema.names == ("hours", "sport")
    why = plain.run.manifest.dropped["year"]
    assert why == "it says which period a row is of (--time)"


def test_without_drift_none_is_said(plain) -> None:
    assert facts(plain).drifts is False
    text = said(plain)
    assert "Held out is year 2025, the last period" in text
    assert "No drift is seen: in year 2025" in text
    assert "Of rows drawn at random from the earlier periods, R² would be" in text


def test_drift_that_goes_on_is_called_so_and_a_figure_without_interval_flatters_nobody(plain):
    metrics = plain.run.read_json("metrics.json")
    metrics["periods"]["mean_error"] = {
        "value": 4.0, "expected": {"value": 4.5, "low": 2.0, "high": 7.0}}  # fmt: skip
    text = " ".join(sentences(metrics, plain.schema))
    assert "It drifts as before: in year 2025, students' Mark is +4.0" in text
    metrics["periods"]["by_chance"]["r2"] = {"value": 0.99, "low": 0.99, "high": 0.99}
    assert "flatters" not in " ".join(headline(metrics))


def test_scores_of_older_models_differ_by_what_is_said(plain) -> None:
    found = facts(plain)
    held_out = found.scores[-1].scores["r2"].value
    for other in (found.newest, found.older):
        assert held_out - other.scores["r2"].value == pytest.approx(other.lost.value, abs=1e-9)


def test_the_learning_curve_ends_with_what_the_last_period_was_predicted_from(plain) -> None:
    points, _ = ModelTrainer(ModelTrainerConfig()).learning_curve(plain.trained)
    assert points[-1].n_train == (YEARS - 2) * A_YEAR


def test_drift_is_said_with_its_size(tmp_path: Path) -> None:
    drifted = train(table(tmp_path / "marks.csv", drift=8.0))
    found = facts(drifted)
    assert found.drifts is True
    assert found.mean_error is not None
    assert found.mean_error.value == pytest.approx(8, abs=2)
    assert found.loss is not None
    assert not found.loss.is_met
    assert "Drift: in year 2025" in said(drifted)
    assert "that figure flatters" in said(drifted)


def test_outcomes_have_periods_too_and_no_pupil_is_on_both_sides(tmp_path: Path) -> None:
    data = table(tmp_path / "marks.csv", pupil=lambda i: f"P{i % 90}")
    result = train(data, "passed", pupil="pupil", models=("logistic",))
    found = facts(result)
    assert [*found.by_chance] == ["auc", "brier", "log_loss"]
    rows = result.run.manifest.rows
    assert found.n_left_out == rows["used"] - rows["train"] - rows["test"] > 0
    assert found.scores[-1].n_samples == rows["test"]
    assert found.mean_error is not None
    assert found.not_learnt == ()
    assert "the share of yes is" in said(result)


def test_an_outcome_of_the_last_period_alone_is_told_of(tmp_path: Path) -> None:
    def result(i: int) -> str:
        return "Withdrawn" if i >= (YEARS - 1) * A_YEAR and i % 3 == 0 else "AB"[i % 5 < 3]

    data = table(tmp_path / "marks.csv", result=result, effort=lambda i: i % 5)
    hints = tmp_path / "hints.toml"
    hints.write_text('[columns.result]\nat_risk = ["Withdrawn"]', "utf-8")
    options = {"models": ("logistic",), "drop": ("mark", "passed"), "budget": "standard"}
    trained = train(data, "result", hints=hints, **options)
    assert not trained.report_problem
    assert facts(trained).not_learnt == ("Withdrawn",)
    assert facts(trained).follows_time
    assert "Whether year 2025 drifts" not in said(trained)
    assert "Of the rows before year 2025 that were learnt from, none has Withdrawn" in said(trained)


def test_known_and_new_groups_of_the_last_period_are_told_apart(tmp_path: Path) -> None:
    def school(i: int) -> str:
        return f"new {i % 2}" if i >= (YEARS - 1) * A_YEAR and i % 4 == 0 else f"s{i % 6}"

    data = table(tmp_path / "marks.csv", school=school)
    result = train(data, group="school")
    scores = result.run.read_json("metrics.json")["groups"]["scores"]
    assert [(one["case"], one["held_out"], one["n_samples"]) for one in scores] == [
        ("new", True, 10),
        ("known", True, 30),
    ]
    assert facts(result).scores[-1].n_samples == 10
    known = train(table(tmp_path / "known.csv", school=lambda i: f"s{i % 6}"), group="school")
    scores = known.run.read_json("metrics.json")["groups"]["scores"]
    assert [(one["case"], one["held_out"]) for one in scores] == [("known", True), ("new", False)]


def test_two_periods_are_learnt_from_by_ordinary_folds_and_that_is_said(tmp_path: Path) -> None:
    data = table(tmp_path / "marks.csv", wave=lambda i: "late" if i >= 120 else "early")
    hints = tmp_path / "marks.schema.toml"
    hints.write_text('[columns.wave]\ncategories = ["early", "late"]\n', encoding="utf-8")
    result = train(data, time="wave", drop=("passed", "year"))
    found = facts(result)
    assert not found.follows_time
    assert found.newest is found.older is found.mean_error is None
    assert "wave early alone could be learnt from" in said(result)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time": "yaer"}, "--time: there is no column 'yaer'"),
        ({"time": "mark"}, "--time names mark, which is the target"),
        ({"time": "sport"}, r"order of sport cannot be told"),
        ({"test_size": 0.3}, "--test-size does not go with --time"),
    ],
)
def test_options_that_cannot_be_are_refused(tmp_path: Path, options, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        train(table(tmp_path / "marks.csv"), **options)


def test_the_folds_of_the_search_never_test_the_first_period(tmp_path: Path, monkeypatch) -> None:
    seen: list[Any] = []
    run = ModelTrainer.run

    def spied(self: ModelTrainer, *arguments: Any, **options: Any) -> Any:
        found = run(self, *arguments, **options)
        seen.append((found, options["cohorts"]))
        return found

    monkeypatch.setattr(ModelTrainer, "run", spied)
    train(table(tmp_path / "marks.csv"))
    ((found, cohorts),) = seen
    assert Counter(cohorts.codes[found.folds.tested].tolist()) == dict.fromkeys(range(1, 5), A_YEAR)
    assert found.unseen.rows.tolist() == found.folds.tested.tolist()
    assert len(found.out_of_fold) == found.folds.n_samples == 4 * A_YEAR


def test_damaged_facts_are_not_shown(plain) -> None:
    metrics = plain.run.read_json("metrics.json")
    metrics["periods"] |= {"names": "2020"}
    with pytest.raises(TypeError, match=r"periods\.names"):
        check_metrics(metrics)
    assert replace(facts(plain), mean_error=None).drifts is None
