"""Leads (线索): who left a contact, with what consent, and how the lead's card stands today.

The ledger of stages lives in `ledger_models`; what is here may change, what is there never does.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, Numeric, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.kernel.db import BIG, Base, UTCDateTime

_LIVE = text("removed_at IS NULL")
_WAITING = text("state <> 'decided'")
_MERGED = text("merged_into_id IS NOT NULL")
_BY_QR = text("source = 'qr'")


class Lead(Base):
    """One person or business in one campaign.

    `phone_sealed` is AES-GCM; `phone_key` (unique per campaign), `person_key` (over all campaigns) and `tail_key` (last four
    digits) are keyed indexes. `stage` is derived from the ledger, for display only. `historical` rows count in figures but are
    never contacted and never exported in detail. `removed_at` is set when the import that brought the row was undone.
    """

    __tablename__ = "lead"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    uid: Mapped[str] = mapped_column(String(36), unique=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    session_id: Mapped[int | None] = mapped_column(ForeignKey("campaign_session.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    district_id: Mapped[int | None] = mapped_column(ForeignKey("district.id"))
    name: Mapped[str] = mapped_column(String(80), default="")
    shop: Mapped[str] = mapped_column(String(120), default="")
    address: Mapped[str] = mapped_column(String(200), default="")
    phone_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_key: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    person_key: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    tail_key: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    licence_number: Mapped[str | None] = mapped_column(String(18))
    name_place_key: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    trade: Mapped[str] = mapped_column(String(64), default="")
    segment: Mapped[str] = mapped_column(String(16), default="")
    approach: Mapped[str] = mapped_column(String(64), default="")
    intent: Mapped[str] = mapped_column(String(1), default="")
    need: Mapped[str] = mapped_column(String(16), default="")
    amount_wan: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    note: Mapped[str] = mapped_column(Text, default="")
    stage: Mapped[str] = mapped_column(String(16), default="")
    stage_on: Mapped[date | None]
    follow_up_on: Mapped[date | None]
    exit_code: Mapped[str] = mapped_column(String(16), default="")
    exit_reason: Mapped[str] = mapped_column(String(300), default="")
    historical: Mapped[bool] = mapped_column(default=False)
    no_contact: Mapped[bool] = mapped_column(default=False)
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("lead.id"))
    source: Mapped[str] = mapped_column(String(16), default="desk")
    source_key: Mapped[str | None] = mapped_column(String(120))
    batch_id: Mapped[int | None] = mapped_column(index=True)
    removed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    search_text: Mapped[str] = mapped_column(Text, default="")
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        Index(
            "uq_lead_campaign_phone",
            "campaign_id",
            "phone_key",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
        Index(
            "uq_lead_campaign_source",
            "campaign_id",
            "source_key",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
        # Partial: nearly all leads have none, and a list that asks for "merged into none" must not read by this index.
        Index("ix_lead_merged_into", "merged_into_id", sqlite_where=_MERGED, postgresql_where=_MERGED),
        # Today asks how many came by a QR code and were not talked to yet: few of many.
        Index("ix_lead_by_qr", "stage", "team_id", "owner_id", sqlite_where=_BY_QR, postgresql_where=_BY_QR),
        Index("ix_lead_newest", "created_at", "id"),
        # Counts by stage read this index alone.
        Index("ix_lead_count", "campaign_id", "stage", "team_id", "removed_at", "merged_into_id"),
        Index("ix_lead_list", "campaign_id", "created_at", "id"),
        Index("ix_lead_team_list", "team_id", "created_at", "id"),
        Index("ix_lead_owner_follow_up", "owner_id", "follow_up_on"),
        Index("ix_lead_team_follow_up", "team_id", "follow_up_on"),
        Index("ix_lead_person", "person_key"),
        Index("ix_lead_tail", "tail_key"),
        Index("ix_lead_licence", "campaign_id", "licence_number"),
        Index("ix_lead_name_place", "campaign_id", "name_place_key"),
        # Searches inside a campaign read this index alone and never touch the rows.
        Index("ix_lead_search", "campaign_id", "search_text"),
        CheckConstraint("intent IN ('','A','B','C')", name="intent"),
        CheckConstraint("merged_into_id IS NULL OR merged_into_id <> id", name="merge"),
    )


class LeadGram(Base):
    """A two-character window of a lead's search text: the index behind searches over the whole base."""

    __tablename__ = "lead_gram"

    gram: Mapped[str] = mapped_column(String(2), primary_key=True)
    lead_id: Mapped[int] = mapped_column(BIG, ForeignKey("lead.id"), primary_key=True)

    __table_args__ = (Index("ix_lead_gram_lead", "lead_id"), {"sqlite_with_rowid": False})


class NoticeVersion(Base):
    """A version of the privacy notice that a person agreed to; `text_hash` is what a consent points at."""

    __tablename__ = "notice_version"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    body: Mapped[str] = mapped_column(Text)
    text_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class Consent(Base):
    """What a person agreed to: this enquiry, marketing by channel, financial facts. Append-only; the newest holds."""

    __tablename__ = "consent"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    lead_id: Mapped[int] = mapped_column(ForeignKey("lead.id"), index=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("notice_version.id"))
    enquiry: Mapped[bool]
    marketing: Mapped[list[str]] = mapped_column(JSON)
    financial: Mapped[bool] = mapped_column(default=False)
    how: Mapped[str] = mapped_column(String(16))
    basis: Mapped[str] = mapped_column(String(120), default="")
    taken_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    given_at: Mapped[datetime] = mapped_column(UTCDateTime)
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)


class DoNotContact(Base):
    """A person who must not be contacted, kept as a keyed hash only, so that erasing the lead does not lead to a new call."""

    __tablename__ = "do_not_contact"

    person_key: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    since: Mapped[datetime] = mapped_column(UTCDateTime)
    reason: Mapped[str] = mapped_column(String(300), default="")
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))


class LeadEvent(Base):
    """A line of the lead's timeline that is not a stage: created, edited, assigned, note, follow-up, exit, merge. Append-only."""

    __tablename__ = "lead_event"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    lead_id: Mapped[int] = mapped_column(ForeignKey("lead.id"), index=True)
    kind: Mapped[str] = mapped_column(String(24))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)

    # What was written on a day is asked for every time a lead looks at the team: by the day, not lead by lead.
    __table_args__ = (Index("ix_lead_event_kind_at", "kind", "at"),)


class PhoneReveal(Base):
    """One look at one full phone, with its reason. Counted against a daily limit."""

    __tablename__ = "phone_reveal"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    lead_id: Mapped[int] = mapped_column(ForeignKey("lead.id"))
    actor_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    day: Mapped[date]
    reason: Mapped[str] = mapped_column(String(24))
    at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (Index("ix_phone_reveal_actor_day", "actor_id", "day"),)


class Clash(Base):
    """Two teams claim one customer (撞单). The claim's own words are sealed; the first valid record the server received holds.

    The claim is kept as it came: its three clocks, `occurred_raw` where the phone's clock was corrected (`skewed`: by more
    than five minutes), the stage that it claimed, and whose it would have been (`owner_id`). `held_team_id` and
    `held_owner_id` held the customer at that moment. `outcome` is who has the customer by the decision: "holder", "claimant",
    or "different" for two customers; `moved` is what the decision moved, so that an appeal can move it back; `earlier` is the
    decision that was appealed against.
    """

    __tablename__ = "clash"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    lead_id: Mapped[int] = mapped_column(ForeignKey("lead.id"), index=True)
    matched_by: Mapped[str] = mapped_column(String(16))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"), index=True)
    claimed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    occurred_at: Mapped[datetime] = mapped_column(UTCDateTime)
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
    claim_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    claim_uid: Mapped[str] = mapped_column(String(36), unique=True)
    state: Mapped[str] = mapped_column(String(12), default="open")
    decision: Mapped[str] = mapped_column(String(300), default="")
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    recorded_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    occurred_raw: Mapped[datetime | None] = mapped_column(UTCDateTime)
    skewed: Mapped[bool] = mapped_column(default=False, server_default=false())
    stage: Mapped[str] = mapped_column(String(16), default="", server_default="")
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    held_team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"), index=True)
    held_owner_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    outcome: Mapped[str] = mapped_column(String(12), default="", server_default="")
    moved: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    appeal: Mapped[str] = mapped_column(String(500), default="", server_default="")
    appealed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    appealed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    earlier: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        CheckConstraint("state IN ('open','appealed','decided')", name="state"),
        CheckConstraint("outcome IN ('','holder','claimant','different')", name="outcome"),
        CheckConstraint("(state = 'open') = (outcome = '')", name="decided"),
        CheckConstraint("outcome <> 'different' OR matched_by = 'name_place'", name="different"),
        # The queue and its count read these few rows, however many clashes were decided.
        Index("ix_clash_waiting", "received_at", sqlite_where=_WAITING, postgresql_where=_WAITING),
    )
