"""Planted faults are found and clean tables left alone: a part in every run, all if slow."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.clean_tables import CleanTable, r_tables, shared_tables, simulated_tables
from benchmarks.table_check import (
    LEAST_FOUND,
    MOST_FALSE,
    SIZES,
    false_alarms,
    found_share,
    main,
    measure,
    write_table,
)
from src.schema.findings import STOP
from tests.planted_faults import FAULTS, as_table, clean_tables


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_with_its_column_or_row(fault: str) -> None:
    assert found_share(fault, [0]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_nearly_all_planted_faults_are_found(fault: str) -> None:
    assert found_share(fault, range(20)) >= LEAST_FOUND


def few_alarms(tables: list[CleanTable]) -> bool:
    alarms = [alarm for clean in tables for alarm in false_alarms(clean)]
    n_columns = sum(len(clean.table.header) for clean in tables)
    assert [alarm for alarm in alarms if alarm.severity == STOP] == []
    return sum(alarm.n_columns for alarm in alarms) <= MOST_FALSE * n_columns


def test_clean_tables_are_neither_stopped_nor_warned_of() -> None:
    simulated = [false_alarms(clean) for clean in simulated_tables(1)]
    assert simulated == [[]] * 4
    assert few_alarms(list(shared_tables()))


@pytest.mark.slow
def test_tables_of_schools_are_neither_stopped_nor_warned_of() -> None:
    shared = [*shared_tables()]
    if len(shared) == 3:
        pytest.skip("../shared/data is absent")
    tables = [*shared, *r_tables(), *simulated_tables(5)]
    assert len(tables) >= 40
    assert few_alarms(tables)


def test_a_finding_that_was_not_written_down_before_is_an_alarm() -> None:
    columns, target = clean_tables(0)[0]
    table = as_table(columns | {"previous": [*columns["previous"][:-1], "7400"]})
    (alarm,) = false_alarms(CleanTable("slip", target, table))
    assert (alarm.kind, alarm.columns) == ("outlier", ("previous",))
    known = frozenset([("outlier", "previous")])
    assert false_alarms(CleanTable("slip", target, table, known)) == []


@pytest.mark.parametrize("size", SIZES[:1])
def test_time_and_memory_are_measured(tmp_path: Path, size) -> None:
    write_table(tmp_path / "table.csv", 500, size[1])
    measured = measure(tmp_path / "table.csv")
    assert measured["check_s"] > 0
    assert measured["check"] >= 0


@pytest.mark.slow
@pytest.mark.parametrize(("n_rows", "n_columns", "seconds", "mib"), SIZES)
def test_a_large_table_is_checked_in_time_and_memory(
    tmp_path: Path, n_rows, n_columns, seconds, mib
) -> None:
    write_table(tmp_path / "table.csv", n_rows, n_columns)
    measured = measure(tmp_path / "table.csv")
    assert measured["check_s"] <= seconds
    assert mib is None or measured["check"] <= mib * 2**20


def test_a_missed_limit_is_the_status_only_where_asked(monkeypatch, capsys) -> None:
    monkeypatch.setattr("benchmarks.table_check._faults", lambda n: iter(["names: 90% found"]))
    monkeypatch.setattr("benchmarks.table_check._clean", lambda n: iter(()))
    monkeypatch.setattr("benchmarks.table_check._sizes", lambda n: iter(()))
    assert (main([]), main(["--check"])) == (0, 1)
    assert "MISSED names: 90% found" in capsys.readouterr().out
