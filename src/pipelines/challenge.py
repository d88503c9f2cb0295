"""A challenger beside the champion: which predicts the newest outcomes better, if either does.

The challenger is trained as the champion was, on the champion's table and the new terms. What is
compared are outcomes that neither had learnt from: the champion knew none of the new terms, and
each class of them is predicted by a challenger that learnt from the old table and the other new
classes. Where ``--time`` tells of two or more new periods, the last one is kept from it instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.artifact_store import Run
from src.components.data_check import CheckedTable
from src.components.data_ingestion import DataIngestion
from src.components.data_validation import DataValidation
from src.exception import ConfigurationError, DataValidationError, StuPredictionError
from src.pipelines.lead_time import STEPS, Training, of_stage, predict
from src.pipelines.lead_time_scores import losses_of
from src.pipelines.rows import GoodRows, learn_schema
from src.pipelines.sources import (
    RECORDS,
    SUBJECT,
    joined,
    read_file,
    read_records,
    require,
)
from src.pipelines.train_options import model_schema
from src.pipelines.training import TrainConfig
from src.report.challenge import GROUPS, PUPILS, ROWS, ChallengeFacts, Scale
from src.schema.header_words import CLASS_WORDS, header_words
from src.schema.record import Schema
from src.search.folds import split_rows
from src.search.plan import Progress
from src.search.task import Task
from src.serving.outcomes import OutcomePredictor
from src.serving.predictor import Predictor
from src.serving.scorers import OutcomeScorer, scorer_for
from src.serving.summary import PREDICTION
from src.stats.challenge import compare
from src.stats.disclosure import LEAST_ROWS
from src.stats.same_rows import joined as joined_groups
from src.tables.cells import match_key
from src.tables.joining import rows_seen
from src.tables.layout import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOLDS = 5
GROUP_WORDS = {"group", "gruppe"}
MOST_SEEN = 0.5  # of the new rows, that the champion learnt from


def challenger_folder(config: TrainConfig) -> Path:
    """Return where a challenger's tables lie: those beside the model are the champion's."""
    return config.artifacts / "challenger"


def as_champion(run: Run, asked: TrainConfig, given: frozenset[str]) -> TrainConfig:
    """Return how the champion was trained, with what was asked for otherwise.

    Parameters
    ----------
    asked : TrainConfig
    given : frozenset of str
        Fields that were given, whatever their value.
    """
    saved = {**run.manifest.options, "used_for": run.manifest.options.get("for", "new")}
    usual, values = TrainConfig(), dict[str, Any]()
    for field in fields(TrainConfig):
        own = getattr(asked, field.name)
        if field.name in given or own != getattr(usual, field.name) or field.name not in saved:
            values[field.name] = own
            continue
        value = saved[field.name]
        values[field.name] = tuple(value) if isinstance(value, list) else value
    return TrainConfig(**values)


def of_table(config: TrainConfig, table: Table, source: str) -> TrainConfig:
    """Return what is asked for of the joined table: a column that it lacks needs no dropping."""
    known = {match_key(name) for name in table.header}
    there: dict[str, Any] = {
        field: tuple(name for name in getattr(config, field) if match_key(name) in known)
        for field in ("drop", "keep")
    }
    pupil = config.pupil
    if pupil and pupil != "none" and match_key(pupil) not in known:
        pupil = None
    return replace(config, **there, pupil=pupil, more=(*config.more, source))


@dataclass(frozen=True)
class Terms:
    """The champion's table and the new terms, as one.

    Attributes
    ----------
    table : Table
    starts_after : int
        Lines above this one are the new terms'.
    new : Table
        Those alone, with all their columns.
    n_seen : int
        Rows that were left out, since the champion learnt from them.
    """

    table: Table
    starts_after: int
    new: Table
    n_seen: int


def read_terms(champion: Run, config: TrainConfig, ingestion: DataIngestion, source: str) -> Terms:
    """Return the champion's table, and the new terms below it.

    Raises
    ------
    StuPredictionError
        If one cannot be read, the new terms lack a column, or half of them are not new.
    """
    schema = Schema.from_dict(champion.read_json("schema.json"))
    target = schema.target.name
    created_ms = int(datetime.fromisoformat(champion.manifest.created).timestamp() * 1000)
    earlier = _champions_tables(ingestion, config)
    if source == RECORDS:
        before, new = read_records(target, config, created_ms)
        earlier += [before] if RECORDS in config.more else []
        if not new.rows:
            raise DataValidationError(
                f"No outcome came in since the champion was trained, {champion.manifest.created}."
            )
    else:
        new = read_file(source)
        earlier += [read_records(target, config)[1]] if RECORDS in config.more else []
    require(new, schema, source)
    n_rows = len(new.rows)
    seen = {i for table in earlier for i in rows_seen(table, new)} if source != RECORDS else set()
    if len(seen) >= MOST_SEEN * n_rows:
        raise DataValidationError(
            f"{len(seen)} of {n_rows} rows of {source} stand in the table that the champion learnt "
            "from. Give the new terms alone."
        )
    new = new.take([i for i in range(n_rows) if i not in seen])
    table, starts = joined([*earlier, new])
    return Terms(table, starts[-1], new, len(seen))


def _champions_tables(ingestion: DataIngestion, config: TrainConfig) -> list[Table]:
    """Read what a run knows by name alone; further files are looked for beside the first."""
    beside = Path(config.data).parent
    places = (Path(one) for one in config.more if one != RECORDS)
    try:
        tables = [ingestion.run()]
        return tables + [read_file(str(p if p.exists() else beside / p.name)) for p in places]
    except StuPredictionError as error:
        message = f"{error.summary} The champion learnt from it: --data, and --more for further "
        raise type(error)(f"{message}tables, say where it is.", error.problems) from error


class Challenge:
    """Compare a champion with challengers that did not see what they are compared on.

    Parameters
    ----------
    champion : Run
    training : Training
        Of the joined table.
    terms : Terms
    """

    def __init__(self, champion: Run, training: Training, terms: Terms) -> None:
        self.champion, self.training, self.terms = champion, training, terms
        self._schema = champion.read_json("schema.json")
        self.config = training.config

    def run(self, source: str, progress: Progress) -> ChallengeFacts:
        """Return what the comparison found; nothing is written.

        Raises
        ------
        StuPredictionError
            If the table or the new terms cannot be used.
        """
        import numpy as np

        hints, checked = self.training.check()
        inferred, good = learn_schema(checked, hints, self.config)
        schema = model_schema(inferred.schema, exclude_sensitive=self.config.exclude_sensitive)
        lines = np.array([checked.table.lines[i] for i in good.indices])
        new = np.flatnonzero(lines > self.terms.starts_after)
        if len(new) < LEAST_ROWS:
            raise DataValidationError(
                f"{len(new)} rows of {source} can be compared; at least {LEAST_ROWS} are needed."
            )
        clusters, kind = self._clusters(lines[new] - self.terms.starts_after)
        of_champion, read = self._champion_losses(checked, good, schema, new)
        task = self.training.trainer(schema).config.task
        tests, period = self._tests(new, good, clusters, task)
        of_challenger = np.full(len(good.y), np.nan)
        for k, test in enumerate(tests):
            shown = partial(
                of_stage, progress, f"Challenger {k + 1} of {len(tests)}", k, len(tests)
            )
            of_challenger[test] = self._losses(schema, good, test, shown)
        progress("", STEPS * len(tests), STEPS * len(tests))
        compared = read & np.isfinite(of_challenger[new])
        if compared.sum() < LEAST_ROWS:
            raise DataValidationError(
                f"The champion can read {int(compared.sum())} of the {len(new)} rows of {source}; "
                f"at least {LEAST_ROWS} are needed."
            )
        return ChallengeFacts(
            champion=self.champion.run_id,
            source=Path(source).name,
            scale=Scale.of(schema),
            clusters=kind,
            period=period,
            n_refused=len(self.terms.new.rows) - len(new) + int((~read).sum()),
            n_seen=self.terms.n_seen,
            found=compare(
                of_champion[compared],
                of_challenger[new][compared],
                None if clusters is None else clusters[compared],
                self.config.seed,
            ),
        )

    def _clusters(self, lines: NDArray[np.intp]) -> tuple[NDArray[Any] | None, str]:
        """Return what goes together among the new rows: a class or school, else a pupil."""
        import numpy as np

        table = self.terms.new
        at = {line: i for i, line in enumerate(table.lines)}
        rows = [at[line] for line in lines.tolist()]

        def codes(places: Sequence[int]) -> NDArray[Any] | None:
            if not places:
                return None
            cells = ["\0".join(table.rows[i][k].strip() for k in places) for i in rows]
            names = [cell if cell.strip("\0") else f"row {i}" for i, cell in enumerate(cells)]
            return np.unique(names, return_inverse=True)[1]

        def places(*names: str | None) -> list[int]:
            wanted = {match_key(name) for name in names if name}
            return [i for i, name in enumerate(table.header) if match_key(name) in wanted]

        words = CLASS_WORDS - GROUP_WORDS  # of "age group" pupils are not taught together
        called = [i for i, name in enumerate(table.header) if header_words(name) & words]
        of_group = codes(places(self.config.group) or called[:1])
        pupil = places(self.config.pupil) or places(SUBJECT)
        of_pupil = codes(pupil or places(*Schema.from_dict(self._schema).people))
        if of_group is not None:
            return (of_group if of_pupil is None else joined_groups(of_group, of_pupil)), GROUPS
        return of_pupil, ROWS if of_pupil is None else PUPILS

    def _tests(
        self,
        new: NDArray[np.intp],
        good: GoodRows,
        clusters: NDArray[np.intp] | None,
        task: Task,
    ) -> tuple[list[NDArray[np.intp]], str]:
        """Return the rows that each challenger must not see, and the period that these are of."""
        import numpy as np

        if good.cohorts is not None:
            codes = good.cohorts.codes
            old = np.setdiff1d(np.arange(len(codes)), new)
            newer = np.unique(codes[new][codes[new] > codes[old].max()])
            if len(newer) > 1:
                return [new[codes[new] == newer[-1]]], good.periods[newer[-1]]
        splits = split_rows(good.y[new], FOLDS, self.config.seed, clusters, task)
        return [new[test] for _, test in splits], ""

    def _losses(
        self, schema: Schema, good: GoodRows, test: NDArray[np.intp], progress: Progress
    ) -> NDArray[np.float64]:
        """Return the losses of a challenger that learnt from all rows but some."""
        import numpy as np

        train = good.take(np.setdiff1d(np.arange(len(good.y)), test))
        trainer = self.training.trainer(schema)
        case = self.config.used_for
        return predict(schema, trainer, train, good.take(test), None, case, progress).losses

    def _champion_losses(
        self, checked: CheckedTable, good: GoodRows, schema: Schema, new: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the champion's losses on the new rows, and which of these it can read."""
        import numpy as np

        predictor = Predictor.from_run(self.champion)
        table = checked.table.take([good.indices[i] for i in new])
        validation = DataValidation(
            predictor.schema, decimal_comma=table.decimal_comma, typed=table.typed
        )
        read = validation.run(table, predictor.schema.locate(table.header))
        rows = good.take(new[read.accepted])
        scorer = scorer_for(predictor, vectorised=True)
        scores, losses = scorer.score(read.columns), np.full(len(new), np.nan)
        if isinstance(predictor, OutcomePredictor) and isinstance(scorer, OutcomeScorer):
            _refuse_other_outcomes(predictor, schema)
            predicted = np.array([scores[name] for name in scorer.chance_columns]).T
            order = [predictor.labels.index(name) for name in schema.outcomes.categories]
            predicted = predicted[:, order]
        else:
            predicted = np.array(scores[PREDICTION], dtype=float)
        losses[read.accepted] = losses_of(schema, rows, predicted)
        return losses, read.accepted


def _refuse_other_outcomes(predictor: OutcomePredictor, schema: Schema) -> None:
    if set(predictor.labels) != set(schema.outcomes.categories):
        new = sorted(set(schema.outcomes.categories) ^ set(predictor.labels))
        raise ConfigurationError(
            f"Champion and challenger do not predict the same outcomes: {', '.join(new)}. They "
            "cannot be compared; train anew without --challenge."
        )
