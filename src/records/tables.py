"""The tables of what was predicted and what came true, the same on SQLite and PostgreSQL.

Times are whole milliseconds since 1970 in UTC, dates are ISO 8601 texts: both databases compare
them alike. Nobody's name or number is kept: ``subject`` is a keyed hash (HMAC) of it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)
_COUNTER = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts INTEGER keys alone

batch = Table(
    "batch",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("made_at_ms", BigInteger, nullable=False),
    Column("run", String(64), nullable=False),
    Column("n_rows", Integer, nullable=False),
    Column("n_predicted", Integer, nullable=False),
    Column("summary", Text),  # JSON of counts of ten or more and of means: see file_summary
)

prediction = Table(
    "prediction",
    metadata,
    Column("id", String(36), primary_key=True),  # a UUID of version 7: later ones are larger
    Column("made_at_ms", BigInteger, nullable=False),
    Column("run", String(64), nullable=False),
    Column("fingerprint", String(64), nullable=False),  # SHA-256 of the run's schema.json
    Column("target", Text, nullable=False),  # what was predicted
    Column("source", String(8), nullable=False),
    Column("batch", String(36)),  # no foreign key: the file's own row is written last
    Column("subject", String(64)),
    Column("group_name", Text),  # the class or school
    Column("as_of", String(10), nullable=False),
    Column("number", Double),  # what is predicted: a number in the target's unit …
    Column("label", Text),  # … or an outcome
    Column("low", Double),  # ends of the 90 % interval of a number
    Column("high", Double),
    Column("at_risk", Double),  # chance below the pass mark, or of the outcomes at risk
    Column("mark", Double),  # the pass mark of that chance
    Column("chances", Text),  # JSON: {"probabilities": {…}, "set": […]} of an outcome
    Column("features", Text),  # JSON of the answers, with RECORD_FEATURES=1 alone
    Column("shadow", Text),  # JSON: {"run": …, "number": … or "probabilities": {…}} of SHADOW_RUN
    sqlite_with_rowid=False,
)
Index(
    "ix_prediction_subject_as_of",
    prediction.c.subject,
    prediction.c.as_of,
    sqlite_where=prediction.c.subject.is_not(None),
    postgresql_where=prediction.c.subject.is_not(None),
)

outcome = Table(
    "outcome",
    metadata,
    Column("id", _COUNTER, primary_key=True, autoincrement=True),  # the largest one counts
    Column(
        "prediction", String(36), ForeignKey("prediction.id", ondelete="CASCADE"), nullable=False
    ),
    Column("value", Text, nullable=False),
    Column("known_at", String(10), nullable=False),
    Column("source", Text, nullable=False),
    Column("imported_at_ms", BigInteger, nullable=False),
    Index("ix_outcome_prediction", "prediction"),
)

review = Table(
    "review",
    metadata,
    Column("id", _COUNTER, primary_key=True, autoincrement=True),
    Column(
        "prediction", String(36), ForeignKey("prediction.id", ondelete="CASCADE"), nullable=False
    ),
    Column("made_at_ms", BigInteger, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("ix_review_prediction", "prediction"),
)

event = Table(  # rows are added, never changed: triggers refuse it
    "event",
    metadata,
    Column("id", _COUNTER, primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("actor", Text, nullable=False),
    Column("details", Text, nullable=False),  # JSON, with no value of a pupil
)

report = Table(  # what the page draws: the last one counts
    "report",
    metadata,
    Column("id", _COUNTER, primary_key=True, autoincrement=True),
    Column("made_at_ms", BigInteger, nullable=False),
    Column("content", Text, nullable=False),
)

drift = Table(  # a look at the features: the last one of a term counts
    "drift",
    metadata,
    Column("id", _COUNTER, primary_key=True, autoincrement=True),
    Column("made_at_ms", BigInteger, nullable=False),
    Column("reference", String(64), nullable=False),  # SHA-256 of what was compared with
    Column("term", String(10), nullable=False),
    Column("day", String(10), nullable=False),
    Column("n_classes", Integer, nullable=False),
    Column("content", Text),  # JSON; empty once a pupil of it was erased
)
