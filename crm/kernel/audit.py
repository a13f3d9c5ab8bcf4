"""The audit: who did what to which record, in the same transaction as the act. Append-only, each row chained to the one before."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, select, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.db import BIG, Base, UTCDateTime, db, plain_insert, writer
from crm.kernel.values import without_numbers

GENESIS = "0" * 64
_HASHED = ("actor_id", "actor_name", "address", "action", "subject", "subject_id", "detail", "previous_hash")


class AuditEntry(Base):
    """One act. `detail` never holds a full phone; `hash` covers the row and the hash before it."""

    __tablename__ = "audit_entry"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    actor_id: Mapped[int | None] = mapped_column(index=True)
    actor_name: Mapped[str] = mapped_column(String(80))
    address: Mapped[str] = mapped_column(String(64), default="")
    action: Mapped[str] = mapped_column(String(64), index=True)
    subject: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[int | None] = mapped_column(BIG)
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


_LAST = select(AuditEntry.__table__.c.hash).order_by(AuditEntry.__table__.c.id.desc()).limit(1)
_INSERT = plain_insert(AuditEntry)
# Two transactions must not chain to the same predecessor; SQLite has one writer anyway.
_LOCK = text("SELECT pg_advisory_xact_lock(7301)")


def wait_for_turn() -> None:
    """Takes the audit's lock before the first entry: whoever will write several things and audit each must not hold rows that
    another one needs before auditing his. On SQLite there is one writer anyway."""
    connection = writer()
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)


def record(actor: Actor, action: str, subject: str, subject_id: int | None = None, **detail: Any) -> None:
    """Writes one entry into the open unit of work. Long numbers in texts of the detail are cut out."""
    wait_for_turn()
    connection = writer()
    row = {
        "at": now(),
        "actor_id": actor.user_id,
        "actor_name": actor.name,
        "address": actor.address,
        "action": action,
        "subject": subject,
        "subject_id": subject_id,
        "detail": json.loads(json.dumps(_clean(detail), default=str)),
        "previous_hash": connection.scalar(_LAST) or GENESIS,
    }
    connection.execute(_INSERT, row | {"hash": _digest(row)})


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return without_numbers(value)
    if isinstance(value, Mapping):
        return {key: _clean(one) for key, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list | tuple) else value


def digest(entry: AuditEntry) -> str:
    """SHA-256 over the canonical form of an entry and its predecessor's hash."""
    return _digest({name: getattr(entry, name) for name in ("at", *_HASHED)})


def _digest(row: Mapping[str, Any]) -> str:
    canonical = {"at": row["at"].isoformat(), **{name: row[name] for name in _HASHED}}
    body = json.dumps(canonical, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(body.encode()).hexdigest()


def broken_entries() -> Iterator[int]:
    """Ids of entries that were changed, or whose predecessor is missing, in order."""
    previous = GENESIS
    for entry in db.session.scalars(select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=500)):
        if entry.previous_hash != previous or entry.hash != digest(entry):
            yield entry.id
        previous = entry.hash
