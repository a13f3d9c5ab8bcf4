"""Questions about people and teams."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, and_, or_, select

from crm.kernel.actor import Actor, Role
from crm.kernel.db import db
from crm.kernel.errors import NotFound
from crm.kernel.paging import PER_PAGE, Page
from crm.people.models import Membership, Team, User
from crm.people.policy import SEES_ALL_TEAMS, team_scope


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
    return any(membership.team_id in actor.team_ids for membership in user.memberships)


def get_team(actor: Actor, team_id: int) -> Team:
    """One team in the actor's scope; raises NotFound."""
    scope = team_scope(actor)
    team = db.session.get(Team, team_id)
    if team is None or (scope is not None and team.id not in scope):
        raise NotFound("people.no_team")
    return team


def list_teams(actor: Actor, *, active_only: bool = True) -> list[Team]:
    """The teams in the actor's scope, by name."""
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
    """Who belongs to the teams in scope on that day: leads first, then by name."""
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


def team_names(actor: Actor | None = None) -> dict[int, str]:
    """Names of all teams by id: a team's name is no secret, its figures may be."""
    return dict(db.session.execute(select(Team.id, Team.name)).tuples().all())


def user_names() -> dict[int, str]:
    """Names of all colleagues by id."""
    return dict(db.session.execute(select(User.id, User.name)).tuples().all())


def list_users(actor: Actor, *, text: str = "", role: str = "", page: int = 1) -> Page[User]:
    """Users by name or login, newest last. For those who may see all people."""
    query = select(User)
    if text:
        query = query.where(or_(User.name.contains(text, autoescape=True), User.login.contains(text, autoescape=True)))
    if role:
        query = query.where(User.role == role)
    if not actor.sees_all_teams:
        query = query.where(User.id.in_(select(Membership.user_id).where(Membership.team_id.in_(actor.team_ids))))
    total = db.session.scalar(select(db.func.count()).select_from(query.subquery())) or 0
    rows = db.session.scalars(query.order_by(User.id).limit(PER_PAGE).offset((page - 1) * PER_PAGE)).all()
    return Page(rows, page, total)
