"""Excel and Parquet files, made by openpyxl and pyarrow and by hand."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import io
import logging
import random
import re
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable

import openpyxl
import pytest

from src.exception import ConfigurationError, DataValidationError
from src.tables.cells import to_text
from src.tables.layout import Table
from src.tables.reader import open_table, read_table

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def read(content: bytes, name: str = "class.xlsx") -> Table:
    return read_table(io.BytesIO(content), name)


def workbook(*rows: list, change: Callable[[openpyxl.Workbook], None] = lambda book: None) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    change(book)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def repacked(content: bytes, **parts: bytes) -> bytes:
    """Return a workbook with other parts: sheet1, sharedStrings, workbook, styles."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.infolist():
            stem = entry.filename.rpartition("/")[2].removesuffix(".xml")
            part = parts.pop(stem, None) or old.read(entry)
            if "sharedStrings" in parts and stem == "[Content_Types]":
                kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings"
                override = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}+xml"/>'
                part = part.replace(b"</Types>", override.encode() + b"</Types>")
            new.writestr(entry.filename, part)
        for stem, part in parts.items():
            new.writestr(f"xl/{stem}.xml", part)
    return out.getvalue()


def sheet(rows: str) -> bytes:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'.encode()


# --- cells --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""), ("NA", "NA"), (" x ", " x "), (72, "72"), (72.0, "72"), (72.5, "72.5"),
        (0.1, "0.1"), (-0.0, "0"), (1e300, "1e+300"), (10**19, "10000000000000000000"),
        (float("nan"), ""), (float("inf"), "inf"), (True, "True"),
        (decimal.Decimal("72.50"), "72.5"), (decimal.Decimal("NaN"), ""),
        (datetime.date(2024, 2, 1), "2024-02-01"),
        (datetime.datetime.fromisoformat("2024-02-01"), "2024-02-01"),
        (datetime.datetime.fromisoformat("2024-02-01T08:30"), "2024-02-01T08:30:00"),
        (datetime.time(8, 30), "08:30:00"),
    ],
)  # fmt: skip
def test_typed_cells_become_the_text_that_a_csv_would_hold(value: object, text: str) -> None:
    assert to_text(value) == text


# --- Excel --------------------------------------------------------------------------------------


def test_a_workbook_is_the_table_that_it_shows() -> None:
    table = read(
        workbook(
            ["Name ", "Score", "Paid", "Born", "Note", 2024],
            ["Ann", 72, True, datetime.date(2010, 5, 17), None, 1],
            ["Zoë", 72.5, False, datetime.datetime.fromisoformat("2010-05-17T08:00"), "NA", -1],
        )
    )
    assert table.header == ["Name", "Score", "Paid", "Born", "Note", "2024"]
    assert table.rows == [
        ["Ann", "72", "True", "2010-05-17", "", "1"],
        ["Zoë", "72.5", "False", "2010-05-17T08:00:00", "NA", "-1"],
    ]
    assert (table.lines, table.malformed, table.decimal_comma) == ([2, 3], {}, False)


def test_a_workbook_and_a_csv_hold_the_same_cells() -> None:
    """C2."""
    rows = [["a", "b"], [1, 2.5], [None, "x, y"]]
    csv_table = read(b'a,b\n1,2.5\n,"x, y"\n', "class.csv")
    assert read(workbook(*rows)).rows == csv_table.rows


def test_blank_rows_and_columns_around_the_table_are_left_out() -> None:
    table = read(
        workbook([], [None, None], ["a", "b", None, " "], [1, None], [], [3, 4], [None], [" ", ""])
    )
    assert table.header == ["a", "b"]
    assert table.rows == [["1", ""], ["", ""], ["3", "4"]]
    assert table.lines == [4, 5, 6]  # rows of the sheet
    assert [str(p) for p in table.malformed.values()] == ["Row 5: The row is empty."]


def test_formatted_cells_that_were_never_filled_are_no_rows() -> None:
    def format_many(book: openpyxl.Workbook) -> None:
        for row in range(4, 200):
            book.active.cell(row, 9).font = openpyxl.styles.Font(bold=True)

    assert read(workbook(["a", "b"], [1, 2], change=format_many)).rows == [["1", "2"]]


def test_a_cell_beside_the_table_refuses_its_row_and_a_note_further_away_does_not() -> None:
    """C4."""
    table = read(workbook(["a", "b"], [1, 2, "?"], [3, 4, None, "a note"], [5, 6]))
    assert list(table.malformed) == [0]
    assert "The row has 3 cells, the header has 2." in table.malformed[0].message
    assert table.rows[1:] == [["3", "4"], ["5", "6"]]


def test_a_title_above_the_header_is_refused_with_what_to_do() -> None:
    with pytest.raises(DataValidationError, match="It holds 'Class 7b', and the rows below have 3"):
        read(workbook(["Class 7b"], [], ["name", "sex", "score"], ["Ann", "f", 72]))


@pytest.mark.parametrize("rows", [[], [[]], [[None]], [[" "], [""]]])
def test_an_empty_sheet_is_refused(rows: list) -> None:
    """C9."""
    with pytest.raises(DataValidationError, match=r"class\.xlsx is empty"):
        read(workbook(*rows))


def test_the_first_visible_sheet_is_read_and_the_others_are_mentioned(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def add(book: openpyxl.Workbook) -> None:
        book.active.sheet_state = "hidden"
        marks = book.create_sheet("Marks")
        marks.append(["score"])
        marks.append([72])

    with caplog.at_level(logging.INFO):
        assert read(workbook(["lists"], change=add)).header == ["score"]
    assert caplog.messages == ["The file has 2 sheets: 'Marks' is read."]


def test_errors_and_formulas_are_what_excel_last_showed() -> None:
    rows = (
        '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c>'
        '<c r="B1" t="inlineStr"><is><t>b</t></is></c></row>'
        '<row r="2"><c r="A2" t="e"><v>#DIV/0!</v></c><c r="B2"><f>1+1</f><v>2</v></c></row>'
    )
    assert read(repacked(workbook(["x"]), sheet1=sheet(rows))).rows == [["#DIV/0!", "2"]]


def test_chunks_of_a_workbook_hold_all_rows() -> None:
    content = workbook(["n"], *([i] for i in range(950)))
    with open_table(io.BytesIO(content), "class.xlsx") as reader:
        chunks = list(reader.chunks(300))
    assert [len(chunk.rows) for chunk in chunks] == [300, 300, 300, 50]
    assert [row[0] for chunk in chunks for row in chunk.rows] == [str(i) for i in range(950)]


def test_a_wrong_dimension_cuts_nothing_off() -> None:
    rows = "".join(f'<row r="{i}"><c r="A{i}"><v>{i}</v></c></row>' for i in range(1, 5))
    content = sheet(rows).replace(b"<sheetData>", b'<dimension ref="A1:A2"/><sheetData>')
    assert len(read(repacked(workbook(["x"]), sheet1=content)).rows) == 3


def test_a_stray_cell_at_the_far_corner_does_not_stop_the_reading() -> None:
    rows = (
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="A2"><v>2</v></c></row>'
        '<row r="200000"><c r="XFD200000"><v>1</v></c></row>'
    )
    started = time.monotonic()
    content = sheet(rows).replace(b"<sheetData>", b'<dimension ref="A1:XFD1048576"/><sheetData>')
    table = read(repacked(workbook(["x"]), sheet1=content))
    assert len(table.header) == 1
    assert table.rows[0] == ["2"]
    assert time.monotonic() - started < 20  # takes 1; cell by cell it would take minutes


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="2000000000"><c r="A2000000000"><v>1</v></c></row>',
        '<row r="1"><c r="A1"><v>x</v></c></row>',
        '<row r="1"><c r="A1" t="s"><v>99</v></c></row>',
        '<row r="x"><c><v>1</v></c></row>',
        '<row r="1"><c r="A1"><v>1</v></c>',
    ],
)
def test_a_damaged_sheet_is_refused(rows: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """C9."""
    monkeypatch.setattr("src.tables.spreadsheets.SHEET_ROWS", 10_000)  # a million takes seconds
    with pytest.raises(DataValidationError, match="not an Excel workbook that can be read"):
        read(repacked(workbook(["x"]), sheet1=sheet(rows)))


def test_entities_that_grow_without_end_are_refused() -> None:
    """C9."""
    entities = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(9))
    content = (
        f'<!DOCTYPE x [<!ENTITY e0 "lol">{entities}]><worksheet xmlns="{MAIN}"><sheetData>'
        '<row r="1"><c r="A1" t="inlineStr"><is><t>&e9;</t></is></c></row></sheetData></worksheet>'
    )
    with pytest.raises(DataValidationError, match="not an Excel workbook that can be read"):
        read(repacked(workbook(["x"]), sheet1=content.encode()))


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK\x03\x04" + bytes(200)])
def test_a_zip_that_is_none_is_refused(content: bytes) -> None:
    """C9."""
    with pytest.raises(DataValidationError, match="not an Excel workbook that can be read"):
        read(content)


def test_another_zip_is_refused() -> None:
    """C9."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("notes.txt", "x")
    with pytest.raises(DataValidationError, match="not an Excel workbook that can be read"):
        read(content.getvalue())


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\xd0\xcf\x11\xe0" + bytes(500), r"old Excel workbook \(\.xls\) or one with a password"),
        (b"a,b\n1,2\n", r"whatever its ending says\. Save it again"),
        (b"", "whatever its ending says"),
    ],
)
def test_what_is_no_workbook_under_its_ending_is_refused(content: bytes, what: str) -> None:
    """C9."""
    with pytest.raises(DataValidationError, match=what):
        read(content)


def test_a_workbook_renamed_csv_is_refused() -> None:
    """C9."""
    with pytest.raises(DataValidationError, match="not a text table but an Excel workbook"):
        read(workbook(["a"], [1]), "class.csv")


def test_any_damage_is_a_table_or_a_refusal() -> None:
    """C9: Bytes are changed all over a workbook, packed and unpacked."""
    noise = random.Random(0)
    good = workbook(["a", "b"], *([i, f"text {i}"] for i in range(20)))
    stored = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(good)) as old,
        zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as new,
    ):
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    n_refused = 0
    for _ in range(150):
        damaged = bytearray(noise.choice([good, stored.getvalue()]))
        for _ in range(noise.randint(1, 8)):
            damaged[noise.randrange(4, len(damaged))] = noise.randrange(256)
        try:
            read(bytes(damaged))
        except DataValidationError:
            n_refused += 1
    assert n_refused > 50


def test_any_damage_within_the_xml_is_a_table_or_a_refusal() -> None:
    """C9."""
    noise = random.Random(0)
    good = workbook(["a", "b"], *([i, f"text {i}"] for i in range(5)))
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        names = [n for n in archive.namelist() if n.endswith((".xml", ".rels"))]
        parts = {name: archive.read(name) for name in names}
    for _ in range(150):
        name = noise.choice(names)
        part = bytearray(parts[name])
        for _ in range(noise.randint(1, 4)):
            start = noise.randrange(len(part))
            part[start : start + noise.randint(0, 3)] = noise.choice([b"", b"9", b'"', b"<", b"A"])
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for other, content in parts.items():
                archive.writestr(other, bytes(part) if other == name else content)
        with contextlib.suppress(DataValidationError):
            read(out.getvalue())


# --- C10: workbooks that unpack to much more -----------------------------------------------------


def lying(content: bytes, name: str, size: int, crc: int | None = None) -> bytes:
    """Return an archive whose directory says that one of its files is smaller than it is."""
    data = bytearray(content)
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(name.encode()))
    if crc is not None:
        data[at + 16 : at + 20] = struct.pack("<I", crc)
    data[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(data)


def cost_of_reading(content: bytes) -> tuple[str, float, float]:
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(DataValidationError) as raised:
        read(content)
    seconds = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return str(raised.value), peak, seconds


@pytest.mark.parametrize("part", ["sheet1", "sharedStrings", "styles", "workbook", "anything"])
@pytest.mark.parametrize("megabytes", [25, 60])
def test_a_zip_bomb_is_refused_before_it_is_unpacked(part: str, megabytes: int) -> None:
    """C10."""
    content = repacked(workbook(["a"], [1]), **{part: b"<!--" + b" " * (megabytes << 20) + b"-->"})
    assert len(content) < 80 << 10
    message, peak, seconds = cost_of_reading(content)
    assert re.search(r"KiB and unpacks to more than \d MiB, which no table of its size", message)
    assert peak < 5e6
    assert seconds < 5


@pytest.mark.parametrize("part", ["xl/styles.xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"])
def test_a_zip_bomb_that_lies_about_its_size_is_refused(part: str) -> None:
    """C10."""
    import zlib

    stem = part.rpartition("/")[2].removesuffix(".xml")
    bomb = b"<x>" + b" " * (60 << 20) + b"</x>"
    content = repacked(workbook(["a"], [1]), **{stem: bomb})
    content = lying(content, part, 3, zlib.crc32(b"<x>"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.getinfo(part).file_size == 3
    message, peak, seconds = cost_of_reading(content)
    assert "unpacks to more than" in message
    assert peak < 5e6
    assert seconds < 5


def test_a_small_lie_is_refused_too() -> None:
    """C10."""
    content = lying(workbook(["a"], [1]), "xl/styles.xml", 3)
    with pytest.raises(DataValidationError, match="not an Excel workbook that can be read"):
        read(content)


def test_a_way_of_packing_that_no_workbook_has_is_refused() -> None:
    """C10."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("xl/workbook.xml", b" " * 100)
    with pytest.raises(DataValidationError, match="not an Excel workbook that can be read"):
        read(content.getvalue())


def test_a_table_of_a_few_repeated_values_is_no_bomb() -> None:
    """C10."""
    content = workbook(["group", "score"], *(["standard", 50] for _ in range(10_000)))
    assert len(read(content).rows) == 10_000


def test_wide_rows_without_content_are_refused_before_they_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """C10."""
    monkeypatch.setattr("src.tables.spreadsheets.SHEET_CELLS", 200_000)
    rows = "".join(f'<row r="{i}"><c r="IV{i}"><v>1</v></c></row>' for i in range(1, 200))
    rows += '<row r="5000"><c r="A5000"><v>1</v></c></row>'
    tracemalloc.start()
    with pytest.raises(DataValidationError, match="more than 200,000 cells, empty ones"):
        read(repacked(workbook(["x"]), sheet1=sheet(rows)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


# --- what takes long, and what other programs write -----------------------------------------------


THIRTY = "".join(
    f'<row r="{i}"><c r="A{i}"><v>{i}</v></c><c r="B{i}"><v>2</v></c></row>' for i in range(1, 31)
)


def seconds_of(content: bytes) -> tuple[Table | None, float]:
    """Return the table, None where it is refused, and the processor's time for it."""
    started, table = time.process_time(), None
    with contextlib.suppress(DataValidationError):
        table = read(content)
    return table, time.process_time() - started


@pytest.mark.parametrize("size", ["", '<dimension ref="A1:C200030"/>'])
def test_two_hundred_thousand_formatted_empty_rows_cost_nothing(size: str) -> None:
    """U4: what costs time is found before it is read."""
    empty = "".join(
        f'<row r="{i}"><c r="A{i}" s="1"/><c r="B{i}" s="1"/></row>' for i in range(31, 200_031)
    )
    content = sheet(THIRTY + empty).replace(b"<sheetData>", size.encode() + b"<sheetData>")
    table, seconds = seconds_of(repacked(workbook(["x"]), sheet1=content))
    assert table is not None
    assert len(table.rows) == 29
    assert seconds < 2


@pytest.mark.parametrize("cell", ["<v>7</v>", "<f>A1</f><v>7</v>", "<f>A1</f>"])
def test_a_stray_cell_in_the_last_row_is_read_in_a_moment(cell: str) -> None:
    """U4."""
    stray = f'<row r="1048576"><c r="A1048576">{cell}</c></row>'
    content = repacked(workbook(["x"]), sheet1=sheet(THIRTY + stray))
    started = time.process_time()
    table = read(content)
    assert time.process_time() - started < 2
    assert table.lines[-1] == 1_048_576
    assert table.rows[-1][0] in ("7", "=A1048576")
    assert len(table.rows) < 10_100


def test_rows_of_another_spelling_are_read_to_their_end() -> None:
    rows = THIRTY.replace("<", "<x:").replace("<x:/", "</x:")
    content = f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData>{rows}</x:sheetData></x:worksheet>'
    assert len(read(repacked(workbook(["x"]), sheet1=content.encode())).rows) == 29


@pytest.mark.parametrize("n_rows", [3, 40_000])
def test_cells_that_do_not_say_where_they_stand_are_read_to_their_end(n_rows: int) -> None:
    header = '<row r="1"><c r="A1" t="str"><v>x</v></c></row>'
    content = sheet(header + "".join(f"<row><c><v>{i * 7919}</v></c></row>" for i in range(n_rows)))
    assert len(read(repacked(workbook(["x"]), sheet1=content)).rows) == n_rows


@pytest.mark.parametrize("n_rows", [3, 40_000])
def test_what_stands_below_empty_rows_is_read(n_rows: int) -> None:
    rows = "".join(f'<row r="{i}"><c r="A{i}" t="inlineStr"><is><t>x</t></is></c></row>'
                   for i in range(1, n_rows + 1))  # fmt: skip
    last = n_rows + 5_000
    rows += f'<row r="{last}"><c r="A{last}" t="str"><v>end</v></c></row>'
    rules = "</sheetData><conditionalFormatting><cfRule><formula>1</formula></cfRule>"
    content = sheet(rows).replace(b"</sheetData>", rules.encode() + b"</conditionalFormatting>")
    table = read(repacked(workbook(["x"]), sheet1=content))
    assert (len(table.rows), table.rows[-1], table.lines[-1]) == (last - 1, ["end"], last)


def strict(content: bytes) -> bytes:
    """Return a workbook as Excel saves one as Strict Open XML."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            part = old.read(entry)
            for known, name in (
                (MAIN, "spreadsheetml/main"),
                ("http://schemas.openxmlformats.org/officeDocument/2006/relationships",
                 "officeDocument/relationships"),
                ("http://schemas.openxmlformats.org/drawingml/2006/main", "drawingml/main"),
            ):  # fmt: skip
                part = part.replace(known.encode(), f"http://purl.oclc.org/ooxml/{name}".encode())
            part = part.replace(b"<workbook ", b'<workbook conformance="strict" ')
            new.writestr(entry.filename, part)
    return out.getvalue()


def test_strict_open_xml_is_the_same_table() -> None:
    rows = [
        ["name", "score", "born"],
        ["Zoë", 72.5, datetime.date(2010, 5, 17)],
        ["Ann", None, None],
    ]
    content = workbook(*rows, *([f"n{i}", i, None] for i in range(5_000)))
    assert b"purl.oclc.org" in zipfile.ZipFile(io.BytesIO(strict(content))).read("_rels/.rels")
    expected, found = read(content), read(strict(content))
    assert (found.header, found.rows, found.lines) == (
        expected.header,
        expected.rows,
        expected.lines,
    )


# --- Parquet ------------------------------------------------------------------------------------


@pytest.fixture
def parquet():
    """Return a function that makes a Parquet file of columns."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    pq = pytest.importorskip("pyarrow.parquet")

    def make(**columns: object) -> bytes:
        content = io.BytesIO()
        pq.write_table(pa.table(columns), content)
        return content.getvalue()

    return make


def test_a_parquet_file_is_the_table_that_it_holds(parquet) -> None:
    import pyarrow as pa

    content = parquet(
        sex=pa.array(["f", None, "NA"]).dictionary_encode(),
        score=pa.array([72, None, 60]),
        hours=[1.5, float("nan"), 2.0],
        paid=[True, False, None],
        born=[datetime.date(2010, 5, 17), None, None],
        at=pa.array([1, None, 3], pa.timestamp("ns")),
        fee=pa.array([decimal.Decimal("1.50"), None, None]),
    )
    table = read(content, "class.parquet")
    assert table.header == ["sex", "score", "hours", "paid", "born", "at", "fee"]
    assert table.rows == [
        ["f", "72", "1.5", "True", "2010-05-17", table.rows[0][5], "1.5"],
        ["", "", "", "False", "", "", ""],
        ["NA", "60", "2", "", "", table.rows[2][5], ""],
    ]
    assert table.lines == [2, 3, 4]
    assert table.rows[0][5].startswith("1970-01-01")


def test_a_parquet_file_of_several_batches_keeps_its_lines(parquet) -> None:
    n = 70_000  # a batch has 65,536
    table = read(parquet(n=list(range(n))), "class.pq")
    assert table.lines == list(range(2, n + 2))
    assert table.rows[-1] == [str(n - 1)]


def test_a_parquet_file_without_rows_is_a_table_without_rows(parquet) -> None:
    assert read(parquet(a=[]), "class.parquet").rows == []


def test_a_parquet_file_without_columns_is_refused(parquet) -> None:
    with pytest.raises(DataValidationError, match="is empty"):
        read(parquet(), "class.parquet")


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"PAR1 and no more"])
def test_a_damaged_parquet_file_is_refused(content: bytes) -> None:
    """C9."""
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    with pytest.raises(DataValidationError, match="not a Parquet file that can be read"):
        read(content, "class.parquet")


def test_any_damage_to_a_parquet_file_is_a_table_or_a_refusal(parquet) -> None:
    """C9."""
    noise = random.Random(0)
    good = parquet(a=list(range(50)), b=[f"text {i}" for i in range(50)])
    for _ in range(300):
        damaged = bytearray(good)
        for _ in range(noise.randint(1, 5)):
            damaged[noise.randrange(4, len(damaged) - 4)] = noise.randrange(256)
        with contextlib.suppress(DataValidationError):
            read(bytes(damaged), "class.parquet")


def test_without_pyarrow_a_parquet_file_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match="pip install pyarrow"):
        read(b"PAR1" + bytes(20), "class.parquet")
