"""Whether a compiled model or classifier predicts what its pickles predict."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from src.compiled.batch import BatchEvaluator
from src.compiled.classifier import CompiledClassifier, JointTrees
from src.compiled.classifier_batch import ClassifierBatch
from src.compiled.model import CategoryTable, CompiledModel, NumericTable, ObliviousTrees
from src.schema.features import NumericFeature
from src.schema.frames import typed_frame
from src.schema.record import Schema

if TYPE_CHECKING:
    import pandas as pd

RELATIVE = 1e-9
RELATIVE_SINGLE = 1e-4  # where the library itself sums in float32
APART = 1e-9  # of probabilities
APART_SINGLE = 1e-5
RANDOM_ROWS = 10_000
MOST_TIES = 6_000  # tests of numbers whose ties are tried; of more, so many at random
ONE_IN = 150  # rows, which is evaluated as a record too
WALKED_ROWS = 300  # training rows whose ways through the trees are looked at ...
WALKED_NODES = 300_000  # ... until they came to so many nodes
SAMPLED_ROWS = 2_000  # training rows that are changed, and that show the spread of the predictions
MOST_CELLS = 1_500_000  # of the random records; a wide table has fewer, and fewer others
LEAST_RANDOM, LEAST_TIES = 500, 250
CHUNK_CELLS = 250_000  # that are predicted at once; with one column a category they are more
LARGEST = 1e300  # all predictions beyond are one
FAR = 1_000  # widths of what training saw, for the ends of a feature without bounds

Columns = dict[str, "NDArray[Any]"]
Change = tuple[str, Any]  # a feature, and the value that it gets


@dataclass(frozen=True)
class Agreement:
    """How far a compiled model's predictions are from those of its pickles.

    Attributes
    ----------
    worst : float
        Largest difference: of two probabilities, or else relative to the prediction or, where that
        is larger, to the spread of the predictions for the training rows. Infinite where a record
        and the same row of many differ in any bit.
    """

    n_rows: int
    worst: float
    allowed: float

    @property
    def holds(self) -> bool:
        return self.worst <= self.allowed


def compare(
    schema: Schema,
    model: CompiledModel | CompiledClassifier,
    predict: Callable[[pd.DataFrame], NDArray[np.float64]],
    X: pd.DataFrame,
    *,
    single: bool,
    random_state: int = 0,
) -> Agreement:
    """Compare a compiled model with the pipeline that it was made from.

    On training rows, 10,000 random records, every category, missing values, the ends of every
    range, and, for each test of a number, training rows that meet it with the value exactly at its
    cut, on the floats next to it and at the half nearest to it; so too where curves turn.

    Parameters
    ----------
    predict : callable
        The fitted pipeline's predictions or probabilities: takes a typed frame.
    X : DataFrame of shape (n_samples, n_features)
        Training rows.
    single : bool
        Whether the library itself sums in float32.
    """
    random = np.random.default_rng(random_state)
    if len(X) > SAMPLED_ROWS:
        X = X.iloc[random.choice(len(X), SAMPLED_ROWS, replace=False)]
    if isinstance(model, CompiledClassifier):
        of_many: Callable[[Columns], NDArray[np.float64]] = ClassifierBatch(model).probabilities
        of_one: Callable[[dict[str, Any]], object] = model.probabilities
        allowed, least = APART_SINGLE if single else APART, None
    else:
        of_many, of_one = BatchEvaluator(model).predict, model.predict
        allowed, least = RELATIVE_SINGLE if single else RELATIVE, float(np.std(predict(X)))
    n_rows, worst = 0, 0.0
    for columns in _Rows(schema, model, X, random).chunks():
        found = of_many(columns)
        with np.errstate(over="ignore"):  # of an exponential, far outside of what training saw
            expected = predict(typed_frame(schema, columns)).clip(-LARGEST, LARGEST)
        scale = 1.0 if least is None else np.maximum(np.abs(expected), least)
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = np.abs(found - expected) / scale
        apart[np.clip(found, -LARGEST, LARGEST) == expected] = 0.0
        alike = all(
            of_one(_record(columns, i)) == found[i].tolist() for i in range(0, len(found), ONE_IN)
        )
        worst = max(worst, float(apart.max()) if alike and np.isfinite(apart).all() else math.inf)
        n_rows += len(found)
    return Agreement(n_rows, worst, allowed)


def _record(columns: Mapping[str, Any], row: int) -> dict[str, Any]:
    values = {name: column[row] for name, column in columns.items()}
    return {
        name: None if value is None or value != value else value for name, value in values.items()
    }


class _Rows:
    """The records that are compared, as columns; None or NaN where a value is missing."""

    def __init__(
        self,
        schema: Schema,
        model: CompiledModel | CompiledClassifier,
        X: pd.DataFrame,
        random: np.random.Generator,
    ) -> None:
        self.model = model
        if isinstance(model, CompiledClassifier):
            members = model.members
            self._outputs = [output for member in members for output in member.outputs]
            joint = [e.roots for m in members for e in m.joint if isinstance(e, JointTrees)]
        else:
            self._outputs = [model, *(inner for _, inner in model.exponentials)]
            joint = []
        ensembles = (ensemble for output in self._outputs for ensemble in output.ensembles)
        roots = [e.roots for e in ensembles if not isinstance(e, ObliviousTrees)]
        self._roots = [root for of_ensemble in [*roots, *joint] for root in of_ensemble]
        self._random = random
        self._numeric = {feature.name: feature for feature in schema.numeric}
        self._training: Columns = {name: X[name].to_numpy() for name in schema.names}
        self._n = len(X)
        self._size = max(1, CHUNK_CELLS // len(self._training))
        affordable = MOST_CELLS // len(self._training)
        self._n_random = min(RANDOM_ROWS, max(LEAST_RANDOM, affordable))
        self._n_corners = max(LEAST_RANDOM, affordable)
        self._n_ties = min(MOST_TIES, max(LEAST_TIES, affordable // 3))

    def chunks(self) -> Iterator[Columns]:
        """Yield all records, so many at once as do not fill the memory."""
        for part in (self._training, self._drawn()):
            for at in range(0, len(next(iter(part.values()))), self._size):
                yield {name: column[at : at + self._size] for name, column in part.items()}
        yield from self._changed(*self._corners())
        yield from self._changed(*self._ties())

    def _drawn(self) -> Columns:
        """Return random records: half of the numbers are whole, some values missing."""
        found: Columns = {}
        for table in self.model.features:
            if isinstance(table, CategoryTable):
                choices = np.array(table.categories, dtype=object)
                found[table.name] = self._random.choice(choices, self._n_random)
                continue
            feature = self._numeric[table.name]
            low, high = _ends(feature, 1 / 6)
            numbers = self._random.uniform(low, high, self._n_random)
            whole = self._random.random(self._n_random) < 0.5
            numbers = np.where(whole, np.round(numbers).clip(low, high), numbers)
            missing = feature.optional * (self._random.random(self._n_random) < 0.1)
            found[table.name] = np.where(missing, np.nan, numbers)
        return found

    def _corners(self) -> tuple[NDArray[np.intp], list[Change]]:
        """Return training rows, and what is replaced: each category, each range's ends, none."""
        changes: list[Change] = []
        for table in self.model.features:
            values: list[Any]
            if isinstance(table, CategoryTable):
                values = list(table.categories)
            else:
                feature = self._numeric[table.name]
                values = [*_ends(feature, FAR), feature.observed_minimum, feature.observed_maximum]
                values += [np.nan] if feature.optional else []
            changes += [(table.name, value) for value in values]
        n_rows = min(len(changes), self._n_corners)
        return self._random.integers(self._n, size=n_rows), changes

    def _ties(self) -> tuple[NDArray[np.intp], list[Change]]:
        """Return training rows, and the values at the cuts that are put into them."""
        tests: list[tuple[str, int, float]] = []  # -1 for where a curve turns
        first = 0
        for table in self.model.features:
            if isinstance(table, NumericTable):
                tests += [(table.name, test, cut) for test, cut in enumerate(table.cuts, first)]
            first += table.n_tests
        tests += [(name, -1, at) for name, at in self._turns()]
        if len(tests) > self._n_ties:
            chosen = self._random.choice(len(tests), self._n_ties, replace=False)
            tests = [tests[i] for i in chosen]
        met = self._met()
        rows: list[int] = []
        changes: list[Change] = []
        for name, test, cut in tests:
            beside = np.nextafter(cut, -np.inf), np.nextafter(cut, np.inf)
            for value in sorted({cut, *beside, round(2 * cut) / 2}):
                if self._numeric[name].within(value):
                    rows.append(met.get(test, int(self._random.integers(self._n))))
                    changes.append((name, float(value)))
        return np.array(rows, dtype=int), changes

    def _turns(self) -> list[tuple[str, float]]:
        """Return where the curves of each number turn; those of several outputs, once."""
        tables = [table for output in self._outputs for table in output.features]
        numeric = [table for table in tables if isinstance(table, NumericTable)]
        turns = [(table.name, at) for table in numeric for c in table.curves for at in c.breaks]
        return list(dict.fromkeys(turns))

    def _met(self) -> dict[int, int]:
        """Return a training row that comes to each test, where one was found."""
        met: dict[int, int] = {}
        n_nodes = 0
        for row in range(min(self._n, WALKED_ROWS) if self._roots else 0):
            bits = self.model.bits(_record(self._training, row))
            for node in self._roots:
                while isinstance(node, tuple):
                    met.setdefault(node[2], row)
                    n_nodes += 1
                    node = node[bits[node[2]]]
            if n_nodes > WALKED_NODES:
                break
        return met

    def _changed(self, rows: NDArray[np.intp], changes: Sequence[Change]) -> Iterator[Columns]:
        """Yield copies of training rows with a value replaced; several where the rows are fewer."""
        for at in range(0, len(rows), self._size):
            chunk = rows[at : at + self._size]
            found = {name: column[chunk] for name, column in self._training.items()}
            for row in range(len(chunk)):
                for name, value in changes[at + row :: len(rows)]:
                    found[name][row] = value
            yield found


def _ends(feature: NumericFeature, margin: float) -> tuple[float, float]:
    """Return the bounds; where there is none, what training saw and so many widths more."""
    beyond = margin * (feature.observed_maximum - feature.observed_minimum)
    low = feature.observed_minimum - beyond if feature.minimum is None else feature.minimum
    high = feature.observed_maximum + beyond if feature.maximum is None else feature.maximum
    return low, high
