"""Who may see, plan and approve campaigns. Members see the campaigns that their teams take part in, and the walk-in one."""

from enum import StrEnum

from sqlalchemy import ColumnElement, or_, select, true

from crm.campaigns.models import Campaign, CampaignTeam
from crm.campaigns.rules import Status
from crm.kernel.actor import Actor, Role
from crm.people.policy import team_scope


class CampaignPermission(StrEnum):
    """Alphabetical."""

    APPROVE = "campaigns.approve"
    EDIT = "campaigns.edit"
    RUN = "campaigns.run"
    VIEW = "campaigns.view"


_VIEW = frozenset({CampaignPermission.VIEW})
GRANTS: dict[Role, frozenset[str]] = {
    Role.ADMIN: _VIEW,
    Role.AUDITOR: _VIEW,
    Role.MANAGER: _VIEW | {CampaignPermission.APPROVE},
    Role.MEMBER: _VIEW,
    Role.ORGANISER: _VIEW | {CampaignPermission.EDIT, CampaignPermission.RUN},
    Role.TEAM_LEAD: _VIEW,
}


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """The campaigns that the actor may see."""
    teams = team_scope(actor)
    if teams is None:
        return true()
    return or_(
        Campaign.walk_in, Campaign.id.in_(select(CampaignTeam.campaign_id).where(CampaignTeam.team_id.in_(teams)))
    )


STEPS: dict[Status, frozenset[str]] = {
    Status.DRAFT: frozenset({CampaignPermission.APPROVE, CampaignPermission.EDIT}),
    Status.APPROVED: frozenset({CampaignPermission.APPROVE}),
    Status.RUNNING: frozenset({CampaignPermission.RUN}),
    Status.CLOSED: frozenset({CampaignPermission.RUN}),
    Status.ARCHIVED: frozenset({CampaignPermission.RUN}),
}
"""Any one of these permissions brings a campaign into that status."""


def may_move(actor: Actor, to: Status) -> bool:
    """Whether the actor may bring a campaign into that status, whoever planned it."""
    return any(actor.may(permission) for permission in STEPS[to])


def sees_budget(actor: Actor) -> bool:
    """Money is shown to those who see all teams: organisers, managers, auditors, administrators."""
    return actor.sees_all_teams
