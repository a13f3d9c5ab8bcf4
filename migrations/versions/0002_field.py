"""The phone in the field: its records with their receipts, its photos, positions, and the phones themselves.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
HELD = sa.text("state IN ('conflict','held')")
TAKEN = sa.text("state IN ('accepted','contested')")


def upgrade() -> None:
    op.create_table(
        "field_device",
        sa.Column("device", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_field_device_user_id_user_account")),
        sa.PrimaryKeyConstraint("device", "user_id", name=op.f("pk_field_device")),
    )
    op.create_table(
        "field_record",
        sa.Column("id", BIG, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("sent_by_id", sa.Integer(), nullable=True),
        sa.Column("device", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("supersedes", sa.String(length=36), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("form_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("skew_ms", BIG, nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("occurred_raw", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_raw", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("settled_by_id", sa.Integer(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_how", sa.String(length=300), nullable=False),
        sa.CheckConstraint("state IN ('accepted','contested','conflict','held')", name=op.f("ck_field_record_state")),
        sa.ForeignKeyConstraint(
            ["sent_by_id"], ["user_account.id"], name=op.f("fk_field_record_sent_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["settled_by_id"], ["user_account.id"], name=op.f("fk_field_record_settled_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_field_record_user_id_user_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_field_record")),
    )
    op.create_index(op.f("ix_field_record_supersedes"), "field_record", ["supersedes"], unique=False)
    op.create_index("ix_field_record_device", "field_record", ["device", "user_id", "seq"], unique=False)
    op.create_index(
        "ix_field_record_held", "field_record", ["received_at"], unique=False, sqlite_where=HELD, postgresql_where=HELD
    )
    op.create_index("uq_field_record_content", "field_record", ["uid", "content_hash"], unique=True)
    op.create_index(
        "uq_field_record_taken", "field_record", ["uid"], unique=True, sqlite_where=TAKEN, postgresql_where=TAKEN
    )
    op.create_table(
        "field_photo",
        sa.Column("id", BIG, nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("visit_id", BIG, nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('parts','whole','refused')", name=op.f("ck_field_photo_state")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_field_photo_user_id_user_account")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_field_photo_visit_id_visit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_field_photo")),
        sa.UniqueConstraint("content_hash", name=op.f("uq_field_photo_content_hash")),
    )
    op.create_index(op.f("ix_field_photo_created_at"), "field_photo", ["created_at"], unique=False)
    op.create_index(op.f("ix_field_photo_visit_id"), "field_photo", ["visit_id"], unique=False)
    op.create_table(
        "visit_position",
        sa.Column("visit_id", BIG, nullable=False),
        sa.Column("latitude", sa.Double(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=False),
        sa.Column("accuracy_m", sa.Integer(), nullable=False),
        sa.Column("weak", sa.Boolean(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_visit_position_visit_id_visit")),
        sa.PrimaryKeyConstraint("visit_id", name=op.f("pk_visit_position")),
    )
    op.create_index(op.f("ix_visit_position_taken_at"), "visit_position", ["taken_at"], unique=False)
    op.create_index("ix_lead_event_kind_at", "lead_event", ["kind", "at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_lead_event_kind_at", table_name="lead_event")
    op.drop_index(op.f("ix_visit_position_taken_at"), table_name="visit_position")
    op.drop_table("visit_position")
    op.drop_index(op.f("ix_field_photo_visit_id"), table_name="field_photo")
    op.drop_index(op.f("ix_field_photo_created_at"), table_name="field_photo")
    op.drop_table("field_photo")
    op.drop_index("uq_field_record_taken", table_name="field_record", sqlite_where=TAKEN, postgresql_where=TAKEN)
    op.drop_index("uq_field_record_content", table_name="field_record")
    op.drop_index("ix_field_record_held", table_name="field_record", sqlite_where=HELD, postgresql_where=HELD)
    op.drop_index(op.f("ix_field_record_supersedes"), table_name="field_record")
    op.drop_index("ix_field_record_device", table_name="field_record")
    op.drop_table("field_record")
    op.drop_table("field_device")
