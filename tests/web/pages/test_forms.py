import html
import re

import jinja2
import pytest

from src.config import ROOT
from src.exception import Problem
from src.language import install
from src.schema.features import CategoricalFeature, GroupFeature, NumericFeature
from src.schema.record import Schema
from src.web.middleware.errors import first_errors
from src.web.pages.forms import Field, error_summary, form_groups, sensitive_labels

TARGET = NumericFeature(name="math", observed_minimum=0, observed_maximum=100)


def number(**values) -> NumericFeature:
    return NumericFeature(
        **{"name": "reading", "observed_minimum": 17.0, "observed_maximum": 98.0, **values}
    )


def category(*categories: str, **values) -> CategoricalFeature:
    return CategoricalFeature(**{"name": "lunch", "categories": categories, **values})


def schema(*features, **values) -> Schema:
    return Schema(features=features, target=TARGET, **values)


def draw(feature) -> Field:
    (group,) = form_groups(schema(feature))
    return group.fields[0]


def drawn(feature, value: str = "", error: str = "") -> str:
    """Return the input as HTML, with an answer and an error."""
    loader = jinja2.FileSystemLoader(ROOT / "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True)
    install(environment)
    page = environment.get_template("_field.html")
    return html.unescape(str(page.module.draw(draw(feature), value, error)))


def chosen(text: str) -> list[str]:
    return re.findall(r'value="([^"]*)" (?:checked|selected)', text)


def described_by(text: str) -> list[str]:
    return re.findall(r'aria-describedby="([^"]*)"', text)


def test_few_categories_are_radio_buttons_and_many_a_list():
    assert draw(category("a", "b", "c", "d")).widget == "radio"
    assert draw(category("a", "b", "c", "d", "e")).widget == "select"


def test_nothing_is_chosen_until_the_person_chooses():
    assert chosen(drawn(category("a", "b"))) == []
    assert chosen(drawn(category("a", "b", optional=True))) == []
    assert chosen(drawn(category(*"abcde"))) == [""]
    assert draw(category(*"abcde")).options[0].label == "Choose…"


@pytest.mark.parametrize("categories", [("a", "b"), tuple("abcde")])
def test_the_chosen_category_is_kept(categories):
    assert chosen(drawn(category(*categories), "b")) == ["b"]


@pytest.mark.parametrize("categories", [("a", "b"), tuple("abcde")])
def test_an_optional_category_can_be_left_open_in_words(categories):
    field = draw(category(*categories, optional=True))
    assert not field.required
    assert ("", "Not known") in [(o.value, o.label) for o in field.options]


def test_a_required_category_cannot_be_left_open():
    assert "Not known" not in [o.label for o in draw(category("a", "b")).options]


def test_ids_of_options_are_unique_and_the_first_is_the_field_s():
    field = draw(category("a", "b", "c"))
    ids = [o.id for o in field.options]
    assert ids[0] == field.id
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("bounds", "hint"),
    [
        ({"minimum": 0.0, "maximum": 100.0, "unit": "points"}, "0 to 100 points."),
        ({"minimum": 0.5}, "0.5 or more."),
        ({"minimum": -3.0, "maximum": -0.5}, "\N{MINUS SIGN}3 to \N{MINUS SIGN}0.5."),
        ({"maximum": 20.0, "unit": "hours"}, "20 hours or less."),
        ({"unit": "points"}, "Usually 17 to 98 points."),
    ],
)
def test_the_hint_says_what_is_allowed_else_what_training_saw(bounds, hint):
    assert draw(number(**bounds)).hint == hint.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize(
    ("values", "keyboard"),
    [
        ({"integer": True}, "numeric"),
        ({}, "decimal"),
        ({"observed_minimum": -3.0}, "text"),
        ({"observed_minimum": -3.0, "minimum": 0.0, "integer": True}, "numeric"),
    ],
)
def test_the_phone_shows_the_keys_that_are_needed(values, keyboard):
    assert draw(number(**values)).keyboard == keyboard


def test_a_whole_number_has_a_step_and_bounds():
    field = draw(number(integer=True, minimum=0.0, maximum=100.0))
    assert (field.step, field.minimum, field.maximum) == ("1", "0", "100")
    assert draw(number()).step == ""


@pytest.mark.parametrize("entered", ["72.5", "abc", "<script>", "５０", " 7 "])
def test_what_was_entered_is_kept_as_it_was(entered):
    assert f'value="{entered}"' in drawn(number(), entered)


def test_a_field_without_a_label_is_called_by_its_name():
    assert draw(number()).label == "reading"
    assert draw(number(label="Reading score")).label == "Reading score"


def test_fields_stand_below_their_heading_in_the_order_of_the_hints():
    features = (
        number(name="c", group="Scores", order=3),
        number(name="b", group="About", order=2),
        number(name="a", group="About", order=1),
    )
    groups = form_groups(schema(*features, groups=("About", "Scores")))
    assert [(g.heading, [f.name for f in g.fields]) for g in groups] == [
        ("About", ["a", "b"]),
        ("Scores", ["c"]),
    ]


def test_fields_that_the_hints_group_not_come_last_below_a_heading_of_their_own():
    groups = form_groups(schema(number(name="a"), number(name="b", group="About")))
    assert [(g.heading, [f.name for f in g.fields]) for g in groups] == [
        ("About", ["b"]),
        ("Other questions", ["a"]),
    ]


def test_a_heading_without_fields_is_left_out():
    (group,) = form_groups(schema(number(), groups=("Empty",)))
    assert group.heading == ""


def test_a_field_is_described_by_its_hint_and_its_error():
    assert described_by(drawn(number())) == ["field-reading-hint"]
    text = drawn(number(), "", "reading is missing.")
    assert "reading is missing.</p>" in text
    assert described_by(text) == ["field-reading-hint field-reading-error"]
    assert 'aria-invalid="true"' in text
    assert described_by(drawn(category("a", "b"))) == []


def test_a_field_shows_the_first_of_its_problems():
    problems = [Problem("a is bad.", "a"), Problem("a is worse.", "a"), Problem("b is bad.", "b")]
    assert first_errors(problems) == {"a": "a is bad.", "b": "b is bad."}


def test_the_summary_links_to_fields_in_their_order_and_repeats_their_words():
    problems = [Problem("x is not a field."), Problem("a is bad.", "a"), Problem("b is bad.", "b")]
    summary = error_summary(form_groups(schema(number(name="b"), number(name="a"))), problems)
    assert [(line.target, line.message) for line in summary] == [
        ("field-b", "b is bad."),
        ("field-a", "a is bad."),
        ("", "x is not a field."),
    ]


def many(*, group: str = "") -> Schema:
    """Ten numbers and ten choices, in turn."""
    features = [
        number(name=f"n{i}", label=f"N{i}", group=group)
        if kind == "n"
        else category("a", "b", name=f"c{i}", label=f"C{i}", group=group)
        for i in range(10)
        for kind in "nc"
    ]
    return schema(*features)


def headings(made: Schema, importance=None) -> dict[str, list[str]]:
    groups = form_groups(made, importance=importance)
    return {group.heading: [field.name for field in group.fields] for group in groups}


def test_many_fields_without_hints_stand_below_headings_that_say_what_is_in_them():
    """18."""
    found = headings(many())
    assert list(found) == ["C0, C1 and 8 more", "N0, N1 and 8 more"]
    assert found["C0, C1 and 8 more"] == [f"c{i}" for i in range(10)]


def test_of_many_fields_those_that_count_most_come_first():
    found = headings(many(), {"n7": 0.5, "c2": 0.3, "n1": 0.19, "n3": 0.01, "c9": -0.1})
    first, *others = found
    assert first == "What counts most for the prediction"
    assert others == ["C0, C1 and 7 more", "N0, N2 and 6 more"]
    assert found["What counts most for the prediction"] == ["n7", "c2", "n1"]
    assert sum(map(len, found.values())) == 20


def test_no_more_than_eight_fields_count_most():
    found = headings(many(), {f"n{i}": 1.0 for i in range(10)} | {f"c{i}": 1.0 for i in range(10)})
    assert len(found["What counts most for the prediction"]) == 8


def test_a_model_that_relies_on_nothing_has_no_field_that_counts_most():
    found = headings(many(), {"n1": -0.1, "n2": 0.0})
    assert list(found) == ["C0, C1 and 8 more", "N0, N1 and 8 more"]


def test_headings_of_the_hints_are_kept_however_many_fields_there_are():
    assert list(headings(many(group="About"), {"n1": 1.0})) == ["About"]


def test_few_fields_need_no_heading():
    assert list(headings(schema(number(), category("a", "b")), {"reading": 1.0})) == [""]


def test_a_sensitive_field_says_so_in_what_describes_it():
    field = draw(category("a", "b", sensitive=True))
    assert field.sensitive
    assert described_by(drawn(category("a", "b", sensitive=True))) == ["field-lunch-hint"]
    made = schema(category("a", "b", sensitive=True, label="Lunch"), number())
    assert sensitive_labels(form_groups(made)) == ("Lunch",)


def test_the_group_s_field_is_the_last_one_below_no_heading_of_features():
    school = GroupFeature(name="school", label="School", names=("Ash", "<b>"))
    (plain,) = form_groups(schema(number(order=9), group=school))
    assert [field.name for field in plain.fields] == ["reading", "school"]
    marks, others = form_groups(schema(number(group="Marks"), groups=("Marks",), group=school))
    assert (marks.heading, others.heading) == ("Marks", "Other questions")
    assert [field.name for field in others.fields] == ["school"]
    assert not others.fields[0].required
    assert [option.value for option in others.fields[0].options] == ["Ash", "<b>"]
