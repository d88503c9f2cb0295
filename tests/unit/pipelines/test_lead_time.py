"""Scores of all stages from one command, which saves no model."""

from __future__ import annotations

import csv
import io
import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from src.components.model_trainer import ModelTrainerConfig
from src.exception import ConfigurationError
from src.pipelines import lead_time as lead_time_module
from src.pipelines.lead_time import NO_MODEL, LeadTime
from src.pipelines.lead_time_command import show_lead_time
from src.pipelines.lead_time_scores import Event, Predicted
from src.pipelines.train_pipeline import TrainPipeline, main
from src.pipelines.training import TrainConfig
from src.report.lead_time_facts import LeadTimeFacts
from src.schema.features import ClassTarget, NumericFeature
from src.schema.record import Schema
from src.search.plan import BUDGETS, Budget

HINTS = """
[columns.quiz]
available = "day 30"
[columns.essay]
available = "day 60"
[columns.room]
available = "day 60"
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table in which age says nothing, the quiz something and the essay much of the mark."""
    dice, rows = random.Random(0), []
    for pupil in range(900):
        quiz, essay = dice.gauss(50, 10), dice.gauss(50, 10)
        mark = 0.8 * quiz + essay + 8 * (pupil % 3) + dice.gauss(-44, 6)
        rows.append(
            {
                "school": f"s{pupil % 30}",
                "age": dice.randint(10, 18),
                "room": dice.choice("abc"),
                "quiz": round(quiz),
                "essay": round(essay, 1),
                "mark": round(mark, 1),
                "result": "pass" if mark > 45 else "fail",
            }
        )
    path = tmp_path_factory.mktemp("lead_time") / "class.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    path.with_name("class.schema.toml").write_text(HINTS, "utf-8")
    return path


@pytest.fixture(scope="module")
def lead_time(table: Path, tmp_path_factory: pytest.TempPathFactory):
    artifacts = tmp_path_factory.mktemp("artifacts")
    usual = TrainConfig(
        data=str(table), target="mark", drop=("result",), budget="quick", models=("ridge",),
        group="school", test_size=0.4, artifacts=artifacts,
    )  # fmt: skip

    def run(capacity: float | None = None, **options: object) -> LeadTimeFacts:
        return LeadTime(TrainPipeline(replace(usual, **options)), capacity).run()

    return run


@pytest.fixture(scope="module")
def below_a_mark(lead_time) -> LeadTimeFacts:
    return lead_time(pass_mark=45.0)


def test_each_stage_is_scored_beside_the_one_before_and_plain_ways(below_a_mark) -> None:
    start, quiz, essay = below_a_mark.stages
    assert [one.name for one in below_a_mark.stages] == ["the start", "day 30", "day 60"]
    assert [one.added for one in below_a_mark.stages] == [("Age",), ("Quiz",), ("Room", "Essay")]
    assert start.model.detail == NO_MODEL
    assert start.model.auc.value == 0.5
    assert start.auc_gain is None
    assert min(quiz.auc_gain.low, essay.auc_gain.low) > 0
    assert essay.gain.low > 0
    assert essay.model.auc.low > 0.8
    assert [one.source for one in essay.baselines] == ["number", "group"]
    assert essay.baselines[0].detail == "Essay"
    assert essay.baselines[0].ahead.value == pytest.approx(
        essay.model.auc.value - essay.baselines[0].auc.value
    )


def test_the_list_has_as_many_places_as_have_the_event_and_counts_them(below_a_mark) -> None:
    listing, model = below_a_mark.listing, below_a_mark.stages[-1].model
    assert (listing.event, listing.asked) == ("a score below 45", False)
    assert listing.n_listed == listing.n_event
    assert model.hits.precision.value == pytest.approx(model.hits.recall.value)
    assert model.hits.found.value == pytest.approx(listing.n_event * model.hits.recall.value)
    gained = below_a_mark.stages[2].found_gain.value
    before = below_a_mark.stages[1].model.hits.found.value
    assert gained == pytest.approx(model.hits.found.value - before)


def test_whole_schools_are_held_out_and_the_last_stage_is_what_training_finds(
    lead_time, below_a_mark, table, tmp_path
) -> None:
    assert (below_a_mark.group, below_a_mark.n_groups) == ("School", 12)
    assert not below_a_mark.known_groups
    assert below_a_mark.n_test == 360
    found = lead_time()  # a number without a mark: no list
    assert found.listing is None
    assert found.stages[-1].model.auc is None
    assert found.stages[-1].model.score == below_a_mark.stages[-1].model.score
    number = found.stages[-1].baselines[0]
    assert number.ahead.value == pytest.approx(
        found.stages[-1].model.score.value - number.score.value
    )


def test_the_school_s_average_ranks_pupils_of_schools_that_are_known(
    lead_time, below_a_mark
) -> None:
    found = lead_time(pass_mark=45.0, used_for="known")
    assert found.known_groups
    known, new = (one.stages[0].baselines[-1] for one in (found, below_a_mark))
    assert (known.source, new.source) == ("group", "group")
    assert known.auc.value > 0.55 > new.auc.value
    assert found.stages[-1].model.auc.value > below_a_mark.stages[-1].model.auc.value


def test_with_time_each_stage_is_judged_by_the_last_period(lead_time, table) -> None:
    lines = table.read_text("utf-8").splitlines()
    ages = [int(row["age"]) for row in csv.DictReader(lines)]
    found = lead_time(pass_mark=45.0, group=None, time="age", test_size=0.2)
    assert found.n_test == ages.count(max(ages))
    start, _, essay = found.stages
    assert "Age" not in start.added  # the period is no feature
    assert essay.auc_gain.low > 0
    pipeline = TrainPipeline(
        TrainConfig(
            data=str(table), target="mark", drop=("result",), budget="quick", models=("ridge",),
            time="age", pass_mark=45.0, artifacts=table.with_name("timed"),
        )
    )  # fmt: skip
    held_out = pipeline.run().run.read_json("metrics.json")["held_out"]["r2"]
    assert essay.model.score.value == pytest.approx(held_out["value"])


def test_outcomes_are_ranked_by_the_chance_of_those_at_risk(lead_time, tmp_path) -> None:
    hints = tmp_path / "outcomes.toml"
    hints.write_text(HINTS + '[columns.result]\nat_risk = ["fail"]\n', "utf-8")
    options = {"target": "result", "drop": ("mark",), "models": ("logistic",), "group": None}
    found = lead_time(0.25, hints=hints, **options)
    assert (found.metric, found.listing.event) == ("log loss", "fail")
    assert (found.listing.n_listed, found.n_test) == (90, 360)
    assert found.stages[-1].model.auc.low > 0.8
    assert [one.source for one in found.stages[-1].baselines] == ["number"]
    assert found.stages[-1].gain.low > 0  # of log loss saved


def test_outcomes_of_which_none_is_at_risk_cannot_be_ranked() -> None:
    hours = NumericFeature(name="hours", observed_minimum=0.0, observed_maximum=9.0)
    target = ClassTarget(name="course", categories=("art", "biology"))
    with pytest.raises(ConfigurationError, match=r"outcomes of course that help should.*at_risk"):
        Event.of(Schema((hours,), target), None)


@pytest.fixture
def trainers(monkeypatch) -> list[ModelTrainerConfig]:
    """Let nothing be searched: the first stages know nothing, the last one everything."""
    asked: list[ModelTrainerConfig] = []

    def predicted(schema, trainer, train, test, event, case, progress) -> Predicted:
        asked.append(trainer.config)
        knows = "essay" in schema.names
        errors = np.zeros(len(test.y)) if knows else test.y - test.y.mean()
        chance = None
        if event is not None:
            chance = event.happened(test.y).astype(float) if knows else np.full(len(test.y), 0.5)
        return Predicted("a model", errors**2, chance)

    monkeypatch.setattr(lead_time_module, "predict", predicted)
    return asked


def test_all_stages_share_one_budget(lead_time, trainers) -> None:
    lead_time()
    assert [one.budget for one in trainers] == ["quick"] * 3
    assert sum(Budget("quick", one.budget_share).fitting_s for one in trainers) == pytest.approx(
        BUDGETS["quick"]
    )
    trainers.clear()
    lead_time(budget=3.0)  # nothing takes any time: each leaves what it has to the next
    assert trainers[0].budget == pytest.approx(1.0, abs=0.05)
    assert [one.budget_share for one in trainers] == [1.0] * 3


@pytest.mark.parametrize(
    ("capacity", "options", "message"),
    [
        (None, {"as_of": "day 30"}, "--as-of trains for one stage"),
        (None, {"cross": ("a", "b")}, "--cross is for a report of one model"),
        (360, {"pass_mark": 45.0}, "how many of the 360 held-out students .* Got 360"),
        (0.001, {"pass_mark": 45.0}, "how many of the 360 held-out students .* Got 0"),
        (None, {"pass_mark": 12.0}, "fewer than 10 have a score below 12.*--test-size"),
        (None, {"drop": ("result", "quiz", "essay", "room")}, "the hints tell of one only"),
    ],
)
def test_what_cannot_be_compared_is_refused(lead_time, capacity, options, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        lead_time(capacity, **options)


def test_the_command_writes_a_page_and_numbers_and_promotes_nothing(
    table, tmp_path, capsys
) -> None:
    arguments = [
        "--lead-time", "--data", table, "--target", "mark", "--drop", "result", "--group", "school",
        "--pass-mark", "45", "--capacity", "10%", "--budget", "quick", "--models", "ridge",
        "--test-size", "0.4", "--artifacts", tmp_path, "--json",
    ]  # fmt: skip
    assert main([*map(str, arguments)]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told["trained"] is False
    assert told["lead_time"] == json.loads((tmp_path / "lead_time.json").read_bytes())
    assert any("The list has 36 places" in one for one in told["lead_time"]["sentences"])
    assert {path.name for path in tmp_path.iterdir()} == {"lead_time.html", "lead_time.json"}
    page = (tmp_path / "lead_time.html").read_text("utf-8")
    assert "How early is a score below 45 known?" in page
    assert page.count("<svg") == 2
    assert "Model card" not in page
    assert "Whom a list of 36 reaches" in page
    assert "What each stage gains" in err


@pytest.mark.parametrize("capacity", ["0", "-3", "2.5", "100%", "0%", "few", ""])
def test_a_capacity_is_a_number_or_a_share_of_students(capacity, capsys) -> None:
    with pytest.raises(SystemExit):
        main(["--lead-time", f"--capacity={capacity}"])
    assert "--capacity" in capsys.readouterr().err


def test_a_capacity_without_lead_time_is_refused(capsys) -> None:
    assert main(["--capacity", "10"]) == 1
    assert "--capacity goes with --lead-time" in capsys.readouterr().err


def test_a_list_that_would_tell_of_few_students_is_withheld(lead_time, trainers) -> None:
    found = lead_time(12, pass_mark=45.0)
    assert [one.model.hits for one in found.stages] == [None] * 3
    assert [one.found_gain for one in found.stages] == [None] * 3
    assert [one.model.auc.value for one in found.stages] == [0.5, 0.5, 1.0]


def test_brackets_in_names_are_printed_as_they_are(below_a_mark) -> None:
    start, *rest = below_a_mark.stages
    facts = replace(below_a_mark, stages=(replace(start, name="[/b] enrolled"), *rest))
    console = Console(file=io.StringIO(), width=120)
    show_lead_time(facts, console)
    assert console.file.getvalue().count("[/b] enrolled") >= 3
