"""A hard story by the product's own commands: whatever has once made two numbers differ happens in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import time_machine
from sqlalchemy import select

from crm.campaigns.models import Campaign, CampaignTeam
from crm.contest.adjusting import adjust, confirm_adjustment
from crm.contest.commands import confirm_rules, create_contest, propose_rules, start_contest
from crm.contest.models import Contest
from crm.contest.rules import RuleSet
from crm.districts.commands import create_district
from crm.districts.rules import Kind
from crm.kernel.actor import SYSTEM, Actor, Role
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.unit_of_work import unit_of_work
from crm.leads.commands import record_stage, void_stage
from crm.leads.editing import set_intent
from crm.leads.ledger import Clocks
from crm.leads.ledger_models import StageEntry
from crm.leads.merging import merge, undo_merge
from crm.leads.models import Lead
from crm.leads.rules import Stage
from crm.meetings.commands import open_meeting
from crm.meetings.pledging import lock_pledges, set_pledges
from crm.meetings.storing import store_evening_report
from crm.outreach import commands as visits
from crm.outreach import log_commands as logs
from crm.people import commands as people
from tests import make
from tests.cast import Cast
from tests.moments import DAY_1, DAY_2, DAY_3, DAY_6
from tests.reports.filling import fill

ActorOf = Callable[[str], Actor]
DAY_4 = DAY_3 + timedelta(days=1)
EVENING = at_local(DAY_6, 18)
"""When the story has been told."""
STRICTER = {"consult": 20, "application": 9}
"""The smallest bases of the rules' second version."""


def tell(cast: Cast, actor: ActorOf) -> dict[str, int]:
    """Tells it all; gives the two contests: `pk` on the roadshow, `ties` on a campaign of its own."""
    with time_machine.travel(at_local(DAY_1, 8), tick=False):  # a report knows only the contests that had begun
        pk = fill(cast, actor, leads=220)
    with unit_of_work():
        _deeper(cast)
        _morning(cast, actor)
        _field(cast, actor)
        _leads(cast, actor)
        _board(cast, actor, pk)
        with time_machine.travel(at_local(DAY_1, 8), tick=False):
            ties = _ties(cast, actor)
    with unit_of_work():
        people.join_team(SYSTEM, user_id=cast.users["bob"], team_id=cast.teams["blue"], on=DAY_4)
        _walk(cast, actor, "bob", DAY_4, 7)
        _capture(cast, actor, "bob", "blue", at_local(DAY_4, 11), stage=Stage.APPLICATION)
    with unit_of_work():
        _reports(cast, actor)
    return {"pk": pk, "ties": ties}


def _deeper(cast: Cast) -> None:
    """A district three steps down, so that what lies above it has more than children."""
    for key, above in (("row", "market"), ("arcade", "row")):
        name = {"row": "北段", "arcade": "拱廊"}[key]
        made = create_district(SYSTEM, name=name, kind=Kind.COMMERCIAL, parent_id=cast.districts[above])
        cast.districts[key] = made.id


def _morning(cast: Cast, actor: ActorOf) -> None:
    """Rolls with late, absent and on leave, one of them corrected; pledges of members, of a team, and one raised."""
    road = cast.campaigns["roadshow"]
    rolls = {
        ("red", DAY_3): (("alice", "present"), ("bob", "late")),
        ("red", DAY_2): (("alice", "present"), ("bob", "absent")),
        ("blue", DAY_1): (("charlie", "leave"), ("dora", "present")),
        ("blue", DAY_2): (("charlie", "absent"), ("dora", "absent")),
    }
    for (team, day), roll in rolls.items():
        lead = actor({"red": "alice", "blue": "charlie"}[team])
        for who, state in roll:
            logs.set_attendance(lead, road, cast.teams[team], day, cast.users[who], state, at=at_local(day, 8, 31))
    logs.set_attendance(
        actor("charlie"), road, cast.teams["blue"], DAY_2, cast.users["dora"], "late", "堵车", at=at_local(DAY_2, 8, 50)
    )
    logs.set_attendance(  # after the bell: its reports keep what was called, the boards of today know better
        actor("charlie"), road, cast.teams["blue"], DAY_2, cast.users["charlie"], "late", at=at_local(DAY_2, 19)
    )
    meeting = open_meeting(
        actor("alice"), campaign_id=road, team_id=cast.teams["red"], day=DAY_2, kind="morning", at=at_local(DAY_2, 8, 30)
    )  # fmt: skip
    _pledge(cast, actor, "alice", "red", "alice", {"visits": 3, "consults": 2})
    _pledge(cast, actor, "alice", "red", "bob", {"visits": 12, "applications": 1})
    _pledge(cast, actor, "charlie", "blue", "dora", {"consults": 30, "accepted": 2})
    _pledge(cast, actor, "charlie", "blue", None, {"consults": 25, "visits": 31})
    lock_pledges(actor("alice"), meeting.id, at=at_local(DAY_2, 8, 45))
    _pledge(cast, actor, "alice", "red", "bob", {"visits": 14}, reason="多走一条街")


def _pledge(
    cast: Cast, actor: ActorOf, lead: str, team: str, who: str | None, values: dict[str, int], reason: str = ""
) -> None:
    set_pledges(
        actor(lead), campaign_id=cast.campaigns["roadshow"], team_id=cast.teams[team],
        member_id=None if who is None else cast.users[who], day=DAY_2, values=values, reason=reason,
        at=at_local(DAY_2, 8, 55 if reason else 40),
    )  # fmt: skip


def _walk(
    cast: Cast,
    actor: ActorOf,
    who: str,
    day: date,
    count: int,
    *,
    late: timedelta = timedelta(0),
    companion: str = "",
    place: str = "market",
) -> list[int]:
    """Visits from nine o'clock on, every third of them only touched."""
    found = []
    for step in range(count):
        at = at_local(day, 9) + timedelta(minutes=7 * step)
        made = visits.record_visit(
            actor(who), uid=make.phone(), campaign_id=cast.campaigns["roadshow"], member_id=cast.users[who],
            outcome="nobody" if step % 3 == 2 else "consulted", clocks=Clocks(at, at, at + late),
            companion_id=cast.users[companion] if companion and step % 2 else None, district_id=cast.districts[place],
            trade=("catering", "", "manufacturing")[step % 3], approach=("referral", "cold_visit", "")[step % 3],
        )  # fmt: skip
        found.append(made.id)
    return found


def _field(cast: Cast, actor: ActorOf) -> None:
    """More visits than the cap takes, companions, visits that reach the server the next day, undone ones, a late log."""
    road = cast.campaigns["roadshow"]
    first = _walk(cast, actor, "dora", DAY_2, 55, place="village")
    _walk(cast, actor, "bob", DAY_2, 20, companion="alice", place="arcade")
    _walk(cast, actor, "alice", DAY_2, 6, late=timedelta(hours=20), place="row")
    second = _walk(cast, actor, "bob", DAY_3, 11, companion="alice")
    for number, at in (
        (first[3], at_local(DAY_2, 16)),
        (first[4], at_local(DAY_3, 9)),
        (second[0], at_local(DAY_4, 9)),
    ):
        visits.void_visit(actor("olga"), number, reason="重复登记", at=at)
    for team, lead, minute in (("red", "alice", 20), ("blue", "charlie", 59)):
        logs.save_log(
            actor(lead),
            campaign_id=road,
            team_id=cast.teams[team],
            day=DAY_2,
            at=at_local(DAY_2, 17, 10),
            highlights="顺利",
        )
        logs.submit_log(
            actor(lead), campaign_id=road, team_id=cast.teams[team], day=DAY_2, at=at_local(DAY_2, 17, minute)
        )
    logs.lock_log(actor("alice"), campaign_id=road, team_id=cast.teams["red"], day=DAY_2, at=at_local(DAY_2, 18))


def _capture(cast: Cast, actor: ActorOf, who: str, team: str, at: datetime, **more) -> int:
    campaign = cast.campaigns[more.pop("campaign", "roadshow")]
    return make.lead(actor(who), campaign_id=campaign, team_id=cast.teams[team], at=at, **more).lead_id


def _leads(cast: Cast, actor: ActorOf) -> None:
    """Intents stated, raised and merged; merges of merged leads, one undone; voids after the bell; walk-ins; leads deep in the tree."""
    olga = actor("olga")
    made = [
        _capture(cast, actor, "bob", "red", at_local(DAY_2, 10, 3 * step), intent="ABC"[step % 3], approach="channel")
        for step in range(9)
    ]
    made += [
        _capture(cast, actor, "dora", "blue", at_local(DAY_3, 10, 2 * step), intent="CB"[step % 2]) for step in range(8)
    ]
    set_intent(olga, made[2], "A", at=at_local(DAY_3, 15))
    set_intent(olga, made[9], "C", at=at_local(DAY_3, 16))
    for number, stage, hour in (
        (0, Stage.ACCEPTED, 14),
        (1, Stage.APPLICATION, 15),
        (10, Stage.DISBURSED, 16),
        (3, Stage.APPLICATION, 11),
    ):
        record_stage(olga, made[number], stage, clocks=Clocks.at(at_local(DAY_3, hour)), case_number="K-9")
    merge(olga, keep=made[4], lose=made[3], reason="同一人", at=at_local(DAY_3, 17))
    merge(olga, keep=made[10], lose=made[4], reason="同一人", at=at_local(DAY_3, 19))
    other = merge(olga, keep=made[5], lose=made[6], reason="同一人", at=at_local(DAY_3, 17))
    undo_merge(olga, other, reason="并非同一人", at=at_local(DAY_4, 9))
    entry = select(StageEntry.id).where(StageEntry.lead_id == made[1], StageEntry.stage == "application")
    void_stage(olga, made[1], db.session.scalars(entry).one(), reason="未签字", at=at_local(DAY_3, 17, 31))
    for step, place in enumerate(("arcade", "arcade", "row", "estate")):
        at = at_local(DAY_3, 13, step)
        make.lead(olga, campaign_id=cast.campaigns["roadshow"], team_id=cast.teams["red"], owner_id=cast.users["alice"], at=at,
                  stage=Stage.APPLICATION if step else Stage.CONSULT)  # fmt: skip
        deep = _capture(cast, actor, "alice", "red", at, stage=None)
        _put(deep, cast.districts[place])
        record_stage(
            actor("alice"), deep, Stage.ACCEPTED if step % 2 else Stage.CONSULT, clocks=Clocks.at(at), case_number="K-8"
        )
    _capture(cast, actor, "dora", "blue", at_local(DAY_3, 12), campaign="walk_in", stage=Stage.APPLICATION)
    past = _capture(cast, actor, "dora", "blue", at_local(DAY_3, 12, 30), stage=Stage.APPLICATION, intent="A")
    db.session.get_one(Lead, past).historical = True
    db.session.flush()


def _put(lead_id: int, district_id: int) -> None:
    db.session.get_one(Lead, lead_id).district_id = district_id
    db.session.flush()


def _board(cast: Cast, actor: ActorOf, pk: int) -> None:
    """A penalty that a second person confirmed, one that nobody did, a person's bonus; and a second version of the rules."""
    lost = adjust(
        actor("olga"), pk, team_id=cast.teams["blue"], member_id=cast.users["dora"], day=DAY_2, kind="complaint", points=None,
        reason="客户投诉", at=at_local(DAY_2, 15),
    )  # fmt: skip
    confirm_adjustment(actor("mona"), pk, lost.id, at=at_local(DAY_3, 9))
    for team, who, kind in (("blue", "charlie", "late_report"), ("red", "bob", "pledge_kept")):
        adjust(
            actor("olga"), pk, team_id=cast.teams[team], member_id=cast.users[who], day=DAY_3, kind=kind, points=None,
            reason="按规则", at=at_local(DAY_3, 17, 40),
        )  # fmt: skip
    contest = db.session.get_one(Contest, pk)
    second = replace(RuleSet(), points={**RuleSet().points, "visit": 2}, caps={"visit": 9}, minimum_bases=STRICTER)
    made = propose_rules(
        actor("olga"), pk, version=contest.version, rules=second, in_force_from=at_local(DAY_3, 9, 30), reason="走访加倍",
        at=at_local(DAY_2, 20),
    )  # fmt: skip
    confirm_rules(actor("mona"), pk, made.number, at=at_local(DAY_2, 21))


def _ties(cast: Cast, actor: ActorOf) -> int:
    """Six teams of one: two cannot be told apart, the others differ in one thing only, and one has nothing at all."""
    road = db.session.get_one(Campaign, cast.campaigns["roadshow"])
    drive = Campaign(
        code="C-TIE", name="同分活动", model="festival", status="running", starts_on=DAY_1, ends_on=DAY_2,
        valid_outcomes=road.valid_outcomes, created_at=road.created_at,
    )  # fmt: skip
    db.session.add(drive)
    db.session.flush()
    cast.campaigns["ties"] = drive.id
    stories = {
        "same": [(11, 10)], "twin": [(11, 10)], "later": [(12, 10)], "case": [(9, 1, Stage.ACCEPTED)],
        "form": [(10, 2, Stage.APPLICATION)], "none": [],
    }  # fmt: skip
    for key in stories:
        team = cast.teams[key] = people.create_team(SYSTEM, name=f"{key}队").id
        who = cast.users[key] = people.create_user(SYSTEM, login=key, name=f"{key}员", role=Role.MEMBER).id
        people.join_team(SYSTEM, user_id=who, team_id=team, on=DAY_1)
        db.session.add(CampaignTeam(campaign_id=drive.id, team_id=team, district_id=None))
    db.session.flush()
    for key, parts in stories.items():
        for hour, count, *stage in parts:
            for step in range(count):
                make.lead(
                    actor("olga"), campaign_id=drive.id, team_id=cast.teams[key], owner_id=cast.users[key],
                    at=at_local(DAY_1, hour, step), stage=stage[0] if stage else Stage.CONSULT,
                )  # fmt: skip
    made = create_contest(
        actor("olga"), code="PK-T", name="同分 PK", campaign_ids=[drive.id], team_ids=[cast.teams[key] for key in stories],
        starts_on=DAY_1, ends_on=DAY_2,
    )  # fmt: skip
    contest = start_contest(actor("olga"), made.id, version=made.version)
    lost = adjust(
        actor("olga"), contest.id, team_id=cast.teams["case"], member_id=None, day=DAY_1, kind="late_report", points=-5, reason="迟报",
        at=at_local(DAY_1, 18),
    )  # fmt: skip
    confirm_adjustment(actor("mona"), contest.id, lost.id, at=at_local(DAY_1, 19))
    return contest.id


def _reports(cast: Cast, actor: ActorOf) -> None:
    """The reports of two days as the bell took them, and a correction that knows what came later."""
    for day in (DAY_2, DAY_3):
        bell, at = at_local(day, 17, 30), at_local(day, 18, 31)
        for team in ("red", "blue", None):
            _store(cast, actor, team, day, as_of=bell, at=at, words_as_of=at)
    _store(cast, actor, None, DAY_2, as_of=EVENING, at=EVENING, reason="补录")


def _store(cast: Cast, actor: ActorOf, team: str | None, day: date, **moments) -> None:
    store_evening_report(
        actor("olga"),
        campaign_id=cast.campaigns["roadshow"],
        team_id=cast.teams[team] if team else None,
        day=day,
        **moments,
    )
