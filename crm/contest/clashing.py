"""Clashes and the PK: until when a decision may be appealed against, which only the contest's bell can tell."""

from datetime import datetime, timedelta

from sqlalchemy import select

from crm.contest.commands import BELL
from crm.contest.contests import contests_of_campaign
from crm.kernel.actor import SYSTEM, Actor
from crm.kernel.clock import at_local, business_day
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.kernel.installation import zone_name
from crm.leads import refereeing
from crm.leads.models import Clash


def sealed_at(campaign_id: int, received_at: datetime) -> datetime:
    """When the day of a claim is sealed: at the first bell after the server received it.

    The bell is that of the contest in which the campaign counts on that day (the earliest of several), else the customary one.
    """
    day = business_day(received_at, zone_name())
    contests = contests_of_campaign(SYSTEM, campaign_id)
    while True:
        bells = [one.bell for one in contests if one.starts_on <= day <= one.ends_on]
        bell = min(bells, default=BELL)
        rung = at_local(day, bell.hour, bell.minute, zone_name=zone_name())
        if rung > received_at:
            return rung
        day += timedelta(days=1)


def decide_clash(actor: Actor, clash_id: int, *, version: int, outcome: str, reason: str, at: datetime) -> Clash:
    """`refereeing.decide`, with the seal up to which the team that loses may appeal."""
    seal = _seal_of(clash_id)
    until = seal if seal > at else None
    return refereeing.decide(actor, clash_id, version=version, outcome=outcome, reason=reason, at=at, until=until)


def appeal_clash(actor: Actor, clash_id: int, *, words: str, at: datetime) -> Clash:
    """`refereeing.appeal`, with the seal of the day of the claim."""
    return refereeing.appeal(actor, clash_id, words=words, at=at, sealed_at=_seal_of(clash_id))


def _seal_of(clash_id: int) -> datetime:
    row = db.session.execute(select(Clash.campaign_id, Clash.received_at).where(Clash.id == clash_id)).first()
    if row is None:
        raise NotFound("clash.not_found")
    return sealed_at(row.campaign_id, row.received_at)
