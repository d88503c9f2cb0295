"""A model that predicts beside the one that answers, and is only recorded (``SHADOW_RUN``).

It predicts in the thread that hands rows to the one that writes, after the answer: no request waits
for it, and none fails by it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from src.artifact_store import ArtifactStore
from src.exception import DataValidationError
from src.logger import get_logger
from src.schema.features import Value
from src.serving.outcomes import OutcomePrediction
from src.serving.predictor import Predictor

logger = get_logger(__name__)


class Shadow:
    """Predict what is recorded beside an answer.

    Parameters
    ----------
    run_id : str
    artifacts : Path
    signing_key : str
        As of :class:`ArtifactStore`.
    """

    def __init__(self, run_id: str, artifacts: Path, signing_key: str) -> None:
        self._run_id = run_id
        self._load: Callable[[], Predictor] = lambda: Predictor.from_run(
            ArtifactStore(artifacts, signing_key).run(run_id)
        )
        self._predictor: Predictor | None = None
        self._failed = False

    def column(self, values: Mapping[str, Value], answered_by: str) -> str | None:
        """Return what is kept of the shadow's prediction, as JSON; None where there is none.

        Parameters
        ----------
        values : mapping
            The record's checked values.
        answered_by : str
            The run that answered: where that is the shadow itself, nothing is compared.
        """
        if self._failed or answered_by == self._run_id:
            return None
        try:
            if self._predictor is None:
                self._predictor = self._load()
                logger.info("Run %s predicts beside the one that answers", self._run_id)
            return self._predicted(self._predictor, values)
        except DataValidationError:  # it was trained on other columns, or other categories
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, answers are kept without it
            self._failed = True
            logger.error(
                "Run %s cannot predict beside the one that answers: %s",
                *(self._run_id, str(error) or type(error).__name__),
            )
            return None

    def _predicted(self, predictor: Predictor, values: Mapping[str, Value]) -> str:
        asked = {one.name for one in predictor.schema.asked}
        record = {name: value for name, value in values.items() if name in asked}
        answered = predictor.predict_record(record, suggest=False)
        if isinstance(answered, OutcomePrediction):
            return json.dumps({"run": self._run_id, "probabilities": answered.probabilities})
        return json.dumps({"run": self._run_id, "number": predictor.fields(answered)["prediction"]})
