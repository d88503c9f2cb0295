"""From a fitted preprocessor and model to ``compiled.json``, refused unless it agrees with them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from src.compiled.class_contributions import ClassAttributor
from src.compiled.classifier import CompiledClassifier, read_compiled
from src.compiled.contributions import MOST_LEAVES, TOO_LARGE, Attributor
from src.compiled.group_effects import GroupEffects
from src.compiled.model import CompiledModel
from src.exception import ArtifactError, ReasonsUnavailableError
from src.explanations.background import Background
from src.logger import get_logger
from src.schema.features import ClassTarget
from src.schema.record import Schema

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from src.compiler.classifiers import AveragedMembers
    from src.compiler.estimators import WeightedSum

logger = get_logger(__name__)

POINTS = (32, 16, 8)  # of a background; fewer where there is no time for more
TIMED_RECORDS = 4


@dataclass(frozen=True)
class CompiledRun:
    """What became of a pipeline.

    Attributes
    ----------
    content : bytes
        Of ``compiled.json``: the tables, or the reason why there are none.
    model : CompiledModel or CompiledClassifier or None
    fallback_reason : str
        Why the pickles are served; empty where the tables are.
    background : Background
        What reasons are counted from.
    """

    content: bytes
    model: CompiledModel | CompiledClassifier | None
    fallback_reason: str
    background: Background


class ModelCompiler:
    """Write a fitted pipeline as tables that the standard library can evaluate."""

    def __init__(self, schema: Schema, random_state: int = 42) -> None:
        self.schema = schema
        self.random_state = random_state

    def run(
        self, preprocessor: Any, model: Any, X: pd.DataFrame, groups: GroupEffects | None = None
    ) -> CompiledRun:
        """Return the tables, or the reason why the pickles must be served.

        Parameters
        ----------
        preprocessor : ColumnTransformer
            Fitted.
        model : regressor or classifier
            Fitted on what the preprocessor makes.
        X : DataFrame of shape (n_samples, n_features)
            The rows that both were fitted on.
        groups : GroupEffects, optional
            What groups add to the model, kept beside the tables, or beside the reason.
        """
        made = self._run(preprocessor, model, X)
        if groups is None:
            return made
        tables = json.loads(made.content) | {"group": asdict(groups)}
        return replace(made, content=_to_json(tables))

    def _run(self, preprocessor: Any, model: Any, X: pd.DataFrame) -> CompiledRun:
        from sklearn.base import is_classifier

        from src.compiler.agreement import compare  # these need numpy
        from src.compiler.classifiers import read_classifier
        from src.compiler.estimators import UnsupportedEstimatorError, read_estimator

        started = time.perf_counter()
        has_classes = is_classifier(model)

        def predict(frame: pd.DataFrame) -> NDArray[np.float64]:
            import numpy as np

            matrix = preprocessor.transform(frame)
            if has_classes:
                return np.asarray(model.predict_proba(matrix), dtype=np.float64)
            return np.asarray(model.predict(matrix), dtype=np.float64).ravel()

        def reasoned(frame: pd.DataFrame) -> NDArray[np.float64]:
            # The first of the probabilities is what the others leave.
            return predict(frame)[:, 1:] if has_classes else predict(frame)

        def drawn(n_points: int) -> Background:
            return Background.of(self.schema, X, reasoned, self.random_state, n_points)

        def drawn_for(parts: AveragedMembers) -> Callable[[int], Background]:
            def scores(frame: pd.DataFrame) -> NDArray[np.float64]:
                return parts.scores(preprocessor.transform(frame))

            def start(of_rows: NDArray[np.float64]) -> NDArray[np.float64]:
                return parts.start(of_rows, self._event(parts.n_classes))

            return lambda n_points: Background.of(
                self.schema, X, scores, self.random_state, n_points, start
            )

        def fallback(reason: str) -> CompiledRun:
            logger.warning("The model is served from its pickles. %s", reason)
            content = _to_json({"version": CompiledModel.VERSION, "fallback_reason": reason})
            return CompiledRun(content, None, reason, self._sampled(preprocessor, model, X, drawn))

        try:
            parts: WeightedSum | AveragedMembers
            if has_classes:
                parts = read_classifier(model)
                content, compiled, background = self._tables(
                    preprocessor, parts, X, drawn_for(parts), POINTS
                )
            else:
                parts = read_estimator(model)
                content, compiled, background = self._tables(
                    preprocessor, parts, X, drawn, POINTS if parts.needs_points else ()
                )
        except (UnsupportedEstimatorError, ArtifactError) as error:
            return fallback(str(error))
        # A library may move what the readers look at: that must not cost the run.
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            return fallback(f"{type(model).__name__} could not be read ({error!r}).")

        found = compare(
            self.schema, compiled, predict, X, single=parts.single, random_state=self.random_state
        )
        if not found.holds:
            unit = "in a probability" if has_classes else "relative"
            return fallback(
                f"The compiled model differs from the pickles by {found.worst:.1e}, {unit}, on "
                f"the worst of {found.n_rows:,} records; {found.allowed:.0e} is allowed."
            )
        logger.info(
            "Compiled the model: %.1f KB, agrees with the pickles to %.0e on %d records (%.2f s)",
            *(len(content) / 1e3, found.worst, found.n_rows, time.perf_counter() - started),
        )
        return CompiledRun(content, compiled, "", background)

    def _event(self, n_classes: int) -> Sequence[int]:
        """Return the classes whose mean chance reasons start from; none where nobody said which."""
        target = self.schema.target
        found = target.event if isinstance(target, ClassTarget) else ()
        return found or ((1,) if n_classes == 2 else ())

    def _sampled(
        self, preprocessor: Any, model: Any, X: pd.DataFrame, drawn: Callable[[int], Background]
    ) -> Background:
        """Return what the pickles' reasons are counted from, if they are true and in time."""
        from sklearn.base import is_classifier
        from sklearn.pipeline import Pipeline

        from src.explanations.explainer import MIXTURES, reasons_problem

        pipeline = Pipeline([("preprocessor", preprocessor), ("model", model)])
        # So many points that all coalitions of the features can be asked, or else some.
        n_points = next((n for n in POINTS if n << len(self.schema.names) <= MIXTURES), POINTS[1])
        background = drawn(n_points)
        chance = _chance_of_the_first if is_classifier(model) else None
        problem = background.unavailable or reasons_problem(
            self.schema, pipeline, background, X, chance
        )
        return _unless(problem, background)

    def _tables(
        self,
        preprocessor: Any,
        parts: WeightedSum | AveragedMembers,
        X: pd.DataFrame,
        drawn: Callable[[int], Background],
        most_points: Sequence[int],
    ) -> tuple[bytes, CompiledModel | CompiledClassifier, Background]:
        """Return the tables, read back too, and the largest background with which there is time.

        Where there are neither trees nor exponentials, none is needed: reasons are counted from
        means over the training rows. Those of linear regressors are, as their mean is that of the
        predictions.
        """
        import numpy as np

        from src.compiler.columns import read_columns
        from src.compiler.table_builder import TableBuilder

        columns, constant = read_columns(self.schema, preprocessor)
        n_columns = len(constant) + sum(len(column.columns) for column in columns)
        for n_points in most_points or (0,):
            background = drawn(n_points) if n_points else Background()
            if background.unavailable and not parts.needs_points:
                background = Background()
            matrix = np.empty((0, n_columns))
            if background.weights:
                matrix = np.asarray(preprocessor.transform(background.frame(self.schema)))
            builder = TableBuilder(columns, constant, X, matrix, background.weights)
            content = _to_json(builder.run(parts))
            compiled = read_compiled(json.loads(content))
            problem = background.unavailable or _reasons_problem(compiled, background, X)
            if problem != TOO_LARGE:
                break
        return content, compiled, _unless(problem, background)


def _chance_of_the_first(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    return probabilities[:, 0]


def _unless(problem: str, background: Background) -> Background:
    if not problem:
        return background
    logger.warning("Reasons are not available for this model. %s", problem)
    return Background(unavailable=problem)


def _reasons_problem(
    model: CompiledModel | CompiledClassifier, background: Background, X: pd.DataFrame
) -> str:
    """Return why no reasons can be given; empty where they can."""
    attributor: Attributor | ClassAttributor
    try:
        if isinstance(model, CompiledClassifier):
            attributor = ClassAttributor(model, background.records, background.weights)
        else:
            attributor = Attributor(model, background.records, background.weights)
    except ReasonsUnavailableError as error:
        return str(error)
    names = [feature.name for feature in model.features]
    for row in X[names].iloc[:: max(1, len(X) // TIMED_RECORDS)].itertuples(index=False):
        known = (None if value != value else value for value in row)
        values = dict(zip(names, known, strict=True))
        if attributor.n_leaves(values, MOST_LEAVES) > MOST_LEAVES:
            return TOO_LARGE
    return ""


def _to_json(tables: dict[str, Any]) -> bytes:
    text = json.dumps(tables, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode() + b"\n"
