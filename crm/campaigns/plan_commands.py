"""The parts of a plan: teams, districts, sessions, targets, budget. The actor comes first; nothing here commits.

Each takes the version of the campaign that the person was looking at (None: whatever it is now) and moves it on.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from crm.campaigns.commands import open_plan
from crm.campaigns.models import BudgetLine, Campaign, CampaignDistrict, CampaignSession, CampaignTeam, Target
from crm.campaigns.rules import MOST_FEN, MOST_TARGET, Metric, Status
from crm.districts.models import District
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.errors import Invalid, NotFound
from crm.kernel.installation import zone_name
from crm.people.models import Team


def set_teams(actor: Actor, campaign_id: int, teams: Mapping[int, int | None], *, version: int | None = None) -> None:
    """Who takes part, with the district of each team (team id -> district id or None). The mapping is the whole list.

    Once the campaign runs a team may join but none may leave: its visits and leads stand.
    """
    campaign = open_plan(actor, campaign_id, version=version)
    current = {
        row.team_id: row
        for row in db.session.scalars(select(CampaignTeam).where(CampaignTeam.campaign_id == campaign.id))
    }
    _known(Team, set(teams) - set(current), "people.no_team")
    _known(District, {district for district in teams.values() if district is not None}, "districts.missing")
    leaving = set(current) - set(teams)
    if leaving and campaign.status == Status.RUNNING:
        raise Invalid("campaign.team_stays")
    for team_id in leaving:
        db.session.delete(current[team_id])
    for team_id, district_id in teams.items():
        if team_id in current:
            current[team_id].district_id = district_id
        else:
            db.session.add(CampaignTeam(campaign_id=campaign.id, team_id=team_id, district_id=district_id))
    if leaving:
        db.session.execute(delete(Target).where(Target.campaign_id == campaign.id, Target.team_id.in_(leaving)))
    db.session.flush()
    audit.record(
        actor,
        "campaigns.teams",
        "campaign",
        campaign.id,
        teams={str(team): district for team, district in teams.items()},
    )


def add_district(actor: Actor, campaign_id: int, district_id: int, *, version: int | None = None) -> None:
    """The campaign works this district (and what lies below it). Adding it again changes nothing."""
    campaign = open_plan(actor, campaign_id, version=version)
    _known(District, {district_id}, "districts.missing")
    if db.session.get(CampaignDistrict, (campaign.id, district_id)) is None:
        db.session.add(CampaignDistrict(campaign_id=campaign.id, district_id=district_id))
        db.session.flush()
        audit.record(actor, "campaigns.add_district", "campaign", campaign.id, district=district_id)


def remove_district(actor: Actor, campaign_id: int, district_id: int, *, version: int | None = None) -> None:
    """Takes a district out, unless a team works it or a session is held there."""
    campaign = open_plan(actor, campaign_id, version=version)
    worked = select(CampaignTeam.team_id).where(
        CampaignTeam.campaign_id == campaign.id, CampaignTeam.district_id == district_id
    )
    if db.session.scalar(worked.limit(1)) is not None:
        raise Invalid("campaign.district_worked")
    visited = select(CampaignSession.id).where(
        CampaignSession.campaign_id == campaign.id, CampaignSession.district_id == district_id
    )
    if db.session.scalar(visited.limit(1)) is not None:
        raise Invalid("campaign.district_session")
    row = db.session.get(CampaignDistrict, (campaign.id, district_id))
    if row is None:
        raise NotFound("districts.missing")
    db.session.delete(row)
    db.session.flush()
    audit.record(actor, "campaigns.remove_district", "campaign", campaign.id, district=district_id)


def add_session(
    actor: Actor,
    campaign_id: int,
    *,
    name: str,
    starts_at: datetime,
    ends_at: datetime,
    place: str = "",
    district_id: int | None = None,
    note: str = "",
    version: int | None = None,
) -> CampaignSession:
    """One occasion (场次) within the dates of the campaign."""
    campaign = open_plan(actor, campaign_id, version=version)
    session = CampaignSession(campaign_id=campaign.id, cancelled=False)
    _write_session(campaign, session, name, starts_at, ends_at, place, district_id, note)
    db.session.add(session)
    db.session.flush()
    audit.record(actor, "campaigns.add_session", "campaign", campaign.id, session=session.id)
    return session


def change_session(
    actor: Actor,
    session_id: int,
    *,
    name: str,
    starts_at: datetime,
    ends_at: datetime,
    place: str = "",
    district_id: int | None = None,
    note: str = "",
    version: int | None = None,
) -> CampaignSession:
    """Changes an occasion."""
    session = _session(session_id)
    campaign = open_plan(actor, session.campaign_id, version=version)
    _write_session(campaign, session, name, starts_at, ends_at, place, district_id, note)
    audit.record(actor, "campaigns.change_session", "campaign", campaign.id, session=session.id)
    return session


def cancel_session(actor: Actor, session_id: int, *, cancelled: bool = True) -> CampaignSession:
    """Calls an occasion off, or back on. It stays in the list: records may point at it."""
    session = _session(session_id)
    open_plan(actor, session.campaign_id, version=None)
    session.cancelled = cancelled
    audit.record(
        actor, "campaigns.cancel_session", "campaign", session.campaign_id, session=session.id, cancelled=cancelled
    )
    return session


def set_targets(
    actor: Actor, campaign_id: int, values: Mapping[tuple[int | None, str], int | None], *, version: int | None = None
) -> None:
    """Targets by (team id or None for the whole campaign, metric). None takes a target away; keys not named stay."""
    campaign = open_plan(actor, campaign_id, version=version)
    taking_part = set(db.session.scalars(select(CampaignTeam.team_id).where(CampaignTeam.campaign_id == campaign.id)))
    rows = {
        (row.team_id, row.metric): row
        for row in db.session.scalars(select(Target).where(Target.campaign_id == campaign.id))
    }
    for (team_id, metric), value in values.items():
        if team_id is not None and team_id not in taking_part:
            raise NotFound("people.no_team")
        if metric not in set(Metric):
            raise Invalid("target.metric")
        if value is not None and not 0 <= value <= MOST_TARGET:
            raise Invalid("target.value", most=MOST_TARGET)
        row = rows.get((team_id, metric))
        if value is None:
            if row is not None:
                db.session.delete(row)
        elif row is None:
            db.session.add(Target(campaign_id=campaign.id, team_id=team_id, metric=metric, value=value))
        else:
            row.value = value
    db.session.flush()
    changed = [[team_id, metric, value] for (team_id, metric), value in values.items()]
    audit.record(actor, "campaigns.targets", "campaign", campaign.id, values=changed)


@dataclass(frozen=True)
class BudgetItem:
    """One line of the budget as written by a person; amounts in fen. No id: a new line."""

    item: str
    planned_fen: int
    actual_fen: int | None = None
    note: str = ""
    id: int | None = None


def set_budget(actor: Actor, campaign_id: int, items: Sequence[BudgetItem], *, version: int | None = None) -> None:
    """The whole budget: lines with an id are changed, those without are added, lines not named are taken out.

    A closed campaign still takes its actual costs.
    """
    campaign = open_plan(actor, campaign_id, version=version, closed_too=True)
    rows = {row.id: row for row in db.session.scalars(select(BudgetLine).where(BudgetLine.campaign_id == campaign.id))}
    for one in items:
        if not one.item or len(one.item) > 120 or len(one.note) > 300:
            raise Invalid("budget.item")
        if not 0 <= one.planned_fen <= MOST_FEN or not 0 <= (one.actual_fen or 0) <= MOST_FEN:
            raise Invalid("budget.amount")
        if one.id is None:
            row = BudgetLine(campaign_id=campaign.id)
            db.session.add(row)
        elif one.id in rows:
            row = rows.pop(one.id)
        else:
            raise NotFound("budget.no_line")
        row.item, row.planned_fen, row.actual_fen, row.note = one.item, one.planned_fen, one.actual_fen, one.note
    for row in rows.values():
        db.session.delete(row)
    db.session.flush()
    audit.record(
        actor,
        "campaigns.budget",
        "campaign",
        campaign.id,
        lines=[[one.item, one.planned_fen, one.actual_fen] for one in items],
    )


def _session(session_id: int) -> CampaignSession:
    session = db.session.get(CampaignSession, session_id)
    if session is None:
        raise NotFound("session.not_found")
    return session


def _write_session(
    campaign: Campaign,
    session: CampaignSession,
    name: str,
    starts_at: datetime,
    ends_at: datetime,
    place: str,
    district_id: int | None,
    note: str,
) -> None:
    if not name or len(name) > 120:
        raise Invalid("session.name", most=120)
    if ends_at < starts_at:
        raise Invalid("session.times")
    first = business_day(starts_at, zone_name())
    if business_day(ends_at, zone_name()) > first + timedelta(days=1):  # an evening may go on past midnight
        raise Invalid("session.long")
    if not campaign.starts_on <= first <= campaign.ends_on:
        raise Invalid("session.outside", first=campaign.starts_on.isoformat(), last=campaign.ends_on.isoformat())
    if district_id is not None:
        _known(District, {district_id}, "districts.missing")
    session.name, session.starts_at, session.ends_at = name, starts_at, ends_at
    session.place, session.district_id, session.note = place, district_id, note


def _known(model: type[Team] | type[District], ids: Collection[int], code: str) -> None:
    if ids and len(set(db.session.scalars(select(model.id).where(model.id.in_(ids))))) < len(set(ids)):
        raise NotFound(code)
