"""16: one answer from form, API, file and page, for a table of outcomes that is trained at once."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

import pytest

from src.pipelines.train_pipeline import main
from tests.frontend.test_page import (
    API,
    answered,
    as_csv,
    entered,
    listed,
    send,
    widget,
    with_example,
)
from tests.web.conftest import Server, multipart, run_gunicorn

pytestmark = pytest.mark.e2e
LABELS = ["L", "M", "H"]


@pytest.fixture
def server(real_table, tmp_path) -> Iterator[Server]:
    """Train on the table by the command, without hints, and run the app on it."""
    options = ["--data", str(real_table("xapi.csv")), "--target", "Class", "--budget", "quick"]
    assert main([*options, "--models", "logistic", "--artifacts", str(tmp_path / "artifacts")]) == 0
    with run_gunicorn(tmp_path, ARTIFACTS_DIR=str(tmp_path / "artifacts")) as running:
        yield running


def test_form_api_file_and_page_give_one_answer(server, open_page):
    page = with_example(open_page(server.url))
    record = entered(page, server)
    told = answered(server, record)
    assert set(told["probabilities"]) == set(LABELS)

    body, kind = multipart(as_csv([list(record), list(record.values())]), "class.csv")
    file = server.ask(f"{API}/predict/batch", body, Content_Type=kind)
    (row,) = csv.DictReader(io.StringIO(file.text))
    assert row["prediction"] == told["prediction"] == told["result"]
    assert {label: float(row[f"p_{label}"]) for label in LABELS} == told["probabilities"]
    assert row["set_90"].split(" | ") == told["set"]

    form = server.post_form("/", record)
    assert form.status == 200
    chance = told["at_risk"]["probability"]
    about = round(100 * chance)
    assert re.search(rf"about <strong>{about}</strong>", form.text)

    assert widget(page, "metric", "Predicted: Class").value == told["prediction"]
    shown = " ".join(one.value for one in page.markdown).replace("\\", "")
    assert f"Of 100 students with this estimate, about {about} end with" in shown
    send(page, as_csv([list(record), list(record.values())]))
    (of_class,) = listed(page)
    assert told["prediction"] in of_class[-4]
    assert of_class[-2] == f"{about}\xa0%"
