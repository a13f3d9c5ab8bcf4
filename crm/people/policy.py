"""Who may see and change people and teams."""

from enum import StrEnum

from crm.kernel.actor import Actor, Role


class PeoplePermission(StrEnum):
    """Alphabetical."""

    AUDIT = "people.audit"
    EDIT_TEAMS = "people.edit_teams"
    EDIT_USERS = "people.edit_users"
    VIEW = "people.view"


GRANTS: dict[Role, frozenset[str]] = {
    Role.ADMIN: frozenset({PeoplePermission.EDIT_TEAMS, PeoplePermission.EDIT_USERS, PeoplePermission.VIEW}),
    Role.AUDITOR: frozenset({PeoplePermission.AUDIT, PeoplePermission.VIEW}),
    Role.MANAGER: frozenset({PeoplePermission.VIEW}),
    Role.MEMBER: frozenset(),
    Role.ORGANISER: frozenset({PeoplePermission.EDIT_TEAMS, PeoplePermission.VIEW}),
    Role.TEAM_LEAD: frozenset({PeoplePermission.VIEW}),
}

SEES_ALL_TEAMS = frozenset({Role.ADMIN, Role.AUDITOR, Role.MANAGER, Role.ORGANISER})
"""Roles whose figures cover every team; the others see the teams that they belong to today."""


def team_scope(actor: Actor) -> frozenset[int] | None:
    """Ids of the teams whose figures, logs and leads the actor may see; None means all of them."""
    return None if actor.sees_all_teams else actor.team_ids
