"""Who may record with a phone in the field, and who looks after what phones sent that could not be taken in."""

from enum import StrEnum

from crm.kernel.actor import Role


class FieldPermission(StrEnum):
    """Alphabetical. What waits for a decision holds customers: its name starts with "leads.", which no external organiser holds."""

    HELD = "leads.held"
    RECORD = "field.record"


_RECORD = frozenset({FieldPermission.RECORD})
GRANTS: dict[Role, frozenset[str]] = {
    Role.ADMIN: frozenset(),
    Role.AUDITOR: frozenset(),
    Role.MANAGER: frozenset(),
    Role.MEMBER: _RECORD,
    Role.ORGANISER: _RECORD | {FieldPermission.HELD},
    Role.TEAM_LEAD: _RECORD,
}
