"""Who and what a prediction is of: its id, the pupil's keyed hash, the group, the date."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Container, MutableMapping
from datetime import UTC, date, datetime
from random import getrandbits
from typing import NamedTuple

from src.exception import Problem
from src.tables.cells import shorten

LONGEST = 200  # characters of a subject or a group
KEYS = ("subject", "group", "as_of")
BATCH = "batch"  # where a prediction was asked for, beside the form and the API


class About(NamedTuple):
    """What a sender said of a record beside its answers.

    Attributes
    ----------
    subject : str or None
        Who it is, as the sender calls them. Only its hash is written down.
    group : str or None
        The class or school.
    as_of : str or None
        The day that the answers are of, as ISO 8601; None for today.
    """

    subject: str | None = None
    group: str | None = None
    as_of: str | None = None


NOBODY = About()


def new_prediction_id(now_ms: int) -> str:
    """Return a UUID of version 7 (RFC 9562) for a moment: those made later sort behind it."""
    # After a fork Python seeds each worker's generator anew. An id is no secret.
    moment, rest = f"{now_ms:012x}", f"{getrandbits(72):018x}"
    return f"{moment[:8]}-{moment[8:]}-7{rest[:3]}-8{rest[3:6]}-{rest[6:]}"


def subject_hash(subject: str, key: str) -> str:
    """Return the keyed hash under which a pupil is kept, blanks around the name ignored.

    Examples
    --------
    >>> subject_hash(" Anna ", "a key of a test") == subject_hash("Anna", "a key of a test")
    True
    """
    content = subject.strip().encode("utf-8", "surrogatepass")
    return hmac.digest(key.encode(), content, hashlib.sha256).hex()


def today() -> str:
    """Return the day in UTC, as ISO 8601."""
    return datetime.now(UTC).date().isoformat()


def day_of(moment_ms: int) -> str:
    """Return the day of a moment in UTC.

    Examples
    --------
    >>> day_of(0)
    '1970-01-01'
    """
    return datetime.fromtimestamp(moment_ms / 1000, UTC).date().isoformat()


def now_ms() -> int:
    """Return the milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def take_about(
    record: MutableMapping[str, object], features: Container[str]
) -> tuple[About, list[Problem]]:
    """Take what is said beside the answers out of a record, and return it with its problems.

    A key that is a feature of the model stays one.

    Examples
    --------
    >>> record = {"reading_score": 70, "subject": "4711", "as_of": "2026-13-01"}
    >>> take_about(record, {"reading_score"})[1][0].message
    "as_of must be a day such as '2026-09-30'. Got '2026-13-01'."
    >>> record
    {'reading_score': 70}
    """
    if record.keys().isdisjoint(KEYS):
        return NOBODY, []
    found: dict[str, str | None] = {}
    problems: list[Problem] = []
    for key in KEYS:
        if key not in record or key in features:
            continue
        value = record.pop(key)
        if value is None:
            continue
        rule = _broken_rule(key, value)
        if rule:
            got = shorten(value)
            problems.append(Problem(f"{key} must be {rule}. Got {got!r}.", key, got=got))
        else:
            found[key] = str(value).strip()
    return About(**found), problems


def _broken_rule(key: str, value: object) -> str:
    """Return what a value must be where it is not; else nothing."""
    is_text = isinstance(value, str | int) and not isinstance(value, bool)
    if key == "as_of":
        return "" if is_text and is_day(str(value).strip()) else "a day such as '2026-09-30'"
    if is_text and 0 < len(str(value).strip()) <= LONGEST:
        return ""
    return f"a text of 1 to {LONGEST} characters, or a whole number"


def is_day(text: str) -> bool:
    """Whether a text is a day as ISO 8601 spells it.

    Examples
    --------
    >>> is_day("2026-02-28"), is_day("2026-02-29"), is_day("20260228")
    (True, False, False)
    """
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
