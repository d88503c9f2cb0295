"""A record's school on the form, in the API and in files; only published names are told."""

from __future__ import annotations

import csv
import io
import json
import re

import openpyxl
import pytest

from tests.schools import BEST, MARK, SCHOOLS, SMALL, WORST, record, train_schools
from tests.web.conftest import multipart

UNKNOWN = "Nowhere High"


@pytest.fixture
def schools(make_app, school_artifacts):
    return make_app(artifacts_dir=school_artifacts).test_client()


@pytest.fixture
def named(make_app, named_school_artifacts):
    return make_app(artifacts_dir=named_school_artifacts).test_client()


def send(client, school: str = ""):
    return client.post("/", data=record(school)).text


def upload(client, *answers: dict[str, object], columns: tuple[str, ...] = ()):
    file = io.StringIO()
    rows = csv.DictWriter(file, columns or [*record(BEST)], extrasaction="ignore")
    rows.writeheader()
    rows.writerows(answers)
    body, kind = multipart(file.getvalue().encode(), "class.csv")
    return client.post("/api/v1/predict/batch", data=body, content_type=kind)


def test_the_form_asks_for_the_school_last_and_lists_no_name(schools):
    page = schools.get("/").text
    assert page.index('name="school"') > max(map(page.index, ('"reading"', '"course"')))
    (field,) = re.findall(r'<input[^>]*name="school"[^>]*>', page)
    assert 'autocomplete="off"' in field
    assert "list=" not in field
    assert "Leave it blank for an average school." in page


def test_names_that_may_be_published_are_offered_beside_any_other(named):
    page = named.get("/").text
    (offered,) = re.findall(r'<datalist id="field-school-names">(.*?)</datalist>', page)
    assert re.findall(r'value="(.*?)"', offered) == sorted(SCHOOLS)
    assert "Choose one, type another, or leave it blank for an average school." in page


def test_the_result_says_whether_the_school_is_known(schools, named):
    for spelt in (BEST, BEST.upper()):
        assert f"School: as in {spelt}, which the model knows." in send(schools, spelt)
    unknown = send(schools, UNKNOWN)
    assert f"School: the model does not know {UNKNOWN}." in unknown
    assert "It counts as an average school, with a wider range." in unknown
    blank = "School was left blank: it counts as an average school, with a wider range."
    assert blank in send(schools)
    assert "Did you mean" not in send(schools, BEST[:-1])
    assert f"Did you mean {BEST}?" in send(named, BEST[:-1])


def test_the_result_says_how_far_off_predictions_are_in_either_case(schools, school_artifacts):
    metrics = json.loads((school_artifacts / "metrics.json").read_text("utf-8"))
    mae = {one["case"]: one["scores"]["mae"]["value"] for one in metrics["groups"]["scores"]}
    page = send(schools, BEST)
    known, new = (f"{mae[case]:.1f}" for case in ("known", "new"))
    assert f"Where the model knows the School, predictions are off by {known} on average" in page
    assert f"Where it does not know the School, they are off by {new}," in page


def test_the_reasons_say_what_a_schools_figure_is_not(schools):
    known, unknown = send(schools, BEST), send(schools, UNKNOWN)
    words = "It does not measure quality and is no cause: it can stand for who goes there."
    assert f"School: {BEST}" in known
    assert words in known
    assert words not in unknown


def test_the_link_to_the_answers_holds_the_school(schools):
    (link,) = re.findall(r'id="link" href="(.*?)"', send(schools, BEST))
    assert f'value="{BEST}"' in schools.get(link.replace("&amp;", "&")).text


def test_the_api_says_whether_the_school_is_known(schools):
    """F11."""
    sent = (record(BEST), record(UNKNOWN), record(SMALL), record(""), record())
    known = [True, False, False, None, None]
    lane = [schools.post("/api/v1/predict", json=one).get_json() for one in sent]
    flask = [schools.post("/api/v1/predict?contributions=0", json=one).get_json() for one in sent]
    listed = schools.post("/api/v1/predict/batch", json=[*sent]).get_json()["predictions"]
    assert lane == flask
    for answers in (lane, listed):
        assert [one["group"] for one in answers] == [
            {"column": "school", "known": one} for one in known
        ]
        assert [one["prediction"] for one in answers] == [one["prediction"] for one in lane]
    average = {one["prediction"] for one in lane[1:]}
    assert len(average) == 1
    assert lane[0]["prediction"] not in average
    width = [one["intervals"]["0.9"][1] - one["intervals"]["0.9"][0] for one in lane]
    assert width[0] < width[1] == width[4]


def test_outcomes_say_so_too_and_file_and_record_agree(make_app, school_outcome_artifacts):
    client = make_app(artifacts_dir=school_outcome_artifacts).test_client()
    sent = [record(WORST), record(BEST), record(UNKNOWN), record()]
    said = client.post("/api/v1/predict/batch", json=sent).get_json()["predictions"]
    assert [one["group"]["known"] for one in said] == [True, True, False, None]
    worst, best, *average = [one["at_risk"]["probability"] for one in said]
    assert worst > average[0] == average[1] > best
    rows = list(csv.DictReader(io.StringIO(upload(client, *sent).text)))
    assert [float(row["p_Fail"]) for row in rows] == [worst, best, *average]
    assert [row["set_90"].split(" | ") for row in rows] == [one["set"] for one in said]
    page = send(client, WORST)
    assert f"School: as in {WORST}, which the model knows." in page
    assert "It does not measure quality" in page
    assert "it counts as an average school." in send(client)
    assert MARK not in client.get("/").text + client.get("/model").text


def test_a_run_without_schools_says_nothing_of_groups(client, student):
    assert "group" not in client.post("/api/v1/predict", json=student).get_json()
    record_of = client.get("/openapi.json").get_json()["components"]["schemas"]
    assert "group" not in record_of["Answer"]["properties"]


def test_an_unknown_key_may_mean_the_school(schools):
    refused = schools.post("/api/v1/predict", json=record() | {"schol": BEST}).get_json()
    assert refused["errors"][0]["message"].endswith("Did you mean 'school'?")


def test_a_school_that_is_no_text_is_refused_by_name(schools):
    for wrong in ([], {}, True, "x" * 201):
        answer = schools.post("/api/v1/predict", json=record() | {"school": wrong})
        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["field"] == "school"


def test_command_page_and_api_give_one_answer_for_a_file(schools):
    sent = [record(BEST), record(UNKNOWN), record(UNKNOWN.upper()), record(""), record(SCHOOLS[5])]
    answer = upload(schools, *sent)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    said = [schools.post("/api/v1/predict", json=one).get_json() for one in sent]
    assert [float(row["prediction"]) for row in rows] == [one["prediction"] for one in said]
    ends = [[float(row["low_90"]), float(row["high_90"])] for row in rows]
    assert ends == [one["intervals"]["0.9"] for one in said]
    assert [row["school"] for row in rows] == [one["school"] for one in sent]
    assert json.loads(answer.headers["X-Summary"])["group"] == {
        "column": "school", "n_unknown": 2, "n_unknown_groups": 1, "n_without": 1,
    }  # fmt: skip


def test_a_file_may_lack_the_column_of_schools(schools):
    answer = upload(schools, record(BEST), columns=tuple(record()))
    (row,) = csv.DictReader(io.StringIO(answer.text))
    average = schools.post("/api/v1/predict", json=record()).get_json()["prediction"]
    assert float(row["prediction"]) == average
    assert json.loads(answer.headers["X-Summary"])["group"]["n_without"] == 1


def test_the_class_page_counts_students_of_unknown_schools(schools):
    table = "reading,absences,course,school\n60,5,half,Nowhere\n60,5,half,Elsewhere\n60,5,half,\n"
    body, kind = multipart(table.encode(), "class.csv")
    answer = schools.post("/batch", data=body, content_type=kind, follow_redirects=True)
    for _ in range(100):
        if "How the file was read" in answer.text:
            break
        answer = schools.get(answer.request.path)
    assert (
        "school: 2 students of 2 groups that the model does not know and 1 student without one. "
        "They count as of an average one, of which less is known."
    ) in answer.text


def test_the_templates_have_the_column_and_only_published_names(schools, named):
    for client, names in ((schools, ()), (named, tuple(sorted(SCHOOLS)))):
        header, *rows = csv.reader(io.StringIO(client.get("/batch/template.csv").text))
        assert header[-1] == "School"
        assert {row[-1] for row in rows} <= ({*names} if names else {""})
        workbook = client.get("/batch/template.xlsx").data
        students, values = openpyxl.load_workbook(io.BytesIO(workbook)).worksheets
        *_, at = (cell.column_letter for cell in students[1])
        (rule,) = [v for v in students.data_validations.dataValidation if f"{at}2" in v.sqref]
        listed = [cell.value for cell in [*values.columns][-1][1:] if cell.value]
        assert (rule.type == "list", bool(rule.showErrorMessage)) == (bool(names), False)
        assert tuple(listed) == names or not names


def test_no_name_is_told_where_none_may_be_published(schools, school_artifacts, caplog):
    """A3."""
    for path in ("/", "/model", "/docs", "/openapi.json", "/api/v1/schema", "/api/v1/model",
                 "/batch", "/batch/template.csv", "/metrics", "/api/v1/metrics"):  # fmt: skip
        assert MARK not in schools.get(path).text, path
    send(schools, BEST)
    schools.post("/api/v1/predict", json=record(BEST) | {"schol": BEST})
    assert MARK not in caplog.text
    files = [file for file in school_artifacts.rglob("*") if file.is_file()]
    assert len(files) > 10
    for file in files:
        assert MARK.encode() not in file.read_bytes(), file.name


@pytest.mark.slow
def test_report_card_and_log_tell_no_name_where_none_may_be_published(tmp_path, caplog):
    """A3."""
    artifacts = train_schools(tmp_path, budget="standard")
    assert MARK not in caplog.text
    assert (artifacts / "report.html").is_file()
    for file in artifacts.rglob("*"):
        assert not file.is_file() or MARK.encode() not in file.read_bytes(), file.name


def test_published_names_stand_in_the_schema_but_never_keys_salt_or_small_groups(
    named, named_school_artifacts
):
    said = named.get("/api/v1/schema").text + named.get("/api/v1/model").text
    said += named.get("/openapi.json").text + named.get("/docs").text
    group = json.loads((named_school_artifacts / "compiled.json").read_text())["group"]
    assert BEST in said
    assert group["salt"] not in said
    assert not [key for key in group["effects"] if key in said]
    for file in named_school_artifacts.rglob("*"):
        assert not file.is_file() or SMALL.encode() not in file.read_bytes(), file.name


def test_the_models_page_tells_both_scores_and_what_an_effect_is_not(schools):
    page = schools.get("/model").text
    for said in (
        "New students of known schools",
        "What a school adds",
        "12 of 13 schools have an effect; 1 with fewer than 10 students has none.",
        "An effect is not the quality of a school",
    ):
        assert said in page
    assert MARK not in page
    told = schools.get("/api/v1/model").json["metrics"]["groups"]
    assert [score["case"] for score in told["scores"]] == ["new", "known"]
    assert {one["n_members"] for one in told["effects"]} == {30}  # 28, but for the first digit


def test_a_teacher_says_which_column_of_a_class_list_is_the_school(schools):
    def sent(heading: str) -> str:
        file = io.StringIO()
        answers = record(BEST)
        csv.writer(file).writerows([["Pupil", *answers], ["Ada", *answers.values()]])
        content = file.getvalue().replace(",school", f",{heading}", 1).encode()
        data = {"file": (io.BytesIO(content), "7b.csv")}
        return schools.post("/batch", data=data).headers["Location"]

    def predicted(address: str) -> str:
        file = io.StringIO(schools.get(f"{address}/predictions.csv").data.decode("utf-8-sig"))
        return next(csv.DictReader(file))["prediction"]

    known, other = sent("school"), sent("School name")
    assert "looks like our" not in schools.get(known).text
    page = schools.get(other).text
    assert "Your ‘School name’ looks like our ‘School’: use it?" in page
    (place,) = re.findall(r'<option value="(\d+)" selected>School name', page)
    average = predicted(other)
    assert average != predicted(known)
    schools.post(other, data={"column-school": place})
    assert predicted(other) == predicted(known)
    schools.post(other, data={"column-school": ""})
    assert predicted(other) == average
