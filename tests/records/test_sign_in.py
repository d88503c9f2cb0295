"""Who may look: one password, limited attempts, short sessions, or a trusted proxy's word."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash

from src.records.tables import event
from src.web.middleware import sign_in as middleware
from tests.records.conftest import KEY
from tests.records.test_app import kept

PASSWORD = "a password of the tests"
HASH = generate_password_hash(PASSWORD, "scrypt:1024:8:1")  # a cheap one: there are many here
SIGN_IN = {"operator_password_hash": HASH, "secret_key": KEY}


@pytest.fixture
def app(make_app, sample_artifacts):
    return make_app(sample_artifacts, **SIGN_IN)


@pytest.fixture
def client(app) -> FlaskClient:
    return app.test_client()


def sign_in(client: FlaskClient, password: str = PASSWORD, **values: str):
    return client.post("/sign-in", data={"password": password, **values})


def test_the_page_asks_for_the_password_and_then_goes_where_one_wanted(client):
    asked = client.get("/records")
    assert asked.status_code == 303
    assert asked.headers["Location"] == "/sign-in?next=%2Frecords"
    assert 'value="/records"' in client.get(asked.headers["Location"]).get_data(as_text=True)
    let_in = sign_in(client, next="/records")
    assert (let_in.status_code, let_in.headers["Location"]) == (303, "/records")
    assert client.get("/records").status_code == 200


@pytest.mark.parametrize("there", ["https://evil.example", "//evil.example", "/\\evil", "x", ""])
def test_nobody_is_sent_to_another_site_after_signing_in(client, there):
    assert sign_in(client, next=there).headers["Location"] == "/"


def test_a_wrong_password_is_refused_and_uploads_stay_closed(client):
    refused = sign_in(client, "another password")
    assert refused.status_code == 422
    assert "This is not the password." in refused.get_data(as_text=True)
    assert client.post("/records", data={}).status_code == 401


def test_attempts_are_limited_whatever_is_tried(client):
    answers = [sign_in(client, f"try {i}").status_code for i in range(7)]
    assert answers == [422] * 5 + [429] * 2
    assert sign_in(client).status_code == 429, "the right one has to wait too"


def test_all_together_are_limited_too(app, monkeypatch):
    statuses = [
        app.test_client().post(
            "/sign-in", data={"password": "x"}, environ_base={"REMOTE_ADDR": f"192.0.2.{i}"}
        ).status_code
        for i in range(31)
    ]  # fmt: skip
    assert statuses == [422] * 30 + [429]


def test_the_cookie_is_signed_short_and_for_this_site_alone(client):
    """H2."""
    cookie = sign_in(client).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Expires=" in cookie
    assert "Secure" not in cookie
    over_https = client.post(
        "/sign-in", data={"password": PASSWORD}, base_url="https://localhost"
    ).headers["Set-Cookie"]
    assert "Secure" in over_https
    assert PASSWORD not in cookie
    signed = cookie.partition(";")[0].partition("=")[2]
    *_, moment, signature = signed.split(".")  # a packed payload begins with a point, too
    client.delete_cookie("session")
    client.set_cookie("session", f"eyJvcGVyYXRvciI6IngifQ.{moment}.{signature}")
    assert client.get("/records").status_code == 303


def test_a_session_ends_after_half_an_hour_and_with_a_new_password(
    make_app, sample_artifacts, client, monkeypatch
):  # fmt: skip
    sign_in(client)
    cookie = client.get_cookie("session").value
    other = make_app(
        sample_artifacts,
        operator_password_hash=generate_password_hash("a new one", "scrypt:1024:8:1"),
        secret_key=KEY,
    ).test_client()
    other.set_cookie("session", cookie)
    assert other.get("/records").status_code == 303
    later = middleware.time.time() + 31 * 60
    monkeypatch.setattr(middleware.time, "time", lambda: later)
    assert client.get("/records").status_code == 303


def test_signing_out_closes_the_page(client):
    sign_in(client)
    assert client.post("/sign-out").status_code == 303
    assert client.get("/records").status_code == 303


def test_without_a_way_to_sign_in_the_page_says_how_to_make_one(make_app, sample_artifacts):
    answer = make_app(sample_artifacts).test_client().get("/records")
    assert answer.status_code == 403
    assert "python -m src.web.middleware.sign_in" in answer.get_data(as_text=True)
    assert "Set-Cookie" not in answer.headers


def test_all_pages_can_be_put_behind_the_sign_in(make_app, sample_artifacts, student):
    app = make_app(sample_artifacts, require_sign_in=True, **SIGN_IN)
    client = app.test_client()
    for path in ("/", "/model", "/batch", "/docs"):
        assert client.get(path).headers["Location"].startswith("/sign-in?next="), path
    for path in ("/health", "/ready", "/static/style.css", "/sign-in"):
        with client.get(path) as answer:
            assert answer.status_code == 200, path
    assert client.post("/api/v1/predict", json=student).status_code == 401
    assert client.post("/predict", json=student).status_code == 401
    assert client.get("/openapi.json").status_code in (303, 401)
    sign_in(client)
    assert client.get("/").status_code == 200
    assert client.post("/api/v1/predict", json=student).status_code == 200


def test_programs_with_a_good_key_need_no_sign_in(make_app, sample_artifacts, student):
    from src.utils import sha256

    app = make_app(sample_artifacts, require_sign_in=True, api_keys=sha256(b"good key"), **SIGN_IN)
    client = app.test_client()
    good = {"Authorization": "Bearer good key"}
    assert client.post("/api/v1/predict", json=student, headers=good).status_code == 200
    assert client.get("/api/v1/metrics", headers=good).status_code == 200
    bad = {"Authorization": "Bearer bad key"}
    assert client.post("/api/v1/predict", json=student, headers=bad).status_code == 401


USER = {"trusted_user_header": "X-User", "trusted_proxies": 1}


def test_a_trusted_proxy_s_word_opens_the_page_and_nobody_else_s(make_app, sample_artifacts):
    client = make_app(sample_artifacts, **USER).test_client()

    def ask(peer: str, **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.get("/records", headers=named, environ_base={"REMOTE_ADDR": peer}).status_code

    by_proxy = {"X_User": "anna", "X_Forwarded_For": "203.0.113.9"}
    assert ask("127.0.0.1", **by_proxy) == 200
    assert ask("10.0.0.7", **by_proxy) == 200
    assert ask("8.8.8.8", X_User="anna", X_Forwarded_For="127.0.0.1") == 401
    assert ask("127.0.0.1", X_User="anna") == 401, "not by a proxy"
    assert ask("127.0.0.1", X_Forwarded_For="203.0.113.9") == 401, "nobody signed in there"


def test_sign_ins_are_noted_with_no_password(app, client):
    sign_in(client, "a wrong secret word")
    sign_in(client)
    rows = kept(app, event)
    assert [row["kind"] for row in rows] == ["sign-in refused", "sign-in"]
    assert "secret word" not in str(rows)


def test_without_a_password_no_cookie_is_set_by_anything(make_app, sample_artifacts, student):
    """H2."""
    client = make_app(sample_artifacts).test_client()
    for answer in (client.get("/"), client.post("/", data=student), client.get("/sign-in")):
        assert "Set-Cookie" not in answer.headers


def test_the_command_makes_a_hash_that_opens(monkeypatch, capsys):
    from werkzeug.security import check_password_hash

    monkeypatch.setattr(middleware.getpass, "getpass", lambda prompt: PASSWORD)
    assert middleware.main() == 0
    made = capsys.readouterr().out.strip().removeprefix("OPERATOR_PASSWORD_HASH='").rstrip("'")
    assert check_password_hash(made, PASSWORD)
    monkeypatch.setattr(middleware.getpass, "getpass", lambda prompt: "short")
    assert middleware.main() == 2
