"""The page in Streamlit's own test where schools have effects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.frontend.test_page import API, answered, as_csv, send, widget, with_example
from tests.schools import BEST, record
from tests.web.conftest import Server, run_gunicorn

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def schools_back_end(school_artifacts, tmp_path_factory) -> Iterator[Server]:
    """Run the app on a model with effects of schools."""
    folder = tmp_path_factory.mktemp("schools-back-end")
    with run_gunicorn(folder, ARTIFACTS_DIR=str(school_artifacts)) as running:
        yield running


def captions(page) -> str:
    return " ".join(one.value for one in page.caption).replace("\\", "")


def test_a_school_moves_the_prediction_and_is_said_to_be_known_or_not(open_page, schools_back_end):
    page = with_example(open_page(schools_back_end.url))
    assert "School was left blank: it counts as an average one." in captions(page)
    average = widget(page, "metric", "Predicted: Score").value
    widget(page, "text_input", "School").set_value(BEST).run()
    assert not page.exception
    assert f"School: as in {BEST}, which the model knows." in captions(page)
    assert "It does not measure quality" in captions(page)
    assert float(widget(page, "metric", "Predicted: Score").value) > float(average) + 5
    widget(page, "text_input", "School").set_value("Nowhere").run()
    assert "School: the model does not know Nowhere." in captions(page)
    assert widget(page, "metric", "Predicted: Score").value == average


def test_both_scores_of_the_api_stand_side_by_side(open_page, schools_back_end):
    page = open_page(schools_back_end.url)
    facts = schools_back_end.ask(f"{API}/model").json["metrics"]["groups"]
    (table,) = [one.value for one in page.table if "Groups" in one.value]
    for (case, row), one in zip(table.iterrows(), facts["scores"], strict=True):
        assert case.startswith("known") == (one["case"] == "known")
        assert row["Students"] == f"{one['n_samples']:,}"
        r2 = one["scores"]["r2"]
        assert row["R²"].startswith(f"{r2['value']:.3f}")


def test_a_class_counts_students_of_unknown_schools(open_page, schools_back_end):
    page = open_page(schools_back_end.url)
    rows = [[*record(BEST)], *([*record(s).values()] for s in (BEST, "Nowhere", "Nowhere", ""))]
    send(page, as_csv(rows))
    said = " ".join(one.value for one in page.info).replace("\\", "")
    assert (
        "school: 2 of 1 group that the model does not know and 1 without one count as of an "
        "average one."
    ) in said
    shown = next(one.value for one in page.dataframe if "school" in one.value)
    first = answered(schools_back_end, record(BEST))["prediction"]
    assert shown["prediction"].tolist()[0] == first


def test_names_that_may_be_published_are_offered_beside_any_other():
    testing = pytest.importorskip("streamlit.testing.v1", reason="streamlit is not installed")

    def draw() -> None:
        import streamlit as st

        from appFrontend.fields import draw_form

        group = {"name": "school", "label": "School", "help": "", "names": ["Ash", "Birch"]}
        schema = {"features": [], "groups": [], "model_version": "1", "group": group}
        st.json(draw_form(schema, {"report": None}))

    page = testing.AppTest.from_function(draw).run()
    assert widget(page, "selectbox", "School").options == ["Ash", "Birch"]
    assert page.json[0].value == '{"school": null}'
    widget(page, "selectbox", "School").set_value("Birch").run()
    assert not page.exception
    assert page.json[0].value == '{"school": "Birch"}'
