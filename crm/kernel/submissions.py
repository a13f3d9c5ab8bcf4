"""The sender's id makes retries safe: same id and content replays the stored answer, same id with other content is a conflict."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.db import Base, UTCDateTime, db, writing
from crm.kernel.errors import Conflict


class Submission(Base):
    """One accepted submission: the sender's id, what it held (hashed), and what was answered."""

    __tablename__ = "submission"

    uid: Mapped[str] = mapped_column(String(36), primary_key=True)
    actor_id: Mapped[int | None]
    content_hash: Mapped[str] = mapped_column(String(64))
    answer: Mapped[dict[str, Any]] = mapped_column(JSON)
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)


def content_hash(content: Mapping[str, Any]) -> str:
    """SHA-256 of the content's canonical JSON."""
    body = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str, separators=(",", ":"))
    return hashlib.sha256(body.encode()).hexdigest()


def replayed(actor: Actor, uid: str, content: Mapping[str, Any]) -> dict[str, Any] | None:
    """The stored answer for this id, or None when it is new; raises Conflict for other content or another sender.

    In a unit of work a second sender of the same id waits here until the first is done.
    """
    if writing.get():
        wait_for_turn(uid)
    known = db.session.get(Submission, uid)
    if known is None:
        return None
    if known.actor_id != actor.user_id or known.content_hash != content_hash(content):
        raise Conflict("submission.other_content", uid=uid)
    return known.answer


def remember(actor: Actor, uid: str, content: Mapping[str, Any], answer: dict[str, Any]) -> None:
    """Keeps the answer in the same transaction as the effect."""
    db.session.add(
        Submission(
            uid=uid, actor_id=actor.user_id, content_hash=content_hash(content), answer=answer, received_at=now()
        )
    )


def wait_for_turn(uid: str) -> None:
    """Whoever sends this id too waits until this unit of work ends.

    On PostgreSQL two clicks at once would both find nothing and both make; SQLite has one writer anyway.
    """
    if db.engine.dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:4], signed=True)
        db.session.execute(text("SELECT pg_advisory_xact_lock(7302, :number)"), {"number": number})
