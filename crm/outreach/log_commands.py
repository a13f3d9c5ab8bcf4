"""The daily log of a team: tallies, words, attendance, handing in, locking. The actor comes first; nothing here commits.

Whoever writes into a team's day first holds its row, so that two writers on PostgreSQL queue as they do on SQLite: sums of
tallies are then read and added to by one at a time. A tally is its own append-only record and needs no line in the audit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import uuid4

from sqlalchemy import func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from crm.campaigns.models import Campaign
from crm.campaigns.queries import get_campaign, takes_part, teams_of
from crm.campaigns.rules import OPEN, TAKES_LATE
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.clock import business_day
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, Invalid
from crm.kernel.installation import zone_name
from crm.kernel.locking import check_version, held
from crm.kernel.values import public_words
from crm.outreach import rules
from crm.outreach.models import Attendance, DailyLog, Tally
from crm.outreach.policy import OutreachPermission, check_team, leads_team, writes_for
from crm.outreach.queries import declared_counts
from crm.outreach.rules import LogStatus, Presence
from crm.people.models import Membership
from crm.people.queries import in_force


def tally(
    actor: Actor,
    *,
    uid: str,
    campaign_id: int,
    team_id: int,
    member_id: int,
    day: date,
    metric: str,
    delta: int,
    at: datetime,
    note: str = "",
    late: bool = False,
) -> int:
    """Adds to a declared count and answers the new sum of member, day and metric. The same uid again changes nothing.

    Raises Invalid below 0 or above what a person can do in a day, Conflict("outreach.locked") for a locked day. `late`: the
    count waited on a phone: the day may be locked and the campaign closed by now; what was reported of the day stays stored.
    """
    if not 1 <= len(uid) <= 36 or isinstance(delta, bool) or not delta:
        raise Invalid("count.form")
    _hold_open(actor, campaign_id, team_id, day, at, late=late)
    _check_person(actor, team_id, member_id, day)
    _check_metric(metric)
    before = _declared(campaign_id, team_id, member_id, day, metric) or 0
    known = db.session.scalar(select(Tally).where(Tally.uid == uid))
    if known is not None:
        told = (campaign_id, team_id, member_id, day, metric, delta, actor.user_id)
        if told != (
            known.campaign_id, known.team_id, known.member_id, known.day, known.metric, known.delta, known.recorded_id,
        ):  # fmt: skip
            raise Conflict("submission.other_content", uid=uid)
        return before
    _check_sum(before + delta, metric)
    _add(actor, uid, campaign_id, team_id, member_id, day, metric, delta, at, note)
    return before + delta


@dataclass(frozen=True)
class Cell:
    """What a member's declared count of a metric shall be; `seen` is what the person who types was looking at."""

    member_id: int
    metric: str
    value: int
    seen: int | None = None


def set_declared(
    actor: Actor, *, campaign_id: int, team_id: int, day: date, cells: Sequence[Cell], at: datetime
) -> list[int]:
    """Makes declared counts of a team's day what the cells say, by writing the differences, which it answers in their order.

    Raises Conflict("outreach.cell_moved") when somebody has added to a cell since it was seen.
    """
    _hold_open(actor, campaign_id, team_id, day, at)
    for member_id in {cell.member_id for cell in cells}:
        _check_person(actor, team_id, member_id, day)
    declared = declared_counts(actor, campaign_id, team_id, day)
    added = []
    for cell in cells:
        _check_metric(cell.metric)
        value = rules.count_of(cell.value, most=rules.MOST_A_DAY[cell.metric])
        of_member = declared.setdefault(cell.member_id, {})
        before = of_member.get(cell.metric, 0)
        if cell.seen is not None and cell.seen != before:
            raise Conflict("outreach.cell_moved", now=before)
        if value != before:
            delta = value - before
            _add(actor, str(uuid4()), campaign_id, team_id, cell.member_id, day, cell.metric, delta, at, "")
        of_member[cell.metric] = value
        added.append(value - before)
    return added


def save_log(
    actor: Actor,
    *,
    campaign_id: int,
    team_id: int,
    day: date,
    at: datetime,
    version: int | None = None,
    highlights: str = "",
    difficulties: str = "",
    help_needed: str = "",
    plan: str = "",
) -> DailyLog:
    """The words of the day. `version` is the one that was read (1 for a log that nobody has written yet)."""
    log = _hold_own(actor, campaign_id, team_id, day, at)
    check_version(log, version)
    words = tuple(public_words(text, most=2000) for text in (highlights, difficulties, help_needed, plan))
    if words != (log.highlights, log.difficulties, log.help_needed, log.plan):
        log.highlights, log.difficulties, log.help_needed, log.plan = words
        log.version += 1
        db.session.flush()
        audit.record(actor, "outreach.save_log", "daily_log", log.id)
    return log


def submit_log(actor: Actor, *, campaign_id: int, team_id: int, day: date, at: datetime) -> DailyLog:
    """Hands the day in. After the cut-off it is late, and stays so. Handing in again changes nothing."""
    log = _hold_own(actor, campaign_id, team_id, day, at)
    if log.submitted_at is None:
        log.submitted_at, log.submitted_by_id = at, actor.user_id
        log.late = rules.is_late(at, day, zone_name())
        log.status = LogStatus.SUBMITTED.value
        db.session.flush()
        audit.record(actor, "outreach.submit_log", "daily_log", log.id, late=log.late)
    return log


def lock_log(actor: Actor, *, campaign_id: int, team_id: int, day: date, at: datetime) -> DailyLog:
    """Locks the day, handed in or not; what comes later is a late entry (补录). Locking again changes nothing."""
    if not (actor.may(OutreachPermission.LOCK) and leads_team(actor, team_id)):
        check_team(actor, team_id)
        raise Forbidden("outreach.forbidden")
    log = _hold(_seen(actor, campaign_id, team_id, day, at), team_id, day)
    if log.status != LogStatus.LOCKED:
        log.status, log.locked_at, log.locked_by_id = LogStatus.LOCKED.value, at, actor.user_id
        db.session.flush()
        audit.record(actor, "outreach.lock_log", "daily_log", log.id, submitted=log.submitted_at is not None)
    return log


def lock_logs(actor: Actor, *, campaign_id: int, day: date, at: datetime) -> tuple[DailyLog, ...]:
    """Locks the day of every team of the campaign whose log the actor keeps, in the order of the teams."""
    teams = [team.team_id for team in teams_of(get_campaign(actor, campaign_id).id) if leads_team(actor, team.team_id)]
    return tuple(lock_log(actor, campaign_id=campaign_id, team_id=team_id, day=day, at=at) for team_id in teams)


def unlock_log(actor: Actor, *, campaign_id: int, team_id: int, day: date, reason: str, at: datetime) -> DailyLog:
    """Opens a locked day again: an organiser, with a reason."""
    if not actor.may(OutreachPermission.UNLOCK):
        check_team(actor, team_id)
        raise Forbidden("outreach.forbidden")
    reason = _checked_reason(reason)
    log = _hold(_seen(actor, campaign_id, team_id, day, at), team_id, day)
    if log.status == LogStatus.LOCKED:
        log.status = (LogStatus.SUBMITTED if log.submitted_at else LogStatus.OPEN).value
        log.locked_at = log.locked_by_id = None
        db.session.flush()
        audit.record(actor, "outreach.unlock_log", "daily_log", log.id, reason=reason)
    return log


def set_attendance(
    actor: Actor,
    campaign_id: int,
    team_id: int,
    day: date,
    member_id: int,
    state: str,
    reason: str = "",
    *,
    at: datetime,
    seen: tuple[str, str] | None = None,
) -> Attendance:
    """Whether a member was there: present or late counts as a person-day, leave or absent does not.

    A correction is a further row; what says nothing new writes none. Answers the row that holds. `seen` is the state and the
    reason that the person was looking at: Conflict("attendance.moved") when somebody has called otherwise since.
    """
    if state not in set(Presence):
        raise Invalid("attendance.state")
    reason = public_words(reason, most=200)
    if not leads_team(actor, team_id):
        check_team(actor, team_id)
        raise Forbidden("outreach.forbidden")
    _hold_open(actor, campaign_id, team_id, day, at)
    _check_person(actor, team_id, member_id, day)
    newest = _newest_call(campaign_id, day, member_id)
    if newest is not None and (newest.team_id, newest.state, newest.reason) == (team_id, state, reason):
        return newest
    if seen is not None and seen != (("", "") if newest is None else (newest.state, newest.reason)):
        raise Conflict("attendance.moved")
    row = Attendance(
        campaign_id=campaign_id, day=day, member_id=member_id, team_id=team_id, state=state, reason=reason,
        recorded_id=actor.user_id, received_at=at,
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    audit.record(
        actor, "outreach.attendance", "user", member_id, day=day, before=None if newest is None else newest.state,
        state=state, late=rules.is_late(at, day, zone_name()),
    )  # fmt: skip
    return row


def _newest_call(campaign_id: int, day: date, member_id: int) -> Attendance | None:
    query = select(Attendance).where(
        Attendance.campaign_id == campaign_id, Attendance.day == day, Attendance.member_id == member_id
    )
    return db.session.scalar(query.order_by(Attendance.received_at.desc(), Attendance.id.desc()).limit(1))


def _checked_reason(reason: str) -> str:
    if not reason.strip():
        raise Invalid("outreach.reason")
    return public_words(reason, most=300)


# --- who holds the day -------------------------------------------------------------------------------------------


def _seen(actor: Actor, campaign_id: int, team_id: int, day: date, at: datetime) -> Campaign:
    """The campaign, when actor, team and day belong to it. Raises NotFound or Invalid."""
    campaign = get_campaign(actor, campaign_id)
    check_team(actor, team_id)
    if not campaign.walk_in and not takes_part(campaign.id, team_id):
        raise Invalid("outreach.team_not_in_campaign")
    if not campaign.starts_on <= day <= campaign.ends_on:
        raise Invalid("outreach.outside_dates")
    if day > business_day(at, zone_name()):
        raise Invalid("outreach.future_day")
    return campaign


def _hold(campaign: Campaign, team_id: int, day: date) -> DailyLog:
    """The row of the team's day, made when it is missing, locked until the end of the unit."""
    dialect = postgresql if db.engine.dialect.name == "postgresql" else sqlite
    row = {"campaign_id": campaign.id, "team_id": team_id, "day": day, "status": LogStatus.OPEN.value, "version": 1}
    words = dict.fromkeys(("highlights", "difficulties", "help_needed", "plan"), "")
    db.session.execute(dialect.insert(DailyLog).values(**row, **words, late=False).on_conflict_do_nothing())
    wanted = (DailyLog.campaign_id == campaign.id, DailyLog.team_id == team_id, DailyLog.day == day)
    log = held(select(DailyLog).where(*wanted))
    assert log is not None  # it was written just now, if not before
    return log


def _hold_open(
    actor: Actor, campaign_id: int, team_id: int, day: date, at: datetime, *, late: bool = False
) -> DailyLog:
    campaign = _seen(actor, campaign_id, team_id, day, at)
    if campaign.status not in (TAKES_LATE if late else OPEN):
        raise Invalid("outreach.campaign_closed")
    log = _hold(campaign, team_id, day)
    return log if late else _unlocked(log)


def _hold_own(actor: Actor, campaign_id: int, team_id: int, day: date, at: datetime) -> DailyLog:
    campaign = _seen(actor, campaign_id, team_id, day, at)
    if not leads_team(actor, team_id):
        raise Forbidden("outreach.forbidden")
    return _unlocked(_hold(campaign, team_id, day))


def _unlocked(log: DailyLog) -> DailyLog:
    if log.status == LogStatus.LOCKED:
        raise Conflict("outreach.locked")
    return log


# --- sums ----------------------------------------------------------------------------------------------------------


def _check_person(actor: Actor, team_id: int, member_id: int, day: date) -> None:
    if not writes_for(actor, team_id, member_id):
        raise Forbidden("outreach.forbidden")
    held = select(Membership.id).where(Membership.user_id == member_id, Membership.team_id == team_id, in_force(day))
    if db.session.scalar(held.limit(1)) is None:
        raise Invalid("outreach.not_member")


def _check_metric(metric: str) -> None:
    if metric not in rules.MOST_A_DAY:
        raise Invalid("tally.metric")


def _check_sum(total: int, metric: str) -> None:
    if total < 0:
        raise Invalid("tally.below_zero")
    if total > rules.MOST_A_DAY[metric]:
        raise Invalid("count.most", most=rules.MOST_A_DAY[metric])


def _declared(campaign_id: int, team_id: int, member_id: int, day: date, metric: str) -> int | None:
    total: int | None = db.session.scalar(
        select(func.sum(Tally.delta)).where(
            Tally.campaign_id == campaign_id,
            Tally.day == day,
            Tally.team_id == team_id,
            Tally.member_id == member_id,
            Tally.metric == metric,
        )
    )
    return total


def _add(
    actor: Actor,
    uid: str,
    campaign_id: int,
    team_id: int,
    member_id: int,
    day: date,
    metric: str,
    delta: int,
    at: datetime,
    note: str,
) -> None:
    db.session.execute(
        insert(Tally).values(
            uid=uid,
            campaign_id=campaign_id,
            team_id=team_id,
            member_id=member_id,
            day=day,
            metric=metric,
            delta=delta,
            note=note,
            recorded_id=actor.user_id,
            received_at=at,
        )
    )
