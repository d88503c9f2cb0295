"""A promoted run, loaded once, and what it predicts."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.artifact_store import REBUILD, ArtifactStore, Run
from src.compiled.group_effects import GroupEffects
from src.compiled.model import CompiledModel
from src.config import ARTIFACTS, read_signing_key
from src.exception import ArtifactError, Problem, ReasonsUnavailableError
from src.language import gettext as _
from src.language import mark
from src.logger import get_logger
from src.report.saved_metrics import check_metrics
from src.report.table_findings import as_dict
from src.schema.features import CategoricalFeature, NumericFeature, Value, shown_number
from src.schema.findings import Finding
from src.schema.record import Schema
from src.stats.conformal import PredictionIntervals
from src.tables.cells import format_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from src.compiled.batch import BatchEvaluator
    from src.compiled.classifier import CompiledClassifier
    from src.compiled.contributions import Attributor, Contributions
    from src.explanations.background import Background
    from src.explanations.explainer import Explainer
    from src.explanations.feature_rows import Chance

logger = get_logger(__name__)

COMPILED = "compiled.json"
FINDINGS = "findings.json"
NO_RANGE = mark(
    "No range is given: an answer lies so far outside what training saw that nothing is known of "
    "the errors there."
)
Columns = Mapping[str, "Sequence[object] | NDArray[Any]"]
Feature = NumericFeature | CategoricalFeature


def _choices(feature: Feature) -> list[Value]:
    """Return the values that a run must be able to predict: categories, or the ends of a range."""
    if isinstance(feature, NumericFeature):
        shown: list[Value] = [feature.observed_minimum, feature.observed_maximum]
    else:
        shown = [*feature.categories]
    return [*shown, None] if feature.optional else shown


@dataclass(frozen=True)
class Answered:
    """What the answer for one record has, whatever is predicted.

    Attributes
    ----------
    values : mapping of str to float, str or None
        The checked values of the record.
    warnings : tuple of Problem
        Values that lie outside what training saw.
    run_id : str
        The run that answered.
    """

    values: Mapping[str, Value]
    warnings: tuple[Problem, ...]
    run_id: str


@dataclass(frozen=True)
class Prediction(Answered):
    """The number that is predicted for one record.

    Attributes
    ----------
    prediction : float
        In the target's unit, inside its allowed range.
    intervals : dict of str to (float, float)
        Ends of the prediction interval by level, such as ``"0.9"``, in the target's unit. Empty
        where an answer lies far outside what training saw.
    probability_below : float or None
        Chance of a score below the pass mark; None without one, and where there are no intervals.
    """

    prediction: float
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    probability_below: float | None = None


class Predictor(ABC):
    """A promoted run, loaded once: its compiled tables, or its pickles where there are none.

    :meth:`from_run` returns one of the kind that knows the target: a number or outcomes.

    With the tables, nothing but the standard library is imported and no pickle is opened. A record
    and a row of many go through the same tables and get the same values to the last bit.

    Attributes
    ----------
    compiled : CompiledModel, CompiledClassifier or None
        None where the pickles are served.
    fallback_reason : str
        Why they are; else empty.
    findings : tuple of Finding
        What the check of the training table found, as far as it is public.
    groups : GroupEffects or None
        What groups, such as schools, add; None where they have no effects.
    """

    pass_mark: float | None = None  # of a number; of outcomes, there is none

    def __init__(
        self,
        run: Run,
        schema: Schema,
        metrics: dict[str, Any],
        compiled: CompiledModel | CompiledClassifier | None,
        fallback_reason: str = "",
        findings: tuple[Finding, ...] = (),
        groups: GroupEffects | None = None,
    ) -> None:
        self.run = run
        self._schema = schema
        self.metrics = metrics
        self.compiled = compiled
        self.fallback_reason = fallback_reason
        self.findings = findings
        self.groups = groups
        self.familiar_ranges = [
            (feature.name, *feature.familiar_range)
            for feature in schema.features
            if isinstance(feature, NumericFeature)
        ]
        if compiled is None:
            logger.info("Run %s is served from its pickles. %s", run.run_id, fallback_reason)
            self._preprocessor = run.load_object("preprocessor.pkl")
            self._model = run.load_object("model.pkl")

    @classmethod
    def load(cls, artifacts: Path = ARTIFACTS) -> Predictor:
        """Load the promoted run.

        Raises
        ------
        ModelNotFoundError
            If nothing was promoted yet.
        ArtifactError
            If the run is damaged, or its pickles are needed and were made by other versions of the
            libraries.
        """
        return cls.from_run(ArtifactStore(artifacts, read_signing_key()).promoted())

    @property
    def schema(self) -> Schema:
        """The schema that the model was trained on, its words in the language that is spoken."""
        return self._schema.spoken()

    @schema.setter
    def schema(self, schema: Schema) -> None:
        self._schema = schema

    @classmethod
    def from_run(cls, run: Run) -> Predictor:
        """Load a saved run, each file's hash checked before it is interpreted.

        A trial prediction shows that the files fit together, whoever wrote their hashes.
        """
        run.check_files()
        try:
            predictor = cls._read(run)
            predictor._try_out()
        except ArtifactError:
            raise
        except Exception as error:  # what a damaged file leads to cannot be foreseen
            raise ArtifactError(
                f"The files of run {run.run_id} do not fit together ({type(error).__name__}: "
                f"{error}). Roll back with --promote RUN_ID, or rebuild with: {REBUILD}"
            ) from error
        return predictor

    @classmethod
    def _read(cls, run: Run) -> Predictor:
        from src.serving.outcomes import OutcomePredictor

        schema = Schema.from_dict(run.read_json("schema.json"))
        kind = NumberPredictor if schema.task == "regression" else OutcomePredictor
        compiled, groups, reason = None, None, "It was saved before models were compiled."
        if COMPILED in run.manifest.files:
            tables = run.read_json(COMPILED)
            reason = tables.get("fallback_reason", "")
            compiled = None if reason else kind.COMPILED.from_dict(tables)
            groups = GroupEffects.from_dict(tables["group"]) if "group" in tables else None
        if (groups.column if groups else None) != (schema.group.name if schema.group else None):
            raise ValueError("the groups are of another column")
        found = run.read_json(FINDINGS) if FINDINGS in run.manifest.files else []
        findings = tuple(map(Finding.from_public_dict, found))
        metrics = run.read_json("metrics.json")
        return kind(run, schema, metrics, compiled, reason, findings, groups)

    def _try_out(self) -> None:
        """Look at each figure that a page shows, and predict each category once."""
        check_metrics(self.metrics)
        for finding in self.findings:
            as_dict(finding, private=False)
        features = self.schema.features
        if self.compiled and [t.name for t in self.compiled.features] != [f.name for f in features]:
            raise ValueError("the tables are of other features")
        choices = {feature.name: _choices(feature) for feature in features}
        for i in range(max(map(len, choices.values())) if self.compiled else 1):
            values = {name: shown[min(i, len(shown) - 1)] for name, shown in choices.items()}
            if not self.is_sound(self.predict_values(values)):
                raise ValueError("a prediction is not finite")
        if self.compiled:
            with suppress(ReasonsUnavailableError):
                self.explain(values)

    @property
    def backend(self) -> str:
        """What predicts: ``compiled`` or ``pickles``."""
        return "pickles" if self.compiled is None else "compiled"

    @property
    def evaluator(self) -> str:
        """What predicts, in words."""
        return "the pickled model" if self.compiled is None else "the compiled tables"

    def predict_record(
        self, record: Mapping[str, object], *, form: bool = False, suggest: bool = True
    ) -> Answered:
        """Check and predict one record.

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
        return self.predict_values(values, tuple(warnings))

    @abstractmethod
    def predict_values(
        self, values: Mapping[str, Value], warnings: tuple[Problem, ...] = ()
    ) -> Answered:
        """Predict a record whose values were checked.

        Parameters
        ----------
        values : mapping
            What :meth:`Schema.check_record` returned, with the warnings.
        warnings : tuple of Problem
        """

    @abstractmethod
    def is_sound(self, answered: Any) -> bool:
        """Whether what was predicted is finite."""

    @abstractmethod
    def fields(self, answered: Any) -> dict[str, Any]:
        """Return what is predicted as the API says it: ``prediction`` first."""

    @abstractmethod
    def explain(self, values: Mapping[str, Value]) -> Contributions:
        """Return what each checked value of a record adds to its prediction.

        Raises
        ------
        ReasonsUnavailableError
            If no true reasons can be given in the time that a page has.
        """

    def is_far_from_training(self, values: Mapping[str, Value]) -> bool:
        """Whether a number lies so far outside what training saw that errors are not known."""
        for name, low, high in self.familiar_ranges:
            value = values[name]
            if value is not None and not low <= value <= high:  # type: ignore[operator]
                return True
        return False

    def _pickled_matrix(self, columns: Columns) -> Any:
        """Return rows of checked values as the pickled model takes them."""
        from src.schema.frames import typed_frame

        return self._preprocessor.transform(typed_frame(self.schema, columns))

    def _background(self) -> Background:
        from src.explanations.background import Background

        background = Background.from_dict(self.run.read_json("background.json"))
        if background.unavailable:
            raise ReasonsUnavailableError(background.unavailable)
        return background

    def _explained_by(self, explainer: Explainer, values: Mapping[str, Value]) -> Contributions:
        """Return the contributions that the pickles' explainer finds for a record."""
        from src.compiled.contributions import Contributions
        from src.schema.frames import typed_frame

        frame = typed_frame(self.schema, {name: [value] for name, value in values.items()})
        (added,) = explainer.contributions(frame).tolist()
        by_name = dict(zip(self.schema.names, added, strict=True))
        return Contributions(explainer.base, by_name, "permutation_shapley")

    def _explainer_of(self, chance: Chance | None = None) -> Explainer:
        from sklearn.pipeline import Pipeline

        from src.explanations.explainer import Explainer

        steps = [("preprocessor", self._preprocessor), ("model", self._model)]
        seed = self.run.manifest.seed
        return Explainer(self.schema, Pipeline(steps), self._background(), seed, chance)


class NumberPredictor(Predictor):
    """A run whose target is a number.

    Attributes
    ----------
    pass_mark : float or None
        The mark that the run was trained with.
    """

    COMPILED = CompiledModel
    compiled: CompiledModel | None

    def __init__(self, run: Run, *rest: Any) -> None:
        super().__init__(run, *rest)
        self.intervals = PredictionIntervals.from_dict(run.read_json("intervals.json"))
        marked = self.metrics.get("pass_mark")
        self.pass_mark = marked["mark"] if marked else None
        self._levels = [*map(str, self.intervals.levels)]
        by_group = self.intervals.factors.get(self.groups.column) if self.groups else None
        if by_group is not None and by_group.curve is not None:
            raise ValueError("the ranges' factors of groups are those of a number")

    def is_sound(self, answered: Prediction) -> bool:
        """Whether the number is finite."""
        return math.isfinite(answered.prediction)

    def fields(self, answered: Prediction) -> dict[str, Any]:
        """Return the number, its intervals, and the pass mark if the run was trained with one."""
        found: dict[str, Any] = {
            "prediction": answered.prediction,
            "intervals": answered.intervals,
        }
        if answered.probability_below is not None:
            found["pass_mark"] = {
                "mark": self.pass_mark,
                "probability_below": answered.probability_below,
            }
        return found

    def predict_values(
        self,
        values: Mapping[str, Value],
        warnings: tuple[Problem, ...] = (),
        pass_mark: float | None = None,
    ) -> Prediction:
        """Predict a record whose values were checked.

        Parameters
        ----------
        values : mapping
            What :meth:`Schema.check_record` returned, with the warnings.
        warnings : tuple of Problem
        pass_mark : float, optional
            The chance of a score below it comes with the prediction; default: the run's.
        """
        pass_mark = self.pass_mark if pass_mark is None else pass_mark
        target = self.schema.number
        predicted = self.unclipped(values)
        prediction = self.schema.clip(predicted)
        if not target.observed_minimum <= prediction <= target.observed_maximum:
            warnings += (self._beyond_what_was_seen(prediction),)
        if self.is_far_from_training(values):
            warnings += (Problem(_(NO_RANGE)),)
            return Prediction(values, warnings, self.run.run_id, prediction)
        known = self.with_key(values)
        ends = self.intervals.intervals(
            predicted, self.intervals.levels, target.minimum, target.maximum, known
        )
        below = None
        if pass_mark is not None:
            below = self.intervals.probability_below(
                pass_mark, predicted, integer=target.integer, values=known
            )
        return Prediction(
            values,
            warnings,
            self.run.run_id,
            prediction,
            dict(zip(self._levels, ends, strict=True)),
            below,
        )

    def _beyond_what_was_seen(self, prediction: float) -> Problem:
        target = self.schema.number
        if prediction > target.observed_maximum:
            seen, bound = shown_number(target.observed_maximum), target.maximum
            message = _(
                "The prediction lies above every %(target)s that training saw: the greatest was "
                "%(seen)s.",
                target=target.name,
                seen=seen,
            )
            hint = _(
                "If none can be greater, write maximum = %(seen)s for it in the hints and train "
                "again.",
                seen=format_number(target.observed_maximum),
            )
        else:
            seen, bound = shown_number(target.observed_minimum), target.minimum
            message = _(
                "The prediction lies below every %(target)s that training saw: the least was "
                "%(seen)s.",
                target=target.name,
                seen=seen,
            )
            hint = _(
                "If none can be less, write minimum = %(seen)s for it in the hints and train "
                "again.",
                seen=format_number(target.observed_minimum),
            )
        return Problem(message if bound is not None else f"{message} {hint}", target.name)

    def explain(self, values: Mapping[str, Value]) -> Contributions:
        """Return what each checked value of a record adds to its prediction.

        Base and contributions sum to the prediction before it is clipped to the target's range.

        Raises
        ------
        ReasonsUnavailableError
            If no true reasons can be given in the time that a page has.
        """
        if self._attributor is not None:
            found = self._attributor.contributions(values)
        else:
            found = self._explained_by(self._explainer, values)
        if self.groups is None or (key := self.groups.key(values)) is None:
            return found
        return replace(found, values={**found.values, self.groups.column: self.groups.of(key)})

    def unclipped(self, values: Mapping[str, Value]) -> float:
        """Predict a record of checked values, not clipped to the target's range."""
        if self.compiled is not None:
            predicted = self.compiled.predict(values)
            if self.groups is not None:
                predicted += self.groups.of(self.groups.key(values))
            return predicted
        return float(self.unclipped_columns({name: [v] for name, v in values.items()})[0])

    def unclipped_columns(self, columns: Columns) -> NDArray[np.float64]:
        """Predict rows of checked values, not clipped; needs no pandas where compiled.

        Parameters
        ----------
        columns : mapping of str to sequence of length n_samples
            Numbers and texts by feature; None or NaN where a value is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        import numpy as np

        if not len(columns[self.schema.names[0]]):
            return np.empty(0)
        if self._evaluator is not None:
            predicted = self._evaluator.predict(columns)
        else:
            found = self._model.predict(self._pickled_matrix(columns))
            predicted = np.asarray(found, dtype=np.float64).ravel()
        if self.groups is None:
            return predicted
        return predicted + self.groups.of_each(self.groups.keys(columns, len(predicted)))

    def with_key(self, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Return a record's checked values, its group's key instead of the name."""
        if self.groups is None:
            return values
        return {**values, self.groups.column: self.groups.key(values)}

    def with_keys(self, columns: Columns) -> Mapping[str, Sequence[Any]]:
        """Return rows' checked values, their groups' keys instead of the names."""
        if self.groups is None:
            return columns  # type: ignore[return-value]
        n_rows = len(columns[self.schema.names[0]])
        return {**columns, self.groups.column: self.groups.keys(columns, n_rows)}  # type: ignore[dict-item]

    @cached_property
    def _evaluator(self) -> BatchEvaluator | None:
        from src.compiled.batch import BatchEvaluator

        return None if self.compiled is None else BatchEvaluator(self.compiled)

    @cached_property
    def _attributor(self) -> Attributor | None:
        from src.compiled.contributions import Attributor

        if self.compiled is None:
            return None
        if not self.compiled.needs_points:
            return Attributor(self.compiled)
        background = self._background()
        return Attributor(self.compiled, background.records, background.weights)

    @cached_property
    def _explainer(self) -> Explainer:
        return self._explainer_of()
