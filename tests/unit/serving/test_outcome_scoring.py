"""Scores of a table of outcomes: the same row by row and together, whoever asks."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from src.pipelines.predict_pipeline import predict_file
from src.schema.features import ClassTarget
from src.serving.outcomes import OutcomePredictor
from src.serving.predictor import Predictor
from src.serving.scorers import OutcomeScorer, scorer_for
from src.serving.scoring import score_table
from src.serving.summary import AT_RISK, BORDERLINE, CALM, UNCERTAIN, OutcomeSummary, Summary
from src.stats.poisson_binomial import count_range
from src.tables.reader import open_table
from tests.outcomes import records, train_outcomes

ADDED = ["prediction", "p_Fail", "p_Pass", "p_Distinction", "set_90", "problem"]


def as_csv(rows: list[dict[str, object]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def score(predictor: Predictor, content: bytes, *, vectorised: bool):
    output, to_fix = io.StringIO(newline=""), io.StringIO(newline="")
    with open_table(io.BytesIO(content), "class.csv") as reader:
        summary = score_table(reader, scorer_for(predictor, vectorised=vectorised), output, to_fix)
    return summary, list(csv.DictReader(io.StringIO(output.getvalue()))), to_fix.getvalue()


@pytest.fixture(scope="module", params=["ordinal", "binary", "classes"])
def any_predictor(request, outcome_artifacts, tmp_path_factory) -> OutcomePredictor:
    """Return proportional odds, logistic regression, and a tree of outcomes without an order."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "binary":
        artifacts = train_outcomes(folder, "logistic", names=("no", "yes"), hints="")
    elif request.param == "classes":
        names = ("zoology", "art", "law")
        artifacts = train_outcomes(folder, "decision_tree", names=names, hints="")
    else:
        artifacts = outcome_artifacts
    predictor = Predictor.load(artifacts)
    assert predictor.schema.task == request.param
    assert isinstance(predictor, OutcomePredictor)
    return predictor


@pytest.fixture(scope="module")
def predictor(outcome_artifacts: Path) -> Predictor:
    return Predictor.load(outcome_artifacts)


def test_rows_and_records_get_the_same_to_the_last_digit(any_predictor):
    far = {"reading": 5_000, "absences": 3, "course": "half"}
    rows = [*records(60, seed=7), far]
    one = score(any_predictor, as_csv(rows), vectorised=False)
    together = score(any_predictor, as_csv(rows), vectorised=True)
    assert one == together
    labels = any_predictor.labels
    for record, row in zip(rows, one[1], strict=True):
        said = any_predictor.fields(any_predictor.predict_record(record))
        assert row["prediction"] == said["prediction"]
        chances = [float(row[f"p_{label}"]) for label in labels]
        assert dict(zip(labels, chances, strict=True)) == said["probabilities"]
        assert row["set_90"].split(" | ") == said["set"]
    assert set(one[1][-1]["set_90"].split(" | ")) == set(labels)  # nothing is known of it


def test_the_command_writes_what_the_page_does(predictor, tmp_path):
    source, output = tmp_path / "class.csv", tmp_path / "predictions.csv"
    source.write_bytes(as_csv([*records(5), {"reading": "?!", "absences": 1, "course": "half"}]))
    tally = predict_file(predictor, source, output)
    summary, rows, to_fix = score(predictor, source.read_bytes(), vectorised=False)
    assert list(csv.DictReader(io.StringIO(output.read_text("utf-8")))) == rows
    assert list(rows[0])[-len(ADDED) :] == ADDED
    assert (tally.n_refused, summary.n_refused) == (1, 1)
    assert [rows[-1][name] for name in ADDED[:-1]] == [""] * 5
    assert "reading" in rows[-1]["problem"]
    assert to_fix.count("\n") == 2


def test_a_file_that_has_such_columns_keeps_them(predictor):
    rows = [row | {"p_Fail": "mine", "prediction": "hers"} for row in records(2)]
    _, found, _ = score(predictor, as_csv(rows), vectorised=True)
    assert list(found[0])[3:] == [
        "p_Fail", "prediction", "prediction_2", "p_Fail_2", *ADDED[2:]
    ]  # fmt: skip
    assert found[0]["p_Fail"] == "mine"


def test_columns_of_chances_have_safe_names_of_their_own():
    labels = ("free | reduced", "free, reduced", 'the "best"', "A+")
    predictor = SimpleNamespace(labels=labels, compiled=None)
    assert OutcomeScorer(predictor, vectorised=True).chance_columns == [
        "p_free_reduced", "p_free_reduced_2", "p_the_best", "p_A+"
    ]  # fmt: skip


def test_the_summary_counts_outcomes_and_who_is_at_risk(predictor):
    summary, rows, _ = score(predictor, as_csv(records(40, seed=3)), vectorised=False)
    assert isinstance(summary, OutcomeSummary)
    labels = ["Fail", "Pass", "Distinction"]
    predicted = [row["prediction"] for row in rows]
    assert summary.counts == {label: predicted.count(label) for label in labels}
    for label in labels:
        sum_of_chances = sum(float(row[f"p_{label}"]) for row in rows)
        assert summary.expected[label] == pytest.approx(sum_of_chances)
    likely = [row for row in rows if row["prediction"] == "Fail" or float(row["p_Fail"]) >= 0.5]
    assert summary.n_at_risk == len(likely) > 0
    of_file = sorted(summary.rows, key=lambda row: row.number)
    assert [shown.score.at_risk for shown in of_file] == [row in likely for row in rows]
    assert [shown.score.chance for shown in of_file] == [float(r["p_Fail"]) for r in rows]


def listed_of(target: ClassTarget, *chances: tuple[float, ...], doubts=None, far=()):
    """Return the summary of rows with these chances of the target's outcomes."""
    summary = OutcomeSummary(run_id="x", target=target, shown_columns=[], n_rows=len(chances))
    columns = zip(*chances, strict=True)
    scores: dict[str, list] = {"prediction": [target.categories[c.index(max(c))] for c in chances]}
    scores |= {f"p_{i}": [*column] for i, column in enumerate(columns)}
    summary.count(scores)
    summary.list_rows(scores, doubts or {}, lambda i: (i + 1, i + 2, [], []), None, far)
    summary.finish()
    return summary


GRADES = ClassTarget(name="grade", categories=("F", "D", "C", "B", "A"), at_risk=("F", "D"))


def test_rows_stand_by_falling_chance_whatever_their_tag():
    summary = listed_of(
        GRADES,
        (0.34, 0.01, 0.30, 0.25, 0.10),  # F, a chance of 0.35
        (0.02, 0.44, 0.48, 0.04, 0.02),  # C, 0.46
        (0.50, 0.30, 0.10, 0.05, 0.05),  # F, 0.8
        (0.05, 0.05, 0.30, 0.30, 0.30),  # C, 0.1
        (0.01, 0.01, 0.30, 0.30, 0.38),  # A, 0.02
        doubts={3: ["x"]},
    )
    assert [row.number for row in summary.rows] == [3, 2, 1, 4, 5]
    assert [row.tier for row in summary.rows] == [AT_RISK, BORDERLINE, AT_RISK, UNCERTAIN, CALM]


def test_of_many_outcomes_nobody_calm_stands_behind_a_smaller_chance():
    target = ClassTarget(name="y", categories=tuple("abcdefgh"), at_risk=("a", "b"))
    at_risk = (0.16, 0.0, *[0.14] * 6)
    calm = (0.09, 0.09, 0.22, *[0.12] * 5)
    summary = listed_of(target, at_risk, calm)
    assert [(row.number, row.tier) for row in summary.rows] == [(2, CALM), (1, AT_RISK)]


def test_at_risk_is_whose_chance_is_larger_than_that_of_any_other_outcome():
    summary = listed_of(
        GRADES,
        (0.20, 0.20, 0.35, 0.15, 0.10),  # C is likeliest, but 0.4 end with F or D
        (0.15, 0.15, 0.35, 0.25, 0.10),
    )
    assert [row.tier for row in summary.rows] == [AT_RISK, BORDERLINE]
    assert summary.n_at_risk == 1


def test_of_a_row_far_outside_training_no_chance_is_told_and_it_counts_either_way():
    sure = (0.98, 0.02, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0, 1.0)
    summary = listed_of(GRADES, *sure, *sure, (0.3, 0.15, 0.5, 0.05, 0.0),
                        doubts={2: ["x"], 3: ["x"]}, far={2, 3})  # fmt: skip
    assert [row.number for row in summary.rows] == [1, 3, 5, 4, 2]
    assert [row.score.chance is None for row in summary.rows] == [False, True, False, True, False]
    assert summary.likely == (1, 4)
    assert summary.n_at_risk == 2


def test_a_file_s_row_far_outside_training_has_no_chance_in_the_list(predictor):
    far = {"reading": 10_000_000, "absences": 3, "course": "half"}
    summary, rows, _ = score(predictor, as_csv([*records(6), far]), vectorised=False)
    (shown,) = [row for row in summary.rows if row.score.chance is None]
    assert shown.number == 7
    assert rows[-1]["set_90"].count(" | ") == 2
    low, high = summary.likely
    known = [row.score.chance for row in summary.rows if row.score.chance is not None]
    assert (low, high - 1) == count_range(known)


def test_a_summary_survives_json(predictor):
    summary, _, _ = score(predictor, as_csv(records(3)), vectorised=False)
    found = Summary.from_dict(json.loads(json.dumps(summary.to_dict())))
    for shown, before in zip(found.rows, summary.rows, strict=True):
        assert shown.score._replace(outcomes=before.score.outcomes) == before.score
    assert [*found.rows[0].score.outcomes] == [*summary.rows[0].score.outcomes]
    assert (found.counts, found.target) == (summary.counts, summary.target)
