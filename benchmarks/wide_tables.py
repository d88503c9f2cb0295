"""What training takes on tables of up to a million cells, wide and tall: processor time and memory.

``python -m benchmarks.wide_tables --check`` trains at ``standard``, each a process of its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.process import MIB, measure

ROOT = Path(__file__).resolve().parent.parent
SHAPES = (
    "100x5000", "300x300", "1000x1000", "3000x300",
    "10000x100", "50000x20", "100000x10", "200000x5",
)  # fmt: skip
CPU_S = 45.0  # of the process tree, report included
PEAK_MIB = 400.0
MANY_ROWS = 10_000  # from which columns of 200 categories are tried too


def write_table(path: Path, n_rows: int, n_columns: int, n_categories: int) -> None:
    """Write numbers, of which three matter, and, in half of the columns, categories if asked."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(0)
    n_texts = n_columns // 2 if n_categories else 0
    numbers = random.normal(size=(n_rows, n_columns - n_texts)).round(3)
    codes = random.integers(0, max(1, n_categories), size=(n_rows, n_texts))
    frame = pd.DataFrame(numbers, columns=[f"x{i}" for i in range(numbers.shape[1])])
    names = np.array([f"kind {i}" for i in range(max(1, n_categories))])
    texts = pd.DataFrame(names[codes], columns=[f"c{i}" for i in range(n_texts)])
    effects = codes[:, :3].sum(axis=1) * (2.5 / max(1, n_categories))
    y = numbers[:, :3].sum(axis=1) + effects + random.normal(size=n_rows)
    pd.concat([frame, texts], axis=1).assign(y=y.round(3)).to_csv(path, index=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure each table; return 1 where a limit is missed and that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--shapes", nargs="+", default=[*SHAPES], metavar="ROWSxCOLUMNS", help="of the tables"
    )
    parser.add_argument("--check", action="store_true", help="exit with 1 where a limit is missed")
    options = parser.parse_args(arguments)
    missed = False
    for shape in options.shapes:
        n_rows, n_columns = map(int, shape.split("x"))
        for n_categories in (0, 5, 200) if n_rows >= MANY_ROWS else (0, 5):
            with tempfile.TemporaryDirectory() as folder:
                table = Path(folder) / "wide.csv"
                write_table(table, n_rows, n_columns, n_categories)
                told = ["--data", table, "--target", "y", "--artifacts", Path(folder) / "artifacts"]
                command = [sys.executable, "-m", "src.pipelines.train_pipeline", "--quiet", *told]
                seen = measure(command, cwd=ROOT, timeout_s=1_800)
            peak = seen.peak_bytes / MIB
            good = not seen.status and seen.cpu_s <= CPU_S and peak < PEAK_MIB
            missed |= not good
            kind = f"half categories of {n_categories}" if n_categories else "numbers"
            print(f"{shape}, {kind}: {seen.cpu_s:.1f} s of a processor (at most {CPU_S:.0f}), "
                  f"{peak:.0f} MiB (below {PEAK_MIB:.0f}), status {seen.status}: "
                  f"{'pass' if good else 'fail'}", flush=True)  # fmt: skip
    return int(missed and options.check)


if __name__ == "__main__":
    sys.exit(main())
