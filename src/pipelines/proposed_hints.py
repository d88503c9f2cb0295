"""A hints file that says what the check of a table could not know."""

from __future__ import annotations

import json

from src.components.data_check import CheckedTable
from src.schema.findings import Finding
from src.schema.hints import Hints


def proposed_hints(checked: CheckedTable, hints: Hints, target: str) -> str:
    """Return a hints file as text; lines that only a person can decide are comments."""
    lines = ["# Proposed by the check of the table. Take the # away where a line is right.", ""]
    lines += [f"target = {json.dumps(target, ensure_ascii=False)}", ""]
    by_column: dict[str, list[str]] = {}
    for finding in checked.findings:
        for name in finding.columns:
            by_column.setdefault(name, []).extend(_lines(finding))
    for use in checked.columns:
        said = by_column.get(use.name, [])
        if said and hints.of(use.name) is None:
            lines += [
                f"[columns.{json.dumps(use.name, ensure_ascii=False)}]",
                *dict.fromkeys(said),
                "",
            ]
    return "\n".join(lines)


def _lines(finding: Finding) -> list[str]:
    if finding.kind == "sentinel":
        return [f"# missing = [{', '.join(finding.cells)}]"]
    if finding.kind == "number_format" and finding.variant == "thousands":
        return ['# decimal = ","  # where 1.250 is a thousand; "." where 1,250 is one']
    if finding.kind == "number_format" and finding.variant == "scale":
        return ["# percent = true  # where 0.85 means 85"]
    if finding.kind == "leak" and finding.variant != "copy":
        return ["# known_before = true  # where it is known before the target is"]
    if finding.kind == "code" and finding.variant == "code":
        return ['# kind = "categorical"']
    if finding.kind == "bounded_target":
        side = "minimum" if finding.variant == "low" else "maximum"
        return [f"# {side} ="]
    return []
