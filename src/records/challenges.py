"""Challenges among the events: what was found, and what was decided."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, select

from src.records.erasure import note
from src.records.tables import event

KIND = "challenge"


class KeptChallenge(NamedTuple):
    """A challenge as it was noted.

    Attributes
    ----------
    details : dict
        ``run``, ``model``, ``decision``, and ``facts`` as ``metrics.json`` has them.
    """

    at_ms: int
    details: dict[str, Any]


def keep_challenge(engine: Engine, actor: str, details: dict[str, Any]) -> None:
    """Note what a challenge found."""
    with engine.begin() as connection:
        note(connection, KIND, actor, details)


def latest_challenge(connection: Connection) -> KeptChallenge | None:
    """Return the challenge that was noted last; None where there was none."""
    asked = (
        select(event.c.at_ms, event.c.details)
        .where(event.c.kind == KIND)
        .order_by(event.c.id.desc())
        .limit(1)
    )
    found = connection.execute(asked).first()
    return None if found is None else KeptChallenge(found.at_ms, json.loads(found.details))
