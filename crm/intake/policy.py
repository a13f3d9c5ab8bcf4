"""Who may bring which kind of sheet in."""

from enum import StrEnum

from crm.kernel.actor import Actor, Role


class IntakePermission(StrEnum):
    """Alphabetical. One right for each kind of sheet, and one to see the pages at all."""

    DISTRICTS = "intake.districts"
    LEADS = "intake.leads"
    ROSTER = "intake.roster"
    VIEW = "intake.view"


GRANTS: dict[Role, frozenset[str]] = {
    Role.ADMIN: frozenset({IntakePermission.DISTRICTS, IntakePermission.ROSTER, IntakePermission.VIEW}),
    Role.AUDITOR: frozenset(),
    Role.MANAGER: frozenset(),
    Role.MEMBER: frozenset(),
    Role.ORGANISER: frozenset(IntakePermission),
    Role.TEAM_LEAD: frozenset({IntakePermission.LEADS, IntakePermission.VIEW}),
}


def may_import(actor: Actor, kind: str) -> bool:
    """Whether the actor may bring in sheets of that kind. An external organiser brings in no customers."""
    return actor.may(f"intake.{kind}") and not (actor.external and kind == "leads")
