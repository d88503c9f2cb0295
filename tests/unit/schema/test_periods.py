from __future__ import annotations

import datetime

import pytest

from src.exception import ConfigurationError
from src.schema.periods import find_periods


def rows(*cells: str, each: int = 10) -> list[str]:
    return [cell for cell in cells for _ in range(each)]


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["2014", "2013", "2013.0"], ("2013", "2014")),
        (["2.5", "-1.5"], ("-1.5", "2.5")),
        (["2013/14", "2012/13"], ("2012/13", "2013/14")),
        (["2012-13", "2011-12"], ("2011-12", "2012-13")),
        (["2013-10", "2013-09"], ("2013-09", "2013-10")),
        (["2013J", "2014B", "2013B"], ("2013B", "2013J", "2014B")),
        (["2025 T2", "2025 T1"], ("2025 T1", "2025 T2")),
        (["Autumn 2013", "Spring 2014", "Spring 2013"],
         ("Spring 2013", "Autumn 2013", "Spring 2014")),
        (["2013/14 Spring", "2013/14 Autumn"], ("2013/14 Autumn", "2013/14 Spring")),
        (["2026-01-31", "01.09.2025"], ("2025-09-01", "2026-01-31")),
        (["20130901", "20120901"], ("2012-09-01", "2013-09-01")),
    ],
)  # fmt: skip
def test_periods_stand_in_their_order(cells: list[str], names: tuple[str, ...]) -> None:
    assert find_periods(rows(*cells), "when").names == names


def test_each_row_has_the_code_of_its_period() -> None:
    found = find_periods(["2014"] * 10 + ["2013"] * 12, "year")
    assert found.codes == (1,) * 10 + (0,) * 12


def test_the_hints_give_the_order_of_names_that_have_none() -> None:
    found = find_periods(rows("late", "Early"), "wave", ("early", "late", "later"))
    assert found.names == ("early", "late")
    with pytest.raises(ConfigurationError, match=r"categories of wave do not name 'Early'"):
        find_periods(rows("late", "Early"), "wave", ("late",))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["first", "second"], r"order of wave cannot be told from 'first' .* categories = \["),
        (["Winter 2013", "Spring 2013"], "cannot be told from 'Winter 2013'"),  # of which year?
        (["2013", "2013 T1"], "cannot be told"),
        (["2013/15", "2014/15"], "cannot be told from '2013/15'"),
        (["2013", ""], "10 of 20 rows have no wave"),
        (["2013"], "one period alone"),
    ],
)
def test_an_order_that_cannot_be_told_is_refused_with_what_to_do(
    cells: list[str], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        find_periods(rows(*cells), "wave")


@pytest.mark.parametrize(
    ("n_days", "names"),
    [
        (1300, ("2010/11", "2011/12", "2012/13", "2013/14")),
        (420, ("2010 Q3", "2010 Q4", "2011 Q1", "2011 Q2", "2011 Q3", "2011 Q4")),
    ],
)
def test_many_dates_are_grouped_by_school_year_or_by_quarter(n_days: int, names) -> None:
    begin = datetime.date(2010, 9, 1)
    days = [str(begin + datetime.timedelta(i)) for i in range(n_days)]
    assert find_periods(days, "day").names == names


def test_the_earliest_of_many_periods_are_one_and_a_small_one_joins_the_next() -> None:
    years = rows(*(str(year) for year in range(2000, 2015)))
    found = find_periods(years, "year")
    assert (len(found.names), found.names[0], found.names[-1]) == (12, "2000 to 2003", "2014")
    small = find_periods(["2000"] * 9 + rows("2001", "2002"), "year")
    assert small.names == ("2000 to 2001", "2002")
    with pytest.raises(ConfigurationError, match="the last period of year, 2002, has 9 rows"):
        find_periods(rows("2000", "2001") + ["2002"] * 9, "year")
