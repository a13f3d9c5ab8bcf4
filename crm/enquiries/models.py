"""Codes on posters, the approved texts that may be printed, and what came in by the public page."""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.kernel.db import BIG, Base, UTCDateTime

_LIVING = text("revoked_at IS NULL")
_WAITING = text("state = 'quarantined'")


class PosterText(Base):
    """One version of what a poster says. Approved by somebody other than its author, it is never changed again."""

    __tablename__ = "poster_text"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    headline: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(String(400))
    legal_line: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(12), default="draft")
    author_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    approver_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    approved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        CheckConstraint("state IN ('draft','approved','retired')", name="state"),
        CheckConstraint("approver_id IS NULL OR author_id IS NULL OR approver_id <> author_id", name="second_person"),
        CheckConstraint("state <> 'approved' OR approver_id IS NOT NULL", name="approved"),
    )


class PosterCode(Base):
    """A QR code of a campaign, one of its sessions, one of its members, or of a member at a session.

    `token` is the secret of its address: 128 random bits. One code of each combination lives at a time.
    """

    __tablename__ = "poster_code"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(22), unique=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    session_id: Mapped[int | None] = mapped_column(ForeignKey("campaign_session.id"))
    member_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"), index=True)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    revoked_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        Index(
            "uq_poster_code_living",
            "campaign_id",
            text("coalesce(session_id, 0)"),
            text("coalesce(member_id, 0)"),
            unique=True,
            sqlite_where=_LIVING,
            postgresql_where=_LIVING,
        ),
    )


class Enquiry(Base):
    """One form that was sent by the public page. What the person wrote stands on the lead; here only where it led.

    `token` is the person's own: it opens the receipt and withdraws, without an account. `body_sealed` is there only while the
    enquiry waits in quarantine. `address_key` is a keyed index of the network address, kept two days for the limits.
    `sent_key` is the digest of the form's stamp: one form that was opened makes one enquiry, however often it is sent.
    """

    __tablename__ = "enquiry"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    token: Mapped[str] = mapped_column(String(22), unique=True)
    code_id: Mapped[int] = mapped_column(ForeignKey("poster_code.id"))
    sent_key: Mapped[str] = mapped_column(String(64), unique=True)
    content_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(12))
    outcome: Mapped[str] = mapped_column(String(12), default="")
    suspicion: Mapped[str] = mapped_column(String(12), default="")
    staff_device: Mapped[bool] = mapped_column(default=False)
    lead_id: Mapped[int | None] = mapped_column(BIG, ForeignKey("lead.id"), index=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("notice_version.id"))
    marketing: Mapped[list[str]] = mapped_column(JSON)
    body_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    address_key: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    received_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    settled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint("state IN ('taken','quarantined','dropped','withdrawn')", name="state"),
        CheckConstraint("outcome IN ('','new','again','clash')", name="outcome"),
        CheckConstraint("suspicion IN ('','honeypot','too_fast')", name="suspicion"),
        CheckConstraint("state <> 'taken' OR lead_id IS NOT NULL", name="lead"),
        CheckConstraint("(body_sealed IS NOT NULL) = (state = 'quarantined')", name="body"),
        Index("ix_enquiry_code", "code_id", "received_at"),
        Index("ix_enquiry_address", "address_key", "received_at"),
        Index("ix_enquiry_waiting", "received_at", sqlite_where=_WAITING, postgresql_where=_WAITING),
    )
