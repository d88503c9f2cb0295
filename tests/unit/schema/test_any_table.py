"""Whatever a table is, its check ends in findings or in a refusal that a person can read."""

from __future__ import annotations

import csv
import io

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from src.components.data_check import DataCheck, DataCheckConfig
from src.exception import StuPredictionError
from src.report.table_findings import as_dict
from src.schema.findings import SEVERITIES
from src.schema.hints import Hints
from src.schema.inference import infer_schema
from src.tables.reader import read_table

CELLS = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.integers(0, 20).map(str),
    st.floats(allow_nan=True, allow_infinity=True).map(str),
    st.floats(0, 100).map(lambda x: f"{x:.1f}"),
    st.dates().map(str),
    st.sampled_from(
        ["", "AB", "Total", "Mean", "n/a", "1:30", "12/20", "$5", "1.250", "12,500", "0,5", "5 h",
         "85%", "999", "-1", "a@b.org", "+49 151 1234567", "Female", "female ", "yes", "TRUE",
         "[h]", "c1", "\u00a0", "\u0130", "\u0661\u0662", "=A1"]
    ),
    st.text(max_size=8),
)  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, bytes]:
    """Return a target and a CSV file, some columns of which repeat or follow the target."""
    n_rows = draw(st.integers(1, 60))
    columns = []
    for _ in range(draw(st.integers(1, 5))):
        kinds = draw(st.lists(CELLS, min_size=1, max_size=draw(st.sampled_from([1, 2, 6, 40]))))
        columns.append(draw(st.lists(st.sampled_from(kinds), min_size=n_rows, max_size=n_rows)))
    if draw(st.booleans()):
        columns.append(columns[0][:])
    names = draw(st.sampled_from([["c1"], ["name"], ["student_id"], ["Date of birth"], ["G1"]]))
    header = [*names, *(f"c{k}" for k in range(2, len(columns) + 1))]
    file = io.StringIO()
    writer = csv.writer(file, delimiter=draw(st.sampled_from(",;\t")))
    writer.writerows([header, *zip(*columns, strict=True)])
    content = file.getvalue().encode("utf-8", "replace")
    return draw(st.sampled_from(header)), content


@settings(max_examples=100, phases=[Phase.reuse, Phase.generate], deadline=None)
@given(tables())
def test_any_table_ends_in_findings_or_a_refusal(generated: tuple[str, bytes]) -> None:
    target, content = generated
    try:
        table = read_table(io.BytesIO(content), "any.csv")
        checked = DataCheck(DataCheckConfig(target)).run(table)
        findings = [as_dict(finding, private=True) for finding in checked.findings]
        if checked.ok and checked.readings:
            drop = list(checked.left_out)
            infer_schema(checked.table, Hints(), checked.readings, target, drop)
    except StuPredictionError as error:
        refusal = str(error)
        assert refusal
        return
    for finding in findings:
        assert finding["severity"] in SEVERITIES
        assert finding["message"].endswith(".")
        assert set(finding["rows"]) <= set(table.lines)
        assert set(finding["columns"]) <= {use.name for use in checked.columns} | {""}
    assert len(checked.table.rows) == len(table.rows) - checked.n_summary_rows
    assert checked.groups is None or len(checked.groups) == len(checked.table.rows)
