"""Questions about people and teams."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, func, or_, select

from crm.kernel.actor import Actor, Role
from crm.kernel.clock import business_day, now
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.kernel.installation import keys, zone_name
from crm.kernel.paging import PER_PAGE, Page
from crm.kernel.values import fold, initials
from crm.people.models import Membership, SignInBucket, Team, User
from crm.people.passwords import token_hash
from crm.people.policy import SEES_ALL_TEAMS, team_scope
from crm.people.rules import bucket_here, lock_after, phone_place


def actor_of(user: User, *, on: date, grants: Mapping[Role, frozenset[str]], address: str = "") -> Actor:
    """The actor that this user is on that business day, with the rights of this moment."""
    role = Role(user.role)
    rows = db.session.execute(
        select(Membership.team_id, Membership.is_lead).where(Membership.user_id == user.id, in_force(on))
    ).all()
    permissions = grants[role]
    if user.external:
        permissions = frozenset(name for name in permissions if not name.startswith("leads."))
    return Actor(
        user_id=user.id,
        name=user.name,
        role=role,
        permissions=permissions,
        team_ids=frozenset(row.team_id for row in rows),
        lead_of=frozenset(row.team_id for row in rows if row.is_lead),
        external=user.external,
        login=user.login,
        locale=user.locale,
        address=address,
        sees_all_teams=role in SEES_ALL_TEAMS,
    )


def in_force(on: date) -> ColumnElement[bool]:
    """Memberships that hold on that day."""
    return and_(Membership.valid_from <= on, or_(Membership.valid_to.is_(None), Membership.valid_to >= on))


def user_by_login(login: str) -> User | None:
    """The user with this login, whatever its case."""
    return db.session.scalar(select(User).where(User.login == login.strip().lower()))


def get_user(actor: Actor, user_id: int) -> User:
    """One user that the actor may see; raises NotFound."""
    user = db.session.get(User, user_id)
    if user is None or not (actor.sees_all_teams or user.id == actor.user_id or _shares_team(actor, user)):
        raise NotFound("people.no_user")
    return user


def _shares_team(actor: Actor, user: User) -> bool:
    """Whether they are in one team today: whoever was transferred belongs to others now."""
    today = business_day(now(), zone_name())
    common = Membership.user_id == user.id, Membership.team_id.in_(actor.team_ids), in_force(today)
    return db.session.scalar(select(Membership.id).where(*common).limit(1)) is not None


def get_team(actor: Actor, team_id: int) -> Team:
    """One team in the actor's scope; raises NotFound."""
    scope = team_scope(actor)
    team = db.session.get(Team, team_id)
    if team is None or (scope is not None and team.id not in scope):
        raise NotFound("people.no_team")
    return team


def list_teams(actor: Actor, *, active_only: bool = True) -> list[Team]:
    """The teams in the actor's scope, in the order of their making."""
    query = select(Team).order_by(Team.id)
    scope = team_scope(actor)
    if scope is not None:
        query = query.where(Team.id.in_(scope))
    if active_only:
        query = query.where(Team.active)
    return list(db.session.scalars(query))


@dataclass(frozen=True)
class MemberRow:
    """A member of a team on a day."""

    user_id: int
    name: str
    team_id: int
    is_lead: bool
    role: str


def members(actor: Actor, *, on: date, team_id: int | None = None) -> list[MemberRow]:
    """Who belongs to the teams in scope on that day: leads first, then in the order of their making."""
    query = (
        select(User.id, User.name, Membership.team_id, Membership.is_lead, User.role)
        .join(Membership, Membership.user_id == User.id)
        .where(in_force(on), User.active)
        .order_by(Membership.team_id, Membership.is_lead.desc(), User.id)
    )
    scope = team_scope(actor)
    if scope is not None:
        query = query.where(Membership.team_id.in_(scope))
    if team_id is not None:
        query = query.where(Membership.team_id == team_id)
    return [MemberRow(*row) for row in db.session.execute(query)]


def latest_membership(user_id: int, *, on: date, team_id: int | None = None) -> Membership | None:
    """The membership that holds on that day or begins later, the last of them; of that team, when one is named."""
    lasts = or_(Membership.valid_to.is_(None), Membership.valid_to >= on)
    query = select(Membership).where(Membership.user_id == user_id, lasts).order_by(Membership.valid_from.desc())
    if team_id is not None:
        query = query.where(Membership.team_id == team_id)
    return db.session.scalar(query.limit(1))


def leads_of(team_ids: Collection[int | None], *, on: date) -> dict[int, tuple[int, ...]]:
    """Ids of those who lead each of these teams on that day; a team without a lead is left out."""
    found: dict[int, tuple[int, ...]] = {}
    wanted = [one for one in team_ids if one is not None]
    query = select(Membership.team_id, Membership.user_id).where(Membership.team_id.in_(wanted), Membership.is_lead)
    for team_id, user_id in db.session.execute(query.where(in_force(on)).order_by(Membership.user_id)):
        found[team_id] = (*found.get(team_id, ()), user_id)
    return found


def team_names() -> dict[int, str]:
    """Names of all teams by id: a team's name is no secret, its figures may be."""
    return dict(db.session.execute(select(Team.id, Team.name)).all())


def user_names() -> dict[int, str]:
    """Names of all colleagues by id."""
    return dict(db.session.execute(select(User.id, User.name)).all())


def phone_of(user: User) -> str:
    """A colleague's number in full; "" when none is known. Whoever shows it decides on the mask."""
    return keys().open(user.phone_sealed, place=phone_place(user.id)) if user.phone_sealed else ""


@dataclass(frozen=True)
class PersonRow:
    """A person in a list, with the team of that day."""

    id: int
    login: str
    name: str
    role: str
    external: bool
    active: bool
    can_sign_in: bool
    last_sign_in_at: datetime | None
    locked_until: datetime | None
    team_id: int | None
    team: str | None
    is_lead: bool | None


STATES = ("active", "inactive", "invited", "locked")
"""States by which the list of people may be filtered: may sign in, shut out, no password yet, locked by failed sign-ins."""
SORTS = {"login": User.login, "name": User.name, "role": User.role, "seen": User.last_sign_in_at}
"""Keys by which the list of people may be sorted."""


def people_page(
    actor: Actor,
    *,
    on: date,
    text: str = "",
    role: str = "",
    state: str = "",
    team_id: int | None = None,
    sort: str = "",
    page: int = 1,
) -> Page[PersonRow]:
    """People in scope by a piece of name or login or by initials, role, state (see STATES) and the team of that day."""
    query = (
        select(
            User.id,
            User.login,
            User.name,
            User.role,
            User.external,
            User.active,
            User.password_hash.is_not(None).label("can_sign_in"),
            User.last_sign_in_at,
            User.locked_until,
            Team.id.label("team_id"),
            Team.name.label("team"),
            Membership.is_lead,
        )
        .outerjoin(Membership, and_(Membership.user_id == User.id, in_force(on)))
        .outerjoin(Team, Team.id == Membership.team_id)
    )
    if text:
        query = query.where(_called(text))
    if role:
        query = query.where(User.role == role)
    if state:
        query = query.where(_in_state(state))
    if team_id is not None:
        query = query.where(Membership.team_id == team_id)
    if not actor.sees_all_teams:
        query = query.where(or_(Membership.team_id.in_(actor.team_ids), User.id == actor.user_id))
    total = db.session.scalar(select(func.count()).select_from(query.subquery())) or 0
    column = SORTS.get(sort.removeprefix("-"), User.id)
    query = query.order_by(column.desc() if sort.startswith("-") else column, User.id)
    rows = db.session.execute(query.limit(PER_PAGE).offset((page - 1) * PER_PAGE)).mappings()
    return Page([PersonRow(**row) for row in rows], page, total)


def _called(text: str) -> ColumnElement[bool]:
    """Whether a name or login holds the text, or the name's pinyin initials begin with it."""
    letters = text.lower()
    by_initials = (
        [one for one, name in user_names().items() if initials(name).startswith(letters)] if letters.isascii() else []
    )
    return or_(
        User.name.contains(text, autoescape=True), User.login.contains(text, autoescape=True), User.id.in_(by_initials)
    )


def _in_state(state: str) -> ColumnElement[bool]:
    if state == "locked":
        return and_(User.active, User.locked_until > now())
    if state == "invited":
        return and_(User.active, User.password_hash.is_(None))
    return User.active.is_(state == "active")


def locked_until(user: User, *, at: datetime) -> datetime | None:
    """Until when failed sign-ins keep the account shut, anywhere at all; None when it is open."""
    here = select(SignInBucket.failures, SignInBucket.window_started_at).where(
        SignInBucket.address.startswith(bucket_here(user.id))
    )
    locks = [since + lock for failures, since in db.session.execute(here) if (lock := lock_after(failures))]
    return max((until for until in (user.locked_until, *locks) if until and until > at), default=None)


@dataclass(frozen=True)
class MembershipRow:
    """One stretch of belonging to a team; an open end is None."""

    team_id: int
    team: str
    is_lead: bool
    valid_from: date
    valid_to: date | None


def membership_history(user_id: int) -> list[MembershipRow]:
    """A person's teams, newest first. For a user that `get_user` gave."""
    rows = db.session.execute(
        select(Membership.team_id, Team.name, Membership.is_lead, Membership.valid_from, Membership.valid_to)
        .join(Team, Team.id == Membership.team_id)
        .where(Membership.user_id == user_id)
        .order_by(Membership.valid_from.desc(), Membership.id.desc())
    )
    return [MembershipRow(*row) for row in rows]


@dataclass(frozen=True)
class RosterLine:
    """Somebody who belongs to a team on a day, or comes later; `active` tells whether the account is open today."""

    user_id: int
    name: str
    role: str
    active: bool
    is_lead: bool
    valid_from: date
    valid_to: date | None


def roster_lines(actor: Actor, team_id: int, *, on: date) -> list[RosterLine]:
    """Who belongs to the team on that day, leads first, then who comes later. Closed accounts too: the past stays as it was."""
    get_team(actor, team_id)
    query = (
        select(
            User.id, User.name, User.role, User.active, Membership.is_lead, Membership.valid_from, Membership.valid_to
        )
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.team_id == team_id, or_(in_force(on), Membership.valid_from > on))
        .order_by(Membership.valid_from > on, Membership.is_lead.desc(), Membership.valid_from, User.id)
    )
    return [RosterLine(*row) for row in db.session.execute(query)]


@dataclass(frozen=True)
class TeamRow:
    """A team in a list: how many belong to it that day, and who leads it."""

    id: int
    name: str
    slogan: str
    active: bool
    members: int
    leads: str


def teams_overview(actor: Actor, *, on: date, text: str = "", state: str = "") -> list[TeamRow]:
    """Every team in scope by a piece of its name, slogan or leads' names and state ("active" | "closed"), in the order of their making."""
    roster = members(actor, on=on)
    rows = [
        TeamRow(
            team.id,
            team.name,
            team.slogan,
            team.active,
            sum(row.team_id == team.id for row in roster),
            "、".join(row.name for row in roster if row.team_id == team.id and row.is_lead),
        )
        for team in list_teams(actor, active_only=False)
    ]
    wanted = fold(text)
    found = [row for row in rows if wanted in fold(f"{row.name} {row.slogan} {row.leads}")]
    return [row for row in found if not state or row.active is (state == "active")]


def assignable_users(actor: Actor, *, on: date, most: int = 1000) -> list[tuple[int, str]]:
    """(id, "name (login) · team") of active people in scope who can be put into a team."""
    query = (
        select(User.id, User.name, User.login, Team.name.label("team"))
        .outerjoin(Membership, and_(Membership.user_id == User.id, in_force(on)))
        .outerjoin(Team, Team.id == Membership.team_id)
        .where(User.active)
        .order_by(Team.name.is_not(None), User.name, User.id)
    )
    if not actor.sees_all_teams:
        query = query.where(Membership.team_id.in_(actor.team_ids))
    rows = db.session.execute(query.limit(most))
    return [(row.id, f"{row.name} ({row.login})" + (f" · {row.team}" if row.team else "")) for row in rows]


def user_of_token(token: str, *, at: datetime) -> User:
    """Whom a one-time token belongs to; raises NotFound when it is used, old or made up."""
    user = db.session.scalar(select(User).where(User.token_hash == token_hash(token), User.active))
    if user is None or user.token_expires_at is None or user.token_expires_at < at:
        raise NotFound("people.token")
    return user
