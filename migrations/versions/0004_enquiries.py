"""QR codes, the texts of their posters, and what came in by the public page.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BY_QR = sa.text("source = 'qr'")
LIVING = sa.text("revoked_at IS NULL")
WAITING = sa.text("state = 'quarantined'")


def upgrade() -> None:
    op.create_table(
        "poster_text",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("headline", sa.String(length=40), nullable=False),
        sa.Column("body", sa.String(length=400), nullable=False),
        sa.Column("legal_line", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("approver_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("state <> 'approved' OR approver_id IS NOT NULL", name=op.f("ck_poster_text_approved")),
        sa.CheckConstraint("state IN ('draft','approved','retired')", name=op.f("ck_poster_text_state")),
        sa.CheckConstraint(
            "approver_id IS NULL OR author_id IS NULL OR approver_id <> author_id",
            name=op.f("ck_poster_text_second_person"),
        ),
        sa.ForeignKeyConstraint(
            ["approver_id"], ["user_account.id"], name=op.f("fk_poster_text_approver_id_user_account")
        ),
        sa.ForeignKeyConstraint(["author_id"], ["user_account.id"], name=op.f("fk_poster_text_author_id_user_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_poster_text")),
        sa.UniqueConstraint("number", name=op.f("uq_poster_text_number")),
    )
    op.create_table(
        "poster_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=22), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=True),
        sa.Column("member_id", sa.Integer(), nullable=True),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_by_id", sa.Integer(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_poster_code_campaign_id_campaign")),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user_account.id"], name=op.f("fk_poster_code_created_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["user_account.id"], name=op.f("fk_poster_code_member_id_user_account")),
        sa.ForeignKeyConstraint(
            ["revoked_by_id"], ["user_account.id"], name=op.f("fk_poster_code_revoked_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["campaign_session.id"], name=op.f("fk_poster_code_session_id_campaign_session")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_poster_code")),
        sa.UniqueConstraint("token", name=op.f("uq_poster_code_token")),
    )
    op.create_index(op.f("ix_poster_code_campaign_id"), "poster_code", ["campaign_id"], unique=False)
    op.create_index(op.f("ix_poster_code_member_id"), "poster_code", ["member_id"], unique=False)
    op.create_index(
        "uq_poster_code_living",
        "poster_code",
        ["campaign_id", sa.text("coalesce(session_id, 0)"), sa.text("coalesce(member_id, 0)")],
        unique=True,
        sqlite_where=LIVING,
        postgresql_where=LIVING,
    )
    op.create_table(
        "enquiry",
        sa.Column("id", BIG, nullable=False),
        sa.Column("token", sa.String(length=22), nullable=False),
        sa.Column("code_id", sa.Integer(), nullable=False),
        sa.Column("sent_key", sa.String(length=64), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("suspicion", sa.String(length=12), nullable=False),
        sa.Column("staff_device", sa.Boolean(), nullable=False),
        sa.Column("lead_id", BIG, nullable=True),
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("marketing", sa.JSON(), nullable=False),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("address_key", sa.LargeBinary(length=16), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by_id", sa.Integer(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(body_sealed IS NOT NULL) = (state = 'quarantined')", name=op.f("ck_enquiry_body")),
        sa.CheckConstraint("outcome IN ('','new','again','clash')", name=op.f("ck_enquiry_outcome")),
        sa.CheckConstraint("state <> 'taken' OR lead_id IS NOT NULL", name=op.f("ck_enquiry_lead")),
        sa.CheckConstraint("state IN ('taken','quarantined','dropped','withdrawn')", name=op.f("ck_enquiry_state")),
        sa.CheckConstraint("suspicion IN ('','honeypot','too_fast')", name=op.f("ck_enquiry_suspicion")),
        sa.ForeignKeyConstraint(["code_id"], ["poster_code.id"], name=op.f("fk_enquiry_code_id_poster_code")),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_enquiry_lead_id_lead")),
        sa.ForeignKeyConstraint(["notice_id"], ["notice_version.id"], name=op.f("fk_enquiry_notice_id_notice_version")),
        sa.ForeignKeyConstraint(
            ["settled_by_id"], ["user_account.id"], name=op.f("fk_enquiry_settled_by_id_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enquiry")),
        sa.UniqueConstraint("sent_key", name=op.f("uq_enquiry_sent_key")),
        sa.UniqueConstraint("token", name=op.f("uq_enquiry_token")),
    )
    op.create_index("ix_enquiry_address", "enquiry", ["address_key", "received_at"], unique=False)
    op.create_index("ix_enquiry_code", "enquiry", ["code_id", "received_at"], unique=False)
    op.create_index(op.f("ix_enquiry_lead_id"), "enquiry", ["lead_id"], unique=False)
    op.create_index(op.f("ix_enquiry_received_at"), "enquiry", ["received_at"], unique=False)
    op.create_index(
        "ix_enquiry_waiting",
        "enquiry",
        ["received_at"],
        unique=False,
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )

    op.create_index(
        "ix_lead_by_qr",
        "lead",
        ["stage", "team_id", "owner_id"],
        unique=False,
        sqlite_where=BY_QR,
        postgresql_where=BY_QR,
    )


def downgrade() -> None:
    op.drop_index("ix_lead_by_qr", table_name="lead", sqlite_where=BY_QR, postgresql_where=BY_QR)
    op.drop_index(
        "ix_enquiry_waiting",
        table_name="enquiry",
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.drop_index(op.f("ix_enquiry_received_at"), table_name="enquiry")
    op.drop_index(op.f("ix_enquiry_lead_id"), table_name="enquiry")
    op.drop_index("ix_enquiry_code", table_name="enquiry")
    op.drop_index("ix_enquiry_address", table_name="enquiry")
    op.drop_table("enquiry")
    op.drop_index("uq_poster_code_living", table_name="poster_code", sqlite_where=LIVING, postgresql_where=LIVING)
    op.drop_index(op.f("ix_poster_code_member_id"), table_name="poster_code")
    op.drop_index(op.f("ix_poster_code_campaign_id"), table_name="poster_code")
    op.drop_table("poster_code")
    op.drop_table("poster_text")
