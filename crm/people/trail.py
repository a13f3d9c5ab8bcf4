"""Questions about the audit, for auditors."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, or_, select

from crm.kernel.actor import Actor
from crm.kernel.audit import AuditEntry, broken_entries
from crm.kernel.clock import day_bounds
from crm.kernel.db import db
from crm.kernel.errors import Forbidden
from crm.kernel.installation import zone_name
from crm.kernel.paging import PER_PAGE, Page
from crm.people.models import User
from crm.people.policy import PeoplePermission


@dataclass(frozen=True)
class TrailRow:
    """One act: who did what to which record, when and from where."""

    id: int
    at: datetime
    actor_id: int | None
    actor_name: str
    address: str
    action: str
    subject: str
    subject_id: int | None
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class Chain:
    """What a check of the whole chain found: entries in all, and the ids of those that do not fit (the first fifty)."""

    entries: int
    broken: tuple[int, ...]


def trail(
    actor: Actor,
    *,
    person: str = "",
    action: str = "",
    subject: str = "",
    subject_id: int | None = None,
    first: date | None = None,
    last: date | None = None,
    page: int = 1,
) -> Page[TrailRow]:
    """Acts, newest first. `person` is a piece of a name or a login, `action` a code or its beginning (a room)."""
    _check(actor)
    table = AuditEntry
    query = select(
        table.id, table.at, table.actor_id, table.actor_name, table.address,
        table.action, table.subject, table.subject_id, table.detail,
    )  # fmt: skip
    if person:
        by_login = select(User.id).where(User.login == person.lower())
        query = query.where(or_(table.actor_name.contains(person, autoescape=True), table.actor_id.in_(by_login)))
    if action:
        query = query.where(or_(table.action == action, table.action.startswith(action + ".", autoescape=True)))
    if subject:
        query = query.where(table.subject == subject)
    if subject_id is not None:
        query = query.where(table.subject_id == subject_id)
    if first is not None:
        query = query.where(table.at >= day_bounds(first, zone_name())[0])
    if last is not None:
        query = query.where(table.at < day_bounds(last, zone_name())[1])
    total = db.session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = db.session.execute(query.order_by(table.id.desc()).limit(PER_PAGE).offset((page - 1) * PER_PAGE)).all()
    return Page([TrailRow(*row) for row in rows], page, total)


def actions_and_subjects(actor: Actor) -> tuple[list[str], list[str]]:
    """Every action code and every kind of record that the audit holds, for the filters."""
    _check(actor)
    actions = db.session.scalars(select(AuditEntry.action).distinct().order_by(AuditEntry.action)).all()
    subjects = db.session.scalars(select(AuditEntry.subject).distinct().order_by(AuditEntry.subject)).all()
    return list(actions), list(subjects)


def verify(actor: Actor) -> Chain:
    """Reads the whole audit and checks each entry against its hash and its predecessor."""
    _check(actor)
    broken = []
    for entry_id in broken_entries():
        broken.append(entry_id)
        if len(broken) == 50:
            break
    return Chain(db.session.scalar(select(func.count()).select_from(AuditEntry)) or 0, tuple(broken))


def _check(actor: Actor) -> None:
    if not actor.may(PeoplePermission.AUDIT):
        raise Forbidden("people.no_audit")
