"""Messages in the house: what the program has to tell a person, one row per person."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.kernel.db import BIG, Base, UTCDateTime

_UNREAD = text("read_at IS NULL")


class InboxMessage(Base):
    """One thing that one person is told. `code` is worded where it is read; `facts` hold no customer's name or phone.

    `key` names the occasion: a job that runs twice or a record that is sent again tells nobody a second time.
    """

    __tablename__ = "inbox_message"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    code: Mapped[str] = mapped_column(String(40))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    endpoint: Mapped[str] = mapped_column(String(60), default="")
    args: Mapped[dict[str, Any]] = mapped_column(JSON)
    key: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    read_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        Index("uq_inbox_message_key", "user_id", "key", unique=True),
        Index("ix_inbox_message_unread", "user_id", "id", sqlite_where=_UNREAD, postgresql_where=_UNREAD),
    )
