"""A roster sheet, row by row: see crm.kernel.rows for the four functions, imports/roster for the columns.

A row is known by its login. Columns: login, name, role (member when blank, or team lead where is_lead says so), team,
phone, joined_on (today when blank), is_lead, email, external. A new person gets no password: an administrator issues
one-time links. A team that does not exist is made. A blank cell leaves what stands there alone, and a joined_on of
somebody who is in that team already is not a second joining. Only an administrator brings in roles beyond the teams.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError

from crm.kernel import audit
from crm.kernel.actor import Actor, Role
from crm.kernel.db import db
from crm.kernel.errors import Conflict, Forbidden, Invalid
from crm.kernel.installation import keys
from crm.kernel.rows import Change, Outcome, RowRefused, Verdict, refused
from crm.people import commands
from crm.people.models import Membership, Team, User
from crm.people.policy import PeoplePermission
from crm.people.queries import phone_of
from crm.people.rules import (
    TEAM_ROLES,
    check_external,
    check_team_role,
    clean_login,
    clean_person_name,
    clean_team_name,
    phone_place,
)

Row = Mapping[str, Any]
_CARD = ("name", "role", "external", "email", "active")


class Belonging(NamedTuple):
    """The open membership of a person."""

    team: str
    is_lead: bool
    since: date


@dataclass
class Context:
    """What rows are compared with: people by login, teams by name, open memberships; grows with the sheet."""

    today: date
    may_all: bool
    own_login: str = ""
    users: dict[str, User | None] = field(default_factory=dict)
    teams: dict[str, int | None] = field(default_factory=dict)
    closed_teams: frozenset[str] = frozenset()
    belonging: dict[str, Belonging] = field(default_factory=dict)
    seen: dict[str, Row] = field(default_factory=dict)


@dataclass(frozen=True)
class _Plan:
    """What a row asks for."""

    login: str
    name: str
    role: Role
    external: bool
    team: str
    is_lead: bool
    on: date
    user: User | None
    joins: bool


def open_context(actor: Actor, *, today: date) -> Context:
    """The people and teams of this moment."""
    context = Context(today, actor.may(PeoplePermission.EDIT_USERS), actor.login)
    context.users = {user.login: user for user in db.session.scalars(select(User))}
    teams = db.session.execute(select(Team.id, Team.name, Team.active)).all()
    context.teams = {row.name: row.id for row in teams}
    context.closed_teams = frozenset(row.name for row in teams if not row.active)
    rows = db.session.execute(
        select(User.login, Team.name, Membership.is_lead, Membership.valid_from)
        .join(Membership, Membership.user_id == User.id)
        .join(Team, Team.id == Membership.team_id)
        .where(Membership.valid_to.is_(None))
    )
    context.belonging = {login: Belonging(team, is_lead, since) for login, team, is_lead, since in rows}
    return context


def check_row(context: Context, row: Row) -> Verdict:
    """Whether the row could be applied after the rows above it, and what would become of it."""
    try:
        plan = _plan(context, row)
    except RowRefused as refusal:
        return Verdict("failed", (refusal.problem,))
    if plan is None:
        return Verdict("skipped")
    context.seen[plan.login] = dict(row)
    if plan.team:
        context.teams.setdefault(plan.team, None)
    if plan.user is None:
        return Verdict("new")
    return Verdict("updated" if plan.joins or _differences(plan.user, plan, row) else "skipped")


def apply_row(actor: Actor, context: Context, row: Row) -> Outcome:
    """Makes or changes the person, the team and the membership of a row; raises Invalid with its first problem."""
    try:
        plan = _plan(context, row)
    except RowRefused as refusal:
        raise Invalid(refusal.problem.code, **refusal.problem.facts) from None
    if plan is None:
        return Outcome("skipped")
    context.seen[plan.login] = dict(row)
    changes: list[Change] = []
    user, is_new = plan.user, plan.user is None
    if user is None:
        user = _make(actor, plan, row)
        changes.append(Change("user", user.id, None, _card(user)))
    else:
        changes.extend(_update(actor, user, plan, row))
    context.users[plan.login] = user
    if plan.joins:
        changes.extend(_join(actor, context, user, plan))
    if is_new:
        return Outcome("new", tuple(changes))
    return Outcome("updated" if changes else "skipped", tuple(changes))


def undo(actor: Actor, changes: Iterable[Change]) -> int:
    """Takes changes back, newest first. Raises Conflict when a person, team or membership is in use or changed since.

    Rights go back only at the hand of somebody who may give them: else Forbidden("people.role_beyond").
    """
    count = 0
    for change in changes:
        if change.subject == "user":
            count += _undo_user(actor, change)
        else:
            count += (_undo_team if change.subject == "team" else _undo_membership)(change)
    audit.record(actor, "people.undo_import", "user", None, changes=count)
    return count


def _plan(context: Context, row: Row) -> _Plan | None:
    """None for a row that repeats an earlier one of the sheet word by word."""
    login = refused("login", clean_login, str(row.get("login", "")))
    earlier = context.seen.get(login)
    if earlier is not None:
        if earlier == dict(row):
            return None
        raise RowRefused("login", Invalid("people.twice", login=login))
    user = context.users.get(login)
    name = refused("name", clean_person_name, str(row.get("name", "")))
    if len(str(row.get("email", ""))) > 120:
        raise RowRefused("email", Invalid("value.long", most=120))
    role = _role(context, row, user)
    external = bool(row.get("external", user.external if user else False))
    try:
        check_external(external, role)
    except Invalid as error:
        raise RowRefused("external", error) from None
    team, is_lead = _team(context, row, role, login)
    on, joins = _joining(context, row, login, team, is_lead, user)
    return _Plan(login, name, role, external, team, is_lead, on, user, joins)


def _role(context: Context, row: Row, user: User | None) -> Role:
    leads = Role.TEAM_LEAD if row.get("is_lead") else Role.MEMBER
    role = Role(row["role"]) if "role" in row else (Role(user.role) if user else leads)
    present = Role(user.role) if user else role
    if not context.may_all and not {role, present} <= TEAM_ROLES:
        raise RowRefused("role", Invalid("people.role_beyond"))
    if user is not None and role is not present:
        _check_new_role(context, user, role)
    return role


def _check_new_role(context: Context, user: User, role: Role) -> None:
    if user.login == context.own_login:
        raise RowRefused("role", Invalid("people.own_rights"))
    held = context.belonging.get(user.login)
    if held is not None and role not in TEAM_ROLES:
        raise RowRefused("role", Invalid("people.in_team", name=user.name, team=held.team))


def _team(context: Context, row: Row, role: Role, login: str) -> tuple[str, bool]:
    if "team" not in row:
        return "", False
    team = refused("team", clean_team_name, str(row["team"]))
    refused("team", check_team_role, role)
    if team in context.closed_teams:
        raise RowRefused("team", Invalid("people.team_closed"))
    held = context.belonging.get(login)
    keeps = held is not None and held.team == team and held.is_lead
    return team, bool(row.get("is_lead", keeps or role is Role.TEAM_LEAD))


def _joining(context: Context, row: Row, login: str, team: str, is_lead: bool, user: User | None) -> tuple[date, bool]:
    """The day, and whether the row puts the person into a team at all."""
    on = row.get("joined_on", context.today)
    held = context.belonging.get(login)
    if not team or (held is not None and (held.team, held.is_lead) == (team, is_lead)):
        return on, False
    if user is not None and not user.active:
        raise RowRefused("team", Invalid("people.inactive", name=user.name))
    if held is not None and on < held.since:
        raise RowRefused("joined_on", Invalid("people.membership_dates", since=held.since.isoformat()))
    if user is not None:
        refused("joined_on", lambda day: commands.check_overlap(user.id, day), on)
    return on, True


def _differences(user: User, plan: _Plan, row: Row) -> dict[str, Any]:
    """New values of the person's card, by the names that `commands.change_user` takes."""
    wanted: dict[str, Any] = {"name": plan.name, "role": plan.role.value, "external": plan.external}
    if "email" in row:
        wanted["email"] = str(row["email"])
    changed = {key: value for key, value in wanted.items() if getattr(user, key) != value}
    if "phone" in row and phone_of(user) != row["phone"]:
        changed["phone"] = str(row["phone"])
    return changed


def _make(actor: Actor, plan: _Plan, row: Row) -> User:
    return commands.create_user(
        actor,
        login=plan.login,
        name=plan.name,
        role=plan.role,
        external=plan.external,
        email=str(row.get("email", "")),
        phone=str(row.get("phone", "")),
    )


def _update(actor: Actor, user: User, plan: _Plan, row: Row) -> list[Change]:
    changed = _differences(user, plan, row)
    if not changed:
        return []
    before: dict[str, Any] = {name: getattr(user, name) for name in changed if name != "phone"}
    if "phone" in changed:
        before["phone"] = user.phone_sealed.hex() if user.phone_sealed else ""  # still sealed
    commands.change_user(
        actor,
        user.id,
        version=user.version,
        name=plan.name,
        role=plan.role,
        external=plan.external,
        email=changed.get("email", user.email),
        active=user.active,
        phone=changed.get("phone"),
    )
    after = {name: getattr(user, name) for name in before if name != "phone"}
    if "phone" in changed:
        after["phone"] = user.phone_sealed.hex() if user.phone_sealed else ""
    return [Change("user", user.id, before, after)]


def _join(actor: Actor, context: Context, user: User, plan: _Plan) -> list[Change]:
    changes: list[Change] = []
    team_id = context.teams.get(plan.team)
    if team_id is None:
        team_id = commands.create_team(actor, name=plan.team).id
        context.teams[plan.team] = team_id
        changes.append(Change("team", team_id, None, {"name": plan.team, "slogan": "", "active": True}))
    held = db.session.scalar(select(Membership).where(Membership.user_id == user.id, Membership.valid_to.is_(None)))
    before = _membership(held) if held is not None else None
    made = commands.join_team(actor, user_id=user.id, team_id=team_id, on=plan.on, is_lead=plan.is_lead)
    if held is not None and before is not None:
        # The whole row: a membership that is replaced on its first day is not kept.
        kept = before["valid_from"] < plan.on.isoformat()
        changes.append(Change("membership", held.id, before, _membership(held) if kept else {"valid_to": None}))
    changes.append(Change("membership", made.id, None, _membership(made)))
    context.belonging[plan.login] = Belonging(plan.team, plan.is_lead, plan.on)
    return changes


def _membership(one: Membership) -> dict[str, Any]:
    return {
        "user_id": one.user_id,
        "team_id": one.team_id,
        "is_lead": one.is_lead,
        "valid_from": one.valid_from.isoformat(),
        "valid_to": one.valid_to.isoformat() if one.valid_to else None,
    }


def _card(user: User) -> dict[str, Any]:
    sealed = user.phone_sealed.hex() if user.phone_sealed else ""
    return {**{name: getattr(user, name) for name in _CARD}, "phone": sealed}


def _undo_user(actor: Actor, change: Change) -> int:
    user = db.session.get(User, change.subject_id, with_for_update=True)
    if user is None:
        return 0
    roles = {Role(user.role), Role((change.before or {}).get("role", user.role))}
    if not roles <= TEAM_ROLES and not actor.may(PeoplePermission.EDIT_USERS):
        raise Forbidden("people.role_beyond")
    if any(_now(user, name, left) != left for name, left in (change.after or {}).items()):
        raise Conflict("import.changed_since", name=user.name)
    if change.before is None:
        if user.last_sign_in_at is not None:
            raise Conflict("import.in_use", name=user.name)
        return _delete(user, user.name)
    before = dict(change.before)
    if "phone" in before:
        user.phone_sealed = bytes.fromhex(before.pop("phone")) or None
    if {"role", "external"} & before.keys():
        user.session_version += 1
    for name, value in before.items():
        setattr(user, name, value)  # the names that this module wrote into the change
    user.version += 1
    db.session.flush()
    return 1


def _now(user: User, name: str, left: Any) -> Any:
    """What stands there now. A phone is sealed anew whenever it is kept: the same number counts as unchanged."""
    if name != "phone":
        return getattr(user, name)
    place = phone_place(user.id)
    return left if phone_of(user) == (keys().open(bytes.fromhex(left), place=place) if left else "") else None


def _undo_team(change: Change) -> int:
    team = db.session.get(Team, change.subject_id, with_for_update=True)
    if team is None:
        return 0
    if any(getattr(team, name) != left for name, left in (change.after or {}).items()):
        raise Conflict("import.changed_since", name=team.name)
    return _delete(team, team.name)


def _undo_membership(change: Change) -> int:
    """Goes by person, team and day: the id of a membership that is gone may be another one's by now."""
    made = change.before is None
    left = dict(change.after or {}) if made else {**(change.before or {}), **(change.after or {})}
    user = db.session.get_one(User, left["user_id"], with_for_update=True)
    found = db.session.scalar(
        select(Membership).where(
            Membership.user_id == user.id,
            Membership.team_id == left["team_id"],
            Membership.is_lead == left["is_lead"],
            Membership.valid_from == date.fromisoformat(left["valid_from"]),
        )
    )
    if made:
        if found is None or found.valid_to is not None:
            raise Conflict("import.changed_since", name=user.name)  # somebody moved the person on since
        return _delete(found, user.name)
    _reopen(user, found, left, change.subject_id)
    return 1


def _reopen(user: User, found: Membership | None, left: Mapping[str, Any], old_id: int) -> None:
    """Opens the membership that the import ended, or makes it again where the import took its place from the first day."""
    since, until = date.fromisoformat(left["valid_from"]), left["valid_to"]
    others = select(Membership.id).where(
        Membership.user_id == user.id,
        Membership.id != (found.id if found else 0),
        or_(Membership.valid_to.is_(None), Membership.valid_to >= since),
    )
    as_left = found is None if until is None else found is not None and found.valid_to == date.fromisoformat(until)
    if not as_left or db.session.scalar(others.limit(1)) is not None:
        raise Conflict("import.changed_since", name=user.name)
    if found is not None:
        found.valid_to = None
    else:
        same_id = old_id if db.session.get(Membership, old_id) is None else None
        place = {"user_id": user.id, "team_id": left["team_id"], "is_lead": left["is_lead"]}
        db.session.add(Membership(id=same_id, valid_from=since, **place))
    db.session.flush()


def _delete(row: User | Team | Membership, name: str) -> int:
    try:
        with db.session.begin_nested():
            db.session.delete(row)
    except IntegrityError:
        raise Conflict("import.in_use", name=name) from None
    return 1
