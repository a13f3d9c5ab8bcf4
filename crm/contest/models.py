"""The PK: contests, versions of their rules, and adjustments that somebody made with a reason."""

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column

from crm.kernel.db import Base, UTCDateTime


class Contest(Base):
    """A competition of teams over a window of days, on one campaign or several.

    `started_at`: when it began, which reports as of an earlier moment do not know; None for a draft.
    """

    __tablename__ = "contest"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    bell: Mapped[time]
    status: Mapped[str] = mapped_column(String(12), default="draft")
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        CheckConstraint("ends_on >= starts_on", name="dates"),
        CheckConstraint("(status = 'draft') = (started_at IS NULL)", name="started"),
        CheckConstraint("status IN ('draft','running','closed')", name="status"),
    )


class ContestCampaign(Base):
    """A campaign whose figures count in the contest."""

    __tablename__ = "contest_campaign"

    contest_id: Mapped[int] = mapped_column(ForeignKey("contest.id"), primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True, index=True)


class ContestTeam(Base):
    """A team that competes."""

    __tablename__ = "contest_team"

    contest_id: Mapped[int] = mapped_column(ForeignKey("contest.id"), primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"), primary_key=True, index=True)


class RuleVersion(Base):
    """The rules of a contest from a moment on. Never edited: a change is the next number.

    Once the contest has begun a version holds only after a second person has confirmed it, and never from an earlier moment
    than that.
    """

    __tablename__ = "rule_version"

    id: Mapped[int] = mapped_column(primary_key=True)
    contest_id: Mapped[int] = mapped_column(ForeignKey("contest.id"))
    number: Mapped[int]
    rules: Mapped[dict[str, Any]] = mapped_column(JSON)
    in_force_from: Mapped[datetime] = mapped_column(UTCDateTime)
    reason: Mapped[str] = mapped_column(String(300), default="")
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint("confirmed_by_id IS NULL OR confirmed_by_id <> created_by_id", name="two_people"),
        Index("uq_rule_version_number", "contest_id", "number", unique=True),
    )


class Adjustment(Base):
    """A bonus or a penalty with reason and author; a penalty counts only once a second person has confirmed it. Append-only
    but for that confirmation, or for its being dropped: taken back by its author or refused by the second person."""

    __tablename__ = "adjustment"

    id: Mapped[int] = mapped_column(primary_key=True)
    contest_id: Mapped[int] = mapped_column(ForeignKey("contest.id"), index=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    member_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    day: Mapped[date]
    kind: Mapped[str] = mapped_column(String(24))
    points: Mapped[Decimal] = mapped_column(Numeric(8, 2))
    reason: Mapped[str] = mapped_column(String(300))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    second_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    dropped_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    dropped_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint("second_id IS NULL OR second_id <> author_id", name="two_people"),
        CheckConstraint("dropped_at IS NULL OR confirmed_at IS NULL", name="one_end"),
    )
