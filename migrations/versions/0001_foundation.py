"""The foundation: people, districts, campaigns, leads with their ledger, outreach, PK, meetings, reports, intake, jobs.

Tables that are never changed after the fact are guarded by the database itself: triggers refuse UPDATE and DELETE.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
APPEND_ONLY = (
    "attendance",
    "audit_entry",
    "consent",
    "intent_entry",
    "lead_event",
    "meeting_minute",
    "phone_reveal",
    "stage_entry",
    "stored_report",
    "tally",
)


def upgrade() -> None:
    create_tables()
    for table in APPEND_ONLY:
        guard(table)


def downgrade() -> None:
    for table in APPEND_ONLY:
        unguard(table)
    drop_tables()
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION IF EXISTS refuse_change()")


def guard(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger AS $$ "
            "BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$ LANGUAGE plpgsql"
        )
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    # INSERT OR REPLACE would take the old row away without asking the trigger on DELETE, unless recursive_triggers is on.
    op.execute(
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "  # noqa: S608 - names of our own
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )
    for act in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def unguard(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for guarded in ("append_only", "no_truncate"):
            op.execute(f"DROP TRIGGER IF EXISTS {table}_{guarded} ON {table}")
        return
    for act in ("update", "delete", "replace"):
        op.execute(f"DROP TRIGGER IF EXISTS {table}_no_{act}")


def create_tables() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", BIG, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor_name", sa.String(length=80), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("subject_id", BIG, nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_action"), "audit_entry", ["action"], unique=False)
    op.create_index(op.f("ix_audit_entry_actor_id"), "audit_entry", ["actor_id"], unique=False)
    op.create_index(op.f("ix_audit_entry_at"), "audit_entry", ["at"], unique=False)
    op.create_table(
        "district",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column(
            "path",
            sa.String(length=200).with_variant(sa.String(length=200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('commercial','community','park','rural')", name=op.f("ck_district_kind")),
        sa.ForeignKeyConstraint(["parent_id"], ["district.id"], name=op.f("fk_district_parent_id_district")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_district")),
        sa.UniqueConstraint("code", name=op.f("uq_district_code")),
    )
    op.create_index(op.f("ix_district_parent_id"), "district", ["parent_id"], unique=False)
    op.create_index(op.f("ix_district_path"), "district", ["path"], unique=False)
    op.create_index("uq_district_sibling_name", "district", ["parent_id", "name"], unique=True)
    op.create_index(
        "uq_district_top_name",
        "district",
        ["name"],
        unique=True,
        sqlite_where=sa.text("parent_id IS NULL"),
        postgresql_where=sa.text("parent_id IS NULL"),
    )
    op.create_table(
        "funnel_day",
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("district_id", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("leads", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "day", "team_id", "district_id", "stage", name=op.f("pk_funnel_day")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_funnel_day_day", "funnel_day", ["day"], unique=False)
    op.create_table(
        "job_run",
        sa.Column("id", BIG, nullable=False),
        sa.Column("job", sa.String(length=64), nullable=False),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_run")),
    )
    op.create_index("uq_job_run_slot", "job_run", ["job", "slot"], unique=True)
    op.create_table(
        "member_day",
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("leads", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "day", "member_id", "team_id", "stage", name=op.f("pk_member_day")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_member_day_day", "member_day", ["day"], unique=False)
    op.create_table(
        "notice_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_version")),
        sa.UniqueConstraint("number", name=op.f("uq_notice_version_number")),
    )
    op.create_table(
        "sign_in_bucket",
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("window_started_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_sign_in_bucket")),
    )
    op.create_table(
        "submission",
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_submission")),
    )
    op.create_table(
        "team",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("slogan", sa.String(length=200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        sa.UniqueConstraint("name", name=op.f("uq_team_name")),
    )
    op.create_table(
        "user_account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("login", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("external", sa.Boolean(), nullable=False),
        sa.Column("email", sa.String(length=120), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("locale", sa.String(length=8), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("session_version", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("token_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_sign_ins", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "role IN ('admin','auditor','manager','member','organiser','team_lead')", name=op.f("ck_user_account_role")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("login", name=op.f("uq_user_account_login")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_user_account_token_hash")),
    )
    op.create_table(
        "campaign",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("model", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("walk_in", sa.Boolean(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("goal", sa.String(length=1000), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("valid_outcomes", sa.JSON(), nullable=False),
        sa.Column("valid_rule", sa.String(length=500), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("approved_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "model IN ('roadshow','festival','event','crossover','wechat','interest','salon','lecture')",
            name=op.f("ck_campaign_model"),
        ),
        sa.CheckConstraint(
            "status IN ('draft','approved','running','closed','archived')", name=op.f("ck_campaign_status")
        ),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_campaign_dates")),
        sa.ForeignKeyConstraint(
            ["approved_by_id"], ["user_account.id"], name=op.f("fk_campaign_approved_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user_account.id"], name=op.f("fk_campaign_created_by_id_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("code", name=op.f("uq_campaign_code")),
    )
    op.create_index("ix_campaign_dates", "campaign", ["starts_on", "ends_on"], unique=False)
    op.create_index(
        "uq_campaign_walk_in",
        "campaign",
        ["walk_in"],
        unique=True,
        sqlite_where=sa.text("walk_in"),
        postgresql_where=sa.text("walk_in"),
    )
    op.create_table(
        "contest",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("bell", sa.Time(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("status IN ('draft','running','closed')", name=op.f("ck_contest_status")),
        sa.CheckConstraint("(status = 'draft') = (started_at IS NULL)", name=op.f("ck_contest_started")),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_contest_dates")),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user_account.id"], name=op.f("fk_contest_created_by_id_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contest")),
        sa.UniqueConstraint("code", name=op.f("uq_contest_code")),
    )
    op.create_table(
        "do_not_contact",
        sa.Column("person_key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["user_account.id"], name=op.f("fk_do_not_contact_by_id_user_account")),
        sa.PrimaryKeyConstraint("person_key", name=op.f("pk_do_not_contact")),
    )
    op.create_table(
        "export_record",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("stored_name", sa.String(length=64), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["user_account.id"], name=op.f("fk_export_record_actor_id_user_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_record")),
    )
    op.create_index(op.f("ix_export_record_actor_id"), "export_record", ["actor_id"], unique=False)
    op.create_index(op.f("ix_export_record_made_at"), "export_record", ["made_at"], unique=False)
    op.create_table(
        "import_batch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("stored_name", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("encoding", sa.String(length=16), nullable=False),
        sa.Column("sheet", sa.String(length=64), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("preset", sa.JSON(), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("preview", sa.JSON(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=64), nullable=False),
        sa.Column("error_facts", sa.JSON(), nullable=False),
        sa.Column("worker", sa.String(length=120), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("confirmed_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('uploaded','checked','applying','applied','failed','cancelled','undone')",
            name=op.f("ck_import_batch_status"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('applied','undone') OR rows = new + updated + skipped + failed",
            name=op.f("ck_import_batch_rows_add_up"),
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["user_account.id"], name=op.f("fk_import_batch_actor_id_user_account")),
        sa.ForeignKeyConstraint(
            ["confirmed_by_id"], ["user_account.id"], name=op.f("fk_import_batch_confirmed_by_id_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_batch")),
    )
    op.create_index(op.f("ix_import_batch_actor_id"), "import_batch", ["actor_id"], unique=False)
    op.create_index(op.f("ix_import_batch_confirmed_by_id"), "import_batch", ["confirmed_by_id"], unique=False)
    op.create_index(op.f("ix_import_batch_file_sha256"), "import_batch", ["file_sha256"], unique=False)
    op.create_table(
        "membership",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("is_lead", sa.Boolean(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name=op.f("ck_membership_dates")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_membership_team_id_team")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_membership_user_id_user_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
    )
    op.create_index(op.f("ix_membership_team_id"), "membership", ["team_id"], unique=False)
    op.create_index(op.f("ix_membership_user_id"), "membership", ["user_id"], unique=False)
    op.create_index(
        "uq_membership_open_user",
        "membership",
        ["user_id"],
        unique=True,
        sqlite_where=sa.text("valid_to IS NULL"),
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_table(
        "adjustment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("contest_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("points", sa.Numeric(precision=8, scale=2), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("second_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dropped_by_id", sa.Integer(), nullable=True),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("dropped_at IS NULL OR confirmed_at IS NULL", name=op.f("ck_adjustment_one_end")),
        sa.CheckConstraint("second_id IS NULL OR second_id <> author_id", name=op.f("ck_adjustment_two_people")),
        sa.ForeignKeyConstraint(["author_id"], ["user_account.id"], name=op.f("fk_adjustment_author_id_user_account")),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_adjustment_contest_id_contest")),
        sa.ForeignKeyConstraint(
            ["dropped_by_id"], ["user_account.id"], name=op.f("fk_adjustment_dropped_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["user_account.id"], name=op.f("fk_adjustment_member_id_user_account")),
        sa.ForeignKeyConstraint(["second_id"], ["user_account.id"], name=op.f("fk_adjustment_second_id_user_account")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_adjustment_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjustment")),
    )
    op.create_index(op.f("ix_adjustment_contest_id"), "adjustment", ["contest_id"], unique=False)
    op.create_table(
        "attendance",
        sa.Column("id", BIG, nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("recorded_id", sa.Integer(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('present','late','leave','absent')", name=op.f("ck_attendance_state")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_attendance_campaign_id_campaign")),
        sa.ForeignKeyConstraint(["member_id"], ["user_account.id"], name=op.f("fk_attendance_member_id_user_account")),
        sa.ForeignKeyConstraint(
            ["recorded_id"], ["user_account.id"], name=op.f("fk_attendance_recorded_id_user_account")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_attendance_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attendance")),
    )
    op.create_index("ix_attendance_campaign_day", "attendance", ["campaign_id", "day", "member_id"], unique=False)
    op.create_table(
        "budget_line",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("item", sa.String(length=120), nullable=False),
        sa.Column("planned_fen", sa.BigInteger(), nullable=False),
        sa.Column("actual_fen", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.CheckConstraint(
            "planned_fen >= 0 AND (actual_fen IS NULL OR actual_fen >= 0)", name=op.f("ck_budget_line_amounts")
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_budget_line_campaign_id_campaign")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget_line")),
    )
    op.create_index(op.f("ix_budget_line_campaign_id"), "budget_line", ["campaign_id"], unique=False)
    op.create_table(
        "campaign_district",
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("district_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_district_campaign_id_campaign")
        ),
        sa.ForeignKeyConstraint(
            ["district_id"], ["district.id"], name=op.f("fk_campaign_district_district_id_district")
        ),
        sa.PrimaryKeyConstraint("campaign_id", "district_id", name=op.f("pk_campaign_district")),
    )
    op.create_index(op.f("ix_campaign_district_district_id"), "campaign_district", ["district_id"], unique=False)
    op.create_table(
        "campaign_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("district_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.CheckConstraint("ends_at >= starts_at", name=op.f("ck_campaign_session_times")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_session_campaign_id_campaign")
        ),
        sa.ForeignKeyConstraint(
            ["district_id"], ["district.id"], name=op.f("fk_campaign_session_district_id_district")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_session")),
    )
    op.create_index(op.f("ix_campaign_session_campaign_id"), "campaign_session", ["campaign_id"], unique=False)
    op.create_table(
        "campaign_team",
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("district_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_team_campaign_id_campaign")),
        sa.ForeignKeyConstraint(["district_id"], ["district.id"], name=op.f("fk_campaign_team_district_id_district")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_campaign_team_team_id_team")),
        sa.PrimaryKeyConstraint("campaign_id", "team_id", name=op.f("pk_campaign_team")),
    )
    op.create_index(op.f("ix_campaign_team_team_id"), "campaign_team", ["team_id"], unique=False)
    op.create_table(
        "contest_campaign",
        sa.Column("contest_id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_contest_campaign_campaign_id_campaign")
        ),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_contest_campaign_contest_id_contest")),
        sa.PrimaryKeyConstraint("contest_id", "campaign_id", name=op.f("pk_contest_campaign")),
    )
    op.create_index(op.f("ix_contest_campaign_campaign_id"), "contest_campaign", ["campaign_id"], unique=False)
    op.create_table(
        "contest_team",
        sa.Column("contest_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_contest_team_contest_id_contest")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_contest_team_team_id_team")),
        sa.PrimaryKeyConstraint("contest_id", "team_id", name=op.f("pk_contest_team")),
    )
    op.create_index(op.f("ix_contest_team_team_id"), "contest_team", ["team_id"], unique=False)
    op.create_table(
        "daily_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("highlights", sa.Text(), nullable=False),
        sa.Column("difficulties", sa.Text(), nullable=False),
        sa.Column("help_needed", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("submitted_by_id", sa.Integer(), nullable=True),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("locked_by_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("status IN ('open','submitted','locked')", name=op.f("ck_daily_log_status")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_daily_log_campaign_id_campaign")),
        sa.ForeignKeyConstraint(
            ["locked_by_id"], ["user_account.id"], name=op.f("fk_daily_log_locked_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["submitted_by_id"], ["user_account.id"], name=op.f("fk_daily_log_submitted_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_daily_log_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_daily_log")),
    )
    op.create_index("uq_daily_log_team_day", "daily_log", ["campaign_id", "team_id", "day"], unique=True)
    op.create_table(
        "import_change",
        sa.Column("id", BIG, nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=24), nullable=False),
        sa.Column("subject_id", BIG, nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["import_batch.id"], name=op.f("fk_import_change_batch_id_import_batch")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_change")),
    )
    op.create_index(op.f("ix_import_change_batch_id"), "import_change", ["batch_id"], unique=False)
    op.create_table(
        "meeting",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by_id", sa.Integer(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pledges_locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('morning','evening')", name=op.f("ck_meeting_kind")),
        sa.CheckConstraint("status IN ('open','closed')", name=op.f("ck_meeting_status")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_meeting_campaign_id_campaign")),
        sa.ForeignKeyConstraint(
            ["opened_by_id"], ["user_account.id"], name=op.f("fk_meeting_opened_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_meeting_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meeting")),
    )
    op.create_table(
        "pledge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("metric", sa.String(length=24), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_id", sa.Integer(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("value BETWEEN 0 AND 100000", name=op.f("ck_pledge_value")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_pledge_campaign_id_campaign")),
        sa.ForeignKeyConstraint(["member_id"], ["user_account.id"], name=op.f("fk_pledge_member_id_user_account")),
        sa.ForeignKeyConstraint(["recorded_id"], ["user_account.id"], name=op.f("fk_pledge_recorded_id_user_account")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_pledge_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pledge")),
    )
    op.create_table(
        "rule_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("contest_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("in_force_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by_id", sa.Integer(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "confirmed_by_id IS NULL OR confirmed_by_id <> created_by_id", name=op.f("ck_rule_version_two_people")
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by_id"], ["user_account.id"], name=op.f("fk_rule_version_confirmed_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["contest_id"], ["contest.id"], name=op.f("fk_rule_version_contest_id_contest")),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user_account.id"], name=op.f("fk_rule_version_created_by_id_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_version")),
    )
    op.create_index("uq_rule_version_number", "rule_version", ["contest_id", "number"], unique=True)
    op.create_table(
        "stored_report",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("composed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("composed_by_id", sa.Integer(), nullable=True),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_stored_report_campaign_id_campaign")),
        sa.ForeignKeyConstraint(
            ["composed_by_id"], ["user_account.id"], name=op.f("fk_stored_report_composed_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_stored_report_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_report")),
    )
    op.create_table(
        "tally",
        sa.Column("id", BIG, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("metric", sa.String(length=24), nullable=False),
        sa.Column("delta", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("recorded_id", sa.Integer(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("delta BETWEEN -100000 AND 100000 AND delta <> 0", name=op.f("ck_tally_delta")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_tally_campaign_id_campaign")),
        sa.ForeignKeyConstraint(["member_id"], ["user_account.id"], name=op.f("fk_tally_member_id_user_account")),
        sa.ForeignKeyConstraint(["recorded_id"], ["user_account.id"], name=op.f("fk_tally_recorded_id_user_account")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_tally_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tally")),
        sa.UniqueConstraint("uid", name=op.f("uq_tally_uid")),
    )
    op.create_index(
        "ix_tally_campaign_day", "tally", ["campaign_id", "day", "team_id", "member_id", "metric"], unique=False
    )
    op.create_table(
        "target",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.Column("metric", sa.String(length=24), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.CheckConstraint("value >= 0", name=op.f("ck_target_value")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_target_campaign_id_campaign")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_target_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_target")),
    )
    op.create_index(op.f("ix_target_campaign_id"), "target", ["campaign_id"], unique=False)
    op.create_table(
        "case_card",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("meeting_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=True),
        sa.Column("segment", sa.String(length=16), nullable=False),
        sa.Column("opening", sa.Text(), nullable=False),
        sa.Column("objection", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user_account.id"], name=op.f("fk_case_card_created_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["meeting_id"], ["meeting.id"], name=op.f("fk_case_card_meeting_id_meeting")),
        sa.ForeignKeyConstraint(["member_id"], ["user_account.id"], name=op.f("fk_case_card_member_id_user_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_card")),
    )
    op.create_index(op.f("ix_case_card_meeting_id"), "case_card", ["meeting_id"], unique=False)
    op.create_table(
        "lead",
        sa.Column("id", BIG, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=True),
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("district_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("shop", sa.String(length=120), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_key", sa.LargeBinary(length=16), nullable=True),
        sa.Column("person_key", sa.LargeBinary(length=16), nullable=True),
        sa.Column("tail_key", sa.LargeBinary(length=16), nullable=True),
        sa.Column("licence_number", sa.String(length=18), nullable=True),
        sa.Column("name_place_key", sa.LargeBinary(length=16), nullable=True),
        sa.Column("trade", sa.String(length=64), nullable=False),
        sa.Column("segment", sa.String(length=16), nullable=False),
        sa.Column("approach", sa.String(length=64), nullable=False),
        sa.Column("intent", sa.String(length=1), nullable=False),
        sa.Column("need", sa.String(length=16), nullable=False),
        sa.Column("amount_wan", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("stage_on", sa.Date(), nullable=True),
        sa.Column("follow_up_on", sa.Date(), nullable=True),
        sa.Column("exit_code", sa.String(length=16), nullable=False),
        sa.Column("exit_reason", sa.String(length=300), nullable=False),
        sa.Column("historical", sa.Boolean(), nullable=False),
        sa.Column("no_contact", sa.Boolean(), nullable=False),
        sa.Column("merged_into_id", BIG, nullable=True),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("source_key", sa.String(length=120), nullable=True),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("intent IN ('','A','B','C')", name=op.f("ck_lead_intent")),
        sa.CheckConstraint("merged_into_id IS NULL OR merged_into_id <> id", name=op.f("ck_lead_merge")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_lead_campaign_id_campaign")),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user_account.id"], name=op.f("fk_lead_created_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["district_id"], ["district.id"], name=op.f("fk_lead_district_id_district")),
        sa.ForeignKeyConstraint(["merged_into_id"], ["lead.id"], name=op.f("fk_lead_merged_into_id_lead")),
        sa.ForeignKeyConstraint(["owner_id"], ["user_account.id"], name=op.f("fk_lead_owner_id_user_account")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["campaign_session.id"], name=op.f("fk_lead_session_id_campaign_session")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_lead_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead")),
        sa.UniqueConstraint("uid", name=op.f("uq_lead_uid")),
    )
    op.create_index(op.f("ix_lead_batch_id"), "lead", ["batch_id"], unique=False)
    op.create_index(
        "ix_lead_count", "lead", ["campaign_id", "stage", "team_id", "removed_at", "merged_into_id"], unique=False
    )
    op.create_index("ix_lead_licence", "lead", ["campaign_id", "licence_number"], unique=False)
    op.create_index("ix_lead_list", "lead", ["campaign_id", "created_at", "id"], unique=False)
    op.create_index(
        "ix_lead_merged_into",
        "lead",
        ["merged_into_id"],
        unique=False,
        sqlite_where=sa.text("merged_into_id IS NOT NULL"),
        postgresql_where=sa.text("merged_into_id IS NOT NULL"),
    )
    op.create_index("ix_lead_name_place", "lead", ["campaign_id", "name_place_key"], unique=False)
    op.create_index("ix_lead_newest", "lead", ["created_at", "id"], unique=False)
    op.create_index("ix_lead_owner_follow_up", "lead", ["owner_id", "follow_up_on"], unique=False)
    op.create_index("ix_lead_person", "lead", ["person_key"], unique=False)
    op.create_index("ix_lead_search", "lead", ["campaign_id", "search_text"], unique=False)
    op.create_index("ix_lead_tail", "lead", ["tail_key"], unique=False)
    op.create_index("ix_lead_team_follow_up", "lead", ["team_id", "follow_up_on"], unique=False)
    op.create_index("ix_lead_team_list", "lead", ["team_id", "created_at", "id"], unique=False)
    op.create_index(
        "uq_lead_campaign_phone",
        "lead",
        ["campaign_id", "phone_key"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_index(
        "uq_lead_campaign_source",
        "lead",
        ["campaign_id", "source_key"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "meeting_minute",
        sa.Column("id", BIG, nullable=False),
        sa.Column("meeting_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["author_id"], ["user_account.id"], name=op.f("fk_meeting_minute_author_id_user_account")
        ),
        sa.ForeignKeyConstraint(["meeting_id"], ["meeting.id"], name=op.f("fk_meeting_minute_meeting_id_meeting")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meeting_minute")),
    )
    op.create_index("uq_meeting_minute_revision", "meeting_minute", ["meeting_id", "key", "revision"], unique=True)
    op.create_table(
        "todo",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.Column("meeting_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by_id", sa.Integer(), nullable=True),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_todo_campaign_id_campaign")),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["user_account.id"], name=op.f("fk_todo_created_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["done_by_id"], ["user_account.id"], name=op.f("fk_todo_done_by_id_user_account")),
        sa.ForeignKeyConstraint(["meeting_id"], ["meeting.id"], name=op.f("fk_todo_meeting_id_meeting")),
        sa.ForeignKeyConstraint(["owner_id"], ["user_account.id"], name=op.f("fk_todo_owner_id_user_account")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_todo_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_todo")),
    )
    op.create_index(op.f("ix_todo_campaign_id"), "todo", ["campaign_id"], unique=False)
    op.create_table(
        "clash",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("lead_id", BIG, nullable=False),
        sa.Column("matched_by", sa.String(length=16), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.Column("claimed_by_id", sa.Integer(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claim_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("claim_uid", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("decision", sa.String(length=300), nullable=False),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_clash_campaign_id_campaign")),
        sa.ForeignKeyConstraint(
            ["claimed_by_id"], ["user_account.id"], name=op.f("fk_clash_claimed_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by_id"], ["user_account.id"], name=op.f("fk_clash_decided_by_id_user_account")
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_clash_lead_id_lead")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_clash_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clash")),
        sa.UniqueConstraint("claim_uid", name=op.f("uq_clash_claim_uid")),
    )
    op.create_index(op.f("ix_clash_campaign_id"), "clash", ["campaign_id"], unique=False)
    op.create_index(op.f("ix_clash_lead_id"), "clash", ["lead_id"], unique=False)
    op.create_index(op.f("ix_clash_team_id"), "clash", ["team_id"], unique=False)
    op.create_table(
        "consent",
        sa.Column("id", BIG, nullable=False),
        sa.Column("lead_id", BIG, nullable=False),
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("enquiry", sa.Boolean(), nullable=False),
        sa.Column("marketing", sa.JSON(), nullable=False),
        sa.Column("financial", sa.Boolean(), nullable=False),
        sa.Column("how", sa.String(length=16), nullable=False),
        sa.Column("basis", sa.String(length=120), nullable=False),
        sa.Column("taken_by_id", sa.Integer(), nullable=True),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_consent_lead_id_lead")),
        sa.ForeignKeyConstraint(["notice_id"], ["notice_version.id"], name=op.f("fk_consent_notice_id_notice_version")),
        sa.ForeignKeyConstraint(["taken_by_id"], ["user_account.id"], name=op.f("fk_consent_taken_by_id_user_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(op.f("ix_consent_lead_id"), "consent", ["lead_id"], unique=False)
    op.create_table(
        "intent_entry",
        sa.Column("id", BIG, nullable=False),
        sa.Column("lead_id", BIG, nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.Column("credited_id", sa.Integer(), nullable=True),
        sa.Column("recorded_id", sa.Integer(), nullable=True),
        sa.Column("intent", sa.String(length=1), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_intent_entry_campaign_id_campaign")),
        sa.ForeignKeyConstraint(
            ["credited_id"], ["user_account.id"], name=op.f("fk_intent_entry_credited_id_user_account")
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_intent_entry_lead_id_lead")),
        sa.ForeignKeyConstraint(
            ["recorded_id"], ["user_account.id"], name=op.f("fk_intent_entry_recorded_id_user_account")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_intent_entry_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intent_entry")),
    )
    op.create_index("ix_intent_entry_campaign_day", "intent_entry", ["campaign_id", "day"], unique=False)
    op.create_index(op.f("ix_intent_entry_lead_id"), "intent_entry", ["lead_id"], unique=False)
    op.create_table(
        "lead_event",
        sa.Column("id", BIG, nullable=False),
        sa.Column("lead_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["user_account.id"], name=op.f("fk_lead_event_actor_id_user_account")),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_lead_event_lead_id_lead")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_event")),
    )
    op.create_index(op.f("ix_lead_event_lead_id"), "lead_event", ["lead_id"], unique=False)
    op.create_table(
        "lead_gram",
        sa.Column("gram", sa.String(length=2), nullable=False),
        sa.Column("lead_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_lead_gram_lead_id_lead")),
        sa.PrimaryKeyConstraint("gram", "lead_id", name=op.f("pk_lead_gram")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_lead_gram_lead", "lead_gram", ["lead_id"], unique=False)
    op.create_table(
        "lead_merge",
        sa.Column("id", BIG, nullable=False),
        sa.Column("merge_id", BIG, nullable=True),
        sa.Column("lead_id", BIG, nullable=False),
        sa.Column("root_id", BIG, nullable=False),
        sa.Column("previous_id", BIG, nullable=True),
        sa.Column("filled", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["user_account.id"], name=op.f("fk_lead_merge_actor_id_user_account")),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_lead_merge_lead_id_lead")),
        sa.ForeignKeyConstraint(["previous_id"], ["lead_merge.id"], name=op.f("fk_lead_merge_previous_id_lead_merge")),
        sa.ForeignKeyConstraint(["root_id"], ["lead.id"], name=op.f("fk_lead_merge_root_id_lead")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_merge")),
    )
    op.create_index(op.f("ix_lead_merge_lead_id"), "lead_merge", ["lead_id"], unique=False)
    op.create_index(op.f("ix_lead_merge_merge_id"), "lead_merge", ["merge_id"], unique=False)
    op.create_index(op.f("ix_lead_merge_root_id"), "lead_merge", ["root_id"], unique=False)
    op.create_table(
        "phone_reveal",
        sa.Column("id", BIG, nullable=False),
        sa.Column("lead_id", BIG, nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["user_account.id"], name=op.f("fk_phone_reveal_actor_id_user_account")),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_phone_reveal_lead_id_lead")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_reveal")),
    )
    op.create_index("ix_phone_reveal_actor_day", "phone_reveal", ["actor_id", "day"], unique=False)
    op.create_table(
        "stage_entry",
        sa.Column("id", BIG, nullable=False),
        sa.Column("lead_id", BIG, nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=True),
        sa.Column("district_id", sa.Integer(), nullable=True),
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("credited_id", sa.Integer(), nullable=True),
        sa.Column("acted_id", sa.Integer(), nullable=True),
        sa.Column("recorded_id", sa.Integer(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("occurred_raw", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("implied_by_id", BIG, nullable=True),
        sa.Column("voids_id", BIG, nullable=True),
        sa.Column("case_number", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.CheckConstraint(
            "stage IN ('consult','application','accepted','approved','disbursed')", name=op.f("ck_stage_entry_stage")
        ),
        sa.CheckConstraint("voids_id IS NULL OR reason <> ''", name=op.f("ck_stage_entry_void_reason")),
        sa.ForeignKeyConstraint(["acted_id"], ["user_account.id"], name=op.f("fk_stage_entry_acted_id_user_account")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_stage_entry_campaign_id_campaign")),
        sa.ForeignKeyConstraint(
            ["credited_id"], ["user_account.id"], name=op.f("fk_stage_entry_credited_id_user_account")
        ),
        sa.ForeignKeyConstraint(["district_id"], ["district.id"], name=op.f("fk_stage_entry_district_id_district")),
        sa.ForeignKeyConstraint(
            ["implied_by_id"], ["stage_entry.id"], name=op.f("fk_stage_entry_implied_by_id_stage_entry")
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_stage_entry_lead_id_lead")),
        sa.ForeignKeyConstraint(
            ["recorded_id"], ["user_account.id"], name=op.f("fk_stage_entry_recorded_id_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["campaign_session.id"], name=op.f("fk_stage_entry_session_id_campaign_session")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_stage_entry_team_id_team")),
        sa.ForeignKeyConstraint(["voids_id"], ["stage_entry.id"], name=op.f("fk_stage_entry_voids_id_stage_entry")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage_entry")),
        sa.UniqueConstraint("voids_id", name=op.f("uq_stage_entry_voids_id")),
    )
    op.create_index("ix_stage_entry_campaign_received", "stage_entry", ["campaign_id", "received_at"], unique=False)
    op.create_index(op.f("ix_stage_entry_implied_by_id"), "stage_entry", ["implied_by_id"], unique=False)
    op.create_index(op.f("ix_stage_entry_lead_id"), "stage_entry", ["lead_id"], unique=False)
    op.create_table(
        "visit",
        sa.Column("id", BIG, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=True),
        sa.Column("district_id", sa.Integer(), nullable=True),
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("companion_id", sa.Integer(), nullable=True),
        sa.Column("lead_id", BIG, nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("trade", sa.String(length=64), nullable=False),
        sa.Column("approach", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("valid", sa.Boolean(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_id", sa.Integer(), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("void_reason", sa.String(length=300), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('nobody','refused','consulted','interested','applied','customer','ineligible')",
            name=op.f("ck_visit_outcome"),
        ),
        sa.CheckConstraint("companion_id IS NULL OR companion_id <> member_id", name=op.f("ck_visit_companion")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_visit_campaign_id_campaign")),
        sa.ForeignKeyConstraint(["companion_id"], ["user_account.id"], name=op.f("fk_visit_companion_id_user_account")),
        sa.ForeignKeyConstraint(["district_id"], ["district.id"], name=op.f("fk_visit_district_id_district")),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_visit_lead_id_lead")),
        sa.ForeignKeyConstraint(["member_id"], ["user_account.id"], name=op.f("fk_visit_member_id_user_account")),
        sa.ForeignKeyConstraint(["recorded_id"], ["user_account.id"], name=op.f("fk_visit_recorded_id_user_account")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["campaign_session.id"], name=op.f("fk_visit_session_id_campaign_session")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_visit_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
        sa.UniqueConstraint("uid", name=op.f("uq_visit_uid")),
    )
    op.create_index("ix_visit_campaign_day", "visit", ["campaign_id", "day", "team_id", "member_id"], unique=False)
    op.create_index("ix_visit_team_day", "visit", ["team_id", "day"], unique=False)
    op.create_index(
        "ix_visit_voided",
        "visit",
        ["campaign_id"],
        unique=False,
        sqlite_where=sa.text("voided_at IS NOT NULL"),
        postgresql_where=sa.text("voided_at IS NOT NULL"),
    )
    op.create_table(
        "lead_stage",
        sa.Column("lead_id", BIG, nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("entry_id", BIG, nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("district_id", sa.Integer(), nullable=True),
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.Column("credited_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["entry_id"], ["stage_entry.id"], name=op.f("fk_lead_stage_entry_id_stage_entry")),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], name=op.f("fk_lead_stage_lead_id_lead")),
        sa.PrimaryKeyConstraint("lead_id", "stage", name=op.f("pk_lead_stage")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_lead_stage_entry_id")),
    )
    op.create_index("ix_lead_stage_campaign", "lead_stage", ["campaign_id", "stage", "day"], unique=False)
    op.create_index("ix_lead_stage_day", "lead_stage", ["day", "stage"], unique=False)
    op.create_index(
        "uq_meeting_slot", "meeting", ["campaign_id", sa.text("coalesce(team_id, 0)"), "day", "kind"], unique=True
    )
    op.create_index(
        "uq_pledge_current",
        "pledge",
        ["campaign_id", "team_id", sa.text("coalesce(member_id, 0)"), "day", "metric"],
        unique=True,
        sqlite_where=sa.text("current"),
        postgresql_where=sa.text("current"),
    )
    op.create_index(
        "uq_stored_report_slot",
        "stored_report",
        ["kind", "campaign_id", sa.text("coalesce(team_id, 0)"), "day", "revision"],
        unique=True,
    )
    op.create_index(
        "uq_target_metric", "target", ["campaign_id", sa.text("coalesce(team_id, 0)"), "metric"], unique=True
    )


def drop_tables() -> None:
    op.drop_index("uq_meeting_slot", table_name="meeting")
    op.drop_index("uq_pledge_current", table_name="pledge")
    op.drop_index("uq_stored_report_slot", table_name="stored_report")
    op.drop_index("uq_target_metric", table_name="target")
    op.drop_index("ix_lead_stage_day", table_name="lead_stage")
    op.drop_index("ix_lead_stage_campaign", table_name="lead_stage")
    op.drop_table("lead_stage")
    op.drop_index(
        "ix_visit_voided",
        table_name="visit",
        sqlite_where=sa.text("voided_at IS NOT NULL"),
        postgresql_where=sa.text("voided_at IS NOT NULL"),
    )
    op.drop_index("ix_visit_team_day", table_name="visit")
    op.drop_index("ix_visit_campaign_day", table_name="visit")
    op.drop_table("visit")
    op.drop_index(op.f("ix_stage_entry_lead_id"), table_name="stage_entry")
    op.drop_index(op.f("ix_stage_entry_implied_by_id"), table_name="stage_entry")
    op.drop_index("ix_stage_entry_campaign_received", table_name="stage_entry")
    op.drop_table("stage_entry")
    op.drop_index("ix_phone_reveal_actor_day", table_name="phone_reveal")
    op.drop_table("phone_reveal")
    op.drop_index(op.f("ix_lead_merge_root_id"), table_name="lead_merge")
    op.drop_index(op.f("ix_lead_merge_merge_id"), table_name="lead_merge")
    op.drop_index(op.f("ix_lead_merge_lead_id"), table_name="lead_merge")
    op.drop_table("lead_merge")
    op.drop_index("ix_lead_gram_lead", table_name="lead_gram")
    op.drop_table("lead_gram")
    op.drop_index(op.f("ix_lead_event_lead_id"), table_name="lead_event")
    op.drop_table("lead_event")
    op.drop_index(op.f("ix_intent_entry_lead_id"), table_name="intent_entry")
    op.drop_index("ix_intent_entry_campaign_day", table_name="intent_entry")
    op.drop_table("intent_entry")
    op.drop_index(op.f("ix_consent_lead_id"), table_name="consent")
    op.drop_table("consent")
    op.drop_index(op.f("ix_clash_team_id"), table_name="clash")
    op.drop_index(op.f("ix_clash_lead_id"), table_name="clash")
    op.drop_index(op.f("ix_clash_campaign_id"), table_name="clash")
    op.drop_table("clash")
    op.drop_index(op.f("ix_todo_campaign_id"), table_name="todo")
    op.drop_table("todo")
    op.drop_index("uq_meeting_minute_revision", table_name="meeting_minute")
    op.drop_table("meeting_minute")
    op.drop_index(
        "uq_lead_campaign_source",
        table_name="lead",
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.drop_index(
        "uq_lead_campaign_phone",
        table_name="lead",
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.drop_index("ix_lead_team_list", table_name="lead")
    op.drop_index("ix_lead_team_follow_up", table_name="lead")
    op.drop_index("ix_lead_tail", table_name="lead")
    op.drop_index("ix_lead_search", table_name="lead")
    op.drop_index("ix_lead_person", table_name="lead")
    op.drop_index("ix_lead_owner_follow_up", table_name="lead")
    op.drop_index("ix_lead_newest", table_name="lead")
    op.drop_index("ix_lead_name_place", table_name="lead")
    op.drop_index(
        "ix_lead_merged_into",
        table_name="lead",
        sqlite_where=sa.text("merged_into_id IS NOT NULL"),
        postgresql_where=sa.text("merged_into_id IS NOT NULL"),
    )
    op.drop_index("ix_lead_list", table_name="lead")
    op.drop_index("ix_lead_licence", table_name="lead")
    op.drop_index("ix_lead_count", table_name="lead")
    op.drop_index(op.f("ix_lead_batch_id"), table_name="lead")
    op.drop_table("lead")
    op.drop_index(op.f("ix_case_card_meeting_id"), table_name="case_card")
    op.drop_table("case_card")
    op.drop_index(op.f("ix_target_campaign_id"), table_name="target")
    op.drop_table("target")
    op.drop_index("ix_tally_campaign_day", table_name="tally")
    op.drop_table("tally")
    op.drop_table("stored_report")
    op.drop_index("uq_rule_version_number", table_name="rule_version")
    op.drop_table("rule_version")
    op.drop_table("pledge")
    op.drop_table("meeting")
    op.drop_index(op.f("ix_import_change_batch_id"), table_name="import_change")
    op.drop_table("import_change")
    op.drop_index("uq_daily_log_team_day", table_name="daily_log")
    op.drop_table("daily_log")
    op.drop_index(op.f("ix_contest_team_team_id"), table_name="contest_team")
    op.drop_table("contest_team")
    op.drop_index(op.f("ix_contest_campaign_campaign_id"), table_name="contest_campaign")
    op.drop_table("contest_campaign")
    op.drop_index(op.f("ix_campaign_team_team_id"), table_name="campaign_team")
    op.drop_table("campaign_team")
    op.drop_index(op.f("ix_campaign_session_campaign_id"), table_name="campaign_session")
    op.drop_table("campaign_session")
    op.drop_index(op.f("ix_campaign_district_district_id"), table_name="campaign_district")
    op.drop_table("campaign_district")
    op.drop_index(op.f("ix_budget_line_campaign_id"), table_name="budget_line")
    op.drop_table("budget_line")
    op.drop_index("ix_attendance_campaign_day", table_name="attendance")
    op.drop_table("attendance")
    op.drop_index(op.f("ix_adjustment_contest_id"), table_name="adjustment")
    op.drop_table("adjustment")
    op.drop_index(
        "uq_membership_open_user",
        table_name="membership",
        sqlite_where=sa.text("valid_to IS NULL"),
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.drop_index(op.f("ix_membership_user_id"), table_name="membership")
    op.drop_index(op.f("ix_membership_team_id"), table_name="membership")
    op.drop_table("membership")
    op.drop_index(op.f("ix_import_batch_file_sha256"), table_name="import_batch")
    op.drop_index(op.f("ix_import_batch_actor_id"), table_name="import_batch")
    op.drop_table("import_batch")
    op.drop_index(op.f("ix_export_record_made_at"), table_name="export_record")
    op.drop_index(op.f("ix_export_record_actor_id"), table_name="export_record")
    op.drop_table("export_record")
    op.drop_table("do_not_contact")
    op.drop_table("contest")
    op.drop_index(
        "uq_campaign_walk_in",
        table_name="campaign",
        sqlite_where=sa.text("walk_in"),
        postgresql_where=sa.text("walk_in"),
    )
    op.drop_index("ix_campaign_dates", table_name="campaign")
    op.drop_table("campaign")
    op.drop_table("user_account")
    op.drop_table("team")
    op.drop_table("submission")
    op.drop_table("sign_in_bucket")
    op.drop_table("notice_version")
    op.drop_index("ix_member_day_day", table_name="member_day")
    op.drop_table("member_day")
    op.drop_index("uq_job_run_slot", table_name="job_run")
    op.drop_table("job_run")
    op.drop_index("ix_funnel_day_day", table_name="funnel_day")
    op.drop_table("funnel_day")
    op.drop_index(
        "uq_district_top_name",
        table_name="district",
        sqlite_where=sa.text("parent_id IS NULL"),
        postgresql_where=sa.text("parent_id IS NULL"),
    )
    op.drop_index("uq_district_sibling_name", table_name="district")
    op.drop_index(op.f("ix_district_path"), table_name="district")
    op.drop_index(op.f("ix_district_parent_id"), table_name="district")
    op.drop_table("district")
    op.drop_index(op.f("ix_audit_entry_at"), table_name="audit_entry")
    op.drop_index(op.f("ix_audit_entry_actor_id"), table_name="audit_entry")
    op.drop_index(op.f("ix_audit_entry_action"), table_name="audit_entry")
    op.drop_table("audit_entry")
