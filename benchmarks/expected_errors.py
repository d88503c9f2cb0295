"""Simulated shifts of who comes, and how near the estimated error is to the true one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

N_TRAIN, N_LATER, N_TRUTH = 1000, 500, 20_000
N_NUMBERS = 6
NOISE = 6.0
CHANGE = 0.5  # of the target's spread, by which a changed relation moves scores


class Estimate(NamedTuple):
    """What is estimated of a shift, and the truth.

    Attributes
    ----------
    usual, estimated, low, high, true : float
        Roots of mean squared errors: in training, of the later pupils as they are estimated with
        the interval, and as they are expected.
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
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    from src.schema.expected_loss import ExpectedLoss
    from src.schema.features import CategoricalFeature, NumericFeature
    from src.schema.record import Schema

    world = World(seed)
    frame = world.pupils(N_TRAIN)
    y = world.expected(frame) + world.noise(frame) * world.random.normal(size=N_TRAIN)
    boosted = HistGradientBoostingRegressor(max_iter=60, max_leaf_nodes=8, random_state=0)
    encoder = make_column_transformer(
        (OneHotEncoder(drop="first"), ["lunch"]), remainder="passthrough"
    )
    model = make_pipeline(encoder, LinearRegression() if seed % 8 < 4 else boosted)
    unseen = cross_val_predict(model, frame, y)
    model.fit(frame, y)
    features: list[NumericFeature | CategoricalFeature] = [
        NumericFeature(name=f"x{i}", observed_minimum=-5, observed_maximum=5)
        for i in range(N_NUMBERS)
    ]
    features.append(CategoricalFeature(name="lunch", categories=("free", "paid")))
    target = NumericFeature(name="score", observed_minimum=-50, observed_maximum=50)
    schema = Schema(tuple(features), target)
    expected = ExpectedLoss.fit(schema, frame, unseen, (y - unseen) ** 2)
    if expected is None:
        raise TypeError("too few rows")
    shift = world.random.uniform(0.25, 1), world.random.uniform(0.8, 1.2), world.random.random()
    later, truth = world.pupils(N_LATER, *shift), world.pupils(N_TRUTH, *shift)
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


def _unit(random: np.random.Generator) -> NDArray[np.float64]:
    import numpy as np

    found = random.normal(size=N_NUMBERS)
    return np.asarray(found / np.linalg.norm(found))
