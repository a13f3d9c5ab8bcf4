"""Who may see and run the PK. Standings are for everybody who takes part: counts of all teams, customers of none."""

from enum import StrEnum

from crm.kernel.actor import Role


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
