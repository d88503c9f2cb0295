from __future__ import annotations

import pytest

from src.tables.row_kinds import HEADER, SUMMARY, UNITS, row_kind

HEADER_ROW = ["name", "gender", "hours", "final"]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["Total", "", "210", "8712"], SUMMARY),
        (["AVERAGE:", "", "9.1", "71.5"], SUMMARY),
        (["Class average", "", "9.1", "71.5"], SUMMARY),
        (["", "Mean", "9.1", "71.5"], SUMMARY),
        (["Average of 8b", "", "9.1", "71.5"], SUMMARY),
        (["Durchschnitt", "-", "9,1", "71,5"], SUMMARY),
        (["Moyenne générale", "", "9.1", "71.5"], SUMMARY),
        (["Итого", "", "9.1", "71.5"], SUMMARY),
        (["合计", "", "9.1", "71.5"], SUMMARY),
        (["Points possible", "", "", "100"], SUMMARY),
        (["Median", "", "9", "71"], SUMMARY),
        (["Average", "", "=C26", "=D26"], SUMMARY),
        (["", "", "[h]", "[pts]"], UNITS),
        (["", "", "(hours)", "%"], UNITS),
        (["Name", "GENDER", "Hours", "Final"], HEADER),
        (["Ada Berg", "female", "9", "71"], ""),
        (["Median Jones", "female", "9", "71"], ""),
        (["Max", "male", "9", "71"], ""),
        (["Total", "male", "France", "71"], ""),
        (["Summer Meyer", "female", "9", "71"], ""),
        (["", "", "", ""], ""),
    ],
    ids=lambda value: " ".join(value).strip() if isinstance(value, list) else value,
)
def test_what_a_row_is_that_is_no_pupil(cells: list[str], kind: str) -> None:
    assert row_kind(HEADER_ROW, cells) == kind


def test_a_code_is_a_label_only_below_such_a_row() -> None:
    cells = ["SD", "", "2.1", "11.5"]
    assert (row_kind(HEADER_ROW, cells), row_kind(HEADER_ROW, cells, below=True)) == ("", SUMMARY)


def test_an_ordinary_value_labels_nothing() -> None:
    assert row_kind(HEADER_ROW, ["P1", "total", "9", "71"], frozenset(["total"])) == ""
