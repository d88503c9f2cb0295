"""What is told of the table's check in public."""

from __future__ import annotations

import json

from src.report.facts import ReportFacts
from src.report.table_findings import findings_card, findings_section, notes
from src.schema.features import NumericFeature
from src.schema.findings import NOTE, WARNING, Finding
from src.schema.record import Schema

MARK = NumericFeature(name="mark", observed_minimum=0, observed_maximum=9)
SLIP = Finding("outlier", WARNING, ("mark",), "", {"n_rows": 1}, ("mend",), (17,), ("7400",))
NAME = Finding("identifier", NOTE, ("name",), "birth", {}, ("keep",), (), ("Ada",))
DATE = Finding("date", NOTE, ("name",), "written", {}, ("age",), (), ("1.2.2010",))


def test_what_is_saved_with_a_run_holds_no_row_and_no_cell() -> None:
    saved = json.loads(json.dumps([f.to_public_dict() for f in (SLIP, NAME)]))
    assert "7400" not in str(saved)
    again = [Finding.from_public_dict(values) for values in saved]
    assert [(f.kind, f.severity, f.columns, f.rows, f.cells) for f in again] == [
        ("outlier", "warning", ("mark",), (), ()), ("identifier", "note", ("name",), (), ()),
    ]  # fmt: skip


def test_report_and_card_say_the_warnings_first_with_what_to_do() -> None:
    facts = ReportFacts(Schema((MARK,), MARK), {}, findings=(NAME, SLIP, DATE))
    section, (part,) = findings_section(facts), findings_card(facts)
    assert section is not None
    assert list(section.points) == list(part.sentences) == [
        "Column mark holds 1 value far beyond all others. Compare these rows with their source, "
        "and mend the table.",
        "Column name is not used: it holds birth dates.",
    ]  # fmt: skip


def test_a_column_of_dates_is_told_where_it_names_nobody() -> None:
    assert len(notes([DATE])) == 1


def test_a_clean_table_has_no_section() -> None:
    facts = ReportFacts(Schema((MARK,), MARK), {})
    assert (findings_section(facts), findings_card(facts)) == (None, [])
