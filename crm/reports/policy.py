"""Who may take figures out of the house, and who sees what was taken."""

from enum import StrEnum

from crm.kernel.actor import Role


class ReportPermission(StrEnum):
    """Alphabetical."""

    EXPORT = "reports.export"
    LIST_EXPORTS = "reports.list_exports"
    TODAY = "reports.today"


_ALL = frozenset({ReportPermission.TODAY})
GRANTS: dict[Role, frozenset[str]] = {
    Role.ADMIN: _ALL,
    Role.AUDITOR: _ALL | {ReportPermission.LIST_EXPORTS},
    Role.MANAGER: _ALL | {ReportPermission.EXPORT, ReportPermission.LIST_EXPORTS},
    Role.MEMBER: _ALL,
    Role.ORGANISER: _ALL | {ReportPermission.EXPORT, ReportPermission.LIST_EXPORTS},
    Role.TEAM_LEAD: _ALL | {ReportPermission.EXPORT},
}
