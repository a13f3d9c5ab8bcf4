"""What the tests of meetings stand on: a running contest of both teams, meetings opened by the product's own commands."""

from datetime import timedelta
from uuid import uuid4

from crm.contest import commands as contest
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.commands import ConsentGiven, LeadCard, capture_lead
from crm.leads.ledger import Clocks
from crm.leads.rules import Stage
from crm.meetings.commands import open_meeting
from crm.outreach.commands import record_visit
from tests import make
from tests.moments import BELL, DAY_1, DAY_2, DAY_6, MORNING, NOON

LATER = BELL + timedelta(hours=14, minutes=25)
"""07:55 the next morning."""


def meeting(actor, cast, *, team="red", kind="evening", day=DAY_2, who="olga", at=MORNING):
    """The id of an open meeting; team None is the whole campaign's."""
    with unit_of_work():
        made = open_meeting(
            actor(who),
            campaign_id=cast.campaigns["roadshow"],
            team_id=team and cast.teams[team],
            day=day,
            kind=kind,
            at=at,
        )
        return made.id


def pk(actor, cast, at=None) -> int:
    """A running contest of both teams on the cast's campaign, begun at that moment."""
    with unit_of_work():
        made = contest.create_contest(
            actor("olga"), code="PK-1", name="东大街PK", campaign_ids=[cast.campaigns["roadshow"]],
            team_ids=list(cast.teams.values()), starts_on=DAY_1, ends_on=DAY_6,
        )  # fmt: skip
        contest.start_contest(actor("olga"), made.id, version=made.version, at=at)
        return made.id


def lead(actor, cast, who, team, stage=Stage.CONSULT, *, at=NOON, received=None):
    """A captured lead of a team; `received` is when the server got it."""
    with unit_of_work():
        return capture_lead(
            actor(who), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams[team], owner_id=cast.users[who],
            card=LeadCard(name="张三", phone=make.phone(), trade="catering"), consent=ConsentGiven(enquiry=True),
            clocks=Clocks(at, received or at, received or at), stage=stage,
            case_number="CASE-1" if stage == Stage.ACCEPTED else None,
        )  # fmt: skip


def visit(actor, cast, who, outcome="consulted", *, at=NOON, received=None):
    """A visit of a member."""
    with unit_of_work():
        return record_visit(
            actor(who), uid=str(uuid4()), campaign_id=cast.campaigns["roadshow"], member_id=cast.users[who],
            outcome=outcome, clocks=Clocks(at, received or at, received or at),
        )  # fmt: skip


def a_day(actor, cast):
    """A day in the field: red 3 consults, 1 application, 1 accepted of them; blue 2 consults; four visits."""
    lead(actor, cast, "bob", "red")
    lead(actor, cast, "bob", "red", Stage.APPLICATION)
    lead(actor, cast, "alice", "red", Stage.ACCEPTED)
    lead(actor, cast, "dora", "blue")
    lead(actor, cast, "dora", "blue")
    visit(actor, cast, "bob")
    visit(actor, cast, "bob", "nobody")
    visit(actor, cast, "dora")
    visit(actor, cast, "alice")
