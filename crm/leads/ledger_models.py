"""The stage ledger: append-only entries, and the projections that one function writes in the same transaction.

The database itself refuses updates and deletes of `stage_entry`, `intent_entry` and `consent` (triggers in the migration).
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.kernel.db import BIG, Base, UTCDateTime

_REPLACES = text("replaces_id IS NOT NULL")


class StageEntry(Base):
    """One entry: a stage reached (`voids_id` is None) or the undoing of an earlier entry.

    District and team are those of the moment. Three people: credited, acted, recorded. Three clocks: `occurred_at` (corrected
    by the phone's known error; `occurred_raw` is what it claimed), `recorded_at` (saved on the device), `received_at` (server).
    `day` is the business day of `occurred_at`. An implied entry was brought by `implied_by_id`.
    """

    __tablename__ = "stage_entry"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    lead_id: Mapped[int] = mapped_column(ForeignKey("lead.id"), index=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    session_id: Mapped[int | None] = mapped_column(ForeignKey("campaign_session.id"))
    district_id: Mapped[int | None] = mapped_column(ForeignKey("district.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))
    stage: Mapped[str] = mapped_column(String(16))
    day: Mapped[date]
    credited_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    acted_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    recorded_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    occurred_at: Mapped[datetime] = mapped_column(UTCDateTime)
    occurred_raw: Mapped[datetime | None] = mapped_column(UTCDateTime)
    recorded_at: Mapped[datetime] = mapped_column(UTCDateTime)
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
    implied_by_id: Mapped[int | None] = mapped_column(ForeignKey("stage_entry.id"), index=True)
    voids_id: Mapped[int | None] = mapped_column(ForeignKey("stage_entry.id"), unique=True)
    case_number: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(300), default="")

    __table_args__ = (
        CheckConstraint("stage IN ('consult','application','accepted','approved','disbursed')", name="stage"),
        CheckConstraint("voids_id IS NULL OR reason <> ''", name="void_reason"),
        Index("ix_stage_entry_campaign_received", "campaign_id", "received_at"),
    )


class LeadStage(Base):
    """Projection: the entry that counts for a lead (or for the lead that it was merged into) and a stage. At most one."""

    __tablename__ = "lead_stage"

    lead_id: Mapped[int] = mapped_column(ForeignKey("lead.id"), primary_key=True)
    stage: Mapped[str] = mapped_column(String(16), primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("stage_entry.id"), unique=True)
    campaign_id: Mapped[int]
    day: Mapped[date]
    district_id: Mapped[int | None]
    team_id: Mapped[int | None]
    credited_id: Mapped[int | None]

    __table_args__ = (
        Index("ix_lead_stage_campaign", "campaign_id", "stage", "day"),
        Index("ix_lead_stage_day", "day", "stage"),
    )


class FunnelDay(Base):
    """Rollup: leads counted per campaign, day, team, district and stage (0 stands for none)."""

    __tablename__ = "funnel_day"

    campaign_id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(primary_key=True)
    district_id: Mapped[int] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(String(16), primary_key=True)
    leads: Mapped[int]

    __table_args__ = (Index("ix_funnel_day_day", "day"), {"sqlite_with_rowid": False})


class MemberDay(Base):
    """Rollup: leads counted per campaign, day, credited officer, team of then, and stage (0 stands for none)."""

    __tablename__ = "member_day"

    campaign_id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(String(16), primary_key=True)
    leads: Mapped[int]

    __table_args__ = (Index("ix_member_day_day", "day"), {"sqlite_with_rowid": False})


class LeadMerge(Base):
    """Which lead a lead stands for, from when to when. One level always: a merge of merged leads is written flat.

    Rows of one merge share `merge_id`, the id of its first row. An open row has no `ended_at`. `filled` (on the first row)
    holds the blanks of the kept lead that the other one filled, so that undoing empties them again.
    """

    __tablename__ = "lead_merge"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    merge_id: Mapped[int | None] = mapped_column(BIG, index=True)
    lead_id: Mapped[int] = mapped_column(ForeignKey("lead.id"), index=True)
    root_id: Mapped[int] = mapped_column(ForeignKey("lead.id"), index=True)
    previous_id: Mapped[int | None] = mapped_column(ForeignKey("lead_merge.id"))
    filled: Mapped[dict[str, Any]] = mapped_column(JSON)
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))


class IntentEntry(Base):
    """An intent (A, B, C) as it was stated, with team and officer of the moment and who recorded it.

    Append-only; the PK scores the first A or B. Where the referee gave a customer to another team, an entry of the same
    moment with that team's credit stands in the place of the one that it replaces, from its own `received_at` on.
    """

    __tablename__ = "intent_entry"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    lead_id: Mapped[int] = mapped_column(ForeignKey("lead.id"), index=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))
    credited_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    recorded_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    intent: Mapped[str] = mapped_column(String(1))
    day: Mapped[date]
    occurred_at: Mapped[datetime] = mapped_column(UTCDateTime)
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
    replaces_id: Mapped[int | None] = mapped_column(BIG)

    __table_args__ = (
        Index(
            "ix_intent_entry_replaces", "replaces_id", unique=True, sqlite_where=_REPLACES, postgresql_where=_REPLACES
        ),
        Index("ix_intent_entry_campaign_day", "campaign_id", "day"),
    )
