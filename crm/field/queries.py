"""What a phone shows while it has no network, asked for in one go. Names and phones come masked, and nothing is O(all leads)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import case, or_, select

from crm.campaigns.queries import campaign_for_day, open_campaigns, sessions_of, teams_of
from crm.contest.queries import Board, contests_of_campaign, standings_of
from crm.field.applying import PHONE_TALLIES
from crm.field.models import FieldRecord
from crm.field.policy import FieldPermission
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day, zone
from crm.kernel.db import db
from crm.kernel.errors import Forbidden, NotFound
from crm.kernel.installation import zone_name
from crm.kernel.paging import PER_PAGE, Page
from crm.leads.cards import card_of
from crm.leads.models import Lead, NoticeVersion
from crm.leads.policy import LeadPermission, may_state, visible_to
from crm.leads.queries import count_due, notice_in_force
from crm.leads.rules import STAGES, Stage, after
from crm.meetings.queries import pledges_of
from crm.outreach.queries import declared_counts, recorded_counts, roster
from crm.people.queries import user_names
from crm.reports.today import RECORDED_AS

MOST_LEADS = 300
"""Leads on a phone: who is due first, then the newest. The whole list is a page of the desk."""


def team_of(actor: Actor) -> int | None:
    """The team whose day it is: the one that the actor leads, else belongs to."""
    return min(actor.lead_of or actor.team_ids, default=None)


def notice() -> dict[str, Any] | None:
    """The privacy notice that a customer is shown, None before there is one."""
    found: NoticeVersion | None = notice_in_force()
    return None if found is None else {"number": found.number, "body": found.body}


def bundle(actor: Actor, *, at: datetime) -> dict[str, Any]:
    """All that a phone keeps for the day, as JSON. Who may not record leads gets none."""
    day, team_id = business_day(at, zone_name()), team_of(actor)
    campaign = campaign_for_day(actor, day)
    campaign_id = campaign.id if campaign else None
    return {
        "as_of": at.isoformat(),
        "day": day.isoformat(),
        "campaign": campaign_id,
        "campaigns": _campaigns(actor, team_id, day),
        "colleagues": _colleagues(actor, team_id, day),
        "pledge": _pledge(actor, campaign_id, team_id, day),
        "tallies": _tallies(actor, campaign_id, team_id, day),
        "pk": _boards(actor, campaign_id, team_id, at),
        "follow_ups": _due(actor, day),
        "leads": _leads(actor, day),
        "may": {
            "lead": actor.may(LeadPermission.RECORD),
            "visit": bool(actor.team_ids),
            "team": bool(actor.lead_of) or actor.sees_all_teams,
        },
    }


def _campaigns(actor: Actor, team_id: int | None, day: date) -> list[dict[str, Any]]:
    running = [one for one in open_campaigns(actor) if one.walk_in or one.starts_on <= day <= one.ends_on]
    return [
        {
            "id": one.id,
            "name": one.name,
            "starts_on": one.starts_on.isoformat(),
            "ends_on": one.ends_on.isoformat(),
            "walk_in": one.walk_in,
            "district": "" if one.walk_in else _district(one.id, team_id),
            "sessions": [] if one.walk_in else _sessions(one.id, day),
        }
        for one in running[:20]
    ]


def _district(campaign_id: int, team_id: int | None) -> str:
    return next((row.district or "" for row in teams_of(campaign_id) if row.team_id == team_id), "")


def _sessions(campaign_id: int, day: date) -> list[dict[str, Any]]:
    place = zone(zone_name())
    return [
        {"id": one.id, "name": one.name, "starts_at": one.starts_at.isoformat(), "ends_at": one.ends_at.isoformat()}
        for one in sessions_of(campaign_id)
        if not one.cancelled and one.starts_at.astimezone(place).date() <= day <= one.ends_at.astimezone(place).date()
    ]


def _colleagues(actor: Actor, team_id: int | None, day: date) -> list[dict[str, Any]]:
    if team_id is None:
        return []
    return [{"id": one.member_id, "name": one.name} for one in roster(team_id, day) if one.member_id != actor.user_id]


def _pledge(actor: Actor, campaign_id: int | None, team_id: int | None, day: date) -> dict[str, Any]:
    if campaign_id is None or team_id is None:
        return {}
    done = recorded_counts(actor, campaign_id, team_id, day).get(actor.user_id or 0, {})
    pledged = {
        metric: value
        for (_team, member, metric), value in pledges_of(campaign_id, day, team_id=team_id).items()
        if member == actor.user_id
    }
    return {
        str(metric): {"done": done.get(recorded, 0), "pledged": pledged.get(metric)}
        for metric, recorded in RECORDED_AS.items()
    }


def _tallies(actor: Actor, campaign_id: int | None, team_id: int | None, day: date) -> dict[str, int]:
    if campaign_id is None or team_id is None:
        return {}
    mine = declared_counts(actor, campaign_id, team_id, day).get(actor.user_id or 0, {})
    return {metric.value: mine.get(metric.value, 0) for metric in PHONE_TALLIES}


def _boards(actor: Actor, campaign_id: int | None, team_id: int | None, at: datetime) -> list[dict[str, Any]]:
    if campaign_id is None or team_id is None:
        return []
    running = [one for one in contests_of_campaign(actor, campaign_id) if one.status == "running"]
    boards = [standings_of(actor, one.id, at=at) for one in running[:2]]
    return [place for board in boards for place in _place(board, team_id)]


def _place(board: Board, team_id: int) -> list[dict[str, Any]]:
    return [
        {
            "id": board.contest.id,
            "name": board.contest.name,
            "rank": row.rank,
            "teams": len(board.rows),
            "points": row.score_shown,
            "gap": row.gap_shown,
            "leader": board.rows[0].name,
            "empty": board.empty,
        }
        for row in board.rows
        if row.team_id == team_id
    ]


def _due(actor: Actor, day: date) -> dict[str, int]:
    if not actor.may(LeadPermission.VIEW):
        return {"overdue": 0, "today": 0, "coming": 0}
    counts = count_due(actor, today=day)
    return {"overdue": counts.overdue, "today": counts.today, "coming": counts.coming}


def _leads(actor: Actor, day: date) -> list[dict[str, Any]]:
    if not actor.may(LeadPermission.RECORD):
        return []
    whose = [Lead.owner_id == actor.user_id]
    if actor.lead_of:
        whose.append(Lead.team_id.in_(actor.lead_of))
    due = case((Lead.follow_up_on <= day, 0), else_=1)
    query = (
        select(Lead)
        .where(visible_to(actor), or_(*whose), Lead.merged_into_id.is_(None), Lead.historical.is_(False))
        .order_by(due, Lead.created_at.desc(), Lead.id.desc())
        .limit(MOST_LEADS)
    )
    people = user_names()
    return [_lead(actor, lead, people) for lead in db.session.scalars(query)]


def _lead(actor: Actor, lead: Lead, people: dict[int, str]) -> dict[str, Any]:
    card = card_of(lead, actor)
    place = zone(zone_name())
    open_stages = after(Stage(card.stage)) if card.stage else STAGES
    return {
        "id": card.id,
        "uid": lead.uid,
        "name": card.name,
        "phone": card.phone,
        "shop": card.shop,
        "trade": card.trade,
        "stage": card.stage,
        "stage_on": card.stage_on.isoformat() if card.stage_on else None,
        "intent": card.intent,
        "follow_up_on": card.follow_up_on.isoformat() if card.follow_up_on else None,
        "owner_id": card.owner_id,
        "owner": people.get(card.owner_id or 0, ""),
        "version": card.version,
        "may_call": card.may_reveal and card.may_be_contacted,
        "may_stage": [one.value for one in open_stages if card.may_reach(one) and may_state(actor, one)],
        "no_contact": card.no_contact,
        "created_on": card.created_at.astimezone(place).date().isoformat(),
    }


@dataclass(frozen=True)
class HeldRow:
    """A record that was kept aside: other content under a known id, or a form that could not be read."""

    id: int
    uid: str
    state: str
    kind: str
    form_version: int
    author_id: int
    author: str
    received_at: datetime
    settled_at: datetime | None
    settled_by: str
    settled_how: str


def held_records(actor: Actor, *, settled: bool = False, page: int = 1) -> Page[HeldRow]:
    """Records that wait for a decision (or, with `settled`, that were decided), newest first."""
    _check_held(actor)
    where = (
        FieldRecord.state.in_(("conflict", "held")),
        FieldRecord.settled_at.is_not(None) if settled else FieldRecord.settled_at.is_(None),
    )
    total = db.session.scalar(select(db.func.count(FieldRecord.id)).where(*where)) or 0
    query = select(FieldRecord).where(*where).order_by(FieldRecord.id.desc()).limit(PER_PAGE)
    rows = db.session.scalars(query.offset((page - 1) * PER_PAGE)).all()
    return Page(_held_rows(rows), page, total)


def get_held(actor: Actor, record_id: int) -> HeldRow:
    """One record that was kept aside; NotFound for any other."""
    return _held_rows([held_pair(actor, record_id)[0]])[0]


def held_pair(actor: Actor, record_id: int) -> tuple[FieldRecord, FieldRecord | None]:
    """A record that was kept aside, and what came first under its id."""
    _check_held(actor)
    aside = FieldRecord.state.in_(("conflict", "held"))
    record = db.session.scalar(select(FieldRecord).where(FieldRecord.id == record_id, aside))
    if record is None:
        raise NotFound("field.not_held")
    same = select(FieldRecord).where(FieldRecord.uid == record.uid, FieldRecord.id < record.id)
    return record, db.session.scalar(same.order_by(FieldRecord.id).limit(1))


def waiting(actor: Actor) -> int:
    """How many records wait for a decision of this actor."""
    if not actor.may(FieldPermission.HELD):
        return 0
    aside = FieldRecord.state.in_(("conflict", "held"))
    query = select(db.func.count(FieldRecord.id)).where(aside, FieldRecord.settled_at.is_(None))
    return db.session.scalar(query) or 0


def _check_held(actor: Actor) -> None:
    if not actor.may(FieldPermission.HELD):
        raise Forbidden("field.held_right")


def _held_rows(rows: Sequence[FieldRecord]) -> list[HeldRow]:
    people = user_names()
    return [
        HeldRow(
            id=row.id,
            uid=row.uid,
            state=row.state,
            kind=row.kind,
            form_version=row.form_version,
            author_id=row.user_id,
            author=people.get(row.user_id, ""),
            received_at=row.received_at,
            settled_at=row.settled_at,
            settled_by=people.get(row.settled_by_id or 0, ""),
            settled_how=row.settled_how,
        )
        for row in rows
    ]
