"""What is said of each finding of the table's check, and what a person may do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from src.report.document import CardPart, Section
from src.report.facts import Facts
from src.report.wording import count, listed, percent, plain
from src.schema.findings import NOTE, STOP, WARNING, Finding

HEADINGS = {STOP: "Settle this first", WARNING: "Look at this", NOTE: "Good to know"}
TITLE = "What was found in the table"
LEAVES_OUT = ("identifier", "free_text", "date", "repeated_pupil")
_WHY_IDENTIFYING = {
    "email": "holds e-mail addresses",
    "phone": "holds phone numbers",
    "birth": "holds birth dates",
    "contact": "holds addresses or phone numbers",
    "key": "is a different whole number in every row or nearly, as a key is",
    "unique": "differs in almost every row, as a name or a key does",
    "name": "holds people's names",
}


def message(finding: Finding, *, private: bool = False) -> str:
    """Return what was found, as a sentence.

    Parameters
    ----------
    finding : Finding
    private : bool
        Whether row numbers and values of the table may be shown.
    """
    columns = _columns(finding.columns)
    text = _SENTENCES[finding.kind](finding, columns)
    if private and finding.cells:
        text += f" Such as {listed((plain(cell) for cell in finding.cells), most=5)}."
    if private and finding.rows:
        rows = listed((str(row) for row in finding.rows[:8]), most=8)
        more = f" and {len(finding.rows) - 8} more" if len(finding.rows) > 8 else ""
        text += f" Row{'s' if len(finding.rows) > 1 else ''} {rows}{more}."
    return text


def advice(finding: Finding) -> str:
    """Return what a person may do, empty where there is nothing to do."""
    return " ".join(map(_ADVICE.__getitem__, finding.remedies))


def options(finding: Finding) -> list[str]:
    """Return the command's options that settle it."""
    names = " ".join(f'"{name}"' if " " in name else name for name in finding.columns)
    offered = {
        "drop": [f"--drop {names}"],
        "keep": [f"--keep {names}"],
        "known_before": [f"--keep {names}"],
        "pupil": [f"--pupil {names}", "--pupil none"],
        "sheet": ["--all-sheets", "--sheet NAME"],
        "group": [f"--group {names}"],
        "outcomes": ["--task ordinal", "--task classes"],
        "number": ["--task regression"],
    }
    return [option for remedy in finding.remedies for option in offered.get(remedy, ())]


def _columns(names: Sequence[str]) -> str:
    return f"Column{'s' if len(names) > 1 else ''} {listed(plain(name) for name in names)}"


def _leak(found: Finding, columns: str) -> str:
    counts, several = found.counts, len(found.columns) > 1
    if found.variant == "copy":
        return f"{columns} is not used: it is a copy of the target."
    if found.variant == "strong":
        return (
            f"{columns} alone reaches R² {counts['r2_alone']:.2f}; all columns together reach "
            f"{counts['r2_all']:.2f}. That is right where it is known before the target is."
        )
    others = listed(plain(name) for name in counts.get("others", ()))
    how = {
        "cut": "gives the target away: each of its values stands for a part of the target's range, "
        "as a grade or a pass does",
        "rank": "gives the target away: it puts the rows in the same order",
        "scale": "gives the target away: it is the target in another scale",
        "contains": f"gives the target away: with {others} it can be worked out, as from a total "
        "or an average that contains it",
        "part": "give the target away: it is worked out from them",
        "same_test": "is another measure of the same test: it is called as the target is but for a "
        "number, with the same mean and spread, and the two agree better than two tests do",
    }[found.variant]
    them = "them" if several else "it"
    return (
        f"{columns} {how}. A model reaches R² {counts['r2_alone']:.2f} by {them} alone, and "
        f"{counts['r2_without']:.2f} without what gives the target away."
    )


def _not_a_pupil(found: Finding, columns: str) -> str:
    rows = count(found.counts["n_rows"], "row")
    if found.variant == "doubtful":
        stand = "stands" if found.counts["n_rows"] == 1 else "stand"
        return (
            f"{rows} {stand} far out in many columns, as a row of totals does: used all the same."
        )
    what = {
        "summary": "a total, an average or the like, by the label",
        "sum": "the sum of all others",
        "mean": "the mean of all others",
        "units": "units",
    }[found.variant]
    return f"{rows} hold{'s' if found.counts['n_rows'] == 1 else ''} {what}, no pupil: left out."


def _number_format(found: Finding, columns: str) -> str:
    whole, unit = found.counts.get("whole"), found.counts.get("unit", "")
    if found.severity == STOP:
        how = {
            "thousands": "can be read in two ways: the mark before three digits may group "
            "thousands or begin decimals",
            "scale": "holds numbers up to 1 beside numbers up to 100: shares beside per cents, or "
            "two kinds of number",
            "units": "holds several units, which cannot be read as one number",
        }[found.variant]
    elif found.variant == "fraction" and whole != "100":
        how = f"holds marks out of a whole: 12/{whole} is read as 12"
    else:
        how = {
            "thousands": f"groups its digits by {unit!r}: read as whole thousands",
            "percent": "is in per cent: 85 % is read as 85",
            "fraction": "holds marks out of different wholes: read in per cent",
            "duration": "holds durations: 1:30 is read as 90",
            "unit": f"holds numbers with {unit!r}: read as numbers",
            "decimal_comma": "writes decimals after a comma, as text: read as numbers",
        }[found.variant]
    return f"{columns} {how}."


def _identifier(found: Finding, columns: str) -> str:
    return f"{columns} is not used: it {_WHY_IDENTIFYING[found.variant]}."


def _date(found: Finding, columns: str) -> str:
    text = f"{columns} is not used: it holds dates, and later records bring later ones."
    if found.variant == "ranges":
        text += (
            " Ranges such as 3-5 became dates in a spreadsheet: format the cells as text and type "
            "them again."
        )
    return text


def _rare(found: Finding, columns: str) -> str:
    values, rows = count(found.counts["n_categories"], "value"), found.counts["n_rows"]
    return (
        f"{columns} has {values} of fewer than 10 pupils each, {count(rows, 'row')} in all: "
        f"grouped as {plain(found.variant)!r}."
    )


def _repeated_pupil(found: Finding, columns: str) -> str:
    values, rows = found.counts["n_groups"], found.counts["n_rows"]
    constant = ", and the target is constant within it" if found.variant == "constant" else ""
    return (
        f"{columns} is not used: it returns in several rows ({values:,} values in {rows:,} rows)"
        f"{constant}. Its rows stay on one side of every split."
    )


def _school(found: Finding, columns: str) -> str:
    return (
        f"{columns} looks like the pupils' school, class or teacher: "
        f"{count(found.counts['n_groups'], 'value')}, {found.counts['n_large']:,} of them with 10 "
        "rows or more. It is used as any column is."
    )


def _small_groups(found: Finding, columns: str) -> str:
    n, rows = found.counts["n_groups"], count(found.counts["n_rows"], "row")
    return (
        f"{columns}, the groups, has {n:,} values in {rows}, and most rows are of a value with "
        "fewer than 10: such groups have no effect."
    )


def _copies(found: Finding, columns: str) -> str:
    but = " but for who is meant" if found.variant == "but_one" else ""
    n = count(found.counts["n_copies"], "row")
    return f"{n} repeat another row{but}: copies stay on one side of every split."


def _sentinel(found: Finding, columns: str) -> str:
    rows = count(found.counts["n_rows"], "row")
    return (
        f"{columns} holds a number in {rows} that the rest never comes near, as is written for a "
        "missing value."
    )


def _outlier(found: Finding, columns: str) -> str:
    return f"{columns} holds {count(found.counts['n_rows'], 'value')} far beyond all others."


def _code(found: Finding, columns: str) -> str:
    if found.variant == "leading_zeros":
        how = "read as categories, since some begin with 0"
    else:
        how = "read as numbers, 2 being more than 1"
    return f"{columns} holds whole numbers that look like codes: {how}."


def _mostly_numbers(found: Finding, columns: str) -> str:
    words = percent(found.counts["share"])
    return f"{columns} holds numbers and, in {words} of its cells, words: these are missing values."


def _formula(found: Finding, columns: str) -> str:
    n = count(found.counts["n_cells"], "formula")
    return f"{columns} holds {n} without a result, the first in cell {found.counts['cell']}."


def _sheets(found: Finding, columns: str) -> str:
    sheets, read = (listed(map(plain, found.counts[key]), most=20) for key in ("sheets", "read"))
    return f"The workbook has the sheets {sheets}. Read: {read}."


def _look_alike(found: Finding, columns: str) -> str:
    rows = count(found.counts["n_rows"], "row")
    return (
        f"{columns} spells the same value in different ways in {rows}: the commonest spelling is "
        "used."
    )


def _bounded(found: Finding, columns: str) -> str:
    side = "lowest" if found.variant == "low" else "highest"
    return (
        f"{percent(found.counts['share'])} of the pupils have the {side} value of the target. "
        "Ranges near it are wider than they need be."
    )


def _class_target(found: Finding, columns: str) -> str:
    said = f"{columns}, the target, has {found.counts['n_distinct']} different values only"
    if found.variant == "outcomes":
        return f"{said}: the chance of each is predicted."
    return f"{said}. Predictions lie between them, and ranges say little."


_SENTENCES: dict[str, Callable[[Finding, str], str]] = {
    "identifier": _identifier,
    "free_text": lambda found, columns: f"{columns} is not used: it holds remarks in words.",
    "rare": _rare,
    "leak": _leak,
    "not_a_pupil": _not_a_pupil,
    "header_rows": lambda found, columns: (
        f"{count(found.counts['n_rows'], 'row')} repeat the header: left out."
    ),
    "repeated_pupil": _repeated_pupil,
    "school": _school,
    "small_groups": _small_groups,
    "copies": _copies,
    "sentinel": _sentinel,
    "outlier": _outlier,
    "number_format": _number_format,
    "date": _date,
    "code": _code,
    "mostly_numbers": _mostly_numbers,
    "mostly_empty": lambda found, columns: (
        f"{columns} is empty in {percent(found.counts['share'])} of the rows."
    ),
    "merged_cells": lambda found, columns: (
        f"{columns} has merged cells: each took the value of its range."
    ),
    "formula_without_value": _formula,
    "other_sheets": _sheets,
    "encoding": lambda found, columns: (
        f"The file is not UTF-8: read as {found.counts['encoding']}, by its letters. If names look "
        "wrong, save it as UTF-8."
    ),
    "look_alike": _look_alike,
    "class_target": _class_target,
    "bounded_target": _bounded,
    "skewed_target": lambda found, columns: (
        f"{columns}, the target, has a long tail: a few values lie far from most. Ranges are "
        "wider there, and rest on few pupils: they may hold fewer than they promise at some "
        "levels of the prediction. The report and the model's page tell how many at each."
    ),
    "zero_heavy_target": lambda found, columns: (
        f"{percent(found.counts['share'])} of the targets are 0. The model predicts a mean of "
        "those and the others."
    ),
}
_ADVICE = {
    "drop": "Leave it out.",
    "keep": "If it is an answer like any other, keep it.",
    "known_before": (
        "Where it is known before the target is, say `known_before = true` of it in the hints."
    ),
    "pupil": "Name another column, or none where each row is another pupil's.",
    "group": (
        "To learn what each one adds, and how good the model is in one that it has never seen, "
        "name it."
    ),
    "pupils": "If it says whose row it is, name it by --pupil instead.",
    "sheet": "Read all sheets, or name one.",
    "missing": ("If it means a missing value, list it as `missing` of the column in the hints."),
    "decimal": 'Say `decimal = ","` or `decimal = "."` of the column in the hints.',
    "percent": (
        "Say `percent = true` of the column in the hints where 0.85 means 85, "
        "`percent = false` where it does not."
    ),
    "mend": "Compare these rows with their source, and mend the table.",
    "open": "Open the workbook in a spreadsheet program and save it.",
    "kind": 'Say `kind = "categorical"` of it in the hints where the order means nothing.',
    "age": "Make a number of it, such as an age.",
    "list": "To keep them apart, list them as `categories` of the column in the hints.",
    "remove": "If a pupil stands there twice by mistake, keep one row.",
    "outcomes": "Where its values are outcomes, train with --task ordinal or --task classes.",
    "number": "Where it is a number to predict, train with --task regression.",
    "bounds": "Say `minimum` and `maximum` of the target in the hints where it has them.",
}


def as_dict(finding: Finding, *, private: bool) -> dict[str, Any]:
    """Return a finding as JSON has it."""
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "columns": list(finding.columns),
        "counts": dict(finding.counts),
        "rows": list(finding.rows) if private else [],
        "message": message(finding, private=private),
        "advice": advice(finding),
        "options": options(finding),
    }


def warnings(findings: Iterable[Finding]) -> list[str]:
    """Return what anybody may read of the warnings, each with what may be done about it."""
    found = (one for one in findings if one.severity == WARNING)
    return [" ".join(filter(None, (message(one), advice(one)))) for one in found]


def notes(findings: Sequence[Finding]) -> list[str]:
    """Return what anybody may read of the notes; of a column that names people, that alone."""
    named = {name for one in findings if one.kind == "identifier" for name in one.columns}
    return [
        message(one)
        for one in findings
        if one.severity == NOTE and not (one.kind == "date" and named.issuperset(one.columns))
    ]


def findings_section(facts: Facts) -> Section | None:
    """Return what the check of the table found, None where it found nothing."""
    said = [*warnings(facts.findings), *notes(facts.findings)]
    return Section("table", TITLE, points=said) if said else None


def findings_card(facts: Facts) -> list[CardPart]:
    """Return the same for the model card."""
    said = [*warnings(facts.findings), *notes(facts.findings)]
    return [CardPart(TITLE, said)] if said else []


def left_out_because(findings: Iterable[Finding]) -> dict[str, str]:
    """Return why columns are left out, by name, as the rest of "not used: …"."""
    found: dict[str, str] = {}
    for finding in findings:
        for name in finding.columns:
            if finding.kind in LEAVES_OUT or finding.variant == "copy":
                found.setdefault(name, message(finding).split(": ", 1)[1].rstrip("."))
    return found
