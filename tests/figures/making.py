"""A random campaign by the product's own commands, and the same figures counted again in plain Python from the raw tables."""

import random
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select

from crm.campaigns.models import Campaign, CampaignTeam
from crm.districts.models import District
from crm.kernel.clock import at_local
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Invalid
from crm.kernel.unit_of_work import unit_of_work
from crm.leads import ledger
from crm.leads.commands import ConsentGiven, LeadCard, capture_lead, record_stage, void_stage
from crm.leads.ledger import Clocks
from crm.leads.ledger_models import LeadMerge, StageEntry
from crm.leads.models import Lead
from crm.leads.rules import Approach, Stage, Trade
from crm.outreach.models import Visit
from tests import make
from tests.moments import DAY_1

STAGES = ["consult", "application", "accepted", "approved", "disbursed"]
LAST = DAY_1 + timedelta(days=9)


def second_campaign(cast) -> int:
    """A salon for both teams; inside an open unit of work."""
    road = db.session.get_one(Campaign, cast.campaigns["roadshow"])
    salon = Campaign(
        code="C-SALON", name="茶会沙龙", model="salon", status="running", starts_on=DAY_1, ends_on=LAST,
        valid_outcomes=road.valid_outcomes, created_at=road.created_at,
    )  # fmt: skip
    db.session.add(salon)
    db.session.flush()
    for team in ("red", "blue"):
        db.session.add(
            CampaignTeam(campaign_id=salon.id, team_id=cast.teams[team], district_id=cast.districts["estate"])
        )
    db.session.flush()
    return salon.id


def random_story(cast, actor, *, leads: int, seed: int = 7, until: datetime | None = None) -> list[datetime]:
    """Captures, stages, voids and merges over ten days in three campaigns; returns the moments at which the server heard of them.

    Some records reach the server a day late, and some happen minutes before or after midnight.
    """
    draw = random.Random(seed)
    heard: list[datetime] = []
    with unit_of_work():
        campaigns = [cast.campaigns["roadshow"], second_campaign(cast), cast.campaigns["walk_in"]]
        people = {"red": ["alice", "bob"], "blue": ["charlie", "dora"]}
        ids: list[int] = []
        for _ in range(leads):
            team = draw.choice(["red", "blue"])
            who = actor(draw.choice(people[team]))
            clocks = _clocks(draw)
            heard.append(clocks.received_at)
            captured = capture_lead(
                who, campaign_id=draw.choice(campaigns), team_id=cast.teams[team], owner_id=who.user_id,
                card=_card(draw), consent=ConsentGiven(enquiry=True), clocks=clocks,
                stage=draw.choice([Stage.CONSULT, Stage.CONSULT, Stage.APPLICATION, None]),
                district_id=cast.districts[draw.choice(["market", "estate", "village", "town"])],
            )  # fmt: skip
            ids.append(captured.lead_id)
            heard += _story_of(draw, actor, captured.lead_id, clocks)
        _merge_some(draw, actor("olga"), ids)
        _nobodys(cast, actor("olga"))
    assert ledger.differences() == []
    return heard


def _card(draw: random.Random) -> LeadCard:
    trade, approach = draw.choice([*Trade, ""]), draw.choice([*Approach, ""])
    return LeadCard(name="张三", phone=make.phone(), trade=trade, approach=approach)


def _clocks(draw: random.Random) -> Clocks:
    day = DAY_1 + timedelta(days=draw.randrange(8))
    occurred = draw.choice(
        [at_local(day, draw.randrange(9, 17), draw.randrange(60)), at_local(day, 0, 1), at_local(day, 23, 59)]
    )
    received = occurred + timedelta(minutes=draw.choice([0, 1, 90, 1500]))
    return Clocks(occurred, received, received)


def _story_of(draw: random.Random, actor, lead_id: int, start: Clocks) -> list[datetime]:
    heard = []
    olga = actor("olga")
    for stage in draw.sample(
        [Stage.APPLICATION, Stage.ACCEPTED, Stage.APPROVED, Stage.DISBURSED], draw.choice([0, 0, 1, 2])
    ):
        later = start.occurred_at + timedelta(hours=draw.choice([1, 5, 30, 60]))
        clocks = Clocks(later, later, later + timedelta(minutes=draw.choice([0, 600])))
        try:
            record_stage(olga, lead_id, stage, clocks=clocks, case_number="K-1")
        except Conflict:
            continue
        heard.append(clocks.received_at)
    if draw.random() < 0.25:
        entries = list(
            db.session.scalars(
                select(StageEntry.id).where(StageEntry.lead_id == lead_id).order_by(StageEntry.id.desc())
            )
        )
        at = start.received_at + timedelta(hours=80)
        for entry in entries[: draw.choice([1, 3])]:
            try:
                void_stage(olga, lead_id, entry, reason="记错了", at=at)
                heard.append(at)
            except (Conflict, Invalid):
                continue
    return heard


def _merge_some(draw: random.Random, olga, ids: list[int]) -> None:
    """Pairs of one campaign, some of them undone again; written as the ledger keeps them, projected by the ledger."""
    leads = {lead.id: lead for lead in db.session.scalars(select(Lead).where(Lead.id.in_(ids)))}
    free = list(ids)
    draw.shuffle(free)
    while len(free) > len(ids) * 2 // 3:
        kept = free.pop()
        lost = next((one for one in free if leads[one].campaign_id == leads[kept].campaign_id), None)
        if lost is None:
            continue
        free.remove(lost)
        started = at_local(DAY_1 + timedelta(days=draw.randrange(2, 9)), 18)
        undone = draw.random() < 0.3
        row = LeadMerge(
            lead_id=lost,
            root_id=kept,
            started_at=started,
            ended_at=started + timedelta(hours=20) if undone else None,
            actor_id=olga.user_id,
            filled={},
        )
        db.session.add(row)
        leads[lost].merged_into_id = None if undone else kept
    db.session.flush()
    ledger.project(ids)


def _nobodys(cast, olga) -> None:
    """Walk-in leads without a team, and a lead whose import was undone."""
    for step in range(5):
        at = at_local(DAY_1 + timedelta(days=step), 10)
        capture_lead(
            olga, campaign_id=cast.campaigns["walk_in"], team_id=None, owner_id=None,
            card=LeadCard(name="李四", phone=make.phone(), trade="catering"), consent=ConsentGiven(enquiry=True),
            clocks=Clocks.at(at), stage=Stage.APPLICATION if step % 2 else Stage.CONSULT,
        )  # fmt: skip
    gone = make.lead(olga, campaign_id=cast.campaigns["walk_in"], team_id=cast.teams["red"], at=at_local(DAY_1, 11))
    db.session.get_one(Lead, gone.lead_id).removed_at = at_local(DAY_1 + timedelta(days=5), 9)
    db.session.flush()
    ledger.project([gone.lead_id])


def visit(
    cast, *, who="bob", team="red", district="market", day: date = DAY_1, valid=True, campaign="roadshow", **more
) -> Visit:
    """A visit row."""
    at = at_local(day, 10)
    row = Visit(
        uid=make.phone(), campaign_id=cast.campaigns[campaign], district_id=cast.districts[district], team_id=cast.teams[team],
        member_id=cast.users[who], outcome="consulted" if valid else "nobody", valid=valid, day=day,
        occurred_at=at, recorded_at=at, received_at=at, **more,
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    return row


# --- the same once more, in plain Python from the raw tables ----------------------------------------------------


@dataclass(frozen=True)
class Mark:
    """One stage of one lead that counts."""

    lead: int
    stage: str
    campaign: int
    day: date
    team: int
    district: int
    member: int
    trade: str
    approach: str
    model: str
    path: tuple[int, ...]


def recount(as_of: datetime | None = None) -> list[Mark]:
    """Every mark that counts, from the raw rows."""
    horizon = as_of or datetime.max.replace(tzinfo=at_local(DAY_1, 0).tzinfo)
    entries = [entry for entry in db.session.scalars(select(StageEntry)) if entry.received_at <= horizon]
    undone = {entry.voids_id for entry in entries if entry.voids_id}
    root_of = {
        merge.lead_id: merge.root_id
        for merge in db.session.scalars(select(LeadMerge))
        if merge.started_at <= horizon and (merge.ended_at is None or merge.ended_at > horizon)
    }
    leads = {lead.id: lead for lead in db.session.scalars(select(Lead))}
    models = dict(db.session.execute(select(Campaign.id, Campaign.model)).all())
    paths = dict(db.session.execute(select(District.id, District.path)).all())
    best: dict[tuple[int, str], StageEntry] = {}
    for entry in entries:
        root = leads[root_of.get(entry.lead_id, entry.lead_id)]
        gone = root.removed_at is not None and root.removed_at <= horizon
        if entry.voids_id or entry.id in undone or gone:
            continue
        held = best.get((root.id, entry.stage))
        if held is None or _earlier(entry, held):
            best[root.id, entry.stage] = entry
    return [
        Mark(
            lead, stage, entry.campaign_id, entry.day, entry.team_id or 0, entry.district_id or 0, entry.credited_id or 0,
            leads[lead].trade, leads[lead].approach, models[entry.campaign_id],
            tuple(int(step) for step in paths.get(entry.district_id, "").split("/") if step),
        )
        for (lead, stage), entry in best.items()
    ]  # fmt: skip


def _earlier(one: StageEntry, other: StageEntry) -> bool:
    return (one.occurred_at, one.received_at, one.id) < (other.occurred_at, other.received_at, other.id)


def tally(marks: list[Mark], group) -> dict[object, dict[str, int]]:
    """Period view: {group of the mark: {stage: leads}}."""
    counts: dict[object, Counter] = {}
    for mark in marks:
        counts.setdefault(group(mark), Counter())[mark.stage] += 1
    return {key: {stage: counted[stage] for stage in STAGES} for key, counted in counts.items()}


def tally_cohort(
    marks: list[Mark], group, *, chosen=lambda mark: True, within: int | None = None
) -> dict[object, dict[str, int]]:
    """Cohort view: {group of the consult: {stage: leads}} over the leads whose consult is chosen."""
    consults = {mark.lead: mark for mark in marks if mark.stage == "consult" and chosen(mark)}
    counts: dict[object, Counter] = {}
    for mark in marks:
        first = consults.get(mark.lead)
        if first is not None and (within is None or (mark.day - first.day).days <= within):
            counts.setdefault(group(first), Counter())[mark.stage] += 1
    return {key: {stage: counted[stage] for stage in STAGES} for key, counted in counts.items()}
