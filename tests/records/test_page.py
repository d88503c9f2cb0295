"""The page on what came true, in all its states, and the upload of outcomes with mistakes."""

from __future__ import annotations

import io
import json
import re
import sqlite3
from base64 import b64decode
from itertools import cycle

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from benchmarks.threaded import served
from src.artifact_store import ArtifactStore
from src.records.database import migrate, open_engine
from src.records.report import make_report
from src.records.tables import outcome
from src.records.terms import Terms
from src.schema.record import Schema
from src.web.records import routes
from tests.records.conftest import KEY
from tests.records.test_drift import a_look
from tests.records.test_shadow import a_challenge
from tests.records.test_sign_in import HASH, PASSWORD, SIGN_IN, sign_in
from tests.records.worlds import a_prediction, a_school, come_true, put
from tests.sampling import first
from tests.web.chromium import violations, watched
from tests.web.conftest import run_gunicorn

TERMS = Terms("02-01, 08-01")


@pytest.fixture
def engine(make_url):
    engine = open_engine(make_url("sqlite"), patient=True)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def schema(sample_artifacts) -> Schema:
    run = ArtifactStore(sample_artifacts, "").promoted()
    return Schema.from_dict(run.read_json("schema.json"))


@pytest.fixture
def client(make_app, sample_artifacts) -> FlaskClient:
    """Return a client that signed in."""
    client = make_app(sample_artifacts, **SIGN_IN).test_client()
    sign_in(client)
    return client


def text_of(client: FlaskClient) -> str:
    return client.get("/records").get_data(as_text=True).replace("\xa0", " ")


def upload(client: FlaskClient, content: str, name: str = "results.csv", **fields: str):
    given = {"file": (io.BytesIO(content.encode()), name), **fields}
    return client.post("/records", data=given, content_type="multipart/form-data")


def test_before_the_first_report_the_page_says_where_it_comes_from(client):
    assert "There is no report yet. Upload outcomes below" in text_of(client)


def test_the_page_draws_the_stored_report_and_computes_nothing(engine, schema, client, monkeypatch):
    a_school(engine, known=0.8)
    make_report(engine, schema, TERMS)
    monkeypatch.setitem(__import__("sys").modules, "numpy", None)
    text = text_of(client)
    assert "are missing: what is here may flatter." in text
    assert "typical error: the mean of all, without their sign" in text
    assert "Pupils of a class are alike, so the ranges count classes" in text
    assert re.search(r"Of the 2\d with the largest chance, \d+ scored below the pass mark", text)
    assert text.count("<circle") == 8
    assert "class 11" in text


def test_too_few_outcomes_give_a_sentence_in_place_of_figures(engine, schema, client):
    put(engine, [a_prediction("1")])
    make_report(engine, schema, TERMS)
    assert "Outcomes of 0 are known. There are figures from 10 on." in text_of(client)


def test_a_database_that_does_not_answer_is_said_on_the_page(client, tmp_path):
    (tmp_path / "records.db").unlink(missing_ok=True)
    (tmp_path / "records.db").mkdir()
    answer = client.get("/records")
    assert answer.status_code == 200
    text = answer.get_data(as_text=True)
    assert "does not answer. Predictions go on" in text
    assert "Nobody has looked yet" not in text  # that is not known


def test_uploaded_outcomes_are_counted_and_the_report_is_made_anew(engine, client, tmp_path):
    put(engine, [a_prediction(f"P{i}") for i in range(12)])
    rows = "".join(f"P{i};6{i % 10},5\n" for i in range(12))
    answer = upload(client, f"subject;math_score\n{rows}nobody;70\nP1;ninety\n", as_of="2026-09-30")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "The file is read: 14 rows" in text
    assert "<strong>12</strong> with a new outcome" in text
    assert "Row 14: No prediction was made of this pupil." in text
    assert "ninety" in text
    assert 'href="data:text/csv;charset=utf-8;base64,' in text
    assert "12 of 12" in text, "the report is of after the upload"
    database = sqlite3.connect(tmp_path / "records.db")
    (actor, details), *_ = database.execute("SELECT actor, details FROM event WHERE kind='import'")
    database.close()
    assert actor == "operator"
    assert json.loads(details)["matched"] == 12


@pytest.mark.parametrize(
    ("content", "name", "fields", "problem"),
    [
        ("", "", {}, routes.CHOOSE),
        ("subject,math_score\n1,70\n", "a.csv", {"as_of": "September"}, routes.DAY),
        ("name,note\nA,1\n", "a.csv", {}, "The file needs the column math_score: what came true."),
        ("subject,math_score\n1,70\n", "a.xlsx", {}, "a.xlsx"),
        ("subject,math_score\n1,70\n", "a.parquet", {}, "Parquet files are not taken here."),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(
    client, content, name, fields, problem
):
    answer = upload(client, content, name, **fields)
    assert answer.status_code == 422
    assert problem in answer.get_data(as_text=True)
    assert "Error: What came true" in answer.get_data(as_text=True)


def test_rows_that_are_mended_on_the_page_are_read_as_the_file_was(engine, client):
    put(engine, [a_prediction("ann"), a_prediction("=ben")])
    sent = b'subject,math_score,Note\nann,"72,5",kept by nobody\n=ben,what\n,,\n'
    answer = client.post("/records", data={"file": (io.BytesIO(sent), "r.csv")})
    assert "kept by nobody" not in answer.text  # of a row that was taken
    fields = re.findall(r'name="(column|cell)"[^>]*value="([^"]*)"', answer.text)
    assert fields == [("column", "subject"), ("column", "math_score"),
                      ("cell", "=ben"), ("cell", "what")]  # fmt: skip
    mended = {"column": ["subject", "math_score"], "cell": ["=ben", "61,5"]}
    assert "<strong>1</strong>" in client.post("/records/mended", data=mended).text
    with engine.connect() as connection:
        values = set(connection.execute(select(outcome.c.value)).scalars())
    assert values == {"72.5", "61.5"}
    for wrong in ({}, mended | {"cell": ["one"]}, mended | {"as_of": "in May"}):
        assert client.post("/records/mended", data=wrong).status_code == 400
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/records/mended", data=mended, headers=elsewhere).status_code == 403


def test_an_upload_from_another_site_is_refused(client):
    answer = client.post("/records", data={}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_what_was_lost_is_said_on_the_page(client, monkeypatch):
    monkeypatch.setattr(
        "src.web.recording.Recording.counts", lambda self: {"written": 1, "spooled": 0, "lost": 7}
    )
    assert "<strong>7</strong> predictions could not be kept" in text_of(client)


def check_page(page) -> None:
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.browser
def test_the_page_can_be_read_in_all_its_states(
    browser, make_app, sample_artifacts, schema, engine, tmp_path, monkeypatch
):
    def nothing() -> None:
        pass

    def too_few() -> None:
        come_true(
            engine, dict.fromkeys(put(engine, [a_prediction(f"P{i}") for i in range(9)]), "60")
        )
        make_report(engine, schema, TERMS)

    def figures() -> None:
        a_school(engine, known=0.7)
        make_report(engine, schema, TERMS)

    def drift_and_challenge() -> None:
        a_look(engine, ArtifactStore(sample_artifacts, "").promoted())
        a_challenge(engine)

    def lost() -> None:
        monkeypatch.setattr(
            "src.web.recording.Recording.counts", lambda _: {"written": 1, "spooled": 0, "lost": 7}
        )

    def down() -> None:
        engine.dispose()
        for path in tmp_path.glob("records.db*"):
            path.unlink()
        (tmp_path / "records.db").mkdir()

    states = {
        nothing: "There is no report yet", too_few: "Outcomes of 9 are known",
        figures: "What the list caught", drift_and_challenge: "Look 3 of this term",
        lost: "could not be kept", down: "does not answer",
    }  # fmt: skip
    app = make_app(sample_artifacts, **SIGN_IN)
    with served(app) as url, watched(browser, url) as visit:
        page = visit("/records", viewport={"width": 390, "height": 900})
        page.fill("#password", PASSWORD)
        page.click("button[type=submit]")
        each = cycle([(390, "light"), (1280, "dark")])
        for (enter, words), (width, scheme) in zip(states.items(), each, strict=False):
            enter()
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            page.goto(f"{url}/records")
            assert words in page.inner_text("main").replace("\xa0", " ")
            check_page(page)


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), first(1, [(390, "light"), (1280, "dark")]))
def test_in_a_browser_one_signs_in_and_uploads_outcomes_with_mistakes(
    browser, sample_artifacts, schema, engine, tmp_path, width, scheme
):
    a_school(engine, n_groups=3)
    make_report(engine, schema, TERMS)
    results = tmp_path / "results.csv"
    results.write_text("subject,math_score\n0-1,66\nnobody,70\n0-2,ninety\n")
    with (
        run_gunicorn(
            tmp_path / "server", ARTIFACTS_DIR=str(sample_artifacts), RECORDS_KEY=KEY,
            RECORDS_URL=str(engine.url), OPERATOR_PASSWORD_HASH=HASH, SECRET_KEY=KEY,
        ) as server,
        watched(browser, server.url) as visit,
    ):  # fmt: skip
        page = visit("/records", viewport={"width": width, "height": 900}, color_scheme=scheme)
        check_page(page)
        page.fill("#password", "not the password")
        page.click("button[type=submit]")
        page.wait_for_selector("#password-error")
        check_page(page)
        page.fill("#password", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_selector("#upload")
        check_page(page)
        page.click("#upload button[type=submit]")
        page.wait_for_selector("#file-error")
        page.set_input_files("#file", str(results))
        page.click("#upload button[type=submit]")
        page.wait_for_selector("#not-taken")
        assert page.locator("#answer li").first.inner_text() == (
            "1 with another outcome than was known"
        )
        held = page.locator("a[download]").get_attribute("href").partition("base64,")[2]
        assert "nobody,70,No prediction" in b64decode(held).decode("utf-8-sig")
        check_page(page)
        page.locator("table.problems tr", has_text="ninety").get_by_label("math_score").fill("90")
        page.get_by_role("button", name="Send the rows again").click()
        page.get_by_role("heading", name="The file is read: 2 rows").wait_for()
        left = page.locator("table.problems tbody tr")
        assert left.count() == 1  # the other one is taken
        assert left.get_by_label("subject").input_value() == "nobody"
        check_page(page)
        page.click("text=Sign out")
        page.wait_for_selector("#password")
