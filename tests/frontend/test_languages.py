"""The page in Streamlit's own test in each of its languages."""

from __future__ import annotations

import pytest

from appFrontend import language
from tests.frontend.test_page import (
    CLASS,
    answered,
    as_csv,
    entered,
    listed,
    said,
    send,
    students,
    widget,
    with_example,
)

pytestmark = pytest.mark.e2e
TABS = {
    "de": ["Eine Person", "Eine Klasse", "Das Modell"],
    "es": ["Un estudiante", "Una clase", "El modelo"],
    "fr": ["Un élève", "Une classe", "Le modèle"],
}


def test_the_switch_speaks_another_language_and_keeps_what_was_answered(open_page, back_end):
    """18: Streamlit has its own catalogue."""
    page = with_example(open_page(back_end.url))
    record = entered(page, back_end)
    (switch,) = [one for one in page.selectbox if one.key == "language"]
    assert switch.value == "en"
    assert set(switch.options) == {"English", "Deutsch", "Español", "Français"}
    for code, tabs in TABS.items():
        (switch,) = [one for one in page.selectbox if one.key == "language"]
        switch.set_value(code).run()
        assert not page.exception
        assert [one.label for one in page.tabs][:3] == tabs
        assert entered(page, back_end) == record
    (shown,) = [one.value for one in page.metric if one.label.startswith("Prédit")]
    expected = answered(back_end, record)["prediction"]
    assert shown == f"{expected:.1f} points".replace(".", ",")


@pytest.mark.parametrize("code", sorted(TABS))
def test_a_class_is_listed_in_the_language(open_page, back_end, student, code):
    page = open_page(back_end.url)
    page.session_state["language"] = code
    page.session_state["pass-mark"] = 60.0
    page.session_state["n-helped"] = 1
    page.run()
    send(page, as_csv(students(*CLASS, base=student)))
    tags = {"de": "Gefährdet", "es": "En riesgo", "fr": "À risque"}
    first, *_ = listed(page)
    assert tags[code] in first[2]
    assert "," in first[2].split()[0]
    words = {"de": "bleiben", "es": "quedarán", "fr": "resteront"}
    assert words[code] in said(page.markdown)
    n_at_risk = sum(tags[code] in row[2] for row in listed(page))
    assert widget(page, "metric", tags[code]).value == str(n_at_risk)


def test_the_browser_s_language_is_spoken_where_nobody_chose_another():
    assert language.fitting("de-CH") == "de"
    assert language.fitting("fr") == "fr"
    assert language.fitting("pt-BR") == "en"
