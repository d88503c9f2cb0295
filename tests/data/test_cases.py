"""The cases of ``../shared/cases``: what is found in each, and what is predicted."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from src.components.data_check import CheckedTable, DataCheck, DataCheckConfig
from src.pipelines.predict_pipeline import predict_file, to_fix_file
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig
from src.serving.predictor import Predictor
from src.tables.reader import read_table
from src.tables.spreadsheets import SheetChoice
from src.web.batch.template import VALUES_SHEET, csv_template, write_workbook

# file, target, what must be found (severity, kind, columns); notes may stand beside it.
FOUND = [
    ("absent_feature25/train.csv", "final", [("warning", "mostly_numbers", "previous")]),
    ("absent_target30/train.csv", "final", [("warning", "mostly_numbers", "final")]),
    ("binary_target/train.csv", "passed", [("note", "class_target", "passed")]),
    ("bool_mix/train.csv", "final", [("note", "look_alike", "tutor")]),
    ("code_column/train.csv", "final", [("note", "code", "region_code")]),
    ("comma_thousands_semicolon/train.csv", "final", [("stop", "number_format", "income")]),
    ("cover_sheet/train.xlsx", "final", [("warning", "other_sheets", "")]),
    ("currency/train.csv", "final", [("note", "number_format", "income")]),
    ("date_compact/train.csv", "final", [
        ("note", "date", "birth"), ("note", "identifier", "birth"),
    ]),
    ("date_words/train.csv", "final", [("note", "date", "birth"), ("note", "identifier", "birth")]),
    ("durations/train.csv", "final", [("note", "number_format", "study_time")]),
    ("excel_dates/train.xlsx", "final", [("warning", "date", "hours_range")]),
    ("excel_dates/all.xlsx", "final", [("note", "date", "hours_range")]),
    ("excel_text_comma/train.xlsx", "final", [("note", "number_format", "previous")]),
    ("formulas/target.xlsx", "final", [("stop", "formula_without_value", "final")]),
    ("formulas/train.xlsx", "final", [("stop", "formula_without_value", "quiz_mean")]),
    ("fraction_marks/train.csv", "final", [("note", "number_format", "previous")]),
    ("german_school/train.csv", "Endpunkte Mathe", [
        ("stop", "leak", "Bestanden"), ("stop", "leak", "Note_Mathe"),
        ("note", "identifier", "Schüler_ID"), ("note", "identifier", "Nachname"),
        ("note", "identifier", "Vorname"), ("note", "identifier", "Geburtsdatum"),
        ("note", "date", "Anmeldedatum"), ("note", "free_text", "Bemerkung"),
    ]),
    ("group_constant/train.csv", "school_score", [("note", "repeated_pupil", "school_code")]),
    ("header_repeated/train.csv", "final", [("warning", "header_rows", "")]),
    ("leak_average/train.csv", "final", [("stop", "leak", "average")]),
    ("leak_grade/train.csv", "final", [("stop", "leak", "grade")]),
    ("leak_total/train.csv", "final", [("stop", "leak", "total_score")]),
    ("long_table/train.csv", "mark", [("note", "repeated_pupil", "student_id")]),
    ("lookalike_categories/train.csv", "math_score", [
        ("note", "look_alike", "race_ethnicity"),
        ("note", "look_alike", "parental_level_of_education"),
    ]),
    ("merged_cells/train.xlsx", "final", [("note", "merged_cells", "class")]),
    ("merged_cells/filled.xlsx", "final", []),
    ("no_target_category/train.csv", "final", []),
    ("percent_excel/train.csv", "final", []),
    ("points_thousands/train.csv", "final", [("note", "number_format", "income")]),
    ("points_thousands/plain.csv", "final", []),
    ("sentinel_999/train.csv", "final", [("warning", "sentinel", "previous")]),
    ("sentinel_target/train.csv", "final", [("warning", "sentinel", "final")]),
    ("sheet_per_class/train.xlsx", "final", [("warning", "other_sheets", "")]),
    ("skewed/train.csv", "minutes", [("note", "skewed_target", "minutes")]),
    ("text_marks/train.csv", "score", []),
    ("totals_sum/train.csv", "final", [
        ("warning", "not_a_pupil", ""), ("note", "identifier", "student"),
    ]),
    ("totals_sum/train.xlsx", "final", [("warning", "not_a_pupil", "")]),
    ("typo_target/train.csv", "final", [("warning", "outlier", "final")]),
    ("typo_target/train10.csv", "final", [("warning", "outlier", "final")]),
    ("uci_mean_row/train.csv", "G3", [("warning", "not_a_pupil", "")]),
    ("units_row/train.csv", "final", [("warning", "not_a_pupil", "")]),
]  # fmt: skip


def check(path: Path, target: str) -> CheckedTable:
    table = read_table(path, choice=SheetChoice(wanted=frozenset([target])))
    return DataCheck(DataCheckConfig(target)).run(table)


@pytest.mark.parametrize(("name", "target", "expected"), FOUND, ids=[case[0] for case in FOUND])
def test_what_is_wrong_with_a_table_is_found_and_nothing_else(
    case, name: str, target: str, expected: list[tuple[str, str, str]]
) -> None:
    checked = check(case(name), target)
    found = [(f.severity, f.kind, ", ".join(f.columns)) for f in checked.findings]
    assert set(expected) <= set(found)
    louder = {one for one in found if one[0] != "note"}
    assert louder == {one for one in expected if one[0] != "note"}


@pytest.mark.parametrize(
    ("name", "target", "rows", "cells"),
    [
        ("header_repeated/train.csv", "final", (152,), ("gender",)),
        ("totals_sum/train.csv", "final", (302,), ("Total",)),
        ("typo_target/train.csv", "final", (9,), ("7400",)),
        ("uci_mean_row/train.csv", "G3", (397,), ("Mean",)),
        ("units_row/train.csv", "final", (2,), ("[h]",)),
    ],
)
def test_the_row_and_the_value_are_named(case, name, target, rows, cells) -> None:
    (finding,) = (f for f in check(case(name), target).findings if f.rows)
    assert (finding.rows, finding.cells) == (rows, cells)


# training table, target, options, file to predict, predictions (None: refused or left out)
PREDICTED = [
    ("percent_excel/train0.csv", "final", {}, "percent_excel/in.xlsx",
     [73.8, 89.8, 93.7, 100.0, 116.2]),
    ("percent_excel/train0.csv", "final", {}, "percent_excel/in_right.csv",
     [73.8, 89.8, 93.7, 100.0, 116.2]),
    ("absent_feature25/train.csv", "final", {}, "absent_feature25/in.csv",
     [56.1, 55.0, 71.3, 74.3]),
    ("no_target_category/train.csv", "final", {}, "no_target_category/in.csv",
     [71.1, 70.9, None, 128.7]),
    ("header_repeated/train.csv", "final", {}, "header_repeated/in.csv", [71.1, 71.5, None]),
    ("units_row/train.csv", "final", {}, "units_row/in.csv", [70.0, None]),
    ("points_thousands/train.csv", "final", {}, "points_thousands/in.csv",
     [61.9, 62.8, 62.8, 77.2, 77.2]),
    ("totals_sum/train.csv", "final", {}, "totals_sum/in.csv", [71.1, 139.8, 427.9]),
    ("uci_mean_row/train.csv", "G3", {}, "uci_mean_row/in.csv", [4.9, None]),
    ("formulas/opt.csv", "final", {}, "formulas/in.xlsx", [None] * 5),
    ("german_school/train.csv", "Endpunkte Mathe", {"drop": ("Bestanden", "Note Mathe")},
     "german_school/new_pupils.csv", [64.4, 64.4, 64.4]),
    ("excel_dates/train.xlsx", "final", {}, "excel_dates/in.csv", [70.2, 70.2]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("trained_on", "target", "options", "name", "expected"),
    PREDICTED,
    ids=[f"{case[0]} {case[3]}" for case in PREDICTED],
)
def test_the_right_numbers_come_out(
    case, tmp_path: Path, trained_on, target, options, name, expected
) -> None:
    predictor = trained(case(trained_on), target, tmp_path, **options)
    predict_file(predictor, case(name), tmp_path / "out.csv")
    cells = [row["prediction"] for row in scored(tmp_path / "out.csv")]
    assert [round(float(cell), 1) if cell else None for cell in cells] == expected


def trained(path: Path, target: str, folder: Path, **options: object) -> Predictor:
    asked = {"models": ("ridge",), "budget": "quick", "artifacts": folder / "artifacts"}
    config = TrainConfig(data=str(path), target=target, **asked | options)
    return Predictor.from_run(TrainPipeline(config).run().run)


def test_durations_and_minutes_make_the_same_model(case, tmp_path: Path) -> None:
    record = {"gender": "male", "lunch": "standard", "prep": "none", "study_hours": 10,
              "attendance": 80, "previous": 70}  # fmt: skip
    as_time = trained(case("durations/train.csv"), "final", tmp_path / "a")
    as_minutes = trained(case("durations/minutes.csv"), "final", tmp_path / "b")
    form = as_time.predict_record(record | {"study_time": "1:30"}, form=True).prediction
    assert form == as_minutes.predict_record(record | {"study_time": 90}).prediction


def test_a_workbook_that_is_one_file_a_class_can_be_read_whole(case) -> None:
    path = case("sheet_per_class/train.xlsx")
    table = read_table(path, choice=SheetChoice(every=True))
    assert (len(table.rows), table.header[-1]) == (200, "sheet")
    assert {row[-1] for row in table.rows} == {"8A", "8B", "8C", "8D"}
    assert len(read_table(path, choice=SheetChoice(name="8c")).rows) == 50


def test_a_sheet_or_all_of_a_file_to_predict_are_read(case, tmp_path: Path) -> None:
    predictor = trained(case("sheet_per_class/train.xlsx"), "final", tmp_path)
    path, output = case("sheet_per_class/in.xlsx"), tmp_path / "out.csv"
    first = predict_file(predictor, path, output)
    assert (first.n_predicted, first.sheets) == (5, ["Class 8A", "Class 8B"])
    assert first.sheets_read == ["Class 8A"]
    second = predict_file(predictor, path, output, sheet="Class 8B")
    assert (second.n_predicted, second.sheets_read) == (10, ["Class 8B"])
    assert predict_file(predictor, path, output, all_sheets=True).n_predicted == 15
    assert [row["sheet"] for row in scored(output)] == ["Class 8A"] * 5 + ["Class 8B"] * 10


def test_a_code_for_missing_values_is_missing_where_the_hints_say_so(case, tmp_path: Path) -> None:
    hints = tmp_path / "hints.toml"
    hints.write_text("[columns.previous]\nmissing = [999]\n", "utf-8")
    said = trained(case("sentinel_999/train.csv"), "final", tmp_path / "a", hints=hints)
    empty = trained(case("sentinel_999/empty.csv"), "final", tmp_path / "b")
    path = case("sentinel_999/in.csv")
    predict_file(said, path, tmp_path / "out.csv")
    by_hints = [row["prediction"] for row in scored(tmp_path / "out.csv")]
    (tmp_path / "in.csv").write_text(path.read_text("utf-8").replace(",999", ","), "utf-8")
    predict_file(empty, tmp_path / "in.csv", tmp_path / "out.csv")
    assert by_hints == [row["prediction"] for row in scored(tmp_path / "out.csv")]
    unsaid = trained(case("sentinel_999/train.csv"), "final", tmp_path / "c")
    (previous,) = (f for f in unsaid.schema.numeric if f.name == "previous")
    assert previous.observed_maximum == 99


def test_turkish_names_are_read_as_they_are(case) -> None:
    table = read_table(case("encodings/turkish_cp1254.csv"))
    assert [row[0] for row in table.rows[:3]] == ["Mehmet Yılmaz", "Ayşe Kaya", "İbrahim Demir"]
    assert table.notes.encoding == "cp1254"


# file, lines that are refused, lines that are no pupils, cells that are mended by column
CLASS_LISTS = [
    ("class_lists/class7b.xlsx", [3, 5, 7, 8, 10, 11, 13, 14], [24, 25, 26],
     {"gender": 1, "parental_level_of_education": 1, "reading_score": 2}),
    ("german_school/class.csv", [], [], {"gender": 3}),
    ("encodings/turkish_cp1254.csv", [], [], {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "refused", "left_out", "mended"), CLASS_LISTS, ids=[one[0] for one in CLASS_LISTS]
)
def test_what_is_clear_in_a_class_list_is_mended_and_named(
    case, predictor: Predictor, tmp_path: Path, name, refused, left_out, mended
) -> None:
    tally = predict_file(predictor, case(name), tmp_path / "out.csv")
    assert tally.mended == mended
    assert (tally.n_refused, tally.n_skipped) == (len(refused), len(left_out))
    problems = {
        int(row["problem"].split(":")[0].removeprefix("Row ")): (row["prediction"], row["problem"])
        for row in scored(tmp_path / "out.csv")
        if row["problem"]
    }
    without = [line for line, (prediction, _) in problems.items() if not prediction]
    assert without == sorted(refused + left_out)
    assert [line for line in without if problems[line][1].endswith("left out.")] == left_out
    named = sum(text.count(" is read as ") for prediction, text in problems.values() if prediction)
    assert named == sum(mended.values())


def test_the_german_class_list_is_predicted_whole(case, tmp_path: Path) -> None:
    school = case("german_school/train.csv")
    options = {"drop": ("Bestanden", "Note Mathe")}
    tally = predict_file(
        trained(school, "Endpunkte Mathe", tmp_path, **options),
        case("class_lists/klasse8a.xlsx"),
        tmp_path / "out.csv",
    )
    assert (tally.n_predicted, tally.n_rows, tally.mended) == (28, 28, {})


def scored(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_texts_that_look_like_formulas_are_read_back_as_they_were(case, tmp_path: Path) -> None:
    predictor = trained(case("text_marks/train.csv"), "score", tmp_path)
    assert predictor.schema.categorical[0].categories == ("@home", "@school", "library")
    template = tmp_path / "template.csv"
    template.write_text(csv_template(predictor.schema), "utf-8")
    first, again, fix = (tmp_path / f"{name}.csv" for name in ("a", "b", "c"))
    assert predict_file(predictor, template, first).n_predicted == 3
    assert predict_file(predictor, first, again).n_predicted == 3
    assert [row["prediction"] for row in scored(again)] == [
        row["prediction_2"] if "prediction_2" in row else row["prediction"] for row in scored(first)
    ]
    with (tmp_path / "template.xlsx").open("wb") as book:
        write_workbook(predictor.schema, book)
    listed = predict_file(predictor, tmp_path / "template.xlsx", again, sheet=VALUES_SHEET)
    assert listed.n_predicted == 3
    (tmp_path / "bad.csv").write_text("study_place,extra_hours\n@hme,+2 h\n", "utf-8")
    predict_file(predictor, tmp_path / "bad.csv", fix)
    to_fix = to_fix_file(fix)
    to_fix.write_text(to_fix.read_text("utf-8").replace("@hme", "@home", 1), "utf-8")
    assert predict_file(predictor, to_fix, again).n_predicted == 1


def test_ranges_of_a_long_tailed_target_hold_for_its_largest_predictions_and_are_told_by_level(
    case, tmp_path: Path
) -> None:
    header, *rows = case("skewed/train.csv").read_text("utf-8").splitlines()
    random.Random(0).shuffle(rows)
    (tmp_path / "part.csv").write_text("\n".join([header, *rows[:250]]), "utf-8")
    (tmp_path / "rest.csv").write_text("\n".join([header, *rows[250:]]), "utf-8")
    predictor = trained(tmp_path / "part.csv", "minutes", tmp_path, models=("gradient_boosting",))
    predict_file(predictor, tmp_path / "rest.csv", tmp_path / "out.csv")
    known = [row for row in scored(tmp_path / "out.csv") if row["low_90"]]
    known.sort(key=lambda row: float(row["prediction"]))
    inside = [
        float(row["low_90"]) <= float(row["minutes"]) <= float(row["high_90"]) for row in known
    ]
    parts = predictor.metrics["coverage_by_prediction"]
    assert [part["n_samples"] for part in parts] == [10] * 5
    fifths = [sum(inside[k * len(inside) // 5 : (k + 1) * len(inside) // 5]) for k in range(5)]
    assert fifths[-1] >= 25  # of the thirty highest predictions
