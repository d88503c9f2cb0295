"""The language of a page: chosen, asked for, or English; never one of another request."""

from __future__ import annotations

import json

import pytest

from src.language import ENGLISH, current

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5", "Accept": "text/html"}


def head_of(response) -> str:
    return response.get_data(as_text=True)[:200]


@pytest.mark.parametrize(
    ("wish", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("en-GB,en;q=0.9,de;q=0.8", "en"),
        ("fi,es-MX;q=0.4", "es"),
        ("fi", "en"),
        ("*", "en"),
        ("de" * 200, "en"),
        (";;q=x,\N{SNOWMAN}".encode().decode("latin1"), "en"),
    ],
)
def test_a_page_speaks_what_the_browser_likes_best(client, wish, language) -> None:
    response = client.get("/", headers={"Accept-Language": wish})
    assert f'<html lang="{language}" dir="ltr">' in head_of(response)
    assert response.headers["Content-Language"] == language
    assert response.headers["Vary"] == "Accept-Language, Cookie"
    assert current() == ENGLISH  # the thread answers others, too


def test_what_was_chosen_counts_before_what_the_browser_likes(client) -> None:
    asking = {"Referer": "http://localhost/model?x=1"}
    response = client.post("/language/fr", headers=asking)
    assert (response.status_code, response.location) == (303, "/model?x=1")
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("language=fr;")
    assert {"HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
    assert '<html lang="fr"' in head_of(client.get("/", headers=GERMAN))
    client.set_cookie("language", "xx")
    assert '<html lang="de"' in head_of(client.get("/", headers=GERMAN))
    assert client.post("/language/xx").status_code == 404


@pytest.mark.parametrize(
    "referrer", ["", "http://localhost//elsewhere.example", "http://[", "http://localhost/nowhere"]
)
def test_who_chooses_a_language_stays_on_this_server(client, referrer) -> None:
    response = client.post("/language/de", headers={"Referer": referrer})
    assert (response.status_code, response.location) == (303, "/")


def test_the_answers_come_along_to_another_language(client, student) -> None:
    sent = client.post("/", data=student, headers=GERMAN)
    assert 'form="form" formaction="/language/fr"' in sent.get_data(as_text=True)
    asking = {"Referer": "http://localhost/"}
    response = client.post("/language/fr", data=student, headers=asking)
    assert (response.status_code, response.location) == (307, "/#answer")  # the form again
    page = client.post("/", data=student, headers=GERMAN)
    assert '<html lang="fr"' in head_of(page)
    assert 'class="result"' in page.get_data(as_text=True)


def test_the_switch_keeps_where_the_app_is_mounted(client) -> None:
    mounted = {"environ_overrides": {"SCRIPT_NAME": "/school"}}
    page = client.get("/", **mounted).get_data(as_text=True)
    assert 'formaction="/school/language/de"' in page
    asking = {"Referer": "http://localhost/school/model"}
    response = client.post("/language/de", headers=asking, **mounted)
    assert response.location == "/school/model"


def test_programs_are_answered_in_english(client, student) -> None:
    """API messages stay English, whatever a browser asks for, and so do health and documents."""
    client.set_cookie("language", "de")
    for path in ("/api/v1/schema", "/openapi.json", "/health", "/ready", "/static/style.css"):
        with client.get(path, headers=GERMAN) as german, client.get(path) as plain:
            assert "Content-Language" not in german.headers
            assert german.data == plain.data
    wrong = json.dumps(student | {"reading_score": "ninety"})
    for path in ("/api/v1/predict", "/api/v1/predict?contributions=1", "/"):
        response = client.post(path, data=wrong, content_type="application/json", headers=GERMAN)
        assert response.get_json()["errors"][0]["message"].startswith("reading_score must be a num")
