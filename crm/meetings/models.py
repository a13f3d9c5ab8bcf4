"""Morning and evening meetings, what they leave behind, and the reports that are stored."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.kernel.db import BIG, Base, UTCDateTime

_TEAM = text("coalesce(team_id, 0)")


class Meeting(Base):
    """A morning (晨会) or evening (夕会) meeting of one team, or with no team of the whole campaign.

    From `pledges_locked_at` on a pledge of its teams and day changes only with a reason.
    """

    __tablename__ = "meeting"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))
    day: Mapped[date]
    kind: Mapped[str] = mapped_column(String(8))
    status: Mapped[str] = mapped_column(String(8), default="open")
    opened_at: Mapped[datetime] = mapped_column(UTCDateTime)
    opened_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    pledges_locked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint("kind IN ('morning','evening')", name="kind"),
        CheckConstraint("status IN ('open','closed')", name="status"),
        Index("uq_meeting_slot", "campaign_id", _TEAM, "day", "kind", unique=True),
    )


class Minute(Base):
    """What was written down under one item of the agenda. Append-only: the newest revision holds.

    Old revisions stay, so that a report made later for an earlier moment says what was written then.
    """

    __tablename__ = "meeting_minute"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    meeting_id: Mapped[int] = mapped_column(ForeignKey("meeting.id"))
    key: Mapped[str] = mapped_column(String(16))
    revision: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    written_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (Index("uq_meeting_minute_revision", "meeting_id", "key", "revision", unique=True),)


class Todo(Base):
    """Something that a meeting left to be done, by whom and until when. Open ones open the next morning."""

    __tablename__ = "todo"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))
    meeting_id: Mapped[int] = mapped_column(ForeignKey("meeting.id"))
    text: Mapped[str] = mapped_column(String(300))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    due_on: Mapped[date | None]
    done_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class CaseCard(Base):
    """A case that a member shared in the evening: segment, opening, objection, result. No customer's name."""

    __tablename__ = "case_card"

    id: Mapped[int] = mapped_column(primary_key=True)
    meeting_id: Mapped[int] = mapped_column(ForeignKey("meeting.id"), index=True)
    member_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    segment: Mapped[str] = mapped_column(String(16), default="")
    opening: Mapped[str] = mapped_column(Text, default="")
    objection: Mapped[str] = mapped_column(Text, default="")
    result: Mapped[str] = mapped_column(Text, default="")
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class StoredReport(Base):
    """A report as it was given: the body is kept, never recomputed. A correction is the next revision, with a reason."""

    __tablename__ = "stored_report"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))
    day: Mapped[date]
    revision: Mapped[int] = mapped_column(default=1)
    reason: Mapped[str] = mapped_column(String(300), default="")
    schema_version: Mapped[int]
    as_of: Mapped[datetime] = mapped_column(UTCDateTime)
    composed_at: Mapped[datetime] = mapped_column(UTCDateTime)
    composed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    sha256: Mapped[str] = mapped_column(String(64))

    __table_args__ = (Index("uq_stored_report_slot", "kind", "campaign_id", _TEAM, "day", "revision", unique=True),)
