"""Questions about the day in the field. Scoped by the actor, but for the facts that the PK takes from all teams alike."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, true
from sqlalchemy.orm import aliased

from crm.campaigns.models import Campaign, CampaignTeam
from crm.campaigns.queries import get_campaign
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.kernel.installation import zone_name
from crm.kernel.paging import PER_PAGE, Page
from crm.leads.ledger_models import MemberDay, StageEntry
from crm.leads.policy import LeadPermission
from crm.leads.rules import FIELD_STAGES
from crm.outreach.models import DailyLog, Tally, Visit
from crm.outreach.policy import check_team
from crm.outreach.roll import Call, calls
from crm.outreach.rules import (
    ATTENDED,
    COMPARED,
    STAGE_OF,
    Declared,
    LogStatus,
    Recorded,
    closed_at,
    is_late_entry,
)
from crm.people.models import Membership, Team, User
from crm.people.policy import team_scope
from crm.people.queries import in_force

METRIC_OF = {stage: metric for metric, stage in STAGE_OF.items()}
"""The recorded metric that counts a stage of the ledger."""

Counts = dict[int, dict[str, int]]
"""Counts by member id and metric; a metric that is not named is 0."""


@dataclass(frozen=True)
class RosterRow:
    """A member of the team on that day."""

    member_id: int
    name: str
    is_lead: bool


@dataclass(frozen=True)
class Cell:
    """One metric of one member or of the whole team. None: not recorded by records, or nothing declared."""

    metric: str
    recorded: int | None
    declared: int | None

    @property
    def difference(self) -> int | None:
        """Declared minus recorded, where both are known."""
        if self.recorded is None or self.declared is None:
            return None
        return self.declared - self.recorded


@dataclass(frozen=True)
class GridRow:
    """A member's day. `late_entries` are visits received after the day had closed: among the recorded ones, named apart (补录).

    `presence_late`: the roll was called or corrected for this member after the day's cut-off.
    """

    member_id: int
    name: str
    is_lead: bool
    presence: str | None
    touched: int
    valid: int
    compared: tuple[Cell, ...]
    tallies: tuple[Cell, ...]
    late_entries: int = 0
    on_roster: bool = True
    presence_late: bool = False


@dataclass(frozen=True)
class LogCard:
    """The state and the words of a team's day; version 1 and empty while nobody has written."""

    status: str = LogStatus.OPEN.value
    highlights: str = ""
    difficulties: str = ""
    help_needed: str = ""
    plan: str = ""
    submitted_at: datetime | None = None
    submitted_by: str | None = None
    late: bool = False
    locked_at: datetime | None = None
    locked_by: str | None = None
    version: int = 1


@dataclass(frozen=True)
class DayGrid:
    """The daily log of one team: a row for each member and their sum."""

    rows: tuple[GridRow, ...]
    total: GridRow
    log: LogCard


@dataclass(frozen=True)
class VisitRow:
    """A visit in the list. `note` and `void_reason` are empty for whoever may not see customers: auditors, and trainers from outside."""

    id: int
    occurred_at: datetime
    received_at: datetime
    member: str
    member_id: int
    companion: str | None
    outcome: str
    valid: bool
    note: str
    lead_id: int | None
    voided_at: datetime | None
    void_reason: str
    late_entry: bool


@dataclass(frozen=True)
class LogRow:
    """A team's log of a day in the overview. `status` is "missing" when nobody handed it in or locked it."""

    campaign_id: int
    campaign: str
    team_id: int
    team: str
    status: str
    submitted_at: datetime | None
    late: bool
    locked_at: datetime | None
    touched: int
    valid: int


class VisitFact(NamedTuple):
    """A valid visit as the PK scores it."""

    id: int
    day: date
    team_id: int | None
    member_id: int
    companion_id: int | None
    occurred_at: datetime
    received_at: datetime


def roster(team_id: int, day: date) -> tuple[RosterRow, ...]:
    """Who belonged to the team on that day, leads first; also those whose account was closed since."""
    query = (
        select(User.id, User.name, Membership.is_lead)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.team_id == team_id, in_force(day))
        .order_by(Membership.is_lead.desc(), User.id)
    )
    return tuple(RosterRow(*row) for row in db.session.execute(query))


def recorded_counts(actor: Actor, campaign_id: int, team_id: int, day: date) -> Counts:
    """What the records say, by member: valid visits and those merely touched, and leads that reached each stage, credited to the member."""
    _check(actor, campaign_id, team_id)
    counts: Counts = defaultdict(dict)
    for member_id, touched, valid in db.session.execute(counted_visits(campaign_id, team_id, day)):
        counts[member_id] |= {Recorded.VISITS_TOUCHED.value: touched, Recorded.VISITS_VALID.value: valid}
    for member_id, stage, leads in db.session.execute(counted_stages(campaign_id, team_id, day)):
        counts[member_id][METRIC_OF[stage]] = leads
    return dict(counts)


def declared_counts(actor: Actor, campaign_id: int, team_id: int, day: date) -> Counts:
    """Sums of the tallies by member and metric; only what was ever declared is named."""
    _check(actor, campaign_id, team_id)
    counts: Counts = defaultdict(dict)
    for member_id, metric, total in db.session.execute(declared_sums(campaign_id, team_id, day)):
        counts[member_id][metric] = int(total)
    return dict(counts)


def attendance_of(actor: Actor, campaign_id: int, team_id: int, day: date) -> dict[int, Call]:
    """What the roll says by member, for those whose attendance was taken."""
    _check(actor, campaign_id, team_id)
    return {one.member_id: one for one in calls([campaign_id], day, day, team_id=team_id)}


def roll_of_day(actor: Actor, campaign_id: int, day: date) -> dict[int, dict[int, Call]]:
    """What the roll says of a whole campaign's day, by team and member, for the teams that the actor may see."""
    get_campaign(actor, campaign_id)
    teams, found = team_scope(actor), defaultdict[int, dict[int, Call]](dict)
    for one in calls([campaign_id], day, day):
        if teams is None or one.team_id in teams:
            found[one.team_id][one.member_id] = one
    return found


def log_of(actor: Actor, campaign_id: int, team_id: int, day: date) -> LogCard:
    """The team's log of that day."""
    _check(actor, campaign_id, team_id)
    return kept_log(campaign_id, team_id, day)


def kept_log(campaign_id: int, team_id: int, day: date) -> LogCard:
    """The same for whoever has checked the scope."""
    locker, submitter = aliased(User), aliased(User)
    query = (
        select(
            DailyLog.status, DailyLog.highlights, DailyLog.difficulties, DailyLog.help_needed, DailyLog.plan,
            DailyLog.submitted_at, submitter.name, DailyLog.late, DailyLog.locked_at, locker.name, DailyLog.version,
        )
        .outerjoin(submitter, submitter.id == DailyLog.submitted_by_id)
        .outerjoin(locker, locker.id == DailyLog.locked_by_id)
        .where(DailyLog.campaign_id == campaign_id, DailyLog.team_id == team_id, DailyLog.day == day)
    )  # fmt: skip
    row = db.session.execute(query).first()
    return LogCard(*row) if row else LogCard()


def day_grid(actor: Actor, campaign_id: int, team_id: int, day: date) -> DayGrid:
    """Member x metric: what is recorded, what is declared, and the difference; the roster first, then others with counts."""
    recorded = recorded_counts(actor, campaign_id, team_id, day)
    declared = declared_counts(actor, campaign_id, team_id, day)
    attendance = attendance_of(actor, campaign_id, team_id, day)
    log = log_of(actor, campaign_id, team_id, day)
    late = _late_entries(campaign_id, team_id, day, closed_at(day, log.locked_at, zone_name()))
    people = roster(team_id, day)
    names = {person.member_id: person for person in people}
    others = sorted((recorded.keys() | declared.keys() | attendance.keys()) - names.keys())
    strangers = _names(others)
    rows = [
        _grid_row(
            names.get(member_id) or RosterRow(member_id, strangers.get(member_id, ""), False),
            attendance.get(member_id),
            recorded.get(member_id, {}),
            declared.get(member_id, {}),
            late.get(member_id, 0),
            on_roster=member_id in names,
        )
        for member_id in [*names, *others]
    ]
    total = _grid_row(RosterRow(0, "", False), None, _sum(recorded), _sum(declared), sum(late.values()), on_roster=True)
    return DayGrid(tuple(rows), total, log)


def visits_of(
    actor: Actor, campaign_id: int, team_id: int, day: date, *, member_id: int | None = None, page: int = 1
) -> Page[VisitRow]:
    """The visits of a team's day, or of one member's, newest first, undone ones among them."""
    _check(actor, campaign_id, team_id)
    companion = aliased(User)
    wanted = visits_on(campaign_id, team_id, day)
    if member_id is not None:
        wanted = and_(wanted, Visit.member_id == member_id)
    total = db.session.scalar(select(func.count(Visit.id)).where(wanted)) or 0
    query = (
        select(
            Visit.id, Visit.occurred_at, Visit.received_at, User.name, Visit.member_id, companion.name, Visit.outcome,
            Visit.valid, Visit.note, Visit.lead_id, Visit.voided_at, Visit.void_reason,
        )
        .join(User, User.id == Visit.member_id)
        .outerjoin(companion, companion.id == Visit.companion_id)
        .where(wanted)
        .order_by(Visit.occurred_at.desc(), Visit.id.desc())
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
    )  # fmt: skip
    closed = closed_at(day, kept_log(campaign_id, team_id, day).locked_at, zone_name())
    with_customers = actor.may(LeadPermission.VIEW)
    rows = []
    for row in db.session.execute(query):
        note, why, lead_id = (row.note, row.void_reason, row.lead_id) if with_customers else ("", "", None)
        late = is_late_entry(row.received_at, closed)
        rows.append(VisitRow(*row[:8], note, lead_id, row.voided_at, why, late))
    return Page(rows, page, total)


def get_visit(actor: Actor, visit_id: int) -> Visit:
    """One visit of a team in scope; hidden and missing answer alike."""
    visit = db.session.get(Visit, visit_id)
    scope = team_scope(actor)
    if visit is None or (scope is not None and visit.team_id not in scope):
        raise NotFound("visit.not_found")
    return visit


def logs_of(actor: Actor, day: date, *, campaign_id: int | None = None) -> tuple[LogRow, ...]:
    """The logs of every team in scope that takes part in a campaign running on that day, the missing ones among them."""
    scope = team_scope(actor)
    wanted: list[ColumnElement[bool]] = [
        Campaign.walk_in.is_(False),
        Campaign.status != "draft",
        Campaign.starts_on <= day,
        Campaign.ends_on >= day,
    ]
    if scope is not None:
        wanted.append(CampaignTeam.team_id.in_(scope))
    if campaign_id is not None:
        wanted.append(Campaign.id == campaign_id)
    same_day = and_(DailyLog.campaign_id == Campaign.id, DailyLog.team_id == CampaignTeam.team_id, DailyLog.day == day)
    query = (
        select(
            Campaign.id, Campaign.name, Team.id, Team.name, func.coalesce(DailyLog.status, LogStatus.OPEN.value),
            DailyLog.submitted_at, func.coalesce(DailyLog.late, false()), DailyLog.locked_at,
        )
        .join(CampaignTeam, CampaignTeam.campaign_id == Campaign.id)
        .join(Team, Team.id == CampaignTeam.team_id)
        .outerjoin(DailyLog, same_day)
        .where(*wanted)
        .order_by(Campaign.starts_on.desc(), Campaign.id.desc(), Team.id)
    )  # fmt: skip
    rows = db.session.execute(query).all()
    visits = _team_visits({row[0] for row in rows}, day)
    return tuple(
        LogRow(
            *row[:4], "missing" if row[4] == LogStatus.OPEN else row[4], row[5], bool(row[6]), row[7],
            *visits.get((row[0], row[2]), (0, 0)),
        )
        for row in rows
    )  # fmt: skip


# --- facts for the PK: all teams, because everybody in a contest sees every team's figures -----------------------


def valid_visits(
    campaign_ids: Collection[int], from_day: date, to_day: date, *, as_of: datetime | None = None
) -> list[VisitFact]:
    """Visits that are valid and not undone, by id; with `as_of` as the server knew them then."""
    standing: ColumnElement[bool] = Visit.voided_at.is_(None)
    if as_of is not None:
        standing = and_(Visit.received_at <= as_of, or_(standing, Visit.voided_at > as_of))
    query = select(
        Visit.id, Visit.day, Visit.team_id, Visit.member_id, Visit.companion_id, Visit.occurred_at, Visit.received_at
    ).where(Visit.campaign_id.in_(campaign_ids), Visit.day.between(from_day, to_day), Visit.valid, standing)
    return [VisitFact(*row) for row in db.session.execute(query.order_by(Visit.id))]


def person_days(campaign_ids: Collection[int], from_day: date, to_day: date) -> dict[tuple[int, date], int]:
    """Attended person-days by (team, day): the base of every figure per head (人均).

    A member who was present or late counts once a day, however many of the campaigns took the attendance. Where no attendance
    was taken for a team and day, the roster of that day counts if the team recorded any work: a visit, a consult, an
    application or an accepted case. What the bank feeds back is nobody's day in the field.
    """
    return {key: len(members) for key, members in attended_members(campaign_ids, from_day, to_day).items()}


def attended_members(
    campaign_ids: Collection[int], from_day: date, to_day: date, *, as_of: datetime | None = None
) -> dict[tuple[int, date], frozenset[int]]:
    """Who the person-days of `person_days` are, for boards of persons; with `as_of` by what was received until then."""
    taken: dict[tuple[int, date], set[int]] = {}
    for one in calls(campaign_ids, from_day, to_day, as_of=as_of):
        here = taken.setdefault((one.team_id, one.day), set())
        if one.state in ATTENDED:
            here.add(one.member_id)
    missing = _worked_days(campaign_ids, from_day, to_day, as_of) - taken.keys()
    for team_id, user_id, since, until in _memberships({team_id for team_id, _ in missing}, from_day, to_day):
        for day in _days(max(since, from_day), min(until or to_day, to_day)):
            if (team_id, day) in missing:
                taken.setdefault((team_id, day), set()).add(user_id)
    return {key: frozenset(members) for key, members in taken.items()}


def _worked_days(
    campaign_ids: Collection[int], from_day: date, to_day: date, as_of: datetime | None
) -> set[tuple[int, date]]:
    """Teams and days for which a visit or a stage of the field was recorded, undone ones too: somebody was there to record it."""
    days: set[tuple[int, date]] = set()
    for table, work in ((Visit, true()), (StageEntry, StageEntry.stage.in_(FIELD_STAGES))):
        query = select(table.team_id, table.day).where(
            table.campaign_id.in_(campaign_ids), table.day.between(from_day, to_day), table.team_id.is_not(None), work
        )
        if as_of is not None:
            query = query.where(table.received_at <= as_of)
        days.update((team_id, day) for team_id, day in db.session.execute(query.distinct()) if team_id is not None)
    return days


def _memberships(team_ids: set[int], from_day: date, to_day: date) -> list[tuple[int, int, date, date | None]]:
    if not team_ids:
        return []
    query = select(Membership.team_id, Membership.user_id, Membership.valid_from, Membership.valid_to).where(
        Membership.team_id.in_(team_ids),
        Membership.valid_from <= to_day,
        or_(Membership.valid_to.is_(None), Membership.valid_to >= from_day),
    )
    return [(row[0], row[1], row[2], row[3]) for row in db.session.execute(query)]


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


# --- parts of the above --------------------------------------------------------------------------------------------


def _check(actor: Actor, campaign_id: int, team_id: int) -> None:
    get_campaign(actor, campaign_id)
    check_team(actor, team_id)


def visits_on(campaign_id: int, team_id: int, day: date) -> ColumnElement[bool]:
    """The visits of a team's day, undone ones among them."""
    return and_(Visit.campaign_id == campaign_id, Visit.day == day, Visit.team_id == team_id)


def counted_visits(campaign_id: int, team_id: int, day: date) -> Select[int, int, int]:
    """Asks for (member id, touched visits, valid visits) of a team's day: the one definition of what a member visited."""
    return (
        select(Visit.member_id, func.count().filter(~Visit.valid), func.count().filter(Visit.valid))
        .where(visits_on(campaign_id, team_id, day), Visit.voided_at.is_(None))
        .group_by(Visit.member_id)
    )


def counted_stages(campaign_id: int, team_id: int, day: date) -> Select[int, str, int]:
    """Asks for (member id, stage, leads) of a team's day, by the credited member: the one definition of what a member brought."""
    return select(MemberDay.member_id, MemberDay.stage, MemberDay.leads).where(
        MemberDay.campaign_id == campaign_id,
        MemberDay.day == day,
        MemberDay.team_id == team_id,
        MemberDay.stage.in_(METRIC_OF),
        MemberDay.leads != 0,
    )


def declared_sums(campaign_id: int, team_id: int, day: date) -> Select[int, str, int]:
    """Asks for (member id, metric, sum) of what a team declared for a day."""
    return (
        select(Tally.member_id, Tally.metric, func.sum(Tally.delta))
        .where(Tally.campaign_id == campaign_id, Tally.day == day, Tally.team_id == team_id)
        .group_by(Tally.member_id, Tally.metric)
    )


def _late_entries(campaign_id: int, team_id: int, day: date, closed: datetime) -> dict[int, int]:
    query = (
        select(Visit.member_id, func.count())
        .where(visits_on(campaign_id, team_id, day), Visit.voided_at.is_(None), Visit.received_at > closed)
        .group_by(Visit.member_id)
    )
    return dict(db.session.execute(query).all())


def _names(user_ids: Collection[int]) -> dict[int, str]:
    if not user_ids:
        return {}
    return dict(db.session.execute(select(User.id, User.name).where(User.id.in_(user_ids))).all())


def _team_visits(campaign_ids: set[int], day: date) -> dict[tuple[int, int], tuple[int, int]]:
    query = (
        select(Visit.campaign_id, Visit.team_id, func.count().filter(~Visit.valid), func.count().filter(Visit.valid))
        .where(
            Visit.campaign_id.in_(campaign_ids), Visit.day == day, Visit.voided_at.is_(None), Visit.team_id.is_not(None)
        )
        .group_by(Visit.campaign_id, Visit.team_id)
    )
    return {(row[0], row[1] or 0): (row[2], row[3]) for row in db.session.execute(query)}


def _grid_row(
    person: RosterRow,
    call: Call | None,
    recorded: Mapping[str, int],
    declared: Mapping[str, int],
    late_entries: int,
    *,
    on_roster: bool,
) -> GridRow:
    compared = tuple(Cell(metric, recorded.get(metric, 0), declared.get(metric)) for metric in COMPARED)
    tallies = tuple(Cell(metric.value, None, declared.get(metric)) for metric in Declared if metric not in COMPARED)
    return GridRow(
        person.member_id,
        person.name,
        person.is_lead,
        None if call is None else call.state,
        recorded.get(Recorded.VISITS_TOUCHED, 0),
        recorded.get(Recorded.VISITS_VALID, 0),
        compared,
        tallies,
        late_entries,
        on_roster,
        call is not None and call.late,
    )


def _sum(counts: Counts) -> dict[str, int]:
    total: dict[str, int] = defaultdict(int)
    for metrics in counts.values():
        for metric, number in metrics.items():
            total[metric] += number
    return dict(total)


@dataclass(frozen=True)
class VisitTo:
    """A visit to one customer, for whoever weighs two teams' claims. `team` and `member` are names."""

    team: str
    member: str
    outcome: str
    valid: bool
    occurred_at: datetime
    received_at: datetime


def visits_to(actor: Actor, lead_ids: Collection[int], *, most: int = PER_PAGE) -> tuple[VisitTo, ...]:
    """Visits to these leads that stand, of the teams in the actor's scope, by the time at which they happened."""
    scope = team_scope(actor)
    query = (
        select(
            func.coalesce(Team.name, ""), User.name, Visit.outcome, Visit.valid, Visit.occurred_at, Visit.received_at
        )
        .join(User, User.id == Visit.member_id)
        .outerjoin(Team, Team.id == Visit.team_id)
        .where(
            Visit.lead_id.in_(lead_ids),
            Visit.voided_at.is_(None),
            true() if scope is None else Visit.team_id.in_(scope),
        )
        .order_by(Visit.occurred_at, Visit.id)
    )
    return tuple(VisitTo(*row) for row in db.session.execute(query.limit(most)))
