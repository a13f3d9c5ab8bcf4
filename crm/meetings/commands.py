"""What happens in a meeting: opening, notes, to-dos, cases, closing. Pledges and the roll call are in `pledging`."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite

from crm.campaigns.queries import get_campaign, takes_part, teams_of
from crm.campaigns.rules import Status
from crm.districts.models import District
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from crm.kernel.installation import zone_name
from crm.kernel.values import public_words
from crm.leads.rules import Segment
from crm.meetings import rules
from crm.meetings.models import CaseCard, Meeting, Minute, Todo
from crm.meetings.policy import check_leads, check_scope, leads
from crm.meetings.queries import find_meeting, get_meeting, get_todo
from crm.meetings.rules import Kind
from crm.outreach.log_commands import lock_log
from crm.outreach.models import DailyLog
from crm.people.models import User

_HELD_IN = frozenset({Status.RUNNING.value, Status.CLOSED.value})


def open_meeting(actor: Actor, *, campaign_id: int, team_id: int | None, day: date, kind: str, at: datetime) -> Meeting:
    """The meeting of that slot, made when there is none yet: two people who open it at once get the same one.

    Raises NotFound for a campaign or team out of sight, Forbidden for who does not lead it, Invalid for a day outside the
    campaign or in the future, for a team that does not take part, and for a campaign that is not running.
    """
    campaign = get_campaign(actor, campaign_id)
    check_scope(actor, team_id)
    _check_kind(kind)
    known = find_meeting(campaign_id, team_id, day, kind)
    if known is not None:
        return known
    check_leads(actor, team_id)
    if campaign.status not in _HELD_IN or campaign.walk_in:
        raise Invalid("meeting.not_running")
    if not campaign.starts_on <= day <= campaign.ends_on:
        raise Invalid("meeting.outside", first=campaign.starts_on.isoformat(), last=campaign.ends_on.isoformat())
    if day > business_day(at, zone_name()):
        raise Invalid("meeting.future")
    if team_id is not None and not takes_part(campaign_id, team_id):
        raise NotFound("meeting.not_found")
    return _opened(actor, campaign_id, team_id, day, kind, at)


def _opened(actor: Actor, campaign_id: int, team_id: int | None, day: date, kind: str, at: datetime) -> Meeting:
    dialect = postgresql if db.engine.dialect.name == "postgresql" else sqlite
    row = dialect.insert(Meeting).values(
        campaign_id=campaign_id, team_id=team_id, day=day, kind=kind, status="open", opened_at=at, opened_by_id=actor.user_id
    )  # fmt: skip
    made = db.session.execute(row.on_conflict_do_nothing().returning(Meeting.id)).scalar_one_or_none()
    meeting = find_meeting(campaign_id, team_id, day, kind)
    if meeting is None:
        raise Conflict("form.stale")
    if made is not None:
        audit.record(
            actor, "meeting.open", "meeting", meeting.id, campaign=campaign_id, team=team_id, day=day, kind=kind
        )
    return meeting


def save_minutes(actor: Actor, meeting_id: int, *, key: str, text: str, version: int, at: datetime) -> Minute:
    """Writes what holds under a key of the agenda as its next revision; the same text again changes nothing.

    `version` is the revision that the writer was looking at, 0 for none: Conflict("form.stale") when somebody has written
    since. Two recorders at different items do not disturb each other.
    """
    meeting = writable(actor, meeting_id)
    if key not in rules.NOTES[Kind(meeting.kind)] or key in rules.LISTS:
        raise Invalid("meeting.no_item")
    return _write(actor, meeting, key, public_words(text, most=rules.LONGEST_NOTE), version, at)


def save_passed(actor: Actor, meeting_id: int, *, member_ids: Sequence[int], version: int, at: datetime) -> Minute:
    """Who passed the drill."""
    meeting = writable(actor, meeting_id, kind=Kind.MORNING)
    _check_people(member_ids)
    text = rules.checked_ids("passed", [[member_id] for member_id in sorted(set(member_ids))])
    return _write(actor, meeting, "passed", text, version, at)


def save_routes(
    actor: Actor, meeting_id: int, *, routes: Sequence[tuple[int, int | None, int | None]], version: int, at: datetime
) -> Minute:
    """Who goes where, and with whom: (member, district or None, partner or None)."""
    meeting = writable(actor, meeting_id, kind=Kind.MORNING)
    _check_people([one for member, _, partner in routes for one in (member, partner) if one is not None])
    districts = {district for _, district, _ in routes if district is not None}
    known = db.session.scalar(select(func.count(District.id)).where(District.id.in_(districts)))
    if known != len(districts):
        raise Invalid("districts.missing")
    return _write(actor, meeting, "routes", rules.checked_ids("routes", [list(route) for route in routes]), version, at)


def _write(actor: Actor, meeting: Meeting, key: str, text: str, version: int, at: datetime) -> Minute:
    newest = db.session.scalar(
        select(Minute)
        .where(Minute.meeting_id == meeting.id, Minute.key == key)
        .order_by(Minute.revision.desc())
        .limit(1)
    )
    if newest is not None and newest.text == text:
        return newest
    if version != (newest.revision if newest else 0):
        raise Conflict("form.stale")
    minute = Minute(
        meeting_id=meeting.id, key=key, revision=version + 1, text=text, author_id=actor.user_id, written_at=at
    )
    db.session.add(minute)
    db.session.flush()
    return minute


def add_todo(
    actor: Actor, meeting_id: int, *, text: str, owner_id: int | None = None, due_on: date | None = None, at: datetime
) -> Todo:
    """Something to be done, by whom and until when. It opens the coming morning meetings until it is done."""
    meeting = writable(actor, meeting_id)
    text = public_words(text, most=rules.LONGEST_TODO)
    if not text:
        raise Invalid("todo.empty")
    if due_on is not None and due_on < meeting.day:
        raise Invalid("todo.past")
    _check_people([] if owner_id is None else [owner_id])
    todo = Todo(
        campaign_id=meeting.campaign_id, team_id=meeting.team_id, meeting_id=meeting.id, text=text,
        owner_id=owner_id, due_on=due_on, created_by_id=actor.user_id, created_at=at,
    )  # fmt: skip
    db.session.add(todo)
    db.session.flush()
    audit.record(actor, "meeting.todo", "todo", todo.id)
    return todo


def done_todo(actor: Actor, todo_id: int, *, at: datetime, done: bool = True) -> Todo:
    """Ticks a to-do off, or opens it again: its owner or who leads the meeting. Doing it again changes nothing."""
    todo = _own_todo(actor, todo_id)
    if (todo.done_at is not None) == done:
        return todo
    todo.done_at, todo.done_by_id = (at, actor.user_id) if done else (None, None)
    db.session.flush()
    audit.record(actor, "meeting.todo_done" if done else "meeting.todo_reopened", "todo", todo.id)
    return todo


def withdraw_todo(actor: Actor, todo_id: int, *, at: datetime) -> Todo:
    """Takes a to-do back that should never have been: who leads the meeting."""
    todo = get_todo(actor, todo_id)
    check_leads(actor, todo.team_id)
    if todo.withdrawn_at is None:
        todo.withdrawn_at = at
        db.session.flush()
        audit.record(actor, "meeting.todo_withdrawn", "todo", todo.id)
    return todo


def _own_todo(actor: Actor, todo_id: int) -> Todo:
    todo = get_todo(actor, todo_id)
    if not (leads(actor, todo.team_id) or (todo.owner_id is not None and todo.owner_id == actor.user_id)):
        raise Forbidden("meeting.not_leading")
    return todo


def add_case_card(
    actor: Actor,
    meeting_id: int,
    *,
    member_id: int | None,
    segment: str = "",
    opening: str = "",
    objection: str = "",
    result: str = "",
    at: datetime,
) -> CaseCard:
    """A case that a member shares: what was said, what stood against it, how it ended. No customer's name or phone."""
    meeting = writable(actor, meeting_id, kind=Kind.EVENING)
    words = [public_words(text, most=1000) for text in (opening, objection, result)]
    if not any(words):
        raise Invalid("case.empty")
    if segment and segment not in set(Segment):
        raise Invalid("case.segment")
    _check_people([] if member_id is None else [member_id])
    card = CaseCard(
        meeting_id=meeting.id, member_id=member_id, segment=segment, opening=words[0], objection=words[1], result=words[2],
        created_by_id=actor.user_id, created_at=at,
    )  # fmt: skip
    db.session.add(card)
    db.session.flush()
    audit.record(actor, "meeting.case", "case_card", card.id, member=member_id)
    return card


def withdraw_case(actor: Actor, case_id: int, *, at: datetime) -> CaseCard:
    """Takes a case back; a stored report keeps it."""
    card = db.session.get(CaseCard, case_id)
    if card is None:
        raise NotFound("case.not_found")
    try:
        meeting = get_meeting(actor, card.meeting_id)
    except NotFound:
        raise NotFound("case.not_found") from None
    check_leads(actor, meeting.team_id)
    if card.withdrawn_at is None:
        card.withdrawn_at = at
        db.session.flush()
        audit.record(actor, "meeting.case_withdrawn", "case_card", card.id)
    return card


def lock_logs(actor: Actor, meeting_id: int, *, at: datetime) -> tuple[DailyLog, ...]:
    """Locks the daily logs of the meeting's team, or of all teams of the campaign, in the order of the teams."""
    meeting = writable(actor, meeting_id, kind=Kind.EVENING)
    teams = [team.team_id for team in teams_of(meeting.campaign_id) if meeting.team_id in (None, team.team_id)]
    return tuple(
        lock_log(actor, campaign_id=meeting.campaign_id, team_id=team_id, day=meeting.day, at=at) for team_id in teams
    )


def close_meeting(actor: Actor, meeting_id: int, *, at: datetime, closed: bool = True) -> Meeting:
    """Ends a meeting, after which nothing more is written into it; or opens it again. Doing it twice changes nothing."""
    meeting = get_meeting(actor, meeting_id)
    check_leads(actor, meeting.team_id)
    if (meeting.status == "closed") != closed:
        meeting.status, meeting.closed_at = ("closed", at) if closed else ("open", None)
        db.session.flush()
        audit.record(actor, "meeting.close" if closed else "meeting.reopen", "meeting", meeting.id)
    return meeting


def writable(actor: Actor, meeting_id: int, *, kind: Kind | None = None) -> Meeting:
    """A meeting that the actor leads and that is open, locked until the end of the unit so that writers queue."""
    meeting = get_meeting(actor, meeting_id)
    check_leads(actor, meeting.team_id)
    if kind is not None and meeting.kind != kind:
        raise Invalid("meeting.no_item")
    db.session.refresh(meeting, with_for_update=True)
    if meeting.status == "closed":
        raise Conflict("meeting.closed")
    return meeting


def _check_kind(kind: str) -> None:
    if kind not in set(Kind):
        raise Invalid("meeting.no_kind")


def _check_people(user_ids: Sequence[int]) -> None:
    wanted = set(user_ids)
    if wanted and db.session.scalar(select(func.count(User.id)).where(User.id.in_(wanted))) != len(wanted):
        raise Invalid("people.no_user")
