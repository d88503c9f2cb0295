"""The page on a model whose target is one of some outcomes."""

import json
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from src.artifact_store import ArtifactStore
from src.config import BASELINE
from src.report.class_facts import Capacity, ListQuality
from src.report.class_groups import ClassReportFacts
from src.serving.predictor import Predictor
from src.stats.intervals import Interval
from src.web.pages.model_page import describe_model
from src.web.pages.outcome_model_page import outcome_words


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


@pytest.fixture(scope="module")
def of_outcomes(outcome_artifacts):
    return Predictor.load(outcome_artifacts)


@pytest.fixture(scope="module")
def page(make_app, outcome_artifacts) -> str:
    return words(make_app(artifacts_dir=outcome_artifacts).test_client().get("/model").text)


def test_the_page_says_what_is_predicted_and_how_good_the_chances_are(page, of_outcomes):
    held_out = of_outcomes.metrics["held_out"]
    for said in (
        "The model states how likely each outcome of Outcome is (Fail, Pass and Distinction",
        f"{held_out['log_loss']['value']:.3f}",
        f"{held_out['log_loss']['low']:.3f} to {held_out['log_loss']['high']:.3f}",
        f"shares for everyone loses {held_out['prior_log_loss']:.3f}",
        f"{held_out['auc']['value']:.3f}",
        "To decide about a person",
        "Nothing is resampled or weighted for imbalance",
    ):
        assert said in page


def test_every_model_that_was_compared_stands_in_the_leaderboard(page, of_outcomes):
    for row in of_outcomes.metrics["leaderboard"]:
        auc = 0.5 if row["name"] == BASELINE else row["auc"]
        assert f"{row['log_loss']:.3f} {row['brier']:.3f} {auc:.3f}" in page


def test_the_outcomes_are_counted_and_those_at_risk_marked(page, of_outcomes):
    counts = of_outcomes.metrics["outcome_counts"]
    assert f"Fail at risk {counts[0]}" in page
    assert f"Pass {counts[1]}" in page


def test_sets_are_told_at_each_level(page, of_outcomes):
    for row in of_outcomes.metrics["set_coverage"]:
        assert f"{100 * row['level']:.0f} % {100 * row['coverage']:.0f} %" in page


def facts_with(of_outcomes, **held_out) -> ClassReportFacts:
    parts = {"held_out": of_outcomes.metrics["held_out"] | held_out, "capacity_out_of_fold": None}
    metrics = of_outcomes.metrics | parts
    return ClassReportFacts(of_outcomes.schema, metrics, run=of_outcomes.run.manifest)


def capacity_of(*n_listed: int) -> dict:
    share = Interval(0.5, 0.4, 0.6)
    lists = tuple(
        ListQuality(n, n / 200, Interval(n / 2, n / 2 - 4, n / 2 + 4), n / 5, share, share)
        for n in n_listed
    )
    return json.loads(json.dumps(asdict(Capacity(200, 40, lists, ()))))


def test_the_list_of_about_as_many_as_are_at_risk_is_told_in_a_sentence(of_outcomes):
    facts = facts_with(of_outcomes, capacity=capacity_of(10, 40, 100))
    found = outcome_words(facts)
    assert found["capacity"].replace("\N{NO-BREAK SPACE}", " ") == (
        "With help for 40 students (20 %), the list holds 20 of the 40 with Fail (95 % interval "
        "16 to 24); drawing lots holds 8."
    )
    assert [row[0].text for row in found["lists"].rows] == ["10", "40", "100"]


def test_a_list_of_training_students_is_called_so(of_outcomes):
    facts = facts_with(of_outcomes, capacity=capacity_of())
    of_training = capacity_of(40) | {"out_of_fold": True}
    found = outcome_words(
        replace(facts, metrics=facts.metrics | {"capacity_out_of_fold": of_training})
    )
    assert "drawing lots holds 8. The students held out are too few to tell" in found["capacity"]
    assert "200 training students" in found["capacity"]
    assert [row[0].text for row in found["lists"].rows] == ["40"]


def test_where_no_list_can_be_told_of_the_page_says_so(of_outcomes):
    for capacity in (None, capacity_of()):
        facts = facts_with(of_outcomes, capacity=capacity)
        found = outcome_words(facts)
        assert found["lists"] is None
        assert found["capacity"].startswith("The students held out are too few to say how many")


def test_where_nobody_said_who_is_at_risk_the_page_says_how_to(of_outcomes):
    facts = facts_with(of_outcomes, capacity=None)
    target = replace(of_outcomes.schema.target, at_risk=())
    schema = replace(of_outcomes.schema, target=target)
    assert "at_risk" in outcome_words(replace(facts, schema=schema))["capacity"]


def test_a_model_that_may_be_nothing_is_called_so(of_outcomes):
    facts = facts_with(of_outcomes)
    metrics = facts.metrics | {"chance_p_value": 0.03}
    (said,) = outcome_words(replace(facts, metrics=metrics))["doubts"]
    assert said.startswith("This model may be nothing: 3 of 100 tables")
    assert outcome_words(facts_with(of_outcomes))["doubts"] == []


def test_the_history_tells_runs_of_numbers_and_of_outcomes(
    sample_artifacts, outcome_artifacts, tmp_path: Path
):
    artifacts = Path(shutil.copytree(outcome_artifacts, tmp_path / "artifacts"))
    number = ArtifactStore(sample_artifacts, "").promoted()
    shutil.copytree(number.folder, artifacts / "runs" / number.run_id)
    store = ArtifactStore(artifacts, "")
    store.promote(store.run(number.run_id), by="train")
    shown = [row[2].text for row in describe_model(Predictor.load(artifacts), store).history.rows]
    assert shown[0].startswith("R² 0.8")
    assert shown[1].startswith("log loss 0.")
