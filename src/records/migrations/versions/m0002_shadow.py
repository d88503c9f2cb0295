"""What a model beside the one that answered would have predicted."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the change."""
    op.add_column("prediction", sa.Column("shadow", sa.Text))
