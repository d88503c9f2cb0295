"""What a run's files say, and that they can be read back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from src.artifact_store import Run
from src.components.model_evaluation import Evaluation
from src.components.model_trainer import TrainedModel
from src.exception import ArtifactError
from src.report.data_summary import target_histogram
from src.schema.record import Schema
from src.search.candidates import CANDIDATES
from src.serving.predictor import Predictor
from src.stats.conformal import PredictionIntervals

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline


CHECKED_ROWS = 100  # predicted again from the saved files before they are promoted


def metrics_of(
    schema: Schema,
    trained: TrainedModel,
    evaluation: Evaluation,
    rows: dict[str, int],
    y: NDArray[np.float64],
) -> dict[str, Any]:
    """Return metrics.json: nothing in it depends on the clock, so equal runs have equal files."""
    edges, counts = target_histogram(y, schema.target)
    leaderboard = []
    for row in trained.leaderboard:
        values = asdict(row)
        del values["fit_time_s"]
        leaderboard.append(values)
    labels = {candidate.name: candidate.label for candidate in CANDIDATES}
    return {
        "target": schema.target.name,
        "unit": schema.target.unit,
        "target_mean": float(y.mean()),
        "target_distribution": {"edges": edges, "counts": counts},
        "winner": trained.winner.name,
        "model": trained.winner.label,
        "held_out": asdict(evaluation),
        "note": f"The winner was chosen by cross-validation inside {rows['train']} training rows. "
        f"These metrics come from {rows['test']} held-out rows, which were read once, at the end. "
        f"The promoted model was then fitted again on all {rows['used']} rows.",
        "leaderboard": leaderboard,
        "left_out": {labels[name]: reason for name, reason in trained.left_out.items()},
    }


def coverage_of(
    intervals: PredictionIntervals,
    schema: Schema,
    y: NDArray[np.float64],
    y_pred: NDArray[np.float64],
) -> list[dict[str, float]]:
    """Return how often the held-out rows lie in their intervals, and how wide these are."""
    found, target = [], schema.target
    for level in intervals.levels:
        low, high = intervals.ends(y_pred, level, target.minimum, target.maximum)
        inside = (y >= low) & (y <= high)
        found.append({"level": level, "coverage": float(inside.mean()),
                      "mean_width": float((high - low).mean())})  # fmt: skip
    return found


def check_saved(run: Run, pipeline: Pipeline, X: pd.DataFrame) -> None:
    """Read a run back, its pickles and what serving takes, and compare what they predict.

    Raises
    ------
    ArtifactError
        If it does not load, or predicts something else.
    """
    import numpy as np

    expected = pipeline.predict(X)
    features = run.load_object("preprocessor.pkl").transform(X)
    pickled = run.load_object("model.pkl").predict(features)
    predictor = Predictor.from_run(run)
    served, allowed = predictor.predict_frame(X), predictor.schema.clip_all(expected)
    if not (np.array_equal(pickled, expected) and np.allclose(served, allowed, rtol=1e-4)):
        raise ArtifactError(
            f"Run {run.run_id} predicts something else once it is read back. It was not promoted."
        )
