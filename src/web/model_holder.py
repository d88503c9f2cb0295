"""The model that this process serves: loaded once, replaced when another run is promoted."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from flask import current_app

from src.artifact_store import ArtifactStore
from src.exception import ArtifactError, ModelNotFoundError, StuPredictionError
from src.logger import get_logger
from src.serving.predictor import Predictor

logger = get_logger(__name__)

RETRY_AFTER_S = 5.0

Signature = tuple[int, int, int] | None


class Held(NamedTuple):
    """What came of the last attempt to load, replaced as a whole.

    The predictor is the last one that loaded; a problem says why it is not the promoted run's. With
    the same signature of the folder an attempt that failed is worth repeating at ``retry_at``.
    """

    predictor: Predictor | None
    problem: StuPredictionError | None
    signature: Signature
    retry_at: float  # monotonic seconds


def load_promoted(store: ArtifactStore) -> Predictor:
    """Return the predictor of a store's promoted run."""
    return Predictor.from_run(store.promoted())


def current_models() -> ModelHolder:
    """Return the holder of the app that answers."""
    holder: ModelHolder = current_app.extensions[ModelHolder.EXTENSION]
    return holder


class ModelHolder:
    """Hold the promoted run's predictor; safe to use from many threads.

    Each question costs one ``stat`` of the manifest. When that says that another run was promoted,
    one thread loads it while the others go on with the model they have; a run that does not load
    leaves the last good one in place.

    ``load`` returns the promoted run's predictor, ``clock`` monotonic seconds.
    """

    EXTENSION = "model_holder"

    def __init__(
        self,
        store: ArtifactStore,
        load: Callable[[ArtifactStore], Predictor] = load_promoted,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self._load = load
        self._clock = clock
        self._lock = threading.Lock()
        self._held = self._attempt(None)

    def predictor(self) -> Predictor:
        """Return the predictor of the promoted run, or of the last run that loaded.

        Raises
        ------
        ModelNotFoundError
            If nothing was promoted yet.
        ArtifactError
            If the promoted run does not load and none was loaded before.
        """
        held = self._current()
        if held.predictor is None:
            raise held.problem or ArtifactError("No model is loaded.")
        return held.predictor

    def is_at_hand(self) -> bool:
        """Whether the promoted run is loaded, and predicts by tables: that takes a moment."""
        predictor = self._held.predictor
        return predictor is not None and predictor.compiled is not None and not self._is_stale()

    @property
    def problem(self) -> StuPredictionError | None:
        """Why the promoted run is not the one that is served; None when all is well."""
        return self._current().problem

    def _current(self) -> Held:
        # With a model in hand nobody waits for another thread's load.
        if self._is_stale() and self._lock.acquire(blocking=self._held.predictor is None):
            try:
                if self._is_stale():
                    self._held = self._attempt(self._held)
            finally:
                self._lock.release()
        return self._held

    def _is_stale(self) -> bool:
        held = self._held
        return self.store.signature() != held.signature or self._clock() >= held.retry_at

    def _attempt(self, before: Held | None) -> Held:
        signature = self.store.signature()  # first: a promotion during the load is seen next time
        retry_at = self._clock() + RETRY_AFTER_S
        problem: StuPredictionError
        try:
            predictor = self._load(self.store)
        except ModelNotFoundError as error:
            problem, retry_at = error, math.inf  # a promotion changes the signature
        except StuPredictionError as error:
            problem = error
        except Exception as error:  # whatever is wrong with the new one, the last one goes on
            logger.exception("The promoted run does not load")
            problem = ArtifactError(f"The model could not be loaded ({type(error).__name__}).")
        else:
            logger.info("Serving run %s (%s)", predictor.run.run_id, predictor.run.manifest.model)
            return Held(predictor, None, signature, math.inf)
        if before is None or str(before.problem) != str(problem):  # a retry is no news
            logger.error("%s", problem)
        return Held(before.predictor if before else None, problem, signature, retry_at)
