"""Who may see which figures. Counts are free inside the scope of teams; the records behind them need the right to see leads."""

from enum import StrEnum

from crm.kernel.actor import Role


class FigurePermission(StrEnum):
    """Alphabetical."""

    VIEW = "figures.view"


_VIEW = frozenset({FigurePermission.VIEW})
GRANTS: dict[Role, frozenset[str]] = {
    Role.ADMIN: frozenset(),
    Role.AUDITOR: _VIEW,
    Role.MANAGER: _VIEW,
    Role.MEMBER: _VIEW,
    Role.ORGANISER: _VIEW,
    Role.TEAM_LEAD: _VIEW,
}
