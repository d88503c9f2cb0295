"""Train: from a raw table to a promoted run.

``python -m src.pipelines.train_pipeline --data mine.csv --target final_score``

:class:`TrainPipeline` is the whole road, to be read from top to bottom. Its command line is
``train_command.py``.
"""

from __future__ import annotations

import io
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.artifact_store import (
    ArtifactStore,
    Run,
    RunManifest,
    library_versions,
    new_run_id,
    utc_now,
)
from src.candidates import CANDIDATES
from src.components.data_ingestion import (
    MINIMUM_ROWS,
    DataIngestion,
    DataIngestionConfig,
    without_secrets,
)
from src.components.data_transformation import DataTransformation
from src.components.data_validation import DataValidation
from src.components.model_compiler import ModelCompiler
from src.components.model_evaluation import Evaluation, ModelEvaluation, PassMark
from src.components.model_explanation import ModelExplanation
from src.components.model_intervals import ModelIntervals
from src.components.model_trainer import (
    FOLDS,
    ModelTrainer,
    ModelTrainerConfig,
    Progress,
    TrainedModel,
)
from src.config import ARTIFACTS, SAMPLE_TABLE
from src.exception import (
    ArtifactError,
    ConfigurationError,
    DataValidationError,
    Problem,
)
from src.hints import Hints, find_hints, read_hints
from src.intervals import PredictionIntervals
from src.logger import get_logger
from src.pipelines.predict_pipeline import COMPILED, Predictor
from src.pipelines.report_stage import Rows, Trained, write_report
from src.report.data_summary import target_histogram
from src.schema import Schema, format_number, match_key, parse_number, shorten
from src.schema_inference import InferredSchema, infer_schema
from src.spreadsheets import to_text
from src.tables import Table, write_rows
from src.utils import dump_object, sha256, to_json, write_bytes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

logger = get_logger(__name__)

REFUSED_SHARE = 0.1  # of the rows: above it, something is wrong with the table, not with the rows
UNEVEN_SHARE = 0.1  # of the rows, between those held out and those asked for: above it, a warning
COPIED_SHARE = 0.05  # of the held-out rows that equal a training row: above it, a warning
CHECKED_ROWS = 100  # predicted again from the saved files before they are promoted


@dataclass(frozen=True)
class TrainConfig:
    """What a person can choose; see the command's help."""

    data: str = str(SAMPLE_TABLE)
    query: str | None = None
    target: str | None = None
    hints: Path | None = None
    drop: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    budget: str | float = "standard"
    metric: str = "r2"
    cv: int = FOLDS
    group: str | None = None
    sample_weight: str | None = None
    exclude_sensitive: bool = False
    pass_mark: float | None = None
    artifacts: Path = ARTIFACTS
    seed: int = 42
    test_size: float = 0.2
    jobs: int = os.cpu_count() or 1


@dataclass(frozen=True)
class TrainResult:
    """What a training run came to.

    Attributes
    ----------
    promoted_s, report_s : float
        Seconds until the run was promoted, and that the report took after it.
    report_problem : str or None
        Why there is no report, though there should be.
    """

    run: Run
    schema: Schema
    trained: TrainedModel
    evaluation: Evaluation
    promoted_s: float
    report_s: float
    report_problem: str | None


@dataclass(frozen=True)
class GoodRows(Rows):
    """The rows that training uses.

    Attributes
    ----------
    n_refused : int
        Rows of the table that could not be used.
    problems : sequence of Problem
        What is wrong with them.
    """

    n_refused: int
    problems: Sequence[Problem]


class TrainPipeline:
    """The road from a raw table to a promoted run."""

    def __init__(self, config: TrainConfig) -> None:
        if not 0 < config.test_size < 1:
            raise ConfigurationError(
                f"--test-size is a share of the rows, between 0 and 1. Got {config.test_size}."
            )
        if config.jobs < 1:
            raise ConfigurationError(f"--jobs must be at least 1. Got {config.jobs}.")
        if not 0 <= config.seed < 2**32:
            raise ConfigurationError(f"--seed must be from 0 to {2**32 - 1}. Got {config.seed}.")
        self.config = config
        self.store = ArtifactStore(config.artifacts)
        self.ingestion = DataIngestion(
            DataIngestionConfig(config.data, config.query, config.test_size, config.seed)
        )
        if config.cv < 2:
            raise ConfigurationError(f"--cv must be at least 2. Got {config.cv}.")
        self.search = ModelTrainerConfig(
            config.models, config.seed, config.jobs, config.cv, config.budget, config.metric
        )
        self.trainer = ModelTrainer(self.search)

    def run(self, progress: Progress = lambda label, done, total: None) -> TrainResult:
        """Train, save and promote.

        Raises
        ------
        StuPredictionError
            If an option, the table or the outcome cannot be used; with every problem.
        OSError
            If the artifacts cannot be written. The earlier run stays promoted in every case.
        """
        started = time.monotonic()
        with self.store.training():
            table = self.ingestion.run()
            if len(table.rows) < MINIMUM_ROWS:
                raise DataValidationError(
                    f"The table has {len(table.rows)} rows, which are too few to learn from and to "
                    f"test on: at least {MINIMUM_ROWS} are needed."
                )
            hints = self._hints()
            kept_apart = self._kept_apart(table, self.config.target or hints.target)
            inferred = infer_schema(
                table, hints, self.config.target, (*self.config.drop, *kept_apart)
            )
            schema = self._model_schema(inferred.schema)
            mark = self._pass_mark(schema)
            good = self._validate(table, inferred)
            positions = self.ingestion.split(len(good.y), good.groups)
            train, test = map(good.take, positions)
            self._warn_of_share(len(test.y) / len(good.y))
            _warn_of_copies(train, test)
            data_sha256 = self._write_tables(good, schema, *positions)

            preprocessor = DataTransformation(schema, self.config.seed).run()
            names, y = list(schema.names), good.y
            trained = self.trainer.run(
                train.X[names], train.y, preprocessor, progress,
                groups=train.groups, weight=train.weight,
            )  # fmt: skip
            intervals = ModelIntervals(random_state=self.config.seed).run(
                trained.y, trained.out_of_fold
            )

            # The test rows are read here, once: nothing below chooses anything by them.
            fitted = self.trainer.fit(trained.pipeline, train.X[names], train.y, train.weight)
            y_pred = fitted.predict(test.X[names])
            evaluation = ModelEvaluation(self.config.seed).run(
                test.y, schema.clip_all(y_pred), baseline=float(train.y.mean())
            )
            marked = self._calibration(mark, schema, train, test, y_pred, intervals)

            X = good.X[names]
            promoted = self.trainer.fit(trained.pipeline, X, y, good.weight)
            compiled = ModelCompiler(schema, self.config.seed).run(
                promoted.named_steps["preprocessor"], promoted.named_steps["model"], X
            )
            rows = {"total": len(table.rows), "refused": good.n_refused, "used": len(y),
                    "train": len(train.y), "test": len(test.y)}  # fmt: skip
            metrics = _metrics(schema, trained, evaluation, rows, y) | {
                "coverage": _coverage(intervals, schema, test.y, y_pred),
                "pass_mark": asdict(marked) if marked else None,
            }
            dropped = self._dropped(inferred, schema)
            background = ModelExplanation(schema, self.config.seed).background(X)
            run = self.store.save(
                self._manifest(schema, trained, rows, dropped, data_sha256),
                {
                    "preprocessor.pkl": dump_object(promoted.named_steps["preprocessor"]),
                    "model.pkl": dump_object(promoted.named_steps["model"]),
                    COMPILED: compiled.content,
                    "schema.json": to_json(schema.to_dict()),
                    "intervals.json": to_json(intervals.to_dict()),
                    "background.json": to_json(background.to_dict()),
                    "metrics.json": to_json(metrics),
                },
            )
            _check_saved(run, promoted, X.iloc[:CHECKED_ROWS])
            self.store.promote(run, by="train")
            promoted_s = time.monotonic() - started
            problem = None
            if self.config.budget != "quick":
                work = Trained(
                    inferred.schema, schema, self.search, trained, fitted, good, train, test,
                    y_pred, intervals, good.problems, marked)  # fmt: skip
                problem = self._report(run, work, progress)
        report_s = time.monotonic() - started - promoted_s
        return TrainResult(run, schema, trained, evaluation, promoted_s, report_s, problem)

    def _report(self, run: Run, work: Trained, progress: Progress) -> str | None:
        """Write the report; return what kept it from being written, which costs no model."""
        try:
            write_report(self.store, run, work, progress)
        except KeyboardInterrupt:
            return "it was stopped"
        except OSError as error:
            return error.strerror or str(error)
        return None

    def _model_schema(self, schema: Schema) -> Schema:
        """Return the schema of what the model may see."""
        if not self.config.exclude_sensitive:
            return schema
        kept = tuple(feature for feature in schema.features if not feature.sensitive)
        if len(kept) == len(schema.features):
            raise ConfigurationError(
                "--exclude-sensitive has nothing to leave out: no feature is called sensitive. Say "
                "which are, with `sensitive = true` in the hints file beside the table."
            )
        if not kept:
            raise ConfigurationError("--exclude-sensitive leaves no feature: all are sensitive.")
        return replace(schema, features=kept)

    def _kept_apart(self, table: Table, target: str | None) -> list[str]:
        """Return the columns that options name and that are no features."""
        config = self.config
        named = (("--group", config.group), ("--sample-weight", config.sample_weight))
        for option, name in named:
            if name and match_key(name) == match_key(target or ""):
                raise ConfigurationError(f"{option} names {name}, which is the target.")
            if name:
                _position(table, name, option)
        return [name for _, name in named if name]

    def _warn_of_share(self, held_out: float) -> None:
        asked = self.config.test_size
        if self.config.group and abs(held_out - asked) > UNEVEN_SHARE:
            logger.warning(
                "%.0f %% of the rows are held out, not %.0f %%: the groups of --group are kept "
                "whole, and they are few or of unequal size.",
                *(100 * held_out, 100 * asked),
            )

    def _dropped(self, inferred: InferredSchema, schema: Schema) -> dict[str, str]:
        """Return the columns that are no features, with the reasons."""
        apart = {
            match_key(name): reason
            for name, reason in (
                (self.config.group, "it says which rows belong together (--group)"),
                (self.config.sample_weight, "it holds the rows' weights (--sample-weight)"),
            )
            if name
        }
        return {n: apart.get(match_key(n), reason) for n, reason in inferred.dropped.items()} | {
            name: "it is sensitive (--exclude-sensitive)"
            for name in inferred.schema.names
            if name not in schema.names
        }

    def _pass_mark(self, schema: Schema) -> float | None:
        mark, target = self.config.pass_mark, schema.target
        if mark is None:
            return None
        low = target.observed_minimum if target.minimum is None else target.minimum
        high = target.observed_maximum if target.maximum is None else target.maximum
        if not low < mark <= high:
            raise ConfigurationError(
                f"--pass-mark must lie above {format_number(low)} and not above "
                f"{format_number(high)}, where {target.name} lies. Got {format_number(mark)}."
            )
        return mark

    def _calibration(
        self,
        mark: float | None,
        schema: Schema,
        train: Rows,
        test: Rows,
        y_pred: NDArray[np.float64],
        intervals: PredictionIntervals,
    ) -> PassMark | None:
        if mark is None:
            return None
        return ModelEvaluation(self.config.seed).pass_mark(
            test.y, y_pred, intervals, mark,
            integer=schema.target.integer, base_rate=float((train.y < mark).mean()),
        )  # fmt: skip

    def _hints(self) -> Hints:
        path = self.config.hints or find_hints(Path(self.config.data))
        if path is None:
            return Hints()
        logger.info("Reading hints from %s", path.name)
        return read_hints(path)

    def _validate(self, table: Table, inferred: InferredSchema) -> GoodRows:
        """Return the rows that training uses."""
        import numpy as np

        schema = inferred.schema
        validation = DataValidation(schema, decimal_comma=table.decimal_comma)
        validated = validation.run(table, inferred.positions, with_target=True)
        problems, accepted = validated.problems, validated.accepted
        weight = None
        if self.config.sample_weight:
            weight, more = _weights(table, self.config.sample_weight, accepted)
            problems, accepted = problems + more, accepted & (weight > 0)
        n_refused = int((~accepted).sum())
        if n_refused > REFUSED_SHARE * len(table.rows):
            raise DataValidationError(
                f"{n_refused} of {len(table.rows)} rows cannot be used. Mend the table, or leave "
                "a column out with --drop COLUMN.",
                problems,
            )
        if n_refused:
            logger.warning(
                "%d of %d rows are left out. %s",
                n_refused,
                len(table.rows),
                # A message about a field quotes the student's value, which no log may hold.
                " ".join(
                    f"Row {p.row}: {p.field} is refused." if p.field else str(p)
                    for p in problems[:5]
                ),
            )
        frame = validated.frame.set_axis(np.flatnonzero(validated.accepted))
        frame = frame[accepted[validated.accepted]]
        known = frame[schema.target.name].notna()
        if not known.all():
            logger.warning(
                "%d rows are left out: they have no %s.", (~known).sum(), schema.target.name
            )
        frame = frame[known]
        groups = None
        if self.config.group:
            at = _position(table, self.config.group, "--group")
            groups = [table.rows[i][at].strip() for i in frame.index]
        return GoodRows(
            X=frame[list(schema.names)].reset_index(drop=True),
            y=frame[schema.target.name].to_numpy(),
            groups=groups,
            weight=None if weight is None else weight[frame.index],
            n_refused=n_refused,
            problems=problems,
        )

    def _write_tables(
        self,
        good: GoodRows,
        schema: Schema,
        train: NDArray[np.intp],
        test: NDArray[np.intp],
    ) -> str:
        """Write data.csv, train.csv and test.csv; return the hash of the first."""
        columns = [*(good.X[name] for name in schema.names), good.y]
        rows = [[to_text(v) for v in row] for row in zip(*columns, strict=True)]
        contents = {}
        for name, positions in (("data", range(len(rows))), ("train", train), ("test", test)):
            text = io.StringIO()
            write_rows(text, [[*schema.names, schema.target.name], *(rows[i] for i in positions)])
            contents[name] = text.getvalue().encode()
            write_bytes(self.config.artifacts / f"{name}.csv", contents[name])
        return sha256(contents["data"])

    def _manifest(
        self,
        schema: Schema,
        trained: TrainedModel,
        rows: dict[str, int],
        dropped: dict[str, str],
        data_sha256: str,
    ) -> RunManifest:
        config = self.config
        families = {trained.winner.name, *trained.winner.params}  # a blend's are its members
        libraries = {name.removesuffix("_native") for name in families}
        needed = {"scikit-learn", *libraries} & set(library_versions())
        return RunManifest(
            run_id=new_run_id(),
            created=utc_now().isoformat(timespec="seconds"),
            seed=config.seed,
            rows=rows,
            data_sha256=data_sha256,
            schema_fingerprint=schema.fingerprint,
            model=trained.winner.label,
            options={
                "data": without_secrets(config.data),
                "query": config.query,
                "target": schema.target.name,
                "drop": list(config.drop),
                "models": list(config.models),
                "budget": config.budget,
                "metric": config.metric,
                "cv": config.cv,
                "group": config.group,
                "sample_weight": config.sample_weight,
                "exclude_sensitive": config.exclude_sensitive,
                "pass_mark": config.pass_mark,
                "test_size": config.test_size,
            },
            dropped=dropped,
            tried={row.name: row.n_trials for row in trained.leaderboard},
            not_tried=trained.left_out,
            fit_time_s={row.name: round(row.fit_time_s, 4) for row in trained.leaderboard},
            versions=library_versions(),
            requires=sorted(needed),
            python=platform.python_version(),
        )


def _metrics(
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


def _warn_of_copies(train: Rows, test: Rows) -> None:
    """Warn of held-out rows that training sees too: what is known of them flatters the metrics."""
    import pandas as pd

    seen = pd.util.hash_pandas_object(train.X.assign(**{"": train.y}), index=False)
    held_out = pd.util.hash_pandas_object(test.X.assign(**{"": test.y}), index=False)
    copies = int(held_out.isin(seen).sum())
    if copies > COPIED_SHARE * len(held_out):
        logger.warning(
            "%d of %d held-out rows are equal to training rows in every column. If the table holds "
            "rows twice, the metrics are too good: keep one of each.",
            *(copies, len(held_out)),
        )


def _position(table: Table, name: str, option: str) -> int:
    """Return where a column stands that is no feature.

    Raises
    ------
    ConfigurationError
        If it does not.
    """
    keys = [match_key(header) for header in table.header]
    if match_key(name) not in keys:
        raise ConfigurationError(
            f"{option}: there is no column {name!r}. The columns are: {', '.join(table.header)}."
        )
    return keys.index(match_key(name))


def _weights(
    table: Table, name: str, accepted: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], list[Problem]]:
    """Return each row's weight, 0 where it is none, and what is wrong with the accepted rows'."""
    import numpy as np

    at = _position(table, name, "--sample-weight")
    weights, problems = np.zeros(len(table.rows)), []
    for index, row in enumerate(table.rows):
        number = parse_number(row[at], decimal_comma=table.decimal_comma)
        if number is not None and number > 0:
            weights[index] = number
        elif accepted[index]:
            message = f"{name} must be a number above 0 to be a weight."
            problems.append(Problem(message, name, table.lines[index], shorten(row[at])))
    return weights, problems


def _coverage(
    intervals: PredictionIntervals,
    schema: Schema,
    y: NDArray[np.float64],
    y_pred: NDArray[np.float64],
) -> list[dict[str, float]]:
    """Return how often the held-out rows lie in their intervals, and how wide these are."""
    import numpy as np

    found = []
    for level in intervals.levels:
        low, high = np.array([
            intervals.interval(float(p), level, schema.target.minimum, schema.target.maximum)
            for p in y_pred
        ]).T  # fmt: skip
        inside = (y >= low) & (y <= high)
        found.append({"level": level, "coverage": float(inside.mean()),
                      "mean_width": float((high - low).mean())})  # fmt: skip
    return found


def _check_saved(run: Run, pipeline: Pipeline, X: pd.DataFrame) -> None:
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


if __name__ == "__main__":
    from src.pipelines.train_command import main
    from src.stopping import leave

    leave(main())
