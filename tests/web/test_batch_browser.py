"""A whole class in a real Chromium, against a real gunicorn."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from src.web.batch_job import run
from src.web.batch_store import Workspace

pytestmark = [pytest.mark.browser, pytest.mark.e2e]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update",
         "--disable-sync"]  # fmt: skip
HEADER = ("name", "gender", "race_ethnicity", "parental_level_of_education", "lunch",
          "test_preparation_course", "reading_score", "writing_score")  # fmt: skip
ROWS = [
    ("Anna", "female", "group C", "some college", "standard", "none", "70", "70"),
    ("Ben", "male", "group A", "high school", "free/reduced", "completed", "41", "43"),
    ("Cem", "male", "group Z", "high school", "standard", "none", "fifty", "60"),
]


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def uploads(gunicorn, sample_artifacts, tmp_path_factory) -> Iterator:
    folder = tmp_path_factory.mktemp("batch")
    environment = {"ARTIFACTS_DIR": str(sample_artifacts), "UPLOADS_DIR": str(folder / "uploads")}
    with gunicorn(folder / "server", **environment) as server:
        server.workspace = Workspace(folder / "uploads", 1 << 20)
        yield server


@pytest.fixture
def open_page(browser, uploads):
    """Open the page; fail where it complains, opens a dialog or asks another host."""
    contexts, said = [], []

    def visit(path: str = "/batch", **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append("dialog"), dialog.dismiss()))
        page.on("request", lambda r: r.url.startswith(uploads.url) or said.append(r.url))
        page.goto(uploads.url + path)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert [text for text in said if "Failed to load resource: the server" not in text] == []


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
    assert page.title().startswith("Results: ")
    anna = page.get_by_role("table").get_by_role("row").filter(has_text="Anna").inner_text()
    ben = page.get_by_role("table").get_by_role("row").filter(has_text="Ben").inner_text()
    assert "At risk" not in anna
    assert "At risk" in ben
    rows = downloaded(page, "Download the results")
    expected = predictor.predict_record(dict(zip(HEADER[1:], ROWS[0][1:], strict=True)))
    assert float(rows[0]["prediction"]) == expected.prediction
    assert [row["below_pass_mark"] for row in rows] == ["no", "yes", ""]

    (wrong,) = downloaded(page, "Download the rows to fix")
    assert "race_ethnicity must be one of" in wrong["problem"]
    assert "reading_score must be a number" in wrong["problem"]
    mended = wrong | {"race_ethnicity": "group A", "reading_score": "50"}
    with (tmp_path / "mended.csv").open("w", newline="") as file:
        csv.writer(file).writerows((list(mended), list(mended.values())))
    page.get_by_role("link", name="upload them again").click()
    page.get_by_label("File").set_input_files(tmp_path / "mended.csv")
    page.get_by_role("button", name="Upload and predict").click()
    page.get_by_text("predicted for 1 of 1 rows.").wait_for()
    page.get_by_label("Pass mark").fill("101")
    page.get_by_role("button", name="Set the pass mark").click()
    page.get_by_role("alert").get_by_role("link").click()
    assert page.get_by_label("Pass mark").evaluate("e => e === document.activeElement")
    page.get_by_label("Pass mark").fill("99")
    page.get_by_role("button", name="Set the pass mark").click()
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
    page.get_by_role("heading", name="Rows to fix").wait_for()
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
    assert page.title().startswith("Error: ")
    assert summary.evaluate("e => e === document.activeElement")
    summary.get_by_role("link", name="Choose a CSV or Excel file.").click()
    assert page.get_by_label("File").evaluate("e => e === document.activeElement")


@pytest.mark.parametrize("javascript", [True, False])
def test_the_page_of_a_large_file_shows_progress_and_then_the_results(
    open_page, uploads, predictor, javascript
):
    job = uploads.workspace.create(heavy=True)
    job.upload.write_text("\n".join(map(",".join, (HEADER, *ROWS))), "utf-8")
    job.write_order({"name": "school.csv", "pass_mark": None})
    page = open_page(f"/batch/{job.id}", java_script_enabled=javascript)
    page.get_by_role("heading", name="Working on school.csv").wait_for()
    job.report(12_345)
    page.get_by_text("12,345 rows done").wait_for()
    run(job, predictor)
    page.get_by_text("predicted for 2 of 3 rows").wait_for()


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
    page.get_by_role("heading", name="Students").wait_for()
    check("results")


@pytest.mark.parametrize("path", ["a" * 32, "template.pdf"])
def test_what_is_gone_is_told_on_a_page(open_page, path):
    page = open_page(f"/batch/{path}")
    assert re.search("no such file", page.get_by_role("main").inner_text())
