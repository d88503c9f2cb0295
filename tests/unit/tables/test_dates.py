from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.tables.dates import is_compact_date, is_date

FORMATS = (
    "%Y-%m-%d", "%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%Y/%m/%d", "%d %b %Y",
    "%d %B %Y", "%B %d, %Y", "%b %d %Y", "%d-%b-%y", "%b-%y", "%B %Y", "%a, %d %b %Y",
    "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %I:%M %p",
)  # fmt: skip


@given(st.dates(datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)), st.sampled_from(FORMATS))
def test_every_common_way_to_write_a_date_is_known(day: datetime.date, form: str) -> None:
    moment = datetime.datetime.combine(day, datetime.time(9, 5), datetime.UTC)
    assert is_date(moment.strftime(form))


@given(st.dates(datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)))
def test_a_day_in_eight_digits_is_a_date(day: datetime.date) -> None:
    assert is_compact_date(day.strftime("%Y%m%d"))


@pytest.mark.parametrize(
    "text",
    ["18. Februar 2005", "1er août 2012", "3 de marzo de 2010", "12 Mayıs 2011", "5 мая 2010",
     "2011年3月2日", "1. 2. 2011", "2nd March 2010"],
)  # fmt: skip
def test_dates_are_known_in_other_languages(text: str) -> None:
    assert is_date(text)


@pytest.mark.parametrize(
    "text", ["3-5", "10-12", "1/2", "12/20", "May", "8a", "1.5", "2.30.11x", "Mark 5 Jones", ""]
)
def test_ranges_fractions_and_names_are_no_dates(text: str) -> None:
    assert not is_date(text)


@pytest.mark.parametrize("text", ["20051301", "20050230", "18991231", "12345678", "2005021"])
def test_other_long_numbers_are_no_dates(text: str) -> None:
    assert not is_compact_date(text)
