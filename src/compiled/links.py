"""From scores to the probabilities of classes, and how these move. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from operator import add, mul
from typing import Literal

# What a member's scores are. Of "sigmoid", the log-odds of the second class; of "softmax", a score
# a class; of "share", probabilities: the second's where there are two classes, else one each; of
# "cumulative", how high an outcome of an order: P(Y <= k) = sigmoid(threshold k - score).
Link = Literal["sigmoid", "softmax", "share", "cumulative"]
Thresholds = Sequence[float]


def sigmoid(score: float) -> float:
    """Return ``1 / (1 + exp(-score))``.

    Examples
    --------
    >>> sigmoid(0.0), sigmoid(-1e4), sigmoid(1e4)
    (0.5, 0.0, 1.0)
    """
    small = math.exp(-abs(score))
    return 1 / (1 + small) if score >= 0 else small / (1 + small)


def probabilities(
    link: Link, scores: Sequence[float], thresholds: Thresholds = ()
) -> Sequence[float]:
    """Return the probability of each class.

    Examples
    --------
    >>> probabilities("softmax", [0.0, 0.0, 0.0, 0.0])
    [0.25, 0.25, 0.25, 0.25]
    >>> probabilities("cumulative", [1.0], (1.0,))
    [0.5, 0.5]
    """
    if link == "softmax":
        highest = max(scores)
        exps = [math.exp(score - highest) for score in scores]
        total = reduce(add, exps)
        return [each / total for each in exps]
    if link == "cumulative":
        below = [*(sigmoid(threshold - scores[0]) for threshold in thresholds), 1.0]
        return [high - low for low, high in pairwise([0.0, *below])]
    if len(scores) > 1:
        return scores
    second = sigmoid(scores[0]) if link == "sigmoid" else scores[0]
    return [1 - second, second]


def slopes(
    link: Link, scores: Sequence[float], gains: Sequence[float], thresholds: Thresholds = ()
) -> Sequence[float]:
    """Return by what a sum of the probabilities changes with each score.

    Parameters
    ----------
    gains : sequence of float
        What each class counts in the sum.
    """
    if link == "softmax":
        shares = probabilities(link, scores)
        mean = math.fsum(map(mul, shares, gains))
        return [share * (gain - mean) for share, gain in zip(shares, gains, strict=True)]
    if link == "cumulative":
        below = [sigmoid(threshold - scores[0]) for threshold in thresholds]
        steps = [high - low for low, high in pairwise(gains)]
        return [math.fsum(p * (1 - p) * step for p, step in zip(below, steps, strict=True))]
    if len(scores) > 1:
        return gains
    change = gains[1] - gains[0]
    if link == "share":
        return [change]
    second = sigmoid(scores[0])
    return [change * second * (1 - second)]
