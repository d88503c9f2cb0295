"""A promoted run, loaded once, and what it predicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from src.artifact_store import ArtifactStore, Run
from src.compiled.model import CompiledModel
from src.config import ARTIFACTS
from src.exception import ConfigurationError, DataValidationError, Problem
from src.schema.features import Value
from src.schema.record import Schema
from src.stats.conformal import PredictionIntervals
from src.utils import atomic_open

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from src.compiled.batch import BatchEvaluator
    from src.compiled.contributions import Attributor, Contributions
    from src.explanations.explainer import Explainer


from src.logger import get_logger

logger = get_logger(__name__)


PREDICTION = "prediction"
COMPILED = "compiled.json"
Columns = Mapping[str, "Sequence[object] | NDArray[Any]"]


@dataclass(frozen=True)
class Prediction:
    """The answer for one record.

    Attributes
    ----------
    prediction : float
        In the target's unit, inside its allowed range.
    warnings : tuple of Problem
        Values that lie outside what training saw.
    run_id : str
        The run that answered.
    intervals : dict of str to (float, float)
        Ends of the prediction interval by level, such as ``"0.9"``, in the target's unit.
    probability_below : float or None
        Chance of a score below the mark that the run was trained with; None where it was not.
    """

    prediction: float
    warnings: tuple[Problem, ...]
    run_id: str
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    probability_below: float | None = None


@dataclass(frozen=True)
class FileSummary:
    """How a file went.

    Attributes
    ----------
    problems_file : Path or None
        Where the refused rows' problems stand; None where there are none.
    warnings : dict of str to int
        Cells of a column that lie outside what training saw.
    """

    n_rows: int
    n_refused: int
    problems_file: Path | None
    warnings: dict[str, int]

    @property
    def n_predicted(self) -> int:
        return self.n_rows - self.n_refused


class Predictor:
    """A promoted run, loaded once: its compiled tables, or its pickles where there are none.

    With the tables, nothing but the standard library is imported and no pickle is opened. Records,
    frames and files go through the same tables, so that they get the same values to the last bit.

    Attributes
    ----------
    compiled : CompiledModel or None
        None where the pickles are served.
    fallback_reason : str
        Why they are; else empty.
    pass_mark : float or None
        The mark that the run was trained with.
    """

    chunk_rows = 1 << 15  # rows of a file that are in memory at once

    def __init__(
        self,
        run: Run,
        schema: Schema,
        metrics: dict[str, Any],
        intervals: PredictionIntervals,
        compiled: CompiledModel | None,
        fallback_reason: str = "",
    ) -> None:
        self.run = run
        self.schema = schema
        self.metrics = metrics
        self.intervals = intervals
        self.compiled = compiled
        self.fallback_reason = fallback_reason
        marked = metrics.get("pass_mark")
        self.pass_mark: float | None = marked["mark"] if marked else None
        self._levels = [(str(level), level) for level in intervals.levels]
        if compiled is None:
            logger.info("Run %s is served from its pickles. %s", run.run_id, fallback_reason)
            self._preprocessor = run.load_object("preprocessor.pkl")
            self._model = run.load_object("model.pkl")

    @classmethod
    def load(cls, artifacts: Path = ARTIFACTS) -> Self:
        """Load the promoted run.

        Raises
        ------
        ModelNotFoundError
            If nothing was promoted yet.
        ArtifactError
            If the run is damaged, or its pickles are needed and were made by other versions of the
            libraries.
        """
        return cls.from_run(ArtifactStore(artifacts).promoted())

    @classmethod
    def from_run(cls, run: Run) -> Self:
        """Load a saved run, each file's hash checked before it is interpreted."""
        run.check_files()
        compiled, reason = None, "It was saved before models were compiled."
        if COMPILED in run.manifest.files:
            tables = run.read_json(COMPILED)
            reason = tables.get("fallback_reason", "")
            compiled = None if reason else CompiledModel.from_dict(tables)
        return cls(
            run,
            Schema.from_dict(run.read_json("schema.json")),
            run.read_json("metrics.json"),
            PredictionIntervals.from_dict(run.read_json("intervals.json")),
            compiled,
            reason,
        )

    @property
    def backend(self) -> str:
        """What predicts: ``compiled`` or ``pickles``."""
        return "pickles" if self.compiled is None else "compiled"

    def predict_record(
        self, record: Mapping[str, object], *, form: bool = False, suggest: bool = True
    ) -> Prediction:
        """Predict one record.

        Parameters
        ----------
        record : mapping
            A value for each feature by its name.
        form, suggest : bool
            See :meth:`Schema.check_record`.

        Raises
        ------
        DataValidationError
            With every problem of the record.
        """
        values, warnings = self.schema.check_record(record, form=form, suggest=suggest)
        predicted = self._predict_values(values)
        low, high = self.schema.target.minimum, self.schema.target.maximum
        return Prediction(
            self.schema.clip(predicted),
            tuple(warnings),
            self.run.run_id,
            {
                name: self.intervals.interval(predicted, level, low, high)
                for name, level in self._levels
            },
            None
            if self.pass_mark is None
            else self.intervals.probability_below(
                self.pass_mark, predicted, integer=self.schema.target.integer
            ),
        )

    def explain(self, record: Mapping[str, object], *, form: bool = False) -> Contributions:
        """Return what each feature of a record adds to its prediction.

        Base and contributions sum to the prediction before it is clipped to the target's range.

        Raises
        ------
        DataValidationError
            With every problem of the record.
        """
        values, _ = self.schema.check_record(record, form=form)
        if self._attributor is not None:
            return self._attributor.contributions(values)
        from src.schema.frames import typed_frame

        frame = typed_frame(self.schema, {name: [value] for name, value in values.items()})
        return self._explainer.contributions(frame).rows()[0]

    def predict_frame(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Predict rows that were checked, and clip to the target's range last.

        Parameters
        ----------
        frame : DataFrame of shape (n_samples, n_features)
            Typed columns by name, as :class:`DataValidation` returns them.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self.predict_columns({name: frame[name].to_numpy() for name in self.schema.names})

    def predict_columns(self, columns: Columns) -> NDArray[np.float64]:
        """Predict rows that were checked, given by column; needs no pandas where compiled.

        Parameters
        ----------
        columns : mapping of str to sequence of length n_samples
            Numbers and texts by feature; NaN where a value is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self.schema.clip_all(self._predict_columns(columns))

    def _predict_values(self, values: Mapping[str, Value]) -> float:
        if self.compiled is not None:
            return self.compiled.predict(values)
        return float(self._predict_columns({name: [value] for name, value in values.items()})[0])

    def _predict_columns(self, columns: Columns) -> NDArray[np.float64]:
        import numpy as np

        if not len(columns[self.schema.names[0]]):
            return np.empty(0)
        if self._evaluator is not None:
            return self._evaluator.predict(columns)
        from src.schema.frames import typed_frame

        features = self._preprocessor.transform(typed_frame(self.schema, columns))
        return np.asarray(self._model.predict(features), dtype=np.float64).ravel()

    @cached_property
    def _evaluator(self) -> BatchEvaluator | None:
        from src.compiled.batch import BatchEvaluator

        return None if self.compiled is None else BatchEvaluator(self.compiled)

    @cached_property
    def _attributor(self) -> Attributor | None:
        from src.compiled.contributions import Attributor

        return None if self.compiled is None else Attributor(self.compiled)

    @cached_property
    def _explainer(self) -> Explainer:
        from sklearn.pipeline import Pipeline

        from src.explanations.background import Background
        from src.explanations.explainer import Explainer

        steps = [("preprocessor", self._preprocessor), ("model", self._model)]
        background = Background.from_dict(self.run.read_json("background.json"))
        return Explainer(self.schema, Pipeline(steps), background, self.run.manifest.seed)

    def predict_file(
        self, source: Path, output: Path, progress: Callable[[int], None] = lambda n_rows: None
    ) -> FileSummary:
        """Predict a CSV, Excel or Parquet file into a CSV file.

        Every row of the input stands in the output, in its place, its cells as they were, with a
        column ``prediction`` added, empty where the row was refused. What was wrong stands in
        ``<output's stem>.problems.csv``. Both files appear whole or not at all.

        Parameters
        ----------
        source, output : Path
        progress : callable
            Called with the number of rows done so far.

        Raises
        ------
        DataValidationError
            If the file cannot be read or lacks a column.
        ConfigurationError
            If the output is not a CSV file, or is the input itself.
        OSError
            If the output cannot be written.
        """
        from src.components.data_validation import DataValidation
        from src.tables.reader import open_table
        from src.tables.writer import write_rows

        if output.suffix.lower() in (".xlsx", ".xls", ".xlsm", ".parquet", ".pq"):
            raise ConfigurationError(
                "Predictions are written as CSV. Name the output "
                f"{output.with_suffix('.csv').name}."
            )
        if output.exists() and source.exists() and output.samefile(source):
            raise ConfigurationError("The output would replace the input. Name another file.")
        problems_file = output.with_name(f"{output.stem}.problems.csv")
        if problems_file.exists() and source.exists() and problems_file.samefile(source):
            raise ConfigurationError("The problem list would replace the input. Name another file.")
        n_rows = n_refused = 0
        warnings: Counter[str] = Counter()
        with ExitStack() as stack:
            reader = stack.enter_context(open_table(source))
            positions = self.schema.locate(reader.header)
            validation = DataValidation(self.schema, decimal_comma=reader.decimal_comma)
            options = {"mode": "w", "encoding": "utf-8", "newline": ""}
            problems_out = stack.enter_context(atomic_open(problems_file, **options))
            out = stack.enter_context(atomic_open(output, **options))
            write_rows(out, [[*reader.header, _free_name(reader.header)]])
            write_rows(problems_out, [("row", "column", "value", "problem")])
            for chunk in reader.chunks(self.chunk_rows):
                validated = validation.run(chunk, positions)
                predicted = iter(self.predict_columns(validated.columns).tolist())
                write_rows(
                    out,
                    (
                        [*cells, repr(next(predicted)) if good else ""]
                        for cells, good in zip(chunk.rows, validated.accepted, strict=True)
                    ),
                )
                write_rows(
                    problems_out,
                    (
                        (str(p.row), p.field or "", p.got or "", p.message)
                        for p in validated.problems
                    ),
                )
                warnings += validated.warnings
                n_rows += len(chunk.rows)
                n_refused += int((~validated.accepted).sum())
                progress(n_rows)
            if not n_rows:
                raise DataValidationError(f"{source.name} holds a header and no row.")
        if not n_refused:
            problems_file.unlink()
        return FileSummary(n_rows, n_refused, problems_file if n_refused else None, dict(warnings))


def _free_name(header: Sequence[str]) -> str:
    name, n = PREDICTION, 1
    while name in header:
        n += 1
        name = f"{PREDICTION}_{n}"
    if n > 1:
        logger.warning("The input has a column %s: the new one is called %s.", PREDICTION, name)
    return name
