"""How many planted faults the check of a table finds, and what it says of clean tables.

``python -m benchmarks.table_check``
"""

from __future__ import annotations

import argparse
import logging
import time
from collections import Counter

from src.components.data_check import DataCheck, DataCheckConfig
from src.schema.findings import STOP, WARNING
from tests.planted_faults import FAULTS, Planted, as_table, clean_tables, plant


def is_found(planted: Planted) -> bool:
    """Whether the check names the fault's kind with its column or row."""
    checked = DataCheck(DataCheckConfig(planted.target)).run(planted.table)
    return any(
        finding.kind == planted.kind
        and (not planted.column or planted.column in finding.columns)
        and (planted.row is None or planted.row in finding.rows)
        for finding in checked.findings
    )


def main() -> None:
    """Print the share of faults that are found, and the false alarms on clean tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="of each fault (default: 20)")
    seeds = range(parser.parse_args().seeds)
    logging.disable(logging.WARNING)
    started = time.perf_counter()
    total = found = 0
    for fault in FAULTS:
        results = [is_found(planted) for seed in seeds for planted in plant(fault, seed)]
        total, found = total + len(results), found + sum(results)
        print(f"{fault:24} {sum(results):4} of {len(results)}")
    print(f"{'all':24} {found:4} of {total} ({found / total:.1%})")
    alarms: Counter[str] = Counter()
    n_columns = n_tables = 0
    for seed in range(100, 110):
        for columns, target in clean_tables(seed):
            n_tables, n_columns = n_tables + 1, n_columns + len(columns)
            checked = DataCheck(DataCheckConfig(target)).run(as_table(columns))
            alarms.update(f.severity for f in checked.findings)
    print(
        f"{n_tables} clean tables of {n_columns} columns: {alarms[STOP]} stops, "
        f"{alarms[WARNING]} warnings"
    )
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
