"""Questions about meetings: which there are, what they left, what was pledged. Scoped by the actor."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, func, or_, select

from crm.campaigns.models import Campaign, CampaignTeam
from crm.campaigns.policy import visible_to as campaigns_visible_to
from crm.campaigns.rules import Status
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.kernel.paging import PER_PAGE, Page
from crm.meetings.models import CaseCard, Meeting, Minute, StoredReport, Todo
from crm.meetings.policy import visible_to
from crm.meetings.rules import AGENDAS, PLEDGED, Kind
from crm.outreach.models import Pledge
from crm.people.models import Team
from crm.people.policy import team_scope
from crm.people.queries import user_names


@dataclass(frozen=True)
class Note:
    """What holds under one key of the agenda; revision 0 and "" while nothing was written."""

    key: str
    revision: int = 0
    text: str = ""
    author: str = ""
    written_at: datetime | None = None


@dataclass(frozen=True)
class TodoRow:
    """Something to be done. `overdue_on` tells against which day it is late."""

    id: int
    text: str
    team_id: int | None
    team: str | None
    owner_id: int | None
    owner: str | None
    due_on: date | None
    made_on: date
    done_at: datetime | None
    done_by: str | None

    def overdue(self, today: date) -> bool:
        """Whether it is open and its day has passed."""
        return self.done_at is None and self.due_on is not None and self.due_on < today


@dataclass(frozen=True)
class CaseRow:
    """A case that was shared."""

    id: int
    member_id: int | None
    member: str | None
    segment: str
    opening: str
    objection: str
    result: str


@dataclass(frozen=True)
class Slot:
    """A team's (or with no team the campaign's) day: its two meetings and its newest stored report."""

    team_id: int | None
    team: str | None
    morning_id: int | None = None
    morning: str | None = None
    evening_id: int | None = None
    evening: str | None = None
    report_id: int | None = None
    revision: int = 0


@dataclass(frozen=True)
class CampaignDay:
    """A campaign on a day, with the slots that the actor may see; the campaign's own comes first."""

    campaign_id: int
    code: str
    name: str
    slots: tuple[Slot, ...]


def get_meeting(actor: Actor, meeting_id: int) -> Meeting:
    """One meeting that the actor may see; raises NotFound."""
    found = db.session.scalar(select(Meeting).where(Meeting.id == meeting_id, visible_to(actor)))
    if found is None:
        raise NotFound("meeting.not_found")
    return found


def find_meeting(campaign_id: int, team_id: int | None, day: date, kind: str) -> Meeting | None:
    """The meeting of a slot, if it was opened; the caller has checked the scope."""
    return db.session.scalar(select(Meeting).where(*_slot(campaign_id, team_id, day), Meeting.kind == kind))


def evening_before(campaign_id: int, team_id: int | None, day: date) -> Meeting | None:
    """The last evening meeting before that day; the caller has checked the scope."""
    wanted = (*_series(campaign_id, team_id), Meeting.day < day, Meeting.kind == Kind.EVENING.value)
    return db.session.scalar(select(Meeting).where(*wanted).order_by(Meeting.day.desc()).limit(1))


def _slot(campaign_id: int, team_id: int | None, day: date) -> tuple[ColumnElement[bool], ...]:
    return (*_series(campaign_id, team_id), Meeting.day == day)


def _series(campaign_id: int, team_id: int | None) -> tuple[ColumnElement[bool], ...]:
    same = Meeting.team_id.is_(None) if team_id is None else Meeting.team_id == team_id
    return (Meeting.campaign_id == campaign_id, same)


def meetings_on(actor: Actor, day: date) -> tuple[CampaignDay, ...]:
    """All campaigns that run on that day, the one begun last first: who meets, what is stored. A fixed number of queries."""
    rows = db.session.execute(
        select(Campaign.id, Campaign.code, Campaign.name)
        .where(
            campaigns_visible_to(actor),
            Campaign.walk_in.is_(False),
            Campaign.status.not_in((Status.DRAFT.value, Status.APPROVED.value)),
            Campaign.starts_on <= day,
            Campaign.ends_on >= day,
        )
        .order_by(Campaign.starts_on.desc(), Campaign.id.desc())
    ).all()
    ids = [row.id for row in rows]
    teams = _teams(actor, ids)
    held = _held(actor, ids, day)
    stored = newest_reports(actor, ids, day)
    return tuple(
        CampaignDay(row.id, row.code, row.name, tuple(_slot_of(row.id, *team, held, stored) for team in teams[row.id]))
        for row in rows
        if teams[row.id]
    )


def _teams(actor: Actor, campaign_ids: Collection[int]) -> dict[int, list[tuple[int | None, str | None]]]:
    scope = team_scope(actor)
    found: dict[int, list[tuple[int | None, str | None]]] = {
        campaign_id: [(None, None)] if scope is None else [] for campaign_id in campaign_ids
    }
    query = (
        select(CampaignTeam.campaign_id, Team.id, Team.name)
        .join(Team, Team.id == CampaignTeam.team_id)
        .where(CampaignTeam.campaign_id.in_(campaign_ids))
        .order_by(Team.id)
    )
    for campaign_id, team_id, name in db.session.execute(query):
        if scope is None or team_id in scope:
            found[campaign_id].append((team_id, name))
    return found


def _held(actor: Actor, campaign_ids: Collection[int], day: date) -> dict[tuple[int, int | None, str], tuple[int, str]]:
    query = select(Meeting.campaign_id, Meeting.team_id, Meeting.kind, Meeting.id, Meeting.status).where(
        Meeting.campaign_id.in_(campaign_ids), Meeting.day == day, visible_to(actor)
    )
    return {(row[0], row[1], row[2]): (row[3], row[4]) for row in db.session.execute(query)}


def newest_reports(
    actor: Actor, campaign_ids: Collection[int], day: date, kind: str = "evening"
) -> dict[tuple[int, int | None], tuple[int, int]]:
    """(id, revision) of the newest stored report of each campaign and team on that day."""
    query = (
        select(StoredReport.campaign_id, StoredReport.team_id, StoredReport.id, StoredReport.revision)
        .where(
            StoredReport.campaign_id.in_(campaign_ids),
            StoredReport.day == day,
            StoredReport.kind == kind,
            visible_to(actor, StoredReport),
        )
        .order_by(StoredReport.revision)
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in db.session.execute(query)}


def _slot_of(
    campaign_id: int,
    team_id: int | None,
    team: str | None,
    held: dict[tuple[int, int | None, str], tuple[int, str]],
    stored: dict[tuple[int, int | None], tuple[int, int]],
) -> Slot:
    morning = held.get((campaign_id, team_id, Kind.MORNING), (None, None))
    evening = held.get((campaign_id, team_id, Kind.EVENING), (None, None))
    report = stored.get((campaign_id, team_id), (None, 0))
    return Slot(team_id, team, *morning, *evening, *report)


# --- what a meeting left -----------------------------------------------------------------------------------------


def notes_of(meeting_id: int, *, as_of: datetime | None = None) -> dict[str, Note]:
    """What holds under each key that has been written; with `as_of` what held then."""
    query = select(Minute.key, Minute.revision, Minute.text, Minute.author_id, Minute.written_at)
    query = query.where(Minute.meeting_id == meeting_id).order_by(Minute.revision)
    if as_of is not None:
        query = query.where(Minute.written_at <= as_of)
    names = user_names()
    return {
        key: Note(key, revision, text, names.get(author or 0, ""), written_at)
        for key, revision, text, author, written_at in db.session.execute(query)
    }


def all_notes(meeting: Meeting) -> dict[str, Note]:
    """As `notes_of`, with an empty note for each key of the agenda that nothing was written under."""
    found = notes_of(meeting.id)
    return {key: found.get(key, Note(key)) for item in AGENDAS[Kind(meeting.kind)] for key in item.notes}


def cases_of(meeting_id: int, *, as_of: datetime | None = None) -> tuple[CaseRow, ...]:
    """The cases shared, in the order in which they were; without those taken back."""
    query = select(CaseCard).where(CaseCard.meeting_id == meeting_id, _standing(CaseCard, as_of)).order_by(CaseCard.id)
    names = user_names()
    return tuple(
        CaseRow(
            row.id, row.member_id, names.get(row.member_id or 0), row.segment, row.opening, row.objection, row.result
        )
        for row in db.session.scalars(query)
    )


def todos_of(actor: Actor, meeting_id: int, *, as_of: datetime | None = None) -> tuple[TodoRow, ...]:
    """What this meeting left to be done."""
    return tuple(_todo_rows(actor, Todo.meeting_id == meeting_id, _standing(Todo, as_of)))


def open_todos(actor: Actor, campaign_id: int, team_id: int | None, *, before: date) -> tuple[TodoRow, ...]:
    """Open ones of the campaign that earlier days left: of the team, and for the campaign's own meeting of all teams."""
    wanted = [Todo.campaign_id == campaign_id, Todo.done_at.is_(None), Meeting.day < before, _standing(Todo, None)]
    if team_id is not None:
        wanted.append(Todo.team_id == team_id)
    return tuple(_todo_rows(actor, *wanted))


def list_todos(actor: Actor, *, done: bool = False, mine: bool = False, page: int = 1) -> Page[TodoRow]:
    """To-dos in the actor's scope: open ones by their day, the done ones newest first."""
    wanted = [visible_to(actor, Todo), _standing(Todo, None)]
    wanted.append(Todo.done_at.is_not(None) if done else Todo.done_at.is_(None))
    if mine:
        wanted.append(Todo.owner_id == actor.user_id)
    total = db.session.scalar(select(func.count(Todo.id)).where(*wanted)) or 0
    return Page(_todo_rows(actor, *wanted, limit=PER_PAGE, offset=(page - 1) * PER_PAGE, newest=done), page, total)


def get_todo(actor: Actor, todo_id: int) -> Todo:
    """One to-do that the actor may see; raises NotFound."""
    found = db.session.scalar(select(Todo).where(Todo.id == todo_id, visible_to(actor, Todo)))
    if found is None:
        raise NotFound("todo.not_found")
    return found


def _todo_rows(
    actor: Actor, *wanted: ColumnElement[bool], limit: int = 200, offset: int = 0, newest: bool = False
) -> list[TodoRow]:
    order = [Todo.done_at.desc()] if newest else [Todo.due_on.is_(None), Todo.due_on, Todo.id]
    query = (
        select(
            Todo.id, Todo.text, Todo.team_id, Team.name, Todo.owner_id, Todo.due_on, Meeting.day, Todo.done_at, Todo.done_by_id
        )
        .join(Meeting, Meeting.id == Todo.meeting_id)
        .outerjoin(Team, Team.id == Todo.team_id)
        .where(visible_to(actor, Todo), *wanted)
        .order_by(*order)
        .limit(limit)
        .offset(offset)
    )  # fmt: skip
    names = user_names()
    return [
        TodoRow(id, text, team_id, team, owner, names.get(owner or 0), due_on, day, done_at, names.get(done_by or 0))
        for id, text, team_id, team, owner, due_on, day, done_at, done_by in db.session.execute(query)
    ]


def _standing(table: type[Todo] | type[CaseCard], as_of: datetime | None) -> ColumnElement[bool]:
    """Neither taken back nor, at that moment, yet to come."""
    if as_of is None:
        return table.withdrawn_at.is_(None)
    return and_(table.created_at <= as_of, or_(table.withdrawn_at.is_(None), table.withdrawn_at > as_of))


# --- pledges -----------------------------------------------------------------------------------------------------

Pledges = dict[tuple[int, int | None, str], int]
"""What was promised, by team, member (None for the team itself) and metric."""


def pledges_of(campaign_id: int, day: date, *, team_id: int | None = None, as_of: datetime | None = None) -> Pledges:
    """What holds of the pledges of a day, or what held at a moment. The caller has checked the scope."""
    query = select(Pledge.team_id, Pledge.member_id, Pledge.metric, Pledge.value).where(
        Pledge.campaign_id == campaign_id, Pledge.day == day, Pledge.metric.in_(PLEDGED)
    )
    if team_id is not None:
        query = query.where(Pledge.team_id == team_id)
    query = query.where(Pledge.current if as_of is None else Pledge.recorded_at <= as_of).order_by(Pledge.revision)
    return {(team, member, metric): value for team, member, metric, value in db.session.execute(query)}


def pledges_locked_at(campaign_id: int, team_id: int | None, day: date) -> datetime | None:
    """Since when a team's pledges of the day are locked: by its own morning meeting or by the campaign's."""
    return pledge_locks(campaign_id, day).of(team_id)


@dataclass(frozen=True)
class PledgeLocks:
    """Since when the pledges of a day are locked, by the team whose morning meeting locked them; None is the campaign's."""

    by_team: Mapping[int | None, datetime]

    def of(self, team_id: int | None) -> datetime | None:
        """The earlier of the team's own lock and the campaign's, which holds for every team."""
        return min((self.by_team[one] for one in {None, team_id} if one in self.by_team), default=None)


def pledge_locks(campaign_id: int, day: date) -> PledgeLocks:
    """All locks of a campaign's day, in one statement."""
    query = select(Meeting.team_id, Meeting.pledges_locked_at).where(
        Meeting.campaign_id == campaign_id,
        Meeting.day == day,
        Meeting.kind == Kind.MORNING.value,
        Meeting.pledges_locked_at.is_not(None),
    )
    return PledgeLocks({team_id: at for team_id, at in db.session.execute(query) if at is not None})
