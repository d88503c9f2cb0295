"""From a fitted preprocessor and model to ``compiled.json``, refused unless it agrees with them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from src.compiled.model import CompiledModel
from src.exception import ArtifactError
from src.logger import get_logger
from src.schema.record import Schema

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

logger = get_logger(__name__)


@dataclass(frozen=True)
class CompiledRun:
    """What became of a pipeline.

    Attributes
    ----------
    content : bytes
        Of ``compiled.json``: the tables, or the reason why there are none.
    model : CompiledModel or None
    fallback_reason : str
        Why the pickles are served; empty where the tables are.
    """

    content: bytes
    model: CompiledModel | None
    fallback_reason: str


class ModelCompiler:
    """Write a fitted pipeline as tables that the standard library can evaluate."""

    def __init__(self, schema: Schema, random_state: int = 42) -> None:
        self.schema = schema
        self.random_state = random_state

    def run(self, preprocessor: Any, model: Any, X: pd.DataFrame) -> CompiledRun:
        """Return the tables, or the reason why the pickles must be served.

        Parameters
        ----------
        preprocessor : ColumnTransformer
            Fitted.
        model : regressor
            Fitted on what the preprocessor makes.
        X : DataFrame of shape (n_samples, n_features)
            The rows that both were fitted on.
        """
        from src.compiler.agreement import compare  # these need numpy
        from src.compiler.columns import read_columns
        from src.compiler.estimators import UnsupportedEstimatorError, read_estimator
        from src.compiler.table_builder import TableBuilder

        started = time.perf_counter()
        try:
            parts = read_estimator(model)
            columns, constant = read_columns(self.schema, preprocessor)
            content = _to_json(TableBuilder(columns, constant, X).run(parts))
            compiled = CompiledModel.from_dict(json.loads(content))
        except (UnsupportedEstimatorError, ArtifactError) as error:
            return self._fallback(str(error))
        # A library may move what the readers look at: that must not cost the run.
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            return self._fallback(f"{type(model).__name__} could not be read ({error!r}).")

        def predict(frame: pd.DataFrame) -> NDArray[np.float64]:
            import numpy as np

            predicted = model.predict(preprocessor.transform(frame))
            return np.asarray(predicted, dtype=np.float64).ravel()

        found = compare(
            self.schema, compiled, predict, X, single=parts.single, random_state=self.random_state
        )
        if not found.holds:
            return self._fallback(
                f"The compiled model differs from the pickles by {found.worst:.1e}, relative, on "
                f"the worst of {found.n_rows:,} records; {found.allowed:.0e} is allowed."
            )
        logger.info(
            "Compiled the model: %.1f KB, agrees with the pickles to %.0e on %d records (%.2f s)",
            *(len(content) / 1e3, found.worst, found.n_rows, time.perf_counter() - started),
        )
        return CompiledRun(content, compiled, "")

    def _fallback(self, reason: str) -> CompiledRun:
        logger.warning("The model is served from its pickles. %s", reason)
        content = _to_json({"version": CompiledModel.VERSION, "fallback_reason": reason})
        return CompiledRun(content, None, reason)


def _to_json(tables: dict[str, Any]) -> bytes:
    text = json.dumps(tables, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode() + b"\n"
