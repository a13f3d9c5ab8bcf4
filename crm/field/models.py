"""What phones sent: each record with its receipt, photos on their way, and the phones themselves."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.kernel.db import BIG, Base, UTCDateTime

_TAKEN = text("state IN ('accepted','contested')")
_HELD = text("state IN ('conflict','held')")


class FieldRecord(Base):
    """One record of a phone as the server has it; `id` is the receipt's number.

    A record's own id (`uid`) with other content is kept beside the first as a "conflict"; one that this program cannot read
    is "held". `body_sealed` is what the phone sent, word for word, sealed; `answer` what every repetition is told again.
    """

    __tablename__ = "field_record"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    uid: Mapped[str] = mapped_column(String(36))
    content_hash: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    sent_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    device: Mapped[str] = mapped_column(String(36))
    seq: Mapped[int]
    supersedes: Mapped[str | None] = mapped_column(String(36), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    form_version: Mapped[int]
    state: Mapped[str] = mapped_column(String(12))
    skew_ms: Mapped[int] = mapped_column(BIG)
    flags: Mapped[list[str]] = mapped_column(JSON)
    occurred_raw: Mapped[datetime] = mapped_column(UTCDateTime)
    recorded_raw: Mapped[datetime] = mapped_column(UTCDateTime)
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
    answer: Mapped[dict[str, Any]] = mapped_column(JSON)
    body_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    settled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    settled_how: Mapped[str] = mapped_column(String(300), default="")

    __table_args__ = (
        CheckConstraint("state IN ('accepted','contested','conflict','held')", name="state"),
        Index("uq_field_record_content", "uid", "content_hash", unique=True),
        Index("uq_field_record_taken", "uid", unique=True, sqlite_where=_TAKEN, postgresql_where=_TAKEN),
        Index("ix_field_record_device", "device", "user_id", "seq"),
        Index("ix_field_record_held", "received_at", sqlite_where=_HELD, postgresql_where=_HELD),
    )


class FieldDevice(Base):
    """A phone (or a browser) of one person: how far its own count of records has come, and when it last spoke.

    What can be read on a phone that is reported lost goes at its next contact: `cleared_at`.
    """

    __tablename__ = "field_device"

    device: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    last_seq: Mapped[int] = mapped_column(default=0)
    first_seen: Mapped[datetime] = mapped_column(UTCDateTime)
    last_seen: Mapped[datetime] = mapped_column(UTCDateTime)
    cleared_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    lost_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    lost_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))


class FieldPhoto(Base):
    """A photo that a record names by the hash of its sealed bytes. It arrives in parts; whole, it is re-encoded and sealed anew."""

    __tablename__ = "field_photo"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    content_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    visit_id: Mapped[int | None] = mapped_column(ForeignKey("visit.id"), index=True)
    state: Mapped[str] = mapped_column(String(12))
    total: Mapped[int]
    received: Mapped[int] = mapped_column(default=0)
    width: Mapped[int | None]
    height: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    completed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (CheckConstraint("state IN ('parts','whole','refused')", name="state"),)


class VisitPosition(Base):
    """Where a visit was noted, coarse (about 100 m). Kept apart, so that it goes after 30 days while the visit stays."""

    __tablename__ = "visit_position"

    visit_id: Mapped[int] = mapped_column(ForeignKey("visit.id"), primary_key=True)
    latitude: Mapped[float]
    longitude: Mapped[float]
    accuracy_m: Mapped[int]
    weak: Mapped[bool]
    taken_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
