from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.exception import ConfigurationError
from src.schema.hints import ColumnHints, Hints
from src.schema.stages import order_stages, stage_key


def names(*available: str, stages: tuple[str, ...] = ()) -> tuple[str, ...]:
    return order_stages({f"c{k}": text for k, text in enumerate(available)}, stages).names


@pytest.mark.parametrize(
    ("available", "ordered"),
    [
        (("day 60", "Enrolment", "day 7"), ("Enrolment", "day 7", "day 60")),
        (("by day 60", "week 4", "day 30"), ("the start", "week 4", "day 30", "by day 60")),
        (("30 days", "end of the 2nd week"), ("the start", "end of the 2nd week", "30 days")),
        (("term 10", "term 9"), ("the start", "term 9", "term 10")),
        (("2nd semester", "semester 1"), ("the start", "semester 1", "2nd semester")),
        (("grade 2", "end of K", "grade 1"), ("the start", "end of K", "grade 1", "grade 2")),
        (("2026-02-01", "2025-10-01"), ("the start", "2025-10-01", "2026-02-01")),
        (("after the mock exam",), ("the start", "after the mock exam")),
        ((), ("the start",)),
    ],
)
def test_stages_are_ordered_by_what_they_say(available, ordered) -> None:
    shuffled = random.Random(0).sample(available, len(available))
    assert names(*available) == names(*shuffled) == ordered


@pytest.mark.parametrize(
    "available",
    [
        ("day 30", "term 1"),
        ("day 30", "mock exam"),
        ("day 30", "2026-02-01"),
        ("week 1", "day 7"),
        ("enrolment", "admission"),
        ("start of term 2", "term 1"),
    ],
)
def test_what_cannot_be_ordered_asks_for_a_list(available) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be put in order.*stages = \["):
        names(*available)


def test_a_list_of_stages_is_obeyed_though_numbers_say_otherwise() -> None:
    listed = ("term 2", "Day 30", "mock exam")
    assert names("day 30", "term 2", stages=listed) == listed
    with pytest.raises(ConfigurationError, match="'week 1' is not in the list of stages: term 2"):
        names("week 1", stages=listed)


def test_a_column_of_which_nothing_is_said_is_known_from_the_start() -> None:
    said = {"quiz": ColumnHints(available="day 30"), "final": ColumnHints(available="mock exam")}
    stages = Hints(columns=said).known_by("Final")
    assert stages.names == ("the start", "day 30")
    assert [stages.is_known(c, 0) for c in ("age", "quiz", "final")] == [True, False, True]
    assert stages.is_known("quiz", stages.find(" DAY  30"))
    assert stages.find("Enrolment") == 0
    with pytest.raises(
        ConfigurationError, match=r"no stage 'day 3'\. Did you mean 'day 30'. .*: the start, day 30"
    ):
        stages.find("day 3")


SAID = st.one_of(
    st.text(max_size=12),
    st.builds(
        "{}{} {}".format,
        st.sampled_from(["", "by ", "end of ", "At the end of the "]),
        st.sampled_from(["day", "Week", "grade", "term", "K"]),
        st.integers(0, 40),
    ),
    st.dates().map(str),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(SAID.filter(str.strip), max_size=5), st.randoms())
def test_any_texts_are_ordered_in_one_way_or_asked_about(texts: list[str], dice) -> None:
    shuffled = texts[:]
    dice.shuffle(shuffled)
    listed = tuple(dict.fromkeys(map(stage_key, texts)))
    assert tuple(map(stage_key, names(*texts, stages=listed))) == (listed or ("the start",))
    found, again = (order_or_question(one) for one in (texts, shuffled))
    if isinstance(found, str):
        assert "stages = [" in found
        assert isinstance(again, str)
    else:
        assert [*map(stage_key, found)] == [*map(stage_key, again)]
        assert set(listed) <= set(map(stage_key, found))


def order_or_question(texts: list[str]) -> tuple[str, ...] | str:
    try:
        return names(*texts)
    except ConfigurationError as error:
        return str(error)
