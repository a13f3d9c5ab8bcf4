"""What today asks of each role: questions to the other rooms, a bounded number of them however many records there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from flask import current_app
from sqlalchemy import func, select

from crm.campaigns.queries import CampaignOption, campaign_for_day, open_campaigns
from crm.campaigns.rules import Metric
from crm.contest.queries import Board, contests_of_campaign, list_contests, standings_of
from crm.enquiries.queries import new_enquiries, waiting_enquiries
from crm.figures.queries import FunnelCounts, FunnelQuery, VisitCounts, funnel, visits
from crm.kernel.actor import Actor, Role
from crm.kernel.audit import AuditEntry
from crm.kernel.clock import day_bounds
from crm.kernel.db import db
from crm.kernel.errors import Forbidden
from crm.kernel.installation import zone_name
from crm.leads.clashes import count_waiting
from crm.leads.policy import LeadPermission
from crm.leads.queries import FollowUps, count_due, follow_ups
from crm.leads.rules import FIELD_STAGES
from crm.meetings.queries import TodoRow, list_todos, pledges_of
from crm.outreach.queries import DayGrid, LogRow, day_grid, logs_of, recorded_counts
from crm.outreach.rules import Recorded
from crm.people.models import User
from crm.people.policy import PeoplePermission
from crm.people.queries import team_names
from crm.reports.contents import Line, lines_of
from crm.reports.queries import exports_since

MOST_BOARDS = 2
MOST_TASKS = 8
RECORDED_AS: Mapping[str, str] = {
    Metric.VISITS: Recorded.VISITS_VALID,
    Metric.CONSULTS: Recorded.CONSULTS,
    Metric.APPLICATIONS: Recorded.APPLICATIONS,
    Metric.ACCEPTED: Recorded.ACCEPTED,
}
"""A metric of the pledges -> the count of the records that answers it."""

NO_FOLLOW_UPS = FollowUps()


@dataclass(frozen=True, slots=True)
class MyDay:
    """A member's day: what is done of what was pledged, who is waiting, where the team stands."""

    campaign: CampaignOption | None
    team_id: int | None
    team: str
    done: Mapping[str, int] = field(default_factory=dict)
    pledged: Mapping[str, int] = field(default_factory=dict)
    due: FollowUps = NO_FOLLOW_UPS
    todos: tuple[TodoRow, ...] = ()
    boards: tuple[Board, ...] = ()
    enquiries: int = 0


@dataclass(frozen=True, slots=True)
class TeamDay:
    """A team's day for whoever leads it. `pledged` by metric: the team's own pledge, or else its members' together."""

    campaign: CampaignOption | None
    team_id: int | None
    team: str
    grid: DayGrid | None = None
    pledged: Mapping[str, int] = field(default_factory=dict)
    overdue: int = 0
    due: int = 0
    todos: tuple[TodoRow, ...] = ()
    boards: tuple[Board, ...] = ()
    enquiries: int = 0


@dataclass(frozen=True, slots=True)
class HouseDay:
    """The day of all teams. `shown` is the day of `campaigns` and `districts`: today, or yesterday while nobody was out today."""

    running: tuple[CampaignOption, ...]
    counts: FunnelCounts
    visits: VisitCounts
    counts_before: FunnelCounts
    visits_before: VisitCounts
    shown: date
    campaigns: tuple[Line, ...]
    districts: tuple[Line, ...]
    logs: tuple[LogRow, ...]
    boards: tuple[Board, ...]
    clashes: int = 0
    enquiries: int = 0
    held_back: int = 0


@dataclass(frozen=True, slots=True)
class Accounts:
    """The state of the accounts, for the administrator; and what failed behind the pages, of which nobody else is told."""

    active: int
    without_password: int
    locked: int
    shut_out: int
    failed_imports: int = 0
    undone_jobs: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """What an auditor looks at first: files made and phones shown today and in the last seven days, and the trail itself."""

    exports_today: int
    exports_week: int
    reveals_today: int
    reveals_week: int
    acts_today: int
    last_act_at: datetime | None


def my_day(actor: Actor, *, on: date, at: datetime) -> MyDay:
    """What a member has to know in the morning and at a glance in the street."""
    campaign, team_id = campaign_for_day(actor, on), min(actor.team_ids, default=None)
    due = follow_ups(actor, today=on, most=MOST_TASKS) if actor.may(LeadPermission.VIEW) else NO_FOLLOW_UPS
    name, todos = _team_name(team_id), tuple(list_todos(actor, mine=True).items)
    asked = new_enquiries(actor, mine=True)
    if campaign is None or team_id is None:
        return MyDay(campaign, team_id, name, due=due, todos=todos, enquiries=asked)
    counts = recorded_counts(actor, campaign.id, team_id, on).get(actor.user_id or 0, {})
    done = {metric: counts.get(recorded, 0) for metric, recorded in RECORDED_AS.items()}
    pledges = pledges_of(campaign.id, on, team_id=team_id)
    pledged = {metric: value for (_team, member, metric), value in pledges.items() if member == actor.user_id}
    return MyDay(campaign, team_id, name, done, pledged, due, todos, _boards_of(actor, campaign.id, at), asked)


def team_day(actor: Actor, *, on: date, at: datetime) -> TeamDay:
    """What a team lead has to know."""
    campaign, team_id = campaign_for_day(actor, on), min(actor.lead_of or actor.team_ids, default=None)
    name, todos = _team_name(team_id), tuple(list_todos(actor).items)
    if team_id is None:
        return TeamDay(campaign, None, name, todos=todos)
    waiting = count_due(actor, today=on, mine=False, team_id=team_id)
    overdue, due, asked = waiting.overdue, waiting.today, new_enquiries(actor)
    if campaign is None:
        return TeamDay(None, team_id, name, overdue=overdue, due=due, todos=todos, enquiries=asked)
    grid = day_grid(actor, campaign.id, team_id, on)
    pledged = _team_pledge(pledges_of(campaign.id, on, team_id=team_id))
    boards = _boards_of(actor, campaign.id, at)
    return TeamDay(campaign, team_id, name, grid, pledged, overdue, due, todos, boards, asked)


def house_day(actor: Actor, *, on: date, at: datetime) -> HouseDay:
    """What organisers and managers have to know."""
    query = FunnelQuery(from_day=on - timedelta(days=1), to_day=on, by="day")
    days = {row.key: row.counts for row in funnel(actor, query).rows}
    walked = visits(actor, query)
    keys = on.isoformat(), (on - timedelta(days=1)).isoformat()
    running = [one for one in open_campaigns(actor) if not one.walk_in and one.starts_on <= on <= one.ends_on]
    contests = [one for one in list_contests(actor) if one.status == "running" and one.starts_on <= on <= one.ends_on]
    counts = days.get(keys[0], FunnelCounts())
    # What the bank feeds back in the morning is no day in the field yet.
    begun = walked.at(keys[0]).all or any(getattr(counts, stage) for stage in FIELD_STAGES)
    shown = on if begun else on - timedelta(days=1)
    query = FunnelQuery(from_day=shown, to_day=shown)
    return HouseDay(
        running=tuple(running),
        counts=counts,
        visits=walked.at(keys[0]),
        counts_before=days.get(keys[1], FunnelCounts()),
        visits_before=walked.at(keys[1]),
        shown=shown,
        campaigns=lines_of(actor, query, "campaign"),
        districts=lines_of(actor, query, "place"),
        logs=logs_of(actor, on),
        boards=tuple(standings_of(actor, one.id, at=at) for one in contests[:MOST_BOARDS]),
        clashes=count_waiting(actor),
        enquiries=new_enquiries(actor),
        held_back=waiting_enquiries(actor),
    )


def accounts(actor: Actor, *, at: datetime) -> Accounts:
    """How many accounts there are, and which need a hand. Raises Forbidden without the right."""
    if not actor.may(PeoplePermission.EDIT_USERS):
        raise Forbidden("people.own_rights")
    count = func.count(User.id)
    row = db.session.execute(
        select(
            count.filter(User.active),
            count.filter(User.active, User.password_hash.is_(None)),
            count.filter(User.active, User.locked_until > at),
            count.filter(User.active.is_(False)),
        )
    ).one()
    # The rooms that know stand to the right of this one.
    failed_imports, undone_jobs = current_app.extensions["crm.troubles"](current_app.extensions["crm.settings"], at)
    return Accounts(*row, failed_imports, undone_jobs)


def watch(actor: Actor, *, on: date) -> Watch:
    """What an auditor looks at first. Raises Forbidden without the right."""
    if not actor.may(PeoplePermission.AUDIT):
        raise Forbidden("people.no_audit")
    today, week = day_bounds(on, zone_name())[0], day_bounds(on - timedelta(days=6), zone_name())[0]
    shown = AuditEntry.action == "leads.reveal"
    row = db.session.execute(
        select(
            func.count(AuditEntry.id).filter(shown, AuditEntry.at >= today),
            func.count(AuditEntry.id).filter(shown),
            func.count(AuditEntry.id).filter(AuditEntry.at >= today),
            func.max(AuditEntry.at),
        ).where(AuditEntry.at >= week)
    ).one()
    return Watch(exports_since(today), exports_since(week), *row)


def kind_of(actor: Actor) -> str:
    """Which of the five home pages the actor sees: member, team, house, accounts or watch."""
    by_role = {Role.MEMBER: "member", Role.TEAM_LEAD: "team", Role.ADMIN: "accounts", Role.AUDITOR: "watch"}
    return by_role.get(actor.role, "house")


def _boards_of(actor: Actor, campaign_id: int, at: datetime) -> tuple[Board, ...]:
    cards = [one for one in contests_of_campaign(actor, campaign_id) if one.status == "running"]
    return tuple(standings_of(actor, one.id, at=at) for one in cards[:MOST_BOARDS])


def _team_name(team_id: int | None) -> str:
    return "" if team_id is None else team_names().get(team_id, "")


def _team_pledge(pledges: Mapping[tuple[int, int | None, str], int]) -> dict[str, int]:
    members: dict[str, int] = {}
    team: dict[str, int] = {}
    for (_team, member, metric), value in pledges.items():
        if member is None:
            team[metric] = value
        else:
            members[metric] = members.get(metric, 0) + value
    return members | team
