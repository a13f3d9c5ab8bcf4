"""Who is reminded of a follow-up (A within 24 hours, B three days, C seven): each once, and nobody of what is to be left alone."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.installation import zone_name
from crm.leads.ledger_models import IntentEntry, StageEntry
from crm.leads.models import Lead, LeadEvent, PhoneReveal
from crm.leads.policy import GRANTS, LeadPermission
from crm.leads.queries import waits
from crm.leads.rules import Intent
from crm.outreach.models import Visit
from crm.people.inbox import Link, tell
from crm.people.models import Team, User
from crm.people.queries import leads_of

WITHIN = timedelta(hours=24)
"""An A-class customer is contacted within this time."""
MOST_OFFICERS = 6
"""So many officers are named in the message to a team's lead."""
CONTACTS = ("note", "follow_up")
"""Lines of a lead's story that tell of a contact with the customer."""
OFFICERS = [role.value for role, granted in GRANTS.items() if LeadPermission.RECORD in granted]


@dataclass(frozen=True)
class Due:
    """How many leads of one officer in one team are overdue, and due on the day."""

    team_id: int | None
    team: str
    owner_id: int | None
    owner: str
    overdue: int
    today: int


def due_on(day: date) -> list[Due]:
    """Everybody's due and overdue follow-ups on a day, by team and officer; one statement."""
    query = (
        select(
            Lead.team_id, func.coalesce(Team.name, ""), Lead.owner_id, func.coalesce(User.name, ""),
            func.count().filter(Lead.follow_up_on < day), func.count().filter(Lead.follow_up_on == day),
        )
        .select_from(Lead)
        .outerjoin(Team, Team.id == Lead.team_id)
        .outerjoin(User, User.id == Lead.owner_id)
        .where(*waits(), Lead.follow_up_on <= day)
        .group_by(Lead.team_id, Team.name, Lead.owner_id, User.name)
        .order_by(Lead.team_id, Lead.owner_id)
    )  # fmt: skip
    return [Due(*row) for row in db.session.execute(query)]


def tell_due(day: date, *, at: datetime) -> int:
    """The morning's messages: one to each officer with something due, one to each lead per team; how many leads are due."""
    rows = due_on(day)
    by_officer: dict[int, list[Due]] = defaultdict(list)
    by_team: dict[int, list[Due]] = defaultdict(list)
    for row in rows:
        if row.owner_id is not None:
            by_officer[row.owner_id].append(row)
        if row.team_id is not None:
            by_team[row.team_id].append(row)
    link = Link("leads.follow_ups", {"whose": "mine"})
    for officer in _officers(by_officer):
        tell([officer], "leads.due", at=at, key=f"due:{day}", link=link, **_sums(by_officer[officer]))
    for team_id, leads in leads_of(list(by_team), on=day).items():
        own = by_team[team_id]
        late = sorted((row for row in own if row.overdue), key=lambda row: (-row.overdue, row.owner))
        officers = [[row.owner, row.overdue] for row in late[:MOST_OFFICERS]]
        link = Link("leads.due_of_teams", {"team": team_id})
        facts = {"team": own[0].team, "officers": officers, **_sums(own)}
        tell(leads, "leads.due_of_team", at=at, key=f"due:{day}:{team_id}", link=link, **facts)
    return sum(row.overdue + row.today for row in rows)


def tell_waiting(slot: datetime) -> int:
    """A-class customers who have waited for WITHIN at the slot: officer and lead are told once per lead and planned day."""
    day = business_day(slot, zone_name())
    rows = _a_class_due(day)
    heard = _last_contacts([row.id for row in rows])
    late = [row for row in rows if heard.get(row.id, row.created_at) + WITHIN <= slot]
    leads = leads_of({row.team_id for row in late}, on=day)
    for row in late:
        people = {row.owner_id, *leads.get(row.team_id or 0, ())}
        key, link = f"waits:{row.id}:{row.follow_up_on}", Link("leads.detail", {"lead_id": row.id})
        tell(people, "leads.waits", at=slot, key=key, link=link, lead=row.id, officer=row.owner)
    return len(late)


@dataclass(frozen=True)
class _Waiting:
    id: int
    team_id: int | None
    owner_id: int | None
    owner: str
    follow_up_on: date
    created_at: datetime


def _a_class_due(day: date) -> list[_Waiting]:
    query = (
        select(
            Lead.id,
            Lead.team_id,
            Lead.owner_id,
            func.coalesce(User.name, "").label("owner"),
            Lead.follow_up_on,
            Lead.created_at,
        )
        .outerjoin(User, User.id == Lead.owner_id)
        .where(*waits(), Lead.intent == Intent.A, Lead.follow_up_on <= day)
        .order_by(Lead.id)
    )
    return [
        _Waiting(row.id, row.team_id, row.owner_id, row.owner, row.follow_up_on, row.created_at)
        for row in db.session.execute(query)
        if row.follow_up_on is not None
    ]


def _last_contacts(lead_ids: list[int]) -> dict[int, datetime]:
    """When each customer was last heard of: an intent stated, a stage, a visit, a note, a look at the full phone."""
    latest: dict[int, datetime] = {}
    undone = aliased(StageEntry)
    for start in range(0, len(lead_ids), 500):
        ids = lead_ids[start : start + 500]
        asked: tuple[Select[Any, datetime], ...] = (
            select(IntentEntry.lead_id, func.max(IntentEntry.occurred_at)).where(IntentEntry.lead_id.in_(ids)),
            select(StageEntry.lead_id, func.max(StageEntry.occurred_at))
            .outerjoin(undone, undone.voids_id == StageEntry.id)
            .where(StageEntry.lead_id.in_(ids), StageEntry.voids_id.is_(None), undone.id.is_(None)),
            select(Visit.lead_id, func.max(Visit.occurred_at)).where(Visit.lead_id.in_(ids), Visit.voided_at.is_(None)),
            select(LeadEvent.lead_id, func.max(LeadEvent.at)).where(
                LeadEvent.lead_id.in_(ids), LeadEvent.kind.in_(CONTACTS)
            ),
            select(PhoneReveal.lead_id, func.max(PhoneReveal.at)).where(PhoneReveal.lead_id.in_(ids)),
        )
        for query in asked:
            by_lead = query.group_by(query.selected_columns[0])
            for lead_id, at in db.session.execute(by_lead):
                latest[lead_id] = max(at, latest.get(lead_id, at))
    return latest


def _officers(user_ids: Iterable[int]) -> list[int]:
    """Those of them who work with customers today: whoever became an auditor is not reminded."""
    query = select(User.id).where(
        User.id.in_(list(user_ids)), User.active, User.role.in_(OFFICERS), User.external.is_(False)
    )
    return list(db.session.scalars(query.order_by(User.id)))


def _sums(rows: Iterable[Due]) -> dict[str, int]:
    kept = list(rows)
    return {"today": sum(row.today for row in kept), "overdue": sum(row.overdue for row in kept)}
