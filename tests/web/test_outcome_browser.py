"""The pages of a model of outcomes in a real Chromium."""

from collections.abc import Iterator

import pytest

from benchmarks.threaded import served
from src.serving.predictor import Predictor
from tests.web.chromium import unfold, violations, watched

pytestmark = [pytest.mark.browser, pytest.mark.e2e]
STUDENT = {"reading": 52, "absences": 14, "course": "none"}


@pytest.fixture(scope="module")
def open_page(browser, make_app, outcome_artifacts) -> Iterator:
    app = make_app(artifacts_dir=outcome_artifacts, log_level="ERROR")
    with served(app) as url, watched(browser, url) as visit:
        yield visit


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark")])
def test_result_and_model_page_fit_and_pass_axe(open_page, outcome_artifacts, width, scheme):
    page = open_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for name in ("reading", "absences"):
        page.locator(f"[name={name}]").fill(str(STUDENT[name]))
    page.get_by_label(STUDENT["course"], exact=True).check()
    with page.expect_navigation():  # the page before may hold an answer too
        page.get_by_role("button", name="Predict").click()
    page.locator("#answer").wait_for()
    asked = Predictor.load(outcome_artifacts).predict_record(STUDENT)
    assert page.locator("data").get_attribute("value") == asked.prediction
    n_full = round(100 * asked.at_risk)
    assert page.get_by_role("img", name=f"{n_full} of 100 students drawn full: Fail").count() == 1
    for path in ("", "/model"):
        if path:
            page.goto(page.url.split("#")[0].rstrip("/") + path)
        unfold(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []
