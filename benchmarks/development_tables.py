"""The tables that training is measured on: real ones where they are, simulated ones always."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"

N_ROWS = 1_000
# Noise that leaves about 0.86 of the target's variance to be explained.
NOISE = {"friedman1": 2.0, "friedman2": 150.0, "friedman3": 0.12}


@dataclass(frozen=True)
class DevelopmentTable:
    """A table on disk, or why there is none.

    Attributes
    ----------
    name, target : str
    path : Path
        Simulated tables have none until :func:`simulate` wrote them.
    drop : tuple of str
        Columns that no method may use.
    """

    name: str
    target: str
    path: Path
    drop: tuple[str, ...] = ()
    simulated: bool = False

    @property
    def reason_to_skip(self) -> str | None:
        if self.simulated or self.path.is_file():
            return None
        return f"{self.path.name} is not in {self.path.parent}"


def development_tables(folder: Path) -> dict[str, DevelopmentTable]:
    """Return all tables by name; ``folder`` is where the simulated ones are written."""
    tables = [
        DevelopmentTable("stud", "math_score", SHARED / "stud.csv"),
        DevelopmentTable("star3", "math3", SHARED / "star3.csv"),
        DevelopmentTable("uci_mat", "G3", SHARED / "uci_mat.csv"),
        DevelopmentTable("uci_mat-no-G1-G2", "G3", SHARED / "uci_mat.csv", ("G1", "G2")),
        DevelopmentTable("sample", "math_score", ROOT / "notebooks" / "data" / "stud.csv"),
        *(DevelopmentTable(name, "y", folder / f"{name}.csv", simulated=True) for name in NOISE),
    ]
    return {table.name: table for table in tables}


def simulate(table: DevelopmentTable) -> None:
    """Write one of Friedman's problems as CSV, the same rows each time."""
    from sklearn import datasets

    make = getattr(datasets, f"make_{table.name}")
    X, y = make(n_samples=N_ROWS, noise=NOISE[table.name], random_state=0)
    with table.path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*(f"x{i}" for i in range(1, X.shape[1] + 1)), table.target])
        writer.writerows([*map(float, row), float(value)] for row, value in zip(X, y, strict=True))
