"""The page of a class whose outcomes are predicted, in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.outcomes import records
from tests.web.batch.test_outcomes import MISTAKE, as_csv
from tests.web.chromium import looks, unfold, violations, watched

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


@pytest.fixture(scope="module")
def url(gunicorn, outcome_artifacts, tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("outcomes")
    with gunicorn(folder, ARTIFACTS_DIR=str(outcome_artifacts)) as server:
        yield server.url


@looks("width", "scheme")
def test_a_class_of_outcomes_is_uploaded_and_read_on_a_phone_and_a_desk(
    browser, url, width, scheme
):
    content = as_csv([*records(20, seed=4), MISTAKE])
    with watched(browser, url) as visit:
        page = visit(
            "/batch", viewport={"width": width, "height": 900}, color_scheme=scheme,
        )  # fmt: skip
        assert page.get_by_label("Pass mark").count() == 0
        file = {"name": "7b.csv", "mimeType": "text/csv", "buffer": content}
        page.get_by_label("File").set_input_files(file)
        page.get_by_role("button", name="Upload and predict").click()
        page.get_by_role("heading", name="Overview").wait_for()
        unfold(page)
        assert page.locator(".tag", has_text="At risk").count() > 0
        if width > 600:  # on a phone, rows are cards
            assert page.get_by_role("columnheader", name="Chance of Fail").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert violations(page) == []
        with page.expect_download() as waiting:
            page.get_by_role("link", name="Plain file").click()
        header = waiting.value.path().read_text("utf-8-sig").partition("\n")[0]
        assert header.endswith("prediction,p_Fail,p_Pass,p_Distinction,set_90,problem")
