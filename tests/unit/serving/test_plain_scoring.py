"""Rows of a file that are scored together: the lines of row by row, whatever stands between."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from src.exception import DataValidationError
from src.serving import plain_scoring
from src.serving.plain_scoring import score_file, score_to_parquet
from src.serving.predictor import Predictor
from src.serving.scorers import scorer_for
from src.serving.scoring import score_chunks
from src.serving.summary import Tally
from src.tables import plain_rows
from src.tables.plain_rows import TextBlock, plain_blocks
from src.tables.reader import open_table
from src.tables.writer import restore

ODD = (
    "", "=1+1", "-3", "-x", "'tis", "'=a", "'@", '"a,b"', '"two\nlines"', '"', "\0", "Male",
    "total", "average", "101", "1e3", "5,5", "85 ", "NA", "x\x0by", "é\u2028", "no such thing",
)  # fmt: skip
ROW_ENDS = ("\n",) * 6 + ("\r\n", "\n\n", ",\n", "\r", ",,,,,,\n")


@pytest.fixture(scope="module")
def predictors(predictor, outcome_artifacts, school_artifacts) -> list[Predictor]:
    return [predictor, Predictor.load(outcome_artifacts), Predictor.load(school_artifacts)]


def rows_of(predictor: Predictor) -> list[st.SearchStrategy[str]]:
    columns = []
    for feature in predictor.schema.asked:
        known = getattr(feature, "categories", None) or ("12", "7", "55.5", "60")
        plain = st.sampled_from(known)
        columns.append(plain if len(columns) % 2 else st.one_of(plain, plain, st.sampled_from(ODD)))
    return columns


def both_ways(predictor: Predictor, content: bytes, mark=None, name="class.csv"):
    found = []
    for together in (False, True):
        output, to_fix, tally = io.StringIO(newline=""), io.StringIO(newline=""), Tally()
        scorer = scorer_for(predictor, mark, vectorised=True)
        try:
            with open_table(io.BytesIO(content), name) as reader:
                if together:
                    for checked in score_file(reader, scorer, output, to_fix):
                        tally.add(checked, predictor.groups)
                else:
                    for _, checked, _ in score_chunks(reader, scorer, output, to_fix):
                        tally.add(checked, predictor.groups)
            found.append((output.getvalue(), to_fix.getvalue(), {**asdict(tally), "examples": {}}))
        except DataValidationError as error:
            found.append(str(error))
    return found


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_file_gets_the_same_lines_together_as_row_by_row(predictors, monkeypatch, data) -> None:
    monkeypatch.setattr(
        plain_rows, "BLOCK_CHARACTERS", data.draw(st.sampled_from((60, 400, 5_000)))
    )
    monkeypatch.setattr(plain_scoring, "MOST_ODD", data.draw(st.sampled_from((0.2, 1.0))))
    predictor = data.draw(st.sampled_from(predictors))
    delimiter = data.draw(st.sampled_from((",", ",", ";")))
    rows = data.draw(st.lists(st.tuples(*rows_of(predictor)), min_size=1, max_size=40))
    ends = data.draw(st.lists(st.sampled_from(ROW_ENDS), min_size=len(rows), max_size=len(rows)))
    header = delimiter.join([f.name for f in predictor.schema.asked])
    body = "".join(delimiter.join(row) + end for row, end in zip(rows, ends, strict=True))
    by_row, together = both_ways(predictor, f"{header}\n{body}".encode())
    assert together == by_row


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_parquet_file_gets_the_same_scores_together_and_as_parquet(
    predictors, monkeypatch, tmp_path, data
) -> None:
    monkeypatch.setattr(plain_rows, "BATCH_ROWS", data.draw(st.sampled_from((3, 17, 1_000))))
    predictor = data.draw(st.sampled_from(predictors))
    rows = data.draw(st.lists(st.tuples(*rows_of(predictor)), min_size=1, max_size=40))
    blank = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    rows = [[None] * len(row) if none else row for row, none in zip(rows, blank, strict=True)]
    names = [feature.name for feature in predictor.schema.asked]
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    path = tmp_path / "class.parquet"
    parquet.write_table(pa.table(columns, names=names), path)
    by_row, together = both_ways(predictor, path.read_bytes(), name="class.parquet")
    assert together == by_row
    if isinstance(by_row, str):
        return
    written, to_fix = io.BytesIO(), io.StringIO(newline="")
    scorer = scorer_for(predictor, vectorised=True)
    with open_table(path) as reader:
        list(score_to_parquet(reader, scorer, written, to_fix))
    table = parquet.read_table(written)
    expected = list(csv.DictReader(io.StringIO(by_row[0])))
    assert to_fix.getvalue() == by_row[1]
    assert table.column_names == list(expected[0])
    for got, wanted in zip(table.to_pylist(), expected, strict=True):
        for name, text in wanted.items():
            value = "" if got[name] is None else str(got[name])
            assert value == restore(text) or float(value) == float(text)


def test_most_rows_of_a_plain_file_are_read_in_blocks(predictor) -> None:
    header = ",".join(predictor.schema.names)
    row = "male,group A,bachelor's degree,standard,none,70,-0"
    content = f"{header}\n" + f"{row}\n" * 99 + "Male" + row[4:]
    with open_table(io.BytesIO(content.encode()), "class.csv") as reader:
        parts = list(plain_blocks(reader))
    assert [type(part) for part in parts] == [TextBlock]
    assert len(parts[0]) == 100
    by_row, together = both_ways(predictor, content.encode(), 60.0)
    assert together == by_row


@pytest.mark.parametrize("value", [1e-5, 1e11, 1e20, 0.0, -0.0, 85.0, 0.1 + 0.2])
def test_numbers_are_written_as_python_writes_them(value) -> None:
    texts = plain_scoring.number_texts([value, None, 3.5])
    assert texts is None or texts.to_pylist() == [repr(value), "", "3.5"]
    assert (texts is None) == (value in (1e-5, 1e11, 1e20))
