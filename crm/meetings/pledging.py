"""The morning's promises: roll call, pledges, and their lock. A pledge is never overwritten: a change is its next revision."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select, update

from crm.campaigns.queries import get_campaign, takes_part
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from crm.kernel.installation import zone_name
from crm.kernel.values import public_words
from crm.meetings import rules
from crm.meetings.commands import writable
from crm.meetings.models import Meeting
from crm.meetings.policy import MeetingPermission, check_scope, leads
from crm.meetings.queries import pledges_locked_at
from crm.meetings.rules import Kind
from crm.outreach import log_commands
from crm.outreach.models import Attendance, Pledge
from crm.outreach.rules import count_of
from crm.people.models import Membership
from crm.people.queries import in_force


@dataclass(frozen=True)
class Presence:
    """What the roll call says of one member; `seen` is what it said when its writer read it, where that is known."""

    member_id: int
    state: str
    reason: str = ""
    seen: tuple[str, str] | None = None


def call_roll(
    actor: Actor, meeting_id: int, *, team_id: int, roll: list[Presence], at: datetime
) -> tuple[Attendance, ...]:
    """Who is there, late, on leave or absent, with the reason; only what changes is written. A morning meeting's."""
    meeting = writable(actor, meeting_id, kind=Kind.MORNING)
    if meeting.team_id not in (None, team_id):
        raise NotFound("meeting.not_found")
    return tuple(
        log_commands.set_attendance(
            actor,
            meeting.campaign_id,
            team_id,
            meeting.day,
            one.member_id,
            one.state,
            one.reason.strip(),
            at=at,
            seen=one.seen,
        )
        for one in roll
    )


def set_pledges(
    actor: Actor,
    *,
    campaign_id: int,
    team_id: int,
    member_id: int | None,
    day: date,
    values: Mapping[str, int | str | None],
    reason: str = "",
    at: datetime,
    seen: Mapping[str, int | None] | None = None,
) -> int:
    """What a member, or with no member the team itself, promises for the day, by metric; None leaves a metric alone.

    Answers how many changed. A member pledges for themselves, who leads the meeting for all. Once the pledges are locked only
    the latter changes them, with a reason, as a further revision. `seen` holds what the person was looking at, by metric.
    Raises Invalid for a count that cannot be or a day outside the campaign, Conflict("pledge.locked"),
    Conflict("pledge.moved") when somebody has pledged otherwise since, Forbidden, NotFound.
    """
    _check_place(actor, campaign_id, team_id, member_id, day, at)
    locked_at = pledges_locked_at(campaign_id, team_id, day)
    if locked_at is not None and not leads(actor, team_id):
        raise Conflict("pledge.locked")
    wanted = {metric: _value(metric, value) for metric, value in values.items() if value not in (None, "")}
    known = _current(campaign_id, team_id, member_id, day)
    changed = {metric: value for metric, value in wanted.items() if metric not in known or known[metric].value != value}
    if not changed:
        return 0
    standing = {metric: known[metric].value if metric in known else None for metric in changed}
    if seen is not None and any(metric in seen and seen[metric] != value for metric, value in standing.items()):
        raise Conflict("pledge.moved")
    reason = public_words(reason, most=rules.LONGEST_REASON)
    if locked_at is not None and not reason:
        raise Invalid("pledge.reason")
    for metric, value in changed.items():
        before = known.get(metric)
        if before is not None:
            before.current = False
            # Out before in: only one pledge of a metric is current at any moment, the index says so.
            db.session.flush()
        db.session.add(
            Pledge(
                campaign_id=campaign_id, team_id=team_id, member_id=member_id, day=day, metric=metric, value=value,
                revision=before.revision + 1 if before else 1, reason=reason, current=True,
                locked_at=None if locked_at is None else at, recorded_id=actor.user_id, recorded_at=at,
            )
        )  # fmt: skip
    db.session.flush()
    if locked_at is not None:
        audit.record(
            actor, "meeting.pledge_changed", "user", member_id, team=team_id, day=day, before=standing, after=changed, reason=reason
        )  # fmt: skip
    return len(changed)


def lock_pledges(actor: Actor, meeting_id: int, *, at: datetime) -> Meeting:
    """Locks what was promised; a later change needs a reason and stays visible. Locking again changes nothing."""
    meeting = writable(actor, meeting_id, kind=Kind.MORNING)
    if meeting.pledges_locked_at is not None:
        return meeting
    meeting.pledges_locked_at = at
    which = [Pledge.campaign_id == meeting.campaign_id, Pledge.day == meeting.day, Pledge.current]
    if meeting.team_id is not None:
        which.append(Pledge.team_id == meeting.team_id)
    if not db.session.scalar(select(func.count(Pledge.id)).where(*which)):
        raise Invalid("pledge.none")
    db.session.execute(update(Pledge).where(*which, Pledge.locked_at.is_(None)).values(locked_at=at))
    db.session.flush()
    audit.record(actor, "meeting.lock_pledges", "meeting", meeting.id)
    return meeting


def _check_place(actor: Actor, campaign_id: int, team_id: int, member_id: int | None, day: date, at: datetime) -> None:
    campaign = get_campaign(actor, campaign_id)
    check_scope(actor, team_id)
    if not takes_part(campaign_id, team_id):
        raise NotFound("meeting.not_found")
    own = member_id is not None and member_id == actor.user_id and actor.may(MeetingPermission.PLEDGE)
    if not (own or leads(actor, team_id)):
        raise Forbidden("meeting.not_leading")
    if not campaign.starts_on <= day <= campaign.ends_on:
        raise Invalid("meeting.outside", first=campaign.starts_on.isoformat(), last=campaign.ends_on.isoformat())
    if day > business_day(at, zone_name()):
        raise Invalid("meeting.future")
    if member_id is not None:
        held = select(Membership.id).where(
            Membership.user_id == member_id, Membership.team_id == team_id, in_force(day)
        )
        if db.session.scalar(held.limit(1)) is None:
            raise Invalid("outreach.not_member")


def _value(metric: str, value: int | str | None) -> int:
    if metric not in rules.PLEDGED:
        raise Invalid("pledge.metric")
    return count_of(value, most=rules.MOST_PLEDGED)


def _current(campaign_id: int, team_id: int, member_id: int | None, day: date) -> dict[str, Pledge]:
    same = Pledge.member_id.is_(None) if member_id is None else Pledge.member_id == member_id
    query = select(Pledge).where(
        Pledge.campaign_id == campaign_id, Pledge.team_id == team_id, same, Pledge.day == day, Pledge.current
    )
    return {row.metric: row for row in db.session.scalars(query.with_for_update())}
