"""Makes the demo bank in the database of this installation, day by day."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from sqlalchemy import select

from crm.campaigns.models import Campaign
from crm.demo import bank as founding
from crm.demo.bank import FIELD_DAYS, Bank, close_past, found_bank
from crm.demo.meetings import hold_meetings
from crm.demo.posters import hang_posters
from crm.demo.refereeing import referee
from crm.demo.settling import settle
from crm.demo.street import Street
from crm.founding import lay_foundation
from crm.kernel.clock import at_local, business_day
from crm.kernel.db import db
from crm.kernel.installation import zone_name
from crm.kernel.unit_of_work import unit_of_work
from crm.people.models import User


@dataclass(frozen=True)
class SignIn:
    """A line of the demo's sign-in card."""

    login: str
    name: str
    role: str
    password: str = founding.PASSWORD


def make_demo(*, seed: int, at: datetime, bank_name: str, tell: Callable[[str], None] = lambda line: None) -> Bank:
    """Fills an empty, migrated database. The same seed on the same business day gives the same figures."""
    today = business_day(at, zone_name())
    rng = Random(seed)
    with unit_of_work():
        lay_foundation(bank=bank_name, today=today, at=at)
        bank = found_bank(today, rng)
        bank.campaigns["walk_in"] = db.session.scalars(select(Campaign.id).where(Campaign.walk_in)).one()
    street = Street(bank, rng, until=at)
    with unit_of_work():
        street.side_campaigns()
        close_past(bank, at)
    for number in range(FIELD_DAYS):
        tell(f"day {number + 1} of {FIELD_DAYS}")
        with unit_of_work():
            street.sprint_day(number)
            street.bank_feeds_back(at_local(bank.first_day + timedelta(days=number), 17, 30))
        hold_meetings(bank, number, rng)
        settle(bank, number)
    with unit_of_work():
        street.bank_feeds_back(at)
        hang_posters(bank, at)
    with unit_of_work():
        referee(bank, at)
    return bank


def sign_ins() -> list[SignIn]:
    """Who may be tried in the demo: one person of each role, and the lead of a second team."""
    logins = ("organiser", "lead1", "m101", "lead2", "manager", "auditor", "admin", "trainer")
    found = {user.login: user for user in db.session.scalars(select(User).where(User.login.in_(logins)))}
    return [SignIn(login, found[login].name, found[login].role) for login in logins if login in found]
