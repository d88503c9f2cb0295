"""A scored file as JSON: the list of its students as the class page has it, and the file itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import TextIOWrapper
from typing import IO, Any

from src.schema.record import Schema
from src.serving.listed_reasons import Reasons
from src.serving.summary import AT_RISK, BORDERLINE, UNCERTAIN, ListedRow, Summary
from src.web.single.json_answers import encode

TAGS = {AT_RISK: "at_risk", BORDERLINE: "borderline", UNCERTAIN: "uncertain"}
PIECE = 1 << 16  # characters of the file


def listed_answer(
    summary: Summary, reasons: Reasons, reading: Mapping[str, Any], schema: Schema, file: IO[bytes]
) -> Iterator[bytes]:
    """Yield the answer in pieces, since the file may be long.

    Parameters
    ----------
    reading : mapping
        How the file was read, and what came of its rows.
    schema : Schema
        Of the model that made the summary.
    file : binary file
        The rows as CSV; it is closed at the end.
    """
    fields = {
        "ok": True,
        "unit": summary.target.unit,
        "target": summary.target.name,
        "model_version": summary.run_id,
        **reading,
        "n_at_risk": summary.n_at_risk if summary.knows_risk else None,
        "n_borderline": summary.n_borderline,
        "n_uncertain": summary.n_uncertain,
        "likely": summary.likely,
        "reasons_unavailable": reasons.unavailable,
        "students": [_student(summary, row, reasons, schema) for row in summary.rows],
    }
    with TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        yield encode(fields)[:-1].encode() + b',"file":"'
        while piece := text.read(PIECE):
            yield encode(piece)[1:-1].encode()
        yield b'"}'


def _student(summary: Summary, row: ListedRow, reasons: Reasons, schema: Schema) -> dict[str, Any]:
    values, found = schema.named(row.values), reasons.of_rows.get(str(row.number))
    return {
        "row": row.number,
        "line": row.line,
        "tag": TAGS.get(row.tier),
        "chance": summary.chance_of(row.score),
        "reasons": found
        and [{"feature": name, "value": values[name], "adds": adds} for name, adds in found],
        "doubts": [{"feature": name, "value": values[name]} for name in row.doubts],
    }
