"""A class whose outcomes are predicted: the page, the API's file and its list."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from appBackend.openapi import example_record
from src.schema.features import ClassTarget
from src.serving.predictor import Predictor
from src.serving.summary import OutcomeScore, OutcomeSummary
from src.stats.poisson_binomial import count_range
from src.web.batch.view import quality, score_texts
from tests.outcomes import records

API = "/api/v1/predict/batch"
LABELS = ["Fail", "Pass", "Distinction"]
STUDENTS = records(12, seed=4)
MISTAKE = {"reading": "ninety", "absences": 1, "course": "half"}


def as_csv(rows: list[dict[str, object]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["name", *rows[0]])
    writer.writeheader()
    writer.writerows({"name": f"Pupil {i}", **row} for i, row in enumerate(rows))
    return text.getvalue().encode()


@pytest.fixture(scope="module")
def client(make_app, outcome_artifacts):
    return make_app(artifacts_dir=outcome_artifacts).test_client()


@pytest.fixture(scope="module")
def document(client):
    return client.get("/openapi.json").get_json()


def upload(client, content: bytes, **fields: str):
    sent = client.post("/batch", data={"file": (io.BytesIO(content), "7b.csv"), **fields})
    return client.get(sent.headers["Location"])


def by_line(page: str) -> list[str]:
    """Return the texts of the table of students, by their line in the file."""
    body = page.partition('<table class="cards students">')[2].partition("</table>")[0]
    rows = body.partition("<tbody>")[2].split("<tr")[1:]
    return sorted(rows, key=lambda row: int(re.search(r'data-label="Row">(\d+)<', row)[1]))


def test_the_file_and_the_list_give_the_same_to_the_last_digit(client):
    answer = client.post(API, data=as_csv([*STUDENTS, MISTAKE]), content_type="text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    listed = client.post(API, json=[*STUDENTS, MISTAKE]).get_json()
    assert listed["predictions"][-1] is None
    assert [rows[-1][name] for name in ("prediction", "p_Fail", "set_90")] == [""] * 3
    for row, said in zip(rows[:-1], listed["predictions"], strict=False):
        assert row["prediction"] == said["prediction"]
        assert {label: float(row[f"p_{label}"]) for label in LABELS} == said["probabilities"]
        assert row["set_90"].split(" | ") == said["set"]
    summary = json.loads(answer.headers["X-Summary"])
    assert (summary["n_predicted"], summary["n_refused"]) == (12, 1)


def test_the_page_names_who_is_at_risk_with_the_chance_and_what_else_may_be(client):
    page = upload(client, as_csv([*STUDENTS, MISTAKE])).text
    said = client.post(API, json=STUDENTS).get_json()["predictions"]
    lines = by_line(page)
    assert len(lines) == 12
    for line, one in zip(lines, said, strict=False):
        assert f"<strong>{one['prediction']}</strong>" in line
        risk = one["at_risk"]["probability"]
        assert ("At risk" in line) == (one["prediction"] == "Fail" or risk >= 0.5)
        if 0.01 < risk < 0.99:
            assert f"{round(100 * risk)}\xa0%" in line
        for label in LABELS:
            assert (label in line) == (label in (one["prediction"], *one["set"]))
    assert "Rows to mend" in page
    n_at_risk = sum("At risk" in line for line in lines)
    assert f"<dt>At risk of Fail</dt><dd>{n_at_risk}</dd>" in page
    low, high = count_range([one["at_risk"]["probability"] for one in said])
    assert f"<dt>Will probably end with Fail</dt><dd>{low} to {high}</dd>" in page
    assert "pass_mark" not in page


def test_a_row_far_outside_training_has_no_chance_on_any_list(client):
    far = {"reading": 10_000_000, "absences": 3, "course": "half"}
    content = as_csv([*STUDENTS, far])
    sent = client.post("/batch", data={"file": (io.BytesIO(content), "7b.csv")})
    address = sent.headers["Location"]
    line = by_line(client.get(address).text)[-1]
    assert "not known" in line
    file = client.get(f"{address.partition('#')[0]}/class").data.decode("utf-8-sig")
    chances = [row["chance"] for row in csv.DictReader(io.StringIO(file))]
    assert (all(chances[:-1]), chances[-1]) == (True, "")
    answer = client.post(f"{API}?list=1", data=content, content_type="text/csv").get_json()
    assert [one["row"] for one in answer["students"] if one["chance"] is None] == [13]


def test_a_student_with_a_set_of_one_has_a_dash_beside_it(client):
    page = upload(client, as_csv(STUDENTS)).text
    said = client.post(API, json=STUDENTS).get_json()["predictions"]
    alone = [len(one["set"]) == 1 for one in said]
    assert any(alone)
    assert ['data-label="May also be">–<' in line for line in by_line(page)] == alone
    assert "nothing else" not in page
    assert "over all students, 9 in 10 end with one of the outcomes" in page


def test_all_outcomes_that_a_student_may_also_reach_are_named():
    target = ClassTarget(name="y", categories=tuple(f"level {i}" for i in range(20)))
    summary = OutcomeSummary(run_id="x", target=target, shown_columns=[])
    score = OutcomeScore("level 0", 0.05, outcomes=target.categories)
    also = score_texts(summary, score)[1]
    assert all(label in also for label in target.categories[1:])
    assert "more" not in also


def test_the_quality_of_a_list_names_outcomes_in_words_with_an_or():
    words = {"en": {"fail": "Fails"}}
    target = ClassTarget(
        name="y", categories=("fail", "help", "pass"), at_risk=("fail", "help"), words=words
    )
    share = {"value": 0.6, "low": 0.5, "high": 0.7}
    row = {"share": 0.2, "precision": share, "recall": share}
    metrics = {"held_out": {"capacity": {"lists": [row], "n_samples": 90}}}
    summary = OutcomeSummary(run_id="x", target=target, shown_columns=[], n_rows=5, n_event=1)
    assert "the largest chance of Fails or help, 60" in quality(metrics, summary)


def test_outcomes_have_no_pass_mark(client):
    assert 'name="pass_mark"' not in client.get("/batch").text
    answer = client.post(f"{API}?pass_mark=50", data=as_csv(STUDENTS), content_type="text/csv")
    assert answer.status_code == 422
    assert answer.get_json()["errors"] == [
        {"field": "pass_mark", "message": "Outcome is an outcome: it has no pass mark.",
         "got": None}
    ]  # fmt: skip


def test_answers_are_those_of_the_document(client, document, outcome_artifacts):
    validate(document)
    schemas = document["components"]["schemas"]
    example = example_record(Predictor.load(outcome_artifacts).schema)
    for path, body, name in (
        ("/api/v1/predict?contributions=1", example, "Answer"),
        (API, [example, MISTAKE], "BatchAnswer"),
    ):
        answer = client.post(path, json=body).get_json()
        Draft202012Validator({"$ref": f"#/components/schemas/{name}", **document}).validate(answer)
    assert schemas["Answer"]["properties"]["prediction"]["enum"] == LABELS
    assert "at_risk" in schemas["Answer"]["required"]
    words = schemas["Answer"]["properties"]["at_risk"]["description"]
    assert "no confidence interval" in words
    described = document["paths"][API]["post"]["description"]
    assert "`p_` and its name" in described
    assert "pass_mark" not in described
    assert client.get("/docs").status_code == 200


def test_the_document_excludes_other_outcomes_and_impossible_chances(document):
    answer = document["components"]["schemas"]["Answer"]
    valid = {
        "ok": True, "prediction": "Pass", "result": "Pass", "unit": "", "target": "outcome",
        "model_version": "x", "warnings": [], "set": ["Pass"], "sets": {"0.9": ["Pass"]},
        "probabilities": {"Fail": 0.2, "Pass": 0.7, "Distinction": 0.1},
        "at_risk": {"outcomes": ["Fail"], "probability": 0.2, "low": 0.1, "high": 0.3},
    }  # fmt: skip
    check = Draft202012Validator({**answer, "components": document["components"]})
    assert check.is_valid(valid)
    assert not check.is_valid(valid | {"prediction": "Other"})
    assert not check.is_valid(valid | {"probabilities": {"Fail": 1.2, "Pass": 0, "Distinction": 0}})
    assert not check.is_valid({k: v for k, v in valid.items() if k != "at_risk"})


def test_without_outcomes_at_risk_nobody_is_marked_for_help(make_app, nobody_at_risk_artifacts):
    client = make_app(artifacts_dir=nobody_at_risk_artifacts).test_client()
    page = upload(client, as_csv(STUDENTS), n_helped="5").text
    assert "students, by outcome" in page
    assert 'class="tag help"' not in page
    assert 'name="n_helped"' not in page
    assert "Next comes" not in page
    assert "name the outcomes at risk in the hints file: at_risk =" in page
    predicted = re.findall("<strong>([01])</strong>", page)
    assert predicted == sorted(predicted)


def test_where_outcomes_are_at_risk_the_page_does_not_ask_for_them(client):
    assert "name the outcomes at risk" not in upload(client, as_csv(STUDENTS)).text
