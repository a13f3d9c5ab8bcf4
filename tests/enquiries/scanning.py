"""What a customer does: scans a code, fills the form in, sends it."""

import re
from datetime import timedelta

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from crm.enquiries import commands
from crm.enquiries.models import Enquiry, PosterCode
from crm.kernel.clock import now
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from tests import make
from tests.moments import NOON


def code(actor, cast, *, who="olga", member=None, session=None, campaign="roadshow") -> PosterCode:
    """The living code of the campaign, or of one of its members or sessions."""
    with unit_of_work():
        return commands.make_code(
            actor(who), campaign_id=cast.campaigns[campaign], session_id=session,
            member_id=member and cast.users[member], at=NOON,
        )  # fmt: skip


def opened(client: FlaskClient, token: str, *, language="zh") -> dict[str, str]:
    """The hidden fields of the form as a browser has them."""
    page = client.get(f"/q/{token}?lang={language}")
    assert page.status_code == 200, page.status_code
    return {name: re.search(rf'name="{name}"[^>]*value="([^"]*)"', page.text)[1] for name in ("stamp", "notice")}


def filled(**changes: str) -> dict[str, str]:
    """The four fields, with a phone that no other call gets."""
    return {"name": "张老板", "phone": make.phone(), "trade": "catering", "enquiry": "y"} | changes


def send(
    client: FlaskClient, token: str, clock, *, seconds: float = 20, address="203.0.113.7", **fields
) -> TestResponse:
    """Opens the form, lets the seconds pass that filling it in takes, and sends it."""
    hidden = opened(client, token)
    if seconds:
        clock.shift(timedelta(seconds=seconds))
    return client.post(f"/q/{token}", data={**hidden, **filled(**fields)}, environ_base={"REMOTE_ADDR": address})


def newest() -> Enquiry:
    """The enquiry that came last."""
    db.session.rollback()
    return db.session.scalars(db.select(Enquiry).order_by(Enquiry.id.desc()).limit(1)).one()


def enquiries() -> list[Enquiry]:
    """All of them, in order."""
    db.session.rollback()
    return list(db.session.scalars(db.select(Enquiry).order_by(Enquiry.id)))


__all__ = ["code", "enquiries", "filled", "newest", "now", "opened", "send"]
