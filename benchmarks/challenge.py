"""How often a challenger is promoted that is as good as the champion, worse, or better.

``python -m benchmarks.challenge``; every simulation has its seed. Both models err by what no model
can know (a pupil's, and a class's own), and each by something of its own, again of pupil and class.
That own part is as large on both sides where there is no true difference; else it makes the
challenger's RMSE, or its log loss, as much larger or smaller as is said.
"""

from __future__ import annotations

import argparse
import functools
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from src.stats.challenge import BETTER, compare
from src.stats.class_scores import log_losses

FIRST_SEED = 410_000
CLASS_SIZE = 25
OF_CLASSES = 0.2  # of each variance, what a class's pupils share
OWN = 0.12  # of the champion's squared error, what is its own: residuals then correlate by .93
OFF = 0.7  # by which the champion's logits are off, in standard deviations
LIMITS = {0.0: 0.05, 0.02: 0.01}  # of promotions, by how much worse the challenger is
HARSH_LIMITS = {0.0: 0.05, 0.02: 0.02}  # where few pupils make most of the difference
SIZES = (175, 250, 1_000)  # outcomes: 7, 10 and 40 classes
LEAST_FOUND = 0.8  # of challengers better by 5 % of RMSE, on 1,000 outcomes

Losses = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class World:
    """What is predicted, and how models err.

    Attributes
    ----------
    draw : callable
        Takes a generator, each row's class, and how much worse the challenger is (0.02: its RMSE,
        or its log loss, is 2 % larger); returns the losses of champion and challenger.
    limits : mapping of float to float
        Of promotions, by how much worse the challenger is.
    """

    name: str
    draw: Callable[[np.random.Generator, NDArray[np.intp], float], Losses]
    limits: Mapping[float, float] = field(default_factory=lambda: LIMITS)


def _shared(random: np.random.Generator, classes: NDArray[np.intp], tails: bool = False) -> NDArray:
    """Draw numbers of variance 1 that are partly of the pupil, partly of the class."""
    n_classes = int(classes.max()) + 1
    of_pupil, of_class = (
        random.standard_t(5, n) / math.sqrt(5 / 3) if tails else random.normal(size=n)
        for n in (len(classes), n_classes)
    )
    return math.sqrt(1 - OF_CLASSES) * of_pupil + math.sqrt(OF_CLASSES) * of_class[classes]


def numbers(
    random: np.random.Generator, classes: NDArray[np.intp], worse: float, *, tails: bool = False
) -> Losses:
    """Return squared errors; with long tails, few pupils make most of what models differ by."""
    unknown = math.sqrt(1 - OWN) * _shared(random, classes)
    own = OWN + (1 + worse) ** 2 - 1
    champion = unknown + math.sqrt(OWN) * _shared(random, classes)
    challenger = unknown + math.sqrt(own) * _shared(random, classes, tails)
    return champion**2, challenger**2


def outcomes(random: np.random.Generator, classes: NDArray[np.intp], worse: float) -> Losses:
    """Return log losses of chances whose logits are off."""
    logits = 1.5 * _shared(random, classes) - 1.0
    truth = (random.random(len(classes)) < 1 / (1 + np.exp(-logits))).astype(np.int64)
    off = (_off_by(0.0), _off_by(worse))
    champion, challenger = (
        log_losses(truth, _chances(logits + by * _shared(random, classes))) for by in off
    )
    return champion, challenger


@functools.cache
def _off_by(worse: float) -> float:
    """Return by how much logits are off, in standard deviations, so that log loss is as asked."""
    from scipy.optimize import brentq

    random = np.random.default_rng(FIRST_SEED)
    logits, noise = 1.5 * random.normal(size=200_000) - 1.0, random.normal(size=200_000)
    p_true = _chances(logits)

    def loss(by: float) -> float:
        return float(-(p_true * np.log(_chances(logits + by * noise))).sum(axis=1).mean())

    return float(brentq(lambda by: loss(by) - (1 + worse) * loss(OFF), 0.0, 3.0))


def _chances(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    chance = 1 / (1 + np.exp(-logits))
    return np.column_stack([1 - chance, chance])


WORLDS = (
    World("numbers", numbers),
    World("numbers, long tails", functools.partial(numbers, tails=True), HARSH_LIMITS),
    World("outcomes", outcomes),
)


def promoted(world: World, n_rows: int, worse: float, n_simulations: int) -> float:
    """Return the share of simulations in which the challenger is promoted."""
    classes = np.arange(n_rows) // CLASS_SIZE
    seeds = range(FIRST_SEED, FIRST_SEED + n_simulations)
    verdicts = [
        compare(*world.draw(np.random.default_rng(seed), classes, worse), classes, seed).verdict
        for seed in seeds
    ]
    return verdicts.count(BETTER) / n_simulations


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.challenge",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--simulations", type=int, default=400, help="of each line")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a limit is missed")
    options = parser.parse_args(arguments)
    missed = False
    sys.stdout.write("| predicted | outcomes | classes | the challenger is | promoted | limit |\n")
    sys.stdout.write("|---|---|---|---|---|---|\n")
    for world in WORLDS:
        for n_rows in SIZES:
            for worse in (0.0, 0.02, -0.05):
                found = promoted(world, n_rows, worse, options.simulations)
                limit, said = "", "as good"
                if worse in world.limits:
                    limit = f"at most {world.limits[worse]:.0%}"
                    missed |= found > world.limits[worse]
                elif n_rows >= 1_000 and world.name == "numbers":
                    limit = f"at least {LEAST_FOUND:.0%}"
                    missed |= found < LEAST_FOUND
                if worse:
                    said = f"{abs(worse):.0%} {'worse' if worse > 0 else 'better'}"
                sys.stdout.write(
                    f"| {world.name} | {n_rows:,} | {n_rows // CLASS_SIZE} | {said} "
                    f"| {found:.1%} | {limit} |\n"
                )
                sys.stdout.flush()
    return int(options.check and missed)


if __name__ == "__main__":
    sys.exit(main())
