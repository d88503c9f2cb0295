"""Score a job's file: in the web worker for a class list, else in a process of its own.

``python -m src.web.batch.worker FOLDER ARTIFACTS RUN_ID MOST_BYTES``
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import IO, TYPE_CHECKING

from src.artifact_store import ArtifactStore
from src.config import ROOT, load_settings, read_signing_key
from src.exception import (
    ConfigurationError,
    DataValidationError,
    HeaderError,
    StuPredictionError,
)
from src.language import mark, speaking
from src.serving.listed_reasons import Reasons, explains_slowly, reasons_of
from src.serving.predictor import Predictor
from src.serving.scorers import scorer_for
from src.serving.scoring import can_vectorise, score_table
from src.serving.summary import Summary
from src.tables.reader import open_table
from src.tables.spreadsheets import SheetChoice
from src.utils import NO_ROOM
from src.web.batch.workspace import FILE_FACTOR, LARGE, SMALL, Job, Order, Refusal

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

    from src.records.recorder import Recorder

EXPLAIN_S = 1.0  # of the processor, before a file is said to be done; a look at it goes on
TIME_LIMIT_S = 120
MEMORY_BYTES = 2 << 30  # of addresses, which are more than the memory that is used
LOOK_EVERY_S = 0.5
CLASS_BYTES = 1 << 18  # a file of no more bytes …
CLASS_LINES = 501  # … and lines is a class list

TOO_LONG = mark("The file takes more than 2 minutes. Split it.")
TOO_MUCH = mark("The file takes more memory or time than the server gives. Split it into parts.")
NO_EXCEL = mark("Excel files cannot be read on this server. Save it as CSV and upload that.")
NO_ROOM_LEFT = mark("The results take more room than the server gives. Split the file.")
OUR_FAULT = mark("The mistake is here, not in your file. It was noted; please try again.")

_NOT_INHERITED = ("API_KEYS", "RECORDS_URL", "RECORDS_KEY", "OPERATOR_PASSWORD_HASH", "SECRET_KEY")


def kind_of_work(content: bytes, name: str, predictor: Predictor) -> bytes:
    """Return who scores a file: "" for the web worker itself, SMALL or LARGE for a process.

    ``content`` is its beginning, of more than :data:`CLASS_BYTES` where it has so many. Excel files
    get a process whatever their size: their reader takes memory. So do all where reasons take long.
    """
    if len(content) > CLASS_BYTES:
        return LARGE
    is_class_list = (
        predictor.compiled is not None
        and max(content.count(b"\n"), content.count(b"\r")) <= CLASS_LINES
        and not is_workbook(name)
        and not explains_slowly(predictor)
    )
    return b"" if is_class_list else SMALL


def is_workbook(name: str) -> bool:
    """Whether a file's name is that of a workbook."""
    return name.lower().endswith((".xlsx", ".xlsm"))


def run(
    job: Job, predictor: Predictor, recorder: Recorder | None = None, *, vectorised: bool = False
) -> Summary | Refusal:
    """Score a job's file; the outcome is written down too.

    Raises
    ------
    FileNotFoundError
        If the job was deleted meanwhile.
    """
    outcome = _attempt(job, predictor, recorder, vectorised=vectorised)
    if isinstance(outcome, Summary) and vectorised:  # else whoever looks at them waits less
        job.write_reasons(reasons_of(predictor, outcome.rows, Reasons(), EXPLAIN_S))
    job.finish(outcome)
    return outcome


def _attempt(
    job: Job, predictor: Predictor, recorder: Recorder | None, *, vectorised: bool
) -> Summary | Refusal:
    order = job.read_order()
    with speaking(order.language):
        return _score(job, order, predictor, recorder, vectorised=vectorised)


def _score(
    job: Job, order: Order, predictor: Predictor, recorder: Recorder | None, *, vectorised: bool
) -> Summary | Refusal:
    scorer = scorer_for(predictor, order.pass_mark, vectorised=vectorised)
    choice = SheetChoice(order.sheet, order.all_sheets, *predictor.schema.keys)
    try:
        with (
            open_table(job.upload.open("rb"), order.name, choice) as reader,
            # With the mark without which Excel does not read UTF-8.
            job.predictions.open("w", encoding="utf-8-sig", newline="") as output,
            job.to_fix.open("w", encoding="utf-8-sig", newline="") as to_fix,
        ):
            keeper = None
            if recorder:  # only a process of its own may wait
                keeper = recorder.file(scorer, reader.header, patient=vectorised)
            return score_table(reader, scorer, output, to_fix, job.report, order.mending, keeper)
    except HeaderError as error:
        return Refusal(
            error.summary,
            error.problems,
            header=error.header,
            found=error.found,
            sheets=reader.notes.sheets,
            sheets_read=reader.notes.sheets_read,
        )
    except (DataValidationError, ConfigurationError) as error:
        return Refusal(error.summary, error.problems)
    except ImportError as error:
        if error.name != "openpyxl":
            raise
        return Refusal(NO_EXCEL)
    except MemoryError:
        return Refusal(TOO_MUCH)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        return Refusal(NO_ROOM_LEFT)
    except Exception as error:  # noqa: BLE001 - the message may quote a student's answers
        steps = "".join(traceback.format_tb(error.__traceback__))
        return our_fault(f"{type(error).__name__} while scoring a file:\n{steps}")


def our_fault(internal: str) -> Refusal:
    """Return a refusal for which the file is not to blame; ``internal`` is for the log."""
    return Refusal(OUR_FAULT, internal=internal)


def child_environment() -> dict[str, str]:
    """Return the environment of a process that works for us: without the secrets of the server."""
    return {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}


def start(
    job: Job,
    claim: IO[bytes],
    predictor: Predictor,
    secrets: Mapping[str, str],
    most_bytes: int,
) -> subprocess.Popen[bytes]:
    """Start a process that works on a job; it ends by itself when the job is deleted.

    It inherits the claim, and so holds it for as long as it lives. ``secrets`` are the variables
    that it needs, and that are not inherited.
    """
    import subprocess  # a worker that scores class lists only does not need it

    environment = {**child_environment(), **secrets}
    environment["OMP_NUM_THREADS"] = environment["OPENBLAS_NUM_THREADS"] = "1"
    run_folder = predictor.run.folder.resolve()
    return subprocess.Popen(  # noqa: S603 - nothing here comes from a request
        [
            sys.executable,
            "-m",
            "src.web.batch.worker",
            str(job.folder.resolve()),
            str(run_folder.parent.parent),
            predictor.run.run_id,
            str(most_bytes),
        ],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # nothing of a file may come into the log
        start_new_session=True,  # what interrupts the server from a keyboard
        pass_fds=() if os.name == "nt" else (claim.fileno(),),
    )


def _limit(most_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, TIME_LIMIT_S),
        (resource.RLIMIT_FSIZE, FILE_FACTOR * most_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        if hard == resource.RLIM_INFINITY or most < hard:
            resource.setrlimit(kind, (most, most))
    os.nice(5)  # people who wait for a page come first


def _watch(job: Job) -> None:
    """Show that the process lives; end it when its time is over or its job gone."""
    over = time.monotonic() + TIME_LIMIT_S
    while True:
        time.sleep(LOOK_EVERY_S)
        try:
            if time.monotonic() > over:
                job.finish(Refusal(TOO_LONG))
                os._exit(1)
            job.show_life()
        except OSError:
            os._exit(1)


def main(folder: str, artifacts: str, run_id: str, most_bytes: str) -> int:
    """Work on one job and return the exit status."""
    job = Job(Path(folder))
    _limit(int(most_bytes))
    threading.Thread(target=_watch, args=(job,), daemon=True).start()
    try:
        store = ArtifactStore(Path(artifacts), read_signing_key())
        predictor = Predictor.from_run(store.run(run_id))
    except StuPredictionError as error:
        job.finish(our_fault(f"The run of a file does not load any more: {error}"))
        return 1
    recorder = _recorder()
    outcome = run(job, predictor, recorder, vectorised=can_vectorise())
    if recorder:
        recorder.close()
    return 0 if isinstance(outcome, Summary) else 1


def _recorder() -> Recorder | None:
    """Return what keeps the predictions, where the server that started this process keeps them."""
    if not os.environ.get("RECORDS_URL"):
        return None
    from src.records.recorder import Recorder, record_settings

    # What is lost here is not counted: the counters are the server's.
    return Recorder(record_settings(load_settings()), lambda what, n: None)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
