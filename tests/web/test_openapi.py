"""The OpenAPI document and the page made from it; R6 of FAULTS.md."""

import json
import re
import subprocess
import sys
from hashlib import sha256

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from appBackend.openapi import example_record, feature_schema, openapi_document, record_schema
from src.exception import DataValidationError
from src.schema.features import CategoricalFeature, GroupFeature, NumericFeature
from src.schema.record import Schema
from src.tables.cells import parse_number

OPEN = NumericFeature(name="income", observed_minimum=-5, observed_maximum=900.5)
SCORE = NumericFeature(
    name="score", minimum=0, maximum=100, observed_minimum=3, observed_maximum=99, integer=True
)
CHANGE = NumericFeature(
    name="change", minimum=-12.5, maximum=7, observed_minimum=-3, observed_maximum=4, optional=True
)
SHARE = NumericFeature(
    name="share", minimum=0.25, maximum=0.75, observed_minimum=0.3, observed_maximum=0.7
)
MEDU = CategoricalFeature(name="medu", categories=("0", "1", "2.5"))
PAID = CategoricalFeature(name="paid", categories=("True", "False", "l'autre"), optional=True)
GRADE = NumericFeature(name="grade", observed_minimum=1, observed_maximum=6)
SCHOOLS = pytest.param("school_artifacts", marks=pytest.mark.slow)
SCHOOL = GroupFeature(name="school")
SCHEMA = Schema((OPEN, SCORE, CHANGE, SHARE, MEDU, PAID), target=GRADE, group=SCHOOL)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
    | st.sampled_from(["", " ", "0", "100", "-12.5", "0.5", "True", "1", "0.0", "007", "5."]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


def document(schema=SCHEMA, **options):
    options = {"prefix": "/api/v1", "keys": False, "limited": False} | options
    return openapi_document(schema, "20260101T000000Z-abcdef", **options)


@pytest.mark.parametrize("keys", [False, True])
@pytest.mark.parametrize("limited", [False, True])
def test_the_document_is_valid(keys, limited):
    validate(document(keys=keys, limited=limited))


def test_the_app_serves_the_document_of_its_model(client, predictor):
    expected = openapi_document(
        predictor.schema, predictor.run.run_id, prefix="/api/v1", keys=False, limited=False
    )
    validate(expected)
    for path in ("/openapi.json", "/api/v1/openapi.json"):
        assert client.get(path).get_json() == expected


def test_every_route_of_the_api_is_in_the_document(app, client):
    described = client.get("/openapi.json").get_json()["paths"]
    routes = {r.rule for r in app.url_map.iter_rules() if r.rule.startswith("/api/v1")}
    assert set(described) == routes - {"/api/v1/openapi.json", "/api/v1/docs"}


def test_categories_bounds_and_units_come_from_the_schema(client):
    record = client.get("/openapi.json").get_json()["components"]["schemas"]["Record"]
    assert record["properties"]["lunch"]["enum"] == ["standard", "free/reduced"]
    number, text = record["properties"]["reading_score"]["anyOf"]
    assert (number["minimum"], number["maximum"]) == (0, 100)
    assert text["type"] == "string"
    assert 0 <= float(text["examples"][0]) <= 100
    assert record["properties"]["reading_score"]["description"].endswith("In points.")
    assert record["required"] == list(record["properties"])
    assert record["additionalProperties"] is False


def test_the_examples_are_accepted(client, predictor):
    example = example_record(predictor.schema)
    assert client.post("/api/v1/predict", json=example).status_code == 200
    SCHEMA.check_record(example_record(SCHEMA))
    Draft202012Validator(record_schema(SCHEMA)).validate(example_record(SCHEMA))


@pytest.mark.parametrize("feature", SCHEMA.asked, ids=lambda feature: feature.name)
@given(value=anything)
def test_a_value_that_the_document_allows_is_accepted(feature, value):
    meant = value
    if isinstance(feature, NumericFeature) and isinstance(value, str):
        meant = parse_number(value)  # JSON Schema cannot say which texts are numbers of a range
        assume(meant is not None)
    if Draft202012Validator(feature_schema(feature)).is_valid(meant):
        assert not feature.check_json(value).problem


@pytest.mark.parametrize("feature", SCHEMA.asked, ids=lambda feature: feature.name)
@given(value=anything.filter(lambda value: not isinstance(value, str)))
def test_a_value_that_the_document_excludes_is_refused(feature, value):
    if not Draft202012Validator(feature_schema(feature)).is_valid(value):
        assert feature.check_json(value).problem


def test_only_features_that_may_be_missing_may_be_left_out():
    required = record_schema(SCHEMA)["required"]
    for feature in SCHEMA.features:
        record = {k: v for k, v in example_record(SCHEMA).items() if k != feature.name}
        if feature.name in required:
            with pytest.raises(DataValidationError, match=f"{feature.name} is missing"):
                SCHEMA.check_record(record)
        else:
            SCHEMA.check_record(record)


def test_the_page_shows_fields_an_example_and_its_answer(client, predictor):
    for path in ("/docs", "/api/v1/docs"):
        response = client.get(path)
        assert (response.status_code, response.mimetype) == (200, "text/html")
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
        for feature in predictor.schema.features:
            assert f"<code>{feature.name}</code>" in response.text
        assert "/api/v1/predict/batch" in response.text
        assert f"&#34;model_version&#34;: &#34;{predictor.run.run_id}&#34;" in response.text
        assert "<script" not in response.text.split("</head>")[1]
        assert not re.search(r"(src|href)=\"https?://", response.text)


def test_the_page_works_where_the_api_runs_alone(sample_artifacts):
    from appBackend.endpoints import create_api
    from src.config import Settings

    client = create_api(Settings(artifacts_dir=sample_artifacts)).test_client()
    assert client.get("/docs").status_code == 200


def test_without_a_model_there_is_no_document(empty_client):
    assert empty_client.get("/openapi.json").status_code == 503
    assert empty_client.get("/api/v1/docs").get_json()["status"] == 503


@pytest.mark.e2e
@pytest.mark.parametrize("seconds", ["8", pytest.param("120", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "artifacts",
    [
        "sample_artifacts",
        "outcome_artifacts",
        pytest.param("school_artifacts", marks=pytest.mark.slow),
    ],
)
def test_the_api_keeps_what_its_document_says(gunicorn, request, tmp_path, artifacts, seconds):
    """R6: for a number and for outcomes."""
    # A text in place of a number may be any text to JSON Schema; the document names the 422.
    (tmp_path / "schemathesis.toml").write_text(
        '[[operations]]\ninclude-name = "POST /api/v1/predict"\n'
        'checks.positive_data_acceptance.expected-statuses = ["2xx", 422]\n'
    )
    key = "k" * 20
    environment = {
        "ARTIFACTS_DIR": str(request.getfixturevalue(artifacts)), "LOG_LEVEL": "WARNING",
        "API_KEYS": sha256(key.encode()).hexdigest(),
    }  # fmt: skip
    with gunicorn(tmp_path, **environment) as server:
        assert server.ask("/api/v1/schema").status == 401
        run = subprocess.run(
            [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()",
             "run", f"{server.url}/openapi.json", "--header", f"Authorization: Bearer {key}",
             "--checks", "all", "--max-time", seconds, "--seed", "1", "--no-color",
             "--suppress-health-check", "all", "--generation-database", "none"],
            cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout[:5000] + run.stderr[-2000:]
        assert "7 selected / 7 total" in run.stdout
        log = server.log
    assert " 500 " not in log
    assert "Traceback" not in log
    assert "ERROR" not in log


def test_the_document_is_json(client):
    assert json.loads(client.get("/openapi.json").data)["openapi"] == "3.1.0"


def test_files_stand_in_the_document_in_words(client):
    operation = client.get("/openapi.json").get_json()["paths"]["/api/v1/predict/batch"]["post"]
    for word in ("text/csv", "multipart/form-data", "`file`", "Excel", "pass_mark"):
        assert word in operation["description"]
    assert set(operation["responses"]["200"]["content"]) == {"application/json", "text/csv"}


def test_the_page_for_people_shows_no_markup(client):
    page = client.get("/docs").text
    assert "`" not in page
    assert "<code>pass_mark=NUMBER</code>" in page


def closed(part):
    """Return a document of which no object may have a key that it does not name."""
    if isinstance(part, list):
        return [closed(one) for one in part]
    if not isinstance(part, dict):
        return part
    found = {key: closed(one) for key, one in part.items()}
    if isinstance(part.get("properties"), dict):
        found.setdefault("additionalProperties", False)
    return found


@pytest.mark.parametrize(
    "artifacts",
    [
        "sample_artifacts",
        "outcome_artifacts",
        "nobody_at_risk_artifacts",
        "school_artifacts",
        "school_outcome_artifacts",
    ],
)
def test_every_key_of_an_answer_is_in_the_document(artifacts, make_app, request):
    client = make_app(artifacts_dir=request.getfixturevalue(artifacts)).test_client()
    document = client.get("/openapi.json").get_json()
    example = document["components"]["schemas"]["Record"]["examples"][0]
    wrong = example | {next(iter(example)): "?!"}
    rows = [map(str, example), *(map(str, one.values()) for one in (example, example, wrong))]
    file = "\n".join(",".join(row) for row in rows)
    mark = "&pass_mark=50" if artifacts == "sample_artifacts" else ""
    answers = {
        "Schema": client.get("/api/v1/schema"),
        "Model": client.get("/api/v1/model"),
        "Health": client.get("/api/v1/health"),
        "Ready": client.get("/api/v1/ready"),
        "Answer": client.post("/api/v1/predict?contributions=1", json=example),
        "BatchAnswer": client.post("/api/v1/predict/batch", json=[example, wrong]),
        "ListAnswer": client.post(
            f"/api/v1/predict/batch?list=1{mark}", data=file, content_type="text/csv"
        ),
        "Error": client.post("/api/v1/predict", json=wrong),
    }
    components = closed(document["components"])
    for name, answer in answers.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": components}
        errors = Draft202012Validator(schema).iter_errors(answer.get_json())
        assert not [f"{name}{error.json_path}: {error.message}" for error in errors]
    assert len(answers["ListAnswer"].get_json()["students"]) == 2
