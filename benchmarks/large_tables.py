"""Synthetic tables of any size, whose truth is known: written in parts, seeded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

PART_ROWS = 500_000
N_MARKS = 12  # earlier marks, of one decimal
N_SCALES = 8  # answers from 1 to 5, as categories
TARGET = "final_mark"
LEVELS = ("fail", "pass", "merit", "distinction")
CUTS = {2: (75.0,), 4: (65.0, 85.0, 100.0)}  # of the final mark, by the number of outcomes
SPREAD = 6.0  # what no feature tells, in points
SCALE = ("never", "seldom", "sometimes", "often", "always")
REGIONS = tuple(f"region {i}" for i in range(24))


def write_large_table(
    folder: Path, n_bytes: int, seed: int = 0, ending: str = ".csv", n_outcomes: int = 0
) -> int:
    """Write files until they have so many bytes together; return the number of rows.

    With a number of outcomes, 2 or 4, the final mark becomes one of them.
    Some cells are missing; a mark counts for more the lower it is, so that trees and curves find
    more than lines.
    """
    import numpy as np
    import pyarrow as pa

    n_rows = written = part = 0
    while written < n_bytes:
        random = np.random.default_rng([seed, part])
        columns = _columns(random, PART_ROWS)
        if n_outcomes:
            code = np.searchsorted(CUTS[n_outcomes], columns[TARGET])
            named = pa.DictionaryArray.from_arrays(code, list(LEVELS[:n_outcomes]))
            columns[TARGET] = named.cast("string")
        table = pa.table(columns)
        path = folder / f"part-{part:04}{ending}"
        rows = PART_ROWS
        if part == 0:  # how large a row is
            probe = folder / f"probe{ending}"
            _write(table.slice(0, 20_000), probe)
            of_row = probe.stat().st_size / 20_000
            probe.unlink()
        rows = min(PART_ROWS, max(1_000, int((n_bytes - written) / of_row) + 1))
        _write(table.slice(0, rows), path)
        n_rows, written, part = n_rows + rows, written + path.stat().st_size, part + 1
    return n_rows


def _write(table: pa.Table, path: Path) -> None:
    from pyarrow import csv, parquet

    if path.suffix == ".csv":
        csv.write_csv(table, str(path), csv.WriteOptions(quoting_style="none"))
    else:
        parquet.write_table(table, str(path))


def _columns(random: np.random.Generator, n: int) -> dict[str, NDArray[np.generic] | list[str]]:
    import numpy as np
    import pyarrow as pa

    able = random.normal(size=n)
    truth = 60 + 6 * able
    columns = {}
    for k in range(N_MARKS):
        mark = np.clip(np.round(60 + 9 * able + 12 * random.normal(size=n), 1), 0, 100)
        truth += 0.04 * (k % 4) * (mark - 60) - 0.004 * np.clip(50 - mark, 0, None) ** 1.5
        missing = random.random(n) < 0.02 * (k % 3)
        columns[f"mark_{k + 1}"] = pa.array(mark, mask=missing)
    for k in range(N_SCALES):
        code = np.clip(np.round(2 + 0.5 * able + random.normal(size=n)), 0, 4).astype(int)
        truth += 0.5 * (k % 3) * (code - 2)
        columns[f"answer_{k + 1}"] = pa.DictionaryArray.from_arrays(code, list(SCALE)).cast(
            "string"
        )
    region = random.integers(0, len(REGIONS), n)
    truth += 0.2 * (region % 7)
    columns["region"] = pa.DictionaryArray.from_arrays(region, list(REGIONS)).cast("string")
    hours = random.gamma(2.0, 3.0, n)
    truth += 2 * np.log1p(hours)
    columns["hours"] = np.round(hours, 3)
    columns["absences"] = random.poisson(4 + 3 * (able < -1), n)
    truth -= 0.3 * columns["absences"]
    columns[TARGET] = np.clip(np.round(truth + SPREAD * random.normal(size=n), 1), 0, None)
    return columns
