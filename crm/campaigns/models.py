"""Campaigns (外拓活动): one drive by one model, with dates, districts, teams, sessions, targets and budget."""

from datetime import date, datetime

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from crm.kernel.db import Base, UTCDateTime


class Campaign(Base):
    """One drive. `walk_in` marks the single campaign that holds leads of none (自然到访).

    A visit is valid (有效走访) when its outcome is in `valid_outcomes`; `valid_rule` is that rule in words.
    """

    __tablename__ = "campaign"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    model: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16), default="draft")
    walk_in: Mapped[bool] = mapped_column(default=False)
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    goal: Mapped[str] = mapped_column(String(1000), default="")
    place: Mapped[str] = mapped_column(String(200), default="")
    valid_outcomes: Mapped[list[str]] = mapped_column(JSON)
    valid_rule: Mapped[str] = mapped_column(String(500), default="")
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    version: Mapped[int] = mapped_column(default=1)

    sessions: Mapped[list["CampaignSession"]] = relationship(order_by="CampaignSession.starts_at")

    __table_args__ = (
        CheckConstraint(
            "model IN ('roadshow','festival','event','crossover','wechat','interest','salon','lecture')", name="model"
        ),
        CheckConstraint("status IN ('draft','approved','running','closed','archived')", name="status"),
        CheckConstraint("ends_on >= starts_on", name="dates"),
        Index(
            "uq_campaign_walk_in",
            "walk_in",
            unique=True,
            sqlite_where=text("walk_in"),
            postgresql_where=text("walk_in"),
        ),
        Index("ix_campaign_dates", "starts_on", "ends_on"),
    )


class CampaignDistrict(Base):
    """A district that a campaign works; a parent covers its children."""

    __tablename__ = "campaign_district"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    district_id: Mapped[int] = mapped_column(ForeignKey("district.id"), primary_key=True, index=True)


class CampaignTeam(Base):
    """A team that takes part, with the district that it works in this campaign."""

    __tablename__ = "campaign_team"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"), primary_key=True, index=True)
    district_id: Mapped[int | None] = mapped_column(ForeignKey("district.id"))


class CampaignSession(Base):
    """One occasion (场次) of a campaign at a place and time."""

    __tablename__ = "campaign_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    district_id: Mapped[int | None] = mapped_column(ForeignKey("district.id"))
    name: Mapped[str] = mapped_column(String(120))
    place: Mapped[str] = mapped_column(String(200), default="")
    starts_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ends_at: Mapped[datetime] = mapped_column(UTCDateTime)
    note: Mapped[str] = mapped_column(String(500), default="")
    cancelled: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (CheckConstraint("ends_at >= starts_at", name="times"),)


class Target(Base):
    """What a team (or, with no team, the whole campaign) is to reach in one metric."""

    __tablename__ = "target"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))
    metric: Mapped[str] = mapped_column(String(24))
    value: Mapped[int]

    __table_args__ = (
        CheckConstraint("value >= 0", name="value"),
        Index("uq_target_metric", "campaign_id", text("coalesce(team_id, 0)"), "metric", unique=True),
    )


class BudgetLine(Base):
    """One item of the budget, planned and actual, in fen (0.01 yuan)."""

    __tablename__ = "budget_line"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    item: Mapped[str] = mapped_column(String(120))
    planned_fen: Mapped[int] = mapped_column(BigInteger, default=0)
    actual_fen: Mapped[int | None] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(String(300), default="")

    __table_args__ = (CheckConstraint("planned_fen >= 0 AND (actual_fen IS NULL OR actual_fen >= 0)", name="amounts"),)
