"""The routes under /api/v1; IDs are rows of FAULTS.md."""

import json

import pytest

from tests.web.test_json import assert_error

API = "/api/v1"


@pytest.fixture
def api_client(sample_artifacts):
    """Return a client of the API alone."""
    from appBackend.endpoints import create_api
    from src.config import Settings

    return create_api(Settings(artifacts_dir=sample_artifacts)).test_client()


def test_the_answer_is_that_of_the_tutorials_routes(client, api_client, student):
    answer = client.post("/predict", json=student).get_json()
    assert client.post(f"{API}/predict", json=student).get_json() == answer
    assert api_client.post(f"{API}/predict", json=student).get_json() == answer


def test_schema_is_the_saved_one(client, predictor):
    body = client.get(f"{API}/schema").get_json()
    assert (body.pop("ok"), body.pop("model_version")) == (True, predictor.run.run_id)
    assert body == predictor.schema.to_dict()


def test_model_says_what_answers_and_how_good_it_is(client, predictor):
    body = client.get(f"{API}/model").get_json()
    assert body["model_version"] == predictor.run.run_id
    assert body["model"] == "Ridge regression"
    assert body["trained_at"] == predictor.run.manifest.created
    assert body["trained_on"]["source"] == "stud.csv"
    assert body["trained_on"]["rows"]["used"] == 1000
    assert body["metrics"]["held_out"]["rmse"]["value"] < 7


@pytest.mark.parametrize("view", ["health", "ready"])
def test_health_and_readiness_are_those_of_the_root(client, empty_client, api_client, view):
    for asked in (client, empty_client, api_client):
        at_root, below = asked.get(f"/{view}"), asked.get(f"{API}/{view}")
        assert (below.status_code, below.get_json()) == (at_root.status_code, at_root.get_json())


def test_a_list_is_answered_record_by_record(client, predictor, student):
    weak = student | {"reading_score": 40}
    body = client.post(f"{API}/predict/batch", json=[student, weak]).get_json()
    assert (body["ok"], body["n_records"], body["n_refused"], body["errors"]) == (True, 2, 0, [])
    assert body["model_version"] == predictor.run.run_id
    assert (body["unit"], body["target"]) == ("points", "math_score")
    for record, answer in zip((student, weak), body["predictions"], strict=True):
        single = client.post(f"{API}/predict", json=record).get_json()
        assert answer == {key: single[key] for key in ("prediction", "intervals", "warnings")}


def test_C12_what_is_wrong_with_a_record_stands_beside_its_row(client, student):
    records = [student, student | {"lunch": "Standard", "reading_score": 101}, 7, student]
    response = client.post(f"{API}/predict/batch", json=records)
    body = response.get_json()
    assert (response.status_code, body["n_records"], body["n_refused"]) == (200, 4, 2)
    assert [answer is None for answer in body["predictions"]] == [False, True, True, False]
    assert [(e["row"], e["field"], e["got"]) for e in body["errors"]] == [
        (2, "lunch", "Standard"),
        (2, "reading_score", "101"),
        (3, None, None),
    ]
    assert "A record must be an object" in body["errors"][2]["message"]


def test_F5_a_key_that_stands_twice_in_a_record_of_a_list_is_told_with_its_row(client, student):
    twice = json.dumps(student)[:-1] + ', "lunch": "standard"}'
    body = f"[{json.dumps(student)}, {twice}]"
    response = client.post(f"{API}/predict/batch", data=body, content_type="application/json")
    (problem,) = response.get_json()["errors"]
    assert (problem["row"], problem["field"]) == (2, "lunch")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'"a"', b"1", b"[", b"[" * 100_000])
def test_F5_a_body_without_a_list_is_refused(client, body):
    response = client.post(f"{API}/predict/batch", data=body, content_type="application/json")
    assert "Send a JSON list of objects" in assert_error(response, 400)["error"]


def test_a_list_that_is_too_long_is_refused(client, monkeypatch):
    monkeypatch.setattr("src.web.json_answers.MOST_RECORDS", 3)
    error = assert_error(client.post(f"{API}/predict/batch", json=[{}] * 4), 422)
    assert "The list has 4 records. Send at most 3 at once." in error["error"]


def test_very_many_problems_are_cut_and_their_records_counted(client):
    body = client.post(f"{API}/predict/batch", json=[{}] * 1000).get_json()
    assert (body["n_refused"], len(body["errors"])) == (1000, 1000)


def every_route_that_answers_programs(app):
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(API):
            yield rule


def test_every_route_has_the_one_shape_of_errors(app, client):
    for rule in every_route_that_answers_programs(app):
        assert_error(client.open(rule.rule, method="BREW"), 405)
        assert_error(client.get(f"{rule.rule}/nothing"), 404)
        if "POST" in rule.methods:
            assert_error(client.get(rule.rule), 405)
            assert_error(client.post(rule.rule, data="{}", content_type="text/plain"), 415)
            assert_error(client.post(rule.rule, data="x", content_type="application/json"), 400)


def test_without_a_model_every_answer_that_needs_one_is_503(empty_client, student):
    for path in ("schema", "model", "ready"):
        assert_error(empty_client.get(f"{API}/{path}"), 503)
    for path in ("predict", "predict/batch"):
        assert_error(empty_client.post(f"{API}/{path}", json=student), 503)


@pytest.mark.parametrize("path", ["/", "/predict", "/nothing", f"{API}/nothing"])
def test_alone_the_api_has_no_pages_and_says_so_in_json(api_client, path):
    assert_error(api_client.get(path, headers={"Accept": "text/html"}), 404)


def test_programs_get_no_cookie(client, student):
    for response in (client.get(f"{API}/schema"), client.post(f"{API}/predict", json=student)):
        assert "Set-Cookie" not in response.headers
        assert "Cookie" not in response.headers.get("Vary", "")
