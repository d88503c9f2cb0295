"""Tables and workbooks with anything in them."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterator

HEADER = (
    "gender,race_ethnicity,parental_level_of_education,lunch,test_preparation_course,"
    "reading_score,writing_score"
)
ROW = "female,group C,some college,standard,none,70,70"
NAMES = (
    "a.csv",
    "a",
    "",
    "../../a.csv",
    "C:\\a.csv",
    "a.csv\0.png",
    "a\r\nX: y.csv",
    "a.xlsx",
    "a.xls",
    "a.parquet",
    "a.CSV.exe",
    "." * 300,
    "\u202ecsv.exe",
    "CON",
    "a.csv/",
    "-rf.csv",
    "<b>.csv",
)
PIECES = (
    b"\0",
    b'"',
    b'""',
    b",",
    b";",
    b"\t",
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\n\n",
    b"\xff",
    b"\xfe\xff",
    b"\xef\xbb\xbf",
    b"\x1a",
    b"\xe2\x80\xa8",
    b"\xc2\xa0",
    b"NA",
    b"inf",
    b"1e999",
    b"=1+1",
    b"'",
    b"\\",
    b"#",
    b"x" * 70_000,
    b"," * 3000,
    b"9" * 400,
    b"Total",
    HEADER.encode(),
    b"\xd8\x00",
    "İı".encode(),
    b"<b>",
    b"{",
    b"PK\x03\x04",
    b"%PDF",
    b"sep=;\n",
)
WHOLE = (
    b"",
    b"\n",
    b"\0",
    b",",
    b'"',
    HEADER.encode(),
    b"\xff\xfe",
    b"\xfe\xff\0a",
    b"\xef\xbb\xbf",
    b"PK\x03\x04",
    b"PK\x05\x06" + b"\0" * 18,
    b"\x89PNG\r\n\x1a\n",
    b"%PDF-1.7",
    b"\x1f\x8b\x08",
    b"{\\rtf1",
    b"SQLite format 3\0",
    b"<html>",
    b"[1, 2]",
    b"\xd0\xcf\x11\xe0",
    b"a," * 20_000,
    b"x" * 300_000,
    b"\n" * 100_000,
    b'"\n' * 20_000,
    b"\r" * 1000,
    b"\0" * 10_000,
)


def tables(dice: random.Random, n: int) -> Iterator[bytes]:
    """Yield whole oddities first, then a class list with pieces put in, taken out and swapped."""
    yield from WHOLE
    good = "\n".join((HEADER, *[ROW] * 5)).encode()
    for encoding in ("utf-16", "utf-16-le", "utf-32", "latin-1", "cp037", "utf-7", "shift_jis"):
        yield good.decode().encode(encoding)
    for delimiter in (";", "\t", "|", ":", " "):
        yield good.replace(b",", delimiter.encode())
    for _ in range(n):
        made = bytearray(good)
        for _ in range(dice.randint(1, 6)):
            at = dice.randrange(len(made) + 1)
            made[at : at + dice.choice([0, 0, 1, 5, 40])] = dice.choice(PIECES)
        yield bytes(made)


def workbooks(good: bytes, dice: random.Random, n: int) -> Iterator[bytes]:
    """Yield workbooks whose packed or unpacked bytes are changed, and with a part less."""
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for name in parts:
        yield _packed({k: v for k, v in parts.items() if k != name})
        for content in (
            b"",
            b"<x/>",
            b"<" * 5000,
            b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
            b"\xff" * 100,
        ):
            yield _packed(parts | {name: content})
    cells = (
        b'<c r="A1048577"><v>1</v></c>',
        b'<c r="ZZZZ1"><v>1</v></c>',
        b'<c r="A0"><v>1</v></c>',
        b"<c><v>x</v></c>",
        b'<c r="A2" t="s"><v>-1</v></c>',
        b'<c r="A2" t="d"><v>2010-99-99</v></c>',
        b'<c r="A2" t="b"><v>7</v></c>',
        b'<c r="A2"><f>1</f></c>',
        b'<c r="A2" s="999"><v>1</v></c>',
        b'<c r="A2"><v>1e999</v></c>',
    )
    sheet = "xl/worksheets/sheet1.xml"
    for cell in cells:
        row = b"<sheetData><row>" + cell + b"</row>"
        yield _packed(parts | {sheet: parts[sheet].replace(b"<sheetData>", row)})
    for _ in range(n):
        name = dice.choice(list(parts))
        part = bytearray(parts[name])
        for _ in range(dice.randint(1, 5)):
            at = dice.randrange(len(part) + 1)
            part[at : at + dice.randint(0, 4)] = dice.choice(
                [b"", b"9", b'"', b"<", b"A", b"&", b"\0", b"/>"]
            )
        whole = bytearray(_packed(parts | {name: bytes(part)}))
        for _ in range(dice.choice([0, 0, 3])):
            whole[dice.randrange(4, len(whole))] = dice.randrange(256)
        yield bytes(whole)


def _packed(parts: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return packed.getvalue()
