"""The page in Streamlit's own test, asking a real back end."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from html import unescape

import openpyxl
import pytest

from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig
from src.stats.poisson_binomial import count_range
from tests.web.conftest import Server, multipart, run_gunicorn, workbook

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


def with_example(page):
    """Let the page fill in an example, as somebody does who tries it out."""
    widget(page, "button", "Fill in an example").click().run()
    assert not page.exception
    return page


def listed(page) -> list[list[str]]:
    """Return the cells of the list of students, row by row."""
    (table,) = [one.value for one in page.get("html") if "<table" in one.value]
    body = table.partition("<tbody>")[2]
    return [
        [unescape(re.sub("<[^>]*>", " ", cell)).strip() for cell in re.split("</t[hd]>", row)[:-1]]
        for row in body.split("<tr")[1:]
    ]


def names(page) -> list[str]:
    return [row[1] for row in listed(page)]


def send(page, content: bytes, name: str = "class.csv"):
    page.file_uploader[0].set_value((name, content, "application/octet-stream")).run()
    assert not page.exception
    return page


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
    offered = {one.key.split(":")[1]: one for kind in ("button_group", "selectbox", "number_input")
               for one in getattr(page, kind) if ":" in str(one.key)}  # fmt: skip
    assert set(offered) == {feature["name"] for feature in schema["features"]}
    for feature in schema["features"]:
        one = offered[feature["name"]]
        if feature["kind"] == "numeric":
            assert (one.min, one.max) == (feature["minimum"], feature["maximum"])
        else:
            assert list(one.options) == feature["categories"]


def test_nothing_is_predicted_before_a_person_answered(open_page, back_end):
    """18: the page once predicted a student whom nobody had described."""
    page, schema = open_page(back_end.url), back_end.ask(f"{API}/schema").json
    predicted = [one.label for one in page.metric if "Predicted" in one.label]
    assert predicted == []
    assert set(entered(page, back_end).values()) == {None}
    assert "Answer the questions: a prediction follows." in said(page.info)
    record = answers(schema)
    *first, last = record
    for name in first:
        page.session_state[f"{schema['model_version']}:{name}"] = record[name]
    page.run()
    assert [one.label for one in page.metric if "Predicted" in one.label] == []
    assert "1 answer is missing: Writing score." in said(page.info)
    page.session_state[f"{schema['model_version']}:{last}"] = record[last]
    page.run()
    expected = answered(back_end, record)["prediction"]
    assert number(page, "Predicted: Math score") == pytest.approx(expected, abs=0.05)


def answers(schema: dict) -> dict[str, object]:
    return {
        one["name"]: 60 if one["kind"] == "numeric" else one["categories"][-1]
        for one in schema["features"]
    }


def said(found) -> str:
    return " ".join(one.value for one in found).replace("\\", "")


def test_an_example_leaves_what_was_answered(open_page, back_end):
    page = open_page(back_end.url)
    widget(page, "number_input", "Reading score (points)").set_value(33).run()
    record = entered(with_example(page), back_end)
    assert record["reading_score"] == 33
    assert None not in record.values()


def test_the_prediction_follows_an_answer(open_page, back_end):
    page = with_example(open_page(back_end.url))
    before = number(page, "Predicted: Math score")
    first = answered(back_end, entered(page, back_end))
    assert before == pytest.approx(first["prediction"], abs=0.05)
    widget(page, "number_input", "Reading score (points)").set_value(20).run()
    after = answered(back_end, entered(page, back_end))
    assert number(page, "Predicted: Math score") == pytest.approx(after["prediction"], abs=0.05)
    assert number(page, "Predicted: Math score") < before - 1
    low, high = after["intervals"]["0.9"]
    assert f"between {low:.0f} and {high:.0f} points" in " ".join(m.value for m in page.markdown)


def test_what_if_stands_beside_the_first_answer(open_page, back_end):
    page = with_example(open_page(back_end.url))
    first = number(page, "Predicted: Math score")
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
    assert number(page, "Predicted: Math score") == pytest.approx(now, abs=0.05)


# ---------------------------------------------------------------- a class


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_class_comes_back_with_predictions_and_problems(open_page, back_end, student, kind):
    rows = students({}, {"reading_score": 10, "writing_score": 10}, {"gender": "dog"}, base=student)
    content = as_csv(rows) if kind == "csv" else workbook(rows)
    page = open_page(back_end.url)
    widget(page, "number_input", "Pass mark (points)").set_value(50.0).run()
    send(page, content, f"class.{kind}")
    figures = {one.label: one.value for one in page.metric}
    assert (figures["Students"], figures["At risk"], figures["Refused rows"]) == ("3", "1", "1")
    everyone, refused = [one.value for one in page.dataframe if "problem" in one.value]
    good = answered(back_end, student)["prediction"]
    assert everyone["prediction"][0] == pytest.approx(good)
    assert names(page) == ["Student 1", "Student 0"]
    assert "of those on it did score below" in said(page.caption)
    assert "dog" in refused["problem"].iloc[0]
    mean = (good + everyone["prediction"][1]) / 2
    assert float(figures["Mean prediction"].split()[0]) == pytest.approx(mean, abs=0.05)


CLASS = [
    {"name": "Anna", "reading_score": 88, "writing_score": 88},
    {"name": "Ben", "reading_score": 41, "writing_score": 43},
    {"name": "Cem", "reading_score": 70, "writing_score": 69},
    {"name": "Dora", "reading_score": 90, "writing_score": 5},
]


@pytest.fixture
def class_page(open_page, back_end, student):
    """Return the page with a class and the back end's own list of it."""
    content = as_csv(students(*CLASS, base=student))
    page = open_page(back_end.url)
    widget(page, "number_input", "Pass mark (points)").set_value(60.0).run()
    body, kind = multipart(content, "class.csv")
    answer = back_end.ask(f"{API}/predict/batch?list=1&pass_mark=60", body, Content_Type=kind).json
    return send(page, content), answer


def test_the_list_has_the_order_tags_and_reasons_of_the_class_page(class_page, back_end):
    """18: at risk first, then borderline, then the rest; why, in words."""
    page, answer = class_page
    rows, called = listed(page), {"at_risk": "At risk", "borderline": "Borderline", None: ""}
    assert {one["tag"] for one in answer["students"]} >= {"at_risk", "borderline", None}
    assert [row[1] for row in rows] == [CLASS[one["row"] - 1]["name"] for one in answer["students"]]
    labels = {one["name"]: one["label"] for one in back_end.ask(f"{API}/schema").json["features"]}
    for row, one in zip(rows, answer["students"], strict=True):
        assert called[one["tag"]] in row[2]
        assert ("Uncertain" in row[2]) == bool(one["doubts"])
        for reason in one["reasons"] or []:
            adds = f"{reason['adds']:+.0f}".replace("-", "−")
            assert f"{labels[reason['feature']]} {reason['value']:g}:\xa0{adds}" in row[5]
    assert f"{answer['n_at_risk']} of 4 at risk, {answer['n_borderline']} borderline" in said(
        page.markdown
    )
    low, high = answer["likely"]
    assert f"{low} to {high} will score below 60" in said(page.markdown)


def test_the_list_is_sorted_filtered_and_searched(class_page):
    page, answer = class_page
    first = [one for one in names(page) if one != "Anna"]
    needy = [one for one in answer["students"] if one["tag"] in ("at_risk", "borderline")]
    (whom,) = [one for one in page.button_group if one.key == "whom"]
    whom.set_value("risk").run()
    assert names(page) == first[: len(needy)]
    assert f"{len(needy)} of 4 students" in said(page.caption)
    whom.set_value("all").run()
    widget(page, "selectbox", "Sort by").set_value("name").run()
    assert names(page) == ["Anna", "Ben", "Cem", "Dora"]
    widget(page, "selectbox", "Sort by").set_value("down").run()
    assert names(page)[0] == "Anna"
    widget(page, "text_input", "Search").set_value("AN").run()
    assert names(page) == ["Anna"]
    widget(page, "text_input", "Search").set_value("nobody").run()
    assert not page.exception
    assert "No student fits." in said(page.info)


def test_help_for_some_marks_the_first_and_says_how_many_it_reaches(class_page):
    page, answer = class_page
    widget(page, "number_input", "I can help so many students").set_value(2).run()
    assert [" Help" in row[2] for row in listed(page)] == [True, True, False, False]
    chances = [one["chance"] for one in answer["students"][:2]]
    low, high = count_range([chance for chance in chances if chance is not None])
    high += chances.count(None)  # of whom little is known
    reached = str(low) if low == high else f"{low} to {high}"
    assert f"they are likely to hold {reached}. Next comes {names(page)[2]} (row" in said(page.info)


def test_without_a_mark_nobody_is_said_to_be_at_risk(open_page, back_end, student):
    """18: it said "At risk (0)" where nobody had said who is."""
    page = send(open_page(back_end.url), as_csv(students(*CLASS, base=student)))
    assert widget(page, "metric", "At risk").value == "not set"
    assert "At risk (0)" not in [one.label for one in page.tabs]
    assert [len(row) for row in listed(page)] == [4] * 4  # no chance, no reasons
    assert {word for row in listed(page) for word in row[2].split()[1:]} <= {"Uncertain"}


def test_blank_rows_are_no_students(open_page, back_end, case):
    """18: class7b.xlsx holds 22 pupils, two empty rows and an average."""
    page = send(
        open_page(back_end.url), case("class_lists/class7b.xlsx").read_bytes(), "class7b.xlsx"
    )
    figures = {one.label: one.value for one in page.metric}
    assert figures["Students"] == "22"
    assert len(listed(page)) + int(figures["Refused rows"]) == 22


def test_what_a_file_says_is_shown_as_text(open_page, back_end, student):
    rows = students({"name": "<b onclick=x()>Eve</b>"}, base=student)
    page = send(open_page(back_end.url), as_csv(rows))
    (table,) = [one.value for one in page.get("html") if "<table" in one.value]
    assert "&lt;b onclick=x()&gt;Eve" in table
    assert "<b " not in table


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
    send(page, content.getvalue(), "class.xlsx")
    figures = {one.label: one.value for one in page.metric}
    assert (figures["Students"], figures["Refused rows"]) == ("1", "0")
    (told,) = (one.value for one in page.info if "read as" in one.value)
    assert told.startswith("1 cell was read as what it clearly means")
    assert told.endswith("1 row is no student: left out.")
    widget(page, "selectbox", "The workbook has 2 sheets. Read:").set_value("").run()
    assert not page.exception
    assert {one.label: one.value for one in page.metric}["Students"] == "2"


def test_a_file_that_has_a_column_called_prediction_is_predicted_beside_it(
    open_page, back_end, student
):
    rows = students({"prediction": "pass"}, base=student)
    page = open_page(back_end.url)
    widget(page, "number_input", "Pass mark (points)").set_value(50.0).run()
    send(page, as_csv(rows))
    (shown,) = [one.value for one in page.dataframe if "prediction" in one.value]
    assert shown["prediction"].tolist() == pytest.approx(
        [answered(back_end, student)["prediction"]]
    )
    assert shown["prediction "].tolist() == ["pass"]


def test_a_file_that_is_no_class_is_refused_in_the_back_ends_words(open_page, back_end):
    page = open_page(back_end.url)
    send(page, b"a,b\n1,2\n")
    assert "gender" in " ".join(one.value for one in page.error)


# ---------------------------------------------------------------- the model


def test_the_model_is_described_as_the_api_does(open_page, back_end):
    page, model = with_example(open_page(back_end.url)), back_end.ask(f"{API}/model").json
    held_out = model["metrics"]["held_out"]
    assert number(page, "R²") == pytest.approx(held_out["r2"]["value"], abs=5e-4)
    assert number(page, "RMSE") == pytest.approx(held_out["rmse"]["value"], abs=5e-3)
    assert f"{held_out['mae']['low']:.2f} to" in " ".join(one.value for one in page.caption)
    (leaderboard,) = [one.value for one in page.dataframe if "rmse" in one.value]
    board, winner = model["metrics"]["leaderboard"], model["metrics"]["winner"]
    assert leaderboard["name"].tolist() == [
        f"{one['label']} (chosen)" if one["name"] == winner else one["label"] for one in board
    ]
    assert f"{board[0]['r2']:.3f}" == leaderboard["r2"][0]
    told = " ".join(one.value for one in page.markdown)
    assert all(sentence in told for sentence in model["report"]["fairness"]["sentences"])
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
    told = next(one for one in report["fairness"]["sentences"] if called in one)
    too_high = "too high" in told.partition(" on average")[0]
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
        page = with_example(open_page(url))
        assert number(page, "Predicted: Math score") > 0
    widget(page, "number_input", "Reading score (points)").set_value(20).run()
    assert "not answering" in trouble(page)
    with run_gunicorn(tmp_path / "two", "--bind", f"127.0.0.1:{free_port}", **settings):
        widget(page, "button", "Try again").click().run()
        assert not page.error
        assert number(page, "Predicted: Math score") > 0


def test_a_back_end_without_a_model_is_said(open_page, tmp_path):
    with run_gunicorn(tmp_path, ARTIFACTS_DIR=str(tmp_path / "none")) as server:
        assert "There is no model yet" in trouble(open_page(server.url))


def test_the_key_is_sent_and_a_wrong_one_is_said(open_page, sample_artifacts, tmp_path):
    settings = {
        "ARTIFACTS_DIR": str(sample_artifacts),
        "API_KEYS": hashlib.sha256(b"right").hexdigest(),
    }
    with run_gunicorn(tmp_path, **settings) as server:
        page = with_example(open_page(server.url, key="right"))
        assert number(page, "Predicted: Math score") > 0
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
        page = with_example(open_page(server.url))
        record = entered(page, server)
        assert len(record) == 32
        expected = answered(server, record)["prediction"]
        assert number(page, "Predicted: G3") == pytest.approx(expected, abs=0.05)
        assert "was not measured" in " ".join(one.value for one in page.info)  # quick: no report
        findings = server.ask(f"{API}/model").json["findings"]
        assert findings
        shown = " ".join(one.value for one in (*page.markdown, *page.warning)).replace("\\", "")
        assert [one["message"] for one in findings if one["message"] not in shown] == []
