"""Records of a phone without a browser or a server: sealed as phones do, and given to the command."""

from datetime import datetime, timedelta

from crm.field import sealing
from crm.field.commands import Result, Sent, take_in
from crm.field.models import FieldRecord
from crm.kernel.actor import Actor
from crm.kernel.clock import now
from crm.kernel.db import db
from crm.kernel.installation import keys
from tests.field.phone import Phone, Record


def pocket_phone(actor: Actor, campaign_id: int) -> Phone:
    """That person's phone, which talks to nobody."""
    to = sealing.recipient(keys())
    phone = Phone(lambda *_, **__: (0, {}), now)
    phone.session = {"user": {"id": actor.user_id}, "key": {"id": to.id, "public": sealing.packed(to.public)}}
    phone.campaign = campaign_id
    return phone


def hand_in(actor: Actor, records: list[Record], *, device: str, at: datetime | None = None) -> list[Result]:
    """Inside a unit of work: what the server makes of them."""
    sent = [Sent(one.uid, one.sha256, one.user, one.envelope) for one in records]
    return take_in(actor, sent, device=device, skew=timedelta(0), at=at or now())


def kept_aside(actor, cast) -> list[int]:
    """Inside a unit of work: a record of an unknown form, and a second customer under the number of the first; their ids."""
    bob = actor("bob")
    phone = pocket_phone(bob, cast.campaigns["roadshow"])
    first = phone.lead("13811112222", name="王五")
    second = phone.lead("13811113333", name="赵六", uid=first.uid)
    for one in (phone.visit(body={"form": 9}), first, second):
        hand_in(bob, [one], device=phone.device)
    aside = FieldRecord.state.in_(("held", "conflict"))
    return list(db.session.scalars(db.select(FieldRecord.id).where(aside).order_by(FieldRecord.id)))
