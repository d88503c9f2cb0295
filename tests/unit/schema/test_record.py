from __future__ import annotations

import dataclasses
import json
import math
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from src.exception import ArtifactError, DataValidationError, HeaderError
from src.language import speaking
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.tables.cells import (
    SHOWN_CHARACTERS,
    almost_number,
    clean,
    column_name,
    format_number,
    match_key,
    parse_number,
    shorten,
)

SCORE = NumericFeature(
    name="reading_score",
    label="Reading score",
    minimum=0.0,
    maximum=100.0,
    observed_minimum=17.0,
    observed_maximum=100.0,
    integer=True,
)
HOURS = NumericFeature(
    name="hours", label="Hours", observed_minimum=0.0, observed_maximum=9.5, optional=True
)
LUNCH = CategoricalFeature(name="lunch", label="Lunch", categories=("standard", "free/reduced"))
CLUB = CategoricalFeature(
    name="club", label="Club", categories=("NA", "None", "null", "chess"), optional=True
)
MATH = dataclasses.replace(SCORE, name="math_score", label="Math score")
SCHEMA = Schema((LUNCH, SCORE, HOURS, CLUB), MATH)
STUDENT = {"lunch": "standard", "reading_score": 72, "hours": 3, "club": "chess"}

texts = st.text(max_size=20)
words = {
    "name": texts, "label": texts, "help": texts, "group": texts, "order": st.integers(),
    "sensitive": st.booleans(), "actionable": st.booleans(), "optional": st.booleans(),
}  # fmt: skip
floats = st.floats(allow_nan=False, allow_infinity=False)
numerics = st.builds(
    NumericFeature, **words, minimum=st.none() | floats, maximum=st.none() | floats,
    observed_minimum=floats, observed_maximum=floats, unit=texts, integer=st.booleans(),
)  # fmt: skip
categoricals = st.builds(
    CategoricalFeature, **words, categories=st.lists(texts, max_size=5).map(tuple)
)
schemas = st.builds(
    Schema,
    features=st.lists(numerics | categoricals, max_size=4).map(tuple),
    target=numerics,
    title=texts,
    description=texts,
    groups=st.lists(texts, max_size=3).map(tuple),
)


def problems_of(record: object, schema: Schema = SCHEMA, **options: bool) -> list[str]:
    with pytest.raises(DataValidationError) as raised:
        schema.check_record(record, **options)  # type: ignore[arg-type]
    return [problem.message for problem in raised.value.problems]


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("race/ethnicity", "race_ethnicity"),
        (" math score ", "math_score"),
        ("Math score (%)", "Math_score____"),
        ("G3", "G3"),
        ("température", "température"),
        ("tempe\u0301rature", "température"),  # as macOS writes it
        ("गणित", "गणित"),
        ("a\tb\nc\x00d", "a_b_c_d"),
        ("", ""),
    ],
)
def test_a_name_keeps_letters_digits_and_underscores(header: str, name: str) -> None:
    assert column_name(header) == name


@given(st.text())
def test_a_name_is_its_own_name(header: str) -> None:
    assert column_name(column_name(header)) == column_name(header)


@pytest.mark.parametrize(
    "header",
    ["race/ethnicity", "Race Ethnicity", "RACE-ETHNICITY", "race_ethnicity", " race / ethnicity "],
)
def test_headers_match_regardless_of_case_blank_slash_dash_and_underscore(header: str) -> None:
    """C8."""
    assert match_key(header) == match_key("race_ethnicity")


@given(st.text())
def test_a_header_always_matches_the_name_made_of_it(header: str) -> None:
    """C8."""
    assert match_key(column_name(header)) == match_key(header)


@given(st.lists(st.text("abcXYZ019", min_size=1), min_size=1, max_size=4), st.data())
def test_matching_ignores_how_words_are_joined(parts: list[str], data: st.DataObject) -> None:
    """C8."""
    joints = st.sampled_from([" ", "/", "-", "_", " / ", "__"])
    header = parts[0] + "".join(data.draw(joints) + part for part in parts[1:])
    assert match_key(header.swapcase()) == match_key("_".join(parts))


@pytest.mark.parametrize(("one", "other"), [("score1", "score2"), ("ab", "a_b"), ("", "_")])
def test_different_names_do_not_match(one: str, other: str) -> None:
    assert match_key(one) != match_key(other)


# --- numbers ------------------------------------------------------------------------------------


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_number_reads_back_as_itself(number: float) -> None:
    assert parse_number(repr(number)) == (float(number) if abs(number) < 1e308 else number)


@given(st.text("0123456789+-.eE _,infa", max_size=12))
def test_what_is_read_is_what_float_reads(text: str) -> None:
    number = parse_number(text)
    if number is not None:
        assert number == float(text)


@pytest.mark.parametrize("text", ["72", " 72.5\t", "+3", "-3.", ".5", "1e3", "0" * 500])
def test_plain_decimal_texts_are_numbers(text: str) -> None:
    assert parse_number(text) == float(text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "-", "nan", "NaN", "inf", "-Infinity", "1e400", "-1e309",  # F2
     "1_0", "５０", "٣", "0x10", "1 000", "1,5", "1.2.3", "True", "½", "²", "−5", "1\x00"],  # F3
)  # fmt: skip
def test_other_texts_are_none(text: str) -> None:
    """F2, F3."""
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("72,5", 72.5), ("72.5", 72.5), ("-,5", -0.5), ("1,234", 1.234), ("0.125", 0.125),
     ("1.234", None), ("12.345.678", None), ("1.234,5", None), ("1,2,3", None),
     ("1234.567", 1234.567)],
)  # fmt: skip
def test_where_commas_are_decimal_a_grouping_point_is_refused(
    text: str, number: float | None
) -> None:
    """C2."""
    assert parse_number(text, decimal_comma=True) == number


@given(st.floats(-1e6, 1e6).map(lambda number: f"{number:.2f}"))
def test_a_decimal_comma_gives_the_same_number(text: str) -> None:
    """C2."""
    assert parse_number(text.replace(".", ","), decimal_comma=True) == float(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(1e22)
@example(-0.0)
def test_the_short_spelling_is_the_same_number(number: float) -> None:
    assert parse_number(format_number(number)) == number


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("85%", "Leave out the percent sign."),
        ("72,5 %", "Leave out the percent sign."),
        ("1,234", "Leave out the thousands separators."),
        ("1.234.567,8", "Leave out the thousands separators."),
        ("1 234,5", "Leave out the thousands separators."),
        ("1\u202f234", "Leave out the thousands separators."),
        ("12'345", "Leave out the thousands separators."),
        ("72,5", "Write the decimals after a point."),
        ("５０", "Write it with the digits 0 to 9 and a plain minus."),
        ("−5", "Write it with the digits 0 to 9 and a plain minus."),
        ("72 points", "Write the number alone, without its unit."),
        ("3.5h", "Write the number alone, without its unit."),
        *((text, "") for text in ["", "abc", "1_0", "1e400", "2024-01-15", "12:30", "-", "9" * 99]),
    ],
)
def test_a_number_in_other_dress_gets_advice(text: str, advice: str) -> None:
    assert almost_number(text) == advice


# --- texts --------------------------------------------------------------------------------------


def deep(levels: int) -> list:
    value: list = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, 10**5000, -(10**309), deep(5000), list(range(10**5)), {"a": deep(900)},
     {str(i): i for i in range(10**4)}, "\ud800", object(), float("nan")],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_anything_can_be_shown_on_a_line(value: object) -> None:
    """F5."""
    shown = shorten(value)
    assert len(shown) <= SHOWN_CHARACTERS
    assert shown.encode("utf-8")


@given(st.text())
def test_accents_are_composed_and_blanks_around_removed(text: str) -> None:
    composed, found = unicodedata.normalize("NFC", text), clean(f" {text}\t")
    before, after = composed.split(found, 1) if found else (composed, "")
    assert clean(found) == found in composed
    assert all(unicodedata.category(c)[0] in "ZC" or c in "\u2800\u3164" for c in before + after)


# --- one value ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [72, 72.0, "72", " 72 ", "7.2e1", np.int64(72), np.float64(72)])
def test_a_number_may_come_as_text(value: object) -> None:
    """F3."""
    assert SCORE.check_json(value).value == 72.0


def test_an_integer_feature_takes_decimals() -> None:
    assert SCORE.check_json(72.5).value == SCORE.check_cell("72.5").value == 72.5


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "is missing. It must be a number from 0 to 100."),  # F1
        ("", "is missing. It must be a number from 0 to 100."),
        ("ninety", "must be a number from 0 to 100. Got 'ninety'."),
        (-1, "must be a number from 0 to 100. Got -1."),
        (101, "must be a number from 0 to 100. Got 101."),
        ("101", "must be a number from 0 to 100. Got '101'."),
        (1e9, "must be a number from 0 to 100. Got 1000000000.0."),
        ("nan", "must be a number from 0 to 100. Got 'nan'."),  # F2
        (math.nan, "must be a number from 0 to 100. Got nan."),
        (math.inf, "must be a number from 0 to 100. Got inf."),
        ("1e400", "must be a number from 0 to 100. Got '1e400'."),
        (10**400, "must be a number from 0 to 100. Got an integer of more than 300 digits."),
        pytest.param(10**5000, "Got an integer of more than 300 digits.", id="10**5000"),
        ("1_0", "must be a number from 0 to 100. Got '1_0'."),  # F3
        (True, "must be a number from 0 to 100. Got True."),
        ("５０", "Got '５０'. Write it with the digits 0 to 9 and a plain minus."),
        ([72], "must be a number from 0 to 100. Got [72]."),  # F5
        ({"a": 1}, "must be a number from 0 to 100. Got {'a': 1}."),
        ("85 %", "must be a number from 0 to 100. Got '85 %'. Leave out the percent sign."),
        ("9" * 70, f"must be a number from 0 to 100. Got '{'9' * 59}…'."),
    ],
)
def test_what_is_no_number_in_range_is_refused(value: object, message: str) -> None:
    """F1, F2, F3, F5."""
    checked = SCORE.check_json(value)
    assert checked.value is None
    assert message in checked.problem


@pytest.mark.parametrize(
    ("minimum", "maximum", "rule"),
    [(None, None, "a number"), (0, None, "a number of at least 0"),
     (None, 2.5, "a number of at most 2.5"), (0, 1e6, "a number from 0 to 1000000")],
)  # fmt: skip
def test_the_rule_says_the_bounds_that_there_are(
    minimum: float | None, maximum: float | None, rule: str
) -> None:
    assert dataclasses.replace(HOURS, minimum=minimum, maximum=maximum).rule == rule


def test_bounds_belong_to_the_range() -> None:
    assert [SCORE.check_json(value).problem for value in (0, 100, -0.0)] == ["", "", ""]


def test_a_value_that_training_never_saw_is_a_warning() -> None:
    checked = SCORE.check_json(5)
    assert (checked.value, checked.problem) == (5.0, "")
    assert checked.warning == (
        "reading_score is 5, outside the range of 17 to 100 that training saw: "
        "the prediction is an extrapolation."
    )


def test_a_number_that_arithmetic_cannot_bear_is_refused() -> None:
    assert HOURS.check_json(1e300).problem == (
        "hours must be a number. Got 1e+300. That is too large to be meant."
    )
    assert HOURS.check_json(1e29).value == 1e29


def test_a_missing_value_passes_only_where_training_had_some() -> None:
    """C15."""
    for feature in (HOURS, CLUB):
        assert feature.check_json(None) == feature.check_cell("  ")
        assert (feature.check_json(None).value, feature.check_json(None).problem) == (None, "")
    assert LUNCH.check_cell("").problem == (
        "lunch is missing. It must be one of 'standard', 'free/reduced'."
    )


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("standart", "Got 'standart'. Did you mean 'standard'?"),
        ("free/reducd", "Got 'free/reducd'. Did you mean 'free/reduced'?"),
        ("caviar", "must be one of 'standard', 'free/reduced'. Got 'caviar'."),
        (3, "must be one of 'standard', 'free/reduced'. Got '3'."),
        (["standard"], "must be one of 'standard', 'free/reduced'. Got ['standard']."),
        (math.nan, "must be one of 'standard', 'free/reduced'. Got nan."),
        (10**400, "Got an integer of more than 300 digits."),
        ("s\u200btandard", "Got 's\\u200btandard'. Did you mean 'standard'?"),
    ],
)  # fmt: skip
def test_an_unknown_category_is_refused_with_the_allowed_ones(value: object, problem: str) -> None:
    """F4."""
    checked = LUNCH.check_json(value)
    assert checked.value is None
    assert checked.problem.startswith("lunch must be one of 'standard', 'free/reduced'. Got ")
    assert checked.problem.endswith(problem)


@pytest.mark.parametrize(
    ("cell", "meant"),
    [("G-05", ""), ("G-8", "G-08"), ("G08", "G-08"), ("G-80", ""), ("G", "")],
)
def test_a_grade_is_no_misspelling_of_another(cell: str, meant: str) -> None:
    feature = CategoricalFeature(name="grade", categories=("G-02", "G-07", "G-08"))
    assert feature.suggestion(cell) == meant


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("G-05", "other"), ("Sociology", "other"), ("Music", "other"), ("Phys", "other"),
        ("Phisics", "Physics"), ("G08", "G-08"), ("othr", "other"), (" ", ""),
    ],
)  # fmt: skip
def test_what_training_grouped_as_other_is_proposed_as_other(cell: str, meant: str) -> None:
    categories = ("G-08", "Musicology", "other", "Physics", "Socialwork")
    assert CategoricalFeature(name="x", categories=categories).suggestion(cell) == meant


def test_the_suggestion_can_be_left_out() -> None:
    """F4."""
    assert LUNCH.check_cell("standart", suggest=False).problem.endswith("Got 'standart'.")
    assert SCORE.check_cell("1,5", suggest=False).problem == ""
    assert SCORE.check_cell("1,500", suggest=False).problem.endswith("Got '1,500'.")


def test_a_long_list_of_categories_is_cut() -> None:
    """F4."""
    feature = dataclasses.replace(LUNCH, categories=tuple(f"c{i}" for i in range(15)))
    assert feature.rule.endswith("'c11' or 3 more")


def test_a_huge_unknown_category_costs_nothing() -> None:
    """F4."""
    assert LUNCH.check_json("x" * 10**6).problem.endswith("…'.")


@pytest.mark.parametrize("text", ["NA", "None", "null"])
def test_marks_of_missing_values_can_be_categories(text: str) -> None:
    """C6."""
    assert CLUB.check_cell(text).value == CLUB.check_json(text).value == text


@pytest.mark.parametrize("categories", [("True", "False"), ("TRUE", "FALSE"), ("true", "false")])
@pytest.mark.parametrize("value", [True, "True", "TRUE", "true"])
def test_truth_values_match_however_a_program_spells_them(
    categories: tuple[str, ...], value: object
) -> None:
    feature = CategoricalFeature(name="paid", categories=categories)
    assert feature.check_json(value).value == categories[0]


@pytest.mark.parametrize("value", [1, 1.0, "1", "1.0", np.int64(1)])
def test_numeric_codes_match_however_a_program_spells_them(value: object) -> None:
    feature = CategoricalFeature(name="level", categories=("0", "1", "2"))
    assert feature.check_json(value).value == "1"


def test_a_number_that_could_be_either_of_two_categories_is_refused() -> None:
    feature = CategoricalFeature(name="school", categories=("01", "1.0"))
    assert feature.check_cell("01").value == "01"
    assert "Got '1'." in feature.check_json(1).problem


def test_a_category_matches_however_its_accent_is_written() -> None:
    feature = CategoricalFeature(name="town", categories=("Zürich",))
    assert feature.check_json("Zu\u0308rich").value == "Zürich"


@given(st.text())
def test_a_category_is_kept_as_it_is(category: str) -> None:
    category = clean(category)
    feature = CategoricalFeature(name="x", categories=("other", category), optional=True)
    assert feature.check_json(category).value == (category or None)
    assert feature.check_cell(f" {category} ").value == (category or None)


# --- a record -----------------------------------------------------------------------------------


def test_a_good_record_gives_its_values_in_the_schemas_order() -> None:
    values, warnings = SCHEMA.check_record(dict(reversed(STUDENT.items())))
    assert list(values.items()) == [
        ("lunch", "standard"), ("reading_score", 72.0), ("hours", 3.0), ("club", "chess"),
    ]  # fmt: skip
    assert warnings == []


@given(
    lunch=st.sampled_from(LUNCH.categories),
    score=st.floats(0, 100) | st.integers(0, 100),
    hours=st.none() | st.floats(-1e9, 1e9),
    club=st.none() | st.sampled_from(CLUB.categories),
)
def test_json_and_form_keep_every_value(**values: object) -> None:
    record = {
        "lunch": values["lunch"], "reading_score": values["score"],
        "hours": values["hours"], "club": values["club"],
    }  # fmt: skip
    form = {k: "" if v is None else v if isinstance(v, str) else repr(v) for k, v in record.items()}
    assert SCHEMA.check_record(json.loads(json.dumps(record)))[0] == record
    assert SCHEMA.check_record(form, form=True)[0] == record


def test_every_problem_of_a_record_is_told_at_once() -> None:
    found = problems_of({"lunch": "caviar", "hours": "x", "shoe_size": 43})
    assert [message.split(maxsplit=1)[0] for message in found] == [
        "lunch", "reading_score", "hours", "shoe_size",
    ]  # fmt: skip


def test_a_problem_holds_field_and_value() -> None:
    with pytest.raises(DataValidationError) as raised:
        SCHEMA.check_record(STUDENT | {"reading_score": "x" * 100})
    (problem,) = raised.value.problems
    assert (problem.field, problem.row) == ("reading_score", None)
    assert problem.got == "x" * 59 + "…"


def test_a_form_is_answered_with_the_labels_that_a_person_sees() -> None:
    assert problems_of(STUDENT | {"reading_score": "x"}, form=True) == [
        "Reading score must be a number between 0 and 100"
    ]
    nameless = Schema((dataclasses.replace(SCORE, label=""),), MATH)
    assert problems_of({}, nameless, form=True) == ["Enter reading_score"]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"reading_score": ""}, "Enter a reading score"),
        ({"reading_score": "101"}, "Reading score must be between 0 and 100"),
        ({"reading_score": "78 points or so"}, "Reading score must be a number between 0 and 100. "
                                               "Write the number alone, without its unit."),
        ({"lunch": " "}, "Select a school lunch"),
        ({"lunch": "standart"}, "Select a school lunch: did you mean standard?"),
        ({"lunch": "caviar"}, "Select a school lunch from the list: caviar is not in it"),
    ],
)  # fmt: skip
def test_a_form_says_what_to_do(answers: dict[str, str], words: str) -> None:
    """18: errors as GOV.UK writes them."""
    lunch = dataclasses.replace(LUNCH, label="School lunch")
    schema = Schema((SCORE, lunch), MATH)
    good = {"reading_score": "71", "lunch": "standard"}
    assert problems_of(good | answers, schema, form=True) == [words]


def test_a_warning_beside_a_form_speaks_of_the_label() -> None:
    _, (warning,) = Schema((SCORE,), MATH).check_record({"reading_score": "5"}, form=True)
    assert warning.message.startswith("Reading score is 5, outside the range of 17 to 100 ")


@pytest.mark.parametrize(
    ("language", "typed", "value"),
    [("en", "72.5", 72.5), ("en", "72,5", 72.5), ("de", "72,5", 72.5), ("de", "72.5", 72.5)],
)
def test_a_number_is_typed_as_the_language_writes_it(language, typed, value) -> None:
    """18: numbers by locale in fields."""
    schema = Schema((dataclasses.replace(SCORE, minimum=None, maximum=None),), MATH)
    with speaking(language):
        assert schema.check_record({"reading_score": typed}, form=True)[0] == {
            "reading_score": value
        }


@pytest.mark.parametrize(("language", "typed"), [("en", "1,234"), ("de", "1.234")])
def test_what_may_be_a_thousand_is_asked_about(language: str, typed: str) -> None:
    schema = Schema((dataclasses.replace(SCORE, minimum=None, maximum=None),), MATH)
    with speaking(language), pytest.raises(DataValidationError):
        schema.check_record({"reading_score": typed}, form=True)


def test_the_schema_speaks_as_far_as_the_hints_do() -> None:
    """18: labels, help and categories by hints."""
    lunch = dataclasses.replace(
        LUNCH,
        group="School",
        translations={"de": {"label": "Schulessen"}},
        words={"en": {"free/reduced": "reduced"}, "de": {"standard": "normal"}},
    )
    math = dataclasses.replace(MATH, translations={"de": {"unit": "Punkte"}})
    schema = Schema(
        (SCORE, lunch), math, title="Predict", groups=("School", ""),
        translations={"de": {"title": "Vorhersagen"}}, headings_in={"de": {"School": "Schule"}},
    )  # fmt: skip
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema
    with speaking("de"):
        german = schema.spoken()
        score, lunch = german.features
        assert german is schema.spoken()
        assert (german.title, german.groups, lunch.group) == (
            "Vorhersagen",
            ("Schule", ""),
            "Schule",
        )
        assert (score.label, lunch.label, german.number.unit) == (
            SCORE.label,
            "Schulessen",
            "Punkte",
        )
        assert list(map(lunch.word, lunch.categories)) == ["normal", "reduced"]
        assert lunch.check_cell("Normal").value == "standard"
        assert schema.locate(["reading_score", "Schulessen"]) == {"reading_score": 0, "lunch": 1}
    assert schema.spoken() is schema
    assert "translations" not in SCHEMA.to_dict()["features"][0]


def test_warnings_name_the_feature() -> None:
    _, (warning,) = SCHEMA.check_record(STUDENT | {"hours": 99})
    assert warning.message.startswith("hours is 99, outside the range of 0 to 9.5")
    assert (warning.field, warning.got) == ("hours", "99")


def test_an_extra_key_is_refused_with_the_nearest_name() -> None:
    """F5."""
    assert problems_of(STUDENT | {"Reading Scores": 1, "zzz": 1}) == [
        "Reading Scores is not a feature of this model. Did you mean 'reading_score'?",
        "zzz is not a feature of this model.",
    ]


def test_the_target_among_the_features_is_explained() -> None:
    """F5."""
    (message,) = problems_of(STUDENT | {"math score": 1})
    assert message.endswith("It is what the model predicts: leave it out.")


def test_keys_are_matched_exactly_in_json() -> None:
    """F5."""
    record = dict(STUDENT)
    record["Lunch"] = record.pop("lunch")
    assert problems_of(record)[0].startswith("lunch is missing.")


def test_a_hundred_thousand_extra_keys_are_told_in_a_few_lines_and_fast() -> None:
    """F5."""
    found = problems_of(STUDENT | {f"reading_scor{i}": i for i in range(100_000)})
    assert len(found) == 51
    assert found[-1] == "99950 more keys are not features of this model."


@pytest.mark.parametrize("record", [[], [STUDENT], "lunch", 5, None])
def test_what_is_no_object_is_refused(record: object) -> None:
    """F5."""
    with pytest.raises(DataValidationError, match="must be an object with a value for each of lun"):
        SCHEMA.check_record(record)  # type: ignore[arg-type]


def test_an_empty_object_misses_everything_that_is_needed() -> None:
    assert [m.split(maxsplit=1)[0] for m in problems_of({})] == ["lunch", "reading_score"]


# --- a header -----------------------------------------------------------------------------------


def test_columns_are_found_in_any_order_and_spelling() -> None:
    """C8."""
    header = ["Name", "CLUB", "Hours", "reading-score", " Lunch", "math score"]
    assert SCHEMA.locate(header) == {"lunch": 4, "reading_score": 3, "hours": 2, "club": 1}


def test_columns_missing_or_twice_are_refused_together() -> None:
    """C8."""
    with pytest.raises(DataValidationError, match=r"needs lunch, reading_score") as raised:
        SCHEMA.locate(["reading score", "Reading_Score", "hour", "club"])
    assert [str(problem) for problem in raised.value.problems] == [
        "Row 1: Column lunch is missing.",
        "Row 1: Column reading_score stands there 2 times ('reading score', 'Reading_Score'). "
        "Keep one of them.",
        "Row 1: Column hours is missing. Is it 'hour'? Then rename it.",
    ]


def test_a_column_of_another_feature_is_not_suggested() -> None:
    schema = Schema((dataclasses.replace(SCORE, name="score1"), HOURS), MATH)
    with pytest.raises(DataValidationError) as raised:
        schema.locate(["hours", "score2"])
    assert raised.value.problems[0].message.endswith("Is it 'score2'? Then rename it.")
    both = Schema((dataclasses.replace(SCORE, name="score1"),
                   dataclasses.replace(SCORE, name="score2")), MATH)  # fmt: skip
    with pytest.raises(DataValidationError) as raised:
        both.locate(["score2", "x"])
    assert raised.value.problems[0].message == "Column score1 is missing."


def test_a_column_is_known_by_a_synonym_that_no_other_column_is_called() -> None:
    def score(name: str, *synonyms: str) -> NumericFeature:
        return NumericFeature(name=name, observed_minimum=0, observed_maximum=9, synonyms=synonyms)

    reading, writing = score("reading", "Lesen", "LESEN", "Text"), score("writing", "Text", "age")
    schema = Schema((reading, writing, score("age")), score("score"))
    assert schema.locate(["age", " lesen ", "Writing"]) == {"age": 0, "reading": 1, "writing": 2}
    assert Schema.from_dict(schema.to_dict()) == schema
    assert schema.locate(["reading", "Lesen", "writing", "age"])["reading"] == 0
    for header in (["Text", "writing", "age"], ["reading", "Text", "age"], ["reading", "age"]):
        with pytest.raises(HeaderError, match="is missing"):
            schema.locate(header)


def test_a_file_may_call_columns_in_english_whatever_language_is_spoken() -> None:
    translations = {"de": {"label": "Lesen"}}
    reading = dataclasses.replace(SCORE, label="Reading", translations=translations)
    schema = Schema((reading,), MATH)
    with speaking("de"):
        assert schema.spoken().headings == {reading.name: "Lesen"}
        for called in ("Reading", "Lesen", reading.name):
            assert schema.spoken().locate([called]) == {reading.name: 0}


def test_a_file_without_a_header_is_told_what_its_first_row_holds() -> None:
    with pytest.raises(DataValidationError, match=r"first row must hold.*it holds 'female', '72'"):
        SCHEMA.locate(["female", "72"])


# --- saved and read -----------------------------------------------------------------------------


@given(schemas)
def test_a_schema_comes_back_from_json_as_it_was(schema: Schema) -> None:
    again = Schema.from_dict(json.loads(json.dumps(schema.to_dict())))
    assert again == schema
    assert again.to_dict() == schema.to_dict()
    assert again.fingerprint == schema.fingerprint


@pytest.mark.parametrize(
    "changed",
    [
        dataclasses.replace(SCHEMA, title="other"),
        dataclasses.replace(SCHEMA, features=(SCORE, LUNCH, HOURS, CLUB)),
        dataclasses.replace(SCHEMA, target=dataclasses.replace(MATH, maximum=99.0)),
    ],
)
def test_another_schema_has_another_fingerprint(changed: Schema) -> None:
    assert changed.fingerprint != SCHEMA.fingerprint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "schema.json has version 2, this program reads 1"),
        ({"version": None}, "version None"),
        ({"target": {"kind": "categorical", "name": "x", "categories": []}}, "neither a number"),
        ({"target": {"kind": "odd"}}, "unknown kind 'odd'"),
        ({"target": "x"}, "damaged"),
        ({"features": None}, "damaged"),
        ({"features": [{"kind": "numeric", "name": "x"}]}, "observed_minimum"),
        ({"features": [{"kind": "categorical", "name": "x"}]}, "categories"),
        ({"features": [{"kind": "numeric", "name": "x", "observed_minimum": 0,
                        "observed_maximum": 1, "colour": "red"}]}, "colour"),
    ],
)  # fmt: skip
def test_a_damaged_schema_is_a_named_error(change: dict[str, object], message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        Schema.from_dict(SCHEMA.to_dict() | change)


@pytest.mark.parametrize("values", [{}, [], None, "x"])
def test_what_is_no_schema_at_all_is_a_named_error(values: object) -> None:
    with pytest.raises(ArtifactError, match=r"schema\.json"):
        Schema.from_dict(values)  # type: ignore[arg-type]


def test_a_key_that_is_left_out_is_a_named_error() -> None:
    values = SCHEMA.to_dict()
    del values["groups"]
    with pytest.raises(ArtifactError, match="groups"):
        Schema.from_dict(values)


@pytest.mark.parametrize(
    ("minimum", "maximum", "clipped"),
    [(0.0, 100.0, [0, 50, 100]), (None, 100.0, [-5, 50, 100]), (0.0, None, [0, 50, 120]),
     (None, None, [-5, 50, 120])],
)  # fmt: skip
def test_predictions_are_kept_in_the_hints_range(
    minimum: float | None, maximum: float | None, clipped: list[float]
) -> None:
    schema = Schema((), dataclasses.replace(MATH, minimum=minimum, maximum=maximum))
    assert schema.clip_all(np.array([-5.0, 50.0, 120.0])).tolist() == clipped


def test_the_schema_needs_nothing_but_the_standard_library() -> None:
    import subprocess
    import sys

    code = "import sys, src.schema.record; print({'numpy', 'pandas', 'dill'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
