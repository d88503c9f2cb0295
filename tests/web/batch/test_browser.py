"""A whole class in a real Chromium, against a real gunicorn."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from src.language import languages
from src.web.batch.worker import run
from src.web.batch.workspace import LARGE, Order, Workspace
from tests.sampling import first
from tests.web.batch.test_routes import (
    BAD_ROWS,
    FILE_NAMES,
    FORMULAS,
    OTHER,
    SPELLINGS,
    STUDENT,
    UNUSABLE,
    table,
)
from tests.web.chromium import focused, looks, titled, unfold, violations, watched

pytestmark = [pytest.mark.browser, pytest.mark.e2e]
HEADER = ("name", "gender", "race_ethnicity", "parental_level_of_education", "lunch",
          "test_preparation_course", "reading_score", "writing_score")  # fmt: skip
ROWS = [
    ("Anna", "female", "group C", "some college", "standard", "none", "70", "70"),
    ("Ben", "male", "group A", "high school", "free/reduced", "completed", "41", "43"),
    ("Cem", "male", "group Z", "high school", "standard", "none", "fifty", "60"),
]


@pytest.fixture(scope="module")
def uploads(gunicorn, sample_artifacts, tmp_path_factory) -> Iterator:
    folder = tmp_path_factory.mktemp("batch")
    environment = {"ARTIFACTS_DIR": str(sample_artifacts), "UPLOADS_DIR": str(folder / "uploads"),
                   "MAX_UPLOAD_BYTES": "1000000"}  # fmt: skip
    with gunicorn(folder / "server", **environment) as server:
        server.workspace = Workspace(folder / "uploads", 1 << 20)
        yield server


@pytest.fixture
def open_page(browser, uploads) -> Iterator:
    with watched(browser, uploads.url) as visit:
        yield lambda path="/batch", **options: visit(path, **options)


@pytest.fixture(params=["class.csv", "class.xlsx"])
def class_file(request, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in (HEADER, *ROWS):
            book.active.append(row)
        book.save(path)
    else:
        with path.open("w", newline="") as file:
            csv.writer(file).writerows((HEADER, *ROWS))
    return path


def downloaded(page, words: str) -> list[dict[str, str]]:
    with page.expect_download() as waiting:
        page.get_by_role("link", name=words).click()
    with Path(waiting.value.path()).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("javascript", [True, False])
def test_a_class_is_uploaded_mended_and_deleted(
    open_page, predictor, class_file, tmp_path, javascript
):
    page = open_page(java_script_enabled=javascript)
    page.get_by_label("File").set_input_files(class_file)
    page.get_by_label("Pass mark").fill("60")
    page.get_by_role("button", name="Upload and predict").click()
    page.get_by_role("heading", name=class_file.name).wait_for()
    titled(page, "Results: ")
    anna = page.get_by_role("table").get_by_role("row").filter(has_text="Anna").inner_text()
    ben = page.get_by_role("table").get_by_role("row").filter(has_text="Ben").inner_text()
    assert "At risk" not in anna
    assert "At risk" in ben
    rows = downloaded(page, "Plain file")
    expected = predictor.predict_record(dict(zip(HEADER[1:], ROWS[0][1:], strict=True)))
    assert float(rows[0]["prediction"]) == expected.prediction
    assert [row["below_pass_mark"] for row in rows] == ["no", "yes", ""]

    (wrong,) = downloaded(page, "download the rows to fix")
    assert "race_ethnicity must be one of" in wrong["problem"]
    assert "reading_score must be a number" in wrong["problem"]
    mended = wrong | {"race_ethnicity": "group A", "reading_score": "50"}
    with (tmp_path / "mended.csv").open("w", newline="") as file:
        csv.writer(file).writerows((list(mended), list(mended.values())))
    page.get_by_role("link", name="Send another file").click()
    assert page.get_by_label("Pass mark").input_value() == "60"
    page.get_by_label("File").set_input_files(tmp_path / "mended.csv")
    page.get_by_role("button", name="Upload and predict").click()
    page.get_by_text("predicted for 1 of 1 student.").wait_for()
    page.get_by_label("Pass mark").fill("101")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("alert").get_by_role("link").click()
    focused(page.get_by_label("Pass mark"))
    page.get_by_label("Pass mark").fill("99")
    page.get_by_role("button", name="Show").click()
    page.get_by_text("Predicted below 99").wait_for()
    page.get_by_role("button", name="Delete the file").click()
    page.get_by_text("The file and its results are deleted.").wait_for()


def test_a_class_is_uploaded_by_keyboard_alone(open_page, class_file):
    page = open_page()
    page.on("filechooser", lambda chooser: None)  # from now on none is really opened
    press_until(page, "document.activeElement.id === 'file'")
    with page.expect_file_chooser() as waiting:
        page.keyboard.press("Enter")
    waiting.value.set_files(class_file)
    press_until(page, "document.activeElement.id === 'pass_mark'")
    page.keyboard.type("60")
    press_until(page, "document.activeElement.type === 'submit'")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Rows to mend").wait_for()
    press_until(page, "document.activeElement.textContent.startsWith('Download the results')")
    with page.expect_download():
        page.keyboard.press("Enter")


def press_until(page, condition: str) -> None:
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate(condition):
            return
    raise AssertionError(f"The keyboard did not reach: {condition}")


@pytest.mark.parametrize("javascript", [True, False])
def test_the_focus_moves_to_what_is_wrong(open_page, javascript):
    page = open_page(java_script_enabled=javascript, viewport={"width": 390, "height": 700})
    page.get_by_role("button", name="Upload and predict").click()
    summary = page.get_by_role("alert")
    summary.wait_for()
    titled(page, "Error: ")
    focused(summary)
    summary.get_by_role("link", name="Choose a CSV or Excel file.").click()
    focused(page.get_by_label("File"))


@pytest.mark.parametrize("javascript", [True, False])
def test_the_page_of_a_large_file_shows_progress_and_then_the_results(
    open_page, uploads, predictor, javascript
):
    job, claim = uploads.workspace.create(LARGE)
    with claim:
        job.upload.write_text("\n".join(map(",".join, (HEADER, *ROWS))), "utf-8")
        job.write_order(Order("school.csv"))
        # Where an upload leads: an address with a part, which is not loaded anew by itself.
        page = open_page(f"/batch/{job.id}#answer", java_script_enabled=javascript)
        page.get_by_role("heading", name="Working on school.csv").wait_for()
        job.report(12_345)
        page.get_by_text("12,345 rows done").wait_for()
        run(job, predictor)
    page.get_by_text("predicted for 2 of 3 students").wait_for()


def test_a_file_is_dropped_anywhere_on_the_form(open_page):
    page = open_page()
    page.evaluate(
        """content => {
            const data = new DataTransfer();
            data.items.add(new File([content], "dropped.csv"));
            const form = document.querySelector("input[type=file]").form;
            for (const name of ["dragover", "drop"])
                form.dispatchEvent(new DragEvent(name, {dataTransfer: data, cancelable: true}));
        }""",
        "\n".join(map(",".join, (HEADER, *ROWS))),
    )
    page.get_by_role("button", name="Upload and predict").click()
    page.get_by_role("heading", name="dropped.csv").wait_for()


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_no_page_scrolls_sideways(open_page, tmp_path, width):
    def check(state: str) -> None:
        page.wait_for_load_state()  # a page without its style sheet is wide
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{state}: {wide} at {width}"

    page = open_page(viewport={"width": width, "height": 700})
    check("upload")
    page.get_by_text("The columns and what they take").click()
    check("columns")
    page.get_by_role("button", name="Upload and predict").click()
    page.get_by_role("alert").wait_for()
    check("error")
    wide = tmp_path / ("x" * 100 + ".csv")
    rows = [(row[0] * 40, *row[1:]) for row in ROWS]
    wide.write_text("\n".join(map(",".join, (HEADER, *rows))), "utf-8")
    page.get_by_label("File").set_input_files(wide)
    page.get_by_label("Pass mark").fill("60")
    page.get_by_role("button", name="Upload and predict").click()
    page.get_by_role("heading", name="Who may need help").wait_for()
    check("results")


@pytest.mark.parametrize("path", ["a" * 32, "template.pdf"])
def test_what_is_gone_is_told_on_a_page(open_page, path):
    page = open_page(f"/batch/{path}")
    assert re.search("no such file", page.get_by_role("main").inner_text())


# ---------------------------------------------------------------- accessibility


@looks("width", "scheme")
def test_axe_finds_nothing_in_any_state_of_a_file(open_page, width, scheme):
    page = open_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    unfold(page)
    assert violations(page) == []
    page.get_by_role("button", name="Upload and predict").click()
    page.get_by_role("alert").wait_for()
    assert violations(page) == []
    send(page, ("class.csv", table(*ROWS, header=HEADER)), "60")
    page.get_by_role("heading", name="Who may need help").wait_for()
    unfold(page)
    assert violations(page) == []
    page.get_by_role("textbox", name="Pass mark").fill("101")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("alert").wait_for()
    assert violations(page) == []
    page.get_by_role("button", name="Delete the file").click()
    page.get_by_text("The file and its results are deleted.").wait_for()
    assert violations(page) == []


@pytest.mark.parametrize("spoken", [one for one in languages() if one != "en"])
def test_a_class_is_shown_in_every_language_on_a_phone(open_page, spoken):
    page = open_page(locale=spoken, viewport={"width": 320, "height": 700})
    page.locator("#file").set_input_files(
        {"name": "7b.csv", "mimeType": "text/csv", "buffer": table(*ROWS, header=HEADER).encode()}
    )
    page.locator("#pass_mark").fill("60,5")
    page.locator("form.form button[type=submit]").click()
    page.locator("table.students").wait_for()
    assert page.locator("html").get_attribute("lang") == spoken
    assert page.locator("#pass_mark").input_value() == "60,5"
    unfold(page)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_while_a_file_is_worked_on(open_page, uploads, scheme):
    job, claim = uploads.workspace.create(LARGE)
    with claim:
        job.upload.write_text("x", "utf-8")
        job.write_order(Order("school.csv"))
        page = open_page(f"/batch/{job.id}", color_scheme=scheme)
        page.get_by_role("heading", name="Working on school.csv").wait_for()
        assert violations(page) == []
        page.get_by_role("button", name="Stop and delete the file").click()
        page.get_by_text("The file and its results are deleted.").wait_for()


def test_a_slow_answer_to_a_deletion_is_waited_for(open_page, uploads):
    """The script that asks how far the work is may not reload the page that is being left."""
    job, claim = uploads.workspace.create(LARGE)
    with claim:
        job.upload.write_text("x", "utf-8")
        job.write_order(Order("school.csv"))
        page = open_page(f"/batch/{job.id}")
        delete = page.get_by_role("button", name="Stop and delete the file")

        def answer_late(route):
            answer = route.fetch(max_redirects=0)
            page.wait_for_timeout(2500)  # the script asks each second, and hears that it is gone
            route.fulfill(response=answer)

        page.route("**/delete", answer_late)
        delete.click(no_wait_after=True)
        page.get_by_text("The file and its results are deleted.").wait_for()


def test_reasons_that_are_still_worked_out_come_without_a_reload(open_page, class_file):
    held = []

    def without_reasons(route):
        if held:
            held.append(route)
            return
        held.append(None)
        answer = route.fetch()
        text = re.sub(r'(<td class="because">)[^<]*', r"\1", answer.text())
        for before, after in (
            ('labelledby="students">', 'labelledby="students" data-waiting>'),
            (
                '<table class="cards students">',
                '<p id="waiting">…</p><table class="cards students">',
            ),
        ):
            text = text.replace(before, after)
        route.fulfill(response=answer, body=text)

    page = open_page()
    send(page, class_file, "60")
    page.locator(".because", has_text="Writing score 43").wait_for()
    page.route("**/batch/*", without_reasons)
    page.goto(page.url.partition("#")[0])
    assert page.locator(".because", has_text="Writing score 43").count() == 0
    page.unroute("**/batch/*", without_reasons)
    for route in held[1:]:
        route.continue_()
    page.locator(".because", has_text="Writing score 43").wait_for()
    page.wait_for_function("!document.querySelector('#waiting, [data-waiting]')")


# ---------------------------------------------------------------- files, by their ID in FAULTS.md


def send(page, file, pass_mark: str = "") -> None:
    """Choose a file, a path or a (name, content), and send it."""
    if isinstance(file, tuple):
        name, content = file
        content = content.encode() if isinstance(content, str) else content
        file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    page.get_by_label("File").set_input_files(file)
    page.get_by_label("Pass mark").fill(pass_mark)
    page.get_by_role("button", name="Upload and predict").click()


@pytest.fixture
def predictions(open_page):
    """Upload a file and return the predictions that are downloaded, as texts."""

    def of(content: bytes | str, name: str = "class.csv") -> list[dict[str, str]]:
        page = open_page()
        send(page, (name, content))
        return downloaded(page, "Plain file")

    return of


@pytest.fixture(scope="module")
def expected(predictor) -> list[str]:
    found = (predictor.predict_record(dict(zip(HEADER[1:], row, strict=True)))
             for row in (STUDENT, OTHER))  # fmt: skip
    return [repr(one.prediction) for one in found]


def refusal(page) -> str:
    alert = page.get_by_role("alert")
    alert.wait_for()
    titled(page, "Error: ")
    focused(alert)
    return alert.inner_text()


@pytest.mark.parametrize("content", first(4, SPELLINGS))
def test_any_spelling_of_a_table_gets_the_same_predictions(predictions, expected, content):
    """C1, C2, C3, C8."""
    assert [row["prediction"] for row in predictions(content)] == expected


@pytest.mark.parametrize(("line", "problem"), first(4, BAD_ROWS))
def test_a_bad_row_stands_among_those_to_fix_with_its_line(open_page, line, problem):
    """C4, C5, C6b, C7, C15."""
    page = open_page()
    send(page, ("class.csv", f"{table(STUDENT)}{line}\n"))
    asked = page.get_by_role("table", name="What is wrong").get_by_role("rowheader")
    assert asked.all_inner_texts()[0].endswith("(row 3)")
    assert "predicted for 1 of 2 students" in page.get_by_role("main").inner_text()
    assert problem in downloaded(page, "download the rows to fix")[0]["problem"]


def test_none_stays_the_category_that_it_is(predictions, expected):
    """C6."""
    assert [row["test_preparation_course"] for row in predictions(table(STUDENT))] == ["none"]


@pytest.mark.parametrize(("content", "name", "message"), first(4, UNUSABLE))
def test_a_file_that_cannot_be_used_is_refused(open_page, content, name, message):
    """C8, C9."""
    page = open_page()
    send(page, (name, content), "60")
    assert message in refusal(page)
    assert page.get_by_label("Pass mark").input_value() == "60"


def test_what_is_too_large_is_told_on_a_page(open_page):
    """C10, C11."""
    page = open_page()
    send(page, ("wide.csv", ",".join(f"c{i}" for i in range(100_000))))
    assert "longer than 131,072 characters" in refusal(page)
    send(page, ("long.csv", table(STUDENT) + "x" * 1_000_000))
    page.get_by_role("heading", name="Too large").wait_for()
    assert violations(page) == []
    page.get_by_role("link", name="A class").click()
    page.get_by_role("heading", name="Predict a whole class").wait_for()


def test_one_bad_row_in_a_thousand(open_page):
    """C12."""
    rows = [STUDENT] * 1000
    rows[498] = (*STUDENT[:5], "seventy", "70")
    page = open_page()
    send(page, ("class.csv", table(*rows)))
    page.get_by_text("predicted for 999 of 1,000 students. 1 needs mending.").wait_for()
    assert page.get_by_label("Reading score must be a number").input_value() == "seventy"
    page.get_by_text("1 to 100 of 999 students").wait_for()
    (wrong,) = downloaded(page, "download the rows to fix")
    assert (
        wrong["problem"] == "Row 500: reading_score must be a number from 0 to 100. Got 'seventy'."
    )


def test_no_cell_that_is_downloaded_is_a_formula(predictions):
    """C13."""
    rows = [(*STUDENT, f'"{start}"', "-3.5") for start in FORMULAS]
    found = predictions(table(*rows, header=(*HEADER[1:], "note", "change")))
    assert [row["note"][0] for row in found] == ["'"] * len(FORMULAS)
    assert {row["change"] for row in found} == {"-3.5"}


@pytest.mark.parametrize("name", first(3, FILE_NAMES))
def test_a_file_s_name_is_words_on_the_page(open_page, name):
    """C14."""
    page = open_page()
    send(page, (name, table(STUDENT)))
    page.get_by_text("predicted for 1 of 1 student.").wait_for()
    assert page.locator("script:not([src])").count() == 0
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the results").click()
    assert waiting.value.suggested_filename == "class.csv"


# ---------------------------------------------------------------- a teacher

MISTAKES: dict[int, dict[str, object]] = {
    0: {"Gender": "Female"},
    1: {"Gender": " male "},
    2: {"Gender": "F"},
    3: {"Race or ethnicity": "C"},
    4: {"School lunch": "free"},
    5: {"Parents' education": "bachelors degree"},
    6: {"School lunch": "standart"},
    7: {"Reading score": "78%"},
    8: {"Writing score": "67,5"},
    9: {"Writing score": 740},
}  # and below them an empty row and one of averages
N_STUDENTS = 25


def teacher_s_workbook(template: bytes, predictor) -> bytes:
    """Fill in the template as a person does, with twelve mistakes."""
    book = openpyxl.load_workbook(io.BytesIO(template))
    sheet = book["Students"]
    columns = {cell.value: cell.column for cell in sheet[1]}
    names = {heading: name for name, heading in predictor.schema.headings.items()}
    for n in range(N_STUDENTS):
        weak = n % 5 == 0
        record = dict(zip(HEADER[1:], OTHER if weak else (*STUDENT[:5], "88", "88"), strict=True))
        for heading, column in columns.items():
            value = f"Pupil {n}" if heading == "Name" else record[names[heading]]
            value = MISTAKES.get(n, {}).get(heading, value)
            sheet.cell(n + 2, column, int(value) if str(value).isdecimal() else value)
    sheet.cell(N_STUDENTS + 3, columns["Name"], "Average")
    sheet.cell(N_STUDENTS + 3, columns["Reading score"], 65.5)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_teacher_comes_from_the_template_to_one_workbook_in_six_actions(
    open_page, predictor, uploads, javascript
):
    template = uploads.ask("/batch/template.xlsx").body
    content = teacher_s_workbook(template, predictor)
    page = open_page(java_script_enabled=javascript)
    actions = 0

    def act(step) -> None:
        nonlocal actions
        actions += 1
        step()

    file = {"name": "7b.xlsx", "mimeType": "application/octet-stream", "buffer": content}
    act(lambda: page.get_by_label("File").set_input_files(file))
    act(lambda: page.get_by_label("Pass mark").fill("60"))
    act(lambda: page.get_by_role("button", name="Upload and predict").click())
    page.get_by_text("predicted for 20 of 25 students. 5 need mending. 2 rows are no").wait_for()
    wrong = page.get_by_label("Writing score must be between 0 and 100")
    act(lambda: wrong.fill("74"))
    act(lambda: page.get_by_role("button", name="Accept all 4 suggestions").click())
    page.get_by_text("predicted for 25 of 25 students.").wait_for()
    assert page.get_by_role("heading", name="Rows to mend").count() == 0
    tags = page.locator(".students tbody tr").evaluate_all(
        "rows => rows.map(row => row.querySelector('.tag')?.textContent ?? '')"
    )
    assert tags[:5] == ["At risk"] * 5
    assert len(tags) == N_STUDENTS
    with page.expect_download() as waiting:
        act(lambda: page.get_by_role("link", name="Download the results").click())
    assert actions <= 6
    header, *rows = openpyxl.load_workbook(
        io.BytesIO(Path(waiting.value.path()).read_bytes())
    ).active.values
    rows = [dict(zip(header, row, strict=True)) for row in rows]
    named = [row for row in rows if str(row["Name"]).startswith("Pupil")]
    assert [row["Name"] for row in named] == [f"Pupil {n}" for n in range(N_STUDENTS)]
    assert all(isinstance(row["prediction"], int | float) for row in named)
    assert [row["Name"] for row in named if row["at_risk"] == "yes"] == [
        f"Pupil {n}" for n in range(0, N_STUDENTS, 5)
    ]
    assert "Reading score 41: " in named[0]["reasons"]
    assert named[9]["Writing score"] == 74
