"""Telling people things in the house, and reading what one was told. Commands come first; nothing here commits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, delete, func, select, update

from crm.kernel.actor import Actor
from crm.kernel.db import db, upsert, writer
from crm.kernel.errors import NotFound
from crm.kernel.paging import PER_PAGE, Page
from crm.people.inbox_models import InboxMessage
from crm.people.models import User

KEPT = timedelta(days=90)
"""How long a message is kept, read or not."""
NEWEST = 3
"""How many unread messages the home page shows."""


@dataclass(frozen=True)
class Link:
    """The page that a message leads to."""

    endpoint: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Message:
    """A message as its reader finds it: `code` and `facts` become a sentence where it is shown."""

    id: int
    code: str
    facts: dict[str, Any]
    endpoint: str
    args: dict[str, Any]
    created_at: datetime
    read_at: datetime | None


@dataclass(frozen=True)
class Unread:
    """How many messages wait for a person, and the newest of them."""

    total: int = 0
    newest: tuple[Message, ...] = ()


def tell(
    user_ids: Iterable[int | None], code: str, *, at: datetime, key: str, link: Link | None = None, **facts: Any
) -> None:
    """Tells each of these people once: who was told under this key before is left alone, and so is a closed account.

    `facts` are plain values that JSON can hold, days as ISO text; never a customer's name or phone.
    """
    wanted = {one for one in user_ids if one is not None}
    if not wanted:
        return
    people = db.session.scalars(select(User.id).where(User.id.in_(wanted), User.active).order_by(User.id))
    row = {"code": code, "facts": facts, "key": key, "created_at": at, "read_at": None}
    row |= {"endpoint": link.endpoint if link else "", "args": dict(link.args) if link else {}}
    rows = [row | {"user_id": one} for one in people]
    if rows:
        connection = writer()
        statement = upsert(connection.dialect.name, InboxMessage)
        connection.execute(statement.on_conflict_do_nothing(index_elements=["user_id", "key"]), rows)


def mark_read(actor: Actor, message_id: int, *, at: datetime) -> Message:
    """Notes that the actor has read one of their own messages; reading it again changes nothing. NotFound for another's."""
    row = db.session.scalar(select(InboxMessage).where(InboxMessage.id == message_id, _own(actor)).with_for_update())
    if row is None:
        raise NotFound("people.no_message")
    if row.read_at is None:
        row.read_at = at
    return _message(row)


def mark_all_read(actor: Actor, *, upto: int, at: datetime) -> int:
    """The same for all of the actor's messages up to that id, so that what came in meanwhile stays unread; how many."""
    done: CursorResult[Any] = db.session.execute(  # type: ignore[assignment]
        update(InboxMessage)
        .where(_own(actor), InboxMessage.read_at.is_(None), InboxMessage.id <= upto)
        .values(read_at=at)
        .execution_options(synchronize_session=False)
    )
    return done.rowcount


def forget_old(*, before: datetime) -> int:
    """Deletes the messages from before that moment; how many."""
    done: CursorResult[Any] = db.session.execute(  # type: ignore[assignment]
        delete(InboxMessage).where(InboxMessage.created_at < before).execution_options(synchronize_session=False)
    )
    return done.rowcount


def unread(actor: Actor, *, most: int = NEWEST) -> Unread:
    """What the actor has not read yet; one statement."""
    query = (
        select(InboxMessage, func.count().over())
        .where(_own(actor), InboxMessage.read_at.is_(None))
        .order_by(InboxMessage.id.desc())
        .limit(most)
    )
    rows = db.session.execute(query).all()
    return Unread(rows[0][1] if rows else 0, tuple(_message(row) for row, _ in rows))


def list_messages(actor: Actor, *, unread_only: bool = False, page: int = 1) -> Page[Message]:
    """The actor's own messages, the newest first."""
    where = [_own(actor), InboxMessage.read_at.is_(None)] if unread_only else [_own(actor)]
    total = db.session.scalar(select(func.count()).select_from(InboxMessage).where(*where)) or 0
    query = select(InboxMessage).where(*where).order_by(InboxMessage.id.desc())
    rows = db.session.scalars(query.limit(PER_PAGE).offset((page - 1) * PER_PAGE))
    return Page([_message(row) for row in rows], page, total)


def _own(actor: Actor) -> Any:
    return InboxMessage.user_id == (actor.user_id or 0)


def _message(row: InboxMessage) -> Message:
    return Message(row.id, row.code, row.facts, row.endpoint, row.args, row.created_at, row.read_at)
