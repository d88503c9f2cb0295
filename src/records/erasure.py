"""What is kept of one pupil: shown, and removed for good; and what is too old."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, text, update

from src.exception import StuPredictionError
from src.records.identity import now_ms, subject_hash
from src.records.spool import blank_rows
from src.records.tables import batch, drift, event, outcome, prediction, report, review

DAY_MS = 86_400_000
PIECE_ROWS = 50_000  # that are pruned in one transaction
WAIT_S = 60.0  # for those who read SQLite's log


class ErasureError(StuPredictionError):
    """Rows are deleted, but traces of them are left in a file."""


def export(engine: Engine, subject: str, key: str, actor: str) -> dict[str, Any]:
    """Return everything that is kept of a pupil, and note that it was asked for."""
    of_pupil = prediction.c.subject == subject_hash(subject, key)
    with engine.begin() as connection:
        predictions = _rows(connection, select(prediction).where(of_pupil))
        names = select(prediction.c.id).where(of_pupil)
        found = {
            "predictions": predictions,
            "outcomes": _rows(connection, select(outcome).where(outcome.c.prediction.in_(names))),
            "reviews": _rows(connection, select(review).where(review.c.prediction.in_(names))),
        }
        note(connection, "export", actor, {"predictions": len(predictions)})
    return found


def erase(engine: Engine, subject: str, key: str, spool_folder: Path, actor: str) -> int:
    """Remove everything that is kept of a pupil, from the files too; return how many predictions.

    Reports, looks at drift and summaries of the pupil's files lose what they say: two of them,
    before and after, could tell what the pupil added.

    Raises
    ------
    ErasureError
        If SQLite's log could not be emptied since somebody reads all the time.
    """
    name = subject_hash(subject, key)
    # The spool first: what is written from it meanwhile is deleted below.
    n_spooled = blank_rows(spool_folder, lambda row: row.get("subject") == name)
    with engine.begin() as connection:
        files = select(prediction.c.batch).where(prediction.c.subject == name)
        connection.execute(update(batch).where(batch.c.id.in_(files)).values(summary=None))
        connection.execute(update(drift).values(content=None))
        # Outcomes and reviews go with their predictions.
        removed = connection.execute(delete(prediction).where(prediction.c.subject == name))
        connection.execute(delete(report))
        n_removed = removed.rowcount + n_spooled
        note(connection, "erasure", actor, {"predictions": n_removed})
    leave_no_trace(engine)
    return n_removed


def prune(engine: Engine, older_days: int, actor: str) -> int:
    """Remove predictions that were made so many days ago or earlier; return how many."""
    before_ms = now_ms() - older_days * DAY_MS
    # An id begins with its time: the primary key finds them.
    moment = f"{before_ms:012x}"
    first_kept = f"{moment[:8]}-{moment[8:]}"
    some = select(prediction.c.id).where(prediction.c.id < first_kept).limit(PIECE_ROWS)
    n_removed = 0
    while True:
        with engine.begin() as connection:
            n = connection.execute(delete(prediction).where(prediction.c.id.in_(some))).rowcount
        n_removed += n
        if n < PIECE_ROWS:
            break
    with engine.begin() as connection:
        old = batch.c.made_at_ms < before_ms
        connection.execute(update(batch).where(old).values(summary=None))
        note(connection, "prune", actor, {"predictions": n_removed, "older_days": older_days})
    leave_no_trace(engine)
    return n_removed


def leave_no_trace(engine: Engine) -> None:
    """Have the database's files forget what was deleted.

    SQLite overwrites it as it deletes; its log is emptied here. PostgreSQL writes the tables anew:
    a plain VACUUM lets bytes of deleted rows stand. Its own log and backups keep them for as long
    as they are kept.
    """
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in (prediction, outcome, review, report, batch, drift):
                connection.execute(text(f"VACUUM FULL {table.name}"))
            connection.execute(text("CHECKPOINT")) if _may_checkpoint(connection) else None
        return
    deadline = time.monotonic() + WAIT_S
    while True:
        with engine.connect() as connection:
            busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()[0]
        if not busy:
            return
        if time.monotonic() > deadline:
            raise ErasureError(
                "The rows are deleted, but SQLite's log is in use and still holds them. Run the "
                "command again when the app is less busy."
            )
        time.sleep(0.1)


def note(connection: Connection, kind: str, actor: str, details: dict[str, Any]) -> None:
    """Add an event; its details hold no value of a pupil."""
    row = {"at_ms": now_ms(), "kind": kind, "actor": actor, "details": json.dumps(details)}
    connection.execute(insert(event).values(row))


def _may_checkpoint(connection: Connection) -> bool:
    allowed = connection.execute(
        text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    ).scalar()
    return bool(allowed)


def _rows(connection: Connection, asked: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(asked).mappings()]
