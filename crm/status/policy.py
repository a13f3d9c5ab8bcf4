"""Who sees how the installation is."""

from enum import StrEnum

from crm.kernel.actor import Role


class StatusPermission(StrEnum):
    """Alphabetical."""

    VIEW = "status.view"


GRANTS: dict[Role, frozenset[str]] = {role: frozenset() for role in Role} | {Role.ADMIN: frozenset(StatusPermission)}
