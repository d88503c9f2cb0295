"""Headers, cookies, health, pages of errors, logs; IDs are rows of FAULTS.md."""

import pytest

CSP = {
    "default-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "form-action 'self'",
}


def every_kind_of_response(client, send_form, student):
    yield client.get("/")
    yield send_form(student)
    yield send_form({})
    yield client.post("/", data=student, headers={"Origin": "null"})
    yield client.post("/predict", json=student)
    yield client.post("/predict", json={})
    yield client.post("/predict", data="x", content_type="text/plain")
    yield client.get("/nowhere")
    yield client.put("/")
    yield client.get("/health")
    yield client.get("/ready")
    yield client.get("/static/style.css")
    yield client.get("/static/nothing.css")


def test_every_response_carries_the_security_headers(client, send_form, student):
    """H1."""
    for response in every_kind_of_response(client, send_form, student):
        headers = response.headers
        policy = headers["Content-Security-Policy"]
        assert {part.strip() for part in policy.split(";")} == CSP
        assert "unsafe-inline" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "Strict-Transport-Security" not in headers
        response.close()


def test_behind_https_browsers_are_told_to_stay_there(client):
    """H1."""
    for path in ("/", "/nowhere", "/health"):
        response = client.get(path, base_url="https://localhost")
        assert response.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_a_mistake_of_ours_carries_the_headers_too(client, monkeypatch, log):
    """H1."""
    monkeypatch.setattr("src.web.pages.routes.render_template", None)
    response = client.get("/")
    assert response.status_code == 500
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_no_page_with_answers_is_kept_by_a_cache(client, send_form, student):
    for response in every_kind_of_response(client, send_form, student):
        stored = response.headers["Cache-Control"] != "no-store"
        assert stored == response.request.path.startswith("/static/style")
        response.close()


def test_no_response_sets_a_cookie_but_the_choice_of_a_language(client, send_form, student):
    """H2."""
    for response in every_kind_of_response(client, send_form, student):
        assert "Set-Cookie" not in response.headers
        response.close()


def test_health_is_plain_and_needs_no_model(empty_client):
    """H3."""
    response = empty_client.get("/health", headers={"Host": "10.0.0.7:8000"})
    assert (response.status_code, response.get_json()) == (200, {"ok": True})
    assert empty_client.head("/health").status_code == 200


def test_ready_names_the_run_or_says_why_not(client, empty_client, predictor):
    """H3."""
    response = client.get("/ready")
    assert response.status_code == 200
    assert response.get_json() == {
        "ok": True,
        "model_version": predictor.run.run_id,
        "problem": None,
    }
    response = empty_client.get("/ready")
    assert response.status_code == 503
    assert "There is no trained model" in response.get_json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/nowhere", 404, "There is nothing at this address."),
        ("GET", "/health/", 404, "There is nothing at this address."),
        ("PUT", "/", 405, "does not answer to that method"),
        ("TRACE", "/predict", 405, "does not answer to that method"),
        ("DELETE", "/health", 405, "does not answer to that method"),
        ("POST", "/", 415, "Send the record as a form"),
    ],
)
def test_a_browser_gets_a_page_for_an_error(client, method, path, status, words):
    """F10."""
    response = client.open(path, method=method)
    assert (response.status_code, response.mimetype) == (status, "text/html")
    assert words in response.text
    assert 'href="/"' in response.text
    assert ("Allow" in response.headers) == (status == 405)


def test_a_form_over_the_limit_gets_a_page(make_app, sample_artifacts):
    """C11."""
    client = make_app(artifacts_dir=sample_artifacts, max_body_bytes=2000).test_client()
    response = client.post("/", data={"reading_score": "7" * 3000})
    assert (response.status_code, response.mimetype) == (413, "text/html")
    assert "The body may have 2,000 bytes." in response.text


def test_a_form_of_very_many_fields_is_no_mistake_of_ours(send_form):
    assert send_form({f"f{i}": "x" for i in range(20_000)}).status_code == 422
    assert send_form({f"f{i}": "x" for i in range(2_000)},
                     content_type="multipart/form-data").status_code == 413  # fmt: skip


def test_a_mistake_of_ours_gets_a_page_that_tells_nothing(client, send_form, student, monkeypatch,
                                                          log):  # fmt: skip
    message = "reading_score 70 of Ann"

    def describe(*_):
        raise RuntimeError(message)

    monkeypatch.setattr("src.web.pages.routes.describe", describe)
    response = send_form(student)
    assert (response.status_code, response.mimetype) == (500, "text/html")
    assert "Something went wrong" in response.text
    assert "Ann" not in response.text + log.text
    assert "RuntimeError" not in response.text


@pytest.mark.parametrize("path", ["/", "/predict"])
def test_without_a_model_the_page_says_how_to_train_one(empty_client, path):
    for response in (empty_client.get(path), empty_client.post(path, data={"a": "b"})):
        assert (response.status_code, response.mimetype) == (503, "text/html")
        assert "No model yet" in response.text
        assert "python -m src.pipelines.train_pipeline" in response.text


@pytest.mark.parametrize("content", [b"", b"garbage", None])
def test_with_a_damaged_model_the_page_and_readiness_say_why(make_app, own_artifacts, content):
    """M1."""
    (run,) = (own_artifacts / "runs").iterdir()
    model = run / "model.pkl"
    model.write_bytes(model.read_bytes()[:100] if content is None else content)
    client = make_app(artifacts_dir=own_artifacts).test_client()
    page = client.get("/")
    assert (page.status_code, page.mimetype) == (503, "text/html")
    assert "The model cannot be used" in page.text
    assert "model.pkl of run" in page.text
    ready = client.get("/ready")
    assert ready.status_code == 503
    assert "model.pkl of run" in ready.get_json()["error"]
    assert client.get("/health").status_code == 200


def test_readiness_names_the_problem_while_the_last_good_model_serves(
    make_app, own_artifacts, student, predictor
):
    """M1."""
    client = make_app(artifacts_dir=own_artifacts).test_client()
    (own_artifacts / "manifest.json").write_text("garbage")
    assert client.post("/predict", json=student).status_code == 200
    body = client.get("/ready").get_json()
    assert body["model_version"] == predictor.run.run_id
    assert "manifest.json is damaged" in body["problem"]


def test_nothing_that_a_person_enters_is_logged(client, send_form, student, log):
    """H8."""
    log.set_level("DEBUG")
    secrets = {"reading_score": "61.625", "lunch": "zzsecretzz"}
    send_form(student | {"reading_score": "61.625"})
    send_form(student | secrets)
    client.post("/predict", json=student | secrets)
    client.get("/nowhere?reading_score=61.625&lunch=zzsecretzz")
    assert not [value for value in secrets.values() if value in log.text]


def test_the_style_sheet_is_small_and_asks_nothing_of_others(client):
    with client.get("/static/style.css") as response:
        style = response.text
    assert len(style) < 18_000
    assert "http" not in style
    assert "@import" not in style
    for path in ("/static/favicon.svg", "/static/app.js"):
        with client.get(path) as response:
            assert response.status_code == 200
