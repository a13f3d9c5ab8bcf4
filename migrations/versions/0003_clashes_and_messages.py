"""Clashes with all their clocks and what the referee decided, and messages in the house.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNREAD = sa.text("read_at IS NULL")
WAITING = sa.text("state <> 'decided'")
REPLACES = sa.text("replaces_id IS NOT NULL")
HOLDS = "(SELECT {column} FROM lead WHERE lead.id = clash.lead_id)"
PEOPLE = {
    "owner_id": "user_account",
    "held_team_id": "team",
    "held_owner_id": "user_account",
    "appealed_by_id": "user_account",
}
"""Columns of a clash that point at a person or a team."""
CHECKS = {
    "state": "state IN ('open','appealed','decided')",
    "outcome": "outcome IN ('','holder','claimant','different')",
    "decided": "(state = 'open') = (outcome = '')",
    "different": "outcome <> 'different' OR matched_by = 'name_place'",
}


def upgrade() -> None:
    op.create_table(
        "inbox_message",
        sa.Column("id", BIG, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("endpoint", sa.String(length=60), nullable=False),
        sa.Column("args", sa.JSON(), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_inbox_message_user_id_user_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_message")),
    )
    op.create_index(op.f("ix_inbox_message_created_at"), "inbox_message", ["created_at"], unique=False)
    op.create_index(
        "ix_inbox_message_unread",
        "inbox_message",
        ["user_id", "id"],
        unique=False,
        sqlite_where=UNREAD,
        postgresql_where=UNREAD,
    )
    op.create_index("uq_inbox_message_key", "inbox_message", ["user_id", "key"], unique=True)
    # Until here no program could decide a clash; one that comes from a newer schema, brought down, waits for its decision again.
    op.execute(
        "UPDATE clash SET state = 'open', decision = '', decided_by_id = NULL, decided_at = NULL WHERE state <> 'open'"
    )
    # SQLite takes foreign keys and checks only with the table written anew.
    with op.batch_alter_table("clash") as batch:
        batch.add_column(sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("occurred_raw", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("skewed", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch.add_column(sa.Column("stage", sa.String(length=16), server_default="", nullable=False))
        batch.add_column(sa.Column("owner_id", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("held_team_id", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("held_owner_id", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("outcome", sa.String(length=12), server_default="", nullable=False))
        batch.add_column(sa.Column("moved", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("appeal", sa.String(length=500), server_default="", nullable=False))
        batch.add_column(sa.Column("appealed_by_id", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("appealed_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("earlier", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("version", sa.Integer(), server_default="1", nullable=False))
        for column, table in PEOPLE.items():
            batch.create_foreign_key(op.f(f"fk_clash_{column}_{table}"), table, [column], ["id"])
        for name, condition in CHECKS.items():
            batch.create_check_constraint(op.f(f"ck_clash_{name}"), condition)
    op.create_index(op.f("ix_clash_held_team_id"), "clash", ["held_team_id"], unique=False)
    op.create_index(
        "ix_clash_waiting", "clash", ["received_at"], unique=False, sqlite_where=WAITING, postgresql_where=WAITING
    )
    holder = f"held_team_id = {HOLDS.format(column='team_id')}, held_owner_id = {HOLDS.format(column='owner_id')}"
    op.execute(f"UPDATE clash SET {holder}")  # noqa: S608 - names of our own
    op.add_column("intent_entry", sa.Column("replaces_id", BIG, nullable=True))
    op.create_index(
        "ix_intent_entry_replaces",
        "intent_entry",
        ["replaces_id"],
        unique=True,
        sqlite_where=REPLACES,
        postgresql_where=REPLACES,
    )


def downgrade() -> None:
    op.drop_index(
        "ix_intent_entry_replaces", table_name="intent_entry", sqlite_where=REPLACES, postgresql_where=REPLACES
    )
    op.drop_column("intent_entry", "replaces_id")
    op.drop_index("ix_clash_waiting", table_name="clash", sqlite_where=WAITING, postgresql_where=WAITING)
    op.drop_index(op.f("ix_clash_held_team_id"), table_name="clash")
    with op.batch_alter_table("clash") as batch:
        for name in CHECKS:
            batch.drop_constraint(op.f(f"ck_clash_{name}"), type_="check")
        for column, table in PEOPLE.items():
            batch.drop_constraint(op.f(f"fk_clash_{column}_{table}"), type_="foreignkey")
        for column in (
            "recorded_at",
            "occurred_raw",
            "skewed",
            "stage",
            "owner_id",
            "held_team_id",
            "held_owner_id",
            "outcome",
            "moved",
            "appeal",
            "appealed_by_id",
            "appealed_at",
            "earlier",
            "version",
        ):
            batch.drop_column(column)
    op.drop_index("uq_inbox_message_key", table_name="inbox_message")
    op.drop_index("ix_inbox_message_unread", table_name="inbox_message", sqlite_where=UNREAD, postgresql_where=UNREAD)
    op.drop_index(op.f("ix_inbox_message_created_at"), table_name="inbox_message")
    op.drop_table("inbox_message")
