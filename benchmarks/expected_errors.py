"""Simulated shifts of who comes, and how near the estimated error is to the true one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    from src.schema.expected_loss import ExpectedLoss

N_TRAIN, N_LATER, N_TRUTH = 1000, 500, 20_000
N_NUMBERS = 6
NOISE = 6.0
MARKS = 0.25, 0.7  # quantiles of the score between three outcomes
CHANGE = 0.5  # of the target's spread, by which a changed relation moves scores


class Estimate(NamedTuple):
    """What is estimated of a shift, and the truth.

    Attributes
    ----------
    usual, estimated, low, high, true : float
        Roots of mean squared errors, or shares of outcomes that are missed: in training, of the
        later pupils as they are estimated with the interval, and as they are expected.
    changed : float
        As they are expected where the relation has changed too; the estimate is the same.
    """

    usual: float
    estimated: float
    low: float
    high: float
    true: float
    changed: float


class World:
    """Pupils whose scores follow from their answers, with noise that may depend on them."""

    def __init__(self, seed: int) -> None:
        import numpy as np

        self.random = random = np.random.default_rng(seed)
        self.kind = seed % 4  # of the noise: constant, rising, in the middle least, by category
        self.curved = seed // 4 % 2 == 1
        self.mixing = np.eye(N_NUMBERS) + 0.35 * random.normal(size=(N_NUMBERS, N_NUMBERS))
        self.slopes = 3 * random.normal(size=N_NUMBERS)
        self.direction = _unit(random)

    def pupils(self, n: int, moved: float = 0.0, wide: float = 1.0, share: float = 0.4) -> Any:
        """Return answers: numbers of about one spread, and a category."""
        import pandas as pd

        numbers = wide * self.random.normal(size=(n, N_NUMBERS)) @ self.mixing
        numbers += moved * self.direction * self.mixing.std(axis=0) * math.sqrt(N_NUMBERS)
        frame = pd.DataFrame(numbers, columns=[f"x{i}" for i in range(N_NUMBERS)])
        frame["lunch"] = ["free" if one < share else "paid" for one in self.random.random(n)]
        return frame

    def shifted(self) -> tuple[Any, Any]:
        """Return later pupils after a shift of who comes, and many more of them."""
        random = self.random
        shift = random.uniform(0.25, 1), random.uniform(0.8, 1.2), random.random()
        return self.pupils(N_LATER, *shift), self.pupils(N_TRUTH, *shift)

    def expected(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return the expected score of each pupil."""
        import numpy as np

        X = frame.to_numpy()[:, :N_NUMBERS].astype(float)
        found = X @ self.slopes + 4 * (frame["lunch"] == "paid").to_numpy()
        if self.curved:
            found = found + 3 * np.sin(X[:, 0]) * X[:, 1] + 1.5 * X[:, 2] ** 2
        return np.asarray(found)

    def noise(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return the standard deviation of each pupil's score."""
        import numpy as np

        X = frame.to_numpy()[:, :N_NUMBERS].astype(float)
        if self.kind == 1:
            return np.asarray(NOISE * np.exp(0.25 * X @ self.direction))
        if self.kind == 2:
            return np.asarray(0.7 * NOISE + 2 * np.abs(X[:, 0]))
        if self.kind == 3:
            return np.asarray(NOISE * np.where(frame["lunch"] == "free", 1.5, 0.8))
        return np.full(len(X), NOISE)


def estimate(seed: int) -> Estimate:
    """Train on some pupils, shift who comes, and estimate the error before outcomes are known."""
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import cross_val_predict

    world = World(seed)
    frame = world.pupils(N_TRAIN)
    y = world.expected(frame) + world.noise(frame) * world.random.normal(size=N_TRAIN)
    boosted = HistGradientBoostingRegressor(max_iter=60, max_leaf_nodes=8, random_state=0)
    model = _encoded(LinearRegression() if seed % 8 < 4 else boosted)
    unseen = cross_val_predict(model, frame, y)
    model.fit(frame, y)
    expected = _learn(frame, unseen, (y - unseen) ** 2)
    later, truth = world.shifted()
    found = expected.mean_of(later, model.predict(later))
    bias, noise = world.expected(truth) - model.predict(truth), world.noise(truth)
    moved = bias + CHANGE * float(y.std())
    return Estimate(
        usual=math.sqrt(expected.model.usual),
        estimated=math.sqrt(found.value),
        low=math.sqrt(found.low),
        high=math.sqrt(found.high),
        true=math.sqrt(float((bias**2 + noise**2).mean())),
        changed=math.sqrt(float(np.mean(moved**2 + noise**2))),
    )


def estimate_missed(seed: int) -> Estimate:
    """Return the same of three ordered outcomes: how many end with another than the likeliest."""
    import numpy as np
    from scipy.stats import norm
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    world = World(seed)
    frame = world.pupils(N_TRAIN)
    scores = world.expected(frame) + world.noise(frame) * world.random.normal(size=N_TRAIN)
    marks = np.quantile(scores, MARKS)
    y = np.searchsorted(marks, scores)
    boosted = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=4, random_state=0)
    model = _encoded(LogisticRegression(max_iter=1000) if seed % 8 < 4 else boosted)
    unseen = cross_val_predict(model, frame, y, method="predict_proba")
    model.fit(frame, y)
    missed = (unseen.argmax(axis=1) != y).astype(float)
    expected = _learn(frame, unseen.max(axis=1), missed)
    later, truth = world.shifted()
    found = expected.mean_of(later, model.predict_proba(later).max(axis=1))
    said = model.predict(truth)

    def share_missed(moved: float) -> float:
        below = norm.cdf(
            (marks - world.expected(truth)[:, None] - moved) / world.noise(truth)[:, None]
        )
        chances = np.diff(below, axis=1, prepend=0.0, append=1.0)
        return float(1 - chances[np.arange(len(said)), said].mean())

    return Estimate(
        usual=expected.model.usual,
        estimated=found.value,
        low=found.low,
        high=found.high,
        true=share_missed(0.0),
        changed=share_missed(CHANGE * float(scores.std())),
    )


def _encoded(model: Any) -> Pipeline:
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    encoder = make_column_transformer(
        (OneHotEncoder(drop="first"), ["lunch"]), remainder="passthrough"
    )
    return make_pipeline(encoder, model)


def _learn(
    frame: pd.DataFrame, predicted: NDArray[np.float64], losses: NDArray[np.float64]
) -> ExpectedLoss:
    from src.schema.expected_loss import ExpectedLoss
    from src.schema.features import CategoricalFeature, NumericFeature
    from src.schema.record import Schema

    features: list[NumericFeature | CategoricalFeature] = [
        NumericFeature(name=f"x{i}", observed_minimum=-5, observed_maximum=5)
        for i in range(N_NUMBERS)
    ]
    features.append(CategoricalFeature(name="lunch", categories=("free", "paid")))
    target = NumericFeature(name="score", observed_minimum=-50, observed_maximum=50)
    expected = ExpectedLoss.fit(Schema(tuple(features), target), frame, predicted, losses)
    if expected is None:
        raise TypeError("too few rows")
    return expected


def _unit(random: np.random.Generator) -> NDArray[np.float64]:
    import numpy as np

    found = random.normal(size=N_NUMBERS)
    return np.asarray(found / np.linalg.norm(found))
