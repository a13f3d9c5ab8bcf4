"""Bonuses and penalties: each with a reason and an author, a penalty only with a second person."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import or_, select

from crm.contest.contests import in_force, versions_of
from crm.contest.models import Adjustment, Contest, ContestTeam
from crm.contest.policy import visible_to
from crm.kernel import audit
from crm.kernel.actor import Actor
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Invalid, NotFound
from crm.kernel.locking import held
from crm.people.models import Membership

OWN_POINTS = ("false_entry", "other")
"""Kinds without a customary price: a proven false entry costs -3 x the points of its item, anything else what the organiser says."""

MOST_POINTS = 1000


def adjust(
    actor: Actor,
    contest_id: int,
    *,
    team_id: int,
    member_id: int | None,
    day: date,
    kind: str,
    points: int | Decimal | None,
    reason: str,
    at: datetime,
) -> Adjustment:
    """Writes a bonus or a penalty for a team, or for one of its members, on a business day of the contest.

    points: None takes the tariff of the rules in force. A bonus counts at once, a penalty after `confirm_adjustment`.
    Raises Invalid for another team, member, day or kind, for points of the wrong sign, and without a reason.
    """
    contest = _running(actor, contest_id)
    if db.session.get(ContestTeam, (contest.id, team_id)) is None:
        raise Invalid("contest.team_not_competing")
    if not contest.starts_on <= day <= contest.ends_on:
        raise Invalid("contest.day", first=contest.starts_on.isoformat(), last=contest.ends_on.isoformat())
    if member_id is not None and not _was_member(member_id, team_id, day):
        raise Invalid("contest.member_not_in_team")
    if not reason.strip():
        raise Invalid("contest.reason")
    row = Adjustment(
        contest_id=contest.id,
        team_id=team_id,
        member_id=member_id,
        day=day,
        kind=kind,
        points=_points(contest.id, kind, points, at),
        reason=reason.strip(),
        author_id=actor.user_id,
        created_at=at,
    )
    db.session.add(row)
    db.session.flush()
    audit.record(
        actor, "contest.adjust", "contest", contest.id, adjustment=row.id, team=team_id, kind=kind, points=row.points
    )
    return row


def confirm_adjustment(actor: Actor, contest_id: int, adjustment_id: int, *, at: datetime) -> Adjustment:
    """The second person's yes to a penalty, which counts from here on.

    Raises NotFound, Conflict("contest.confirmed") or "contest.dropped", Invalid("contest.same_person") and, for a bonus,
    Invalid("contest.no_need").
    """
    contest, row = _waiting(actor, contest_id, adjustment_id)
    if actor.user_id is None or actor.user_id == row.author_id:
        raise Invalid("contest.same_person")
    row.second_id, row.confirmed_at = actor.user_id, at
    audit.record(actor, "contest.confirm_adjustment", "contest", contest.id, adjustment=row.id)
    return row


def drop_adjustment(actor: Actor, contest_id: int, adjustment_id: int, *, at: datetime) -> Adjustment:
    """A waiting penalty comes to nothing: its author takes it back, or the second person says no. It stays in the list as such.

    Raises NotFound, Conflict("contest.confirmed") or "contest.dropped" and, for a bonus, Invalid("contest.no_need").
    """
    contest, row = _waiting(actor, contest_id, adjustment_id)
    row.dropped_by_id, row.dropped_at = actor.user_id, at
    audit.record(actor, "contest.drop_adjustment", "contest", contest.id, adjustment=row.id)
    return row


def _waiting(actor: Actor, contest_id: int, adjustment_id: int) -> tuple[Contest, Adjustment]:
    """A penalty that waits for its second person, held until the unit of work ends: of two answers one comes first."""
    contest = _running(actor, contest_id)
    row = held(select(Adjustment).where(Adjustment.id == adjustment_id, Adjustment.contest_id == contest.id))
    if row is None:
        raise NotFound("contest.no_adjustment")
    if row.points > 0:
        raise Invalid("contest.no_need")
    if row.confirmed_at is not None:
        raise Conflict("contest.confirmed")
    if row.dropped_at is not None:
        raise Conflict("contest.dropped")
    return contest, row


def _running(actor: Actor, contest_id: int) -> Contest:
    contest = db.session.scalar(select(Contest).where(Contest.id == contest_id, visible_to(actor)))
    if contest is None:
        raise NotFound("contest.not_found")
    if contest.status != "running":
        raise Invalid("contest.not_running")
    return contest


def _points(contest_id: int, kind: str, points: int | Decimal | None, at: datetime) -> Decimal:
    tariff = in_force(versions_of(contest_id), at).rules.tariff
    if kind not in tariff and kind not in OWN_POINTS:
        raise Invalid("contest.kind", kind=kind)
    if points is None and kind not in tariff:
        raise Invalid("contest.points_missing")
    value = Decimal(tariff[kind] if points is None else points)
    if not value.is_finite() or value == 0 or abs(value) > MOST_POINTS or value != round(value, 2):
        raise Invalid("contest.points", most=MOST_POINTS)
    expected = -1 if kind == "false_entry" else tariff.get(kind, 0)
    if expected * value < 0:
        raise Invalid("contest.points_sign")
    return value


def _was_member(member_id: int, team_id: int, day: date) -> bool:
    query = select(Membership.id).where(
        Membership.user_id == member_id,
        Membership.team_id == team_id,
        Membership.valid_from <= day,
        or_(Membership.valid_to.is_(None), Membership.valid_to >= day),
    )
    return db.session.scalar(query.limit(1)) is not None
