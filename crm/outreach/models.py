"""The day in the field: who was there, what was promised, visits, tallies and the daily log (外拓日报)."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.kernel.db import BIG, Base, UTCDateTime

_VOIDED = text("voided_at IS NOT NULL")


class Visit(Base):
    """One touch of one door or person. `valid` is judged by the campaign's rule when the visit is received.

    A companion shares the visit (0.3) and brings no second count. A visit is undone by setting `voided_at`, with a reason.
    """

    __tablename__ = "visit"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    uid: Mapped[str] = mapped_column(String(36), unique=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    session_id: Mapped[int | None] = mapped_column(ForeignKey("campaign_session.id"))
    district_id: Mapped[int | None] = mapped_column(ForeignKey("district.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    companion_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("lead.id"))
    outcome: Mapped[str] = mapped_column(String(16))
    trade: Mapped[str] = mapped_column(String(64), default="")
    approach: Mapped[str] = mapped_column(String(64), default="")
    note: Mapped[str] = mapped_column(String(500), default="")
    valid: Mapped[bool]
    day: Mapped[date]
    occurred_at: Mapped[datetime] = mapped_column(UTCDateTime)
    recorded_at: Mapped[datetime] = mapped_column(UTCDateTime)
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
    recorded_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    voided_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    void_reason: Mapped[str] = mapped_column(String(300), default="")

    __table_args__ = (
        CheckConstraint(
            "outcome IN ('nobody','refused','consulted','interested','applied','customer','ineligible')", name="outcome"
        ),
        CheckConstraint("companion_id IS NULL OR companion_id <> member_id", name="companion"),
        Index("ix_visit_campaign_day", "campaign_id", "day", "team_id", "member_id"),
        Index("ix_visit_team_day", "team_id", "day"),
        # The few that were undone are counted each time a board is asked for.
        Index("ix_visit_voided", "campaign_id", sqlite_where=_VOIDED, postgresql_where=_VOIDED),
    )


class Tally(Base):
    """A declared count without a name. Append-only: what is declared for a member, day and metric is the sum of `delta`."""

    __tablename__ = "tally"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    uid: Mapped[str] = mapped_column(String(36), unique=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    day: Mapped[date]
    metric: Mapped[str] = mapped_column(String(24))
    delta: Mapped[int]
    note: Mapped[str] = mapped_column(String(200), default="")
    recorded_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint("delta BETWEEN -100000 AND 100000 AND delta <> 0", name="delta"),
        Index("ix_tally_campaign_day", "campaign_id", "day", "team_id", "member_id", "metric"),
    )


class DailyLog(Base):
    """One team's day in words, and whether it is still open, submitted or locked."""

    __tablename__ = "daily_log"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    day: Mapped[date]
    status: Mapped[str] = mapped_column(String(12), default="open")
    highlights: Mapped[str] = mapped_column(Text, default="")
    difficulties: Mapped[str] = mapped_column(Text, default="")
    help_needed: Mapped[str] = mapped_column(Text, default="")
    plan: Mapped[str] = mapped_column(Text, default="")
    submitted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    submitted_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    late: Mapped[bool] = mapped_column(default=False)
    locked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    locked_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        CheckConstraint("status IN ('open','submitted','locked')", name="status"),
        Index("uq_daily_log_team_day", "campaign_id", "team_id", "day", unique=True),
    )


class Attendance(Base):
    """Whether a member was there on a day: the base of every figure per head (人均).

    Append-only: a correction is a further row, and the newest row of a member and day holds (`outreach.roll`).
    """

    __tablename__ = "attendance"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    day: Mapped[date]
    member_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    state: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(String(200), default="")
    recorded_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint("state IN ('present','late','leave','absent')", name="state"),
        Index("ix_attendance_campaign_day", "campaign_id", "day", "member_id"),
    )


class Pledge(Base):
    """What a member, or with no member a team, promises for a day in one metric. A change after the lock is a new revision."""

    __tablename__ = "pledge"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    member_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    day: Mapped[date]
    metric: Mapped[str] = mapped_column(String(24))
    value: Mapped[int]
    revision: Mapped[int] = mapped_column(default=1)
    reason: Mapped[str] = mapped_column(String(200), default="")
    current: Mapped[bool] = mapped_column(default=True)
    locked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    recorded_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    recorded_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint("value BETWEEN 0 AND 100000", name="value"),
        Index(
            "uq_pledge_current",
            "campaign_id",
            "team_id",
            text("coalesce(member_id, 0)"),
            "day",
            "metric",
            unique=True,
            sqlite_where=text("current"),
            postgresql_where=text("current"),
        ),
    )
