"""The workbook to fill in."""

from __future__ import annotations

import io
from dataclasses import replace

import openpyxl
import pytest

from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.web.batch import routes
from src.web.batch.template import excel_template, write_workbook

SCORE = NumericFeature(name="score", observed_minimum=0, observed_maximum=9)


def workbook(*features) -> openpyxl.Workbook:
    content = io.BytesIO()
    write_workbook(Schema(features, replace(SCORE, name="mark")), content)
    return openpyxl.load_workbook(content)


def validations(book: openpyxl.Workbook) -> list:
    return book["Students"].data_validations.dataValidation


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"minimum": 0, "maximum": 100}, ("decimal", "between", "0", "100")),
        ({"minimum": 0.5}, ("decimal", "between", "0.5", "1e+30")),
        ({"maximum": 20}, ("decimal", "between", "-1e+30", "20")),
        ({}, (None, None, None, None)),
    ],
)
def test_numbers_are_checked_against_the_bounds_of_the_schema(bounds, expected):
    (rule,) = validations(workbook(replace(SCORE, **bounds)))
    assert (rule.type, rule.operator, rule.formula1, rule.formula2) == expected


def test_notes_are_as_long_as_excel_allows():
    (rule,) = validations(workbook(replace(SCORE, label="A\nname " * 40, help="Help. " * 100)))
    assert (len(rule.prompt), len(rule.error)) == (255, 255)
    assert (len(rule.promptTitle), len(rule.errorTitle)) == (32, 32)
    assert "\n" not in rule.promptTitle


def test_categories_are_texts_whatever_they_look_like():
    categories = ("=1+1", "12", "#N/A", " <a> & b ", "true", "x\x00y\ud800")
    book = workbook(CategoricalFeature(name="=kind", categories=categories))
    cells = [cell for (cell,) in book["Allowed values"].iter_rows()]
    assert [cell.value for cell in cells] == ["=kind", *categories[:5], "xy"]
    assert {cell.data_type for cell in cells} == {"s"}
    assert (cells[0].font.bold, cells[1].font.bold) == (True, False)
    assert book["Students"]["A1"].data_type == "s"
    assert book["Students"].freeze_panes == "A2"


def test_what_is_chosen_or_typed_as_a_category_stays_a_text():
    book = workbook(SCORE, CategoricalFeature(name="hours", categories=("3-5", "+2 h")))
    columns = book["Students"].column_dimensions
    assert (columns["B"].number_format, columns["C"].number_format) == ("General", "@")


def test_those_whose_row_it_is_come_first_and_nothing_is_asked_of_them():
    content = io.BytesIO()
    write_workbook(Schema((SCORE,), replace(SCORE, name="mark"), people=("Name",)), content)
    book = openpyxl.load_workbook(content)
    assert [cell.value for cell in book["Students"][1]] == ["Name", "score"]
    (rule,) = validations(book)
    assert str(rule.sqref).startswith("B2:")


def test_the_process_writes_the_same_sheets(predictor):
    by_process = openpyxl.load_workbook(io.BytesIO(excel_template(predictor.schema)))
    here = workbook(*predictor.schema.features)
    for sheet in ("Students", "Allowed values"):
        assert list(by_process[sheet].values) == list(here[sheet].values)
    assert [v.sqref for v in validations(by_process)] == [v.sqref for v in validations(here)]


def test_the_workbook_is_made_once_for_a_model(client, monkeypatch):
    made = []

    def make(schema):
        made.append(schema)
        return excel_template(schema)

    monkeypatch.setattr(routes, "excel_template", make)
    first, second = (client.get("/batch/template.xlsx").data for _ in range(2))
    assert first == second
    assert len(made) == 1
