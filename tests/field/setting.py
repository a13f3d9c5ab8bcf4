"""Records of a phone without a browser or a server: sealed as phones do, and given to the command."""

import json
from datetime import datetime, timedelta
from io import BytesIO
from unittest.mock import patch

from crm.campaigns.models import Campaign
from crm.field import rules, sealing
from crm.field.commands import Result, Sent, take_in
from crm.field.models import FieldRecord
from crm.kernel.actor import Actor, Role
from crm.kernel.clock import now
from crm.kernel.db import db
from crm.kernel.installation import keys
from crm.people.models import User
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
    """Inside a unit of work: a record whose form was not known when it came, and other content under a known number; their ids."""
    bob = actor("bob")
    phone = pocket_phone(bob, cast.campaigns["roadshow"])
    first = phone.lead("13811112222", name="王五")
    second = phone.lead("13811113333", name="赵六", uid=first.uid)
    with patch.object(rules, "FORM_VERSIONS", {"lead": 1}):  # as long as visits are not known here
        for one in (phone.visit(), first, second):
            hand_in(bob, [one], device=phone.device)
    aside = FieldRecord.state.in_(("held", "conflict"))
    return list(db.session.scalars(db.select(FieldRecord.id).where(aside).order_by(FieldRecord.id)))


def rescue_file(number: int) -> tuple[BytesIO, str]:
    """A file of bob's phone with one visit, as a form sends it; each number is another visit."""
    bob = db.session.scalars(db.select(User).where(User.login == "bob")).one()
    campaign = db.session.scalars(db.select(Campaign).where(Campaign.code == "C-ROAD")).one()
    phone = pocket_phone(Actor(bob.id, bob.name, Role.MEMBER), campaign.id)
    uid = f"00000000-0000-4000-8000-{number:012d}"
    made = phone.visit(uid=uid)
    told = {"waituo": "rescue-1", "device": phone.device, "records": [made.sent()], "photos": []}
    return BytesIO(json.dumps(told).encode()), "phone.waituo"
