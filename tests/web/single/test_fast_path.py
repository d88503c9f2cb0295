"""What is answered before Flask is asked is what Flask would answer."""

import json

import pytest

PATHS = ("/", "/predict", "/predictdata", "/api/v1/predict")
KIND = "application/json"
FROM_OUTSIDE = {"X-Request-ID"}  # another one for each request


@pytest.fixture
def flask_was_asked(app, monkeypatch):
    """Return a list that grows by each request that comes to Flask."""
    asked = []
    real = app.full_dispatch_request

    def dispatch():
        asked.append(1)
        return real()

    monkeypatch.setattr(app, "full_dispatch_request", dispatch)
    return asked


def both_ways(client, path, body, kind=KIND):
    """Answer a body without Flask where that goes, and by Flask: it gets what has a query."""
    return [client.post(p, data=body, content_type=kind) for p in (path, f"{path}?x=1")]


def parts(response):
    headers = {k: v for k, v in response.headers.items() if k not in FROM_OUTSIDE}
    return response.status, headers, response.data


@pytest.mark.parametrize("path", PATHS)
def test_a_plain_record_is_answered_without_flask(client, student, flask_was_asked, path):
    fast, slow = both_ways(client, path, json.dumps(student))
    assert len(flask_was_asked) == 1
    assert fast.status_code == 200
    assert parts(fast) == parts(slow)


@pytest.mark.parametrize(
    "change",
    [
        {"reading_score": 0}, {"reading_score": "72.5"}, {"reading_score": 101},
        {"lunch": "Standard"}, {"lunch": ["standard"]}, {"lunch": None}, {"raeding_score": 1},
    ],
)  # fmt: skip
def test_unusual_records_get_the_same_answer_either_way(client, student, change):
    fast, slow = both_ways(client, "/api/v1/predict", json.dumps(student | change))
    assert parts(fast) == parts(slow)


def test_a_refused_record_is_answered_without_flask(client, student, flask_was_asked):
    answer = client.post("/api/v1/predict", json=student | {"lunch": "x"})
    assert (answer.status_code, flask_was_asked) == (422, [])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"{}", b"[" * 100_000, b'"a"'])
def test_bodies_without_a_record_get_the_same_answer_either_way(client, body):
    fast, slow = both_ways(client, "/api/v1/predict", body)
    assert fast.status_code in (400, 422)
    assert parts(fast) == parts(slow)


@pytest.mark.parametrize("kind", [f"{KIND}; charset=utf-8", "application/vnd.school+json"])
def test_other_kinds_of_json_are_read_too(client, student, kind):
    fast, slow = both_ways(client, "/api/v1/predict", json.dumps(student), kind)
    assert fast.status_code == 200
    assert parts(fast) == parts(slow)


def test_without_a_model_flask_says_so(empty_client, student):
    fast, slow = both_ways(empty_client, "/api/v1/predict", json.dumps(student))
    assert fast.status_code == 503
    assert parts(fast) == parts(slow)


def test_both_ways_are_counted_and_logged_alike(client, student, log):
    for path in ("/api/v1/predict", "/api/v1/predict?x=1"):
        client.post(path, json=student)
    text = client.get("/api/v1/metrics").text
    labels = 'method="POST",route="/api/v1/predict",status="200"'
    assert f"stuprediction_http_requests_total{{{labels}}} 2" in text
    assert 'stuprediction_records_total{outcome="predicted"} 2' in text
    assert log.text.count("POST /api/v1/predict 200") == 2


def test_a_refused_record_is_counted_once(client, student):
    client.post("/api/v1/predict", json=student | {"lunch": "x"})
    text = client.get("/api/v1/metrics").text
    assert 'stuprediction_records_total{outcome="predicted"} 0' in text
    assert 'stuprediction_records_total{outcome="refused"} 1' in text


def test_a_body_that_is_longer_than_it_says_ends_where_it_says(client, student):
    body = json.dumps(student).encode()
    response = client.post(
        "/predict", data=body + b" trailing", content_type=KIND,
        environ_overrides={"CONTENT_LENGTH": str(len(body))},
    )  # fmt: skip
    assert response.status_code == 200
