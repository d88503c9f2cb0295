"""18: report, card and the page of lead times in the language that is asked for; files English."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from src.components.model_report import ModelReport
from src.language import current, speaking
from src.pipelines.lead_time_command import write_page
from src.report.findings import category_label, missing_label, pair_label, range_labels
from src.report.stored_words import event_label, group_label, spoken
from src.report.wording import count, day, group_noun, listed, number, percent
from src.schema.features import CategoricalFeature, GroupFeature, NumericFeature
from src.search.candidates import CANDIDATES
from src.search.classifiers import classifiers
from tests.pseudo_language import pseudo_language, unmarked_words
from tests.unit.components.test_model_report import MARK, NASTY, everything
from tests.unit.report.test_class_sentences import GROUPS, given
from tests.unit.report.test_group_effects import groups
from tests.unit.report.test_lead_time import FACTS

OWN = (
    NASTY, "<script>alert('x')</scri…", "quick", "marks.csv", "course", "none", "mark", "points",
    "sex", "id", "class id", "Class id",
    "every value is another one", "x0", "scikit-learn", "Januaro", "20260131T120000Z-1a2b3c",
    "ab" * 32,
)  # fmt: skip


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the code of a language that translates every message, into circled letters."""
    with pseudo_language(tmp_path_factory.mktemp("translations")) as code:
        yield code


def test_no_word_of_a_report_on_a_number_stays_english(other: str) -> None:
    made = everything()
    known = made.metrics | {"groups": asdict(groups())}
    made = replace(
        made, metrics=known, schema=replace(made.schema, group=GroupFeature(name="class_id"))
    )
    rendered = ModelReport().run(made, other)
    page = rendered.html.decode()
    assert unmarked_words(page, OWN) == set()
    assert f'<html lang="{other}">' in page
    assert "Ⓗⓞⓦ ⓖⓞⓞⓓ ⓘⓣ ⓘⓢ" in rendered.model_card.decode()
    assert current() == "en"


def test_no_word_of_a_report_on_outcomes_stays_english(other: str) -> None:
    page = ModelReport().run(given(fairness=GROUPS), other).html.decode()
    own = ("Fail", "Pass", "Top", "Result", "result", "Hours", "hours", "Sex", "at_risk",
           "Logistic", "Catboost", "Dummy", "columns")  # fmt: skip
    assert unmarked_words(page, own) == set()


def test_a_report_calls_columns_and_choices_as_the_hints_do_in_its_language() -> None:
    made = everything()
    course = next(one for one in made.schema.features if one.name == "course")
    course = replace(
        course,
        translations={"de": {"label": "Vorbereitung"}}, words={"de": {"none": "keine davon"}},
    )  # fmt: skip
    target = replace(made.schema.target, translations={"de": {"label": "Punktzahl"}})
    numbers = [one for one in made.schema.features if one.name != "course"]
    hinted = replace(made, schema=replace(made.schema, features=(*numbers, course), target=target))
    german, english = (ModelReport().run(hinted, code).html.decode() for code in ("de", "en"))
    assert "Wie gut wird Punktzahl vorhergesagt?" in german
    for word in ("Vorbereitung", "keine davon: "):
        assert word in german
        assert word not in english


def test_lead_times_are_told_in_the_language_and_their_numbers_in_english(
    other: str, tmp_path: Path
) -> None:
    write_page(tmp_path, FACTS, other)
    page = (tmp_path / "lead_time.html").read_text("utf-8")
    own = ("day", "Mark", "Quiz", "school", "Ridge", "of day 30", "of day 60",
           "of day 90")  # fmt: skip
    assert unmarked_words(page, own) == set()
    numbers = json.loads((tmp_path / "lead_time.json").read_text("utf-8"))
    assert numbers["sentences"][0].startswith("By day 30 the list of 100 holds 41")


FAMILIES = (*CANDIDATES, *classifiers(3, ordered=True))


@pytest.mark.parametrize("label", sorted({family.label for family in FAMILIES}))
def test_each_family_has_a_name_in_every_language(other: str, label: str) -> None:
    with speaking(other):
        assert spoken(label) != label
        assert spoken(f"Average of {label}, Lasso") == f"Ⓐⓥⓔⓡⓐⓖⓔ ⓞⓕ {spoken(label)}, Ⓛⓐⓢⓢⓞ"
    assert spoken(label) == label


AGE = NumericFeature(
    name="age", label="Age", unit="years", observed_minimum=15, observed_maximum=18
)
LUNCH = CategoricalFeature(name="lunch", label="Lunch", categories=("bread and butter", "none"))


def test_groups_of_students_are_named_in_every_language(other: str) -> None:
    butter, missing = category_label(LUNCH, "bread and butter"), missing_label(AGE)
    low, middle, high = range_labels(AGE, (15.5, 17))
    with speaking(other):
        assert group_label(butter) == butter
        assert group_label(missing) == "Age ⓜⓘⓢⓢⓘⓝⓖ"
        assert [group_label(one) for one in (low, middle, high)] == [
            "Age ⓤⓟ ⓣⓞ 15,5 years", "Age ⓞⓥⓔⓡ 15,5 ⓣⓞ 17 years", "Age ⓞⓥⓔⓡ 17 years",
        ]  # fmt: skip
        assert group_label(pair_label(butter, low)) == f"{butter} ⓐⓝⓓ Age ⓤⓟ ⓣⓞ 15,5 years"


@pytest.mark.parametrize("feature", [
    MARK, LUNCH, replace(MARK, minimum=None), replace(MARK, maximum=None),
    CategoricalFeature(name="c", categories=tuple("abcdefghijklm")), GroupFeature(name="school"),
])  # fmt: skip
def test_the_rules_of_columns_are_said_in_every_language(other: str, feature) -> None:
    stored = feature.rule
    with speaking(other):
        assert spoken(stored) not in ("", stored)


def test_events_are_named_in_every_language(other: str) -> None:
    with speaking(other):
        assert event_label("a score below 49.5") == "ⓐ ⓢⓒⓞⓡⓔ ⓑⓔⓛⓞⓦ 49,5"
        assert event_label("F or D") == "F ⓞⓡ D"


def test_numbers_and_dates_are_written_as_the_language_does() -> None:
    with speaking("de"):
        assert number(-1234.5, 1) == "\N{MINUS SIGN}1.234,5"
        assert percent(0.125) == "12\N{NO-BREAK SPACE}%"
        assert day("2026-03-05T10:00:00+00:00") == "5. März 2026"
    with speaking("es"):
        assert day("2026-03-05T10:00:00+00:00") == "5 de marzo de 2026"
    assert (day("2026-03-05"), count(1200)) == ("5 March 2026", "1,200 students")


def test_a_column_s_label_is_not_inflected_in_other_languages(other: str) -> None:
    group = GroupFeature(name="school_id", label="School ID")
    assert group_noun(group) == "school"
    with speaking(other):
        assert group_noun(group) == "School ID"
        assert listed("abc", last="or") == "a, b ⓞⓡ c"
