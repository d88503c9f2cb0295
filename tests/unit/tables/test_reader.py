from __future__ import annotations

import csv
import io
import os
import random
import threading
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from src.exception import ConfigurationError, DataValidationError
from src.tables.layout import COLUMN_LIMIT, Table
from src.tables.lines import LINE_LIMIT
from src.tables.reader import open_table, read_table, table_from_records
from src.tables.writer import neutralise, restore, write_rows


def read(content: str | bytes, name: str = "class.csv") -> Table:
    data = content.encode() if isinstance(content, str) else content
    return read_table(io.BytesIO(data), name)


def problems(table: Table) -> list[str]:
    return [str(problem) for problem in table.malformed.values()]


def good(table: Table) -> list[list[str]]:
    return [row for i, row in enumerate(table.rows) if i not in table.malformed]


def refused(content: str | bytes, match: str, name: str = "class.csv") -> DataValidationError:
    with pytest.raises(DataValidationError, match=match) as raised:
        read(content, name)
    return raised.value


# --- plain tables -------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "\n"])
def test_header_rows_and_lines_come_as_they_stand_there(end: str, last: str) -> None:
    table = read("sex, score \nf, 72\n\nm,NA\n".replace("\n", end).removesuffix(end) + last)
    assert table.header == ["sex", "score"]
    assert table.rows == [["f", " 72"], ["m", "NA"]]
    assert table.lines == [2, 4]
    assert (table.malformed, table.decimal_comma) == ({}, False)


def test_a_column_can_be_taken_out() -> None:
    assert read("a,b\n1,2\n3,4\n").column(1) == ["2", "4"]


def test_a_table_of_one_column_is_a_table() -> None:
    assert read("score\n1\n2\n").rows == [["1"], ["2"]]


def test_quoted_cells_may_hold_delimiters_quotes_and_line_ends() -> None:
    table = read('name,note\n"Smith, Ann","said ""hi""\r\ntwice"\nBob,\n')
    assert table.rows == [["Smith, Ann", 'said "hi"\r\ntwice'], ["Bob", ""]]
    assert table.lines == [2, 4]


def test_the_header_may_be_quoted_over_lines() -> None:
    assert read('"a","math\nscore"\n1,2\n').header == ["a", "math\nscore"]


def test_chunks_hold_all_rows_with_their_own_malformed_ones() -> None:
    text = "a,b\n" + "".join(f"{i},{i}\n" if i % 3 else f"{i}\n" for i in range(10))
    with open_table(io.BytesIO(text.encode()), "x.csv") as reader:
        chunks = list(reader.chunks(4))
    assert [len(chunk.rows) for chunk in chunks] == [4, 4, 2]
    assert [sorted(chunk.malformed) for chunk in chunks] == [[0, 3], [2], [1]]
    assert [line for chunk in chunks for line in chunk.lines] == list(range(2, 12))


def test_the_source_is_closed_with_the_block(tmp_path: Path) -> None:
    source = io.BytesIO(b"a,b\n1,2\n")
    with open_table(source, "x.csv"):
        assert not source.closed
    assert source.closed


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.csv cannot be read: No such file"):
        read_table(tmp_path / "nowhere.csv")
    with pytest.raises(ConfigurationError, match="Is a directory"):
        read_table(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_a_pipe_can_be_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("a,b\n1,2\n",))
    writer.start()
    assert read_table(pipe).rows == [["1", "2"]]
    writer.join()


# --- C1, C2: marks, delimiters, decimals ----------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("header", ["sex,score", '"sex","score"'])
def test_byte_order_marks_are_no_part_of_the_header(times: int, header: str) -> None:
    """C1."""
    table = read("\ufeff" * times + header + "\nf,72\n")
    assert table.header == ["sex", "score"]
    assert table.lines == [2]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("n_rows", [1, 5, 300])
def test_the_delimiter_is_found(delimiter: str, n_rows: int) -> None:
    """C2."""
    rows = [["female", "Smith, Ann; x|y\tz", "72.5"]] * n_rows
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([["sex", "name", "score"], *rows])
    table = read(text.getvalue())
    assert (table.header, table.rows) == (["sex", "name", "score"], rows)


@pytest.mark.parametrize(
    ("text", "comma"),
    [
        ("a;b\n72,5;1\n", True),
        ("a\tb\n72,5\t1\n", True),
        ("a;b\n72.5;1\n", False),  # points: a comma would be a mistake
        ("a;b\n72;1\n", True),  # whole numbers only: unknown
        ("a;b\n72.5;3,25\n", True),
        ("a\tb\n72.5\t1,234\n", False),  # the comma separates thousands
        ("a;b\n01.02.2024;2,5\n", True),  # dates have points too
        ('a,b\n"72,5",1\n', True),
        ('a,b\n"72,5",1.5\n', False),
        ('a,b\n"1,234",1\n', False),
    ],
)
def test_the_decimal_mark_is_found(text: str, comma: bool) -> None:
    """C2."""
    assert read(text).decimal_comma is comma


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;"])
def test_excels_line_that_names_the_delimiter_is_no_row(line: str) -> None:
    table = read(f"{line}\r\na,b;c\r\n1,5;x\r\n")
    assert (table.header, table.rows, table.lines) == (["a,b", "c"], [["1,5", "x"]], [3])


def test_commas_in_the_cells_of_a_semicolon_file_do_not_mislead() -> None:
    rows = "".join(f"{i},5;{i},25;{i},0\n" for i in range(50))
    assert read("a;b;c\n" + rows).rows[1] == ["1,5", "1,25", "1,0"]


# --- C4, C5: broken rows --------------------------------------------------------------------------


def test_a_row_with_a_cell_too_many_is_refused_alone() -> None:
    """C4."""
    table = read("sex,a,b\nf,1,2\nm,3,4,5\nf,6,7\n")
    assert good(table) == [["f", "1", "2"], ["f", "6", "7"]]
    assert problems(table) == [
        "Row 3: The row has 4 cells, the header has 3. Compare it with a row that is right: "
        "a delimiter is missing or stands too often."
    ]
    assert table.rows[1] == ["m", "3", "4"]  # cut, so that it can stand in its place


def test_a_cell_too_many_is_refused_though_it_is_empty() -> None:
    """C4."""
    table = read("sex,a,b\nf,1,2\nm,,3,\nf,6,7\n")  # is it (m, -, 3) or (m, 3, -)?
    assert list(table.malformed) == [1]


@pytest.mark.parametrize("row", ["m,3", "m", '"m"', "m,3,4,5,6,7"])
def test_a_row_of_another_length_is_refused_with_its_line(row: str) -> None:
    """C5."""
    table = read(f"sex,a,b\nf,1,2\n{row}\nf,6,7\n")
    assert good(table) == [["f", "1", "2"], ["f", "6", "7"]]
    assert problems(table)[0].startswith("Row 3: The row has ")


def test_a_short_row_is_filled_up_so_that_it_can_stand_in_its_place() -> None:
    """C5."""
    assert read("a,b,c\n1\n").rows == [["1", "", ""]]


@pytest.mark.parametrize(
    "bad",
    [
        'm,"3,4',  # never closed
        'm,3,"4',
        '"m,3,4',
        'm,"3"x,4',  # text after the quote
        'm,"3""x,4',
        "m,3,\"4' ",
    ],
)
def test_an_unclosed_quote_is_refused_alone_with_its_line(bad: str) -> None:
    """C5."""
    table = read(f"sex,a,b\nf,1,2\n{bad}\nf,6,7\nm,8,9\n")
    assert good(table) == [["f", "1", "2"], ["f", "6", "7"], ["m", "8", "9"]]
    assert table.malformed[1].row == 3
    assert "quote" in table.malformed[1].message


@pytest.mark.parametrize("later", ['"f",6,7', 'f,"6",7', 'f,6,"7"', '"f","6","7"', 'f,6,"x\ny"'])
def test_an_unclosed_quote_swallows_no_later_row_with_quotes(later: str) -> None:
    """C5."""
    table = read(f'sex,a,b\nf,1,2\nm,"3,4\n{later}\nm,8,9\n"m",1,2\n')
    assert [problem.row for problem in table.malformed.values()] == [3]
    assert len(good(table)) == 4
    assert good(table)[-1] == ["m", "1", "2"]


def test_two_unclosed_quotes_are_two_problems() -> None:
    """C5."""
    table = read('sex,a,b\nf,"1,2\nm,3,4\nf,"5,6\nm,7,8\n')
    assert [problem.row for problem in table.malformed.values()] == [2, 4]
    assert good(table) == [["m", "3", "4"], ["m", "7", "8"]]


def test_an_unclosed_quote_swallows_nothing_in_a_long_file() -> None:
    """C5."""
    rows = [f'"s{i}","{i}",{i}' for i in range(1000)]
    rows[500] = 's500,"500,500'
    table = read("name,a,b\n" + "\n".join(rows))
    assert (len(good(table)), [p.row for p in table.malformed.values()]) == (999, [502])


def test_inch_marks_in_every_row_are_refused_one_by_one() -> None:
    """C5."""
    table = read("name,size\n" + "Ann,5'2\"\n" * 2000)
    assert len(table.malformed) == len(table.rows) == 2000


def test_an_unclosed_quote_in_the_header_is_explained() -> None:
    """C5."""
    error = refused('sex,"a,b\n1,2,3\n', r"class\.csv has no header that can be read")
    assert "Row 1: A quote in the line is not closed" in str(error)


@pytest.mark.parametrize(("row", "rows"), [(",,", 3), (" ,\t,", 3), (",,,", 3)])
def test_a_blank_row_between_others_keeps_its_place_and_is_refused(row: str, rows: int) -> None:
    table = read(f"a,b,c\n1,2,3\n{row}\n4,5,6\n")
    assert (len(table.rows), list(table.malformed)) == (rows, [1])


def test_blank_rows_at_the_end_are_no_rows() -> None:
    table = read("a;b;c\n1;2;3\n;;\n4;5;6\n;;\n;;\n\n;;\n")
    assert table.rows == [["1", "2", "3"], ["", "", ""], ["4", "5", "6"]]
    assert problems(table) == ["Row 3: The row is empty."]
    assert table.lines == [2, 3, 4]


def test_many_blank_rows_at_the_end_cost_no_memory() -> None:
    data = b"a,b\n1,2\n" + b",\n" * 30_000
    tracemalloc.start()
    table = read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(table.rows) == 1
    assert peak < 2e6


# --- what school offices export -------------------------------------------------------------------


def test_a_delimiter_at_the_end_of_every_row_is_no_extra_cell() -> None:
    table = read("a;b\n1;2;\n3;4;\n")
    assert (table.header, table.rows) == (["a", "b", ""], [["1", "2", ""], ["3", "4", ""]])


def test_a_delimiter_at_the_end_of_the_header_is_no_column() -> None:
    table = read("a;b;\n1;2\n3;4\n")
    assert (table.header, table.rows) == (["a", "b"], [["1", "2"], ["3", "4"]])


def test_empty_columns_at_the_end_are_kept() -> None:
    table = read("a;b;;;\n1;2;;;\n3;4;;;\n")
    assert (table.header, table.malformed) == (["a", "b", "", "", ""], {})


@pytest.mark.parametrize(
    "title",
    ["Class 7b", "Class 7b;;;", "Class 7b, 2024", "# by SchoolSoft", "Results;2024;;", ";;;x"],
)  # fmt: skip
def test_a_title_above_the_header_is_refused_with_what_to_do(title: str) -> None:
    error = refused(f"{title}\nname;sex;math;reading\nAnn;f;72;80\nBob;m;60;66\n", "first row")
    assert "Remove what stands above the names." in str(error)
    assert "the rows below have 4 cells" in str(error)


@pytest.mark.parametrize("header", [",score", "score", ",,score,grade", "a,b,c,,"])
def test_a_header_with_few_names_is_no_title(header: str) -> None:
    width = header.count(",")
    assert read(header + "\n" + ("1" + ",2" * width + "\n") * 3).malformed == {}


def test_the_header_may_have_units_percents_and_numbers() -> None:
    header = ["Name", "Math score (%)", "2023", "2024", "Größe [cm]"]
    assert read(",".join(header) + "\nAnn,80%,1,2,150\n").header == header


# --- C6, C7: what cells hold ----------------------------------------------------------------------


def test_marks_of_missing_values_stay_what_they_are() -> None:
    """C6."""
    row = ["None", "NA", "null", "nan", "#N/A", "", "-"]
    assert read("a,b,c,d,e,f,g\n" + ",".join(row) + "\n").rows == [row]


@pytest.mark.parametrize("row", ["m,\x003,4", '"m","3\x00",4', 'm,"3\nx\x00",4', "\x00,1,2"])
def test_a_row_with_a_nul_is_refused(row: str) -> None:
    """C7."""
    table = read(f"sex,a,b\nf,1,2\n{row}\nf,6,7\n")
    assert good(table) == [["f", "1", "2"], ["f", "6", "7"]]
    assert problems(table) == ["Row 3: The line holds a NUL character: the file is damaged there."]
    assert "\0" not in "".join(table.rows[1])


# --- C9: what is no table -------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", " ", "\n\n", "\r\n \t\n", "\ufeff", "\ufeff\n"])
def test_an_empty_file_is_refused(content: str) -> None:
    """C9."""
    refused(content, r"class\.csv (is empty|has no header)")


def test_a_header_without_rows_is_a_table_without_rows() -> None:
    """C9."""
    assert read("a,b\n").rows == []


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04" + bytes(100), "an Excel workbook or another zip archive"),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "old Excel workbook"),
        (b"PAR1" + bytes(100), "a Parquet file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a picture"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "a picture"),
        (b"GIF89a" + bytes(100), "a picture"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\x1f\x8b\x08\x00", "a gzip archive"),
        (b"SQLite format 3\x00", "an SQLite database"),
        (b"{\\rtf1\\ansi", "a text document"),
        (b"<!DOCTYPE html>\n<title>Sign in</title>", "a web page"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", "XML"),
        (b'[{"score": 72}]', "a JSON document"),
        (b'{"score": 72}', "a JSON document"),
    ],
)
def test_another_kind_of_file_is_refused_by_name(content: bytes, what: str) -> None:
    """C9."""
    error = refused(content, what)
    assert "Save it as CSV" in str(error)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(bytes(1000), id="zeros"),
        pytest.param(random.Random(0).randbytes(4000), id="noise"),
        pytest.param(b"BM" + random.Random(1).randbytes(5000), id="bitmap"),
        pytest.param(bytes(range(256)) * 20, id="every byte"),
        pytest.param(b"\x01\x02\x03\x04" * 500, id="control characters"),
    ],
)
def test_bytes_that_are_no_text_are_refused(content: bytes) -> None:
    """C9."""
    refused(content, r"class\.csv (is not a text table|has no header|looks like|is not UTF-8)")


@pytest.mark.parametrize("name", ["class.xlsx", "class.XLSX", "class.parquet", "class.pq"])
def test_a_csv_under_another_ending_is_refused(name: str) -> None:
    """C9."""
    refused("a,b\n1,2\n", "whatever its ending says", name)


@pytest.mark.parametrize("name", ["class.txt", "class", "class.xls", "class.tsv", ""])
def test_text_is_read_whatever_else_its_ending_is(name: str) -> None:
    assert read("a\tb\n1\t2\n", name).rows == [["1", "2"]]


# --- C10: what is too large -----------------------------------------------------------------------


def peak_of_reading(path: Path) -> tuple[Table | DataValidationError, float]:
    tracemalloc.start()
    try:
        outcome: Table | DataValidationError = read_table(path)
    except DataValidationError as error:
        outcome = error
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return outcome, peak


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_cell_of_100_mb_is_refused_alone_and_costs_little_memory(
    tmp_path: Path, quote: bytes
) -> None:
    """C10."""
    path = tmp_path / "class.csv"
    with path.open("wb") as file:
        file.write(b"a,b\n1,2\n3," + quote)
        for _ in range(100):
            file.write(b"x" * 10**6)
        file.write(quote + b"\n5,6\n")
    table, peak = peak_of_reading(path)
    assert isinstance(table, Table)
    assert good(table) == [["1", "2"], ["5", "6"]]
    assert problems(table) == ["Row 3: The line is longer than 131,072 characters."]
    assert peak < 20e6


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"a," * 10**6, "longer than 131,072 characters"),
        (b"," * 100_000 + b"a", "100,001 columns; at most 10,000"),
        (b",".join(b"c%d" % i for i in range(10**6)), "longer than 131,072 characters"),
    ],
)
def test_a_million_columns_are_refused_and_cost_little_memory(
    tmp_path: Path, header: bytes, message: str
) -> None:
    """C10."""
    path = tmp_path / "class.csv"
    path.write_bytes(header + b"\n" + b"1," * 10**6 + b"\n")
    error, peak = peak_of_reading(path)
    assert message in str(error)
    assert peak < 20e6


def test_ten_thousand_columns_are_read() -> None:
    """C10."""
    header = ",".join(f"c{i}" for i in range(COLUMN_LIMIT))
    table = read(header + "\n" + "1" + ",1" * (COLUMN_LIMIT - 1) + "\n")
    assert (len(table.header), table.malformed) == (COLUMN_LIMIT, {})


@pytest.mark.parametrize("size", [LINE_LIMIT - 1, LINE_LIMIT, LINE_LIMIT + 1, 3 * LINE_LIMIT])
@pytest.mark.parametrize("quote", ["", '"'])
def test_lines_around_the_limit_do_not_disturb_their_neighbours(size: int, quote: str) -> None:
    """C10."""
    line = f"1,{quote}".ljust(size - 2 * len(quote) + len(quote), "x") + quote
    table = read(f"a,b\n{line}\n5,6\n")
    assert good(table)[-1] == ["5", "6"]
    assert bool(table.malformed) == (size + 1 >= LINE_LIMIT)  # with its end


def test_a_quoted_cell_of_many_lines_ends_somewhere() -> None:
    """C10."""
    text = 'a,b\n1,"' + "x\n" * 20_000 + '"\n5,6\n'
    table = read(text)
    assert good(table) == [["5", "6"]]
    assert table.malformed[0].row == 2


# --- C13 and writing ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=", "+", "@", "-x", "- 5",
     "=HYPERLINK(\"http://x\")", "-2+3+cmd|' /C calc'!A0", "＝1+1", "＋1", "－1", "＠x"],
)  # fmt: skip
def test_what_a_spreadsheet_may_run_is_neutralised(cell: str) -> None:
    """C13."""
    assert neutralise(cell) == "'" + cell


@pytest.mark.parametrize(
    "cell",
    ["-3.5", "+3", "-1e-05", "-1,234.5", "-72,5", "-12%", "-", "--", "72", "", "a=b", "'-5", " "],
)
def test_numbers_dashes_and_harmless_texts_stay(cell: str) -> None:
    """C13."""
    assert neutralise(cell) == cell


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_no_number_is_ever_altered(number: float) -> None:
    """C13."""
    assert neutralise(repr(number)) == repr(number)


@given(st.text() | st.text("'=+-@1a"))
@example("=")
@example("'=")
@example("'-5")
def test_what_was_neutralised_is_restored(cell: str) -> None:
    assert restore(neutralise(cell)) == cell


def written(rows: list[list[str]]) -> str:
    text = io.StringIO(newline="")
    write_rows(text, rows)
    return text.getvalue()


def test_header_cells_are_neutralised_too() -> None:
    """C13."""
    assert written([["=cmd", "b"], ["-5", "@x"]]) == "'=cmd,b\n-5,'@x\n"


def test_cells_are_quoted_only_where_they_must_be() -> None:
    assert written([["a b", "a,b", 'a"b', "a\rb", "a\nb", ""]]) == (
        'a b,"a,b","a""b","a\rb","a\nb",\n'
    )


cells = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.sampled_from("\",;\t\r\n|=+-@'"),
    max_size=8,
)


tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), max_size=6)
)


@given(tables)
@example([["a\rb"]])
@example([['"'], ["x"]])
def test_what_is_written_reads_back(rows: list[list[str]]) -> None:
    width = len(rows[0]) if rows else 1
    header = [f"column {i}" for i in range(width)]
    rows = [[f"{i}", *row] for i, row in enumerate(rows)]  # so that no row is blank
    table = read(written([["n", *header], *rows]))
    assert table.malformed == {}
    assert table.rows == rows


@given(st.lists(st.lists(cells, min_size=2, max_size=2), max_size=6))
def test_what_is_written_reads_back_in_the_standard_library(rows: list[list[str]]) -> None:
    found = list(csv.reader(io.StringIO(written(rows), newline=""), strict=True))
    assert found == [[neutralise(cell) for cell in row] for row in rows]


@given(
    tables.filter(bool),
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@example([["b|", ";|\t "], ["\rb|", "b|;,;"], [" \r", ","]], ";", csv.QUOTE_ALL, "utf-8")
def test_what_the_standard_library_writes_reads_back(
    rows: list[list[str]], delimiter: str, quoting: int, encoding: str
) -> None:
    """C2."""
    header = ["n", *(f"column {i}" for i in range(len(rows[0])))]
    rows = [[f"{i}", *row] for i, row in enumerate(rows)]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=quoting).writerows([header, *rows])
    table = read(text.getvalue().encode(encoding))
    plain = [[restore(cell) for cell in row] for row in rows]
    assert (table.header, table.rows, table.malformed) == (header, plain, {})


def test_a_single_empty_cell_is_a_row() -> None:
    assert written([["a"], [""], ["b"]]) == 'a\n""\nb\n'
    table = read('a\n""\nb\n')
    assert (table.rows, list(table.malformed)) == ([[""], ["b"]], [0])


@given(st.binary(max_size=400))
@example(b'a,b\n"')
@example(b"a,b\n\x00")
@example(b'sep=;"')
def test_any_bytes_are_a_table_or_a_refusal(content: bytes) -> None:
    try:
        table = read(content)
    except DataValidationError:
        return
    assert all(len(row) == len(table.header) for row in table.rows)
    assert len(table.lines) == len(table.rows)


@given(st.text("ab\"',;\n\r\t0", max_size=60))
def test_no_row_is_lost_or_made_up(text: str) -> None:
    """Every physical line belongs to one row, or is blank."""
    try:
        table = read("x,y\n" + text)
    except DataValidationError:
        return
    assert table.lines == sorted(set(table.lines))
    assert all(line >= 2 for line in table.lines)


# --- typed records --------------------------------------------------------------------------------


def test_typed_records_become_text_cells() -> None:
    table = table_from_records(["a ", "b", "c"], [(1, 2.0, None), ("x", True, 0.1)])
    assert (table.header, table.rows) == (["a", "b", "c"], [["1", "2", ""], ["x", "True", "0.1"]])
    assert table.lines == [2, 3]
