"""What can be done with people and teams. The actor comes first; nothing here commits."""

import hashlib
import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from crm.kernel import audit
from crm.kernel.actor import Actor, Role
from crm.kernel.audit import AuditEntry
from crm.kernel.clock import business_day, now
from crm.kernel.db import db
from crm.kernel.errors import DomainError, Invalid, NotFound, TooMany
from crm.kernel.installation import keys, zone_name
from crm.kernel.locking import held, one_at_a_time
from crm.kernel.values import normalise_phone
from crm.people.models import Membership, SignInBucket, Team, User
from crm.people.passwords import (
    check_strength,
    hash_password,
    needs_rehash,
    new_token,
    token_hash,
    verify_password,
)
from crm.people.queries import latest_membership, user_by_login
from crm.people.rules import (
    LONGEST_LOCK,
    TEAM_ROLES,
    bucket_here,
    check_external,
    check_team_role,
    clean_login,
    clean_person_name,
    clean_team_name,
    lock_after,
    phone_place,
)

KNOWN_HERE = timedelta(days=90)
ADDRESS_WINDOW = timedelta(minutes=15)
FAILURES_PER_ADDRESS = 30
TOKEN_LIFE = timedelta(days=7)
_ADMINISTRATORS = 7311
"""The turn in which rights change, so that somebody is always left who gives them."""


def create_user(
    actor: Actor,
    *,
    login: str,
    name: str,
    role: Role,
    external: bool = False,
    email: str = "",
    phone: str = "",
    password: str | None = None,
) -> User:
    """A new person. Without a password nobody can sign in until a one-time token is issued."""
    login = clean_login(login)
    if user_by_login(login) is not None:
        raise Invalid("people.login_taken", login=login)
    check_external(external, role)
    user = User(
        login=login,
        name=clean_person_name(name),
        role=role.value,
        external=external,
        email=email,
        created_at=now(),
        password_hash=hash_password(password) if password else None,
    )
    db.session.add(user)
    db.session.flush()
    set_phone(user, phone)
    audit.record(actor, "people.create_user", "user", user.id, login=login, role=role.value, external=external)
    return user


def change_user(
    actor: Actor,
    user_id: int,
    *,
    version: int,
    name: str,
    role: Role,
    external: bool,
    email: str,
    active: bool,
    phone: str | None = None,
) -> User:
    """Changes a person's card and rights; `phone` None leaves it. A changed role or a deactivation ends every session.

    Raises Invalid("people.own_rights" | "people.last_admin" | "people.in_team") for rights that must stay as they are.
    """
    one_at_a_time(_ADMINISTRATORS)
    user = _user(user_id, version)
    check_external(external, role)
    if user.id == actor.user_id and (role.value != user.role or not active):
        raise Invalid("people.own_rights")
    if user.role == Role.ADMIN and (role is not Role.ADMIN or not active):
        _check_other_admin(user)
    if role not in TEAM_ROLES:
        _check_no_team(user)
    before = {
        "name": user.name,
        "role": user.role,
        "external": user.external,
        "active": user.active,
        "email": user.email,
    }
    if (role.value, external, active) != (user.role, user.external, user.active):
        user.session_version += 1
    user.name, user.role = clean_person_name(name), role.value
    user.external, user.email, user.active = external, email, active
    if phone is not None:
        set_phone(user, phone)
    user.version += 1
    audit.record(actor, "people.change_user", "user", user.id, before=before, role=role.value, active=active)
    return user


def set_active(actor: Actor, user_id: int, *, version: int, active: bool) -> User:
    """Lets a person in again, also when failed sign-ins have locked the account, or shuts them out: open sessions end at once."""
    one_at_a_time(_ADMINISTRATORS)
    user = _user(user_id)
    if active:
        unlock(actor, user_id)
    return change_user(
        actor,
        user_id,
        version=version,
        name=user.name,
        role=Role(user.role),
        external=user.external,
        email=user.email,
        active=active,
    )


def unlock(actor: Actor, user_id: int) -> User:
    """Lifts the locks that failed sign-ins have put on an account."""
    user = _user(user_id)
    if _unlock(user):
        audit.record(actor, "people.unlock", "user", user.id)
    return user


def set_phone(user: User, phone: str) -> None:
    """Keeps a colleague's number sealed to their row; "" takes it away. Raises Invalid("phone.invalid")."""
    place = phone_place(user.id)
    user.phone_sealed = keys().seal(normalise_phone(phone), place=place) if phone else None


def issue_token(actor: Actor, user_id: int, *, at: datetime) -> str:
    """A one-time token with which the person sets a password; older tokens and sessions end."""
    user = _user(user_id)
    token, user.token_hash = new_token()
    user.token_expires_at = at + TOKEN_LIFE
    user.session_version += 1
    audit.record(actor, "people.issue_token", "user", user.id)
    return token


def redeem_token(token: str, *, password: str, at: datetime, address: str = "") -> User:
    """Sets the first (or a new) password with a one-time token; raises Invalid("people.token")."""
    user = db.session.scalar(select(User).where(User.token_hash == token_hash(token), User.active))
    if user is None or user.token_expires_at is None or user.token_expires_at < at:
        raise Invalid("people.token")
    _set_password(user, password)
    user.token_hash = user.token_expires_at = None
    audit.record(_as_actor(user, address), "people.redeem_token", "user", user.id)
    return user


def change_password(actor: Actor, *, current: str, new: str) -> User:
    """The actor's own new password; every other session ends."""
    user = _user(actor.user_id or 0)
    if not verify_password(user.password_hash, current):
        raise Invalid("password.wrong")
    _set_password(user, new)
    audit.record(actor, "people.change_password", "user", user.id)
    return user


@dataclass(frozen=True)
class Checked:
    """A password held against the stored hash, before the unit of work: argon2 takes its time, and no writer should wait for it.

    `against` is the hash it was held against, `fresh` a hash with today's parameters where the stored one is older.
    """

    fits: bool
    against: str | None
    fresh: str | None


def check_password(login: str, password: str) -> Checked:
    """Reads only. An unknown or inactive login takes the same time and never fits."""
    user = user_by_login(login)
    against = user.password_hash if user and user.active else None
    fits = verify_password(against, password)
    return Checked(fits, against, hash_password(password) if fits and against and needs_rehash(against) else None)


def sign_in(*, login: str, checked: Checked, address: str, at: datetime) -> User | None:
    """The user, or None when login and password do not fit (the failure is counted and must be committed).

    Raises TooMany while the account is locked: five failures lock it for 15 minutes, doubling. Failures at an address from
    which the person has come in of late count and lock there alone, those of all other addresses everywhere else: so whoever
    tries names from outside locks nobody out. While the address is full TooMany is raised for everybody who has not come in
    from there of late: behind one address a whole branch may sit.
    """
    # Held, so that of many failures at once each counts.
    user = held(select(User).where(User.login == login.strip().lower()))
    rest = address_rest(address, at)
    known = _known_here(user, address, at)
    if rest is not None and not known:
        raise TooMany("people.locked", minutes=_minutes(rest))
    bucket = _bucket(user, login, address, known=known)
    locked_until = user.locked_until if user and bucket is None else _bucket_locked_until(bucket)
    if locked_until is not None and locked_until > at:
        # From a full address the wait is that of the address for everybody, or it would tell which account there is.
        raise TooMany("people.locked", minutes=_minutes(rest or locked_until - at))
    if user is None or not user.active or not checked.fits or user.password_hash != checked.against:
        _count_failure(user, bucket, address, at)
        return None
    user.password_hash, user.last_sign_in_at = checked.fresh or user.password_hash, at
    if user.locked_until is None or user.locked_until <= at:
        user.failed_sign_ins, user.locked_until = 0, None
    if bucket is not None:
        db.session.execute(delete(SignInBucket).where(SignInBucket.address == bucket))
    audit.record(_as_actor(user, address), "people.sign_in", "user", user.id)
    return user


def address_rest(address: str, at: datetime) -> timedelta | None:
    """How long an address with too many failures still rests; None while it may try."""
    failures, since = _failures(address)
    if since is None or failures < FAILURES_PER_ADDRESS or since + ADDRESS_WINDOW <= at:
        return None
    return since + ADDRESS_WINDOW - at


def refusal(address: str, at: datetime) -> DomainError:
    """What to say of a sign-in that failed. From a full address it is the same for whoever is known there and for strangers."""
    rest = address_rest(address, at)
    return Invalid("people.sign_in") if rest is None else TooMany("people.locked", minutes=_minutes(rest))


def sign_out(actor: Actor) -> None:
    """Ends every session of the actor, copied cookies included."""
    user = _user(actor.user_id or 0)
    user.session_version += 1
    audit.record(actor, "people.sign_out", "user", user.id)


def end_other_sessions(actor: Actor) -> User:
    """Ends every session of the actor; the view opens the present one again."""
    return end_sessions_of(actor, actor.user_id or 0)


def end_sessions_of(actor: Actor, user_id: int) -> User:
    """Ends every session of a person."""
    user = _user(user_id)
    user.session_version += 1
    audit.record(actor, "people.end_sessions", "user", user.id)
    return user


def keep_locale(actor: Actor, locale: str) -> None:
    """Remembers the language with the person."""
    _user(actor.user_id or 0).locale = locale


def create_team(actor: Actor, *, name: str, slogan: str = "") -> Team:
    """A new team."""
    name = clean_team_name(name)
    if db.session.scalar(select(Team.id).where(Team.name == name)):
        raise Invalid("people.team_taken", name=name)
    team = Team(name=name, slogan=slogan, created_at=now())
    db.session.add(team)
    db.session.flush()
    audit.record(actor, "people.create_team", "team", team.id, name=name)
    return team


def change_team(actor: Actor, team_id: int, *, version: int, name: str, slogan: str, active: bool) -> Team:
    """Changes a team's card."""
    team = held(select(Team).where(Team.id == team_id), version=version)
    if team is None:
        raise NotFound("people.no_team")
    name = clean_team_name(name)
    if db.session.scalar(select(Team.id).where(Team.name == name, Team.id != team_id)):
        raise Invalid("people.team_taken", name=name)
    team.name, team.slogan, team.active = name, slogan, active
    team.version += 1
    audit.record(actor, "people.change_team", "team", team.id, name=name, active=active)
    return team


def join_team(actor: Actor, *, user_id: int, team_id: int, on: date, is_lead: bool = False) -> Membership:
    """Puts a person into a team from that day on. An open membership elsewhere is closed the day before: a transfer keeps history."""
    user, team = _user(user_id), db.session.get(Team, team_id)
    if team is None:
        raise NotFound("people.no_team")
    if not team.active:
        raise Invalid("people.team_closed")
    if not user.active:
        raise Invalid("people.inactive", name=user.name)
    check_team_role(Role(user.role))
    current = latest_membership(user_id, on=_today())
    if current is not None and current.valid_to is None and (current.team_id, current.is_lead) == (team_id, is_lead):
        return current
    if current is not None and (current.valid_to is None or current.valid_to >= on):
        _close(current, on)
    check_overlap(user_id, on)
    membership = Membership(user=user, team=team, is_lead=is_lead, valid_from=on)
    db.session.add(membership)
    db.session.flush()
    audit.record(actor, "people.join_team", "user", user_id, team=team_id, on=on, is_lead=is_lead)
    return membership


def leave_team(actor: Actor, *, user_id: int, on: date, team_id: int | None = None) -> None:
    """Ends the latest membership (of that team, when one is named); `on` is the first day without a team.

    An end that still lies ahead may be moved; one that has passed is history.
    """
    _user(user_id)
    current = latest_membership(user_id, on=_today(), team_id=team_id)
    if current is None:
        raise Invalid("people.no_membership")
    _close(current, on)
    audit.record(actor, "people.leave_team", "user", user_id, team=current.team_id, on=on)


def check_overlap(user_id: int, on: date) -> None:
    """History is not rewritten: a person is in one team a day."""
    past = select(Membership.valid_to).where(Membership.user_id == user_id, Membership.valid_to >= on)
    until = db.session.scalar(past.order_by(Membership.valid_to.desc()).limit(1))
    if until is not None:
        raise Invalid("people.membership_overlap", until=until.isoformat())


def _check_other_admin(user: User) -> None:
    """Somebody must be left who gives rights. The caller holds the turn, so that two do not demote each other at once."""
    others = select(User.id).where(User.role == Role.ADMIN.value, User.active, User.id != user.id)
    if db.session.scalar(others.limit(1)) is None:
        raise Invalid("people.last_admin")


def _check_no_team(user: User) -> None:
    """Teams are of those who go out: whoever gets another role leaves the team first, on a day that somebody has chosen."""
    current = latest_membership(user.id, on=_today())
    if current is not None:
        raise Invalid("people.in_team", name=user.name, team=current.team.name)


def _close(membership: Membership, on: date) -> None:
    if on < membership.valid_from:
        raise Invalid("people.membership_dates", since=membership.valid_from.isoformat())
    if on == membership.valid_from:
        db.session.delete(membership)  # it never held for a whole day
    else:
        membership.valid_to = on - timedelta(days=1)
    db.session.flush()


def _set_password(user: User, password: str) -> None:
    check_strength(password, login=user.login)
    user.password_hash = hash_password(password)
    user.must_change_password = False
    _unlock(user)
    user.session_version += 1


def _unlock(user: User) -> bool:
    """Whether there were failures to forget."""
    failed = user.failed_sign_ins > 0
    user.failed_sign_ins, user.locked_until = 0, None
    here = (
        delete(SignInBucket)
        .where(SignInBucket.address.startswith(bucket_here(user.id)))
        .returning(SignInBucket.address)
    )
    return bool(db.session.scalars(here).all()) or failed


def _known_here(user: User | None, address: str, at: datetime) -> bool:
    if user is None:
        return False
    came_in = AuditEntry.actor_id == user.id, AuditEntry.action == "people.sign_in", AuditEntry.address == address
    return (
        db.session.scalar(select(AuditEntry.id).where(*came_in, AuditEntry.at > at - KNOWN_HERE).limit(1)) is not None
    )


def _minutes(wait: timedelta) -> int:
    return math.ceil(wait.total_seconds() / 60)


def _bucket(user: User | None, login: str, address: str, *, known: bool) -> str | None:
    """Where failures count that are not the account's own: at an address that knows the person, and for a login that nobody has.

    Logins that nobody has are locked like real ones; otherwise the lock would tell which exist.
    """
    if user is None:
        return "login:" + _short(login.strip().lower())
    return f"{bucket_here(user.id)}{_short(address)}" if known else None


def _short(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:40]


def _bucket_locked_until(bucket: str | None) -> datetime | None:
    failures, since = _failures(bucket or "")
    lock = lock_after(failures)
    return since + lock if since and lock else None


def _failures(key: str) -> tuple[int, datetime | None]:
    query = select(SignInBucket.failures, SignInBucket.window_started_at).where(SignInBucket.address == key)
    row = db.session.execute(query).one_or_none()
    return (row.failures, row.window_started_at) if row else (0, None)


def _count_failure(user: User | None, bucket: str | None, address: str, at: datetime) -> None:
    stale = SignInBucket.window_started_at < at - 2 * LONGEST_LOCK
    db.session.execute(delete(SignInBucket).where(stale))
    _count(address, at, anew_before=at - ADDRESS_WINDOW)
    until = None
    if bucket is not None:
        _count(bucket, at)
        until = _bucket_locked_until(bucket)
    elif user is not None:
        user.failed_sign_ins += 1
        lock = lock_after(user.failed_sign_ins)
        until = user.locked_until = at + lock if lock else None
    if user is not None and until is not None:
        audit.record(_as_actor(user, address), "people.lock", "user", user.id, until=until)


def _count(key: str, at: datetime, *, anew_before: datetime | None = None) -> None:
    """One failure more, in one statement, so that of many at once each counts.

    `anew_before`: a count that began by then begins again; None counts on, from this failure.
    """
    dialect = postgresql if db.engine.dialect.name == "postgresql" else sqlite
    began, count = SignInBucket.window_started_at, SignInBucket.failures + 1
    changed: dict[str, Any] = {"failures": count, "window_started_at": at}
    if anew_before is not None:
        over = began <= anew_before
        changed = {"failures": case((over, 1), else_=count), "window_started_at": case((over, at), else_=began)}
    row = dialect.insert(SignInBucket).values(address=key, failures=1, window_started_at=at)
    db.session.execute(row.on_conflict_do_update(index_elements=[SignInBucket.address], set_=changed))


def _today() -> date:
    return business_day(now(), zone_name())


def _user(user_id: int, version: int | None = None) -> User:
    user = held(select(User).where(User.id == user_id), version=version)
    if user is None:
        raise NotFound("people.no_user")
    return user


def _as_actor(user: User, address: str) -> Actor:
    return Actor(user_id=user.id, name=user.name, role=Role(user.role), login=user.login, address=address)
