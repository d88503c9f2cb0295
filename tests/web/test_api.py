"""The routes under /api/v1; IDs are rows of FAULTS.md."""

import json

import pytest
from jsonschema import Draft202012Validator

from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig
from tests.web.single.test_json_answers import assert_error

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


def test_model_says_what_it_relies_on_and_for_whom_it_errs(client, predictor):
    body = client.get(f"{API}/model").get_json()
    written = json.loads(predictor.run.read_report("report.json"))
    report = body["report"]
    assert report["importance"] == written["importance"]
    assert report["partial_dependence"] == written["partial_dependence"]
    assert report["fairness"]["sentences"] == written["fairness"]["sentences"]
    sensitive = [[f.name] for f in predictor.schema.features if f.sensitive]
    assert [one["features"] for one in report["fairness"]["groupings"]] == sensitive
    document = client.get("/openapi.json").get_json()
    answer = document["components"]["schemas"]["Model"]
    Draft202012Validator(answer).validate(body)


@pytest.mark.parametrize("damage", [True, False])
def test_model_answers_where_its_report_is_absent_or_damaged(make_app, own_artifacts, damage):
    run = next((own_artifacts / "runs").iterdir())
    if damage:
        (run / "report.json").write_text("{}")
    else:
        (run / "report.manifest.json").unlink()
    body = make_app(artifacts_dir=own_artifacts).test_client().get(f"{API}/model").get_json()
    assert (body["ok"], body["report"]) == (True, None)


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


def test_what_is_wrong_with_a_record_stands_beside_its_row(client, student):
    """C12."""
    records = [student, student | {"lunch": "standart", "reading_score": 101}, 7, student]
    response = client.post(f"{API}/predict/batch", json=records)
    body = response.get_json()
    assert (response.status_code, body["n_records"], body["n_refused"]) == (200, 4, 2)
    assert [answer is None for answer in body["predictions"]] == [False, True, True, False]
    assert [(e["row"], e["field"], e["got"]) for e in body["errors"]] == [
        (2, "lunch", "standart"),
        (2, "reading_score", "101"),
        (3, None, None),
    ]
    assert "A record must be an object" in body["errors"][2]["message"]


def test_a_key_that_stands_twice_in_a_record_of_a_list_is_told_with_its_row(client, student):
    """F5."""
    twice = json.dumps(student)[:-1] + ', "lunch": "standard"}'
    body = f"[{json.dumps(student)}, {twice}]"
    response = client.post(f"{API}/predict/batch", data=body, content_type="application/json")
    (problem,) = response.get_json()["errors"]
    assert (problem["row"], problem["field"]) == (2, "lunch")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'"a"', b"1", b"[", b"[" * 100_000])
def test_a_body_without_a_list_is_refused(client, body):
    """F5."""
    response = client.post(f"{API}/predict/batch", data=body, content_type="application/json")
    assert "Send a JSON list of objects" in assert_error(response, 400)["error"]


def test_a_list_that_is_too_long_is_refused(client, monkeypatch):
    monkeypatch.setattr("src.web.single.json_answers.MOST_RECORDS", 3)
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


def test_contributions_come_on_request_and_sum_to_the_prediction(client, predictor, student):
    assert "contributions" not in client.post(f"{API}/predict", json=student).get_json()
    body = client.post(f"{API}/predict?contributions=1", json=student).get_json()
    found = body["contributions"]
    assert list(found["values"]) == list(predictor.schema.names)
    assert found["base"] + sum(found["values"].values()) == pytest.approx(body["prediction"])
    assert found["method"] == "linear"


@pytest.mark.parametrize("query", ["contributions=yes", "contributions=", "contributions=1&"
                                   "contributions=0"])  # fmt: skip
def test_contributions_are_asked_for_with_1_or_0(client, student, query):
    (problem,) = assert_error(client.post(f"{API}/predict?{query}", json=student), 422)["errors"]
    assert problem["field"] == "contributions"
    assert "must be 1 or 0" in problem["message"]


def test_a_run_with_a_pass_mark_says_the_chance_of_missing_it(make_app, tmp_path, student):
    config = TrainConfig(models=("ridge",), budget="quick", artifacts=tmp_path, pass_mark=60)
    TrainPipeline(config).run()
    client = make_app(artifacts_dir=tmp_path).test_client()
    weak, strong = (student | {"reading_score": n, "writing_score": n} for n in (40, 90))
    answers = client.post(f"{API}/predict/batch", json=[weak, strong]).get_json()["predictions"]
    marks = [answer["pass_mark"] for answer in answers]
    assert [mark["mark"] for mark in marks] == [60, 60]
    assert marks[0]["probability_below"] > 0.9
    assert marks[1]["probability_below"] < 0.1
    single = client.post(f"{API}/predict", json=weak).get_json()
    assert single["pass_mark"] == marks[0]
    schemas = client.get("/openapi.json").get_json()["components"]["schemas"]
    Draft202012Validator({"$ref": "#/components/schemas/Answer", "components": {
        "schemas": schemas}}).validate(single)  # fmt: skip


def test_model_says_what_predicts(client):
    body = client.get(f"{API}/model").get_json()
    assert (body["backend"], body["fallback_reason"]) == ("compiled", None)


def test_a_model_that_cannot_be_compiled_says_why(make_app, tmp_path, student):
    config = TrainConfig(models=("svr",), budget="quick", artifacts=tmp_path)
    TrainPipeline(config).run()
    client = make_app(artifacts_dir=tmp_path).test_client()
    body = client.get(f"{API}/model").get_json()
    assert body["backend"] == "pickles"
    assert "SVR is neither linear nor made of trees" in body["fallback_reason"]
    assert client.post(f"{API}/predict", json=student).status_code == 200
