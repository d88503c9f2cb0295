"""What a run keeps so that later classes can be compared with those that trained."""

from __future__ import annotations

from src.pipelines.rows import GoodRows, Rows
from src.schema.class_reference import REFERENCE, ClassReference
from src.schema.expected_loss import LOSSES, ExpectedLoss
from src.schema.record import Schema
from src.search.leaderboard import TrainedModel
from src.stats.chances import ClassChances
from src.utils import to_json

MOST_ROWS = 10_000  # that the size of errors is learnt from, drawn at random
SEED = 0


def reference_files(
    schema: Schema, good: GoodRows, train: Rows, trained: TrainedModel, chances: ClassChances | None
) -> dict[str, bytes]:
    """Return the files of a run by name: figures alone, no value of a pupil.

    The loss is that of rows that the model had not seen: the squared error of a number, and of
    outcomes whether another came than was most likely. Where groups have effects, it is that of
    new groups.

    Parameters
    ----------
    chances : ClassChances or None
        Of outcomes.
    """
    import numpy as np

    codes = None
    if schema.group is not None and good.units is not None:
        keys, codes = np.unique(good.units.keys, return_inverse=True)
        codes = np.where(keys[codes] == "", -1, codes)
    by = "" if schema.group is None else schema.group.name
    reference = ClassReference.of(schema, good.X, codes, by)
    files = {REFERENCE: to_json(reference.to_dict())}
    rows, predicted, ratio = trained.unseen.rows, trained.unseen.predicted, trained.unseen.ratio
    if trained.groups is not None and len(rows) == len(trained.groups.rows):
        predicted = trained.groups.new
    if len(rows) > MOST_ROWS:
        kept = np.sort(np.random.default_rng(SEED).choice(len(rows), MOST_ROWS, replace=False))
        rows, predicted = rows[kept], predicted[kept]
    seen = train.take(rows)
    if chances is None:
        losses = (ratio * (seen.y - schema.clip_all(predicted))) ** 2
    else:
        likely = chances.calibrated_of_each(predicted)
        losses = (likely.argmax(axis=1) != seen.y).astype(float)
        predicted = likely.max(axis=1)
    X = seen.X.reset_index(drop=True)
    expected = ExpectedLoss.fit(schema, X, predicted, losses, seen.clusters)
    if expected is not None:
        files[LOSSES] = to_json(expected.to_dict())
    return files
