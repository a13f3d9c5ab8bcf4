"""Phones that were reported lost: since when, and by whom.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

REPORTED_BY = "fk_field_device_lost_by_id_user_account"


def upgrade() -> None:
    with op.batch_alter_table("field_device") as table:
        table.add_column(sa.Column("lost_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("lost_by_id", sa.Integer(), nullable=True))
        table.create_foreign_key(REPORTED_BY, "user_account", ["lost_by_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("field_device") as table:
        table.drop_constraint(REPORTED_BY, type_="foreignkey")
        table.drop_column("lost_by_id")
        table.drop_column("lost_at")
