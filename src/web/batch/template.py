"""A table to fill in, drawn from the schema: CSV with examples, Excel with lists to choose from.

``python -m src.web.batch.template`` reads a language and a schema as JSON and writes the workbook.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Sequence
from itertools import zip_longest
from typing import IO, TYPE_CHECKING, Any

from src.config import ROOT
from src.language import current, decimal_mark, localize, mark, pgettext, speak
from src.language import gettext as _
from src.report.wording import capitalize, listed
from src.schema.features import LARGEST_NUMBER, CategoricalFeature, GroupFeature, NumericFeature
from src.schema.record import Schema
from src.serving.scorers import free_names
from src.tables.cells import format_number
from src.tables.writer import write_rows

if TYPE_CHECKING:
    from openpyxl.worksheet.datavalidation import DataValidation

ROWS_TO_FILL = 1_000  # of the workbook, for which Excel checks what is entered
CHILD_LIMIT_S = 20
VALUES_SHEET = mark("Allowed values")
NOT_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LONGEST_PROMPT, _LONGEST_TITLE = 255, 32  # characters, says Excel

Feature = NumericFeature | CategoricalFeature | GroupFeature


def csv_template(schema: Schema) -> str:
    """Return a header, and examples in which every allowed category stands once."""
    features, people = in_order(schema), people_columns(schema)
    nobody = [""] * len(people)
    n_rows = max((len(f.categories) for f in schema.categorical), default=1)
    file = io.StringIO()
    rows = [[*nobody, *(_example(f, row, n_rows) for f in features)] for row in range(n_rows)]
    header = [*people, *(schema.headings[f.name] for f in features)]
    write_rows(file, [header, *rows], delimiter=";" if decimal_mark() == "," else ",")
    return file.getvalue()


def excel_template(schema: Schema) -> bytes:
    """Return what :func:`write_workbook` writes, made by a process of its own.

    openpyxl takes more memory than the rest of the web process.

    Raises
    ------
    subprocess.SubprocessError
        If the process fails or takes too long.
    """
    asked = {"language": current(), "schema": schema.to_dict()}
    return made_by_process("src.web.batch.template", json.dumps(asked).encode())


def made_by_process(module: str, content: bytes) -> bytes:
    """Return what a module of ours, run by itself, makes of its input.

    Raises
    ------
    subprocess.SubprocessError
        If the process fails or takes too long.
    """
    import subprocess  # most workers are never asked for a workbook

    from src.web.batch.worker import child_environment

    ran = subprocess.run(  # noqa: S603 - nothing here comes from a request
        [sys.executable, "-m", module],
        input=content,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=child_environment(),
        timeout=CHILD_LIMIT_S,
        check=True,
    )
    return ran.stdout


def write_workbook(schema: Schema, file: IO[bytes]) -> None:
    """Write an empty sheet whose cells offer and check values, and a sheet that lists these."""
    from openpyxl import Workbook

    features = in_order(schema)
    book = Workbook()
    students, values = book.active, book.create_sheet(sheet_name(_(VALUES_SHEET)))
    students.title = sheet_name(_("Students"))
    people = people_columns(schema)
    _fill(students, [[*people, *(schema.headings[f.name] for f in features)]])
    of_features = students.iter_cols(min_col=len(people) + 1, max_row=1)
    for feature, column in zip(features, of_features, strict=True):
        letter = column[0].column_letter
        students.add_data_validation(_validation(feature, letter, features.index(feature)))
        if not isinstance(feature, NumericFeature):  # "3-5" is no date, "+2 h" no formula
            students.column_dimensions[letter].number_format = "@"
    columns = [
        [schema.headings[feature.name], *(_choices(feature) or [explanation(feature)])]
        for feature in features
    ]
    _fill(values, list(zip_longest(*columns, fillvalue="")))
    book.save(file)


def explanation(feature: Feature) -> str:
    """Return in words what a column takes."""
    if isinstance(feature, GroupFeature):
        counted = _(
            "Any text. One that the model does not know, or none, counts as an average one."
        )
        return f"{feature.help} {counted}".strip()
    rule = capitalize(feature.rule)
    if isinstance(feature, CategoricalFeature) and feature.words:
        words = listed((f"{one} ({feature.word(one)})" for one in feature.categories), last="or")
        rule = _("One of %(choices)s", choices=words)
    if isinstance(feature, NumericFeature) and feature.unit:
        rule = _("%(rule)s, in %(unit)s", rule=rule, unit=feature.unit)
    parts = (rule, feature.help, _("May be empty") if feature.optional else "")
    return " ".join(part if part[-1] in ".?!" else f"{part}." for part in parts if part)


def people_columns(schema: Schema) -> list[str]:
    """Return the columns that say whose row it is: those of the training table, else a name."""
    return [*schema.people] or free_names(
        [pgettext("of a student", "Name")], schema.headings.values()
    )


def in_order(schema: Schema) -> list[Feature]:
    """Return the columns that a file may have, the group's last."""
    group = [] if schema.group is None else [schema.group]
    return [*sorted(schema.features, key=lambda feature: feature.order), *group]


def sheet_name(words: str) -> str:
    """Return words as Excel takes them for the name of a sheet, in a formula too.

    Examples
    --------
    >>> sheet_name("Élèves d'ici/là [1]")
    'Élèves d ici là  1'
    """
    return re.sub(r"[\[\]:*?/\\']", " ", words)[:31].strip()


def _choices(feature: Feature) -> tuple[str, ...]:
    """Return what a column's cells can be chosen from; nothing of a number."""
    if isinstance(feature, GroupFeature):
        return feature.names
    return feature.categories if isinstance(feature, CategoricalFeature) else ()


def _example(feature: Feature, row: int, n_rows: int) -> str:
    if not isinstance(feature, NumericFeature):
        choices = _choices(feature)
        return choices[row % len(choices)] if choices else ""
    low, high = feature.observed_minimum, feature.observed_maximum
    return localize(format_number(feature.short(low + (high - low) * (row + 1) / (n_rows + 1))))


def _fill(sheet: Any, rows: Sequence[Sequence[str]]) -> None:
    """Write rows of texts, whatever they look like; the first is bold and stays in sight."""
    from openpyxl.styles import Font

    for n, row in enumerate(rows, start=1):
        for i, text in enumerate(row, start=1):
            if text:
                cell = sheet.cell(n, i, NOT_XML.sub("", text))
                cell.data_type = "s"  # "=1" is a category, not a formula
                cell.font = Font(bold=n == 1)
    for column in sheet.iter_cols():
        longest = max(len(cell.value or "") for cell in column)
        sheet.column_dimensions[column[0].column_letter].width = min(40, longest + 4)
    sheet.freeze_panes = "A2"


def _validation(feature: Feature, column: str, at: int) -> DataValidation:
    """Return what Excel offers, explains and refuses in a column."""
    from openpyxl.worksheet.datavalidation import DataValidation

    words = re.sub(r"\s", " ", NOT_XML.sub("", explanation(feature)))[:_LONGEST_PROMPT]
    title = re.sub(r"\s", " ", NOT_XML.sub("", feature.label or feature.name))[:_LONGEST_TITLE]
    return DataValidation(
        **_rule(feature, at),
        allow_blank=True,
        showInputMessage=True,
        showErrorMessage=not isinstance(feature, GroupFeature),  # any other name may stand there
        errorTitle=title,
        error=words,
        promptTitle=title,
        prompt=words,
        sqref=f"{column}2:{column}{ROWS_TO_FILL + 1}",
    )


def _rule(feature: Feature, at: int) -> dict[str, str]:
    """Return what Excel accepts; nothing is refused where the schema has no bounds.

    Parameters
    ----------
    at : int
        Where the feature's column stands on the sheet of values, from 0.
    """
    if choices := _choices(feature):
        from openpyxl.utils import get_column_letter

        column = get_column_letter(at + 1)
        last = len(choices) + 1
        sheet = sheet_name(_(VALUES_SHEET))
        return {"type": "list", "formula1": f"'{sheet}'!${column}$2:${column}${last}"}
    if not isinstance(feature, NumericFeature):
        return {}
    if feature.minimum is None and feature.maximum is None:
        return {}
    # Whole numbers are not asked for: 72.5 is a score that the model can work with.
    low = -LARGEST_NUMBER if feature.minimum is None else feature.minimum
    high = LARGEST_NUMBER if feature.maximum is None else feature.maximum
    ends = {"formula1": format_number(low), "formula2": format_number(high)}
    return {"type": "decimal", "operator": "between", **ends}


if __name__ == "__main__":
    content = io.BytesIO()
    asked = json.load(sys.stdin.buffer)
    speak(asked["language"])
    write_workbook(Schema.from_dict(asked["schema"]), content)
    sys.stdout.buffer.write(content.getvalue())
