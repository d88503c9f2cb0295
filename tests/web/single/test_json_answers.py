"""The tutorials' routes, asked by a program; IDs are rows of FAULTS.md."""

import json
from dataclasses import asdict

import pytest

PATHS = ("/", "/predict", "/predictdata")
ERROR_KEYS = {"ok", "error", "errors", "status"}


def assert_error(response, status: int) -> dict:
    """Hold a response to the one shape of errors."""
    assert response.status_code == status
    assert response.mimetype == "application/json"
    body = response.get_json()
    assert set(body) == ERROR_KEYS
    assert (body["ok"], body["status"]) == (False, status)
    assert isinstance(body["error"], str)
    assert body["error"]
    for problem in body["errors"]:
        assert set(problem) == {"field", "message", "got"}
        assert problem["message"]
    return body


@pytest.mark.parametrize("path", PATHS)
def test_a_record_is_answered_with_its_prediction(client, predictor, student, path):
    response = client.post(path, json=student)
    answer = predictor.predict_record(student)
    expected = answer.prediction
    assert response.status_code == 200
    assert response.get_json() == {
        "ok": True,
        "prediction": expected,
        "result": expected,
        "unit": "points",
        "target": "math_score",
        "model_version": predictor.run.run_id,
        "intervals": {level: list(ends) for level, ends in answer.intervals.items()},
        "warnings": [],
    }


def test_warnings_come_with_the_answer(client, predictor, student):
    odd = student | {"reading_score": 12}
    (warning,) = predictor.predict_record(odd).warnings
    body = client.post("/predict", json=odd).get_json()
    assert body["warnings"] == [{k: v for k, v in asdict(warning).items() if k != "row"}]
    assert body["warnings"][0]["field"] == "reading_score"


def test_every_json_type_counts_as_json(client, student):
    kind = "application/vnd.school+json; charset=utf-8"
    assert client.post("/predict", data=json.dumps(student), content_type=kind).is_json


@pytest.mark.parametrize("score", [72, 72.5, "72", "72.5"])
def test_a_number_or_its_text_is_accepted(client, student, score):
    """F3."""
    assert client.post("/predict", json=student | {"reading_score": score}).status_code == 200


@pytest.mark.parametrize(
    "score",
    ["null", '""', '"abc"', "-1", "101", "1e9", '"nan"', '"inf"', '"1e400"', "1e400", "NaN",
     "Infinity", "-Infinity", '"1_0"', '"５０"', "true", "false", "[70]", '{"a": 1}', "[[[[]]]]",
     "9" * 400, "9" * 5000, '"\\ud800"', '"\\u0000"'],
)  # fmt: skip
def test_a_score_that_is_none_is_refused_by_name(client, student, score):
    """F1, F2, F3."""
    body = json.dumps(student | {"reading_score": "@"}).replace('"@"', score)
    response = client.post("/predict", data=body, content_type="application/json")
    (problem,) = assert_error(response, 422)["errors"]
    assert problem["field"] == "reading_score"
    assert "a number from 0 to 100" in problem["message"]


def test_every_problem_is_listed(client, predictor):
    """F1."""
    body = assert_error(client.post("/predict", json={}), 422)
    assert [problem["field"] for problem in body["errors"]] == list(predictor.schema.names)
    assert body["error"].startswith("7 problems. The first: gender is missing.")


def test_an_unknown_category_is_refused_with_the_nearest(client, student):
    """F4."""
    response = client.post("/predict", json=student | {"lunch": "standart"})
    (problem,) = assert_error(response, 422)["errors"]
    assert problem["got"] == "standart"
    assert problem["message"] == (
        "lunch must be one of 'standard', 'free/reduced'. Got 'standart'. Did you mean 'standard'?"
    )


def test_an_extra_key_is_refused(client, student):
    """F5."""
    response = client.post("/predict", json=student | {"raeding_score": 70})
    (problem,) = assert_error(response, 422)["errors"]
    assert (problem["field"], problem["got"]) == ("raeding_score", "70")
    assert "Did you mean 'reading_score'?" in problem["message"]


def test_a_key_that_stands_there_twice_is_refused_by_name(client, student):
    """F5."""
    body = json.dumps(student)[:-1] + ', "lunch": "free/reduced"}'
    response = client.post("/predict", data=body, content_type="application/json")
    (problem,) = assert_error(response, 422)["errors"]
    assert problem["field"] == "lunch"
    assert "twice" in problem["message"]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"[{}]", b"null", b"1", b'"a"', b"{", b"{'a': 1}", b"\xff\xfe", b"\x00",
     b"[" * 200_000, b'{"a":' * 150_000, b'{"a":1}{"b":2}', b"{} x"],
)  # fmt: skip
def test_a_body_without_one_record_is_refused(client, body):
    """F5."""
    response = client.post("/predict", data=body, content_type="application/json")
    error = assert_error(response, 400)["error"]
    assert "Send a JSON object with a value for each of gender, " in error


@pytest.mark.parametrize("kind", ["text/plain", "text/xml", "application/octet-stream"])
@pytest.mark.parametrize("path", PATHS)
def test_json_under_another_name_is_not_read(client, student, path, kind):
    """F6."""
    response = client.post(path, data=json.dumps(student), content_type=kind)
    assert "application/json" in assert_error(response, 415)["error"]


def test_errors_are_json_where_json_was_sent(client):
    """F10."""
    assert_error(client.put("/predict", json={}), 405)
    assert_error(client.post("/nowhere", json={}), 404)
    assert_error(client.get("/api/v1/nowhere"), 404)
    assert_error(client.get("/nowhere", headers={"Accept": "application/json"}), 404)
    assert_error(
        client.post("/predict", data={"a": 1}, headers={"Accept": "application/json"}), 422
    )


def test_a_refused_form_is_json_where_only_json_is_accepted(send_form):
    response = send_form({}, headers={"Accept": "application/json"})
    assert len(assert_error(response, 422)["errors"]) == 7


def test_a_body_over_the_limit_is_413(make_app, sample_artifacts):
    """C11."""
    app = make_app(artifacts_dir=sample_artifacts, max_body_bytes=2000)
    response = app.test_client().post("/predict", json={"reading_score": "7" * 3000})
    assert "2,000 bytes" in assert_error(response, 413)["error"]


def test_without_a_model_the_answer_is_503_with_the_command(empty_client, student):
    response = empty_client.post("/predict", json=student)
    assert "python -m src.pipelines.train_pipeline" in assert_error(response, 503)["error"]


def test_a_mistake_of_ours_tells_nothing(client, student, monkeypatch, log):
    fail_with(monkeypatch, "reading_score 70 of Ann")
    body = assert_error(client.post("/predict", json=student), 500)
    assert "Ann" not in str(body)


def test_a_mistake_of_ours_is_logged_once_without_the_record(client, student, monkeypatch, log):
    fail_with(monkeypatch, "reading_score 70 of Ann")
    client.post("/predict", json=student)
    (line,) = [r.getMessage() for r in log.records if r.levelname == "ERROR"]
    assert "ValueError while answering POST /predict" in line
    assert "predict_record" in line
    assert "Ann" not in log.text


def fail_with(monkeypatch: pytest.MonkeyPatch, message: str) -> None:
    from src.serving.predictor import Predictor

    def predict_record(*_, **__):
        raise ValueError(message)

    monkeypatch.setattr(Predictor, "predict_record", predict_record)


def test_of_a_long_list_the_first_problems_say_what_may_be_meant(client, student):
    wrong = student | {"lunch": "standerd", "raeding_score": 1}
    answer = client.post("/api/v1/predict/batch", json=[wrong] * 400).get_json()
    told = ["Did you mean" in problem["message"] for problem in answer["errors"]]
    assert told == [True] * 200 + [False] * 600
