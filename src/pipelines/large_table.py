"""A table that does not fit in memory: whether it is one, and what stands in for its rows."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.components.data_check import CheckedTable
from src.components.data_ingestion import (
    DataIngestion,
    DataIngestionConfig,
    check_query,
    scheme_of,
)
from src.components.model_trainer import ModelTrainer, ModelTrainerConfig
from src.exception import ConfigurationError
from src.logger import get_logger
from src.pipelines.rows import Rows, Split
from src.pipelines.train_options import LARGE
from src.pipelines.training import TrainConfig
from src.report.group_facts import KNOWN
from src.report.large_table import R2, ColumnFacts, LargeTableFacts
from src.schema.features import NumericFeature
from src.schema.inference import InferredSchema, position_of
from src.schema.record import Schema
from src.search.leaderboard import TrainedModel
from src.search.more_rows import Unseen
from src.search.plan import Progress
from src.search.task import Classification, Task
from src.stats.class_scores import log_losses
from src.stats.intervals import mean_interval, r2_drop_interval, r2_interval
from src.streaming.boosting import BYTES_A_CLASS, BYTES_A_ROW
from src.streaming.files import LargeTable
from src.streaming.fits import (
    BOOSTERS,
    LINEAR_FAMILIES,
    LOGISTIC_FAMILIES,
    NOT_IN_PARTS,
    FittedTwice,
    StreamedFit,
)
from src.streaming.memory import memory_left, memory_to_train
from src.streaming.scan import Scanned, rows_to_draw, scan
from src.streaming.typed_rows import Counted, RowReader
from src.tables.cells import MISSING_MARKS, clean, match_key
from src.tables.layout import Table
from src.tables.many_files import CSV, PARQUET, is_many_files

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

logger = get_logger(__name__)

AUTO, ALWAYS, NEVER = LARGE
SURELY_FITS = 4 << 20  # bytes of a file that nobody need look into
FAMILIES = (*LINEAR_FAMILIES, *LOGISTIC_FAMILIES, *BOOSTERS)
LEAST_HELD_GROUPS = 2  # one to make ranges by, one to judge by


@dataclass(frozen=True)
class Fitted:
    """What the rows of a large table came to.

    Attributes
    ----------
    fits : FittedTwice
    trained : TrainedModel
        With predictions of held-out rows, by which ranges are made.
    train : Rows
        Those that were searched on, then those that ranges are made by.
    counted : Counted
    facts : LargeTableFacts
    """

    fits: FittedTwice
    trained: TrainedModel
    train: Rows
    counted: Counted
    facts: LargeTableFacts

    @property
    def note(self) -> str:
        """What metrics.json says of its figures."""
        facts = self.facts
        made = "the ranges" if facts.metric == R2 else "the calibration and the sets"
        return (
            f"The winner was chosen by cross-validation inside {facts.n_searched} rows, drawn from "
            f"{facts.n_rows}, and fitted to all but {facts.n_held_out} held-out rows. These "
            f"metrics come from {facts.n_tested} of these, which were read once, at the end; by "
            f"others, {made} were made. The promoted model was then fitted on all "
            f"{facts.n_used} rows."
        )

    @property
    def rows(self) -> dict[str, int]:
        """How many rows were used for what, as a run's manifest tells it."""
        counted, facts = self.counted, self.facts
        return {
            "total": counted.n_rows,
            "refused": counted.n_refused,
            "used": counted.n_used,
            "train": counted.n_used - facts.n_held_out,
            "test": facts.n_tested,
        }


def large_table(config: TrainConfig) -> LargeTable | Table | None:
    """Return the table where it is read in parts; None where it is read into memory.

    A database's answer, of which nobody knows the size before, is read here if it fits.

    Raises
    ------
    StuPredictionError
        If it cannot be opened, or an option needs it in memory.
    """
    source, many = config.data, is_many_files(config.data)
    ingestion = DataIngestion(DataIngestionConfig(source, config.query))
    is_database = ingestion.is_database and not many
    check_query(config.query, is_database=is_database)
    if is_database and config.large == ALWAYS:
        _refuse(config)
        return _of_database(ingestion, lambda n_cells: False)
    if is_database and config.large == AUTO and not config.more:
        left = memory_left()
        found = _of_database(ingestion, lambda n_cells: memory_to_train(n_cells) <= left)
        if isinstance(found, LargeTable):
            _refuse(config)
        return found
    if config.large == NEVER or scheme_of(source) not in ("", "s3"):
        if config.large == ALWAYS:
            raise ConfigurationError(
                "--large reads CSV and Parquet files of this machine or of S3, and databases. Save "
                "the table as one of these first."
            )
        return None
    if config.large == AUTO and not many and not _may_be_large(Path(source)):
        return None
    table = LargeTable.open(source)
    n_rows, n_cells = table.rows_and_cells()
    needed, left = memory_to_train(n_cells), memory_left()
    told = f"about {n_rows:,} rows of {len(table.header)} columns"
    sizes = f"about {_gib(needed)} GiB to train on, and {_gib(left)} GiB are left"
    if config.large == AUTO and needed <= left:
        logger.info("The table has %s: it needs %s, so it is read into memory", told, sizes)
        return None
    why = "as --large asks" if config.large == ALWAYS else f"it would need {sizes}"
    logger.warning("The table has %s. It is read in parts: %s.", told, why)
    _refuse(config)
    return table


class LargeTraining:
    """What a table that is read in parts gives to training.

    Parameters
    ----------
    table : LargeTable
    config : TrainConfig
    progress : callable
        Called with the rows that were read, of how many.
    target : str
    """

    def __init__(
        self, table: LargeTable, config: TrainConfig, progress: Progress, target: str = ""
    ) -> None:
        self.table, self.config, self._progress = table, config, progress
        self._unable: dict[str, str] = {}
        keys = [match_key(name) for name in table.header]
        option, together = _kept_together(config)
        self.scanned: Scanned = scan(
            table,
            config.seed,
            config.test_size,
            rows_to_draw(len(table.header)),
            partial(progress, "Reading all rows"),
            position_of([*table.header], together, option) if together else None,
            keys.index(match_key(target)) if match_key(target) in keys else None,
        )

    def exact_cells(self) -> dict[int, Counter[str]]:
        """Return the cells of columns that may be categories, by position."""
        return {
            position: column.cells
            for position, column in enumerate(self.scanned.columns)
            if not (column.many or column.n_more)
        }

    def checked(self, found: CheckedTable) -> CheckedTable:
        """Return what a check of the drawn rows found, with the counts of all rows."""
        positions = {match_key(name): i for i, name in enumerate(self.table.header)}
        counts = {}
        for name, reading in found.readings.items():
            position = positions[match_key(name)]
            rewriting = found.rewritings.get(position, {})
            counts[position] = self.scanned.columns[position].counted(
                reading, rewriting, typed=self.table.typed
            )
        findings = found.findings
        if len(self.table.files) > 1:  # lines of which file?
            findings = tuple(replace(finding, rows=()) for finding in findings)
        return replace(found, counts=counts, findings=findings, n_rows=self.scanned.n_rows)

    def split(self, lines: list[int], groups: list[str] | None) -> Split:
        """Return which of the good rows that were drawn are learnt from, and which are judged by.

        Of the held-out rows half are for ranges: they come last among the former. Rows of a group
        are in the same half.

        Raises
        ------
        ConfigurationError
            If fewer than two groups are held out.
        """
        import numpy as np

        scanned = self.scanned
        of_line = dict(zip(scanned.drawn.lines, scanned.hashes.tolist(), strict=True))
        hashes = np.array([of_line[line] for line in lines], dtype=np.uint64)
        held = np.flatnonzero(hashes >= np.uint64(scanned.held_from))
        held = held[np.argsort(hashes[held])]
        half = np.arange(len(held)) < len(held) // 2
        if groups is not None:
            half = _whole_groups(np.array(groups)[held], self.config)
        for_ranges, test = held[half], held[~half]
        searched = np.flatnonzero(hashes < np.uint64(scanned.held_from))
        self._n_searched = len(searched)
        train = np.concatenate([searched, np.sort(for_ranges)])
        return Split(train, np.sort(test), np.empty(0, dtype=np.intp))

    def searched(self, train: Rows) -> Rows:
        """Return the rows that are searched on."""
        import numpy as np

        return train.take(np.arange(self._n_searched))

    def trainer(self, config: ModelTrainerConfig) -> ModelTrainer:
        """Return a trainer of the families that can learn from parts.

        Raises
        ------
        ConfigurationError
            If others alone are asked for.
        """
        known = tuple(one.name for one in config.task.candidates)
        asked = config.models or known
        self._unable = {name: NOT_IN_PARTS for name in asked if name not in FAMILIES}
        n_lines = {0: 1, 2: 1}.get(_n_classes(config), _n_classes(config))
        needed = (BYTES_A_ROW + BYTES_A_CLASS * n_lines) * self.scanned.n_rows
        if needed > memory_left() / 2:
            what = f"its target and gradients need {_gib(needed)} GiB for all rows"
            self._unable |= dict.fromkeys(set(BOOSTERS) & set(asked), what)
        able = tuple(name for name in asked if name not in self._unable)
        if not able:
            reasons = "; ".join(f"{name}: {why}" for name, why in self._unable.items())
            raise ConfigurationError(
                f"None of the chosen models can be trained ({reasons}). Choose from "
                f"{', '.join(name for name in known if name in FAMILIES)}, or train on a part of "
                "the table that fits in memory."
            )
        return ModelTrainer(replace(config, models=able))

    def fit(
        self,
        trainer: ModelTrainer,
        trained: TrainedModel,
        inferred: InferredSchema,
        schema: Schema,
        checked: CheckedTable,
        train: Rows,
        test: Rows,
    ) -> Fitted:
        """Fit the winner to all rows, and see what the sample alone would have come to."""
        import numpy as np

        names, searched = list(schema.names), self.searched(train)
        X = searched.X[names]
        on_sample = trainer.fit(trained.pipeline, X, searched.y, groups=searched.groups)
        preprocessor = on_sample.named_steps["preprocessor"]
        reader = RowReader(
            self.table, schema, inferred.positions, checked.rewritings, self.scanned.hasher
        )
        task = trainer.config.task
        fits = StreamedFit(
            reader, self.scanned.held_from, self.config.jobs, _n_classes(trainer.config)
        ).run(
            trained.pipeline.named_steps["model"],
            preprocessor,
            np.asarray(preprocessor.transform(X)),
            searched.y,
            self.scanned.n_rows,
            partial(self._progress, f"{trained.winner.label}, on all rows"),
        )
        counted = reader.counted
        if counted.problems:
            logger.warning(
                "%d of %d rows are left out. %s",
                *(
                    counted.n_refused,
                    counted.n_rows,
                    " ".join(map(_without_value, counted.problems)),
                ),
            )
        for_ranges = np.arange(len(searched.y), len(train.y))
        unseen = Unseen(
            for_ranges, task.predict(fits.without_held_out, train.X[names].iloc[for_ranges])
        )
        left_out = trained.left_out | self._unable
        return Fitted(
            fits=fits,
            trained=replace(trained, unseen=unseen, left_out=left_out),
            train=train,
            counted=counted,
            facts=self._facts(
                inferred,
                counted,
                searched,
                test,
                _gain(schema, task, test, fits.without_held_out, on_sample),
            ),
        )

    def _facts(
        self,
        inferred: InferredSchema,
        counted: Counted,
        searched: Rows,
        test: Rows,
        scores: dict[str, Any],
    ) -> LargeTableFacts:
        return LargeTableFacts(
            n_files=len(self.table.files),
            n_rows=counted.n_rows,
            n_used=counted.n_used,
            n_searched=len(searched.y),
            n_tested=len(test.y),
            n_held_out=counted.n_apart or self.scanned.n_held_out,
            quantile_error=self.scanned.quantile_error,
            columns=tuple(self._columns(inferred)),
            together=_kept_together(self.config)[1],
            **scores,
        )

    def _columns(self, inferred: InferredSchema) -> list[ColumnFacts]:
        """Return what each number comes to in all rows."""
        found = []
        schema = inferred.schema
        for feature in (*schema.features, schema.target):
            if not isinstance(feature, NumericFeature):
                continue
            position = inferred.positions[feature.name]
            column = self.scanned.columns[position]
            n_missing = sum(
                n for cell, n in column.cells.items() if clean(cell).lower() in MISSING_MARKS
            )
            found.append(
                ColumnFacts(
                    name=feature.name,
                    n_rows=column.n_rows,
                    n_missing=n_missing,
                    minimum=feature.observed_minimum,
                    maximum=feature.observed_maximum,
                    total=column.total,
                )
            )
        return found


def _gain(
    schema: Schema, task: Task, test: Rows, on_all: Pipeline, on_sample: Pipeline
) -> dict[str, Any]:
    """Return how good a model of all rows and one of the searched rows are for the test rows."""
    X, y, clusters = test.X[list(schema.names)], test.y, test.clusters
    predicted = [task.predict(one, X) for one in (on_all, on_sample)]
    if isinstance(task, Classification):
        of_all, of_sample = (log_losses(y, one) for one in predicted)
        return {
            "metric": "log_loss",
            "on_all": mean_interval(of_all, clusters, positive=True),
            "on_sample": mean_interval(of_sample, clusters, positive=True),
            "gain": mean_interval(of_sample - of_all, clusters),
        }
    errors = [y - schema.clip_all(one) for one in predicted]
    spread = (y - y.mean()) ** 2
    return {
        "metric": R2,
        "on_all": r2_interval(y, errors[0], clusters),
        "on_sample": r2_interval(y, errors[1], clusters),
        "gain": r2_drop_interval(errors[0] ** 2, errors[1] ** 2, spread, clusters),
    }


def _whole_groups(groups: NDArray[np.str_], config: TrainConfig) -> NDArray[np.bool_]:
    """Return which rows are of the groups that come first and have half of the rows."""
    import numpy as np

    names, first, codes = np.unique(groups, return_index=True, return_inverse=True)
    option, together = _kept_together(config)
    if together and len(names) < LEAST_HELD_GROUPS:
        raise ConfigurationError(
            f"{option} {together} has so few values that rows of {len(names)} alone are held out: "
            f"ranges are made by some and the model is judged by others, so {LEAST_HELD_GROUPS} "
            "are needed at least. Hold more out with --test-size, or name another column.",
            setting="groups",
        )
    order = np.argsort(first)
    before = np.cumsum(np.bincount(codes)[order]) <= len(groups) // 2
    before[0] = True  # of two large groups, one each
    of_group = np.empty(len(names), dtype=bool)
    of_group[order] = before
    return of_group[codes]


def _kept_together(config: TrainConfig) -> tuple[str, str]:
    """Return the option, and the column, of which equal cells stay on one side of every split."""
    if config.group:
        return "--group", config.group
    return ("--pupil", config.pupil) if config.pupil not in (None, "none") else ("", "")


def _n_classes(config: ModelTrainerConfig) -> int:
    return config.task.n_classes if isinstance(config.task, Classification) else 0


def _of_database(ingestion: DataIngestion, fits: Callable[[int], bool]) -> LargeTable | Table:
    """Return what a database answers; what does not fit, in a file that is deleted with it."""
    folder = tempfile.mkdtemp(prefix="stuprediction-")
    path = Path(folder) / "answer.parquet"
    try:
        whole = ingestion.read_or_write(path, fits)
        if whole is not None:
            shutil.rmtree(folder)
            return whole
        table = LargeTable.open(str(path))
    except BaseException:
        shutil.rmtree(folder)
        raise
    weakref.finalize(table, shutil.rmtree, folder)
    why = "it does not fit in memory" if fits(0) else "as --large asks"
    logger.warning("The database's answer has %d rows. It is read in parts: %s.", table.n_rows, why)
    return table


def _may_be_large(path: Path) -> bool:
    """Whether a file is worth looking into: of a kind that is read in parts, and not small."""
    if importlib.util.find_spec("pyarrow") is None:
        return False
    known = path.suffix.lower() in (*CSV, *PARQUET)
    return known and path.is_file() and path.stat().st_size > SURELY_FITS


def _refuse(config: TrainConfig) -> None:
    """Refuse options that need all rows in memory."""
    if config.group and config.used_for == KNOWN:
        raise ConfigurationError(
            "--for known needs the groups' effects, which are not learnt from a table that is "
            "read in parts: --group keeps the rows of each together, and the model is for new "
            "groups. Train on a part of the table that fits in memory (--large no), or leave "
            "--group out, so that the groups' column is a feature."
        )
    if config.group and config.pupil not in (None, "none"):
        raise ConfigurationError(
            "--group and --pupil: of a table that is read in parts, one column keeps rows "
            "together. Name the wider one, such as the school of the pupils, with --group."
        )
    if config.time:
        raise ConfigurationError(
            "--time: not for a table that is read in parts. To see how a model of the earlier "
            "periods does in the last, train on files or a --query of the former, and score the "
            "last with predict_pipeline; or train on a part that fits in memory (--large no)."
        )
    named = {
        "--sample-weight": config.sample_weight,
        "--more": config.more,
        "--sheet": config.sheet,
        "--all-sheets": config.all_sheets,
    }
    if used := [option for option, value in named.items() if value]:
        raise ConfigurationError(
            f"{' and '.join(used)}: not for a table that is read in parts. Train on a part of it "
            "that fits in memory (--large no), or without the option. Further tables are read when "
            "they are in one folder, which --data names."
        )


def _without_value(one: Any) -> str:
    """Return where a problem is; its message may quote a student's value, which no log may hold."""
    problem = one.problem
    told = f"{problem.field} is refused" if problem.field else problem.message.rstrip(".")
    return f"{one.file}, row {problem.row}: {told}."


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / (1 << 30):.1f}"
