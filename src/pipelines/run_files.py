"""What a run's files say, and that they can be read back."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from src.artifact_store import Run, RunManifest, library_versions, new_run_id, utc_now
from src.compiled.classifier import CompiledClassifier
from src.compiled.model import CompiledModel
from src.components.data_check import CheckedTable
from src.components.data_ingestion import without_secrets
from src.components.model_evaluation import Evaluation
from src.exception import ArtifactError
from src.pipelines.training import TrainConfig
from src.report.class_facts import ClassScores
from src.report.facts import RawDifference
from src.report.overview import SHOWN_LEVEL
from src.report.table_findings import left_out_because
from src.schema.inference import InferredSchema
from src.schema.record import Schema
from src.search.leaderboard import TrainedModel
from src.serving.outcomes import OutcomePredictor
from src.serving.predictor import NumberPredictor, Predictor
from src.stats.chances import ClassChances
from src.stats.conformal import PredictionIntervals
from src.stats.disclosure import parts_by_size
from src.stats.intervals import promise_p_value, share_interval
from src.tables.cells import match_key

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline


# Options that change nothing of a run, or that are told otherwise.
NOT_TOLD = ("hints", "artifacts", "seed", "jobs", "scheduler", "send_all", "used_for", "large")
CHECKED_ROWS = 100  # predicted again from the saved files before they are promoted


def dropped_columns(
    config: TrainConfig, inferred: InferredSchema, schema: Schema, checked: CheckedTable
) -> dict[str, str]:
    """Return the columns that are not features, with the reasons."""
    has_effects = schema.group is not None
    reasons = {
        config.group: "it is the group, which has an effect beside the features (--group)"
        if has_effects
        else "it says which rows belong together (--group)",
        config.time: "it says which period a row is of (--time)",
        config.sample_weight: "it holds the rows' weights (--sample-weight)",
    }
    apart = {match_key(name): reason for name, reason in left_out_because(checked.findings).items()}
    apart |= {match_key(name): reason for name, reason in reasons.items() if name}
    return {n: apart.get(match_key(n), reason) for n, reason in inferred.dropped.items()} | {
        name: "it is sensitive (--exclude-sensitive)"
        for name in inferred.schema.names
        if name not in schema.names
    }


def manifest_of(
    config: TrainConfig,
    schema: Schema,
    trained: TrainedModel,
    rows: dict[str, int],
    dropped: dict[str, str],
    data_sha256: str,
) -> RunManifest:
    """Return the manifest of a new run, which has no files yet."""
    families = {trained.winner.name, *trained.winner.params}  # a blend's are its members
    libraries = {name.removesuffix("_native") for name in families}
    needed = {"scikit-learn", *libraries} & set(library_versions())
    asked = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in vars(config).items()
        if name not in NOT_TOLD
    }
    if config.group:
        asked["for"] = config.used_for
    if config.large != "auto":
        asked["large"] = config.large
    return RunManifest(
        run_id=new_run_id(),
        created=utc_now().isoformat(timespec="seconds"),
        seed=config.seed,
        rows=rows,
        data_sha256=data_sha256,
        schema_fingerprint=schema.fingerprint,
        model=trained.winner.label,
        options=asked
        | {
            "data": without_secrets(config.data),
            "more": [*map(without_secrets, config.more)],
            "target": schema.target.name,
        },
        dropped=dropped,
        tried={row.name: row.n_trials for row in trained.leaderboard},
        not_tried=trained.left_out,
        fit_time_s={row.name: round(row.fit_time_s, 4) for row in trained.leaderboard},
        versions=library_versions(),
        requires=sorted(needed),
        python=platform.python_version(),
    )


def metrics_of(
    schema: Schema,
    trained: TrainedModel,
    evaluation: Evaluation | ClassScores,
    rows: dict[str, int],
) -> dict[str, Any]:
    """Return metrics.json: nothing in it depends on the clock, so equal runs have equal files."""
    labels = {one.name: one.label for one in trained.folds.task.candidates}
    return {
        "task": schema.task,
        "target": schema.target.name,
        "unit": schema.target.unit,
        "winner": trained.winner.name,
        "model": trained.winner.label,
        "held_out": asdict(evaluation),
        "note": f"The winner was chosen by cross-validation inside {rows['train']} training rows. "
        f"These metrics come from {rows['test']} held-out rows, which were read once, at the end. "
        f"The promoted model was then fitted again on all {rows['used']} rows.",
        "chance_p_value": trained.chance_p_value,
        "leaderboard": [row.to_dict() for row in trained.leaderboard],
        "left_out": {labels[name]: reason for name, reason in trained.left_out.items()},
    }


def directions_of(differences: Sequence[RawDifference]) -> dict[str, dict[str, Any]]:
    """Return in which direction scores go with each feature that a school can act on.

    By it, serving offers no comparison in which the model goes the other way.
    """
    return {
        one.feature: {"order": list(one.order)} if one.order else {"rises": one.difference > 0}
        for one in differences
        if one.difference
    }


def coverage_of(
    intervals: PredictionIntervals,
    schema: Schema,
    X: pd.DataFrame,
    y: NDArray[np.float64],
    y_pred: NDArray[np.float64],
    clusters: NDArray[np.intp] | None = None,
) -> list[dict[str, float]]:
    """Return how often the held-out rows lie in their intervals, and how wide these are.

    Beside it, the interval of the share, and how often chance takes a range that keeps its promise
    as far from it.
    """
    found, target = [], schema.number
    for level in intervals.levels:
        low, high = intervals.interval_of_each(y_pred, level, target.minimum, target.maximum, X)
        inside = (y >= low) & (y <= high)
        held = _held(inside, level, intervals.n_samples, clusters)
        found.append({"level": level, "mean_width": float((high - low).mean()), **held})
    return found


def coverage_by_prediction(
    intervals: PredictionIntervals,
    schema: Schema,
    X: pd.DataFrame,
    y: NDArray[np.float64],
    y_pred: NDArray[np.float64],
    clusters: NDArray[np.intp] | None = None,
) -> list[dict[str, float]]:
    """Return the same of the 90 % range, by fifths of the prediction of ten rows at least."""
    target, parts = schema.number, parts_by_size(y_pred)
    low, high = intervals.interval_of_each(y_pred, SHOWN_LEVEL, target.minimum, target.maximum, X)
    inside, shown = (y >= low) & (y <= high), schema.clip_all(y_pred)
    found = []
    for rows in parts:
        of_part = None if clusters is None else clusters[rows]
        held = _held(inside[rows], SHOWN_LEVEL, intervals.n_samples // len(parts), of_part)
        ends = {"from": float(shown[rows].min()), "to": float(shown[rows].max())}
        found.append({**ends, "n_samples": len(rows), **held})
    return found


def set_coverage(
    chances: ClassChances,
    y: NDArray[np.int64],
    calibrated: NDArray[np.float64],
    clusters: NDArray[np.intp] | None = None,
) -> list[dict[str, float]]:
    """Return which share of the held-out rows' outcomes lies in their prediction sets.

    Beside it, with its 95 % interval, how often chance alone would leave it as far from the
    promise, and how many outcomes a set holds on average.
    """
    found = []
    for level in chances.thresholds:
        members = chances.members_of_each(calibrated, level)
        inside = members[range(len(y)), y]
        held = _held(inside, float(level), chances.n_samples, clusters)
        found.append(
            {"level": float(level), "mean_size": float(members.sum(axis=1).mean()), **held}
        )
    return found


def _held(
    inside: NDArray[np.bool_], level: float, n_residuals: int, clusters: NDArray[np.intp] | None
) -> dict[str, float]:
    """Return which share of rows a range holds, with its interval and its p-value."""
    share = share_interval(inside, clusters)
    p_value = promise_p_value(inside, level, n_residuals, clusters)
    return {"coverage": share.value, "low": share.low, "high": share.high, "p_value": p_value}


def check_saved(
    run: Run,
    pipeline: Pipeline,
    compiled: CompiledModel | CompiledClassifier | None,
    X: pd.DataFrame,
) -> None:
    """Read a run back, and compare what its files predict with what was saved, to the last bit.

    Whether the tables agree with the pickles was judged when they were compiled.

    Raises
    ------
    ArtifactError
        If it does not load, or predicts something else.
    """
    import numpy as np

    from src.compiled.batch import BatchEvaluator
    from src.compiled.classifier_batch import ClassifierBatch

    predictor = Predictor.from_run(run)
    columns = {name: X[name].to_numpy() for name in predictor.schema.names}
    features, model = run.load_object("preprocessor.pkl").transform(X), run.load_object("model.pkl")
    if isinstance(predictor, OutcomePredictor):
        expected, pickled = pipeline.predict_proba(X), model.predict_proba(features)
        served = predictor.raw_columns(columns)
    else:
        expected, pickled = pipeline.predict(X), model.predict(features)
        served = cast(NumberPredictor, predictor).unclipped_columns(columns)
    saved = expected
    if isinstance(compiled, CompiledClassifier):
        saved = ClassifierBatch(compiled).probabilities(columns)
    elif compiled:
        saved = BatchEvaluator(compiled).predict(columns)
    if not (np.array_equal(pickled, expected) and np.array_equal(served, saved)):
        raise ArtifactError(
            f"Run {run.run_id} predicts something else once it is read back. It was not promoted."
        )
