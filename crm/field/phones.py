"""A person's phones, and what happens to one that is lost: what can be read on it goes at its next contact.

Records that were not sent yet are sealed and stay: their author sends them after signing in again once the phone is found, or a
file of them is taken in at the desk. The actor comes first; nothing here commits.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from crm.field.models import FieldDevice
from crm.field.policy import check_phones
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.people.commands import end_sessions_of
from crm.people.models import User

MOST = 50
"""Phones on a page, the ones that spoke last: a browser that clears its store is a new one each time."""


@dataclass(frozen=True)
class PhoneRow:
    """One phone as its page shows it; `lost_by` is a name."""

    device: str
    first_seen: datetime
    last_seen: datetime
    lost_at: datetime | None
    lost_by: str
    cleared_at: datetime | None

    @property
    def short(self) -> str:
        """As the phone shows it itself, under "About this phone"."""
        return self.device[:8]


def phones_of(actor: Actor, user_id: int) -> tuple[PhoneRow, ...]:
    """The phones of a person, newest contact first. Raises NotFound for a person whose phones are not the actor's to see."""
    check_phones(actor, user_id)
    query = (
        select(FieldDevice, User.name)
        .outerjoin(User, User.id == FieldDevice.lost_by_id)
        .where(FieldDevice.user_id == user_id)
        .order_by(FieldDevice.last_seen.desc(), FieldDevice.device)
        .limit(MOST)
    )
    return tuple(
        PhoneRow(one.device, one.first_seen, one.last_seen, one.lost_at, name or "", one.cleared_at)
        for one, name in db.session.execute(query)
    )


def report_lost(actor: Actor, user_id: int, device: str, *, at: datetime) -> None:
    """From now on the phone is told to clear itself. All sessions of its user end, since nobody knows which one it holds."""
    phone = _phone(actor, user_id, device)
    if phone.lost_at is not None:
        return
    phone.lost_at, phone.lost_by_id, phone.cleared_at = at, actor.user_id, None
    end_sessions_of(actor, user_id)
    audit.record(actor, "field.phone_lost", "user", user_id, device=device[:8])


def report_found(actor: Actor, user_id: int, device: str) -> None:
    """The phone may be used again. Raises NotFound for a phone that is not theirs."""
    phone = _phone(actor, user_id, device)
    if phone.lost_at is None:
        return
    phone.lost_at = phone.lost_by_id = None
    audit.record(actor, "field.phone_found", "user", user_id, device=device[:8])


def must_clear(device: str, user_id: int, *, at: datetime) -> bool:
    """Whether what this person left on this phone has to go: it was reported lost, or the person is shut out.

    Asked by the phone itself, also when its session has ended; who does not know the phone's id learns nothing.
    """
    phone = db.session.get(FieldDevice, (device, user_id))
    if phone is None:
        return False
    if phone.lost_at is None:
        return not db.session.get_one(User, user_id).active
    if phone.cleared_at is None:
        phone.cleared_at = at
    return True


def _phone(actor: Actor, user_id: int, device: str) -> FieldDevice:
    check_phones(actor, user_id)
    query = select(FieldDevice).where(FieldDevice.device == device, FieldDevice.user_id == user_id).with_for_update()
    phone = db.session.scalar(query)
    if phone is None:
        raise NotFound("field.no_phone")
    return phone
