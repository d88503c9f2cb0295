"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_COUNTER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_CHANGED = "events are added, never changed"


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "batch",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("made_at_ms", sa.BigInteger, nullable=False),
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("n_rows", sa.Integer, nullable=False),
        sa.Column("n_predicted", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_batch"),
    )
    op.create_table(
        "prediction",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("made_at_ms", sa.BigInteger, nullable=False),
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("source", sa.String(8), nullable=False),
        sa.Column("batch", sa.String(36)),
        sa.Column("subject", sa.String(64)),
        sa.Column("group_name", sa.Text),
        sa.Column("as_of", sa.String(10), nullable=False),
        sa.Column("number", sa.Double),
        sa.Column("label", sa.Text),
        sa.Column("low", sa.Double),
        sa.Column("high", sa.Double),
        sa.Column("at_risk", sa.Double),
        sa.Column("mark", sa.Double),
        sa.Column("chances", sa.Text),
        sa.Column("features", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_prediction"),
        sqlite_with_rowid=False,
    )
    named = sa.text("subject IS NOT NULL")
    op.create_index(
        "ix_prediction_subject_as_of",
        "prediction",
        ["subject", "as_of"],
        sqlite_where=named,
        postgresql_where=named,
    )
    op.create_table(
        "outcome",
        sa.Column("id", _COUNTER, autoincrement=True, nullable=False),
        sa.Column("prediction", sa.String(36), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("known_at", sa.String(10), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("imported_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outcome"),
        sa.ForeignKeyConstraint(
            ["prediction"], ["prediction.id"], name="fk_outcome_prediction", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_outcome_prediction", "outcome", ["prediction"])
    op.create_table(
        "review",
        sa.Column("id", _COUNTER, autoincrement=True, nullable=False),
        sa.Column("prediction", sa.String(36), nullable=False),
        sa.Column("made_at_ms", sa.BigInteger, nullable=False),
        sa.Column("reviewer", sa.Text, nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_review"),
        sa.ForeignKeyConstraint(
            ["prediction"], ["prediction.id"], name="fk_review_prediction", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_review_prediction", "review", ["prediction"])
    op.create_table(
        "event",
        sa.Column("id", _COUNTER, autoincrement=True, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
    )
    op.create_table(
        "report",
        sa.Column("id", _COUNTER, autoincrement=True, nullable=False),
        sa.Column("made_at_ms", sa.BigInteger, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_report"),
    )
    _keep_events_as_they_are()


def _keep_events_as_they_are() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER event_{change.lower()} BEFORE {change} ON event "
                f"BEGIN SELECT RAISE(ABORT, '{_CHANGED}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_change_of_event() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_CHANGED}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER event_change BEFORE UPDATE OR DELETE OR TRUNCATE ON event "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_event()"
    )
