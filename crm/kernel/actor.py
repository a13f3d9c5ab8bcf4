"""Who acts. An argument of every command and query, never a global."""

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """The six roles of the glossary."""

    ADMIN = "admin"
    AUDITOR = "auditor"
    MANAGER = "manager"
    MEMBER = "member"
    ORGANISER = "organiser"
    TEAM_LEAD = "team_lead"


@dataclass(frozen=True)
class Actor:
    """A person (or the system) with the rights of this moment, read from the database for each request.

    `team_ids` are the teams of today's memberships, `lead_of` those that the actor leads.
    An external organiser (a hired trainer) sees counts, never customers.
    """

    user_id: int | None
    name: str
    role: Role
    permissions: frozenset[str] = frozenset()
    team_ids: frozenset[int] = frozenset()
    lead_of: frozenset[int] = frozenset()
    external: bool = False
    login: str = ""
    locale: str = "zh"
    address: str = ""
    sees_all_teams: bool = field(default=False)

    def may(self, permission: str) -> bool:
        """Whether the actor holds that permission now."""
        return permission in self.permissions


EVERYTHING = frozenset({"*"})


class _System(Actor):
    def may(self, permission: str) -> bool:
        return True


SYSTEM = _System(
    user_id=None, name="system", role=Role.ADMIN, login="system", permissions=EVERYTHING, sees_all_teams=True
)
"""The installation itself: jobs, the first set-up and an administrator at the machine's own terminal."""
