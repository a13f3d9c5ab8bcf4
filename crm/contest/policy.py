"""Who may see and run the PK. Standings are for everybody who takes part: counts of all teams, customers of none."""

from enum import StrEnum

from sqlalchemy import ColumnElement, and_, false, select, true

from crm.contest.models import Contest, ContestTeam
from crm.kernel.actor import Actor, Role
from crm.people.policy import team_scope


class ContestPermission(StrEnum):
    """Alphabetical."""

    ADJUST = "contest.adjust"
    CONFIRM = "contest.confirm"
    EDIT = "contest.edit"
    VIEW = "contest.view"


_VIEW = frozenset({ContestPermission.VIEW})
GRANTS: dict[Role, frozenset[str]] = {
    Role.ADMIN: frozenset(),
    Role.AUDITOR: _VIEW,
    Role.MANAGER: _VIEW | {ContestPermission.CONFIRM},
    Role.MEMBER: _VIEW,
    Role.ORGANISER: frozenset(ContestPermission),
    Role.TEAM_LEAD: _VIEW,
}


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """The contests that the actor may see: all, or those that have begun and in which a team of theirs competes."""
    if not actor.may(ContestPermission.VIEW):
        return false()
    teams = team_scope(actor)
    if teams is None:
        return true()
    competing = select(ContestTeam.contest_id).where(ContestTeam.team_id.in_(teams))
    return and_(Contest.status != "draft", Contest.id.in_(competing))
