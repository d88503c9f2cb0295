import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.exception import DataValidationError
from src.schema.features import NumericFeature
from src.schema.record import Schema
from src.web.single.submission import MalformedBody, read_form, read_json

SCORE = NumericFeature(
    name="reading", label="Reading score", observed_minimum=0, observed_maximum=100
)
SCHEMA = Schema(features=(SCORE,), target=NumericFeature(
    name="math", observed_minimum=0, observed_maximum=100))  # fmt: skip

values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False)
)


@given(st.dictionaries(st.text(), values))
def test_every_json_object_is_read_as_it_was_written(record):
    submission = read_json(json.dumps(record).encode(), SCHEMA)
    assert submission.record == record
    assert submission.problems == ()


@given(st.binary())
def test_any_bytes_are_read_or_refused_in_words(body):
    try:
        read_json(body, SCHEMA)
    except MalformedBody as error:
        assert "Send a JSON object with a value for each of reading." in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "The body is empty."),
        (b"  \n", "The body is empty."),
        (b"[]", "The body is a list."),
        (b"null", "The body is null."),
        (b'"x"', "The body is a text."),
        (b"12", "The body is a number."),
        (b"NaN", "The body is a number."),
        (b"true", "The body is true or false."),
        (b"{", "The body is not JSON: .* \\(line 1, column 2\\)"),
        (b"\xff", "The body is not UTF-8 text."),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_a_body_without_a_record_is_refused_in_words(body, said):
    """F5."""
    with pytest.raises(MalformedBody, match=said):
        read_json(body, SCHEMA)


def test_a_byte_order_mark_is_no_mistake():
    assert read_json(b'\xef\xbb\xbf{"reading": 1}', SCHEMA).record == {"reading": 1}


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 5000, "NaN", "Infinity", "-Infinity"])
def test_a_number_beyond_all_floats_is_refused_by_name(number):
    """F2."""
    submission = read_json(f'{{"reading": {number}}}'.encode(), SCHEMA)
    with pytest.raises(DataValidationError, match=r"reading must be a number. Got '?-?[1-9ni]"):
        SCHEMA.check_record(submission.record)


def test_keys_that_stand_there_twice_are_all_named():
    """F5."""
    body = b'{"reading": 1, "x": 0, "reading": 2, "x": 3}'
    problems = read_json(body, SCHEMA).problems
    assert [(p.field, p.got) for p in problems] == [("reading", "2"), ("x", "3")]


def test_very_many_wrong_names_are_counted():
    form = read_form({f"x{i}": ["1"] for i in range(20_000)}, SCHEMA)
    assert len(form.problems) == 51
    assert form.problems[-1].message == "19950 more names are wrong in the same way."
    body = b"{" + b",".join([b'"reading": 1'] * 1000) + b"}"
    assert len(read_json(body, SCHEMA).problems) == 51


def test_a_form_with_a_field_too_many_or_twice_is_refused():
    """F5."""
    submission = read_form({"reading": ["1", "2"], "x": ["<b>"]}, SCHEMA)
    assert submission.record == {"reading": "1"}
    assert [p.message for p in submission.problems] == [
        "Reading score was sent 2 times. Send it once.",
        "x is not a field of this form.",
    ]
