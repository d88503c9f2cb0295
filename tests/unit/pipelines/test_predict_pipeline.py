"""Records, frames and files against a trained model: C1-C9, C12, C13, C15, F1-F4 on this path."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from src.artifact_store import Run
from src.exception import ConfigurationError, DataValidationError
from src.explanations import explainer
from src.pipelines.predict_pipeline import main, predict_file, to_fix_file
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig
from src.serving.predictor import COMPILED, Predictor

HEADER = [
    "gender", "race_ethnicity", "parental_level_of_education", "lunch", "test_preparation_course",
    "reading_score", "writing_score",
]  # fmt: skip
ROWS = [
    ["female", "group B", "bachelor's degree", "standard", "none", "72", "74.5"],
    ["male", "group A", "high school", "free/reduced", "completed", "90", "88"],
    ["female", "group E", "some college", "standard", "completed", "35", "41"],
]


def csv_text(rows: list[list[str]], header: list[str] = HEADER, delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


Predict = Callable[..., tuple[list[list[str]], list[list[str]]]]


@pytest.fixture
def predict(predictor: Predictor, tmp_path: Path) -> Predict:
    def run(content: str | bytes, name: str = "class.csv") -> tuple[list, list]:
        """Return the rows of the output without the header, and of those to fix."""
        source, output = tmp_path / name, tmp_path / "predictions.csv"
        source.write_bytes(content.encode() if isinstance(content, str) else content)
        tally = predict_file(predictor, source, output)
        to_fix = rows_of(to_fix_file(output))[1:] if tally.n_refused else []
        assert (tmp_path / "predictions.to-fix.csv").exists() == bool(to_fix)
        return rows_of(output)[1:], to_fix

    return run


@pytest.fixture
def expected(predictor: Predictor) -> list[float]:
    """Predictions of ROWS, one record at a time."""
    return [predictor.predict_record(dict(zip(HEADER, row, strict=True))).prediction
            for row in ROWS]  # fmt: skip


# prediction, low_90, high_90 and problem are the last columns.
def predictions(rows: list[list[str]]) -> list[float]:
    return [float(row[-4]) for row in rows]


def are_predicted(rows: list[list[str]]) -> list[bool]:
    """Return which rows have a prediction; a row without one must have a problem."""
    assert all((row[-4] == "") == (row[-1] != "") for row in rows)
    return [row[-4] != "" for row in rows]


def test_a_file_and_its_records_get_the_same_predictions(predict, expected) -> None:
    rows, problems = predict(csv_text(ROWS))
    assert predictions(rows) == expected
    assert problems == []


def test_every_row_keeps_its_place_and_its_other_columns(predict, expected, tmp_path) -> None:
    header = ["Name", *HEADER, "math_score", "note"]
    rows = [[f"Ann {i}", *row, "99", 'a, "b"\nc'] for i, row in enumerate(ROWS)]
    found, problems = predict(csv_text(rows, header))
    assert rows_of(tmp_path / "predictions.csv")[0] == [
        *header, "prediction", "low_90", "high_90", "problem",
    ]  # fmt: skip
    assert [row[:-4] for row in found] == rows
    assert predictions(found) == expected
    assert problems == []


@pytest.mark.parametrize("mark", ["\ufeff", "\ufeff\ufeff"])
def test_byte_order_marks_are_accepted(predict, expected, mark: str) -> None:
    """C1."""
    assert predictions(predict(mark + csv_text(ROWS))[0]) == expected


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_and_decimal_commas_predict_the_same(
    predict, expected, delimiter: str
) -> None:
    """C2."""
    assert predictions(predict(csv_text(ROWS, delimiter=delimiter))[0]) == expected
    commas = [[cell.replace("74.5", "74,5") for cell in row] for row in ROWS]
    assert predictions(predict(csv_text(commas, delimiter=delimiter))[0]) == expected


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-8-sig"])
def test_other_encodings_keep_the_letters(predict, expected, encoding: str) -> None:
    """C3."""
    rows = [["José Muñoz", *row] for row in ROWS]
    found, _ = predict(csv_text(rows, ["Name", *HEADER]).encode(encoding))
    assert predictions(found) == expected
    assert {row[0] for row in found} == {"José Muñoz"}


def test_a_row_with_one_cell_too_many_is_refused_alone(predict, expected) -> None:
    """C4."""
    rows, problems = predict(csv_text([ROWS[0], [*ROWS[1], "88"], ROWS[2]]))
    assert are_predicted(rows) == [True, False, True]
    assert predictions([rows[0], rows[2]]) == [expected[0], expected[2]]
    assert len(problems) == 1
    assert problems[0][-1].startswith("Row 3: The row has 8 cells, the header has 7.")


def test_a_short_row_and_an_unclosed_quote_are_refused_with_their_lines(predict) -> None:
    """C5."""
    lines = csv_text(ROWS * 2).splitlines()
    lines[2] = "male,group A"
    lines[4] = lines[4].replace("bachelor's", "\"bachelor's")
    rows, problems = predict("\n".join(lines) + "\n")
    assert are_predicted(rows) == [True, False, True, False, True, True]
    assert [problem[-1][:6] for problem in problems] == ["Row 3:", "Row 5:"]
    assert "quote" in problems[1][-1]


def test_a_nul_character_and_an_infinite_number_refuse_their_rows(predict) -> None:
    """C7."""
    bad = [[*ROWS[0][:5], value, "70"] for value in ("7\x000", "inf", "1e309")]
    rows, problems = predict(csv_text([*bad, ROWS[1]]))
    assert are_predicted(rows) == [False, False, False, True]
    assert [problem[-1][:6] for problem in problems] == ["Row 2:", "Row 3:", "Row 4:"]


def test_header_order_case_and_separators_do_not_matter(predict, expected) -> None:
    """C8."""
    header = [name.replace("_", " ").title() for name in HEADER]
    header[1] = "race/ethnicity"
    shuffled = [list(reversed(row)) for row in ROWS]
    found, _ = predict(csv_text(shuffled, list(reversed(header))))
    assert predictions(found) == expected


def test_missing_and_double_columns_are_all_named(predict) -> None:
    """C8."""
    header = ["gender", "lunch", "Lunch", "test_preparation_course", "reading", "writing_score"]
    with pytest.raises(DataValidationError) as raised:
        predict(csv_text([["x"] * 6], header))
    text = str(raised.value)
    for part in ("race_ethnicity is missing", "reading_score is missing", "lunch", "2 times"):
        assert part in text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("blank.csv", b"\n \n"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
        ("photo.csv", b"\xff\xd8\xff\xe0" + bytes(range(256))),
    ],
)
def test_what_is_no_table_is_refused(predict, tmp_path, name: str, content: bytes) -> None:
    """C9."""
    with pytest.raises(DataValidationError):
        predict(content, name)
    assert not (tmp_path / "predictions.csv").exists()


def test_a_header_without_rows_is_refused(predict, tmp_path) -> None:
    """C9."""
    with pytest.raises(DataValidationError, match="no row"):
        predict(csv_text([]))
    assert [path.name for path in tmp_path.iterdir()] == ["class.csv"]


def workbook(rows: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_an_excel_workbook_called_csv_is_refused(predict) -> None:
    """C9."""
    with pytest.raises(DataValidationError, match="Excel workbook"):
        predict(workbook([HEADER, *ROWS]), "class.csv")


def test_excel_and_parquet_predict_the_same_as_csv(predict, predictor, expected, tmp_path) -> None:
    typed = [[*row[:5], float(row[5]), float(row[6])] for row in ROWS]
    assert predictions(predict(workbook([HEADER, *typed]), "class.xlsx")[0]) == expected
    path = tmp_path / "class.parquet"
    pd.DataFrame(typed, columns=HEADER).to_parquet(path)
    predict_file(predictor, path, tmp_path / "out.csv")
    assert predictions(rows_of(tmp_path / "out.csv")[1:]) == expected


def test_one_bad_row_in_a_thousand_costs_one_prediction(predict) -> None:
    """C12."""
    rows = [list(ROWS[i % 3]) for i in range(1000)]
    rows[500][5] = "ninety"
    found, problems = predict(csv_text(rows))
    assert sum(are_predicted(found)) == 999
    assert problems == [
        [*rows[500], "Row 502: reading_score must be a number from 0 to 100. Got 'ninety'."]
    ]


def test_no_cell_of_the_output_is_a_formula_and_negative_numbers_stay(predict) -> None:
    """C13."""
    cells = ["=1+1", "+cmd", "-x", "@a", "\tb", "-3.5", "-3,5", "plain"]
    rows = [[cell, *ROWS[0]] for cell in cells]
    bad = [["=bad", *ROWS[0][:5], "=2+2", "70"]]
    found, problems = predict(csv_text([*rows, *bad], ["=note", *HEADER]))
    assert [row[0] for row in found] == [
        "'=1+1", "'+cmd", "'-x", "'@a", "'\tb", "-3.5", "-3,5", "plain", "'=bad",
    ]  # fmt: skip
    assert problems[0][0] == "'=bad"
    assert problems[0][6] == "'=2+2"


def test_a_missing_value_is_refused_where_training_had_none(predict) -> None:
    """C15."""
    row = ["", *ROWS[0][1:5], "", "70"]
    found, problems = predict(csv_text([row, ROWS[1]]))
    assert are_predicted(found) == [False, True]
    assert re.findall(r"(\w+) is missing", problems[0][-1]) == ["gender", "reading_score"]


def test_a_missing_value_is_predicted_where_training_had_them(tmp_path) -> None:
    """C15."""
    table = pd.DataFrame({"a": range(60), "b": ["x", "y", "z"] * 20})
    table["t"] = table["a"] * 2.0 + (table["b"] == "x") + np.sin(table["a"])
    table = table.sample(frac=1, random_state=0).astype({"a": object, "b": object})
    table.iloc[3, 0], table.iloc[4, 1] = "NA", ""
    table.to_csv(tmp_path / "t.csv", index=False)
    config = TrainConfig(data=str(tmp_path / "t.csv"), target="t", models=("ridge",), keep=("a",),
                         artifacts=tmp_path / "artifacts")  # fmt: skip
    predictor = Predictor.from_run(TrainPipeline(config).run().run)
    (tmp_path / "new.csv").write_text("a,b\nNA,x\nnull,y\n,z\n5,\n5,NA\n")
    predict_file(predictor, tmp_path / "new.csv", tmp_path / "out.csv")
    found = rows_of(tmp_path / "out.csv")[1:]
    assert are_predicted(found) == [True, True, True, True, False]
    assert np.isfinite(predictions(found[:4])).all()


def test_words_that_mean_missing_elsewhere_can_be_categories(tmp_path) -> None:
    """C6."""
    table = pd.DataFrame({"prep": ["None", "NA", "null", "yes"] * 20, "x": range(80)})
    table["t"] = table["x"] + (table["prep"] == "NA") * 30 + (table["prep"] == "None") * 10.0
    table = table.sample(frac=1, random_state=0)
    table.to_csv(tmp_path / "t.csv", index=False)
    hints = tmp_path / "t.schema.toml"
    hints.write_text('target = "t"\n[columns.x]\nlabel = "X"\n')
    config = TrainConfig(data=str(tmp_path / "t.csv"), models=("ridge",),
                         artifacts=tmp_path / "artifacts")  # fmt: skip
    result = TrainPipeline(config).run()
    assert set(result.schema.categorical[0].categories) == {"None", "NA", "null", "yes"}
    predictor = Predictor.from_run(result.run)
    predict_file(predictor, tmp_path / "t.csv", tmp_path / "out.csv")
    found = pd.read_csv(tmp_path / "out.csv", keep_default_na=False)
    assert found["prediction"].astype(float).notna().all()
    means = (found["prediction"] - found["x"]).groupby(found["prep"]).mean()
    assert means["NA"] - means["yes"] == pytest.approx(30, abs=3)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("abc", "must be a number from 0 to 100. Got 'abc'."),
        (-1, "Got -1."),
        (101, "Got 101."),
        (1e9, "Got 1000000000.0."),
        (float("nan"), "Got nan."),
        (float("inf"), "Got inf."),
        (10**400, "must be a number"),
        ("nan", "Got 'nan'."),
        ("1e400", "Got '1e400'."),
        ("1_0", "Got '1_0'."),
        ("５０", "Got '５０'."),
        (True, "Got True."),
        ([70], "Got [70]."),
        (None, "is missing. It must be a number from 0 to 100."),
    ],
)
def test_what_is_no_score_is_refused(predictor, student, value, message: str) -> None:
    """F1, F2, F3."""
    with pytest.raises(DataValidationError) as raised:
        predictor.predict_record(student | {"reading_score": value})
    (problem,) = raised.value.problems
    assert problem.field == "reading_score"
    assert message in problem.message


@pytest.mark.parametrize("value", ["72", " 72 ", 72, 72.0, "72.0"])
def test_plain_spellings_of_a_number_are_the_same(predictor, student, value) -> None:
    """F3."""
    plain = predictor.predict_record(student | {"reading_score": 72})
    assert predictor.predict_record(student | {"reading_score": value}) == plain


def test_an_unknown_category_is_refused_with_the_allowed_ones_and_the_nearest(
    predictor, student
) -> None:
    """F4."""
    with pytest.raises(DataValidationError) as raised:
        predictor.predict_record(student | {"lunch": "standart"})
    assert str(raised.value) == (
        "lunch must be one of 'standard', 'free/reduced'. Got 'standart'. Did you mean 'standard'?"
    )


def test_another_case_and_stray_blanks_are_folded(predictor, student) -> None:
    """F4."""
    answer = predictor.predict_record(student | {"lunch": " STANDARD"})
    assert answer == predictor.predict_record(student)


def test_all_problems_of_a_record_are_told_at_once(predictor) -> None:
    with pytest.raises(DataValidationError) as raised:
        predictor.predict_record({"lunch": "x", "reading_score": 300, "shoe_size": 42})
    assert {p.field for p in raised.value.problems} == {*HEADER, "shoe_size"}


def test_a_value_outside_what_training_saw_is_a_warning(predictor, student) -> None:
    answer = predictor.predict_record(student | {"reading_score": 12})
    assert [w.field for w in answer.warnings] == ["reading_score"]
    assert "extrapolation" in answer.warnings[0].message


def test_an_existing_prediction_column_is_kept(predict, tmp_path) -> None:
    predict(csv_text([[*ROWS[0], "50"]], [*HEADER, "prediction"]))
    assert rows_of(tmp_path / "predictions.csv")[0][-5:-3] == ["prediction", "prediction_2"]


def test_a_large_file_is_read_in_chunks_with_the_rows_in_order(
    predict, monkeypatch, expected
) -> None:
    monkeypatch.setattr("src.serving.scoring.CHUNK_ROWS", 7)
    found, _ = predict(csv_text(ROWS * 10))
    assert predictions(found) == expected * 10


def test_the_output_appears_whole_or_not_at_all(predictor, tmp_path, monkeypatch) -> None:
    source, output = tmp_path / "class.csv", tmp_path / "predictions.csv"
    source.write_text(csv_text(ROWS))
    output.write_text("the earlier one")

    def fail(self: Predictor, columns: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(predictor), "unclipped_columns", fail)
    with pytest.raises(OSError, match="No space left"):
        predict_file(predictor, source, output)
    assert output.read_text() == "the earlier one"
    assert {path.name for path in tmp_path.iterdir()} == {"class.csv", "predictions.csv"}


def test_the_input_is_not_overwritten(predictor, tmp_path) -> None:
    source = tmp_path / "class.csv"
    source.write_text(csv_text(ROWS))
    with pytest.raises(ConfigurationError, match="would replace the input"):
        predict_file(predictor, source, source)


def test_an_output_that_is_no_csv_is_refused(predictor, tmp_path) -> None:
    with pytest.raises(ConfigurationError, match=r"Name the output out\.csv"):
        predict_file(predictor, tmp_path / "class.csv", tmp_path / "out.xlsx")


# --- the command --------------------------------------------------------------------------------


@pytest.fixture
def command(sample_artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def run(content: str, *more: str, output: str = "out.csv") -> tuple[int, str]:
        (tmp_path / "class.csv").write_text(content, encoding="utf-8")
        status = main([
            "--input", str(tmp_path / "class.csv"), "--output", str(tmp_path / output),
            "--artifacts", str(sample_artifacts), *more,
        ])  # fmt: skip
        return status, capsys.readouterr().err

    return run


BAD = [*ROWS[0][:5], "ninety", "70"]


@pytest.mark.parametrize(
    ("rows", "status", "text"),
    [
        (ROWS, 0, "Predicted math_score for 3 of 3 rows by the compiled tables:"),
        ([*ROWS, BAD], 3, "Refused 1 row(s). Mend them and predict them again:"),
        ([BAD], 1, "Predicted math_score for 0 of 1 rows"),
    ],
)
def test_the_exit_status_says_how_it_went(command, tmp_path, rows, status: int, text: str) -> None:
    found, err = command(csv_text(rows))
    assert found == status
    assert text in err
    assert len(rows_of(tmp_path / "out.csv")) == len(rows) + 1
    assert ("out.to-fix.csv" in err) == (tmp_path / "out.to-fix.csv").exists() == (status > 0)


def test_a_stale_list_of_rows_to_fix_does_not_stay(command, tmp_path) -> None:
    command(csv_text([BAD, *ROWS]))
    assert (tmp_path / "out.to-fix.csv").exists()
    command(csv_text(ROWS))
    assert not (tmp_path / "out.to-fix.csv").exists()


def test_values_that_training_did_not_see_are_counted(command) -> None:
    low = [*ROWS[0][:5], "1", "70"]
    status, err = command(csv_text([low, low, *ROWS]))
    assert status == 0
    assert "reading_score: 2 value(s) outside the range of" in err


def test_quiet_says_nothing_but_errors(command) -> None:
    assert command(csv_text([*ROWS, BAD]), "--quiet") == (3, "")
    status, err = command("a,b\n1,2\n", "--quiet")
    assert status == 1
    assert "gender is missing" in err


def test_without_a_model_the_command_says_how_to_train(tmp_path, capsys) -> None:
    status = main(["--input", "x.csv", "--output", "y.csv", "--artifacts", str(tmp_path)])
    assert status == 1
    assert "python -m src.pipelines.train_pipeline" in capsys.readouterr().err


def test_an_output_folder_that_is_absent_is_named(command) -> None:
    status, err = command(csv_text(ROWS), output="no/out.csv")
    assert status == 1
    assert "cannot be written" in err


@pytest.mark.parametrize("family", ["ridge", "neighbors"])
def test_each_backend_explains_and_says_the_chance_of_missing_the_mark(
    family: str, tmp_path: Path, student, monkeypatch
) -> None:
    monkeypatch.setattr(explainer, "MOST_SECONDS", 10.0)  # a busy machine still explains
    TrainPipeline(
        TrainConfig(models=(family,), budget="quick", pass_mark=50.0, artifacts=tmp_path)
    ).run()
    predictor = Predictor.load(tmp_path)
    assert predictor.backend == ("compiled" if family == "ridge" else "pickles")
    weak = student | {"reading_score": 35, "writing_score": 35}
    answer = predictor.predict_record(weak)
    found = predictor.explain(answer.values)
    assert found.total == pytest.approx(answer.prediction, rel=1e-6)
    assert set(found.values) == set(predictor.schema.names)
    strong = predictor.predict_record(student | {"reading_score": 95, "writing_score": 95})
    assert 0 < strong.probability_below < 0.1 < 0.7 < answer.probability_below < 1
    row = [*ROWS[0][:5], "35", "35"]
    (tmp_path / "class.csv").write_text(csv_text([row]))
    predict_file(predictor, tmp_path / "class.csv", tmp_path / "out.csv")
    header, (*_, below, chance, problem) = rows_of(tmp_path / "out.csv")
    assert header[-3:] == ["below_pass_mark", "chance_below_pass_mark", "problem"]
    assert (below, problem) == ("yes", "")
    assert 0.7 < float(chance) < 1


@pytest.mark.parametrize("family", ["xgboost", "catboost", "random_forest"])
def test_a_record_a_form_and_a_file_have_the_same_bits(family: str, tmp_path: Path) -> None:
    TrainPipeline(TrainConfig(models=(family,), budget="quick", artifacts=tmp_path)).run()
    predictor = Predictor.load(tmp_path)
    assert predictor.backend == "compiled"
    records = [dict(zip(HEADER, row, strict=True)) for row in ROWS]
    typed = [r | {name: float(r[name]) for name in HEADER[5:]} for r in records]
    (tmp_path / "class.csv").write_text(csv_text(ROWS))
    predict_file(predictor, tmp_path / "class.csv", tmp_path / "out.csv")
    from_file = predictions(rows_of(tmp_path / "out.csv")[1:])
    assert [predictor.predict_record(r).prediction for r in typed] == from_file
    assert [predictor.predict_record(r, form=True).prediction for r in records] == from_file


def test_a_compiled_run_is_served_without_opening_a_pickle(
    sample_artifacts, student, tmp_path, monkeypatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a pickle was opened")

    monkeypatch.setattr(Run, "load_object", refuse)
    predictor = Predictor.load(sample_artifacts)
    predictor.explain(predictor.predict_record(student).values)
    (tmp_path / "class.csv").write_text(csv_text(ROWS))
    assert predict_file(predictor, tmp_path / "class.csv", tmp_path / "out.csv").n_predicted == 3


def test_a_run_from_before_models_were_compiled_is_served_from_its_pickles(
    sample_artifacts, student
) -> None:
    predictor = Predictor.load(sample_artifacts)
    run = predictor.run
    files = {name: h for name, h in run.manifest.files.items() if name != COMPILED}
    older = Predictor.from_run(replace(run, manifest=replace(run.manifest, files=files)))
    assert (older.backend, older.evaluator) == ("pickles", "the pickled model")
    assert older.fallback_reason == "It was saved before models were compiled."
    found, expected = older.predict_record(student), predictor.predict_record(student)
    assert found.prediction == pytest.approx(expected.prediction, rel=1e-9)


def test_the_command_needs_no_pandas_where_the_model_is_compiled(
    sample_artifacts, tmp_path
) -> None:
    (tmp_path / "class.csv").write_text(csv_text(ROWS))
    code = f"""
import sys
from src.pipelines.predict_pipeline import main, predict_file, to_fix_file
status = main(["--input", {str(tmp_path / "class.csv")!r}, "--output",
               {str(tmp_path / "out.csv")!r}, "--artifacts", {str(sample_artifacts)!r}])
print(status, sorted(set(sys.modules) & {{"pandas", "sklearn", "dill", "xgboost", "catboost"}}))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "0 []\n"


def test_the_list_of_rows_to_fix_does_not_replace_the_input(
    predictor: Predictor, tmp_path: Path
) -> None:
    source = tmp_path / "class.to-fix.csv"
    source.write_text("x")
    with pytest.raises(ConfigurationError, match=r"rows to fix, class\.to-fix\.csv, would replace"):
        predict_file(predictor, source, tmp_path / "class.csv")
    assert source.read_text() == "x"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--artifacts", ""], "--artifacts: a value is missing"),
        (["--sheet", " "], "--sheet: a value is missing"),
        (["--artifacts", "a", "--artifacts", "b"], "--artifacts: given twice"),
        (["--output", "z.csv"], "--output: given twice"),
    ],
)
def test_an_option_that_cannot_be_used_as_given_is_refused(options, message, capsys):
    """T4."""
    with pytest.raises(SystemExit) as ended:
        main(["--input", "x.csv", "--output", "y.csv", *options])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


# --- workbooks of several sheets -----------------------------------------------------------------


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """A cover, then a sheet a class."""
    book = openpyxl.Workbook()
    book.active.title = "Read me"
    book.active.append(["Marks of the spring term"])
    for name, rows in (("7a", ROWS[:1]), ("7b", ROWS[1:])):
        sheet = book.create_sheet(name)
        for row in (HEADER, *rows):
            sheet.append(row)
    book.save(tmp_path / "classes.xlsx")
    return tmp_path / "classes.xlsx"


@pytest.mark.parametrize(
    ("options", "n_rows"),
    [([], 1), (["--sheet", "7b"], 2), (["--sheet", "7B"], 2), (["--all-sheets"], 3)],
)
def test_a_sheet_is_chosen_or_all_are_predicted(
    sample_artifacts: Path, classes: Path, tmp_path: Path, options: list[str], n_rows: int
) -> None:
    output = tmp_path / "out.csv"
    arguments = ["--input", str(classes), "--output", str(output), "--artifacts"]
    assert main([*arguments, str(sample_artifacts), *options]) == 0
    assert len(rows_of(output)) - 1 == n_rows


def test_a_sheet_that_is_not_there_is_refused_with_those_that_are(
    predictor: Predictor, classes: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="7a"):
        predict_file(predictor, classes, tmp_path / "out.csv", sheet="7c")
    assert not (tmp_path / "out.csv").exists()
