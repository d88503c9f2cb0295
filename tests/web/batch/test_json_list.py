"""A file that the API answers with the list of the class page."""

from __future__ import annotations

import csv
import io

import pytest

from src.web.batch import downloads
from tests.web.batch.test_class_page import CLASS, EDGE, HEADER, names, page, send  # noqa: F401
from tests.web.batch.test_routes import API, NAMES, OTHER, table


@pytest.fixture
def ask(client):
    def ask(query: str = "pass_mark=60", rows=CLASS):
        content = table(*rows, header=HEADER).encode()
        return client.post(f"{API}?list=1&{query}", data=content, content_type="text/csv")

    return ask


def test_it_has_the_order_and_tags_of_the_class_page(ask, client, send, page):  # noqa: F811
    body = ask().get_json()
    assert [CLASS[one["row"] - 1][0] for one in body["students"]] == names(page(send()))
    assert [one["tag"] for one in body["students"]] == ["at_risk", "borderline", None, None]
    assert (body["n_at_risk"], body["n_borderline"]) == (1, 1)
    low, high = body["likely"]
    assert 0 <= low <= high <= 4


def test_its_file_is_that_of_the_other_answer_to_the_last_digit(ask, client):
    rows = [*CLASS, [""] * len(HEADER), ("Ünal", "dog", *OTHER[1:])]
    content = table(*rows, header=HEADER).encode()
    plain = client.post(f"{API}?pass_mark=60", data=content, content_type="text/csv")
    body = ask(rows=rows).get_json()
    assert body["file"] == plain.text
    assert (body["n_predicted"], body["n_refused"], body["n_skipped"]) == (4, 1, 1)
    chances = [row["chance_below_pass_mark"] for row in csv.DictReader(io.StringIO(plain.text))]
    for one in body["students"]:
        assert str(one["chance"]) == chances[one["row"] - 1]


def test_its_reasons_are_what_the_predictor_says(ask, predictor):
    ben, cem, anna, _ = ask().get_json()["students"]
    record = dict(zip(NAMES, OTHER, strict=True))
    found = predictor.explain(predictor.predict_record(record).values)
    assert ben["reasons"]
    for reason in ben["reasons"]:
        assert reason["adds"] == found.values[reason["feature"]] < 0
        assert str(reason["value"]).removesuffix(".0") == str(record[reason["feature"]])
    assert cem["reasons"] is not None
    assert anna["reasons"] is None


def test_of_whom_the_model_knows_little_it_says_why(ask):
    beyond = ("Eva", *EDGE[:5], "100", "0")
    (eva,) = [one for one in ask(rows=[*CLASS, beyond]).get_json()["students"] if one["row"] == 5]
    assert {"feature": "writing_score", "value": 0.0} in eva["doubts"]


def test_without_a_mark_nobody_is_tagged(ask):
    body = ask("").get_json()
    assert body["n_at_risk"] is body["likely"] is None
    assert {one["tag"] for one in body["students"]} == {None}
    assert {one["chance"] for one in body["students"]} == {None}


def test_a_list_is_either_asked_for_or_not(client, ask):
    assert client.post(f"{API}?list=2", data=b"a,b\n1,2\n").status_code == 422
    content = table(*CLASS, header=HEADER)
    answer = client.post(f"{API}?list=0", data=content, content_type="text/csv")
    assert answer.mimetype == "text/csv"


def test_a_long_file_is_answered_in_pieces(ask, monkeypatch, client):
    """Pieces end between characters: what is no ASCII stays whole."""
    from src.web.batch import json_list

    expected = ask().get_json()["file"]
    monkeypatch.setattr(json_list, "PIECE", 3)
    assert ask().get_json()["file"] == expected
    monkeypatch.setattr(downloads, "EXPLAIN_S", -1.0)
    assert ask().get_json()["students"][0]["reasons"] is None
