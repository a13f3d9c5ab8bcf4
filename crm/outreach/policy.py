"""Who may see and write the day: visits, tallies, daily logs."""

from enum import StrEnum

from crm.kernel.actor import Actor, Role
from crm.kernel.errors import NotFound
from crm.people.policy import team_scope


class OutreachPermission(StrEnum):
    """Alphabetical."""

    LOCK = "outreach.lock"
    RECORD = "outreach.record"
    SUBMIT = "outreach.submit"
    UNLOCK = "outreach.unlock"
    VIEW = "outreach.view"


_VIEW = frozenset({OutreachPermission.VIEW})
GRANTS: dict[Role, frozenset[str]] = {
    Role.ADMIN: frozenset(),
    Role.AUDITOR: _VIEW,
    Role.MANAGER: _VIEW,
    Role.MEMBER: _VIEW | {OutreachPermission.RECORD},
    Role.ORGANISER: frozenset(OutreachPermission),
    Role.TEAM_LEAD: frozenset(OutreachPermission) - {OutreachPermission.UNLOCK},
}


def check_team(actor: Actor, team_id: int | None) -> None:
    """Raises NotFound for a team outside the actor's scope."""
    scope = team_scope(actor)
    if scope is not None and team_id not in scope:
        raise NotFound("people.no_team")


def leads_team(actor: Actor, team_id: int) -> bool:
    """Whether the actor keeps that team's log: its lead of today, or an organiser."""
    return actor.may(OutreachPermission.SUBMIT) and (actor.sees_all_teams or team_id in actor.lead_of)


def oversees_team(actor: Actor, team_id: int) -> bool:
    """Whether the actor may see at a glance what each member of the team does: its lead of today, or who sees all teams."""
    return actor.sees_all_teams or team_id in actor.lead_of


def writes_for(actor: Actor, team_id: int, member_id: int) -> bool:
    """Whether the actor may record what that member did: the member, or who keeps the team's log."""
    own = actor.user_id == member_id and actor.may(OutreachPermission.RECORD)
    return own or leads_team(actor, team_id)
