"""Who may see and lead meetings. A team's meeting is led by its team lead, the campaign's by an organiser."""

from enum import StrEnum

from crm.kernel.actor import Role


class MeetingPermission(StrEnum):
    """Alphabetical."""

    RUN = "meetings.run"
    STORE_REPORT = "meetings.store_report"
    VIEW = "meetings.view"


_VIEW = frozenset({MeetingPermission.VIEW})
GRANTS: dict[Role, frozenset[str]] = {
    Role.ADMIN: frozenset(),
    Role.AUDITOR: _VIEW,
    Role.MANAGER: _VIEW,
    Role.MEMBER: _VIEW,
    Role.ORGANISER: frozenset(MeetingPermission),
    Role.TEAM_LEAD: frozenset(MeetingPermission),
}
