"""Who may see and change leads. A hidden lead and a missing one answer alike."""

from enum import StrEnum

from sqlalchemy import ColumnElement, and_, false, true

from crm.kernel.actor import Actor, Role
from crm.leads.models import Lead
from crm.leads.rules import FIELD_STAGES
from crm.people.models import User
from crm.people.policy import team_scope


class LeadPermission(StrEnum):
    """Alphabetical. Names start with "leads.", which an external organiser never holds.

    CONFIRM is for what the bank feeds back: approved and paid out. Whoever is measured by a case does not confirm it.
    """

    ASSIGN = "leads.assign"
    CONFIRM = "leads.confirm"
    EDIT = "leads.edit"
    MERGE = "leads.merge"
    RECORD = "leads.record"
    REFEREE = "leads.referee"
    REVEAL = "leads.reveal"
    VIEW = "leads.view"
    VOID = "leads.void"


_FIELD = frozenset({LeadPermission.EDIT, LeadPermission.RECORD, LeadPermission.REVEAL, LeadPermission.VIEW})
_LEADING = _FIELD | {LeadPermission.ASSIGN, LeadPermission.MERGE, LeadPermission.VOID}
GRANTS: dict[Role, frozenset[str]] = {
    Role.ADMIN: frozenset(),
    Role.AUDITOR: frozenset(),
    Role.MANAGER: frozenset({LeadPermission.CONFIRM, LeadPermission.REVEAL, LeadPermission.VIEW}),
    Role.MEMBER: _FIELD,
    Role.ORGANISER: _LEADING | {LeadPermission.CONFIRM, LeadPermission.REFEREE},
    Role.TEAM_LEAD: _LEADING,
}


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """The leads that the actor may see: those of the teams of today's memberships, or all for organisers and managers."""
    if not actor.may(LeadPermission.VIEW):
        return false()
    teams = team_scope(actor)
    mine = true() if teams is None else Lead.team_id.in_(teams)
    return and_(Lead.removed_at.is_(None), mine)


def is_referee() -> ColumnElement[bool]:
    """The accounts that may decide clashes now."""
    roles = [role.value for role, granted in GRANTS.items() if LeadPermission.REFEREE in granted]
    return and_(User.role.in_(roles), User.external.is_(False), User.active)


def sees_names(actor: Actor) -> bool:
    """Whether customers' names are shown in full: to those who work with the customers. Others read 张*."""
    return actor.may(LeadPermission.RECORD)


def may_state(actor: Actor, stage: str) -> bool:
    """Whether the actor may say that a stage was reached, or take that back: for what the bank feeds back only who confirms."""
    return stage in FIELD_STAGES or actor.may(LeadPermission.CONFIRM)


def may_reveal(actor: Actor, lead: Lead) -> bool:
    """Whether the actor may look at this lead's full phone: its owner, the team's lead, organisers and managers.

    Nobody may for a customer who must not be contacted, nor for a historical row, nor for one that was merged into another:
    what the person agreed to stands on the lead that is kept.
    """
    if not actor.may(LeadPermission.REVEAL) or lead.no_contact or lead.historical or lead.phone_sealed is None:
        return False
    if lead.merged_into_id is not None:
        return False
    return actor.sees_all_teams or lead.owner_id == actor.user_id or lead.team_id in actor.lead_of
