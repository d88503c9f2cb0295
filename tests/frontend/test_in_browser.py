"""The page as Streamlit serves it, in a real Chromium, before a back end that stops and starts."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from deploy.rehearsal import nginx
from tests.frontend.conftest import ROOT, run_streamlit, wait_for
from tests.sampling import first
from tests.web.chromium import TIMEOUT_MS, violations, watched
from tests.web.conftest import run_gunicorn

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


def predicted(page, called: str) -> float:
    text = page.get_by_test_id("stMetric").filter(has_text=called).first.inner_text()
    return float(re.search(r"(-?[\d.]+) points", text).group(1))


def test_a_student_a_class_and_the_model_while_the_back_end_stops_and_starts(
    browser, sample_artifacts: Path, student, tmp_path: Path, free_port: int
):
    sync_api = pytest.importorskip("playwright.sync_api")
    expect = sync_api.expect
    expect.set_options(timeout=TIMEOUT_MS)  # the server's first answer waits for its imports
    settings = {"ARTIFACTS_DIR": str(sample_artifacts)}
    bind = ("--bind", f"127.0.0.1:{free_port}")
    row = ",".join(str(value) for value in student.values())
    table = f"{','.join(student)}\n{row}\n{row.replace('female', 'dog')}\n".encode()
    with (
        run_streamlit(tmp_path, f"http://127.0.0.1:{free_port}") as url,
        watched(browser, url) as visit,
    ):
        page = visit()
        expect(page.get_by_text("The back end is not answering")).to_be_visible()
        with run_gunicorn(tmp_path / "first", *bind, **settings):
            page.get_by_role("button", name="Try again").click()
            expect(page.get_by_role("heading", level=1)).to_have_text("Predict a math score")
            expect(page.get_by_text("Answer the questions: a prediction follows.")).to_be_visible()
            page.get_by_role("button", name="Fill in an example").click()
            before = predicted(page, "Predicted: Math score")
            page.get_by_role("button", name="Keep to compare").click()
            reading = page.get_by_role("spinbutton", name="Reading score")
            reading.fill("20")
            reading.press("Enter")
            now = page.get_by_test_id("stMetric").filter(has_text="Now")
            expect(now.get_by_test_id("stMetricDelta")).to_contain_text("-")
            assert predicted(page, "First answer") == before
            assert predicted(page, "Now") < before

            page.get_by_role("tab", name="A class").click()
            page.locator("input[type=file]").set_input_files(
                {"name": "class.csv", "mimeType": "text/csv", "buffer": table}
            )
            page.get_by_role("tab", name="Problems (1)").click()
            expect(page.get_by_role("button", name="Download the rows to mend")).to_be_visible()

            page.get_by_role("tab", name="The model").click()
            expect(page.get_by_role("heading", name="For whom it errs")).to_be_visible()
            assert [found for found in violations(page) if found.startswith("color-contrast")] == []

        page.get_by_role("tab", name="One student").click()
        reading.fill("30")
        reading.press("Enter")
        expect(page.get_by_text("The back end is not answering")).to_be_visible()
        with run_gunicorn(tmp_path / "second", *bind, **settings):
            page.get_by_role("button", name="Try again").click()
            expect(now).to_be_visible()


def test_a_file_of_more_than_a_megabyte_reaches_the_page_behind_beanstalks_proxy(
    browser, back_end, student, tmp_path: Path, free_port: int, request
):
    """D4: nginx of the Docker platform takes 1 MB unless told otherwise."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    expect = pytest.importorskip("playwright.sync_api").expect
    row = ",".join(str(value) for value in student.values())
    table = f"{','.join(student)},notes\n" + f"{row},{'x' * 30_000}\n" * 60
    with run_streamlit(tmp_path, back_end.url) as direct:
        proxy, port = tmp_path / "nginx", int(direct.rpartition(":")[2])
        nginx.write_platform(proxy, ROOT / "deploy/streamlit", {}, free_port, port)
        assert nginx.problem(proxy) is None
        process = nginx.start(proxy)
        request.addfinalizer(lambda: (process.terminate(), process.wait()))
        url = f"http://127.0.0.1:{free_port}"
        wait_for(f"{url}/_stcore/health", process, proxy / "error.log")
        with watched(browser, url) as visit:
            page = visit()
            page.get_by_role("tab", name="A class").click()
            page.locator("input[type=file]").set_input_files(
                {"name": "class.csv", "mimeType": "text/csv", "buffer": table.encode()}
            )
            expect(page.get_by_role("tab", name="All columns")).to_be_visible()


@pytest.mark.parametrize("scheme", first(1, ["light", "dark"]))
def test_no_page_scrolls_sideways_on_a_phone(browser, back_end, tmp_path, scheme):
    with run_streamlit(tmp_path, back_end.url) as url, watched(browser, url) as visit:
        page = visit(viewport={"width": 390, "height": 844}, color_scheme=scheme)
        for name in ("One student", "A class", "The model"):
            page.get_by_role("tab", name=name).click()
            page.get_by_role("tabpanel", name=name).wait_for()
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert page.evaluate(wide) <= 0
