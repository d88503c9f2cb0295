"""The class page as a teacher uses it: order, reasons, help, mending, what comes back."""

from __future__ import annotations

import csv
import io
import re
import time
from html import unescape

import openpyxl
import pytest

from src.pipelines.train_pipeline import TrainConfig, TrainPipeline
from src.serving.listed_reasons import Reasons, explains_slowly, reasons_of
from src.serving.predictor import Predictor
from src.stats.poisson_binomial import count_range
from src.web.batch import routes
from src.web.batch.changes import ask_columns
from src.web.batch.listing import PAGE_ROWS
from src.web.batch.service import BatchService
from tests.conftest import CASES
from tests.web.batch.test_outcomes import as_csv
from tests.web.batch.test_routes import NAMES, OTHER, STUDENT, table

HEADER = ("Name", *NAMES)
EDGE = ("female", "group C", "some college", "standard", "none", "70", "69")
STRONG = (*STUDENT[:5], "88", "88")
CLASS = [("Anna", *STRONG), ("Ben", *OTHER), ("Cem", *EDGE), ("Dora", *STRONG)]


@pytest.fixture
def send(client):
    """Upload a file on the page and return where its results are."""

    def send(rows=CLASS, name="7b.csv", header=HEADER, **fields: str) -> str:
        content = rows if isinstance(rows, bytes) else table(*rows, header=header).encode()
        data = {"file": (io.BytesIO(content), name), "pass_mark": "60", **fields}
        answer = client.post("/batch", data=data)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    return send


@pytest.fixture
def page(client):
    return lambda address: unescape(client.get(address).text)


def listed(page: str) -> list[str]:
    """Return the rows of the list, as texts without tags."""
    body = page.partition('<table class="cards students">')[2].partition("</table>")[0]
    rows = body.partition("<tbody>")[2].split("<tr")[1:]
    return [" ".join(re.sub(r"<[^>]*>", " ", "<tr" + row).split()) for row in rows]


def names(page: str) -> list[str]:
    return [row.split()[1] for row in listed(page)]


# ---------------------------------------------------------------- the list


def test_those_at_risk_come_first_then_the_borderline_then_the_rest(send, page):
    text = page(send())
    assert names(text) == ["Ben", "Cem", "Anna", "Dora"]
    ben, cem, anna, _ = listed(text)
    assert "At risk" in ben
    assert "Borderline" in cem
    assert not {"risk", "Borderline"} & set(anna.split())
    assert "4 of 4 students, those at risk first" in text


def test_without_a_mark_the_lowest_come_first_and_nobody_is_tagged(send, page):
    text = page(send(pass_mark=""))
    assert names(text) == ["Ben", "Cem", "Anna", "Dora"]
    assert 'class="tag' not in text
    assert "Why" not in text


def test_the_list_is_sorted_and_filtered_by_links_of_the_page(send, page):
    address = send()
    text = page(address)
    by_name = re.search(r'href="(\S+)">Name<', text)[1]
    assert names(page(by_name)) == ["Anna", "Ben", "Cem", "Dora"]
    backwards = re.search(r'aria-sort="ascending"><a href="(\S+)">', page(by_name))[1]
    assert names(page(backwards)) == ["Dora", "Cem", "Ben", "Anna"]
    only = re.search(r'href="(\S+)"[^>]*>At risk or borderline<', text)[1]
    assert names(page(only)) == ["Ben", "Cem"]
    assert "2 of 4 students" in page(only)
    assert names(page(f"{address}?sort=nonsense&page=99&show=x")) == names(text)


def test_a_name_is_searched_and_comes_into_no_address_and_no_log(client, send, log):
    rows = [(f"Zzanna {n}", *STUDENT) for n in range(14)]
    address = send([*rows, ("Ben", *OTHER)])
    answer = client.post(f"{address}/search", data={"search": "zzANNA 1"})
    assert answer.status_code == 200
    assert [row.split()[2] for row in listed(answer.text)] == ["1", "10", "11", "12", "13"]
    assert not re.search(r"""(?:href|action)=["'][^"']*zzanna""", answer.text, re.IGNORECASE)
    client.get(f"{address}/row/1")
    assert "zzanna" not in log.text.lower()
    assert client.post(f"{address}/search", data={"search": "Nobody"}).text.count("is called so")


def test_a_long_file_has_pages_and_its_whole_is_said(send, page):
    rows = [(f"P{n}", *STUDENT[:5], str(40 + n % 60), "60") for n in range(250)]
    address = send(rows)
    text = page(address)
    assert len(listed(text)) == PAGE_ROWS
    assert "1 to 100 of 250 students" in text
    shown = [name for n in (1, 2, 3) for name in names(page(f"{address}?page={n}"))]
    assert sorted(shown) == sorted(row[0] for row in rows)


def test_reasons_are_those_of_the_predictor_without_sensitive_answers(send, page, predictor):
    (ben, *_) = listed(page(send()))
    found = predictor.explain(predictor.predict_record(dict(zip(NAMES, OTHER, strict=True))).values)
    reading = -round(-found.values["reading_score"])
    assert f"Reading score 41: −{-reading}" in ben
    assert not re.search("Gender|lunch|Parents", ben)


def test_reasons_of_forty_students_take_less_than_a_fifth_of_a_second(send, predictor, client):
    rows = [(f"P{n}", *OTHER[:5], str(30 + n % 20), "43") for n in range(40)]
    address = send(rows)
    workspace = client.application.extensions[BatchService.EXTENSION].workspace
    summary = workspace.find(address.rpartition("/")[2]).outcome()
    began = time.process_time()
    found = reasons_of(predictor, summary.rows, Reasons(), 1.0)
    assert time.process_time() - began < 0.2
    assert len(found.of_rows) == 40


def test_reasons_that_take_long_come_at_the_next_look(send, page, monkeypatch):
    monkeypatch.setattr(routes, "EXPLAIN_S", -1.0)
    address = send()
    assert "More reasons are still worked out" in page(address)
    assert "Reading score 41" not in page(address)
    monkeypatch.setattr(routes, "EXPLAIN_S", 0.15)
    text = page(address)
    assert "Reading score 41" in text
    assert "still worked out" not in text


@pytest.fixture(scope="module")
def forest(tmp_path_factory):
    """Return artifacts of a random forest, of which each reason takes a few milliseconds."""
    artifacts = tmp_path_factory.mktemp("forest") / "artifacts"
    TrainPipeline(TrainConfig(models=("random_forest",), budget="quick", artifacts=artifacts)).run()
    return artifacts


def test_a_forest_is_reasoned_in_a_process_before_the_list_is_shown(
    make_app, forest, predictor, monkeypatch
):
    assert not explains_slowly(predictor)
    assert explains_slowly(Predictor.load(forest))
    monkeypatch.setattr(routes, "EXPLAIN_S", -1.0)  # what is there was found before somebody looked
    client = make_app(artifacts_dir=forest).test_client()
    rows = [(f"P{n}", *OTHER[:5], str(30 + n % 20), "43") for n in range(40)]
    data = {"file": (io.BytesIO(table(*rows, header=HEADER).encode()), "7b.csv"), "pass_mark": "60"}
    address = client.post("/batch", data=data).headers["Location"]
    for _ in range(100):
        text = client.get(address).text
        if "data-progress" not in text:
            break
        time.sleep(0.2)
    assert len(re.findall(r'class="because">[^<]*score', text)) == 40
    assert "still worked out" not in text


def test_a_student_s_own_page_says_what_the_form_says(client, send, page, send_form):
    address = send()
    link = re.search(
        rf'href="({address}/row/\d+)" aria-label="Result of Ben \(row 3\)"', page(address)
    )
    text = client.get(link[1]).text
    form = send_form(dict(zip(NAMES, OTHER, strict=True))).text
    for part in (r'<data value="[^"]+">', r'<ul class="reasons">.*?</ul>'):
        assert re.search(part, text, re.DOTALL)[0] == re.search(part, form, re.DOTALL)[0]
    assert "Ben (row 3)" in text
    assert f'href="{address}"' in text
    assert "reading_score=" not in text  # no answer stands in a link
    assert "stood in the link" not in text
    client.post(f"{address}/delete")
    assert client.get(link[1]).status_code == 404
    assert client.get(f"{send()}/row/99").status_code == 404


def test_for_whom_the_model_knows_little_is_uncertain_and_not_calm(send, page, predictor):
    low = predictor.schema.numeric[0].observed_minimum
    strange = ("Eve", *STUDENT[:5], format(low - 1, "g"), "100")
    text = page(send([*CLASS, strange]))
    (row,) = [row for row in listed(text) if "Eve" in row]
    assert "Uncertain" in row
    assert "beyond what training saw" in row
    assert "1 uncertain" in text
    order = names(text)
    assert order.index("Eve") < order.index("Anna")


# ---------------------------------------------------------------- whom to help


def test_help_for_k_marks_the_first_k_and_says_how_many_they_hold(client, send, page):
    address = send(n_helped="2")
    text = page(address)
    assert text.count('class="tag help"') == 2
    assert names(text)[:2] == ["Ben", "Cem"]
    rows = csv.DictReader(io.StringIO(client.get(f"{address}/predictions.csv").text[1:]))
    chances = {row["Name"]: float(row["chance_below_pass_mark"]) for row in rows}
    low, high = count_range([chances["Ben"], chances["Cem"]])
    assert f"they are likely to hold {low} to {high}." in text
    assert "Next comes " in text
    client.post(address, data={"n_helped": "", "pass_mark": "60"})
    assert 'class="tag help"' not in page(address)


def test_mark_and_k_are_kept_when_another_file_is_sent(send, page):
    link = re.search(r'href="(\S+)">Send another file', page(send(n_helped="3", pass_mark="62")))
    text = page(link[1])
    assert re.search(r'id="pass_mark" value="62"', text)
    assert re.search(r'id="n_helped" value="3"', text)


@pytest.mark.parametrize("wrong", ["-1", "0", "many", "1.5"])
def test_a_number_of_students_that_is_none_is_said_beside_its_field(client, send, wrong):
    answer = client.post(send(), data={"n_helped": wrong})
    assert answer.status_code == 422
    assert answer.text.count("must be a whole number, 1 or more") == 2
    assert f'value="{wrong}"' in answer.text


def test_classes_are_counted_where_a_column_tells_them(send, page):
    rows = [(*CLASS[n % 4], "8a" if n < 6 else "8b") for n in range(12)]
    text = page(send(rows, header=(*HEADER, "Class")))
    assert "By Class" in text
    found = re.findall(r'<th scope="row">(8.)</th><td>(\d+)</td><td>(\d+)</td>', text)
    assert found == [("8a", "6", "2"), ("8b", "6", "1")]


# ---------------------------------------------------------------- mending


WRONG = [
    ("Anna", "F", *STUDENT[1:]),
    ("Ben", *OTHER[:5], "41o", "43"),
    ("Cem", *EDGE[:3], "free", *EDGE[4:]),
    ("Dora", " Female", *STUDENT[1:5], "70 %", "70"),
]


def keys(text: str) -> dict[str, str]:
    """Return the keys of the cells that are asked about, by what they hold."""
    return {
        got: key
        for key, got in re.findall(r'id="cell-(\d+-\d+)"(?: value|>\s*<option value)="(.*?)"', text)
    }


def test_suggestions_are_accepted_one_by_one_or_all_at_once(client, send, page):
    address = send(WRONG)
    cells = keys(page(address))
    assert set(cells) == {"F", "41o", "free"}
    client.post(address, data={"accept": cells["F"]})
    assert set(keys(page(address))) == {"41o", "free"}
    client.post(address, data={"accept": "all"})
    assert set(keys(page(address))) == {"41o"}
    rows = list(csv.DictReader(io.StringIO(client.get(f"{address}/class").text[1:])))
    assert [rows[0]["gender"], rows[2]["lunch"]] == ["female", "free/reduced"]
    assert all(rows[n]["prediction"] for n in (0, 2, 3))


def test_a_cell_is_edited_in_place_and_taken_back(client, send, page):
    address = send(WRONG)
    key = keys(page(address))["41o"]
    client.post(address, data={f"cell-{key}": "still wrong", "save": "1"})
    assert "still wrong" in page(address)
    client.post(address, data={f"cell-{key}": "41", "save": "1"})
    text = page(address)
    assert "Ben" in names(text)
    assert "you entered ‘41’" in text
    client.post(address, data={"undo": key})
    assert keys(page(address)).get("41o") == key


def test_what_was_mended_is_listed_and_undone(client, send, page):
    address = send(WRONG)
    text = page(address)
    assert "Gender: ' Female' is read as 'female'." in text
    undo = re.search(r'name="undo" value="(\S+)" aria-label="Undo Reading score, Dora', text)[1]
    client.post(address, data={"undo": undo})
    text = page(address)
    assert "Dora" not in names(text)
    assert keys(text)["70 %"] == undo
    client.post(address, data={f"cell-{undo}": "71", "save": "1"})
    assert "Dora" in names(page(address))


def test_columns_that_are_called_otherwise_are_asked_for_side_by_side(client, predictor):
    header = tuple(
        {"reading_score": "Reading", "writing_score": "Writng"}.get(n, n) for n in HEADER
    )
    data = {"file": (io.BytesIO(table(*CLASS, header=header).encode()), "7b.csv"),
            "pass_mark": "60"}  # fmt: skip
    answer = client.post("/batch", data=data)
    text = unescape(answer.text)
    assert answer.status_code == 422
    assert (
        "Your ‘Reading’ and ‘Writng’ look like our ‘Reading score’ and ‘Writing score’: use "
        in text
    )
    address = re.search(r'action="(/batch/[^"/]+)"', text)[1]
    chosen = re.findall(r'name="column-(\w+)".*?value="(\d+)" selected', text, re.DOTALL)
    assert dict(chosen) == {"reading_score": "6", "writing_score": "7"}
    client.post(address, data={f"column-{name}": at for name, at in chosen})
    assert names(client.get(address).text) == ["Ben", "Cem", "Anna", "Dora"]


def test_of_two_columns_of_one_name_a_person_says_which(client):
    data = {"file": (io.BytesIO(table((*STUDENT, "male"), header=(*NAMES, "Gender")).encode()),
                     "a.csv")}  # fmt: skip
    answer = client.post("/batch", data=data)
    assert answer.status_code == 422
    assert "Your file has ‘gender’ 2 times: which one is it?" in answer.text
    assert "Gender (column 8)" in answer.text
    address = re.search(r'action="(/batch/[^"/]+)"', answer.text)[1]
    client.post(address, data={"column-gender": "0"})
    assert "predicted for 1 of 1 student." in client.get(address).text


def test_no_column_is_offered_twice(predictor):
    asked = ask_columns(predictor.schema, ["Score of reading", "x"], {})
    assert len({one.suggested for one in asked if one.suggested >= 0}) == sum(
        one.suggested >= 0 for one in asked
    )


# ---------------------------------------------------------------- what comes back


def test_a_text_file_comes_back_with_its_separator_and_its_decimal_mark(client, send):
    rows = [("Anna", *STUDENT[:5], "70,5", "70"), ("Ben", *OTHER)]
    content = table(*rows, header=HEADER, delimiter=";").encode()
    answer = client.get(f"{send(content)}/class")
    header, first, *_ = answer.data.decode("utf-8-sig").splitlines()
    assert header == ";".join((*HEADER, "prediction", "low_90", "high_90", "at_risk", "chance",
                               "reasons", "uncertain", "problem"))  # fmt: skip
    assert first.startswith("Anna;female;group C;some college;standard;none;70,5;70;")
    cells = first.split(";")
    assert re.fullmatch(r"\d+,\d", cells[8])
    assert cells[11] in ("yes", "borderline", "no")
    full = client.get(f"{send(content)}/predictions.csv").data.decode("utf-8-sig")
    assert re.search(r",\d+\.\d{6,},", full.splitlines()[1])


def test_a_workbook_comes_back_as_one_without_formulas(client, send):
    rows = [HEADER, ("=1+1", *STUDENT[:5], 70, 70.5), ("Ben", *OTHER[:5], 41, 43)]
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.active["A2"].data_type = "s"
    content = io.BytesIO()
    book.save(content)
    address = send(content.getvalue(), "7b.xlsx")
    workspace = client.application.extensions[BatchService.EXTENSION].workspace
    known = workspace.find(address.rpartition("/")[2]).read_reasons()
    assert list(known.of_rows)[:1] == ["2"]  # the process of the upload looked already
    answer = client.get(f"{address}/class")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    header, first, second = sheet.values
    assert header[: len(HEADER)] == HEADER
    assert first[:8] == ("=1+1", *STUDENT[:5], 70, 70.5)
    assert sheet["A2"].data_type == "s"
    assert dict(zip(header, second, strict=True))["at_risk"] == "yes"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="class.xlsx"'


def test_the_case_of_class_7b_is_predicted_or_asked_about_row_by_row(client):
    path = CASES / "class_lists" / "class7b.xlsx"
    if not path.is_file():
        pytest.skip("the cases are not here")
    data = {"file": (io.BytesIO(path.read_bytes()), path.name), "pass_mark": "60"}
    text = unescape(client.get(client.post("/batch", data=data).headers["Location"]).text)
    table_of_wrong = text.partition('<table class="cards problems">')[2].partition("</table>")[0]
    asked = set(re.findall(r"\(row (\d+)\)</th>", table_of_wrong))
    predicted = {row.split()[0] for row in listed(text)}
    assert len(asked | predicted) == 22
    assert not asked & predicted
    assert "3 rows are no student and left out." in text
    assert {"Ben", "David", "Finn"} <= set(re.findall(r"for (\w+) \w+ \(row", table_of_wrong))


# ---------------------------------------------------------------- outcomes


def test_outcomes_with_an_event_have_the_same_list(make_app, outcome_artifacts):
    client = make_app(artifacts_dir=outcome_artifacts).test_client()
    students = [{"reading": reading, "absences": 10, "course": "none"} for reading in (95, 25, 52)]
    data = {"file": (io.BytesIO(as_csv(students)), "7b.csv"), "n_helped": "1"}
    address = client.post("/batch", data=data).headers["Location"]
    text = unescape(client.get(address).text)
    first, _, last = listed(text)
    assert "At risk" in first
    assert "Help" in first
    assert "Reading 25: +" in first
    assert first.startswith("3 ")
    assert last.startswith("2 ")
    rows = list(csv.DictReader(io.StringIO(client.get(f"{address}/class").text[1:])))
    assert [row["at_risk"] for row in rows][:2] == ["no", "yes"]
    assert 0 < float(rows[2]["chance"]) < 1
    assert client.get(f"{address}/row/2").status_code == 200


def test_a_class_on_a_second_sheet_is_found_by_our_labels(send, page, predictor):
    book = openpyxl.Workbook()
    for row in (["Read me", "first"], ["of", "two sheets"]):
        book.active.append(row)
    sheet = book.create_sheet("Class")
    for row in (["Name", *predictor.schema.headings.values()], ["Ben", *OTHER]):
        sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    assert names(page(send(content.getvalue(), "7b.xlsx"))) == ["Ben"]
