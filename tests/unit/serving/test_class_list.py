"""The pieces of the class list: doubts, a person's changes, reasons worth naming."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from src.compiled.contributions import Contributions
from src.compiled.group_effects import GroupEffects, group_key
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.serving.doubts import doubts_of_each
from src.serving.listed_reasons import leading
from src.serving.mending import Mending
from src.tables.layout import Chunk

HOURS = NumericFeature(name="hours", observed_minimum=0, observed_maximum=10, optional=True)
COURSE = CategoricalFeature(name="course", categories=("none", "whole"), actionable=True)
SCHOOL = CategoricalFeature(name="school", categories=("A", "other"), other="other")
HOME = CategoricalFeature(name="home", categories=("x", "y"), sensitive=True)
SCHEMA = Schema((HOURS, COURSE, SCHOOL, HOME), replace(HOURS, name="mark"))


def test_blank_unseen_and_unknown_answers_are_doubts():
    columns = {
        "hours": [5.0, None, 11.0, 5.0],
        "course": ["none"] * 4,
        "school": ["A", "A", "other", "other"],
        "home": ["x"] * 4,
    }
    assert doubts_of_each(SCHEMA, columns) == {
        1: ["hours"], 2: ["hours", "school"], 3: ["school"],
    }  # fmt: skip


def test_a_school_that_is_blank_or_not_known_is_a_doubt_where_a_column_tells_it():
    columns = {"hours": [5.0] * 3, "course": ["none"] * 3, "school": ["A"] * 3, "home": ["x"] * 3}
    groups = GroupEffects("site", "ab", {group_key("Hill", "ab"): 1.0})
    assert doubts_of_each(SCHEMA, columns, groups) == {}
    columns["site"] = ["Hill", None, "Lake"]
    assert doubts_of_each(SCHEMA, columns, groups) == {1: ["site"], 2: ["site"]}


def test_changed_cells_reach_their_row_in_whichever_chunk_it_is():
    mending = Mending({(1, 0): "a", (3, 1): "b", (9, 9): "c"}, frozenset({(3, 0)}))
    chunk = Chunk([2, 3], [["1", "2"], ["3", "4"]])
    assert mending.applied(chunk, 1).rows == [["a", "2"], ["3", "4"]]
    assert mending.applied(chunk, 2).rows == [["1", "2"], ["3", "b"]]
    assert chunk.rows == [["1", "2"], ["3", "4"]]
    assert mending.left_as_written(chunk, 2) == {(1, 0)}
    assert mending.left_as_written(chunk, 4) == frozenset()


@pytest.mark.parametrize(
    ("added", "values", "named"),
    [
        # What can be acted on comes first, though it adds less; what is sensitive is not named.
        ({"hours": -6, "course": -2, "school": -1, "home": -9}, {}, ["course", "hours"]),
        # What pulls the other way is no reason, nor is what hardly pulls.
        ({"hours": -6, "course": 2, "school": -0.1, "home": 0}, {}, ["hours"]),
        # A course that was attended is no reason to worry.
        ({"hours": -6, "course": -2, "school": 0, "home": 0}, {"course": "whole"}, ["hours"]),
    ],
)
def test_reasons_are_few_and_such_as_a_school_can_use(added, values, named):
    predictor = SimpleNamespace(
        schema=SCHEMA, metrics={"levers": {"course": {"order": ["none", "whole"]}}}
    )
    found = Contributions(60.0, added, "linear")
    record = {"hours": 2.0, "course": "none", "school": "A", "home": "x"} | values
    reasons = leading(found, record, predictor, upwards=False)
    assert [name for name, _ in reasons] == named
    assert all(adds == added[name] for name, adds in reasons)


def test_of_a_chance_what_raises_it_is_named():
    predictor = SimpleNamespace(
        schema=SCHEMA, metrics={"levers": {"course": {"order": ["whole", "none"]}}}
    )
    found = Contributions(0.3, {"hours": -0.2, "course": 0.1, "school": 0.2, "home": 0}, "linear")
    record = {"hours": 2.0, "course": "none", "school": "A", "home": "x"}
    reasons = leading(found, record, predictor, upwards=True)
    assert [name for name, _ in reasons] == ["course", "school"]


def test_a_feature_s_heading_is_its_label_unless_another_column_is_called_so():
    named = replace(HOURS, label="Hours of study"), replace(COURSE, label="school")
    schema = Schema((*named, SCHOOL), replace(HOURS, name="mark"))
    assert schema.headings == {"hours": "Hours of study", "course": "course", "school": "school"}
    assert schema.locate(["hours of study", "Course", "School"]) == {
        "hours": 0, "course": 1, "school": 2,
    }  # fmt: skip
    assert schema.locate(["x", "hours", "course", "school"], {"hours": 0})["hours"] == 0
