"""The page in Streamlit's own test, asking a real back end."""

from __future__ import annotations

import csv
import hashlib
import io
import json

import openpyxl
import pytest

from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig
from tests.web.conftest import Server, run_gunicorn, workbook

pytestmark = pytest.mark.e2e
API = "/api/v1"


def widget(page, kind: str, label: str):
    (found,) = [one for one in getattr(page, kind) if one.label == label]
    return found


def choice(page, name: str):
    (found,) = [one for one in page.button_group if str(one.key).endswith(f":{name}")]
    return found


def number(page, label: str) -> float:
    return float(widget(page, "metric", label).value.split()[0])


def entered(page, server: Server) -> dict[str, object]:
    """Return the record that the page's inputs make up."""
    schema = server.ask(f"{API}/schema").json
    version, names = schema["model_version"], [feature["name"] for feature in schema["features"]]
    return {name: page.session_state[f"{version}:{name}"] for name in names}


def answered(server: Server, record: dict[str, object]) -> dict:
    return server.post_json(f"{API}/predict", record).json


def students(*changes: dict[str, object], base: dict[str, object]) -> list[list[object]]:
    names = list(dict.fromkeys(["name", *base, *(name for one in changes for name in one)]))
    rows = [{"name": f"Student {i}", **base, **change} for i, change in enumerate(changes)]
    return [names, *([row[name] for name in names] for row in rows)]


def as_csv(rows: list[list[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


# ---------------------------------------------------------------- one student


def test_the_inputs_are_those_of_the_schema(open_page, back_end):
    page = open_page(back_end.url)
    schema = back_end.ask(f"{API}/schema").json
    offered = {one.key.split(":")[1]: one for kind in ("button_group", "selectbox", "slider")
               for one in getattr(page, kind) if ":" in str(one.key)}  # fmt: skip
    assert set(offered) == {feature["name"] for feature in schema["features"]}
    for feature in schema["features"]:
        one = offered[feature["name"]]
        if feature["kind"] == "numeric":
            assert (one.min, one.max) == (feature["minimum"], feature["maximum"])
        else:
            assert list(one.options) == feature["categories"]


def test_the_prediction_follows_a_slider(open_page, back_end):
    page = open_page(back_end.url)
    before = number(page, "Predicted Math score")
    first = answered(back_end, entered(page, back_end))
    assert before == pytest.approx(first["prediction"], abs=0.05)
    widget(page, "slider", "Reading score (points)").set_value(20).run()
    after = answered(back_end, entered(page, back_end))
    assert number(page, "Predicted Math score") == pytest.approx(after["prediction"], abs=0.05)
    assert number(page, "Predicted Math score") < before - 1
    low, high = after["intervals"]["0.9"]
    assert f"between {low:.0f} and {high:.0f} points" in " ".join(m.value for m in page.markdown)


def test_what_if_stands_beside_the_first_answer(open_page, back_end):
    page = open_page(back_end.url)
    first = number(page, "Predicted Math score")
    widget(page, "button", "Keep to compare").click().run()
    assert (number(page, "First answer"), number(page, "Now")) == (first, first)
    choice(page, "test_preparation_course").set_value("completed").run()
    now = answered(back_end, entered(page, back_end))["prediction"]
    assert number(page, "First answer") == first
    assert number(page, "Now") == pytest.approx(now, abs=0.05)
    assert float(widget(page, "metric", "Now").delta) == pytest.approx(now - first, abs=0.1)
    (changed,) = page.table
    assert changed.value.to_dict("index") == {
        "Test preparation course": {"First answer": "none", "Now": "completed"}
    }
    widget(page, "button", "Stop comparing").click().run()
    assert number(page, "Predicted Math score") == pytest.approx(now, abs=0.05)


# ---------------------------------------------------------------- a class


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_class_comes_back_with_predictions_and_problems(open_page, back_end, student, kind):
    rows = students({}, {"reading_score": 10, "writing_score": 10}, {"gender": "dog"}, base=student)
    content = as_csv(rows) if kind == "csv" else workbook(rows)
    page = open_page(back_end.url)
    widget(page, "number_input", "Pass mark (points)").set_value(50.0).run()
    page.file_uploader[0].set_value((f"class.{kind}", content, "application/octet-stream")).run()
    assert not page.exception
    figures = {one.label: one.value for one in page.metric}
    assert (figures["Students"], figures["At risk"], figures["Refused rows"]) == ("3", "1", "1")
    everyone, at_risk, refused = (
        next(t for t in page.dataframe if len(t.value) == n and ("prediction" in t.value) == has)
        for n, has in ((3, True), (1, True), (1, False))
    )
    good = answered(back_end, student)["prediction"]
    assert everyone.value["prediction"][0] == pytest.approx(good)
    assert at_risk.value["name"].tolist() == ["Student 1"]
    assert any("of those on it did score below" in one.value for one in page.caption)
    assert "dog" in refused.value["problem"].iloc[0]
    mean = (good + at_risk.value["prediction"].iloc[0]) / 2
    assert float(figures["Mean prediction"].split()[0]) == pytest.approx(mean, abs=0.05)


def test_what_was_mended_and_left_out_is_told_and_a_sheet_can_be_chosen(
    open_page, back_end, student
):
    names = list(student)
    book = openpyxl.Workbook()
    book.active.title = "7a"
    for sheet, gender in ((book.active, "Female"), (book.create_sheet("7b"), "male")):
        total = ["Average", *[None] * (len(names) - 3), 70, 70]
        for row in (names, list((student | {"gender": gender}).values()), total):
            sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    page = open_page(back_end.url)
    page.file_uploader[0].set_value(("class.xlsx", content.getvalue(), "application/x")).run()
    assert not page.exception
    figures = {one.label: one.value for one in page.metric}
    assert (figures["Students"], figures["Refused rows"]) == ("1", "0")
    (said,) = (one.value for one in page.info if "read as" in one.value)
    assert said.startswith("1 cell was read as what it clearly means")
    assert said.endswith("1 row is no student: left out.")
    widget(page, "selectbox", "The workbook has 2 sheets. Read:").set_value("").run()
    assert not page.exception
    assert {one.label: one.value for one in page.metric}["Students"] == "2"


def test_the_table_is_filtered(open_page, back_end, student):
    content = as_csv(students({}, {"gender": "male"}, base=student))
    page = open_page(back_end.url)
    page.file_uploader[0].set_value(("class.csv", content, "text/csv")).run()
    widget(page, "text_input", "Text in any column").set_value("student 1").run()
    assert "1 of 2 students" in [one.value for one in page.caption]
    widget(page, "text_input", "Text in any column").set_value("").run()
    widget(page, "multiselect", "Columns").set_value(["gender"]).run()
    widget(page, "multiselect", "gender").set_value(["male"]).run()
    assert "1 of 2 students" in [one.value for one in page.caption]


def test_a_file_that_has_a_column_called_prediction_is_predicted_beside_it(
    open_page, back_end, student
):
    rows = students({"prediction": "pass"}, base=student)
    page = open_page(back_end.url)
    widget(page, "number_input", "Pass mark (points)").set_value(50.0).run()
    page.file_uploader[0].set_value(("class.csv", as_csv(rows), "text/csv")).run()
    assert not page.exception
    (shown,) = [one.value for one in page.dataframe if "prediction" in one.value]
    assert shown["prediction"].tolist() == pytest.approx(
        [answered(back_end, student)["prediction"]]
    )
    assert shown["prediction "].tolist() == ["pass"]


def test_a_file_that_is_no_class_is_refused_in_the_back_ends_words(open_page, back_end):
    page = open_page(back_end.url)
    page.file_uploader[0].set_value(("class.csv", b"a,b\n1,2\n", "text/csv")).run()
    assert not page.exception
    assert "gender" in " ".join(one.value for one in page.error)


# ---------------------------------------------------------------- the model


def test_the_model_is_described_as_the_api_does(open_page, back_end):
    page, model = open_page(back_end.url), back_end.ask(f"{API}/model").json
    held_out = model["metrics"]["held_out"]
    assert number(page, "R²") == pytest.approx(held_out["r2"]["value"], abs=5e-4)
    assert number(page, "RMSE") == pytest.approx(held_out["rmse"]["value"], abs=5e-3)
    assert f"{held_out['mae']['low']:.2f} to" in " ".join(one.value for one in page.caption)
    (leaderboard,) = [one.value for one in page.dataframe if "rmse" in one.value]
    assert leaderboard["name"].tolist() == [r["label"] for r in model["metrics"]["leaderboard"]]
    said = " ".join(one.value for one in page.markdown)
    assert all(sentence in said for sentence in model["report"]["fairness"]["sentences"])
    drawn = [json.loads(one.proto.spec)["title"]["text"] for one in page.get("vega_lite_chart")]
    assert drawn == [
        "Among the students of training", "What moves this prediction", "R² in cross-validation",
        "What the model relies on", drawn[4], "Errors by group, with 95 % intervals",
    ]  # fmt: skip
    assert drawn[4].startswith("Prediction by ")


def test_the_axis_of_mean_errors_says_which_way_the_apis_numbers_point(open_page, back_end):
    page, report = open_page(back_end.url), back_end.ask(f"{API}/model").json["report"]
    (drawn,) = [
        one.proto.spec for one in page.get("vega_lite_chart") if "Errors by" in one.proto.spec
    ]
    called, value = next(
        (one["values"]["group"], one["values"]["value"]) for one in report["fairness"]["findings"]
        if one["kind"] == "mean_error_differs"
    )  # fmt: skip
    said = next(one for one in report["fairness"]["sentences"] if called in one)
    too_high = "too high" in said.partition(" on average")[0]
    assert ("above zero: too low" in drawn) == (too_high == (value < 0))


# ---------------------------------------------------------------- trouble


def trouble(page) -> str:
    (error,) = [one.value for one in page.error]
    assert [one.label for one in page.button] == ["Try again"]
    return error


def test_a_stopped_back_end_is_said_and_asked_again(
    open_page, sample_artifacts, tmp_path, free_port
):
    url, settings = f"http://127.0.0.1:{free_port}", {"ARTIFACTS_DIR": str(sample_artifacts)}
    with run_gunicorn(tmp_path / "one", "--bind", f"127.0.0.1:{free_port}", **settings):
        page = open_page(url)
        assert number(page, "Predicted Math score") > 0
    widget(page, "slider", "Reading score (points)").set_value(20).run()
    assert "not answering" in trouble(page)
    with run_gunicorn(tmp_path / "two", "--bind", f"127.0.0.1:{free_port}", **settings):
        widget(page, "button", "Try again").click().run()
        assert not page.error
        assert number(page, "Predicted Math score") > 0


def test_a_back_end_without_a_model_is_said(open_page, tmp_path):
    with run_gunicorn(tmp_path, ARTIFACTS_DIR=str(tmp_path / "none")) as server:
        assert "There is no model yet" in trouble(open_page(server.url))


def test_the_key_is_sent_and_a_wrong_one_is_said(open_page, sample_artifacts, tmp_path):
    settings = {
        "ARTIFACTS_DIR": str(sample_artifacts),
        "API_KEYS": hashlib.sha256(b"right").hexdigest(),
    }
    with run_gunicorn(tmp_path, **settings) as server:
        assert number(open_page(server.url, key="right"), "Predicted Math score") > 0
        for key in ("wrong", ""):
            assert "refuses the key" in trouble(open_page(server.url, key=key))


def test_a_limit_of_requests_is_said(open_page, sample_artifacts, tmp_path):
    settings = {"ARTIFACTS_DIR": str(sample_artifacts), "RATE_LIMIT": "2"}
    with run_gunicorn(tmp_path, **settings) as server:
        open_page(server.url)
        assert "Too many requests" in trouble(open_page(server.url))


def test_another_program_at_the_address_is_said(open_page, tmp_path):
    with run_gunicorn(tmp_path, app="tests.frontend.stranger:application") as server:
        assert "Something else answers" in trouble(open_page(server.url))


# ---------------------------------------------------------------- any table


def test_another_table_makes_another_page(open_page, real_table, tmp_path):
    artifacts = tmp_path / "artifacts"
    config = TrainConfig(
        data=str(real_table("uci_mat.csv")), target="G3", models=("ridge",), artifacts=artifacts,
        budget="quick",
    )  # fmt: skip
    TrainPipeline(config).run()
    with run_gunicorn(tmp_path / "log", ARTIFACTS_DIR=str(artifacts)) as server:
        page = open_page(server.url)
        record = entered(page, server)
        assert len(record) == 32
        expected = answered(server, record)["prediction"]
        assert number(page, "Predicted G3") == pytest.approx(expected, abs=0.05)
        assert "was not measured" in " ".join(one.value for one in page.info)  # quick: no report
        findings = server.ask(f"{API}/model").json["findings"]
        assert findings
        shown = " ".join(one.value for one in (*page.markdown, *page.warning)).replace("\\", "")
        assert [one["message"] for one in findings if one["message"] not in shown] == []
