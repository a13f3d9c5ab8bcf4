"""Who may see and change districts. Districts hold no personal data: every signed-in person may see them."""

from enum import StrEnum

from crm.kernel.actor import Role


class DistrictPermission(StrEnum):
    """Alphabetical."""

    EDIT = "districts.edit"
    VIEW = "districts.view"


_ALL = frozenset({DistrictPermission.VIEW})
GRANTS: dict[Role, frozenset[str]] = {
    Role.ADMIN: _ALL | {DistrictPermission.EDIT},
    Role.AUDITOR: _ALL,
    Role.MANAGER: _ALL,
    Role.MEMBER: _ALL,
    Role.ORGANISER: _ALL | {DistrictPermission.EDIT},
    Role.TEAM_LEAD: _ALL,
}
