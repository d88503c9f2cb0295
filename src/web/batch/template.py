"""A table to fill in, drawn from the schema: CSV with examples, Excel with lists to choose from."""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections.abc import Iterable, Sequence

from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.tables.cells import format_number
from src.tables.writer import write_rows

ROWS_TO_FILL = 1_000  # of the workbook, for which Excel checks what is entered
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_NOT_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LONGEST_PROMPT = 255  # characters, says Excel

Feature = NumericFeature | CategoricalFeature


def csv_template(schema: Schema) -> str:
    """Return a header, and examples in which every allowed category stands once."""
    features = _in_order(schema)
    n_rows = max((len(f.categories) for f in schema.categorical), default=1)
    file = io.StringIO()
    write_rows(file, [[feature.name for feature in features]])
    write_rows(file, ([_example(f, row, n_rows) for f in features] for row in range(n_rows)))
    return file.getvalue()


def excel_template(schema: Schema) -> bytes:
    """Return a workbook: an empty sheet whose cells offer and check values, and a list of these.

    Written by hand: a library for it takes more memory than the rest of the web process.
    """
    features = _in_order(schema)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        + "".join(
            f'<Override PartName="/xl/{name}.xml" ContentType="{_TYPE}.{kind}+xml"/>'
            for name, kind in (
                ("workbook", "sheet.main"), ("styles", "styles"),
                ("worksheets/sheet1", "worksheet"), ("worksheets/sheet2", "worksheet"),
            )
        )
        + "</Types>",
        "_rels/.rels": _relations([("officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{_RELATIONS}"><sheets>'
        '<sheet name="Students" sheetId="1" r:id="rId1"/>'
        '<sheet name="Allowed values" sheetId="2" r:id="rId2"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _relations(
            [("worksheet", "worksheets/sheet1.xml"), ("worksheet", "worksheets/sheet2.xml"),
             ("styles", "styles.xml")]
        ),
        "xl/styles.xml": _STYLES,
        "xl/worksheets/sheet1.xml": _sheet_to_fill(features),
        "xl/worksheets/sheet2.xml": _sheet_of_values(features),
    }  # fmt: skip
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            # A fixed date: the same schema gives the same bytes.
            archive.writestr(zipfile.ZipInfo(name), _HEAD + content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def explanation(feature: Feature) -> str:
    """Return in words what a column takes."""
    unit = feature.unit if isinstance(feature, NumericFeature) else ""
    rule = feature.rule[:1].upper() + feature.rule[1:] + (f", in {unit}" if unit else "")
    parts = (rule, feature.help, "May be empty" if feature.optional else "")
    return " ".join(part if part[-1] in ".?!" else f"{part}." for part in parts if part)


def _in_order(schema: Schema) -> list[Feature]:
    return sorted(schema.features, key=lambda feature: feature.order)


def _example(feature: Feature, row: int, n_rows: int) -> str:
    if isinstance(feature, CategoricalFeature):
        return feature.categories[row % len(feature.categories)]
    low, high = feature.observed_minimum, feature.observed_maximum
    number = low + (high - low) * (row + 1) / (n_rows + 1)
    for shorter in (float(round(number)), round(number, 2)):
        if feature.within(shorter):
            return format_number(shorter)
    return format_number(number)


# --- the workbook's parts -------------------------------------------------------------------------

_STYLES = (
    f'<styleSheet xmlns="{MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf xfId="0"/><xf xfId="0" fontId="1" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)


def _relations(targets: Iterable[tuple[str, str]]) -> str:
    each = (
        f'<Relationship Id="rId{i}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for i, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{"".join(each)}</Relationships>'


def _sheet_to_fill(features: Sequence[Feature]) -> str:
    checks = "".join(_check(feature, _letters(i)) for i, feature in enumerate(features))
    return _sheet(
        [[feature.name for feature in features]],
        f'<dataValidations count="{len(features)}">{checks}</dataValidations>',
    )


def _check(feature: Feature, column: str) -> str:
    """Return what Excel offers, explains and refuses in a column."""
    if isinstance(feature, CategoricalFeature):
        last = len(feature.categories) + 1
        kind = 'type="list"'
        bounds = f"<formula1>'Allowed values'!${column}$2:${column}${last}</formula1>"
    else:
        # Whole numbers are not asked for: 72.5 is a score that the model can work with.
        low = feature.minimum
        high = feature.maximum
        if low is not None and high is not None:
            kind = 'type="decimal" operator="between"'
        elif low is not None:
            kind = 'type="decimal" operator="greaterThanOrEqual"'
        elif high is not None:
            kind = 'type="decimal" operator="lessThanOrEqual"'
        else:  # nothing is refused, but explained
            kind = ""
        ends = [end for end in (low, high) if end is not None]
        bounds = "".join(
            f"<formula{i}>{format_number(end)}</formula{i}>" for i, end in enumerate(ends, start=1)
        )
    words = _attribute(explanation(feature)[:_LONGEST_PROMPT])
    title = _attribute((feature.label or feature.name)[:32])
    return (
        f'<dataValidation {kind} allowBlank="1" showInputMessage="1" showErrorMessage="1" '
        f'errorTitle="{title}" error="{words}" promptTitle="{title}" prompt="{words}" '
        f'sqref="{column}2:{column}{ROWS_TO_FILL + 1}">{bounds}</dataValidation>'
    )


def _sheet_of_values(features: Sequence[Feature]) -> str:
    columns = [
        [f.name, *(f.categories if isinstance(f, CategoricalFeature) else [explanation(f)])]
        for f in features
    ]
    height = max(map(len, columns))
    return _sheet(
        [[column[i] if i < len(column) else "" for column in columns] for i in range(height)]
    )


def _sheet(rows: Sequence[Sequence[str]], rest: str = "") -> str:
    """Return a sheet of texts whose first row is bold and stays in sight."""
    widths = "".join(
        f'<col min="{i}" max="{i}" width="{min(40, max(map(len, column)) + 4)}" customWidth="1"/>'
        for i, column in enumerate(zip(*rows, strict=True), start=1)
    )
    bold = ' s="1"'
    lines = "".join(
        f'<row r="{n}">'
        + "".join(
            f'<c r="{_letters(i)}{n}" t="inlineStr"{bold if n == 1 else ""}>'
            f'<is><t xml:space="preserve">{_text(cell)}</t></is></c>'
            for i, cell in enumerate(row)
            if cell
        )
        + "</row>"
        for n, row in enumerate(rows, start=1)
    )
    return (
        f'<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView>'
        f"</sheetViews><cols>{widths}</cols><sheetData>{lines}</sheetData>{rest}</worksheet>"
    )


def _letters(position: int) -> str:
    """Return the letters of a column.

    Examples
    --------
    >>> _letters(0), _letters(25), _letters(26)
    ('A', 'Z', 'AA')
    """
    letters = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _text(value: str) -> str:
    return html.escape(_NOT_XML.sub("", value), quote=False)


def _attribute(value: str) -> str:
    return html.escape(re.sub(r"\s", " ", _NOT_XML.sub("", value)))
