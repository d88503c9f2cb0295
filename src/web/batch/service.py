"""From an uploaded file to its job, for the pages and the API."""

from __future__ import annotations

import shutil
import signal
import threading
from contextlib import suppress
from contextvars import copy_context
from pathlib import PurePosixPath
from typing import IO

from flask import current_app, request

from src.config import Settings
from src.exception import DataValidationError, Problem
from src.language import gettext as _
from src.logger import get_logger
from src.schema.features import ClassTarget, NumericFeature
from src.serving.predictor import Predictor
from src.tables.cells import parse_number, shorten
from src.web.batch.worker import CLASS_BYTES, TOO_MUCH, kind_of_work, our_fault, run, start
from src.web.batch.workspace import ABANDONED, Job, Order, Refusal, Workspace
from src.web.middleware.metrics import Metrics
from src.web.middleware.request_body import spool_body
from src.web.recording import Recording

logger = get_logger(__name__)

UPLOADS = frozenset(
    {"batch.upload", "api.predict_batch", "records.upload"}
)  # views that take a file
LONGEST_NAME = 60
# What the system ends a process with that takes too much.
LIMITS = frozenset(
    int(getattr(signal, name))
    for name in ("SIGKILL", "SIGXCPU", "SIGXFSZ")
    if hasattr(signal, name)
)


class BatchService:
    """Score files that people and programs send."""

    EXTENSION = "batch"

    def __init__(
        self, settings: Settings, metrics: Metrics, recording: Recording | None = None
    ) -> None:
        self.workspace = Workspace(settings.uploads_dir, settings.max_upload_bytes)
        self._signing_key = settings.model_signing_key
        self._most_bytes = settings.max_upload_bytes
        self._metrics = metrics
        self._recording = recording

    def prepare_request(self) -> None:
        """Allow uploads their own size; copy one that comes in pieces to a file first."""
        if request.endpoint not in UPLOADS or request.is_json:
            return
        request.max_content_length = self._most_bytes
        if "HTTP_TRANSFER_ENCODING" in request.environ:
            spool_body(self._most_bytes)

    def accept(
        self,
        file: IO[bytes],
        order: Order,
        predictor: Predictor,
        *,
        wait_s: float,
    ) -> Job:
        """Take a file and score it: at once, or in a process that is waited for a while.

        Parameters
        ----------
        order : Order
            With the name of the upload; see :func:`safe_name`.
        wait_s : float
            Seconds after which the job is returned without an outcome.

        Raises
        ------
        ServiceUnavailable
            If there is no room, or too many large files are worked on.
        """
        head = file.read(CLASS_BYTES + 1)
        kind = kind_of_work(head, order.name, predictor)
        job, claim = self.workspace.create(kind)
        try:
            with claim:
                with job.upload.open("wb") as copy:
                    copy.write(head)
                    shutil.copyfileobj(file, copy)
                job.write_order(order)
                self._work(job, kind, claim, predictor, wait_s)
        except BaseException:
            self.workspace.delete(job)
            raise
        return job

    def repeat(self, job: Job, order: Order, predictor: Predictor, *, wait_s: float) -> None:
        """Score a job's file again by another order, unless somebody is at it.

        Raises as :meth:`accept`, and FileNotFoundError if the job was deleted.
        """
        with job.upload.open("rb") as file:
            kind = kind_of_work(file.read(CLASS_BYTES + 1), order.name, predictor)
        claim = self.workspace.take_up(job, order, kind)
        if claim is not None:
            with claim:
                self._work(job, kind, claim, predictor, wait_s)

    def _work(
        self, job: Job, kind: bytes, claim: IO[bytes], predictor: Predictor, wait_s: float
    ) -> None:
        recording = self._recording
        if not kind:
            run(job, predictor, recording.recorder if recording else None)
            self._note(job)
            return
        secrets = {"MODEL_SIGNING_KEY": self._signing_key}
        if recording:
            secrets |= recording.child_environment()
        process = start(job, claim, predictor, secrets, self._most_bytes)
        claim.close()  # the process has it now

        def follow() -> None:
            status = process.wait()
            with suppress(FileNotFoundError):  # it was deleted
                if status and job.outcome() == ABANDONED:
                    job.finish(_explain(status))
                self._note(job)

        # With the id of the request, for the lines of the log.
        thread = threading.Thread(target=copy_context().run, args=(follow,), daemon=True)
        thread.start()
        thread.join(wait_s)

    def _note(self, job: Job) -> None:
        outcome = job.outcome()
        if isinstance(outcome, Refusal):
            if outcome.internal:
                logger.error("%s", outcome.internal)
        elif outcome is not None:
            self._metrics.count_records(outcome.n_predicted, outcome.n_refused)
            logger.info("Scored a file: %d rows, %d refused", outcome.n_rows, outcome.n_refused)


def _explain(status: int) -> Refusal:
    """Return why a process ended without an outcome."""
    if -status in LIMITS:
        return Refusal(TOO_MUCH)
    return our_fault(f"A process for a file ended with status {status} and said nothing.")


def current_batches() -> BatchService:
    """Return the service of the app that answers."""
    service: BatchService = current_app.extensions[BatchService.EXTENSION]
    return service


def safe_name(sent: str | None) -> str:
    """Return the name of an upload for messages; no path is made of it.

    Raises
    ------
    DataValidationError
        If it is a Parquet file.

    Examples
    --------
    >>> safe_name("../../class 4b.xlsx"), safe_name("")
    ('class 4b.xlsx', 'the file')
    """
    plain = "".join(c for c in (sent or "").replace("\\", "/") if c.isprintable())
    path = PurePosixPath(plain.strip())
    if path.suffix.lower() in (".parquet", ".pq"):
        message = _("Parquet files are not taken here. Save it as CSV or Excel.")
        raise DataValidationError(problems=[Problem(message, "file")])
    if len(path.name) > LONGEST_NAME:
        suffix = path.suffix if len(path.suffix) < LONGEST_NAME / 2 else ""
        return path.name[: LONGEST_NAME - len(suffix) - 1] + "…" + suffix
    return path.name or _("the file")


def read_pass_mark(text: str, target: NumericFeature | ClassTarget) -> float | None:
    """Return the pass mark that a text spells; None where it is empty.

    Raises
    ------
    DataValidationError
        If the target cannot have that score, or is an outcome.
    """
    if not text.strip():
        return None
    if isinstance(target, ClassTarget):
        message = _(
            "%(target)s is an outcome: it has no pass mark.", target=target.label or target.name
        )
        raise DataValidationError(problems=[Problem(message, "pass_mark")])
    mark = parse_number(text, decimal_comma="," in text)
    if mark is None or not target.within(mark):
        got = shorten(text.strip())
        message = _("The pass mark must be %(rule)s. Got %(got)s.", rule=target.rule, got=repr(got))
        raise DataValidationError(problems=[Problem(message, "pass_mark", got=got)])
    return mark
