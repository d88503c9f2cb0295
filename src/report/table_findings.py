"""What is said of each finding of the table's check, and what a person may do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from src.language import ENGLISH, mark, ngettext, speaking
from src.language import gettext as _
from src.report.document import CardPart, Section
from src.report.facts import Facts
from src.report.wording import listed, number, percent, plain
from src.schema.findings import NOTE, STOP, WARNING, Finding

HEADINGS = {
    STOP: "Settle this first",
    WARNING: "Look at this",
    NOTE: "Good to know",
}
TITLE = mark("What was found in the table")
LEAVES_OUT = ("identifier", "free_text", "date", "repeated_pupil")
_IDENTIFYING = {
    "email": mark("%(columns)s is not used: it holds e-mail addresses."),
    "phone": mark("%(columns)s is not used: it holds phone numbers."),
    "birth": mark("%(columns)s is not used: it holds birth dates."),
    "contact": mark("%(columns)s is not used: it holds addresses or phone numbers."),
    "key": mark(
        "%(columns)s is not used: it is a different whole number in every row or nearly, as a key "
        "is."
    ),
    "unique": mark(
        "%(columns)s is not used: it differs in almost every row, as a name or a key does."
    ),
    "name": mark("%(columns)s is not used: it holds people's names."),
}


def message(finding: Finding, *, private: bool = False) -> str:
    """Return what was found, as a sentence.

    Parameters
    ----------
    finding : Finding
    private : bool
        Whether row numbers and values of the table may be shown.
    """
    said = [_SENTENCES[finding.kind](finding, _columns(finding.columns))]
    if private and finding.cells:
        cells = listed((plain(cell) for cell in finding.cells), most=5)
        said.append(_("Such as %(cells)s.", cells=cells))
    if private and finding.rows:
        said.append(_rows(finding.rows))
    return " ".join(said)


def _rows(rows: Sequence[int]) -> str:
    """Return the numbers of rows, the first eight of many."""
    n, numbers = len(rows), listed((str(row) for row in rows[:8]), most=8)
    if n > 8:
        return _("Rows %(rows)s and %(number)s more.", rows=numbers, number=number(n - 8))
    return ngettext("Row %(rows)s.", "Rows %(rows)s.", n, rows=numbers)


def advice(finding: Finding) -> str:
    """Return what a person may do, empty where there is nothing to do."""
    return " ".join(_(_ADVICE[remedy]) for remedy in finding.remedies)


def options(finding: Finding) -> list[str]:
    """Return the command's options that settle it."""
    quoted = [f'"{name}"' if " " in name else name for name in finding.columns]
    names = " ".join(quoted)
    offered = {
        "drop": [f"--drop {names}"],
        "drop_if_later": [f"--drop {names}"],
        "may_drop": [f"--drop {names}"],
        "or_drop": [f"--drop {names}"],
        "one_suffices": [f"--drop {' '.join(quoted[1:])}"],
        "keep": [f"--keep {names}"],
        "known_before": [f"--keep {names}"],
        "pupil": [f"--pupil {names}", "--pupil none"],
        "sheet": ["--all-sheets", "--sheet NAME"],
        "group": [f"--group {names}"],
        "binary": ["--task binary"],
        "outcomes": ["--task ordinal", "--task classes"],
        "number": ["--task regression"],
    }
    return [option for remedy in finding.remedies for option in offered.get(remedy, ())]


def _columns(names: Sequence[str]) -> str:
    """Return the columns as sentences begin with them."""
    columns = listed(plain(name) for name in names)
    # Translators: sentences begin with it, as in "Column x is not used: …".
    return ngettext("Column %(columns)s", "Columns %(columns)s", len(names), columns=columns)


_GIVES_AWAY = {
    "cut": mark(
        "%(columns)s gives the target away: each of its values stands for a part of the target's "
        "range, as a grade or a pass does."
    ),
    "rank": mark("%(columns)s gives the target away: it puts the rows in the same order."),
    "scale": mark("%(columns)s gives the target away: it is the target in another scale."),
    "contains": mark(
        "%(columns)s gives the target away: with %(others)s it can be worked out, as from a total "
        "or an average that contains it."
    ),
    "part": mark("%(columns)s give the target away: it is worked out from them."),
    "same_test": mark(
        "%(columns)s is another measure of the same test: it is called as the target is but for a "
        "number, with the same mean and spread, and the two agree better than two tests do."
    ),
}


def _leak(found: Finding, columns: str) -> str:
    counts = found.counts
    if found.variant == "copy":
        return _("%(columns)s is not used: it is a copy of the target.", columns=columns)
    alone = number(counts["r2_alone"], 2)
    if found.variant == "strong":
        if "r2_others" not in counts:
            return _(
                "%(columns)s alone reaches R² %(alone)s in a quick linear model. That is right "
                "where it is known before the target is.",
                columns=columns,
                alone=alone,
            )
        return _(
            "%(columns)s alone reaches R² %(alone)s in a quick linear model; the other columns "
            "together reach %(others)s. That is right where it is known before the target is.",
            columns=columns,
            alone=alone,
            others=number(counts["r2_others"], 2),
        )
    others = listed(plain(name) for name in counts.get("others", ()))
    gives = _(_GIVES_AWAY[found.variant], columns=columns, others=others)
    reaches = ngettext(
        "A model reaches R² %(alone)s by it alone, and %(without)s without what gives the target "
        "away.",
        "A model reaches R² %(alone)s by them alone, and %(without)s without what gives the "
        "target away.",
        len(found.columns),
        alone=alone,
        without=number(counts["r2_without"], 2),
    )
    return f"{gives} {reaches}"


def _not_a_pupil(found: Finding, columns: str) -> str:
    n = found.counts["n_rows"]
    match found.variant:
        case "doubtful":
            return ngettext(
                "%(n)s row stands far out in many columns, as a row of totals does: used all the "
                "same.",
                "%(n)s rows stand far out in many columns, as a row of totals does: used all the "
                "same.",
                n,
            )
        case "summary":
            return ngettext(
                "%(n)s row holds a total, an average or the like, by the label, no pupil: left "
                "out.",
                "%(n)s rows hold a total, an average or the like, by the label, no pupil: left "
                "out.",
                n,
            )
        case "sum":
            return ngettext(
                "%(n)s row holds the sum of all others, no pupil: left out.",
                "%(n)s rows hold the sum of all others, no pupil: left out.",
                n,
            )
        case "mean":
            return ngettext(
                "%(n)s row holds the mean of all others, no pupil: left out.",
                "%(n)s rows hold the mean of all others, no pupil: left out.",
                n,
            )
        case "units":
            return ngettext(
                "%(n)s row holds units, no pupil: left out.",
                "%(n)s rows hold units, no pupil: left out.",
                n,
            )
        case unknown:
            raise KeyError(unknown)


_UNCLEAR_NUMBERS = {
    "thousands": mark(
        "%(columns)s can be read in two ways: the mark before three digits may group thousands or "
        "begin decimals."
    ),
    "scale": mark(
        "%(columns)s holds numbers up to 1 beside numbers up to 100: shares beside per cents, or "
        "two kinds of number."
    ),
    "units": mark("%(columns)s holds several units, which cannot be read as one number."),
}
_NUMBERS = {
    "thousands": mark("%(columns)s groups its digits by %(unit)s: read as whole thousands."),
    "percent": mark("%(columns)s is in per cent: 85 %% is read as 85."),
    "fraction": mark("%(columns)s holds marks out of different wholes: read in per cent."),
    "duration": mark("%(columns)s holds durations: 1:30 is read as 90."),
    "unit": mark("%(columns)s holds numbers with %(unit)s: read as numbers."),
    "decimal_comma": mark("%(columns)s writes decimals after a comma, as text: read as numbers."),
}


def _number_format(found: Finding, columns: str) -> str:
    whole, unit = found.counts.get("whole"), found.counts.get("unit", "")
    if found.severity == STOP:
        return _(_UNCLEAR_NUMBERS[found.variant], columns=columns)
    if found.variant == "fraction" and whole != "100":
        return _(
            "%(columns)s holds marks out of a whole: 12/%(whole)s is read as 12.",
            columns=columns,
            whole=whole,
        )
    return _(_NUMBERS[found.variant], columns=columns, unit=repr(unit))


def _identifier(found: Finding, columns: str) -> str:
    return _(_IDENTIFYING[found.variant], columns=columns)


def _date(found: Finding, columns: str) -> str:
    text = _(
        "%(columns)s is not used: it holds dates, and later records bring later ones.",
        columns=columns,
    )
    if found.variant != "ranges":
        return text
    ranges = _(
        "Ranges such as 3-5 became dates in a spreadsheet: format the cells as text and type them "
        "again."
    )
    return f"{text} {ranges}"


def _rare(found: Finding, columns: str) -> str:
    values = ngettext(
        "%(n)s value of fewer than 10 pupils each",
        "%(n)s values of fewer than 10 pupils each",
        found.counts["n_categories"],
    )
    return ngettext(
        "%(columns)s has %(values)s, %(n)s row in all: grouped as %(other)s.",
        "%(columns)s has %(values)s, %(n)s rows in all: grouped as %(other)s.",
        found.counts["n_rows"],
        columns=columns,
        values=values,
        other=repr(plain(found.variant)),
    )


def _repeated_pupil(found: Finding, columns: str) -> str:
    said = {
        "columns": columns,
        "values": number(found.counts["n_groups"]),
        "rows": number(found.counts["n_rows"]),
    }
    if found.variant == "constant":
        return _(
            "%(columns)s is not used: it returns in several rows (%(values)s values in %(rows)s "
            "rows), and the target is constant within it. Its rows stay on one side of every "
            "split.",
            **said,
        )
    return _(
        "%(columns)s is not used: it returns in several rows (%(values)s values in %(rows)s "
        "rows). Its rows stay on one side of every split.",
        **said,
    )


def _school(found: Finding, columns: str) -> str:
    return ngettext(
        "%(columns)s looks like the pupils' school, class or teacher: %(n)s value, %(large)s of "
        "them with 10 rows or more. It is used as any column is.",
        "%(columns)s looks like the pupils' school, class or teacher: %(n)s values, %(large)s of "
        "them with 10 rows or more. It is used as any column is.",
        found.counts["n_groups"],
        columns=columns,
        large=number(found.counts["n_large"]),
    )


def _small_groups(found: Finding, columns: str) -> str:
    return _(
        "%(columns)s, the groups, has %(values)s values in %(rows)s rows, and most rows are of a "
        "value with fewer than 10: such groups have no effect.",
        columns=columns,
        values=number(found.counts["n_groups"]),
        rows=number(found.counts["n_rows"]),
    )


def _copies(found: Finding, columns: str) -> str:
    n = found.counts["n_copies"]
    if found.variant == "but_one":
        return ngettext(
            "%(n)s row repeats another row but for who is meant: copies stay on one side of every "
            "split.",
            "%(n)s rows repeat another row but for who is meant: copies stay on one side of every "
            "split.",
            n,
        )
    return ngettext(
        "%(n)s row repeats another row: copies stay on one side of every split.",
        "%(n)s rows repeat another row: copies stay on one side of every split.",
        n,
    )


def _sentinel(found: Finding, columns: str) -> str:
    return ngettext(
        "%(columns)s holds a number in %(n)s row that the rest never comes near, as is written "
        "for a missing value.",
        "%(columns)s holds a number in %(n)s rows that the rest never comes near, as is written "
        "for a missing value.",
        found.counts["n_rows"],
        columns=columns,
    )


def _outlier(found: Finding, columns: str) -> str:
    return ngettext(
        "%(columns)s holds %(n)s value far beyond all others.",
        "%(columns)s holds %(n)s values far beyond all others.",
        found.counts["n_rows"],
        columns=columns,
    )


def _code(found: Finding, columns: str) -> str:
    if found.variant == "leading_zeros":
        return _(
            "%(columns)s holds whole numbers that look like codes: read as categories, since some "
            "begin with 0.",
            columns=columns,
        )
    return _(
        "%(columns)s holds whole numbers that look like codes: read as numbers, 2 being more than "
        "1.",
        columns=columns,
    )


def _mostly_numbers(found: Finding, columns: str) -> str:
    return _(
        "%(columns)s holds numbers and, in %(share)s of its cells, words: these are missing "
        "values.",
        columns=columns,
        share=percent(found.counts["share"]),
    )


def _formula(found: Finding, columns: str) -> str:
    return ngettext(
        "%(columns)s holds %(n)s formula without a result, the first in cell %(cell)s.",
        "%(columns)s holds %(n)s formulas without a result, the first in cell %(cell)s.",
        found.counts["n_cells"],
        columns=columns,
        cell=found.counts["cell"],
    )


def _sheets(found: Finding, columns: str) -> str:
    sheets, read = (listed(map(plain, found.counts[key]), most=20) for key in ("sheets", "read"))
    return _("The workbook has the sheets %(sheets)s. Read: %(read)s.", sheets=sheets, read=read)


def _look_alike(found: Finding, columns: str) -> str:
    return ngettext(
        "%(columns)s spells the same value in different ways in %(n)s row: the commonest spelling "
        "is used.",
        "%(columns)s spells the same value in different ways in %(n)s rows: the commonest "
        "spelling is used.",
        found.counts["n_rows"],
        columns=columns,
    )


def _bounded(found: Finding, columns: str) -> str:
    share = percent(found.counts["share"])
    if found.variant == "low":
        return _(
            "%(share)s of the pupils have the lowest value of the target. Ranges near it are "
            "wider than they need be.",
            share=share,
        )
    return _(
        "%(share)s of the pupils have the highest value of the target. Ranges near it are wider "
        "than they need be.",
        share=share,
    )


def _class_target(found: Finding, columns: str) -> str:
    said = {"columns": columns, "number": number(found.counts["n_distinct"])}
    if found.variant == "outcomes":
        return _(
            "%(columns)s, the target, is one of %(number)s outcomes: the chance of each is "
            "predicted.",
            **said,
        )
    return _(
        "%(columns)s, the target, has %(number)s different values only. Predictions can be other "
        "numbers than these, and ranges say little.",
        **said,
    )


def _header_rows(found: Finding, columns: str) -> str:
    return ngettext(
        "%(n)s row repeats the header: left out.",
        "%(n)s rows repeat the header: left out.",
        found.counts["n_rows"],
    )


def _mostly_empty(found: Finding, columns: str) -> str:
    share = percent(found.counts["share"])
    return _("%(columns)s is empty in %(share)s of the rows.", columns=columns, share=share)


def _same_columns(found: Finding, columns: str) -> str:
    return _("%(columns)s say the same in every row.", columns=columns)


def _encoding(found: Finding, columns: str) -> str:
    return _(
        "The file is not UTF-8: read as %(encoding)s, by its letters. If names look wrong, save "
        "it as UTF-8.",
        encoding=found.counts["encoding"],
    )


def _skewed(found: Finding, columns: str) -> str:
    return _(
        "%(columns)s, the target, has a long tail: a few values lie far from most. Ranges are "
        "wider there, and rest on few pupils: they may hold fewer than they promise at some "
        "levels of the prediction. The model's page tells how many at each.",
        columns=columns,
    )


def _zero_heavy(found: Finding, columns: str) -> str:
    return _(
        "%(share)s of the targets are 0. The model predicts a mean of those and the others.",
        share=percent(found.counts["share"]),
    )


def _free_text(found: Finding, columns: str) -> str:
    return _("%(columns)s is not used: it holds remarks in words.", columns=columns)


def _merged_cells(found: Finding, columns: str) -> str:
    return _("%(columns)s has merged cells: each took the value of its range.", columns=columns)


_SENTENCES: dict[str, Callable[[Finding, str], str]] = {
    "identifier": _identifier,
    "free_text": _free_text,
    "rare": _rare,
    "leak": _leak,
    "not_a_pupil": _not_a_pupil,
    "header_rows": _header_rows,
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
    "mostly_empty": _mostly_empty,
    "same_columns": _same_columns,
    "merged_cells": _merged_cells,
    "formula_without_value": _formula,
    "other_sheets": _sheets,
    "encoding": _encoding,
    "look_alike": _look_alike,
    "class_target": _class_target,
    "bounded_target": _bounded,
    "skewed_target": _skewed,
    "zero_heavy_target": _zero_heavy,
}
_ADVICE = {
    "drop": mark("Leave it out."),
    "drop_if_later": mark("If it is known only afterwards, leave it out."),
    "may_drop": mark("It may be left out."),
    "or_drop": mark("Or leave the column out."),
    "one_suffices": mark("One of them suffices."),
    "keep": mark("If it is an answer like any other, keep it."),
    "known_before": mark(
        "Where it is known before the target is, say `known_before = true` of it in the hints."
    ),
    "pupil": mark("Name another column, or none where each row is another pupil's."),
    "group": mark(
        "To learn what each one adds, and how good the model is in one that it has never seen, "
        "name it."
    ),
    "pupils": mark("If it says whose row it is, name it by --pupil instead."),
    "sheet": mark("Read all sheets, or name one."),
    "missing": mark(
        "If it means a missing value, list it as `missing` of the column in the hints."
    ),
    "decimal": mark('Say `decimal = ","` or `decimal = "."` of the column in the hints.'),
    "percent": mark(
        "Say `percent = true` of the column in the hints where 0.85 means 85, "
        "`percent = false` where it does not."
    ),
    "mend": mark("Compare these rows with their source, and mend the table."),
    "open": mark("Open the workbook in a spreadsheet program and save it."),
    "kind": mark('Say `kind = "categorical"` of it in the hints where the order means nothing.'),
    "age": mark("Make a number of it, such as an age."),
    "list": mark("To keep them apart, list them as `categories` of the column in the hints."),
    "remove": mark("If a pupil stands there twice by mistake, keep one row."),
    "binary": mark("Where its values are two outcomes, train with --task binary."),
    "outcomes": mark("Where its values are outcomes, train with --task ordinal or --task classes."),
    "number": mark("Where it is a number to predict, train with --task regression."),
    "bounds": mark("Say `minimum` and `maximum` of the target in the hints where it has them."),
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
    return Section("table", _(TITLE), points=said) if said else None


def findings_card(facts: Facts) -> list[CardPart]:
    """Return the same for the model card."""
    said = [*warnings(facts.findings), *notes(facts.findings)]
    return [CardPart(_(TITLE), said)] if said else []


def left_out_columns(findings: Iterable[Finding]) -> set[str]:
    """Return the columns that are left out because of what was found in them."""
    return {name for one in findings if _leaves_out(one) for name in one.columns}


def left_out_because(findings: Iterable[Finding]) -> dict[str, str]:
    """Return why columns are left out, by name, in English as the rest of "not used: …"."""
    found: dict[str, str] = {}
    with speaking(ENGLISH):
        for finding in filter(_leaves_out, findings):
            reason = message(finding).split(": ", 1)[1].rstrip(".")
            found |= {name: reason for name in finding.columns if name not in found}
    return found


def _leaves_out(finding: Finding) -> bool:
    return finding.kind in LEAVES_OUT or finding.variant == "copy"
